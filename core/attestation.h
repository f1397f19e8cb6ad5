/* The body of an attestation: what no host can show, in somebody's words, perhaps with a file (docs/FORMAT.md 2.3). */
#pragma once

#include "core/buf.h"
#include "core/hash.h"
#include "core/json.h"

#define ATTESTATION_NOTE_LARGEST 4096
#define ATTESTATION_AUTHOR_LARGEST 256
#define ATTESTATION_NAME_LARGEST 255
#define ATTESTATION_MEDIA_TYPE_LARGEST 127
#define ATTESTATION_FILE_LARGEST (4U << 20) /* of one that travels; of another the digest does, whatever its size */
#define ATTESTATION_VALID_MOST (731LL * 86400)

struct attestation_file {
	char *name; /* without folders; NULL: there is no file, and the rest says nothing */
	char *media_type;
	int64_t size;
	struct hash sha256;
	bool has_content;
	struct buf content; /* where it travels */
};

struct attestation {      /* all owned */
	json_t *controls; /* ["A.5.9"...], each once, one at least */
	char *author, *note;
	struct attestation_file file;
	int64_t collected, expires;
};
void attestation_free(struct attestation *attestation);
DEFINE_CLEANUP(struct attestation, attestation_free)

/* Whether it is one of the 93 controls of ISO/IEC 27001:2022 Annex A, "A.5.9". */
bool attestation_is_control(const char *id);

/* The body's canonical bytes; appended. Refuses what attestation_read() would refuse: no or an unknown control or one
 * twice; an empty, too long or unprintable author, note (which may have lines) or file name; a media type that is none;
 * content that does not have the file's size and digest; an end before the beginning or more than two years behind it.
 */
MUST_CHECK bool attestation_write(const struct attestation *attestation, struct buf *body, struct err *err);
/* Its reading: ERR_MALFORMED, or ERR_TOO_BIG over a cap, and which member. Bytes that are not canonical are refused;
 * members that are not known are passed over. */
MUST_CHECK bool attestation_read(const void *body, size_t len, const char *where, struct attestation **ret_attestation,
				 struct err *err);

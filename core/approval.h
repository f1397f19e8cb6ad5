/* One person's approval of one policy, by its digest (docs/FORMAT.md 8): a DSSE envelope over an in-toto Statement,
 * which anybody can verify who has the approver's key. Who the approvers are is said elsewhere: core/approvers.h. */
#pragma once

#include "core/dsse.h"
#include "core/host_key.h"

#define APPROVAL_PREDICATE "https://vouch.example/approval/v1"
#define APPROVAL_LINES_MOST 8         /* of one file: approvers of one policy */
#define APPROVAL_LINE_LONGEST 16384U  /* bytes */
#define APPROVAL_NAME_LONGEST 64      /* bytes of an approver's name */
#define APPROVAL_NOTE_LONGEST 1000    /* bytes */
#define APPROVAL_FILE_END ".approval" /* behind the path of the policy's file or folder */

struct approval {
	char *policy;              /* its id */
	struct hash sha256;        /* of the policy's bytes, as evidence has it */
	char *approver, *note;     /* note: NULL where there is none */
	int64_t approved, expires; /* expires 0: it does not */
};
void approval_free(struct approval *approval);
DEFINE_CLEANUP(struct approval, approval_free)

/* A name is a file's, NAME.pem, and stands on pages: letters, digits and " ._-@", a letter or digit at both ends. */
bool approval_is_name(const char *name);

/* The line, without newline, signed; appended. Refuses what approval_read() would refuse. */
MUST_CHECK bool approval_seal(const struct approval *approval, const struct host_key *key, struct buf *line,
			      struct err *err);
/* A line as it came: JSON, with one signature under the key that its keyid names. Nothing is verified. ERR_MALFORMED,
 * or ERR_TOO_BIG over a cap. */
MUST_CHECK bool approval_envelope(const char *line, size_t len, const char *where, struct dsse **ret_envelope,
				  struct err *err);
/* What the envelope's payload says; members that are not known are passed over. */
MUST_CHECK bool approval_of(const struct dsse *envelope, const char *where, struct approval **ret_approval,
			    struct err *err);
/* Both. */
MUST_CHECK bool approval_read(const char *line, size_t len, const char *where, struct approval **ret_approval,
			      struct err *err);

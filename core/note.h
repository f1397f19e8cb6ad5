/* C2SP signed-note and tlog-checkpoint. */
#pragma once

#include "core/key.h"

#define NOTE_LARGEST 16384
#define NOTE_SIGNATURES_MOST 16

struct note_verifier { /* a vkey: "<name>+<hex key id>+<base64(type || public key)>", Ed25519 (type 0x01) only */
	char *name;
	uint32_t id;
	EVP_PKEY *key;
};

struct checkpoint {
	char *origin;
	uint64_t size;
	struct hash root;
};

MUST_CHECK bool note_verifier_read(const char *vkey, struct note_verifier **ret_verifier, struct err *err);
void note_verifier_free(struct note_verifier *verifier);
DEFINE_CLEANUP(struct note_verifier, note_verifier_free)
/* The vkey of a key under a name; the caller frees. NULL unless it is an Ed25519 key and a valid name. */
char *note_vkey(const char *name, EVP_PKEY *key);

/* text (ends in a newline) with one signature line; appended. */
MUST_CHECK bool note_sign(const char *text, const char *name, EVP_PKEY *key, struct buf *note, struct err *err);
/* The text of a note that carries a valid signature by this verifier; other signatures are ignored, a failing one of
 * this verifier refuses the note. *ret_text must be empty. */
MUST_CHECK bool note_open(const char *note, size_t len, const struct note_verifier *verifier, struct buf *ret_text,
			  struct err *err);

/* The checkpoint's text (origin, size, root), appended. */
void checkpoint_write(const struct checkpoint *checkpoint, struct buf *text);
/* Its reading; extension lines are allowed and ignored. The caller checkpoint_done()s. */
MUST_CHECK bool checkpoint_read(const char *text, size_t len, struct checkpoint *ret_checkpoint, struct err *err);
void checkpoint_done(struct checkpoint *checkpoint);
/* note_open, checkpoint_read, and the origin equals the verifier's name. */
MUST_CHECK bool checkpoint_open(const char *note, size_t len, const struct note_verifier *verifier,
				struct checkpoint *ret_checkpoint, struct err *err);

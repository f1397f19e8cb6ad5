/* C2SP signed-note and tlog-checkpoint. */
#pragma once

#include "core/key.h"

#define NOTE_LARGEST 16384
#define NOTE_SIGNATURES_MOST 64

/* Types of signature; both Ed25519. */
#define NOTE_LOG 0x01      /* over the text */
#define NOTE_COSIGNER 0x04 /* of a witness: core/cosignature.h */

struct note_verifier { /* a vkey: "<name>+<hex key id>+<base64(type || public key)>" */
	char *name;
	uint8_t type;
	uint32_t id;
	EVP_PKEY *key;
};

struct checkpoint {
	char *origin;
	uint64_t size;
	struct hash root;
};

/* Of a log, and of a witness; a key of another type is ERR_MALFORMED. */
MUST_CHECK bool note_verifier_read(const char *vkey, struct note_verifier **ret_verifier, struct err *err);
MUST_CHECK bool note_cosigner_read(const char *vkey, struct note_verifier **ret_cosigner, struct err *err);
void note_verifier_free(struct note_verifier *verifier);
DEFINE_CLEANUP(struct note_verifier, note_verifier_free)
/* The vkey of a key under a name, of a log and of a witness; the caller frees. NULL unless it is an Ed25519 key and a
 * valid name. */
char *note_vkey(const char *name, EVP_PKEY *key);
char *note_cosigner_vkey(const char *name, EVP_PKEY *key);

/* text (ends in a newline) with one signature line; appended. */
MUST_CHECK bool note_sign(const char *text, const char *name, EVP_PKEY *key, struct buf *note, struct err *err);
/* The text of a note that carries a valid signature by this verifier; other signatures are ignored, a failing one of
 * this verifier refuses the note. *ret_text must be empty. */
MUST_CHECK bool note_open(const char *note, size_t len, const struct note_verifier *verifier, struct buf *ret_text,
			  struct err *err);

/* A note's two halves, borrowed from it: well-formed text, and lines that are not looked at yet. */
struct note_parts {
	const char *text; /* all before the empty line, with its last newline: what is signed */
	size_t text_len;
	const char *lines; /* behind the empty line */
	size_t lines_len;
};
MUST_CHECK bool note_split(const char *note, size_t len, struct note_parts *ret_parts, struct err *err);

struct note_line { /* a signature line; borrowed */
	const char *name;
	uint32_t id;
	const char *signature; /* behind the key id */
	size_t signature_len;  /* at least 1 */
	const char *line;      /* the line itself, with its newline */
	size_t line_len;
};
typedef bool (*note_visit)(void *context, const struct note_line *line, struct err *err);
/* Visits signature lines in their order, until visit() returns false. False: it did, or a line is malformed, or there
 * are more than NOTE_SIGNATURES_MOST (ERR_REFUSED). */
MUST_CHECK bool note_lines(const char *lines, size_t len, note_visit visit, void *context, struct err *err);
/* Whether a line claims to be by this verifier: by name and key id. */
bool note_is_by(const struct note_line *line, const struct note_verifier *verifier);
/* "- <name> <base64(key id || signature)>" with the standard's dash, appended. */
MUST_CHECK bool note_line_add(const char *name, uint8_t type, EVP_PKEY *key, const void *signature, size_t len,
			      struct buf *lines, struct err *err);

/* Exactly the standard base64 of 32 bytes, padded: a hash has one form. */
bool note_hash_read(const char *text, struct hash *ret_hash);
/* The checkpoint's text (origin, size, root), appended. */
void checkpoint_write(const struct checkpoint *checkpoint, struct buf *text);
/* Its reading; extension lines are allowed and ignored. The caller checkpoint_done()s. */
MUST_CHECK bool checkpoint_read(const char *text, size_t len, struct checkpoint *ret_checkpoint, struct err *err);
void checkpoint_done(struct checkpoint *checkpoint);
/* note_open, checkpoint_read, and the origin equals the verifier's name. */
MUST_CHECK bool checkpoint_open(const char *note, size_t len, const struct note_verifier *verifier,
				struct checkpoint *ret_checkpoint, struct err *err);

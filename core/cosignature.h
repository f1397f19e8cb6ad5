/* C2SP tlog-cosignature, version 1 with Ed25519: a witness says that at some time the largest tree that it had seen of
 * a log, consistent with all before it, was the one of a checkpoint. */
#pragma once

#include "core/note.h"

/* A cosignature line over a checkpoint's text (all before the empty line, with its last newline), appended. */
MUST_CHECK bool cosignature_sign(const char *text, size_t text_len, const char *name, EVP_PKEY *key, int64_t time,
				 struct buf *lines, struct err *err);

struct cosignature {
	bool is_there;    /* false: no line of this witness */
	int64_t time;     /* of the earliest, when a witness has several */
	const char *line; /* that one's line with its newline; borrowed */
	size_t line_len;
};
/* What a witness signed of a note's lines. A line that is by its name and key id and does not hold, for whatever
 * reason, refuses all (ERR_REFUSED; where: its name), as the standard demands; lines of others are passed over. */
MUST_CHECK bool cosignature_find(const struct note_parts *parts, const struct note_verifier *cosigner,
				 struct cosignature *ret_cosignature, struct err *err);

/* A proof that an entry is in the log under a signed checkpoint: C2SP tlog-proof (docs/FORMAT.md 4). */
#pragma once

#include "core/merkle.h"
#include "core/note.h"

#define PROOF_LARGEST 32768

struct proof {
	uint64_t index;
	struct hash path[MERKLE_PATH_LONGEST];
	size_t path_len;
	char *checkpoint; /* the signed note, verbatim; owned */
};

void proof_write(const struct proof *proof, struct buf *text);
MUST_CHECK bool proof_read(const char *text, size_t len, struct proof *ret_proof, struct err *err);
void proof_done(struct proof *proof);
/* Entry bytes, checkpoint signature, origin and path hold together. *ret_checkpoint (may be NULL) is what the note
 * says; the caller checkpoint_done()s it. False: ERR_REFUSED and which of them does not hold. */
MUST_CHECK bool proof_verify(const struct proof *proof, const void *entry, size_t entry_len,
			     const struct note_verifier *verifier, struct checkpoint *ret_checkpoint, struct err *err);

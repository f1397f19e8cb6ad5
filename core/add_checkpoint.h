/* The body of C2SP tlog-witness's add-checkpoint: what a log asks a witness to cosign. */
#pragma once

#include "core/merkle.h"
#include "core/note.h"

#define ADD_CHECKPOINT_PROOF_MOST 63
#define ADD_CHECKPOINT_LARGEST (NOTE_LARGEST + 4096)

struct add_checkpoint {
	uint64_t old; /* the size that the witness cosigned last */
	struct hash proof[ADD_CHECKPOINT_PROOF_MOST];
	size_t proof_len;
	const char *note; /* borrowed; in what was read, not looked at yet */
	size_t note_len;
};

void add_checkpoint_write(const struct add_checkpoint *request, struct buf *body);
/* ret_request->note points into the body. ERR_MALFORMED. */
MUST_CHECK bool add_checkpoint_read(const char *body, size_t len, struct add_checkpoint *ret_request, struct err *err);

/* Receipts: what the collector proves about a statement before the agent lets go of it (docs/FORMAT.md 4). */
#pragma once

#include "agent/home.h"
#include "core/dsse.h"
#include "core/proof.h"
#include "core/tile.h"

/* The newest by their files' times. Older ones go, a few hundred at a time: what they prove the log itself proves to
 * whoever asks the collector, and the last checkpoint holds the log to all of it. */
#define RECEIPTS_MOST 10000

struct receipts {
	const struct home *home; /* borrowed */
	size_t most, count;      /* kept; on disk, at most so many */
	bool is_contradicted;    /* the checkpoint looked at last is not of the history seen before */
	struct note_verifier *log;
	bool has_last;
	struct checkpoint last; /* the last that was verified, as on disk */
	tile_get get;           /* tiles of the log, for the proof that it continues the one seen last */
	void *context;          /* of get */
};

/* A checkpoint on disk that does not verify is ERR_REFUSED: without it a log that forgot could not be told. */
MUST_CHECK bool receipts_open(const struct home *home, const char *vkey, struct receipts **ret_receipts,
			      struct err *err);
void receipts_close(struct receipts *receipts);
DEFINE_CLEANUP(struct receipts, receipts_close)

/* The receipt proves that this envelope is in the pinned log under a checkpoint that continues the last one: it is no
 * smaller, no other of its size, and a larger one is proved consistent with it. Then receipt and checkpoint are on
 * disk, in this order. False: ERR_REFUSED and which of them does not hold, or the error of a tile that could not be
 * had, and nothing was kept. */
MUST_CHECK bool receipt_keep(struct receipts *receipts, const struct dsse *envelope, const char *receipt,
			     struct err *err);
/* Whether a checkpoint, the signed note itself, is the log's and continues the last one. Keeps nothing. */
MUST_CHECK bool receipts_continue(struct receipts *receipts, const struct buf *note, struct err *err);

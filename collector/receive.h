/* Receiving: the lines of one request are verified, logged under one checkpoint, stored in one transaction, and only
 * then answered (docs/PROTOCOL.md, "Agents"). */
#pragma once

#include "collector/log.h"
#include "collector/verify.h"

#define RECEIVE_LINE_LARGEST (12U << 20)
#define RECEIVE_REQUEST_LARGEST (32U << 20)
#define RECEIVE_LINES_MOST 256

struct receive_tally { /* since the start of the process */
	uint64_t logged, known, refused, retry;
};

/* After a crash between log and store, the log has entries that the store does not know. They are noted by their leaf:
 * the host, which has no receipt, sends the statement again, and it takes the entry that is there. Refuses
 * (ERR_REFUSED) a log that is shorter than the store knows it to be. */
MUST_CHECK bool receive_adopt(struct store *store, struct log *log, struct err *err);

/* One answer line for each line, in order, appended to *answers; when a line says "logged" or "known" everything about
 * it is durable. False: the request as a whole is refused and nothing was done: ERR_TOO_BIG over a cap, ERR_DENIED when
 * the peer's line has ended, ERR_MALFORMED without any line, ERR_IO when it may be sent again. */
MUST_CHECK bool receive(struct store *store, struct log *log, const struct peer *peer, const char *lines, size_t len,
			int64_t now, struct receive_tally *tally, struct buf *answers, struct err *err);

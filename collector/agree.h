/* Whether store and log are of one history. */
#pragma once

#include "collector/log.h"
#include "collector/store.h"

/* The newest statement of the store is the entry of the log that the store says it is. False, ERR_REFUSED: one of them
 * was restored from a backup of another time, after which they went different ways. */
MUST_CHECK bool agree(struct store *store, struct log *log, struct err *err);

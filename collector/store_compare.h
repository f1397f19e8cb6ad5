/* An index that is kept, against one that is derived from the same evidence. */
#pragma once

#include "collector/store.h"

/* A table in which so many rows are in one of them alone. */
typedef void (*store_compared)(void *context, const char *table, int64_t rows);
/* store: opened with an empty index of its own (store_open_with()), which is derived here as far as the kept one is.
 * One that is missing, or of another version, is derived anew before it is used: there is nothing to compare. */
MUST_CHECK bool store_compare(struct store *store, const char *index, bool with_history, store_compared compared,
			      void *context, struct err *err);

/* Erasing results under a retention rule (docs/FORMAT.md 1.2 and 2.2): what is left of a body still gives the state
 * that its statement commits to. */
#pragma once

#include "collector/store.h"

#define ERASE_BODIES_MOST 1000 /* in one statement */

/* What shall be erased. NULL or 0: any. */
struct erase_order {
	const char *host, *statement; /* one of them is given; statement: its digest */
	const json_t *rules;          /* array of ids; NULL: all */
	int64_t before;               /* received before that */
};
/* What that means now: batches for erasure statements, each {"bodies":[...]} of ERASE_BODIES_MOST at most. Current
 * results, and what was erased already, are left out. *ret_results: how many there are. */
MUST_CHECK bool erase_choose(struct store *store, const struct erase_order *order, json_t **ret_batches,
			     size_t *ret_results, struct err *err);

/* Does what the body of an erasure statement says, in the caller's transaction; once more does nothing. */
MUST_CHECK bool erase_bodies(struct store *store, const json_t *document, const char *digest, struct err *err);

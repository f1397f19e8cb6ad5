/* What a round makes of its line's current results (docs/FORMAT.md 2): carried results are put, those that were looked
 * at and not carried are renewed, rules that a full round lacks are withdrawn. */
#pragma once

#include "collector/index.h"

/* Whether a round's body carries the results of all rules. One of an earlier version does not say so. */
bool rounds_is_full(const struct statement *statement, const json_t *results);

/* line: that the round is of. */
MUST_CHECK bool rounds_take(struct store *store, const struct index_statement *kept, int64_t line, struct err *err);
/* Something of the line is missing: what is there stands as long as it stands, and nothing is renewed until the next
 * full round. */
MUST_CHECK bool rounds_miss(struct store *store, const char *host, int64_t line, struct err *err);

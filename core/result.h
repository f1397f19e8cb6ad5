/* A result: what one rule yielded in one round, as it travels in a results body and prints in `vouch run --json`. The
 * JSON form is the truth (docs/FORMAT.md, "Results body"); this module makes it and reads it. */
#pragma once

#include "core/judge.h"

#define RESULT_ROWS_MOST 200 /* rows that travel; of the rest only count and digest */

/* The members of a result object, in docs/FORMAT.md's words. fetched: where the views' sources are; source_names: all
 * that the rule's views asked for. New reference. collected_at: seconds. */
json_t *result_json(const struct rule *rule, const struct judgement *judgement, const struct view_seen *views,
		    size_t view_count, const struct sources *fetched, const struct names *source_names,
		    int64_t collected_at);
/* The reason, in short: of a pass that recites at length what was expected "as expected". In `reason`, or static. */
const char *result_brief(const char *reason);
/* The leaf of the state tree for such an object: canonical JSON of {"blind","kind","observation","reason","rule",
 * "verdict","waiver"?}; observation is the SHA-256 of the canonical JSON of "observed" without the fields that the
 * result lists under "volatile". blind: 32 hexadecimal digits. Malformed results are refused. */
MUST_CHECK bool result_leaf(const json_t *result, const char *blind, struct buf *ret_leaf, struct err *err);
/* The leaf's "observation" alone, in hexadecimal. */
MUST_CHECK bool result_observation(const json_t *result, char ret_hex[HASH_HEX], struct err *err);
/* Rows without their volatile fields; *ret_moves: one of them had any. New reference. */
json_t *result_still_rows(const json_t *rows, const json_t *volatile_names, bool *ret_moves);

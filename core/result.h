/* A result: what one rule yielded in one round, as it travels in a results body and prints in `vouch run --json`. The
 * JSON form is the truth (docs/FORMAT.md, "Results body"); this module makes it and reads it. */
#pragma once

#include "core/judge.h"
#include "core/result_leaf.h"

/* The members of a result object, in docs/FORMAT.md's words. fetched: where the views' sources are; source_names: all
 * that the rule's views asked for. New reference. collected_at: seconds. */
json_t *result_json(const struct rule *rule, const struct judgement *judgement, const struct view_seen *views,
		    size_t view_count, const struct sources *fetched, const struct names *source_names,
		    int64_t collected_at);
/* The reason, in short: of a pass that recites at length what was expected "as expected". In `reason`, or static. */
const char *result_brief(const char *reason);

/* history: what changed on this host, as this host saw it; a line of canonical JSON for each change whose round is in
 * the chain.
 *
 * history.jsonl: {"at","rule","control","title","was":{"verdict","reason"},"is":{"verdict","reason"},"since",
 * "gone":[rows],"new":[rows],"more"?:rows of both that are not here,"by"? | "unattributed","moreBy"?,"noticed"?,
 * "trigger","sequence"}, or {"rule","sequence","late":{"by","moreBy"?} | {"unattributed"}}: what was known of it when
 * the round was in the chain already; who reads gets it in the entry that it is of, with "late":true, in the place of
 * its "unattributed". at: when it was noticed; since: since when it had been so; gone and new: rows that are no longer
 * there, and that were not. Half of the limit each: history.jsonl, and history.1.jsonl with what was before. A line
 * without its end, which a crash can leave, is taken away by the next that writes. */
#pragma once

#include "agent/home.h"
#include "core/json.h"

#define HISTORY_LIMIT_DEFAULT (16LL << 20)
#define HISTORY_LIMIT_LEAST (64LL << 10)
#define HISTORY_ROWS_MOST 20 /* gone and new, each */
#define HISTORY_LARGEST (1U << 30)

/* The line for a result and its "changed". New reference. */
json_t *history_entry(const json_t *result, const json_t *changed, int64_t sequence, const char *trigger);
/* The line that says late who it was: by and moreBy, or unattributed, of found. New reference. */
json_t *history_late(const char *rule, int64_t sequence, const json_t *found);
/* Appends them, synced. limit: bytes of both files. *ret_torn: there was a line without its end. */
MUST_CHECK bool history_add(const struct home *home, const json_t *entries, int64_t limit, bool *ret_torn,
			    struct err *err);

struct history_wanted {
	const char *rule; /* NULL: all */
	int64_t since;    /* noticed then or later */
};
/* The entries that are wanted, oldest first; where there is no history there are none. *ret_bad: lines that were left
 * out because they cannot be understood. New reference. */
MUST_CHECK bool history_read(const struct home *home, const struct history_wanted *wanted, json_t **ret_entries,
			     size_t *ret_bad, struct err *err);

/* What a rule came to on a host over a period: intervals that add up to it, to the second. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum timeline_state {
	TIMELINE_PASS,
	TIMELINE_FAIL,
	TIMELINE_UNKNOWN,
	TIMELINE_ERROR,
	TIMELINE_NOTAPPLICABLE,
	TIMELINE_NOTCHECKED,
	TIMELINE_WAIVED,
	TIMELINE_ERASED, /* there was a result, and it was erased under a record of that */
	TIMELINE_GAP,    /* nothing stands: not looked at, expired, or not shown */
	TIMELINE_STATES
};
const char *timeline_state_name(enum timeline_state state); /* "pass" */
/* From a verdict's name; false for another word. */
bool timeline_state_of(const char *verdict, enum timeline_state *ret_state);

struct timeline_interval {
	int64_t from, to;
	enum timeline_state state;
};

struct timeline {
	int64_t from, to;                    /* the period [from, to) */
	struct timeline_interval *intervals; /* without gaps between them, neighbours differ; complete when closed */
	size_t count, room;
	int64_t seconds[TIMELINE_STATES]; /* when closed: their sum is to - from */
	int64_t longest_gap;
	/* What stands. */
	int64_t at; /* accounted until here */
	enum timeline_state state;
	int64_t waived_until; /* of a waived fail: when the waiver ends */
	int64_t until;        /* when the result lapses */
};
struct timeline timeline_over(int64_t from, int64_t to);
void timeline_done(struct timeline *timeline);

/* From `at` on this stands until `until`. What came before stands until `at`, or until it lapses: the rest is gap. An
 * instant before the last one counts as that one: nothing is told twice. */
void timeline_set(struct timeline *timeline, int64_t at, enum timeline_state state, int64_t until);
/* The same for a fail that is waived until waived_until. */
void timeline_set_waived(struct timeline *timeline, int64_t at, int64_t waived_until, int64_t until);
/* From `at` on nothing is known. */
void timeline_forget(struct timeline *timeline, int64_t at);
/* The rest of the period; sums. */
void timeline_close(struct timeline *timeline);

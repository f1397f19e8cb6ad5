#include "verify/timeline.h"

#include <string.h>

#include "core/mem.h"

static const char *const names[TIMELINE_STATES] = {"pass",       "fail",   "unknown", "error", "notapplicable",
						   "notchecked", "waived", "erased",  "gap"};

const char *timeline_state_name(enum timeline_state state) { return names[state]; }

bool timeline_state_of(const char *verdict, enum timeline_state *ret_state) {
	for (size_t i = 0; i <= TIMELINE_NOTCHECKED; i++)
		if (!strcmp(names[i], verdict)) {
			*ret_state = (enum timeline_state)i;
			return true;
		}
	return false;
}

struct timeline timeline_over(int64_t from, int64_t to) {
	return (struct timeline){.from = from, .to = to, .at = INT64_MIN, .state = TIMELINE_GAP};
}

void timeline_done(struct timeline *timeline) {
	free(timeline->intervals);
	*timeline = (struct timeline){0};
}

/* [from, to) of a state, cut to the period. */
static void add(struct timeline *timeline, int64_t from, int64_t to, enum timeline_state state) {
	from = from < timeline->from ? timeline->from : from;
	to = to > timeline->to ? timeline->to : to;
	if (from >= to)
		return;
	if (timeline->count > 0 && timeline->intervals[timeline->count - 1].state == state) {
		timeline->intervals[timeline->count - 1].to = to;
		return;
	}
	if (timeline->count == timeline->room) {
		timeline->room = timeline->room ? 2 * timeline->room : 4;
		timeline->intervals = xreallocarray(timeline->intervals, timeline->room, sizeof *timeline->intervals);
	}
	timeline->intervals[timeline->count++] = (struct timeline_interval){from, to, state};
}

/* What stands, up to an instant. */
static void account(struct timeline *timeline, int64_t to) {
	int64_t at = timeline->at;
	if (to <= at)
		return;
	if (timeline->state != TIMELINE_GAP) {
		int64_t end = timeline->until < to ? timeline->until : to;
		if (timeline->state == TIMELINE_WAIVED) {
			const int64_t waived = timeline->waived_until < end ? timeline->waived_until : end;
			add(timeline, at, waived, TIMELINE_WAIVED);
			at = waived > at ? waived : at;
			add(timeline, at, end, TIMELINE_FAIL);
		} else {
			add(timeline, at, end, timeline->state);
		}
		at = end > at ? end : at;
	}
	add(timeline, at, to, TIMELINE_GAP);
	timeline->at = to;
}

void timeline_set(struct timeline *timeline, int64_t at, enum timeline_state state, int64_t until) {
	account(timeline, at);
	timeline->state = state;
	timeline->until = until;
}

void timeline_set_waived(struct timeline *timeline, int64_t at, int64_t waived_until, int64_t until) {
	timeline_set(timeline, at, TIMELINE_WAIVED, until);
	timeline->waived_until = waived_until;
}

void timeline_forget(struct timeline *timeline, int64_t at) { timeline_set(timeline, at, TIMELINE_GAP, at); }

void timeline_close(struct timeline *timeline) {
	account(timeline, timeline->to);
	for (size_t i = 0; i < timeline->count; i++) {
		const struct timeline_interval *interval = &timeline->intervals[i];
		const int64_t width = interval->to - interval->from;
		timeline->seconds[interval->state] += width;
		if (interval->state == TIMELINE_GAP && width > timeline->longest_gap)
			timeline->longest_gap = width;
	}
}

/* due: which rules are to be looked at now, and when the next ones are: by the schedule, because a waiver begins or
 * ends, because what they read has changed, or because what they wait for was read. */
#pragma once

#include <systemd/sd-event.h>

#include "agent/ahead.h"
#include "agent/changes.h"
#include "agent/current.h"

/* By what; all is borrowed. */
struct due {
	sd_event *event;
	const struct policy_stack *stack;
	struct current *current;
	struct changes *changes;
	struct ahead *ahead;
	uint64_t first; /* when the first look began, from which the schedule counts; boot time, microseconds */
};

/* When the next rule is due but for changes; boot time, 0: at once, UINT64_MAX: never. */
uint64_t due_next(const struct due *due);
/* Sets due, by_schedule and by_change of each rule, and takes the changes that are due. is_all: all are. may_wait: what
 * waits for others may be put off. */
void due_find(const struct due *due, uint64_t now, bool is_all, bool may_wait);

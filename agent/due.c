#include "agent/due.h"

#include <string.h>

#include "agent/schedule.h"
#include "agent/vouchd.h"
#include "core/times.h"

static uint64_t every_us(const struct rule *rule) {
	return (uint64_t)(rule->every < VOUCHD_EVERY_LEAST_S ? VOUCHD_EVERY_LEAST_S : rule->every) * 1000000;
}

/* When the wall clock gets to where a waiver of the rule begins or ends, in boot time as far as can be said now. */
static uint64_t waiver_due_at(const struct due *due, size_t index) {
	uint64_t now;
	if (due->current[index].waiver_moves == INT64_MAX || sd_event_now(due->event, CLOCK_BOOTTIME, &now) < 0)
		return UINT64_MAX;
	int64_t left = due->current[index].waiver_moves - times_now();
	return left > 0 ? now + (uint64_t)left * 1000000 : 0;
}

static uint64_t due_at(const struct due *due, size_t index) {
	const struct current *current = &due->current[index];
	const enum ahead_state state = ahead_of(due->ahead, index);
	if (!current->result || state == AHEAD_READY)
		return 0;
	if (state == AHEAD_WAIT)
		return UINT64_MAX;
	uint64_t scheduled = schedule_next(due->first, current->looked_at, every_us(due->stack->rules[index]));
	uint64_t waived = waiver_due_at(due, index);
	return waived < scheduled ? waived : scheduled;
}

/* A rule that is due brings along the one that it needs. */
static void mark_due(const struct due *due, size_t index) {
	const struct policy_stack *stack = due->stack;
	while (index < stack->rule_count && !due->current[index].due) {
		const char *needed = stack->rules[index]->needs_control;
		due->current[index].due = true;
		for (index = 0; needed && index < stack->rule_count; index++)
			if (!strcmp(stack->rules[index]->id, needed))
				break;
		if (!needed)
			return;
	}
}

/* With a rule that has changed come those whose passing hangs on its own. */
static void mark_changed(const struct due *due, size_t index) {
	const struct policy_stack *stack = due->stack;
	mark_due(due, index);
	for (size_t i = 0; i < stack->rule_count; i++)
		if (stack->rules[i]->needs_control && !strcmp(stack->rules[i]->needs_control, stack->rules[index]->id))
			mark_due(due, i);
}

static void find_changed(const struct due *due, uint64_t now) {
	size_t count = due->stack->rule_count;
	bool *changed = xcalloc(count + 1, sizeof *changed);
	changes_take(due->changes, now, changed);
	for (size_t i = 0; i < count; i++)
		if (changed[i])
			mark_changed(due, i);
	free(changed);
}

static bool is_scheduled(const struct due *due, size_t index, uint64_t now) {
	return due_at(due, index) <= now + SCHEDULE_SLACK_US &&
	       !(ahead_of(due->ahead, index) == AHEAD_READY && ahead_was_change(due->ahead, index));
}

/* What waits for others is put off until that was read, and what the schedule asks for beside it; not in a first look,
 * which is of all rules. */
static void put_off(const struct due *due) {
	const size_t count = due->stack->rule_count;
	for (size_t i = 0; i < count; i++) {
		struct current *current = &due->current[i];
		if (current->due && current->result)
			current->due = ahead_lets(due->ahead, i, !current->by_schedule);
	}
	ahead_start(due->ahead);
	for (size_t i = 0; i < count && ahead_is_reading(due->ahead); i++)
		if (due->current[i].result)
			due->current[i].due &= due->current[i].by_change;
}

void due_find(const struct due *due, uint64_t now, bool is_all, bool may_wait) {
	const size_t count = due->stack->rule_count;
	const bool is_free = !is_all && !ahead_is_reading(due->ahead);
	for (size_t i = 0; i < count; i++) {
		due->current[i].due = is_all;
		due->current[i].by_schedule = is_free && is_scheduled(due, i, now);
	}
	if (changes_due(due->changes, now) <= now)
		find_changed(due, now);
	for (size_t i = 0; i < count; i++)
		due->current[i].by_change = due->current[i].due;
	for (size_t i = 0; i < count && is_free; i++)
		if (due_at(due, i) <= now + SCHEDULE_SLACK_US)
			mark_due(due, i);
	if (!is_all && may_wait)
		put_off(due);
}

uint64_t due_next(const struct due *due) {
	uint64_t next = UINT64_MAX;
	for (size_t i = 0; i < due->stack->rule_count && !ahead_is_reading(due->ahead); i++)
		if (due_at(due, i) < next)
			next = due_at(due, i);
	return next;
}

/* current: the current result of each rule of a vouchd, in its stack's order, and why the look under way is about it.
 */
#pragma once

#include "core/json.h"
#include "core/policy.h"

/* What is known of a rule. */
struct current {
	char *result; /* its text, packed by gzip: a fortieth of what it is as a value; NULL before the first look;
			 owned */
	size_t result_len;
	uint64_t looked_at;   /* when the look began that gave it */
	bool due;             /* the look under way is about it */
	bool by_schedule;     /* and that because the schedule asked for it */
	bool by_change;       /* or a change did */
	int64_t waiver_moves; /* when a waiver of it begins or ends next; INT64_MAX: never */
};

/* What nothing is known of yet, of so many rules. */
struct current *current_new(size_t count);
void current_free(struct current *current, size_t count);
/* Another stack takes the place of this one: what is known of the rules that stay, in its order. The old is freed. */
struct current *current_take(struct current *current, const struct policy_stack *old, const struct policy_stack *stack);
/* The result that a look gave which began then. */
void current_keep(struct current *current, const struct policy_stack *stack, size_t index, const json_t *result,
		  uint64_t looked_at);
/* The text of that result, the caller's; NULL before the first look. */
char *current_text(const struct current *current, size_t index);
/* The value of such a text; what cannot be read back is null, which seal() refuses. New reference. */
json_t *current_read(const char *text);
/* That result. New reference. */
json_t *current_value(const struct current *current, size_t index);

/* The policies that a program works with, and the catalogue beside them. */
#pragma once

#include "core/policy.h"

struct stack {
	char *data; /* the data folder that was used */
	struct catalogue *catalogue;
	struct policy_stack *policies;
};

/* Load; no paths: policies/linux-baseline of the data folder. data: that folder; NULL: the environment's
 * VOUCH_DATADIR, else the one that was built in. */
MUST_CHECK bool stack_load(const char *data, const char *const *paths, size_t count, struct stack **ret_stack,
			   struct err *err);
void stack_free(struct stack *stack);
DEFINE_CLEANUP(struct stack, stack_free)

/* The policies that a program works with, and the catalogue beside them. */
#pragma once

#include "core/policy.h"

struct stack {
	char *data; /* the data folder that was used */
	struct catalogue *catalogue;
	struct policy_stack *policies;
};

/* The data folder: `option` where given, else the environment's VOUCH_DATADIR, else the one that was built in. */
const char *stack_data_folder(const char *option);
/* Load; no paths: policies/linux-baseline.yaml of the data folder. data: as option above. */
MUST_CHECK bool stack_load(const char *data, const char *const *paths, size_t count, struct stack **ret_stack,
			   struct err *err);
void stack_free(struct stack *stack);
DEFINE_CLEANUP(struct stack, stack_free)

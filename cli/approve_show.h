/* What vouch approve shows before it signs. */
#pragma once

#include "agent/stack.h"
#include "core/approvers.h"

/* Loads the last of the paths, strictly: with those before it; where it is the only one and does not stand alone, on
 * the shipped baseline. It is the last policy of the stack. */
MUST_CHECK bool approve_load(const char *data, const char *const *paths, size_t count, struct stack **ret_stack,
			     struct err *err);
/* Id, version and digest. */
void approve_show_name(const struct policy *policy);
/* And what is in it. */
void approve_show(const struct policy_stack *stack, const struct policy *policy);

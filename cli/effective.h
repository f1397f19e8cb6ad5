/* What a host runs, and from which file each value came. */
#pragma once

#include "agent/stack.h"

#define EFFECTIVE_SOON (30LL * 86400) /* a waiver that ends within this is spoken of */

/* For people: policies, those left out, what differs from the lowest policy in full, all other rules a line each, and
 * what somebody should see to. rules: these alone, in full (NULL ends; none: all). */
void effective_print(const struct stack *stack, char **rules, int64_t now);

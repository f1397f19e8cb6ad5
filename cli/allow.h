/* The list of what the helpers may look at, made from the policies that a host runs: broker/paths.h is its form. */
#pragma once

#include "core/policy.h"

/* The whole text, with a heading; appended. */
void allow_text(const struct policy_stack *stack, struct buf *text);
/* The patterns in it, sorted bytewise, without targets of links. */
struct names *allow_patterns(const struct policy_stack *stack);

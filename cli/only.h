/* --only RULE|CONTROL, as run and capture take it. */
#pragma once

#include "agent/stack.h"
#include "cli/cli.h"

/* What --only names must be there: a run that judges nothing must not look like one where all is well. */
MUST_CHECK bool only_is_known(const struct stack *stack, const struct texts *only, struct err *err);

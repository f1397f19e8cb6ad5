/* What cli/effective.h prints, for programs. */
#pragma once

#include "agent/stack.h"

/* New reference. rules: these alone (NULL ends; none: all). */
json_t *effective_json(const struct stack *stack, char **rules, int64_t now);

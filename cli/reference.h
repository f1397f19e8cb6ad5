/* The reference pages in Markdown: what docs/CHECKS.md and docs/RULES.md hold. */
#pragma once

#include "agent/stack.h"

void reference_checks(void);
void reference_rules(const struct stack *stack);
/* The names that a look asks for, as patterns, sorted, as far as its parameters say; the caller frees. */
struct names *reference_sources(const struct view *view);
/* A parameter's value as a policy would write it (90d, not 7776000); doc: its row of param_docs. The caller frees. */
char *reference_value(const json_t *doc, const json_t *value);

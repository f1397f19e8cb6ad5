/* What is said about parts of a stack, in words that text and JSON share. */
#pragma once

#include "core/waiver.h"

/* "in force", "expired", "begins later", "for other hosts", "its rule was replaced". */
const char *effective_waiver_state(const struct policy_stack *stack, const struct waiver *waiver, int64_t now);
/* What somebody should see to: a review that is due, a waiver that has ended or ends soon, or that is not applied. */
struct names *effective_notes(const struct policy_stack *stack, int64_t now);
/* Whether a rule is not just what the lowest policy has. */
bool effective_differs(const struct policy_stack *stack, const struct rule *rule);
/* Where a parameter's value stands: "FILE:LINE" of what set it, or NULL: it is the rule's default. */
const char *effective_set_at(const struct rule *rule, const char *param);

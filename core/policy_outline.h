/* What a sealed policy says about its rules, without what it takes to judge by them: it can be read by a program that
 * knows none of its checks. For readers of evidence, where a rule's controls decide what is disclosed (docs/FORMAT.md
 * 2.1). */
#pragma once

#include "core/err.h"

#include <stddef.h>

struct policy_outline_rule {
	char *id, *title, *severity; /* severity "" where the policy does not say */
	char **controls;             /* "A.8.15", the deciding one first */
	size_t control_count;
	bool key;
};
struct policy_outline {
	struct policy_outline_rule *rules; /* sorted by id */
	size_t rule_count;
	char *id, *version, *title;
};

/* Of the policy's own bytes, as they were sealed. Rules without id or controls, or one that comes twice: ERR_SYNTAX. */
MUST_CHECK bool policy_outline_read(const char *data, size_t len, const char *where,
				    struct policy_outline **ret_outline, struct err *err);
void policy_outline_free(struct policy_outline *outline);
DEFINE_CLEANUP(struct policy_outline, policy_outline_free)
/* NULL: it has no such rule. */
const struct policy_outline_rule *policy_outline_find(const struct policy_outline *outline, const char *rule);
/* Whether the control is one of the rule's. */
bool policy_outline_supports(const struct policy_outline_rule *rule, const char *control);

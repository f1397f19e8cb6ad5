/* One rule of a policy, from YAML. What core/policy.c reads a policy's rules with; of nobody else's concern. */
#pragma once

#include "core/policy.h"

/* A value that a policy sets a parameter of a rule to. Everything is borrowed. */
struct policy_set {
	const char *rule, *path;          /* path: the file that it stands in */
	const struct yaml *param, *value; /* param: the key */
	bool is_left_out;                 /* of a policy that is not for this host: it sets nothing */
};

/* What rules are read with. */
struct policy_reading {
	const struct catalogue *catalogue;
	const struct check *const *checks;
	struct policy_set *sets; /* in order: the last of equal ones counts */
	size_t set_count;
};

/* Fields, types and names are checked; what concerns other rules (duplicate ids, needs_control) is not. The caller
 * policy_rule_free()s. policy is borrowed for as long as the rule lives, path (the file) and reading until return. */
MUST_CHECK bool policy_rule_read(const struct yaml *node, const struct policy *policy, const char *path,
				 const struct policy_reading *reading, struct rule **ret_rule, struct err *err);
void policy_rule_free(struct rule *rule);
DEFINE_CLEANUP(struct rule, policy_rule_free)
/* A string without line breaks, of 1 to `most` bytes; the caller frees. */
MUST_CHECK bool policy_text_read(const struct yaml *node, const char *where, const char *what, size_t most,
				 char **ret_text, struct err *err);

/* One view of a rule, from YAML: which check looks, and with what parameters. What core/policy_rule.c reads views with;
 * of nobody else's concern. */
#pragma once

#include "core/policy.h"
#include "core/value.h"

struct view_context {
	const char *where; /* names the policy in errors */
	const struct check *const *checks;
	struct value_params params; /* what "$name" may stand for */
	bool show;                  /* the rule's, which goes to a check that has such a parameter */
};

/* `check` and `with` of a mapping, whatever else it holds. *view must be zeroed; read or not, the caller
 * policy_view_done()s it. */
MUST_CHECK bool policy_view_read(const struct yaml *node, const char *name, const struct view_context *context,
				 struct view *view, struct err *err);
void policy_view_done(struct view *view);

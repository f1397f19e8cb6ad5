/* What a stack of policies is loaded with: shared by core/policy.c, which reads rules, and core/policy_overlay.c, which
 * reads what policies say about rules of others. Of nobody else's concern. */
#pragma once

#include "core/policy_files.h"
#include "core/policy_rule.h"

struct rules {
	struct rule **items; /* owned; sorted by id once all are read */
	size_t count, room;
};

struct policy_loader {
	struct policy_reading reading;
	struct policy_stack *stack;
	struct policy **policies; /* all that were read, in their order; borrowed from the stack */
	size_t count;
	struct policy_files *files; /* of each; all are read before the first rule is: a later one may set it */
	struct rules rules, spare;  /* of the policies that are for this host, and of the others */
	size_t disabled_count;      /* entries */
};

/* The rule, in a policy for this host or else in another one; NULL: it is nowhere. */
const struct rule *policy_loader_find(const struct policy_loader *loader, const char *id);

/* `set` of a policy, as far as it can be read before the rules. */
MUST_CHECK bool policy_overlay_sets(struct policy_loader *loader, const struct policy *policy, struct err *err);
/* Once all rules are in the stack: that what was set is there, `disable`, `enable` and `waivers` of all policies. */
MUST_CHECK bool policy_overlay_read(struct policy_loader *loader, struct err *err);

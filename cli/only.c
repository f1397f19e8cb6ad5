#include "cli/only.h"

static bool is_named(const struct policy_stack *stack, const char *name) {
	for (size_t i = 0; i < stack->rule_count; i++)
		if (!strcmp(stack->rules[i]->id, name) || rule_supports(stack->rules[i], name))
			return true;
	return false;
}

bool only_is_known(const struct stack *stack, const struct texts *only, struct err *err) {
	for (size_t i = 0; i < only->count; i++) {
		const char *name = only->items[i];
		if (is_named(stack->policies, name))
			continue;
		if (catalogue_find(stack->catalogue, name))
			return err_set(err, ERR_USAGE, "--only", "no rule of the policy supports %s", name);
		return err_set(err, ERR_USAGE, "--only", "there is no rule or control %s", name);
	}
	return true;
}

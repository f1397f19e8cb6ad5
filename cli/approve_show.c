#include "cli/approve_show.h"

#include "cli/say.h"
#include "core/file.h"

/* --- loading ------------------------------------------------------------------------------------------------------ */

static bool load_on_baseline(const char *data, const char *path, struct stack **ret_stack, struct err *err) {
	CLEANUP(stack_free_p) struct stack *shipped = NULL;
	if (!stack_load(data, NULL, 0, &shipped, err))
		return false;
	CLEANUP(free_ptr) char *baseline = file_join(shipped->data, "policies/linux-baseline");
	const char *const paths[] = {baseline, path};
	return stack_load(data, paths, ARRAY_LEN(paths), ret_stack, err);
}

bool approve_load(const char *data, const char *const *paths, size_t count, struct stack **ret_stack, struct err *err) {
	struct err alone;
	if (count > 1)
		return stack_load(data, paths, count, ret_stack, err);
	return stack_load(data, paths, count, ret_stack, &alone) || load_on_baseline(data, paths[0], ret_stack, err);
}

/* --- showing ------------------------------------------------------------------------------------------------------ */

void approve_show_name(const struct policy *policy) {
	char hex[HASH_HEX];
	say(stdout, "policy %s %s, sha256 %s\n", policy->id, policy->version, hash_hex(&policy->sha256, hex));
}

static void show_rules(const struct policy_stack *stack, const struct policy *policy) {
	size_t count = 0, keys = 0;
	for (size_t i = 0; i < stack->rule_count; i++) {
		count += stack->rules[i]->policy == policy;
		keys += stack->rules[i]->policy == policy && stack->rules[i]->key;
	}
	say(stdout, "  %zu %s, %zu of them key\n", count, plural(count, "rule", "rules"), keys);
}

void approve_show(const struct policy_stack *stack, const struct policy *policy) {
	approve_show_name(policy);
	say(stdout, "  %s\n", policy->title);
	show_rules(stack, policy);
}

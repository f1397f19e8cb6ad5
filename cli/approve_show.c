#include "cli/approve_show.h"

#include "cli/say.h"
#include "core/file.h"
#include "core/text.h"
#include "core/times.h"
#include "core/waiver.h"

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
	size_t count = 0, keys = 0, replaced = 0;
	for (size_t i = 0; i < stack->rule_count; i++) {
		const struct rule *rule = stack->rules[i];
		count += rule->policy == policy;
		keys += rule->policy == policy && rule->key;
		replaced += rule->policy == policy && rule->replaces;
	}
	say(stdout, "  %zu %s, %zu of them key, %zu in place of others\n", count, plural(count, "rule", "rules"), keys,
	    replaced);
}

static void show_params(const struct rule *rule, const char *from) {
	const char *name;
	json_t *doc;
	json_object_foreach(rule->param_docs, name, doc) {
		const char *set = json_string_value(json_object_get(doc, "set"));
		CLEANUP(buf_done) struct buf value = {0};
		struct err ignored;
		if (!set || !text_starts(set, from))
			continue;
		char duration[24];
		const json_t *number = json_object_get(rule->params, name);
		if (json_is_integer(number) && !strcmp(json_string_value(json_object_get(doc, "type")), "duration"))
			buf_adds(&value, times_format_duration(json_integer_value(number), duration));
		else if (!json_canonical(number, &value, &ignored))
			buf_adds(&value, "?");
		say(stdout, "  sets %s of %s to %s\n", name, rule->id, buf_str(&value));
	}
}

/* What it makes of the rules of others. */
static void show_changes(const struct policy_stack *stack, const struct policy *policy) {
	CLEANUP(free_ptr) char *disabled = xasprintf("disabled by %s: ", policy->id);
	CLEANUP(free_ptr) char *from = xasprintf("%s:", policy->path);
	for (size_t i = 0; i < stack->rule_count; i++) {
		const struct rule *rule = stack->rules[i];
		show_params(rule, from);
		if (rule->disabled && text_starts(rule->disabled, disabled))
			say(stdout, "  disables %s: %s\n", rule->id, rule->disabled + strlen(disabled));
	}
}

static void show_waivers(const struct policy_stack *stack, const struct policy *policy) {
	char expires[TIMES_TEXT];
	for (size_t i = 0; i < stack->waiver_count; i++) {
		const struct waiver *waiver = stack->waivers[i];
		if (waiver->policy != policy)
			continue;
		say(stdout, "  waiver %s of %s until %s, asked for by %s, to be approved by %s\n", waiver->id,
		    waiver->rule, times_format(waiver->expires, expires), waiver->requester, waiver->approver);
		say(stdout, "    %s\n", waiver->reason);
	}
}

void approve_show(const struct policy_stack *stack, const struct policy *policy) {
	approve_show_name(policy);
	say(stdout, "  %s\n", policy->title);
	show_rules(stack, policy);
	show_changes(stack, policy);
	show_waivers(stack, policy);
}

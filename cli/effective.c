#include "cli/effective.h"

#include "cli/effective_notes.h"
#include "cli/reference.h"
#include "cli/say.h"
#include "core/times.h"

static void heading(const char *text) {
	putchar('\n');
	say_coloured(COLOUR_BOLD, text);
	putchar('\n');
}

/* ---- the host and its policies ---- */

static void print_host(const struct policy_host *host) {
	CLEANUP(buf_done) struct buf text = {0};
	if (!host) {
		say(stdout, "What every host runs\n");
		return;
	}
	for (size_t i = 0; i < host->group_count; i++)
		buf_addf(&text, "%s%s", i ? ", " : "; groups ", host->groups[i]);
	say(stdout, "What vouchd runs on %s (%s; environment %s%s)\n",
	    *host->name ? host->name : "a host without a name", *host->os ? host->os : "unknown system",
	    *host->environment ? host->environment : "not set", buf_str(&text));
}

static size_t count_rules(const struct policy_stack *stack, const struct policy *policy) {
	size_t count = 0;
	for (size_t i = 0; i < stack->rule_count; i++)
		count += stack->rules[i]->policy == policy;
	return count;
}

static void print_policies(const struct policy_stack *stack) {
	heading("Policies, the later on top of the earlier");
	for (size_t i = 0; i < stack->policy_count; i++) {
		const struct policy *policy = stack->policies[i];
		const size_t rules = count_rules(stack, policy);
		say(stdout, "  %-20s %-8s %4zu %s  %s\n", policy->id, policy->version, rules,
		    rules == 1 ? "rule " : "rules", policy->path);
	}
	if (stack->left_out_count)
		heading("Left out: not for this host");
	for (size_t i = 0; i < stack->left_out_count; i++) {
		const struct policy *policy = stack->left_out[i];
		say(stdout, "  %-20s %-8s %s\n", policy->id, policy->version, policy->path);
		say_wrapped(policy->left_out, 31);
	}
}

/* ---- rules ---- */

static void print_places(const struct rule *rule) {
	say(stdout, "    from      %s:%u (%s %s)\n", rule->path, rule->line, rule->policy->id, rule->policy->version);
	for (const struct rule *below = rule->below; below; below = below->below)
		say(stdout, "    replaces  %s:%u (%s %s)\n", below->path, below->line, below->policy->id,
		    below->policy->version);
	if (rule->disabled) {
		say(stdout, "    notchecked: %s\n", rule->disabled);
		say(stdout, "              %s\n", rule->disabled_at);
	}
}

static void print_judged(const struct rule *rule) {
	char every[24], valid[24];
	CLEANUP(buf_done) struct buf controls = {0};
	CLEANUP(buf_done) struct buf words = {0};
	for (size_t i = 0; i < rule->control_count; i++)
		buf_addf(&controls, "%s%s", i ? ", " : "", rule->controls[i]);
	expect_describe(rule->expect, &words);
	say(stdout, "    for       %s%s; %s, %s; every %s, stands for %s\n", buf_str(&controls),
	    rule->key ? " (key rule)" : "", severity_name(rule->severity), kind_name(rule->kind),
	    times_format_duration(rule->every, every), times_format_duration(rule->valid, valid));
	say(stdout, "    expects\n");
	say_wrapped(buf_str(&words), 14);
}

static void print_params(const struct rule *rule) {
	const char *name;
	json_t *value;
	json_object_foreach(rule->params, name, value) {
		CLEANUP(free_ptr) char *text = reference_value(json_object_get(rule->param_docs, name), value);
		const char *set = effective_set_at(rule, name);
		say(stdout, "    %s = %s\n", name, text);
		if (set)
			say(stdout, "              set in %s\n", set);
		else
			say(stdout, "              the rule's default\n");
	}
	if (rule->unset)
		say(stdout, "    notchecked until %s is set\n", rule->unset);
}

static void print_waiver(const struct policy_stack *stack, const struct waiver *waiver, int64_t now) {
	char from[TIMES_TEXT], expires[TIMES_TEXT];
	CLEANUP(buf_done) struct buf words = {0};
	expect_describe(waiver->value, &words);
	say(stdout, "    waiver    %s: %s, %s to %s; approver %s, requester %s\n", waiver->id,
	    effective_waiver_state(stack, waiver, now), times_format(waiver->from, from),
	    times_format(waiver->expires, expires), waiver->approver, waiver->requester);
	say(stdout, "              %s:%u; where this is observed:\n", waiver->path, waiver->line);
	say_wrapped(buf_str(&words), 14);
}

static void print_full(const struct policy_stack *stack, const struct rule *rule, int64_t now) {
	fputs("  ", stdout);
	say_coloured(rule->disabled ? COLOUR_YELLOW : COLOUR_BOLD, rule->id);
	say(stdout, ": %s\n", rule->title);
	print_places(rule);
	print_judged(rule);
	print_params(rule);
	for (size_t i = 0; i < stack->waiver_count; i++)
		if (!strcmp(stack->waivers[i]->rule, rule->id))
			print_waiver(stack, stack->waivers[i], now);
}

static void print_differing(const struct policy_stack *stack, int64_t now) {
	bool is_first = true;
	for (size_t i = 0; i < stack->rule_count; i++) {
		if (!effective_differs(stack, stack->rules[i]))
			continue;
		if (is_first)
			heading("Other than in the lowest policy");
		is_first = false;
		print_full(stack, stack->rules[i], now);
	}
}

static void print_others(const struct policy_stack *stack) {
	char every[24];
	bool is_first = true;
	for (size_t i = 0; i < stack->rule_count; i++) {
		const struct rule *rule = stack->rules[i];
		if (effective_differs(stack, rule))
			continue;
		if (is_first)
			heading("As the lowest policy has it");
		is_first = false;
		const char *slash = strrchr(rule->path, '/');
		say(stdout, "  %-36s %-8s %-4s %s:%u%s%s\n", rule->id, severity_name(rule->severity),
		    times_format_duration(rule->every, every), slash ? slash + 1 : rule->path, rule->line,
		    rule->unset ? "  notchecked until set: " : "", rule->unset ? rule->unset : "");
	}
}

static void print_notes(const struct policy_stack *stack, int64_t now) {
	CLEANUP(names_free_p) struct names *notes = effective_notes(stack, now);
	if (names_count(notes))
		heading("To be seen to");
	for (size_t i = 0; i < names_count(notes); i++)
		say(stdout, "  %s\n", names_at(notes, i));
}

void effective_print(const struct stack *stack, char **rules, int64_t now) {
	const struct policy_stack *policies = stack->policies;
	for (char **rule = rules; rule && *rule; rule++)
		print_full(policies, policy_rule_find(policies, *rule), now);
	if (rules && *rules)
		return;
	print_host(policies->host);
	print_policies(policies);
	print_differing(policies, now);
	print_others(policies);
	print_notes(policies, now);
}

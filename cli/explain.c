/* vouch explain: everything about one rule, in prose. */
#include "cli/policies.h"
#include "cli/reference.h"
#include "cli/say.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch explain [--markdown] [--policy FILE]... [--config FILE] [--data DIR] [RULE]\n\n"
	"Without a rule, lists them. Otherwise says what the rule expects and why, which controls it\n"
	"supports, how it looks and how a failure is mended.\n\n"
	"  --markdown  all rules as a page in Markdown\n\n"
	"Exit: 0, or 2 where there is no such rule.\n";

static const char *kind_meaning(enum kind kind) {
	static const char *const meanings[] = {
		[KIND_EFFECT] = "effect: what the kernel or a daemon enforces now, or a record of work done",
		[KIND_DESIGN] = "design: configuration that something has yet to read",
		[KIND_INVENTORY] = "inventory: a fact, judged, but never what makes a control operating",
	};
	return meanings[kind];
}

static void print_json(const char *label, const json_t *value) {
	char *text = json_dumps(value, JSON_SORT_KEYS | JSON_ENCODE_ANY);
	say(stdout, "%s%s\n", label, text ? text : "?");
	free(text);
}

static void print_paragraph(const char *heading, const char *text) {
	putchar('\n');
	say_coloured(COLOUR_BOLD, heading);
	putchar('\n');
	say_wrapped(text && *text ? text : "(not said)", 2);
}

static void print_controls(const struct rule *rule, const struct catalogue *catalogue) {
	putchar('\n');
	say_coloured(COLOUR_BOLD, "Supports");
	putchar('\n');
	for (size_t i = 0; i < rule->control_count; i++) {
		const struct control *control = catalogue_find(catalogue, rule->controls[i]);
		say(stdout, "  %s %s%s\n", rule->controls[i], control ? control->title : "",
		    i == 0 && rule->key ? " (key rule: it decides this control's state)" : "");
	}
}

static void print_view(const struct view *view, const char *role) {
	say(stdout, "  %s%s%scheck %s\n", role, view->name, *view->name ? ": " : "", view->check->name);
	say(stdout, "    %s\n", view->check->about);
	if (json_object_size(view->params))
		print_json("    with ", view->params);
	CLEANUP(names_free_p) struct names *names = reference_sources(view);
	printf("    reads\n");
	for (size_t i = 0; i < names_count(names); i++)
		say(stdout, "      %s\n", names_at(names, i));
}

static void print_looks(const struct rule *rule) {
	char every[24], valid[24], age[24];
	putchar('\n');
	say_coloured(COLOUR_BOLD, "How it looks");
	putchar('\n');
	for (size_t i = 0; i < rule->view_count; i++)
		print_view(&rule->views[i], "");
	say(stdout, "  every %s; a result stands for %s\n", times_format_duration(rule->every, every),
	    times_format_duration(rule->valid, valid));
	if (rule->when) {
		print_view(rule->when, "only when: ");
		CLEANUP(json_decref_p) json_t *expected = expect_json(rule->when_expect);
		print_json("    expects ", expected);
	}
	if (rule->unset)
		say(stdout, "  not looked at until the parameter %s is set\n", rule->unset);
	if (rule->min_host_age)
		say(stdout, "  a host younger than %s is unknown rather than fail\n",
		    times_format_duration(rule->min_host_age, age));
	if (rule->needs_control)
		say(stdout, "  needs %s to pass in the same round\n", rule->needs_control);
}

static void print_params(const struct rule *rule) {
	const char *name;
	json_t *value;
	if (!json_object_size(rule->params))
		return;
	putchar('\n');
	say_coloured(COLOUR_BOLD, "Parameters");
	putchar('\n');
	json_object_foreach(rule->params, name, value) {
		const json_t *doc = json_object_get(rule->param_docs, name);
		const char *about = json_string_value(json_object_get(doc, "doc"));
		CLEANUP(free_ptr) char *text = reference_value(doc, value);
		const char *set = json_string_value(json_object_get(doc, "set"));
		say(stdout, "  %s = %s%s%s%s\n", name, text, set ? " (set in " : "", set ? set : "", set ? ")" : "");
		if (about)
			say_wrapped(about, 6);
	}
}

static void print_rule(const struct rule *rule, const struct catalogue *catalogue) {
	say_coloured(COLOUR_BOLD, rule->id);
	say(stdout, ": %s\n", rule->title);
	say(stdout, "  severity %s; %s\n", severity_name(rule->severity), kind_meaning(rule->kind));
	say(stdout, "  from %s %s (%s:%u)\n", rule->policy->id, rule->policy->version, rule->path, rule->line);
	print_controls(rule, catalogue);
	print_paragraph("Why", rule->why);
	print_paragraph("Fix", rule->fix);
	print_looks(rule);
	print_params(rule);
	putchar('\n');
	say_coloured(COLOUR_BOLD, "Expects");
	putchar('\n');
	CLEANUP(buf_done) struct buf words = {0};
	expect_describe(rule->expect, &words);
	say_wrapped(words.data, 2);
	CLEANUP(json_decref_p) json_t *expected = expect_json(rule->expect);
	print_json("  ", expected);
}

static void print_list(const struct policy_stack *stack) {
	for (size_t i = 0; i < stack->rule_count; i++)
		say(stdout, "%-28s %s\n", stack->rules[i]->id, stack->rules[i]->title);
}

static int explain(int argc, char **argv) {
	CLEANUP(policies_done) struct policies policies = {0};
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	bool markdown = false;
	const struct option_row rows[] = {POLICIES_OPTIONS(&policies), {"markdown", 0, OPTION_FLAG, &markdown}, {0}};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_explain, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (operands[0] && (operands[1] || markdown))
		return cli_misuse(&verb_explain, markdown ? "puts all rules on the page" : "explains one rule");
	if (!policies_load(&policies, &stack, &err))
		return cli_fail(&err, CLI_USAGE);
	if (markdown) {
		reference_rules(stack);
		return CLI_OK;
	}
	if (!operands[0]) {
		print_list(stack->policies);
		return CLI_OK;
	}
	const struct rule *rule = policy_rule_find(stack->policies, operands[0]);
	if (!rule)
		return cli_misuse(&verb_explain, "there is no rule %s", operands[0]);
	print_rule(rule, stack->catalogue);
	return CLI_OK;
}

const struct verb verb_explain = {"explain", "say everything about one rule", usage, explain};

/* vouch controls: the catalogue of controls, and how many rules support each. */
#include "cli/policies.h"
#include "cli/say.h"

static const char usage[] =
	"usage: vouch controls [--all | --map-2013] [--policy FILE]... [--config FILE] [--data DIR] [CONTROL]...\n\n"
	"For each control of ISO/IEC 27001:2022 Annex A that hosts have to do with: how many rules of which\n"
	"kind look at it, which are key (they decide its state), how far a host can answer for it at all,\n"
	"and what only documents can show. With controls named, these, and all their rules.\n\n"
	"  --all       all 93 controls, a line each\n"
	"  --map-2013  where each control of the 2013 edition went\n\n"
	"A rule that also supports a control is counted there too; key it is for its first control alone.\n\n"
	"Exit: 0, or 2 where the policy cannot be used or there is no such control.\n";

struct tally {
	size_t rules, keys, kinds[3]; /* by enum kind */
};

/* Whether the rule is key for this control. */
static bool is_key_of(const struct rule *rule, const struct control *control) {
	return rule->key && !strcmp(rule->controls[0], control->id);
}

static struct tally tally_of(const struct policy_stack *stack, const struct control *control) {
	struct tally tally = {0};
	for (size_t i = 0; i < stack->rule_count; i++) {
		const struct rule *rule = stack->rules[i];
		if (!rule_supports(rule, control->id))
			continue;
		tally.rules++;
		tally.kinds[rule->kind]++;
		tally.keys += is_key_of(rule, control);
	}
	return tally;
}

static void print_line(const struct stack *stack, const struct control *control) {
	struct tally tally = tally_of(stack->policies, control);
	say(stdout, "%-7s %3zu %-5s %2zu key  %-9s  %s%s\n", control->id, tally.rules,
	    plural(tally.rules, "rule", "rules"), tally.keys, control->coverage ? control->coverage : "documents",
	    control->title, control->is_new ? " (new in 2022)" : "");
}

static void print_keys(const struct stack *stack, const struct control *control) {
	CLEANUP(buf_done) struct buf text = {0};
	for (size_t i = 0; i < stack->policies->rule_count; i++)
		if (is_key_of(stack->policies->rules[i], control))
			buf_addf(&text, "%s%s", text.len ? ", " : "key: ", stack->policies->rules[i]->id);
	if (text.len)
		say_wrapped(text.data, 8);
}

static void print_rules(const struct stack *stack, const struct control *control) {
	for (size_t i = 0; i < stack->policies->rule_count; i++) {
		const struct rule *rule = stack->policies->rules[i];
		if (rule_supports(rule, control->id))
			say(stdout, "        %-28s %-9s %-8s %s%s\n", rule->id, kind_name(rule->kind),
			    severity_name(rule->severity), is_key_of(rule, control) ? "(key) " : "", rule->title);
	}
}

static void print_block(const struct stack *stack, const struct control *control, bool has_rules) {
	struct tally tally = tally_of(stack->policies, control);
	CLEANUP(free_ptr) char *documents = NULL;
	say(stdout, "%-7s ", control->id);
	say_coloured(COLOUR_BOLD, control->title);
	printf("%s\n", control->is_new ? " (new in 2022)" : "");
	say(stdout, "        %zu %s: %zu effect, %zu design, %zu inventory; a host can show: %s\n", tally.rules,
	    plural(tally.rules, "rule", "rules"), tally.kinds[KIND_EFFECT], tally.kinds[KIND_DESIGN],
	    tally.kinds[KIND_INVENTORY],
	    !control->coverage                        ? "nothing of it"
	    : !strcmp(control->coverage, "documents") ? "samples at most"
						      : control->coverage);
	if (has_rules)
		print_rules(stack, control);
	else
		print_keys(stack, control);
	documents = xasprintf("only documents: %s", control->documents ? control->documents : "all of it");
	say_wrapped(documents, 8);
}

static void print_controls(const struct stack *stack, bool all) {
	size_t others = 0;
	for (size_t i = 0; i < stack->catalogue->control_count; i++) {
		const struct control *control = &stack->catalogue->controls[i];
		others += !control->coverage;
		if (all)
			print_line(stack, control);
		else if (control->coverage)
			print_block(stack, control, false);
	}
	if (!all)
		say(stdout,
		    "\nThe other %zu are about organisation, people and buildings: `vouch controls --all` lists "
		    "them.\n",
		    others);
}

static int print_named(const struct stack *stack, char **names) {
	for (char **name = names; *name; name++)
		if (!catalogue_find(stack->catalogue, *name))
			return cli_misuse(&verb_controls, "there is no control %s", *name);
	for (char **name = names; *name; name++)
		print_block(stack, catalogue_find(stack->catalogue, *name), true);
	return CLI_OK;
}

static void print_map(const struct catalogue *catalogue) {
	for (size_t i = 0; i < catalogue->move_count; i++) {
		const struct control_move *move = &catalogue->moves[i];
		say(stdout, "%-9s -> %-7s %-11s %s\n", move->from, move->to, move->relation, move->from_title);
	}
}

static int controls(int argc, char **argv) {
	CLEANUP(policies_done) struct policies policies = {0};
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	bool map = false, all = false;
	const struct option_row rows[] = {
		POLICIES_OPTIONS(&policies), {"map-2013", 0, OPTION_FLAG, &map}, {"all", 0, OPTION_FLAG, &all}, {0}};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_controls, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if ((map && all) || (*operands && (map || all)))
		return cli_misuse(&verb_controls, "lists some, all, or the map");
	if (!policies_load(&policies, &stack, &err))
		return cli_fail(&err, CLI_USAGE);
	if (*operands)
		return print_named(stack, operands);
	if (map)
		print_map(stack->catalogue);
	else
		print_controls(stack, all);
	return CLI_OK;
}

const struct verb verb_controls = {"controls", "list the controls and the rules that support them", usage, controls};

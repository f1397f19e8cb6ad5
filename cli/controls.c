/* vouch controls: the catalogue of controls, and how many rules support each. */
#include "agent/stack.h"
#include "cli/cli.h"
#include "cli/say.h"

static const char usage[] =
	"usage: vouch controls [--map-2013] [--policy FILE]... [--data DIR]\n\n"
	"Lists the controls of ISO/IEC 27001:2022 Annex A with the number of rules that support each\n"
	"and of the key rules that decide it.\n\n"
	"  --map-2013  list instead where each control of the 2013 edition went\n\n"
	"Exit: 0, or 2 where the policy cannot be used.\n";

/* Rules that support a control, and among them the key rules that decide it. */
static void count_rules(const struct policy_stack *stack, const char *control, size_t *rules, size_t *keys) {
	for (size_t i = 0; i < stack->rule_count; i++)
		for (size_t c = 0; c < stack->rules[i]->control_count; c++)
			if (!strcmp(stack->rules[i]->controls[c], control)) {
				(*rules)++;
				*keys += c == 0 && stack->rules[i]->key;
			}
}

static void print_controls(const struct stack *stack) {
	for (size_t i = 0; i < stack->catalogue->control_count; i++) {
		const struct control *control = &stack->catalogue->controls[i];
		size_t rules = 0, keys = 0;
		count_rules(stack->policies, control->id, &rules, &keys);
		say(stdout, "%-7s %3zu %-5s %2zu key  %-14s %s%s\n", control->id, rules, plural(rules, "rule", "rules"),
		    keys, control->theme, control->title, control->is_new ? " (new in 2022)" : "");
	}
}

static void print_map(const struct catalogue *catalogue) {
	for (size_t i = 0; i < catalogue->move_count; i++) {
		const struct control_move *move = &catalogue->moves[i];
		say(stdout, "%-9s -> %-7s %-11s %s\n", move->from, move->to, move->relation, move->from_title);
	}
}

static int controls(int argc, char **argv) {
	CLEANUP(texts_done) struct texts policies = {0};
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	const char *data = NULL;
	bool map = false;
	const struct option_row rows[] = {{"policy", 0, OPTION_TEXTS, &policies},
					  {"data", 0, OPTION_TEXT, &data},
					  {"map-2013", 0, OPTION_FLAG, &map},
					  {0}};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_controls, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (*operands)
		return cli_misuse(&verb_controls, "takes no operand: %s", *operands);
	if (!stack_load(data, policies.items, policies.count, &stack, &err))
		return cli_fail(&err, CLI_USAGE);
	if (map)
		print_map(stack->catalogue);
	else
		print_controls(stack);
	return CLI_OK;
}

const struct verb verb_controls = {"controls", "list the controls and the rules that support them", usage, controls};

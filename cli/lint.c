/* vouch lint: load policies and say what is wrong with them. */
#include "cli/policies.h"
#include "cli/say.h"

static const char usage[] =
	"usage: vouch lint [--data DIR] [FILE]...\n\n"
	"Loads the policies together, as a host would (default: the shipped baseline), and prints\n"
	"either how many rules and controls they hold or the first fault as file:line:column: reason.\n\n"
	"Exit: 0 the policies can be used; 2 they cannot.\n";

static bool supports(const struct policy_stack *stack, const char *control) {
	for (size_t i = 0; i < stack->rule_count; i++)
		if (rule_supports(stack->rules[i], control))
			return true;
	return false;
}

static int lint(int argc, char **argv) {
	const char *data = NULL;
	const struct option_row rows[] = {{"data", 0, OPTION_TEXT, &data}, {0}};
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	char **operands, text[640];
	size_t count = 0, controls = 0;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_lint, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	while (operands[count])
		count++;
	if (!stack_load(data, (const char *const *)operands, count, &stack, &err)) {
		say(stderr, "%s\n", err_text(&err, text, sizeof text));
		return CLI_USAGE;
	}
	for (size_t i = 0; i < stack->catalogue->control_count; i++)
		controls += supports(stack->policies, stack->catalogue->controls[i].id);
	size_t rules = stack->policies->rule_count;
	printf("%zu %s, %zu %s\n", rules, plural(rules, "rule", "rules"), controls,
	       plural(controls, "control", "controls"));
	return CLI_OK;
}

const struct verb verb_lint = {"lint", "check policies without looking at anything", usage, lint};

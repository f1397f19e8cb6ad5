/* vouch lint: load policies and say what is wrong with them, or what they make together. */
#include <unistd.h>

#include "cli/effective.h"
#include "cli/effective_json.h"
#include "cli/policies.h"
#include "cli/say.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch lint [--data DIR] [--config FILE] [FILE]...\n"
	"       vouch lint --effective [--json] [options] [RULE]...\n\n"
	"Loads the policies together, one on top of the other, whatever host they are for, and prints either how many "
	"rules\n"
	"and controls they hold or the first fault as file:line:column: reason. Without FILE: what vouchd runs on this "
	"host;\n"
	"with --data, and without --config, the shipped baseline. A policy that sets or waives something of the "
	"baseline's is\n"
	"read on top of it: vouch lint " VOUCH_DATADIR "/policies/linux-baseline FILE.\n\n"
	"  --effective    what a host runs, and from which file and line each value came: what differs from the "
	"lowest\n"
	"                 policy in full, the other rules a line each, policies that are left out and why, and what "
	"should\n"
	"                 be seen to; with RULE, these alone and in full\n"
	"  --json         the same as one JSON object\n"
	"  --policy FILE  (with --effective) these policies, whatever host they are for; may be repeated\n"
	"  --root DIR     the name and the system of the host are those in this folder\n"
	"  --config FILE  what vouchd runs by this configuration\n"
	"  --data DIR     where the catalogue and the shipped policies are\n\n"
	"Exit: 0 the policies can be used; 2 they cannot.\n";

struct lint {
	struct policies policies;
	bool effective, as_json;
};
static void lint_done(struct lint *lint) { policies_done(&lint->policies); }

static bool supports(const struct policy_stack *stack, const char *control) {
	for (size_t i = 0; i < stack->rule_count; i++)
		if (rule_supports(stack->rules[i], control))
			return true;
	return false;
}

static void print_counts(const struct stack *stack) {
	size_t rules = stack->policies->rule_count, controls = 0, left_out = stack->policies->left_out_count;
	for (size_t i = 0; i < stack->catalogue->control_count; i++)
		controls += supports(stack->policies, stack->catalogue->controls[i].id);
	printf("%zu %s, %zu %s", rules, plural(rules, "rule", "rules"), controls,
	       plural(controls, "control", "controls"));
	if (left_out)
		printf("; %zu %s not for this host (--effective says why)", left_out,
		       plural(left_out, "policy is", "policies are"));
	putchar('\n');
}

static int print_effective(const struct stack *stack, char **rules, bool as_json) {
	const int64_t now = times_now();
	for (char **rule = rules; *rule; rule++)
		if (!policy_rule_find(stack->policies, *rule))
			return cli_misuse(&verb_lint, "there is no rule %s", *rule);
	if (!as_json) {
		effective_print(stack, rules, now);
		return CLI_OK;
	}
	CLEANUP(json_decref_p) json_t *object = effective_json(stack, rules, now);
	size_t shape = isatty(STDOUT_FILENO) ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT;
	const struct err failed = {.code = ERR_IO, .where = "standard output", .why = "it could not be written"};
	if (!object || json_dumpf(object, stdout, shape | JSON_SORT_KEYS) != 0 || putchar('\n') == EOF)
		return cli_fail(&failed, CLI_USAGE);
	return CLI_OK;
}

static int lint(const struct lint *lint, char **operands) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	char text[640];
	struct err err;
	size_t count = 0;
	while (operands[count])
		count++;
	const bool is_loaded =
		!lint->effective && count > 0
			? stack_load(lint->policies.data, (const char *const *)operands, count, &stack, &err)
			: policies_load(&lint->policies, &stack, &err) &&
				  policies_approved(&lint->policies, stack, &err);
	if (!is_loaded) {
		say(stderr, "%s\n", err_text(&err, text, sizeof text));
		return CLI_USAGE;
	}
	if (lint->effective)
		return print_effective(stack, operands, lint->as_json);
	print_counts(stack);
	return CLI_OK;
}

static int lint_verb(int argc, char **argv) {
	CLEANUP(lint_done) struct lint options = {0};
	const struct option_row rows[] = {POLICIES_OPTIONS(&options.policies),
					  {"root", 0, OPTION_TEXT, &options.policies.root},
					  {"effective", 0, OPTION_FLAG, &options.effective},
					  {"json", 0, OPTION_FLAG, &options.as_json},
					  {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_lint, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (!options.effective && (options.as_json || options.policies.named.count))
		return cli_misuse(&verb_lint, options.as_json ? "--json goes with --effective"
							      : "policies are named without --policy");
	if (!options.effective && operands[0] && options.policies.config)
		return cli_misuse(&verb_lint, "either --config or policies, not both");
	return lint(&options, operands);
}

const struct verb verb_lint = {"lint", "check policies without looking at anything", usage, lint_verb};

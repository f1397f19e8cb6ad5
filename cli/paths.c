/* vouch paths: the list of what the helpers may look at. */
#include "agent/stack.h"
#include "cli/allow.h"
#include "cli/cli.h"
#include "cli/say.h"

static const char usage[] =
	"usage: vouch paths [--policy FILE]... [--data DIR]\n\n"
	"Prints what the rules make vouchd ask its helpers for, as the list that they go by: a pattern a line. Nothing "
	"is\n"
	"looked at. Name the policies that vouchd.yaml names, and keep what is printed as " VOUCH_SYSCONFDIR "/paths,\n"
	"where a line can be struck.\n\n"
	"  --policy FILE   for this policy's rules; may be repeated (default: the shipped baseline)\n"
	"  --data DIR      where the catalogue and the shipped policies are\n\n"
	"Exit: 0; 2 wrong use or a policy that cannot be used.\n";

static int paths(int argc, char **argv) {
	CLEANUP(texts_done) struct texts policies = {0};
	const char *data = NULL;
	const struct option_row rows[] = {{"policy", 0, OPTION_TEXTS, &policies}, {"data", 0, OPTION_TEXT, &data}, {0}};
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_paths, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (operands[0])
		return cli_misuse(&verb_paths, "takes no operand: %s", operands[0]);
	if (!stack_load(data, policies.items, policies.count, &stack, &err))
		return cli_fail(&err, CLI_USAGE);
	allow_text(stack->policies, &text);
	fputs(buf_str(&text), stdout);
	return CLI_OK;
}

const struct verb verb_paths = {"paths", "print what the helpers may look at for vouchd", usage, paths};

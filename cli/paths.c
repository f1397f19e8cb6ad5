/* vouch paths: the list of what the helpers may look at. */
#include "cli/allow.h"
#include "cli/policies.h"
#include "cli/say.h"

static const char usage[] =
	"usage: vouch paths [--policy FILE]... [--config FILE] [--data DIR]\n\n"
	"Prints what the rules make vouchd ask its helpers for, as the list that they go by: a pattern a line. Nothing "
	"is\n"
	"looked at. They are the rules of what vouchd runs on this host. Keep what is printed as " VOUCH_SYSCONFDIR
	"/paths,\n"
	"where a line can be struck.\n\n" POLICIES_USAGE "\n"
	"Exit: 0; 2 wrong use or a policy that cannot be used.\n";

static int paths(int argc, char **argv) {
	CLEANUP(policies_done) struct policies policies = {0};
	const struct option_row rows[] = {POLICIES_OPTIONS(&policies), {0}};
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_paths, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (operands[0])
		return cli_misuse(&verb_paths, "takes no operand: %s", operands[0]);
	if (!policies_load(&policies, &stack, &err))
		return cli_fail(&err, CLI_USAGE);
	allow_text(stack->policies, &text);
	fputs(buf_str(&text), stdout);
	return CLI_OK;
}

const struct verb verb_paths = {"paths", "print what the helpers may look at for vouchd", usage, paths};

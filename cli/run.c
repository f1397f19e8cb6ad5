/* vouch run: one round on this host, shown; nothing is sealed or sent. */
#include <unistd.h>

#include "agent/look.h"
#include "cli/cli.h"
#include "cli/only.h"
#include "cli/policies.h"
#include "cli/report.h"
#include "cli/say.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch run [options]\n\n"
	"  --only RULE|CONTROL  only this rule, or the rules that support this control; may be repeated\n"
	"  --root DIR           look at this folder instead of the live host\n"
	"  --helpers DIR        ask the helpers whose sockets are in DIR, as vouchd does\n"
	"  --json               print one JSON object\n" POLICIES_USAGE POLICIES_DEFAULT
	"Exit: 0 all pass, are waived or do not apply; 1 something failed; 3 nothing failed but something is unknown\n"
	"or error; 2 wrong use or a policy that cannot be used.\n";

struct run {
	struct policies policies;
	struct texts only;
	bool as_json;
};

static void run_done(struct run *run) {
	policies_done(&run->policies);
	texts_done(&run->only);
}

static json_t *round_json(const struct stack *stack, const struct round *round, const struct counts *counts) {
	char started[TIMES_TEXT], finished[TIMES_TEXT], hex[HASH_HEX];
	json_t *policies = json_array();
	for (size_t i = 0; i < stack->policies->policy_count; i++) {
		const struct policy *policy = stack->policies->policies[i];
		json_array_append_new(policies, json_pack("{s:s, s:s, s:s}", "id", policy->id, "version",
							  policy->version, "sha256", hash_hex(&policy->sha256, hex)));
	}
	return json_pack("{s:s, s:{s:s, s:o, s:o}, s:s, s:s, s:s, s:o, s:O, s:o}", "vouch", VOUCH_VERSION, "host", "id",
			 round->host_id, "name", json_text(round->host_name), "os", json_text(round->host_os),
			 "framework", stack->policies->policies[0]->framework, "startedAt",
			 times_format(round->started_at, started), "finishedAt",
			 times_format(round->finished_at, finished), "policy", policies, "results", round->results,
			 "summary", report_summary(counts));
}

static bool print_json(const struct stack *stack, const struct round *round, const struct counts *counts,
		       struct err *err) {
	CLEANUP(json_decref_p) json_t *object = round_json(stack, round, counts);
	size_t shape = isatty(STDOUT_FILENO) ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT;
	if (json_dumpf(object, stdout, shape | JSON_SORT_KEYS) != 0 || putchar('\n') == EOF)
		return err_set(err, ERR_IO, "standard output", "the result could not be written");
	return true;
}

static void print_round(const struct stack *stack, const struct round *round, const struct counts *counts) {
	say(stdout, "%s (%s)", *round->host_name ? round->host_name : "host without a name",
	    *round->host_os ? round->host_os : "unknown system");
	for (size_t i = 0; i < stack->policies->policy_count; i++)
		say(stdout, ", %s %s", stack->policies->policies[i]->id, stack->policies->policies[i]->version);
	printf("\n\n");
	report_by_control(round->results, stack->catalogue);
	report_worst(round->results);
	report_denied(round->results);
	report_unsaid(round->results);
	report_unchecked(round->results, NULL);
	putchar('\n');
	report_counts(counts, "rule", "rules");
}

static int exit_of(const struct counts *counts) {
	if (counts->by_verdict[VERDICT_FAIL] > counts->waived)
		return CLI_FAILED;
	return counts->by_verdict[VERDICT_UNKNOWN] || counts->by_verdict[VERDICT_ERROR] ? CLI_UNKNOWN : CLI_OK;
}

static int look_and_show(const struct run *run, const struct stack *stack) {
	struct look_options options = {.stack = stack->policies,
				       .host = {.root = run->policies.root, .helpers = run->policies.helpers},
				       .only = run->only.items};
	CLEANUP(round_free_p) struct round *round = NULL;
	struct err err;
	if (!look_now(&options, &round, &err))
		return cli_fail(&err, CLI_USAGE);
	struct counts counts = report_count(round->results);
	if (!run->as_json)
		print_round(stack, round, &counts);
	else if (!print_json(stack, round, &counts, &err))
		return cli_fail(&err, CLI_USAGE);
	return exit_of(&counts);
}

static int run_verb(int argc, char **argv) {
	CLEANUP(run_done) struct run run = {0};
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	const struct option_row rows[] = {POLICIES_OPTIONS(&run.policies),
					  {"only", 0, OPTION_TEXTS, &run.only},
					  {"root", 0, OPTION_TEXT, &run.policies.root},
					  {"helpers", 0, OPTION_TEXT, &run.policies.helpers},
					  {"json", 0, OPTION_FLAG, &run.as_json},
					  {0}};
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_run, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (*operands)
		return cli_misuse(&verb_run, "takes no operand: %s", *operands);
	if (run.policies.root && run.policies.helpers)
		return cli_misuse(&verb_run, "--root and --helpers do not go together: helpers look at the live host");
	if (run.policies.root && access(run.policies.root, R_OK | X_OK) != 0)
		return cli_misuse(&verb_run, "--root %s: not a folder that can be read", run.policies.root);
	if (!policies_load(&run.policies, &stack, &err) || !only_is_known(stack, &run.only, &err))
		return cli_fail(&err, CLI_USAGE);
	return look_and_show(&run, stack);
}

const struct verb verb_run = {"run", "look at this host and judge it, without sealing or sending anything", usage,
			      run_verb};

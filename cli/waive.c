/* vouch waive: a draft of a waiver for what a rule observes now. */
#include <unistd.h>

#include "agent/look.h"
#include "cli/policies.h"
#include "cli/say.h"
#include "cli/waiver_draft.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch waive RULE --reason TEXT --risk TEXT --measure TEXT --requester NAME --approver NAME\n"
	"                   --expires DATE [--ticket TEXT] [--from DATE] [--id ID] [options]\n\n"
	"Looks at this one rule and, where it fails, prints an entry for a policy's \"waivers:\", whose value is what "
	"is\n"
	"observed now on this host and nothing else. It writes no file and waives nothing: somebody has to put the "
	"entry\n"
	"into a policy, and the approver to agree (vouch approve).\n\n"
	"  --reason TEXT        why this may stay as it is\n"
	"  --risk TEXT          what can come of it\n"
	"  --measure TEXT       what is done instead\n"
	"  --requester NAME     who asks for it\n"
	"  --approver NAME      who answers for it: another person\n"
	"  --expires DATE       when it ends, at most 366 days after it begins: 2027-01-31 or 2027-01-31T12:00:00Z\n"
	"  --from DATE          when it begins (default: today)\n"
	"  --ticket TEXT        where it was talked over\n"
	"  --id ID              its id (default: the rule's and the day)\n"
	"  --root DIR           look at this folder instead of the live host\n"
	"  --helpers DIR        ask the helpers whose sockets are in DIR, as vouchd does\n" POLICIES_USAGE
		POLICIES_DEFAULT
	"Exit: 0 printed; 1 the rule does not fail, or cannot be waived so; 2 wrong use or a policy that cannot be\n"
	"used.\n";

struct waive {
	struct policies policies;
	struct waiver_draft draft;
};

static void waive_done(struct waive *waive) { policies_done(&waive->policies); }

static int misses(const struct waiver_draft *draft) {
	const struct {
		const char *name, *value;
	} needed[] = {{"reason", draft->reason},       {"risk", draft->risk},         {"measure", draft->measure},
		      {"requester", draft->requester}, {"approver", draft->approver}, {"expires", draft->expires}};
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!needed[i].value)
			return cli_misuse(&verb_waive, "--%s is needed", needed[i].name);
	return CLI_OK;
}

static bool find(const struct stack *stack, const char *id, const struct rule **ret_rule, struct err *err) {
	const struct rule *rule = policy_rule_find(stack->policies, id);
	if (!rule)
		return err_set(err, ERR_USAGE, id, "there is no such rule");
	*ret_rule = rule;
	return !rule->disabled || err_set(err, ERR_USAGE, id, "%s", rule->disabled);
}

/* The rule's result, new reference, and the host's name. */
static bool look(const struct waive *waive, const struct stack *stack, const struct rule *rule, json_t **ret_result,
		 char **ret_host, struct err *err) {
	const char *const only[] = {rule->id, NULL};
	const struct look_options options = {.stack = stack->policies,
					     .host = {.root = waive->policies.root, .helpers = waive->policies.helpers},
					     .only = only};
	CLEANUP(round_free_p) struct round *round = NULL;
	if (!look_now(&options, &round, err))
		return false;
	*ret_result = json_incref(json_array_get(round->results, 0));
	*ret_host = xstrdup(round->host_name);
	return true;
}

static int print(const struct waive *waive, const struct rule *rule, const json_t *result, const char *host) {
	CLEANUP(buf_done) struct buf text = {0};
	char now[TIMES_TEXT];
	struct err err;
	struct waiver_draft draft = waive->draft;
	CLEANUP(free_ptr) char *today = xstrndup(times_format(times_now(), now), strlen("2027-01-31"));
	CLEANUP(free_ptr) char *id = xasprintf("%s-%s", rule->id, today);
	const char *verdict = json_string_value(json_object_get(result, "verdict"));
	const char *reason = json_string_value(json_object_get(result, "reason"));
	draft.host = host;
	draft.id = draft.id ? draft.id : id;
	draft.from = draft.from ? draft.from : today;
	if (strcmp(verdict, "fail") != 0) {
		say(stderr, "vouch waive: %s is %s (%s): only a fail is waived\n", rule->id, verdict, reason);
		return CLI_FAILED;
	}
	if (!waiver_draft_write(&draft, rule, result, &text, &err))
		return cli_fail(&err, CLI_FAILED);
	say(stdout, "# %s: %s\n", rule->id, reason);
	fputs(buf_str(&text), stdout);
	return CLI_OK;
}

static int waive_rule(const struct waive *waive, const char *id) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(json_decref_p) json_t *result = NULL;
	CLEANUP(free_ptr) char *host = NULL;
	const struct rule *rule;
	struct err err;
	if (!policies_load(&waive->policies, &stack, &err) || !find(stack, id, &rule, &err) ||
	    !look(waive, stack, rule, &result, &host, &err))
		return cli_fail(&err, CLI_USAGE);
	return print(waive, rule, result, host);
}

static int waive_verb(int argc, char **argv) {
	CLEANUP(waive_done) struct waive waive = {0};
	const struct option_row rows[] = {POLICIES_OPTIONS(&waive.policies),
					  {"root", 0, OPTION_TEXT, &waive.policies.root},
					  {"helpers", 0, OPTION_TEXT, &waive.policies.helpers},
					  {"id", 0, OPTION_TEXT, &waive.draft.id},
					  {"reason", 0, OPTION_TEXT, &waive.draft.reason},
					  {"risk", 0, OPTION_TEXT, &waive.draft.risk},
					  {"ticket", 0, OPTION_TEXT, &waive.draft.ticket},
					  {"measure", 0, OPTION_TEXT, &waive.draft.measure},
					  {"requester", 0, OPTION_TEXT, &waive.draft.requester},
					  {"approver", 0, OPTION_TEXT, &waive.draft.approver},
					  {"from", 0, OPTION_TEXT, &waive.draft.from},
					  {"expires", 0, OPTION_TEXT, &waive.draft.expires},
					  {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_waive, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (!operands[0] || operands[1])
		return cli_misuse(&verb_waive, "needs one rule");
	if (waive.policies.root && waive.policies.helpers)
		return cli_misuse(&verb_waive,
				  "--root and --helpers do not go together: helpers look at the live host");
	if (waive.policies.root && access(waive.policies.root, R_OK | X_OK) != 0)
		return cli_misuse(&verb_waive, "--root %s: not a folder that can be read", waive.policies.root);
	exit_code = misses(&waive.draft);
	return exit_code ? exit_code : waive_rule(&waive, operands[0]);
}

const struct verb verb_waive = {"waive", "print a draft of a waiver for what a rule observes now", usage, waive_verb};

/* Rounds over a folder, and the verbs as their users meet them: exit codes, the JSON object, what is printed. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/agent_home.h"
#include "tests/unit/verb.h"

static struct agent_home agent;
static char *policy;

static int make(void **state) {
	agent_home_new(&agent);
	policy = file_join(agent.folder, "small.yaml");
	setenv("VOUCH_DATADIR", SOURCE_DIR, 1);
	return 0;
}

static int drop(void **state) {
	free(policy);
	agent_home_done(&agent);
	return 0;
}

#define ASK(verb, ...) verb_ask(agent.folder, &verb, (const char *const[]){__VA_ARGS__, NULL})

static void failure_is_exit_1_with_reason_observed_and_fix(void **state) {
	CLEANUP(outcome_done)
	struct outcome outcome = ASK(verb_run, "--policy", policy, "--root", agent.root);
	assert_int_equal(outcome.exit_code, 1);
	prints(&outcome, "db1 (debian 12), small 1.0.0");
	prints(&outcome, "A.8.15 Logging");
	prints(&outcome, "fail");
	prints(&outcome, "exists=false");
	prints(&outcome, "fix: make it");
	prints(&outcome, "2 rules: 1 pass, 1 fail");
	assert_null(strchr(outcome.text, '\033'));
}

static void all_pass_is_exit_0(void **state) {
	scratch_put(agent.root, "etc/b", "b\n");
	CLEANUP(outcome_done)
	struct outcome outcome = ASK(verb_run, "--policy", policy, "--root", agent.root);
	assert_int_equal(outcome.exit_code, 0);
	prints(&outcome, "2 rules: 2 pass");
}

/* A look that is denied: neither pass nor fail. */
static void denied_look_is_exit_3_and_named(void **state) {
	scratch_put(agent.root, ".vouch/meta", "{\"/etc/a\":{\"error\":\"denied\"}}");
	CLEANUP(outcome_done)
	struct outcome outcome = ASK(verb_run, "--policy", policy, "--root", agent.root, "--only", "a.mode");
	assert_int_equal(outcome.exit_code, 3);
	prints(&outcome, "1 rule: 1 unknown");
	prints(&outcome, "1 look was denied");
	prints(&outcome, "stat:/etc/a");
	prints(&outcome, "(for a.mode)");
}

static void only_takes_rules_and_controls(void **state) {
	CLEANUP(outcome_done)
	struct outcome rule = ASK(verb_run, "--policy", policy, "--root", agent.root, "--only", "a.mode");
	CLEANUP(outcome_done)
	struct outcome control = ASK(verb_run, "--policy", policy, "--root", agent.root, "--only=A.8.9");
	assert_int_equal(rule.exit_code, 0);
	prints(&rule, "1 rule: 1 pass");
	assert_int_equal(control.exit_code, 1);
	prints(&control, "2 rules:");
}

static void run_that_would_judge_nothing_is_wrong_use(void **state) {
	CLEANUP(free_ptr) char *missing = file_join(agent.folder, "missing");
	CLEANUP(outcome_done)
	struct outcome control = ASK(verb_run, "--policy", policy, "--root", agent.root, "--only", "A.8.1");
	CLEANUP(outcome_done)
	struct outcome nothing = ASK(verb_run, "--policy", policy, "--root", agent.root, "--only", "A.8.99");
	CLEANUP(outcome_done) struct outcome root = ASK(verb_run, "--policy", policy, "--root", missing);
	CLEANUP(outcome_done)
	struct outcome helpers = ASK(verb_run, "--root", agent.root, "--helpers", "/run/vouch");
	CLEANUP(outcome_done) struct outcome option = ASK(verb_run, "--rot", agent.root);
	assert_int_equal(helpers.exit_code, 2);
	prints(&helpers, "--root and --helpers do not go together");
	assert_int_equal(control.exit_code, 2);
	prints(&control, "no rule of the policy supports A.8.1");
	assert_int_equal(nothing.exit_code, 2);
	assert_int_equal(root.exit_code, 2);
	assert_int_equal(option.exit_code, 2);
	prints(&option, "there is no option --rot");
}

/* Two rules that cannot be judged for one reason, and one that waits for what is the organisation's. */
static void reasons_are_said_once_and_what_waits_says_for_what(void **state) {
	scratch_put(
		agent.folder, "gaps.yaml",
		"policy: {id: gaps, version: 1.0.0, framework: 'iso27001:2022', title: Gaps}\n"
		"rules:\n"
		"  - {id: u.one, title: One, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: unit, "
		"with: {name: a.service}, expect: {active: true}, why: w, fix: f}\n"
		"  - {id: u.two, title: Two, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: unit, "
		"with: {name: a.service}, expect: {loaded: true}, why: w, fix: f}\n"
		"  - {id: p.own, title: Own, controls: [A.8.23], key: true, severity: low, kind: effect, every: 1h, "
		"params: {mine: {type: strings, default: [], doc: d}}, needs_params: [mine], "
		"check: file, with: {path: /etc/b}, expect: {path: {in: $mine}}, why: w, fix: f}\n");
	CLEANUP(free_ptr) char *gaps = file_join(agent.folder, "gaps.yaml");
	CLEANUP(outcome_done) struct outcome outcome = ASK(verb_run, "--policy", gaps, "--root", agent.root);
	assert_int_equal(outcome.exit_code, 3);
	prints(&outcome, "unknown        2 rules: ");
	prints(&outcome, "One  u.one\n");
	prints(&outcome, "Two  u.two\n");
	prints(&outcome, "mine: this parameter is not set");
	prints(&outcome, "1 rule was not looked at until you say so");
	prints(&outcome, "1 rule waits for a parameter that only you can fill\n    mine: p.own\n");
	prints(&outcome, "not evaluated for this reason alone: A.8.23\n");
}

static void json_is_one_object_with_every_member(void **state) {
	CLEANUP(outcome_done)
	struct outcome outcome = ASK(verb_run, "--policy", policy, "--root", agent.root, "--json");
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct err err;
	static const char *const members[] = {"vouch",      "host",   "framework", "startedAt",
					      "finishedAt", "policy", "results",   "summary"};
	static const char *const of_result[] = {"rule",     "title",   "verdict",     "reason",   "kind",
						"severity", "key",     "controls",    "observed", "expected",
						"params",   "sources", "collectedAt", "expiresAt"};
	assert_int_equal(outcome.exit_code, 1);
	assert_true(json_read(outcome.text, strlen(outcome.text), 1U << 20, "json", &object, &err));
	assert_int_equal(json_object_size(object), ARRAY_LEN(members));
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		assert_non_null(json_object_get(object, members[i]));
	const json_t *result = json_array_get(json_object_get(object, "results"), 1);
	for (size_t i = 0; i < ARRAY_LEN(of_result); i++)
		assert_non_null(json_object_get(result, of_result[i]));
	assert_null(json_object_get(result, "blind"));
	assert_string_equal(json_string_value(json_object_get(result, "rule")), "b.there");
	assert_string_equal(json_string_value(json_object_get(result, "verdict")), "fail");
	assert_string_equal(json_string_value(json_array_get(json_object_get(result, "controls"), 0)), "A.8.15");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "summary"), "fail")), 1);
}

static void escape_sequence_of_a_host_is_not_printed(void **state) {
	scratch_put(agent.root, "etc/hostname", "evil\033]0;x\007\n");
	CLEANUP(outcome_done)
	struct outcome outcome = ASK(verb_run, "--policy", policy, "--root", agent.root);
	assert_null(strchr(outcome.text, '\033'));
	prints(&outcome, "evil?]0;x?");
}

static void bad_policy_is_exit_2_at_its_place_and_nothing_is_run(void **state) {
	scratch_put(agent.folder, "bad.yaml", "policy: {id: x}\nruls: []\n");
	CLEANUP(free_ptr) char *bad = file_join(agent.folder, "bad.yaml");
	CLEANUP(outcome_done) struct outcome run = ASK(verb_run, "--policy", bad, "--root", agent.root, "--json");
	CLEANUP(outcome_done) struct outcome lint = ASK(verb_lint, bad);
	CLEANUP(outcome_done) struct outcome good = ASK(verb_lint, policy);
	assert_int_equal(run.exit_code, 2);
	assert_int_equal(lint.exit_code, 2);
	assert_memory_equal(lint.text, bad, strlen(bad));
	prints(&lint, "bad.yaml:");
	assert_int_equal(good.exit_code, 0);
	assert_string_equal(good.text, "2 rules, 2 controls\n");
}

static void explain_says_why_and_how(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = ASK(verb_explain, "--policy", policy, "a.mode");
	CLEANUP(outcome_done) struct outcome none = ASK(verb_explain, "--policy", policy, "a.mod");
	assert_int_equal(outcome.exit_code, 0);
	prints(&outcome, "A.8.9 Configuration management (key rule");
	prints(&outcome, "chmod 0640");
	prints(&outcome, "\"at_most\": \"0640\"");
	prints(&outcome, "every 1h");
	assert_int_equal(none.exit_code, 2);
}

static void controls_are_93_with_their_rules(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = ASK(verb_controls, "--all", "--policy", policy);
	size_t lines = 0;
	for (const char *at = outcome.text; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 93);
	prints(&outcome, "A.8.9     2 rules  1 key");
	prints(&outcome, "A.8.15    1 rule   0 key");
}

static void rules_that_were_not_asked_for_are_not_looked_at(void **state) {
	const char *const only[] = {"b.there", NULL};
	CLEANUP(round_free_p) struct round *round = agent_look(&agent, only);
	assert_int_equal(json_array_size(round->results), 1);
	assert_false(round->looked[0]);
	assert_true(round->looked[1]);
	assert_string_equal(round->host_id, "2df3d1b9-0817-4175-b6d7-defef2e5bc19");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failure_is_exit_1_with_reason_observed_and_fix, make, drop),
		cmocka_unit_test_setup_teardown(all_pass_is_exit_0, make, drop),
		cmocka_unit_test_setup_teardown(denied_look_is_exit_3_and_named, make, drop),
		cmocka_unit_test_setup_teardown(only_takes_rules_and_controls, make, drop),
		cmocka_unit_test_setup_teardown(run_that_would_judge_nothing_is_wrong_use, make, drop),
		cmocka_unit_test_setup_teardown(reasons_are_said_once_and_what_waits_says_for_what, make, drop),
		cmocka_unit_test_setup_teardown(json_is_one_object_with_every_member, make, drop),
		cmocka_unit_test_setup_teardown(escape_sequence_of_a_host_is_not_printed, make, drop),
		cmocka_unit_test_setup_teardown(bad_policy_is_exit_2_at_its_place_and_nothing_is_run, make, drop),
		cmocka_unit_test_setup_teardown(explain_says_why_and_how, make, drop),
		cmocka_unit_test_setup_teardown(controls_are_93_with_their_rules, make, drop),
		cmocka_unit_test_setup_teardown(rules_that_were_not_asked_for_are_not_looked_at, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

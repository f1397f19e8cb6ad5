/* The round: rules that hang on others and on the host's age. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/times.h"
#include "tests/unit/agent_home.h"

#define HEAD                                                                                                           \
	"policy: {id: p, version: 1.0.0, framework: 'iso27001:2022', title: P, owner: me, review_by: 2027-06-30}\n"    \
	"rules:\n"
/* The probe sorts before what it needs. */
#define PROBE                                                                                                          \
	"  - {id: a.probe, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "   \
	"{path: /etc/forbidden}, expect: {exists: false}, needs_control: z.control, why: w, fix: f}\n"
#define CONTROL                                                                                                        \
	"  - {id: z.control, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: " \
	"{path: /etc/allowed}, expect: {exists: true}, why: w, fix: f}\n"
#define YOUNG                                                                                                          \
	"  - {id: a.young, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "   \
	"{path: /etc/record}, expect: {exists: true}, min_host_age: 1d, why: w, fix: f}\n"

/* The first result of a round over `root` under these rules; new reference. */
static json_t *first_result(const char *root, const char *text, const char *const *only) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p.yaml");
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(round_free_p) struct round *round = NULL;
	struct err err = {0};
	scratch_put(folder, "p.yaml", text);
	const char *const paths[] = {path};
	agent_need(stack_load(SOURCE_DIR, paths, 1, &stack, &err), &err);
	struct look_options options = {.stack = stack->policies, .host = {.root = root}, .only = only};
	agent_need(look_now(&options, &round, &err), &err);
	return json_incref(json_array_get(round->results, 0));
}

static char *verdict_of_first(const char *root, const char *text, const char *const *only) {
	CLEANUP(json_decref_p) json_t *result = first_result(root, text, only);
	return xstrdup(json_string_value(json_object_get(result, "verdict")));
}

static void probe_passes_when_its_control_does(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/allowed", "");
	CLEANUP(free_ptr) char *verdict = verdict_of_first(root, HEAD PROBE CONTROL, NULL);
	assert_string_equal(verdict, "pass");
}

static void probe_is_unknown_when_its_control_fails(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	CLEANUP(free_ptr) char *verdict = verdict_of_first(root, HEAD PROBE CONTROL, NULL);
	assert_string_equal(verdict, "unknown");
}

static void control_is_looked_at_also_when_only_the_probe_is_asked_for(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	const char *const only[] = {"a.probe", NULL};
	scratch_put(root, "etc/allowed", "");
	CLEANUP(free_ptr) char *verdict = verdict_of_first(root, HEAD PROBE CONTROL, only);
	assert_string_equal(verdict, "pass");
}

static void young_host_is_unknown_and_an_old_one_fails(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	CLEANUP(free_ptr) char *young = verdict_of_first(root, HEAD YOUNG, NULL);
	assert_string_equal(young, "unknown");
	scratch_put(root, ".vouch/meta", "{\"/etc/machine-id\":{\"mtime\":1000000000}}");
	CLEANUP(free_ptr) char *old = verdict_of_first(root, HEAD YOUNG, NULL);
	assert_string_equal(old, "fail");
}

#define POLICY_OF "policy: {id: p, version: 1.0.0, framework: 'iso27001:2022', title: P}\n"

static void disabled_rule_is_not_looked_at(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	CLEANUP(json_decref_p)
	json_t *result = first_result(root, POLICY_OF "disable: {a.young: \"keeps no record\"}\nrules:\n" YOUNG, NULL);
	assert_string_equal(json_string_value(json_object_get(result, "verdict")), "notchecked");
	assert_string_equal(json_string_value(json_object_get(result, "reason")), "disabled by p: keeps no record");
	assert_int_equal(json_array_size(json_object_get(result, "sources")), 0);
	assert_int_equal(json_array_size(json_object_get(result, "observed")), 0);
}

static void sources_of_a_disabled_rule_are_not_read(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	CLEANUP(free_ptr) char *path = file_join(root, "p.yaml");
	struct err err = {0};
	scratch_put(root, "p.yaml", POLICY_OF "disable: {a.young: \"keeps no record\"}\nrules:\n" YOUNG CONTROL);
	agent_need(stack_load(SOURCE_DIR, (const char *const[]){path}, 1, &stack, &err), &err);
	agent_need(look_read(&(struct look_options){.stack = stack->policies, .host = {.root = root}}, set, &err),
		   &err);
	size_t allowed = 0;
	for (size_t i = 0; i < sources_count(set); i++) {
		assert_null(strstr(sources_at(set, i)->name, "/etc/record"));
		allowed += strstr(sources_at(set, i)->name, "/etc/allowed") != NULL;
	}
	assert_true(allowed > 0);
}

static void probe_whose_control_is_disabled_is_unknown(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/allowed", "");
	CLEANUP(free_ptr)
	char *verdict = verdict_of_first(root, POLICY_OF "disable: {z.control: \"no\"}\nrules:\n" PROBE CONTROL, NULL);
	assert_string_equal(verdict, "unknown");
}

#define WAIVE(rule, value)                                                                                             \
	"waivers:\n- {id: W-1, rule: " rule ", value: " value ", reason: r, risk: r, measure: m, requester: a, "       \
	"approver: b, from: %s, expires: %s}\nrules:\n"

/* A waiver from so many days from now until so many. */
static char *waived(const char *format, int from, int until) {
	char begin[TIMES_TEXT], end[TIMES_TEXT];
	int64_t now = times_now();
	times_format(now + from * 86400LL, begin);
	times_format(now + until * 86400LL, end);
	struct buf text = {0};
	for (const char *at = format, *next = begin; *at; at++)
		if (at[0] == '%' && at[1] == 's') {
			buf_adds(&text, next);
			next = end;
			at++;
		} else {
			buf_add(&text, at, 1);
		}
	return buf_take(&text);
}

static void waiver_is_a_member_of_the_fail_that_it_waives(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/other", "");
	static const char format[] = POLICY_OF WAIVE("z.control", "{exists: false}") CONTROL;
	CLEANUP(free_ptr) char *now = waived(format, -1, 1);
	CLEANUP(free_ptr) char *over = waived(format, -2, -1);
	CLEANUP(json_decref_p) json_t *result = first_result(root, now, NULL);
	CLEANUP(json_decref_p) json_t *expired = first_result(root, over, NULL);
	assert_string_equal(json_string_value(json_object_get(result, "verdict")), "fail");
	assert_string_equal(json_string_value(json_object_get(json_object_get(result, "waiver"), "id")), "W-1");
	assert_string_equal(json_string_value(json_object_get(expired, "verdict")), "fail");
	assert_null(json_object_get(expired, "waiver"));
	scratch_put(root, "etc/allowed", "");
	CLEANUP(json_decref_p) json_t *passed = first_result(root, now, NULL);
	assert_null(json_object_get(passed, "waiver"));
}

static void waived_control_makes_no_probe_trustworthy(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/other", "");
	CLEANUP(free_ptr) char *text = waived(POLICY_OF WAIVE("z.control", "{exists: false}") PROBE CONTROL, -1, 1);
	CLEANUP(free_ptr) char *verdict = verdict_of_first(root, text, NULL);
	assert_string_equal(verdict, "unknown");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_passes_when_its_control_does),
		cmocka_unit_test(probe_is_unknown_when_its_control_fails),
		cmocka_unit_test(control_is_looked_at_also_when_only_the_probe_is_asked_for),
		cmocka_unit_test(young_host_is_unknown_and_an_old_one_fails),
		cmocka_unit_test(disabled_rule_is_not_looked_at),
		cmocka_unit_test(sources_of_a_disabled_rule_are_not_read),
		cmocka_unit_test(probe_whose_control_is_disabled_is_unknown),
		cmocka_unit_test(waiver_is_a_member_of_the_fail_that_it_waives),
		cmocka_unit_test(waived_control_makes_no_probe_trustworthy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

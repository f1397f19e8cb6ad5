/* Judging: no way leads from a look that failed to a pass. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/judge.h"
#include "tests/fake_checks.h"

static struct catalogue *catalogue;

#define BEGIN                                                                                                          \
	"policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: T}\nrules:\n- id: r\n  title: T\n"       \
	"  controls: [A.8.15]\n  severity: high\n  kind: effect\n  every: 1h\n  why: W\n  fix: F\n"
#define LOOK "  check: sysctl\n  with: {key: k}\n  expect: {running: \"0\"}\n"
#define WHEN "  when: {check: sysctl, with: {key: w}, expect: {running: \"1\"}}\n"
#define TWO                                                                                                            \
	"  checks: {a: {check: sysctl, with: {key: a}}, b: {check: sysctl, with: {key: b}}}\n"                         \
	"  expect: {a.running: b.running}\n"

static struct policy_stack *stack_of(const char *text) {
	struct err err = {0};
	struct policy_stack *stack = NULL;
	if (!policy_stack_parse("p", text, strlen(text), catalogue, fake_checks, &stack, &err))
		fail_msg("%u:%u: %s", err.line, err.column, err.why);
	return stack;
}

static struct view_seen saw(const char *name, json_t *rows) {
	return (struct view_seen){.name = name, .check = &fake_sysctl, .ok = true, .rows = rows};
}

static struct view_seen failed(const char *name, enum err_code code) {
	struct view_seen view = {.name = name, .check = &fake_sysctl};
	err_set(&view.err, code, "file:/proc/x", "open: EACCES (Permission denied)");
	return view;
}

static json_t *running(const char *value) { return json_pack("[{s:s,s:s}]", "key", "k", "running", value); }

static void expect_judged(const char *text, const struct view_seen *views, const struct view_seen *when, int64_t age,
			  bool control_passed, enum verdict verdict, const char *reason) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = stack_of(text);
	const struct rule *rule = policy_rule_find(stack, "r");
	struct judgement judgement = judge(rule, views, when, age, control_passed);
	if (judgement.verdict != verdict || strcmp(judgement.reason, reason) != 0)
		fail_msg("%s: %s", verdict_name(judgement.verdict), judgement.reason);
	judgement_done(&judgement);
}

static void rows_pass_or_fail_with_a_reason(void **state) {
	CLEANUP(json_decref_p) json_t *good = running("0");
	CLEANUP(json_decref_p) json_t *bad = running("1");
	CLEANUP(json_decref_p) json_t *empty = json_array();
	struct view_seen view = saw("", good);
	expect_judged(BEGIN LOOK, &view, NULL, -1, false, VERDICT_PASS, "as expected: running \"0\"");
	view = saw("", bad);
	expect_judged(BEGIN LOOK, &view, NULL, -1, false, VERDICT_FAIL, "k: running is \"1\", expected \"0\"");
	view = saw("", empty);
	expect_judged(BEGIN LOOK, &view, NULL, -1, false, VERDICT_UNKNOWN,
		      "there is nothing to judge: nothing was found");
}

static void failed_look_is_unknown_or_error_by_its_code_and_never_pass(void **state) {
	static const struct {
		enum err_code code;
		enum verdict verdict;
	} table[] = {
		{ERR_ABSENT, VERDICT_UNKNOWN},   {ERR_DENIED, VERDICT_UNKNOWN},   {ERR_TIMEOUT, VERDICT_UNKNOWN},
		{ERR_UNPROVED, VERDICT_UNKNOWN}, {ERR_UNREADABLE, VERDICT_ERROR}, {ERR_MALFORMED, VERDICT_ERROR},
		{ERR_IO, VERDICT_ERROR},         {ERR_NONE, VERDICT_ERROR},       {ERR_UNAPPROVED, VERDICT_NOTCHECKED}};
	/* The first expectation holds on no rows at all: a failed look must not look like no rows. */
	static const char *const texts[] = {BEGIN "  check: sysctl\n  with: {key: k}\n  expect: {none: {running: a}}\n",
					    BEGIN "  check: sysctl\n  with: {key: k}\n  expect: {not: {running: a}}\n"};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		for (size_t j = 0; j < ARRAY_LEN(texts); j++) {
			struct view_seen view = failed("", table[i].code);
			CLEANUP(free_ptr)
			char *reason = xasprintf("%s: file:/proc/x: open: EACCES (Permission denied)",
						 err_code_name(table[i].code));
			expect_judged(texts[j], &view, NULL, -1, true, table[i].verdict, reason);
		}
}

static void one_failed_view_decides(void **state) {
	CLEANUP(json_decref_p) json_t *one = running("1");
	struct view_seen views[] = {saw("a", one), failed("b", ERR_MALFORMED)};
	expect_judged(BEGIN TWO, views, NULL, -1, false, VERDICT_ERROR,
		      "b: malformed: file:/proc/x: open: EACCES (Permission denied)");
	struct view_seen both[] = {failed("a", ERR_DENIED), failed("b", ERR_MALFORMED)};
	expect_judged(BEGIN TWO, both, NULL, -1, false, VERDICT_UNKNOWN,
		      "a: denied: file:/proc/x: open: EACCES (Permission denied)");
	struct view_seen fine[] = {saw("a", one), saw("b", one)};
	expect_judged(BEGIN TWO, fine, NULL, -1, false, VERDICT_PASS, "as expected: a.running b.running");
}

static void when_decides_whether_there_is_anything_to_judge(void **state) {
	CLEANUP(json_decref_p) json_t *on = running("1");
	CLEANUP(json_decref_p) json_t *off = running("0");
	CLEANUP(json_decref_p) json_t *empty = json_array();
	struct view_seen view = saw("", off), broken = failed("", ERR_DENIED), when = saw("", on);
	expect_judged(BEGIN WHEN LOOK, &view, &when, -1, false, VERDICT_PASS, "as expected: running \"0\"");
	when = saw("", off);
	expect_judged(BEGIN WHEN LOOK, &view, &when, -1, false, VERDICT_NOTAPPLICABLE,
		      "does not apply: k: running is \"0\", expected \"1\"");
	expect_judged(BEGIN WHEN LOOK, &broken, &when, -1, false, VERDICT_NOTAPPLICABLE,
		      "does not apply: k: running is \"0\", expected \"1\"");
	when = saw("", empty);
	expect_judged(BEGIN WHEN LOOK, &view, &when, -1, false, VERDICT_UNKNOWN,
		      "whether this applies cannot be said: there is nothing to judge: nothing was found");
	when = failed("", ERR_MALFORMED);
	expect_judged(
		BEGIN WHEN LOOK, &view, &when, -1, false, VERDICT_UNKNOWN,
		"whether this applies could not be seen: malformed: file:/proc/x: open: EACCES (Permission denied)");
	expect_judged(BEGIN WHEN LOOK, &view, NULL, -1, false, VERDICT_UNKNOWN,
		      "whether this applies could not be seen: it was not looked at");
	when = failed("", ERR_UNAPPROVED);
	expect_judged(
		BEGIN WHEN LOOK, &view, &when, -1, false, VERDICT_NOTCHECKED,
		"whether this applies could not be seen: unapproved: file:/proc/x: open: EACCES (Permission denied)");
}

static void young_host_is_unknown_instead_of_fail(void **state) {
	const char text[] = BEGIN LOOK "  min_host_age: 1d\n";
	CLEANUP(json_decref_p) json_t *good = running("0");
	CLEANUP(json_decref_p) json_t *bad = running("1");
	struct view_seen fails = saw("", bad), passes = saw("", good), broken = failed("", ERR_MALFORMED);
	expect_judged(text, &fails, NULL, 86399, false, VERDICT_UNKNOWN,
		      "host too young (under 1d) to say: k: running is \"1\", expected \"0\"");
	expect_judged(text, &fails, NULL, 86400, false, VERDICT_FAIL, "k: running is \"1\", expected \"0\"");
	expect_judged(text, &fails, NULL, -1, false, VERDICT_FAIL, "k: running is \"1\", expected \"0\"");
	expect_judged(text, &passes, NULL, 5, false, VERDICT_PASS, "as expected: running \"0\"");
	expect_judged(text, &broken, NULL, 5, false, VERDICT_ERROR,
		      "malformed: file:/proc/x: open: EACCES (Permission denied)");
}

static void pass_without_its_control_is_unknown(void **state) {
	const char text[] =
		BEGIN LOOK "  needs_control: s\n- id: s\n  title: T\n  controls: [A.8.15]\n  severity: high\n"
			   "  kind: effect\n  every: 1h\n  why: W\n  fix: F\n" LOOK;
	CLEANUP(json_decref_p) json_t *good = running("0");
	CLEANUP(json_decref_p) json_t *bad = running("1");
	struct view_seen passes = saw("", good), fails = saw("", bad);
	expect_judged(text, &passes, NULL, -1, true, VERDICT_PASS, "as expected: running \"0\"");
	expect_judged(text, &passes, NULL, -1, false, VERDICT_UNKNOWN,
		      "cannot be trusted without its control, which did not pass: s");
	expect_judged(text, &fails, NULL, -1, false, VERDICT_FAIL, "k: running is \"1\", expected \"0\"");
}

static void reason_stops_at_its_cap_between_characters(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, BEGIN "  check: sysctl\n  with: {key: k}\n  expect: {any: [");
	for (size_t i = 0; i < 40; i++)
		buf_addf(&text, "%s{running: \"\xc3\xa9\xc3\xa9\xc3\xa9%zu\"}", i ? ", " : "", i);
	buf_adds(&text, "]}\n");
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = stack_of(buf_str(&text));
	CLEANUP(json_decref_p) json_t *bad = running("\x1b[31m");
	struct view_seen view = saw("", bad);
	struct judgement judgement = judge(stack->rules[0], &view, NULL, -1, false);
	CLEANUP(json_decref_p) json_t *valid = json_string(judgement.reason);
	assert_non_null(valid);
	assert_true(strlen(judgement.reason) <= JUDGE_REASON_LONGEST + 3);
	assert_non_null(strstr(judgement.reason, "..."));
	assert_null(strchr(judgement.reason, '\x1b'));
	judgement_done(&judgement);
}

static void verdicts_have_names_both_ways(void **state) {
	for (size_t i = 0; i < VERDICT_COUNT; i++) {
		enum verdict verdict = VERDICT_COUNT;
		assert_true(verdict_from_name(verdict_name((enum verdict)i), &verdict));
		assert_int_equal(verdict, i);
	}
	enum verdict none;
	assert_false(verdict_from_name("waived", &none));
}

/* Compiled patterns keep state of their own: it must not leak from one judgement into the next. */
static void judging_again_gives_the_same(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack =
		stack_of(BEGIN "  check: sysctl\n  with: {key: k}\n  expect: {running: {matches: \"[0-9]+\"}}\n");
	CLEANUP(json_decref_p) json_t *good = running("1234");
	CLEANUP(json_decref_p) json_t *bad = running("12x");
	struct view_seen passes = saw("", good), fails = saw("", bad);
	for (size_t i = 0; i < 421; i++) {
		struct judgement pass = judge(stack->rules[0], &passes, NULL, -1, false);
		struct judgement fail = judge(stack->rules[0], &fails, NULL, -1, false);
		assert_int_equal(pass.verdict, VERDICT_PASS);
		assert_int_equal(fail.verdict, VERDICT_FAIL);
		judgement_done(&pass);
		judgement_done(&fail);
	}
}

static int load_catalogue(void **state) {
	struct err err;
	return catalogue_load(SOURCE_DIR "/policies", &catalogue, &err) ? 0 : -1;
}

static int free_catalogue(void **state) {
	catalogue_free(catalogue);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_pass_or_fail_with_a_reason),
		cmocka_unit_test(failed_look_is_unknown_or_error_by_its_code_and_never_pass),
		cmocka_unit_test(one_failed_view_decides),
		cmocka_unit_test(when_decides_whether_there_is_anything_to_judge),
		cmocka_unit_test(young_host_is_unknown_instead_of_fail),
		cmocka_unit_test(pass_without_its_control_is_unknown),
		cmocka_unit_test(reason_stops_at_its_cap_between_characters),
		cmocka_unit_test(verdicts_have_names_both_ways),
		cmocka_unit_test(judging_again_gives_the_same),
	};
	return cmocka_run_group_tests(tests, load_catalogue, free_catalogue);
}

/* A waiver drafted from what a rule observed: it loads, holds of that, and of nothing else. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cli/waiver_draft.h"
#include "tests/unit/policy_kit.h"

#define FILE_RULE                                                                                                      \
	POLICY("base")                                                                                                 \
	"rules:\n- id: web.off\n" REST                                                                                 \
	"  check: file\n  with: {path: /x}\n  expect: {mode: {at_most: \"0600\"}, uid: "                               \
	"0, tags: {contains: a}}\n"
#define TWO_VIEWS                                                                                                      \
	POLICY("base")                                                                                                 \
	"rules:\n- id: web.off\n" REST "  checks: {one: {check: sysctl, with: {key: a}}, two: {check: sysctl, with: "  \
	"{key: b}}}\n  expect: {one.running: {equals: two.running}}\n"

static const struct waiver_draft plain = {.id = "W-1",
					  .reason = "so \"it\" is: \\ # 'x'",
					  .risk = "$risk {a: b}",
					  .measure = "- none",
					  .requester = "Jane",
					  .approver = "John",
					  .from = "2026-01-01",
					  .expires = "2026-06-01",
					  .host = "web1"};

static struct policy_stack *stack_of(const char *const texts[]) {
	struct policy_stack *stack = NULL;
	struct err err = {0};
	if (!kit_load(NULL, texts, &stack, &err))
		fail_msg("%s:%u:%u: %s\n%s", err.where, err.line, err.column, err.why, texts[1] ? texts[1] : texts[0]);
	return stack;
}

static char *drafted(const char *base, const char *rows, const struct waiver_draft *draft, struct err *err) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = stack_of((const char *const[]){base, NULL});
	CLEANUP(json_decref_p) json_t *observed = json_loads(rows, 0, NULL);
	CLEANUP(json_decref_p) json_t *result = json_pack("{s:O}", "observed", observed);
	struct buf text = {0};
	assert_non_null(result);
	return waiver_draft_write(draft, stack->rules[0], result, &text, err) ? buf_take(&text) : NULL;
}

static bool holds(const struct policy_stack *stack, const char *rows) {
	const struct rule *rule = policy_rule_find(stack, "web.off");
	CLEANUP(json_decref_p) json_t *observed = json_loads(rows, 0, NULL);
	struct view_seen views[2];
	CLEANUP(json_decref_p) json_t *one = json_array();
	CLEANUP(json_decref_p) json_t *two = json_array();
	size_t index;
	json_t *row;
	json_array_foreach(observed, index, row) {
		const char *view = json_string_value(json_object_get(row, "view"));
		json_array_append(view && !strcmp(view, "two") ? two : one, row);
	}
	for (size_t i = 0; i < rule->view_count; i++)
		views[i] = (struct view_seen){
			.name = rule->views[i].name, .check = rule->views[i].check, .ok = true, .rows = i ? two : one};
	return waiver_applies(stack->waivers[0], rule, views, VERDICT_FAIL, stack->waivers[0]->from, stack->host);
}

/* The stack with the draft of these rows in a policy on top. */
static struct policy_stack *loaded(const char *base, const char *rows) {
	struct err err = {0};
	CLEANUP(free_ptr) char *entry = drafted(base, rows, &plain, &err);
	if (!entry)
		fail_msg("%s: %s", err.where, err.why);
	CLEANUP(free_ptr) char *top = xasprintf("%swaivers:\n%s", POLICY("top"), entry);
	return stack_of((const char *const[]){base, top, NULL});
}

#define ROW                                                                                                            \
	"{\"path\": \"/x\", \"mode\": \"0666\", \"uid\": 0, \"size\": 12, \"age\": 77, \"changed\": "                  \
	"\"2026-01-02T03:04:05Z\", \"tags\": [\"a\", \"$b\"], \"sticky\": true}"

static void draft_loads_and_holds_of_what_was_observed(void **state) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = loaded(FILE_RULE, "[" ROW "]");
	const struct waiver *waiver = stack->waivers[0];
	assert_string_equal(waiver->reason, plain.reason);
	assert_string_equal(waiver->risk, plain.risk);
	assert_string_equal(waiver->measure, plain.measure);
	assert_null(waiver->ticket);
	assert_true(holds(stack, "[" ROW "]"));
	const struct policy_host web1 = {"web1", "", "", NULL, 0}, web2 = {"web2", "", "", NULL, 0};
	assert_true(policy_selector_matches(waiver->hosts, &web1, NULL));
	assert_false(policy_selector_matches(waiver->hosts, &web2, NULL));
}

static void draft_holds_of_nothing_else_but_of_what_moves_by_itself(void **state) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = loaded(FILE_RULE, "[" ROW "]");
	static const char *const changes[][2] = {{"0666", "0667"},  {"\"uid\": 0", "\"uid\": 1"},
						 {"12", "13"},      {"$b", "b"},
						 {"true", "false"}, {"/x", "/y"},
						 {"03:04", "03:05"}};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const char *at = strstr(ROW, changes[i][0]);
		CLEANUP(free_ptr)
		char *rows = xasprintf("[%.*s%s%s]", (int)(at - ROW), ROW, changes[i][1], at + strlen(changes[i][0]));
		if (holds(stack, rows))
			fail_msg("%s", rows);
	}
	assert_false(holds(stack, "[" ROW ", {\"path\": \"/y\", \"mode\": \"0666\", \"uid\": 0}]"));
	const char *age = strstr(ROW, "77");
	CLEANUP(free_ptr) char *older = xasprintf("[%.*s78%s]", (int)(age - ROW), ROW, age + 2);
	assert_true(holds(stack, older));
}

static void judged_field_that_is_not_there_stays_away(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack = loaded(FILE_RULE, "[{\"path\": \"/x\", \"mode\": \"0666\"}]");
	assert_true(holds(stack, "[{\"path\": \"/x\", \"mode\": \"0666\"}]"));
	assert_false(holds(stack, "[{\"path\": \"/x\", \"mode\": \"0666\", \"uid\": 5}]"));
}

static void texts_of_the_host_are_only_text(void **state) {
	static const char rows[] = "[{\"key\": \"a: {b}\\n- c\\\"\\\\\\u0001\\u0085\\u2028\\ufeff\\u00e9\\u20ac\", "
				   "\"running\": \"$min\"}]";
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack = loaded(POLICY("base") "rules:\n" RULE("web.off"), rows);
	assert_true(holds(stack, rows));
	assert_false(holds(stack, "[{\"key\": \"a\", \"running\": \"$min\"}]"));
}

static void looks_are_told_apart(void **state) {
	static const char rows[] =
		"[{\"view\": \"one\", \"key\": \"a\", \"running\": \"1\"}, {\"view\": \"two\", \"key\": "
		"\"b\", \"running\": \"2\"}]";
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = loaded(TWO_VIEWS, rows);
	assert_true(holds(stack, rows));
	assert_false(holds(stack,
			   "[{\"view\": \"one\", \"key\": \"a\", \"running\": \"2\"}, {\"view\": \"two\", \"key\": "
			   "\"b\", \"running\": \"1\"}]"));
}

static void what_cannot_be_told_exactly_is_refused(void **state) {
	struct err err = {0};
	const char moving[] = POLICY("base") "rules:\n- id: web.off\n" REST
					     "  check: file\n  with: {path: /x}\n  expect: {age: {at_least: 90d}}\n";
	assert_null(drafted(moving, "[" ROW "]", &plain, &err));
	assert_non_null(strstr(err.why, "moves by itself"));
	struct waiver_draft draft = plain;
	draft.approver = "JANE";
	assert_null(drafted(FILE_RULE, "[" ROW "]", &draft, &err));
	assert_non_null(strstr(err.why, "another person"));
	draft = plain;
	draft.expires = "2027-06-01";
	assert_null(drafted(FILE_RULE, "[" ROW "]", &draft, &err));
	assert_non_null(strstr(err.why, "at most 366 days"));
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = stack_of((const char *const[]){FILE_RULE, NULL});
	CLEANUP(json_decref_p) json_t *cut = json_pack("{s:[], s:{}}", "observed", "omitted");
	CLEANUP(buf_done) struct buf text = {0};
	assert_false(waiver_draft_write(&plain, stack->rules[0], cut, &text, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draft_loads_and_holds_of_what_was_observed),
		cmocka_unit_test(draft_holds_of_nothing_else_but_of_what_moves_by_itself),
		cmocka_unit_test(judged_field_that_is_not_there_stays_away),
		cmocka_unit_test(texts_of_the_host_are_only_text),
		cmocka_unit_test(looks_are_told_apart),
		cmocka_unit_test(what_cannot_be_told_exactly_is_refused),
	};
	return cmocka_run_group_tests(tests, kit_load_catalogue, kit_free_catalogue);
}

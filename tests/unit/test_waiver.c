/* Waivers: what may be waived, and when a waiver lies over a verdict. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/times.h"
#include "core/waiver_text.h"
#include "tests/unit/policy_kit.h"

#define FROM 1767225600LL /* 2026-01-01 */
#define DAY 86400LL

#define FIELDS_WITHOUT_VALUE                                                                                           \
	"  reason: the router needs it\n  risk: networks are joined\n  ticket: SEC-12\n  measure: a firewall\n"        \
	"  requester: Jane Doe\n  approver: John Roe\n  from: 2026-01-01\n  expires: 2026-07-01\n"
#define WAIVER(value) "waivers:\n- id: W-1\n  rule: web.off\n" FIELDS_WITHOUT_VALUE "  value: " value "\n"
#define EXACT WAIVER("{key: k, running: \"1\"}")

static struct view_seen seen(const struct rule *rule, json_t *rows) {
	return (struct view_seen){.name = "", .check = rule->views[0].check, .ok = true, .rows = rows};
}

/* Whether the only waiver of BASE with `top` on it lies over a verdict of web.off about these rows. */
static bool applies(const char *top, const char *rows, enum verdict verdict, int64_t instant,
		    const struct policy_host *host) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = kit_on_base(host, top);
	CLEANUP(json_decref_p) json_t *value = json_loads(rows, 0, NULL);
	const struct rule *rule = policy_rule_find(stack, "web.off");
	const struct view_seen view = seen(rule, value);
	assert_non_null(value);
	assert_int_equal(stack->waiver_count, 1);
	return waiver_find(stack, rule, &view, verdict, instant) != NULL;
}

#define ROWS "[{\"key\": \"k\", \"running\": \"1\", \"persistent\": \"0\"}]"

static void fail_with_the_waived_value_is_waived(void **state) {
	assert_true(applies(POLICY("top") EXACT, ROWS, VERDICT_FAIL, FROM + DAY, NULL));
}

static void another_value_is_not_waived(void **state) {
	assert_false(
		applies(POLICY("top") EXACT, "[{\"key\": \"k\", \"running\": \"2\"}]", VERDICT_FAIL, FROM + DAY, NULL));
	assert_false(applies(POLICY("top") EXACT, "[{\"key\": \"k\"}]", VERDICT_FAIL, FROM + DAY, NULL));
	assert_false(applies(POLICY("top") EXACT, "[]", VERDICT_FAIL, FROM + DAY, NULL));
}

static void further_row_beside_the_waived_one_is_not_waived(void **state) {
	assert_false(applies(POLICY("top") EXACT,
			     "[{\"key\": \"k\", \"running\": \"1\"}, {\"key\": \"l\", \"running\": \"1\"}]",
			     VERDICT_FAIL, FROM + DAY, NULL));
}

static void only_a_fail_is_waived(void **state) {
	for (enum verdict verdict = 0; verdict < VERDICT_COUNT; verdict++)
		assert_int_equal(applies(POLICY("top") EXACT, ROWS, verdict, FROM + DAY, NULL),
				 verdict == VERDICT_FAIL);
}

static void look_that_failed_is_not_waived(void **state) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = kit_on_base(NULL, POLICY("top") EXACT);
	const struct rule *rule = policy_rule_find(stack, "web.off");
	const struct view_seen view = {.name = "", .check = rule->views[0].check, .ok = false};
	assert_null(waiver_find(stack, rule, &view, VERDICT_FAIL, FROM + DAY));
}

static void waiver_begins_and_ends_to_the_second(void **state) {
	int64_t end;
	assert_true(times_parse("2026-07-01T00:00:00Z", &end));
	assert_false(applies(POLICY("top") EXACT, ROWS, VERDICT_FAIL, FROM - 1, NULL));
	assert_true(applies(POLICY("top") EXACT, ROWS, VERDICT_FAIL, FROM, NULL));
	assert_true(applies(POLICY("top") EXACT, ROWS, VERDICT_FAIL, end - 1, NULL));
	assert_false(applies(POLICY("top") EXACT, ROWS, VERDICT_FAIL, end, NULL));
}

static void waiver_is_for_its_hosts(void **state) {
	const struct policy_host web1 = {"web1", "prod", "debian 12", NULL, 0},
				 db1 = {"db1", "prod", "debian 12", NULL, 0},
				 nameless = {"", "prod", "debian 12", NULL, 0};
	const char top[] = POLICY("top") EXACT "  hosts: {names: [web*]}\n";
	assert_true(applies(top, ROWS, VERDICT_FAIL, FROM, &web1));
	assert_false(applies(top, ROWS, VERDICT_FAIL, FROM, &db1));
	assert_false(applies(top, ROWS, VERDICT_FAIL, FROM, &nameless));
	const char any[] = POLICY("top") EXACT "  hosts: {names: [\"*\"]}\n";
	assert_true(applies(any, ROWS, VERDICT_FAIL, FROM, &db1));
	assert_false(applies(any, ROWS, VERDICT_FAIL, FROM, &nameless));
}

static void waiver_of_a_policy_for_other_hosts_is_not_there(void **state) {
	const struct policy_host db1 = {"db1", "prod", "debian 12", NULL, 0};
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack = kit_on_base(&db1, POLICY("top") "hosts: {names: [web*]}\n" EXACT);
	assert_int_equal(stack->waiver_count, 0);
	kit_refused(&db1, POLICY("top") "hosts: {names: [web*]}\n" WAIVER("{speed: \"1\"}"), 14, 11,
		    "has no field \"speed\"");
}

static void rule_that_was_replaced_since_is_not_waived(void **state) {
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *behind = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_loads(ROWS, 0, NULL);
	const char again[] = POLICY("again") "rules:\n- id: web.off\n  replace: true\n" REST LOOK("2");
	assert_true(kit_load(NULL, (const char *const[]){BASE, POLICY("top") EXACT, again, NULL}, &behind, &err));
	const struct rule *rule = policy_rule_find(behind, "web.off");
	const struct view_seen view = seen(rule, rows);
	assert_true(behind->waivers[0]->is_outdated);
	assert_null(waiver_find(behind, rule, &view, VERDICT_FAIL, FROM));
	CLEANUP(policy_stack_free_p) struct policy_stack *before = NULL;
	assert_true(kit_load(NULL, (const char *const[]){BASE, again, POLICY("top") EXACT, NULL}, &before, &err));
	assert_non_null(waiver_find(before, policy_rule_find(before, "web.off"), &view, VERDICT_FAIL, FROM));
}

static void of_several_the_one_that_lasts_longest_counts(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack = kit_on_base(
		NULL, POLICY("top") EXACT
		"- {id: W-2, rule: web.off, value: {running: \"1\"}, reason: r, risk: r, measure: m, requester: a, "
		"approver: b, from: 2026-02-01, expires: 2026-12-01}\n");
	const struct rule *rule = policy_rule_find(stack, "web.off");
	CLEANUP(json_decref_p) json_t *rows = json_loads(ROWS, 0, NULL);
	const struct view_seen view = seen(rule, rows);
	assert_string_equal(waiver_find(stack, rule, &view, VERDICT_FAIL, FROM)->id, "W-1");
	assert_string_equal(waiver_find(stack, rule, &view, VERDICT_FAIL, FROM + 40 * DAY)->id, "W-2");
	assert_int_equal(waiver_next(stack, rule, FROM), FROM + 31 * DAY);
	assert_int_equal(waiver_next(stack, rule, FROM + 40 * DAY), stack->waivers[0]->expires);
	assert_true(waiver_next(stack, rule, stack->waivers[1]->expires) == INT64_MAX);
	assert_true(waiver_next(stack, policy_rule_find(stack, "log.keep"), FROM) == INT64_MAX);
}

static void result_says_who_until_when_and_why(void **state) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = kit_on_base(NULL, POLICY("top") EXACT);
	CLEANUP(json_decref_p) json_t *member = waiver_json(stack->waivers[0]);
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	assert_true(json_canonical(member, &text, &err));
	assert_string_equal(
		buf_str(&text),
		"{\"approver\":\"John Roe\",\"expiresAt\":\"2026-07-01T00:00:00Z\",\"id\":\"W-1\",\"policy\":"
		"\"top\",\"reason\":\"the router needs it\",\"requester\":\"Jane Doe\",\"ticket\":\"SEC-12\"}");
}

/* The value stands in line 13, behind what the others stand in. */
static void value_refused(const char *value, const char *why) {
	CLEANUP(free_ptr)
	char *top = xasprintf("%swaivers:\n- id: W-1\n  rule: web.off\n%s  value: %s\n", POLICY("top"),
			      FIELDS_WITHOUT_VALUE, value);
	struct policy_stack *stack = NULL;
	struct err err = {0};
	if (kit_load(NULL, (const char *const[]){BASE, top, NULL}, &stack, &err))
		fail_msg("loaded: %s", value);
	if (err.line != 13 || !strstr(err.why, why))
		fail_msg("%s: %u: %s", value, err.line, err.why);
}

static void value_that_matches_whatever_is_observed_is_refused(void **state) {
	value_refused("{}", "nothing is expected here");
	value_refused("{running: {}}", "nothing is expected here");
	value_refused("{running: {exists: true}}", "whatever else");
	value_refused("{running: {known: true}}", "whatever else");
	value_refused("{running: {matches: \"(?s).*\"}}", "whatever else");
	value_refused("{running: {not: \"0\"}}", "whatever else");
	value_refused("{every: {any: [{running: \"1\"}, {running: {not: \"1\"}}]}}", "whatever else");
	value_refused("{count: {at_least: 1}}", "further rows");
	value_refused("{running: {matches: \"[ -~]*\"}}", "whatever else");
	value_refused("{running: {matches: \".{4,}\"}}", "whatever else");
}

static void value_that_leaves_rows_or_the_judged_field_open_is_refused(void **state) {
	value_refused("{some: {running: \"1\"}}", "further rows");
	value_refused("{none: {running: \"0\"}}", "further rows");
	value_refused("{count: {where: {running: \"1\"}, equals: 1}}", "further rows");
	value_refused("{not: {running: \"0\"}}", "further rows");
	value_refused("{any: [{running: \"1\"}, {some: {running: \"2\"}}]}", "further rows");
	value_refused("{key: k}", "none of the fields that the rule \"web.off\" judges");
	value_refused("{count: 3}", "further rows");
	value_refused("{all: [{count: {at_most: 200}}, {some: {running: \"1\"}}]}", "further rows");
	value_refused("{key: k, running: {not: \"none such\"}}", "would hold of whatever");
	value_refused("{key: k, running: {matches: \"[ -~]*\"}}", "would hold of whatever");
}

static void value_is_of_the_rules_fields_and_has_no_parameters(void **state) {
	value_refused("{speed: \"1\"}", "has no field \"speed\"");
	value_refused("{running: 1}", "write \"1\"");
	value_refused("{running: $min}", "no parameter");
	value_refused("[running]", "mapping");
}

static void waivers_are_strict(void **state) {
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"  reason: the router needs it\n", "", "needs a field \"reason\""},
		{"  risk: networks are joined\n", "", "needs a field \"risk\""},
		{"  measure: a firewall\n", "", "needs a field \"measure\""},
		{"  requester: Jane Doe\n", "", "needs a field \"requester\""},
		{"  approver: John Roe\n", "", "needs a field \"approver\""},
		{"  from: 2026-01-01\n", "", "needs a field \"from\""},
		{"  expires: 2026-07-01\n", "", "needs a field \"expires\""},
		{"  rule: web.off\n", "", "needs a field \"rule\""},
		{"  value: {key: k, running: \"1\"}\n", "", "needs a field \"value\""},
		{"rule: web.off", "rule: web.of", "there is no rule \"web.of\" to waive"},
		{"2026-07-01", "2027-01-03", "at most 366 days"},
		{"2026-07-01", "2026-01-01", "expires after it begins"},
		{"2026-07-01", "2025-01-01", "expires after it begins"},
		{"2026-07-01", "never", "a date like"},
		{"2026-07-01", "2026-02-30", "a date like"},
		{"John Roe", "Jane Doe", "another person"},
		{"John Roe", "jane  DOE", "another person"},
		{"John Roe", "JaneDoe", "another person"},
		{"John Roe", "\"Jane\\u00a0Doe \"", "another person"},
		{"id: W-1", "id: W 1", "a waiver's id"},
		{"ticket:", "tickets:", "no field \"tickets\""},
		{"waivers:\n", "hosts: {groups: [x]}\nwaivers:\n", NULL},
		{"2026-07-01", "2027-01-02", NULL},
		{"2026-07-01", "2026-07-01T12:00:00Z", NULL},
		{"  ticket: SEC-12\n", "", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char whole[] = POLICY("top") EXACT;
		const char *at = strstr(whole, cases[i].from);
		assert_non_null(at);
		CLEANUP(free_ptr)
		char *top = xasprintf("%.*s%s%s", (int)(at - whole), whole, cases[i].to, at + strlen(cases[i].from));
		CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
		struct err err = {0};
		bool is_loaded = kit_load(NULL, (const char *const[]){BASE, top, NULL}, &stack, &err);
		if (is_loaded != !cases[i].why || (cases[i].why && !strstr(err.why, cases[i].why)))
			fail_msg("%s -> %s: %s", cases[i].from, cases[i].to, err.why);
	}
}

static void capital_letters_beyond_ascii_make_nobody_another_person(void **state) {
	kit_refused(NULL,
		    POLICY("top") "waivers:\n- {id: W, rule: web.off, value: {running: \"1\"}, reason: r, risk: r, "
				  "measure: m, from: 2026-01-01, expires: 2026-02-01, requester: J\xc3\xb6rg,\n"
				  "  approver: J\xc3\x96RG}\n",
		    4, 13, "another person");
}

static void waiver_that_stands_twice_is_refused(void **state) {
	struct err err = {0};
	struct policy_stack *none = NULL;
	const struct policy_host host = {"db1", "", "debian 12", NULL, 0};
	assert_false(kit_load(
		&host,
		(const char *const[]){BASE, POLICY("one") "hosts: {names: [web*]}\n" EXACT, POLICY("two") EXACT, NULL},
		&none, &err));
	assert_non_null(strstr(err.where, "/2.yaml"));
	assert_int_equal(err.line, 3);
	assert_non_null(strstr(err.why, "the waiver \"W-1\" stands in"));
	kit_refused(NULL, POLICY("top") "waivers: []\n", 2, 10, "waivers is empty");
}

static void waivers_stop_at_their_cap(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, POLICY("top") "waivers:\n");
	for (size_t i = 0; i < WAIVERS_MOST; i++)
		buf_addf(&text,
			 "- {id: W-%zu, rule: web.off, value: {running: \"1\"}, reason: r, risk: r, measure: m, "
			 "requester: a, approver: b, from: 2026-02-01, expires: 2026-12-01}\n",
			 i);
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = kit_on_base(NULL, buf_str(&text));
	assert_int_equal(stack->waiver_count, WAIVERS_MOST);
	buf_adds(&text, "- {id: more}\n");
	kit_refused(NULL, buf_str(&text), 2 + WAIVERS_MOST + 1, 3, "more than 1024 waivers");
}

/* Whoever reads the sealed policy finds in it what the result says. */
static void what_a_result_says_is_found_in_the_policys_text(void **state) {
	static const char text[] = POLICY("top") "waivers:\n- id: >\n    W-1\n  rule: >\n    web.off\n"
						 "  reason: >\n    the router\n    needs it\n  risk: r\n  measure: m\n"
						 "  requester: \"Jane Doe \"\n  approver: |\n    John Roe\n"
						 "  from: 2026-01-01\n  expires: 2026-07-01\n"
						 "  value: {key: k, running: \"1\"}\n";
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = kit_on_base(NULL, text);
	CLEANUP(yaml_tree_free_p) struct yaml *tree = NULL;
	CLEANUP(json_decref_p) json_t *waiver = waiver_json(stack->waivers[0]);
	struct err err;
	assert_true(yaml_read(text, strlen(text), "text", &tree, &err));
	assert_true(waiver_is_of(tree, "web.off", waiver, NULL));
	assert_false(waiver_is_of(tree, "web.of", waiver, NULL));
	json_object_set_new(waiver, "reason", json_string("the router needs it not"));
	assert_false(waiver_is_of(tree, "web.off", waiver, NULL));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_result_says_is_found_in_the_policys_text),
		cmocka_unit_test(fail_with_the_waived_value_is_waived),
		cmocka_unit_test(another_value_is_not_waived),
		cmocka_unit_test(further_row_beside_the_waived_one_is_not_waived),
		cmocka_unit_test(only_a_fail_is_waived),
		cmocka_unit_test(look_that_failed_is_not_waived),
		cmocka_unit_test(waiver_begins_and_ends_to_the_second),
		cmocka_unit_test(waiver_is_for_its_hosts),
		cmocka_unit_test(waiver_of_a_policy_for_other_hosts_is_not_there),
		cmocka_unit_test(rule_that_was_replaced_since_is_not_waived),
		cmocka_unit_test(of_several_the_one_that_lasts_longest_counts),
		cmocka_unit_test(result_says_who_until_when_and_why),
		cmocka_unit_test(value_that_matches_whatever_is_observed_is_refused),
		cmocka_unit_test(value_that_leaves_rows_or_the_judged_field_open_is_refused),
		cmocka_unit_test(value_is_of_the_rules_fields_and_has_no_parameters),
		cmocka_unit_test(waivers_are_strict),
		cmocka_unit_test(capital_letters_beyond_ascii_make_nobody_another_person),
		cmocka_unit_test(waiver_that_stands_twice_is_refused),
		cmocka_unit_test(waivers_stop_at_their_cap),
	};
	return cmocka_run_group_tests(tests, kit_load_catalogue, kit_free_catalogue);
}

/* The text file for node_exporter: what stands in it, what does not, and its caps. promtool reads it in a story. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

#include "agent/textfile.h"

static void has(const struct buf *text, const char *line) {
	CLEANUP(free_ptr) char *whole = xasprintf("\n%s\n", line);
	if (!strstr(buf_str(text), whole))
		fail_msg("expected the line \"%s\" in:\n%s", line, buf_str(text));
}

static const struct rule rule = {.id = (char *)"a.mode", .severity = SEVERITY_HIGH};
static const struct rule *rule_list[] = {&rule};

static struct policy_stack one_rule(void) {
	struct policy_stack stack = {0};
	stack.rules = (void *)rule_list;
	stack.rule_count = 1;
	return stack;
}

static void add(json_t *results, const char *id, const char *verdict) {
	json_array_append_new(results, json_pack("{s:s, s:s}", "rule", id, "verdict", verdict));
}

static void failing_rules_are_named_unless_they_are_waived(void **state) {
	const struct policy_stack stack = one_rule();
	CLEANUP(json_decref_p) json_t *results = json_array();
	CLEANUP(buf_done) struct buf text = {0};
	add(results, "a.mode", "fail");
	add(results, "b.mode", "pass");
	add(results, "c.mode", "fail");
	json_object_set_new(json_array_get(results, 2), "waiver", json_object());
	textfile_results(&stack, results, &text);
	has(&text, "vouch_agent_results{verdict=\"fail\"} 2");
	has(&text, "vouch_agent_results{verdict=\"pass\"} 1");
	has(&text, "vouch_agent_results{verdict=\"unknown\"} 0");
	has(&text, "vouch_agent_waived_rules 1");
	has(&text, "vouch_agent_rule_failing{rule=\"a.mode\",severity=\"high\"} 1");
	assert_null(strstr(buf_str(&text), "c.mode"));
	has(&text, "vouch_agent_rule_failing_truncated 0");
}

static void number_of_named_rules_has_a_cap_and_the_rest_is_counted(void **state) {
	const struct policy_stack stack = one_rule();
	CLEANUP(json_decref_p) json_t *results = json_array();
	CLEANUP(buf_done) struct buf text = {0};
	for (int i = 0; i < TEXTFILE_FAILING_MOST + 3; i++) {
		CLEANUP(free_ptr) char *id = xasprintf("r%d", i);
		add(results, id, "fail");
	}
	textfile_results(&stack, results, &text);
	assert_non_null(strstr(buf_str(&text), "rule=\"r99\""));
	assert_null(strstr(buf_str(&text), "rule=\"r100\""));
	has(&text, "vouch_agent_rule_failing_truncated 3");
}

static void what_never_was_has_no_instant(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	const struct textfile textfile = {.results = "", .round_at = 1800000000, .is_sealed = true, .sequence = 7};
	textfile_text(&textfile, &text);
	has(&text, "vouch_agent_last_round_timestamp_seconds 1800000000");
	has(&text, "vouch_agent_last_round_sealed 1");
	has(&text, "vouch_agent_chain_sequence 7");
	assert_null(strstr(buf_str(&text), "last_acknowledged"));
	assert_null(strstr(buf_str(&text), "certificate_expiry"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_rules_are_named_unless_they_are_waived),
		cmocka_unit_test(number_of_named_rules_has_a_cap_and_the_rest_is_counted),
		cmocka_unit_test(what_never_was_has_no_instant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

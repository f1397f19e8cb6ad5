/* What vouchd keeps of each rule's result between rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "agent/current.h"
#include "core/mem.h"

#define ROWS 200

static json_t *result_new(void) {
	json_t *rows = json_array();
	for (json_int_t i = 0; i < ROWS; i++)
		json_array_append_new(rows, json_pack("{s:s,s:I}", "path", "/usr/bin/program", "mode", i));
	return json_pack("{s:s,s:s,s:o}", "rule", "a.rule", "verdict", "pass", "observed", rows);
}

static void result_comes_back_as_it_was_kept(void **state) {
	struct rule rule = {.id = (char *)"a.rule"};
	struct rule *rules[] = {&rule};
	const struct policy_stack stack = {.rules = rules, .rule_count = 1};
	CLEANUP(json_decref_p) json_t *result = result_new();
	CLEANUP(buf_done) struct buf canonical = {0};
	struct err err;
	struct current *current = current_new(1);
	assert_true(json_canonical(result, &canonical, &err));
	for (int i = 0; i < 2; i++) {
		current_keep(current, &stack, 0, result, 7);
		CLEANUP(json_decref_p) json_t *value = current_value(current, 0);
		CLEANUP(free_ptr) char *text = current_text(current, 0);
		assert_true(json_equal(value, result));
		assert_string_equal(text, buf_str(&canonical));
		assert_int_equal(current[0].looked_at, 7);
	}
	assert_true(current[0].result_len < canonical.len / 4);
	current_free(current, 1);
}

static void nothing_is_known_before_the_first_look(void **state) {
	struct current *current = current_new(1);
	assert_null(current_text(current, 0));
	CLEANUP(json_decref_p) json_t *value = current_value(current, 0);
	assert_true(json_is_null(value));
	current_free(current, 1);
}

/* Which seal() refuses: such a round makes no statement. */
static void what_cannot_be_read_back_is_null(void **state) {
	struct rule rule = {.id = (char *)"a.rule"};
	struct rule *rules[] = {&rule};
	const struct policy_stack stack = {.rules = rules, .rule_count = 1};
	CLEANUP(json_decref_p) json_t *result = result_new();
	struct current *current = current_new(1);
	current_keep(current, &stack, 0, result, 7);
	current[0].result[current[0].result_len / 2] ^= 1;
	CLEANUP(json_decref_p) json_t *value = current_value(current, 0);
	assert_true(json_is_null(value));
	current_free(current, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(result_comes_back_as_it_was_kept),
		cmocka_unit_test(nothing_is_known_before_the_first_look),
		cmocka_unit_test(what_cannot_be_read_back_is_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

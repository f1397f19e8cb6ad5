#include "core/policy_outline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/catalogue.h"
#include "core/check.h"
#include "core/policy.h"

extern const struct check *const checks_all[];

static struct policy_outline *outline_of(const char *text) {
	struct policy_outline *outline = NULL;
	struct err err;
	if (!policy_outline_read(text, strlen(text), "p.yaml", &outline, &err))
		fail_msg("%u: %s", err.line, err.why);
	return outline;
}

static void rules_have_their_controls_though_nobody_knows_the_check(void **state) {
	CLEANUP(policy_outline_free_p)
	struct policy_outline *outline =
		outline_of("policy: {id: p, version: 2.0.0, title: Later}\n"
			   "rules:\n"
			   "  - {id: b.x, title: B, controls: [A.8.15, A.8.9], check: of tomorrow}\n"
			   "  - {id: a.x, title: A, controls: [A.8.1], key: true, severity: high}\n");
	const struct policy_outline_rule *rule = policy_outline_find(outline, "b.x");
	assert_string_equal(outline->version, "2.0.0");
	assert_int_equal(outline->rule_count, 2);
	assert_string_equal(outline->rules[0].id, "a.x");
	assert_true(outline->rules[0].key);
	assert_true(policy_outline_supports(rule, "A.8.15"));
	assert_true(policy_outline_supports(rule, "A.8.9"));
	assert_false(policy_outline_supports(rule, "A.8.1"));
	assert_false(rule->key);
	assert_null(policy_outline_find(outline, "c.x"));
}

static void what_cannot_be_told_apart_is_refused(void **state) {
	static const char *const wrong[][2] = {
		{"rules: []\n", "policy"},
		{"policy: {id: p}\nrules: {}\n", "rules"},
		{"policy: {id: p}\nrules: [{title: x, controls: [A.8.1]}]\n", "id"},
		{"policy: {id: p}\nrules: [{id: a.x}]\n", "controls"},
		{"policy: {id: p}\nrules: [{id: a.x, controls: A.8.1}]\n", "controls"},
		{"policy: {id: p}\nrules: [{id: a.x, controls: [8.10]}]\n", "control"},
		{"policy: {id: p}\nrules: [{id: a.x, controls: []}, {id: a.x, controls: []}]\n", "a.x comes twice"},
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct policy_outline *outline = NULL;
		struct err err;
		assert_false(policy_outline_read(wrong[i][0], strlen(wrong[i][0]), "p.yaml", &outline, &err));
		assert_int_equal(err.code, ERR_SYNTAX);
		if (!strstr(err.why, wrong[i][1]))
			fail_msg("%s", err.why);
	}
}

/* What judges and what reads agree on the baseline. */
static void the_outline_of_the_baseline_is_what_is_judged_by(void **state) {
	CLEANUP(catalogue_free_p) struct catalogue *catalogue = NULL;
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	const char *const paths[] = {SOURCE_DIR "/policies/linux-baseline"};
	struct err err;
	assert_true(catalogue_load(SOURCE_DIR "/policies", &catalogue, &err));
	assert_true(policy_stack_load(paths, 1, catalogue, checks_all, &stack, &err));
	CLEANUP(policy_outline_free_p) struct policy_outline *outline = outline_of(buf_str(&stack->policies[0]->bytes));
	assert_true(outline->rule_count > 100);
	assert_int_equal(outline->rule_count, stack->rule_count);
	for (size_t i = 0; i < stack->rule_count; i++) {
		const struct rule *rule = stack->rules[i];
		const struct policy_outline_rule *other = &outline->rules[i];
		assert_string_equal(other->id, rule->id);
		assert_string_equal(other->title, rule->title);
		assert_string_equal(other->severity, severity_name(rule->severity));
		assert_int_equal(other->key, rule->key);
		assert_int_equal(other->control_count, rule->control_count);
		for (size_t k = 0; k < rule->control_count; k++)
			assert_string_equal(other->controls[k], rule->controls[k]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_have_their_controls_though_nobody_knows_the_check),
		cmocka_unit_test(what_cannot_be_told_apart_is_refused),
		cmocka_unit_test(the_outline_of_the_baseline_is_what_is_judged_by),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

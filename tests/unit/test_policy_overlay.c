/* Policies on top of others: which hosts they are for, and what they disable and replace. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/policy_kit.h"

static const char *const groups[] = {"web", "dmz"};
static const struct policy_host web1 = {"Web1.example.org", "prod", "debian 12", groups, 2};
static const struct policy_host bare = {"db1", "", "rhel 9.4", NULL, 0};

#define OFF "disable: {web.off: \"is a router\"}\n"

static void overlay_is_for_the_hosts_that_it_selects(void **state) {
	static const struct {
		const char *hosts;
		bool web1, bare;
	} cases[] = {
		{"{names: [web*]}", true, false},
		{"{names: [db?, web1.example.org]}", true, true},
		{"{groups: [mail, dmz]}", true, false},
		{"{environments: [prod]}", true, false},
		{"{environments: [test]}", false, false},
		{"{os: [debian]}", true, false},
		{"{os: [debian 12]}", true, false},
		{"{os: [debian 1]}", false, false},
		{"{os: [rhel]}", false, true},
		{"{names: [web*], environments: [test]}", false, false},
		{"{names: [web*], groups: [web], environments: [prod], os: [debian]}", true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(free_ptr) char *top = xasprintf("%shosts: %s\n%s", POLICY("top"), cases[i].hosts, OFF);
		CLEANUP(policy_stack_free_p) struct policy_stack *on_web1 = kit_on_base(&web1, top);
		CLEANUP(policy_stack_free_p) struct policy_stack *on_bare = kit_on_base(&bare, top);
		CLEANUP(policy_stack_free_p) struct policy_stack *anywhere = kit_on_base(NULL, top);
		if (!!policy_rule_find(on_web1, "web.off")->disabled != cases[i].web1 ||
		    !!policy_rule_find(on_bare, "web.off")->disabled != cases[i].bare)
			fail_msg("%s", cases[i].hosts);
		assert_int_equal(on_web1->policy_count, cases[i].web1 ? 2 : 1);
		assert_int_equal(on_web1->left_out_count, cases[i].web1 ? 0 : 1);
		assert_non_null(policy_rule_find(anywhere, "web.off")->disabled);
	}
}

static void overlay_that_is_left_out_says_why_and_contributes_nothing(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack =
		kit_on_base(&bare, POLICY("top") "hosts: {environments: [prod, stage]}\nset:\n  "
						 "log.keep: {min: 7d}\n" OFF "rules:\n" RULE("more"));
	assert_int_equal(stack->rule_count, 2);
	assert_int_equal(json_integer_value(json_object_get(stack->rules[0]->params, "min")), 90 * 86400);
	assert_string_equal(stack->left_out[0]->id, "top");
	assert_string_equal(stack->left_out[0]->left_out, "its environment is not set, not prod or stage");
	assert_null(policy_rule_find(stack, "web.off")->disabled);
}

static void overlay_for_others_is_read_all_the_same(void **state) {
#define OTHERS POLICY("top") "hosts: {groups: [mail]}\n"
	kit_refused(&bare, OTHERS "disable: {web.of: gone}\n", 3, 11, "there is no rule \"web.of\" to disable");
	kit_refused(&bare, OTHERS "set: {log.keep: {max: 1d}}\n", 3, 18, "no parameter \"max\"");
	kit_refused(&bare, OTHERS "set: {log.keep: {min: soon}}\n", 3, 23, "min");
	kit_refused(&bare, OTHERS "rules:\n- id: x\n" REST "  check: sysctl\n  with: {k: k}\n  expect: {running: a}\n",
		    13, 10, "no parameter \"k\"");
	kit_refused(&bare, OTHERS "rules:\n" RULE("a") RULE("a"), 15, 3, "line 4, already");
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack =
		kit_on_base(&bare, OTHERS "disable: {x: \"not here\"}\nrules:\n" RULE("x") "- id: web.off\n  replace: "
											   "true\n" REST LOOK("1"));
	assert_int_equal(stack->rule_count, 2);
	assert_null(policy_rule_find(stack, "web.off")->below);
}

static void selector_is_strict(void **state) {
	kit_refused(NULL, POLICY("top") "hosts: {name: [a]}\n" OFF, 2, 9, "hosts has no field \"name\"");
	kit_refused(NULL, POLICY("top") "hosts: {}\n" OFF, 2, 8, "hosts is empty");
	kit_refused(NULL, POLICY("top") "hosts: {groups: []}\n" OFF, 2, 17, "groups is empty");
	kit_refused(NULL, POLICY("top") "hosts: {groups: web}\n" OFF, 2, 17, "has to be a sequence");
	kit_refused(NULL, POLICY("top") "hosts: {groups: [\"\"]}\n" OFF, 2, 18, "is empty");
	kit_refused(NULL, POLICY("top") "hosts: [web]\n" OFF, 2, 8, "has to be a mapping");
	const struct policy_host nameless = {"", "prod", "", NULL, 0};
	kit_refused(&nameless, POLICY("top") "hosts: {names: [a]}\n" OFF, 2, 8, "its name is not known");
	kit_refused(&nameless, POLICY("top") "hosts: {os: [a]}\n" OFF, 2, 8, "its os is not known");
}

static void selector_stops_at_its_caps(void **state) {
	CLEANUP(buf_done) struct buf words = {0};
	CLEANUP(buf_done) struct buf word = {0};
	for (size_t i = 0; i < POLICY_SELECTOR_WORDS_MOST; i++)
		buf_addf(&words, "%sw", i ? ", " : "");
	for (size_t i = 0; i < POLICY_SELECTOR_WORD_LONGEST; i++)
		buf_adds(&word, "w");
	CLEANUP(free_ptr) char *most = xasprintf("%shosts: {groups: [%s]}\n%s", POLICY("t"), buf_str(&words), OFF);
	CLEANUP(free_ptr) char *over = xasprintf("%shosts: {groups: [%s, w]}\n%s", POLICY("t"), buf_str(&words), OFF);
	CLEANUP(free_ptr) char *longest = xasprintf("%shosts: {groups: [%s]}\n%s", POLICY("t"), buf_str(&word), OFF);
	CLEANUP(free_ptr) char *longer = xasprintf("%shosts: {groups: [%sw]}\n%s", POLICY("t"), buf_str(&word), OFF);
	CLEANUP(policy_stack_free_p) struct policy_stack *one = kit_on_base(&bare, most);
	CLEANUP(policy_stack_free_p) struct policy_stack *two = kit_on_base(&bare, longest);
	kit_refused(NULL, over, 2, 17, "more than 256");
	kit_refused(NULL, longer, 2, 18, "longer than 255");
}

static void disabled_rule_names_who_and_why(void **state) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = kit_on_base(NULL, POLICY("top") OFF);
	const struct rule *rule = policy_rule_find(stack, "web.off");
	assert_string_equal(rule->disabled, "disabled by top: is a router");
	assert_non_null(strstr(rule->disabled_at, "/1.yaml:2"));
	assert_null(policy_rule_find(stack, "log.keep")->disabled);
	assert_int_equal(stack->rule_count, 2);
	struct judgement judgement = judge(rule, NULL, NULL, -1, true);
	assert_int_equal(judgement.verdict, VERDICT_NOTCHECKED);
	assert_string_equal(judgement.reason, "disabled by top: is a router");
	judgement_done(&judgement);
}

static void later_policy_disables_for_another_reason_or_enables(void **state) {
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *again = NULL;
	CLEANUP(policy_stack_free_p) struct policy_stack *enabled = NULL;
	assert_true(kit_load(NULL,
			     (const char *const[]){BASE, POLICY("one") OFF,
						   POLICY("two") "disable: {web.off: \"has no web\"}\n", NULL},
			     &again, &err));
	assert_string_equal(policy_rule_find(again, "web.off")->disabled, "disabled by two: has no web");
	assert_true(kit_load(NULL,
			     (const char *const[]){BASE, POLICY("one") OFF, POLICY("two") "enable: [web.off]\n", NULL},
			     &enabled, &err));
	assert_null(policy_rule_find(enabled, "web.off")->disabled);
}

static void disable_and_enable_are_strict(void **state) {
	kit_refused(NULL, POLICY("top") "disable: {web.of: gone}\n", 2, 11, "there is no rule \"web.of\" to disable");
	kit_refused(NULL, POLICY("top") "disable: {web.off: \"\"}\n", 2, 20, "is empty");
	kit_refused(NULL, POLICY("top") "disable: {web.off: null}\n", 2, 20, "write \"null\"");
	kit_refused(NULL, POLICY("top") "disable: {}\n", 2, 10, "disable is empty");
	kit_refused(NULL, POLICY("top") "disable: [web.off]\n", 2, 10, "has to be a mapping");
	kit_refused(NULL, POLICY("top") "enable: [web.of]\n", 2, 10, "there is no rule \"web.of\" to enable");
	kit_refused(NULL, POLICY("top") "enable: []\n", 2, 9, "enable is empty");
	kit_refused(NULL, POLICY("top") OFF "enable: [web.off]\n", 3, 10, "disabled by this policy itself");
	kit_refused(NULL, POLICY("top"), 1, 1, "needs a field \"rules\"");
	CLEANUP(buf_done) struct buf reason = {0};
	for (size_t i = 0; i < POLICY_DISABLE_LONGEST; i++)
		buf_adds(&reason, "r");
	CLEANUP(free_ptr) char *most = xasprintf("%sdisable: {web.off: %s}\n", POLICY("top"), buf_str(&reason));
	CLEANUP(free_ptr) char *over = xasprintf("%sdisable: {web.off: %sr}\n", POLICY("top"), buf_str(&reason));
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = kit_on_base(NULL, most);
	kit_refused(NULL, over, 2, 20, "longer than 500 bytes");
}

static void entries_of_enable_stop_at_their_cap(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, POLICY("top") "enable:\n");
	for (size_t i = 0; i < POLICY_DISABLED_MOST; i++)
		buf_adds(&text, "- web.off\n");
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = kit_on_base(NULL, buf_str(&text));
	buf_adds(&text, "- web.off\n");
	kit_refused(NULL, buf_str(&text), 2 + POLICY_DISABLED_MOST + 1, 3, "more than 4096");
}

static void replacing_rule_takes_the_place_of_the_one_below(void **state) {
	CLEANUP(policy_stack_free_p)
	struct policy_stack *stack =
		kit_on_base(NULL, POLICY("top") "rules:\n- id: web.off\n  replace: true\n" REST LOOK("1"));
	assert_int_equal(stack->rule_count, 2);
	const struct rule *rule = policy_rule_find(stack, "web.off");
	assert_string_equal(rule->policy->id, "top");
	assert_string_equal(rule->below->policy->id, "base");
	CLEANUP(json_decref_p) json_t *expected = expect_json(rule->expect);
	assert_string_equal(json_string_value(json_object_get(expected, "running")), "1");
}

static void the_last_of_three_counts(void **state) {
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
#define AGAIN "rules:\n- id: web.off\n  replace: true\n" REST LOOK("1")
	assert_true(kit_load(NULL, (const char *const[]){BASE, POLICY("one") AGAIN, POLICY("two") AGAIN, NULL}, &stack,
			     &err));
	assert_string_equal(policy_rule_find(stack, "web.off")->policy->id, "two");
	assert_string_equal(policy_rule_find(stack, "web.off")->below->below->policy->id, "base");
}

static void replacing_is_said_aloud_and_has_something_to_replace(void **state) {
	kit_refused(NULL, POLICY("top") "rules:\n" RULE("web.off"), 3, 3, "write \"replace: true\"");
	kit_refused(NULL, POLICY("top") "rules:\n- id: web.of\n  replace: true\n" REST LOOK("1"), 3, 3,
		    "no rule \"web.of\" below this one");
	kit_refused(NULL, POLICY("top") AGAIN "- id: web.off\n  replace: true\n" REST LOOK("2"), 15, 3,
		    "line 3, already");
	kit_refused(NULL, POLICY("top") "rules:\n- id: web.off\n  replace: yes\n" REST LOOK("1"), 4, 12,
		    "true or false");
	/* A value for a parameter that only the replaced rule had would change nothing. */
	struct err err = {0};
	struct policy_stack *none = NULL;
	assert_false(kit_load(
		NULL,
		(const char *const[]){BASE, POLICY("one") "set: {log.keep: {min: 1d}}\n",
				      POLICY("two") "rules:\n- id: log.keep\n  replace: true\n" REST LOOK("1"), NULL},
		&none, &err));
	assert_non_null(strstr(err.why, "has no parameter \"min\""));
}

static void policies_stop_at_their_caps(void **state) {
	char *texts[POLICY_READ_MOST + 2] = {(char *)BASE};
	struct err err = {0};
	struct policy_stack *none = NULL;
	CLEANUP(policy_stack_free_p) struct policy_stack *most = NULL;
	CLEANUP(policy_stack_free_p) struct policy_stack *others = NULL;
	for (size_t i = 1; i <= POLICY_READ_MOST; i++)
		texts[i] = xasprintf("policy: {id: p%zu, version: 1.0.0, framework: \"iso27001:2022\", title: T}\n%s%s",
				     i, i < POLICY_STACK_MOST ? "" : "hosts: {groups: [mail]}\n", OFF);
	assert_false(kit_load(&web1, (const char *const *)texts, &none, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	free(texts[POLICY_READ_MOST]);
	texts[POLICY_READ_MOST] = NULL;
	assert_true(kit_load(&web1, (const char *const *)texts, &others, &err));
	assert_int_equal(others->policy_count, POLICY_STACK_MOST);
	char *last = texts[POLICY_STACK_MOST + 1];
	texts[POLICY_STACK_MOST + 1] = NULL;
	const struct policy_host mail = {"m", "", "debian 12", (const char *const[]){"mail"}, 1};
	assert_false(kit_load(&mail, (const char *const *)texts, &none, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	texts[POLICY_STACK_MOST + 1] = last;
	for (size_t i = 1; i < POLICY_READ_MOST; i++)
		free(texts[i]);
}

static void nothing_left_for_the_host_is_an_error(void **state) {
	struct err err = {0};
	struct policy_stack *none = NULL;
	assert_false(kit_load(&bare,
			      (const char *const[]){POLICY("one") "hosts: {groups: [web]}\nrules:\n" RULE("a"), NULL},
			      &none, &err));
	assert_string_equal(err.why, "no rule is left for this host");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlay_is_for_the_hosts_that_it_selects),
		cmocka_unit_test(overlay_that_is_left_out_says_why_and_contributes_nothing),
		cmocka_unit_test(overlay_for_others_is_read_all_the_same),
		cmocka_unit_test(selector_is_strict),
		cmocka_unit_test(selector_stops_at_its_caps),
		cmocka_unit_test(disabled_rule_names_who_and_why),
		cmocka_unit_test(later_policy_disables_for_another_reason_or_enables),
		cmocka_unit_test(disable_and_enable_are_strict),
		cmocka_unit_test(entries_of_enable_stop_at_their_cap),
		cmocka_unit_test(replacing_rule_takes_the_place_of_the_one_below),
		cmocka_unit_test(the_last_of_three_counts),
		cmocka_unit_test(replacing_is_said_aloud_and_has_something_to_replace),
		cmocka_unit_test(policies_stop_at_their_caps),
		cmocka_unit_test(nothing_left_for_the_host_is_an_error),
	};
	return cmocka_run_group_tests(tests, kit_load_catalogue, kit_free_catalogue);
}

/* What a result is worth now, and what a host's results make of a control: every case of the definition, as tables. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/rollup.h"

#define NOW 1000000
#define HOUR 3600

static void a_result_is_worth_what_its_verdict_times_and_waiver_make_of_it(void **state) {
	static const struct {
		const char *what;
		struct rollup_result result; /* verdict, collected, expires, received, waived until */
		enum rule_state expected;
	} cases[] = {
		{"a pass that stands", {"pass", NOW - 60, NOW + HOUR, NOW - 59, 0}, RULE_PASS},
		{"each verdict", {"fail", NOW - 60, NOW + HOUR, NOW - 59, 0}, RULE_FAIL},
		{"each verdict", {"unknown", NOW - 60, NOW + HOUR, NOW - 59, 0}, RULE_UNKNOWN},
		{"each verdict", {"error", NOW - 60, NOW + HOUR, NOW - 59, 0}, RULE_ERROR},
		{"each verdict", {"notapplicable", NOW - 60, NOW + HOUR, NOW - 59, 0}, RULE_NOTAPPLICABLE},
		{"each verdict", {"notchecked", NOW - 60, NOW + HOUR, NOW - 59, 0}, RULE_NOTCHECKED},
		{"a verdict nobody knows is no pass", {"good", NOW - 60, NOW + HOUR, NOW - 59, 0}, RULE_UNKNOWN},
		{"gap is no verdict", {"gap", NOW - 60, NOW + HOUR, NOW - 59, 0}, RULE_UNKNOWN},
		{"the last second", {"pass", NOW - HOUR, NOW, NOW - HOUR, 0}, RULE_PASS},
		{"the second after", {"pass", NOW - HOUR - 1, NOW - 1, NOW - HOUR - 1, 0}, RULE_GAP},
		{"a fail expires too", {"fail", NOW - 2 * HOUR, NOW - 1, NOW - 2 * HOUR, 0}, RULE_GAP},
		{"what does not apply expires too",
		 {"notapplicable", NOW - 2 * HOUR, NOW - 1, NOW - 2 * HOUR, 0},
		 RULE_GAP},
		{"late spool does not live longer", {"pass", NOW - 5 * HOUR, NOW - 4 * HOUR, NOW - 10, 0}, RULE_GAP},
		{"late spool that still stands", {"pass", NOW - HOUR / 2, NOW + HOUR / 2, NOW - 10, 0}, RULE_PASS},
		{"capped at received + valid: a clock behind the slack",
		 {"pass", NOW - HOUR + 200, NOW + 200, NOW - HOUR - 1, 0},
		 RULE_GAP},
		{"a clock a year ahead", {"pass", NOW + 31536000, NOW + 31536000 + HOUR, NOW, 0}, RULE_UNKNOWN},
		{"a clock a year ahead, much later",
		 {"pass", NOW + 31536000, NOW + 31536000 + HOUR, NOW - 9 * HOUR, 0},
		 RULE_GAP},
		{"a fail of a clock ahead says nothing either",
		 {"fail", NOW + 400, NOW + 400 + HOUR, NOW, 0},
		 RULE_UNKNOWN},
		{"a clock ahead within the slack", {"pass", NOW + 300, NOW + 300 + HOUR, NOW, 0}, RULE_PASS},
		{"one second more", {"pass", NOW + 301, NOW + 301 + HOUR, NOW, 0}, RULE_UNKNOWN},
		{"waived", {"fail", NOW - 60, NOW + HOUR, NOW - 59, NOW + 1}, RULE_WAIVED},
		{"the waiver has expired while the host is silent",
		 {"fail", NOW - 60, NOW + HOUR, NOW - 59, NOW},
		 RULE_FAIL},
		{"a waiver on what expired is a gap",
		 {"fail", NOW - 2 * HOUR, NOW - 1, NOW - 2 * HOUR, NOW + HOUR},
		 RULE_GAP},
		{"a waiver waives a fail alone", {"error", NOW - 60, NOW + HOUR, NOW - 59, NOW + HOUR}, RULE_ERROR},
		{"a waiver does not touch a pass", {"pass", NOW - 60, NOW + HOUR, NOW - 59, NOW + HOUR}, RULE_PASS},
		{"instants at the end of their range", {"pass", INT64_MIN, INT64_MAX, 0, 0}, RULE_GAP},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum rule_state is = rollup_rule(&cases[i].result, NOW);
		if (is != cases[i].expected)
			fail_msg("%s (%zu): %s, not %s", cases[i].what, i, rule_state_name(is),
				 rule_state_name(cases[i].expected));
	}
}

/* Rules as letters: capital: key and first control; small: informs. p/P pass by effect, d/D pass by design, f/F fail,
 * u/U unknown, e/E error, g/G gap, w/W waived, n/N notapplicable, c/C notchecked. */
static struct rollup_control control_of(const char *rules) {
	static const struct {
		char letter;
		enum rule_state state;
		bool is_effect;
	} letters[] = {
		{'p', RULE_PASS, true},    {'d', RULE_PASS, false},         {'f', RULE_FAIL, true},
		{'u', RULE_UNKNOWN, true}, {'e', RULE_ERROR, true},         {'g', RULE_GAP, true},
		{'w', RULE_WAIVED, true},  {'n', RULE_NOTAPPLICABLE, true}, {'c', RULE_NOTCHECKED, true},
	};
	struct rollup_control control = {0};
	for (; *rules; rules++)
		for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
			if (letters[i].letter == (*rules | 0x20))
				rollup_add(&control, letters[i].state, letters[i].is_effect, !(*rules & 0x20));
	return control;
}

static void a_control_is_what_its_key_rules_make_of_it(void **state) {
	static const struct {
		const char *rules;
		enum control_state expected;
	} cases[] = {
		/* failing before everything */
		{"F", CONTROL_FAILING},
		{"PF", CONTROL_FAILING},
		{"UF", CONTROL_FAILING},
		{"EGF", CONTROL_FAILING},
		{"FWNC", CONTROL_FAILING},
		/* then what cannot say */
		{"U", CONTROL_UNKNOWN},
		{"E", CONTROL_UNKNOWN},
		{"G", CONTROL_UNKNOWN},
		{"PU", CONTROL_UNKNOWN},
		{"PG", CONTROL_UNKNOWN},
		{"PE", CONTROL_UNKNOWN},
		{"DU", CONTROL_UNKNOWN},
		{"CU", CONTROL_UNKNOWN},
		{"WG", CONTROL_UNKNOWN},
		/* operating needs one effect among passes */
		{"P", CONTROL_OPERATING},
		{"PP", CONTROL_OPERATING},
		{"PD", CONTROL_OPERATING},
		{"DDP", CONTROL_OPERATING},
		/* waived and not applicable drop out */
		{"PW", CONTROL_OPERATING},
		{"PN", CONTROL_OPERATING},
		{"DW", CONTROL_DESIGNED},
		{"DN", CONTROL_DESIGNED},
		/* designed: no effect, or one is not checked */
		{"D", CONTROL_DESIGNED},
		{"DD", CONTROL_DESIGNED},
		{"PC", CONTROL_DESIGNED},
		{"DC", CONTROL_DESIGNED},
		{"PDC", CONTROL_DESIGNED},
		/* nothing decides */
		{"", CONTROL_NOTEVALUATED},
		{"W", CONTROL_NOTEVALUATED},
		{"N", CONTROL_NOTEVALUATED},
		{"WN", CONTROL_NOTEVALUATED},
		{"C", CONTROL_NOTEVALUATED},
		{"CC", CONTROL_NOTEVALUATED},
		{"WC", CONTROL_NOTEVALUATED},
		/* rules that inform never decide where key rules do */
		{"Pf", CONTROL_OPERATING},
		{"Pu", CONTROL_OPERATING},
		{"Df", CONTROL_DESIGNED},
		{"Dp", CONTROL_DESIGNED},
		{"Cp", CONTROL_NOTEVALUATED},
		{"Wf", CONTROL_NOTEVALUATED},
		{"Up", CONTROL_UNKNOWN},
		/* without key rules: failing if any fails, else not evaluated */
		{"f", CONTROL_FAILING},
		{"pf", CONTROL_FAILING},
		{"uf", CONTROL_FAILING},
		{"p", CONTROL_NOTEVALUATED},
		{"pp", CONTROL_NOTEVALUATED},
		{"u", CONTROL_NOTEVALUATED},
		{"g", CONTROL_NOTEVALUATED},
		{"w", CONTROL_NOTEVALUATED},
		{"c", CONTROL_NOTEVALUATED},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct rollup_control control = control_of(cases[i].rules);
		enum control_state is = rollup_state(&control);
		if (is != cases[i].expected)
			fail_msg("\"%s\": %s, not %s", cases[i].rules, control_state_name(is),
				 control_state_name(cases[i].expected));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_is_worth_what_its_verdict_times_and_waiver_make_of_it),
		cmocka_unit_test(a_control_is_what_its_key_rules_make_of_it),
	};
	return cmocka_run_group_tests_name("roll-up", tests, NULL, NULL);
}

/* Timelines: what stands when, to the second. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "verify/timeline.h"

static void assert_seconds(const struct timeline *timeline, enum timeline_state state, int64_t seconds) {
	int64_t sum = 0;
	for (size_t i = 0; i < TIMELINE_STATES; i++)
		sum += timeline->seconds[i];
	assert_int_equal(sum, timeline->to - timeline->from);
	assert_int_equal(timeline->seconds[state], seconds);
}

static void a_period_without_results_is_one_gap(void **state) {
	struct timeline timeline = timeline_over(1000, 2000);
	timeline_close(&timeline);
	assert_seconds(&timeline, TIMELINE_GAP, 1000);
	assert_int_equal(timeline.longest_gap, 1000);
	assert_int_equal(timeline.count, 1);
	timeline_done(&timeline);
}

static void a_result_stands_until_it_lapses_and_then_is_a_gap_not_its_last_colour(void **state) {
	struct timeline timeline = timeline_over(1000, 2000);
	timeline_set(&timeline, 900, TIMELINE_PASS, 1300);
	timeline_set(&timeline, 1700, TIMELINE_FAIL, 2500);
	timeline_close(&timeline);
	assert_seconds(&timeline, TIMELINE_PASS, 300);
	assert_seconds(&timeline, TIMELINE_GAP, 400);
	assert_seconds(&timeline, TIMELINE_FAIL, 300);
	timeline_done(&timeline);
}

static void a_result_stands_until_the_next_look(void **state) {
	struct timeline timeline = timeline_over(1000, 2000);
	timeline_set(&timeline, 1000, TIMELINE_PASS, 3000);
	timeline_set(&timeline, 1250, TIMELINE_UNKNOWN, 3000);
	timeline_close(&timeline);
	assert_seconds(&timeline, TIMELINE_PASS, 250);
	assert_seconds(&timeline, TIMELINE_UNKNOWN, 750);
	timeline_done(&timeline);
}

static void a_renewal_behind_a_lapse_does_not_fill_the_gap(void **state) {
	struct timeline timeline = timeline_over(1000, 2000);
	timeline_set(&timeline, 1000, TIMELINE_PASS, 1100);
	timeline_set(&timeline, 1500, TIMELINE_PASS, 1900);
	timeline_close(&timeline);
	assert_seconds(&timeline, TIMELINE_PASS, 500);
	assert_seconds(&timeline, TIMELINE_GAP, 500);
	assert_int_equal(timeline.longest_gap, 400);
	timeline_done(&timeline);
}

static void a_waiver_ends_before_its_result(void **state) {
	struct timeline timeline = timeline_over(1000, 2000);
	timeline_set_waived(&timeline, 1000, 1400, 1800);
	timeline_close(&timeline);
	assert_seconds(&timeline, TIMELINE_WAIVED, 400);
	assert_seconds(&timeline, TIMELINE_FAIL, 400);
	assert_seconds(&timeline, TIMELINE_GAP, 200);
	timeline_done(&timeline);
}

static void a_waiver_that_had_ended_waives_nothing(void **state) {
	struct timeline timeline = timeline_over(1000, 2000);
	timeline_set_waived(&timeline, 1000, 900, 2000);
	timeline_close(&timeline);
	assert_seconds(&timeline, TIMELINE_FAIL, 1000);
	timeline_done(&timeline);
}

static void an_instant_before_the_last_tells_nothing_twice(void **state) {
	struct timeline timeline = timeline_over(1000, 2000);
	timeline_set(&timeline, 1500, TIMELINE_FAIL, 1800);
	timeline_set(&timeline, 1600, TIMELINE_FAIL, 1900);
	timeline_set(&timeline, 1200, TIMELINE_PASS, 2000); /* a clock that was set back */
	timeline_close(&timeline);
	assert_seconds(&timeline, TIMELINE_FAIL, 100);
	assert_seconds(&timeline, TIMELINE_PASS, 400);
	assert_seconds(&timeline, TIMELINE_GAP, 500);
	timeline_done(&timeline);
}

static void what_is_forgotten_is_a_gap(void **state) {
	struct timeline timeline = timeline_over(1000, 2000);
	timeline_set(&timeline, 1000, TIMELINE_PASS, 2000);
	timeline_forget(&timeline, 1300);
	timeline_set(&timeline, 1900, TIMELINE_PASS, 3000);
	timeline_close(&timeline);
	assert_seconds(&timeline, TIMELINE_PASS, 400);
	assert_seconds(&timeline, TIMELINE_GAP, 600);
	assert_int_equal(timeline.count, 3);
	timeline_done(&timeline);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_period_without_results_is_one_gap),
		cmocka_unit_test(a_result_stands_until_it_lapses_and_then_is_a_gap_not_its_last_colour),
		cmocka_unit_test(a_result_stands_until_the_next_look),
		cmocka_unit_test(a_renewal_behind_a_lapse_does_not_fill_the_gap),
		cmocka_unit_test(a_waiver_ends_before_its_result),
		cmocka_unit_test(a_waiver_that_had_ended_waives_nothing),
		cmocka_unit_test(an_instant_before_the_last_tells_nothing_twice),
		cmocka_unit_test(what_is_forgotten_is_a_gap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

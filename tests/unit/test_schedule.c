/* The schedule: rules whose times fit are looked at together, all year, whatever comes between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/schedule.h"
#include "core/mem.h"

#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define BOOT UINT64_C(123456789)

static void rule_is_due_at_multiples_of_its_time_behind_the_first_look(void **state) {
	assert_int_equal(schedule_next(BOOT, BOOT, HOUR), BOOT + HOUR);
	assert_int_equal(schedule_next(BOOT, BOOT + HOUR, HOUR), BOOT + 2 * HOUR);
	/* A timer is late; a look for a change comes between; a host sleeps. */
	assert_int_equal(schedule_next(BOOT, BOOT + HOUR + 20 * SECOND, HOUR), BOOT + 2 * HOUR);
	assert_int_equal(schedule_next(BOOT, BOOT + 90 * MINUTE, HOUR), BOOT + 2 * HOUR);
	assert_int_equal(schedule_next(BOOT, BOOT + 90 * HOUR + MINUTE, HOUR), BOOT + 91 * HOUR);
}

static void look_within_the_slack_before_its_time_serves_it(void **state) {
	assert_int_equal(schedule_next(BOOT, BOOT + HOUR - SCHEDULE_SLACK_US, HOUR), BOOT + 2 * HOUR);
	assert_int_equal(schedule_next(BOOT, BOOT + HOUR - SCHEDULE_SLACK_US - 1, HOUR), BOOT + HOUR);
}

static void no_look_is_further_from_the_next_than_its_time(void **state) {
	for (uint64_t last = BOOT; last < BOOT + 3 * HOUR; last += 7 * SECOND + 11) {
		uint64_t next = schedule_next(BOOT, last, HOUR);
		assert_true(next > last);
		assert_true(next - last <= HOUR + SCHEDULE_SLACK_US);
	}
}

/* A year of rules with the baseline's times, each round up to 40 s late, with a change of one rule every 5 hours or so.
 * What is late or comes between never makes one round two. */
static void year_of_quarters_of_an_hour_is_as_many_rounds(void **state) {
	const uint64_t every[] = {15 * MINUTE, 15 * MINUTE, HOUR, HOUR, 6 * HOUR, DAY, 7 * DAY};
	uint64_t last[ARRAY_LEN(every)], random = 7, change = BOOT + 5 * HOUR, rounds = 1;
	for (size_t i = 0; i < ARRAY_LEN(every); i++)
		last[i] = BOOT;
	for (uint64_t now = BOOT;; rounds++) {
		uint64_t next = UINT64_MAX;
		for (size_t i = 0; i < ARRAY_LEN(every); i++)
			if (schedule_next(BOOT, last[i], every[i]) < next)
				next = schedule_next(BOOT, last[i], every[i]);
		random = random * 6364136223846793005 + 1442695040888963407;
		while (change < next) {
			last[(random >> 33) % ARRAY_LEN(every)] = change;
			change += 5 * HOUR + (random >> 40) % HOUR;
		}
		now = next + (random >> 35) % (40 * SECOND);
		if (next >= BOOT + 365 * DAY)
			break;
		for (size_t i = 0; i < ARRAY_LEN(every); i++)
			if (schedule_next(BOOT, last[i], every[i]) <= now + SCHEDULE_SLACK_US)
				last[i] = now;
	}
	assert_int_equal(rounds, 365 * 96);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_is_due_at_multiples_of_its_time_behind_the_first_look),
		cmocka_unit_test(look_within_the_slack_before_its_time_serves_it),
		cmocka_unit_test(no_look_is_further_from_the_next_than_its_time),
		cmocka_unit_test(year_of_quarters_of_an_hour_is_as_many_rounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

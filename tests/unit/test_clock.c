/* Jumps of the clocks: what is one, and what only looks like it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>

#include "agent/clock.h"
#include "core/mem.h"

#define S INT64_C(1000000)

static void says(struct clocks now, const char *text) {
	const struct clocks before = {.real = 1000 * S, .boot = 500 * S, .monotonic = 400 * S};
	const struct clock_jump jump = clocks_compare(&before, &now);
	CLEANUP(free_ptr) char *said = clock_jump_text(&jump);
	assert_string_equal(said, text);
}

static void clocks_that_go_on_together_have_not_jumped(void **state) {
	says((struct clocks){1060 * S, 560 * S, 460 * S}, "");
	says((struct clocks){1060 * S + S / 2, 560 * S, 460 * S}, ""); /* steered */
}

static void set_clock_is_told_from_a_sleep(void **state) {
	says((struct clocks){4660 * S, 560 * S, 460 * S}, "the clock was set forward by 3600.0 s");
	says((struct clocks){960 * S, 560 * S, 460 * S}, "the clock was set back by 100.0 s");
	says((struct clocks){4660 * S, 4160 * S, 460 * S}, "this host slept for 3600.0 s");
	says((struct clocks){4670 * S, 4160 * S, 460 * S},
	     "this host slept for 3600.0 s; the clock was set forward by 10.0 s");
}

static void jumped(void *context, const struct clock_jump *jump) { (*(int *)context)++; }

static void watch_says_nothing_while_nothing_happens(void **state) {
	sd_event *event = NULL;
	CLEANUP(clock_free_p) struct clock *clock = NULL;
	struct err err;
	int jumps = 0;
	assert_true(sd_event_new(&event) >= 0);
	assert_true(clock_watch(event, jumped, &jumps, &clock, &err));
	assert_int_equal(sd_event_run(event, 0), 0);
	assert_int_equal(jumps, 0);
	clock_free(clock);
	clock = NULL;
	sd_event_unref(event);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_that_go_on_together_have_not_jumped),
		cmocka_unit_test(set_clock_is_told_from_a_sleep),
		cmocka_unit_test(watch_says_nothing_while_nothing_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

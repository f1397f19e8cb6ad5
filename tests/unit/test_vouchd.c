/* vouchd on its loop: one round, and that it ends when it is told to. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/vouchd.h"
#include "tests/unit/agent_home.h"

static struct agent_home agent;
static size_t rounds;
static bool was_error;
static sd_event *loop;

static int make(void **state) {
	agent_home_new(&agent);
	rounds = 0;
	was_error = false;
	return sd_event_new(&loop) < 0;
}

static int drop(void **state) {
	sd_event_unref(loop);
	agent_home_done(&agent);
	return 0;
}

static void count_round(const struct round *round, enum sealed sealed, const struct err *err) {
	rounds++;
	was_error |= err != NULL;
}

/* Ends the loop after the first round; the next would be an hour away. */
static void count_and_end(const struct round *round, enum sealed sealed, const struct err *err) {
	count_round(round, sealed, err);
	sd_event_exit(loop, 7);
}

static int run(struct sealer *sealer, bool once,
	       void (*report)(const struct round *, enum sealed, const struct err *)) {
	CLEANUP(vouchd_free_p) struct vouchd *vouchd = NULL;
	struct err err;
	const struct vouchd_options options = {
		.stack = agent.stack->policies, .sealer = sealer, .host = {.root = agent.root}, .once = once, .report = report};
	assert_true(vouchd_start(loop, &options, &vouchd, &err));
	return sd_event_loop(loop);
}

static char *trigger_of(size_t sequence) {
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, sequence, NULL, NULL);
	return xstrdup(statement ? statement->trigger : "");
}

static void once_is_one_round_and_exit_0(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	assert_int_equal(run(sealer, true, count_round), 0);
	assert_int_equal(rounds, 1);
	assert_false(was_error);
	CLEANUP(free_ptr) char *trigger = trigger_of(3);
	assert_string_equal(trigger, "manual");
}

static void round_that_cannot_be_sealed_is_exit_1_and_reported(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	scratch_put(agent.root, "etc/machine-id", "1123456789abcdef0123456789abcdef\n");
	assert_int_equal(run(sealer, true, count_round), 1);
	assert_int_equal(rounds, 1);
	assert_true(was_error);
}

static void first_round_after_a_boot_says_so(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	scratch_put(agent.root, "proc/sys/kernel/random/boot_id", "b1\n");
	assert_int_equal(run(sealer, false, count_and_end), 7);
	sd_event_unref(loop);
	assert_true(sd_event_new(&loop) >= 0);
	assert_int_equal(run(sealer, false, count_and_end), 7);
	assert_int_equal(rounds, 2);
	CLEANUP(free_ptr) char *boot = trigger_of(3);
	CLEANUP(free_ptr) char *schedule = trigger_of(4);
	assert_string_equal(boot, "boot");
	assert_string_equal(schedule, "schedule");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(once_is_one_round_and_exit_0, make, drop),
		cmocka_unit_test_setup_teardown(round_that_cannot_be_sealed_is_exit_1_and_reported, make, drop),
		cmocka_unit_test_setup_teardown(first_round_after_a_boot_says_so, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

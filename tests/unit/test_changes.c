/* Which rules are looked at when what they read has changed: by a clock that the tests wind. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/changes.h"

#define MINUTE CHANGES_REFILL_US
#define NONE UINT64_MAX

enum { PASSWD, SSHD, BOTH, RULES };

static int make(void **state) {
	static const char *const read[RULES][3] = {[PASSWD] = {"file:/etc/passwd"},
						   [SSHD] = {"file:/etc/ssh", "unit:ssh.service"},
						   [BOTH] = {"file:/etc/passwd", "file:/etc/ssh"}};
	struct changes *changes = changes_new(RULES);
	for (size_t rule = 0; rule < RULES; rule++) {
		struct names *names = names_new();
		for (size_t i = 0; read[rule][i]; i++)
			names_add(names, read[rule][i]);
		changes_read(changes, rule, names);
	}
	*state = changes;
	return 0;
}

static int drop(void **state) {
	changes_free(*state);
	return 0;
}

/* The round that is due by now: the rules that it looks at, a letter each. */
static const char *round_at(struct changes *changes, uint64_t now) {
	static char text[RULES + 1];
	bool due[RULES] = {0};
	size_t count = 0;
	if (changes_due(changes, now) <= now)
		changes_take(changes, now, due);
	for (size_t i = 0; i < RULES; i++)
		if (due[i]) {
			changes_begin(changes, i);
			text[count++] = "psb"[i];
		}
	text[count] = '\0';
	return text;
}

static void change_has_exactly_its_readers_looked_at(void **state) {
	struct changes *changes = *state;
	assert_int_equal(changes_due(changes, 0), NONE);
	changes_mark(changes, "unit:ssh.service", MINUTE);
	assert_string_equal(round_at(changes, MINUTE + CHANGES_QUIET_US), "s");
	assert_int_equal(changes_due(changes, 2 * MINUTE), NONE);
	changes_mark(changes, "file:/etc/passwd", 2 * MINUTE);
	assert_string_equal(round_at(changes, 2 * MINUTE + CHANGES_QUIET_US), "pb");
	changes_mark(changes, "file:/etc/nobody", 3 * MINUTE);
	assert_int_equal(changes_due(changes, 3 * MINUTE), NONE);
}

static void rules_that_have_seen_it_are_not_looked_at_for_it_again(void **state) {
	struct changes *changes = *state;
	const bool seen[RULES] = {true, false, false};
	bool is_marked;
	changes_mark_unseen(changes, "file:/etc/passwd", MINUTE, seen, &is_marked);
	assert_true(is_marked);
	assert_string_equal(round_at(changes, MINUTE + CHANGES_QUIET_US), "b");
	changes_mark(changes, "file:/etc/passwd", 2 * MINUTE);
	changes_mark_unseen(changes, "file:/etc/passwd", 2 * MINUTE, seen, &is_marked);
	assert_string_equal(round_at(changes, 2 * MINUTE + CHANGES_QUIET_US), "pb");
	const bool all[RULES] = {true, true, true};
	changes_mark_unseen(changes, "file:/etc/passwd", 3 * MINUTE, all, &is_marked);
	assert_false(is_marked);
	assert_int_equal(changes_due(changes, 3 * MINUTE), NONE);
}

static void burst_is_one_round_after_it_is_quiet(void **state) {
	struct changes *changes = *state;
	uint64_t now = MINUTE;
	for (unsigned i = 0; i < 4; i++, now += CHANGES_QUIET_US / 2)
		changes_mark(changes, i % 2 ? "unit:ssh.service" : "file:/etc/passwd", now);
	assert_string_equal(round_at(changes, now), "");
	assert_string_equal(round_at(changes, now + CHANGES_QUIET_US), "psb");
	assert_int_equal(changes_due(changes, now + MINUTE), NONE);
}

static void burst_without_end_waits_no_longer_than_its_limit(void **state) {
	struct changes *changes = *state;
	uint64_t begin = MINUTE;
	for (uint64_t now = begin; now < begin + CHANGES_LONGEST_US; now += 1000)
		changes_mark(changes, "file:/etc/passwd", now);
	assert_int_equal(changes_due(changes, begin + CHANGES_LONGEST_US), begin + CHANGES_LONGEST_US);
	assert_string_equal(round_at(changes, begin + CHANGES_LONGEST_US), "pb");
}

/* Marks the name every 10 ms for so long; how many rounds that makes, as a loop with timers makes them. */
static unsigned flap(struct changes *changes, const char *name, uint64_t from, uint64_t until, unsigned *ret_said) {
	unsigned rounds = 0;
	for (uint64_t now = from; now < until; now += 10000) {
		*ret_said += changes_mark(changes, name, now);
		rounds += *round_at(changes, now) != '\0';
	}
	return rounds;
}

static void source_that_flaps_is_looked_at_once_a_minute_and_said_once(void **state) {
	struct changes *changes = *state;
	unsigned said = 0;
	assert_int_equal(flap(changes, "unit:ssh.service", MINUTE, 2 * MINUTE, &said), CHANGES_BUDGET);
	assert_int_equal(flap(changes, "unit:ssh.service", 2 * MINUTE, 32 * MINUTE, &said), 30);
	assert_int_equal(said, 1);
}

static void last_state_of_a_source_that_flapped_is_seen(void **state) {
	struct changes *changes = *state;
	unsigned said = 0;
	flap(changes, "unit:ssh.service", MINUTE, MINUTE + MINUTE / 2, &said);
	uint64_t now = MINUTE + MINUTE / 2;
	assert_int_equal(changes_due(changes, now), 2 * MINUTE);
	assert_string_equal(round_at(changes, 2 * MINUTE - 1), "");
	assert_string_equal(round_at(changes, 2 * MINUTE), "s");
	assert_int_equal(changes_due(changes, 2 * MINUTE), NONE);
}

static void source_that_flaps_keeps_no_other_waiting(void **state) {
	struct changes *changes = *state;
	unsigned said = 0;
	uint64_t now = MINUTE + MINUTE / 2;
	flap(changes, "unit:ssh.service", MINUTE, now, &said);
	changes_mark(changes, "file:/etc/passwd", now);
	for (uint64_t more = now; more < now + CHANGES_QUIET_US; more += 10000)
		changes_mark(changes, "unit:ssh.service", more);
	assert_int_equal(changes_due(changes, now + CHANGES_QUIET_US), now + CHANGES_QUIET_US);
	assert_string_equal(round_at(changes, now + CHANGES_QUIET_US), "pb");
}

static void many_that_flap_share_one_round_a_minute(void **state) {
	struct changes *changes = *state;
	unsigned rounds = 0;
	for (uint64_t now = MINUTE; now < 11 * MINUTE; now += 10000) {
		changes_mark(changes, now / 10000 % 2 ? "unit:ssh.service" : "file:/etc/passwd", now);
		rounds += *round_at(changes, now) != '\0';
	}
	assert_in_range(rounds, 10, 10 + 2 * CHANGES_BUDGET);
}

static void budget_comes_back_and_is_said_anew_when_it_is_used_up_again(void **state) {
	struct changes *changes = *state;
	unsigned said = 0;
	flap(changes, "unit:ssh.service", MINUTE, 2 * MINUTE, &said);
	assert_int_equal(flap(changes, "unit:ssh.service", 20 * MINUTE, 21 * MINUTE, &said), CHANGES_BUDGET);
	assert_int_equal(said, 2);
}

static void change_after_a_look_began_is_kept_for_the_next(void **state) {
	struct changes *changes = *state;
	changes_mark(changes, "file:/etc/passwd", MINUTE);
	assert_string_equal(round_at(changes, MINUTE + CHANGES_QUIET_US), "pb");
	changes_mark(changes, "file:/etc/passwd", MINUTE + CHANGES_QUIET_US);
	assert_string_equal(round_at(changes, MINUTE + 2 * CHANGES_QUIET_US), "pb");
	changes_mark(changes, "file:/etc/passwd", MINUTE + 3 * CHANGES_QUIET_US);
	changes_begin(changes, PASSWD); /* a look by schedule sees it */
	assert_string_equal(round_at(changes, MINUTE + 4 * CHANGES_QUIET_US), "b");
}

static void names_are_those_of_all_rules_each_once(void **state) {
	size_t count;
	const char **names = changes_names(*state, &count);
	assert_int_equal(count, 3);
	assert_string_equal(names[0], "file:/etc/passwd");
	assert_string_equal(names[1], "file:/etc/ssh");
	assert_string_equal(names[2], "unit:ssh.service");
	free(names);
}

static void packed_names_stay_and_more_can_be_added(void **state) {
	CLEANUP(names_free_p) struct names *names = names_new();
	names_pack(names);
	assert_int_equal(names_count(names), 0);
	names_add(names, "file:/a");
	names_add(names, "");
	names_pack(names);
	names_add(names, "file:/a");
	names_add(names, "file:/b");
	names_pack(names);
	names_add(names, "file:/c");
	assert_int_equal(names_count(names), 4);
	assert_string_equal(names_at(names, 0), "file:/a");
	assert_string_equal(names_at(names, 1), "");
	assert_string_equal(names_at(names, 2), "file:/b");
	assert_string_equal(names_at(names, 3), "file:/c");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(change_has_exactly_its_readers_looked_at, make, drop),
		cmocka_unit_test_setup_teardown(rules_that_have_seen_it_are_not_looked_at_for_it_again, make, drop),
		cmocka_unit_test_setup_teardown(burst_is_one_round_after_it_is_quiet, make, drop),
		cmocka_unit_test_setup_teardown(burst_without_end_waits_no_longer_than_its_limit, make, drop),
		cmocka_unit_test_setup_teardown(source_that_flaps_is_looked_at_once_a_minute_and_said_once, make, drop),
		cmocka_unit_test_setup_teardown(last_state_of_a_source_that_flapped_is_seen, make, drop),
		cmocka_unit_test_setup_teardown(source_that_flaps_keeps_no_other_waiting, make, drop),
		cmocka_unit_test_setup_teardown(many_that_flap_share_one_round_a_minute, make, drop),
		cmocka_unit_test_setup_teardown(budget_comes_back_and_is_said_anew_when_it_is_used_up_again, make,
						drop),
		cmocka_unit_test_setup_teardown(change_after_a_look_began_is_kept_for_the_next, make, drop),
		cmocka_unit_test_setup_teardown(names_are_those_of_all_rules_each_once, make, drop),
		cmocka_unit_test(packed_names_stay_and_more_can_be_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

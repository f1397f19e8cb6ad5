/* The chain: at whatever instant a crash comes, no number is used twice and none is left out. Each state that a crash
 * can leave is put together by hand. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "agent/chain.h"
#include "tests/unit/scratch.h"

static struct chain *open_chain(const struct home *home) {
	struct chain *chain = NULL;
	struct err err = {0};
	if (!chain_open(home, &chain, &err))
		fail_msg("%s: %s", err.where, err.why);
	return chain;
}

static struct chain_step step_of(const char *line) {
	return (struct chain_step){
		.digest = hash_of(line, strlen(line)), .line = line, .len = strlen(line), .boot_id = "boot"};
}

static void add_line(const struct home *home, struct chain *chain, const char *line) {
	struct err err;
	struct chain_step step = step_of(line);
	assert_true(chain_add(home, chain, &step, &err));
}

static char *name_of(int64_t sequence, const char *line, char name[SPOOL_NAME_LONGEST]) {
	struct hash digest = hash_of(line, strlen(line));
	return spool_name(sequence, &digest, name);
}

/* Each file that whoever seals replaces in the spool, killed before the new one took its name. */
static void half_a_file_that_a_crash_left_goes_at_the_next_start(void **state) {
	static const char *const files[] = {"chain.json",   "blinds.json", "memory.json",
					    "current.json", "status.json", "format"};
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	chain_close(open_chain(home));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(free_ptr) char *left = xasprintf(".tmp-%s-%zu", files[i], 1000 + i);
		scratch_put(home->spool, left, "{");
	}
	scratch_put(home->spool, "current.json", "{}");
	chain_close(open_chain(home));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(free_ptr) char *left = xasprintf(".tmp-%s-%zu", files[i], 1000 + i);
		assert_false(scratch_has(home->spool, left));
	}
	assert_true(scratch_has(home->spool, "current.json"));
}

static void step_is_in_the_queue_and_in_the_chain(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(chain_close_p) struct chain *chain = open_chain(home);
	char name[SPOOL_NAME_LONGEST], hex[HASH_HEX];
	struct hash digest = hash_of("two\n", 4);
	assert_int_equal(chain->sequence, 0);
	add_line(home, chain, "one\n");
	add_line(home, chain, "two\n");
	assert_int_equal(chain->sequence, 2);
	assert_string_equal(chain->previous, hash_hex(&digest, hex));
	assert_true(scratch_has(home->queue, name_of(1, "one\n", name)));
	assert_true(scratch_has(home->queue, name_of(2, "two\n", name)));
	assert_int_equal(scratch_count(home->incoming), 0);
}

static void reopened_chain_goes_on_where_it_was(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	struct hash policy = hash_of("policy", 6), other = hash_of("other", 5);
	struct chain_step step = step_of("one\n");
	struct err err;
	struct chain *chain = open_chain(home);
	step.policy = &policy;
	step.full = true;
	assert_true(chain_add(home, chain, &step, &err));
	chain_close(chain);
	chain = open_chain(home);
	assert_int_equal(chain->sequence, 1);
	assert_true(chain_has_sealed(chain, &policy));
	assert_false(chain_has_sealed(chain, &other));
	assert_true(chain->full);
	assert_string_equal(chain->boot_id, "boot");
	chain_close(chain);
}

static void second_sealer_is_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(chain_close_p) struct chain *chain = open_chain(home);
	struct chain *second = NULL;
	struct err err;
	assert_false(chain_open(home, &second, &err));
	assert_int_equal(err.code, ERR_REFUSED);
}

/* Crash before chain.json: the line is not part of the chain, half written or whole. */
static void line_that_the_chain_does_not_name_is_thrown_away(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	char name[SPOOL_NAME_LONGEST];
	struct chain *chain = open_chain(home);
	add_line(home, chain, "one\n");
	chain_close(chain);
	scratch_put(home->incoming, name_of(2, "two\n", name), "tw");
	scratch_put(home->incoming, ".tmp-x", "");
	chain = open_chain(home);
	assert_int_equal(chain->sequence, 1);
	assert_int_equal(scratch_count(home->incoming), 0);
	assert_int_equal(scratch_count(home->queue), 1);
	add_line(home, chain, "two again\n");
	assert_true(scratch_has(home->queue, name_of(2, "two again\n", name)));
	chain_close(chain);
}

/* Crash between chain.json and the rename. */
static void line_that_the_chain_names_is_moved_into_the_queue(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	char name[SPOOL_NAME_LONGEST];
	struct err err;
	struct chain *chain = open_chain(home);
	add_line(home, chain, "one\n");
	chain_close(chain);
	CLEANUP(free_ptr) char *queued = file_join(home->queue, name_of(1, "one\n", name));
	CLEANUP(free_ptr) char *incoming = file_join(home->incoming, name);
	assert_true(file_move(queued, incoming, &err));
	chain = open_chain(home);
	assert_int_equal(chain->sequence, 1);
	assert_true(scratch_has(home->queue, name));
	assert_int_equal(scratch_count(home->incoming), 0);
	chain_close(chain);
}

/* Crash after the rename, or after it was shipped. */
static void entry_that_is_gone_from_the_queue_is_not_missed(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	char name[SPOOL_NAME_LONGEST];
	struct err err;
	struct chain *chain = open_chain(home);
	add_line(home, chain, "one\n");
	assert_true(spool_remove(home, name_of(1, "one\n", name), &err));
	chain_close(chain);
	chain = open_chain(home);
	add_line(home, chain, "two\n");
	assert_int_equal(chain->sequence, 2);
	chain_close(chain);
}

/* Files may grow to `bytes` from here on: what a full disk looks like to a writer. */
static void limit_files(rlim_t bytes) {
	struct rlimit limit;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void line_that_does_not_fit_leaves_nothing(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(chain_close_p) struct chain *chain = open_chain(home);
	struct chain_step step = step_of("a line that is longer than the disk has room for\n");
	struct err err;
	add_line(home, chain, "one\n");
	limit_files(10);
	assert_false(chain_add(home, chain, &step, &err));
	limit_files(RLIM_INFINITY);
	assert_int_equal(chain->sequence, 1);
	assert_int_equal(scratch_count(home->incoming), 0);
	assert_int_equal(scratch_count(home->queue), 1);
	assert_true(chain_add(home, chain, &step, &err));
	assert_int_equal(chain->sequence, 2);
}

static void chain_that_cannot_be_written_is_not_lengthened(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(chain_close_p) struct chain *chain = open_chain(home);
	struct chain_step step = step_of("short\n");
	char previous[HASH_HEX];
	struct err err;
	add_line(home, chain, "one\n");
	snprintf(previous, sizeof previous, "%s", chain->previous);
	limit_files(20); /* the line fits, chain.json does not */
	assert_false(chain_add(home, chain, &step, &err));
	limit_files(RLIM_INFINITY);
	assert_int_equal(chain->sequence, 1);
	assert_string_equal(chain->previous, previous);
	assert_int_equal(scratch_count(home->incoming), 0);
	assert_true(chain_add(home, chain, &step, &err));
	assert_int_equal(chain->sequence, 2);
}

static void damaged_chain_is_not_begun_anew(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	struct chain *chain = NULL;
	struct err err;
	const char *const damaged[] = {
		"", "{}", "{\"sequence\":1", "[]",
		"{\"bootId\":\"\",\"entry\":\"../x\",\"full\":false,\"policies\":[],\"previous\":\"\",\"sequence\":1}"};
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		scratch_put(folder, "spool/chain.json", damaged[i]);
		assert_false(chain_open(home, &chain, &err));
	}
}

static void spool_names_are_exact(void **state) {
	char name[SPOOL_NAME_LONGEST];
	assert_true(spool_is_name(name_of(7, "x", name)));
	assert_memory_equal(name, "00000000000000000007-", 21);
	const char *const wrong[] = {"", "7-0123456789abcdef.json", "00000000000000000007-0123456789abcdef.json.reason",
				     "00000000000000000007-0123456789ABCDEF.json", ".tmp-x"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(spool_is_name(wrong[i]));
}

static void refused_entry_keeps_its_reason_beside_it(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(chain_close_p) struct chain *chain = open_chain(home);
	char name[SPOOL_NAME_LONGEST];
	struct err err;
	add_line(home, chain, "one\n");
	assert_true(spool_refuse(home, name_of(1, "one\n", name), "a gap in\033[31m the chain", &err));
	CLEANUP(free_ptr) char *beside = xasprintf("%s.reason", name);
	CLEANUP(free_ptr) char *reason = scratch_text(home->refused, beside);
	CLEANUP(free_ptr) char *line = scratch_text(home->refused, name);
	assert_string_equal(reason, "a gap in?[31m the chain\n");
	assert_string_equal(line, "one\n");
	assert_int_equal(scratch_count(home->queue), 0);
}

static void queue_is_listed_oldest_first(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(chain_close_p) struct chain *chain = open_chain(home);
	CLEANUP(spool_list_done) struct spool_list list = {0};
	struct err err;
	for (int i = 1; i <= 12; i++) {
		CLEANUP(free_ptr) char *line = xasprintf("%d\n", i);
		add_line(home, chain, line);
	}
	assert_true(spool_list(home->queue, &list, &err));
	assert_int_equal(list.count, 12);
	assert_int_equal(list.bytes, 9 * 2 + 3 * 3);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(strtol(list.names[i], NULL, 10), i + 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_a_file_that_a_crash_left_goes_at_the_next_start),
		cmocka_unit_test(step_is_in_the_queue_and_in_the_chain),
		cmocka_unit_test(reopened_chain_goes_on_where_it_was),
		cmocka_unit_test(second_sealer_is_refused),
		cmocka_unit_test(line_that_the_chain_does_not_name_is_thrown_away),
		cmocka_unit_test(line_that_the_chain_names_is_moved_into_the_queue),
		cmocka_unit_test(entry_that_is_gone_from_the_queue_is_not_missed),
		cmocka_unit_test(line_that_does_not_fit_leaves_nothing),
		cmocka_unit_test(chain_that_cannot_be_written_is_not_lengthened),
		cmocka_unit_test(damaged_chain_is_not_begun_anew),
		cmocka_unit_test(spool_names_are_exact),
		cmocka_unit_test(refused_entry_keeps_its_reason_beside_it),
		cmocka_unit_test(queue_is_listed_oldest_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

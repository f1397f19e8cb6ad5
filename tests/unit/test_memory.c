/* What vouchd remembers from look to look, and what previous: makes of it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/memory.h"
#include "core/file.h"
#include "sources/gather.h"
#include "tests/unit/scratch.h"

static struct rule rules[2] = {{.id = (char *)"a.rule"}, {.id = (char *)"b.rule"}};
static struct rule *stack_rules[] = {&rules[0], &rules[1]};
static const struct policy_stack stack = {.rules = stack_rules, .rule_count = 2};
static char *folder, *path;

static int make(void **state) {
	folder = scratch_new();
	path = file_join(folder, "memory.json");
	return 0;
}

static int drop(void **state) {
	scratch_free(&folder);
	free(path);
	return 0;
}

/* A round that looked at both rules; a.rule goes by its own last observation. */
struct made {
	struct round round;
	bool saw[2], looked[2];
	struct names *read[2];
};

static void made_new(struct made *made, const char *rows) {
	struct err err;
	json_t *observed = NULL;
	assert_true(json_read(rows, strlen(rows), MEMORY_LARGEST, "rows", &observed, &err));
	*made = (struct made){.saw = {true, true}, .looked = {true, true}, .read = {names_new(), names_new()}};
	made->round = (struct round){.rule_count = 2, .boot_id = (char *)"b1"};
	made->round.looked = made->looked;
	made->round.saw = made->saw;
	made->round.read = made->read;
	names_add(made->read[0], "previous:a.rule");
	made->round.results = json_pack("[{s:s,s:s,s:O},{s:s,s:s,s:O}]", "rule", "a.rule", "collectedAt",
					"2026-11-18T11:06:40Z", "observed", observed, "rule", "b.rule", "collectedAt",
					"2026-11-18T11:06:40Z", "observed", observed);
	json_decref(observed);
}

static void made_done(struct made *made) {
	json_decref(made->round.results);
	names_free(made->read[0]);
	names_free(made->read[1]);
}

static void take(json_t *memory, const char *rows, bool saw) {
	CLEANUP(made_done) struct made made;
	struct err err;
	made_new(&made, rows);
	made.saw[0] = saw;
	if (!memory_take(memory, &stack, &made.round, path, &err))
		fail_msg("%s", err.why);
}

static void ask(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, "previous:a.rule");
}

/* What previous:a.rule is where this is remembered. */
static void equal_previous(const json_t *memory, const char *expected) {
	static const char *const patterns[] = {"previous:*", NULL};
	static const struct check check = {.patterns = patterns, .sources = ask};
	const struct asker asker = {.check = &check};
	CLEANUP(sources_free_p) struct sources *fetched = sources_new();
	struct err err;
	assert_true(gather_now(&(struct host){.previous = memory}, &asker, 1, fetched, &err));
	const struct source *source = sources_get(fetched, "previous:a.rule");
	if (expected) {
		assert_int_equal(source->err.code, ERR_NONE);
		assert_string_equal(buf_str(&source->bytes), expected);
	} else {
		assert_int_equal(source->err.code, ERR_UNPROVED);
		assert_non_null(strstr(source->err.why, "a first look"));
	}
}

#define REMEMBERED "{\"bootId\":\"b1\",\"collectedAt\":\"2026-11-18T11:06:40Z\",\"observed\":[{\"lost\":3}]}"

static void nothing_remembered_is_a_first_look(void **state) {
	CLEANUP(json_decref_p) json_t *memory = memory_read(path);
	equal_previous(memory, NULL);
	equal_previous(NULL, NULL);
}

static void last_observation_outlives_the_process(void **state) {
	CLEANUP(json_decref_p) json_t *memory = memory_read(path);
	take(memory, "[{\"lost\":3}]", true);
	equal_previous(memory, REMEMBERED);
	CLEANUP(json_decref_p) json_t *again = memory_read(path);
	equal_previous(again, REMEMBERED);
}

static void only_what_a_look_goes_by_is_remembered(void **state) {
	CLEANUP(json_decref_p) json_t *memory = memory_read(path);
	take(memory, "[{\"lost\":3}]", true);
	assert_int_equal(json_object_size(memory), 1);
	assert_null(json_object_get(memory, "b.rule"));
}

static void look_that_saw_nothing_leaves_the_one_before(void **state) {
	CLEANUP(json_decref_p) json_t *memory = memory_read(path);
	take(memory, "[{\"lost\":3}]", true);
	take(memory, "[]", false);
	equal_previous(memory, REMEMBERED);
}

static void too_many_rows_are_forgotten_not_cut(void **state) {
	CLEANUP(json_decref_p) json_t *memory = memory_read(path);
	CLEANUP(buf_done) struct buf rows = {0};
	buf_adds(&rows, "[\"");
	for (size_t i = 0; i <= MEMORY_ROWS_LARGEST; i++)
		buf_adds(&rows, "x");
	buf_adds(&rows, "\"]");
	take(memory, "[{\"lost\":3}]", true);
	take(memory, buf_str(&rows), true);
	equal_previous(memory, NULL);
}

static void damaged_file_is_a_first_look(void **state) {
	scratch_put(folder, "memory.json", "{\"a.rule\":");
	CLEANUP(json_decref_p) json_t *memory = memory_read(path);
	equal_previous(memory, NULL);
	scratch_put(folder, "memory.json", "[]");
	CLEANUP(json_decref_p) json_t *list = memory_read(path);
	equal_previous(list, NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_remembered_is_a_first_look, make, drop),
		cmocka_unit_test_setup_teardown(last_observation_outlives_the_process, make, drop),
		cmocka_unit_test_setup_teardown(only_what_a_look_goes_by_is_remembered, make, drop),
		cmocka_unit_test_setup_teardown(look_that_saw_nothing_leaves_the_one_before, make, drop),
		cmocka_unit_test_setup_teardown(too_many_rows_are_forgotten_not_cut, make, drop),
		cmocka_unit_test_setup_teardown(damaged_file_is_a_first_look, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

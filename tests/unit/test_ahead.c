/* What waits for others is read before the look that needs it: a rule is put off, and let once that was read; what was
 * put off meanwhile is read next. The plugins are none that root has put there, which is as good an answer as any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/ahead.h"
#include "agent/stack.h"
#include "tests/unit/scratch.h"

static const char policy[] =
	"policy: {id: waits, version: 1.0.0, framework: 'iso27001:2022', title: Three, owner: me, review_by: "
	"2036-01-01}\n"
	"rules:\n"
	"  - {id: a.file, title: A, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "
	"{path: "
	"/etc/passwd}, expect: {exists: true}, why: w, fix: f}\n"
	"  - {id: b.plugin, title: B, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: plugin, with: "
	"{name: no-such-b}, expect: {state: ok}, why: w, fix: f}\n"
	"  - {id: c.plugin, title: C, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: plugin, with: "
	"{name: no-such-c}, expect: {state: ok}, why: w, fix: f}\n"
	"  - {id: d.needs, title: D, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "
	"{path: "
	"/etc/group}, expect: {exists: true}, needs_control: c.plugin, why: w, fix: f}\n";

enum { FILE_RULE, PLUGIN_B, PLUGIN_C, NEEDS_C };

static sd_event *loop;
static struct stack *stack;
static struct ahead *ahead;
static char *folder;

static bool is_read;

static void note_read(void *context) { is_read = true; }

static int make(void **state) {
	static const struct host live;
	struct err err;
	folder = scratch_new();
	scratch_put(folder, "policy.yaml", policy);
	CLEANUP(free_ptr) char *path = file_join(folder, "policy.yaml");
	const char *const paths[] = {path};
	if (!stack_load(SOURCE_DIR, paths, 1, &stack, &err) || sd_event_new(&loop) < 0)
		return -1;
	ahead = ahead_new(loop, &live, stack->policies, note_read, NULL);
	return 0;
}

static int drop(void **state) {
	ahead_free(ahead);
	stack_free(stack);
	sd_event_unref(loop);
	scratch_free(&folder);
	return 0;
}

static void read_all(void) {
	assert_true(ahead_is_reading(ahead));
	assert_null(ahead_sources(ahead));
	is_read = false;
	while (!is_read)
		assert_true(sd_event_run(loop, UINT64_MAX) >= 0);
	assert_false(ahead_is_reading(ahead));
}

static void what_waits_for_nobody_is_let(void **state) {
	assert_true(ahead_lets(ahead, FILE_RULE, false));
	ahead_start(ahead);
	assert_false(ahead_is_reading(ahead));
	assert_int_equal(ahead_of(ahead, FILE_RULE), AHEAD_NONE);
}

static void what_waits_is_put_off_read_and_let(void **state) {
	assert_false(ahead_lets(ahead, PLUGIN_B, true));
	ahead_start(ahead);
	assert_int_equal(ahead_of(ahead, PLUGIN_B), AHEAD_WAIT);
	read_all();
	assert_int_equal(ahead_of(ahead, PLUGIN_B), AHEAD_READY);
	assert_true(ahead_was_change(ahead, PLUGIN_B));
	assert_true(ahead_lets(ahead, PLUGIN_B, true));
	assert_non_null(sources_get(ahead_sources(ahead), "plugin:no-such-b"));
	assert_null(sources_get(ahead_sources(ahead), "plugin:no-such-c"));
	ahead_taken(ahead);
	assert_int_equal(ahead_of(ahead, PLUGIN_B), AHEAD_NONE);
	assert_null(ahead_sources(ahead));
}

static void what_is_put_off_meanwhile_is_read_next(void **state) {
	assert_false(ahead_lets(ahead, PLUGIN_B, false));
	ahead_start(ahead);
	assert_false(ahead_lets(ahead, PLUGIN_C, true));
	ahead_start(ahead);
	read_all();
	assert_false(ahead_lets(ahead, PLUGIN_C, true));
	assert_int_equal(ahead_of(ahead, PLUGIN_C), AHEAD_WAIT);
	ahead_taken(ahead);
	ahead_start(ahead);
	assert_true(ahead_is_reading(ahead));
	assert_int_equal(ahead_of(ahead, PLUGIN_C), AHEAD_WAIT);
	assert_int_equal(ahead_of(ahead, PLUGIN_B), AHEAD_NONE);
}

static void what_was_not_read_yet_is_not_taken(void **state) {
	assert_false(ahead_lets(ahead, PLUGIN_B, false));
	ahead_start(ahead);
	ahead_taken(ahead);
	assert_true(ahead_is_reading(ahead));
	assert_int_equal(ahead_of(ahead, PLUGIN_B), AHEAD_WAIT);
}

static void rule_that_needs_one_that_waits_waits_with_it(void **state) {
	assert_false(ahead_lets(ahead, NEEDS_C, false));
	assert_false(ahead_lets(ahead, PLUGIN_C, false));
	ahead_start(ahead);
	read_all();
	assert_int_equal(ahead_of(ahead, NEEDS_C), AHEAD_READY);
	assert_int_equal(ahead_of(ahead, PLUGIN_C), AHEAD_READY);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_waits_for_nobody_is_let, make, drop),
		cmocka_unit_test_setup_teardown(what_waits_is_put_off_read_and_let, make, drop),
		cmocka_unit_test_setup_teardown(what_is_put_off_meanwhile_is_read_next, make, drop),
		cmocka_unit_test_setup_teardown(what_was_not_read_yet_is_not_taken, make, drop),
		cmocka_unit_test_setup_teardown(rule_that_needs_one_that_waits_waits_with_it, make, drop),
	};
	return cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}

/* Which statements the collector wants time-stamped. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/stamps.h"
#include "tests/unit/collector_kit.h"
#include "tests/unit/scratch.h"

static void the_collector_wants_stamps_for_full_rounds_of_this_day_alone(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(kit_done) struct kit kit;
	CLEANUP(kit_host_done) struct kit_host host;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(free_ptr) char *wanted = file_join(folder, "timestamps/wanted");
	int64_t after = -1;
	must(stamps_prepare(folder, &err));
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_add_enrolment(&host, &lines);
	kit_add_pass(&host, &lines);
	json_decref(kit_send(&kit, &host, &lines));
	must(stamps_want(kit.store, folder, KIT_NOW + 2 * STAMPS_LATE_S, &after, &err));
	assert_int_equal(scratch_count(wanted), 0);
	assert_int_equal(after, -1);
	must(stamps_want(kit.store, folder, KIT_NOW + 60, &after, &err));
	assert_int_equal(scratch_count(wanted), 1);
	assert_true(scratch_has(wanted, host.previous));
	assert_true(after > 0);
	must(stamps_want(kit.store, folder, KIT_NOW + 60, &after, &err));
	assert_int_equal(scratch_count(wanted), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_collector_wants_stamps_for_full_rounds_of_this_day_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

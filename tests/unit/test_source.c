/* What a check is handed of a source: read, absent, failed or never asked for are four different things. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/source.h"

static void add(struct sources *set, const char *name, enum err_code code, const char *text) {
	struct source *source = sources_add(set, name);
	buf_adds(&source->bytes, text);
	source->err.code = code;
}

static void absence_is_seen_and_a_failure_is_not_absence(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	add(set, "stat:/gone", ERR_ABSENT, "");
	add(set, "stat:/shut", ERR_DENIED, "");
	json_t *value = json_true();
	struct err err;
	assert_true(source_maybe_json(set, "stat:/gone", &value, &err));
	assert_null(value);
	assert_false(source_need_json(set, "stat:/gone", &value, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_false(source_maybe_json(set, "stat:/shut", &value, &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_false(source_maybe_json(set, "stat:/never", &value, &err));
	assert_int_equal(err.code, ERR_UNPROVED);
}

static void what_is_not_json_is_malformed_every_time(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	add(set, "stat:/cut", ERR_NONE, "{\"mode\":");
	json_t *value = NULL;
	struct err err;
	for (int i = 0; i < 2; i++) {
		assert_false(source_maybe_json(set, "stat:/cut", &value, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
		assert_string_equal(err.where, "stat:/cut");
	}
	assert_null(value);
}

static void list_that_is_none_is_malformed_and_not_empty(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	add(set, "dir:/etc/sudoers.d", ERR_NONE, "{}");
	add(set, "stat:/etc", ERR_NONE, "[]");
	add(set, "mounts:", ERR_NONE, "[]");
	json_t *value = NULL;
	struct err err;
	assert_false(source_need_json(set, "dir:/etc/sudoers.d", &value, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_false(source_need_json(set, "stat:/etc", &value, &err));
	assert_true(source_need_json(set, "mounts:", &value, &err));
	assert_int_equal(json_array_size(value), 0);
}

static void now_is_a_number_or_no_time_at_all(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new(), *text = sources_new();
	add(set, "now:", ERR_NONE, "{\"time\":1795290000}");
	add(text, "now:", ERR_NONE, "{\"time\":\"1795290000\"}");
	int64_t now = -1;
	struct err err;
	assert_false(source_now(text, &now, &err));
	assert_int_equal(now, -1);
	assert_true(source_now(set, &now, &err));
	assert_int_equal(now, 1795290000);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absence_is_seen_and_a_failure_is_not_absence),
		cmocka_unit_test(what_is_not_json_is_malformed_every_time),
		cmocka_unit_test(list_that_is_none_is_malformed_and_not_empty),
		cmocka_unit_test(now_is_a_number_or_no_time_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

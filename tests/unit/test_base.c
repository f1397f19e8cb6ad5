/* The base that everything stands on: errors, text, buffers, times, base64, JSON. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/json.h"
#include "core/lines.h"
#include "core/text.h"
#include "core/times.h"

static void duration_reads_units_and_refuses_the_rest(void **state) {
	int64_t seconds = -1;
	char text[24];
	assert_true(times_parse_duration("90d", &seconds));
	assert_int_equal(seconds, 90 * 86400);
	assert_string_equal(times_format_duration(seconds, text), "90d");
	assert_string_equal(times_format_duration(5400, text), "90m");
	assert_string_equal(times_format_duration(0, text), "0s");
	for (size_t i = 0; i < 7; i++)
		assert_false(times_parse_duration(
			((const char *const[]){"", "d", "90", "-1d", "1.5h", "99999999999999999999d", "1dd"})[i],
			&seconds));
}

static void instant_that_does_not_exist_is_refused(void **state) {
	int64_t instant = 0;
	char text[TIMES_TEXT];
	assert_true(times_parse("2026-11-21T19:00:00Z", &instant));
	assert_string_equal(times_format(instant, text), "2026-11-21T19:00:00Z");
	assert_false(times_parse("2026-02-30T00:00:00Z", &instant));
	assert_false(times_parse("2026-11-21T19:00:00+01:00", &instant));
	assert_true(times_parse("0237-11-23T11:30:00Z", &instant));
	assert_string_equal(times_format(instant, text), "0237-11-23T11:30:00Z");
	assert_string_equal(times_format(INT64_MIN, text), "0001-01-01T00:00:00Z");
	assert_string_equal(times_format(INT64_MAX, text), "9999-12-31T23:59:59Z");
	assert_false(times_parse("0000-11-23T11:30:00Z", &instant));
}

static void base64_refuses_what_is_not(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	assert_true(base64_decode("-_8=", 4, "t", &bytes, &err));
	assert_int_equal(bytes.len, 2);
	buf_done(&bytes);
	assert_true(base64_decode("", 0, "t", &bytes, &err));
	assert_int_equal(bytes.len, 0);
	assert_false(base64_decode("AAA A", 5, "t", &bytes, &err));
	assert_false(base64_decode("A", 1, "t", &bytes, &err));
	assert_false(base64_decode("AB==", 4, "t", &bytes, &err)); /* trailing bits */
	assert_false(base64_decode("====", 4, "t", &bytes, &err));
}

static void json_refuses_duplicate_keys_depth_and_rest(void **state) {
	struct err err;
	json_t *value = NULL;
	const char *const bad[] = {"{\"a\":1,\"a\":2}", "{} x", "[1", "\"\\u0000\"", "{\"a\":NaN}"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(json_read(bad[i], strlen(bad[i]), 1000, "t", &value, &err));
	assert_false(json_read("[1,2,3]", 7, 6, "t", &value, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	char deep[2 * (JSON_DEEPEST + 2) + 1] = "";
	memset(deep, '[', JSON_DEEPEST + 2);
	memset(deep + JSON_DEEPEST + 2, ']', JSON_DEEPEST + 2);
	assert_false(json_read(deep, 2 * (JSON_DEEPEST + 2), 1000, "t", &value, &err));
}

static void canonical_sorts_and_refuses_reals(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *value = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	const char text[] = "{\"b\":1,\"a\":[true,null,\"\xc3\xa9/\"]}";
	assert_true(json_read(text, strlen(text), 100, "t", &value, &err));
	assert_true(json_canonical(value, &bytes, &err));
	assert_string_equal(buf_str(&bytes), "{\"a\":[true,null,\"\xc3\xa9/\"],\"b\":1}");
	json_object_set_new(value, "c", json_real(1.5));
	assert_false(json_canonical(value, &bytes, &err));
}

static void lines_number_and_refuse_nul(void **state) {
	struct err err;
	CLEANUP(lines_done) struct lines lines = lines_over("t", "a\n\nlast", 7);
	assert_string_equal(lines_next(&lines), "a");
	assert_string_equal(lines_next(&lines), "");
	assert_string_equal(lines_next(&lines), "last");
	assert_int_equal(lines.number, 3);
	assert_null(lines_next(&lines));
	assert_true(lines_ok(&lines, &err));
	CLEANUP(lines_done) struct lines nul = lines_over("t", "a\n\0b", 4);
	assert_non_null(lines_next(&nul));
	assert_null(lines_next(&nul));
	assert_false(lines_ok(&nul, &err));
	assert_int_equal(err.line, 2);
}

static void numbers_stop_at_their_bound(void **state) {
	unsigned long long value;
	unsigned mode;
	assert_true(text_to_u64("255", 255, &value));
	assert_false(text_to_u64("256", 255, &value));
	assert_false(text_to_u64("18446744073709551619", 3, &value)); /* 2^64 + 3 */
	assert_true(text_to_u64("18446744073709551615", ~0ULL, &value));
	assert_false(text_to_u64("18446744073709551616", ~0ULL, &value));
	assert_false(text_to_u64("01", 255, &value));
	assert_true(text_to_mode("0640", &mode));
	assert_int_equal(mode, 0640);
	assert_false(text_to_mode("0680", &mode));
}

static void what_terminals_obey_is_replaced_and_letters_stay(void **state) {
	char text[] = "a\033[31m\n\x7f \xc2\x9b"
		      "31m \xc2\xa7 \xc3\xa9 \xc2";
	text_replace_controls(text);
	assert_string_equal(text, "a?[31m?? ??31m \xc2\xa7 \xc3\xa9 \xc2");
}

static void a_word_is_one_of_the_list_whole_or_not_at_all(void **state) {
	static const char *const words[] = {"drop", "reject"};
	assert_true(text_is_one_of("reject", words, 2));
	assert_false(text_is_one_of("reject", words, 1));
	assert_false(text_is_one_of("rejec", words, 2));
	assert_false(text_is_one_of("", words, 2));
	assert_false(text_is_one_of(NULL, words, 2));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duration_reads_units_and_refuses_the_rest),
		cmocka_unit_test(instant_that_does_not_exist_is_refused),
		cmocka_unit_test(base64_refuses_what_is_not),
		cmocka_unit_test(json_refuses_duplicate_keys_depth_and_rest),
		cmocka_unit_test(canonical_sorts_and_refuses_reals),
		cmocka_unit_test(lines_number_and_refuse_nul),
		cmocka_unit_test(numbers_stop_at_their_bound),
		cmocka_unit_test(what_terminals_obey_is_replaced_and_letters_stay),
		cmocka_unit_test(a_word_is_one_of_the_list_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

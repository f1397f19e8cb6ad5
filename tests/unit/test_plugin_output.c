/* What a plugin printed: JSON lines, a monitoring plugin's text and perfdata, and all that is neither. And the names
 * that its runs have as sources. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/plugin_call.h"
#include "core/plugin_output.h"

#define WHERE "plugin:x"

static bool read_output(int exit, const char *text, struct plugin_output *output, struct err *err) {
	CLEANUP(json_decref_p) json_t *source = json_pack("{s:i,s:s}", "exit", exit, "output", text);
	*err = (struct err){0};
	return plugin_output_read(source, WHERE, output, err);
}

static void expect_refused(int exit, const char *text, enum err_code code, unsigned line, const char *words) {
	struct plugin_output output;
	struct err err;
	if (read_output(exit, text, &output, &err))
		fail_msg("taken: exit %d, %.80s", exit, text);
	if (err.code != code || err.line != line || !strstr(err.why, words))
		fail_msg("%.80s: %s, line %u: %s", text, err_code_name(err.code), err.line, err.why);
	assert_string_equal(err.where, WHERE);
}

static void expect_perf(const char *perf, const char *expected) {
	CLEANUP(plugin_output_done) struct plugin_output output = {0};
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(free_ptr) char *line = xasprintf("OK | %s\n", perf);
	struct err err;
	if (!read_output(0, line, &output, &err) || !json_canonical(output.perf, &text, &err))
		fail_msg("%s: %s", perf, err.why);
	assert_string_equal(buf_str(&text), expected);
}

static void text_further_lines_and_perfdata_are_told_apart(void **state) {
	CLEANUP(plugin_output_done) struct plugin_output output = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	struct err err;
	assert_true(read_output(1, "DISK WARNING - / | /=12MiB;10;20;0;40\nline 2\nline 3 | /boot=68\n/home=69\n",
				&output, &err));
	assert_int_equal(output.exit, 1);
	assert_false(output.is_json);
	assert_string_equal(output.text, "DISK WARNING - /");
	assert_true(json_canonical(output.lines, &lines, &err));
	assert_string_equal(buf_str(&lines), "[\"line 2\",\"line 3\"]");
	assert_int_equal(json_array_size(output.perf), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(output.perf, 2), "label")), "/home");
}

static void a_line_that_is_perfdata_alone_is_no_further_line(void **state) {
	CLEANUP(plugin_output_done) struct plugin_output output = {0};
	struct err err;
	assert_true(read_output(0, "OK\n| a=1\n", &output, &err));
	assert_int_equal(json_array_size(output.lines), 0);
	assert_int_equal(json_array_size(output.perf), 1);
}

static void values_are_exact_or_not_there(void **state) {
	expect_perf("a=5", "[{\"label\":\"a\",\"millionths\":5000000,\"number\":5,\"unit\":\"\",\"value\":\"5\"}]");
	expect_perf("a=0.42s", "[{\"label\":\"a\",\"millionths\":420000,\"unit\":\"s\",\"value\":\"0.42\"}]");
	expect_perf("a=-1.50%", "[{\"label\":\"a\",\"millionths\":-1500000,\"unit\":\"%\",\"value\":\"-1.50\"}]");
	expect_perf("a=2.000",
		    "[{\"label\":\"a\",\"millionths\":2000000,\"number\":2,\"unit\":\"\",\"value\":\"2.000\"}]");
	expect_perf("a=0.0000001", "[{\"label\":\"a\",\"unit\":\"\",\"value\":\"0.0000001\"}]");
	expect_perf(
		"a=9223372036854775807",
		"[{\"label\":\"a\",\"number\":9223372036854775807,\"unit\":\"\",\"value\":\"9223372036854775807\"}]");
	expect_perf("a=9223372036854775808", "[{\"label\":\"a\",\"unit\":\"\",\"value\":\"9223372036854775808\"}]");
	expect_perf("a=U;1;2", "[{\"crit\":\"2\",\"label\":\"a\",\"unit\":\"\",\"value\":\"U\",\"warn\":\"1\"}]");
	expect_perf("a=3MiB", "[{\"bytes\":3145728,\"label\":\"a\",\"millionths\":3000000,\"number\":3,\"unit\":"
			      "\"MiB\",\"value\":\"3\"}]");
	expect_perf("a=3MB", "[{\"label\":\"a\",\"millionths\":3000000,\"number\":3,\"unit\":\"MB\",\"value\":\"3\"}]");
}

static void labels_may_be_quoted_and_limits_left_out(void **state) {
	expect_perf("'it''s = a label'=1;;5:10;;  b=2;",
		    "[{\"crit\":\"5:10\",\"label\":\"it's = a label\",\"millionths\":1000000,\"number\":1,\"unit\":"
		    "\"\",\"value\":\"1\"},{\"label\":\"b\",\"millionths\":2000000,\"number\":2,\"unit\":\"\","
		    "\"value\":\"2\"}]");
}

static void perfdata_of_another_form_is_malformed_with_its_line(void **state) {
	static const char *const wrong[] = {"a",     "=1",    "a=",    "a=x",  "a=1,5",
					    "a=1e5", "a=1.",  "a=.5",  "'a=1", "a=1;1;2;3;4;5",
					    "a=--1", "a=1=2", "a = 1", "a=1'", "'a'b=1"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(free_ptr) char *text = xasprintf("OK\nmore | b=1\n%s\n", wrong[i]);
		expect_refused(0, text, ERR_MALFORMED, 3, "perfdata");
	}
}

static void an_unknown_is_a_failed_look_with_its_words(void **state) {
	expect_refused(3, "DISK UNKNOWN - no such mount | a=1\n", ERR_UNPROVED, 0, "DISK UNKNOWN - no such mount");
	expect_refused(3, "", ERR_UNPROVED, 0, "exit code 3");
	expect_refused(3, "{\"a\":1}\n", ERR_UNPROVED, 0, "exit code 3");
	expect_refused(4, "OK\n", ERR_UNREADABLE, 0, "none of 0 to 3");
	expect_refused(-1, "OK\n", ERR_UNREADABLE, 0, "none of 0 to 3");
}

static void objects_come_as_they_stand_there(void **state) {
	CLEANUP(plugin_output_done) struct plugin_output output = {0};
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	assert_true(read_output(0, "{\"b\": 1, \"a\": [\"x\", \"\\u001b[2J\"]}\n{\"c\":false,\"d\":\"\\u0007\"}",
				&output, &err));
	assert_true(output.is_json);
	assert_true(json_canonical(output.items, &text, &err));
	assert_string_equal(buf_str(&text), "[{\"a\":[\"x\",\"?[2J\"],\"b\":1},{\"c\":false,\"d\":\"?\"}]");
}

static void nothing_at_all_is_no_items_and_only_after_exit_code_0(void **state) {
	CLEANUP(plugin_output_done) struct plugin_output output = {0};
	struct err err;
	assert_true(read_output(0, "", &output, &err));
	assert_true(output.is_json);
	assert_int_equal(json_array_size(output.items), 0);
	expect_refused(1, "", ERR_UNREADABLE, 0, "exits with 1 and prints nothing");
	expect_refused(2, "{\"a\":1}\n", ERR_UNREADABLE, 0, "may not be all");
}

static void what_is_no_flat_object_is_malformed_with_its_line(void **state) {
	static const char *const wrong[] = {"",
					    "[1]",
					    "{\"a\":1} x",
					    "{\"a\":1,\"a\":2}",
					    "{\"a\":{}}",
					    "{\"a\":[1]}",
					    "{\"a\":1.5}",
					    "{\"a\":null}",
					    "{\"A\":1}",
					    "{\"a b\":1}",
					    "{\"a\":",
					    "x",
					    "{\"a\":[[\"x\"]]}",
					    "{\"\":1}",
					    "{\"a\":\"\\u0000\"}"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(free_ptr) char *text = xasprintf("{\"a\":1}\n%s\n{\"a\":2}\n", wrong[i]);
		expect_refused(0, text, ERR_MALFORMED, 2, "");
	}
}

static void a_thousand_lines_are_taken_and_not_one_more(void **state) {
	for (int is_json = 0; is_json < 2; is_json++) {
		CLEANUP(plugin_output_done) struct plugin_output output = {0};
		CLEANUP(buf_done) struct buf text = {0};
		struct err err;
		for (int i = 0; i < PLUGIN_LINES_MOST; i++)
			buf_adds(&text, is_json ? "{}\n" : "x\n");
		assert_true(read_output(0, buf_str(&text), &output, &err));
		buf_adds(&text, is_json ? "{}\n" : "x\n");
		expect_refused(0, buf_str(&text), ERR_MALFORMED, PLUGIN_LINES_MOST + 1, "more than 1000 lines");
	}
	CLEANUP(buf_done) struct buf perf = {0};
	buf_adds(&perf, "OK |");
	for (int i = 0; i < PLUGIN_PERF_MOST + 1; i++)
		buf_adds(&perf, " a=1");
	expect_refused(0, buf_str(&perf), ERR_MALFORMED, 1, "more than 1000 perfdata");
}

/* --- names */

static void a_name_gives_back_the_arguments_that_made_it(void **state) {
	CLEANUP(plugin_call_done) struct plugin_call call = {0};
	CLEANUP(json_decref_p) json_t *arguments = json_pack("[s,s,s,s]", "-w 10%", "", "a&b?c=d", "\xc3\xa4\n");
	CLEANUP(free_ptr) char *name = plugin_source("check_disk", arguments);
	struct err err;
	assert_string_equal(name, "plugin:check_disk?-w%2010%25&&a%26b%3Fc=d&%C3%A4%0A");
	assert_true(plugin_call_read(name, &call, &err));
	assert_string_equal(call.name, "check_disk");
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(call.arguments[i], json_string_value(json_array_get(arguments, i)));
	assert_null(call.arguments[4]);
}

static void a_name_without_arguments_has_none(void **state) {
	CLEANUP(plugin_call_done) struct plugin_call call = {0};
	CLEANUP(free_ptr) char *name = plugin_source("x", NULL);
	struct err err;
	assert_string_equal(name, "plugin:x");
	assert_true(plugin_call_read(name, &call, &err));
	assert_null(call.arguments[0]);
}

static void expect_no_call(const char *name) {
	struct plugin_call call;
	struct err err = {0};
	if (plugin_call_read(name, &call, &err))
		fail_msg("taken: %.80s", name);
	assert_int_equal(err.code, ERR_MALFORMED);
}

static void names_that_are_none_are_refused(void **state) {
	static const char *const wrong[] = {"plugin:",     "plugin:../x",  "plugin:.x",    "plugin:a.b",
					    "plugin:a/b",  "plugin:a b",   "plugin:-x",    "plugin:x?%",
					    "plugin:x?%4", "plugin:x?%0G", "plugin:x?%00", "plugin:x?%c3",
					    "file:/etc/x", "plugin:x@y"};
	CLEANUP(buf_done) struct buf longest = {0};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		expect_no_call(wrong[i]);
	buf_adds(&longest, "plugin:");
	for (int i = 0; i < PLUGIN_NAME_LONGEST; i++)
		buf_adds(&longest, "a");
	assert_true(plugin_is_name(buf_str(&longest) + strlen(PLUGIN_PREFIX)));
	buf_adds(&longest, "a");
	expect_no_call(buf_str(&longest));
}

static void thirty_two_arguments_of_4_kib_are_taken_and_no_more(void **state) {
	CLEANUP(plugin_call_done) struct plugin_call call = {0};
	CLEANUP(buf_done) struct buf many = {0};
	CLEANUP(buf_done) struct buf large = {0};
	struct err err;
	for (int i = 0; i < PLUGIN_ARGUMENTS_MOST; i++)
		buf_adds(&many, i ? "&a" : "plugin:x?a");
	assert_true(plugin_call_read(buf_str(&many), &call, &err));
	buf_adds(&many, "&");
	expect_no_call(buf_str(&many));
	buf_adds(&large, "plugin:x?");
	for (int i = 0; i < PLUGIN_ARGUMENTS_LARGEST + 1; i++)
		buf_adds(&large, "a");
	expect_no_call(buf_str(&large));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_further_lines_and_perfdata_are_told_apart),
		cmocka_unit_test(a_line_that_is_perfdata_alone_is_no_further_line),
		cmocka_unit_test(values_are_exact_or_not_there),
		cmocka_unit_test(labels_may_be_quoted_and_limits_left_out),
		cmocka_unit_test(perfdata_of_another_form_is_malformed_with_its_line),
		cmocka_unit_test(an_unknown_is_a_failed_look_with_its_words),
		cmocka_unit_test(objects_come_as_they_stand_there),
		cmocka_unit_test(nothing_at_all_is_no_items_and_only_after_exit_code_0),
		cmocka_unit_test(what_is_no_flat_object_is_malformed_with_its_line),
		cmocka_unit_test(a_thousand_lines_are_taken_and_not_one_more),
		cmocka_unit_test(a_name_gives_back_the_arguments_that_made_it),
		cmocka_unit_test(a_name_without_arguments_has_none),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(thirty_two_arguments_of_4_kib_are_taken_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

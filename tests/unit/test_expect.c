/* The matcher language: what holds, what fails, what cannot be said, and the sentence for it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/expect.h"
#include "tests/fake_checks.h"

static const struct expect_scope file_scope[] = {{"", &fake_file}};
static const struct expect_scope two_scopes[] = {{"disk", &fake_sysctl}, {"served", &fake_sysctl}};

static json_t *json_of(const char *text) {
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	if (!value)
		fail_msg("not JSON: %s", text);
	return value;
}

static struct expect *compiled(const char *text, const struct expect_scope *scopes, size_t count) {
	struct err err = {0};
	struct expect *expect = NULL;
	CLEANUP(yaml_tree_free_p) struct yaml *node = NULL;
	CLEANUP(json_decref_p)
	json_t *values = json_of("{\"most\":5,\"names\":[\"a\",\"b\"],\"old\":86400,\"m\":\"0640\"}");
	CLEANUP(json_decref_p)
	json_t *docs = json_of("{\"most\":{\"type\":\"int\"},\"names\":{\"type\":\"strings\"},\"old\":{\"type\":"
			       "\"duration\"},\"m\":{\"type\":\"mode\"}}");
	struct match_context context = {scopes, count, {values, docs}, "t.yaml", true};
	if (!yaml_read(text, strlen(text), "t.yaml", &node, &err) || !expect_compile(node, &context, &expect, &err))
		fail_msg("%s: %u:%u: %s", text, err.line, err.column, err.why);
	return expect;
}

static char last_reason[4096];

static enum expect_outcome judged(const char *text, const char *rows_text) {
	CLEANUP(expect_free_p) struct expect *expect = compiled(text, file_scope, 1);
	CLEANUP(json_decref_p) json_t *rows = json_of(rows_text);
	CLEANUP(buf_done) struct buf reason = {0};
	struct view_seen view = {.name = "", .check = &fake_file, .ok = true, .rows = rows};
	enum expect_outcome outcome = expect_judge(expect, &view, &reason);
	snprintf(last_reason, sizeof last_reason, "%s", buf_str(&reason));
	assert_int_equal(outcome == EXPECT_HOLDS, reason.len == 0);
	return outcome;
}

static void says(enum expect_outcome outcome, const char *text, const char *rows, const char *reason) {
	if (judged(text, rows) != outcome || strcmp(last_reason, reason) != 0)
		fail_msg("%s over %s says: %s", text, rows, last_reason);
}

static void holds(const char *text, const char *rows) { says(EXPECT_HOLDS, text, rows, ""); }

static void fails(const char *text, const char *rows) {
	if (judged(text, rows) != EXPECT_FAILS)
		fail_msg("%s over %s did not fail: %s", text, rows, last_reason);
}

static void refused(const char *text, unsigned line, unsigned column, const char *part) {
	struct err err = {0};
	struct expect *expect = NULL;
	CLEANUP(yaml_tree_free_p) struct yaml *node = NULL;
	struct match_context context = {file_scope, 1, {NULL, NULL}, "t.yaml", true};
	if (!yaml_read(text, strlen(text), "t.yaml", &node, &err))
		fail_msg("%s: %s", text, err.why);
	if (expect_compile(node, &context, &expect, &err))
		fail_msg("compiled: %s", text);
	assert_int_equal(err.code, ERR_SYNTAX);
	if (err.line != line || err.column != column || !strstr(err.why, part))
		fail_msg("%s: %u:%u: %s", text, err.line, err.column, err.why);
}

static void equality_holds_for_every_row(void **state) {
	holds("{uid: 0}", "[{\"uid\":0},{\"uid\":0}]");
	says(EXPECT_FAILS, "{uid: 0}", "[{\"path\":\"/a\",\"uid\":0},{\"path\":\"/b\",\"uid\":7}]",
	     "/b: uid is 7, expected 0");
	says(EXPECT_FAILS, "{owner: root}",
	     "[{\"path\":\"/a\",\"owner\":\"x\"},{\"path\":\"/b\",\"owner\":\"y\"},{\"path\":\"/c\"}]",
	     "/a: owner is \"x\", expected \"root\", and 2 more (/b, /c)");
	says(EXPECT_FAILS, "{path: /a}", "[{\"path\":\"/b\"}]", "path is \"/b\", expected \"/a\"");
	says(EXPECT_FAILS, "{uid: 0, sticky: true}", "[{\"path\":\"/a\",\"uid\":0,\"sticky\":false}]",
	     "/a: sticky is false, expected true");
	holds("{tags: [a, b]}", "[{\"tags\":[\"a\",\"b\"]}]");
	fails("{tags: [a, b]}", "[{\"tags\":[\"b\"]}]");
}

static void operators_mean_what_the_page_says(void **state) {
	holds("{owner: {in: [a, b]}}", "[{\"owner\":\"b\"}]");
	says(EXPECT_FAILS, "{owner: {in: [a, b]}}", "[{\"path\":\"p\",\"owner\":\"c\"}]",
	     "p: owner is \"c\", expected one of \"a\", \"b\"");
	fails("{owner: {in: []}}", "[{\"owner\":\"b\"}]");
	holds("{uid: {in: [1, 2]}}", "[{\"uid\":2}]");
	holds("{owner: {not: a}}", "[{\"owner\":\"b\"}]");
	says(EXPECT_FAILS, "{owner: {not: {in: [a]}}}", "[{\"owner\":\"a\"}]",
	     "owner is \"a\", expected not one of \"a\"");
	holds("{tags: {contains: b}}", "[{\"tags\":[\"a\",\"b\"]}]");
	says(EXPECT_FAILS, "{tags: {contains: b}}", "[{\"tags\":[\"ab\"]}]",
	     "tags is \"ab\", expected something that contains \"b\"");
	holds("{owner: {contains: oo}}", "[{\"owner\":\"root\"}]");
	holds("{uid: {at_least: 1, at_most: 5}}", "[{\"uid\":5},{\"uid\":1}]");
	says(EXPECT_FAILS, "{uid: {at_least: 1, at_most: 5}}", "[{\"uid\":6}]", "uid is 6, expected at most 5");
	fails("{uid: {at_least: 1, at_most: 5}}", "[{\"uid\":0}]");
	holds("{size: {at_most: 4G}}", "[{\"size\":4294967296}]");
	says(EXPECT_FAILS, "{size: {at_most: 4G}}", "[{\"size\":4294967297}]",
	     "size is 4294967297 bytes, expected at most 4G");
	holds("{owner: {equals: a}}", "[{\"owner\":\"a\"}]");
	holds("{uid: {equals: -1}}", "[{\"uid\":-1}]");
}

static void at_most_of_a_mode_means_no_bit_outside(void **state) {
	holds("{mode: {at_most: \"0640\"}}", "[{\"mode\":\"0600\"},{\"mode\":\"0640\"},{\"mode\":\"0000\"}]");
	says(EXPECT_FAILS, "{mode: {at_most: \"0640\"}}", "[{\"mode\":\"0604\"}]",
	     "mode is 0604, expected at most 0640");
	fails("{mode: {at_most: \"0640\"}}", "[{\"mode\":\"4640\"}]");
	holds("{mode: {at_least: \"1000\"}}", "[{\"mode\":\"1777\"}]");
	fails("{mode: {at_least: \"1000\"}}", "[{\"mode\":\"0777\"}]");
	holds("{mode: \"0640\"}", "[{\"mode\":\"640\"}]");
}

static void times_compare_as_instants_and_are_not_told(void **state) {
	holds("{changed: {at_least: 2026-01-01T00:00:00Z}}", "[{\"changed\":\"2026-01-01T00:00:00Z\"}]");
	says(EXPECT_FAILS, "{changed: {at_least: 2026-01-01T00:00:00Z}}", "[{\"changed\":\"2025-12-31T23:59:59Z\"}]",
	     "changed is not as expected: at least 2026-01-01T00:00:00Z");
}

static void lists_compare_as_sets(void **state) {
	holds("{tags: {at_most: [a, b, c]}}", "[{\"tags\":[\"c\",\"a\",\"a\"]},{\"tags\":[]}]");
	fails("{tags: {at_most: [a, b]}}", "[{\"tags\":[\"a\",\"d\"]}]");
	says(EXPECT_FAILS, "{tags: {at_most: []}}", "[{\"tags\":[\"a\"]}]", "tags is \"a\", expected empty");
	holds("{tags: {at_least: [a]}}", "[{\"tags\":[\"b\",\"a\"]}]");
	fails("{tags: {at_least: [a, z]}}", "[{\"tags\":[\"b\",\"a\"]}]");
}

static void volatile_and_secret_values_stay_out_of_the_reason(void **state) {
	says(EXPECT_FAILS, "{age: {at_most: 1d}}", "[{\"path\":\"/a\",\"age\":99999}]",
	     "/a: age is not as expected: at most 1d");
	judged("{token: {not: hunter2}}", "[{\"path\":\"/a\",\"token\":\"hunter2\"}]");
	judged("{token: x}", "[{\"path\":\"/a\",\"token\":\"hunter2\"}]");
	assert_null(strstr(last_reason, "hunter2"));
}

static void field_that_has_to_be_known_leaves_open_what_is_not_there(void **state) {
	holds("{owner: {known: true}}", "[{\"owner\":\"x\"}]");
	says(EXPECT_CANNOT_SAY, "{owner: {known: true}}", "[{\"path\":\"/a\"}]", "/a: owner is not known");
	says(EXPECT_CANNOT_SAY, "{owner: {known: true, equals: good}}", "[{\"owner\":null}]", "owner is not known");
	fails("{owner: {known: true, not: bad}}", "[{\"owner\":\"bad\"}]");
	fails("{owner: {known: true, not: bad}}", "[{},{\"owner\":\"bad\"}]");
	fails("{owner: {equals: good, known: true}}", "[{},{\"owner\":\"bad\"}]");
	says(EXPECT_CANNOT_SAY, "{owner: {equals: good, known: true}}", "[{}]", "owner is not known");
	refused("{owner: {known: false}}", 1, 17, "known is true");
}

static void field_that_is_not_there_matches_only_its_absence(void **state) {
	says(EXPECT_FAILS, "{owner: root}", "[{\"path\":\"/a\"}]", "/a: owner is not there, expected \"root\"");
	fails("{owner: root}", "[{\"owner\":null}]");
	fails("{uid: {at_most: 5}}", "[{}]");
	fails("{owner: {matches: \".*\"}}", "[{}]");
	holds("{owner: {not: {equals: root}}}", "[{}]");
	holds("{owner: {exists: false}}", "[{}]");
	says(EXPECT_FAILS, "{owner: {exists: true}}", "[{}]", "owner is not there, expected it to be");
	says(EXPECT_FAILS, "{owner: {exists: false}}", "[{\"owner\":\"x\"}]",
	     "owner is \"x\", expected it not to be there");
}

static void patterns_are_anchored_at_both_ends(void **state) {
	holds("{owner: {matches: \"a|ab\"}}", "[{\"owner\":\"ab\"}]");
	fails("{owner: {matches: \"a\"}}", "[{\"owner\":\"ba\"}]");
	fails("{owner: {matches: \"a\"}}", "[{\"owner\":\"ab\"}]");
	fails("{owner: {matches: \"a$\"}}", "[{\"owner\":\"a\\n\"}]");
	holds("{owner: {matches: \"\xc3\xa9.\"}}", "[{\"owner\":\"\xc3\xa9\xc3\xa9\"}]");
}

static void pattern_over_its_limits_cannot_say(void **state) {
	const char rows[] = "[{\"path\":\"/a\",\"owner\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}]";
	says(EXPECT_CANNOT_SAY, "{owner: {matches: \"(a+)+\"}}", rows,
	     "/a: owner could not be matched: the pattern is over its limits");
	assert_int_equal(judged("{owner: {not: {matches: \"(a+)+\"}}}", rows), EXPECT_CANNOT_SAY);
	assert_int_equal(judged("{none: {owner: {matches: \"(a+)+\"}}}", rows), EXPECT_CANNOT_SAY);
	assert_int_equal(judged("{count: {where: {owner: {matches: \"(a+)+\"}}, at_most: 0}}", rows),
			 EXPECT_CANNOT_SAY);
	holds("{count: {where: {owner: {matches: \"(a+)+\"}}, at_most: 1}}", rows);
	/* A part that decides alone decides. */
	fails("{owner: {matches: \"(a+)+\"}, path: /b}", rows);
	holds("{any: [{owner: {matches: \"(a+)+\"}}, {path: /a}]}", rows);
}

static void no_rows_cannot_say_except_none_and_count(void **state) {
	const char reason[] = "there is nothing to judge: nothing was found";
	says(EXPECT_CANNOT_SAY, "{uid: 0}", "[]", reason);
	says(EXPECT_CANNOT_SAY, "{every: {uid: 0}}", "[]", reason);
	says(EXPECT_CANNOT_SAY, "{some: {uid: 0}}", "[]", reason);
	says(EXPECT_CANNOT_SAY, "{not: {some: {uid: 0}}}", "[]", reason);
	says(EXPECT_CANNOT_SAY, "{not: {uid: 0}}", "[]", reason);
	holds("{none: {uid: 0}}", "[]");
	holds("{count: {at_most: 3}}", "[]");
	holds("{count: 0}", "[]");
	says(EXPECT_FAILS, "{count: {at_least: 1}}", "[]", "found 0, expected at least 1");
	says(EXPECT_FAILS, "{uid: 0, count: 1}", "[]", "found 0, expected 1");
	holds("{any: [{none: {uid: 0}}, {uid: 5}]}", "[]");
}

static void rows_are_quantified(void **state) {
	const char rows[] = "[{\"path\":\"/a\",\"uid\":1},{\"path\":\"/b\",\"uid\":2},{\"path\":\"/c\",\"uid\":2}]";
	holds("{some: {uid: 1}}", rows);
	says(EXPECT_FAILS, "{some: {uid: 3, path: /a}}", rows,
	     "none of the 3 that were found has uid 3 and path \"/a\"");
	holds("{none: {uid: 3}}", rows);
	says(EXPECT_FAILS, "{none: {uid: 2}}", rows, "/b: uid is 2, which is not allowed, and 1 more (/c)");
	says(EXPECT_FAILS, "{none: {path: {not: /b}, any: [{uid: 7}, {sticky: false}, {owner: {not: root}}]}}",
	     "[{\"path\":\"/a\",\"uid\":1,\"sticky\":false}]",
	     "/a: sticky is false and owner is not there, which is not allowed");
	/* That it is there is not what is wrong with it; alone it is. */
	const char one[] = "[{\"path\":\"/c\",\"uid\":2,\"exists\":true}]";
	says(EXPECT_FAILS, "{none: {exists: true, uid: 2}}", one, "/c: uid is 2, which is not allowed");
	says(EXPECT_FAILS, "{none: {exists: true}}", one, "/c: exists is true, which is not allowed");
	says(EXPECT_FAILS, "{none: {path: {not: /b}}}", rows,
	     "/a: path is \"/a\", which is not allowed, and 1 more (/c)");
	says(EXPECT_FAILS, "{none: {uid: 2}}",
	     "[{\"path\":\"/a\",\"uid\":2},{\"path\":\"/a\",\"uid\":2},{\"path\":\"/b\",\"uid\":2},{\"path\":\"/"
	     "c\",\"uid\":2},"
	     "{\"path\":\"/d\",\"uid\":2},{\"path\":\"/e\",\"uid\":2}]",
	     "/a: uid is 2, which is not allowed, and 5 more (/b, /c, /d, ...)");
	says(EXPECT_FAILS, "{none: {age: {at_least: 1d}}}", "[{\"path\":\"/a\",\"age\":90000}]",
	     "/a: age is at least 1d, which is not allowed");
	holds("{every: {uid: {at_most: 2}}}", rows);
	holds("{count: {where: {uid: 2}, equals: 2}}", rows);
	holds("{count: 3}", rows);
	says(EXPECT_FAILS, "{count: {where: {uid: 2}, at_most: 1}}", rows, "found 2 with uid 2, expected at most 1");
}

static void parts_compose_over_tables_and_within_rows(void **state) {
	const char rows[] = "[{\"path\":\"/a\",\"uid\":1},{\"path\":\"/b\",\"uid\":2}]";
	holds("{every: {any: [{uid: 1}, {uid: 2}]}}", rows);
	says(EXPECT_FAILS, "{any: [{uid: 1}, {uid: 2}]}", rows,
	     "none of these holds: /b: uid is 2, expected 1; /a: uid is 1, expected 2");
	says(EXPECT_FAILS, "{every: {any: [{uid: 1}, {path: /c}]}}", rows,
	     "/b: uid is 2, expected 1; path is \"/b\", expected \"/c\"");
	holds("{all: [{some: {uid: 1}}, {some: {uid: 2}}]}", rows);
	holds("{not: {some: {uid: 3}}}", rows);
	says(EXPECT_FAILS, "{not: {some: {uid: 2}}}", rows, "expected not to find, and found: some row has uid 2");
	says(EXPECT_FAILS, "{every: {not: {uid: 2}}}", rows, "/b: uid is 2, which is not allowed");
}

static void value_of_another_type_than_declared_cannot_say(void **state) {
	says(EXPECT_CANNOT_SAY, "{uid: 0}", "[{\"path\":\"/a\",\"uid\":\"0\"}]",
	     "/a: uid is not of type int, as its check says it is");
	assert_int_equal(judged("{mode: {not: \"0600\"}}", "[{\"mode\":\"rw\"}]"), EXPECT_CANNOT_SAY);
	assert_int_equal(judged("{none: {uid: 0}}", "[7]"), EXPECT_CANNOT_SAY);
}

static void parameters_stand_wherever_values_do(void **state) {
	holds("{uid: {at_most: $most}}", "[{\"uid\":5}]");
	fails("{uid: {at_most: $most}}", "[{\"uid\":6}]");
	holds("{owner: {in: $names}}", "[{\"owner\":\"b\"}]");
	holds("{uid: {in: [1, $most]}}", "[{\"uid\":5}]");
	holds("{mode: {at_most: $m}}", "[{\"mode\":\"0600\"}]");
	holds("{owner: $$most}", "[{\"owner\":\"$most\"}]");
	refused("{uid: {at_most: $nothing}}", 1, 17, "no parameter \"nothing\"");
	struct err err = {0};
	CLEANUP(yaml_tree_free_p) struct yaml *node = NULL;
	CLEANUP(json_decref_p) json_t *values = json_of("{\"old\":86400}");
	CLEANUP(json_decref_p) json_t *docs = json_of("{\"old\":{\"type\":\"duration\"}}");
	struct match_context context = {file_scope, 1, {values, docs}, "t.yaml", true};
	struct expect *expect;
	assert_true(yaml_read("{uid: $old}", 11, "t", &node, &err));
	assert_false(expect_compile(node, &context, &expect, &err));
	assert_non_null(strstr(err.why, "the parameter \"old\" is of type duration"));
}

static void mistakes_are_found_when_the_policy_is_loaded(void **state) {
	refused("{colour: red}", 1, 2, "the check file has no field \"colour\"");
	refused("{owner: {at_most: x}}", 1, 10, "at_most does not go with owner, which is of type string");
	refused("{uid: {matches: x}}", 1, 8, "matches does not go with uid");
	refused("{uid: {atmost: 1}}", 1, 8, "no operator \"atmost\"");
	refused("{uid: root}", 1, 7, "a whole number");
	refused("{uid: \"0\"}", 1, 7, "quotes make it a string");
	refused("{owner: no}", 1, 9, "write \"no\"");
	refused("{owner: 1}", 1, 9, "write \"1\"");
	refused("{owner: [a]}", 1, 9, "{in: [...]}");
	refused("{sticky: yes}", 1, 10, "true or false");
	refused("{mode: 0640}", 1, 8, "write \"0640\"");
	refused("{mode: \"0980\"}", 1, 8, "octal");
	refused("{age: {at_most: 90}}", 1, 17, "a duration");
	refused("{size: {at_most: 4X}}", 1, 18, "a size");
	refused("{size: {at_most: 99999999T}}", 1, 18, "a size");
	refused("{changed: {at_most: yesterday}}", 1, 21, "an instant");
	refused("{owner: {matches: \"(\"}}", 1, 19, "the pattern does not read");
	refused("{owner: {exists: 1}}", 1, 18, "true or false");
	refused("{owner: {in: a}}", 1, 14, "has to be a sequence");
	refused("{owner: {}}", 1, 9, "nothing is expected");
	refused("{}", 1, 1, "nothing is expected");
	refused("{all: []}", 1, 7, "nothing is expected");
	refused("{every: {some: {uid: 1}}}", 1, 10, "no field \"some\"");
	refused("{count: many}", 1, 9, "a whole number");
	refused("{count: {where: {uid: 1}}}", 1, 9, "nothing is expected");
	refused("{uid: }", 1, 7, "a whole number");
	refused("[uid]", 1, 1, "has to be a mapping");
}

static void pattern_stops_at_its_cap(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, "{owner: {matches: ");
	memset(buf_room(&text, MATCH_PATTERN_LONGEST), 'a', MATCH_PATTERN_LONGEST);
	text.len += MATCH_PATTERN_LONGEST;
	buf_adds(&text, "}}");
	fails(buf_str(&text), "[{\"owner\":\"b\"}]");
	text.len -= 2;
	buf_adds(&text, "a}}");
	refused(buf_str(&text), 1, 19, "the pattern does not read");
}

static enum expect_outcome judged_two(const char *text, const char *disk, const char *served) {
	CLEANUP(expect_free_p) struct expect *expect = compiled(text, two_scopes, 2);
	CLEANUP(json_decref_p) json_t *one = json_of(disk);
	CLEANUP(json_decref_p) json_t *two = json_of(served);
	CLEANUP(buf_done) struct buf reason = {0};
	struct view_seen views[] = {{.name = "disk", .check = &fake_sysctl, .ok = true, .rows = one},
				    {.name = "served", .check = &fake_sysctl, .ok = true, .rows = two}};
	enum expect_outcome outcome = expect_judge(expect, views, &reason);
	snprintf(last_reason, sizeof last_reason, "%s", buf_str(&reason));
	return outcome;
}

static void views_are_compared_field_by_field(void **state) {
	const char a[] = "[{\"key\":\"k\",\"running\":\"a\"}]", b[] = "[{\"key\":\"k\",\"running\":\"b\"}]";
	const char text[] = "{served.running: {equals: disk.running}}";
	assert_int_equal(judged_two(text, a, a), EXPECT_HOLDS);
	assert_int_equal(judged_two(text, a, b), EXPECT_FAILS);
	assert_string_equal(last_reason, "k: served.running is \"b\", expected disk.running, which is \"a\"");
	assert_int_equal(judged_two("{served.running: disk.running}", a, b), EXPECT_FAILS);
	assert_int_equal(judged_two("{served.running: \"disk.running\"}", a, a), EXPECT_FAILS);
	assert_int_equal(judged_two("{served.running: {not: disk.running}}", a, b), EXPECT_HOLDS);
}

static void view_without_its_one_row_cannot_be_compared(void **state) {
	const char a[] = "[{\"key\":\"k\",\"running\":\"a\"}]";
	const char *const others[] = {"[]", "[{\"running\":\"a\"},{\"running\":\"a\"}]", "[{}]", "[{\"running\":1}]"};
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_int_equal(judged_two("{served.running: disk.running}", others[i], a), EXPECT_CANNOT_SAY);
		assert_string_equal(last_reason, "k: served.running cannot be compared: disk.running is not one value");
		assert_int_equal(judged_two("{served.running: {not: disk.running}}", others[i], a), EXPECT_CANNOT_SAY);
	}
	assert_int_equal(judged_two("{served.running: a, disk.running: a}", a, "[]"), EXPECT_CANNOT_SAY);
	assert_string_equal(last_reason, "there is nothing to judge: served: nothing was found");
}

static void views_do_not_mix_within_a_row(void **state) {
	static const char *const bad[] = {"{every: {served.running: a, disk.running: a}}",
					  "{running: a}",
					  "{count: 3}",
					  "{served.running: disk.colour}",
					  "{other.running: a}",
					  "{served.: a}"};
	struct match_context context = {two_scopes, 2, {NULL, NULL}, "t.yaml", true};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = {0};
		struct expect *expect = NULL;
		CLEANUP(yaml_tree_free_p) struct yaml *node = NULL;
		assert_true(yaml_read(bad[i], strlen(bad[i]), "t", &node, &err));
		if (expect_compile(node, &context, &expect, &err))
			fail_msg("compiled: %s", bad[i]);
		assert_true(err.line == 1 && err.column > 0);
	}
	assert_int_equal(judged_two("{count: {where: {disk.running: a}, equals: 1}}", "[{\"running\":\"a\"}]", "[]"),
			 EXPECT_HOLDS);
}

static void expectation_is_shown_with_parameters_filled_in(void **state) {
	CLEANUP(expect_free_p)
	struct expect *expect =
		compiled("{uid: {at_most: $most}, age: {at_most: 1d}, any: [{owner: a}, {none: {owner: {not: "
			 "{in: $names}}}}], count: {where: {uid: 1}, at_least: 1}}",
			 file_scope, 1);
	CLEANUP(json_decref_p) json_t *shown = expect_json(expect);
	CLEANUP(json_decref_p)
	json_t *expected = json_of(
		"{\"uid\":{\"at_most\":5},\"age\":{\"at_most\":86400},\"any\":[{\"owner\":\"a\"},{\"none\":{"
		"\"owner\":{\"not\":{\"in\":[\"a\",\"b\"]}}}}],\"count\":{\"at_least\":1,\"where\":{\"uid\":1}}}");
	CLEANUP(buf_done) struct buf words = {0};
	assert_true(json_equal(shown, expected));
	expect_describe(expect, &words);
	assert_string_equal(buf_str(&words),
			    "uid at most 5 and age at most 1d and (owner \"a\" or no row has owner not one of "
			    "\"a\", \"b\") and at least 1 rows with uid 1");
}

static void long_and_odd_values_are_cut_and_cleaned(void **state) {
	CLEANUP(buf_done) struct buf rows = {0};
	buf_adds(&rows, "[{\"owner\":\"");
	for (size_t i = 0; i < VALUE_TEXT_LONGEST; i++)
		buf_adds(&rows, "\xc3\xa9");
	buf_adds(&rows, "\"}]");
	fails("{owner: x}", buf_str(&rows));
	assert_true(strlen(last_reason) < VALUE_TEXT_LONGEST + 60);
	assert_non_null(strstr(last_reason, "\xc3\xa9...\""));
	says(EXPECT_FAILS, "{owner: x}", "[{\"owner\":\"a\\u001b[31m\\n\"}]", "owner is \"a?[31m?\", expected \"x\"");
	says(EXPECT_FAILS, "{tags: []}", "[{\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}]",
	     "tags is \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\" and 1 more, expected nothing");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_holds_for_every_row),
		cmocka_unit_test(operators_mean_what_the_page_says),
		cmocka_unit_test(at_most_of_a_mode_means_no_bit_outside),
		cmocka_unit_test(times_compare_as_instants_and_are_not_told),
		cmocka_unit_test(lists_compare_as_sets),
		cmocka_unit_test(volatile_and_secret_values_stay_out_of_the_reason),
		cmocka_unit_test(field_that_has_to_be_known_leaves_open_what_is_not_there),
		cmocka_unit_test(field_that_is_not_there_matches_only_its_absence),
		cmocka_unit_test(patterns_are_anchored_at_both_ends),
		cmocka_unit_test(pattern_over_its_limits_cannot_say),
		cmocka_unit_test(no_rows_cannot_say_except_none_and_count),
		cmocka_unit_test(rows_are_quantified),
		cmocka_unit_test(parts_compose_over_tables_and_within_rows),
		cmocka_unit_test(value_of_another_type_than_declared_cannot_say),
		cmocka_unit_test(parameters_stand_wherever_values_do),
		cmocka_unit_test(mistakes_are_found_when_the_policy_is_loaded),
		cmocka_unit_test(pattern_stops_at_its_cap),
		cmocka_unit_test(views_are_compared_field_by_field),
		cmocka_unit_test(view_without_its_one_row_cannot_be_compared),
		cmocka_unit_test(views_do_not_mix_within_a_row),
		cmocka_unit_test(expectation_is_shown_with_parameters_filled_in),
		cmocka_unit_test(long_and_odd_values_are_cut_and_cleaned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

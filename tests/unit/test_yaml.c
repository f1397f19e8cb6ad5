/* The YAML tree: what it keeps, and what it refuses where. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/yaml.h"

static struct yaml *read_text(const char *text) {
	struct err err = {0};
	struct yaml *root = NULL;
	if (!yaml_read(text, strlen(text), "t.yaml", &root, &err))
		fail_msg("%u:%u: %s", err.line, err.column, err.why);
	return root;
}

static void refused(const char *text, unsigned line, unsigned column, const char *part) {
	struct err err = {0};
	struct yaml *root = NULL;
	if (yaml_read(text, strlen(text), "t.yaml", &root, &err))
		fail_msg("read, and should not have been: %s", text);
	assert_null(root);
	if (err.line != line || err.column != column || !strstr(err.why, part))
		fail_msg("%u:%u: %s", err.line, err.column, err.why);
	assert_string_equal(err.where, "t.yaml");
}

static void tree_keeps_text_quotes_line_and_column(void **state) {
	CLEANUP(yaml_tree_free_p) struct yaml *root = read_text("a: 1\nlist:\n  - \"no\"\n  - no\nmap: {b: c}\n");
	const struct yaml *list = yaml_get(root, "list");
	assert_int_equal(root->count, 3);
	assert_string_equal(yaml_get(root, "a")->text, "1");
	assert_int_equal(list->kind, YAML_SEQUENCE);
	assert_int_equal(list->count, 2);
	assert_true(list->items[0]->quoted);
	assert_false(list->items[1]->quoted);
	assert_int_equal(list->items[1]->line, 4);
	assert_int_equal(list->items[1]->column, 5);
	assert_string_equal(yaml_get(yaml_get(root, "map"), "b")->text, "c");
	assert_null(yaml_get(root, "absent"));
}

static void what_hides_meaning_is_refused_where_it_stands(void **state) {
	refused("a: &x 1\n", 1, 4, "anchors");
	refused("a: 1\nb: *x\n", 2, 4, "aliases");
	refused("*x : 1\n", 1, 1, "aliases");
	refused("a: !!str 1\n", 1, 4, "tags");
	refused("a: ! 1\n", 1, 4, "tags");
	refused("a:\n  <<: {b: 1}\n", 2, 3, "merge keys");
	refused("a: 1\nb: 2\na: 3\n", 3, 1, "\"a\" stands here twice");
	refused("? [a]\n: 1\n", 1, 3, "key");
	refused("a: \"\\0\"\n", 1, 4, "NUL");
}

static void one_document_and_nothing_behind_it(void **state) {
	refused("a: 1\n---\nb: 2\n", 2, 1, "second document");
	refused("", 1, 1, "nothing");
	refused("# only a comment\n", 2, 1, "nothing");
	refused("a: [1\n", 2, 1, "");
	refused("a: 1\n...\njunk\n", 3, 1, "");
}

static void bytes_that_are_not_utf8_are_refused(void **state) {
	struct err err;
	struct yaml *root = NULL;
	assert_false(yaml_read("a: \xff\n", 5, "t", &root, &err));
	assert_false(yaml_read("\xff\xfe"
			       "a\0",
			       4, "t", &root, &err));
	assert_false(yaml_read("a: b\0c\n", 7, "t", &root, &err));
}

static char *nested(unsigned depth) {
	struct buf text = {0};
	for (unsigned i = 0; i < depth; i++)
		buf_adds(&text, "[");
	for (unsigned i = 0; i < depth; i++)
		buf_adds(&text, "]");
	return buf_take(&text);
}

static void nesting_stops_at_its_cap(void **state) {
	struct err err;
	struct yaml *root = NULL;
	CLEANUP(free_ptr) char *most = nested(YAML_DEEPEST);
	CLEANUP(free_ptr) char *over = nested(YAML_DEEPEST + 1);
	CLEANUP(yaml_tree_free_p) struct yaml *held = read_text(most);
	assert_non_null(held);
	assert_false(yaml_read(over, strlen(over), "t", &root, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

static void values_and_bytes_stop_at_their_caps(void **state) {
	struct err err = {0};
	struct yaml *root = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, "[");
	for (unsigned i = 0; i < YAML_NODES_MOST - 1; i++)
		buf_adds(&text, "1,");
	buf_adds(&text, "]");
	assert_true(yaml_read(text.data, text.len, "t", &root, &err));
	yaml_tree_free(root);
	text.data[text.len - 1] = '1';
	buf_adds(&text, "]");
	assert_false(yaml_read(text.data, text.len, "t", &root, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	buf_done(&text);
	memset(buf_room(&text, YAML_LARGEST + 1), '\n', YAML_LARGEST + 1);
	memcpy(text.data, "a: 1", 4);
	assert_true(yaml_read(text.data, YAML_LARGEST, "t", &root, &err));
	yaml_tree_free(root);
	assert_false(yaml_read(text.data, YAML_LARGEST + 1, "t", &root, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

static void a_bare_word_that_yaml_reads_otherwise_is_no_string(void **state) {
	const char *const not_strings[] = {"no",   "Yes",  "on",  "~",     "null", "8.10",  "8",
					   "0640", "0x1f", "1e3", "1_000", "-1",   "12:30", ".5"};
	const char *const strings[] = {"none",       "90d",    "1.0.0",  "A.8.10", "4G",
				       "2027-06-30", "no one", "\"no\"", "'8'",    "0xyz"};
	struct err err;
	const char *text;
	for (size_t i = 0; i < ARRAY_LEN(not_strings); i++) {
		CLEANUP(yaml_tree_free_p) struct yaml *node = read_text(not_strings[i]);
		if (yaml_string(node, "t", "title", &text, &err))
			fail_msg("%s passed for a string", not_strings[i]);
		CLEANUP(free_ptr) char *hint = xasprintf("write \"%s\"", not_strings[i]);
		assert_non_null(strstr(err.why, hint));
	}
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		CLEANUP(yaml_tree_free_p) struct yaml *node = read_text(strings[i]);
		if (!yaml_string(node, "t", "title", &text, &err))
			fail_msg("%s: %s", strings[i], err.why);
	}
}

static void only_true_and_false_are_truth_values(void **state) {
	CLEANUP(yaml_tree_free_p) struct yaml *root = read_text("[true, false, yes, \"true\", [true]]");
	struct err err;
	bool value = false;
	assert_true(yaml_bool(root->items[0], "t", "key", &value, &err));
	assert_true(value);
	assert_true(yaml_bool(root->items[1], "t", "key", &value, &err));
	assert_false(value);
	for (size_t i = 2; i < 5; i++)
		assert_false(yaml_bool(root->items[i], "t", "key", &value, &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_keeps_text_quotes_line_and_column),
		cmocka_unit_test(what_hides_meaning_is_refused_where_it_stands),
		cmocka_unit_test(one_document_and_nothing_behind_it),
		cmocka_unit_test(bytes_that_are_not_utf8_are_refused),
		cmocka_unit_test(nesting_stops_at_its_cap),
		cmocka_unit_test(values_and_bytes_stop_at_their_caps),
		cmocka_unit_test(a_bare_word_that_yaml_reads_otherwise_is_no_string),
		cmocka_unit_test(only_true_and_false_are_truth_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

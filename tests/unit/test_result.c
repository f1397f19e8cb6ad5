/* Results and their leaves, as docs/FORMAT.md 2 has them. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/result.h"
#include "tests/fake_checks.h"

static struct catalogue *catalogue;

#define BEGIN                                                                                                          \
	"policy: {id: p, version: 1.0.0, framework: \"iso27001:2022\", title: T}\nrules:\n- id: r.s\n  title: Title\n" \
	"  controls: [A.8.15, A.8.9]\n  severity: high\n  kind: effect\n  key: true\n  every: 2h\n  why: Why.\n  "     \
	"fix: Fix.\n"                                                                                                  \
	"  params: {most: {type: duration, default: 1d, doc: d}}\n"
#define SYSCTL "  check: sysctl\n  with: {key: k}\n  expect: {running: \"0\"}\n"
#define FILES "  check: file\n  with: {path: /x}\n  expect: {age: {at_most: $most}}\n"
#define BLIND "00112233445566778899aabbccddeeff"

static json_t *result_of(const char *text, const char *const names[], size_t count, json_t *const rows[]) {
	struct err err = {0};
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = NULL;
	if (!policy_stack_parse("p", text, strlen(text), catalogue, fake_checks, &stack, &err))
		fail_msg("%u:%u: %s", err.line, err.column, err.why);
	const struct rule *rule = stack->rules[0];
	struct view_seen views[2] = {0};
	for (size_t i = 0; i < count; i++)
		views[i] = (struct view_seen){
			.name = names[i], .check = rule->views[i].check, .ok = rows[i] != NULL, .rows = rows[i]};
	CLEANUP(sources_free_p) struct sources *fetched = sources_new();
	CLEANUP(names_free_p) struct names *asked = names_new();
	struct source *read = sources_add(fetched, "file:/proc/b");
	buf_adds(&read->bytes, "abc");
	read->sha256 = hash_of("abc", 3);
	err_set(&sources_add(fetched, "file:/proc/a")->err, ERR_DENIED, "file:/proc/a", "open: EACCES");
	names_add(asked, "file:/proc/c");
	names_add(asked, "file:/proc/b");
	names_add(asked, "file:/proc/a");
	struct judgement judgement = {VERDICT_PASS, xstrdup("as expected")};
	json_t *result = result_json(rule, &judgement, views, count, fetched, asked, 1795287600);
	judgement_done(&judgement);
	return result;
}

static json_t *of_rows(const char *text, json_t *rows) {
	json_t *result = result_of(text, (const char *const[]){""}, 1, &rows);
	json_decref(rows);
	return result;
}

static void expect_member(const json_t *result, const char *key, const char *text) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	json_t *value = json_object_get(result, key);
	if (!value)
		fail_msg("no member %s", key);
	assert_true(json_canonical(value, &bytes, &err));
	assert_string_equal(buf_str(&bytes), text);
}

static void result_carries_every_member_of_the_format(void **state) {
	CLEANUP(json_decref_p)
	json_t *result = of_rows(BEGIN SYSCTL, json_pack("[{s:s,s:s}]", "key", "k", "running", "0"));
	expect_member(result, "rule", "\"r.s\"");
	expect_member(result, "title", "\"Title\"");
	expect_member(result, "verdict", "\"pass\"");
	expect_member(result, "reason", "\"as expected\"");
	expect_member(result, "kind", "\"effect\"");
	expect_member(result, "severity", "\"high\"");
	expect_member(result, "key", "true");
	expect_member(result, "controls", "[\"A.8.15\",\"A.8.9\"]");
	expect_member(result, "why", "\"Why.\"");
	expect_member(result, "fix", "\"Fix.\"");
	expect_member(result, "observed", "[{\"key\":\"k\",\"running\":\"0\"}]");
	expect_member(result, "expected", "{\"running\":\"0\"}");
	expect_member(result, "params", "{\"most\":86400}");
	expect_member(result, "volatile", "[]");
	expect_member(result, "personal", "[]");
	expect_member(result, "collectedAt", "\"2026-11-21T19:00:00Z\"");
	expect_member(result, "expiresAt", "\"2026-11-22T01:00:00Z\"");
	struct hash sha256 = hash_of(BEGIN SYSCTL, strlen(BEGIN SYSCTL));
	char hex[HASH_HEX];
	assert_string_equal(json_string_value(json_object_get(result, "policy")), hash_hex(&sha256, hex));
	assert_int_equal(json_object_size(result), 19);
}

static void sources_are_sorted_and_say_why_not(void **state) {
	CLEANUP(json_decref_p) json_t *result = of_rows(BEGIN SYSCTL, json_array());
	expect_member(result, "sources",
		      "[{\"error\":\"denied\",\"name\":\"file:/proc/a\",\"why\":\"open: EACCES\"},"
		      "{\"name\":\"file:/proc/b\",\"sha256\":"
		      "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":3},"
		      "{\"error\":\"unproved\",\"name\":\"file:/proc/c\",\"why\":\"never asked for\"}]");
}

static void fields_are_named_as_volatile_and_personal(void **state) {
	CLEANUP(json_decref_p) json_t *result = of_rows(BEGIN FILES, json_array());
	expect_member(result, "volatile", "[\"age\"]");
	expect_member(result, "personal", "[\"owner\"]");
}

static json_t *many_rows(size_t count) {
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++) {
		CLEANUP(free_ptr) char *text = xasprintf("%zu", i);
		json_array_append_new(rows, json_pack("{s:s,s:s}", "key", "k", "running", text));
	}
	return rows;
}

static void two_hundred_rows_travel_and_the_rest_is_digested(void **state) {
	CLEANUP(json_decref_p) json_t *most = of_rows(BEGIN SYSCTL, many_rows(RESULT_ROWS_MOST));
	CLEANUP(json_decref_p) json_t *over = of_rows(BEGIN SYSCTL, many_rows(RESULT_ROWS_MOST + 1));
	assert_int_equal(json_array_size(json_object_get(most, "observed")), 200);
	assert_null(json_object_get(most, "omitted"));
	assert_int_equal(json_array_size(json_object_get(over, "observed")), 200);
	expect_member(over, "omitted",
		      "{\"count\":1,\"sha256\":\"00bb82b793d83f7b8ef5744a6d83517d8c623e15890ec63010b86308e82c80c8\"}");
}

static void rows_of_several_views_say_which(void **state) {
	CLEANUP(json_decref_p) json_t *a = json_pack("[{s:s}]", "running", "1");
	CLEANUP(json_decref_p) json_t *b = json_pack("[{s:s}]", "running", "2");
	const char text[] = BEGIN "  checks: {a: {check: sysctl, with: {key: a}}, b: {check: sysctl, with: {key: b}}}\n"
				  "  expect: {a.running: b.running}\n";
	const char *const names[] = {"a", "b"};
	CLEANUP(json_decref_p) json_t *both = result_of(text, names, 2, (json_t *const[]){a, b});
	CLEANUP(json_decref_p) json_t *one = result_of(text, names, 2, (json_t *const[]){NULL, b});
	expect_member(both, "observed", "[{\"running\":\"1\",\"view\":\"a\"},{\"running\":\"2\",\"view\":\"b\"}]");
	expect_member(one, "observed", "[{\"running\":\"2\",\"view\":\"b\"}]");
	assert_null(json_object_get(json_array_get(a, 0), "view"));
}

static char *leaf_of(const json_t *result) {
	struct err err = {0};
	struct buf leaf = {0};
	if (!result_leaf(result, BLIND, &leaf, &err))
		fail_msg("%s", err.why);
	return buf_take(&leaf);
}

static void leaf_is_the_canonical_object_of_the_format(void **state) {
	CLEANUP(json_decref_p)
	json_t *result = of_rows(BEGIN SYSCTL, json_pack("[{s:s,s:s}]", "key", "k", "running", "0"));
	CLEANUP(free_ptr) char *leaf = leaf_of(result);
	assert_string_equal(leaf, "{\"blind\":\"" BLIND "\",\"kind\":\"effect\",\"observation\":"
				  "\"0f632a483c813337e510ab9c6e674bd58db7625412baec14f20ad8bffa0fca30\",\"reason\":"
				  "\"as expected\",\"rule\":\"r.s\",\"verdict\":\"pass\"}");
	json_object_set_new(result, "waiver", json_pack("{s:s}", "id", "W-1"));
	CLEANUP(free_ptr) char *waived = leaf_of(result);
	assert_non_null(strstr(waived, ",\"waiver\":{\"id\":\"W-1\"}}"));
}

static json_t *file_row(json_int_t age, json_int_t uid) {
	return json_pack("[{s:s,s:I,s:I}]", "path", "/x", "age", age, "uid", uid);
}

static void leaf_moves_with_what_was_seen_but_not_with_volatile_fields(void **state) {
	CLEANUP(json_decref_p) json_t *before = of_rows(BEGIN FILES, file_row(1, 0));
	CLEANUP(json_decref_p) json_t *later = of_rows(BEGIN FILES, file_row(2, 0));
	CLEANUP(json_decref_p) json_t *changed = of_rows(BEGIN FILES, file_row(2, 5));
	CLEANUP(free_ptr) char *a = leaf_of(before);
	CLEANUP(free_ptr) char *b = leaf_of(later);
	CLEANUP(free_ptr) char *c = leaf_of(changed);
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(json_object_get(before, "observed"), 0), "age")), 1);
}

static json_t *with_omitted(json_t *rows, const char *digit) {
	json_t *result = of_rows(BEGIN FILES, rows);
	CLEANUP(buf_done) struct buf hex = {0};
	for (size_t i = 0; i < 64; i++)
		buf_adds(&hex, digit);
	json_object_set_new(result, "omitted", json_pack("{s:i,s:s}", "count", 3, "sha256", buf_str(&hex)));
	return result;
}

static void leaf_holds_the_digest_of_omitted_rows_unless_they_move(void **state) {
	CLEANUP(json_decref_p) json_t *still_a = with_omitted(json_pack("[{s:s}]", "path", "/x"), "a");
	CLEANUP(json_decref_p) json_t *still_b = with_omitted(json_pack("[{s:s}]", "path", "/x"), "b");
	CLEANUP(json_decref_p) json_t *moving_a = with_omitted(file_row(1, 0), "a");
	CLEANUP(json_decref_p) json_t *moving_b = with_omitted(file_row(2, 0), "b");
	CLEANUP(free_ptr) char *a = leaf_of(still_a);
	CLEANUP(free_ptr) char *b = leaf_of(still_b);
	CLEANUP(free_ptr) char *c = leaf_of(moving_a);
	CLEANUP(free_ptr) char *d = leaf_of(moving_b);
	assert_string_not_equal(a, b);
	assert_string_equal(c, d);
}

static void malformed_results_have_no_leaf(void **state) {
	static const struct {
		const char *key, *value;
	} table[] = {{"rule", "7"},
		     {"verdict", "\"waived\""},
		     {"kind", "null"},
		     {"reason", "[]"},
		     {"observed", "{}"},
		     {"observed", "[1]"},
		     {"observed", "[{\"a\":1.5}]"},
		     {"volatile", "[1]"},
		     {"volatile", "\"age\""},
		     {"omitted", "{\"count\":0,\"sha256\":\"\"}"},
		     {"omitted", "{\"count\":3,\"sha256\":\"AB\"}"},
		     {"omitted", "[]"},
		     {"waiver", "true"}};
	struct err err;
	CLEANUP(json_decref_p) json_t *good = of_rows(BEGIN FILES, file_row(1, 0));
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		CLEANUP(json_decref_p) json_t *bad = json_deep_copy(good);
		CLEANUP(buf_done) struct buf leaf = {0};
		json_object_set_new(bad, table[i].key, json_loads(table[i].value, JSON_DECODE_ANY, NULL));
		if (result_leaf(bad, BLIND, &leaf, &err))
			fail_msg("%s: %s made a leaf", table[i].key, table[i].value);
		assert_int_equal(leaf.len, 0);
	}
	static const char *const blinds[] = {"", "0011", BLIND "0", "00112233445566778899AABBCCDDEEFF"};
	for (size_t i = 0; i < ARRAY_LEN(blinds); i++) {
		CLEANUP(buf_done) struct buf leaf = {0};
		assert_false(result_leaf(good, blinds[i], &leaf, &err));
	}
	CLEANUP(json_decref_p) json_t *over = json_deep_copy(good);
	json_object_set_new(over, "observed", many_rows(RESULT_ROWS_MOST + 1));
	CLEANUP(buf_done) struct buf leaf = {0};
	assert_false(result_leaf(over, BLIND, &leaf, &err));
}

static int load_catalogue(void **state) {
	struct err err;
	return catalogue_load(SOURCE_DIR "/policies", &catalogue, &err) ? 0 : -1;
}

static int free_catalogue(void **state) {
	catalogue_free(catalogue);
	return 0;
}

static void what_is_as_expected_is_said_in_two_words_where_it_would_be_a_page(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	assert_string_equal(result_brief("as expected: running \"0\""), "as expected: running \"0\"");
	buf_adds(&text, "as expected: ");
	for (size_t i = 0; i < 100; i++)
		buf_adds(&text, "x");
	assert_string_equal(result_brief(buf_str(&text)), "as expected");
	assert_string_equal(result_brief(buf_str(&text) + 3), buf_str(&text) + 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(result_carries_every_member_of_the_format),
		cmocka_unit_test(sources_are_sorted_and_say_why_not),
		cmocka_unit_test(fields_are_named_as_volatile_and_personal),
		cmocka_unit_test(two_hundred_rows_travel_and_the_rest_is_digested),
		cmocka_unit_test(rows_of_several_views_say_which),
		cmocka_unit_test(leaf_is_the_canonical_object_of_the_format),
		cmocka_unit_test(leaf_moves_with_what_was_seen_but_not_with_volatile_fields),
		cmocka_unit_test(leaf_holds_the_digest_of_omitted_rows_unless_they_move),
		cmocka_unit_test(malformed_results_have_no_leaf),
		cmocka_unit_test(what_is_as_expected_is_said_in_two_words_where_it_would_be_a_page),
	};
	return cmocka_run_group_tests(tests, load_catalogue, free_catalogue);
}

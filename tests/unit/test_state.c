/* The current results of a line: replaced whole or one by one, disclosed in part, erased, and the root stays what was
 * signed. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/result.h"
#include "core/state.h"

static json_t *read_json(const char *text) {
	struct err err;
	json_t *value = NULL;
	assert_true(json_read(text, strlen(text), 100000, "t", &value, &err));
	return value;
}

/* age: a volatile field. */
static json_t *result(const char *rule, const char *verdict, int age) {
	char blind[33];
	snprintf(blind, sizeof blind, "%032x", (unsigned)rule[0] * 7);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:i, s:s}], s:[s], s:[], s:s}", "rule", rule, "verdict",
			 verdict, "reason", "because", "kind", "effect", "blind", blind, "observed", "age", age,
			 "value", rule, "volatile", "age", "sources", "title", "not in the leaf");
}

static json_t *three(void) {
	return json_pack("[o, o, o]", result("a.one", "pass", 1), result("b.two", "fail", 2),
			 result("c.three", "pass", 3));
}

static struct state *state_of(json_t *results) {
	struct err err;
	struct state *state = state_new();
	assert_true(state_take(state, results, true, &err));
	return state;
}

static bool is_root_of(const struct state *state, json_t *results) {
	struct err err;
	CLEANUP(state_free_p) struct state *other = state_of(results);
	CLEANUP(json_decref_p) json_t *committed = state_json(other);
	return state_is(state, committed, &err);
}

static void what_a_round_carries_replaces_what_was_there(void **unused) {
	struct err err;
	CLEANUP(json_decref_p)
	json_t *before = three(), *carried = json_pack("[o]", result("b.two", "pass", 2)), *after = three();
	json_array_set_new(after, 1, result("b.two", "pass", 2));
	CLEANUP(state_free_p) struct state *state = state_of(before);
	assert_true(state_take(state, carried, false, &err));
	assert_true(is_root_of(state, after));
	assert_false(is_root_of(state, before));
}

static void a_leaf_that_is_appended_is_under_the_root(void **unused) {
	CLEANUP(json_decref_p) json_t *all = three(), *some = three();
	CLEANUP(state_free_p) struct state *whole = state_of(all);
	assert_int_equal(json_array_remove(some, 2), 0);
	CLEANUP(state_free_p) struct state *state = state_of(some);
	CLEANUP(state_free_p) struct state *copy = state_copy(state);
	assert_false(is_root_of(state, all));
	state_append(state, state_rule(whole, 2), state_leaf(whole, 2));
	assert_true(is_root_of(state, all));
	assert_true(is_root_of(copy, some));
}

static void a_full_round_forgets_what_it_does_not_carry(void **unused) {
	struct err err;
	CLEANUP(json_decref_p) json_t *before = three(), *carried = json_pack("[o]", result("b.two", "pass", 2));
	CLEANUP(state_free_p) struct state *state = state_of(before);
	assert_true(state_take(state, carried, true, &err));
	assert_int_equal(state_size(state), 1);
	assert_true(is_root_of(state, carried));
}

static void a_rule_that_was_not_there_is_refused_and_nothing_is_replaced(void **unused) {
	struct err err;
	CLEANUP(json_decref_p)
	json_t *before = three(),
	       *carried = json_pack("[o, o]", result("b.two", "pass", 2), result("b.unknown", "pass", 2));
	CLEANUP(state_free_p) struct state *state = state_of(before);
	assert_false(state_take(state, carried, false, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_true(is_root_of(state, before));
}

static void results_that_are_not_sorted_or_make_no_leaf_are_refused(void **unused) {
	struct err err;
	CLEANUP(json_decref_p) json_t *before = three();
	CLEANUP(state_free_p) struct state *state = state_of(before);
	json_t *const bad[] = {
		json_pack("[o, o]", result("b.two", "pass", 2), result("a.one", "pass", 2)),
		json_pack("[o, o]", result("b.two", "pass", 2), result("b.two", "pass", 2)),
		read_json("[{\"rule\":\"b.two\"}]"),
		read_json("[{\"rule\":\"b.two\",\"erased\":{\"leaf\":\"00\"}}]"),
		read_json("[{\"rule\":\"b.two\",\"erased\":{}}]"),
		read_json("[7]"),
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(state_take(state, bad[i], i % 2 == 0, &err));
		assert_true(is_root_of(state, before));
		json_decref(bad[i]);
	}
}

static void what_is_volatile_does_not_move_the_root(void **unused) {
	CLEANUP(json_decref_p) json_t *before = three(), *after = three();
	json_array_set_new(after, 0, result("a.one", "pass", 99));
	CLEANUP(state_free_p) struct state *state = state_of(before);
	assert_true(is_root_of(state, after));
}

static void an_erased_result_keeps_its_place_by_its_leaf(void **unused) {
	CLEANUP(json_decref_p) json_t *before = three(), *after = three();
	CLEANUP(state_free_p) struct state *state = state_of(before);
	char hex[HASH_HEX];
	json_array_set_new(after, 1,
			   json_pack("{s:s, s:{s:s, s:s}}", "rule", "b.two", "erased", "leaf",
				     hash_hex(state_leaf(state, 1), hex), "statement", "00"));
	assert_true(is_root_of(state, after));
}

static void another_size_is_refused_with_both(void **unused) {
	struct err err;
	CLEANUP(json_decref_p) json_t *before = three(), *fewer = json_pack("[o]", result("a.one", "pass", 1));
	CLEANUP(state_free_p) struct state *state = state_of(before), *other = state_of(fewer);
	CLEANUP(json_decref_p) json_t *committed = state_json(other);
	assert_false(state_is(state, committed, &err));
	assert_non_null(strstr(err.why, "commits to 1"));
	assert_non_null(strstr(err.why, "there are 3"));
}

static void a_disclosed_result_and_the_nodes_give_the_root_and_show_nothing_else(void **unused) {
	const uint64_t shown[] = {1};
	struct err err;
	struct hash root;
	size_t index;
	json_t *node_json;
	CLEANUP(json_decref_p) json_t *results = three(), *disclosed = NULL, *nodes = NULL, *committed = NULL;
	CLEANUP(buf_done) struct buf leaf = {0};
	CLEANUP(state_free_p) struct state *state = state_of(results);
	CLEANUP(frontier_free_p) struct frontier *frontier = frontier_new();
	assert_true(state_disclose(json_array_get(results, 1), &disclosed, &err));
	nodes = state_nodes(state, shown, 1);
	assert_null(json_object_get(disclosed, "title"));
	assert_null(json_object_get(json_array_get(json_object_get(disclosed, "observed"), 0), "age"));
	assert_true(result_leaf(disclosed, json_string_value(json_object_get(disclosed, "blind")), &leaf, &err));
	frontier_add(frontier, &(struct frontier_node){0, 1, merkle_leaf(leaf.data, leaf.len)});
	json_array_foreach(nodes, index, node_json) {
		struct frontier_node node;
		assert_true(frontier_node_read(node_json, "t", &node, &err));
		frontier_add(frontier, &node);
	}
	assert_true(frontier_close(frontier, &err));
	assert_true(merkle_root_from(3, frontier_get, frontier, &root, &err));
	char hex[HASH_HEX];
	committed = state_json(state);
	assert_string_equal(hash_hex(&root, hex), json_string_value(json_object_get(committed, "root")));
}

static void nodes_for_what_is_not_there_are_not_made(void **unused) {
	const uint64_t outside[] = {3};
	CLEANUP(json_decref_p) json_t *results = three();
	CLEANUP(state_free_p) struct state *state = state_of(results);
	assert_null(state_nodes(state, outside, 1));
}

static void a_copy_is_its_own(void **unused) {
	struct err err;
	CLEANUP(json_decref_p) json_t *before = three(), *carried = json_pack("[o]", result("b.two", "pass", 2));
	CLEANUP(state_free_p) struct state *state = state_of(before), *copy = state_copy(state);
	assert_true(state_take(copy, carried, false, &err));
	assert_true(is_root_of(state, before));
	assert_false(is_root_of(copy, before));
	assert_string_equal(state_rule(copy, 2), "c.three");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_round_carries_replaces_what_was_there),
		cmocka_unit_test(a_leaf_that_is_appended_is_under_the_root),
		cmocka_unit_test(a_full_round_forgets_what_it_does_not_carry),
		cmocka_unit_test(a_rule_that_was_not_there_is_refused_and_nothing_is_replaced),
		cmocka_unit_test(results_that_are_not_sorted_or_make_no_leaf_are_refused),
		cmocka_unit_test(what_is_volatile_does_not_move_the_root),
		cmocka_unit_test(an_erased_result_keeps_its_place_by_its_leaf),
		cmocka_unit_test(another_size_is_refused_with_both),
		cmocka_unit_test(a_disclosed_result_and_the_nodes_give_the_root_and_show_nothing_else),
		cmocka_unit_test(nodes_for_what_is_not_there_are_not_made),
		cmocka_unit_test(a_copy_is_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

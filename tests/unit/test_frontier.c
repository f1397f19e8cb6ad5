/* Parts of Merkle trees: what is shown and the nodes for the rest give the roots, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/frontier.h"

#define MOST 300

static struct hash leaves[MOST];

static void make_leaves(void) {
	for (unsigned i = 0; i < MOST; i++)
		leaves[i] = merkle_leaf(&i, sizeof i);
}

static bool whole(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	*ret_hash = merkle_root(leaves + (index << level), (size_t)1 << level);
	return true;
}

struct part {
	struct frontier_node nodes[MOST];
	size_t count;
};

static void keep(void *context, const struct frontier_node *node) {
	struct part *part = context;
	part->nodes[part->count++] = *node;
}

static struct frontier *read_back(const struct part *nodes, const uint64_t *shown, size_t count) {
	struct err err;
	struct frontier *frontier = frontier_new();
	for (size_t i = 0; i < count; i++)
		frontier_add(frontier, &(struct frontier_node){0, shown[i], leaves[shown[i]]});
	for (size_t i = nodes->count; i-- > 0;)
		frontier_add(frontier, &nodes->nodes[i]);
	assert_true(frontier_close(frontier, &err));
	return frontier;
}

static bool has_root(struct frontier *frontier, uint64_t size) {
	struct err err;
	struct hash root, wanted = merkle_root(leaves, size);
	return merkle_root_from(size, frontier_get, frontier, &root, &err) && hash_equal(&root, &wanted);
}

static void the_root_follows_from_any_leaves_and_the_nodes_for_the_rest(void **state) {
	struct err err;
	for (uint64_t size = 1; size < 70; size++)
		for (uint64_t step = 1; step < 9; step++) {
			uint64_t shown[MOST];
			struct part part = {0};
			size_t count = 0;
			for (uint64_t i = step / 2; i < size; i += step)
				shown[count++] = i;
			const struct frontier_part wanted = {.size = size, .leaves = shown, .leaf_count = count};
			assert_true(frontier_make(&wanted, whole, NULL, keep, &part, &err));
			CLEANUP(frontier_free_p) struct frontier *frontier = read_back(&part, shown, count);
			assert_true(has_root(frontier, size));
		}
}

static void no_node_covers_what_is_shown_and_none_is_smaller_than_need_be(void **state) {
	const uint64_t shown[] = {5};
	struct part part = {0};
	struct err err;
	const struct frontier_part wanted = {.size = 16, .leaves = shown, .leaf_count = 1};
	assert_true(frontier_make(&wanted, whole, NULL, keep, &part, &err));
	static const unsigned levels[] = {2, 0, 1, 3};
	static const uint64_t indexes[] = {0, 4, 3, 1};
	assert_int_equal(part.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(part.nodes[i].level, levels[i]);
		assert_int_equal(part.nodes[i].index, indexes[i]);
	}
}

static void earlier_sizes_have_their_roots_too(void **state) {
	const uint64_t shown[] = {17, 250}, sizes[] = {1, 77, 128, 299};
	struct part part = {0};
	struct err err;
	const struct frontier_part wanted = {
		.size = 300, .leaves = shown, .leaf_count = 2, .sizes = sizes, .size_count = 4};
	assert_true(frontier_make(&wanted, whole, NULL, keep, &part, &err));
	CLEANUP(frontier_free_p) struct frontier *frontier = read_back(&part, shown, 2);
	for (size_t i = 0; i < 4; i++)
		assert_true(has_root(frontier, sizes[i]));
	assert_true(has_root(frontier, 300));
	assert_false(has_root(frontier, 40));
}

static void a_leaf_that_is_another_gives_another_root(void **state) {
	const uint64_t shown[] = {3};
	struct part part = {0};
	struct err err;
	const struct frontier_part wanted = {.size = 9, .leaves = shown, .leaf_count = 1};
	assert_true(frontier_make(&wanted, whole, NULL, keep, &part, &err));
	CLEANUP(frontier_free_p) struct frontier *frontier = frontier_new();
	frontier_add(frontier, &(struct frontier_node){0, 3, leaves[4]});
	for (size_t i = 0; i < part.count; i++)
		frontier_add(frontier, &part.nodes[i]);
	assert_true(frontier_close(frontier, &err));
	assert_false(has_root(frontier, 9));
}

static void refuse_overlap(const struct frontier_node *one, const struct frontier_node *other) {
	struct err err;
	CLEANUP(frontier_free_p) struct frontier *frontier = frontier_new();
	frontier_add(frontier, one);
	frontier_add(frontier, other);
	assert_false(frontier_close(frontier, &err));
	assert_int_equal(err.code, ERR_REFUSED);
}

static void a_node_over_a_shown_leaf_and_one_that_comes_twice_are_refused(void **state) {
	const struct frontier_node leaf = {0, 5, leaves[5]}, above = {2, 1, leaves[0]}, first = {1, 2, leaves[1]};
	refuse_overlap(&leaf, &above);
	refuse_overlap(&above, &leaf);
	refuse_overlap(&leaf, &leaf);
	refuse_overlap(&above, &above);
	refuse_overlap(&first, &above);
}

static void what_is_out_of_any_tree_is_refused(void **state) {
	static const struct frontier_node bad[] = {{.level = 63},
						   {.level = 64},
						   {.level = 200},
						   {.level = 62, .index = 2},
						   {.level = 0, .index = UINT64_MAX}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err;
		CLEANUP(frontier_free_p) struct frontier *frontier = frontier_new();
		frontier_add(frontier, &bad[i]);
		assert_false(frontier_close(frontier, &err));
	}
}

static void leaves_out_of_order_or_out_of_the_tree_are_not_shown(void **state) {
	static const uint64_t backwards[] = {4, 3}, outside[] = {9}, twice[] = {2, 2};
	const struct {
		const uint64_t *leaves;
		size_t count;
		uint64_t size;
	} bad[] = {{backwards, 2, 9}, {outside, 1, 9}, {twice, 2, 9}, {outside, 1, 0}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct part part = {0};
		struct err err;
		const struct frontier_part wanted = {
			.size = bad[i].size, .leaves = bad[i].leaves, .leaf_count = bad[i].count};
		assert_false(frontier_make(&wanted, whole, NULL, keep, &part, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void a_node_is_written_and_read_back_and_a_wrong_one_is_not(void **state) {
	static const char *const bad[] = {"{}", "{\"level\":-1,\"index\":0,\"hash\":\"\"}",
					  "{\"level\":1,\"index\":1,\"hash\":\"zz\"}",
					  "{\"level\":\"1\",\"index\":1,\"hash\":\"00\"}"};
	const struct frontier_node node = {3, 7, leaves[9]};
	struct frontier_node again;
	struct err err;
	CLEANUP(json_decref_p) json_t *object = frontier_node_json(&node);
	assert_true(frontier_node_read(object, "t", &again, &err));
	assert_int_equal(again.level, 3);
	assert_int_equal(again.index, 7);
	assert_true(hash_equal(&again.hash, &node.hash));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(json_decref_p) json_t *wrong = NULL;
		assert_true(json_read(bad[i], strlen(bad[i]), 1000, "t", &wrong, &err));
		assert_false(frontier_node_read(wrong, "t", &again, &err));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_follows_from_any_leaves_and_the_nodes_for_the_rest),
		cmocka_unit_test(no_node_covers_what_is_shown_and_none_is_smaller_than_need_be),
		cmocka_unit_test(earlier_sizes_have_their_roots_too),
		cmocka_unit_test(a_leaf_that_is_another_gives_another_root),
		cmocka_unit_test(a_node_over_a_shown_leaf_and_one_that_comes_twice_are_refused),
		cmocka_unit_test(what_is_out_of_any_tree_is_refused),
		cmocka_unit_test(leaves_out_of_order_or_out_of_the_tree_are_not_shown),
		cmocka_unit_test(a_node_is_written_and_read_back_and_a_wrong_one_is_not),
	};
	make_leaves();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tiles: the paths and widths of C2SP tlog-tiles, and a tree read from tiles alone. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/tile.h"

static void paths_are_those_of_the_standard(void **state) {
	static const struct {
		uint64_t index;
		unsigned level, width;
		const char *path;
	} known[] = {
		{0, 0, 256, "tile/0/000"},
		{5, 1, 0, "tile/1/005"},
		{999, 0, 0, "tile/0/999"},
		{1000, 0, 0, "tile/0/x001/000"},
		{67999, 63, 0, "tile/63/x067/999"},
		{1234067, 3, 112, "tile/3/x001/x234/067.p/112"},
		{123456078, TILE_ENTRIES, 1, "tile/entries/x123/x456/078.p/1"},
		{1000000, TILE_ENTRIES, 256, "tile/entries/x001/x000/000"},
		{UINT64_MAX, TILE_ENTRIES, 255, "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255"},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		char text[TILE_PATH_LONGEST];
		unsigned level, width, expected = known[i].width ? known[i].width : TILE_WIDTH;
		uint64_t index;
		assert_string_equal(tile_path(known[i].level, known[i].index, known[i].width, text), known[i].path);
		assert_true(tile_path_read(known[i].path, &level, &index, &width));
		assert_int_equal(level, known[i].level);
		assert_true(index == known[i].index);
		assert_int_equal(width, expected);
	}
}

static void paths_have_one_form_each(void **state) {
	static const char *const bad[] = {
		"",
		"tile",
		"tile/",
		"tile/0",
		"tile/0/",
		"tile/0/0",
		"tile/0/0000",
		"tile/0/x000/001",
		"tile/0/001/000",
		"tile/0/x001/x000",
		"tile/0/x001",
		"tile/00/000",
		"tile/64/000",
		"tile/-1/000",
		"tile//000",
		"tile/data/000",
		"tile/0/000.p/0",
		"tile/0/000.p/256",
		"tile/0/000.p/01",
		"tile/0/000.p/",
		"tile/0/000.p/1/",
		"tile/0/000/",
		"tile/0/000 ",
		"tile/0/../000",
		"/tile/0/000",
		"tile/8/0/000",
		"tile/0/x018/x446/x744/x073/x709/x551/616", /* 2^64 */
		"tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
	};
	unsigned level, width;
	uint64_t index;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(tile_path_read(bad[i], &level, &index, &width));
}

static void widths_follow_the_size(void **state) {
	static const struct {
		uint64_t size, full;
		unsigned level, partial;
	} known[] = {
		{0, 0, 0, 0},     {1, 0, 0, 1},         {255, 0, 0, 255},
		{256, 1, 0, 0},   {256, 0, 1, 1},       {257, 1, 0, 1},
		{257, 0, 1, 1},   {65536, 256, 0, 0},   {65536, 1, 1, 0},
		{65536, 0, 2, 1}, {70000, 273, 0, 112}, {70000, 1, 1, 17},
		{70000, 0, 2, 1}, {70000, 0, 3, 0},     {70000, 273, TILE_ENTRIES, 112},
		{~0ULL, 0, 8, 0}, {~0ULL, 0, 63, 0},    {~0ULL, 0, 7, 255},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		uint64_t full = known[i].full;
		if (full > 0)
			assert_int_equal(tile_hashes(known[i].size, known[i].level, full - 1), TILE_WIDTH);
		assert_int_equal(tile_hashes(known[i].size, known[i].level, full), known[i].partial);
		assert_int_equal(tile_hashes(known[i].size, known[i].level, full + 1), 0);
	}
}

static void a_bundle_is_lengths_and_entries(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf envelope = {0}, expected = {0}, bundle = {0}, largest = {0};
	assert_true(file_read(TESTS_DIR "/vectors/worked/envelope.json", 1000, &envelope, &err));
	assert_true(file_read(TESTS_DIR "/vectors/worked/entries-000.p-3", 1000, &expected, &err));
	tile_bundle_add(&bundle, "first entry", 11);
	tile_bundle_add(&bundle, envelope.data, envelope.len);
	tile_bundle_add(&bundle, "third entry", 11);
	assert_int_equal(bundle.len, expected.len);
	assert_memory_equal(bundle.data, expected.data, expected.len);
	CLEANUP(free_ptr) char *entry = xcalloc(1, TILE_ENTRY_LARGEST);
	tile_bundle_add(&largest, entry, TILE_ENTRY_LARGEST);
	assert_int_equal(largest.len, 2 + TILE_ENTRY_LARGEST);
	assert_memory_equal(largest.data, "\xff\xff", 2);
}

/* A log of leaves, and its tiles made the slow way. */
struct log {
	struct hash leaves[70000];
	size_t size, reads;
	unsigned cut; /* bytes too few in each tile */
};

static struct log *log_of(size_t size) {
	struct log *log = xcalloc(1, sizeof *log);
	log->size = size;
	for (uint32_t i = 0; i < size; i++)
		log->leaves[i] = merkle_leaf(&i, sizeof i);
	return log;
}

static bool get(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes, struct err *err) {
	struct log *log = context;
	size_t span = (size_t)1 << (level * TILE_HEIGHT);
	log->reads++;
	for (unsigned i = 0; i < width; i++) {
		size_t begin = ((size_t)index * TILE_WIDTH + i) * span;
		assert_true(begin + span <= log->size);
		struct hash hash = merkle_root(log->leaves + begin, span);
		buf_add(ret_bytes, hash.bytes, HASH_LEN);
	}
	ret_bytes->len -= log->cut;
	return true;
}

static void roots_and_proofs_come_from_tiles_alone(void **state) {
	static const size_t sizes[] = {1, 2, 255, 256, 257, 511, 513, 1000, 65535, 65536, 65537, 70000};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CLEANUP(free_ptr) struct log *log = log_of(sizes[i]);
		CLEANUP(tile_tree_free_p) struct tile_tree *tree = tile_tree_new(sizes[i], get, log);
		struct hash root, expected = merkle_root(log->leaves, sizes[i]), path[MERKLE_PATH_LONGEST];
		const size_t size = sizes[i], leaves[] = {0, size / 3, size / 2, size - 1};
		struct err err;
		size_t len;
		assert_true(merkle_root_from(size, tile_tree_hash, tree, &root, &err));
		assert_true(hash_equal(&root, &expected));
		for (size_t j = 0; j < ARRAY_LEN(leaves); j++) {
			size_t old = leaves[j] + 1;
			struct hash old_root = merkle_root(log->leaves, old);
			assert_true(merkle_inclusion(leaves[j], size, tile_tree_hash, tree, path, &len, &err));
			assert_true(merkle_is_included(&log->leaves[leaves[j]], leaves[j], size, path, len, &root));
			assert_true(merkle_consistency(old, size, tile_tree_hash, tree, path, &len, &err));
			assert_true(merkle_is_consistent(old, size, &old_root, &root, path, len));
		}
	}
}

static void a_tile_is_read_once(void **state) {
	CLEANUP(free_ptr) struct log *log = log_of(70000);
	CLEANUP(tile_tree_free_p) struct tile_tree *tree = tile_tree_new(70000, get, log);
	struct hash path[MERKLE_PATH_LONGEST];
	struct err err;
	size_t len;
	assert_true(merkle_inclusion(1000, 70000, tile_tree_hash, tree, path, &len, &err));
	size_t once = log->reads;
	assert_true(merkle_inclusion(1001, 70000, tile_tree_hash, tree, path, &len, &err));
	assert_int_equal(log->reads, once);
}

static void a_tile_of_the_wrong_length_is_malformed(void **state) {
	CLEANUP(free_ptr) struct log *log = log_of(300);
	CLEANUP(tile_tree_free_p) struct tile_tree *tree = tile_tree_new(300, get, log);
	struct hash root;
	struct err err;
	log->cut = 1;
	assert_false(merkle_root_from(300, tile_tree_hash, tree, &root, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_string_equal(err.where, "tile/1/000.p/1");
}

static void a_subtree_that_the_tree_has_not_is_refused(void **state) {
	CLEANUP(free_ptr) struct log *log = log_of(300);
	CLEANUP(tile_tree_free_p) struct tile_tree *tree = tile_tree_new(300, get, log);
	struct hash hash;
	struct err err;
	assert_false(tile_tree_hash(tree, 0, 300, &hash, &err));
	assert_false(tile_tree_hash(tree, 2, 75, &hash, &err));
	assert_false(tile_tree_hash(tree, 8, 1, &hash, &err));
	assert_false(tile_tree_hash(tree, 64, 0, &hash, &err));
	assert_true(tile_tree_hash(tree, 2, 74, &hash, &err));
	struct hash expected = merkle_root(log->leaves + 296, 4);
	assert_true(hash_equal(&hash, &expected));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_those_of_the_standard),
		cmocka_unit_test(paths_have_one_form_each),
		cmocka_unit_test(widths_follow_the_size),
		cmocka_unit_test(a_bundle_is_lengths_and_entries),
		cmocka_unit_test(roots_and_proofs_come_from_tiles_alone),
		cmocka_unit_test(a_tile_is_read_once),
		cmocka_unit_test(a_tile_of_the_wrong_length_is_malformed),
		cmocka_unit_test(a_subtree_that_the_tree_has_not_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

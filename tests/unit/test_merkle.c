/* Merkle trees against RFC 6962 written down once more, as its recursive definitions, and against its known roots. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/merkle.h"

#define LEAVES 70

static struct hash leaves[LEAVES];

/* 2.1: MTH of leaves [begin, end). */
static struct hash mth(size_t begin, size_t end) {
	size_t n = end - begin, k = 1;
	if (n == 1)
		return leaves[begin];
	while (k * 2 < n)
		k *= 2;
	struct hash left = mth(begin, begin + k), right = mth(begin + k, end);
	return merkle_node(&left, &right);
}

/* 2.1.1: PATH(m, D[begin:end]). */
static size_t path_of(size_t m, size_t begin, size_t end, struct hash *path) {
	size_t n = end - begin, k = 1;
	if (n == 1)
		return 0;
	while (k * 2 < n)
		k *= 2;
	size_t len = m < k ? path_of(m, begin, begin + k, path) : path_of(m - k, begin + k, end, path);
	path[len] = m < k ? mth(begin + k, end) : mth(begin, begin + k);
	return len + 1;
}

/* 2.1.2: SUBPROOF(m, D[begin:end], is_whole). */
static size_t subproof_of(size_t m, size_t begin, size_t end, bool is_whole, struct hash *path) {
	size_t n = end - begin, k = 1;
	if (m == n) {
		if (!is_whole)
			path[0] = mth(begin, end);
		return !is_whole;
	}
	while (k * 2 < n)
		k *= 2;
	size_t len = m <= k ? subproof_of(m, begin, begin + k, is_whole, path)
			    : subproof_of(m - k, begin + k, end, false, path);
	path[len] = m <= k ? mth(begin + k, end) : mth(begin, begin + k);
	return len + 1;
}

static int make_leaves(void **state) {
	for (uint8_t i = 0; i < LEAVES; i++)
		leaves[i] = merkle_leaf(&i, 1);
	return 0;
}

/* Complete subtrees alone, of a tree of *context leaves. */
static bool get(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	size_t width = (size_t)1 << level;
	assert_true((index + 1) * width <= *(size_t *)context);
	*ret_hash = mth((size_t)index * width, ((size_t)index + 1) * width);
	return true;
}

static void roots_are_those_of_certificate_transparency(void **state) {
	static const struct {
		const char *leaf, *root;
		size_t len;
	} known[] = {
		{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", 0},
		{"\x00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", 1},
		{"\x10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77", 1},
		{"\x20\x21", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", 2},
		{"\x30\x31", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4", 2},
		{"\x40\x41\x42\x43", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", 4},
		{"\x50\x51\x52\x53\x54\x55\x56\x57", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		 8},
		{"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
		 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328", 16},
	};
	struct hash hashes[ARRAY_LEN(known)], root = merkle_root(NULL, 0);
	char hex[HASH_HEX];
	assert_string_equal(hash_hex(&root, hex), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		hashes[i] = merkle_leaf(known[i].leaf, known[i].len);
		root = merkle_root(hashes, i + 1);
		assert_string_equal(hash_hex(&root, hex), known[i].root);
	}
}

static void root_of_every_size_is_the_recursive_one(void **state) {
	for (size_t size = 1; size <= LEAVES; size++) {
		struct err err;
		struct hash expected = mth(0, size), root = merkle_root(leaves, size), from;
		assert_true(hash_equal(&root, &expected));
		assert_true(merkle_root_from(size, get, &size, &from, &err));
		assert_true(hash_equal(&from, &expected));
	}
}

/* One bit of every byte of every hash, another one each time; every bit where all is set. */
static void flips(struct hash *hash, bool all, bool (*holds)(void *), void *context) {
	static unsigned turn;
	for (size_t bit = 0; bit < HASH_LEN * 8; bit++) {
		if (!all && bit % 8 != turn % 8)
			continue;
		hash->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_false(holds(context));
		hash->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	turn++;
	assert_true(holds(context));
}

struct inclusion {
	struct hash leaf, root, path[MERKLE_PATH_LONGEST + 1];
	uint64_t index, size;
	size_t len;
};

static bool inclusion_holds(void *context) {
	const struct inclusion *i = context;
	return merkle_is_included(&i->leaf, i->index, i->size, i->path, i->len, &i->root);
}

static struct inclusion inclusion_of(size_t index, size_t size) {
	struct err err;
	struct inclusion made = {.leaf = leaves[index], .root = mth(0, size), .index = index, .size = size};
	struct hash expected[MERKLE_PATH_LONGEST];
	assert_true(merkle_inclusion(index, size, get, &size, made.path, &made.len, &err));
	assert_int_equal(made.len, path_of(index, 0, size, expected));
	for (size_t i = 0; i < made.len; i++)
		assert_true(hash_equal(&made.path[i], &expected[i]));
	return made;
}

static void inclusion_holds_for_every_leaf_of_every_size_and_for_no_other(void **state) {
	for (size_t size = 1; size <= LEAVES; size++) {
		for (size_t index = 0; index < size; index++) {
			struct inclusion proof = inclusion_of(index, size);
			assert_true(inclusion_holds(&proof));
			for (proof.index = 0; proof.index <= size; proof.index++)
				assert_int_equal(inclusion_holds(&proof), proof.index == index);
			proof.index = index;
			proof.len++;
			assert_false(inclusion_holds(&proof));
			proof.len -= 2;
			if (proof.len != SIZE_MAX)
				assert_false(inclusion_holds(&proof));
		}
	}
}

static void inclusion_refuses_every_changed_bit(void **state) {
	for (size_t size = 1; size <= LEAVES; size += size < 18 ? 1 : 13) {
		for (size_t index = 0; index < size; index++) {
			struct inclusion proof = inclusion_of(index, size);
			flips(&proof.leaf, size < 10, inclusion_holds, &proof);
			flips(&proof.root, size < 10, inclusion_holds, &proof);
			for (size_t i = 0; i < proof.len; i++)
				flips(&proof.path[i], size < 10, inclusion_holds, &proof);
		}
	}
}

struct consistency {
	struct hash old_root, root, path[MERKLE_PATH_LONGEST + 1];
	uint64_t old, size;
	size_t len;
};

static bool consistency_holds(void *context) {
	const struct consistency *c = context;
	return merkle_is_consistent(c->old, c->size, &c->old_root, &c->root, c->path, c->len);
}

static struct consistency consistency_of(size_t old, size_t size) {
	struct err err;
	struct consistency made = {.old_root = mth(0, old), .root = mth(0, size), .old = old, .size = size};
	struct hash expected[MERKLE_PATH_LONGEST];
	assert_true(merkle_consistency(old, size, get, &size, made.path, &made.len, &err));
	assert_int_equal(made.len, subproof_of(old, 0, size, true, expected));
	for (size_t i = 0; i < made.len; i++)
		assert_true(hash_equal(&made.path[i], &expected[i]));
	return made;
}

static void consistency_holds_for_every_pair_of_sizes_and_for_no_other(void **state) {
	for (size_t size = 1; size <= LEAVES; size++) {
		for (size_t old = 1; old <= size; old++) {
			struct consistency proof = consistency_of(old, size);
			assert_true(consistency_holds(&proof));
			for (proof.old = 0; proof.old <= size + 1; proof.old++)
				if (proof.old != old)
					assert_false(consistency_holds(&proof));
			proof.old = old;
			proof.len++;
			assert_false(consistency_holds(&proof));
			proof.len -= 2;
			if (proof.len != SIZE_MAX)
				assert_false(consistency_holds(&proof));
		}
	}
}

static void consistency_refuses_every_changed_bit(void **state) {
	for (size_t size = 1; size <= LEAVES; size += size < 18 ? 1 : 13) {
		for (size_t old = 1; old <= size; old++) {
			struct consistency proof = consistency_of(old, size);
			flips(&proof.old_root, size < 10, consistency_holds, &proof);
			flips(&proof.root, size < 10, consistency_holds, &proof);
			for (size_t i = 0; i < proof.len; i++)
				flips(&proof.path[i], size < 10, consistency_holds, &proof);
		}
	}
}

static void consistency_with_nothing_is_refused(void **state) {
	struct hash none = merkle_root(NULL, 0), root = mth(0, 3), path[MERKLE_PATH_LONGEST];
	struct err err;
	size_t len, size = 3;
	assert_false(merkle_is_consistent(0, 3, &none, &root, NULL, 0));
	assert_false(merkle_is_consistent(0, 0, &none, &none, NULL, 0));
	assert_false(merkle_is_consistent(0, 3, &root, &root, &root, 1));
	assert_false(merkle_consistency(0, 3, get, &size, path, &len, &err));
	assert_int_equal(err.code, ERR_USAGE);
}

static void known_proofs_of_certificate_transparency_hold(void **state) {
	static const char *const known[] = {
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	};
	struct hash path[3], root, old_root, leaf = merkle_leaf("\x40\x41\x42\x43", 4);
	for (size_t i = 0; i < 3; i++)
		assert_true(hash_from_hex(known[i], &path[i]));
	assert_true(hash_from_hex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328", &root));
	assert_true(merkle_is_included(&leaf, 5, 8, path, 3, &root));
	assert_true(hash_from_hex("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", &path[0]));
	assert_true(hash_from_hex("76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", &old_root));
	assert_true(merkle_is_consistent(6, 8, &old_root, &root, path, 3));
}

/* The largest tree, whose leaves are all one hash: a node is known by its level. */
static bool get_uniform(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	struct hash hash = leaves[0];
	while (level-- > 0)
		hash = merkle_node(&hash, &hash);
	*ret_hash = hash;
	return true;
}

static void the_longest_paths_fit_and_hold(void **state) {
	const uint64_t size = MERKLE_SIZE_LARGEST, olds[] = {1, (UINT64_C(1) << 62) + 1, size - 1, size};
	struct hash root, old_root, path[MERKLE_PATH_LONGEST];
	size_t len;
	struct err err;
	assert_true(merkle_root_from(size, get_uniform, NULL, &root, &err));
	for (size_t i = 0; i < ARRAY_LEN(olds); i++) {
		assert_true(merkle_inclusion(olds[i] - 1, size, get_uniform, NULL, path, &len, &err));
		assert_in_range(len, 62, MERKLE_PATH_LONGEST);
		assert_true(merkle_is_included(&leaves[0], olds[i] - 1, size, path, len, &root));
		assert_true(merkle_root_from(olds[i], get_uniform, NULL, &old_root, &err));
		assert_true(merkle_consistency(olds[i], size, get_uniform, NULL, path, &len, &err));
		assert_true(len <= MERKLE_PATH_LONGEST);
		assert_true(merkle_is_consistent(olds[i], size, &old_root, &root, path, len));
	}
	assert_false(merkle_root_from(size + 1, get_uniform, NULL, &root, &err));
	assert_false(merkle_inclusion(0, size + 1, get_uniform, NULL, path, &len, &err));
	assert_false(merkle_consistency(1, size + 1, get_uniform, NULL, path, &len, &err));
	assert_false(merkle_inclusion(7, 7, get_uniform, NULL, path, &len, &err));
}

static bool get_nothing(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	return err_set(err, ERR_IO, "tile", "gone");
}

static void a_missing_subtree_is_told_and_changes_nothing(void **state) {
	struct hash path[MERKLE_PATH_LONGEST], root;
	size_t len = 77;
	struct err err;
	assert_false(merkle_inclusion(3, 70, get_nothing, NULL, path, &len, &err));
	assert_false(merkle_consistency(3, 70, get_nothing, NULL, path, &len, &err));
	assert_false(merkle_root_from(70, get_nothing, NULL, &root, &err));
	assert_string_equal(err.why, "gone");
	assert_int_equal(len, 77);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_certificate_transparency),
		cmocka_unit_test(root_of_every_size_is_the_recursive_one),
		cmocka_unit_test(inclusion_holds_for_every_leaf_of_every_size_and_for_no_other),
		cmocka_unit_test(inclusion_refuses_every_changed_bit),
		cmocka_unit_test(consistency_holds_for_every_pair_of_sizes_and_for_no_other),
		cmocka_unit_test(consistency_refuses_every_changed_bit),
		cmocka_unit_test(consistency_with_nothing_is_refused),
		cmocka_unit_test(known_proofs_of_certificate_transparency_hold),
		cmocka_unit_test(the_longest_paths_fit_and_hold),
		cmocka_unit_test(a_missing_subtree_is_told_and_changes_nothing),
	};
	return cmocka_run_group_tests(tests, make_leaves, NULL);
}

#include "core/merkle.h"

struct hash merkle_leaf(const void *data, size_t len) {
	return hash_of_parts((const void *const[]){"\x00", data ? data : ""}, (const size_t[]){1, len}, 2);
}

struct hash merkle_node(const struct hash *left, const struct hash *right) {
	return hash_of_parts((const void *const[]){"\x01", left->bytes, right->bytes},
			     (const size_t[]){1, HASH_LEN, HASH_LEN}, 3);
}

/* The largest power of two smaller than n; n > 1. */
static uint64_t split(uint64_t n) { return UINT64_C(1) << (63 - __builtin_clzll(n - 1)); }

struct hash merkle_root(const struct hash *leaves, size_t count) {
	if (count == 0)
		return hash_of("", 0);
	if (count == 1)
		return leaves[0];
	size_t k = (size_t)split(count);
	struct hash left = merkle_root(leaves, k), right = merkle_root(leaves + k, count - k);
	return merkle_node(&left, &right);
}

/* A tree being read. Its nodes cover [begin, end) with begin a multiple of the smallest power of two that is not below
 * their width; so a node whose width is a power of two is a complete subtree. */
struct reading {
	merkle_get get;
	void *context;
};

static bool node_at(const struct reading *reading, uint64_t begin, uint64_t end, struct hash *ret_hash,
		    struct err *err) {
	uint64_t width = end - begin;
	if ((width & (width - 1)) == 0) {
		unsigned level = (unsigned)__builtin_ctzll(width);
		return reading->get(reading->context, level, begin >> level, ret_hash, err);
	}
	struct hash left, right;
	uint64_t middle = begin + split(width);
	if (!node_at(reading, begin, middle, &left, err) || !node_at(reading, middle, end, &right, err))
		return false;
	*ret_hash = merkle_node(&left, &right);
	return true;
}

bool merkle_root_from(uint64_t size, merkle_get get, void *context, struct hash *ret_root, struct err *err) {
	if (size > MERKLE_SIZE_LARGEST)
		return err_set(err, ERR_USAGE, "tree", "a size over the cap");
	if (size == 0) {
		*ret_root = hash_of("", 0);
		return true;
	}
	return node_at(&(struct reading){get, context}, 0, size, ret_root, err);
}

static void reverse(struct hash *path, size_t len) {
	for (size_t i = 0; i < len / 2; i++) {
		struct hash kept = path[i];
		path[i] = path[len - 1 - i];
		path[len - 1 - i] = kept;
	}
}

/* RFC 6962 2.1.1 from the root down: the sibling of each step; the path is written leaf first. */
bool merkle_inclusion(uint64_t index, uint64_t size, merkle_get get, void *context, struct hash *ret_path,
		      size_t *ret_len, struct err *err) {
	if (index >= size || size > MERKLE_SIZE_LARGEST)
		return err_set(err, ERR_USAGE, "inclusion", "no such leaf in a tree of this size");
	const struct reading reading = {get, context};
	struct hash path[MERKLE_PATH_LONGEST];
	size_t len = 0;
	for (uint64_t begin = 0, end = size; end - begin > 1;) {
		uint64_t middle = begin + split(end - begin);
		bool is_left = index < middle;
		if (!node_at(&reading, is_left ? middle : begin, is_left ? end : middle, &path[len++], err))
			return false;
		*(is_left ? &end : &begin) = middle;
	}
	reverse(path, len);
	memcpy(ret_path, path, len * sizeof *path);
	*ret_len = len;
	return true;
}

/* RFC 6962 2.1.2, SUBPROOF, from the root down. */
bool merkle_consistency(uint64_t old, uint64_t size, merkle_get get, void *context, struct hash *ret_path,
			size_t *ret_len, struct err *err) {
	if (old == 0 || old > size || size > MERKLE_SIZE_LARGEST)
		return err_set(err, ERR_USAGE, "consistency", "no such pair of sizes");
	const struct reading reading = {get, context};
	struct hash path[MERKLE_PATH_LONGEST];
	size_t len = 0;
	uint64_t begin = 0, end = size;
	while (end != old) {
		uint64_t middle = begin + split(end - begin);
		bool is_left = old <= middle;
		if (!node_at(&reading, is_left ? middle : begin, is_left ? end : middle, &path[len++], err))
			return false;
		*(is_left ? &end : &begin) = middle;
	}
	/* A subtree that begins the old tree is the old root itself, which the verifier has. */
	if (begin != 0 && !node_at(&reading, begin, end, &path[len++], err))
		return false;
	reverse(path, len);
	memcpy(ret_path, path, len * sizeof *path);
	*ret_len = len;
	return true;
}

/* RFC 9162 2.1.3.2. */
bool merkle_is_included(const struct hash *leaf, uint64_t index, uint64_t size, const struct hash *path, size_t len,
			const struct hash *root) {
	if (index >= size)
		return false;
	uint64_t fn = index, sn = size - 1;
	struct hash r = *leaf;
	for (size_t i = 0; i < len; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			r = merkle_node(&path[i], &r);
			while (!(fn & 1) && fn) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			r = merkle_node(&r, &path[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && hash_equal(&r, root);
}

/* RFC 9162 2.1.4.2, steps 4 to 7: first is where both computations begin, path the rest. */
static bool climbs_to_both(uint64_t old, uint64_t size, const struct hash *old_root, const struct hash *root,
			   const struct hash *first, const struct hash *path, size_t len) {
	uint64_t fn = old - 1, sn = size - 1;
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	struct hash fr = *first, sr = *first;
	for (size_t i = 0; i < len; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			fr = merkle_node(&path[i], &fr);
			sr = merkle_node(&path[i], &sr);
			while (!(fn & 1) && fn) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			sr = merkle_node(&sr, &path[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && hash_equal(&fr, old_root) && hash_equal(&sr, root);
}

bool merkle_is_consistent(uint64_t old, uint64_t size, const struct hash *old_root, const struct hash *root,
			  const struct hash *path, size_t len) {
	if (old == 0 || old > size)
		return false;
	if (old == size)
		return len == 0 && hash_equal(old_root, root);
	if (len == 0)
		return false;
	if ((old & (old - 1)) == 0)
		return climbs_to_both(old, size, old_root, root, old_root, path, len);
	return climbs_to_both(old, size, old_root, root, &path[0], path + 1, len - 1);
}

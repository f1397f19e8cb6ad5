/* RFC 6962 Merkle trees: hashing (2.1), and the iterative verifiers of RFC 9162 2.1.3.2 and 2.1.4.2. */
#pragma once

#include "core/hash.h"

#define MERKLE_PATH_LONGEST 64
/* Leaves: no JSON integer is larger, and no path of a tree this size is longer. */
#define MERKLE_SIZE_LARGEST INT64_MAX

struct hash merkle_leaf(const void *data, size_t len);                      /* SHA-256(00 || data) */
struct hash merkle_node(const struct hash *left, const struct hash *right); /* SHA-256(01 || left || right) */
struct hash merkle_root(const struct hash *leaves, size_t count);           /* MTH; of zero leaves SHA-256("") */

/* Where hashes of complete subtrees come from: the root of leaves [index << level, (index + 1) << level). False: not to
 * be had, *err says why. */
typedef bool (*merkle_get)(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err);
/* Root, inclusion path (leaf sibling first) and consistency path of a tree of size leaves, from complete subtrees
 * alone. Paths have room for MERKLE_PATH_LONGEST. index < size; 0 < old <= size. */
MUST_CHECK bool merkle_root_from(uint64_t size, merkle_get get, void *context, struct hash *ret_root, struct err *err);
MUST_CHECK bool merkle_inclusion(uint64_t index, uint64_t size, merkle_get get, void *context, struct hash *ret_path,
				 size_t *ret_len, struct err *err);
MUST_CHECK bool merkle_consistency(uint64_t old, uint64_t size, merkle_get get, void *context, struct hash *ret_path,
				   size_t *ret_len, struct err *err);

/* Whether the proof holds. */
bool merkle_is_included(const struct hash *leaf, uint64_t index, uint64_t size, const struct hash *path, size_t len,
			const struct hash *root);
/* old = 0 is refused: everything is consistent with nothing, and a caller must say so itself. */
bool merkle_is_consistent(uint64_t old, uint64_t size, const struct hash *old_root, const struct hash *root,
			  const struct hash *path, size_t len);

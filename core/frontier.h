/* Part of a Merkle tree (RFC 6962 2.1): some of its leaves, and instead of the rest the roots of the largest complete
 * subtrees that hold none of those (docs/FORMAT.md 2.1 and 5.1). */
#pragma once

#include "core/json.h"
#include "core/merkle.h"

struct frontier_node { /* the root of leaves [index << level, (index + 1) << level) */
	unsigned level;
	uint64_t index;
	struct hash hash;
};

/* What to show of a tree. */
struct frontier_part {
	uint64_t size;
	const uint64_t *leaves; /* that are shown; ascending, each below size */
	size_t leaf_count;
	const uint64_t *sizes; /* ascending: earlier sizes of the tree whose roots shall follow from the same nodes */
	size_t size_count;
};
/* Visits the nodes in their place, by ascending first leaf: with the shown leaves they are a partition of the tree.
 * get: of the whole tree. False: get failed, or a leaf is out of order or out of the tree (ERR_USAGE). */
MUST_CHECK bool frontier_make(const struct frontier_part *part, merkle_get get, void *get_context,
			      void (*visit)(void *context, const struct frontier_node *node), void *context,
			      struct err *err);

/* The reading. Nodes and leaves may be added in any order, then frontier_close() once. */
struct frontier;
struct frontier *frontier_new(void);
void frontier_free(struct frontier *frontier);
DEFINE_CLEANUP(struct frontier, frontier_free)
void frontier_add(struct frontier *frontier, const struct frontier_node *node); /* a leaf: level 0 */
/* ERR_REFUSED: two of them overlap (one that hides a leaf that is shown, or one that comes twice), or a level is over
 * 63. */
MUST_CHECK bool frontier_close(struct frontier *frontier, struct err *err);
/* A merkle_get, for merkle_root_from() of any size that the parts reach. ERR_ABSENT: they do not. */
bool frontier_get(void *frontier, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err);

/* {"hash","index","level"}. New reference. */
json_t *frontier_node_json(const struct frontier_node *node);
MUST_CHECK bool frontier_node_read(const json_t *object, const char *where, struct frontier_node *ret_node,
				   struct err *err);

#include "core/frontier.h"

#define LEVEL_HIGHEST 62 /* of a tree under MERKLE_SIZE_LARGEST */

/* --- making ------------------------------------------------------------------------------------------------------- */

struct making {
	const struct frontier_part *part;
	merkle_get get;
	void *get_context;
	void (*visit)(void *context, const struct frontier_node *node);
	void *context;
};

/* How many of the ascending numbers are below this one. */
static size_t below(const uint64_t *numbers, size_t count, uint64_t number) {
	size_t low = 0;
	while (low < count) {
		size_t middle = low + (count - low) / 2;
		if (numbers[middle] < number)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

/* A subtree is cut where it holds a leaf that is shown, or where an earlier tree ended in the midst of it. */
static bool is_cut(const struct frontier_part *part, uint64_t begin, uint64_t end) {
	size_t leaf = below(part->leaves, part->leaf_count, begin);
	size_t size = below(part->sizes, part->size_count, begin + 1);
	return (leaf < part->leaf_count && part->leaves[leaf] < end) ||
	       (size < part->size_count && part->sizes[size] < end);
}

static bool is_shown(const struct frontier_part *part, uint64_t leaf) {
	size_t at = below(part->leaves, part->leaf_count, leaf);
	return at < part->leaf_count && part->leaves[at] == leaf;
}

static bool make_subtree(const struct making *making, unsigned level, uint64_t index, struct err *err) {
	struct frontier_node node = {.level = level, .index = index};
	if (level == 0 && is_shown(making->part, index))
		return true;
	if (level > 0 && is_cut(making->part, index << level, (index + 1) << level))
		return make_subtree(making, level - 1, 2 * index, err) &&
		       make_subtree(making, level - 1, 2 * index + 1, err);
	if (!making->get(making->get_context, level, index, &node.hash, err))
		return false;
	making->visit(making->context, &node);
	return true;
}

static bool is_ascending(const uint64_t *numbers, size_t count, uint64_t limit, struct err *err) {
	for (size_t i = 0; i < count; i++)
		if (numbers[i] >= limit || (i > 0 && numbers[i] <= numbers[i - 1]))
			return err_set(err, ERR_USAGE, "frontier", "number %zu is out of order or out of the tree", i);
	return true;
}

bool frontier_make(const struct frontier_part *part, merkle_get get, void *get_context,
		   void (*visit)(void *context, const struct frontier_node *node), void *context, struct err *err) {
	const struct making making = {part, get, get_context, visit, context};
	if (part->size > MERKLE_SIZE_LARGEST)
		return err_set(err, ERR_USAGE, "frontier", "a size over the cap");
	if (!is_ascending(part->leaves, part->leaf_count, part->size, err) ||
	    !is_ascending(part->sizes, part->size_count, part->size + 1, err))
		return false;
	uint64_t begin = 0;
	for (unsigned level = LEVEL_HIGHEST + 1; level-- > 0;) {
		const uint64_t width = UINT64_C(1) << level;
		if (!(part->size & width))
			continue;
		if (!make_subtree(&making, level, begin >> level, err))
			return false;
		begin += width;
	}
	return true;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* The complete subtrees of a level that are known, ascending: given, or made of two below. */
struct level {
	struct frontier_node *nodes;
	size_t count;
};

struct frontier {
	struct frontier_node *given;
	size_t count, room;
	struct level levels[LEVEL_HIGHEST + 1];
};

struct frontier *frontier_new(void) {
	return xcalloc(1, sizeof(struct frontier));
}

void frontier_free(struct frontier *frontier) {
	if (!frontier)
		return;
	for (size_t i = 0; i <= LEVEL_HIGHEST; i++)
		free(frontier->levels[i].nodes);
	free(frontier->given);
	free(frontier);
}

void frontier_add(struct frontier *frontier, const struct frontier_node *node) {
	if (frontier->count == frontier->room) {
		frontier->room = frontier->room ? 2 * frontier->room : 64;
		frontier->given = xreallocarray(frontier->given, frontier->room, sizeof *frontier->given);
	}
	frontier->given[frontier->count++] = *node;
}

static uint64_t first_leaf(const struct frontier_node *node) { return node->index << node->level; }

static int by_first_leaf(const void *a, const void *b) {
	const uint64_t one = first_leaf(a), other = first_leaf(b);
	return (one > other) - (one < other);
}

static bool is_in_range(const struct frontier_node *node) {
	return node->level <= LEVEL_HIGHEST && node->index < (MERKLE_SIZE_LARGEST >> node->level) + UINT64_C(1);
}

static bool check_given(const struct frontier *frontier, struct err *err) {
	for (size_t i = 1; i < frontier->count; i++) {
		const struct frontier_node *before = &frontier->given[i - 1], *node = &frontier->given[i];
		if (first_leaf(node) < first_leaf(before) + (UINT64_C(1) << before->level))
			return err_set(err, ERR_REFUSED, "nodes",
				       "the one of level %u, index %llu covers what another one shows", node->level,
				       (unsigned long long)node->index);
	}
	return true;
}

/* The roots of the pairs that are whole, between those that were given. */
static void climb(const struct level *lower, struct level *upper) {
	struct level merged = {.nodes = xcalloc(upper->count + lower->count / 2 + 1, sizeof *merged.nodes)};
	size_t given = 0;
	for (size_t i = 1; i < lower->count; i++) {
		const struct frontier_node *left = &lower->nodes[i - 1], *right = &lower->nodes[i];
		if (left->index % 2 != 0 || right->index != left->index + 1)
			continue;
		while (given < upper->count && upper->nodes[given].index < left->index / 2)
			merged.nodes[merged.count++] = upper->nodes[given++];
		merged.nodes[merged.count++] = (struct frontier_node){left->level + 1, left->index / 2,
								      merkle_node(&left->hash, &right->hash)};
	}
	while (given < upper->count)
		merged.nodes[merged.count++] = upper->nodes[given++];
	free(upper->nodes);
	*upper = merged;
}

static void spread(struct frontier *frontier) {
	size_t counts[LEVEL_HIGHEST + 1] = {0};
	for (size_t i = 0; i < frontier->count; i++)
		counts[frontier->given[i].level]++;
	for (size_t i = 0; i <= LEVEL_HIGHEST; i++)
		frontier->levels[i].nodes = xcalloc(counts[i] + 1, sizeof *frontier->levels[i].nodes);
	for (size_t i = 0; i < frontier->count; i++) {
		struct level *level = &frontier->levels[frontier->given[i].level];
		level->nodes[level->count++] = frontier->given[i];
	}
}

bool frontier_close(struct frontier *frontier, struct err *err) {
	for (size_t i = 0; i < frontier->count; i++)
		if (!is_in_range(&frontier->given[i]))
			return err_set(err, ERR_REFUSED, "nodes", "one is out of any tree");
	if (frontier->count > 0)
		qsort(frontier->given, frontier->count, sizeof *frontier->given, by_first_leaf);
	if (!check_given(frontier, err))
		return false;
	spread(frontier);
	for (size_t i = 0; i < LEVEL_HIGHEST; i++)
		climb(&frontier->levels[i], &frontier->levels[i + 1]);
	return true;
}

static int by_index(const void *a, const void *b) {
	const uint64_t one = ((const struct frontier_node *)a)->index, other = ((const struct frontier_node *)b)->index;
	return (one > other) - (one < other);
}

bool frontier_get(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	const struct frontier *frontier = context;
	const struct frontier_node wanted = {.level = level, .index = index};
	const struct frontier_node *found = NULL;
	if (level <= LEVEL_HIGHEST && frontier->levels[level].count > 0)
		found = bsearch(&wanted, frontier->levels[level].nodes, frontier->levels[level].count, sizeof wanted,
				by_index);
	if (!found)
		return err_set(err, ERR_ABSENT, "nodes", "what is below level %u, index %llu is not there", level,
			       (unsigned long long)index);
	*ret_hash = found->hash;
	return true;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

json_t *frontier_node_json(const struct frontier_node *node) {
	char hex[HASH_HEX];
	return json_pack("{s:s, s:I, s:I}", "hash", hash_hex(&node->hash, hex), "index", (json_int_t)node->index,
			 "level", (json_int_t)node->level);
}

bool frontier_node_read(const json_t *object, const char *where, struct frontier_node *ret_node, struct err *err) {
	int64_t level, index;
	const char *hex;
	struct frontier_node node;
	if (!json_get_int(object, "level", where, &level, err) || !json_get_int(object, "index", where, &index, err) ||
	    !json_get_string(object, "hash", where, &hex, err))
		return false;
	if (level < 0 || level > LEVEL_HIGHEST || index < 0 || !hash_from_hex(hex, &node.hash))
		return err_set(err, ERR_MALFORMED, where, "a node is not a level, an index and a hash");
	node.level = (unsigned)level;
	node.index = (uint64_t)index;
	*ret_node = node;
	return is_in_range(&node) || err_set(err, ERR_MALFORMED, where, "a node is out of any tree");
}

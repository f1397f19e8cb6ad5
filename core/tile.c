#include "core/tile.h"

#include "core/text.h"

#define LEVEL_HIGHEST 63
#define TILES_KEPT_MOST 64

/* N as groups of three digits, all but the last with an x before them. */
static void write_index(uint64_t index, char *text, size_t size) {
	char *at = text + snprintf(text, size, "%03u", (unsigned)(index % 1000)), group[8];
	for (index /= 1000; index > 0; index /= 1000) {
		int len = snprintf(group, sizeof group, "x%03u/", (unsigned)(index % 1000));
		memmove(text + len, text, (size_t)(at - text) + 1);
		memcpy(text, group, (size_t)len);
		at += len;
	}
}

char *tile_path(unsigned level, uint64_t index, unsigned width, char text[TILE_PATH_LONGEST]) {
	char groups[36], kind[8] = "entries", partial[8] = "";
	write_index(index, groups, sizeof groups);
	if (level != TILE_ENTRIES)
		snprintf(kind, sizeof kind, "%u", level % TILE_ENTRIES);
	if (width != 0 && width != TILE_WIDTH)
		snprintf(partial, sizeof partial, ".p/%u", width % TILE_WIDTH);
	snprintf(text, TILE_PATH_LONGEST, "tile/%s/%s%s", kind, groups, partial);
	return text;
}

/* Digits before `end`, at most max, into *ret_number. */
static bool read_number(const char *text, size_t len, unsigned long long max, unsigned long long *ret_number) {
	char digits[24];
	if (len >= sizeof digits)
		return false;
	snprintf(digits, sizeof digits, "%.*s", (int)len, text);
	return text_to_u64(digits, max, ret_number);
}

static uint64_t read_groups(const char **at) {
	uint64_t index = 0;
	for (;; (*at)++) {
		if (**at >= '0' && **at <= '9')
			index = index * 10 + (uint64_t)(**at - '0');
		else if (**at != 'x' && **at != '/')
			return index;
	}
}

/* Reads loosely and accepts what tile_path() writes for it: one name for one tile. */
bool tile_path_read(const char *path, unsigned *ret_level, uint64_t *ret_index, unsigned *ret_width) {
	unsigned long long level = TILE_ENTRIES, width = TILE_WIDTH;
	char again[TILE_PATH_LONGEST];
	if (!text_starts(path, "tile/") || strlen(path) >= TILE_PATH_LONGEST)
		return false;
	const char *kind = path + strlen("tile/"), *slash = strchr(kind, '/');
	if (!slash)
		return false;
	if (!text_starts(kind, "entries/") && !read_number(kind, (size_t)(slash - kind), LEVEL_HIGHEST, &level))
		return false;
	const char *at = slash + 1;
	uint64_t index = read_groups(&at);
	if (text_starts(at, ".p/") && !read_number(at + 3, strlen(at + 3), TILE_WIDTH - 1, &width))
		return false;
	if (width == 0 || strcmp(tile_path((unsigned)level, index, (unsigned)width, again), path) != 0)
		return false;
	*ret_level = (unsigned)level;
	*ret_index = index;
	*ret_width = (unsigned)width;
	return true;
}

unsigned tile_hashes(uint64_t size, unsigned level, uint64_t index) {
	uint64_t hashes = level == TILE_ENTRIES ? size : level * TILE_HEIGHT >= 64 ? 0 : size >> (level * TILE_HEIGHT);
	if (index > hashes / TILE_WIDTH)
		return 0;
	uint64_t left = hashes - index * TILE_WIDTH;
	return left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH;
}

struct kept {
	unsigned level;
	uint64_t index;
	struct buf bytes;
	/* Roots of the subtrees within the tile that were asked for, as a heap: number 1 is of all, 2n and 2n+1 are
	 * below n.
	 */
	struct hash *roots;
	bool is_known[TILE_WIDTH];
};

struct tile_tree {
	uint64_t size;
	tile_get get;
	void *context;
	struct kept kept[TILES_KEPT_MOST];
	size_t count; /* of tiles kept, ever; the slot is count % TILES_KEPT_MOST */
};

struct tile_tree *tile_tree_new(uint64_t size, tile_get get, void *context) {
	struct tile_tree *tree = xcalloc(1, sizeof *tree);
	tree->size = size;
	tree->get = get;
	tree->context = context;
	return tree;
}

static void forget(struct kept *kept) {
	buf_done(&kept->bytes);
	free(kept->roots);
	*kept = (struct kept){0};
}

void tile_tree_free(struct tile_tree *tree) {
	if (!tree)
		return;
	for (size_t i = 0; i < TILES_KEPT_MOST; i++)
		forget(&tree->kept[i]);
	free(tree);
}

static struct kept *find(struct tile_tree *tree, unsigned level, uint64_t index) {
	for (size_t i = 0; i < TILES_KEPT_MOST; i++)
		if (tree->kept[i].bytes.len > 0 && tree->kept[i].level == level && tree->kept[i].index == index)
			return &tree->kept[i];
	return NULL;
}

static bool read_tile(struct tile_tree *tree, unsigned level, uint64_t index, struct kept **ret_kept, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	char path[TILE_PATH_LONGEST];
	unsigned width = tile_hashes(tree->size, level, index);
	tile_path(level, index, width, path);
	if (width == 0)
		return err_set(err, ERR_MALFORMED, path, "no such tile in a tree of this size");
	if (!tree->get(tree->context, level, index, width, &bytes, err))
		return false;
	if (bytes.len != (size_t)width * HASH_LEN)
		return err_set(err, ERR_MALFORMED, path, "%zu bytes, not %u hashes", bytes.len, width);
	struct kept *slot = &tree->kept[tree->count++ % TILES_KEPT_MOST];
	forget(slot);
	*slot = (struct kept){
		.level = level, .index = index, .bytes = bytes, .roots = xcalloc(TILE_WIDTH, sizeof *slot->roots)};
	bytes = (struct buf){0};
	*ret_kept = slot;
	return true;
}

/* Of a subtree that is whole. */
static struct hash root_within(struct kept *kept, unsigned number) {
	struct hash root;
	if (number >= TILE_WIDTH) {
		memcpy(&root, kept->bytes.data + (size_t)(number - TILE_WIDTH) * HASH_LEN, sizeof root);
		return root;
	}
	if (!kept->is_known[number]) {
		const struct hash left = root_within(kept, 2 * number), right = root_within(kept, 2 * number + 1);
		kept->roots[number] = merkle_node(&left, &right);
		kept->is_known[number] = true;
	}
	return kept->roots[number];
}

bool tile_tree_hash(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	struct tile_tree *tree = context;
	if (level >= 64 || index >= tree->size >> level)
		return err_set(err, ERR_USAGE, "tile", "no complete subtree of this kind in a tree of this size");
	/* The subtree's root is made of 2^below neighbours in one tile. */
	unsigned tile_level = level / TILE_HEIGHT, below = level % TILE_HEIGHT;
	uint64_t first = index << below, tile = first / TILE_WIDTH;
	struct kept *kept = find(tree, tile_level, tile);
	if (!kept && !read_tile(tree, tile_level, tile, &kept, err))
		return false;
	*ret_hash = root_within(kept, (unsigned)((TILE_WIDTH + first % TILE_WIDTH) >> below));
	return true;
}

void tile_bundle_add(struct buf *bundle, const void *entry, size_t len) {
	const uint8_t prefix[2] = {(uint8_t)(len >> 8), (uint8_t)len};
	if (len > TILE_ENTRY_LARGEST) /* the caller's defect: the bundle would be unreadable */
		abort();
	buf_add(bundle, prefix, sizeof prefix);
	buf_add(bundle, entry, len);
}

#include "collector/fsck.h"

#include "core/file.h"

#define BUNDLE_LARGEST_BYTES ((size_t)TILE_WIDTH * (2 + TILE_ENTRY_LARGEST))
#define LEVELS 8

/* What the entries come to, tile by tile. */
struct climb {
	struct fsck *fsck;
	struct hash hashes[LEVELS][TILE_WIDTH]; /* of the tile that is not full yet */
	unsigned counts[LEVELS];
	uint64_t indexes[LEVELS];
};

static void compare_tile(struct climb *climb, unsigned level, unsigned width) {
	CLEANUP(buf_done) struct buf tile = {0};
	struct err why;
	char name[TILE_PATH_LONGEST];
	tile_path(level, climb->indexes[level], width, name);
	if (!log_files_tile(climb->fsck->log, level, climb->indexes[level], width, &tile, &why))
		fsck_problem(climb->fsck, "log: %s: %s", name, why.why);
	else if (memcmp(tile.data, climb->hashes[level], width * sizeof(struct hash)) != 0)
		fsck_problem(climb->fsck, "log: %s is not what lies below it", name);
}

static void push(struct climb *climb, unsigned level, const struct hash *hash) {
	climb->hashes[level][climb->counts[level]++] = *hash;
	if (climb->counts[level] < TILE_WIDTH)
		return;
	compare_tile(climb, level, TILE_WIDTH);
	const struct hash root = merkle_root(climb->hashes[level], TILE_WIDTH);
	climb->counts[level] = 0;
	climb->indexes[level]++;
	if (level + 1 < LEVELS)
		push(climb, level + 1, &root);
}

static bool read_bundle(const struct fsck *fsck, uint64_t index, unsigned width, struct buf *bundle, struct err *err) {
	char name[TILE_PATH_LONGEST];
	CLEANUP(free_ptr) char *path = file_join(fsck->log, tile_path(TILE_ENTRIES, index, width, name));
	if (file_read(path, BUNDLE_LARGEST_BYTES, bundle, err))
		return true;
	/* Beside a running collector a partial bundle goes when the full one has come. */
	CLEANUP(free_ptr) char *full = file_join(fsck->log, tile_path(TILE_ENTRIES, index, TILE_WIDTH, name));
	return width < TILE_WIDTH && err->code == ERR_ABSENT && file_read(full, BUNDLE_LARGEST_BYTES, bundle, err);
}

/* False: the bundle does not hold so many. */
static bool push_entries(struct climb *climb, const struct buf *bundle, unsigned width) {
	struct cursor at = cursor_over(bundle->data, bundle->len);
	for (unsigned i = 0; i < width; i++) {
		const size_t len = cursor_u16be(&at);
		const unsigned char *entry = cursor_bytes(&at, len);
		if (at.bad)
			return false;
		const struct hash leaf = merkle_leaf(entry ? (const void *)entry : "", len);
		push(climb, 0, &leaf);
	}
	return true;
}

static bool check_root(struct fsck *fsck, struct err *err) {
	CLEANUP(tile_tree_free_p)
	struct tile_tree *tree = tile_tree_new(fsck->checkpoint.size, log_files_tile, fsck->log);
	struct hash root;
	if (!merkle_root_from(fsck->checkpoint.size, tile_tree_hash, tree, &root, err))
		return false;
	if (!hash_equal(&root, &fsck->checkpoint.root))
		fsck_problem(fsck, "log: the tiles do not give the checkpoint's root");
	return true;
}

bool fsck_log(struct fsck *fsck, struct err *err) {
	CLEANUP(free_ptr) struct climb *climb = xcalloc(1, sizeof *climb);
	const uint64_t size = fsck->checkpoint.size;
	climb->fsck = fsck;
	for (uint64_t index = 0; index * TILE_WIDTH < size; index++) {
		CLEANUP(buf_done) struct buf bundle = {0};
		const unsigned width = tile_hashes(size, 0, index);
		struct err why;
		if (!read_bundle(fsck, index, width, &bundle, &why)) {
			fsck_problem(fsck, "log: the entries from %llu on: %s", (unsigned long long)index * TILE_WIDTH,
				     why.why);
			return true; /* nothing behind it can be told */
		}
		if (!push_entries(climb, &bundle, width)) {
			fsck_problem(fsck, "log: the bundle of the entries from %llu on is cut off",
				     (unsigned long long)index * TILE_WIDTH);
			return true;
		}
	}
	for (unsigned level = 0; level < LEVELS; level++)
		if (climb->counts[level] > 0)
			compare_tile(climb, level, climb->counts[level]);
	CLEANUP(free_ptr) char *line = xasprintf("log: %llu entries", (unsigned long long)size);
	fsck->say(line);
	return check_root(fsck, err);
}

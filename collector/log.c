#include "collector/log.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <unistd.h>

#include "collector/log_files.h"
#include "core/file.h"
#include "core/tile.h"
#include "core/times.h"

#define LEVELS 7           /* of tiles: 2^56 entries */
#define PROOFS_A_TREE 1024 /* tiles read for proofs are forgotten after so many */
#define BUNDLE_LARGEST_BYTES ((size_t)TILE_WIDTH * (2 + TILE_ENTRY_LARGEST))

/* The right edge of the tree: at each level the hashes of the tile that is not full yet. */
struct edge {
	struct hash hashes[TILE_WIDTH];
	unsigned count;
	uint64_t index; /* of that tile */
	bool is_changed, was_filled;
};

struct tree {
	uint64_t size;
	struct edge edges[LEVELS];
	struct buf bundle; /* of the entries in edges[0] */
};

struct log {
	char *folder, *vkey;
	EVP_PKEY *key;
	struct note_verifier *verifier;
	struct tree *tree;
	struct checkpoint checkpoint;
	struct buf note; /* signed, as it stands on disk */
	int64_t signed_at;
	bool is_uncertain;
	struct tile_tree *tiles; /* for proofs under the checkpoint */
	unsigned proofs;
};

static void tree_free(struct tree *tree) {
	if (tree)
		buf_done(&tree->bundle);
	free(tree);
}
DEFINE_CLEANUP(struct tree, tree_free)

static char *path_of(const struct log *log, unsigned level, uint64_t index, unsigned width) {
	char name[TILE_PATH_LONGEST];
	return file_join(log->folder, tile_path(level, index, width, name));
}

/* --- reading ------------------------------------------------------------------------------------------------- */

static bool read_tile(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
		      struct err *err) {
	const struct log *log = context;
	return log_files_tile(log->folder, level, index, width, ret_bytes, err);
}

static struct hash *hashes_of(struct buf *tile) { return (struct hash *)(void *)tile->data; }

/* Every full tile's root is what its parent tile says. */
static bool check_level(const struct log *log, uint64_t size, unsigned level, struct err *err) {
	const uint64_t full = (size >> (8 * level)) / TILE_WIDTH;
	CLEANUP(buf_done) struct buf parent = {0};
	for (uint64_t i = 0; i < full; i++) {
		CLEANUP(buf_done) struct buf tile = {0};
		if (i % TILE_WIDTH == 0) {
			buf_done(&parent);
			if (!read_tile((void *)log, level + 1, i / TILE_WIDTH,
				       tile_hashes(size, level + 1, i / TILE_WIDTH), &parent, err))
				return false;
		}
		if (!read_tile((void *)log, level, i, TILE_WIDTH, &tile, err))
			return false;
		struct hash root = merkle_root(hashes_of(&tile), TILE_WIDTH);
		if (!hash_equal(&root, &hashes_of(&parent)[i % TILE_WIDTH])) {
			CLEANUP(free_ptr) char *path = path_of(log, level, i, TILE_WIDTH);
			return err_set(err, ERR_REFUSED, path, "the tile is not the one that the tree was built from");
		}
	}
	return true;
}

static bool check_root(const struct log *log, const struct checkpoint *checkpoint, struct err *err) {
	CLEANUP(tile_tree_free_p)
	struct tile_tree *tiles = tile_tree_new(checkpoint->size, read_tile, (void *)log);
	struct hash root = merkle_root(NULL, 0);
	if (checkpoint->size > 0 && !merkle_root_from(checkpoint->size, tile_tree_hash, tiles, &root, err))
		return false;
	if (!hash_equal(&root, &checkpoint->root))
		return err_set(err, ERR_REFUSED, log->folder, "the tiles do not give the checkpoint's root");
	return true;
}

/* The entries of the partial bundle hash to the leaves of the partial tile. */
static bool check_bundle(const struct tree *tree, const char *path, struct err *err) {
	struct cursor at = cursor_over(tree->bundle.data, tree->bundle.len);
	for (unsigned i = 0; i < tree->edges[0].count; i++) {
		size_t len = cursor_u16be(&at);
		const unsigned char *entry = cursor_bytes(&at, len);
		struct hash leaf = merkle_leaf(entry ? (const void *)entry : "", entry ? len : 0);
		if (at.bad || !hash_equal(&leaf, &tree->edges[0].hashes[i]))
			return err_set(err, ERR_REFUSED, path, "entry %u of the bundle is not the one in the tree", i);
	}
	if (!cursor_at_end(&at))
		return err_set(err, ERR_REFUSED, path, "bytes behind the last entry");
	return true;
}

static bool load_bundle(const struct log *log, struct tree *tree, struct err *err) {
	struct edge *leaves = &tree->edges[0];
	if (leaves->count == 0)
		return true;
	CLEANUP(free_ptr) char *path = path_of(log, TILE_ENTRIES, leaves->index, leaves->count);
	return file_read(path, BUNDLE_LARGEST_BYTES, &tree->bundle, err) && check_bundle(tree, path, err);
}

static bool load_tree(struct log *log, uint64_t size, struct err *err) {
	CLEANUP(tree_free_p) struct tree *tree = xcalloc(1, sizeof *tree);
	tree->size = size;
	for (unsigned level = 0; level < LEVELS; level++) {
		struct edge *edge = &tree->edges[level];
		edge->index = (size >> (8 * level)) / TILE_WIDTH;
		edge->count = tile_hashes(size, level, edge->index);
		if (edge->count == 0)
			continue;
		CLEANUP(buf_done) struct buf tile = {0};
		if (!read_tile(log, level, edge->index, edge->count, &tile, err))
			return false;
		memcpy(edge->hashes, tile.data, tile.len);
	}
	if (!load_bundle(log, tree, err))
		return false;
	log->tree = tree;
	tree = NULL;
	return true;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

/* mkdir -p below the log's folder, each new folder synced into its parent. */
static bool make_folder(const struct log *log, const char *folder, struct err *err) {
	if (access(folder, F_OK) == 0)
		return true;
	if (!file_make_folder(folder, 0755, err))
		return false;
	CLEANUP(free_ptr) char *at = xstrdup(folder);
	while (strlen(at) > strlen(log->folder))
		if (!file_sync_folder(dirname(at), err))
			return false;
	return true;
}

static bool write_tile(const struct log *log, unsigned level, uint64_t index, unsigned width, const void *data,
		       size_t len, struct err *err) {
	CLEANUP(free_ptr) char *path = path_of(log, level, index, width);
	CLEANUP(free_ptr) char *for_folder = xstrdup(path);
	return make_folder(log, dirname(for_folder), err) && file_write(path, data, len, 0644, err);
}

static bool write_bundle(const struct log *log, struct tree *tree, struct err *err) {
	const struct edge *leaves = &tree->edges[0];
	if (leaves->count == 0)
		return true;
	return write_tile(log, TILE_ENTRIES, leaves->index, leaves->count, tree->bundle.data, tree->bundle.len, err);
}

/* A hash at the right end of a level. A tile that becomes full is written, and its root goes one level up. */
static bool push(const struct log *log, struct tree *tree, unsigned level, const struct hash *hash, struct err *err) {
	if (level == LEVELS)
		return err_set(err, ERR_TOO_BIG, log->folder, "the log is full");
	struct edge *edge = &tree->edges[level];
	edge->hashes[edge->count++] = *hash;
	edge->is_changed = true;
	if (edge->count < TILE_WIDTH)
		return true;
	if (!write_tile(log, level, edge->index, TILE_WIDTH, edge->hashes, sizeof edge->hashes, err))
		return false;
	if (level == 0 && !write_bundle(log, tree, err))
		return false;
	struct hash root = merkle_root(edge->hashes, TILE_WIDTH);
	edge->count = 0;
	edge->index++;
	edge->is_changed = false;
	edge->was_filled = true;
	if (level == 0)
		buf_done(&tree->bundle);
	return push(log, tree, level + 1, &root, err);
}

static bool write_partial(const struct log *log, struct tree *tree, struct err *err) {
	for (unsigned level = 0; level < LEVELS; level++) {
		const struct edge *edge = &tree->edges[level];
		if (edge->is_changed && !write_tile(log, level, edge->index, edge->count, edge->hashes,
						    edge->count * sizeof edge->hashes[0], err))
			return false;
	}
	return write_bundle(log, tree, err);
}

static struct tree *tree_copy(const struct tree *tree) {
	struct tree *copy = xmalloc(sizeof *copy);
	*copy = *tree;
	copy->bundle = (struct buf){0};
	buf_add(&copy->bundle, tree->bundle.data, tree->bundle.len);
	for (unsigned level = 0; level < LEVELS; level++)
		copy->edges[level].is_changed = copy->edges[level].was_filled = false;
	return copy;
}

/* The root of the tree on disk, proved to continue the tree that was signed last. */
static bool continue_tree(const struct log *log, uint64_t size, struct hash *ret_root, struct err *err) {
	CLEANUP(tile_tree_free_p) struct tile_tree *tiles = tile_tree_new(size, read_tile, (void *)log);
	struct hash path[MERKLE_PATH_LONGEST];
	size_t len = 0;
	if (size <= log->checkpoint.size)
		return err_set(err, ERR_REFUSED, log->folder, "a smaller tree is not signed");
	if (!merkle_root_from(size, tile_tree_hash, tiles, ret_root, err))
		return false;
	if (log->checkpoint.size == 0)
		return true;
	if (!merkle_consistency(log->checkpoint.size, size, tile_tree_hash, tiles, path, &len, err))
		return false;
	if (!merkle_is_consistent(log->checkpoint.size, size, &log->checkpoint.root, ret_root, path, len))
		return err_set(err, ERR_REFUSED, log->folder, "the new tree does not continue the signed one");
	return true;
}

static bool sign(const char *folder, const char *origin, EVP_PKEY *key, uint64_t size, const struct hash *root,
		 struct buf *note, struct err *err) {
	struct checkpoint checkpoint = {(char *)origin, size, *root};
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(free_ptr) char *path = file_join(folder, "checkpoint");
	checkpoint_write(&checkpoint, &text);
	return note_sign(buf_str(&text), origin, key, note, err) && file_write(path, note->data, note->len, 0644, err);
}

/* Partial tiles of those that are full now. Leftovers harm nobody, so failures are passed over. */
static void drop_partial(const struct log *log, unsigned level, uint64_t index) {
	CLEANUP(free_ptr) char *full = path_of(log, level, index, TILE_WIDTH);
	CLEANUP(free_ptr) char *folder = xasprintf("%s.p", full);
	DIR *open_folder = opendir(folder);
	if (!open_folder)
		return;
	for (struct dirent *entry; (entry = readdir(open_folder));) {
		CLEANUP(free_ptr) char *path = file_join(folder, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	closedir(open_folder);
	rmdir(folder);
}

static void drop_partials(const struct log *log, const struct tree *old) {
	for (unsigned level = 0; level < LEVELS; level++) {
		const struct edge *edge = &log->tree->edges[level];
		if (!edge->was_filled)
			continue;
		drop_partial(log, level, old->edges[level].index);
		if (level == 0)
			drop_partial(log, TILE_ENTRIES, old->edges[0].index);
	}
}

static void adopt_tree(struct log *log, struct tree *tree, const struct hash *root, struct buf *note) {
	struct tree *old = log->tree;
	log->tree = tree;
	log->checkpoint.size = tree->size;
	log->checkpoint.root = *root;
	buf_done(&log->note);
	log->note = *note;
	*note = (struct buf){0};
	log->signed_at = times_now();
	tile_tree_free(log->tiles);
	log->tiles = NULL;
	drop_partials(log, old);
	tree_free(old);
}

/* Whether the checkpoint on disk is still the one that was signed last: the new one never took its name. */
static bool is_old_checkpoint_there(const struct log *log) {
	CLEANUP(free_ptr) char *path = file_join(log->folder, "checkpoint");
	CLEANUP(buf_done) struct buf there = {0};
	struct err ignored;
	return file_read(path, NOTE_LARGEST, &there, &ignored) && there.len == log->note.len &&
	       !memcmp(there.data, log->note.data, there.len);
}

bool log_append(struct log *log, const struct log_entry *entries, size_t count, uint64_t *ret_first, struct err *err) {
	CLEANUP(tree_free_p) struct tree *tree = NULL;
	CLEANUP(buf_done) struct buf note = {0};
	struct hash root;
	if (log->is_uncertain)
		return err_set(err, ERR_IO, log->folder, "an earlier checkpoint may not be on disk; start again");
	if (count == 0)
		return err_set(err, ERR_USAGE, log->folder, "nothing to append");
	tree = tree_copy(log->tree);
	for (size_t i = 0; i < count; i++) {
		struct hash leaf = merkle_leaf(entries[i].data, entries[i].len);
		if (entries[i].len > TILE_ENTRY_LARGEST)
			return err_set(err, ERR_TOO_BIG, log->folder, "an entry of %zu bytes", entries[i].len);
		tile_bundle_add(&tree->bundle, entries[i].data, entries[i].len);
		tree->size++;
		if (!push(log, tree, 0, &leaf, err))
			return false;
	}
	if (!write_partial(log, tree, err) || !continue_tree(log, tree->size, &root, err))
		return false;
	if (!sign(log->folder, log->checkpoint.origin, log->key, tree->size, &root, &note, err)) {
		log->is_uncertain = !is_old_checkpoint_there(log);
		return false;
	}
	*ret_first = log->checkpoint.size;
	adopt_tree(log, tree, &root, &note);
	tree = NULL;
	return true;
}

/* --- opening ------------------------------------------------------------------------------------------------- */

bool log_create(const char *folder, const char *origin, EVP_PKEY *key, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, "checkpoint");
	CLEANUP(buf_done) struct buf note = {0};
	struct hash root = merkle_root(NULL, 0);
	if (access(path, F_OK) == 0)
		return err_set(err, ERR_REFUSED, path, "there is a log already");
	return file_make_folder(folder, 0755, err) && sign(folder, origin, key, 0, &root, &note, err);
}

static bool open_checkpoint(struct log *log, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(log->folder, "checkpoint");
	return file_read(path, NOTE_LARGEST, &log->note, err) &&
	       checkpoint_open(log->note.data, log->note.len, log->verifier, &log->checkpoint, err);
}

/* Of tiles that became full just before a crash. */
static void drop_old_partials(const struct log *log) {
	for (unsigned level = 0; level < LEVELS; level++)
		for (uint64_t i = 0; i < log->tree->edges[level].index; i++) {
			drop_partial(log, level, i);
			if (level == 0)
				drop_partial(log, TILE_ENTRIES, i);
		}
}

bool log_open(const char *folder, const char *origin, EVP_PKEY *key, struct log **ret_log, struct err *err) {
	CLEANUP(log_free_p) struct log *log = xcalloc(1, sizeof *log);
	log->folder = xstrdup(folder);
	log->vkey = note_vkey(origin, key);
	EVP_PKEY_up_ref(key);
	log->key = key;
	if (!log->vkey)
		return err_set(err, ERR_USAGE, folder, "\"%s\" is no name for a log", origin);
	if (!note_verifier_read(log->vkey, &log->verifier, err) || !open_checkpoint(log, err) ||
	    !file_sweep_tree(folder, err))
		return false;
	if (log->checkpoint.size >> (8 * LEVELS))
		return err_set(err, ERR_TOO_BIG, folder, "the checkpoint's size is over the cap");
	for (unsigned level = 0; level + 1 < LEVELS; level++)
		if (!check_level(log, log->checkpoint.size, level, err))
			return false;
	if (!check_root(log, &log->checkpoint, err) || !load_tree(log, log->checkpoint.size, err))
		return false;
	drop_old_partials(log);
	log->signed_at = times_now();
	*ret_log = log;
	log = NULL;
	return true;
}

void log_free(struct log *log) {
	if (!log)
		return;
	tile_tree_free(log->tiles);
	tree_free(log->tree);
	buf_done(&log->note);
	checkpoint_done(&log->checkpoint);
	note_verifier_free(log->verifier);
	EVP_PKEY_free(log->key);
	free(log->vkey);
	free(log->folder);
	free(log);
}

/* --- asking -------------------------------------------------------------------------------------------------- */

static struct tile_tree *proof_tiles(struct log *log) {
	if (log->proofs++ >= PROOFS_A_TREE) {
		tile_tree_free(log->tiles);
		log->tiles = NULL;
		log->proofs = 0;
	}
	if (!log->tiles)
		log->tiles = tile_tree_new(log->checkpoint.size, read_tile, log);
	return log->tiles;
}

bool log_leaf(struct log *log, uint64_t index, struct hash *ret_leaf, struct err *err) {
	if (index >= log->checkpoint.size)
		return err_set(err, ERR_ABSENT, log->folder, "the log has no entry %llu", (unsigned long long)index);
	return tile_tree_hash(proof_tiles(log), 0, index, ret_leaf, err);
}

bool log_root(struct log *log, uint64_t size, struct hash *ret_root, struct err *err) {
	if (size > log->checkpoint.size)
		return err_set(err, ERR_ABSENT, log->folder, "the log is not that large");
	if (size == 0) {
		*ret_root = merkle_root(NULL, 0);
		return true;
	}
	return merkle_root_from(size, tile_tree_hash, proof_tiles(log), ret_root, err);
}

bool log_prove(struct log *log, uint64_t index, struct proof *ret_proof, struct err *err) {
	struct proof proof = {.index = index};
	struct hash leaf;
	if (!log_leaf(log, index, &leaf, err) || !merkle_inclusion(index, log->checkpoint.size, tile_tree_hash,
								   log->tiles, proof.path, &proof.path_len, err))
		return false;
	if (!merkle_is_included(&leaf, index, log->checkpoint.size, proof.path, proof.path_len, &log->checkpoint.root))
		return err_set(err, ERR_REFUSED, log->folder, "the tiles give no proof for entry %llu",
			       (unsigned long long)index);
	proof.checkpoint = xstrndup(log->note.data, log->note.len);
	*ret_proof = proof;
	return true;
}

bool log_file(struct log *log, const char *path, struct buf *ret_bytes, struct err *err) {
	unsigned level, width;
	uint64_t index;
	if (!strcmp(path, "checkpoint")) {
		buf_add(ret_bytes, log->note.data, log->note.len);
		return true;
	}
	if (!tile_path_read(path, &level, &index, &width))
		return err_set(err, ERR_ABSENT, path, "not a tile's path");
	width = width ? width : TILE_WIDTH;
	if (level != TILE_ENTRIES && level >= LEVELS)
		return err_set(err, ERR_ABSENT, path, "the log is not that deep");
	if (tile_hashes(log->checkpoint.size, level == TILE_ENTRIES ? 0 : level, index) < width)
		return err_set(err, ERR_ABSENT, path, "the log does not reach that far");
	CLEANUP(free_ptr) char *file = file_join(log->folder, path);
	return file_read(file, BUNDLE_LARGEST_BYTES, ret_bytes, err);
}

uint64_t log_size(const struct log *log) { return log->checkpoint.size; }
int64_t log_signed_at(const struct log *log) { return log->signed_at; }
const char *log_origin(const struct log *log) { return log->checkpoint.origin; }
const char *log_vkey(const struct log *log) { return log->vkey; }
const struct note_verifier *log_verifier(const struct log *log) { return log->verifier; }
const struct checkpoint *log_checkpoint(const struct log *log) { return &log->checkpoint; }

/* C2SP tlog-tiles: names, widths and bundles; a tree read from tiles. Files and serving are the collector's. */
#pragma once

#include "core/buf.h"
#include "core/merkle.h"

#define TILE_HEIGHT 8
#define TILE_WIDTH 256
#define TILE_ENTRY_LARGEST 65535
#define TILE_PATH_LONGEST 64

/* "tile/<level>/<index>[.p/<width>]"; level TILE_ENTRIES gives "tile/entries/...". width 0 or 256: full. */
#define TILE_ENTRIES 64U
char *tile_path(unsigned level, uint64_t index, unsigned width, char text[TILE_PATH_LONGEST]);
/* The reading of such a path, strict: exactly what tile_path() would write. */
bool tile_path_read(const char *path, unsigned *ret_level, uint64_t *ret_index, unsigned *ret_width);
/* Hashes in tile `index` of `level` in a tree of `size` leaves: 0 to 256. */
unsigned tile_hashes(uint64_t size, unsigned level, uint64_t index);

/* Where tiles come from: the bytes of a tile (32 bytes a hash, `width` hashes). *ret_bytes is empty before. */
typedef bool (*tile_get)(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
			 struct err *err);
/* A merkle_get over tiles of a tree of `size` leaves; tiles read once are kept. */
struct tile_tree;
struct tile_tree *tile_tree_new(uint64_t size, tile_get get, void *context);
void tile_tree_free(struct tile_tree *tree);
DEFINE_CLEANUP(struct tile_tree, tile_tree_free)
bool tile_tree_hash(void *tree, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err);

/* uint16 length || entry; appended. The entry is at most TILE_ENTRY_LARGEST. */
void tile_bundle_add(struct buf *bundle, const void *entry, size_t len);

/* Receipts from a collector: what is read can be written and read again as the same; and tile paths on the way. */
#include "core/proof.h"
#include "core/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_path(const uint8_t *data, size_t size) {
	unsigned level, width;
	uint64_t index;
	char again[TILE_PATH_LONGEST];
	CLEANUP(free_ptr) char *path = xstrndup((const char *)data, size);
	if (tile_path_read(path, &level, &index, &width) && strcmp(tile_path(level, index, width, again), path) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err;
	CLEANUP(proof_done) struct proof proof = {0}, second = {0};
	CLEANUP(buf_done) struct buf text = {0};
	read_path(data, size);
	if (!proof_read((const char *)data, size, &proof, &err))
		return 0;
	proof_write(&proof, &text);
	if (!proof_read(text.data, text.len, &second, &err) && err.code != ERR_TOO_BIG)
		abort();
	if (second.checkpoint && (second.index != proof.index || second.path_len != proof.path_len ||
				  memcmp(second.path, proof.path, proof.path_len * HASH_LEN) != 0))
		abort();
	return 0;
}

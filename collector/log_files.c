#include "collector/log_files.h"

#include "core/file.h"

bool log_files_checkpoint(const char *folder, const struct note_verifier *log, struct buf *ret_note,
			  struct checkpoint *ret_checkpoint, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, "checkpoint");
	CLEANUP(buf_done) struct buf note = {0};
	if (!file_read(path, NOTE_LARGEST, &note, err) ||
	    !checkpoint_open(note.data, note.len, log, ret_checkpoint, err))
		return false;
	*ret_note = note;
	note = (struct buf){0};
	return true;
}

static char *path_of(const char *folder, unsigned level, uint64_t index, unsigned width) {
	char name[TILE_PATH_LONGEST];
	return file_join(folder, tile_path(level, index, width, name));
}

bool log_files_tile(void *folder, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
		    struct err *err) {
	const size_t wanted = (size_t)width * HASH_LEN;
	struct buf bytes = {0};
	CLEANUP(free_ptr) char *path = path_of(folder, level, index, width);
	if (!file_read(path, (size_t)TILE_WIDTH * HASH_LEN, &bytes, err)) {
		if (width == TILE_WIDTH || err->code != ERR_ABSENT)
			return false;
		CLEANUP(free_ptr) char *full = path_of(folder, level, index, TILE_WIDTH);
		if (!file_read(full, (size_t)TILE_WIDTH * HASH_LEN, &bytes, err))
			return false;
		bytes.len = bytes.len > wanted ? wanted : bytes.len;
	}
	if (bytes.len != wanted) {
		buf_done(&bytes);
		return err_set(err, ERR_REFUSED, path, "the tile does not hold %u hashes", width);
	}
	*ret_bytes = bytes;
	return true;
}

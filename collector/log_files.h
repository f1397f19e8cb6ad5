/* The log as files, for who holds no key: the signing process (collector/log.h), and what only reads beside it. */
#pragma once

#include "core/note.h"
#include "core/tile.h"

/* FOLDER/checkpoint as it stands, and what it says; its signature is this log's. *ret_note is empty before. */
MUST_CHECK bool log_files_checkpoint(const char *folder, const struct note_verifier *log, struct buf *ret_note,
				     struct checkpoint *ret_checkpoint, struct err *err);
/* A tile_get; context: the log's folder (const char *). A partial tile goes when the full one has come; then the full
 * one begins with its hashes. */
bool log_files_tile(void *folder, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
		    struct err *err);

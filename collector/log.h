/* The log on disk: C2SP tlog-tiles as static files, checkpoints signed with the log's key (docs/FORMAT.md 3).
 *
 *   FOLDER/checkpoint          the signed note
 *   FOLDER/tile/...            hash tiles and entry bundles; a partial tile lives under its own name until the full one
 *                              is there and under a signed checkpoint
 *
 * Appending writes and syncs tiles, reads them back, proves the new tree consistent with the old one, and only then
 * signs: a smaller or an inconsistent tree is never signed. What a crash leaves beyond the checkpoint is overwritten.
 */
#pragma once

#include "core/proof.h"

struct log;

struct log_entry {
	const void *data; /* borrowed */
	size_t len;       /* at most TILE_ENTRY_LARGEST */
};

/* A new, empty log with a signed checkpoint of size 0. An existing one is not touched: ERR_REFUSED. */
MUST_CHECK bool log_create(const char *folder, const char *origin, EVP_PKEY *key, struct err *err);
/* Opens a log and checks every hash tile against its parent, the checkpoint's root against the tiles, and the entries
 * that are still in a partial bundle. Refuses (ERR_REFUSED) when they do not agree, or the checkpoint is missing. The
 * key is kept (its count of references goes up). */
MUST_CHECK bool log_open(const char *folder, const char *origin, EVP_PKEY *key, struct log **ret_log, struct err *err);
void log_free(struct log *log);
DEFINE_CLEANUP(struct log, log_free)

/* All entries, in order, under one new checkpoint; durable when it returns true. *ret_first is the index of the first.
 * False: the tree is what it was. When it is not certain which checkpoint the disk holds, every later call is refused
 * until the log is opened anew. */
MUST_CHECK bool log_append(struct log *log, const struct log_entry *entries, size_t count, uint64_t *ret_first,
			   struct err *err);
/* The receipt's proof for an entry under the current checkpoint, checked before it is given out; proof_done() it. */
MUST_CHECK bool log_prove(struct log *log, uint64_t index, struct proof *ret_proof, struct err *err);
/* The leaf hash of an entry. */
MUST_CHECK bool log_leaf(struct log *log, uint64_t index, struct hash *ret_leaf, struct err *err);
/* The root that the log had at an earlier size, or has at this one. */
MUST_CHECK bool log_root(struct log *log, uint64_t size, struct hash *ret_root, struct err *err);
/* What a reader may fetch: "checkpoint" or the path of a tile that the current checkpoint covers; anything else is
 * ERR_ABSENT. *ret_bytes is empty before. */
MUST_CHECK bool log_file(struct log *log, const char *path, struct buf *ret_bytes, struct err *err);

uint64_t log_size(const struct log *log);
int64_t log_signed_at(const struct log *log); /* when this process signed or opened the checkpoint */
const char *log_origin(const struct log *log);
const char *log_vkey(const struct log *log);
const struct note_verifier *log_verifier(const struct log *log);
const struct checkpoint *log_checkpoint(const struct log *log);

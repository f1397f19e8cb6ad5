#include "agent/receipt.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/entry.h"

#define SUFFIX ".tlog-proof"
#define SWEEP_PART 32 /* of so many parts of the receipts one more may lie there before the oldest are looked for */

/* --- how many are kept -------------------------------------------------------------------------------------------- */

struct kept {
	char name[HASH_HEX + sizeof SUFFIX];
	struct timespec at;
};

static bool is_receipt(const char *name) {
	size_t len = strlen(name);
	return len == HASH_HEX - 1 + strlen(SUFFIX) && !strcmp(name + HASH_HEX - 1, SUFFIX);
}

/* Newest first. */
static int by_time(const void *a, const void *b) {
	const struct kept *one = a, *other = b;
	if (one->at.tv_sec != other->at.tv_sec)
		return one->at.tv_sec < other->at.tv_sec ? 1 : -1;
	return (one->at.tv_nsec < other->at.tv_nsec) - (one->at.tv_nsec > other->at.tv_nsec);
}

/* The receipts on disk; the array is the caller's. */
static bool list_kept(const char *path, struct kept **ret_kept, size_t *ret_count, struct err *err) {
	CLEANUP(close_folder) DIR *folder = opendir(path);
	struct kept *kept = NULL;
	size_t count = 0;
	struct stat status;
	if (!folder)
		return err_errno(err, errno, ERR_IO, path, "open folder");
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (!is_receipt(entry->d_name) || fstatat(dirfd(folder), entry->d_name, &status, 0) != 0)
			continue;
		if ((count & (count - 1)) == 0) /* room doubles at each power of two */
			kept = xreallocarray(kept, count ? 2 * count : 1, sizeof *kept);
		snprintf(kept[count].name, sizeof kept[count].name, "%s", entry->d_name);
		kept[count++].at = status.st_mtim;
	}
	*ret_kept = kept;
	*ret_count = count;
	return true;
}

/* Removes the oldest where there are too many. */
static bool sweep(struct receipts *receipts, struct err *err) {
	CLEANUP(free_ptr) struct kept *kept = NULL;
	size_t count;
	if (receipts->count <= receipts->most + receipts->most / SWEEP_PART)
		return true;
	if (!list_kept(receipts->home->receipts, &kept, &count, err))
		return false;
	if (count > 0)
		qsort(kept, count, sizeof *kept, by_time);
	for (; count > receipts->most; count--) {
		CLEANUP(free_ptr) char *path = file_join(receipts->home->receipts, kept[count - 1].name);
		if (unlink(path) != 0 && errno != ENOENT)
			return err_errno(err, errno, ERR_IO, path, "remove");
	}
	receipts->count = count;
	return true;
}

/* --- what they prove ---------------------------------------------------------------------------------------------- */

static bool read_last(struct receipts *receipts, struct err *err) {
	CLEANUP(buf_done) struct buf note = {0};
	struct err why;
	if (!file_read(receipts->home->checkpoint, NOTE_LARGEST, &note, &why)) {
		if (why.code == ERR_ABSENT)
			return true;
		*err = why;
		return false;
	}
	if (!checkpoint_open(note.data, note.len, receipts->log, &receipts->last, &why))
		return err_set(err, ERR_REFUSED, receipts->home->checkpoint, "it does not verify: %s", why.why);
	receipts->has_last = true;
	return true;
}

bool receipts_open(const struct home *home, const char *vkey, struct receipts **ret_receipts, struct err *err) {
	CLEANUP(receipts_close_p) struct receipts *receipts = xcalloc(1, sizeof *receipts);
	CLEANUP(free_ptr) struct kept *kept = NULL;
	receipts->home = home;
	receipts->most = RECEIPTS_MOST;
	if (!note_verifier_read(vkey, &receipts->log, err) || !read_last(receipts, err) ||
	    !list_kept(home->receipts, &kept, &receipts->count, err))
		return false;
	*ret_receipts = receipts;
	receipts = NULL;
	return true;
}

void receipts_close(struct receipts *receipts) {
	if (!receipts)
		return;
	note_verifier_free(receipts->log);
	if (receipts->has_last)
		checkpoint_done(&receipts->last);
	free(receipts);
}

static bool is_later(struct receipts *receipts, const struct checkpoint *checkpoint, struct err *err) {
	const struct checkpoint *last = &receipts->last;
	receipts->is_contradicted = false;
	if (!receipts->has_last || checkpoint->size > last->size ||
	    (checkpoint->size == last->size && hash_equal(&checkpoint->root, &last->root)))
		return true;
	receipts->is_contradicted = true;
	if (checkpoint->size < last->size)
		return err_set(err, ERR_REFUSED, "receipt",
			       "checkpoint: the log shrank from %" PRIu64 " to %" PRIu64 " entries", last->size,
			       checkpoint->size);
	return err_set(err, ERR_REFUSED, "receipt",
		       "checkpoint: the log shows another root than before for the same %" PRIu64 " entries",
		       last->size);
}

/* A larger log: proved from its tiles, which need not be trusted, because the proof ends in both signed roots. */
static bool continues(struct receipts *receipts, const struct checkpoint *checkpoint, struct err *err) {
	const struct checkpoint *last = &receipts->last;
	struct hash path[MERKLE_PATH_LONGEST];
	size_t len = 0;
	if (!receipts->has_last || last->size == 0 || checkpoint->size == last->size)
		return true;
	CLEANUP(tile_tree_free_p)
	struct tile_tree *tiles = tile_tree_new(checkpoint->size, receipts->get, receipts->context);
	if (!merkle_consistency(last->size, checkpoint->size, tile_tree_hash, tiles, path, &len, err))
		return false;
	if (merkle_is_consistent(last->size, checkpoint->size, &last->root, &checkpoint->root, path, len))
		return true;
	receipts->is_contradicted = true;
	return err_set(err, ERR_REFUSED, "receipt",
		       "checkpoint: the log of %" PRIu64 " entries does not continue the one of %" PRIu64
		       " seen before: its history was changed",
		       checkpoint->size, last->size);
}

bool receipts_continue(struct receipts *receipts, const struct buf *note, struct err *err) {
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	return checkpoint_open(note->data, note->len, receipts->log, &checkpoint, err) &&
	       is_later(receipts, &checkpoint, err) && continues(receipts, &checkpoint, err);
}

static bool is_new(const struct receipts *receipts, const struct checkpoint *checkpoint) {
	return !receipts->has_last || checkpoint->size > receipts->last.size;
}

static bool keep(struct receipts *receipts, const struct dsse *envelope, const char *receipt, const struct proof *proof,
		 struct checkpoint *checkpoint, struct err *err) {
	char hex[HASH_HEX];
	struct hash digest = dsse_digest(envelope);
	CLEANUP(free_ptr)
	char *path = xasprintf("%s/%s" SUFFIX, receipts->home->receipts, hash_hex(&digest, hex));
	if (!file_write(path, receipt, strlen(receipt), 0644, err))
		return false;
	receipts->count++;
	if (!is_new(receipts, checkpoint))
		return true;
	if (!file_write(receipts->home->checkpoint, proof->checkpoint, strlen(proof->checkpoint), 0644, err))
		return false;
	if (receipts->has_last)
		checkpoint_done(&receipts->last);
	receipts->last = *checkpoint;
	receipts->has_last = true;
	*checkpoint = (struct checkpoint){0};
	return true;
}

bool receipt_keep(struct receipts *receipts, const struct dsse *envelope, const char *receipt, struct err *err) {
	CLEANUP(buf_done) struct buf entry = {0};
	CLEANUP(proof_done) struct proof proof = {0};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	const char *keyid = envelope->signature_count ? envelope->signatures[0].keyid : "";
	return home_evidence_key(receipts->home, keyid, &key, err) && entry_write(envelope, key, &entry, err) &&
	       proof_read(receipt, strlen(receipt), &proof, err) &&
	       proof_verify(&proof, entry.data, entry.len, receipts->log, &checkpoint, err) &&
	       is_later(receipts, &checkpoint, err) && continues(receipts, &checkpoint, err) &&
	       keep(receipts, envelope, receipt, &proof, &checkpoint, err) && sweep(receipts, err);
}

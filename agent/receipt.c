#include "agent/receipt.h"

#include <inttypes.h>

#include "core/entry.h"

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
	receipts->home = home;
	if (!note_verifier_read(vkey, &receipts->log, err) || !read_last(receipts, err))
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

static bool is_later(const struct receipts *receipts, const struct checkpoint *checkpoint, struct err *err) {
	const struct checkpoint *last = &receipts->last;
	if (!receipts->has_last || checkpoint->size > last->size)
		return true;
	if (checkpoint->size < last->size)
		return err_set(err, ERR_REFUSED, "receipt",
			       "checkpoint: the log shrank from %" PRIu64 " to %" PRIu64 " entries", last->size,
			       checkpoint->size);
	if (hash_equal(&checkpoint->root, &last->root))
		return true;
	return err_set(err, ERR_REFUSED, "receipt",
		       "checkpoint: the log shows another root than before for the same %" PRIu64 " entries",
		       last->size);
}

/* A larger log: proved from its tiles, which need not be trusted, because the proof ends in both signed roots. */
static bool continues(const struct receipts *receipts, const struct checkpoint *checkpoint, struct err *err) {
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
	return err_set(err, ERR_REFUSED, "receipt",
		       "checkpoint: the log of %" PRIu64 " entries does not continue the one of %" PRIu64
		       " seen before: its history was changed",
		       checkpoint->size, last->size);
}

bool receipts_continue(const struct receipts *receipts, const struct buf *note, struct err *err) {
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
	char *path = xasprintf("%s/%s.tlog-proof", receipts->home->receipts, hash_hex(&digest, hex));
	if (!file_write(path, receipt, strlen(receipt), 0644, err))
		return false;
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
	       keep(receipts, envelope, receipt, &proof, &checkpoint, err);
}

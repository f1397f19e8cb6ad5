#include "collector/agree.h"

#include "collector/verify.h"
#include "core/dsse.h"
#include "core/entry.h"
#include "core/key.h"

struct newest {
	char digest[HASH_HEX];
	int64_t index, line, sequence;
	struct buf envelope;
};

static void newest_done(struct newest *newest) { buf_done(&newest->envelope); }

static void take(void *context, const struct store_statement *statement) {
	struct newest *newest = context;
	snprintf(newest->digest, sizeof newest->digest, "%s", statement->digest);
	newest->index = statement->index;
	newest->line = statement->line;
	newest->sequence = statement->sequence;
	buf_add(&newest->envelope, statement->envelope, statement->envelope_len);
}

/* The entry that the log should have for it. */
static bool entry_of(struct store *store, const struct newest *newest, struct buf *entry, struct err *err) {
	CLEANUP(store_line_done) struct store_line line = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	bool is_epoch;
	return store_line_before(store, newest->line, newest->sequence, &line, err) &&
	       json_read(buf_str(&newest->envelope), newest->envelope.len, DSSE_ENVELOPE_LARGEST, newest->digest,
			 &object, err) &&
	       dsse_from_json(object, newest->digest, &envelope, err) &&
	       verify_key_of(&line, envelope, &key, &is_epoch, err) && entry_write(envelope, key, entry, err);
}

bool agree(struct store *store, struct log *log, struct err *err) {
	CLEANUP(newest_done) struct newest newest = {0};
	CLEANUP(buf_done) struct buf entry = {0};
	struct hash leaf;
	/* The list has no envelopes. */
	if (!store_statements(store, NULL, 0, 1, take, &newest, err))
		return false;
	if (!newest.digest[0])
		return true;
	CLEANUP(free_ptr) char *digest = xstrdup(newest.digest);
	if (!store_statement_get(store, digest, take, &newest, err) || !entry_of(store, &newest, &entry, err) ||
	    !log_leaf(log, (uint64_t)newest.index, &leaf, err))
		return false;
	const struct hash wanted = merkle_leaf(entry.data, entry.len);
	return hash_equal(&wanted, &leaf) ||
	       err_set(err, ERR_REFUSED, "log",
		       "entry %lld is another than the statement of the store: they are of different histories",
		       (long long)newest.index);
}

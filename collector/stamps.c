#include "collector/stamps.h"

#include <unistd.h>

#include "core/file.h"
#include "core/statement.h"

struct wanting {
	const char *folder;
	int64_t *after;
	size_t looked;
	bool is_bad;
	struct err err;
};

bool stamps_prepare(const char *folder, struct err *err) {
	CLEANUP(free_ptr) char *wanted = xasprintf("%s/timestamps/wanted", folder);
	CLEANUP(free_ptr) char *authorities = xasprintf("%s/timestamps/authorities", folder);
	return file_make_folder(wanted, 0755, err) && file_make_folder(authorities, 0755, err) &&
	       file_sweep(wanted, err);
}

char *stamps_path(const char *folder, const char *digest, const char *suffix) {
	return xasprintf("%s/timestamps/%s%s", folder, digest, suffix);
}

static bool read_round(const struct store_statement *kept, struct dsse **ret_envelope, bool *ret_is_full,
		       struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	if (!json_read(kept->envelope, kept->envelope_len, DSSE_ENVELOPE_LARGEST, kept->digest, &object, err) ||
	    !dsse_from_json(object, kept->digest, &envelope, err) ||
	    !statement_read(envelope->payload.data, envelope->payload.len, kept->digest, &statement, err))
		return false;
	*ret_is_full = statement->full && envelope->signature_count > 0;
	*ret_envelope = envelope;
	envelope = NULL;
	return true;
}

static bool want(const char *folder, const char *digest, const struct dsse *envelope, struct err *err) {
	CLEANUP(free_ptr) char *there = stamps_path(folder, digest, ".tsr");
	CLEANUP(free_ptr) char *wanted = xasprintf("%s/timestamps/wanted/%s", folder, digest);
	const struct buf *signature = &envelope->signatures[0].bytes;
	const struct hash imprint = hash_of(signature->data, signature->len);
	char hex[HASH_HEX];
	if (access(there, F_OK) == 0 || access(wanted, F_OK) == 0)
		return true;
	return file_write(wanted, hash_hex(&imprint, hex), HASH_HEX - 1, 0644, err);
}

static bool look(void *context, const struct store_statement *kept) {
	struct wanting *wanting = context;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	bool is_full;
	wanting->is_bad = !read_round(kept, &envelope, &is_full, &wanting->err) ||
			  (is_full && !want(wanting->folder, kept->digest, envelope, &wanting->err));
	if (wanting->is_bad)
		return false;
	*wanting->after = kept->index;
	return ++wanting->looked < STAMPS_LOOKED_MOST;
}

bool stamps_want(struct store *store, const char *folder, int64_t now, int64_t *after, struct err *err) {
	struct wanting wanting = {.folder = folder, .after = after};
	const struct store_range range = {
		.from = now - STAMPS_LATE_S, .to = INT64_MAX, .types = "round", .after = *after};
	if (!store_statements_in(store, &range, look, &wanting, err))
		return false;
	if (wanting.is_bad)
		*err = wanting.err;
	return !wanting.is_bad;
}

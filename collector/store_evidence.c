#include "collector/sql.h"
#include "collector/store.h"

#define NEXT_EVENT "1 + max(ifnull((SELECT max(id) FROM evidence), 0), ifnull((SELECT max(id) FROM notes), 0))"

bool store_evidence_add(struct store *store, struct store_evidence *e, const void *body, size_t body_len,
			struct err *err) {
	if (!sql_run(store, err,
		     "INSERT INTO bodies(sha256, bytes) VALUES(?, ?)"
		     " ON CONFLICT DO UPDATE SET bytes = excluded.bytes WHERE bytes <> excluded.bytes",
		     "tb", e->body_sha256, body, body_len) ||
	    !sql_run(store, err,
		     "INSERT INTO evidence(id, idx, digest, received, body, envelope) VALUES(" NEXT_EVENT
		     ", ?, ?, ?, ?, ?)",
		     "ititb", e->index, e->digest, e->received, e->body_sha256, e->envelope, e->envelope_len))
		return false;
	e->event = sqlite3_last_insert_rowid(store->db);
	return true;
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

static bool count_note(struct store *store, const struct store_note *note, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO counted(host, kind, count) VALUES(?, ?, 1)"
		       " ON CONFLICT DO UPDATE SET count = count + 1",
		       "tt", note->host, note->kind);
}

static bool find_note(struct store *store, const struct store_note *note, const char *same, bool *ret_is_there,
		      int64_t *ret_count, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT EXISTS(SELECT 1 FROM notes WHERE host = ?1 AND kind = ?2 AND same = ?3),"
		      " (SELECT count(*) FROM notes WHERE host = ?1)",
		      "ttt", note->host, note->kind, same))
		return false;
	bool has_row = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_is_there = has_row && sql_int(&query, 0) != 0;
	*ret_count = has_row ? sql_int(&query, 1) : 0;
	return true;
}

bool store_note_add(struct store *store, struct store_note *note, const char *same, struct err *err) {
	bool is_there;
	int64_t count;
	if (!find_note(store, note, same, &is_there, &count, err))
		return false;
	if (is_there)
		return true;
	if (count >= STORE_NOTES_MOST)
		return count_note(store, note, err);
	if (!sql_run(store, err,
		     "INSERT INTO notes(id, host, kind, at, text, statement, same) VALUES(" NEXT_EVENT
		     ", ?, ?, ?, ?, ?, ?)",
		     "ttittt", note->host, note->kind, note->at, note->text, note->statement, same))
		return false;
	note->event = sqlite3_last_insert_rowid(store->db);
	return true;
}

bool store_refused_add(struct store *store, const char *host, const char *digest, int64_t at,
		       const struct buf *envelope, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO refused(digest, host, at, envelope) SELECT ?1, ?2, ?3, ?4 WHERE"
		       " (SELECT count(*) < ?5 AND ifnull(sum(length(envelope)), 0) + length(?4) <= ?6 FROM refused"
		       "  WHERE host = ?2) ON CONFLICT DO NOTHING",
		       "ttibii", digest, host, at, buf_str(envelope), envelope->len, (int64_t)STORE_REFUSED_MOST,
		       (int64_t)STORE_REFUSED_LARGEST);
}

bool store_refused(struct store *store, const char *digest, struct buf *ret_envelope, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT envelope FROM refused WHERE digest = ?", "t", digest))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	if (!is_found)
		return err_set(err, ERR_ABSENT, digest, "no refused statement with this digest is kept");
	size_t len;
	const void *bytes = sql_bytes(&query, 0, &len);
	buf_add(ret_envelope, bytes, len);
	return true;
}

/* --- in the order in which they came ------------------------------------------------------------------------------ */

static void visit_event(const struct sql *query, void (*visit)(void *context, const struct store_event *event),
			void *context) {
	struct store_evidence evidence = {.event = sql_int(query, 0),
					  .index = sql_int(query, 1),
					  .digest = sql_text(query, 2),
					  .received = sql_int(query, 3),
					  .body_sha256 = sql_text(query, 4)};
	evidence.envelope = sql_bytes(query, 5, &evidence.envelope_len);
	const struct store_note note = {.event = evidence.event,
					.at = evidence.received,
					.host = sql_text(query, 6),
					.kind = sql_text(query, 7),
					.text = sql_text(query, 8),
					.statement = evidence.digest};
	const bool is_note = evidence.index < 0;
	const struct store_event event = {is_note ? NULL : &evidence, is_note ? &note : NULL};
	visit(context, &event);
}

bool store_events(struct store *store, int64_t after, int64_t limit,
		  void (*visit)(void *context, const struct store_event *event), void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT id, idx, digest, received, body, envelope, '', '', '' FROM evidence WHERE id > ?1"
		      " UNION ALL SELECT id, -1, statement, at, '', x'', host, kind, text FROM notes WHERE id > ?1"
		      " ORDER BY 1 LIMIT ?2",
		      "ii", after, limit))
		return false;
	while (sql_next(&query))
		visit_event(&query, visit, context);
	return sql_ok(&query, err);
}

bool store_event_find(struct store *store, int64_t number, int64_t *ret_number, char ret_digest[HASH_HEX],
		      struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT id, digest FROM evidence WHERE id = iif(?1 < 0, (SELECT max(id) FROM evidence), ?1)"
		      " UNION ALL SELECT id, '' FROM notes WHERE id = iif(?1 < 0, (SELECT max(id) FROM notes), ?1)"
		      " ORDER BY 1 DESC LIMIT 1",
		      "i", number))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_number = is_found ? sql_int(&query, 0) : 0;
	snprintf(ret_digest, HASH_HEX, "%s", is_found ? sql_text(&query, 1) : "");
	return true;
}

static bool one_number(struct sql *query, int64_t otherwise, int64_t *ret_number, struct err *err) {
	bool is_found = sql_next(query);
	if (!sql_ok(query, err))
		return false;
	*ret_number = is_found ? sql_int(query, 0) : otherwise;
	return true;
}

bool store_statement_index(struct store *store, const char *digest, int64_t *ret_index, char ret_host[STORE_HOST_ID],
			   struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT e.idx, host FROM evidence e LEFT JOIN statements s ON s.idx = e.idx WHERE digest = ?",
		      "t", digest))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_index = is_found ? sql_int(&query, 0) : -1;
	snprintf(ret_host, STORE_HOST_ID, "%s", is_found ? sql_text(&query, 1) : "");
	return true;
}

bool store_body(struct store *store, const char *sha256, struct buf *ret_body, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT bytes FROM bodies WHERE sha256 = ?", "t", sha256))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	if (!is_found)
		return err_set(err, ERR_ABSENT, sha256, "no body with this digest is kept");
	size_t len;
	const void *bytes = sql_bytes(&query, 0, &len);
	buf_add(ret_body, bytes, len);
	return true;
}

bool store_body_set(struct store *store, const char *sha256, const void *body, size_t len, struct err *err) {
	if (!body)
		return sql_run(store, err, "DELETE FROM bodies WHERE sha256 = ?", "t", sha256);
	return sql_run(store, err, "UPDATE bodies SET bytes = ?2 WHERE sha256 = ?1", "tb", sha256, body, len);
}

/* The row says whether somebody who reads kept it from being done. */
static bool is_shrunk(struct sql *query, const char *path, struct err *err) {
	const bool is_busy = sql_next(query) && sql_int(query, 0) != 0;
	if (!sql_ok(query, err))
		return false;
	return !is_busy || err_set(err, ERR_REFUSED, path,
				   "what was taken away is still in its write-ahead log, because something else reads "
				   "it; it goes when the collector is stopped");
}

bool store_shrink(struct store *store, struct err *err) {
	CLEANUP(sql_done) struct sql evidence = {0}, index = {0};
	return sql_open(store, &evidence, err, "PRAGMA main.wal_checkpoint(TRUNCATE)", "") &&
	       is_shrunk(&evidence, store->path, err) &&
	       sql_open(store, &index, err, "PRAGMA derived.wal_checkpoint(TRUNCATE)", "") &&
	       is_shrunk(&index, store->index_path, err);
}

bool store_next_index(struct store *store, int64_t *ret_index, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err,
			"SELECT 1 + max(ifnull((SELECT max(idx) FROM evidence), -1),"
			" ifnull((SELECT max(idx) FROM orphans), -1))",
			"") &&
	       one_number(&query, 0, ret_index, err);
}

bool store_orphan_add(struct store *store, const struct hash *leaf, int64_t index, struct err *err) {
	return sql_run(store, err, "INSERT INTO orphans(idx, leaf) VALUES(?, ?)", "ib", index, leaf->bytes,
		       sizeof leaf->bytes);
}

bool store_orphan_find(struct store *store, const struct hash *leaf, int64_t *ret_index, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err, "SELECT idx FROM orphans WHERE leaf = ? ORDER BY idx LIMIT 1", "b",
			leaf->bytes, sizeof leaf->bytes) &&
	       one_number(&query, -1, ret_index, err);
}

bool store_orphan_remove(struct store *store, int64_t index, struct err *err) {
	return sql_run(store, err, "DELETE FROM orphans WHERE idx = ?", "i", index);
}

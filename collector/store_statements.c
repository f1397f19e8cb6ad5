#include "collector/sql.h"
#include "collector/store.h"

/* ?2 bounds the epoch. */
#define LINE                                                                                                           \
	"SELECT id, host, transport, evidence, l.sequence, last, l.started, ended,"                                    \
	" (SELECT key FROM epochs e WHERE e.line = l.id AND e.sequence < ?2 ORDER BY e.sequence DESC LIMIT 1)"         \
	" FROM lines l "
#define STATEMENT "SELECT idx, digest, host, type, line, sequence, started, finished, received, body_sha256, body_name"

void store_line_done(struct store_line *line) {
	buf_done(&line->evidence);
	buf_done(&line->epoch);
}

static void read_line(const struct sql *query, struct store_line *line) {
	size_t len;
	*line = (struct store_line){
		.id = sql_int(query, 0),
		.sequence = sql_int(query, 4),
		.started = sql_int(query, 6),
		.ended = sql_int(query, 7),
	};
	snprintf(line->host, sizeof line->host, "%s", sql_text(query, 1));
	snprintf(line->transport, sizeof line->transport, "%s", sql_text(query, 2));
	snprintf(line->last, sizeof line->last, "%s", sql_text(query, 5));
	const void *evidence = sql_bytes(query, 3, &len);
	buf_add(&line->evidence, evidence, len);
	const void *epoch = sql_bytes(query, 8, &len);
	buf_add(&line->epoch, epoch, len);
}

static bool one_line(struct sql *query, struct store_line *ret_line, struct err *err) {
	bool is_found = sql_next(query);
	if (!sql_ok(query, err))
		return false;
	*ret_line = (struct store_line){0};
	if (is_found)
		read_line(query, ret_line);
	return true;
}

bool store_line_of(struct store *store, const char *transport, struct store_line *ret_line, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err, LINE "WHERE transport = ?1", "ti", transport, INT64_MAX) &&
	       one_line(&query, ret_line, err);
}

bool store_line_before(struct store *store, int64_t id, int64_t sequence, struct store_line *ret_line,
		       struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err, LINE "WHERE id = ?1", "ii", id, sequence) &&
	       one_line(&query, ret_line, err);
}

bool store_line_add(struct store *store, struct store_line *line, struct err *err) {
	char keyid[HASH_HEX];
	struct hash hash = hash_of(line->evidence.data, line->evidence.len);
	if (!sql_run(store, err, "UPDATE lines SET ended = ? WHERE host = ? AND ended = 0", "it", line->started,
		     line->host) ||
	    !store_results_withdraw(store, line->host, "", line->started, err) ||
	    !sql_run(store, err,
		     "INSERT INTO lines(host, transport, evidence, keyid, sequence, last, started, ended, breaks)"
		     " VALUES(?, ?, ?, ?, ?, ?, ?, 0, 0)",
		     "ttbtiti", line->host, line->transport, line->evidence.data, line->evidence.len,
		     hash_hex(&hash, keyid), line->sequence, line->last, line->started))
		return false;
	line->id = sqlite3_last_insert_rowid(store->db);
	return true;
}

bool store_line_move(struct store *store, const struct store_line *line, struct err *err) {
	return sql_run(store, err, "UPDATE lines SET sequence = ?, last = ? WHERE id = ?", "iti", line->sequence,
		       line->last, line->id);
}

bool store_line_broke(struct store *store, int64_t line, struct err *err) {
	return sql_run(store, err, "UPDATE lines SET breaks = breaks + 1 WHERE id = ?", "i", line);
}

bool store_lines(struct store *store,
		 void (*visit)(void *context, const struct store_line *line, const char *host_name), void *context,
		 struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT l.id, host, transport, evidence, l.sequence, last, started, ended, x'', ifnull(name, '')"
		      " FROM lines l LEFT JOIN hosts h ON h.id = host ORDER BY l.id",
		      ""))
		return false;
	while (sql_next(&query)) {
		CLEANUP(store_line_done) struct store_line line = {0};
		read_line(&query, &line);
		visit(context, &line, sql_text(&query, 9));
	}
	return sql_ok(&query, err);
}

bool store_epoch_add(struct store *store, const struct store_epoch *epoch, struct err *err) {
	char keyid[HASH_HEX];
	struct hash hash = hash_of(epoch->key, epoch->key_len);
	return sql_run(store, err,
		       "INSERT INTO epochs(line, sequence, key, keyid, reason, started) VALUES(?, ?, ?, ?, ?, ?)",
		       "iibtti", epoch->line, epoch->sequence, epoch->key, epoch->key_len, hash_hex(&hash, keyid),
		       epoch->reason, epoch->started);
}

bool store_epochs(struct store *store, const char *host, void (*visit)(void *context, const struct store_epoch *epoch),
		  void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT l.host, ifnull(name, ''), e.line, e.sequence, e.started, e.reason, e.key FROM epochs e"
		      " JOIN lines l ON l.id = e.line LEFT JOIN hosts h ON h.id = l.host"
		      " WHERE ?1 = '' OR l.host = ?1 ORDER BY e.line, e.sequence",
		      "t", host ? host : ""))
		return false;
	while (sql_next(&query)) {
		struct store_epoch epoch = {.host = sql_text(&query, 0),
					    .host_name = sql_text(&query, 1),
					    .line = sql_int(&query, 2),
					    .sequence = sql_int(&query, 3),
					    .started = sql_int(&query, 4),
					    .reason = sql_text(&query, 5)};
		epoch.key = sql_bytes(&query, 6, &epoch.key_len);
		visit(context, &epoch);
	}
	return sql_ok(&query, err);
}

bool store_statement_add(struct store *store, const struct store_statement *s, const void *body, size_t body_len,
			 struct err *err) {
	return sql_run(store, err, "INSERT INTO bodies(sha256, bytes) VALUES(?, ?) ON CONFLICT DO NOTHING", "tb",
		       s->body_sha256, body, body_len) &&
	       sql_run(store, err,
		       "INSERT INTO statements(idx, digest, host, type, line, sequence, started, finished, received,"
		       " body_sha256, body_name, envelope) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		       "itttiiiiittb", s->index, s->digest, s->host, s->type, s->line, s->sequence, s->started,
		       s->finished, s->received, s->body_sha256, s->body_name, s->envelope, s->envelope_len);
}

bool store_statement_index(struct store *store, const char *digest, int64_t *ret_index, char ret_host[STORE_HOST_ID],
			   struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT idx, host FROM statements WHERE digest = ?", "t", digest))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_index = is_found ? sql_int(&query, 0) : -1;
	if (ret_host)
		snprintf(ret_host, STORE_HOST_ID, "%s", is_found ? sql_text(&query, 1) : "");
	return true;
}

static void visit_row(const struct sql *query, bool with_envelope, store_visit_statement visit, void *context) {
	struct store_statement s = {
		.index = sql_int(query, 0),
		.digest = sql_text(query, 1),
		.host = sql_text(query, 2),
		.type = sql_text(query, 3),
		.line = sql_int(query, 4),
		.sequence = sql_int(query, 5),
		.started = sql_int(query, 6),
		.finished = sql_int(query, 7),
		.received = sql_int(query, 8),
		.body_sha256 = sql_text(query, 9),
		.body_name = sql_text(query, 10),
	};
	if (with_envelope)
		s.envelope = sql_bytes(query, 11, &s.envelope_len);
	visit(context, &s);
}

bool store_statement_get(struct store *store, const char *digest, store_visit_statement visit, void *context,
			 struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, STATEMENT ", envelope FROM statements WHERE digest = ?", "t", digest))
		return false;
	if (sql_next(&query))
		visit_row(&query, true, visit, context);
	return sql_ok(&query, err);
}

bool store_statements(struct store *store, const char *host, int64_t after, int64_t limit, store_visit_statement visit,
		      void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	const int64_t below = after > 0 ? after : INT64_MAX;
	bool is_open =
		host ? sql_open(store, &query, err,
				STATEMENT " FROM statements WHERE host = ? AND idx < ? ORDER BY idx DESC LIMIT ?",
				"tii", host, below, limit)
		     : sql_open(store, &query, err,
				STATEMENT " FROM statements WHERE idx < ? ORDER BY idx DESC LIMIT ?", "ii", below,
				limit);
	if (!is_open)
		return false;
	while (sql_next(&query))
		visit_row(&query, false, visit, context);
	return sql_ok(&query, err);
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

static bool one_number(struct sql *query, int64_t otherwise, int64_t *ret_number, struct err *err) {
	bool is_found = sql_next(query);
	if (!sql_ok(query, err))
		return false;
	*ret_number = is_found ? sql_int(query, 0) : otherwise;
	return true;
}

bool store_next_index(struct store *store, int64_t *ret_index, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err,
			"SELECT 1 + max(ifnull((SELECT max(idx) FROM statements), -1),"
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

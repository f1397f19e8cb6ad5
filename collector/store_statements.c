#include "collector/sql.h"
#include "collector/store.h"

/* ?2 bounds the epoch. */
#define LINE                                                                                                           \
	"SELECT id, host, transport, evidence, l.sequence, last, l.started, ended,"                                    \
	" (SELECT key FROM epochs e WHERE e.line = l.id AND e.sequence < ?2 ORDER BY e.sequence DESC LIMIT 1),"        \
	" purpose, is_ahead, revoked"                                                                                  \
	" FROM lines l "
#define STATEMENT "SELECT s.idx, digest, host, type, line, sequence, started, finished, received, body, body_name"
#define FROM " FROM statements s JOIN evidence e ON e.idx = s.idx"

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
		.is_ahead = sql_int(query, 10) != 0,
		.revoked = sql_int(query, 11),
	};
	snprintf(line->host, sizeof line->host, "%s", sql_text(query, 1));
	snprintf(line->transport, sizeof line->transport, "%s", sql_text(query, 2));
	snprintf(line->last, sizeof line->last, "%s", sql_text(query, 5));
	snprintf(line->purpose, sizeof line->purpose, "%s", sql_text(query, 9));
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

bool store_line_of_host(struct store *store, const char *host, struct store_line *ret_line, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err, LINE "WHERE host = ?1 AND ended = 0", "ti", host, INT64_MAX) &&
	       one_line(&query, ret_line, err);
}

bool store_line_last(struct store *store, const char *host, struct store_line *ret_line, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err, LINE "WHERE host = ?1 ORDER BY l.id DESC LIMIT 1", "ti", host, INT64_MAX) &&
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
		     "INSERT INTO lines(host, transport, evidence, keyid, sequence, last, started, ended, purpose,"
		     " revoked, is_ahead, known, standing) VALUES(?, ?, ?, ?, ?, ?, ?, 0, ?, 0, 0, 0, x'')",
		     "ttbtitit", line->host, line->transport, line->evidence.data, line->evidence.len,
		     hash_hex(&hash, keyid), line->sequence, line->last, line->started, line->purpose))
		return false;
	line->id = sqlite3_last_insert_rowid(store->db);
	return true;
}

bool store_line_move(struct store *store, const struct store_line *line, struct err *err) {
	return sql_run(store, err, "UPDATE lines SET sequence = ?, last = ?, is_ahead = ? WHERE id = ?", "itii",
		       line->sequence, line->last, (int64_t)line->is_ahead, line->id);
}

bool store_line_revoke(struct store *store, const char *keyid, int64_t from, int64_t at, struct err *err) {
	return sql_run(store, err, "UPDATE lines SET revoked = ?2, ended = iif(ended = 0, ?3, ended) WHERE keyid = ?1",
		       "tii", keyid, from, at);
}

bool store_lines(struct store *store,
		 void (*visit)(void *context, const struct store_line *line, const char *host_name), void *context,
		 struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT l.id, host, transport, evidence, l.sequence, last, started, ended, x'', l.purpose, "
		      "is_ahead,"
		      " revoked, ifnull(name, '') FROM lines l LEFT JOIN hosts h ON h.id = host ORDER BY l.id",
		      ""))
		return false;
	while (sql_next(&query)) {
		CLEANUP(store_line_done) struct store_line line = {0};
		read_line(&query, &line);
		visit(context, &line, sql_text(&query, 12));
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

bool store_epoch_of_key(struct store *store, int64_t line, const char *keyid, int64_t *ret_number, struct buf *ret_key,
			struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	size_t len = 0;
	if (!sql_open(store, &query, err, "SELECT sequence, key FROM epochs WHERE keyid = ? AND line = ?", "ti", keyid,
		      line))
		return false;
	*ret_number = 0;
	if (sql_next(&query)) {
		const void *key = sql_bytes(&query, 1, &len);
		buf_add(ret_key, key, len);
		*ret_number = sql_int(&query, 0);
	}
	return sql_ok(&query, err);
}

bool store_position(struct store *store, int64_t *ret_event, char ret_digest[HASH_HEX], struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT id, digest FROM position", ""))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_event = is_found ? sql_int(&query, 0) : 0;
	snprintf(ret_digest, HASH_HEX, "%s", is_found ? sql_text(&query, 1) : "");
	return true;
}

bool store_position_set(struct store *store, int64_t event, const char *digest, struct err *err) {
	return sql_run(store, err, "INSERT OR REPLACE INTO position(one, id, digest) VALUES(1, ?, ?)", "it", event,
		       digest);
}

bool store_statement_add(struct store *store, const struct store_statement *s, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO statements(idx, host, type, line, sequence, started, finished, body_name)"
		       " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
		       "ittiiiit", s->index, s->host, s->type, s->line, s->sequence, s->started, s->finished,
		       s->body_name);
}

bool store_number_is_used(struct store *store, int64_t line, int64_t sequence, bool *ret_is_used, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT 1 FROM statements WHERE line = ? AND sequence = ?", "ii", line,
		      sequence))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_is_used = is_found;
	return true;
}

static struct store_statement row_of(const struct sql *query, bool with_envelope) {
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
	return s;
}

bool store_statement_get(struct store *store, const char *digest, store_visit_statement visit, void *context,
			 struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, STATEMENT ", envelope" FROM " WHERE digest = ?", "t", digest))
		return false;
	if (sql_next(&query)) {
		const struct store_statement row = row_of(&query, true);
		visit(context, &row);
	}
	return sql_ok(&query, err);
}

bool store_statements(struct store *store, const char *host, int64_t after, int64_t limit, store_visit_statement visit,
		      void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	const int64_t below = after > 0 ? after : INT64_MAX;
	bool is_open =
		host ? sql_open(store, &query, err,
				STATEMENT FROM " WHERE host = ? AND s.idx < ? ORDER BY s.idx DESC LIMIT ?", "tii", host,
				below, limit)
		     : sql_open(store, &query, err, STATEMENT FROM " WHERE s.idx < ? ORDER BY s.idx DESC LIMIT ?", "ii",
				below, limit);
	if (!is_open)
		return false;
	while (sql_next(&query)) {
		const struct store_statement row = row_of(&query, false);
		visit(context, &row);
	}
	return sql_ok(&query, err);
}

#define IN_RANGE                                                                                                       \
	" AND received >= ?2 AND received < ?3 AND (?4 IS NULL OR instr(',' || ?4 || ',', ',' || type || ',') > 0)"    \
	" ORDER BY s.idx"

bool store_statements_in(struct store *store, const struct store_range *r,
			 bool (*visit)(void *context, const struct store_statement *statement), void *context,
			 struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	bool is_open = r->host ? sql_open(store, &query, err,
					  STATEMENT ", envelope" FROM " WHERE s.idx > ?1 AND host = ?5" IN_RANGE,
					  "iiitt", r->after, r->from, r->to, r->types, r->host)
			       : sql_open(store, &query, err, STATEMENT ", envelope" FROM " WHERE s.idx > ?1" IN_RANGE,
					  "iiit", r->after, r->from, r->to, r->types);
	if (!is_open)
		return false;
	bool is_enough = false;
	while (!is_enough && sql_next(&query)) {
		const struct store_statement row = row_of(&query, true);
		is_enough = !visit(context, &row);
	}
	return sql_ok(&query, err);
}

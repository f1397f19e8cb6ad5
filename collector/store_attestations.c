#include "collector/store_attestations.h"

#include "collector/sql.h"

#define IS_REVOKED "ifnull(l.revoked > 0 AND a.received >= l.revoked, 0)"
#define ATTESTATION                                                                                                    \
	"SELECT a.idx, a.statement, a.host, ifnull(h.name, ''), a.line, a.controls, a.author, a.note, a.file_name,"    \
	" a.file_sha256, a.media_type, a.file_size, a.has_content, a.collected, a.expires, a.received, a.until,"       \
	" ifnull(l.ended, 0) <> 0, " IS_REVOKED                                                                        \
	" FROM attestations a LEFT JOIN hosts h ON h.id = a.host LEFT JOIN lines l ON l.id = a.line"

static bool put_controls(struct store *store, const struct store_attestation *attestation, struct err *err) {
	for (const char *at = attestation->controls; *at;) {
		const size_t len = strcspn(at, ",");
		CLEANUP(free_ptr) char *control = xstrndup(at, len);
		if (!sql_run(store, err, "INSERT INTO attestation_controls(control, idx) VALUES(?, ?)", "ti", control,
			     attestation->index))
			return false;
		at += len + (at[len] == ',');
	}
	return true;
}

bool store_attestation_put(struct store *store, const struct store_attestation *a, struct err *err) {
	const int64_t latest = a->received + (a->expires - a->collected);
	return sql_run(store, err,
		       "INSERT INTO attestations(idx, statement, host, line, controls, author, note, file_name,"
		       " file_sha256, media_type, file_size, has_content, collected, expires, received, until)"
		       " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		       "ittittttttiiiiii", a->index, a->statement, a->host, a->line, a->controls, a->author, a->note,
		       a->file_name, a->file_sha256, a->media_type, a->file_size, (int64_t)a->has_content, a->collected,
		       a->expires, a->received, a->expires < latest ? a->expires : latest) &&
	       put_controls(store, a, err);
}

bool store_attestation_forget(struct store *store, const char *statement, struct err *err) {
	return sql_run(store, err,
		       "DELETE FROM attestation_controls WHERE idx IN"
		       " (SELECT idx FROM attestations WHERE statement = ?)",
		       "t", statement) &&
	       sql_run(store, err, "DELETE FROM attestations WHERE statement = ?", "t", statement);
}

static bool visit_all(struct sql *query, store_visit_attestation visit, void *context, struct err *err) {
	while (sql_next(query)) {
		const struct store_attestation attestation = {
			.index = sql_int(query, 0),
			.statement = sql_text(query, 1),
			.host = sql_text(query, 2),
			.host_name = sql_text(query, 3),
			.line = sql_int(query, 4),
			.controls = sql_text(query, 5),
			.author = sql_text(query, 6),
			.note = sql_text(query, 7),
			.file_name = sql_text(query, 8),
			.file_sha256 = sql_text(query, 9),
			.media_type = sql_text(query, 10),
			.file_size = sql_int(query, 11),
			.has_content = sql_int(query, 12) != 0,
			.collected = sql_int(query, 13),
			.expires = sql_int(query, 14),
			.received = sql_int(query, 15),
			.until = sql_int(query, 16),
			.is_ended = sql_int(query, 17) != 0,
			.is_revoked = sql_int(query, 18) != 0,
		};
		visit(context, &attestation);
	}
	return sql_ok(query, err);
}

bool store_attestations(struct store *store, const char *control, int64_t after, int64_t limit,
			store_visit_attestation visit, void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	const int64_t below = after > 0 ? after : INT64_MAX;
	bool is_open =
		control ? sql_open(store, &query, err,
				   ATTESTATION " JOIN attestation_controls c ON c.idx = a.idx WHERE c.control = ? AND"
					       " a.idx < ? ORDER BY a.idx DESC LIMIT ?",
				   "tii", control, below, limit)
			: sql_open(store, &query, err, ATTESTATION " WHERE a.idx < ? ORDER BY a.idx DESC LIMIT ?", "ii",
				   below, limit);
	return is_open && visit_all(&query, visit, context, err);
}

bool store_attestations_of(struct store *store, const char *control, int64_t now, int64_t limit,
			   store_visit_attestation visit, void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err,
			ATTESTATION " JOIN attestation_controls c ON c.idx = a.idx WHERE c.control = ?"
				    " ORDER BY (a.until > ? AND NOT " IS_REVOKED ") DESC, a.idx DESC LIMIT ?",
			"tii", control, now, limit) &&
	       visit_all(&query, visit, context, err);
}

bool store_attestation_counts(struct store *store, int64_t now,
			      void (*visit)(void *context, const char *control, int64_t valid, int64_t expired),
			      void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT c.control, sum(a.until > ?1), sum(a.until <= ?1) FROM attestation_controls c"
		      " JOIN attestations a ON a.idx = c.idx LEFT JOIN lines l ON l.id = a.line"
		      " WHERE NOT " IS_REVOKED " GROUP BY c.control ORDER BY c.control",
		      "i", now))
		return false;
	while (sql_next(&query))
		visit(context, sql_text(&query, 0), sql_int(&query, 1), sql_int(&query, 2));
	return sql_ok(&query, err);
}

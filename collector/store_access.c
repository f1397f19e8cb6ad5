#include "collector/sql.h"
#include "collector/store.h"

bool store_reader_add(struct store *store, const char *name, const struct hash *token, int64_t now, struct err *err) {
	if (!sql_run(store, err, "INSERT INTO readers(name, hash, created) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
		     "tbi", name, token->bytes, sizeof token->bytes, now))
		return false;
	return sql_changed(store) == 1 || err_set(err, ERR_REFUSED, name, "there is a reader of this name already");
}

bool store_reader_remove(struct store *store, const char *name, struct err *err) {
	if (!sql_run(store, err, "DELETE FROM readers WHERE name = ?", "t", name))
		return false;
	return sql_changed(store) == 1 || err_set(err, ERR_ABSENT, name, "there is no reader of this name");
}

bool store_readers(struct store *store, void (*visit)(void *context, const struct store_reader *reader), void *context,
		   struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT name, hash, created FROM readers ORDER BY name", ""))
		return false;
	while (sql_next(&query)) {
		struct store_reader reader = {.name = sql_text(&query, 0), .created = sql_int(&query, 2)};
		size_t len;
		const void *hash = sql_bytes(&query, 1, &len);
		if (len != sizeof reader.token.bytes)
			continue;
		memcpy(reader.token.bytes, hash, len);
		visit(context, &reader);
	}
	return sql_ok(&query, err);
}

bool store_certificate_add(struct store *store, const struct store_certificate *certificate, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO certificates(fingerprint, host, key, issued, expires) VALUES(?, ?, ?, ?, ?)",
		       "tttii", certificate->fingerprint, certificate->host, certificate->key, certificate->issued,
		       certificate->expires);
}

bool store_certificates_good(struct store *store, const char *key, int64_t now, int64_t *ret_count, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT count(*) FROM certificates WHERE key = ? AND expires > ?", "ti", key,
		      now))
		return false;
	int64_t count = sql_next(&query) ? sql_int(&query, 0) : 0;
	if (!sql_ok(&query, err))
		return false;
	*ret_count = count;
	return true;
}

bool store_certificate_host(struct store *store, const char *fingerprint, char ret_host[STORE_HOST_ID],
			    struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT host FROM certificates WHERE fingerprint = ?", "t", fingerprint))
		return false;
	bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	snprintf(ret_host, STORE_HOST_ID, "%s", is_found ? sql_text(&query, 0) : "");
	return true;
}

static bool is_any(struct sql *query, bool *ret_is_any, struct err *err) {
	bool is_any = sql_next(query);
	if (!sql_ok(query, err))
		return false;
	*ret_is_any = is_any;
	return true;
}

bool store_certificate_revoked(struct store *store, const char *host, const char *key, bool *ret_is_revoked,
			       struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err,
			"SELECT 1 FROM lines WHERE host = ?1 AND revoked > 0 AND ended >"
			" (SELECT max(issued) FROM certificates WHERE host = ?1 AND key = ?2) LIMIT 1",
			"tt", host, key) &&
	       is_any(&query, ret_is_revoked, err);
}

bool store_key_elsewhere(struct store *store, const char *key, const char *host, bool *ret_is_elsewhere,
			 struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	return sql_open(store, &query, err,
			"SELECT 1 FROM certificates WHERE key = ?1 AND host <> ?2 UNION ALL"
			" SELECT 1 FROM lines WHERE keyid = ?1 AND (host <> ?2 OR revoked > 0) UNION ALL"
			" SELECT 1 FROM epochs e JOIN lines l ON l.id = line"
			"  WHERE e.keyid = ?1 AND (host <> ?2 OR revoked > 0) LIMIT 1",
			"tt", key, host) &&
	       is_any(&query, ret_is_elsewhere, err);
}

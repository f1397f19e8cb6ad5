#include "collector/sql.h"
#include "collector/store.h"

/* What is good for nothing any more. */
static bool forget_ended(struct store *store, int64_t now, struct err *err) {
	return sql_run(store, err, "DELETE FROM tokens WHERE uses <= 0 OR expires <= ?", "i", now) &&
	       sql_run(store, err, "DELETE FROM token_terms WHERE hash NOT IN (SELECT hash FROM tokens)", "");
}

/* The terms first: a token is never there without them. */
static bool add_token(struct store *store, const struct store_token *token, struct err *err) {
	return sql_run(store, err, "INSERT INTO token_terms(hash, label, networks) VALUES(?, ?, ?)", "btt",
		       token->hash.bytes, sizeof token->hash.bytes, token->group, token->networks) &&
	       sql_run(store, err, "INSERT INTO tokens(hash, expires, uses) VALUES(?, ?, ?)", "bii", token->hash.bytes,
		       sizeof token->hash.bytes, token->expires, token->uses);
}

bool store_token_add(struct store *store, const struct store_token *token, struct err *err) {
	if (store_begin(store, err) && add_token(store, token, err) && store_commit(store, err))
		return true;
	store_rollback(store);
	return false;
}

/* Where a version before this one made the token there are no terms: any host may use it, and joins no group. */
static bool read_token(const struct sql *query, struct store_token *ret_token) {
	size_t len;
	const void *hash = sql_bytes(query, 0, &len);
	if (len != sizeof ret_token->hash.bytes)
		return false;
	memcpy(ret_token->hash.bytes, hash, len);
	ret_token->expires = sql_int(query, 1);
	ret_token->uses = sql_int(query, 2);
	ret_token->group = sql_text(query, 3);
	ret_token->networks = sql_text(query, 4);
	return true;
}

bool store_token_find(struct store *store, const struct hash *hash, int64_t now,
		      void (*visit)(void *context, const struct store_token *token), void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	struct store_token token;
	if (!sql_open(store, &query, err,
		      "SELECT t.hash, expires, uses, ifnull(label, ''), ifnull(networks, '') FROM tokens t"
		      " LEFT JOIN token_terms n ON n.hash = t.hash WHERE t.hash = ? AND uses > 0 AND expires > ?",
		      "bi", hash->bytes, sizeof hash->bytes, now))
		return false;
	if (sql_next(&query) && read_token(&query, &token))
		visit(context, &token);
	return sql_ok(&query, err);
}

bool store_tokens(struct store *store, int64_t now, void (*visit)(void *context, const struct store_token *token),
		  void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	struct store_token token;
	if (!sql_open(store, &query, err,
		      "SELECT t.hash, expires, uses, ifnull(label, ''), ifnull(networks, '') FROM tokens t"
		      " LEFT JOIN token_terms n ON n.hash = t.hash WHERE uses > 0 AND expires > ? ORDER BY expires, 1",
		      "i", now))
		return false;
	while (sql_next(&query))
		if (read_token(&query, &token))
			visit(context, &token);
	return sql_ok(&query, err);
}

bool store_token_use(struct store *store, const struct hash *token, int64_t now, bool *ret_is_good, struct err *err) {
	if (!sql_run(store, err, "UPDATE tokens SET uses = uses - 1 WHERE hash = ? AND uses > 0 AND expires > ?", "bi",
		     token->bytes, sizeof token->bytes, now))
		return false;
	*ret_is_good = sql_changed(store) == 1;
	return forget_ended(store, now, err);
}

bool store_token_remove(struct store *store, const struct hash *token, struct err *err) {
	if (!sql_run(store, err, "DELETE FROM tokens WHERE hash = ?", "b", token->bytes, sizeof token->bytes))
		return false;
	return sql_changed(store) == 1 || err_set(err, ERR_ABSENT, "token", "there is no such token any more");
}

bool store_group_put(struct store *store, const char *host, const char *group, int64_t now, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO host_groups(host, label, since) SELECT ?1, ?2, ?3 WHERE ?2 <> ifnull((SELECT label"
		       " FROM host_groups WHERE host = ?1 ORDER BY id DESC LIMIT 1), '')",
		       "tti", host, group, now);
}

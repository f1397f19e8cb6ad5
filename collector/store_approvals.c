#include "collector/store_approvals.h"

#include "collector/sql.h"

bool store_approval_put(struct store *store, const struct store_approval *a, struct err *err) {
	return sql_run(store, err,
		       "INSERT INTO approvals(policy, body, idx, statement, host, received)"
		       " SELECT ?1, ?2, ?3, ?4, ?5, ?6"
		       " WHERE (SELECT count(*) FROM approvals WHERE policy = ?1 AND host = ?5) < ?7"
		       " ON CONFLICT DO NOTHING",
		       "ttittii", a->policy, a->body, a->index, a->statement, a->host, a->received,
		       (int64_t)STORE_APPROVALS_MOST);
}

bool store_approvals(struct store *store, const char *policy,
		     void (*visit)(void *context, const struct store_approval *approval), void *context,
		     struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT a.body, idx, statement, host, received, b.bytes FROM approvals a"
		      " JOIN bodies b ON b.sha256 = a.body WHERE policy = ? ORDER BY idx, a.body",
		      "t", policy))
		return false;
	while (sql_next(&query)) {
		struct store_approval approval = {.policy = policy,
						  .body = sql_text(&query, 0),
						  .index = sql_int(&query, 1),
						  .statement = sql_text(&query, 2),
						  .host = sql_text(&query, 3),
						  .received = sql_int(&query, 4)};
		approval.line = sql_bytes(&query, 5, &approval.line_len);
		visit(context, &approval);
	}
	return sql_ok(&query, err);
}

bool store_judged_put(struct store *store, const char *policy, int64_t index, int64_t received, struct err *err) {
	return sql_run(store, err, "INSERT INTO judged(policy, idx, received) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
		       "tii", policy, index, received);
}

bool store_judged(struct store *store, const char *policy, int64_t *ret_index, int64_t *ret_received, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT idx, received FROM judged WHERE policy = ?", "t", policy))
		return false;
	const bool is_found = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_index = is_found ? sql_int(&query, 0) : -1;
	*ret_received = is_found ? sql_int(&query, 1) : 0;
	return true;
}

bool store_waivers(struct store *store, int64_t most, void (*visit)(void *context, const char *waiver, int64_t until),
		   void *context, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err,
		      "SELECT json_extract(json, '$.waiver.id') AS waiver, min(waived_until) FROM results"
		      " WHERE waived_until > 0 AND waiver IS NOT NULL GROUP BY waiver ORDER BY waiver LIMIT ?",
		      "i", most))
		return false;
	while (sql_next(&query))
		visit(context, sql_text(&query, 0), sql_int(&query, 1));
	return sql_ok(&query, err);
}

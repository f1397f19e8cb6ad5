#include "collector/store_changes.h"

#include "collector/sql.h"

bool store_change_put(struct store *store, const struct store_result *result, const char *changed, struct err *err) {
	return sql_run(store, err, "INSERT OR REPLACE INTO changes(host, rule, statement, json) VALUES(?, ?, ?, ?)",
		       "tttt", result->host, result->rule, result->statement, changed);
}

bool store_change_stays(struct store *store, const struct store_result *result, struct err *err) {
	if (!result->leaf)
		return sql_run(store, err, "DELETE FROM changes WHERE host = ? AND rule = ?", "tt", result->host,
			       result->rule);
	return sql_run(store, err,
		       "DELETE FROM changes WHERE host = ?1 AND rule = ?2 AND NOT EXISTS"
		       " (SELECT 1 FROM results WHERE host = ?1 AND rule = ?2 AND leaf = ?3)",
		       "ttb", result->host, result->rule, result->leaf->bytes, sizeof result->leaf->bytes);
}

bool store_change_forget(struct store *store, const char *statement, const char *rule, struct err *err) {
	return sql_run(store, err, "DELETE FROM changes WHERE statement = ?1 AND (?2 IS NULL OR rule = ?2)", "tt",
		       statement, rule);
}

#include "collector/store_compare.h"

#include <unistd.h>

#include "collector/index.h"
#include "collector/sql.h"

#define TRIES_MOST 20 /* beside a collector that keeps deriving */

static bool attach(struct store *store, const char *path, struct err *err) {
	return sql_run(store, err, "ATTACH ? AS kept", "t", path);
}

static bool version_of_kept(struct store *store, int64_t *ret_version, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "PRAGMA kept.user_version", ""))
		return false;
	*ret_version = sql_next(&query) ? sql_int(&query, 0) : 0;
	return sql_ok(&query, err);
}

static bool position_of_kept(struct store *store, int64_t *ret_event, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT id FROM kept.position", ""))
		return false;
	*ret_event = sql_next(&query) ? sql_int(&query, 0) : 0;
	return sql_ok(&query, err);
}

/* Rows of one that the other has not, both ways. The text is not a literal, so it is not one of the prepared. */
static bool count_others(struct store *store, const char *table, int64_t *ret_count, struct err *err) {
	sqlite3_stmt *statement = NULL;
	CLEANUP(free_ptr)
	char *text = xasprintf("SELECT (SELECT count(*) FROM (SELECT * FROM derived.%s EXCEPT SELECT * FROM kept.%s))"
			       " + (SELECT count(*) FROM (SELECT * FROM kept.%s EXCEPT SELECT * FROM derived.%s))",
			       table, table, table, table);
	const bool is_read = sqlite3_prepare_v2(store->db, text, -1, &statement, NULL) == SQLITE_OK &&
			     sqlite3_step(statement) == SQLITE_ROW;
	if (is_read)
		*ret_count = sqlite3_column_int64(statement, 0);
	else
		err_set(err, ERR_IO, "index.db", "%s: %s", table, sqlite3_errmsg(store->db));
	sqlite3_finalize(statement);
	return is_read;
}

static bool compare_tables(struct store *store, bool with_history, store_compared compared, void *context,
			   struct err *err) {
	static const char *const tables[] = {"position",  "lines",    "epochs",  "statements",           "hosts",
					     "results",   "findings", "history", "attestation_controls", "attestations",
					     "approvals", "judged",   "changes"};
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		int64_t count;
		if (!with_history && !strcmp(tables[i], "history"))
			continue;
		if (!count_others(store, tables[i], &count, err))
			return false;
		if (count > 0)
			compared(context, tables[i], count);
	}
	return true;
}

/* As far as the kept one is derived, and in a transaction in which it does not move. */
static bool compare(struct store *store, bool with_history, store_compared compared, void *context, struct err *err) {
	int64_t until = 0, now = -1;
	for (int i = 0; i < TRIES_MOST; i++) {
		if (!position_of_kept(store, &until, err) || !index_derive(store, until, err) ||
		    !sql_run(store, err, "BEGIN", "") || !position_of_kept(store, &now, err))
			return false;
		const bool is_done = now == until;
		if (is_done && !compare_tables(store, with_history, compared, context, err))
			return false;
		if (!sql_run(store, err, "COMMIT", "") || is_done)
			return is_done;
	}
	return err_set(err, ERR_REFUSED, "index.db", "it moves on faster than it can be derived again");
}

bool store_compare(struct store *store, const char *index, bool with_history, store_compared compared, void *context,
		   struct err *err) {
	int64_t version;
	if (access(index, F_OK) != 0)
		return true;
	if (!attach(store, index, err) || !version_of_kept(store, &version, err))
		return false;
	if (version != STORE_INDEX_VERSION)
		return true;
	const bool is_compared = compare(store, with_history, compared, context, err);
	store_rollback(store);
	return is_compared;
}

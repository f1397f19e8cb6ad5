/* Statements over SQLite for store*.c alone: prepared once, bound by a format, stepped row by row.
 *
 *   CLEANUP(sql_done) struct sql q = {0};
 *   if (!sql_open(store, &q, err, "SELECT a FROM t WHERE b = ? AND c = ?", "ti", text, (int64_t)n)) return false;
 *   while (sql_next(&q)) use(sql_text(&q, 0));
 *   return sql_ok(&q, err);
 *
 * Formats: t text (NULL is NULL), i int64_t, b bytes (const void *, size_t). The text is a literal: it is the key under
 * which the prepared statement is kept. */
#pragma once

#include <sqlite3.h>

#include "collector/store.h"

#define SQL_KEPT_MOST 128
#define SQL_CURRENTS 1024 /* lines whose current results are held in memory */

struct sql_kept {
	const char *text;
	sqlite3_stmt *statement;
};

struct store {
	sqlite3 *db;
	char *path, *index_path;
	struct sql_kept kept[SQL_KEPT_MOST];
	size_t kept_count;
	struct store_current currents[SQL_CURRENTS]; /* by the line's number */
};

struct sql {
	struct store *store;
	sqlite3_stmt *statement;
	bool is_bad;
};

MUST_CHECK bool sql_open(struct store *store, struct sql *query, struct err *err, const char *text, const char *format,
			 ...);
/* False at the end and on a fault; sql_ok() tells them apart. */
bool sql_next(struct sql *query);
MUST_CHECK bool sql_ok(const struct sql *query, struct err *err);
void sql_done(struct sql *query);
/* One that yields no rows. */
MUST_CHECK bool sql_run(struct store *store, struct err *err, const char *text, const char *format, ...);
/* Rows changed by the last sql_run. */
int sql_changed(const struct store *store);

/* Columns of the current row; text is "" for NULL, borrowed until the next step. */
const char *sql_text(const struct sql *query, int column);
int64_t sql_int(const struct sql *query, int column);
const void *sql_bytes(const struct sql *query, int column, size_t *ret_len);

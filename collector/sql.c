#include "collector/sql.h"

static bool sql_fault(const struct store *store, struct err *err) {
	return err_set(err, ERR_IO, store->path, "%s", sqlite3_errmsg(store->db));
}

static bool prepare(struct store *store, const char *text, sqlite3_stmt **ret_statement, struct err *err) {
	for (size_t i = 0; i < store->kept_count; i++) {
		if (store->kept[i].text == text && !sqlite3_stmt_busy(store->kept[i].statement)) {
			*ret_statement = store->kept[i].statement;
			return true;
		}
	}
	if (store->kept_count == SQL_KEPT_MOST)
		return err_set(err, ERR_TOO_BIG, store->path, "more than %d kinds of statements", SQL_KEPT_MOST);
	if (sqlite3_prepare_v3(store->db, text, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL) != SQLITE_OK)
		return sql_fault(store, err);
	store->kept[store->kept_count++] = (struct sql_kept){text, *ret_statement};
	return true;
}

static int bind_one(sqlite3_stmt *statement, int at, char type, va_list *arguments) {
	if (type == 'i')
		return sqlite3_bind_int64(statement, at, va_arg(*arguments, int64_t));
	if (type == 't') {
		const char *text = va_arg(*arguments, const char *);
		return text ? sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT)
			    : sqlite3_bind_null(statement, at);
	}
	const void *bytes = va_arg(*arguments, const void *);
	size_t len = va_arg(*arguments, size_t);
	return sqlite3_bind_blob64(statement, at, bytes ? bytes : "", len, SQLITE_TRANSIENT);
}

static bool open_bound(struct store *store, struct sql *query, struct err *err, const char *text, const char *format,
		       va_list *arguments) {
	sqlite3_stmt *statement = NULL;
	if (!prepare(store, text, &statement, err))
		return false;
	for (int at = 1; format[at - 1]; at++)
		if (bind_one(statement, at, format[at - 1], arguments) != SQLITE_OK)
			return sql_fault(store, err);
	*query = (struct sql){.store = store, .statement = statement};
	return true;
}

bool sql_open(struct store *store, struct sql *query, struct err *err, const char *text, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	bool is_open = open_bound(store, query, err, text, format, &arguments);
	va_end(arguments);
	return is_open;
}

bool sql_next(struct sql *query) {
	int status = sqlite3_step(query->statement);
	query->is_bad = status != SQLITE_ROW && status != SQLITE_DONE;
	return status == SQLITE_ROW;
}

bool sql_ok(const struct sql *query, struct err *err) { return query->is_bad ? sql_fault(query->store, err) : true; }

void sql_done(struct sql *query) {
	if (!query->statement)
		return;
	sqlite3_reset(query->statement);
	sqlite3_clear_bindings(query->statement);
	query->statement = NULL;
}

bool sql_run(struct store *store, struct err *err, const char *text, const char *format, ...) {
	CLEANUP(sql_done) struct sql query = {0};
	va_list arguments;
	va_start(arguments, format);
	bool is_open = open_bound(store, &query, err, text, format, &arguments);
	va_end(arguments);
	if (!is_open)
		return false;
	while (sql_next(&query))
		continue;
	return sql_ok(&query, err);
}

int sql_changed(const struct store *store) { return sqlite3_changes(store->db); }

const char *sql_text(const struct sql *query, int column) {
	const char *text = (const char *)sqlite3_column_text(query->statement, column);
	return text ? text : "";
}

int64_t sql_int(const struct sql *query, int column) { return sqlite3_column_int64(query->statement, column); }

const void *sql_bytes(const struct sql *query, int column, size_t *ret_len) {
	const void *bytes = sqlite3_column_blob(query->statement, column);
	*ret_len = (size_t)sqlite3_column_bytes(query->statement, column);
	return bytes ? bytes : "";
}

#include "collector/store.h"

#include "collector/sql.h"

#define BUSY_MS 5000

static const char schema[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA foreign_keys = ON;"
	"PRAGMA trusted_schema = OFF;"
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS tokens(hash BLOB PRIMARY KEY, expires INTEGER NOT NULL, uses INTEGER NOT NULL) "
	"STRICT;"
	"CREATE TABLE IF NOT EXISTS readers(name TEXT PRIMARY KEY, hash BLOB NOT NULL, created INTEGER NOT NULL) "
	"STRICT;"
	"CREATE TABLE IF NOT EXISTS certificates(fingerprint TEXT PRIMARY KEY, host TEXT NOT NULL, key TEXT NOT NULL,"
	" issued INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS certificates_key ON certificates(key);"
	"CREATE INDEX IF NOT EXISTS certificates_host ON certificates(host);"
	"CREATE TABLE IF NOT EXISTS lines(id INTEGER PRIMARY KEY, host TEXT NOT NULL, transport TEXT NOT NULL UNIQUE,"
	" evidence BLOB NOT NULL, keyid TEXT NOT NULL, sequence INTEGER NOT NULL, last TEXT NOT NULL,"
	" started INTEGER NOT NULL, ended INTEGER NOT NULL, breaks INTEGER NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS lines_host ON lines(host);"
	"CREATE TABLE IF NOT EXISTS epochs(line INTEGER NOT NULL REFERENCES lines(id), sequence INTEGER NOT NULL,"
	" key BLOB NOT NULL, keyid TEXT NOT NULL, reason TEXT NOT NULL, started INTEGER NOT NULL,"
	" PRIMARY KEY(line, sequence)) STRICT;"
	"CREATE INDEX IF NOT EXISTS epochs_keyid ON epochs(keyid);"
	"CREATE TABLE IF NOT EXISTS statements(idx INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, host TEXT NOT "
	"NULL,"
	" type TEXT NOT NULL, line INTEGER NOT NULL REFERENCES lines(id), sequence INTEGER NOT NULL,"
	" started INTEGER NOT NULL, finished INTEGER NOT NULL, received INTEGER NOT NULL, body_sha256 TEXT NOT NULL,"
	" body_name TEXT NOT NULL, envelope BLOB NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS statements_host ON statements(host, idx);"
	"CREATE TABLE IF NOT EXISTS bodies(sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS orphans(idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS orphans_leaf ON orphans(leaf);"
	"CREATE TABLE IF NOT EXISTS hosts(id TEXT PRIMARY KEY, name TEXT NOT NULL, os TEXT NOT NULL,"
	" environment TEXT NOT NULL, policies TEXT NOT NULL, sequence INTEGER NOT NULL, collected INTEGER NOT NULL,"
	" received INTEGER NOT NULL, enrolled INTEGER NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS hosts_name ON hosts(name);"
	"CREATE TABLE IF NOT EXISTS results(host TEXT NOT NULL, rule TEXT NOT NULL, verdict TEXT NOT NULL,"
	" kind TEXT NOT NULL, severity TEXT NOT NULL, controls TEXT NOT NULL, key INTEGER NOT NULL,"
	" collected INTEGER NOT NULL, expires INTEGER NOT NULL, received INTEGER NOT NULL, waived_until INTEGER NOT "
	"NULL,"
	" statement TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY(host, rule)) STRICT;"
	"CREATE TABLE IF NOT EXISTS history(id INTEGER PRIMARY KEY, host TEXT NOT NULL, rule TEXT NOT NULL,"
	" verdict TEXT NOT NULL, collected INTEGER NOT NULL, expires INTEGER NOT NULL, received INTEGER NOT NULL,"
	" waived_until INTEGER NOT NULL, statement TEXT NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS history_host ON history(host, rule, id);"
	"CREATE TRIGGER IF NOT EXISTS history_stays BEFORE UPDATE ON history BEGIN"
	" SELECT RAISE(ABORT, 'history is append-only'); END;"
	"CREATE TRIGGER IF NOT EXISTS history_keeps BEFORE DELETE ON history BEGIN"
	" SELECT RAISE(ABORT, 'history is append-only'); END;"
	"COMMIT;";

static bool run_text(struct store *store, const char *text, struct err *err) {
	char *fault = NULL;
	if (sqlite3_exec(store->db, text, NULL, NULL, &fault) == SQLITE_OK)
		return true;
	err_set(err, ERR_IO, store->path, "%s", fault ? fault : sqlite3_errmsg(store->db));
	sqlite3_free(fault);
	return false;
}

bool store_open(const char *path, struct store **ret_store, struct err *err) {
	CLEANUP(store_free_p) struct store *store = xcalloc(1, sizeof *store);
	store->path = xstrdup(path);
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
	if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK)
		return err_set(err, ERR_IO, path, "%s", store->db ? sqlite3_errmsg(store->db) : "no memory");
	sqlite3_busy_timeout(store->db, BUSY_MS);
	if (!run_text(store, schema, err))
		return false;
	*ret_store = store;
	store = NULL;
	return true;
}

bool store_check(struct store *store, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "PRAGMA quick_check(1)", ""))
		return false;
	const bool has_row = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	const char *said = has_row ? sql_text(&query, 0) : "nothing";
	return !strcmp(said, "ok") || err_set(err, ERR_REFUSED, store->path, "the store is damaged: %s", said);
}

void store_free(struct store *store) {
	if (!store)
		return;
	for (size_t i = 0; i < store->kept_count; i++)
		sqlite3_finalize(store->kept[i].statement);
	sqlite3_close(store->db);
	free(store->path);
	free(store);
}

bool store_begin(struct store *store, struct err *err) { return run_text(store, "BEGIN IMMEDIATE", err); }
bool store_commit(struct store *store, struct err *err) { return run_text(store, "COMMIT", err); }

void store_rollback(struct store *store) {
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

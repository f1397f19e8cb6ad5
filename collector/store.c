#include "collector/store.h"

#include <unistd.h>

#include "collector/sql.h"
#include "core/file.h"

#define BUSY_MS 5000

static const char evidence_schema[] =
	"PRAGMA main.journal_mode = WAL;"
	"PRAGMA main.synchronous = FULL;"
	"PRAGMA main.secure_delete = ON;"
	"PRAGMA trusted_schema = OFF;"
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS main.tokens(hash BLOB PRIMARY KEY, expires INTEGER NOT NULL, uses INTEGER NOT NULL)"
	" STRICT;"
	/* Beside the tokens, so that a store of an earlier version needs no change. */
	"CREATE TABLE IF NOT EXISTS main.token_terms(hash BLOB PRIMARY KEY, label TEXT NOT NULL, networks TEXT NOT "
	"NULL)"
	" STRICT;"
	"CREATE TABLE IF NOT EXISTS main.host_groups(id INTEGER PRIMARY KEY, host TEXT NOT NULL, label TEXT NOT NULL,"
	" since INTEGER NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS main.host_groups_host ON host_groups(host, id);"
	"CREATE TABLE IF NOT EXISTS main.readers(name TEXT PRIMARY KEY, hash BLOB NOT NULL, created INTEGER NOT NULL)"
	" STRICT;"
	"CREATE TABLE IF NOT EXISTS main.certificates(fingerprint TEXT PRIMARY KEY, host TEXT NOT NULL, key TEXT NOT "
	"NULL,"
	" issued INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS main.certificates_key ON certificates(key);"
	"CREATE INDEX IF NOT EXISTS main.certificates_host ON certificates(host);"
	"CREATE TABLE IF NOT EXISTS main.bodies(sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS main.orphans(idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS main.orphans_leaf ON orphans(leaf);"
	/* Evidence and notes share one row of ids: the order in which things came, in which they are derived again. */
	"CREATE TABLE IF NOT EXISTS main.evidence(id INTEGER PRIMARY KEY, idx INTEGER NOT NULL UNIQUE,"
	" digest TEXT NOT NULL UNIQUE, received INTEGER NOT NULL, body TEXT NOT NULL, envelope BLOB NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS main.notes(id INTEGER PRIMARY KEY, host TEXT NOT NULL, kind TEXT NOT NULL,"
	" at INTEGER NOT NULL, text TEXT NOT NULL, statement TEXT NOT NULL, same TEXT NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS main.notes_host ON notes(host, kind, same);"
	"CREATE TABLE IF NOT EXISTS main.counted(host TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL,"
	" PRIMARY KEY(host, kind)) STRICT;"
	"CREATE TABLE IF NOT EXISTS main.refused(digest TEXT PRIMARY KEY, host TEXT NOT NULL, at INTEGER NOT NULL,"
	" envelope BLOB NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS main.refused_host ON refused(host);"
	"COMMIT;";

/* The store of a version that kept everything in one file: its statements become evidence, the rest is derived. */
static const char from_one_file[] =
	"BEGIN IMMEDIATE;"
	"INSERT INTO main.evidence(id, idx, digest, received, body, envelope)"
	" SELECT row_number() OVER (ORDER BY idx), idx, digest, received, body_sha256, envelope FROM main.statements"
	" ORDER BY idx;"
	"INSERT INTO main.notes(id, host, kind, at, text, statement, same)"
	" SELECT (SELECT ifnull(max(id), 0) FROM main.evidence) + row_number() OVER (ORDER BY id), host, 'refused',"
	" started, breaks || ' of its requests were refused for a gap or a fork, before such things were kept one by "
	"one', '', '' FROM main.lines WHERE breaks > 0;"
	"DROP TABLE main.history;"
	"DROP TABLE main.results;"
	"DROP TABLE main.hosts;"
	"DROP TABLE main.statements;"
	"DROP TABLE main.epochs;"
	"DROP TABLE main.lines;"
	"COMMIT;";

static const char index_schema[] =
	"PRAGMA derived.journal_mode = WAL;"
	/* What the machine's end takes of it is derived again. */
	"PRAGMA derived.synchronous = NORMAL;"
	"PRAGMA derived.secure_delete = ON;"
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS derived.position(one INTEGER PRIMARY KEY CHECK(one = 1), id INTEGER NOT NULL,"
	" digest TEXT NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS derived.lines(id INTEGER PRIMARY KEY, host TEXT NOT NULL,"
	" transport TEXT NOT NULL UNIQUE, evidence BLOB NOT NULL, keyid TEXT NOT NULL, sequence INTEGER NOT NULL,"
	" last TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL, purpose TEXT NOT NULL,"
	" revoked INTEGER NOT NULL, is_ahead INTEGER NOT NULL, known INTEGER NOT NULL, standing BLOB NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS derived.lines_host ON lines(host);"
	"CREATE INDEX IF NOT EXISTS derived.lines_keyid ON lines(keyid);"
	"CREATE TABLE IF NOT EXISTS derived.epochs(line INTEGER NOT NULL, sequence INTEGER NOT NULL,"
	" key BLOB NOT NULL, keyid TEXT NOT NULL, reason TEXT NOT NULL, started INTEGER NOT NULL,"
	" PRIMARY KEY(line, sequence)) STRICT;"
	"CREATE INDEX IF NOT EXISTS derived.epochs_keyid ON epochs(keyid);"
	"CREATE TABLE IF NOT EXISTS derived.statements(idx INTEGER PRIMARY KEY, host TEXT NOT NULL, type TEXT NOT "
	"NULL,"
	" line INTEGER NOT NULL, sequence INTEGER NOT NULL, started INTEGER NOT NULL, finished INTEGER NOT NULL,"
	" body_name TEXT NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS derived.statements_host ON statements(host, idx);"
	"CREATE INDEX IF NOT EXISTS derived.statements_line ON statements(line, sequence);"
	"CREATE TABLE IF NOT EXISTS derived.hosts(id TEXT PRIMARY KEY, name TEXT NOT NULL, os TEXT NOT NULL,"
	" environment TEXT NOT NULL, policies TEXT NOT NULL, sequence INTEGER NOT NULL, collected INTEGER NOT NULL,"
	" received INTEGER NOT NULL, enrolled INTEGER NOT NULL, purpose TEXT NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS derived.hosts_name ON hosts(name);"
	"CREATE TABLE IF NOT EXISTS derived.results(host TEXT NOT NULL, rule TEXT NOT NULL, verdict TEXT NOT NULL,"
	" kind TEXT NOT NULL, severity TEXT NOT NULL, controls TEXT NOT NULL, key INTEGER NOT NULL,"
	" collected INTEGER NOT NULL, expires INTEGER NOT NULL, received INTEGER NOT NULL, waived_until INTEGER NOT "
	"NULL,"
	" statement TEXT NOT NULL, leaf BLOB NOT NULL, json TEXT NOT NULL, PRIMARY KEY(host, rule)) STRICT;"
	"CREATE TABLE IF NOT EXISTS derived.history(id INTEGER PRIMARY KEY, host TEXT NOT NULL, rule TEXT NOT NULL,"
	" verdict TEXT NOT NULL, collected INTEGER NOT NULL, expires INTEGER NOT NULL, received INTEGER NOT NULL,"
	" waived_until INTEGER NOT NULL, statement TEXT NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS derived.history_host ON history(host, rule, id);"
	"CREATE TRIGGER IF NOT EXISTS derived.history_stays BEFORE UPDATE ON history BEGIN"
	" SELECT RAISE(ABORT, 'history is append-only'); END;"
	"CREATE TRIGGER IF NOT EXISTS derived.history_keeps BEFORE DELETE ON history BEGIN"
	" SELECT RAISE(ABORT, 'history is append-only'); END;"
	"CREATE TABLE IF NOT EXISTS derived.findings(id INTEGER PRIMARY KEY, host TEXT NOT NULL, kind TEXT NOT NULL,"
	" at INTEGER NOT NULL, text TEXT NOT NULL, statement TEXT NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS derived.attestations(idx INTEGER PRIMARY KEY, statement TEXT NOT NULL,"
	" host TEXT NOT NULL, line INTEGER NOT NULL, controls TEXT NOT NULL, author TEXT NOT NULL, note TEXT NOT NULL,"
	" file_name TEXT NOT NULL, file_sha256 TEXT NOT NULL, media_type TEXT NOT NULL, file_size INTEGER NOT NULL,"
	" has_content INTEGER NOT NULL, collected INTEGER NOT NULL, expires INTEGER NOT NULL, received INTEGER NOT "
	"NULL,"
	" until INTEGER NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS derived.attestation_controls(control TEXT NOT NULL, idx INTEGER NOT NULL,"
	" PRIMARY KEY(control, idx)) STRICT;"
	"CREATE TABLE IF NOT EXISTS derived.approvals(policy TEXT NOT NULL, body TEXT NOT NULL, idx INTEGER NOT NULL,"
	" statement TEXT NOT NULL, host TEXT NOT NULL, received INTEGER NOT NULL, PRIMARY KEY(policy, body)) STRICT;"
	"CREATE TABLE IF NOT EXISTS derived.judged(policy TEXT PRIMARY KEY, idx INTEGER NOT NULL,"
	" received INTEGER NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS derived.findings_host ON findings(host, id);"
	"COMMIT;";

/* A literal has its longest. */
static const char changes_schema[] =
	"CREATE TABLE IF NOT EXISTS derived.changes(host TEXT NOT NULL, rule TEXT NOT NULL, statement TEXT NOT NULL,"
	" json TEXT NOT NULL, PRIMARY KEY(host, rule)) STRICT;"
	"CREATE INDEX IF NOT EXISTS derived.changes_statement ON changes(statement);";

static void forget_currents(struct store *store) {
	for (size_t i = 0; i < SQL_CURRENTS; i++)
		store_current_done(&store->currents[i]);
}

static bool run_text(struct store *store, const char *text, struct err *err) {
	char *fault = NULL;
	if (sqlite3_exec(store->db, text, NULL, NULL, &fault) == SQLITE_OK)
		return true;
	err_set(err, ERR_IO, store->path, "%s", fault ? fault : sqlite3_errmsg(store->db));
	sqlite3_free(fault);
	store_rollback(store);
	return false;
}

static bool has_table(struct store *store, const char *name, bool *ret_has, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	if (!sql_open(store, &query, err, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?", "t",
		      name))
		return false;
	const bool has = sql_next(&query);
	if (!sql_ok(&query, err))
		return false;
	*ret_has = has;
	return true;
}

/* --- the index's file --------------------------------------------------------------------------------------------- */

static void remove_index(const struct store *store) {
	static const char *const ends[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		CLEANUP(free_ptr) char *path = xasprintf("%s%s", store->index_path, ends[i]);
		unlink(path);
	}
}

static bool attach(struct store *store, struct err *err) {
	return sql_run(store, err, "ATTACH ? AS derived", "t", store->index_path);
}

/* -1: the file is no database, or a damaged one. */
static int index_version(struct store *store) {
	CLEANUP(sql_done) struct sql query = {0};
	struct err ignored;
	if (!sql_open(store, &query, &ignored, "PRAGMA derived.user_version", "") || !sql_next(&query))
		return -1;
	return (int)sql_int(&query, 0);
}

static bool is_index_empty(struct store *store) {
	CLEANUP(sql_done) struct sql query = {0};
	struct err ignored;
	return sql_open(store, &query, &ignored, "SELECT 1 FROM derived.sqlite_schema LIMIT 1", "") &&
	       !sql_next(&query) && sql_ok(&query, &ignored);
}

static bool create_index(struct store *store, struct err *err) {
	CLEANUP(free_ptr) char *version = xasprintf("PRAGMA derived.user_version = %d", STORE_INDEX_VERSION);
	return run_text(store, index_schema, err) && run_text(store, changes_schema, err) &&
	       run_text(store, version, err);
}

static void forget_prepared(struct store *store) {
	for (size_t i = 0; i < store->kept_count; i++)
		sqlite3_finalize(store->kept[i].statement);
	store->kept_count = 0;
}

bool store_index_drop(struct store *store, struct err *err) {
	forget_prepared(store);
	forget_currents(store);
	if (!run_text(store, "DETACH derived", err))
		return false;
	remove_index(store);
	return attach(store, err) && create_index(store, err);
}

static bool open_index(struct store *store, struct err *err) {
	if (!attach(store, err)) {
		forget_prepared(store);
		remove_index(store);
		return attach(store, err) && create_index(store, err);
	}
	if (is_index_empty(store) || index_version(store) == STORE_INDEX_VERSION)
		return create_index(store, err);
	return store_index_drop(store, err);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static char *index_beside(const char *path) {
	const char *slash = strrchr(path, '/');
	if (!strcmp(path, ":memory:"))
		return xstrdup(path);
	return xasprintf("%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, "index.db");
}

bool store_open_access(const char *path, struct store **ret_store, struct err *err) {
	CLEANUP(store_free_p) struct store *store = xcalloc(1, sizeof *store);
	store->path = xstrdup(path);
	store->index_path = index_beside(path);
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
	if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK)
		return err_set(err, ERR_IO, path, "%s", store->db ? sqlite3_errmsg(store->db) : "no memory");
	sqlite3_busy_timeout(store->db, BUSY_MS);
	if (!run_text(store, evidence_schema, err))
		return false;
	*ret_store = store;
	store = NULL;
	return true;
}

bool store_open(const char *path, struct store **ret_store, struct err *err) {
	return store_open_with(path, NULL, ret_store, err);
}

bool store_open_with(const char *path, const char *index, struct store **ret_store, struct err *err) {
	CLEANUP(store_free_p) struct store *store = NULL;
	bool is_old = false;
	if (!store_open_access(path, &store, err))
		return false;
	if (index) {
		free(store->index_path);
		store->index_path = xstrdup(index);
	}
	if (!has_table(store, "statements", &is_old, err) || (is_old && !run_text(store, from_one_file, err)) ||
	    !open_index(store, err))
		return false;
	*ret_store = store;
	store = NULL;
	return true;
}

/* Whether SQLite calls the pages of one of the files good. */
static bool is_sound(struct store *store, struct sql *query, const char **ret_said, struct err *err) {
	const bool has_row = sql_next(query);
	if (!sql_ok(query, err))
		return false;
	*ret_said = has_row ? sql_text(query, 0) : "nothing";
	return true;
}

static bool is_index_sound(struct store *store) {
	CLEANUP(sql_done) struct sql query = {0};
	struct err ignored;
	const char *said = "";
	return sql_open(store, &query, &ignored, "PRAGMA derived.quick_check(1)", "") &&
	       is_sound(store, &query, &said, &ignored) && !strcmp(said, "ok");
}

bool store_check(struct store *store, struct err *err) {
	CLEANUP(sql_done) struct sql query = {0};
	const char *said = "";
	if (!sql_open(store, &query, err, "PRAGMA main.quick_check(1)", "") || !is_sound(store, &query, &said, err))
		return false;
	if (strcmp(said, "ok") != 0)
		return err_set(err, ERR_REFUSED, store->path, "the store is damaged: %s", said);
	sql_done(&query);
	return is_index_sound(store) || store_index_drop(store, err);
}

void store_free(struct store *store) {
	if (!store)
		return;
	forget_prepared(store);
	forget_currents(store);
	sqlite3_close(store->db);
	free(store->path);
	free(store->index_path);
	free(store);
}

bool store_begin(struct store *store, struct err *err) { return run_text(store, "BEGIN IMMEDIATE", err); }
bool store_begin_alone(struct store *store, struct err *err) { return run_text(store, "BEGIN", err); }
bool store_commit(struct store *store, struct err *err) { return run_text(store, "COMMIT", err); }

void store_rollback(struct store *store) {
	forget_currents(store);
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

#include "plugins/backup.h"

#include <stdlib.h>
#include <string.h>

#include "core/row.h"
#include "core/text.h"
#include "plugins/restore.h"

static void add_snapshot(const struct session *session, const struct wanted *wanted, json_t *rows) {
	json_t *row = row_add(rows);
	row_text(row, "kind", "snapshot");
	row_text(row, "path", wanted->path);
	row_text(row, "id", wanted->found->id);
	row_time(row, "at", wanted->found->at);
	row_int(row, "files", wanted->files);
	row_int(row, "bytes", wanted->bytes);
	row_int(row, "passed_over", wanted->passed_over);
	row_bool(row, "encrypted", session->copies.is_encrypted);
}

/* Each once. One that is not listed any more could take away anything: "*". */
static void add_exclude(json_t *seen, const char *pattern, json_t *rows) {
	if (json_object_get(seen, pattern) || json_object_size(seen) > BACKUP_EXCLUDES_MOST)
		return;
	bool is_last = json_object_size(seen) == BACKUP_EXCLUDES_MOST;
	json_object_set_new(seen, pattern, json_true());
	json_t *row = row_add(rows);
	row_text(row, "kind", "exclude");
	row_text(row, "path", is_last ? "*" : pattern);
}

static void add_excludes(const struct session *session, json_t *rows) {
	CLEANUP(json_decref_p) json_t *seen = json_object();
	for (size_t i = 0; i < session->wanted_count; i++) {
		const struct copy *copy = session->wanted[i].found;
		const json_t *item;
		size_t k;
		if (copy)
			json_array_foreach(copy->excludes, k, item) add_exclude(seen, json_string_value(item), rows);
	}
}

static void add_repository(const struct session *session, json_t *rows) {
	json_t *row = row_add(rows);
	row_text(row, "kind", "repository");
	row_text(row, "id", session->copies.repository);
	row_bool(row, "encrypted", session->copies.is_encrypted);
	row_int(row, "copies", (int64_t)session->copies.count);
}

static bool copy_rows(struct session *session, json_t **ret_rows, struct err *err) {
	if (!session_find(session, err))
		return false;
	*ret_rows = json_array();
	add_repository(session, *ret_rows);
	for (size_t i = 0; i < session->wanted_count; i++)
		if (session->wanted[i].found)
			add_snapshot(session, &session->wanted[i], *ret_rows);
	add_excludes(session, *ret_rows);
	return true;
}

static bool sample_rows(struct session *session, json_t **ret_rows, struct err *err) {
	session->sample = session->config.sample;
	return session_find(session, err) && restore_rows(session, ret_rows, err);
}

/* A list of arguments or the configuration's. */
static bool want_all(struct session *session, char *const paths[], struct err *err) {
	const json_t *item;
	size_t i;
	for (i = 0; paths[i]; i++)
		if (!session_want(session, paths[i], false, err))
			return false;
	if (i == 0)
		json_array_foreach(session->config.paths, i,
				   item) if (!session_want(session, json_string_value(item), false, err)) return false;
	return session->wanted_count > 0 ||
	       err_set(err, ERR_USAGE, "arguments", "no paths, and none in the configuration");
}

bool backup_rows(const struct backup_program *program, const char *name, char *const arguments[], json_t **ret_rows,
		 struct err *err) {
	CLEANUP(session_free_p) struct session *session = xcalloc(1, sizeof *session);
	bool is_restore = *arguments && !strcmp(*arguments, "restore");
	if (is_restore || (*arguments && !strcmp(*arguments, "copies")))
		arguments++;
	if (!session_open(program, name, session, err) || !want_all(session, arguments, err))
		return false;
	if (is_restore && session->config.canary && !session_want(session, session->config.canary, true, err))
		return false;
	return is_restore ? sample_rows(session, ret_rows, err) : copy_rows(session, ret_rows, err);
}

static json_t *error_rows(const struct err *err) {
	struct err plain = *err;
	char text[600];
	json_t *rows = json_array(), *row = row_add(rows);
	plain.code = err_is_of_look(err->code) ? err->code : ERR_UNREADABLE;
	row_text(row, "kind", "error");
	row_text(row, "code", err_code_name(plain.code));
	row_text(row, "text", err_text(&plain, text, sizeof text));
	return rows;
}

static bool print(const json_t *rows) {
	CLEANUP(buf_done) struct buf text = {0};
	const json_t *row;
	struct err err;
	size_t i;
	json_array_foreach(rows, i, row) {
		if (!json_canonical(row, &text, &err))
			return false;
		buf_adds(&text, "\n");
	}
	return fputs(buf_str(&text), stdout) >= 0 && fflush(stdout) == 0;
}

int backup_main(const struct backup_program *program, int argc, char **argv) {
	CLEANUP(json_decref_p) json_t *rows = NULL;
	struct err err;
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	bool is_named = (*name && *name != '.') ||
			err_set(&err, ERR_USAGE, "arguments", "a plugin has to be called by its name");
	if (!is_named || !backup_rows(program, name, argv + 1, &rows, &err))
		rows = error_rows(&err);
	return print(rows) ? 0 : 1;
}

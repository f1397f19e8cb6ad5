/* Processes that still run what an upgrade has replaced: their program or a library is a file that is gone from the
 * disk. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define PROCESSES "processes:"
#define SOCKETS "sockets:listen"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"program", VALUE_STRING, NULL, "The program that it runs.", PRIVACY_PUBLIC, false},
	{"unit", VALUE_STRING, NULL, "The unit of the process; not there: in none.", PRIVACY_PUBLIC, false},
	{"replaced", VALUE_BOOL, NULL, "Whether that program itself was replaced or removed.", PRIVACY_PUBLIC, false},
	{"files", VALUE_STRINGS, NULL, "Replaced or removed files that it runs code from, the program left out.",
	 PRIVACY_PUBLIC, false},
	{"listens", VALUE_BOOL, NULL, "Whether its unit listens on the network; not there: cannot be told.",
	 PRIVACY_PUBLIC, false},
	{"session", VALUE_BOOL, NULL, "Whether it is of somebody who is logged in, and ends with that.", PRIVACY_PUBLIC,
	 false},
	{"container", VALUE_BOOL, NULL, "Whether it is in a process namespace of its own, with files of its own.",
	 PRIVACY_PUBLIC, false},
	{"processes", VALUE_INT, NULL, "How many of them there are.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {PROCESSES, SOCKETS, NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, PROCESSES);
	names_add(names, SOCKETS);
}

/* Where packages install programs and libraries. What is removed elsewhere (/tmp, /dev/shm, /run, homes) was meant to
 * be gone. */
static bool is_installed(const char *path) {
	static const char *const folders[] = {"/usr/",    "/lib/", "/lib32/", "/lib64/",
					      "/libx32/", "/bin/", "/sbin/",  "/opt/"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (text_starts(path, folders[i]))
			return true;
	return false;
}

static const char *text_of(const json_t *value, const char *member) {
	const char *text = json_string_value(json_object_get(value, member));
	return text ? text : "";
}

static bool is_session(const char *unit) {
	return text_starts(unit, "user@") || (text_starts(unit, "session-") && text_ends(unit, ".scope"));
}

/* NULL where the sockets could not be read. */
static const char *listens_of(const struct sources *fetched, const char *unit) {
	struct err ignored;
	json_t *list = NULL, *socket;
	size_t i;
	if (!source_need_json(fetched, SOCKETS, &list, &ignored))
		return NULL;
	json_array_foreach(list, i, socket) if (*unit && !strcmp(text_of(socket, "unit"), unit)) return "yes";
	return "no";
}

/* The stale files of a process; empty where there are none. New reference. */
static json_t *files_of(const json_t *process) {
	json_t *files = json_array(), *file;
	size_t i;
	json_array_foreach(json_object_get(process, "maps"), i, file) {
		const char *path = json_string_value(file);
		if (path && is_installed(path) && strcmp(path, text_of(process, "exe")) != 0)
			json_array_append(files, file);
	}
	return files;
}

static json_t *row_of(const struct sources *fetched, const json_t *process, json_t *files, bool is_replaced) {
	const char *unit = text_of(process, "unit");
	const char *listens = listens_of(fetched, unit);
	json_t *row = json_object();
	row_text(row, "unit", *unit ? unit : NULL);
	row_text(row, "program", text_of(process, "exe"));
	row_bool(row, "replaced", is_replaced);
	json_object_set(row, "files", files);
	if (listens)
		row_bool(row, "listens", !strcmp(listens, "yes"));
	row_bool(row, "session", is_session(unit));
	row_bool(row, "container", json_is_true(json_object_get(process, "own_pids")));
	return row;
}

/* One row for all processes of which the same is to be said. */
static void add(json_t *counts, json_t *row) {
	CLEANUP(free_ptr) char *key = json_dumps(row, JSON_SORT_KEYS | JSON_COMPACT);
	json_t *seen = json_object_get(counts, key);
	if (!seen) {
		json_object_set(counts, key, row);
		seen = row;
		row_int(seen, "processes", 0);
	}
	row_int(seen, "processes", json_integer_value(json_object_get(seen, "processes")) + 1);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static json_t *sorted(json_t *counts) {
	size_t count = 0;
	const char **keys = xcalloc(json_object_size(counts) + 1, sizeof *keys);
	json_t *rows = json_array(), *row;
	const char *key;
	json_object_foreach(counts, key, row) keys[count++] = key;
	qsort(keys, count, sizeof *keys, by_text);
	for (size_t i = 0; i < count; i++)
		json_array_append(rows, json_object_get(counts, keys[i]));
	free(keys);
	return rows;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *counts = json_object();
	json_t *list, *process;
	size_t i;
	if (!source_need_json(fetched, PROCESSES, &list, err))
		return false;
	json_array_foreach(list, i, process) {
		CLEANUP(json_decref_p) json_t *files = files_of(process);
		bool is_replaced =
			json_is_true(json_object_get(process, "deleted")) && is_installed(text_of(process, "exe"));
		if (!is_replaced && json_array_size(files) == 0)
			continue;
		CLEANUP(json_decref_p) json_t *row = row_of(fetched, process, files, is_replaced);
		add(counts, row);
	}
	ret_observation->rows = sorted(counts);
	return true;
}

const struct check check_stale = {
	.name = "stale",
	.about = "Processes that still run a program or library that has been replaced on disk.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

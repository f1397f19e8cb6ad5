/* wtmp and btmp: the records of logins, and whether somebody cut them. Names and addresses in them are not shown. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"
#include "core/utmp.h"

static const char *const files[] = {"wtmp", "btmp"};
#define FOLDER "/var/log"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"path", VALUE_STRING, NULL, "The file.", PRIVACY_PUBLIC, false},
	{"exists", VALUE_BOOL, NULL, "Whether it is there; newer systems keep no such files.", PRIVACY_PUBLIC, false},
	{"whole", VALUE_BOOL, NULL, "Its end is the end of a record.", PRIVACY_PUBLIC, false},
	{"empty", VALUE_BOOL, NULL, "It has no record.", PRIVACY_PUBLIC, false},
	{"rotated", VALUE_BOOL, NULL, "An older part of it lies beside it: wtmp.1, wtmp-20261101, ...", PRIVACY_PUBLIC,
	 false},
	{"records", VALUE_INT, NULL, "How many records it has.", PRIVACY_PUBLIC, true},
	{"first", VALUE_TIME, NULL, "Time of the first.", PRIVACY_PUBLIC, true},
	{"last", VALUE_TIME, NULL, "Time of the last.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {"dir:" FOLDER, "file:" FOLDER "/wtmp", "file:" FOLDER "/btmp", NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	for (size_t i = 0; patterns[i]; i++)
		names_add(names, patterns[i]);
}

/* "wtmp.1", "wtmp.1.gz", "wtmp-20261101". */
static bool is_rotated(const json_t *list, const char *file) {
	const json_t *entry;
	size_t i, len = strlen(file);
	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (name && text_starts(name, file) && (name[len] == '.' || name[len] == '-') && name[len + 1])
			return true;
	}
	return false;
}

static bool add_file(const char *file, const json_t *list, const struct sources *fetched, json_t *rows,
		     struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:" FOLDER "/%s", file);
	const struct source *source;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "path", name + strlen("file:"));
	row_bool(row, "exists", source != NULL);
	row_bool(row, "rotated", is_rotated(list, file));
	if (!source)
		return true;
	struct utmp_counts counts = utmp_count(&source->bytes, 0);
	row_bool(row, "whole", counts.is_whole);
	row_bool(row, "empty", counts.records == 0);
	row_int(row, "records", counts.records);
	if (counts.records > 0) {
		row_time(row, "first", counts.first);
		row_time(row, "last", counts.last);
	}
	return true;
}

/* The folder is needed: without it nothing shows that a file's absence could be seen. */
static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *list;
	if (!source_need_json(fetched, "dir:" FOLDER, &list, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (!add_file(files[i], list, fetched, rows, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_login_records = {
	.name = "login_records",
	.about = "The files that record logins, wtmp and btmp: whether they are whole.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

/* What everybody may write below declared folders. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define TOP "stat:/"

static const struct check_param params[] = {
	{"folders", VALUE_STRINGS, true,
	 "Folders that are walked, each on its own file system alone; one that is not there holds nothing. They and / "
	 "are held to it themselves."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "path", .type = VALUE_STRING, .about = "The file or folder."},
	{.name = "type", .type = VALUE_STRING, .about = "file or dir."},
	{.name = "mode", .type = VALUE_MODE, .about = "Its permission bits."},
	{.name = "uid", .type = VALUE_INT, .about = "Its owner's number."},
	{0},
};

static const char *const patterns[] = {"tree:/*", "stat:/*", NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *folder;
	names_add(names, TOP);
	for (size_t i = 0; (folder = param_strings_at(with, "folders", i)); i++) {
		names_addf(names, "tree:%s?perm=0002", folder);
		names_addf(names, "stat:%s", folder);
	}
}

static void paths(const json_t *with, struct names *into) { name_sources(with, NULL, into); }

/* A folder with the sticky bit is meant for everybody; sockets and devices are governed otherwise. */
static bool counts(const char *type, unsigned mode) {
	if (!strcmp(type, "dir"))
		return (mode & 0002) && !(mode & 01000);
	return !strcmp(type, "file") && (mode & 0002);
}

static bool look_at(const json_t *entry, const char *path, const char *where, json_t *rows, struct err *err) {
	const char *type = NULL, *mode = NULL;
	int64_t uid = 0;
	unsigned bits = 0;
	if (!json_get_string(entry, "type", where, &type, err) || !json_get_string(entry, "mode", where, &mode, err) ||
	    !json_get_int(entry, "uid", where, &uid, err))
		return false;
	if (!text_to_mode(mode, &bits))
		return err_set(err, ERR_MALFORMED, where, "a mode that is none");
	if (!counts(type, bits))
		return true;
	json_t *row = row_add(rows);
	row_text(row, "path", path);
	row_text(row, "type", type);
	row_text(row, "mode", mode);
	row_int(row, "uid", uid);
	return true;
}

/* The folder itself: who may write there puts another in the place of what lies in it. */
static bool look_on(const char *name, const struct sources *fetched, json_t *rows, struct err *err) {
	json_t *status = NULL;
	return source_maybe_json(fetched, name, &status, err) &&
	       (!status || look_at(status, name + strlen("stat:"), name, rows, err));
}

/* *there becomes true when there is such a folder. */
static bool look_below(const char *folder, const struct sources *fetched, json_t *rows, bool *there, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("tree:%s?perm=0002", folder);
	CLEANUP(free_ptr) char *itself = xasprintf("stat:%s", folder);
	json_t *entries = NULL, *entry;
	size_t i;
	if (!source_maybe_json(fetched, name, &entries, err) || !look_on(itself, fetched, rows, err))
		return false;
	*there |= entries != NULL;
	json_array_foreach(entries, i, entry) {
		const char *path = NULL;
		if (!json_get_string(entry, "path", name, &path, err) || !look_at(entry, path, name, rows, err))
			return false;
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const char *folder;
	bool there = false;
	if (!look_on(TOP, fetched, rows, err))
		return false;
	for (size_t i = 0; (folder = param_strings_at(with, "folders", i)); i++)
		if (!look_below(folder, fetched, rows, &there, err))
			return false;
	if (!there)
		return err_set(err, ERR_UNPROVED, "folders", "none of the folders is here to look into");
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_world_writable = {
	.name = "world_writable",
	.about = "Files, and folders without the sticky bit, that everybody may write below declared folders.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

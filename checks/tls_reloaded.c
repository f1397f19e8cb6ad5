/* Whether TLS listeners show the newest certificate that the host has for the same names. */
#include <fnmatch.h>

#include "core/certificate.h"
#include "core/check.h"
#include "core/listeners.h"
#include "core/row.h"
#include "core/served.h"

#define FILES_MOST 500

static const struct check_param params[] = {
	LISTENERS_PARAMS,
	{.name = "folders",
	 .type = VALUE_STRINGS,
	 .required = true,
	 .about = "Folders below which certificates lie that services show, in files *.crt *.cer *cert*.pem "
		  "fullchain*.pem; "
		  "one that is not there holds none."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "Where it was asked, ADDRESS:PORT."},
	{.name = "sni", .type = VALUE_STRING, .about = "The name that was asked for; not there without one."},
	{.name = "names", .type = VALUE_STRINGS, .about = "The names that the certificate is for which is shown."},
	{.name = "serial", .type = VALUE_STRING, .about = "Its number."},
	{.name = "not_before", .type = VALUE_TIME, .about = "From when it is valid."},
	{.name = "file",
	 .type = VALUE_STRING,
	 .about = "Where the newest one for the same names lies; not there without one."},
	{.name = "file_serial", .type = VALUE_STRING, .about = "The number of that one."},
	{.name = "file_not_before", .type = VALUE_TIME, .about = "From when that one is valid."},
	{.name = "newest",
	 .type = VALUE_BOOL,
	 .about = "Whether both are the same; not there where there is none in these folders, or only older ones."},
	{.name = "problem", .type = VALUE_STRING, .about = "Why newest is not there."},
	{0},
};

static const char *const patterns[] = {LISTENERS_PATTERNS,      "tls:*",       "tree:/*",
				       "file:/*.crt",           "file:/*.cer", "file:/*cert*.pem",
				       "file:/*fullchain*.pem", NULL};
static const char *const file_names[] = {"*.crt", "*.cer", "*cert*.pem", "fullchain*.pem"};

static bool is_certificate(const json_t *entry) {
	const char *type = json_string_value(json_object_get(entry, "type"));
	const char *path = json_string_value(json_object_get(entry, "path"));
	const char *name = path ? strrchr(path, '/') : NULL;
	for (size_t i = 0; name && type && !strcmp(type, "file") && i < ARRAY_LEN(file_names); i++)
		if (fnmatch(file_names[i], name + 1, 0) == 0)
			return true;
	return false;
}

/* The files in these folders: "file:" names. */
static bool list_files(const json_t *with, const struct sources *fetched, struct names *files, struct err *err) {
	const char *folder;
	for (size_t i = 0; (folder = param_strings_at(with, "folders", i)); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("tree:%s", folder);
		json_t *entries = NULL, *entry;
		size_t k;
		if (!source_maybe_json(fetched, name, &entries, err))
			return false;
		json_array_foreach(entries, k, entry) if (is_certificate(entry))
			names_addf(files, "file:%s", json_string_value(json_object_get(entry, "path")));
		if (names_count(files) > FILES_MOST)
			return err_set(err, ERR_UNREADABLE, name, "more than %d files", FILES_MOST);
	}
	return true;
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(names_free_p) struct names *files = names_new();
	const char *folder;
	struct err ignored;
	for (size_t i = 0; (folder = param_strings_at(with, "folders", i)); i++)
		names_addf(names, "tree:%s", folder);
	if (list_files(with, fetched, files, &ignored))
		for (size_t i = 0; i < names_count(files); i++)
			names_add(names, names_at(files, i));
	listeners_ask_tls(with, fetched, names);
}

static void paths(const json_t *with, struct names *into) {
	const char *folder;
	for (size_t i = 0; (folder = param_strings_at(with, "folders", i)); i++) {
		names_add_pattern(into, "tree:", folder);
		for (size_t k = 0; k < ARRAY_LEN(file_names); k++)
			names_addf(into, "file:%s/*%s", folder,
				   file_names[k][0] == '*' ? file_names[k] + 1 : file_names[k]);
	}
}

static const char *text_of(const json_t *object, const char *member) {
	return json_string_value(json_object_get(object, member));
}

/* The first certificate of each file, with its path: the others are of issuers. */
static bool read_files(const json_t *with, const struct sources *fetched, json_t *disk, struct err *err) {
	CLEANUP(names_free_p) struct names *files = names_new();
	if (!list_files(with, fetched, files, err))
		return false;
	for (size_t i = 0; i < names_count(files); i++) {
		const struct source *file;
		if (!source_maybe(fetched, names_at(files, i), &file, err))
			return false;
		CLEANUP(json_decref_p)
		json_t *all = file ? certificates_of_pem(file->bytes.data, file->bytes.len) : NULL;
		json_t *first = json_array_get(all, 0);
		if (!first)
			continue;
		json_object_set_new(first, "path", json_string(strchr(names_at(files, i), ':') + 1));
		json_array_append(disk, first);
	}
	return true;
}

static bool is_for_the_same(const json_t *one, const json_t *other) {
	const json_t *names = json_object_get(one, "names");
	return json_array_size(names) > 0
		       ? json_equal(names, json_object_get(other, "names"))
		       : json_equal(json_object_get(one, "subject"), json_object_get(other, "subject"));
}

/* The one form of an instant sorts as text. NULL: none for the same names. */
static const json_t *newest_of(const json_t *disk, const json_t *served) {
	const json_t *newest = NULL, *one;
	size_t i;
	json_array_foreach(disk, i, one) {
		const char *begin = text_of(one, "notBefore");
		if (begin && is_for_the_same(served, one) &&
		    (!newest || strcmp(begin, text_of(newest, "notBefore")) > 0))
			newest = one;
	}
	return newest;
}

static void compare(const json_t *served, const json_t *newest, json_t *row) {
	const char *begin = text_of(served, "notBefore");
	bool is_same = newest && json_equal(json_object_get(served, "sha256"), json_object_get(newest, "sha256"));
	row_text(row, "serial", text_of(served, "serial"));
	row_text(row, "not_before", begin);
	json_object_set(row, "names", json_object_get(served, "names"));
	row_text(row, "file", text_of(newest, "path"));
	row_text(row, "file_serial", text_of(newest, "serial"));
	row_text(row, "file_not_before", text_of(newest, "notBefore"));
	if (!newest)
		row_text(row, "problem", "no file in these folders is for the same names");
	else if (!is_same && (!begin || strcmp(begin, text_of(newest, "notBefore")) >= 0))
		row_text(row, "problem", "what is shown is newer than what lies in these folders");
	else
		row_bool(row, "newest", is_same);
}

static bool add_row(const json_t *listener, const struct sources *fetched, const json_t *disk, json_t *rows,
		    struct err *err) {
	CLEANUP(free_ptr) char *name = listener_tls(listener);
	const json_t *problem = json_object_get(listener, "problem");
	json_t *tls;
	if (!name && !problem)
		return true;
	json_t *row = row_add(rows);
	row_text(row, "target", text_of(listener, "target"));
	row_text(row, "sni", text_of(listener, "sni"));
	row_text(row, "problem", json_string_value(problem));
	if (!name)
		return true;
	if (!source_need_json(fetched, name, &tls, err))
		return listener_problem(err, row);
	const json_t *served = json_array_get(json_object_get(tls, "certificates"), 0);
	if (!served) {
		row_text(row, "problem", "no certificate was shown");
		return true;
	}
	CLEANUP(json_decref_p) json_t *checked = json_object();
	if (!served_read_certificate(served, 0, name, checked, err))
		return false;
	compare(served, newest_of(disk, served), row);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(json_decref_p) json_t *disk = json_array();
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *listener;
	size_t i;
	if (!listeners_read(with, fetched, &list, err) || !read_files(with, fetched, disk, err))
		return false;
	json_array_foreach(list, i, listener) if (!add_row(listener, fetched, disk, rows, err)) return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_tls_reloaded = {
	.name = "tls_reloaded",
	.about = "Whether TLS listeners show the newest certificate that lies on the disk for the same names: active "
		 "probes, "
		 "made only where they were approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

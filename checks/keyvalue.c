/* Settings of the form "key = value" in files and drop-in folders: of each asked key the value that counts. */
#include <strings.h>

#include "core/check.h"
#include "core/dropin.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"keys", VALUE_STRINGS, true, "The keys to look for, one row each; none whose value is a secret."},
	{"files", VALUE_STRINGS, false, "Files, read in this order; one that is not there sets nothing."},
	{"one_file", VALUE_BOOL, false,
	 "true: of the files only the first that is there is read, in its order. Default false."},
	{"dropins", VALUE_STRINGS, false,
	 "Folders of drop-ins, the one whose files mask those of equal names in the others first."},
	{"suffix", VALUE_STRING, false, "What the name of a drop-in ends in. Default \".conf\"."},
	{"dropins_first", VALUE_BOOL, false, "true: the drop-ins are read before the files. Default false."},
	{"section", VALUE_STRING, false, "Only keys below this [section] count. Without it headings mean nothing."},
	{"separator", VALUE_STRING, false, "Between key and value: \"=\", or \" \" for white space. Default \"=\"."},
	{"comments", VALUE_STRING, false,
	 "Lines that begin with one of these characters are not looked at. Default \"#\"."},
	{"first_wins", VALUE_BOOL, false, "true: of several the first value counts, else the last. Default false."},
	{"ignore_case", VALUE_BOOL, false, "true: keys and section in any case. Default false."},
	{"unquote", VALUE_BOOL, false, "true: without one pair of enclosing quotes. Default false."},
	{0},
};

static const struct check_field fields[] = {
	{"key", VALUE_STRING, NULL, "The key, as the rule has it.", PRIVACY_PUBLIC, false},
	{"set", VALUE_BOOL, NULL, "Whether it is there, be it with an empty value.", PRIVACY_PUBLIC, false},
	{"value", VALUE_STRING, NULL, "The value that counts, as written; not there where the key is not.",
	 PRIVACY_PUBLIC, false},
	{"number", VALUE_INT, NULL, "The same, where it is a decimal number.", PRIVACY_PUBLIC, false},
	{"file", VALUE_STRING, NULL, "The file that it is from.", PRIVACY_PUBLIC, false},
	{"line", VALUE_INT, NULL, "Its line there.", PRIVACY_PUBLIC, false},
	{"times", VALUE_INT, NULL, "How often the key is there, over all files.", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {"file:/*", "dir:/*", "stat:/*", NULL};

/* The drop-in folders, NULL-terminated; owned array of borrowed texts. */
static const char **folders_of(const json_t *with) {
	size_t count = 0;
	while (param_strings_at(with, "dropins", count))
		count++;
	const char **folders = xcalloc(count + 1, sizeof *folders);
	for (size_t i = 0; i < count; i++)
		folders[i] = param_strings_at(with, "dropins", i);
	return folders;
}

static void paths(const json_t *with, struct names *into) {
	CLEANUP(free_ptr) const char **folders = folders_of(with);
	const char *file;
	for (size_t i = 0; (file = param_strings_at(with, "files", i)); i++)
		names_add_pattern(into, "file:", file);
	dropins_paths(folders, param_string(with, "suffix", ".conf"), into);
	names_add(into, ETC_SOURCE);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) const char **folders = folders_of(with);
	const char *file;
	for (size_t i = 0; (file = param_strings_at(with, "files", i)); i++)
		names_addf(names, "file:%s", file);
	dropins_ask(folders, param_string(with, "suffix", ".conf"), fetched, names);
	names_add(names, ETC_SOURCE);
}

static bool is_same(const json_t *with, const char *one, const char *other) {
	return param_bool(with, "ignore_case", false) ? !strcasecmp(one, other) : !strcmp(one, other);
}

static json_t *row_of(const json_t *with, json_t *rows, const char *key) {
	size_t i;
	json_t *row;
	json_array_foreach(rows, i,
			   row) if (is_same(with, json_string_value(json_object_get(row, "key")), key)) return row;
	return NULL;
}

static void add_number(json_t *row, const char *value) {
	unsigned long long number;
	json_object_del(row, "number");
	if (text_to_u64(value + (*value == '-'), INT64_MAX, &number))
		row_int(row, "number", *value == '-' ? -(int64_t)number : (int64_t)number);
}

static void take(const json_t *with, json_t *row, const char *value, const char *path, unsigned line) {
	int64_t times = json_integer_value(json_object_get(row, "times"));
	row_int(row, "times", times + 1);
	if (times > 0 && param_bool(with, "first_wins", false))
		return;
	row_bool(row, "set", true);
	row_text(row, "value", value);
	row_text(row, "file", path);
	row_int(row, "line", line);
	add_number(row, value);
}

/* Whether a line is only the first part of a longer one: what its parts mean together is not read here, and what
 * looks like a key in the next line may be none. */
static bool goes_on(const char *line, const char *comments) {
	const char *text = line + strspn(line, " \t");
	return *text && !strchr(comments, *text) && text_ends(text, "\\");
}

static bool read_file(const json_t *with, const struct source *source, json_t *rows, struct err *err) {
	const char *section = param_string(with, "section", NULL), *comments = param_string(with, "comments", "#");
	char separator = *param_string(with, "separator", "=") == ' ' ? ' ' : '=';
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	bool ours = !section;
	char *line, *key, *value, *heading;
	while ((line = lines_next(&lines))) {
		if (section && (heading = setting_section(line))) {
			ours = is_same(with, heading, section);
			continue;
		}
		if (goes_on(line, comments))
			return err_set_at(err, ERR_UNPROVED, source->name, lines.number, 0,
					  "goes on in the next line, and such lines are not read together here");
		json_t *row =
			ours && setting_split(line, separator, comments, &key, &value) ? row_of(with, rows, key) : NULL;
		if (row)
			take(with, row, param_bool(with, "unquote", false) ? setting_unquote(value) : value,
			     source_path(source), lines.number);
	}
	return lines_ok(&lines, err);
}

static bool read_files(const json_t *with, const struct sources *fetched, json_t *rows, struct err *err) {
	bool only_one = param_bool(with, "one_file", false), has_one = false;
	const char *file;
	for (size_t i = 0; (file = param_strings_at(with, "files", i)) && !(only_one && has_one); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("file:%s", file);
		const struct source *source;
		if (!etc_maybe(fetched, name, &source, err) || (source && !read_file(with, source, rows, err)))
			return false;
		has_one = has_one || source;
	}
	return true;
}

static bool read_dropins(const json_t *with, const struct sources *fetched, json_t *rows, struct err *err) {
	CLEANUP(free_ptr) const char **folders = folders_of(with);
	CLEANUP(dropins_done) struct dropins dropins = {0};
	if (!dropins_read(folders, param_string(with, "suffix", ".conf"), fetched, &dropins, err))
		return false;
	for (size_t i = 0; i < dropins.count; i++)
		if (!read_file(with, dropins.files[i], rows, err))
			return false;
	return true;
}

/* That nothing sets a key means something only where there is a system to see. */
static bool prove_system(const struct sources *fetched, struct err *err) {
	const struct source *etc;
	return etc_maybe(fetched, ETC_SOURCE, &etc, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	bool is_early = param_bool(with, "dropins_first", false);
	const char *key;
	for (size_t i = 0; (key = param_strings_at(with, "keys", i)); i++) {
		json_t *row = row_add(rows);
		row_text(row, "key", key);
		row_bool(row, "set", false);
		row_int(row, "times", 0);
	}
	if (!prove_system(fetched, err) || (is_early && !read_dropins(with, fetched, rows, err)) ||
	    !read_files(with, fetched, rows, err) || (!is_early && !read_dropins(with, fetched, rows, err)))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_keyvalue = {
	.name = "keyvalue",
	.about = "Settings \"key = value\" in files and drop-in folders: of each asked key the value that counts. "
		 "Lines that go on in the next one are not followed: the look then fails as unproved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

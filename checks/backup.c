/* Backups, by what a plugin says of them: how old the newest good copy of each path is, and whether files come back
 * from it. The plugin says what is in the repository; which paths matter, and what is too old, the policy says. */
#include "core/check.h"
#include "core/plugin_call.h"
#include "core/plugin_output.h"
#include "core/row.h"
#include "core/text.h"
#include "core/times.h"

static const struct check_param params[] = {
	{.name = "plugin",
	 .type = VALUE_STRING,
	 .required = true,
	 .about = "The plugin: restic, borg, or one that prints the same rows."},
	{.name = "paths",
	 .type = VALUE_STRINGS,
	 .required = true,
	 .about = "Absolute paths of which there are copies."},
	{.name = "restore",
	 .type = VALUE_BOOL,
	 .about = "Have it read files of each back, and its canary, instead of listing copies (default false)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "path", .type = VALUE_STRING, .about = "The path; with restore also that of the plugin's canary."},
	{.name = "covered",
	 .type = VALUE_BOOL,
	 .about = "The newest copy that was to hold the path has at least one file there; without restore."},
	{.name = "last", .type = VALUE_TIME, .is_volatile = true, .about = "When the newest good copy was begun."},
	{.name = "age",
	 .type = VALUE_DURATION,
	 .unit = "s",
	 .is_volatile = true,
	 .about = "How long ago that was; not there where there is no good copy."},
	{.name = "snapshot", .type = VALUE_STRING, .is_volatile = true, .about = "Which copy: its id or name."},
	{.name = "files",
	 .type = VALUE_INT,
	 .is_volatile = true,
	 .about = "Files of the path in it (at least: counting ends); with restore those that were read back."},
	{.name = "bytes", .type = VALUE_SIZE, .unit = "bytes", .is_volatile = true, .about = "How large they are."},
	{.name = "excluded_by",
	 .type = VALUE_STRINGS,
	 .about = "Patterns that were left out of copies and may take away something at, above or below the path, as "
		  "far "
		  "as the program writes them down; without restore."},
	{.name = "encrypted", .type = VALUE_BOOL, .about = "Whether the repository is; without restore."},
	{.name = "result",
	 .type = VALUE_STRING,
	 .about = "same: all that was read back is what it should be; different; failed. Not there: nothing was read "
		  "back, as no file is small enough."},
	{.name = "why",
	 .type = VALUE_STRING,
	 .privacy = PRIVACY_PERSONAL,
	 .is_volatile = true,
	 .about = "Which file, and what of it, where it is not same."},
	{.name = "against",
	 .type = VALUE_STRING,
	 .about =
		 "What it was compared with: digest (a declared one), live (files that have not changed since), size."},
	{.name = "seconds",
	 .type = VALUE_DURATION,
	 .unit = "s",
	 .is_volatile = true,
	 .about = "How long reading them back took."},
	{.name = "action",
	 .type = VALUE_STRING,
	 .is_volatile = true,
	 .about = "VOUCH_ACTION_ID= of it in the journal."},
	{0},
};

static const char *const patterns[] = {"plugin:*", "now:", NULL};

/* The caller frees. */
static char *source_of(const json_t *with) {
	const char *verb = param_bool(with, "restore", false) ? "restore" : "copies", *path;
	CLEANUP(json_decref_p) json_t *arguments = json_pack("[s]", verb);
	for (size_t i = 0; (path = param_strings_at(with, "paths", i)); i++)
		json_array_append_new(arguments, json_text(path));
	return plugin_source(param_string(with, "plugin", ""), arguments);
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *source = source_of(with);
	names_add(names, "now:");
	names_add(names, source);
}

/* A look at one answer of a plugin. */
struct look {
	const json_t *with;
	const char *source;
	json_t *items; /* borrowed */
	int64_t now;
};

static bool is_kind(const json_t *item, const char *kind) {
	const char *text = json_string_value(json_object_get(item, "kind"));
	return text && !strcmp(text, kind);
}

static bool is_of(const json_t *item, const char *path) {
	const char *text = json_string_value(json_object_get(item, "path"));
	return text && !strcmp(text, path);
}

/* What the plugin says of itself instead of rows. */
static bool has_no_error(const struct look *look, struct err *err) {
	const json_t *item;
	size_t i;
	json_array_foreach(look->items, i, item) {
		const char *word = json_string_value(json_object_get(item, "code"));
		const char *text = json_string_value(json_object_get(item, "text"));
		enum err_code code = word ? err_code_from_name(word) : ERR_UNREADABLE;
		if (!is_kind(item, "error"))
			continue;
		return err_set(err, err_is_of_look(code) ? code : ERR_UNREADABLE, look->source, "%s",
			       text ? text : "the plugin says that it failed, not why");
	}
	return json_array_size(look->items) > 0 ||
	       err_set(err, ERR_UNPROVED, look->source, "the plugin prints nothing");
}

/* A copy from the future hides how old the others are. */
static bool add_time(const struct look *look, const json_t *item, const char *key, json_t *row, struct err *err) {
	const char *text;
	int64_t at;
	if (!json_get_string(item, key, look->source, &text, err))
		return false;
	if (!times_parse(text, &at))
		return err_set(err, ERR_MALFORMED, look->source, "\"%s\" is no time", key);
	if (at > look->now + SOURCE_CLOCK_SLACK)
		return err_set(err, ERR_UNPROVED, look->source,
			       "a copy is from after what this host takes for now: no age can be told");
	row_time(row, "last", at);
	row_int(row, "age", at < look->now ? look->now - at : 0);
	return true;
}

static void copy_member(json_t *row, const char *field, const json_t *item, const char *key, json_type type) {
	json_t *value = json_object_get(item, key);
	if (value && json_typeof(value) == type)
		json_object_set(row, field, value);
}

/* Whether the text is the path itself or below it. */
static bool is_below(const char *text, const char *path) {
	size_t len = strcmp(path, "/") == 0 ? 0 : strlen(path);
	return !strncmp(text, path, len) && (!text[len] || text[len] == '/');
}

/* Whether a pattern may take away something at, above or below the path: one that does not begin with "/" always may.
 * What cannot be told counts. */
static bool may_hit(const char *pattern, const char *path) {
	size_t literal_len = strcspn(pattern, "*?[\\");
	bool is_plain = !pattern[literal_len];
	CLEANUP(free_ptr) char *literal = xstrndup(pattern, literal_len);
	if (*pattern != '/')
		return true;
	while (literal_len > 1 && is_plain && literal[literal_len - 1] == '/')
		literal[--literal_len] = '\0';
	if (is_below(literal, path) || (is_plain && is_below(path, literal)))
		return true;
	return !is_plain && !strncmp(path, literal, literal_len);
}

static void add_excludes(const struct look *look, const char *path, json_t *row) {
	const json_t *item;
	size_t i;
	json_object_set_new(row, "excluded_by", json_array());
	json_array_foreach(look->items, i, item) {
		const char *pattern = json_string_value(json_object_get(item, "path"));
		if (is_kind(item, "exclude") && pattern && may_hit(pattern, path))
			row_text_append(row, "excluded_by", pattern);
	}
}

/* Where several rows are about one repository, or several: all have to be encrypted. */
static void add_encrypted(const struct look *look, json_t *row) {
	const json_t *item;
	bool is_told = false, is_encrypted = true;
	size_t i;
	json_array_foreach(look->items, i, item) {
		const json_t *value = json_object_get(item, "encrypted");
		if (!is_kind(item, "repository") || !json_is_boolean(value))
			continue;
		is_told = true;
		is_encrypted &= json_is_true(value);
	}
	if (is_told)
		row_bool(row, "encrypted", is_encrypted);
}

static bool has_files(const json_t *item) {
	const json_t *files = json_object_get(item, "files");
	return json_is_integer(files) && json_integer_value(files) > 0;
}

/* The newest row about a good copy of the path; NULL: none. Times that are none are found when it is read. */
static const json_t *newest_of(const struct look *look, const char *path) {
	const json_t *item, *newest = NULL;
	size_t i;
	json_array_foreach(look->items, i, item) {
		if (!is_kind(item, "snapshot") || !is_of(item, path) || !has_files(item))
			continue;
		const char *at = json_string_value(json_object_get(item, "at"));
		const char *other = json_string_value(json_object_get(newest, "at"));
		if (!newest || (at && other && strcmp(at, other) > 0))
			newest = item;
	}
	return newest;
}

static bool add_copy(const struct look *look, const char *path, json_t *rows, struct err *err) {
	const json_t *item = newest_of(look, path);
	json_t *row = row_add(rows);
	row_text(row, "path", path);
	row_bool(row, "covered", item && json_integer_value(json_object_get(item, "passed_over")) == 0);
	add_excludes(look, path, row);
	add_encrypted(look, row);
	if (!item)
		return true;
	copy_member(row, "snapshot", item, "id", JSON_STRING);
	copy_member(row, "files", item, "files", JSON_INTEGER);
	copy_member(row, "bytes", item, "bytes", JSON_INTEGER);
	return add_time(look, item, "at", row, err);
}

/* A restore that nobody can date shows nothing; it is always of this look. */
static bool add_restore(const struct look *look, const json_t *item, json_t *row, struct err *err) {
	static const char *const texts[] = {"result", "why", "against", "action"};
	static const char *const results[] = {"same", "different", "failed"};
	const char *result = json_string_value(json_object_get(item, "result"));
	if (result && !text_is_one_of(result, results, ARRAY_LEN(results)))
		return err_set(err, ERR_MALFORMED, look->source, "a result that is none of same, different, failed");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		copy_member(row, texts[i], item, texts[i], JSON_STRING);
	if (!has_files(item) && result && !strcmp(result, "same"))
		json_object_del(row, "result");
	copy_member(row, "snapshot", item, "id", JSON_STRING);
	copy_member(row, "files", item, "files", JSON_INTEGER);
	copy_member(row, "bytes", item, "bytes", JSON_INTEGER);
	copy_member(row, "seconds", item, "seconds", JSON_INTEGER);
	return !json_object_get(item, "taken") || add_time(look, item, "taken", row, err);
}

static bool add_restores_of(const struct look *look, const char *path, json_t *rows, struct err *err) {
	const json_t *item;
	bool is_there = false;
	size_t i;
	json_array_foreach(look->items, i, item) {
		if (!is_kind(item, "restore") || !is_of(item, path))
			continue;
		json_t *row = row_add(rows);
		row_text(row, "path", path);
		is_there = true;
		if (!add_restore(look, item, row, err))
			return false;
	}
	if (!is_there)
		row_text(row_add(rows), "path", path);
	return true;
}

/* Those that nobody asked for: canaries. */
static bool add_others(const struct look *look, json_t *rows, struct err *err) {
	const json_t *item;
	size_t i;
	json_array_foreach(look->items, i, item) {
		const char *path;
		if (!is_kind(item, "restore"))
			continue;
		if (!json_get_string(item, "path", look->source, &path, err))
			return false;
		if (param_strings_have(look->with, "paths", path))
			continue;
		json_t *row = row_add(rows);
		row_text(row, "path", path);
		if (!add_restore(look, item, row, err))
			return false;
	}
	return true;
}

static bool add_rows(const struct look *look, json_t *rows, struct err *err) {
	bool is_restore = param_bool(look->with, "restore", false);
	const char *path;
	for (size_t i = 0; (path = param_strings_at(look->with, "paths", i)); i++)
		if (is_restore ? !add_restores_of(look, path, rows, err) : !add_copy(look, path, rows, err))
			return false;
	return !is_restore || add_others(look, rows, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(free_ptr) char *source = source_of(with);
	CLEANUP(plugin_output_done) struct plugin_output output = {0};
	struct look look = {.with = with, .source = source};
	json_t *value;
	if (!source_need_json(fetched, source, &value, err) || !source_now(fetched, &look.now, err) ||
	    !plugin_output_read(value, source, &output, err))
		return false;
	if (!output.is_json)
		return err_set(err, ERR_MALFORMED, source, "the plugin prints no rows: %s", output.text);
	look.items = output.items;
	if (!has_no_error(&look, err) || !add_rows(&look, rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_backup = {
	.name = "backup",
	.about = "Backups, by what a plugin says of them: the newest good copy of each path, or files read back from "
		 "it.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

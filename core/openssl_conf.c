#include "core/openssl_conf.h"

#include "core/lines.h"
#include "core/text.h"

struct reading {
	const struct sources *fetched;
	struct names *names;
	json_t *sections;
	char *section; /* owned: the one that lines fall into now */
	struct err *err;
};

static bool look(const struct reading *reading, const char *name, const struct source **ret_source) {
	if (reading->names)
		names_add(reading->names, name);
	return source_maybe(reading->fetched, name, ret_source, reading->err);
}

/* ---- lines ---- */

/* Cut a comment off: # outside quotes, not behind a backslash. */
static void cut_comment(char *text) {
	char quote = '\0';
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (quote)
			quote = *text == quote ? '\0' : quote;
		else if (*text == '"' || *text == '\'' || *text == '`')
			quote = *text;
		else if (*text == '#') {
			*text = '\0';
			return;
		}
	}
}

/* The next line with those that it continues into; NULL at the end. The caller frees. */
static char *next_whole(struct lines *lines) {
	struct buf whole = {0};
	char *line;
	bool is_any = false;
	while ((line = lines_next(lines))) {
		is_any = true;
		size_t len = strlen(line);
		len -= len > 0 && line[len - 1] == '\r';
		bool goes_on = len > 0 && line[len - 1] == '\\';
		buf_add(&whole, line, len - goes_on);
		if (!goes_on)
			break;
	}
	if (is_any)
		return buf_take(&whole);
	buf_done(&whole);
	return NULL;
}

static void enter(struct reading *reading, char *text) {
	text[strcspn(text, "]")] = '\0';
	free(reading->section);
	reading->section = xstrdup(text_trim(text));
}

/* "name = value", or "section::name = value". */
static void assign(struct reading *reading, char *text, char *equals) {
	*equals = '\0';
	char *name = text_trim(text), *colons = strstr(name, "::");
	const char *into = reading->section;
	if (colons) {
		*colons = '\0';
		into = name;
		name = colons + 2;
	}
	CLEANUP(json_decref_p) json_t *section_name = json_text(into);
	CLEANUP(json_decref_p) json_t *key = json_text(text_trim(name));
	const char *where = json_string_value(section_name);
	json_t *section = json_object_get(reading->sections, where);
	if (!section) {
		section = json_object();
		json_object_set_new(reading->sections, where, section);
	}
	/* Deleted first: a name set again takes its place behind the others, as OpenSSL applies them. */
	json_object_del(section, json_string_value(key));
	json_object_set_new(section, json_string_value(key), json_text(text_trim(equals + 1)));
}

/* ---- files ---- */

static bool read_file(struct reading *reading, const char *path, unsigned depth);

static bool is_folder(const struct reading *reading, const char *path, bool *ret_is_folder) {
	CLEANUP(free_ptr) char *name = xasprintf("stat:%s", path);
	const struct source *source = NULL;
	json_t *status = NULL;
	if (!look(reading, name, &source) || (source && !source_json(source, &status, reading->err)))
		return false;
	const char *type = json_string_value(json_object_get(status, "type"));
	*ret_is_folder = type && !strcmp(type, "dir");
	return true;
}

static bool read_folder(struct reading *reading, const char *path, unsigned depth) {
	CLEANUP(free_ptr) char *name = xasprintf("dir:%s", path);
	const struct source *source = NULL;
	json_t *entries = NULL, *entry;
	size_t i;
	if (!look(reading, name, &source) || (source && !source_json(source, &entries, reading->err)))
		return false;
	json_array_foreach(entries, i, entry) {
		const char *file = json_string_value(json_object_get(entry, "name"));
		if (!file || (!text_ends(file, ".cnf") && !text_ends(file, ".conf")))
			continue;
		CLEANUP(free_ptr) char *whole = xasprintf("%s/%s", path, file);
		if (!read_file(reading, whole, depth + 1) && !reading->names)
			return false;
	}
	return true;
}

/* ".include path" or ".include = path"; one that is not there counts for nothing, as in OpenSSL. */
static bool include(struct reading *reading, char *text, unsigned depth) {
	char *path = text_trim(text);
	if (*path == '=')
		path = text_trim(path + 1);
	if (*path != '/')
		return err_set(reading->err, ERR_UNPROVED, path,
			       "an .include of a path that is not absolute depends on who reads it");
	bool is_a_folder = false;
	if (!is_folder(reading, path, &is_a_folder))
		return false;
	return is_a_folder ? read_folder(reading, path, depth) : read_file(reading, path, depth + 1);
}

static bool read_line(struct reading *reading, char *line, unsigned depth) {
	static const char keyword[] = ".include";
	cut_comment(line);
	char *text = text_trim(line), *equals = strchr(text, '=');
	if (text_starts(text, keyword))
		return include(reading, text + strlen(keyword), depth);
	if (*text == '[')
		enter(reading, text + 1);
	else if (equals)
		assign(reading, text, equals);
	return true;
}

static bool read_file(struct reading *reading, const char *path, unsigned depth) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	const struct source *source = NULL;
	if (depth > OPENSSL_CONF_DEEPEST)
		return err_set(reading->err, ERR_UNPROVED, path, "more includes in includes than are followed");
	if (!look(reading, name, &source))
		return false;
	if (!source)
		return true;
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	for (;;) {
		CLEANUP(free_ptr) char *line = next_whole(&lines);
		if (!line)
			break;
		if (!read_line(reading, line, depth) && !reading->names)
			return false;
	}
	return lines_ok(&lines, reading->err);
}

bool openssl_conf_need(const struct sources *fetched, struct names *names, json_t **ret_sections, struct err *err) {
	static const char *const paths[] = {"/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf"};
	struct reading reading = {fetched, names, json_object(), xstrdup("default"), err};
	bool is_read = true;
	for (size_t i = 0; i < ARRAY_LEN(paths) && is_read && json_object_size(reading.sections) == 0; i++)
		is_read = read_file(&reading, paths[i], 0) || names;
	free(reading.section);
	if (is_read)
		*ret_sections = reading.sections;
	else
		json_decref(reading.sections);
	return is_read;
}

const char *openssl_conf_value(const json_t *sections, const char *section, const char *name) {
	return section ? json_string_value(json_object_get(json_object_get(sections, section), name)) : NULL;
}

/* Not all of /etc/ssl: private keys lie there too. */
void openssl_conf_paths(struct names *patterns) {
	static const char *const all[] = {"file:/etc/ssl/*.cnf",
					  "file:/etc/ssl/*.conf",
					  "file:/etc/pki/tls/*.cnf",
					  "file:/etc/pki/tls/*.conf",
					  "file:/etc/crypto-policies/back-ends/*",
					  "dir:/etc/ssl/*.d",
					  "dir:/etc/pki/tls/*.d",
					  "stat:/etc/ssl/*",
					  "stat:/etc/pki/tls/*",
					  "stat:/etc/crypto-policies/*"};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		names_add(patterns, all[i]);
}

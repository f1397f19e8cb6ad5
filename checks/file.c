/* Files: their metadata, and whether lines or settings in them are there. */
#include <pcre2.h>

#include "core/check.h"
#include "core/dropin.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"

#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000

static const struct check_param params[] = {
	{"path", VALUE_STRING, false, "One file; its last component may hold * ? [."},
	{"paths", VALUE_STRINGS, false, "Several of these; one row each, also for one that is not there."},
	{"below", VALUE_STRING, false, "A folder: one row for each entry below it, metadata alone, links as links."},
	{"pattern", VALUE_STRING, false,
	 "A regular expression (PCRE2): how many lines hold it; with key, whether the key's value does."},
	{"key", VALUE_STRING, false, "The name of a setting: its value, of several the last."},
	{"first", VALUE_BOOL, false, "true: of several the first value counts. Default false."},
	{"separator", VALUE_STRING, false, "Between key and value: \"=\", or \" \" for white space. Default \"=\"."},
	{"comments", VALUE_STRING, false,
	 "Lines that begin with one of these characters are not looked at. Default \"#\"."},
	{"age", VALUE_BOOL, false, "true: how long ago it was last written to is a field. Default false."},
	{"show", VALUE_BOOL, false, "true: the text that was found is shown. Default false."},
	{0},
};

static const struct check_field fields[] = {
	{"path", VALUE_STRING, NULL, "The file.", PRIVACY_PUBLIC, false},
	{"exists", VALUE_BOOL, NULL, "Whether it is there.", PRIVACY_PUBLIC, false},
	{"type", VALUE_STRING, NULL, "file, dir, link, fifo, socket, char, block; of a link, what it leads to.",
	 PRIVACY_PUBLIC, false},
	{"link", VALUE_STRING, NULL, "Where it leads, when it is a link.", PRIVACY_PUBLIC, false},
	{"mode", VALUE_MODE, NULL, "Its permissions; with an access list the group's digit is the list's mask.",
	 PRIVACY_PUBLIC, false},
	{"uid", VALUE_INT, NULL, "The number of its owner.", PRIVACY_PUBLIC, false},
	{"gid", VALUE_INT, NULL, "The number of its group.", PRIVACY_PUBLIC, false},
	{"acl_readers", VALUE_STRINGS, NULL,
	 "Whom an access list lets read it besides, as user:1000; not there where nobody is.", PRIVACY_PUBLIC, false},
	{"acl_writers", VALUE_STRINGS, NULL, "Whom it lets write.", PRIVACY_PUBLIC, false},
	{"size", VALUE_SIZE, "bytes", "Its size.", PRIVACY_PUBLIC, true},
	{"age", VALUE_DURATION, "s", "How long ago it was last written to, where the rule asks.", PRIVACY_PUBLIC, true},
	{"matches", VALUE_INT, NULL, "How many lines hold the pattern, or 1 where the key's value does.",
	 PRIVACY_PUBLIC, false},
	{"line", VALUE_INT, NULL, "The number of the line that counts.", PRIVACY_PUBLIC, false},
	{"set", VALUE_BOOL, NULL, "Whether the key is there.", PRIVACY_PUBLIC, false},
	{"text", VALUE_STRING, NULL, "The first line that holds the pattern, where the rule shows it.",
	 PRIVACY_PERSONAL, false},
	{"value", VALUE_STRING, NULL, "The key's value, where the rule shows it.", PRIVACY_PERSONAL, false},
	{0},
};

static const char *const patterns[] = {"file:/*", "stat:/*", "link:/*", "dir:/*", "tree:/*", "now:", NULL};

static const char *pattern_at(const json_t *with, size_t index) {
	const char *path = param_string(with, "path", NULL);
	if (!path)
		return param_strings_at(with, "paths", index);
	return index == 0 ? path : param_strings_at(with, "paths", index - 1);
}

static bool wants_content(const json_t *with) {
	return param_string(with, "pattern", NULL) || param_string(with, "key", NULL);
}

/* The metadata under "stat:PATH"; *ret_stat is NULL when it is absent. */
static bool stat_of(const struct sources *fetched, const char *path, json_t **ret_stat, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("stat:%s", path);
	const struct source *source;
	*ret_stat = NULL;
	bool is_seen = text_starts(path, "/etc/") ? etc_maybe(fetched, name, &source, err)
						  : source_maybe(fetched, name, &source, err);
	return is_seen && (!source || source_json(source, ret_stat, err));
}

/* Where a link leads in the end; *ret_target is NULL when that is absent. */
static bool target_of(const struct sources *fetched, const char *path, const char **ret_target, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("link:%s", path);
	json_t *value;
	*ret_target = NULL;
	return source_maybe_json(fetched, name, &value, err) &&
	       (!value || json_get_string(value, "target", name, ret_target, err));
}

static bool is_link(const json_t *stat) {
	const char *type = json_string_value(json_object_get(stat, "type"));
	return type && !strcmp(type, "link");
}

static void ask_path(const json_t *with, const char *path, const struct sources *fetched, struct names *names) {
	struct err ignored;
	json_t *stat;
	const char *target;
	names_addf(names, "stat:%s", path);
	if (text_starts(path, "/etc/"))
		names_add(names, ETC_SOURCE);
	if (wants_content(with))
		names_addf(names, "file:%s", path);
	if (!stat_of(fetched, path, &stat, &ignored) || !is_link(stat))
		return;
	names_addf(names, "link:%s", path);
	if (target_of(fetched, path, &target, &ignored) && target)
		names_addf(names, "stat:%s", target);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *pattern, *below = param_string(with, "below", NULL);
	if (below)
		names_addf(names, "tree:%s", below);
	if (param_bool(with, "age", false))
		names_add(names, "now:");
	for (size_t i = 0; (pattern = pattern_at(with, i)); i++) {
		CLEANUP(names_free_p) struct names *paths = names_new();
		struct err ignored;
		pathglob_ask(pattern, fetched, names);
		if (pathglob_list(pattern, fetched, paths, &ignored))
			for (size_t k = 0; k < names_count(paths); k++)
				ask_path(with, names_at(paths, k), fetched, names);
	}
}

static void paths(const json_t *with, struct names *into) {
	const char *path, *below = param_string(with, "below", NULL);
	if (below)
		names_add_pattern(into, "tree:", below);
	for (size_t i = 0; (path = pattern_at(with, i)); i++) {
		pathglob_paths("stat:", path, into);
		pathglob_paths("link:", path, into);
		if (wants_content(with))
			pathglob_paths("file:", path, into);
	}
	names_add(into, ETC_SOURCE);
}

/* The compiled pattern of the rule, or none. */
struct matcher {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

static void matcher_done(struct matcher *matcher) {
	pcre2_code_free(matcher->code);
	pcre2_match_data_free(matcher->data);
	pcre2_match_context_free(matcher->context);
}

static bool matcher_make(const char *pattern, struct matcher *matcher, struct err *err) {
	int fault;
	size_t offset;
	if (!pattern)
		return true;
	matcher->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &fault, &offset, NULL);
	if (!matcher->code)
		return err_set(err, ERR_MALFORMED, "pattern", "not a regular expression from its character %zu on",
			       offset);
	matcher->data = pcre2_match_data_create_from_pattern(matcher->code, NULL);
	matcher->context = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
	pcre2_set_depth_limit(matcher->context, DEPTH_LIMIT);
	return true;
}

static bool holds(const struct matcher *matcher, const char *text, const struct lines *lines, bool *ret_holds,
		  struct err *err) {
	int result = pcre2_match(matcher->code, (PCRE2_SPTR)text, strlen(text), 0, 0, matcher->data, matcher->context);
	if (result < 0 && result != PCRE2_ERROR_NOMATCH)
		return err_set_at(err, ERR_UNREADABLE, lines->where, lines->number, 0,
				  "the pattern runs over its limits");
	*ret_holds = result >= 0;
	return true;
}

static bool is_comment(const char *line, const char *comments) {
	char first = line[strspn(line, " \t")];
	return first != '\0' && strchr(comments, first);
}

static bool count_lines(json_t *row, struct lines *lines, const json_t *with, const struct matcher *matcher,
			struct err *err) {
	const char *comments = param_string(with, "comments", "#");
	int64_t matches = 0;
	char *line;
	while ((line = lines_next(lines))) {
		bool found = false;
		if (!is_comment(line, comments) && !holds(matcher, line, lines, &found, err))
			return false;
		if (found && matches++ == 0) {
			row_int(row, "line", lines->number);
			row_text(row, "text", param_bool(with, "show", false) ? line : NULL);
		}
	}
	row_int(row, "matches", matches);
	return lines_ok(lines, err);
}

static bool find_key(json_t *row, struct lines *lines, const json_t *with, const struct matcher *matcher,
		     struct err *err) {
	const char *wanted = param_string(with, "key", ""), *comments = param_string(with, "comments", "#");
	char separator = *param_string(with, "separator", "=") == ' ' ? ' ' : '=';
	bool only_first = param_bool(with, "first", false), set = false, found = false;
	char *line, *key, *value;
	while ((line = lines_next(lines))) {
		if ((set && only_first) || !setting_split(line, separator, comments, &key, &value) ||
		    strcmp(key, wanted) != 0)
			continue;
		set = true;
		if (matcher->code && !holds(matcher, value, lines, &found, err))
			return false;
		row_int(row, "line", lines->number);
		row_text(row, "value", param_bool(with, "show", false) ? value : NULL);
	}
	row_bool(row, "set", set);
	if (matcher->code)
		row_int(row, "matches", found);
	return lines_ok(lines, err);
}

static bool add_content(json_t *row, const struct sources *fetched, const char *path, const json_t *with,
			const struct matcher *matcher, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	const struct source *source;
	if (!source_need(fetched, name, &source, err))
		return false;
	CLEANUP(lines_done) struct lines lines = lines_over(name, source->bytes.data, source->bytes.len);
	return param_string(with, "key", NULL) ? find_key(row, &lines, with, matcher, err)
					       : count_lines(row, &lines, with, matcher, err);
}

static void add_metadata(json_t *row, const json_t *stat) {
	static const char *const members[] = {"type", "mode", "uid", "gid", "size"};
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_get(stat, members[i]))
			json_object_set(row, members[i], json_object_get(stat, members[i]));
	row_acl(row, json_object_get(stat, "acl"));
}

static bool add_age(json_t *row, const struct sources *fetched, const char *path, const json_t *stat, struct err *err) {
	int64_t now, mtime;
	if (!source_now(fetched, &now, err) || !json_get_int(stat, "mtime", "stat", &mtime, err))
		return false;
	if (mtime > now + SOURCE_CLOCK_SLACK)
		return err_set(err, ERR_UNPROVED,
			       "now:", "%s was written to after what this host takes for now: no age can be told",
			       path);
	row_int(row, "age", mtime < now ? now - mtime : 0);
	return true;
}

static bool add_path(json_t *rows, const struct sources *fetched, const char *path, const json_t *with,
		     const struct matcher *matcher, struct err *err) {
	json_t *stat;
	if (!stat_of(fetched, path, &stat, err))
		return false;
	const char *link = json_string_value(json_object_get(stat, "link")), *target = NULL;
	if (is_link(stat) &&
	    (!target_of(fetched, path, &target, err) || (target && !stat_of(fetched, target, &stat, err))))
		return false;
	bool exists = stat && (!link || target);
	json_t *row = row_add(rows);
	row_text(row, "path", path);
	row_bool(row, "exists", exists);
	row_text(row, "link", target ? target : link);
	if (!exists)
		return true;
	add_metadata(row, stat);
	if (param_bool(with, "age", false) && !add_age(row, fetched, path, stat, err))
		return false;
	return !wants_content(with) || add_content(row, fetched, path, with, matcher, err);
}

static bool add_below(json_t *rows, const struct sources *fetched, const char *below, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("tree:%s", below);
	json_t *list, *entry;
	size_t i;
	if (!source_maybe_json(fetched, name, &list, err))
		return false;
	if (!list) {
		json_t *row = row_add(rows);
		row_text(row, "path", below);
		row_bool(row, "exists", false);
	}
	json_array_foreach(list, i, entry) {
		json_t *row = row_add(rows);
		row_text(row, "path", json_string_value(json_object_get(entry, "path")));
		row_bool(row, "exists", true);
		add_metadata(row, entry);
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(matcher_done) struct matcher matcher = {0};
	const char *pattern, *below = param_string(with, "below", NULL);
	if (!matcher_make(param_string(with, "pattern", NULL), &matcher, err) ||
	    (below && !add_below(rows, fetched, below, err)))
		return false;
	for (size_t i = 0; (pattern = pattern_at(with, i)); i++) {
		CLEANUP(names_free_p) struct names *paths = names_new();
		if (!pathglob_list(pattern, fetched, paths, err))
			return false;
		for (size_t k = 0; k < names_count(paths); k++)
			if (!add_path(rows, fetched, names_at(paths, k), with, &matcher, err))
				return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_file = {
	.name = "file",
	.about = "Files: their metadata, and whether lines or settings in them are there.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

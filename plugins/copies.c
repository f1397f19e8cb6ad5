#include "plugins/copies.h"

#include <ctype.h>
#include <stdlib.h>

#include "core/source.h"
#include "core/text.h"
#include "core/times.h"

#define RESTIC "restic snapshots"
#define BORG "borg list"
#define REPLACED "\xef\xbf\xbd" /* U+FFFD */

static void copy_done(struct copy *copy) {
	free(copy->id);
	json_decref(copy->paths);
	json_decref(copy->excludes);
}

void copies_done(struct copies *copies) {
	for (size_t i = 0; i < copies->count; i++)
		copy_done(&copies->all[i]);
	free(copies->all);
	free(copies->repository);
	*copies = (struct copies){0};
}

/* "Z", "+01:00", or nothing: seconds east of Greenwich. */
static bool read_zone(const char *text, int64_t *ret_seconds) {
	unsigned hours, minutes;
	int end = 0;
	*ret_seconds = 0;
	if (!*text || !strcmp(text, "Z"))
		return true;
	if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &end) != 2 || end != 5 ||
	    text[6] || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = ((int64_t)hours * 3600 + (int64_t)minutes * 60) * (*text == '-' ? -1 : 1);
	return true;
}

bool copies_read_time(const char *text, int64_t *ret_us) {
	char whole[TIMES_TEXT] = "";
	int64_t seconds, zone, fraction = 0, weight = 100000;
	if (strlen(text) < TIMES_TEXT - 2)
		return false;
	memcpy(whole, text, TIMES_TEXT - 2);
	whole[TIMES_TEXT - 2] = 'Z';
	text += TIMES_TEXT - 2;
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text); text++, weight /= 10)
			fraction += (*text - '0') * weight;
	if (!times_parse(whole, &seconds) || !read_zone(text, &zone))
		return false;
	*ret_us = (seconds - zone) * 1000000 + fraction;
	return true;
}

bool copies_is_below(const char *path, const char *above) {
	size_t len = strlen(above);
	if (!strcmp(above, "/"))
		return *path == '/';
	return !strncmp(path, above, len) && (path[len] == '\0' || path[len] == '/');
}

bool copies_should_hold(const struct copy *copy, const char *path) {
	const json_t *item;
	size_t i;
	if (!copy->paths)
		return true;
	json_array_foreach(copy->paths, i, item) if (copies_is_below(path, json_string_value(item))) return true;
	return false;
}

/* Those whose time has not come yet come last: somebody's clock was wrong. */
static int newest_first(const void *a, const void *b, void *context) {
	const struct copy *first = a, *second = b;
	int64_t latest = *(const int64_t *)context + SOURCE_CLOCK_SLACK;
	bool is_first_early = first->at > latest, is_second_early = second->at > latest;
	if (is_first_early != is_second_early)
		return is_first_early ? 1 : -1;
	if (first->at != second->at)
		return first->at > second->at ? -1 : 1;
	return strcmp(first->id, second->id);
}

static void sort(struct copies *copies, int64_t now) {
	if (copies->count)
		qsort_r(copies->all, copies->count, sizeof *copies->all, newest_first, &now);
}

static bool read_instant(const json_t *object, const char *key, const char *where, int64_t *ret_at, struct err *err) {
	const char *text;
	int64_t us;
	if (!json_get_string(object, key, where, &text, err))
		return false;
	if (!copies_read_time(text, &us))
		return err_set(err, ERR_MALFORMED, where, "a time that is none");
	*ret_at = us / 1000000;
	return true;
}

/* A list of strings, or nothing: an empty one. New reference. */
static bool read_strings(const json_t *object, const char *key, const char *where, json_t **ret_list, struct err *err) {
	json_t *list = json_object_get(object, key), *item;
	size_t i;
	if (!list || json_is_null(list)) {
		*ret_list = json_array();
		return true;
	}
	if (!json_is_array(list))
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is no list", key);
	json_array_foreach(list, i, item) if (!json_is_string(item)) return err_set(
		err, ERR_MALFORMED, where, "\"%s\" holds something that is no text", key);
	*ret_list = json_incref(list);
	return true;
}

static bool is_hosts(const json_t *object, const struct copies_filter *filter) {
	const char *host = json_string_value(json_object_get(object, "hostname"));
	return !filter->host || (host && !strcmp(host, filter->host));
}

static bool has_all(const json_t *list, const json_t *wanted) {
	size_t i, k;
	const json_t *item, *other;
	json_array_foreach(wanted, i, item) {
		bool has = false;
		json_array_foreach(list, k, other) has |= json_equal(item, other);
		if (!has)
			return false;
	}
	return true;
}

static bool read_restic_copy(const json_t *item, const struct copies_filter *filter, struct copies *copies,
			     struct err *err) {
	CLEANUP(json_decref_p) json_t *tags = NULL;
	CLEANUP(copy_done) struct copy copy = {0};
	const char *id;
	if (!json_get_string(item, "id", RESTIC, &id, err) || !read_instant(item, "time", RESTIC, &copy.at, err) ||
	    !read_strings(item, "tags", RESTIC, &tags, err) || !read_strings(item, "paths", RESTIC, &copy.paths, err) ||
	    !read_strings(item, "excludes", RESTIC, &copy.excludes, err))
		return false;
	if (!*id || id[strspn(id, "0123456789abcdef")])
		return err_set(err, ERR_MALFORMED, RESTIC, "an id that is none");
	if (!is_hosts(item, filter) || !has_all(tags, filter->tags))
		return true;
	copy.id = xstrdup(id);
	copies->all[copies->count++] = copy;
	copy = (struct copy){0};
	return true;
}

static bool make_room(struct copies *copies, const json_t *list, const char *where, struct err *err) {
	if (json_array_size(list) > COPIES_MOST)
		return err_set(err, ERR_UNREADABLE, where, "more than %d copies", COPIES_MOST);
	copies->all = xcalloc(json_array_size(list) + 1, sizeof *copies->all);
	return true;
}

bool restic_read_copies(const char *data, size_t len, const struct copies_filter *filter, struct copies *ret_copies,
			struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(copies_done) struct copies copies = {.is_encrypted = true}; /* there is no other repository */
	const json_t *item;
	size_t i;
	if (!json_read(data, len, COPIES_LARGEST, RESTIC, &list, err))
		return false;
	/* Without any it prints null. */
	if (!json_is_array(list) && !json_is_null(list))
		return err_set(err, ERR_MALFORMED, RESTIC, "no list of snapshots");
	if (!make_room(&copies, list, RESTIC, err))
		return false;
	json_array_foreach(list, i, item) if (!read_restic_copy(item, filter, &copies, err)) return false;
	sort(&copies, filter->now);
	*ret_copies = copies;
	copies = (struct copies){0};
	return true;
}

/* A pattern of borg in its plain form: pp: is a path and all below, sh: and fm: are globs, re: stays what it is. Paths
 * in archives have no slash before them, so both forms mean the same. */
static const char *plain_pattern(const char *text) {
	static const char *const styles[] = {"pp:", "pf:", "sh:", "fm:"};
	for (size_t i = 0; i < ARRAY_LEN(styles); i++)
		if (text_starts(text, styles[i]))
			return text + 3;
	return text;
}

/* What one argument of `borg create` leaves out, with the next (NULL: none). */
static void add_excludes(json_t *excludes, const char *argument, const char *next) {
	static const char *const hidden[] = {
		"--pattern",        "--patterns-from",  "--exclude-from",     "--exclude-if-present",
		"--exclude-caches", "--exclude-nodump", "--keep-exclude-tags"};
	bool has_next = next && (!strcmp(argument, "-e") || !strcmp(argument, "--exclude"));
	if (has_next)
		json_array_append_new(excludes, json_text(plain_pattern(next)));
	else if (text_starts(argument, "--exclude="))
		json_array_append_new(excludes, json_text(plain_pattern(argument + strlen("--exclude="))));
	else if (text_starts(argument, "-e") && argument[2] && argument[2] != '-')
		json_array_append_new(excludes, json_text(plain_pattern(argument + 2)));
	for (size_t i = 0; i < ARRAY_LEN(hidden) - 1; i++) {
		size_t len = strlen(hidden[i]);
		if (!strcmp(argument, hidden[i]) && i < 4 && next)
			json_array_append_new(excludes, json_sprintf("%s %s", argument, next));
		else if (!strncmp(argument, hidden[i], len) && (argument[len] == '=' || !argument[len]))
			json_array_append_new(excludes, json_text(argument));
	}
}

/* The paths are behind the archive's name; an option's value that looks like one does no harm: a copy that should hold
 * what it leaves out is found not to. Without any, the paths came from elsewhere and nothing is told. */
static void read_command_line(const json_t *words, struct copy *copy) {
	const json_t *item;
	bool is_behind = false;
	size_t i;
	copy->paths = json_array();
	copy->excludes = json_array();
	json_array_foreach(words, i, item) {
		const char *word = json_string_value(item), *next = json_string_value(json_array_get(words, i + 1));
		add_excludes(copy->excludes, word, next);
		if (is_behind && *word == '/')
			json_array_append_new(copy->paths, json_text(word));
		is_behind |= strstr(word, "::") != NULL;
	}
	if (json_array_size(copy->paths) == 0) {
		json_decref(copy->paths);
		copy->paths = NULL;
	}
}

static bool is_checkpoint(const char *name) {
	const char *mark = strstr(name, ".checkpoint");
	if (!mark)
		return false;
	mark += strlen(".checkpoint");
	return !*mark || (*mark == '.' && mark[1] && !mark[1 + strspn(mark + 1, "0123456789")]);
}

static bool read_borg_copy(const json_t *item, const struct copies_filter *filter, struct copies *copies,
			   struct err *err) {
	CLEANUP(json_decref_p) json_t *words = NULL;
	CLEANUP(copy_done) struct copy copy = {0};
	const char *name;
	if (!json_get_string(item, "name", BORG, &name, err) || !read_instant(item, "start", BORG, &copy.at, err) ||
	    !read_strings(item, "command_line", BORG, &words, err))
		return false;
	if (!*name)
		return err_set(err, ERR_MALFORMED, BORG, "an archive without a name");
	if (!is_hosts(item, filter) || is_checkpoint(name))
		return true;
	copy.id = xstrdup(name);
	read_command_line(words, &copy);
	copies->all[copies->count++] = copy;
	copy = (struct copy){0};
	return true;
}

/* "none" has no key at all, "authenticated" one that only signs. */
static bool is_encrypting(const char *mode) { return text_starts(mode, "repokey") || text_starts(mode, "keyfile"); }

bool borg_read_copies(const char *data, size_t len, const struct copies_filter *filter, struct copies *ret_copies,
		      struct err *err) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	CLEANUP(copies_done) struct copies copies = {0};
	json_t *list, *encryption, *repository, *item;
	const char *mode, *id;
	size_t i;
	if (!json_read(data, len, COPIES_LARGEST, BORG, &value, err) ||
	    !json_get_array(value, "archives", BORG, &list, err) ||
	    !json_get_object(value, "encryption", BORG, &encryption, err) ||
	    !json_get_string(encryption, "mode", BORG, &mode, err) ||
	    !json_get_object(value, "repository", BORG, &repository, err) ||
	    !json_get_string(repository, "id", BORG, &id, err) || !make_room(&copies, list, BORG, err))
		return false;
	copies.is_encrypted = is_encrypting(mode);
	copies.repository = xstrdup(id);
	json_array_foreach(list, i, item) if (!read_borg_copy(item, filter, &copies, err)) return false;
	sort(&copies, filter->now);
	*ret_copies = copies;
	copies = (struct copies){0};
	return true;
}

/* file: the word for plain files. */
static bool read_entry(const json_t *value, const char *type, const char *file, const char *where, bool has_slash,
		       struct entry *ret_entry, struct err *err) {
	const char *path, *mtime;
	struct entry entry = {.is_file = !strcmp(type, file)};
	if (!json_get_string(value, "path", where, &path, err) || !json_get_string(value, "mtime", where, &mtime, err))
		return false;
	/* restic leaves the size of an empty file out. */
	if (json_object_get(value, "size") && !json_get_int(value, "size", where, &entry.size, err))
		return false;
	if (entry.size < 0 || (has_slash && *path != '/'))
		return err_set(err, ERR_MALFORMED, where, "a file whose size or path is none");
	if (!copies_read_time(mtime, &entry.mtime_us))
		entry.mtime_us = INT64_MIN; /* of no file that there is */
	entry.is_named = !strstr(path, REPLACED);
	entry.path = has_slash ? xstrdup(path) : xasprintf("/%s", path);
	*ret_entry = entry;
	return true;
}

bool restic_read_entry(const char *line, size_t len, struct entry *ret_entry, struct err *err) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	const char *type;
	if (!json_read(line, len, ENTRY_LONGEST, "restic ls", &value, err))
		return false;
	if (!json_object_get(value, "type")) {
		*ret_entry = (struct entry){0};
		return true;
	}
	return json_get_string(value, "type", "restic ls", &type, err) &&
	       read_entry(value, type, "file", "restic ls", true, ret_entry, err);
}

/* Bytes of a name that are no UTF-8 are half a surrogate pair each, "\udcff", which no JSON reader takes. */
static void replace_surrogates(char *text) {
	static const char replacement[] = {'\\', 'u', 'f', 'f', 'f', 'd'};
	for (char *at = text; (at = strstr(at, "\\udc")); at += sizeof replacement) {
		if (strspn(at + 4, "0123456789abcdefABCDEF") < 2)
			return;
		memcpy(at, replacement, sizeof replacement);
	}
}

bool borg_read_entry(const char *line, size_t len, struct entry *ret_entry, struct err *err) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	CLEANUP(free_ptr) char *text = xstrndup(line, len);
	const char *type;
	if (strlen(text) == len)
		replace_surrogates(text);
	return json_read(strlen(text) == len ? text : line, len, ENTRY_LONGEST, BORG, &value, err) &&
	       json_get_string(value, "type", BORG, &type, err) &&
	       read_entry(value, type, "-", BORG, false, ret_entry, err);
}

#include "core/who_dpkg.h"

#include <string.h>

#include "core/text.h"

#define RUN_LONGEST 3600 /* of one that is under way, seconds */

/* "2026-11-22 08:00:22": two words, cut out of *rest. apt parts them by two blanks. */
static bool take_time(char **rest, who_local_time *local, int64_t *ret_at) {
	int parts[6], used = 0;
	const char *day = text_word(rest), *time = text_word(rest);
	if (!day || !time || sscanf(day, "%4d-%2d-%2d%n", &parts[0], &parts[1], &parts[2], &used) != 3 || day[used])
		return false;
	if (sscanf(time, "%2d:%2d:%2d%n", &parts[3], &parts[4], &parts[5], &used) != 3 || time[used])
		return false;
	*ret_at = local(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);
	return true;
}

static void drop_package(json_t *list, const char *package) {
	size_t i;
	json_t *entry;
	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "package"));
		if (name && !strcmp(name, package)) {
			json_array_remove(list, i);
			return;
		}
	}
}

static bool is_action(const char *word) {
	static const char *const actions[] = {"install", "upgrade", "remove", "purge"};
	return text_is_one_of(word, actions, ARRAY_LEN(actions));
}

/* Whether configuration files that are there stay as somebody has changed them: they do unless the package is new
 * ("<none>" before it), or is purged. */
static bool keeps(const char *action, const char *before) {
	return strcmp(action, "purge") != 0 &&
	       (strcmp(action, "install") != 0 || !before || strcmp(before, "<none>") != 0);
}

static void take_line(json_t *list, char *line, who_local_time *local, int64_t from, int64_t until) {
	int64_t at;
	if (!take_time(&line, local, &at) || at < from || at > until)
		return;
	const char *action = text_word(&line), *name = text_word(&line), *how = text_word(&line);
	if (!action || !name)
		return;
	if (!strcmp(action, "conffile") && how && !strcmp(how, "install"))
		json_array_append_new(list, json_pack("{s:o,s:I}", "conffile", json_text(name), "at", (json_int_t)at));
	if (is_action(action)) {
		const char *arch = strchr(name, ':');
		CLEANUP(free_ptr) char *package = xstrndup(name, strcspn(name, ":"));
		drop_package(list, package);
		json_array_append_new(list, json_pack("{s:o,s:o,s:s,s:b,s:I}", "package", json_text(package), "arch",
						      json_text(arch ? arch + 1 : ""), "action", action, "keeps",
						      keeps(action, how), "at", (json_int_t)at));
	}
	if (json_array_size(list) > WHO_PACKAGES_MOST)
		json_array_remove(list, 0);
}

json_t *who_dpkg(const char *log, size_t len, who_local_time *local, int64_t from, int64_t until) {
	json_t *list = json_array();
	for (const char *at = log, *end = log + len, *newline; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
		CLEANUP(free_ptr) char *line = xstrndup(at, (size_t)(newline - at));
		take_line(list, line, local, from, until);
	}
	return list;
}

bool who_dpkg_lists(const char *list, size_t len, const char *path) {
	size_t path_len = strlen(path);
	for (const char *at = list, *end = list + len, *newline; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			newline = end;
		if ((size_t)(newline - at) == path_len && !memcmp(at, path, path_len))
			return true;
		if (newline == end)
			break;
	}
	return false;
}

/* "alice (1000)" */
static bool take_asker(char *text, char **ret_user, int64_t *ret_uid) {
	unsigned long long uid;
	char *open = strrchr(text, '('), *close = open ? strchr(open, ')') : NULL;
	if (!close)
		return false;
	*close = '\0';
	if (!text_to_u64(open + 1, UINT32_MAX, &uid))
		return false;
	*open = '\0';
	*ret_user = xstrdup(text_trim(text));
	text_replace_controls(*ret_user);
	*ret_uid = (int64_t)uid;
	return true;
}

struct run { /* of apt */
	int64_t start, end;
	char *asker; /* owned */
};

static void take_history(struct run *run, char *line, who_local_time *local) {
	char *colon = strchr(line, ':');
	if (!colon)
		return;
	*colon = '\0';
	char *rest = colon + 1;
	if (!strcmp(line, "Start-Date") && !take_time(&rest, local, &run->start))
		run->start = INT64_MAX;
	if (!strcmp(line, "End-Date") && !take_time(&rest, local, &run->end))
		run->end = INT64_MIN;
	if (!strcmp(line, "Requested-By")) {
		free(run->asker);
		run->asker = xstrdup(rest);
	}
}

/* A run that has no end yet is under way, if no other began since and not for longer than apt takes; else it was
 * killed, and what dpkg did behind that may be anybody's. */
static bool is_of(const struct run *run, bool is_last, int64_t at) {
	if (!run->asker || at < run->start)
		return false;
	return run->end != INT64_MAX ? at <= run->end : is_last && at - run->start <= RUN_LONGEST;
}

bool who_apt(const char *history, size_t len, who_local_time *local, int64_t at, char **ret_user, int64_t *ret_uid) {
	struct run run = {.start = INT64_MAX, .end = INT64_MAX};
	bool is_found = false;
	for (const char *from = history, *end = history + len, *newline; from < end && !is_found; from = newline + 1) {
		newline = memchr(from, '\n', (size_t)(end - from));
		if (!newline)
			break;
		CLEANUP(free_ptr) char *line = xstrndup(from, (size_t)(newline - from));
		if (*line)
			take_history(&run, line, local);
		if (*line && newline + 1 < end)
			continue;
		is_found = is_of(&run, newline + 1 == end, at) && take_asker(run.asker, ret_user, ret_uid);
		free(run.asker);
		run = (struct run){.start = INT64_MAX, .end = INT64_MAX};
	}
	free(run.asker);
	return is_found;
}

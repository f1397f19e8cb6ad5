#include "core/dropin.h"

#include <fnmatch.h>

#include "core/text.h"

struct entry {
	const char *name;
	const struct source *file; /* NULL: masked */
};

const char *source_path(const struct source *source) {
	const char *colon = strchr(source->name, ':');
	return colon ? colon + 1 : source->name;
}

/* The entries of a folder; *ret_list is NULL when it is absent. */
static bool folder_list(const char *folder, const struct sources *fetched, json_t **ret_list, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("dir:%s", folder);
	return source_maybe_json(fetched, name, ret_list, err);
}

static const char *entry_name(const json_t *entry, const char *suffix) {
	const char *name = json_string_value(json_object_get(entry, "name"));
	const char *type = json_string_value(json_object_get(entry, "type"));
	if (!name || !type || !text_ends(name, suffix) || (strcmp(type, "file") != 0 && strcmp(type, "link") != 0))
		return NULL;
	return name;
}

static bool is_link(const json_t *entry) { return !strcmp(json_string_value(json_object_get(entry, "type")), "link"); }

/* Whether the stat: of a link says that it leads to /dev/null. */
static bool is_null_link(const struct source *stat) {
	struct err ignored;
	json_t *value = NULL;
	if (!stat || !source_json(stat, &value, &ignored))
		return false;
	const char *target = json_string_value(json_object_get(value, "link"));
	return target && text_ends(target, "/dev/null");
}

static void ask_entry(const char *folder, const json_t *entry, const char *suffix, const struct sources *fetched,
		      struct names *names) {
	const char *name = entry_name(entry, suffix);
	if (!name)
		return;
	if (is_link(entry)) {
		CLEANUP(free_ptr) char *stat_name = xasprintf("stat:%s/%s", folder, name);
		const struct source *stat = sources_get(fetched, stat_name);
		names_add(names, stat_name);
		if (!stat || is_null_link(stat))
			return;
	}
	names_addf(names, "file:%s/%s", folder, name);
}

void dropins_ask(const char *const *folders, const char *suffix, const struct sources *fetched, struct names *names) {
	for (; *folders; folders++) {
		struct err ignored;
		json_t *list, *entry;
		size_t i;
		names_addf(names, "dir:%s", *folders);
		if (folder_list(*folders, fetched, &list, &ignored))
			json_array_foreach(list, i, entry) ask_entry(*folders, entry, suffix, fetched, names);
	}
}

void dropins_paths(const char *const *folders, const char *suffix, struct names *patterns) {
	for (; *folders; folders++) {
		names_addf(patterns, "dir:%s", *folders);
		names_addf(patterns, "stat:%s/*%s", *folders, suffix);
		names_addf(patterns, "file:%s/*%s", *folders, suffix);
	}
}

static bool has_entry(const struct entry *entries, size_t count, const char *name) {
	for (size_t i = 0; i < count; i++)
		if (!strcmp(entries[i].name, name))
			return true;
	return false;
}

/* *ret_there is false for a dangling link. */
static bool entry_read(const char *folder, const json_t *item, const char *name, const struct sources *fetched,
		       struct entry *ret_entry, bool *ret_there, struct err *err) {
	CLEANUP(free_ptr) char *stat_name = xasprintf("stat:%s/%s", folder, name);
	CLEANUP(free_ptr) char *file_name = xasprintf("file:%s/%s", folder, name);
	const struct source *stat = NULL, *file = NULL;
	if (is_link(item) && !source_maybe(fetched, stat_name, &stat, err))
		return false;
	bool masked = is_null_link(stat);
	if (!masked && !source_maybe(fetched, file_name, &file, err))
		return false;
	*ret_entry = (struct entry){name, file};
	*ret_there = masked || file;
	return true;
}

static int entry_order(const void *a, const void *b) {
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static bool folder_read(const char *folder, const char *suffix, const struct sources *fetched, struct entry **entries,
			size_t *count, struct err *err) {
	json_t *list, *item;
	size_t i;
	if (!folder_list(folder, fetched, &list, err))
		return false;
	*entries = xreallocarray(*entries, *count + json_array_size(list) + 1, sizeof **entries);
	json_array_foreach(list, i, item) {
		const char *name = entry_name(item, suffix);
		struct entry entry;
		bool there;
		if (!name || has_entry(*entries, *count, name))
			continue;
		if (!entry_read(folder, item, name, fetched, &entry, &there, err))
			return false;
		if (there)
			(*entries)[(*count)++] = entry;
	}
	return true;
}

bool dropins_read(const char *const *folders, const char *suffix, const struct sources *fetched,
		  struct dropins *ret_dropins, struct err *err) {
	CLEANUP(free_ptr) struct entry *entries = NULL;
	size_t count = 0;
	for (; *folders; folders++)
		if (!folder_read(*folders, suffix, fetched, &entries, &count, err))
			return false;
	if (count)
		qsort(entries, count, sizeof *entries, entry_order);
	struct dropins found = {.files = xcalloc(count + 1, sizeof(struct source *))};
	for (size_t i = 0; i < count; i++)
		if (entries[i].file)
			found.files[found.count++] = entries[i].file;
	*ret_dropins = found;
	return true;
}

void dropins_done(struct dropins *dropins) {
	free(dropins->files);
	*dropins = (struct dropins){0};
}

bool is_pathglob(const char *pattern) { return strpbrk(pattern, "*?[") != NULL; }

/* The folder of a pattern, "/" for one directly below the root. */
static char *folder_of(const char *pattern) {
	const char *slash = strrchr(pattern, '/');
	return !slash || slash == pattern ? xstrdup("/") : xstrndup(pattern, (size_t)(slash - pattern));
}

void pathglob_ask(const char *pattern, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *folder = folder_of(pattern);
	if (is_pathglob(pattern) && !is_pathglob(folder))
		names_addf(names, "dir:%s", folder);
}

void pathglob_paths(const char *kind, const char *pattern, struct names *patterns) {
	CLEANUP(free_ptr) char *folder = folder_of(pattern);
	if (!is_pathglob(pattern)) {
		names_add_pattern(patterns, kind, pattern);
	} else if (!is_pathglob(folder)) {
		names_add_pattern(patterns, "dir:", folder);
		names_addf(patterns, "%s%s", kind, pattern);
	}
}

bool pathglob_list(const char *pattern, const struct sources *fetched, struct names *paths, struct err *err) {
	CLEANUP(free_ptr) char *folder = folder_of(pattern);
	json_t *list, *entry;
	size_t i;
	if (!is_pathglob(pattern)) {
		names_add(paths, pattern);
		return true;
	}
	if (is_pathglob(folder))
		return err_set(err, ERR_UNPROVED, pattern, "wildcards in folders are not followed");
	if (!folder_list(folder, fetched, &list, err))
		return false;
	const char *last = strrchr(pattern, '/');
	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (name && !fnmatch(last ? last + 1 : pattern, name, FNM_PERIOD))
			names_addf(paths, "%s/%s", strcmp(folder, "/") != 0 ? folder : "", name);
	}
	return true;
}

/* What the tests of the sources share: a temporary folder, and fetching names on a loop of their own. */
#pragma once

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "sources/fetch.h"

static inline char *folder_make(void) {
	char *path = xstrdup("/tmp/vouch-test-XXXXXX");
	assert_non_null(mkdtemp(path));
	return path;
}

static inline int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk) {
	return remove(path);
}

static inline void folder_remove(char **folder) {
	nftw(*folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*folder);
}

/* Write folder/name, making the folders on the way. */
static inline void put(const char *folder, const char *name, const char *text) {
	struct err err;
	CLEANUP(free_ptr) char *path = xasprintf("%s/%s", folder, name);
	CLEANUP(free_ptr) char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	assert_true(file_make_folder(parent, 0755, &err));
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

/* How many descriptors this process has open. */
static inline size_t descriptors(void) {
	size_t count = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static inline void note_done(void *context) { *(bool *)context = true; }

/* Fetch these names (NULL ends) from a root (NULL: the live host) to the end. */
static inline struct sources *fetch_all(const char *root, const char *const names[]) {
	struct sources *set = sources_new();
	CLEANUP(names_free_p) struct names *list = names_new();
	sd_event *event = NULL;
	bool is_done = false;
	for (; *names; names++)
		names_add(list, *names);
	assert_true(sd_event_new(&event) >= 0);
	struct fetch *fetch = fetch_new(event, &(struct host){.root = root}, set);
	fetch_start(fetch, list, note_done, &is_done);
	while (!is_done)
		assert_true(sd_event_run(event, 30 * 1000000ULL) > 0);
	fetch_free(fetch);
	sd_event_unref(event);
	return set;
}

/* One name alone. */
static inline struct sources *fetch_one(const char *root, const char *name) {
	return fetch_all(root, (const char *const[]){name, NULL});
}

static inline const struct source *only(const struct sources *set) {
	assert_int_equal(sources_count(set), 1);
	return sources_at(set, 0);
}

/* A temporary folder for one test, and small things to do in it. */
#pragma once

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"

static inline char *scratch_new(void) {
	char path[] = "/tmp/vouch-test-XXXXXX";
	if (!mkdtemp(path))
		abort();
	return xstrdup(path);
}

static inline int scratch_remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw) {
	return remove(path);
}

static inline void scratch_free(char **folder) {
	nftw(*folder, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(*folder);
}

/* Write text below the folder; folders on the way are made. */
static inline __attribute__((unused)) void scratch_put(const char *folder, const char *name, const char *text) {
	struct err err;
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(free_ptr) char *parent = xstrdup(path);
	*strrchr(parent, '/') = '\0';
	if (!file_make_folder(parent, 0700, &err) || !file_write(path, text, strlen(text), 0600, &err))
		abort();
}

static inline __attribute__((unused)) bool scratch_has(const char *folder, const char *name) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	return access(path, F_OK) == 0;
}

/* Entries of a folder. */
static inline __attribute__((unused)) size_t scratch_count(const char *folder) {
	size_t count = 0;
	DIR *open_folder = opendir(folder);
	if (!open_folder)
		abort();
	for (struct dirent *entry = readdir(open_folder); entry; entry = readdir(open_folder))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(open_folder);
	return count;
}

/* The text of a file below the folder, "" when it is not there; the caller frees. */
static inline __attribute__((unused)) char *scratch_text(const char *folder, const char *name) {
	struct err err;
	struct buf bytes = {0};
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	if (!file_read(path, 1U << 24, &bytes, &err))
		return xstrdup("");
	return buf_take(&bytes);
}

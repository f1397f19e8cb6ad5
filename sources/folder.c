/* dir: the names in a folder and their types, links not followed. */
#include "sources/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sources/fetch.h"
#include "sources/fixture.h"

static void add(struct folder *folder, const char *name, const char *type) {
	if (folder->count == folder->room) {
		folder->room = folder->room ? folder->room * 2 : 16;
		folder->entries = xreallocarray(folder->entries, folder->room, sizeof *folder->entries);
	}
	folder->entries[folder->count++] = (struct folder_entry){.name = xstrdup(name), .type = type};
	folder->bytes += strlen(name);
}

/* The type of an entry, NULL with errno 0 when it has vanished since. */
static const char *type_of(const struct place *place, int fd, const char *path, const struct dirent *entry) {
	if (!place->fixture && entry->d_type != DT_UNKNOWN)
		return mode_type_name(DTTOIF(entry->d_type));
	struct stat status;
	CLEANUP(free_ptr) char *whole = xasprintf("%s/%s", strcmp(path, "/") ? path : "", entry->d_name);
	if (place_stat_at(place, fd, entry->d_name, whole, &status))
		return mode_type_name(status.st_mode);
	errno = errno == ENOENT ? 0 : errno;
	return NULL;
}

static bool read_entries(const struct ask *ask, int fd, const char *path, struct folder *folder, struct err *err) {
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	CLEANUP(close_folder) DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		int error = errno;
		close_fd(&own);
		return err_errno(err, error, ERR_UNREADABLE, ask->name, "open folder");
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry && errno)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "readdir");
		if (!entry)
			return true;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    (ask->place->fixture && fixture_hides(ask->place->fixture, path, entry->d_name)))
			continue;
		const char *type = type_of(ask->place, fd, path, entry);
		if (!type && errno)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "stat of an entry");
		if (type)
			add(folder, entry->d_name, type);
		if (folder->bytes > SOURCE_LARGEST)
			return err_set(err, ERR_UNREADABLE, ask->name, "over the cap of %u bytes", SOURCE_LARGEST);
	}
}

struct imagined {
	const struct place *place;
	const char *path;
	struct folder *folder;
};

static void add_imagined(void *context, const char *name) {
	const struct imagined *to = context;
	for (size_t i = 0; i < to->folder->count; i++)
		if (!strcmp(to->folder->entries[i].name, name))
			return;
	CLEANUP(free_ptr) char *whole = xasprintf("%s/%s", strcmp(to->path, "/") ? to->path : "", name);
	struct stat status;
	if (fixture_imagine(to->place->fixture, whole, &status))
		add(to->folder, name, mode_type_name(status.st_mode));
}

static int by_name(const void *a, const void *b) {
	return strcmp(((const struct folder_entry *)a)->name, ((const struct folder_entry *)b)->name);
}

bool folder_read(const struct ask *ask, int fd, const char *path, struct folder *ret_folder, struct err *err) {
	struct folder folder = {0};
	if (fd >= 0 && !read_entries(ask, fd, path, &folder, err)) {
		folder_done(&folder);
		return false;
	}
	struct imagined imagined = {ask->place, path, &folder};
	if (ask->place->fixture)
		fixture_children(ask->place->fixture, path, add_imagined, &imagined);
	if (folder.count > 0)
		qsort(folder.entries, folder.count, sizeof *folder.entries, by_name);
	*ret_folder = folder;
	return true;
}

void folder_done(struct folder *folder) {
	for (size_t i = 0; i < folder->count; i++)
		free(folder->entries[i].name);
	free(folder->entries);
	*folder = (struct folder){0};
}

/* ENOTDIR is absence only when it is a folder on the way that is none. */
bool folder_open(const struct ask *ask, const char *path, int *ret_fd, struct err *err) {
	struct stat status;
	int fd = place_open(ask->place, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	if (fd < 0) {
		int error = errno;
		bool is_there = (error == ENOTDIR || error == ENOENT) && place_stat(ask->place, path, &status);
		bool is_imagined = is_there && error == ENOENT && S_ISDIR(status.st_mode);
		if (is_there && !is_imagined && !S_ISLNK(status.st_mode))
			return err_set(err, ERR_UNREADABLE, ask->name, "not a folder but %s",
				       mode_type_name(status.st_mode));
		if (!is_imagined)
			return err_errno(err, error, ERR_UNREADABLE, ask->name, "open");
	}
	*ret_fd = fd;
	return true;
}

static bool look_folder(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(close_fd) int fd = -1;
	CLEANUP(folder_done) struct folder folder = {0};
	if (!folder_open(ask, ask->rest, &fd, err) || !folder_read(ask, fd, ask->rest, &folder, err))
		return false;
	CLEANUP(json_decref_p) json_t *list = json_array();
	for (size_t i = 0; i < folder.count; i++)
		json_array_append_new(list, json_pack("{s:o,s:s}", "name", json_text(folder.entries[i].name), "type",
						      folder.entries[i].type));
	return answer_json(ask, list, ret_answer, err);
}

const struct kind kind_folder = {.prefix = "dir:",
				 .helper = HELPER_FS,
				 .deadline_ms = FETCH_DEADLINE_MS,
				 .below_root = true,
				 .look = look_folder};

#include "core/package_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

bool package_files_add(struct package_files *files, const char *where, const char *name, uint64_t offset,
		       struct err *err) {
	if (!package_is_name(name)) {
		CLEANUP(free_ptr) char *shown = xstrndup(name, PACKAGE_NAME_LONGEST);
		text_replace_controls(shown);
		return err_set(err, ERR_REFUSED, where, "\"%s\" is not a name that a package has", shown);
	}
	if (files->count == PACKAGE_FILES_MOST)
		return err_set(err, ERR_TOO_BIG, where, "more than %d files", PACKAGE_FILES_MOST);
	if (files->count == files->room) {
		files->room = files->room ? 2 * files->room : 64;
		files->items = xreallocarray(files->items, files->room, sizeof *files->items);
	}
	files->items[files->count++] = (struct package_file){.name = xstrdup(name), .offset = offset};
	return true;
}

bool package_files_grow(struct package_files *files, const char *where, uint64_t more, struct err *err) {
	struct package_file *file = &files->items[files->count - 1];
	if (more > PACKAGE_FILE_LARGEST - file->size)
		return err_set(err, ERR_TOO_BIG, where, "%s is larger than %llu bytes", file->name,
			       PACKAGE_FILE_LARGEST);
	if (more > PACKAGE_LARGEST - files->total)
		return err_set(err, ERR_TOO_BIG, where, "its files are larger than %llu bytes together",
			       PACKAGE_LARGEST);
	file->size += more;
	files->total += more;
	return true;
}

static int by_name(const void *a, const void *b) {
	return strcmp(((const struct package_file *)a)->name, ((const struct package_file *)b)->name);
}

bool package_files_close(struct package_files *files, const char *where, struct err *err) {
	if (files->count)
		qsort(files->items, files->count, sizeof *files->items, by_name);
	for (size_t i = 1; i < files->count; i++)
		if (!strcmp(files->items[i].name, files->items[i - 1].name))
			return err_set(err, ERR_REFUSED, where, "%s comes twice", files->items[i].name);
	return true;
}

void package_files_done(struct package_files *files) {
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].name);
	free(files->items);
	*files = (struct package_files){0};
}

/* --- a folder ----------------------------------------------------------------------------------------------------- */

struct walk {
	const char *where;
	struct package_files *files;
	unsigned depth;
};

static bool walk_folder(const struct walk *walk, DIR *folder, const char *prefix, struct err *err);

static bool walk_entry(const struct walk *walk, int folder, const char *entry, const char *name, struct err *err) {
	struct stat status;
	if (fstatat(folder, entry, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return err_errno(err, errno, ERR_IO, name, "stat");
	if (S_ISREG(status.st_mode))
		return package_files_add(walk->files, walk->where, name, 0, err) &&
		       package_files_grow(walk->files, walk->where, (uint64_t)status.st_size, err);
	if (!S_ISDIR(status.st_mode))
		return err_set(err, ERR_REFUSED, walk->where, "%s is neither a file nor a folder", name);
	if (!package_is_name(name) || walk->depth == PACKAGE_DEEPEST)
		return err_set(err, ERR_REFUSED, walk->where, "%s is not a folder that a package has", name);
	int fd = openat(folder, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *below = fd >= 0 ? fdopendir(fd) : NULL;
	if (!below) {
		int error = errno;
		close_fd(&fd);
		return err_errno(err, error, ERR_IO, name, "open folder");
	}
	const struct walk deeper = {.where = walk->where, .files = walk->files, .depth = walk->depth + 1};
	bool ok = walk_folder(&deeper, below, name, err);
	closedir(below);
	return ok;
}

static bool walk_folder(const struct walk *walk, DIR *folder, const char *prefix, struct err *err) {
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(folder);
		if (!entry)
			return errno == 0 || err_errno(err, errno, ERR_IO, walk->where, "read folder");
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		CLEANUP(free_ptr)
		char *name = *prefix ? xasprintf("%s/%s", prefix, entry->d_name) : xstrdup(entry->d_name);
		if (!walk_entry(walk, dirfd(folder), entry->d_name, name, err))
			return false;
	}
}

bool package_folder(int folder, const char *where, struct package_files *files, struct err *err) {
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *top = copy >= 0 ? fdopendir(copy) : NULL;
	if (!top) {
		int error = errno;
		close_fd(&copy);
		return err_errno(err, error, ERR_IO, where, "open folder");
	}
	const struct walk walk = {.where = where, .files = files};
	bool ok = walk_folder(&walk, top, "", err);
	closedir(top);
	return ok;
}

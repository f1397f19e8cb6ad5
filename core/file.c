#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".tmp-"

bool file_read_fd(int fd, const char *where, size_t max, struct buf *ret_bytes, struct err *err) {
	struct buf bytes = {0};
	struct stat status;
	size_t step = fstat(fd, &status) == 0 && status.st_size > 0 && (size_t)status.st_size <= max
			      ? (size_t)status.st_size + 1
			      : 4096;
	for (;;) {
		char *room = buf_room(&bytes, step);
		ssize_t got = read(fd, room, step);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int error = errno;
			buf_done(&bytes);
			return err_errno(err, error, ERR_UNREADABLE, where, "read");
		}
		if (got == 0)
			break;
		bytes.len += (size_t)got;
		if (bytes.len > max) {
			buf_done(&bytes);
			return err_set(err, ERR_TOO_BIG, where, "larger than the cap of %zu bytes", max);
		}
		step = bytes.len < 65536 ? 4096 : 65536;
	}
	buf_room(&bytes, 0);
	*ret_bytes = bytes;
	return true;
}

bool file_read(const char *path, size_t max, struct buf *ret_bytes, struct err *err) {
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	return file_read_fd(fd, path, max, ret_bytes, err);
}

bool file_read_plain(const char *path, size_t max, struct buf *ret_bytes, struct err *err) {
	struct stat status;
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, ERR_REFUSED, path, "it is a link, where a file has to be");
	if (fd < 0 || fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_REFUSED, path, "it is no file");
	return file_read_fd(fd, path, max, ret_bytes, err);
}

static bool write_all(int fd, const char *data, size_t len) {
	while (len > 0) {
		ssize_t put = write(fd, data, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		data += put;
		len -= (size_t)put;
	}
	return true;
}

bool file_create(const char *path, const void *data, size_t len, mode_t mode, struct err *err) {
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_errno(err, errno, ERR_IO, path, "create");
	bool whole = fchmod(fd, mode) == 0 && write_all(fd, data, len) && fsync(fd) == 0;
	int error = errno;
	if (close(fd) != 0 && whole) {
		error = errno;
		whole = false;
	}
	if (whole)
		return true;
	unlink(path);
	return err_errno(err, error, ERR_IO, path, "write");
}

bool file_sync_folder(const char *folder, struct err *err) {
	CLEANUP(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return err_errno(err, errno, ERR_IO, folder, "sync folder");
	return true;
}

static bool sync_parent(const char *path, struct err *err) {
	CLEANUP(free_ptr) char *copy = xstrdup(path);
	return file_sync_folder(dirname(copy), err);
}

bool file_move(const char *from, const char *to, struct err *err) {
	if (rename(from, to) != 0)
		return err_errno(err, errno, ERR_IO, to, "rename");
	return sync_parent(to, err) && sync_parent(from, err);
}

bool file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err) {
	CLEANUP(free_ptr) char *for_folder = xstrdup(path);
	CLEANUP(free_ptr) char *for_name = xstrdup(path);
	CLEANUP(free_ptr)
	char *temporary = xasprintf("%s/" TEMPORARY "%s-%d", dirname(for_folder), basename(for_name), (int)getpid());
	unlink(temporary);
	if (!file_create(temporary, data, len, mode, err))
		return false;
	if (rename(temporary, path) != 0) {
		int error = errno;
		unlink(temporary);
		return err_errno(err, error, ERR_IO, path, "rename");
	}
	return sync_parent(path, err);
}

bool file_sweep(const char *folder, struct err *err) {
	DIR *open_folder = opendir(folder);
	bool is_done = open_folder != NULL;
	for (struct dirent *entry; is_done && (entry = readdir(open_folder));)
		if (!strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) &&
		    unlinkat(dirfd(open_folder), entry->d_name, 0) != 0 && errno != EISDIR)
			is_done = false;
	const int error = errno;
	if (open_folder)
		closedir(open_folder);
	return is_done || err_errno(err, error, ERR_IO, folder, "throw away leftovers");
}

bool file_sweep_tree(const char *folder, struct err *err) {
	char *const roots[] = {(char *)folder, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	bool is_done = tree != NULL;
	errno = 0;
	for (FTSENT *entry; is_done && (entry = fts_read(tree)); errno = 0)
		if (entry->fts_info == FTS_F && !strncmp(entry->fts_name, TEMPORARY, strlen(TEMPORARY)) &&
		    unlink(entry->fts_accpath) != 0)
			break;
	const int error = errno;
	if (tree)
		fts_close(tree);
	return (is_done && error == 0) || err_errno(err, error, ERR_IO, folder, "throw away leftovers");
}

bool file_make_folder(const char *path, mode_t mode, struct err *err) {
	CLEANUP(free_ptr) char *partial = xstrdup(path);
	for (char *at = partial + 1;; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		char kept = *at;
		*at = '\0';
		if (mkdir(partial, mode) != 0 && errno != EEXIST)
			return err_errno(err, errno, ERR_IO, partial, "make folder");
		*at = kept;
		if (kept == '\0')
			return true;
	}
}

char *file_join(const char *folder, const char *name) { return xasprintf("%s/%s", folder, name); }

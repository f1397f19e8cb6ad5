#include "sources/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sources/fixture.h"
#include "sources/guard.h"

#define TRIES_MOST 10000 /* a busy host renames thousands of times a second, and each try takes a microsecond */

bool place_is_hidden(const struct stat *status) {
	static const char *const covers[] = {"/run/systemd/inaccessible/dir",  "/run/systemd/inaccessible/reg",
					     "/run/systemd/inaccessible/sock", "/run/systemd/inaccessible/fifo",
					     "/run/systemd/inaccessible/chr",  "/run/systemd/inaccessible/blk"};
	struct stat cover;
	if (status->st_mode & 07777 || status->st_uid != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(covers); i++)
		if (lstat(covers[i], &cover) == 0 && cover.st_ino == status->st_ino && cover.st_dev == status->st_dev)
			return true;
	return false;
}

/* Of the live host, without a guard: its end alone is looked at. */
static int open_live(const char *path, int flags) {
	struct stat status;
	int fd = open(path, flags);
	if (fd >= 0 && fstat(fd, &status) == 0 && place_is_hidden(&status)) {
		close_fd(&fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

/* Below a fixture root. While anything is renamed or mounted anywhere, the kernel cannot say that a ".." stays inside
 * and asks to be asked again (openat2(2), EAGAIN). */
static int open_below(int root, const char *path, int flags) {
	struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = -1;
	for (unsigned tries = 0; tries < TRIES_MOST; tries++) {
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
		sched_yield();
	}
	return fd;
}

int place_open(const struct place *place, const char *path, int flags) {
	flags |= O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY);
	if (path[0] != '/') {
		errno = EINVAL;
		return -1;
	}
	if (place->guard)
		return guard_open(place->guard, path, flags);
	if (!place->fixture)
		return open_live(path, flags);
	return open_below(place->root, path, flags);
}

bool place_fstat(const struct place *place, int fd, const char *path, struct stat *ret_status) {
	if (fstat(fd, ret_status) != 0)
		return false;
	if (place->fixture)
		fixture_dress(place->fixture, path, ret_status);
	return true;
}

bool place_stat(const struct place *place, const char *path, struct stat *ret_status) {
	CLEANUP(close_fd) int fd = place_open(place, path, O_PATH | O_NOFOLLOW);
	if (fd >= 0)
		return place_fstat(place, fd, path, ret_status);
	return errno == ENOENT && place->fixture && fixture_imagine(place->fixture, path, ret_status);
}

bool place_stat_at(const struct place *place, int folder, const char *name, const char *path, struct stat *ret_status) {
	if (folder >= 0 && fstatat(folder, name, ret_status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0) {
		if (place->fixture)
			fixture_dress(place->fixture, path, ret_status);
		return true;
	}
	if (folder < 0)
		errno = ENOENT;
	return errno == ENOENT && place->fixture && fixture_imagine(place->fixture, path, ret_status);
}

const char *mode_type_name(mode_t mode) {
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "link";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "char";
	default:
		return "block";
	}
}

char *mode_text(mode_t mode, char text[MODE_TEXT]) {
	snprintf(text, MODE_TEXT, "%04o", (unsigned)mode & 07777);
	return text;
}

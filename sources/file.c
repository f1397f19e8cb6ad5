/* file: the bytes of a regular file, and its metadata. What is not regular is not opened: a FIFO would hang, a device
 * may act on being opened. Files of procfs and sysfs have a size of 0 or 4096 whatever they hold, so all are read to
 * their end. */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>

#include "sources/fetch.h"
#include "sources/fixture.h"
#include "sources/kind.h"

static bool is_regular(const struct ask *ask, int fd, struct stat *ret_status, struct err *err) {
	if (!place_fstat(ask->place, fd, ask->rest, ret_status))
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "fstat");
	if (!S_ISREG(ret_status->st_mode))
		return err_set(err, ERR_UNREADABLE, ask->name, "not a regular file but %s",
			       mode_type_name(ret_status->st_mode));
	return true;
}

/* Why a path cannot be opened; one that only a fixture's meta knows has no bytes. */
static bool cannot_open(const struct ask *ask, int error, struct err *err) {
	struct stat status;
	if (error == ENOENT && ask->place->fixture && fixture_imagine(ask->place->fixture, ask->rest, &status))
		return err_set(err, ERR_UNREADABLE, ask->name, "not a regular file but %s",
			       mode_type_name(status.st_mode));
	return err_errno(err, error, ERR_UNREADABLE, ask->name, "open");
}

static bool look_file(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	struct stat status;
	CLEANUP(close_fd) int path = place_open(ask->place, ask->rest, O_PATH);
	if (path < 0)
		return cannot_open(ask, errno, err);
	if (!is_regular(ask, path, &status, err))
		return false;
	CLEANUP(close_fd) int fd = place_open(ask->place, ask->rest, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open");
	if (!is_regular(ask, fd, &status, err))
		return false;
	*ret_answer = (struct answer){.is_file = true, .file = fd};
	fd = -1;
	return true;
}

static bool shape_file(const struct ask *ask, struct answer *answer, struct err *err) {
	struct stat status;
	if (!is_regular(ask, answer->file, &status, err))
		return false;
	if (!file_read_fd(answer->file, ask->name, SOURCE_LARGEST, &answer->bytes, err)) {
		if (err->code == ERR_TOO_BIG)
			err->code = ERR_UNREADABLE;
		return false;
	}
	answer->meta = (struct source_meta){.known = true,
					    .mode = status.st_mode & 07777,
					    .uid = status.st_uid,
					    .gid = status.st_gid,
					    .nlink = (uint32_t)status.st_nlink,
					    .size = status.st_size,
					    .mtime = status.st_mtime,
					    .ctime = status.st_ctime};
	return true;
}

/* Use counts, and numbers that are drawn or counted anew for each look. */
static const char *const volatile_names[] = {"file:/proc/modules",
					     "file:/proc/swaps",
					     "file:/proc/uptime",
					     "file:/proc/loadavg",
					     "file:/proc/meminfo",
					     "file:/proc/sys/kernel/random/entropy_avail",
					     "file:/proc/sys/kernel/random/uuid",
					     "file:/proc/sys/kernel/ns_last_pid",
					     "file:/proc/sys/fs/dentry-state",
					     "file:/proc/sys/fs/file-nr",
					     "file:/proc/sys/fs/inode-nr",
					     "file:/proc/sys/fs/inode-state",
					     NULL};

const struct kind kind_file = {.prefix = "file:",
			       .volatile_names = volatile_names,
			       .deadline_ms = FETCH_DEADLINE_MS,
			       .below_root = true,
			       .helper = HELPER_FS,
			       .look = look_file,
			       .shape = shape_file};

/* file: the bytes of a regular file, and its metadata. Files of procfs and sysfs have a size of 0 or 4096 whatever they
 * hold, so all are read to their end. */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "sources/fetch.h"
#include "sources/fixture.h"
#include "sources/kind.h"
#include "sources/regular.h"

/* Whether it lies where reading ends, and is no more than its bytes. Elsewhere (over a network, in another process) it
 * may hang; and a file of the kernel's own is more: one of a PCI device in sysfs, once mapped, is the device's memory.
 */
static bool is_plain(int fd) {
	static const unsigned long types[] = {EXT4_SUPER_MAGIC,      XFS_SUPER_MAGIC,      BTRFS_SUPER_MAGIC,
					      F2FS_SUPER_MAGIC,      0x2fc12fc1 /* ZFS */, MSDOS_SUPER_MAGIC,
					      ISOFS_SUPER_MAGIC,     SQUASHFS_MAGIC,       EROFS_SUPER_MAGIC_V1,
					      OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC,          RAMFS_MAGIC};
	struct statfs fs;
	if (fstatfs(fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((unsigned long)fs.f_type == types[i])
			return true;
	return false;
}

static struct source_meta meta_of(const struct stat *status) {
	return (struct source_meta){.known = true,
				    .mode = status->st_mode & 07777,
				    .uid = status->st_uid,
				    .gid = status->st_gid,
				    .nlink = (uint32_t)status->st_nlink,
				    .size = status->st_size,
				    .mtime = status->st_mtime,
				    .ctime = status->st_ctime};
}

/* What is not handed over is read here, where it may hang: the answer is the metadata, as it lies in memory, and the
 * bytes behind it. */
static bool read_here(const struct ask *ask, int fd, const struct stat *status, struct answer *ret_answer,
		      struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct source_meta meta = meta_of(status);
	if (!kind_read_fd(fd, ask->name, SOURCE_LARGEST, &bytes, err))
		return false;
	buf_add(&ret_answer->bytes, &meta, sizeof meta);
	buf_add(&ret_answer->bytes, bytes.data, bytes.len);
	return true;
}

static bool look_file(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	struct stat status;
	CLEANUP(close_fd) int fd = -1;
	if (!regular_open(ask, &fd, &status, err))
		return false;
	/* Who gets one that everybody may write could open it anew for that, though no path leads him to it. */
	if (!is_plain(fd) || status.st_mode & S_IWOTH)
		return read_here(ask, fd, &status, ret_answer, err);
	*ret_answer = (struct answer){.is_file = true, .file = fd, .meta = meta_of(&status)};
	fd = -1;
	return true;
}

static bool shape_file(const struct ask *ask, struct answer *answer, struct err *err) {
	struct stat status;
	struct buf bytes = {0};
	if (answer->is_file)
		return regular_is(ask, answer->file, &status, err) &&
		       kind_read_fd(answer->file, ask->name, SOURCE_LARGEST, &answer->bytes, err);
	if (answer->bytes.len < sizeof answer->meta)
		return err_set(err, ERR_UNREADABLE, ask->name, "answered without its metadata");
	memcpy(&answer->meta, answer->bytes.data, sizeof answer->meta);
	buf_add(&bytes, answer->bytes.data + sizeof answer->meta, answer->bytes.len - sizeof answer->meta);
	buf_done(&answer->bytes);
	answer->bytes = bytes;
	return true;
}

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

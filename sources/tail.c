/* tail: the end of a log, as it stands: at most the last 512 KiB, from the beginning of a line. */
#include <errno.h>
#include <fcntl.h>

#include "sources/fetch.h"
#include "sources/kind.h"

#define TAIL_BYTES (512 << 10)

static bool open_log(const struct ask *ask, int *ret_fd, struct stat *ret_status, struct err *err) {
	CLEANUP(close_fd) int path = place_open(ask->place, ask->rest, O_PATH);
	if (path < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open");
	if (!place_fstat(ask->place, path, ask->rest, ret_status))
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "fstat");
	if (!S_ISREG(ret_status->st_mode))
		return err_set(err, ERR_UNREADABLE, ask->name, "not a regular file but %s",
			       mode_type_name(ret_status->st_mode));
	CLEANUP(close_fd) int fd = place_open(ask->place, ask->rest, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open");
	*ret_fd = fd;
	fd = -1;
	return true;
}

static bool read_end(const struct ask *ask, int fd, off_t from, struct buf *bytes, struct err *err) {
	char *room = buf_room(bytes, TAIL_BYTES);
	while (bytes->len < TAIL_BYTES) {
		ssize_t len = pread(fd, room + bytes->len, TAIL_BYTES - bytes->len, from + (off_t)bytes->len);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "read");
		if (len == 0)
			break;
		bytes->len += (size_t)len;
	}
	return true;
}

static bool look_tail(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct stat status;
	CLEANUP(close_fd) int fd = -1;
	if (!open_log(ask, &fd, &status, err))
		return false;
	off_t from = status.st_size > TAIL_BYTES ? status.st_size - TAIL_BYTES : 0;
	if (!read_end(ask, fd, from, &bytes, err))
		return false;
	const char *newline = from > 0 ? memchr(bytes.data, '\n', bytes.len) : NULL;
	size_t cut = newline ? (size_t)(newline + 1 - bytes.data) : from > 0 ? bytes.len : 0;
	if (bytes.len > cut)
		buf_add(&ret_answer->bytes, bytes.data + cut, bytes.len - cut);
	return true;
}

const struct kind kind_tail = {.prefix = "tail:",
			       .is_volatile = true,
			       .below_root = true,
			       .helper = HELPER_FS,
			       .deadline_ms = FETCH_DEADLINE_MS,
			       .look = look_tail};

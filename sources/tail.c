/* tail: the end of a log, as it stands: at most the last 512 KiB, from the beginning of a line. */
#include <errno.h>
#include <fcntl.h>

#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/regular.h"

#define TAIL_BYTES (512 << 10)

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
	if (!regular_open(ask, &fd, &status, err))
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

/* head: the first bytes of a regular file that may be far larger than a source may be, as text. */
#include <errno.h>
#include <fcntl.h>

#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/regular.h"

#define HEAD_BYTES 512

static bool look_head(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	char bytes[HEAD_BYTES];
	struct stat status;
	CLEANUP(close_fd) int fd = -1;
	if (!regular_open(ask, &fd, &status, err))
		return false;
	ssize_t len = pread(fd, bytes, sizeof bytes, 0);
	if (len < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "read");
	size_t text = strnlen(bytes, (size_t)len);
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:o,s:I,s:I}", "head", json_textn(bytes, text), "size", (json_int_t)status.st_size,
				  "mtime", (json_int_t)status.st_mtime);
	return answer_json(ask, value, ret_answer, err);
}

const struct kind kind_head = {.prefix = "head:",
			       .below_root = true,
			       .helper = HELPER_FS,
			       .deadline_ms = FETCH_DEADLINE_MS,
			       .look = look_head};

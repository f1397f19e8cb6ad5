#include "sources/approvals.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/times.h"

/* Whoever can write the file could approve. */
static bool is_roots_own(int fd, const char *file, struct err *err) {
	struct stat status;
	if (fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, file, "fstat");
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_REFUSED, file, "not a regular file");
	if (status.st_uid != 0)
		return err_set(err, ERR_REFUSED, file, "belongs to user %u, not to root", status.st_uid);
	if (status.st_mode & 022)
		return err_set(err, ERR_REFUSED, file, "others than root may write it: mode %04o",
			       status.st_mode & 07777);
	return true;
}

static bool load(const char *file, struct approvals **ret_approvals, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(close_fd) int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, file, "open");
	return is_roots_own(fd, file, err) && file_read_fd(fd, file, APPROVALS_LARGEST, &bytes, err) &&
	       approvals_read(bytes.data, bytes.len, file, ret_approvals, err);
}

bool approvals_ask(const char *file, const char *name, struct buf *ret_who, struct err *err) {
	CLEANUP(approvals_free_p) struct approvals *approvals = NULL;
	const struct approval *approval;
	struct err wrong;
	char text[sizeof wrong.where + sizeof wrong.why + 32];
	if (!load(file, &approvals, &wrong))
		return wrong.code == ERR_ABSENT
			       ? err_set(err, ERR_UNAPPROVED, name, "no approval: there is no %s", file)
			       : err_set(err, ERR_UNAPPROVED, name, "%s", err_text(&wrong, text, sizeof text));
	if (!approvals_find(approvals, name, times_now(), file, &approval, err))
		return false;
	buf_addf(ret_who, "%s until %s", approval->by, approval->until);
	return true;
}

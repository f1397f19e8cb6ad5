#include "sources/regular.h"

#include <errno.h>
#include <fcntl.h>

#include "sources/fixture.h"

bool regular_is(const struct ask *ask, int fd, struct stat *ret_status, struct err *err) {
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

bool regular_open(const struct ask *ask, int *ret_fd, struct stat *ret_status, struct err *err) {
	CLEANUP(close_fd) int path = place_open(ask->place, ask->rest, O_PATH);
	if (path < 0)
		return cannot_open(ask, errno, err);
	if (!regular_is(ask, path, ret_status, err))
		return false;
	CLEANUP(close_fd) int fd = place_open(ask->place, ask->rest, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open");
	if (!regular_is(ask, fd, ret_status, err))
		return false;
	*ret_fd = fd;
	fd = -1;
	return true;
}

/* statvfs: the room of the file system that holds a path. */
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>

#include "sources/fetch.h"
#include "sources/kind.h"

static bool look_statvfs(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	struct statvfs room;
	if (ask->rest[0] != '/')
		return err_set(err, ERR_UNREADABLE, ask->name, "not an absolute path");
	CLEANUP(close_fd) int fd = place_open(ask->place, ask->rest, O_PATH);
	if (fd < 0 || fstatvfs(fd, &room) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "statvfs");
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "blocks", (json_int_t)room.f_blocks, "bfree",
				  (json_int_t)room.f_bfree, "bavail", (json_int_t)room.f_bavail, "files",
				  (json_int_t)room.f_files, "ffree", (json_int_t)room.f_ffree, "bsize",
				  (json_int_t)room.f_frsize);
	return answer_json(ask, value, ret_answer, err);
}

const struct kind kind_statvfs = {.prefix = "statvfs:",
				  .is_volatile = true,
				  .helper = HELPER_FS,
				  .deadline_ms = FETCH_DEADLINE_MS,
				  .look = look_statvfs};

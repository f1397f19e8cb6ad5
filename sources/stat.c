/* stat: the metadata of whatever is at a path, a link itself and not its target. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "sources/attributes.h"
#include "sources/fetch.h"
#include "sources/fixture.h"
#include "sources/kind.h"

/* New reference, or NULL and errno. */
static json_t *link_target(const struct place *place, int fd, const char *path) {
	char target[PATH_MAX];
	if (place->fixture && fixture_target(place->fixture, path))
		return json_text(fixture_target(place->fixture, path));
	ssize_t len = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof target);
	return len < 0 ? NULL : json_textn(target, (size_t)len);
}

/* Opened once, so that all that is said is of one and the same thing. fd -1: only a fixture's meta has it. */
static bool open_it(const struct ask *ask, int *ret_fd, struct stat *ret_status, struct err *err) {
	const struct place *place = ask->place;
	int fd = place_open(place, ask->rest, O_PATH | O_NOFOLLOW);
	bool is_there =
		fd >= 0 ? place_fstat(place, fd, ask->rest, ret_status)
			: errno == ENOENT && place->fixture && fixture_imagine(place->fixture, ask->rest, ret_status);
	if (!is_there) {
		int error = errno;
		close_fd(&fd);
		return err_errno(err, error, ERR_UNREADABLE, ask->name, "stat");
	}
	*ret_fd = fd;
	return true;
}

static bool look_stat(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	struct stat status;
	char mode[MODE_TEXT];
	CLEANUP(close_fd) int fd = -1;
	CLEANUP(json_decref_p) json_t *attributes = NULL;
	if (!open_it(ask, &fd, &status, err))
		return false;
	if (!attributes_read(ask->place, fd, NULL, ask->rest, status.st_mode, &attributes))
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "read attributes");
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "type", mode_type_name(status.st_mode), "mode",
				  mode_text(status.st_mode, mode), "uid", (json_int_t)status.st_uid, "gid",
				  (json_int_t)status.st_gid, "size", (json_int_t)status.st_size, "mtime",
				  (json_int_t)status.st_mtime, "nlink", (json_int_t)status.st_nlink);
	if (attributes)
		json_object_update(value, attributes);
	if (S_ISLNK(status.st_mode)) {
		json_t *target = link_target(ask->place, fd, ask->rest);
		if (!target)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "readlink");
		json_object_set_new(value, "link", target);
	}
	return answer_json(ask, value, ret_answer, err);
}

/* Logs are written to. */
static const char *const volatile_names[] = {"stat:/var/log*", NULL};

const struct kind kind_stat = {.volatile_names = volatile_names,
			       .prefix = "stat:",
			       .helper = HELPER_FS,
			       .deadline_ms = FETCH_DEADLINE_MS,
			       .below_root = true,
			       .look = look_stat};

/* link: where a path leads when every symbolic link on the way is followed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "core/text.h"
#include "sources/fetch.h"
#include "sources/fixture.h"
#include "sources/kind.h"

/* The name that the kernel has for an open file. */
static bool name_of(int fd, char name[PATH_MAX]) {
	char proc[64];
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(proc, name, PATH_MAX - 1);
	if (len < 0)
		return false;
	name[len] = '\0';
	return true;
}

static bool look_link(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	char name[PATH_MAX], root[PATH_MAX] = "";
	const struct place *place = ask->place;
	const char *path = ask->rest;
	if (place->fixture && fixture_target(place->fixture, path))
		path = fixture_target(place->fixture, path);
	CLEANUP(close_fd) int fd = place_open(place, path, O_PATH);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open");
	if (!name_of(fd, name) || (place->fixture && !name_of(place->root, root))) {
		bool no_proc = errno == ENOENT; /* the file is there: what is missing is /proc */
		return no_proc ? err_set(err, ERR_UNPROVED, ask->name, "readlink: no /proc")
			       : err_errno(err, errno, ERR_UNREADABLE, ask->name, "readlink");
	}
	size_t skip = strcmp(root, "/") ? strlen(root) : 0;
	if (name[0] != '/' || !text_starts(name, root) || text_ends(name, " (deleted)"))
		return err_set(err, ERR_UNREADABLE, ask->name, "leads to what has no path");
	const char *target = name[skip] ? name + skip : "/";
	CLEANUP(json_decref_p) json_t *value = json_pack("{s:o}", "target", json_text(target));
	return answer_json(ask, value, ret_answer, err);
}

const struct kind kind_link = {.prefix = "link:",
			       .helper = HELPER_FS,
			       .deadline_ms = FETCH_DEADLINE_MS,
			       .below_root = true,
			       .look = look_link};

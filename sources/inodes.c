/* inodes: which inodes the path of a source means now, so that a record of a change can be told from one of another
 * file that has the same name elsewhere (in a container, below another root). The rest of the name is the source's own:
 * inodes:file:/etc/hosts, inodes:tree:/etc/ssh; who may look at a source may ask for its inodes. For tree: the path may
 * be of anything below it.
 *
 * For each link at its end there is the way from where it leads, too. What is not there, or cannot be opened, is null.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/text.h"
#include "sources/fetch.h"
#include "sources/kind.h"

#define LINKS_MOST 8

static json_t *inode_json(const struct stat *status) {
	char dev[32];
	snprintf(dev, sizeof dev, "%02x:%02x", major(status->st_dev), minor(status->st_dev));
	return json_pack("[s,I]", dev, (json_int_t)status->st_ino);
}

/* A step from the folder that these first bytes of the path lead to. */
static void add_step(const struct place *place, const char *path, size_t len, const char *name, json_t *steps) {
	struct stat status;
	CLEANUP(free_ptr) char *folder = len ? xstrndup(path, len) : xstrdup("/");
	CLEANUP(free_ptr) char *entry = xstrndup(name, strcspn(name, "/"));
	CLEANUP(close_fd) int fd = place_open(place, folder, O_PATH | O_DIRECTORY);
	bool is_there = fd >= 0 && fstat(fd, &status) == 0;
	json_array_append_new(steps,
			      json_pack("[o,o]", is_there ? inode_json(&status) : json_null(), json_text(entry)));
}

/* What a link at the end of the path leads to. New text; NULL: it is none. */
static char *next_of(int fd, const char *path) {
	char text[PATH_MAX];
	ssize_t len = readlinkat(fd, "", text, sizeof text - 1);
	const char *slash = strrchr(path, '/');
	if (len <= 0)
		return NULL;
	text[len] = '\0';
	return *text == '/' ? xstrdup(text) : xasprintf("%.*s/%s", (int)(slash - path), path, text);
}

/* One way, to the end of the path itself. *ret_next: where a link there leads; NULL: nowhere. */
static json_t *way_json(const struct place *place, const char *path, char **ret_next) {
	struct stat status;
	json_t *steps = json_array(), *end = NULL;
	const char *name = path;
	*ret_next = NULL;
	for (const char *at = path; *at; at = name + strcspn(name, "/")) {
		name = at + strspn(at, "/");
		if (!*name)
			break;
		add_step(place, path, (size_t)(at - path), name, steps);
	}
	CLEANUP(close_fd) int fd = place_open(place, path, O_PATH | O_NOFOLLOW);
	if (fd >= 0 && fstat(fd, &status) == 0) {
		end = inode_json(&status);
		*ret_next = S_ISLNK(status.st_mode) ? next_of(fd, path) : NULL;
	}
	return json_pack("{s:o,s:o}", "steps", steps, "end", end ? end : json_null());
}

/* New text; NULL: no source of a path. */
static char *path_of(const char *source) {
	const char *colon = strchr(source, ':');
	if (!strcmp(source, "shadow:"))
		return xstrdup("/etc/shadow");
	if (!colon || colon[1] != '/')
		return NULL;
	char *path = xstrdup(colon + 1), *query = strrchr(path, '?');
	if (query && text_starts(source, "tree:") && (text_starts(query, "?perm=") || !strcmp(query, "?caps")))
		*query = '\0';
	return path;
}

static bool look_inodes(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(free_ptr) char *path = path_of(ask->rest);
	CLEANUP(json_decref_p) json_t *ways = json_array();
	if (!path)
		return err_set(err, ERR_UNPROVED, ask->name, "not the name of a source that is a path");
	for (unsigned i = 0; path && i <= LINKS_MOST; i++) {
		char *next;
		json_array_append_new(ways, way_json(ask->place, path, &next));
		free(path);
		path = next;
	}
	return answer_json(ask, ways, ret_answer, err);
}

const struct kind kind_inodes = {.prefix = "inodes:",
				 .is_volatile = true,
				 .below_root = true,
				 .helper = HELPER_FS,
				 .deadline_ms = FETCH_DEADLINE_MS,
				 .look = look_inodes};

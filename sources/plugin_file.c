#include "sources/plugin_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"

#define LINKS_MOST 40
#define TARGET_LONGEST 4096

const char *const plugin_folders[] = {VOUCH_SYSCONFDIR "/plugins.d", VOUCH_LIBDIR "/plugins.d", NULL};

/* A way that is gone along one name at a time. */
struct way {
	const char *where;
	uid_t owner;
	char *done; /* without links; "" is the root; owned */
	char *rest; /* owned */
	unsigned links;
};

static void way_done(struct way *way) {
	free(way->done);
	free(way->rest);
}

static bool is_roots_own(const struct way *way, const char *path, const struct stat *status, struct err *err) {
	if (status->st_uid != 0 && status->st_uid != way->owner)
		return err_set(err, ERR_DENIED, way->where, "not run: %s belongs to user %u, not to root", path,
			       status->st_uid);
	if (!S_ISLNK(status->st_mode) && (status->st_mode & 022))
		return err_set(err, ERR_DENIED, way->where, "not run: others than root may write %s: mode %04o", path,
			       status->st_mode & 07777);
	return true;
}

/* What the link leads to comes before what is left. */
static bool follow(struct way *way, const char *path, struct err *err) {
	char target[TARGET_LONGEST];
	ssize_t len = readlink(path, target, sizeof target - 1);
	if (len < 0)
		return err_errno(err, errno, ERR_UNREADABLE, way->where, "readlink");
	target[len] = '\0';
	if (++way->links > LINKS_MOST)
		return err_set(err, ERR_DENIED, way->where, "not run: %s leads through more than %d links", path,
			       LINKS_MOST);
	char *rest = xasprintf("%s/%s", target, way->rest);
	free(way->rest);
	way->rest = rest;
	if (target[0] == '/')
		way->done[0] = '\0';
	return true;
}

/* One name further. */
static bool step(struct way *way, const char *name, struct stat *status, struct err *err) {
	if (!strcmp(name, "..")) {
		char *slash = strrchr(way->done, '/');
		if (slash)
			*slash = '\0';
		return stat(*way->done ? way->done : "/", status) == 0 ||
		       err_errno(err, errno, ERR_UNREADABLE, way->where, "stat");
	}
	CLEANUP(free_ptr) char *path = xasprintf("%s/%s", way->done, name);
	if (lstat(path, status) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, way->where, path);
	if (!is_roots_own(way, path, status, err))
		return false;
	if (S_ISLNK(status->st_mode))
		return follow(way, path, err);
	free(way->done);
	way->done = path;
	path = NULL;
	return true;
}

static char *take_name(struct way *way) {
	char *name = way->rest + strspn(way->rest, "/");
	size_t len = strcspn(name, "/");
	char *taken = xstrndup(name, len);
	memmove(way->rest, name + len, strlen(name + len) + 1);
	return taken;
}

static bool walk(struct way *way, struct stat *status, struct err *err) {
	if (lstat("/", status) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, way->where, "/");
	if (!is_roots_own(way, "/", status, err))
		return false;
	while (way->rest[strspn(way->rest, "/")]) {
		CLEANUP(free_ptr) char *name = take_name(way);
		if (strcmp(name, ".") != 0 && !step(way, name, status, err))
			return false;
	}
	return true;
}

static bool resolve(const char *path, uid_t owner, const char *where, char **ret_path, struct err *err) {
	CLEANUP(way_done)
	struct way way = {.where = where, .owner = owner, .done = xstrdup(""), .rest = xstrdup(path)};
	struct stat status;
	if (!walk(&way, &status, err))
		return false;
	if (!S_ISREG(status.st_mode) || !(status.st_mode & 0111))
		return err_set(err, ERR_DENIED, where, "not run: %s is no program", way.done);
	*ret_path = way.done;
	way.done = NULL;
	return true;
}

bool plugin_file_find(const char *const *folders, const char *name, uid_t owner, const char *where, char **ret_path,
		      struct err *err) {
	for (const char *const *folder = folders; *folder; folder++) {
		CLEANUP(free_ptr) char *path = file_join(*folder, name);
		struct stat status;
		if (lstat(path, &status) == 0)
			return resolve(path, owner, where, ret_path, err);
		if (errno != ENOENT && errno != ENOTDIR)
			return err_errno(err, errno, ERR_UNREADABLE, where, path);
	}
	return err_set(err, ERR_ABSENT, where, "there is no plugin %s in %s%s%s", name, folders[0],
		       folders[0] && folders[1] ? " or " : "", folders[0] && folders[1] ? folders[1] : "");
}

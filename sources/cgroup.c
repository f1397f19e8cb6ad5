#include "sources/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/text.h"

#define DEEPEST 64

struct walk {
	const struct ask *ask;
	void (*use)(void *context, uint64_t id, const char *path);
	void *context;
	size_t count;
};

const char *cgroup_mount(void) {
	static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
		struct statfs status;
		if (statfs(mounts[i], &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC)
			return mounts[i];
	}
	return NULL;
}

static bool is_gone(int error) { return error == ENOENT || error == ENODEV; }

/* Takes the descriptor over. */
static bool walk_group(struct walk *walk, int fd, const char *path, unsigned depth, struct err *err) {
	struct stat status;
	CLEANUP(close_folder) DIR *dir = fdopendir(fd);
	if (!dir || fstat(fd, &status) != 0) {
		int error = errno;
		if (!dir)
			close(fd);
		return is_gone(error) || err_errno(err, error, ERR_UNREADABLE, walk->ask->name, "open control group");
	}
	if (walk->count++ == CGROUPS_MOST || depth == DEEPEST)
		return err_set(err, ERR_UNREADABLE, walk->ask->name, "more than %d control groups, or deeper than %d",
			       CGROUPS_MOST, DEEPEST);
	if (!ask_in_time(walk->ask, err))
		return false;
	walk->use(walk->context, status.st_ino, path);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		CLEANUP(free_ptr) char *below = xasprintf("%s/%s", strcmp(path, "/") ? path : "", entry->d_name);
		int child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0 && !is_gone(errno))
			return err_errno(err, errno, ERR_UNREADABLE, walk->ask->name, "open control group");
		if (child >= 0 && !walk_group(walk, child, below, depth + 1, err))
			return false;
	}
	return true;
}

bool cgroup_walk(const struct ask *ask, void (*use)(void *context, uint64_t id, const char *path), void *context,
		 struct err *err) {
	struct walk walk = {.ask = ask, .use = use, .context = context};
	const char *mount = cgroup_mount();
	int fd = mount ? open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (mount && fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open control groups");
	return !mount || walk_group(&walk, fd, "/", 0, err);
}

/* Of the kinds of units that have processes. */
static bool is_unit(const char *name) {
	static const char *const endings[] = {".service", ".scope", ".socket", ".mount", ".swap"};
	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		if (text_ends(name, endings[i]))
			return true;
	return false;
}

char *cgroup_unit(const char *path) {
	while (*path == '/') {
		path++;
		size_t len = strcspn(path, "/");
		CLEANUP(free_ptr) char *part = xstrndup(path, len);
		/* A leading underscore only keeps a name from being taken for a file of the kernel's. */
		const char *name = part + (part[0] == '_');
		if (is_unit(name))
			return xstrdup(name);
		if (!text_ends(name, ".slice"))
			return NULL;
		path += len;
	}
	return NULL;
}

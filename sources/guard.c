#include "sources/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sources/place.h"

#define PROCFS_ROOT 1    /* the inode number of procfs' root */
#define LINKS_MOST 40    /* as in the kernel */
#define FOLDERS_MOST 128 /* on the way to a file: sysfs has a dozen */
#define SHARED (S_IWGRP | S_IWOTH)

/* A folder on the way, all of whose own way lies in those before it. */
struct folder_on_way {
	int fd;
	uid_t owner;     /* of it, or where that is root of the nearest folder above that is not root's; 0: all are */
	bool is_settled; /* nobody but root can exchange what lies on the way to what is in it */
	bool is_shared;  /* others may put things into it */
	size_t path_len; /* of its path, without a slash behind it */
};

struct walk {
	struct folder_on_way folders[FOLDERS_MOST];
	size_t depth;        /* folders; never 0 once begun */
	char path[PATH_MAX]; /* walked so far, without links */
	char rest[PATH_MAX]; /* still to walk */
	unsigned links;
	int file;        /* the end of the way where that is no folder, else -1 */
	const char *why; /* the rule that was broken; NULL: none */
};

static void walk_done(struct walk *walk) {
	while (walk->depth > 0)
		close(walk->folders[--walk->depth].fd);
	close_fd(&walk->file);
}

static bool fail(int error) {
	errno = error;
	return false;
}

static bool refuse(struct walk *walk, const char *why) {
	walk->why = why;
	return fail(EPERM);
}

static struct folder_on_way *top(struct walk *walk) { return &walk->folders[walk->depth - 1]; }

/* Takes fd over, also where it fails. */
static bool enter(struct walk *walk, int fd, const struct stat *status) {
	const struct folder_on_way *above = walk->depth ? top(walk) : NULL;
	/* A group of root's own is root's. */
	bool is_shared = status->st_mode & (status->st_gid == 0 ? S_IWOTH : SHARED);
	if (walk->depth == FOLDERS_MOST) {
		close(fd);
		return fail(ENAMETOOLONG);
	}
	walk->folders[walk->depth++] = (struct folder_on_way){
		.fd = fd,
		.owner = status->st_uid || !above ? status->st_uid : above->owner,
		.is_settled = (!above || above->is_settled) && status->st_uid == 0 &&
			      (!is_shared || (status->st_mode & S_ISVTX)),
		.is_shared = is_shared,
		.path_len = strlen(walk->path),
	};
	return true;
}

static bool enter_root(struct walk *walk) {
	struct stat status;
	walk->path[0] = '\0';
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0)
		return enter(walk, fd, &status);
	close(fd);
	return false;
}

static void leave(struct walk *walk) {
	if (walk->depth > 1)
		close(walk->folders[--walk->depth].fd);
	walk->path[top(walk)->path_len] = '\0';
}

/* The next name of what is still to walk, NULL at its end. *ret_is_last: nothing but slashes is behind it. */
static bool next_name(struct walk *walk, char name[NAME_MAX + 1], bool *ret_is_last) {
	const char *at = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(at, "/");
	if (len > NAME_MAX)
		return fail(ENAMETOOLONG);
	memcpy(name, at, len);
	name[len] = '\0';
	at += len;
	*ret_is_last = !at[strspn(at, "/")];
	memmove(walk->rest, at, strlen(at) + 1);
	return true;
}

/* procfs has links that lead by no path: to open files, programs, other roots. They are in the folders of processes; in
 * its own root are only those that are text (self, net, mounts). */
static bool is_magic(const struct walk *walk, int link) {
	struct statfs type;
	struct stat folder;
	if (fstatfs(link, &type) != 0)
		return true;
	return type.f_type == PROC_SUPER_MAGIC &&
	       (fstat(walk->folders[walk->depth - 1].fd, &folder) != 0 || folder.st_ino != PROCFS_ROOT);
}

/* Puts a link's text before what is still to walk. Where others may put things into its folder (/tmp), root's link may
 * be a second name that somebody gave to one from elsewhere. */
static bool follow(struct walk *walk, int link, const struct stat *status) {
	char text[PATH_MAX];
	const struct folder_on_way *folder = top(walk);
	if (status->st_uid != 0 || !folder->is_settled || (folder->is_shared && status->st_nlink > 1))
		return refuse(walk, "others than root may have made the link in it");
	if (is_magic(walk, link))
		return refuse(walk, "the link in it leads by no path");
	if (++walk->links > LINKS_MOST)
		return fail(ELOOP);
	ssize_t len = readlinkat(link, "", text, sizeof text);
	if (len <= 0)
		return len < 0 ? false : fail(ENOENT);
	size_t behind = strlen(walk->rest);
	if ((size_t)len + behind >= sizeof walk->rest)
		return fail(ENAMETOOLONG);
	memmove(walk->rest + len, walk->rest, behind + 1);
	memcpy(walk->rest, text, (size_t)len);
	if (text[0] != '/')
		return true;
	while (walk->depth > 0)
		close(walk->folders[--walk->depth].fd);
	return enter_root(walk);
}

/* A step into what may be a mount that is made on demand has to ask for a folder. */
static int open_step(struct walk *walk, const char *name, bool wants_folder) {
	int fd = wants_folder ? openat(top(walk)->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | O_DIRECTORY) : -1;
	if (fd < 0 && (!wants_folder || errno == ENOTDIR))
		fd = openat(top(walk)->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

static bool step(struct walk *walk, const char *name, bool is_last, int flags) {
	struct stat status;
	CLEANUP(close_fd) int fd = open_step(walk, name, !is_last || flags & O_DIRECTORY);
	if (fd < 0 || fstat(fd, &status) != 0)
		return false;
	if (place_is_hidden(&status))
		return refuse(walk, "systemd hides from this unit what is in it");
	if (S_ISLNK(status.st_mode) && !(is_last && flags & O_NOFOLLOW))
		return follow(walk, fd, &status);
	size_t len = strlen(walk->path);
	if (len + 1 + strlen(name) >= sizeof walk->path)
		return fail(ENAMETOOLONG);
	snprintf(walk->path + len, sizeof walk->path - len, "/%s", name);
	int taken = fd;
	fd = -1;
	if (S_ISDIR(status.st_mode))
		return enter(walk, taken, &status);
	walk->file = taken;
	return is_last || fail(ENOTDIR);
}

static bool walk_to_end(struct walk *walk, int flags) {
	char name[NAME_MAX + 1];
	bool is_last;
	if (!enter_root(walk))
		return false;
	while (walk->rest[0]) {
		if (!next_name(walk, name, &is_last))
			return false;
		if (!strcmp(name, ".."))
			leave(walk);
		else if (*name && strcmp(name, ".") != 0 && !step(walk, name, is_last, flags))
			return false;
	}
	return true;
}

/* Nobody gives names to files of procfs; below a process's folder lie root's (net/ip_tables_names). */
static bool is_of_procfs(int fd) {
	struct statfs type;
	return fstatfs(fd, &type) == 0 && type.f_type == PROC_SUPER_MAGIC;
}

/* Whether what the way led to may be opened for its bytes. */
static bool may_be_read(struct walk *walk, int end, const struct stat *status) {
	const struct folder_on_way *folder = top(walk);
	if (S_ISLNK(status->st_mode))
		return fail(ELOOP); /* O_NOFOLLOW */
	if (S_ISDIR(status->st_mode))
		return true;
	if (!S_ISREG(status->st_mode))
		return refuse(walk, "neither a file nor a folder");
	bool is_anybodys = folder->owner ? status->st_uid != folder->owner : folder->is_shared;
	if (!is_anybodys || is_of_procfs(end))
		return true;
	if (status->st_nlink > 1)
		return refuse(walk, "a second name of somebody else's file");
	/* The first name may be gone by now: a file that was replaced lives on under the second. */
	return !folder->owner || status->st_mode & S_IROTH ||
	       refuse(walk, "somebody else's file that not everybody may read");
}

/* The open file itself, by its descriptor: whatever lies under its name by now. */
static int reopen(int fd, int flags) {
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int opened = open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (opened < 0 && (errno == ENOENT || errno == ENOTDIR))
		errno = EIO; /* it is there: what is missing is /proc */
	return opened;
}

/* What the way has led to, opened; -1 and errno. */
static int open_end(const struct guard *guard, struct walk *walk, int flags) {
	struct stat status;
	int end = walk->file >= 0 ? walk->file : top(walk)->fd;
	if (walk->links > 0 && !guard->may_lead(guard->context, guard->name, walk->path[0] ? walk->path : "/")) {
		refuse(walk, "no target of links that is listed");
		return -1;
	}
	if (fstat(end, &status) != 0)
		return -1;
	if (flags & O_DIRECTORY && !S_ISDIR(status.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	if (flags & O_PATH)
		return fcntl(end, F_DUPFD_CLOEXEC, 3);
	return may_be_read(walk, end, &status) ? reopen(end, flags) : -1;
}

int guard_open(const struct guard *guard, const char *path, int flags) {
	CLEANUP(walk_done) struct walk walk = {.file = -1};
	if (path[0] != '/' || (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) != O_RDONLY) {
		errno = EINVAL;
		return -1;
	}
	if (strlen(path) >= sizeof walk.rest) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(walk.rest, path, strlen(path) + 1);
	int fd = walk_to_end(&walk, flags) ? open_end(guard, &walk, flags) : -1;
	if (walk.why && guard->refused) {
		guard->refused(guard->context, guard->name, walk.path[0] ? walk.path : "/", walk.why);
		errno = EPERM;
	}
	return fd;
}

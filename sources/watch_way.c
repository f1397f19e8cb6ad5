/* watch: adds watches to the inotify instance that comes with the request, so that whoever may look at a source is told
 * when it may have become another. The rest of the name is the source's own: watch:file:/etc/hosts, watch:dir:/etc/apt,
 * watch:stat:, watch:link:, watch:tree: and watch:shadow:.
 *
 * What is watched is never the file but every folder on the way to it, from / on, through every symbolic link: then
 * it does not matter whether a file is written in place, replaced by another, removed, or whether a folder above it is
 * moved away. Where the way ends early, the last folder that is there waits for the next. The answer:
 *
 *   {"entries":[[wd,"etc"],...],"folders":[wd,...],"contents":bool,"gap"?:"..."}
 *
 * entries: in that folder this name counts (null: any); folders: every name in it counts, with contents also what is
 * written into them. gap: what of the way cannot be watched, and why.
 *
 * Who asks through a helper hears of no name that he could not list: in a folder that not everybody may list, and whose
 * dir: or tree: is not listed either, the entry itself is watched, as long as it is there.
 *
 * What a process writes into a file that it keeps open is told at once only below the folders where software and
 * configuration live; elsewhere (logs) when it is closed. procfs and sysfs tell nobody anything: the way ends there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/text.h"
#include "sources/fetch.h"
#include "sources/folder.h"
#include "sources/guard.h"

#define LINKS_MOST 40 /* as in the kernel */
#define STEPS_MOST 256
#define TREE_FOLDERS_MOST 64
#define TRIES 3

#define ENTRIES                                                                                                        \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK | IN_MASK_ADD)

struct step {
	char *folder, *entry; /* this name is looked up in this folder (a path without links) */
};

struct way {
	struct step steps[STEPS_MOST];
	size_t count;
	char *end;   /* where it leads, without links; NULL: nowhere */
	char *miss;  /* then: where it would, as far as that is known */
	mode_t mode; /* of the end */
	char *gap;   /* NULL: none */
};

/* What is wanted of a source's name. */
struct wish {
	const char *path;
	bool follows; /* a link at the end */
	bool holds;   /* what is written into the end */
	bool lists;   /* the end's own entries, where it is a folder */
	bool is_tree;
};

struct watching {
	const struct ask *ask;
	const struct wish *wish;
	json_t *entries, *folders;
	char *gap; /* the first one; NULL: none */
};

static void way_done(struct way *way) {
	for (size_t i = 0; i < way->count; i++) {
		free(way->steps[i].folder);
		free(way->steps[i].entry);
	}
	free(way->end);
	free(way->miss);
	free(way->gap);
	*way = (struct way){0};
}

static void say_gap(char **gap, const char *path, const char *what) {
	if (!*gap)
		*gap = xasprintf("%s: %s", path, what);
}

static void say_gap_errno(char **gap, const char *path, int error) {
	if (!*gap)
		*gap = xasprintf("%s: %s (%s)", path, strerrorname_np(error), strerrordesc_np(error));
}

static bool same_text(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

static bool way_equal(const struct way *a, const struct way *b) {
	if (a->count != b->count || !same_text(a->end, b->end))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_text(a->steps[i].folder, b->steps[i].folder) ||
		    !same_text(a->steps[i].entry, b->steps[i].entry))
			return false;
	return true;
}

static char *join(const char *folder, const char *name) {
	return xasprintf("%s/%s", strcmp(folder, "/") ? folder : "", name);
}

/* The folder above, in place. */
static void leave(char *path) {
	char *slash = strrchr(path, '/');
	slash[slash == path] = '\0';
}

/* These file systems have no one who would tell. */
static bool is_silent(int fd) {
	struct statfs type;
	return fstatfs(fd, &type) == 0 && (type.f_type == PROC_SUPER_MAGIC || type.f_type == SYSFS_MAGIC);
}

/* A link's text goes before what is still to walk. False and errno. */
static bool follow(int link, char **at, char **rest) {
	char text[PATH_MAX];
	ssize_t len = readlinkat(link, "", text, sizeof text - 1);
	if (len <= 0 || (size_t)len + strlen(*rest) >= PATH_MAX)
		return false;
	text[len] = '\0';
	char *longer = xasprintf("%s/%s", text, *rest);
	free(*rest);
	*rest = longer;
	if (text[0] == '/') {
		free(*at);
		*at = xstrdup("/");
	}
	return true;
}

/* How the walk goes: links are followed only where whoever asks may be led by them. */
struct walking {
	const struct place *place;
	bool follows_links, follows_last;
	unsigned links;
	char *at, *rest; /* a path without links, and what is still to walk from there */
};

static void walking_done(struct walking *walking) {
	free(walking->at);
	free(walking->rest);
}

/* Into entry, which is what `rest` comes after. False: the way ends here. */
static bool walk_step(struct walking *walking, const char *entry, struct way *way) {
	struct stat status;
	CLEANUP(free_ptr) char *next = join(walking->at, entry);
	bool is_last = !walking->rest[strspn(walking->rest, "/")];
	CLEANUP(close_fd) int fd = place_open(walking->place, next, O_PATH | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &status) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			say_gap_errno(&way->gap, next, errno);
		return false;
	}
	if (S_ISLNK(status.st_mode) && (!is_last || walking->follows_last)) {
		bool may = walking->follows_links && (!walking->place->guard || status.st_uid == 0);
		if (!may)
			say_gap(&way->gap, next, "a link that may not be followed");
		return may && ++walking->links <= LINKS_MOST && follow(fd, &walking->at, &walking->rest);
	}
	if (is_silent(fd) || (!is_last && !S_ISDIR(status.st_mode)))
		return false;
	free(walking->at);
	walking->at = next;
	next = NULL;
	way->mode = status.st_mode;
	return true;
}

static void walk(const struct place *place, const struct wish *wish, bool follows_links, struct way *ret_way) {
	CLEANUP(walking_done)
	struct walking walking = {.place = place,
				  .follows_links = follows_links,
				  .follows_last = wish->follows,
				  .at = xstrdup("/"),
				  .rest = xstrdup(wish->path)};
	*ret_way = (struct way){.mode = S_IFDIR};
	for (;;) {
		char *from = walking.rest + strspn(walking.rest, "/");
		size_t len = strcspn(from, "/");
		if (len == 0)
			break;
		CLEANUP(free_ptr) char *entry = xstrndup(from, len);
		memmove(walking.rest, from + len, strlen(from + len) + 1);
		if (!strcmp(entry, "."))
			continue;
		if (!strcmp(entry, "..")) {
			leave(walking.at);
			continue;
		}
		if (ret_way->count == STEPS_MOST) {
			say_gap(&ret_way->gap, wish->path, "too many folders on the way");
			return;
		}
		ret_way->steps[ret_way->count++] =
			(struct step){.folder = xstrdup(walking.at), .entry = xstrdup(entry)};
		if (!walk_step(&walking, entry, ret_way)) {
			CLEANUP(free_ptr) char *next = join(walking.at, entry);
			ret_way->miss = xasprintf("%s%s", next, walking.rest);
			return;
		}
	}
	ret_way->end = xstrdup(walking.at);
}

/* Links lead whoever asks only where he could open what is at their end, or could if it were there. */
static bool may_follow_links(const struct ask *ask, const struct wish *wish) {
	const struct guard *guard = ask->place->guard;
	CLEANUP(way_done) struct way way = {0};
	if (!guard)
		return true;
	CLEANUP(close_fd) int fd = place_open(ask->place, wish->path, O_PATH | (wish->follows ? 0 : O_NOFOLLOW));
	if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR))
		return fd >= 0;
	walk(ask->place, wish, true, &way);
	if (!way.miss || !strcmp(way.miss, wish->path))
		return true;
	return !strstr(way.miss, "/..") && guard->may_lead(guard->context, guard->name, way.miss);
}

/* What is below these is written by whoever installs or configures, not all day long. */
static bool is_quiet(const char *path) {
	static const char *const quiet[] = {"/etc", "/usr", "/boot", "/opt"};
	for (size_t i = 0; i < ARRAY_LEN(quiet); i++)
		if (text_starts(path, quiet[i]) && (!path[strlen(quiet[i])] || path[strlen(quiet[i])] == '/'))
			return true;
	return false;
}

/* Whether every user could list it. */
static bool is_everybodys(const struct place *place, const char *folder) {
	CLEANUP(free_ptr) char *path = xstrdup(folder);
	for (mode_t wanted = S_IROTH;; wanted = S_IXOTH) {
		struct stat status;
		if (!place_stat(place, path, &status) || !(status.st_mode & wanted))
			return false;
		if (!path[1])
			return true;
		leave(path);
	}
}

/* Whether whoever asks may be told the names that come and go in a folder: what a listed name may lead to by links is
 * what may be asked for under its own name. */
static bool may_hear_names(const struct ask *ask, const char *folder) {
	const struct guard *guard = ask->place->guard;
	return !guard || is_everybodys(ask->place, folder) || guard->may_lead(guard->context, "dir:", folder) ||
	       guard->may_lead(guard->context, "tree:", folder);
}

/* What is written into path, or into what is in it. */
static uint32_t written(const char *path, bool contents) {
	return (contents ? IN_CLOSE_WRITE : 0) | (contents && is_quiet(path) ? IN_MODIFY : 0);
}

/* The watch descriptor, -1 with a gap. */
static int add(struct watching *watching, int fd, const char *path, uint32_t mask) {
	char proc[64];
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	int wd = inotify_add_watch(watching->ask->sent, proc, mask);
	if (wd < 0 && errno == ENOSPC)
		say_gap(&watching->gap, path, "no watch left to this user (fs.inotify.max_user_watches)");
	else if (wd < 0)
		say_gap_errno(&watching->gap, path, errno);
	return wd;
}

/* The entry alone: of a folder it would be told what happens to those in it, by name. */
static void add_entry(struct watching *watching, const struct step *step, bool contents) {
	struct stat status;
	CLEANUP(free_ptr) char *path = join(step->folder, step->entry);
	CLEANUP(close_fd) int fd = place_open(watching->ask->place, path, O_PATH | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &status) != 0) {
		say_gap(&watching->gap, path,
			"nobody tells when it is made, in a folder that is not everybody's to list");
		return;
	}
	uint32_t mask = IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_ADD;
	if (!S_ISDIR(status.st_mode))
		mask |= IN_ATTRIB | written(step->folder, contents);
	int wd = add(watching, fd, path, mask);
	if (wd >= 0)
		json_array_append_new(watching->entries, json_pack("[i,n]", wd));
}

static void add_steps(struct watching *watching, const struct way *way) {
	for (size_t i = 0; i < way->count; i++) {
		const struct step *step = &way->steps[i];
		bool contents = watching->wish->holds && i + 1 == way->count;
		if (!may_hear_names(watching->ask, step->folder)) {
			add_entry(watching, step, contents);
			continue;
		}
		CLEANUP(close_fd)
		int fd = place_open(watching->ask->place, step->folder, O_PATH | O_DIRECTORY | O_NOFOLLOW);
		if (fd < 0)
			continue; /* just gone: the second look at the way finds that out */
		int wd = add(watching, fd, step->folder, ENTRIES | written(step->folder, contents));
		json_t *entry = json_string(step->entry); /* NULL where that is not UTF-8 */
		if (wd >= 0)
			json_array_append_new(watching->entries, json_pack("[i,o]", wd, entry ? entry : json_null()));
		else
			json_decref(entry);
	}
	if (way->gap)
		say_gap(&watching->gap, way->gap, "not watched");
}

/* A folder whose every entry counts, and for a tree those below it. fd is taken over. */
static void add_folder(struct watching *watching, int fd, const char *path, dev_t device) {
	CLEANUP(close_fd) int folder = fd;
	CLEANUP(folder_done) struct folder list = {0};
	struct err err;
	struct stat status;
	bool contents = watching->wish->is_tree && is_quiet(path);
	if (fstat(folder, &status) != 0 || status.st_dev != device)
		return;
	if (json_array_size(watching->folders) == TREE_FOLDERS_MOST) {
		say_gap(&watching->gap, path, "a tree of too many folders");
		return;
	}
	int wd = add(watching, folder, path, ENTRIES | written(path, contents));
	if (wd < 0)
		return;
	json_array_append_new(watching->folders, json_integer(wd));
	CLEANUP(close_fd) int open = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!watching->wish->is_tree || open < 0 || !folder_read(watching->ask, open, path, &list, &err))
		return;
	for (size_t i = 0; i < list.count; i++) {
		if (strcmp(list.entries[i].type, "dir") != 0)
			continue;
		CLEANUP(free_ptr) char *below = join(path, list.entries[i].name);
		int next = openat(folder, list.entries[i].name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next >= 0)
			add_folder(watching, next, below, device);
	}
}

static void add_end(struct watching *watching, const struct way *way) {
	struct stat status;
	if (!way->end || !S_ISDIR(way->mode) || !watching->wish->lists)
		return;
	/* Who may look at a folder's metadata may not yet list it. */
	if (watching->wish->holds && !may_hear_names(watching->ask, way->end)) {
		say_gap(&watching->gap, way->end, "what is in it is not everybody's to list");
		return;
	}
	int fd = place_open(watching->ask->place, way->end, O_PATH | O_DIRECTORY | O_NOFOLLOW);
	if (fd >= 0 && fstat(fd, &status) == 0)
		add_folder(watching, fd, way->end, status.st_dev);
	else
		close_fd(&fd);
}

static void begin(struct watching *watching) {
	json_decref(watching->entries);
	json_decref(watching->folders);
	watching->entries = json_array();
	watching->folders = json_array();
	free(watching->gap);
	watching->gap = NULL;
}

static void watching_done(struct watching *watching) {
	json_decref(watching->entries);
	json_decref(watching->folders);
	free(watching->gap);
}

/* The way is walked again once the watches are set: what changed before lies on it, what changes later is told. */
static void add_all(struct watching *watching) {
	const struct ask *ask = watching->ask;
	bool follows = may_follow_links(ask, watching->wish);
	bool is_same = false;
	for (unsigned i = 0; i < TRIES && !is_same; i++) {
		CLEANUP(way_done) struct way before = {0};
		CLEANUP(way_done) struct way after = {0};
		begin(watching);
		walk(ask->place, watching->wish, follows, &before);
		add_steps(watching, &before);
		add_end(watching, &before);
		walk(ask->place, watching->wish, follows, &after);
		is_same = way_equal(&before, &after);
	}
	if (!is_same)
		say_gap(&watching->gap, watching->wish->path, "the way to it changes all the time");
}

static bool wish_of(const char *name, struct wish *ret_wish) {
	static const struct {
		const char *prefix;
		struct wish wish;
	} wishes[] = {
		{"file:", {.follows = true, .holds = true}},
		{"dir:", {.follows = true, .lists = true}},
		{"stat:", {.holds = true, .lists = true}},
		{"link:", {.follows = true}},
		{"tree:", {.follows = true, .lists = true, .is_tree = true}},
	};
	if (!strcmp(name, "shadow:")) {
		*ret_wish = (struct wish){.path = "/etc/shadow", .follows = true, .holds = true};
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
		if (text_starts(name, wishes[i].prefix)) {
			*ret_wish = wishes[i].wish;
			ret_wish->path = name + strlen(wishes[i].prefix);
			return ret_wish->path[0] == '/';
		}
	return false;
}

static bool is_inotify(int fd) {
	char proc[64], name[64];
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(proc, name, sizeof name - 1);
	if (len < 0)
		return false;
	name[len] = '\0';
	return !strcmp(name, "anon_inode:inotify");
}

static bool look_watch(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	struct wish wish;
	CLEANUP(watching_done) struct watching watching = {.ask = ask, .wish = &wish};
	if (!wish_of(ask->rest, &wish))
		return err_set(err, ERR_UNREADABLE, ask->name, "not a source that can be watched by its path");
	if (!is_inotify(ask->sent)) {
		errno = EINVAL;
		return err_set(err, ERR_DENIED, ask->name, "the descriptor is not an inotify instance");
	}
	add_all(&watching);
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:O,s:O,s:b}", "entries", watching.entries, "folders", watching.folders, "contents",
				  wish.is_tree);
	if (watching.gap)
		json_object_set_new(value, "gap", json_text(watching.gap));
	return answer_json(ask, value, ret_answer, err);
}

const struct kind kind_watch = {.prefix = "watch:",
				.helper = HELPER_FS,
				.deadline_ms = FETCH_DEADLINE_MS,
				.takes_descriptor = true,
				.look = look_watch};

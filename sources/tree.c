/* tree: everything below a folder, by whole path, not crossing file systems, links not followed. The folder itself is
 * not an entry; a mount point below it is, and what is mounted there is not. One folder that cannot be read fails the
 * whole: half a tree would hide what the other half holds, and so does what systemd hides from a unit (but for vouch's
 * own keys, which are left out). An entry that vanishes while the walk goes on is not there.
 * "?perm=6000" keeps only entries (no links) that have one of these mode bits, "?caps" only files with capabilities. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/text.h"
#include "sources/attributes.h"
#include "sources/fetch.h"
#include "sources/fixture.h"
#include "sources/folder.h"

#define TREE_DEEPEST 100
#define TREE_DEADLINE_MS 60000
#define ENTRY_OVERHEAD 90 /* bytes of canonical JSON beside the path, about */
#define ACL_OVERHEAD 20   /* for each who is named in an access list */
#define CAPS_OVERHEAD 10

struct found {
	char *path;
	struct stat status;
	json_t *attributes; /* owned; NULL: none */
};

struct walk {
	const struct ask *ask;
	mode_t bits;    /* 0: whatever their bits */
	bool only_caps; /* only files with capabilities */
	dev_t device;
	struct found *found;
	size_t count, room, bytes;
};

static void walk_done(struct walk *walk) {
	for (size_t i = 0; i < walk->count; i++) {
		free(walk->found[i].path);
		json_decref(walk->found[i].attributes);
	}
	free(walk->found);
}

/* False, and errno: 0 where it is not asked for. */
static bool is_wanted(const struct walk *walk, int parent, const char *name, const char *path, mode_t mode) {
	errno = 0;
	if (walk->only_caps)
		return attributes_has_caps(walk->ask->place, parent, name, path, mode);
	return !walk->bits || (!S_ISLNK(mode) && (mode & walk->bits));
}

/* Bytes of canonical JSON, about. */
static size_t room_of(const json_t *attributes) {
	const json_t *caps = json_object_get(attributes, "caps");
	return (json_array_size(json_object_get(attributes, "acl")) +
		json_array_size(json_object_get(attributes, "default_acl"))) *
		       ACL_OVERHEAD +
	       json_string_length(caps) + (caps ? CAPS_OVERHEAD : 0);
}

/* Where mode bits are asked for, attributes say nothing of them, and would cost a look-up each. */
static bool keep(struct walk *walk, int parent, const char *name, const char *path, const struct stat *status,
		 struct err *err) {
	json_t *attributes = NULL;
	if (!is_wanted(walk, parent, name, path, status->st_mode))
		return errno == 0 || err_errno(err, errno, ERR_UNREADABLE, walk->ask->name, "read attributes below");
	if (!walk->bits && !attributes_read(walk->ask->place, parent, name, path, status->st_mode, &attributes))
		return err_errno(err, errno, ERR_UNREADABLE, walk->ask->name, "read attributes below");
	if (walk->count == walk->room) {
		walk->room = walk->room ? walk->room * 2 : 64;
		walk->found = xreallocarray(walk->found, walk->room, sizeof *walk->found);
	}
	walk->found[walk->count++] = (struct found){.path = xstrdup(path), .status = *status, .attributes = attributes};
	walk->bytes += strlen(path) + ENTRY_OVERHEAD + room_of(attributes);
	if (walk->bytes > SOURCE_LARGEST)
		return err_set(err, ERR_UNREADABLE, walk->ask->name, "over the cap of %u bytes", SOURCE_LARGEST);
	return true;
}

static bool walk_folder(struct walk *walk, int fd, const char *path, unsigned depth, struct err *err);

/* Into an entry that is a folder. */
static bool descend(struct walk *walk, int parent, const char *name, const char *path, unsigned depth,
		    struct err *err) {
	const struct ask *ask = walk->ask;
	if (ask->place->fixture && !fixture_permits(ask->place->fixture, ask->name, path, err))
		return false;
	if (depth == TREE_DEEPEST)
		return err_set(err, ERR_UNREADABLE, ask->name, "deeper than %d folders", TREE_DEEPEST);
	CLEANUP(close_fd)
	int fd = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && parent >= 0 && errno != ENOENT) {
		int error = errno;
		err_errno(err, error, ERR_UNREADABLE, ask->name, "open below");
		return err_set(err, err->code == ERR_ABSENT ? ERR_UNREADABLE : err->code, ask->name, "open %s: %s (%s)",
			       path, strerrorname_np(error), strerrordesc_np(error));
	}
	if (fd < 0 && !ask->place->fixture)
		return true;
	return walk_folder(walk, fd, path, depth + 1, err);
}

/* What vouch hides from its own helpers: its keys. Those folders are left out of a tree, and only they. */
static bool is_own(const char *path) {
	static const char *const own[] = {VOUCH_STATEDIR, VOUCH_STATEDIR "-sealer", "/run/credentials"};
	return text_is_one_of(path, own, ARRAY_LEN(own));
}

static bool visit(struct walk *walk, int parent, const char *name, const char *path, unsigned depth, struct err *err) {
	struct stat status;
	if (!place_stat_at(walk->ask->place, parent, name, path, &status))
		return errno == ENOENT ? true : err_errno(err, errno, ERR_UNREADABLE, walk->ask->name, "stat below");
	if (!walk->ask->place->fixture && place_is_hidden(&status))
		return is_own(path) ||
		       err_set(err, ERR_DENIED, walk->ask->name, "systemd hides %s from this unit", path);
	if (!keep(walk, parent, name, path, &status, err))
		return false;
	bool is_same_device = walk->ask->place->fixture || status.st_dev == walk->device;
	return !S_ISDIR(status.st_mode) || !is_same_device || descend(walk, parent, name, path, depth, err);
}

static bool walk_folder(struct walk *walk, int fd, const char *path, unsigned depth, struct err *err) {
	CLEANUP(folder_done) struct folder folder = {0};
	if (!ask_in_time(walk->ask, err) || !folder_read(walk->ask, fd, path, &folder, err))
		return false;
	for (size_t i = 0; i < folder.count; i++) {
		const char *name = folder.entries[i].name;
		CLEANUP(free_ptr) char *whole = xasprintf("%s/%s", strcmp(path, "/") ? path : "", name);
		if (!visit(walk, fd, name, whole, depth, err))
			return false;
	}
	return true;
}

static int by_path(const void *a, const void *b) {
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static json_t *found_json(const struct found *found) {
	char mode[MODE_TEXT];
	const struct stat *status = &found->status;
	json_t *value = json_pack("{s:o,s:s,s:s,s:I,s:I,s:I,s:I}", "path", json_text(found->path), "type",
				  mode_type_name(status->st_mode), "mode", mode_text(status->st_mode, mode), "uid",
				  (json_int_t)status->st_uid, "gid", (json_int_t)status->st_gid, "size",
				  (json_int_t)status->st_size, "mtime", (json_int_t)status->st_mtime);
	if (found->attributes)
		json_object_update(value, found->attributes);
	return value;
}

/* "PATH", "PATH?perm=BITS" or "PATH?caps"; *ret_path is the caller's. */
static bool split(struct walk *walk, char **ret_path, struct err *err) {
	const struct ask *ask = walk->ask;
	unsigned bits = 0;
	const char *question = strrchr(ask->rest, '?');
	walk->only_caps = question && !strcmp(question, "?caps");
	if (question && !walk->only_caps &&
	    (!text_starts(question, "?perm=") || !text_to_mode(question + 6, &bits) || !bits))
		return err_set(err, ERR_UNREADABLE, ask->name, "not PATH, PATH?perm=OCTAL or PATH?caps");
	size_t len = question ? (size_t)(question - ask->rest) : strlen(ask->rest);
	while (len > 1 && ask->rest[len - 1] == '/')
		len--;
	*ret_path = xstrndup(ask->rest, len);
	walk->bits = bits;
	return true;
}

static bool look_tree(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(free_ptr) char *path = NULL;
	CLEANUP(walk_done) struct walk walk = {.ask = ask};
	CLEANUP(close_fd) int fd = -1;
	struct stat status = {0};
	if (!split(&walk, &path, err))
		return false;
	if (ask->place->fixture && !fixture_permits(ask->place->fixture, ask->name, path, err))
		return false;
	if (!folder_open(ask, path, &fd, err))
		return false;
	if (fd >= 0 && fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "fstat");
	walk.device = status.st_dev;
	if (!walk_folder(&walk, fd, path, 0, err))
		return false;
	if (walk.count > 0)
		qsort(walk.found, walk.count, sizeof *walk.found, by_path);
	CLEANUP(json_decref_p) json_t *list = json_array();
	for (size_t i = 0; i < walk.count; i++)
		json_array_append_new(list, found_json(&walk.found[i]));
	return answer_json(ask, list, ret_answer, err);
}

/* Logs are written to. */
static const char *const volatile_names[] = {"tree:/var/log*", NULL};

const struct kind kind_tree = {.volatile_names = volatile_names,
			       .prefix = "tree:",
			       .helper = HELPER_FS,
			       .is_slow = true,
			       .deadline_ms = TREE_DEADLINE_MS,
			       .below_root = true,
			       .look = look_tree};

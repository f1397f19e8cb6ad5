/* How full each file system is, in blocks and in inodes. */
#include "core/check.h"
#include "core/mounts.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"targets", VALUE_STRINGS, false,
	 "Mount points to look at (default: / and every writable file system on disks)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "Where it is mounted."},
	{.name = "type", .type = VALUE_STRING, .about = "Its type."},
	{.name = "used_percent",
	 .type = VALUE_INT,
	 .about = "Blocks in use of those that programs without privilege may have, rounded up, as df says it.",
	 .is_volatile = true},
	{.name = "inodes_percent",
	 .type = VALUE_INT,
	 .about = "Inodes in use, rounded up; not there where the file system has no fixed number.",
	 .is_volatile = true},
	{.name = "available",
	 .type = VALUE_SIZE,
	 .unit = "bytes",
	 .about = "What programs without privilege can still write.",
	 .is_volatile = true},
	{0},
};

static const char *const patterns[] = {"mounts:", "statvfs:/*", NULL};

/* How full a file system is is no secret: without targets, all. */
static void paths(const json_t *with, struct names *into) {
	const char *target;
	names_add(into, "mounts:");
	if (!json_object_get(with, "targets"))
		names_add(into, "statvfs:/*");
	for (size_t i = 0; (target = param_strings_at(with, "targets", i)); i++)
		names_add_pattern(into, "statvfs:", target);
}

/* What is read-only cannot fill up (images are always full); the rest of what is mounted is the kernel's own, memory,
 * or another host's. The root counts whatever it is: in a container it is an overlay. */
static bool fills_up(const json_t *mount) {
	static const char *const types[] = {"ext2", "ext3", "ext4",  "xfs",   "btrfs",    "zfs",    "f2fs",
					    "jfs",  "vfat", "exfat", "ntfs3", "bcachefs", "nilfs2", "reiserfs"};
	if (mount_has(mount, "options", "ro") || mount_has(mount, "super_options", "ro"))
		return false;
	return text_is_one_of(mount_text(mount, "type"), types, ARRAY_LEN(types)) ||
	       !strcmp(mount_text(mount, "target"), "/");
}

/* The mounts to look at, each file system once (bind mounts repeat it), where it is not covered by another mount. New
 * reference; the members are the table's. */
static json_t *wanted(const json_t *with, const json_t *table) {
	json_t *list = json_array(), *mount;
	CLEANUP(json_decref_p) json_t *seen = json_object();
	size_t i;
	json_array_foreach((json_t *)(uintptr_t)table, i, mount) {
		const char *target = mount_text(mount, "target"), *number = mount_text(mount, "dev");
		bool is_named = json_object_get(with, "targets") != NULL;
		if (is_named ? !param_strings_have(with, "targets", target)
			     : !fills_up(mount) || json_object_get(seen, number))
			continue;
		if (mounts_holding(table, target) != mount)
			continue;
		json_object_set_new(seen, number, json_true());
		json_array_append(list, mount);
	}
	return list;
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	struct err err;
	const json_t *table = NULL, *mount;
	size_t i;
	names_add(names, "mounts:");
	if (!mounts_need(fetched, &table, &err))
		return;
	CLEANUP(json_decref_p) json_t *list = wanted(with, table);
	json_array_foreach(list, i, mount) names_addf(names, "statvfs:%s", mount_text(mount, "target"));
}

/* Rounded up: 100 only when hardly anything is left, and never 0 for something. */
static int64_t percent(int64_t part, int64_t whole) {
	if (whole >= INT64_MAX / 200)
		return part / (whole / 100);
	return (part * 100 + whole - 1) / whole;
}

struct space {
	int64_t blocks, bfree, bavail, files, ffree, bsize;
};

static bool read_space(const json_t *value, const char *where, struct space *ret_space, struct err *err) {
	struct space space;
	if (!json_get_int(value, "blocks", where, &space.blocks, err) ||
	    !json_get_int(value, "bfree", where, &space.bfree, err) ||
	    !json_get_int(value, "bavail", where, &space.bavail, err) ||
	    !json_get_int(value, "files", where, &space.files, err) ||
	    !json_get_int(value, "ffree", where, &space.ffree, err) ||
	    !json_get_int(value, "bsize", where, &space.bsize, err))
		return false;
	if (space.bfree < 0 || space.bavail < 0 || space.blocks < space.bfree || space.files < space.ffree ||
	    space.ffree < 0 || space.bsize <= 0 || space.bavail > INT64_MAX / space.bsize)
		return err_set(err, ERR_MALFORMED, where, "more is free than there is");
	*ret_space = space;
	return true;
}

static bool add_row(const json_t *mount, const struct sources *fetched, json_t *rows, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("statvfs:%s", mount_text(mount, "target"));
	json_t *value = NULL;
	struct space space;
	if (!source_need_json(fetched, name, &value, err) || !read_space(value, name, &space, err))
		return false;
	int64_t used = space.blocks - space.bfree;
	json_t *row = row_add(rows);
	row_text(row, "target", mount_text(mount, "target"));
	row_text(row, "type", mount_text(mount, "type"));
	row_int(row, "used_percent", used + space.bavail > 0 ? percent(used, used + space.bavail) : 0);
	if (space.files > 0)
		row_int(row, "inodes_percent", percent(space.files - space.ffree, space.files));
	row_int(row, "available", space.bavail * space.bsize);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	const json_t *table = NULL, *mount;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	size_t i;
	if (!mounts_need(fetched, &table, err))
		return false;
	CLEANUP(json_decref_p) json_t *list = wanted(with, table);
	json_array_foreach(list, i, mount) {
		if (!add_row(mount, fetched, rows, err))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_space = {
	.name = "space",
	.about = "How full each file system is, in blocks and in inodes.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

/* Whether what is stored at a path, or in swap, crosses an encrypting layer on its way to the disks. */
#include "core/volume.h"
#include "core/check.h"
#include "core/lines.h"
#include "core/mounts.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"targets", VALUE_STRINGS, false, "Absolute paths whose volumes are looked at."},
	{"below", VALUE_BOOL, false,
	 "true: also what is mounted anywhere below the targets, from disks or other hosts, once each; images that are "
	 "read-only by nature (squashfs, iso9660, erofs) hold no data of this host. Default false."},
	{"swap", VALUE_BOOL, false,
	 "Look at every swap area in use, and at the device for hibernation, instead of targets (default false)."},
	{"guest_encrypts", VALUE_BOOL, false,
	 "The organisation wants encryption inside its guests: an unencrypted virtual disk is a row like any other. "
	 "Otherwise it is unproved, because what the hypervisor does cannot be seen (default false)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "The path, swap area, or `hibernation`."},
	{.name = "source", .type = VALUE_STRING, .about = "What is mounted there, or the device."},
	{.name = "kind", .type = VALUE_STRING, .about = "disk, or memory (tmpfs, zram: nothing of it is at rest)."},
	{.name = "encrypted", .type = VALUE_BOOL, .about = "Whether every way down to a disk crosses dm-crypt."},
	{.name = "virtual", .type = VALUE_BOOL, .about = "Whether a disk without encryption is the hypervisor's."},
	{.name = "chain",
	 .type = VALUE_STRINGS,
	 .about = "From the file system down; an encrypting layer ends its branch."},
	{.name = "why_not", .type = VALUE_STRING, .about = "Which disk nothing above it encrypts."},
	{0},
};

#define PROOF "file:/proc/sys/kernel/ostype"

static const char *const patterns[] = {VOLUME_PATTERNS, "file:/proc/swaps", "file:/sys/power/resume", PROOF, NULL};

static bool add_row(const char *target, const struct volume *volume, const json_t *with, json_t *rows,
		    struct err *err) {
	if (!param_bool(with, "guest_encrypts", false) && !volume_is_seen(volume, err))
		return false;
	bool is_memory = !volume->has_plain && !volume->has_encrypted;
	json_t *row = json_pack("{s:o, s:o, s:s, s:b, s:b, s:O}", "target", json_text(target), "source",
				json_text(volume->source), "kind", is_memory ? "memory" : "disk", "encrypted",
				volume->has_encrypted && !volume->has_plain, "virtual", volume->is_virtual, "chain",
				volume->chain);
	if (volume->plain) {
		CLEANUP(free_ptr) char *why = xasprintf("nothing encrypts what is stored on %s", volume->plain);
		json_object_set_new(row, "why_not", json_text(why));
	}
	json_array_append_new(rows, row);
	return true;
}

/* With names the sources that are still missing are added, and rows are of no use. */
static bool look_at_path(const char *path, const json_t *with, const struct sources *fetched, struct names *names,
			 json_t *rows, struct err *err) {
	CLEANUP(volume_done) struct volume volume = {0};
	return volume_of_path(fetched, names, path, &volume, err) && add_row(path, &volume, with, rows, err);
}

static bool is_type(const json_t *mount, const char *const *types, size_t count) {
	return text_is_one_of(mount_text(mount, "type"), types, count);
}

/* The kernel's own file systems, memory, and overlays of what is mounted itself have no device of their own; those that
 * span devices and those of other hosts have none either, and are named. */
static bool is_at_rest(const json_t *mount) {
	static const char *const images[] = {"squashfs", "iso9660", "erofs"};
	static const char *const spanning[] = {"btrfs", "zfs", "bcachefs"};
	static const char *const elsewhere[] = {"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "virtiofs", "lustre"};
	if (is_type(mount, images, ARRAY_LEN(images)))
		return false;
	return is_type(mount, spanning, ARRAY_LEN(spanning)) || is_type(mount, elsewhere, ARRAY_LEN(elsewhere)) ||
	       !text_starts(mount_text(mount, "dev"), "0:");
}

/* Where a target really is; it may be a link. */
static bool real_path(const struct sources *fetched, const char *target, const char **ret_path, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("link:%s", target);
	json_t *link = NULL;
	*ret_path = target;
	return source_maybe_json(fetched, name, &link, err) &&
	       (!link || json_get_string(link, "target", name, ret_path, err));
}

/* The mounts below a target that nothing lies over, each file system once, without the one that holds the target. */
static bool look_below(const char *target, const json_t *with, const struct sources *fetched, struct names *names,
		       json_t *rows, struct err *err) {
	const json_t *table = NULL, *mount;
	const char *path = NULL;
	size_t i;
	if (!mounts_need(fetched, &table, err) || !real_path(fetched, target, &path, err))
		return false;
	CLEANUP(free_ptr) char *start = xasprintf("%s/", strcmp(path, "/") ? path : "");
	CLEANUP(json_decref_p) json_t *seen = json_object();
	const json_t *holding = mounts_holding(table, path);
	json_object_set_new(seen, mount_text(holding, "dev"), json_true());
	json_array_foreach((json_t *)(uintptr_t)table, i, mount) {
		const char *place = mount_text(mount, "target");
		if (!text_starts(place, start) || !is_at_rest(mount) || mounts_holding(table, place) != mount ||
		    json_object_get(seen, mount_text(mount, "dev")))
			continue;
		json_object_set_new(seen, mount_text(mount, "dev"), json_true());
		if (!look_at_path(place, with, fetched, names, rows, err) && !names)
			return false;
	}
	return true;
}

static bool look_at_targets(const json_t *with, const struct sources *fetched, struct names *names, json_t *rows,
			    struct err *err) {
	const char *target;
	bool wants_below = param_bool(with, "below", false);
	for (size_t i = 0; (target = param_strings_at(with, "targets", i)); i++) {
		bool is_seen = look_at_path(target, with, fetched, names, rows, err);
		if (wants_below && (is_seen || names))
			is_seen = look_below(target, with, fetched, names, rows, err);
		if (!is_seen && !names)
			return false;
	}
	return true;
}

/* One line of /proc/swaps: "/dev/dm-1 partition 999420 0 -2"; a file's volume is its file system's. */
static bool look_at_area(char *line, const json_t *with, const struct sources *fetched, struct names *names,
			 json_t *rows, struct err *err) {
	CLEANUP(volume_done) struct volume volume = {0};
	char *path = text_word(&line), *type = path ? text_word(&line) : NULL;
	if (!type || path[0] != '/')
		return err_set(err, ERR_MALFORMED, "file:/proc/swaps", "a line that names no swap area");
	bool is_file = !strcmp(type, "file");
	bool is_seen = is_file ? volume_of_path(fetched, names, path, &volume, err)
			       : volume_of_device(fetched, names, path, &volume, err);
	return is_seen && add_row(path, &volume, with, rows, err);
}

static bool look_at_hibernation(const json_t *with, const struct sources *fetched, struct names *names, json_t *rows,
				struct err *err) {
	const struct source *source = NULL;
	if (!source_maybe(fetched, "file:/sys/power/resume", &source, err))
		return false;
	CLEANUP(free_ptr) char *text = xstrdup(source ? buf_str(&source->bytes) : "0:0");
	CLEANUP(volume_done) struct volume volume = {0};
	const char *number = text_trim(text);
	if (!strcmp(number, "0:0") || !*number)
		return true;
	return volume_of_number(fetched, names, number, &volume, err) &&
	       add_row("hibernation", &volume, with, rows, err);
}

static bool look_at_swap(const json_t *with, const struct sources *fetched, struct names *names, json_t *rows,
			 struct err *err) {
	const struct source *source = NULL, *proof = NULL;
	if (!source_maybe(fetched, "file:/proc/swaps", &source, err) || !source_maybe(fetched, PROOF, &proof, err))
		return false;
	/* A kernel without swap has no such file, and no swap; a folder without /proc says nothing. */
	if (!source && !proof)
		return err_set(err, ERR_UNPROVED, PROOF, "no /proc here to see swap in");
	CLEANUP(lines_done)
	struct lines lines =
		lines_over("file:/proc/swaps", source ? source->bytes.data : NULL, source ? source->bytes.len : 0);
	char *line;
	(void)lines_next(&lines); /* the heading */
	while ((line = lines_next(&lines)))
		if (!look_at_area(line, with, fetched, names, rows, err) && !names)
			return false;
	return lines_ok(&lines, err) && look_at_hibernation(with, fetched, names, rows, err);
}

static bool look_at(const json_t *with, const struct sources *fetched, struct names *names, json_t *rows,
		    struct err *err) {
	if (param_bool(with, "swap", false))
		return look_at_swap(with, fetched, names, rows, err);
	return look_at_targets(with, fetched, names, rows, err);
}

static void paths(const json_t *with, struct names *into) {
	const char *target;
	volume_paths(into);
	names_add(into, PROOF);
	names_add(into, "file:/proc/swaps");
	names_add(into, "file:/sys/power/resume");
	if (param_bool(with, "swap", false))
		names_add(into, "link:/*swap*"); /* where a swap file lies is anybody's choice */
	for (size_t i = 0; (target = param_strings_at(with, "targets", i)); i++) {
		names_add_pattern(into, "link:", target);
		if (param_bool(with, "below", false))
			names_addf(into, "link:%s/*", strcmp(target, "/") ? target : "");
	}
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct err err = {0};
	if (param_bool(with, "swap", false)) {
		names_add(names, "mounts:");
		names_add(names, "file:/proc/swaps");
		names_add(names, PROOF);
		names_add(names, "file:/sys/power/resume");
	}
	if (!look_at(with, fetched, names, rows, &err))
		return; /* what is missing has been named */
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	if (!look_at(with, fetched, NULL, rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_volume = {
	.name = "volume",
	.about = "Whether what is stored at a path, or in swap, is encrypted on its way to the disks.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

/* Whether what is stored at a path, or in swap, crosses an encrypting layer on its way to the disks. */
#include "core/volume.h"
#include "core/check.h"
#include "core/lines.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"targets", VALUE_STRINGS, false, "Absolute paths whose volumes are looked at."},
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
static bool look_at_targets(const json_t *with, const struct sources *fetched, struct names *names, json_t *rows,
			    struct err *err) {
	const char *target;
	for (size_t i = 0; (target = param_strings_at(with, "targets", i)); i++) {
		CLEANUP(volume_done) struct volume volume = {0};
		bool is_seen = volume_of_path(fetched, names, target, &volume, err) &&
			       add_row(target, &volume, with, rows, err);
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
	char *line = lines_next(&lines); /* the heading */
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
	.sources = name_sources,
	.run = run,
};

/* The options that hold at a path now, and whether /etc/fstab would set them again. */
#include "core/check.h"
#include "core/lines.h"
#include "core/mounts.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"targets", VALUE_STRINGS, true, "Absolute paths to look at."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "The path as the rule names it."},
	{.name = "exists",
	 .type = VALUE_BOOL,
	 .about = "Whether there is such a path; without it nothing else is said."},
	{.name = "is_mount", .type = VALUE_BOOL, .about = "Whether something is mounted at the path itself."},
	{.name = "on", .type = VALUE_STRING, .about = "The mount point that the path lives on, links resolved."},
	{.name = "source", .type = VALUE_STRING, .about = "What is mounted there."},
	{.name = "type", .type = VALUE_STRING, .about = "The type of its file system."},
	{.name = "options", .type = VALUE_STRINGS, .about = "The mount's options in the live table, sorted."},
	{.name = "read_only", .type = VALUE_BOOL, .about = "Mounted read-only, or of a read-only file system."},
	{.name = "nosuid", .type = VALUE_BOOL, .about = "Set-user-ID bits have no effect here."},
	{.name = "nodev", .type = VALUE_BOOL, .about = "Device files have no effect here."},
	{.name = "noexec", .type = VALUE_BOOL, .about = "Programs cannot be started from here."},
	{.name = "in_fstab", .type = VALUE_BOOL, .about = "Whether /etc/fstab names the path as a mount point."},
	{.name = "fstab_options",
	 .type = VALUE_STRINGS,
	 .about = "The options that /etc/fstab gives it, sorted (mount units of systemd are not read)."},
	{0},
};

static const char *const patterns[] = {"mounts:", "file:/etc/fstab", "link:/*", NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, "mounts:");
	names_add(names, "file:/etc/fstab");
	const char *target;
	for (size_t i = 0; (target = param_strings_at(with, "targets", i)); i++)
		names_addf(names, "link:%s", target);
}

static void paths(const json_t *with, struct names *into) {
	const char *target;
	names_add(into, "mounts:");
	names_add(into, "file:/etc/fstab");
	for (size_t i = 0; (target = param_strings_at(with, "targets", i)); i++)
		names_add_pattern(into, "link:", target);
}

static int by_text(const void *left, const void *right) {
	return strcmp(json_string_value(*(json_t *const *)left), json_string_value(*(json_t *const *)right));
}

static json_t *sorted(const json_t *strings) {
	size_t count = json_array_size(strings), i;
	json_t **all = xcalloc(count + 1, sizeof(json_t *)), *value, *list = json_array();
	size_t kept = 0;
	json_array_foreach(strings, i, value) {
		if (json_is_string(value))
			all[kept++] = value;
	}
	qsort(all, kept, sizeof(json_t *), by_text);
	for (i = 0; i < kept; i++)
		json_array_append(list, all[i]);
	free(all);
	return list;
}

static json_t *split_options(char *text) {
	json_t *list = json_array();
	char *rest = text, *option;
	while ((option = strsep(&rest, ",")))
		if (*option)
			json_array_append_new(list, json_text(option));
	json_t *in_order = sorted(list);
	json_decref(list);
	return in_order;
}

/* fstab(5) writes blanks in paths as \040. */
static void undo_octal(char *text) {
	char *to = text;
	for (const char *at = text; *at; to++) {
		bool is_octal = at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
				at[3] >= '0' && at[3] <= '7';
		*to = is_octal ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0')) : *at;
		at += is_octal ? 4 : 1;
	}
	*to = '\0';
}

/* {mount point: [options]} of fstab; empty when there is none. */
static bool read_fstab(const struct sources *fetched, json_t **ret_table, struct err *err) {
	const struct source *source = NULL;
	if (!source_maybe(fetched, "file:/etc/fstab", &source, err))
		return false;
	CLEANUP(json_decref_p) json_t *table = json_object();
	CLEANUP(lines_done)
	struct lines lines =
		lines_over("file:/etc/fstab", source ? source->bytes.data : NULL, source ? source->bytes.len : 0);
	char *line;
	while ((line = lines_next(&lines))) {
		char *word[4] = {0}, *rest = text_trim(line);
		size_t count = 0;
		while (*rest != '#' && count < 4 && (word[count] = text_word(&rest)))
			count++;
		if (count < 3)
			continue;
		undo_octal(word[1]);
		char none[] = "defaults";
		CLEANUP(json_decref_p) json_t *point = json_text(word[1]);
		json_object_set_new(table, json_string_value(point), split_options(count > 3 ? word[3] : none));
	}
	if (!lines_ok(&lines, err))
		return false;
	*ret_table = json_incref(table);
	return true;
}

static void add_live(json_t *row, const json_t *mount, const char *path) {
	json_object_set_new(row, "is_mount", json_boolean(!strcmp(mount_text(mount, "target"), path)));
	json_object_set_new(row, "on", json_text(mount_text(mount, "target")));
	json_object_set_new(row, "source", json_text(mount_text(mount, "source")));
	json_object_set_new(row, "type", json_text(mount_text(mount, "type")));
	json_object_set_new(row, "options", sorted(json_object_get(mount, "options")));
	bool read_only = mount_has(mount, "options", "ro") || mount_has(mount, "super_options", "ro");
	json_object_set_new(row, "read_only", json_boolean(read_only));
	static const char *const flags[] = {"nosuid", "nodev", "noexec"};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		json_object_set_new(row, flags[i], json_boolean(mount_has(mount, "options", flags[i])));
}

static bool look_at(const char *target, const struct sources *fetched, const json_t *table, const json_t *fstab,
		    json_t *rows, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("link:%s", target);
	json_t *link = NULL;
	if (!source_maybe_json(fetched, name, &link, err))
		return false;
	json_t *row = json_object();
	json_array_append_new(rows, row);
	json_object_set_new(row, "target", json_text(target));
	json_object_set_new(row, "exists", json_boolean(link != NULL));
	if (!link)
		return true;
	const char *path = NULL;
	if (!json_get_string(link, "target", name, &path, err))
		return false;
	const json_t *mount = mounts_holding(table, path);
	if (!mount)
		return err_set(err, ERR_UNPROVED, "mounts:", "the table has no root, so nothing says what holds %s",
			       path);
	add_live(row, mount, path);
	const json_t *options = json_object_get(fstab, path);
	json_object_set_new(row, "in_fstab", json_boolean(options != NULL));
	if (options)
		json_object_set(row, "fstab_options", json_object_get(fstab, path));
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	const json_t *table = NULL;
	CLEANUP(json_decref_p) json_t *fstab = NULL;
	if (!mounts_need(fetched, &table, err) || !read_fstab(fetched, &fstab, err))
		return false;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const char *target;
	for (size_t i = 0; (target = param_strings_at(with, "targets", i)); i++)
		if (!look_at(target, fetched, table, fstab, rows, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_mount = {
	.name = "mount",
	.about = "The options that hold at a path in the live mount table, and whether fstab sets them again.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

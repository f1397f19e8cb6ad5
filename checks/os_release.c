/* Which operating system this is (os-release(5)), and until when it is supported. */
#include "core/check.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"
#include "core/times.h"

static const struct check_param params[] = {
	{"support", VALUE_STRINGS, false,
	 "Ends of support, each \"id version yyyy-mm-dd\"; a version also covers its minor versions. With it an "
	 "operating system that is neither in the list nor says SUPPORT_END itself is a failed look."},
	{0},
};

static const struct check_field fields[] = {
	{"pretty_name", VALUE_STRING, NULL, "The name for people.", PRIVACY_PUBLIC, false},
	{"id", VALUE_STRING, NULL, "debian, ubuntu, rhel, ...", PRIVACY_PUBLIC, false},
	{"version_id", VALUE_STRING, NULL, "12, 24.04, 9.4; not there for a rolling one.", PRIVACY_PUBLIC, false},
	{"codename", VALUE_STRING, NULL, "bookworm, noble, ...", PRIVACY_PUBLIC, false},
	{"image_id", VALUE_STRING, NULL, "The image that the host was made from, when it says so.", PRIVACY_PUBLIC,
	 false},
	{"image_version", VALUE_STRING, NULL, "The version of that image.", PRIVACY_PUBLIC, false},
	{"image", VALUE_STRING, NULL, "Both in one: \"IMAGE_ID IMAGE_VERSION\", the former alone without the latter.",
	 PRIVACY_PUBLIC, false},
	{"build_id", VALUE_STRING, NULL, "The build that it came from, when it says so.", PRIVACY_PUBLIC, false},
	{"support_end", VALUE_TIME, NULL, "The end of the last day of support.", PRIVACY_PUBLIC, false},
	{"support_left", VALUE_DURATION, "s", "What is left of it; negative behind the end.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {"file:/etc/os-release", "file:/usr/lib/os-release", "now:", NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const struct source *etc = sources_get(fetched, "file:/etc/os-release");
	names_add(names, "file:/etc/os-release");
	if (etc && etc->err.code == ERR_ABSENT)
		names_add(names, "file:/usr/lib/os-release");
	if (json_object_get(with, "support"))
		names_add(names, "now:");
}

/* {KEY: value}; the later of two assignments counts. */
static bool read_assignments(const struct source *source, json_t *keys, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value;
	while ((line = lines_next(&lines)))
		if (setting_split(line, '=', "#", &key, &value))
			row_text(keys, key, setting_unquote(value));
	return lines_ok(&lines, err);
}

/* Whether a version of the list covers that of the host: "9" covers "9.4". */
static bool covers(const char *listed, const char *version) {
	size_t len = strlen(listed);
	return !strncmp(listed, version, len) && (version[len] == '\0' || version[len] == '.');
}

/* The end of the day "yyyy-mm-dd". */
static bool end_of_day(const char *day, int64_t *ret_instant) {
	char text[TIMES_TEXT + 1];
	if (snprintf(text, sizeof text, "%sT23:59:59Z", day) != TIMES_TEXT - 1)
		return false;
	return times_parse(text, ret_instant);
}

static bool listed_end(const char *line, const char *id, const char *version, int64_t *ret_end, bool *ret_found,
		       struct err *err) {
	char listed_id[32], listed_version[32], day[16];
	int64_t end;
	if (sscanf(line, "%31s %31s %15s", listed_id, listed_version, day) != 3 || !end_of_day(day, &end))
		return err_set(err, ERR_MALFORMED, "support", "\"%s\" is not \"id version yyyy-mm-dd\"", line);
	*ret_found = !strcmp(listed_id, id) && covers(listed_version, version);
	if (*ret_found)
		*ret_end = end;
	return true;
}

static bool support_end(const json_t *with, const json_t *keys, int64_t *ret_end, struct err *err) {
	const char *id = json_string_value(json_object_get(keys, "ID"));
	const char *version = json_string_value(json_object_get(keys, "VERSION_ID"));
	const char *own = json_string_value(json_object_get(keys, "SUPPORT_END")), *line;
	bool found = false;
	for (size_t i = 0; id && version && !found && (line = param_strings_at(with, "support", i)); i++)
		if (!listed_end(line, id, version, ret_end, &found, err))
			return false;
	if (found || (own && end_of_day(own, ret_end)))
		return true;
	return err_set(err, ERR_UNPROVED, "file:/etc/os-release", "nothing says until when %s %s is supported",
		       id ? id : "a system without ID", version ? version : "without VERSION_ID");
}

static bool add_support(json_t *row, const json_t *with, const struct sources *fetched, const json_t *keys,
			struct err *err) {
	int64_t end, now;
	if (!support_end(with, keys, &end, err) || !source_now(fetched, &now, err))
		return false;
	row_time(row, "support_end", end);
	row_int(row, "support_left", end - now);
	return true;
}

static const struct {
	const char *field, *key;
} shown[] = {{"id", "ID"},
	     {"version_id", "VERSION_ID"},
	     {"codename", "VERSION_CODENAME"},
	     {"pretty_name", "PRETTY_NAME"},
	     {"image_id", "IMAGE_ID"},
	     {"image_version", "IMAGE_VERSION"},
	     {"build_id", "BUILD_ID"}};

static void add_image(json_t *row) {
	const char *id = json_string_value(json_object_get(row, "image_id"));
	const char *version = json_string_value(json_object_get(row, "image_version"));
	CLEANUP(free_ptr) char *image = id ? xasprintf("%s%s%s", id, version ? " " : "", version ? version : "") : NULL;
	row_text(row, "image", image);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *keys = json_object();
	const struct source *source;
	if (!source_maybe(fetched, "file:/etc/os-release", &source, err) ||
	    (!source && !source_need(fetched, "file:/usr/lib/os-release", &source, err)) ||
	    !read_assignments(source, keys, err))
		return false;
	json_t *row = row_add(rows);
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		row_text(row, shown[i].field, json_string_value(json_object_get(keys, shown[i].key)));
	add_image(row);
	if (json_object_get(with, "support") && !add_support(row, with, fetched, keys, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_os_release = {
	.name = "os_release",
	.about = "Which operating system this is, and until when it is supported.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

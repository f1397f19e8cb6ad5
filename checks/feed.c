/* How fresh the package lists are that say which updates there are: the signed Release files that apt keeps, the
 * repomd.xml of dnf. */
#include "core/check.h"
#include "core/dropin.h"
#include "core/lines.h"
#include "core/repomd.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"
#include "core/times.h"

#define FOLDER "/var/lib/apt/lists"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"list", VALUE_STRING, NULL,
	 "The file below " FOLDER ", one for each repository and suite; of dnf the folder in its cache.",
	 PRIVACY_PUBLIC, false},
	{"origin", VALUE_STRING, NULL, "Debian, Ubuntu, ...", PRIVACY_PUBLIC, false},
	{"suite", VALUE_STRING, NULL, "stable-security, noble-updates, ...", PRIVACY_PUBLIC, false},
	{"codename", VALUE_STRING, NULL, "bookworm-security, noble, ...", PRIVACY_PUBLIC, false},
	{"security", VALUE_BOOL, NULL,
	 "Whether it is a suite of security updates, or a repository of dnf that tells which updates those are.",
	 PRIVACY_PUBLIC, false},
	{"date", VALUE_TIME, NULL, "When the repository made it.", PRIVACY_PUBLIC, true},
	{"age", VALUE_DURATION, "s",
	 "How long ago that was; for dnf, whose repositories may rest for weeks, how long ago this host last fetched "
	 "it "
	 "or was told that it is still the newest.",
	 PRIVACY_PUBLIC, true},
	{"valid_until", VALUE_TIME, NULL, "Until when the repository wants it to be believed, when it says so.",
	 PRIVACY_PUBLIC, true},
	{"expired", VALUE_BOOL, NULL, "Whether that is over.", PRIVACY_PUBLIC, true},
	{0},
};

/* Of dnf 4 and 5. */
static const char *const caches[] = {"/var/cache/dnf", "/var/cache/libdnf5"};

static const char *const patterns[] = {"dir:" FOLDER,
				       "file:" FOLDER "/*Release",
				       "dir:/var/cache/dnf",
				       "dir:/var/cache/dnf/*/repodata",
				       "file:/var/cache/dnf/*/repodata/repomd.xml",
				       "stat:/var/cache/dnf/*/repodata/*",
				       "dir:/var/cache/libdnf5",
				       "dir:/var/cache/libdnf5/*/repodata",
				       "file:/var/cache/libdnf5/*/repodata/repomd.xml",
				       "stat:/var/cache/libdnf5/*/repodata/*",
				       "now:",
				       NULL};

static bool is_release(const char *name) {
	return name && (text_ends(name, "_InRelease") || text_ends(name, "_Release"));
}

static const char *name_of(const json_t *entry) {
	const char *name = json_string_value(json_object_get(entry, "name"));
	return name ? name : "";
}

static bool is_folder(const json_t *entry) {
	const char *type = json_string_value(json_object_get(entry, "type"));
	return type && !strcmp(type, "dir");
}

/* dnf touches the list of packages when it was told that nothing is newer. */
static bool is_confirmed_by(const char *name) { return !strcmp(name, "repomd.xml") || strstr(name, "-primary."); }

static void ask_repository(const char *cache, const char *id, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *folder = xasprintf("dir:%s/%s/repodata", cache, id);
	struct err ignored;
	json_t *list = NULL, *entry;
	size_t i;
	names_add(names, folder);
	names_addf(names, "file:%s/%s/repodata/repomd.xml", cache, id);
	if (!source_maybe_json(fetched, folder, &list, &ignored))
		return;
	json_array_foreach(list, i, entry) if (is_confirmed_by(name_of(entry)))
		names_addf(names, "stat:%s/%s/repodata/%s", cache, id, name_of(entry));
}

static void ask_cache(const char *cache, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *folder = xasprintf("dir:%s", cache);
	struct err ignored;
	json_t *list = NULL, *entry;
	size_t i;
	names_add(names, folder);
	if (!source_maybe_json(fetched, folder, &list, &ignored))
		return;
	json_array_foreach(list, i, entry) if (is_folder(entry)) ask_repository(cache, name_of(entry), fetched, names);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	struct err ignored;
	json_t *folder = NULL, *entry;
	size_t i;
	names_add(names, "now:");
	names_add(names, "dir:" FOLDER);
	for (i = 0; i < ARRAY_LEN(caches); i++)
		ask_cache(caches[i], fetched, names);
	if (!source_maybe_json(fetched, "dir:" FOLDER, &folder, &ignored))
		return;
	json_array_foreach(folder, i, entry) if (is_release(name_of(entry)))
		names_addf(names, "file:" FOLDER "/%s", name_of(entry));
}

/* "Sat, 15 Nov 2025 10:12:09 UTC"; the name of the day is not looked at. */
static bool read_date(const char *text, int64_t *ret_instant) {
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char month[4], zone[6], plain[64];
	int day, year, hour, minute, second;
	const char *comma = strchr(text, ',');
	if (sscanf(comma ? comma + 1 : text, "%d %3s %d %d:%d:%d %5s", &day, month, &year, &hour, &minute, &second,
		   zone) != 7)
		return false;
	const char *found = strlen(month) == 3 ? strstr(months, month) : NULL;
	if (!found || (found - months) % 3 != 0 ||
	    (strcmp(zone, "UTC") != 0 && strcmp(zone, "GMT") != 0 && strcmp(zone, "+0000") != 0))
		return false;
	int month_number = (int)(found - months) / 3 + 1;
	snprintf(plain, sizeof plain, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month_number, day, hour, minute, second);
	return times_parse(plain, ret_instant);
}

static bool take_date(json_t *row, const char *field, const char *value, const struct lines *lines, int64_t *instant,
		      struct err *err) {
	if (!read_date(value, instant))
		return err_set_at(err, ERR_MALFORMED, lines->where, lines->number, 0, "a date that is none");
	row_time(row, field, *instant);
	return true;
}

/* The head of the file, up to the digests. *date stays negative when there is none. */
static bool read_head(const struct source *source, json_t *row, int64_t *date, int64_t *until, struct err *err) {
	static const struct {
		const char *key, *field;
	} texts[] = {{"Origin", "origin"}, {"Suite", "suite"}, {"Codename", "codename"}};
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line;
	while ((line = lines_next(&lines)) && !text_starts(line, "MD5Sum:") && !text_starts(line, "SHA256:")) {
		char *colon = strchr(line, ':');
		if (!colon || *line == ' ')
			continue;
		*colon = '\0';
		char *value = text_trim(colon + 1);
		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			if (!strcmp(line, texts[i].key))
				row_text(row, texts[i].field, value);
		if (!strcmp(line, "Date") && !take_date(row, "date", value, &lines, date, err))
			return false;
		if (!strcmp(line, "Valid-Until") && !take_date(row, "valid_until", value, &lines, until, err))
			return false;
	}
	return lines_ok(&lines, err);
}

static bool is_security(const json_t *row) {
	const char *suite = json_string_value(json_object_get(row, "suite"));
	const char *codename = json_string_value(json_object_get(row, "codename"));
	return (suite && strstr(suite, "security")) || (codename && strstr(codename, "security"));
}

static bool is_too_late(const char *source, int64_t instant, int64_t now, struct err *err) {
	if (instant <= now + SOURCE_CLOCK_SLACK)
		return false;
	err_set(err, ERR_UNPROVED, source,
		"was made after what this host takes for now: its clock is behind, and no age can be told");
	return true;
}

static bool add_list(json_t *rows, const struct sources *fetched, const char *name, int64_t now, struct err *err) {
	CLEANUP(free_ptr) char *source_name = xasprintf("file:" FOLDER "/%s", name);
	const struct source *source;
	int64_t date = -1, until = INT64_MAX;
	if (!source_maybe(fetched, source_name, &source, err))
		return false;
	if (!source)
		return true; /* replaced between two looks */
	json_t *row = row_add(rows);
	row_text(row, "list", name);
	if (!read_head(source, row, &date, &until, err))
		return false;
	if (date < 0)
		return err_set(err, ERR_MALFORMED, source_name, "no Date in its head");
	if (is_too_late(source_name, date, now, err))
		return false;
	row_bool(row, "security", is_security(row));
	row_int(row, "age", now - date);
	row_bool(row, "expired", now > until);
	return true;
}

/* When the newest of the files that say so was written here. */
static bool read_confirmed(const struct sources *fetched, const char *path, int64_t *ret_confirmed, struct err *err) {
	CLEANUP(free_ptr) char *folder = xasprintf("dir:%s", path);
	json_t *list = NULL, *entry, *status = NULL;
	int64_t newest = -1;
	size_t i;
	if (!source_need_json(fetched, folder, &list, err))
		return false;
	json_array_foreach(list, i, entry) {
		CLEANUP(free_ptr) char *name = xasprintf("stat:%s/%s", path, name_of(entry));
		if (!is_confirmed_by(name_of(entry)))
			continue;
		if (!source_maybe_json(fetched, name, &status, err))
			return false;
		int64_t mtime = json_integer_value(json_object_get(status, "mtime"));
		newest = status && mtime > newest ? mtime : newest;
	}
	*ret_confirmed = newest;
	return true;
}

static bool add_repository(json_t *rows, const struct sources *fetched, const char *cache, const char *id, int64_t now,
			   struct err *err) {
	CLEANUP(free_ptr) char *path = xasprintf("%s/%s/repodata", cache, id);
	CLEANUP(free_ptr) char *name = xasprintf("file:%s/repomd.xml", path);
	const struct source *source;
	struct repomd repomd;
	int64_t confirmed = -1;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	if (!source)
		return true; /* a folder of something else */
	if (!repomd_read(name, buf_str(&source->bytes), &repomd, err) ||
	    !read_confirmed(fetched, path, &confirmed, err))
		return false;
	if (is_too_late(name, confirmed > repomd.made ? confirmed : repomd.made, now, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "list", id);
	row_bool(row, "security", repomd.has_updateinfo);
	if (repomd.made >= 0)
		row_time(row, "date", repomd.made);
	if (confirmed >= 0)
		row_int(row, "age", confirmed < now ? now - confirmed : 0);
	row_bool(row, "expired", false);
	return true;
}

/* *any becomes true where there is a cache at all. */
static bool add_cache(json_t *rows, const struct sources *fetched, const char *cache, int64_t now, bool *any,
		      struct err *err) {
	CLEANUP(free_ptr) char *folder = xasprintf("dir:%s", cache);
	json_t *list = NULL, *entry;
	size_t i;
	if (!source_maybe_json(fetched, folder, &list, err))
		return false;
	*any = *any || list;
	json_array_foreach(list, i, entry) if (is_folder(entry) && !add_repository(rows, fetched, cache, name_of(entry),
										   now, err)) return false;
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *folder, *entry;
	bool has_cache = false;
	int64_t now;
	size_t i;
	if (!source_now(fetched, &now, err))
		return false;
	for (i = 0; i < ARRAY_LEN(caches); i++)
		if (!add_cache(rows, fetched, caches[i], now, &has_cache, err))
			return false;
	if (!(has_cache ? source_maybe_json(fetched, "dir:" FOLDER, &folder, err)
			: source_need_json(fetched, "dir:" FOLDER, &folder, err)))
		return false;
	json_array_foreach(folder, i, entry) if (is_release(name_of(entry)) &&
						 !add_list(rows, fetched, name_of(entry), now, err)) return false;
	if (json_array_size(rows) == 0)
		return err_set(err, ERR_UNPROVED, "dir:" FOLDER,
			       "no list of any repository is here: none was fetched, or they were taken away since");
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_feed = {
	.name = "feed",
	.about = "How fresh the package lists are that say which updates there are.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

/* How fresh the package lists are that say which updates there are: the signed Release files that apt keeps. */
#include "core/check.h"
#include "core/dropin.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"
#include "core/times.h"

#define FOLDER "/var/lib/apt/lists"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"list", VALUE_STRING, NULL, "The file below " FOLDER ", one for each repository and suite.", PRIVACY_PUBLIC,
	 false},
	{"origin", VALUE_STRING, NULL, "Debian, Ubuntu, ...", PRIVACY_PUBLIC, false},
	{"suite", VALUE_STRING, NULL, "stable-security, noble-updates, ...", PRIVACY_PUBLIC, false},
	{"codename", VALUE_STRING, NULL, "bookworm-security, noble, ...", PRIVACY_PUBLIC, false},
	{"security", VALUE_BOOL, NULL, "Whether it is a suite of security updates.", PRIVACY_PUBLIC, false},
	{"date", VALUE_TIME, NULL, "When the repository made it.", PRIVACY_PUBLIC, false},
	{"age", VALUE_DURATION, "s", "How long ago that was.", PRIVACY_PUBLIC, true},
	{"valid_until", VALUE_TIME, NULL, "Until when the repository wants it to be believed, when it says so.",
	 PRIVACY_PUBLIC, false},
	{"expired", VALUE_BOOL, NULL, "Whether that is over.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {"dir:" FOLDER, "file:" FOLDER "/*Release", "now:", NULL};

static bool is_release(const char *name) {
	return name && (text_ends(name, "_InRelease") || text_ends(name, "_Release"));
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	struct err ignored;
	json_t *folder, *entry;
	size_t i;
	names_add(names, "now:");
	names_add(names, "dir:" FOLDER);
	if (!source_need_json(fetched, "dir:" FOLDER, &folder, &ignored))
		return;
	json_array_foreach(folder, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (is_release(name))
			names_addf(names, "file:" FOLDER "/%s", name);
	}
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
	if (date > now + SOURCE_CLOCK_SLACK)
		return err_set(
			err, ERR_UNPROVED, source_name,
			"was made after what this host takes for now: its clock is behind, and no age can be told");
	row_bool(row, "security", is_security(row));
	row_int(row, "age", now - date);
	row_bool(row, "expired", now > until);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *folder, *entry;
	int64_t now;
	size_t i;
	if (!source_need_json(fetched, "dir:" FOLDER, &folder, err) || !source_now(fetched, &now, err))
		return false;
	json_array_foreach(folder, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (is_release(name) && !add_list(rows, fetched, name, now, err))
			return false;
	}
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

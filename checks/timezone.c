/* The time zone, and whether the hardware clock is kept in UTC. */
#include "core/check.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/text.h"

#define ADJTIME "file:/etc/adjtime"
#define LOCALTIME "link:/etc/localtime"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "rtc",
	 .type = VALUE_STRING,
	 .about =
		 "UTC or LOCAL: what the third line of /etc/adjtime says of the hardware clock; UTC without the file."},
	{.name = "zone",
	 .type = VALUE_STRING,
	 .about = "The zone that /etc/localtime leads to; UTC without the file; not there when it is a copy."},
	{0},
};

static const char *const patterns[] = {ADJTIME, LOCALTIME, ETC_SOURCE, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, ADJTIME);
	names_add(names, LOCALTIME);
	names_add(names, ETC_SOURCE);
}

static bool read_rtc(const struct sources *fetched, const char **ret_rtc, struct err *err) {
	const struct source *source = NULL;
	if (!etc_maybe(fetched, ADJTIME, &source, err))
		return false;
	CLEANUP(lines_done)
	struct lines lines = lines_over(ADJTIME, source ? source->bytes.data : NULL, source ? source->bytes.len : 0);
	bool is_local = false;
	char *line;
	while ((line = lines_next(&lines)))
		if (lines.number == 3)
			is_local = !strcmp(text_trim(line), "LOCAL");
	if (!lines_ok(&lines, err))
		return false;
	*ret_rtc = is_local ? "LOCAL" : "UTC";
	return true;
}

/* /usr/share/zoneinfo/Europe/Berlin gives Europe/Berlin; *ret_zone NULL when the file is no link into there. */
static bool read_zone(const struct sources *fetched, const char **ret_zone, struct err *err) {
	const struct source *source = NULL;
	json_t *link = NULL;
	const char *target = NULL;
	if (!etc_maybe(fetched, LOCALTIME, &source, err))
		return false;
	if (source && (!source_json(source, &link, err) || !json_get_string(link, "target", LOCALTIME, &target, err)))
		return false;
	static const char folder[] = "/zoneinfo/";
	const char *zone = target ? strstr(target, folder) : NULL;
	*ret_zone = !source ? "UTC" : zone ? zone + strlen(folder) : NULL;
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	const char *rtc = NULL, *zone = NULL;
	if (!read_rtc(fetched, &rtc, err) || !read_zone(fetched, &zone, err))
		return false;
	json_t *row = json_pack("{s:s}", "rtc", rtc);
	if (zone)
		json_object_set_new(row, "zone", json_text(zone));
	ret_observation->rows = json_pack("[o]", row);
	return true;
}

const struct check check_timezone = {
	.name = "timezone",
	.about = "The time zone, and whether the hardware clock is kept in UTC.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

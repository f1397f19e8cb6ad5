/* Messages that did not get into the journal, as those who lost them say. */
#include "core/events.h"
#include "core/row.h"

#define WHERE "journal:events"

static const struct check_param params[] = {EVENTS_PARAM, {0}};

static const struct check_field fields[] = {
	{"what", VALUE_STRING, NULL,
	 "suppressed (journald's rate limit), kernel_missed (the kernel's ring was overrun), syslog_lost (rsyslogd "
	 "says "
	 "that it lost messages), broken (journal files that cannot be read).",
	 PRIVACY_PUBLIC, false},
	{"records", VALUE_INT, NULL, "How many entries of the journal say so, or how many files.", PRIVACY_PUBLIC,
	 true},
	{"messages", VALUE_INT, NULL, "How many messages they say were lost, where they say it.", PRIVACY_PUBLIC, true},
	{"more", VALUE_BOOL, NULL, "There may be others: not all entries could be looked at.", PRIVACY_PUBLIC, false},
	{"last", VALUE_TIME, NULL, "The last of them.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const patterns[] = {EVENTS_PATTERN, NULL};
static const char *const classes[] = {"suppressed", "kernel_missed", "syslog_lost"};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) { events_ask(with, names); }

static bool add_class(const json_t *value, const char *name, json_t *rows, struct err *err) {
	json_t *all, *class;
	int64_t count, last;
	bool more;
	if (!events_class(value, name, &count, &more, err) || !json_get_object(value, "classes", WHERE, &all, err) ||
	    !json_get_object(all, name, WHERE, &class, err) || !json_get_int(class, "last", WHERE, &last, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "what", name);
	row_int(row, "records", count);
	row_bool(row, "more", more);
	if (json_is_integer(json_object_get(class, "sum")))
		row_int(row, "messages", json_integer_value(json_object_get(class, "sum")));
	if (last > 0)
		row_time(row, "last", last / EVENTS_SECOND);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *value;
	int64_t broken;
	if (!events_read(with, fetched, &value, err) || !json_get_int(value, "broken", WHERE, &broken, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (!add_class(value, classes[i], rows, err))
			return false;
	json_t *row = row_add(rows);
	row_text(row, "what", "broken");
	row_int(row, "records", broken);
	row_bool(row, "more", false);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_journal_lost = {
	.name = "journal_lost",
	.about = "Messages that were lost on their way into the journal, as the journal says itself, and files of it "
		 "that "
		 "cannot be read.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = events_ask,
	.sources = sources,
	.run = run,
};

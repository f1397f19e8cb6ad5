/* Which classes of events the journal has records of. That a class does not occur says nothing of logging, unless
 * something else says that it happened. */
#include "core/events.h"
#include "core/row.h"
#include "core/text.h"
#include "core/utmp.h"

#define WHERE "journal:events"
#define WTMP "file:/var/log/wtmp"
#define BTMP "file:/var/log/btmp"
#define SLACK 60 /* seconds between what happened and its record */

static const struct check_param params[] = {
	EVENTS_PARAM,
	{"required", VALUE_STRINGS, false,
	 "Classes that have to be there; where one is not, and nothing says that it happened, the look fails as "
	 "unproved. "
	 "Default none."},
	{0},
};

static const struct check_field fields[] = {
	{"class", VALUE_STRING, NULL,
	 "login, login_failed, logout, privilege (sudo, su, ...), account (users and groups), service (started, "
	 "stopped), "
	 "time (the clock was set), configuration (audit's rules, packages), audit (auditd started, stopped).",
	 PRIVACY_PUBLIC, false},
	{"state", VALUE_STRING, NULL,
	 "recorded; missing: it happened, by another record, and the journal has none of it; not_seen: nothing says "
	 "that "
	 "it happened; not_said: there was more than could be looked at, and it was not in that.",
	 PRIVACY_PUBLIC, false},
	{"required", VALUE_BOOL, NULL, "Whether it is in the parameter.", PRIVACY_PUBLIC, false},
	{"records", VALUE_INT, NULL, "How many records; with more, at least.", PRIVACY_PUBLIC, true},
	{"more", VALUE_BOOL, NULL, "Not all entries could be looked at.", PRIVACY_PUBLIC, true},
	{"happened", VALUE_INT, NULL, "How often it happened by wtmp or btmp, where these say it.", PRIVACY_PUBLIC,
	 true},
	{"where", VALUE_STRING, NULL, "What else recorded it: the log of a package manager.", PRIVACY_PUBLIC, true},
	{0},
};

static const char *const package_logs[] = {"stat:/var/log/dpkg.log", "stat:/var/log/dnf.rpm.log",
					   "stat:/var/log/zypp/history"};

static const char *const patterns[] = {EVENTS_PATTERN,
				       WTMP,
				       BTMP,
				       "stat:/var/log/dpkg.log",
				       "stat:/var/log/dnf.rpm.log",
				       "stat:/var/log/zypp/history",
				       NULL};

static const struct class {
	const char *name, *events[2]; /* of journal:events */
	const char *witness;          /* a file of login records that has it too */
	bool is_packages;
} classes[] = {
	{.name = "login", .events = {"session_start", "login"}, .witness = WTMP},
	{.name = "login_failed", .events = {"login_failed"}, .witness = BTMP},
	{.name = "logout", .events = {"session_stop", "logout"}},
	{.name = "privilege", .events = {"privilege"}},
	{.name = "account", .events = {"account"}},
	{.name = "service", .events = {"unit_start", "unit_stop"}},
	{.name = "time", .events = {"time_change"}},
	{.name = "configuration", .events = {"audit_config"}, .is_packages = true},
	{.name = "audit", .events = {"auditd_start", "auditd_stop"}},
};

struct seen {
	int64_t records, happened; /* happened: negative where nothing says it */
	bool more;
	const char *where;
};

static void paths(const json_t *with, struct names *into) {
	events_ask(with, into);
	for (size_t i = 1; patterns[i]; i++)
		names_add(into, patterns[i]);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) { paths(with, names); }

/* From when on the journal has to have what happened, seconds. */
static bool read_from(const json_t *value, int64_t *ret_from, struct err *err) {
	int64_t since, first;
	if (!json_get_int(value, "since", WHERE, &since, err) || !json_get_int(value, "first", WHERE, &first, err))
		return false;
	bool is_covered = json_is_true(json_object_get(value, "covered"));
	*ret_from = (is_covered ? since : first) / EVENTS_SECOND + SLACK;
	return true;
}

/* What cannot be read is no witness. */
static int64_t happened(const struct class *class, const struct sources *fetched, int64_t from) {
	const struct source *source = class->witness ? sources_get(fetched, class->witness) : NULL;
	if (!source || source->err.code)
		return -1;
	return utmp_count(&source->bytes, from).logins;
}

static const char *package_log(const struct sources *fetched, int64_t from) {
	for (size_t i = 0; i < ARRAY_LEN(package_logs); i++) {
		json_t *status = NULL;
		struct err err;
		if (source_maybe_json(fetched, package_logs[i], &status, &err) &&
		    json_integer_value(json_object_get(status, "mtime")) >= from &&
		    json_integer_value(json_object_get(status, "size")) > 0)
			return strchr(package_logs[i], '/');
	}
	return NULL;
}

static bool look_at(const struct class *class, const json_t *value, const struct sources *fetched,
		    struct seen *ret_seen, struct err *err) {
	struct seen seen = {.happened = -1};
	int64_t count, from;
	bool more;
	if (!read_from(value, &from, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(class->events) && class->events[i]; i++) {
		if (!events_class(value, class->events[i], &count, &more, err))
			return false;
		seen.records += count;
		seen.more |= more;
	}
	seen.happened = happened(class, fetched, from);
	seen.where = class->is_packages ? package_log(fetched, from) : NULL;
	*ret_seen = seen;
	return true;
}

static const char *state_of(const struct seen *seen) {
	if (seen->records > 0 || seen->where)
		return "recorded";
	if (seen->more)
		return "not_said";
	return seen->happened > 0 ? "missing" : "not_seen";
}

static void add(const json_t *with, const struct class *class, const struct seen *seen, json_t *rows) {
	json_t *row = row_add(rows);
	row_text(row, "class", class->name);
	row_text(row, "state", state_of(seen));
	row_bool(row, "required", param_strings_have(with, "required", class->name));
	row_int(row, "records", seen->records);
	row_bool(row, "more", seen->more);
	if (seen->happened >= 0)
		row_int(row, "happened", seen->happened);
	row_text(row, "where", seen->where);
}

static bool is_missing(const json_t *rows) {
	const json_t *row;
	size_t i;
	json_array_foreach(rows, i, row) {
		if (!strcmp(json_string_value(json_object_get(row, "state")), "missing"))
			return true;
	}
	return false;
}

/* Each class that is required was recorded; one that nothing speaks of leaves it open whether it would be. */
static bool is_shown(const json_t *with, const json_t *rows, struct err *err) {
	const char *name;
	for (size_t i = 0; (name = param_strings_at(with, "required", i)); i++) {
		const json_t *row;
		const char *state = NULL;
		size_t at;
		json_array_foreach(rows, at, row) {
			if (!strcmp(json_string_value(json_object_get(row, "class")), name))
				state = json_string_value(json_object_get(row, "state"));
		}
		if (!state)
			return err_set(err, ERR_UNREADABLE, WHERE, "%s is no class of events", name);
		if (strcmp(state, "recorded") != 0)
			return err_set(err, ERR_UNPROVED, WHERE,
				       "no record of the class %s in this time, and nothing else says that it happened",
				       name);
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *value;
	struct seen seen;
	if (!events_read(with, fetched, &value, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (!look_at(&classes[i], value, fetched, &seen, err))
			return false;
		add(with, &classes[i], &seen, rows);
	}
	if (!is_missing(rows) && !is_shown(with, rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_journal_classes = {
	.name = "journal_classes",
	.about = "Which classes of events the journal has records of.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

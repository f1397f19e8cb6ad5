/* Whether a message that was sent just now arrived in the journal, by each way that programs use. */
#include "core/check.h"
#include "core/row.h"

#define CANARY "canary:log"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"path", VALUE_STRING, NULL, "syslog: /dev/log; journal: the journal's own socket.", PRIVACY_PUBLIC, false},
	{"sent", VALUE_BOOL, NULL, "The socket took it.", PRIVACY_PUBLIC, false},
	{"found", VALUE_BOOL, NULL, "It is in the journal, within 10 seconds.", PRIVACY_PUBLIC, false},
	{"latency_ms", VALUE_INT, "ms",
	 "From sending it to the time that its entry has; negative where the clock was set.", PRIVACY_PUBLIC, true},
	{"host", VALUE_BOOL, NULL, "Its entry carries this machine's id and host name.", PRIVACY_PUBLIC, false},
	{"severity", VALUE_BOOL, NULL, "Its entry has the severity with which it was sent.", PRIVACY_PUBLIC, false},
	{"why", VALUE_STRING, NULL, "Why it was not sent: ENOENT, ECONNREFUSED, EAGAIN ...", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {CANARY, NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, CANARY);
}

static bool add_found(const json_t *path, json_t *row, struct err *err) {
	int64_t latency;
	if (!json_get_int(path, "latency_us", CANARY, &latency, err))
		return false;
	row_int(row, "latency_ms", latency / 1000);
	row_bool(row, "host", json_is_true(json_object_get(path, "host")));
	row_bool(row, "severity", json_is_true(json_object_get(path, "severity")));
	return true;
}

static bool add_path(const json_t *path, json_t *rows, struct err *err) {
	const char *name;
	if (!json_get_string(path, "path", CANARY, &name, err))
		return false;
	bool is_found = json_is_true(json_object_get(path, "found"));
	json_t *row = row_add(rows);
	row_text(row, "path", name);
	row_bool(row, "sent", json_is_true(json_object_get(path, "sent")));
	row_bool(row, "found", is_found);
	row_text(row, "why", json_string_value(json_object_get(path, "why")));
	return !is_found || add_found(path, row, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *value, *list, *path;
	size_t i;
	if (!source_need_json(fetched, CANARY, &value, err) || !json_get_array(value, "paths", CANARY, &list, err))
		return false;
	json_array_foreach(list, i, path) {
		if (!add_path(path, rows, err))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_log_canary = {
	.name = "log_canary",
	.about = "Whether messages sent into the log just now are found in the journal.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

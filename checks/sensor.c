/* Agents that report to a monitoring service: whether one runs, and whether that service still answers it. A row for
 * Wazuh's, there or not, and one for each other known here that is installed. Only Wazuh's agent (and OSSEC's, which it
 * grew from) writes down what can be read without asking the vendor's own program. */
#include "core/lines.h"
#include "core/row.h"
#include "core/service.h"
#include "core/setting.h"
#include "core/text.h"
#include "core/times.h"
#include "core/tzif.h"

#define ZONE "file:/etc/localtime"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"sensor", VALUE_STRING, NULL, "wazuh, ossec, elastic-agent, ...", PRIVACY_PUBLIC, false},
	{"installed", VALUE_BOOL, NULL, "Whether the manager knows its service.", PRIVACY_PUBLIC, false},
	{"unit", VALUE_STRING, NULL, "Its service.", PRIVACY_PUBLIC, false},
	{"active", VALUE_BOOL, NULL, "Whether that runs.", PRIVACY_PUBLIC, false},
	{"read", VALUE_BOOL, NULL, "Whether its record can be read here; the rest is there only then.", PRIVACY_PUBLIC,
	 false},
	{"status", VALUE_STRING, NULL, "In its own words: connected, pending, disconnected.", PRIVACY_PUBLIC, false},
	{"record_age", VALUE_DURATION, "s", "How long ago it last wrote that down.", PRIVACY_PUBLIC, true},
	{"last_ack", VALUE_TIME, NULL, "When the service last answered it; not there where it never did.",
	 PRIVACY_PUBLIC, true},
	{"ack_age", VALUE_DURATION, "s", "How long ago that was.", PRIVACY_PUBLIC, true},
	{0},
};

/* What has a record first. Agents that detect on the host alone, and those that only gather, are not among them. */
static const struct {
	const char *sensor, *unit, *record;
} sensors[] = {
	{"wazuh", "wazuh-agent.service", "file:/var/ossec/var/run/wazuh-agentd.state"},
	{"ossec", "ossec.service", "file:/var/ossec/var/run/ossec-agentd.state"},
	{"elastic-agent", "elastic-agent.service", NULL},
	{"falco", "falco.service", NULL},
	{"falco", "falco-modern-bpf.service", NULL},
	{"osquery", "osqueryd.service", NULL},
	{"mdatp", "mdatp.service", NULL},
	{"falcon-sensor", "falcon-sensor.service", NULL},
	{"sentinelone", "sentinelone.service", NULL},
	{"cortex-xdr", "traps_pmd.service", NULL},
	{"carbon-black", "cbagentd.service", NULL},
	{"auditbeat", "auditbeat.service", NULL},
	{"rapid7", "ir_agent.service", NULL},
	{"qualys", "qualys-cloud-agent.service", NULL},
};

static const char *const patterns[] = {"unit:*", "file:/var/ossec/var/run/*-agentd.state", ZONE, "now:", NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, "now:");
	names_add(names, ZONE);
	for (size_t i = 0; i < ARRAY_LEN(sensors); i++) {
		service_ask(sensors[i].unit, names);
		if (sensors[i].record)
			names_add(names, sensors[i].record);
	}
}

/* Wazuh's agentd.state: NAME='value' lines, comments between; times are the host's local ones. */
struct record {
	char status[32], last_ack[32]; /* "" where it says nothing */
};

static bool read_record(const struct source *source, struct record *ret_record, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	struct record record = {0};
	char *line, *key, *value;
	while ((line = lines_next(&lines))) {
		if (!setting_split(line, '=', "#", &key, &value))
			continue;
		value = setting_unquote(value);
		if (!strcmp(key, "status"))
			snprintf(record.status, sizeof record.status, "%s", value);
		if (!strcmp(key, "last_ack"))
			snprintf(record.last_ack, sizeof record.last_ack, "%s", value);
	}
	if (!lines_ok(&lines, err))
		return false;
	if (!record.status[0])
		return err_set(err, ERR_MALFORMED, source->name, "no status in it");
	*ret_record = record;
	return true;
}

/* The host's zone at an instant; without /etc/localtime that is UTC (localtime(5)). */
static bool zone_offset(const struct sources *fetched, int64_t instant, int64_t *ret_offset, struct err *err) {
	const struct source *zone;
	if (!source_maybe(fetched, ZONE, &zone, err))
		return false;
	*ret_offset = 0;
	return !zone || tzif_offset(zone->bytes.data, zone->bytes.len, instant, ZONE, ret_offset, err);
}

/* "2026-11-22 01:40:05" where the clock shows `offset` more than UTC. */
static bool read_local(const char *text, int64_t offset, int64_t *ret_instant) {
	char plain[TIMES_TEXT + 16];
	if (strlen(text) != strlen("2026-11-22 01:40:05") || text[10] != ' ')
		return false;
	snprintf(plain, sizeof plain, "%.10sT%sZ", text, text + 11);
	if (!times_parse(plain, ret_instant))
		return false;
	*ret_instant -= offset;
	return true;
}

static bool add_ages(json_t *row, const struct sources *fetched, const struct source *source,
		     const struct record *record, struct err *err) {
	int64_t now, offset, acknowledged;
	if (!source_now(fetched, &now, err) || !zone_offset(fetched, source->meta.mtime, &offset, err))
		return false;
	if (source->meta.mtime > now + SOURCE_CLOCK_SLACK)
		return err_set(err, ERR_UNPROVED, source->name,
			       "was written after what this host takes for now: no age can be told");
	row_int(row, "record_age", source->meta.mtime < now ? now - source->meta.mtime : 0);
	if (!record->last_ack[0])
		return true;
	if (!read_local(record->last_ack, offset, &acknowledged))
		return err_set(err, ERR_MALFORMED, source->name, "last_ack is no time");
	if (acknowledged > now + SOURCE_CLOCK_SLACK)
		return err_set(err, ERR_UNPROVED, source->name,
			       "last_ack is after what this host takes for now: no age can be told");
	row_time(row, "last_ack", acknowledged);
	row_int(row, "ack_age", acknowledged < now ? now - acknowledged : 0);
	return true;
}

static bool add_sensor(json_t *rows, const struct sources *fetched, size_t which, struct err *err) {
	struct service service;
	const struct source *source = NULL;
	struct record record;
	if (!service_read(fetched, sensors[which].unit, &service, err) ||
	    (sensors[which].record && !source_maybe(fetched, sensors[which].record, &source, err)))
		return false;
	if (which > 0 && !service.is_loaded && !source)
		return true;
	json_t *row = row_add(rows);
	row_text(row, "sensor", sensors[which].sensor);
	row_text(row, "unit", sensors[which].unit);
	row_bool(row, "installed", service.is_loaded);
	row_bool(row, "active", service.is_active);
	row_bool(row, "read", source != NULL);
	if (!source)
		return true;
	if (!read_record(source, &record, err))
		return false;
	row_text(row, "status", record.status);
	return add_ages(row, fetched, source, &record, err);
}

static bool is_true(const json_t *row, const char *field) { return json_is_true(json_object_get(row, field)); }

/* Where only agents run whose records cannot be read, nothing is known of whom they reach. */
static bool is_told(const json_t *rows, struct err *err) {
	const char *unread = NULL;
	json_t *row;
	size_t i;
	json_array_foreach(rows, i, row) {
		if (is_true(row, "active") && is_true(row, "read"))
			return true;
		if (is_true(row, "active") && !unread)
			unread = json_string_value(json_object_get(row, "unit"));
	}
	return !unread ||
	       err_set(err, ERR_UNPROVED,
		       "unit:", "%s runs, and whether it reaches its service only its own program can say", unread);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	for (size_t i = 0; i < ARRAY_LEN(sensors); i++)
		if (!add_sensor(rows, fetched, i, err))
			return false;
	if (!is_told(rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_sensor = {
	.name = "sensor",
	.about = "Agents that report to a monitoring service: whether one runs, and whether that service answers it.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

/* Tools that keep a host's configuration as it was laid down: when they last ran, and how that ended. A row for Puppet,
 * there or not, and one for each other known here that is installed. Only Puppet leaves a record that says whether the
 * whole run was a success (last_run_summary.yaml). */
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/service.h"
#include "core/setting.h"
#include "core/text.h"
#include "core/yaml.h"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"tool", VALUE_STRING, NULL, "puppet, chef, cinc, salt, cfengine.", PRIVACY_PUBLIC, false},
	{"installed", VALUE_BOOL, NULL, "Whether its service, its configuration or its record is there.",
	 PRIVACY_PUBLIC, false},
	{"active", VALUE_BOOL, NULL, "Whether its service runs; timers and cron start it too.", PRIVACY_PUBLIC, false},
	{"read", VALUE_BOOL, NULL, "Whether its record was there to be read; the rest is there only then.",
	 PRIVACY_PUBLIC, false},
	{"record", VALUE_STRING, NULL, "The file that it writes after each run.", PRIVACY_PUBLIC, false},
	{"last_run", VALUE_TIME, NULL, "When it last ran.", PRIVACY_PUBLIC, true},
	{"age", VALUE_DURATION, "s", "How long ago that was.", PRIVACY_PUBLIC, true},
	{"run_mode", VALUE_STRING, NULL, "agent, or user for a run by hand or without a server, where it says so.",
	 PRIVACY_PUBLIC, false},
	{"applied", VALUE_BOOL, NULL, "Whether that run came as far as to resources: without a catalogue it does not.",
	 PRIVACY_PUBLIC, false},
	{"failed", VALUE_INT, NULL, "Resources that failed, restarts that failed, and events of failure.",
	 PRIVACY_PUBLIC, false},
	{"left", VALUE_INT, NULL, "Resources that it found otherwise and left so.", PRIVACY_PUBLIC, false},
	{"disabled", VALUE_BOOL, NULL, "Whether somebody has disabled it (puppet agent --disable).", PRIVACY_PUBLIC,
	 false},
	{"noop", VALUE_BOOL, NULL, "Whether its configuration says that it only looks.", PRIVACY_PUBLIC, false},
	{0},
};

/* Debian's packages and Puppet's own, of now and earlier. */
static const char *const records[] = {"file:/var/cache/puppet/public/last_run_summary.yaml",
				      "file:/var/cache/puppet/state/last_run_summary.yaml",
				      "file:/var/lib/puppet/public/last_run_summary.yaml",
				      "file:/var/lib/puppet/state/last_run_summary.yaml",
				      "file:/opt/puppetlabs/puppet/public/last_run_summary.yaml",
				      "file:/opt/puppetlabs/puppet/cache/state/last_run_summary.yaml"};
static const char *const locks[] = {"stat:/var/cache/puppet/state/agent_disabled.lock",
				    "stat:/var/lib/puppet/state/agent_disabled.lock",
				    "stat:/opt/puppetlabs/puppet/cache/state/agent_disabled.lock"};
static const char *const configs[] = {"file:/etc/puppet/puppet.conf", "file:/etc/puppetlabs/puppet/puppet.conf"};
static const struct {
	const char *tool, *unit;
} others[] = {{"chef", "chef-client.service"},
	      {"cinc", "cinc-client.service"},
	      {"salt", "salt-minion.service"},
	      {"cfengine", "cf-execd.service"}};

#define PUPPET_UNIT "puppet.service"

static const char *const patterns[] = {"file:/var/*/puppet/*/last_run_summary.yaml",
				       "file:/opt/puppetlabs/puppet/*/last_run_summary.yaml",
				       "stat:/var/*/puppet/state/agent_disabled.lock",
				       "stat:/opt/puppetlabs/puppet/cache/state/agent_disabled.lock",
				       "file:/etc/puppet*/puppet.conf",
				       ETC_SOURCE,
				       "unit:*",
				       "now:",
				       NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		names_add(names, records[i]);
	for (size_t i = 0; i < ARRAY_LEN(locks); i++)
		names_add(names, locks[i]);
	for (size_t i = 0; i < ARRAY_LEN(configs); i++)
		names_add(names, configs[i]);
	service_ask(PUPPET_UNIT, names);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		service_ask(others[i].unit, names);
	names_add(names, ETC_SOURCE);
	names_add(names, "now:");
}

/* A whole number of a mapping; one that is not there is 0. */
static bool read_number(const struct yaml *mapping, const char *key, const char *where, int64_t *ret_value,
			struct err *err) {
	const struct yaml *node = mapping && mapping->kind == YAML_MAPPING ? yaml_get(mapping, key) : NULL;
	unsigned long long value = 0;
	if (node && (node->kind != YAML_SCALAR || !text_to_u64(node->text, INT64_MAX, &value)))
		return err_set_at(err, ERR_MALFORMED, where, node->line, node->column, "%s is no number", key);
	*ret_value = (int64_t)value;
	return true;
}

struct counts {
	int64_t failed, unrestarted, changed, out_of_sync, events;
};

static bool read_counts(const struct yaml *root, const char *where, struct counts *counts, struct err *err) {
	const struct yaml *resources = yaml_get(root, "resources");
	return read_number(resources, "failed", where, &counts->failed, err) &&
	       read_number(resources, "failed_to_restart", where, &counts->unrestarted, err) &&
	       read_number(resources, "changed", where, &counts->changed, err) &&
	       read_number(resources, "out_of_sync", where, &counts->out_of_sync, err) &&
	       read_number(yaml_get(root, "events"), "failure", where, &counts->events, err);
}

static bool add_last_run(json_t *row, const struct yaml *root, const char *where, int64_t now, struct err *err) {
	int64_t last;
	if (!read_number(yaml_get(root, "time"), "last_run", where, &last, err))
		return false;
	if (last == 0)
		return err_set(err, ERR_MALFORMED, where, "does not say when the last run was");
	if (last > now + SOURCE_CLOCK_SLACK)
		return err_set(err, ERR_UNPROVED, where,
			       "tells of a run after what this host takes for now: no age can be told");
	row_time(row, "last_run", last);
	row_int(row, "age", last < now ? now - last : 0);
	return true;
}

static bool add_record(json_t *row, const struct source *source, int64_t now, struct err *err) {
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	struct counts counts;
	const char *where = source->name;
	if (!yaml_read(buf_str(&source->bytes), source->bytes.len, where, &root, err) ||
	    !yaml_is(root, YAML_MAPPING, where, "Puppet's summary", err)) {
		err->code = ERR_MALFORMED; /* of a look, not of a policy */
		return false;
	}
	if (!add_last_run(row, root, where, now, err) || !read_counts(root, where, &counts, err))
		return false;
	const struct yaml *application = yaml_get(root, "application");
	const struct yaml *mode =
		application && application->kind == YAML_MAPPING ? yaml_get(application, "run_mode") : NULL;
	int64_t left = counts.out_of_sync - counts.changed - counts.failed;
	row_text(row, "run_mode", mode && mode->kind == YAML_SCALAR ? mode->text : NULL);
	row_bool(row, "applied", yaml_get(root, "resources") != NULL);
	row_int(row, "failed", counts.failed + counts.unrestarted + counts.events);
	row_int(row, "left", left > 0 ? left : 0);
	return true;
}

/* puppet.conf: noop of [agent], else of [main]. */
static bool read_noop(const struct source *source, bool *ret_noop, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value, *name;
	int of_main = -1, of_agent = -1, *section = &of_main;
	while ((line = lines_next(&lines))) {
		if ((name = setting_section(line)))
			section = !strcmp(name, "agent") ? &of_agent : !strcmp(name, "main") ? &of_main : NULL;
		else if (section && setting_split(line, '=', "#;", &key, &value) && !strcmp(key, "noop"))
			*section = !strcmp(value, "true");
	}
	*ret_noop = of_agent >= 0 ? of_agent > 0 : of_main > 0;
	return lines_ok(&lines, err);
}

static bool add_settings(json_t *row, const struct sources *fetched, bool *is_there, struct err *err) {
	bool is_noop = false, is_disabled = false;
	const struct source *source;
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		bool noop = false;
		if (!etc_maybe(fetched, configs[i], &source, err) || (source && !read_noop(source, &noop, err)))
			return false;
		*is_there |= source != NULL;
		is_noop |= noop;
	}
	for (size_t i = 0; i < ARRAY_LEN(locks); i++) {
		if (!source_maybe(fetched, locks[i], &source, err))
			return false;
		is_disabled |= source != NULL;
	}
	row_bool(row, "noop", is_noop);
	row_bool(row, "disabled", is_disabled);
	return true;
}

/* Of several records the one written last. */
static bool newest_record(const struct sources *fetched, const struct source **ret_newest, struct err *err) {
	const struct source *newest = NULL, *source;
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		if (!source_maybe(fetched, records[i], &source, err))
			return false;
		if (source && (!newest || source->meta.mtime > newest->meta.mtime))
			newest = source;
	}
	*ret_newest = newest;
	return true;
}

static bool add_puppet(json_t *row, const struct sources *fetched, struct err *err) {
	const struct source *record;
	struct service service;
	int64_t now;
	bool is_there = false;
	if (!service_read(fetched, PUPPET_UNIT, &service, err) || !add_settings(row, fetched, &is_there, err) ||
	    !newest_record(fetched, &record, err) || !source_now(fetched, &now, err))
		return false;
	row_text(row, "tool", "puppet");
	row_bool(row, "installed", service.is_loaded || is_there || record);
	row_bool(row, "active", service.is_active);
	row_bool(row, "read", record != NULL);
	if (!record)
		return true;
	row_text(row, "record", record->name + strlen("file:"));
	return add_record(row, record, now, err);
}

/* A tool that runs and cannot be read is all that keeps the configuration, where Puppet does not. */
static bool add_other(json_t *rows, const struct sources *fetched, size_t which, struct err *err) {
	const json_t *puppet = json_array_get(rows, 0);
	bool has_puppet =
		json_is_true(json_object_get(puppet, "active")) || json_is_true(json_object_get(puppet, "read"));
	struct service service;
	if (!service_read(fetched, others[which].unit, &service, err))
		return false;
	if (service.is_active && !has_puppet)
		return err_set(err, ERR_UNPROVED, "unit:", "%s runs, which leaves no record that is read here",
			       others[which].unit);
	if (!service.is_loaded)
		return true;
	json_t *row = row_add(rows);
	row_text(row, "tool", others[which].tool);
	row_bool(row, "installed", true);
	row_bool(row, "active", service.is_active);
	row_bool(row, "read", false);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	if (!add_puppet(row_add(rows), fetched, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (!add_other(rows, fetched, i, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_cmtool = {
	.name = "cmtool",
	.about = "Tools that keep a host's configuration: when they last ran, and how that ended.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

/* Services: how they are kept alive, and what their processes may do as they run. */
#include "core/capabilities.h"
#include "core/check.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"names", VALUE_STRINGS, true, "Services, as vouchd.service; one row each."},
	{"processes", VALUE_BOOL, false, "Look at their main processes too, in /proc/PID/status (default false)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "name", .type = VALUE_STRING, .about = "The service."},
	{.name = "loaded", .type = VALUE_BOOL, .about = "Whether the service manager has a unit of this name."},
	{.name = "active", .type = VALUE_BOOL, .about = "Whether its state is active or reloading."},
	{.name = "enabled", .type = VALUE_BOOL, .about = "Whether boot starts it by its own unit file."},
	{.name = "restart", .type = VALUE_STRING, .about = "When it is started again: no, on-failure, always, ..."},
	{.name = "restarts",
	 .type = VALUE_INT,
	 .about = "How often it was, since somebody started it.",
	 .is_volatile = true},
	{.name = "result", .type = VALUE_STRING, .about = "How it last ended: success, exit-code, watchdog, ..."},
	{.name = "exit",
	 .type = VALUE_INT,
	 .about = "The exit status (or the signal) of its last main process; not there while one runs, and where none "
		  "has "
		  "ended since the boot."},
	{.name = "ended", .type = VALUE_DURATION, .unit = "s", .is_volatile = true, .about = "How long ago that was."},
	{.name = "watchdog",
	 .type = VALUE_DURATION,
	 .unit = "s",
	 .about = "The longest silence after which it is taken for hung and started again; not there: no watchdog."},
	{.name = "user", .type = VALUE_STRING, .about = "The user of the unit; empty: root."},
	{.name = "no_new_privileges",
	 .type = VALUE_BOOL,
	 .about = "Whether its unit keeps it from gaining privileges."},
	{.name = "capabilities",
	 .type = VALUE_STRINGS,
	 .about = "All that its unit or its process lets it have or get, \"all\" where nothing is taken away."},
	{.name = "running", .type = VALUE_BOOL, .about = "Whether it has a main process now.", .is_volatile = true},
	{.name = "pid", .type = VALUE_INT, .about = "Which one.", .is_volatile = true},
	{.name = "root",
	 .type = VALUE_BOOL,
	 .about = "Whether any of the process' user numbers is 0.",
	 .is_volatile = true},
	{.name = "effective",
	 .type = VALUE_STRINGS,
	 .about = "Capabilities that the process has in effect.",
	 .is_volatile = true},
	{.name = "bounding",
	 .type = VALUE_STRINGS,
	 .about = "Capabilities that it could get by another program.",
	 .is_volatile = true},
	{.name = "process_no_new_privileges",
	 .type = VALUE_BOOL,
	 .about = "Whether the process can gain none by running another program.",
	 .is_volatile = true},
	{.name = "seccomp",
	 .type = VALUE_STRING,
	 .about = "Its filter of system calls: none, strict, filter.",
	 .is_volatile = true},
	{0},
};

static const char *const patterns[] = {"service:*", "file:/proc/[0-9]*/status", "now:", NULL};

static bool properties(const struct sources *fetched, const char *name, json_t **ret_value, struct err *err) {
	CLEANUP(free_ptr) char *source = xasprintf("service:%s", name);
	return source_need_json(fetched, source, ret_value, err);
}

static json_int_t pid_of(const json_t *value) { return json_integer_value(json_object_get(value, "MainPID")); }

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *name;
	names_add(names, "now:");
	for (size_t i = 0; (name = param_strings_at(with, "names", i)); i++) {
		json_t *value = NULL;
		struct err ignored;
		names_addf(names, "service:%s", name);
		if (param_bool(with, "processes", false) && properties(fetched, name, &value, &ignored) &&
		    pid_of(value) > 0)
			names_addf(names, "file:/proc/%lld/status", (long long)pid_of(value));
	}
}

static void paths(const json_t *with, struct names *into) {
	const char *name;
	for (size_t i = 0; (name = param_strings_at(with, "names", i)); i++)
		names_add_pattern(into, "service", name);
	if (param_bool(with, "processes", false))
		names_add(into, "file:/proc/[0-9]*/status");
}

/* What both have, each once, in order of coming. */
static void join(json_t *row, const char *field, const json_t *list) {
	size_t i, k;
	json_t *all = json_object_get(row, field), *item, *other;
	json_array_foreach(list, i, item) {
		bool has = false;
		json_array_foreach(all, k, other) has |= json_equal(item, other);
		if (!has)
			json_array_append(all, item);
	}
}

/* "0000000000001000", as /proc has it. */
static bool read_set(const char *text, uint64_t *ret_set) {
	if (!*text || strlen(text) > 16 || text[strspn(text, "0123456789abcdef")])
		return false;
	*ret_set = strtoull(text, NULL, 16);
	return true;
}

static bool read_capabilities(json_t *row, const char *key, const char *value) {
	uint64_t set;
	if (!read_set(value, &set))
		return false;
	CLEANUP(json_decref_p) json_t *list = capability_list(set);
	join(row, "capabilities", list);
	if (!strcmp(key, "CapEff"))
		json_object_set(row, "effective", list);
	if (!strcmp(key, "CapBnd"))
		json_object_set(row, "bounding", list);
	return true;
}

static bool read_uids(json_t *row, char *value) {
	bool is_root = false;
	unsigned long long uid;
	size_t count = 0;
	for (char *word; (word = text_word(&value)); count++) {
		if (!text_to_u64(word, UINT32_MAX, &uid))
			return false;
		is_root |= uid == 0;
	}
	row_bool(row, "root", is_root);
	return count == 4;
}

static bool read_seccomp(json_t *row, const char *value) {
	static const char *const words[] = {"none", "strict", "filter"};
	unsigned long long mode;
	if (!text_to_u64(value, ARRAY_LEN(words) - 1, &mode))
		return false;
	row_text(row, "seccomp", words[mode]);
	return true;
}

/* A line of the status; *seen counts those that have to be there. */
static bool read_status_line(json_t *row, char *line, unsigned *seen) {
	char *value = strchr(line, ':');
	if (!value)
		return false;
	*value++ = '\0';
	value = text_trim(value);
	bool is_capability = text_starts(line, "Cap"), is_uids = !strcmp(line, "Uid");
	bool is_new = !strcmp(line, "NoNewPrivs"), is_seccomp = !strcmp(line, "Seccomp");
	*seen += is_capability || is_uids || is_new || is_seccomp;
	if (is_capability)
		return read_capabilities(row, line, value);
	if (is_uids)
		return read_uids(row, value);
	if (is_new)
		row_bool(row, "process_no_new_privileges", !strcmp(value, "1"));
	return !is_seccomp || read_seccomp(row, value);
}

/* Five sets of capabilities, and three more; a kernel without seccomp has a line less. */
static bool add_process(json_t *row, const struct sources *fetched, json_int_t pid, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:/proc/%lld/status", (long long)pid);
	const struct source *source = NULL;
	if (!source_need(fetched, name, &source, err))
		return false;
	CLEANUP(lines_done) struct lines lines = lines_over(name, source->bytes.data, source->bytes.len);
	unsigned seen = 0;
	char *line;
	while ((line = lines_next(&lines)))
		if (!read_status_line(row, line, &seen))
			return err_set_at(err, ERR_MALFORMED, name, lines.number, 0, "not a line of a process' status");
	if (!lines_ok(&lines, err))
		return false;
	return seen >= 7 || err_set(err, ERR_MALFORMED, name, "lines of a process' status are missing");
}

static void add_unit(json_t *row, const char *name, const json_t *value) {
	const char *load = json_string_value(json_object_get(value, "LoadState"));
	const char *state = json_string_value(json_object_get(value, "ActiveState"));
	const char *file = json_string_value(json_object_get(value, "UnitFileState"));
	int64_t watchdog = json_integer_value(json_object_get(value, "WatchdogUSec"));
	row_text(row, "name", name);
	row_bool(row, "loaded", load && !strcmp(load, "loaded"));
	row_bool(row, "active", state && (!strcmp(state, "active") || !strcmp(state, "reloading")));
	row_bool(row, "enabled", file && (!strcmp(file, "enabled") || !strcmp(file, "enabled-runtime")));
	row_text(row, "restart", json_string_value(json_object_get(value, "Restart")));
	row_text(row, "result", json_string_value(json_object_get(value, "Result")));
	row_text(row, "user", json_string_value(json_object_get(value, "User")));
	row_int(row, "restarts", json_integer_value(json_object_get(value, "NRestarts")));
	row_bool(row, "no_new_privileges", json_is_true(json_object_get(value, "NoNewPrivileges")));
	row_bool(row, "running", pid_of(value) > 0);
	if (watchdog > 0 && watchdog < INT64_MAX)
		row_int(row, "watchdog", (watchdog + 999999) / 1000000);
	if (pid_of(value) > 0)
		row_int(row, "pid", pid_of(value));
	json_object_set_new(row, "capabilities", json_array());
	join(row, "capabilities", json_object_get(value, "CapabilityBoundingSet"));
	join(row, "capabilities", json_object_get(value, "AmbientCapabilities"));
}

static bool add_end(json_t *row, const struct sources *fetched, const json_t *value, struct err *err) {
	int64_t ended = json_integer_value(json_object_get(value, "ExecMainExitTimestamp")) / 1000000, now;
	if (ended <= 0)
		return true;
	if (!source_now(fetched, &now, err))
		return false;
	row_int(row, "exit", json_integer_value(json_object_get(value, "ExecMainStatus")));
	row_int(row, "ended", ended < now ? now - ended : 0);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const char *name;
	for (size_t i = 0; (name = param_strings_at(with, "names", i)); i++) {
		json_t *value = NULL, *row = row_add(rows);
		if (!properties(fetched, name, &value, err))
			return false;
		add_unit(row, name, value);
		if (!add_end(row, fetched, value, err))
			return false;
		if (param_bool(with, "processes", false) && pid_of(value) > 0 &&
		    !add_process(row, fetched, pid_of(value), err))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_service = {
	.name = "service",
	.about = "Services: how they are kept alive, and what they may do, by their units and as they run.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

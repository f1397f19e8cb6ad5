/* Whether the sshd that runs has read the configuration as it is now. */
#include "core/check.h"
#include "core/dropin.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/sshd_config.h"
#include "core/text.h"
#include "core/times.h"

#define PID_FILE "/run/sshd.pid"

static const char *const services[] = {"ssh.service", "sshd.service"};
static const char *const sockets[] = {"ssh.socket", "sshd.socket"};

/* What a socket may start, where the service manager looks for it, and where these services take options from. */
static const char *const socket_starts[] = {"ssh@.service", "sshd@.service", "ssh.service", "sshd.service"};
static const char *const unit_folders[] = {"/etc/systemd/system", "/run/systemd/system",
					   "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
					   "/lib/systemd/system"};
static const char *const environments[] = {"/etc/default/ssh", "/etc/sysconfig/sshd"};

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"unit", VALUE_STRING, NULL, "The service or socket that was looked at.", PRIVACY_PUBLIC, false},
	{"installed", VALUE_BOOL, NULL, "Whether the service manager knows one.", PRIVACY_PUBLIC, false},
	{"running", VALUE_BOOL, NULL, "Whether an sshd waits for connections.", PRIVACY_PUBLIC, false},
	{"per_connection", VALUE_BOOL, NULL,
	 "Whether a socket starts an sshd for each connection, which then reads the configuration anew.",
	 PRIVACY_PUBLIC, false},
	{"loaded_at", VALUE_TIME, NULL, "When it last read its configuration: at its start, or when told to reload.",
	 PRIVACY_PUBLIC, false},
	{"changed_at", VALUE_TIME, NULL, "When a file or folder of the configuration last changed.", PRIVACY_PUBLIC,
	 false},
	{"changed", VALUE_STRING, NULL, "Which one that was.", PRIVACY_PUBLIC, false},
	{"stale", VALUE_BOOL, NULL,
	 "Whether the configuration changed since. A change in the very second of the reading is unknown.",
	 PRIVACY_PUBLIC, false},
	{"overridden", VALUE_BOOL, NULL, "Whether it was started with -o or -f: then the file is not all that counts.",
	 PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {"unit:ssh.service", "unit:sshd.service",
				       "unit:ssh.socket",  "unit:sshd.socket",
				       "file:/*",          "dir:/*",
				       "stat:/*",          NULL};

/* The properties of a unit that is loaded, else NULL. */
static bool loaded_unit(const struct sources *fetched, const char *unit, json_t **ret_value, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("unit:%s", unit);
	json_t *value = NULL;
	if (!source_maybe_json(fetched, name, &value, err))
		return false;
	const char *state = json_string_value(json_object_get(value, "LoadState"));
	*ret_value = state && !strcmp(state, "loaded") ? value : NULL;
	return true;
}

static bool is_active(const json_t *value) {
	const char *state = json_string_value(json_object_get(value, "ActiveState"));
	return state && (!strcmp(state, "active") || !strcmp(state, "reloading"));
}

/* Of several units the first that is active, else the first that is loaded. */
static bool find_unit(const struct sources *fetched, const char *const units[2], json_t **ret_value,
		      const char **ret_unit, struct err *err) {
	json_t *found = NULL;
	const char *unit = NULL;
	for (size_t i = 0; i < 2; i++) {
		json_t *value;
		if (!loaded_unit(fetched, units[i], &value, err))
			return false;
		if (value && (!found || (!is_active(found) && is_active(value)))) {
			found = value;
			unit = units[i];
		}
	}
	*ret_value = found;
	*ret_unit = unit;
	return true;
}

static bool is_reached_by_socket(const struct sources *fetched) {
	json_t *service, *socket;
	const char *unit;
	struct err ignored;
	return find_unit(fetched, sockets, &socket, &unit, &ignored) && is_active(socket) &&
	       find_unit(fetched, services, &service, &unit, &ignored) && !is_active(service);
}

/* The folders of a unit's drop-ins; the strings are the caller's. */
static void drop_in_folders(const char *unit, const char *ret_folders[ARRAY_LEN(unit_folders) + 1]) {
	for (size_t i = 0; i < ARRAY_LEN(unit_folders); i++)
		ret_folders[i] = xasprintf("%s/%s.d", unit_folders[i], unit);
	ret_folders[ARRAY_LEN(unit_folders)] = NULL;
}

static void drop_in_folders_done(const char *folders[]) {
	for (; *folders; folders++)
		free((char *)(uintptr_t)*folders);
}

static void ask_what_is_started(const struct sources *fetched, struct names *names) {
	for (size_t i = 0; i < ARRAY_LEN(environments); i++)
		names_addf(names, "file:%s", environments[i]);
	for (size_t i = 0; i < ARRAY_LEN(socket_starts); i++) {
		const char *folders[ARRAY_LEN(unit_folders) + 1];
		for (size_t k = 0; k < ARRAY_LEN(unit_folders); k++)
			names_addf(names, "file:%s/%s", unit_folders[k], socket_starts[i]);
		drop_in_folders(socket_starts[i], folders);
		dropins_ask(folders, ".conf", fetched, names);
		drop_in_folders_done(folders);
	}
}

static int64_t main_pid(const json_t *service) { return json_integer_value(json_object_get(service, "MainPID")); }

/* The process that the pid file names; 0 without one. */
static int64_t named_pid(const struct sources *fetched) {
	const struct source *pid = sources_get(fetched, "file:" PID_FILE);
	return pid && !pid->err.code ? strtoll(buf_str(&pid->bytes), NULL, 10) : 0;
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	json_t *service;
	const char *unit;
	struct err ignored;
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		names_addf(names, "unit:%s", services[i]);
		names_addf(names, "unit:%s", sockets[i]);
	}
	sshd_config_ask(fetched, names);
	names_add(names, "file:" PID_FILE);
	if (find_unit(fetched, services, &service, &unit, &ignored) && main_pid(service) > 0)
		names_addf(names, "file:/proc/%lld/cmdline", (long long)main_pid(service));
	if (is_reached_by_socket(fetched))
		ask_what_is_started(fetched, names);
	if (named_pid(fetched) > 0)
		names_addf(names, "file:/proc/%lld/cmdline", (long long)named_pid(fetched));
}

static void paths(const json_t *with, struct names *into) {
	sshd_config_paths(into);
	names_add(into, "file:" PID_FILE);
	names_add(into, "file:/proc/[0-9]*/cmdline");
	for (size_t i = 0; i < ARRAY_LEN(environments); i++)
		names_addf(into, "file:%s", environments[i]);
	for (size_t i = 0; i < ARRAY_LEN(socket_starts); i++) {
		const char *folders[ARRAY_LEN(unit_folders) + 1];
		for (size_t k = 0; k < ARRAY_LEN(unit_folders); k++)
			names_addf(into, "file:%s/%s", unit_folders[k], socket_starts[i]);
		drop_in_folders(socket_starts[i], folders);
		dropins_paths(folders, ".conf", into);
		drop_in_folders_done(folders);
	}
}

/* Letters may stand together, as getopt(3) has it: "-Dof" is -D and -o with "f". A letter that takes an argument ends
 * its word. "-/usr/sbin/sshd" is how a unit says that a failure does not count. */
static bool word_overrides(const char *word, size_t len) {
	static const char with_argument[] = "CEbcghkpu";
	for (size_t i = 1; len >= 2 && word[0] == '-' && word[1] != '/' && i < len && !strchr(with_argument, word[i]);
	     i++)
		if (word[i] == 'o' || word[i] == 'f')
			return true;
	return false;
}

/* ExecStart=... of a unit, SSHD_OPTS="..." of its environment. One that a later line takes back counts too: nobody
 * would miss it. */
static bool lines_override(const struct source *source, bool *ret_overrides, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value, *word;
	while ((line = lines_next(&lines))) {
		if (!setting_split(line, '=', "#;", &key, &value) ||
		    (strcmp(key, "ExecStart") != 0 && strcmp(key, "SSHD_OPTS") != 0 && strcmp(key, "OPTIONS") != 0))
			continue;
		while ((word = strsep(&value, " \t\"'")))
			*ret_overrides |= word_overrides(word, strlen(word));
	}
	return lines_ok(&lines, err);
}

static bool file_overrides(const struct sources *fetched, const char *path, bool *ret_overrides, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	const struct source *source;
	return source_maybe(fetched, name, &source, err) && (!source || lines_override(source, ret_overrides, err));
}

static bool drop_ins_override(const struct sources *fetched, const char *unit, bool *ret_overrides, struct err *err) {
	CLEANUP(dropins_done) struct dropins dropins = {0};
	const char *folders[ARRAY_LEN(unit_folders) + 1];
	drop_in_folders(unit, folders);
	bool is_read = dropins_read(folders, ".conf", fetched, &dropins, err);
	drop_in_folders_done(folders);
	for (size_t i = 0; is_read && i < dropins.count; i++)
		is_read = lines_override(dropins.files[i], ret_overrides, err);
	return is_read;
}

/* Whether what a socket starts for each connection is given -o or -f. */
static bool socket_overrides(const struct sources *fetched, bool *ret_overrides, struct err *err) {
	bool overrides = false;
	for (size_t i = 0; i < ARRAY_LEN(environments); i++)
		if (!file_overrides(fetched, environments[i], &overrides, err))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(socket_starts); i++) {
		for (size_t k = 0; k < ARRAY_LEN(unit_folders); k++) {
			CLEANUP(free_ptr) char *path = xasprintf("%s/%s", unit_folders[k], socket_starts[i]);
			if (!file_overrides(fetched, path, &overrides, err))
				return false;
		}
		if (!drop_ins_override(fetched, socket_starts[i], &overrides, err))
			return false;
	}
	*ret_overrides = overrides;
	return true;
}

/* Words are ended by NUL, or by spaces where sshd has rewritten its title ("sshd: /usr/sbin/sshd -D [listener] ...").
 */
static bool is_overridden(const struct source *cmdline) {
	const char *at = buf_str(&cmdline->bytes), *end = at + cmdline->bytes.len;
	while (at < end) {
		size_t len = 0;
		while (at + len < end && at[len] != '\0' && at[len] != ' ')
			len++;
		if (word_overrides(at, len))
			return true;
		at += len + 1;
	}
	return false;
}

/* sshd writes its pid file when it has started and again when it has reloaded: its time is that of the last of these,
 * which the start of the process, the same over a reload, does not tell. */
static bool last_load(const struct sources *fetched, const json_t *service, int64_t *ret_instant, struct err *err) {
	const struct source *pid;
	int64_t started;
	if (!json_get_int(service, "ExecMainStartTimestamp", "unit", &started, err) ||
	    !source_maybe(fetched, "file:" PID_FILE, &pid, err))
		return false;
	started /= 1000000;
	bool is_its_own = pid && strtoll(buf_str(&pid->bytes), NULL, 10) == main_pid(service);
	*ret_instant = is_its_own && pid->meta.mtime > started ? pid->meta.mtime : started;
	return true;
}

struct change {
	int64_t at;
	const char *path;
};

static void later(struct change *change, int64_t at, const char *path) {
	if (at > change->at)
		*change = (struct change){at, path};
}

/* The change time counts beside the modification time: a file that is moved into place keeps the latter. */
static bool last_change(const struct sources *fetched, const struct sshd_config *config, struct change *change,
			struct err *err) {
	const struct source *source;
	json_t *stat;
	int64_t mtime;
	for (size_t i = 0; i < names_count(config->files); i++) {
		if (!source_need(fetched, names_at(config->files, i), &source, err))
			return false;
		later(change, source->meta.mtime, source_path(source));
		later(change, source->meta.ctime, source_path(source));
	}
	for (size_t i = 0; i < names_count(config->folders); i++) {
		if (!source_maybe(fetched, names_at(config->folders, i), &source, err))
			return false;
		if (!source)
			continue;
		if (!source_json(source, &stat, err) || !json_get_int(stat, "mtime", source->name, &mtime, err))
			return false;
		later(change, mtime, source_path(source));
	}
	return true;
}

/* Times are whole seconds here: of a change and a reading in one, as a script makes them, none is known to be the
 * first. */
static bool add_process(json_t *row, const struct sources *fetched, const json_t *service, const struct change *change,
			struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:/proc/%lld/cmdline", (long long)main_pid(service));
	const struct source *cmdline;
	int64_t loaded;
	if (!last_load(fetched, service, &loaded, err) || !source_need(fetched, name, &cmdline, err))
		return false;
	row_time(row, "loaded_at", loaded);
	row_bool(row, "stale", change->at >= loaded);
	row_bool(row, "overridden", is_overridden(cmdline));
	return change->at != loaded || is_overridden(cmdline) ||
	       err_set(err, ERR_UNPROVED, change->path,
		       "it changed in the second in which sshd read it, and which came first cannot be seen; reload "
		       "sshd again");
}

/* An sshd that the service manager did not start is one all the same; what it has read, and when, is not known. */
static bool nobody_else_serves(const struct sources *fetched, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:/proc/%lld/cmdline", (long long)named_pid(fetched));
	const struct source *cmdline = NULL;
	if (named_pid(fetched) <= 0)
		return true;
	if (!source_maybe(fetched, name, &cmdline, err))
		return false;
	return !cmdline || !strstr(buf_str(&cmdline->bytes), "sshd") ||
	       err_set(err, ERR_UNPROVED, "file:" PID_FILE, "an sshd runs that the service manager did not start");
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(sshd_config_done) struct sshd_config config = {0};
	struct change change = {0};
	json_t *service, *socket;
	const char *unit, *socket_unit;
	if (!find_unit(fetched, services, &service, &unit, err) ||
	    !find_unit(fetched, sockets, &socket, &socket_unit, err) || !sshd_config_read(fetched, &config, err) ||
	    !last_change(fetched, &config, &change, err))
		return false;
	bool serves = is_active(service) && main_pid(service) > 0, listens = !serves && is_active(socket);
	bool overrides = false;
	if (listens && !socket_overrides(fetched, &overrides, err))
		return false;
	if (!serves && !listens && !nobody_else_serves(fetched, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "unit", serves || !listens ? unit : socket_unit);
	row_bool(row, "installed", service || socket);
	row_bool(row, "running", serves || listens);
	row_bool(row, "per_connection", listens);
	row_text(row, "changed", change.path);
	if (change.path)
		row_time(row, "changed_at", change.at);
	if (listens)
		row_bool(row, "overridden", overrides);
	if (serves && !add_process(row, fetched, service, &change, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_sshd_running = {
	.name = "sshd_running",
	.about = "Whether the sshd that runs has read the configuration as it is now.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

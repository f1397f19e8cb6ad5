/* Whether updates are installed without anybody's doing, and when that last went well: unattended-upgrades of apt,
 * dnf-automatic. */
#include "core/apt_conf.h"
#include "core/check.h"
#include "core/dnf.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

#include <strings.h>

#define DPKG "stat:/var/lib/dpkg/status"
#define PROGRAM "stat:/usr/bin/unattended-upgrade"
#define PERIODIC "stat:/var/lib/apt/periodic/"
/* Touched where apt.systemd.daily was told that all went well; where unattended-upgrade came to its end, whether well
 * or not. Only both together are a run that did something and did it well. */
#define WENT_WELL PERIODIC "upgrade-stamp"
#define CAME_TO_AN_END PERIODIC "unattended-upgrades-stamp"
#define REFRESHED PERIODIC "update-stamp"
#define LOG "file:/var/log/unattended-upgrades/unattended-upgrades.log"
#define AUTOMATIC "file:/etc/dnf/automatic.conf"
#define DNF_ETC "stat:/etc/dnf"
#define STAMP "stat:/var/lib/systemd/timers/stamp-"

static const char *const apt_timers[] = {"apt-daily.timer", "apt-daily-upgrade.timer"};
/* The second installs whatever the configuration says. */
static const char *const dnf_timers[] = {"dnf-automatic.timer", "dnf-automatic-install.timer", "dnf5-automatic.timer"};
static const char *const dnf_services[] = {"dnf-automatic.service", "dnf-automatic-install.service",
					   "dnf5-automatic.service"};

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"manager", VALUE_STRING, NULL, "apt or dnf.", PRIVACY_PUBLIC, false},
	{"configured", VALUE_BOOL, NULL,
	 "Whether lists are fetched and updates installed by configuration, and the program is there.", PRIVACY_PUBLIC,
	 false},
	{"refresh", VALUE_STRING, NULL, "How often lists are fetched, as configured (apt; days, \"always\").",
	 PRIVACY_PUBLIC, false},
	{"upgrade", VALUE_STRING, NULL, "How often updates are installed (apt), or apply_updates (dnf).",
	 PRIVACY_PUBLIC, false},
	{"security", VALUE_BOOL, NULL, "Whether security updates are among what is installed.", PRIVACY_PUBLIC, false},
	{"origins", VALUE_STRINGS, NULL, "What unattended-upgrades may install from.", PRIVACY_PUBLIC, false},
	{"left_out", VALUE_STRINGS, NULL, "Packages that it may not touch (Package-Blacklist).", PRIVACY_PUBLIC, false},
	{"timers_active", VALUE_BOOL, NULL, "Whether the timers that start it are active.", PRIVACY_PUBLIC, false},
	{"result", VALUE_STRING, NULL, "How the service last ended since the host was started.", PRIVACY_PUBLIC, false},
	{"failed", VALUE_BOOL, NULL, "Whether the last run, by the service or by its log, did not go well.",
	 PRIVACY_PUBLIC, false},
	{"failure", VALUE_STRING, NULL, "The first error of the last run in its log.", PRIVACY_PUBLIC, false},
	{"last_success", VALUE_TIME, NULL, "When a run last came to its end and went well.", PRIVACY_PUBLIC, true},
	{"age", VALUE_DURATION, "s", "How long ago that was; not there: never.", PRIVACY_PUBLIC, true},
	{"refresh_age", VALUE_DURATION, "s", "How long ago lists were last fetched that way (apt).", PRIVACY_PUBLIC,
	 true},
	{0},
};

static const char *const patterns[] = {APT_ETC,
				       "file:/etc/apt/apt.conf",
				       "dir:/etc/apt/apt.conf.d",
				       "file:/etc/apt/apt.conf.d/*",
				       DPKG,
				       PROGRAM,
				       WENT_WELL,
				       CAME_TO_AN_END,
				       REFRESHED,
				       LOG,
				       AUTOMATIC,
				       DNF_ETC,
				       STAMP "*",
				       "unit:apt-daily*",
				       "unit:dnf*-automatic*",
				       "now:",
				       NULL};

/* Which of the two brings packages here; *ret_manager NULL: neither can be seen. */
static bool read_manager(const struct sources *fetched, const char **ret_manager, struct err *err) {
	json_t *dpkg = NULL, *apt = NULL, *dnf = NULL;
	if (!source_maybe_json(fetched, DPKG, &dpkg, err) || !source_maybe_json(fetched, APT_ETC, &apt, err) ||
	    !source_maybe_json(fetched, DNF_ETC, &dnf, err))
		return false;
	bool has_packages = json_integer_value(json_object_get(dpkg, "size")) > 0;
	*ret_manager = apt && (has_packages || !dnf) ? "apt" : dnf ? "dnf" : NULL;
	return true;
}

static void ask_dnf(struct names *names) {
	names_add(names, AUTOMATIC);
	for (size_t i = 0; i < ARRAY_LEN(dnf_timers); i++) {
		names_addf(names, "unit:%s", dnf_timers[i]);
		names_addf(names, "unit:%s", dnf_services[i]);
		names_addf(names, STAMP "%s", dnf_timers[i]);
	}
}

static void ask_apt(const struct sources *fetched, struct names *names) {
	static const char *const files[] = {PROGRAM, WENT_WELL, CAME_TO_AN_END, REFRESHED, LOG};
	apt_conf_ask(fetched, names);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		names_add(names, files[i]);
	for (size_t i = 0; i < ARRAY_LEN(apt_timers); i++)
		names_addf(names, "unit:%s", apt_timers[i]);
	names_add(names, "unit:apt-daily-upgrade.service");
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *manager = NULL;
	struct err ignored;
	names_add(names, "now:");
	names_add(names, DPKG);
	names_add(names, APT_ETC);
	names_add(names, DNF_ETC);
	if (!read_manager(fetched, &manager, &ignored) || !manager)
		return;
	if (!strcmp(manager, "apt"))
		ask_apt(fetched, names);
	else
		ask_dnf(names);
}

/* As apt.systemd.daily takes it: "always", or a number of days that is not 0, or of what its suffix says. */
static bool is_interval(const char *text) {
	if (!text)
		return false;
	size_t digits = strspn(text, "0123456789");
	bool is_number = digits > 0 && (!text[digits] || (strchr("smhd", text[digits]) && !text[digits + 1]));
	return !strcmp(text, "always") || (is_number && strspn(text, "0") != digits);
}

/* Whether an origin lets security updates in: it says so, or restricts to nothing that could shut them out. Both forms:
 * "Debian:bookworm-security" and "origin=Debian,label=Debian-Security". */
static bool has_security(const char *origin) {
	static const char *const narrow[] = {
		"a=", "archive=", "suite=", "n=", "codename=", "l=", "label=", "c=", "component="};
	if (strcasestr(origin, "security"))
		return true;
	if (!strchr(origin, '='))
		return text_ends(origin, ":*");
	for (const char *at = origin; at; at = strchr(at, ',')) {
		at += *at == ',';
		at += strspn(at, " ");
		for (size_t i = 0; i < ARRAY_LEN(narrow); i++) {
			const char *value = at + strlen(narrow[i]);
			if (text_starts(at, narrow[i]) && !(value[0] == '*' && (!value[1] || value[1] == ',')))
				return false;
		}
	}
	return true;
}

static void add_origins(json_t *row, const struct apt_conf *conf) {
	static const char *const lists[] = {"Unattended-Upgrade::Allowed-Origins",
					    "Unattended-Upgrade::Origins-Pattern"};
	bool is_in = false;
	const char *text;
	json_object_set_new(row, "origins", json_array());
	json_object_set_new(row, "left_out", json_array());
	for (size_t list = 0; list < ARRAY_LEN(lists); list++)
		for (size_t i = 0; (text = apt_conf_at(conf, lists[list], i)); i++) {
			row_text_append(row, "origins", text);
			is_in = is_in || has_security(text);
		}
	row_bool(row, "security", is_in);
	for (size_t i = 0; (text = apt_conf_at(conf, "Unattended-Upgrade::Package-Blacklist", i)); i++)
		row_text_append(row, "left_out", text);
}

/* *ret_time stays where it is when the file is not there. */
static bool read_mtime(const struct sources *fetched, const char *name, int64_t *ret_time, struct err *err) {
	json_t *status = NULL;
	if (!source_maybe_json(fetched, name, &status, err))
		return false;
	if (status)
		*ret_time = json_integer_value(json_object_get(status, "mtime"));
	return true;
}

/* Ages that no clock here can tell are no ages. */
static bool add_age(json_t *row, const char *field, int64_t instant, int64_t now, struct err *err) {
	if (instant > now + SOURCE_CLOCK_SLACK)
		return err_set(err, ERR_UNPROVED,
			       "now:", "an update was recorded after what this host takes for now: no age can be told");
	if (instant >= 0)
		row_int(row, field, instant < now ? now - instant : 0);
	return true;
}

static bool unit_of(const struct sources *fetched, const char *unit, json_t **ret_value, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("unit:%s", unit);
	return source_maybe_json(fetched, name, ret_value, err);
}

static bool is_active(const json_t *unit) {
	const char *state = json_string_value(json_object_get(unit, "ActiveState"));
	return state && (!strcmp(state, "active") || !strcmp(state, "reloading"));
}

static const char *result_of(const json_t *unit) {
	const char *result = json_string_value(json_object_get(unit, "Result"));
	return result ? result : "";
}

/* The first line of the last run that is an error: "2026-11-20 06:12:01,123 ERROR Installing the upgrades failed!". */
static bool read_log(const struct sources *fetched, char **ret_failure, struct err *err) {
	const struct source *log;
	char *failure = NULL;
	if (!source_maybe(fetched, LOG, &log, err))
		return false;
	CLEANUP(lines_done)
	struct lines lines = lines_over(LOG, log ? log->bytes.data : NULL, log ? log->bytes.len : 0);
	for (char *line; (line = lines_next(&lines));) {
		const char *error = strstr(line, " ERROR ");
		if (strstr(line, " INFO Starting unattended upgrades script")) {
			free(failure);
			failure = NULL;
		} else if (error && !failure) {
			failure = xstrdup(error + strlen(" ERROR "));
		}
	}
	if (!lines_ok(&lines, err)) {
		free(failure);
		return false;
	}
	*ret_failure = failure;
	return true;
}

static bool add_apt_configuration(json_t *row, const struct sources *fetched, struct err *err) {
	CLEANUP(apt_conf_free_p) struct apt_conf *conf = NULL;
	const struct source *program;
	if (!apt_conf_read(fetched, &conf, err) || !source_maybe(fetched, PROGRAM, &program, err))
		return false;
	const char *refresh = apt_conf_get(conf, "APT::Periodic::Update-Package-Lists");
	const char *upgrade = apt_conf_get(conf, "APT::Periodic::Unattended-Upgrade");
	const char *enable = apt_conf_get(conf, "APT::Periodic::Enable");
	row_text(row, "refresh", refresh);
	row_text(row, "upgrade", upgrade);
	row_bool(row, "configured",
		 program && is_interval(refresh) && is_interval(upgrade) && (!enable || strcmp(enable, "0") != 0));
	add_origins(row, conf);
	return true;
}

static bool add_apt_units(json_t *row, const struct sources *fetched, bool has_failure, struct err *err) {
	bool is_all = true;
	json_t *unit;
	for (size_t i = 0; i < ARRAY_LEN(apt_timers); i++) {
		if (!unit_of(fetched, apt_timers[i], &unit, err))
			return false;
		is_all = is_all && is_active(unit);
	}
	if (!unit_of(fetched, "apt-daily-upgrade.service", &unit, err))
		return false;
	row_bool(row, "timers_active", is_all);
	row_text(row, "result", result_of(unit));
	row_bool(row, "failed", has_failure || strcmp(result_of(unit), "success") != 0);
	return true;
}

static bool run_apt(json_t *row, const struct sources *fetched, int64_t now, struct err *err) {
	int64_t well = -1, ended = -1, refreshed = -1;
	CLEANUP(free_ptr) char *failure = NULL;
	if (!add_apt_configuration(row, fetched, err) || !read_mtime(fetched, WENT_WELL, &well, err) ||
	    !read_mtime(fetched, CAME_TO_AN_END, &ended, err) || !read_mtime(fetched, REFRESHED, &refreshed, err) ||
	    !read_log(fetched, &failure, err) || !add_apt_units(row, fetched, failure, err))
		return false;
	int64_t success = well < ended ? well : ended;
	row_text(row, "failure", failure);
	if (success >= 0)
		row_time(row, "last_success", success);
	return add_age(row, "age", success, now, err) && add_age(row, "refresh_age", refreshed, now, err);
}

struct automatic {
	const struct source *conf;
	char *apply, *type; /* owned */
};

static void automatic_done(struct automatic *automatic) {
	free(automatic->apply);
	free(automatic->type);
}

static bool take_setting(void *context, const struct dnf_setting *setting, struct err *err) {
	struct automatic *automatic = context;
	char **into = !strcmp(setting->key, "apply_updates")  ? &automatic->apply
		      : !strcmp(setting->key, "upgrade_type") ? &automatic->type
							      : NULL;
	if (into && !strcmp(setting->section, "commands")) {
		free(*into);
		*into = xstrdup(setting->value);
	}
	return true;
}

/* The run that the timer's stamp tells of went well if the service says so of its last one. */
static bool run_dnf(json_t *row, const struct sources *fetched, int64_t now, struct err *err) {
	CLEANUP(automatic_done) struct automatic automatic = {0};
	bool applies = false, has_timer = false, is_installed = false;
	int64_t success = -1;
	if (!source_maybe(fetched, AUTOMATIC, &automatic.conf, err) ||
	    (automatic.conf && !dnf_conf_read(automatic.conf, take_setting, &automatic, err)))
		return false;
	const char *result = "";
	if (automatic.apply && !dnf_bool(automatic.apply, &applies))
		return err_set(err, ERR_MALFORMED, AUTOMATIC, "apply_updates is neither yes nor no");
	for (size_t i = 0; i < ARRAY_LEN(dnf_timers); i++) {
		CLEANUP(free_ptr) char *stamp = xasprintf(STAMP "%s", dnf_timers[i]);
		json_t *timer, *service;
		int64_t last = -1;
		if (!unit_of(fetched, dnf_timers[i], &timer, err) ||
		    !unit_of(fetched, dnf_services[i], &service, err) || !read_mtime(fetched, stamp, &last, err))
			return false;
		if (!is_active(timer))
			continue;
		has_timer = true;
		is_installed = is_installed || applies || i == 1;
		result = result_of(service);
		success = !strcmp(result, "success") && last > success ? last : success;
	}
	row_bool(row, "configured", is_installed);
	row_text(row, "upgrade", automatic.apply);
	row_bool(row, "security",
		 !automatic.type || !strcmp(automatic.type, "default") || !strcmp(automatic.type, "security"));
	row_bool(row, "timers_active", has_timer);
	row_text(row, "result", result);
	row_bool(row, "failed", has_timer && strcmp(result, "success") != 0);
	if (success >= 0)
		row_time(row, "last_success", success);
	return add_age(row, "age", success, now, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const char *manager;
	int64_t now;
	if (!read_manager(fetched, &manager, err) || !source_now(fetched, &now, err))
		return false;
	if (!manager)
		return err_set(err, ERR_UNPROVED, APT_ETC, "neither apt nor dnf is configured here");
	json_t *row = row_add(rows);
	row_text(row, "manager", manager);
	if (!strcmp(manager, "apt") ? !run_apt(row, fetched, now, err) : !run_dnf(row, fetched, now, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_auto_update = {
	.name = "auto_update",
	.about = "Whether updates are installed by themselves, and when that last went well.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

/* The daemons that discipline a clock, of those that the service manager knows. */
#include "core/check.h"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "unit", .type = VALUE_STRING, .about = "The unit's name."},
	{.name = "active", .type = VALUE_BOOL, .about = "Whether it runs now."},
	{.name = "enabled",
	 .type = VALUE_STRING,
	 .about = "The state of its unit file: enabled, disabled, masked, ..."},
	{0},
};

static const char *const patterns[] = {"unit:*", NULL};

/* Each program under the names that distributions give it; two names of one unit file are one daemon. */
static const char *const units[] = {"chrony.service",   "chronyd.service", "systemd-timesyncd.service",
				    "ntpsec.service",   "ntp.service",     "ntpd.service",
				    "openntpd.service", "ntpd-rs.service", "phc2sys.service"};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		names_addf(names, "unit:%s", units[i]);
}

static const char *text_of(const json_t *unit, const char *member) {
	const char *text = json_string_value(json_object_get(unit, member));
	return text ? text : "";
}

static bool is_seen(const json_t *fragments, const char *fragment) {
	size_t i;
	const json_t *earlier;
	json_array_foreach(fragments, i, earlier) {
		if (fragment[0] && strcmp(fragment, "/dev/null") != 0 && !strcmp(json_string_value(earlier), fragment))
			return true;
	}
	return false;
}

static bool look_at(const char *name, const struct sources *fetched, json_t *fragments, json_t *rows, struct err *err) {
	CLEANUP(free_ptr) char *source_name = xasprintf("unit:%s", name);
	json_t *unit = NULL;
	if (!source_maybe_json(fetched, source_name, &unit, err))
		return false;
	const char *load = text_of(unit, "LoadState"), *state = text_of(unit, "ActiveState"),
		   *fragment = text_of(unit, "FragmentPath");
	if (!unit || !strcmp(load, "not-found") || is_seen(fragments, fragment))
		return true;
	json_array_append_new(fragments, json_text(fragment));
	/* One that dies and is started over and over is "activating" most of the time. */
	bool is_active = !strcmp(state, "active") || !strcmp(state, "reloading") ||
			 (!strcmp(state, "activating") && strncmp(text_of(unit, "SubState"), "auto-restart", 12) != 0);
	json_array_append_new(rows, json_pack("{s:s, s:b, s:o}", "unit", name, "active", is_active, "enabled",
					      json_text(text_of(unit, "UnitFileState"))));
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *fragments = json_array();
	CLEANUP(json_decref_p) json_t *rows = json_array();
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (!look_at(units[i], fetched, fragments, rows, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_clock_daemon = {
	.name = "clock_daemon",
	.about = "Which daemons that discipline a clock are installed, and which of them run.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

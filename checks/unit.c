/* Units as the running service manager has them. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"name", VALUE_STRING, false, "One unit, as ssh.service."},
	{"names", VALUE_STRINGS, false, "Several units; one row each."},
	{0},
};

static const struct check_field fields[] = {
	{"name", VALUE_STRING, NULL, "The unit.", PRIVACY_PUBLIC, false},
	{"loaded", VALUE_BOOL, NULL, "Whether the manager knows it (LoadState is loaded).", PRIVACY_PUBLIC, false},
	{"load_state", VALUE_STRING, NULL, "loaded, not-found, masked, bad-setting, error.", PRIVACY_PUBLIC, false},
	{"active", VALUE_BOOL, NULL,
	 "Whether it is active now; activating and reloading count, waiting to be started again after a failure does "
	 "not.",
	 PRIVACY_PUBLIC, false},
	{"active_state", VALUE_STRING, NULL, "active, inactive, failed, activating, deactivating, reloading.",
	 PRIVACY_PUBLIC, false},
	{"sub", VALUE_STRING, NULL, "The state in the words of its type: running, exited, listening.", PRIVACY_PUBLIC,
	 false},
	{"unit_file_state", VALUE_STRING, NULL, "enabled, disabled, static, masked, alias, generated, indirect.",
	 PRIVACY_PUBLIC, false},
	{"enabled", VALUE_BOOL, NULL, "Whether boot starts it by its own unit file (enabled or enabled-runtime).",
	 PRIVACY_PUBLIC, false},
	{"masked", VALUE_BOOL, NULL, "Whether it is masked, so that nothing can start it.", PRIVACY_PUBLIC, false},
	{"need_reload", VALUE_BOOL, NULL, "Whether its files changed since the manager read them.", PRIVACY_PUBLIC,
	 false},
	{"result", VALUE_STRING, NULL, "How it last ended: success, exit-code, timeout, ...", PRIVACY_PUBLIC, false},
	{"fragment", VALUE_STRING, NULL, "The unit file that was loaded.", PRIVACY_PUBLIC, false},
	{"drop_ins", VALUE_STRINGS, NULL, "The drop-in files that were loaded.", PRIVACY_PUBLIC, false},
	{"active_triggers", VALUE_STRINGS, NULL, "Active sockets, timers and paths that start it.", PRIVACY_PUBLIC,
	 false},
	{"reachable", VALUE_BOOL, NULL, "Whether it is active or an active trigger would start it.", PRIVACY_PUBLIC,
	 false},
	{0},
};

static const char *const patterns[] = {"unit:*", NULL};

static const char *asked_at(const json_t *with, size_t index) {
	const char *name = param_string(with, "name", NULL);
	if (!name)
		return param_strings_at(with, "names", index);
	return index == 0 ? name : param_strings_at(with, "names", index - 1);
}

/* The properties of a unit; *ret_value is NULL when the manager does not know the name. */
static bool properties(const struct sources *fetched, const char *unit, json_t **ret_value, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("unit:%s", unit);
	return source_maybe_json(fetched, name, ret_value, err);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *unit;
	for (size_t i = 0; (unit = asked_at(with, i)); i++) {
		struct err ignored;
		json_t *value, *trigger;
		size_t k;
		names_addf(names, "unit:%s", unit);
		if (!properties(fetched, unit, &value, &ignored))
			continue;
		json_array_foreach(json_object_get(value, "TriggeredBy"), k, trigger)
			names_addf(names, "unit:%s", json_string_value(trigger));
	}
}

static const char *text_of(const json_t *value, const char *property) {
	const char *text = json_string_value(json_object_get(value, property));
	return text ? text : "";
}

static bool is_active(const json_t *value) {
	const char *state = text_of(value, "ActiveState");
	return !strcmp(state, "active") || !strcmp(state, "reloading") || !strcmp(state, "activating") ||
	       !strcmp(state, "refreshing");
}

/* A service that dies and is started over and over is "activating" most of the time. */
static bool is_up(const json_t *value) {
	return is_active(value) && !text_starts(text_of(value, "SubState"), "auto-restart");
}

static void add_texts(json_t *row, const char *field, const json_t *list) {
	json_t *item;
	size_t i;
	json_object_set_new(row, field, json_array());
	json_array_foreach(list, i, item) row_text_append(row, field, json_string_value(item));
}

static bool add_triggers(json_t *row, const json_t *triggers, const struct sources *fetched, struct err *err) {
	json_t *trigger, *value;
	size_t i;
	json_object_set_new(row, "active_triggers", json_array());
	json_array_foreach(triggers, i, trigger) {
		if (!properties(fetched, json_string_value(trigger), &value, err))
			return false;
		if (value && is_active(value))
			row_text_append(row, "active_triggers", json_string_value(trigger));
	}
	return true;
}

static void add_states(json_t *row, const json_t *value) {
	const char *load_state = value ? text_of(value, "LoadState") : "not-found";
	const char *file_state = text_of(value, "UnitFileState");
	row_bool(row, "loaded", !strcmp(load_state, "loaded"));
	row_text(row, "load_state", load_state);
	row_bool(row, "active", is_up(value));
	row_text(row, "active_state", value ? text_of(value, "ActiveState") : "inactive");
	row_text(row, "sub", json_string_value(json_object_get(value, "SubState")));
	row_text(row, "unit_file_state", file_state);
	row_bool(row, "enabled", !strcmp(file_state, "enabled") || !strcmp(file_state, "enabled-runtime"));
	row_bool(row, "masked", !strcmp(load_state, "masked") || text_starts(file_state, "masked"));
	row_bool(row, "need_reload", json_is_true(json_object_get(value, "NeedDaemonReload")));
	row_text(row, "result", json_string_value(json_object_get(value, "Result")));
	row_text(row, "fragment", json_string_value(json_object_get(value, "FragmentPath")));
	add_texts(row, "drop_ins", json_object_get(value, "DropInPaths"));
}

static bool add_unit(json_t *rows, const struct sources *fetched, const char *unit, struct err *err) {
	json_t *value;
	if (!properties(fetched, unit, &value, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "name", unit);
	add_states(row, value);
	if (!add_triggers(row, json_object_get(value, "TriggeredBy"), fetched, err))
		return false;
	row_bool(row, "reachable", is_active(value) || json_array_size(json_object_get(row, "active_triggers")) > 0);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const char *unit;
	for (size_t i = 0; (unit = asked_at(with, i)); i++)
		if (!add_unit(rows, fetched, unit, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_unit = {
	.name = "unit",
	.about = "Units as the running service manager has them, with what else would start them.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

/* unit: and service: what systemd holds of a unit, one Get a property over the system bus, one after the other:
 * dbus-daemon takes at most 128 calls without an answer from one connection, which a round of some twenty units would
 * pass at once. A Get on the object of a unit that is not loaded makes systemd load it for as long as it is looked at;
 * one that has no file then has the LoadState "not-found". Where systemd is not the first process, or its bus is not
 * there, nothing is proved either way. */
#include "sources/unit.h"

#include <errno.h>
#include <systemd/sd-daemon.h>

#include "core/capabilities.h"
#include "core/text.h"
#include "sources/bus.h"
#include "sources/fetch.h"
#include "sources/kind.h"

static const struct property {
	const char *interface, *name, *type;
	const char *absent; /* what it is for a unit that has no file and is inactive; NULL: that does not tell */
} unit_properties[] = {
	{"Unit", "LoadState", "s", NULL},
	{"Unit", "ActiveState", "s", NULL},
	{"Unit", "SubState", "s", "dead"},
	{"Unit", "UnitFileState", "s", ""},
	{"Unit", "FragmentPath", "s", ""},
	{"Unit", "DropInPaths", "as", ""},
	{"Unit", "NeedDaemonReload", "b", NULL},
	{"Unit", "TriggeredBy", "as", NULL},
	{"Service", "Result", "s", "success"},
	{"Service", "MainPID", "u", ""},
	{"Service", "ExecMainStartTimestamp", "t", ""},
};

/* How a service is kept alive, and within what bounds. */
static const struct property service_properties[] = {
	{"Unit", "LoadState", "s", NULL},
	{"Unit", "ActiveState", "s", NULL},
	{"Unit", "UnitFileState", "s", NULL},
	{"Service", "MainPID", "u", NULL},
	{"Service", "Result", "s", NULL},
	{"Service", "Restart", "s", NULL},
	{"Service", "NRestarts", "u", NULL},
	{"Service", "WatchdogUSec", "t", NULL},
	{"Service", "User", "s", NULL},
	{"Service", "NoNewPrivileges", "b", NULL},
	{"Service", "CapabilityBoundingSet", "t", NULL},
	{"Service", "AmbientCapabilities", "t", NULL},
	{"Service", "ExecMainStatus", "i", NULL},
	{"Service", "ExecMainExitTimestamp", "t", NULL},
};

bool unit_has_property(const char *name) {
	for (size_t i = 0; i < ARRAY_LEN(unit_properties); i++)
		if (!strcmp(unit_properties[i].name, name))
			return true;
	return false;
}

/* One unit that is asked for. */
struct asking {
	struct job *job;
	json_t *values;
	sd_bus *bus; /* borrowed */
	char *path;
	const struct property *properties;
	size_t at, count; /* the property asked for now, and how many there are of this type of unit */
	sd_bus_slot *slot;
};

static void end(void *work) {
	struct asking *asking = work;
	sd_bus_slot_unref(asking->slot);
	free(asking->path);
	json_decref(asking->values);
	free(asking);
}

/* systemd gives it in another order each time. */
static bool is_set(const struct property *property) { return !strcmp(property->name, "TriggeredBy"); }

static size_t place_in(const json_t *sorted, const char *text) {
	size_t at = 0;
	while (at < json_array_size(sorted) && strcmp(json_string_value(json_array_get(sorted, at)), text) < 0)
		at++;
	return at;
}

static json_t *read_strings(sd_bus_message *message, bool sort) {
	const char *text;
	int more;
	if (sd_bus_message_enter_container(message, 'a', "s") < 0)
		return NULL;
	CLEANUP(json_decref_p) json_t *list = json_array();
	while ((more = sd_bus_message_read_basic(message, 's', &text)) > 0)
		json_array_insert_new(list, sort ? place_in(list, text) : json_array_size(list), json_text(text));
	return more < 0 || sd_bus_message_exit_container(message) < 0 ? NULL : json_incref(list);
}

/* Sets of capabilities, of which all may be in. */
static bool is_capabilities(const struct property *property) {
	return text_starts(property->name, "Capability") || text_starts(property->name, "Ambient");
}

/* The end of time is as far as a number goes. */
static json_t *read_wide(uint64_t wide, const struct property *property) {
	if (is_capabilities(property))
		return capability_list(wide);
	return json_integer(wide <= INT64_MAX ? (json_int_t)wide : INT64_MAX);
}

/* The value in the answer's variant, NULL when it is not of this type. */
static json_t *read_value(sd_bus_message *message, const struct property *property) {
	const char *text;
	uint64_t wide;
	uint32_t number;
	int32_t whole;
	int truth;
	if (sd_bus_message_enter_container(message, 'v', property->type) < 0)
		return NULL;
	switch (property->type[0]) {
	case 'a':
		return read_strings(message, is_set(property));
	case 's':
		return sd_bus_message_read_basic(message, 's', &text) > 0 ? json_text(text) : NULL;
	case 'b':
		return sd_bus_message_read_basic(message, 'b', &truth) > 0 ? json_boolean(truth) : NULL;
	case 'u':
		return sd_bus_message_read_basic(message, 'u', &number) > 0 ? json_integer(number) : NULL;
	case 'i':
		return sd_bus_message_read_basic(message, 'i', &whole) > 0 ? json_integer(whole) : NULL;
	default:
		return sd_bus_message_read_basic(message, 't', &wide) > 0 ? read_wide(wide, property) : NULL;
	}
}

static void fail(struct job *job, enum err_code code, const char *what, const char *why) {
	struct err err;
	err_set(&err, code, job_ask(job)->name, "%s: %s", what, why);
	job_fail(job, &err);
}

static void ask_next(struct asking *asking);

static int on_value(sd_bus_message *message, void *context, sd_bus_error *unused) {
	struct asking *asking = context;
	const struct property *property = &asking->properties[asking->at];
	const sd_bus_error *error = sd_bus_message_get_error(message);
	if (error) {
		CLEANUP(free_ptr) char *why = xasprintf("%s (%s)", error->message ? error->message : "", error->name);
		fail(asking->job, bus_error_code(error->name), property->name, why);
		return 0;
	}
	json_t *value = read_value(message, property);
	if (!value) {
		fail(asking->job, ERR_MALFORMED, property->name, "the answer is not of its type");
		return 0;
	}
	json_object_set_new(asking->values, property->name, value);
	asking->at++;
	asking->slot = sd_bus_slot_unref(asking->slot);
	ask_next(asking);
	return 0;
}

/* 0 or a negative errno. */
static int get(struct asking *asking, const struct property *property) {
	char interface[64];
	sd_bus_message *message = NULL;
	snprintf(interface, sizeof interface, "org.freedesktop.systemd1.%s", property->interface);
	int error = sd_bus_message_new_method_call(asking->bus, &message, "org.freedesktop.systemd1", asking->path,
						   "org.freedesktop.DBus.Properties", "Get");
	if (error >= 0)
		error = sd_bus_message_set_auto_start(message, 0); /* looking starts nothing */
	if (error >= 0)
		error = sd_bus_message_append(message, "ss", interface, property->name);
	if (error >= 0)
		error = sd_bus_call_async(asking->bus, &asking->slot, message, on_value, asking,
					  (uint64_t)FETCH_DEADLINE_MS * 1000 * 2); /* the job's deadline comes first */
	sd_bus_message_unref(message);
	return error;
}

static bool has_value(const struct asking *asking, const char *property, const char *value) {
	const char *text = json_string_value(json_object_get(asking->values, property));
	return text && !strcmp(text, value);
}

/* A host has few of the many services that rules know. systemd looks for the file of one that it has not at each Get,
 * so that what follows from there being none is not asked for. */
static void take_what_follows(struct asking *asking) {
	if (!has_value(asking, "LoadState", "not-found") || !has_value(asking, "ActiveState", "inactive"))
		return;
	for (; asking->at < asking->count && asking->properties[asking->at].absent; asking->at++) {
		const struct property *property = &asking->properties[asking->at];
		json_t *value = property->type[0] == 's'   ? json_string(property->absent)
				: property->type[0] == 'a' ? json_array()
							   : json_integer(0);
		json_object_set_new(asking->values, property->name, value);
	}
}

static void ask_next(struct asking *asking) {
	take_what_follows(asking);
	if (asking->at == asking->count) {
		job_answer(asking->job, asking->values);
		return;
	}
	int error = get(asking, &asking->properties[asking->at]);
	if (error < 0)
		fail(asking->job, error == -ENOTCONN || error == -ECONNRESET ? ERR_UNPROVED : ERR_UNREADABLE, "ask",
		     strerrordesc_np(-error));
}

/* A service has all of the properties, any other unit those before the service's own. */
static size_t count_of(const char *name) {
	size_t count = 0;
	while (count < ARRAY_LEN(unit_properties) &&
	       (text_ends(name, ".service") || !strcmp(unit_properties[count].interface, "Unit")))
		count++;
	return count;
}

static void start(struct job *job, const struct property *properties, size_t count) {
	const char *name = job_ask(job)->rest;
	char *path;
	sd_bus *bus;
	struct err err;
	if (!*name || strlen(name) > UNIT_NAME_LONGEST || !strchr(name, '.')) {
		fail(job, ERR_UNREADABLE, "ask", "not a unit's name");
		return;
	}
	if (sd_booted() <= 0) {
		err_set(&err, ERR_UNPROVED, job_ask(job)->name, "systemd does not run here");
		job_fail(job, &err);
		return;
	}
	if (!job_bus(job, &bus, &err)) {
		job_fail(job, &err);
		return;
	}
	if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &path) < 0) {
		fail(job, ERR_UNREADABLE, "ask", "not a unit's name");
		return;
	}
	struct asking *asking = xcalloc(1, sizeof *asking);
	*asking = (struct asking){.job = job,
				  .values = json_object(),
				  .bus = bus,
				  .path = path,
				  .properties = properties,
				  .count = count};
	job_hold(job, asking, end);
	ask_next(asking);
}

static void start_unit(struct job *job) { start(job, unit_properties, count_of(job_ask(job)->rest)); }

static void start_service(struct job *job) {
	if (!text_ends(job_ask(job)->rest, ".service")) {
		fail(job, ERR_UNREADABLE, "ask", "not a service's name");
		return;
	}
	start(job, service_properties, ARRAY_LEN(service_properties));
}

const struct kind kind_service = {
	.prefix = "service:", .is_volatile = true, .deadline_ms = FETCH_DEADLINE_MS, .start = start_service};
const struct kind kind_unit = {.prefix = "unit:", .deadline_ms = FETCH_DEADLINE_MS, .start = start_unit};

#include "sources/watch_units.h"

#include <errno.h>
#include <systemd/sd-daemon.h>

#include "core/text.h"
#include "sources/bus.h"
#include "sources/unit.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER "/org/freedesktop/systemd1"

enum state { WAITS, ASKED, SET };

struct unit {
	char *name; /* of the source */
	struct watch_units *units;
	sd_bus_slot *match;
	enum state state;
	bool is_told; /* that it is not watched */
};

struct watch_units {
	const struct watch_ears *ears;
	sd_event *event;
	sd_bus *bus; /* NULL: not connected */
	struct unit **all;
	size_t count;
};

static void forget_match(struct unit *unit) {
	unit->match = sd_bus_slot_unref(unit->match);
	unit->state = WAITS;
}

static void unit_free(struct unit *unit) {
	forget_match(unit);
	free(unit->name);
	free(unit);
}

static void unwatched(struct unit *unit, const char *why) {
	const struct watch_ears *ears = unit->units->ears;
	if (!unit->is_told)
		ears->unwatched(ears->context, unit->name, why);
	unit->is_told = true;
}

static void doubt_all(struct watch_units *units) {
	for (size_t i = 0; i < units->count; i++)
		units->ears->doubted(units->ears->context, units->all[i]->name);
}

/* The connection is gone, and what happened meanwhile with it. */
static int on_disconnected(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct watch_units *units = context;
	for (size_t i = 0; i < units->count; i++)
		forget_match(units->all[i]);
	units->bus = sd_bus_close_unref(units->bus);
	doubt_all(units);
	return 0;
}

/* Whether one of the keys of the properties, or of those that only lost their value, is in the source. */
static bool has_property(sd_bus_message *message) {
	const char *key;
	bool has = false;
	if (sd_bus_message_skip(message, "s") < 0 || sd_bus_message_enter_container(message, 'a', "{sv}") < 0)
		return true;
	while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
		if (sd_bus_message_read_basic(message, 's', &key) <= 0 || sd_bus_message_skip(message, "v") < 0)
			return true;
		has |= unit_has_property(key);
		if (sd_bus_message_exit_container(message) < 0)
			return true;
	}
	if (sd_bus_message_exit_container(message) < 0 || sd_bus_message_enter_container(message, 'a', "s") < 0)
		return true;
	while (sd_bus_message_read_basic(message, 's', &key) > 0)
		has |= unit_has_property(key);
	return has;
}

/* systemd sends every property with its value whenever one of them, or what depends on the unit, may have changed: also
 * when a unit is loaded only because we look at it. */
static int on_unit(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct unit *unit = context;
	const struct watch_ears *ears = unit->units->ears;
	if (has_property(message))
		ears->doubted(ears->context, unit->name);
	return 0;
}

/* A unit that was not loaded tells nothing of its first changes, but the job that made them ends. (Matches cannot pick
 * a unit's jobs: its name stands behind a number.) */
static int on_job(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct watch_units *units = context;
	const char *name;
	if (sd_bus_message_skip(message, "uo") < 0 || sd_bus_message_read_basic(message, 's', &name) <= 0)
		return 0;
	for (size_t i = 0; i < units->count; i++)
		if (!strcmp(units->all[i]->name + strlen("unit:"), name))
			units->ears->doubted(units->ears->context, units->all[i]->name);
	return 0;
}

/* systemd tells only those that have subscribed; a new one, or one that was executed anew, may not know. */
static int subscribe(struct watch_units *units) {
	sd_bus_message *message = NULL;
	int error =
		sd_bus_message_new_method_call(units->bus, &message, SYSTEMD, MANAGER, SYSTEMD ".Manager", "Subscribe");
	if (error >= 0)
		error = sd_bus_message_set_auto_start(message, 0);
	if (error >= 0)
		error = sd_bus_message_set_expect_reply(message, 0);
	if (error >= 0)
		error = sd_bus_send(units->bus, message, NULL);
	sd_bus_message_unref(message);
	return error;
}

static int on_manager(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct watch_units *units = context;
	int begins = 0;
	if (sd_bus_message_is_signal(message, NULL, "Reloading") &&
	    sd_bus_message_read_basic(message, 'b', &begins) > 0 && begins)
		return 0; /* the other half comes when it is done */
	if (sd_bus_message_is_signal(message, NULL, "NameOwnerChanged") && subscribe(units) < 0)
		return on_disconnected(message, context, error);
	doubt_all(units);
	return 0;
}

static void begin_next(struct watch_units *units);

static int on_installed(sd_bus_message *message, void *context, sd_bus_error *unused) {
	struct unit *unit = context;
	struct watch_units *units = unit->units;
	const sd_bus_error *error = sd_bus_message_get_error(message);
	unit->state = SET;
	if (error)
		unwatched(unit, error->message ? error->message : error->name);
	else
		units->ears->doubted(units->ears->context, unit->name);
	begin_next(units);
	return 0;
}

static bool set_match(struct unit *unit) {
	CLEANUP(free_ptr) char *path = NULL;
	return sd_bus_path_encode(MANAGER "/unit", unit->name + strlen("unit:"), &path) >= 0 &&
	       sd_bus_match_signal_async(unit->units->bus, &unit->match, SYSTEMD, path,
					 "org.freedesktop.DBus.Properties", "PropertiesChanged", on_unit, on_installed,
					 unit) >= 0;
}

/* One unit after the other: the bus takes at most 128 calls without an answer. */
static void begin_next(struct watch_units *units) {
	for (size_t i = 0; units->bus && i < units->count; i++) {
		struct unit *unit = units->all[i];
		if (unit->state == ASKED)
			return;
		if (unit->state == SET)
			continue;
		if (set_match(unit)) {
			unit->state = ASKED;
			return;
		}
		forget_match(unit);
		unit->state = SET;
		unwatched(unit, "no match can be set for it");
	}
}

static int match_manager(struct watch_units *units, const char *member, sd_bus_message_handler_t handler) {
	return sd_bus_match_signal_async(units->bus, NULL, SYSTEMD, MANAGER, SYSTEMD ".Manager", member, handler, NULL,
					 units);
}

/* 0 or a negative errno. */
static int connect_bus(struct watch_units *units) {
	int error = bus_open(units->event, &units->bus);
	if (error < 0)
		return error;
	error = sd_bus_match_signal_async(units->bus, NULL, "org.freedesktop.DBus.Local", NULL,
					  "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, units);
	if (error >= 0)
		error = sd_bus_add_match_async(units->bus, NULL,
					       "type='signal',sender='org.freedesktop.DBus',"
					       "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
					       "arg0='" SYSTEMD "'",
					       on_manager, NULL, units);
	if (error >= 0)
		error = match_manager(units, "UnitFilesChanged", on_manager);
	if (error >= 0)
		error = match_manager(units, "Reloading", on_manager);
	if (error >= 0)
		error = match_manager(units, "JobRemoved", on_job);
	if (error >= 0)
		error = subscribe(units);
	if (error < 0)
		units->bus = sd_bus_close_unref(units->bus);
	return error;
}

static void begin(struct watch_units *units) {
	bool is_booted = sd_booted() > 0;
	int error = units->bus ? 0 : is_booted ? connect_bus(units) : -ENOTCONN;
	for (size_t i = 0; i < units->count && error < 0; i++)
		unwatched(units->all[i], is_booted ? strerrordesc_np(-error) : "systemd does not run here");
	begin_next(units);
}

struct watch_units *watch_units_new(sd_event *event, const struct watch_ears *ears) {
	struct watch_units *units = xcalloc(1, sizeof *units);
	units->ears = ears;
	units->event = sd_event_ref(event);
	return units;
}

void watch_units_free(struct watch_units *units) {
	if (!units)
		return;
	for (size_t i = 0; i < units->count; i++)
		unit_free(units->all[i]);
	free(units->all);
	sd_bus_close_unref(units->bus);
	sd_event_unref(units->event);
	free(units);
}

bool watch_units_takes(const char *name) { return text_starts(name, "unit:"); }

void watch_units_add(struct watch_units *units, const char *name) {
	if (units->count == WATCH_UNITS_MOST || strlen(name) > strlen("unit:") + UNIT_NAME_LONGEST) {
		units->ears->unwatched(units->ears->context, name, "too many units to watch");
		return;
	}
	struct unit *unit = xcalloc(1, sizeof *unit);
	unit->name = xstrdup(name);
	unit->units = units;
	units->all = xreallocarray(units->all, units->count + 1, sizeof(struct unit *));
	units->all[units->count++] = unit;
	begin(units);
}

void watch_units_drop(struct watch_units *units, const char *name) {
	for (size_t i = 0; i < units->count; i++) {
		if (strcmp(units->all[i]->name, name) != 0)
			continue;
		unit_free(units->all[i]);
		units->all[i] = units->all[--units->count];
		begin_next(units);
		return;
	}
}

void watch_units_retry(struct watch_units *units) {
	if (!units->bus && units->count > 0)
		begin(units);
}

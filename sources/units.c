/* units:failed: the loaded units whose last run failed, by one call over the system bus. */
#include <errno.h>
#include <systemd/sd-daemon.h>

#include "sources/bus.h"
#include "sources/fetch.h"
#include "sources/kind.h"

#define UNITS_MOST 10000

static void fail(struct job *job, enum err_code code, const char *why, const char *detail) {
	struct err err;
	err_set(&err, code, job_ask(job)->name, "%s%s%s", why, detail ? ": " : "", detail ? detail : "");
	job_fail(job, &err);
}

static size_t place_in(const json_t *sorted, const char *text) {
	size_t at = 0;
	while (at < json_array_size(sorted) && strcmp(json_string_value(json_array_get(sorted, at)), text) < 0)
		at++;
	return at;
}

/* The names of an answer to ListUnitsByPatterns, sorted; NULL where it is not of its type, or too long. */
static json_t *read_names(sd_bus_message *message) {
	CLEANUP(json_decref_p) json_t *names = json_array();
	const char *name;
	int more;
	if (sd_bus_message_enter_container(message, 'a', "(ssssssouso)") < 0)
		return NULL;
	while ((more = sd_bus_message_enter_container(message, 'r', "ssssssouso")) > 0) {
		if (json_array_size(names) == UNITS_MOST || sd_bus_message_read_basic(message, 's', &name) <= 0)
			return NULL;
		json_array_insert_new(names, place_in(names, name), json_text(name));
		if (sd_bus_message_skip(message, "sssssouso") < 0 || sd_bus_message_exit_container(message) < 0)
			return NULL;
	}
	return more < 0 ? NULL : json_incref(names);
}

static int on_answer(sd_bus_message *message, void *context, sd_bus_error *unused) {
	struct job *job = context;
	const sd_bus_error *error = sd_bus_message_get_error(message);
	if (error) {
		fail(job, bus_error_code(error->name), error->name, error->message);
		return 0;
	}
	CLEANUP(json_decref_p) json_t *names = read_names(message);
	if (names)
		job_answer(job, names);
	else
		fail(job, ERR_MALFORMED, "the answer is not of its type", NULL);
	return 0;
}

static void end(void *work) { sd_bus_slot_unref(work); }

/* 0 or a negative errno. */
static int call(struct job *job, sd_bus *bus) {
	sd_bus_message *message = NULL;
	sd_bus_slot *slot = NULL;
	int error =
		sd_bus_message_new_method_call(bus, &message, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
					       "org.freedesktop.systemd1.Manager", "ListUnitsByPatterns");
	if (error >= 0)
		error = sd_bus_message_set_auto_start(message, 0); /* looking starts nothing */
	if (error >= 0)
		error = sd_bus_message_append(message, "asas", 1, "failed", 0);
	if (error >= 0)
		error = sd_bus_call_async(bus, &slot, message, on_answer, job,
					  (uint64_t)FETCH_DEADLINE_MS * 1000 * 2); /* the job's deadline comes first */
	if (error >= 0)
		job_hold(job, slot, end);
	sd_bus_message_unref(message);
	return error;
}

static void start(struct job *job) {
	sd_bus *bus;
	struct err err;
	if (sd_booted() <= 0) {
		fail(job, ERR_UNPROVED, "systemd does not run here", NULL);
		return;
	}
	if (!job_bus(job, &bus, &err)) {
		job_fail(job, &err);
		return;
	}
	int error = call(job, bus);
	if (error < 0)
		fail(job, error == -ENOTCONN || error == -ECONNRESET ? ERR_UNPROVED : ERR_UNREADABLE,
		     strerrordesc_np(-error), NULL);
}

const struct kind kind_units = {
	.prefix = "units:failed", .is_whole = true, .deadline_ms = FETCH_DEADLINE_MS, .start = start};

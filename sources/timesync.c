/* bus:timesync: which server systemd-timesyncd follows, and what that one said last, over the system bus; core/source.h
 * has its shape. Absent: the bus is there, and nobody has its name. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "core/text.h"
#include "sources/fetch.h"
#include "sources/kind.h"

#define NAME "org.freedesktop.timesync1"

struct asking {
	struct job *job;
	sd_bus_slot *slot;
};

static void end(void *work) {
	struct asking *asking = work;
	sd_bus_slot_unref(asking->slot);
	free(asking);
}

static void fail(struct job *job, enum err_code code, const char *why) {
	struct err err;
	err_set(&err, code, job_ask(job)->name, "%s", why);
	job_fail(job, &err);
}

static int read_text(sd_bus_message *message, json_t *value, const char *key) {
	const char *text;
	int error = sd_bus_message_read(message, "v", "s", &text);
	if (error > 0)
		json_object_set_new(value, key, json_text(text));
	return error;
}

static int read_texts(sd_bus_message *message, json_t *value, const char *key) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	const char *text;
	int error = sd_bus_message_enter_container(message, 'v', "as");
	if (error >= 0)
		error = sd_bus_message_enter_container(message, 'a', "s");
	while (error >= 0 && (error = sd_bus_message_read_basic(message, 's', &text)) > 0)
		json_array_append_new(list, json_text(text));
	if (error >= 0)
		error = sd_bus_message_exit_container(message);
	if (error >= 0)
		error = sd_bus_message_exit_container(message);
	if (error >= 0)
		json_object_set(value, key, list);
	return error;
}

/* (family, bytes) */
static int read_address(sd_bus_message *message, json_t *value, const char *key) {
	char text[INET6_ADDRSTRLEN] = "";
	int32_t family;
	const void *bytes;
	size_t len;
	int error = sd_bus_message_enter_container(message, 'v', "(iay)");
	if (error >= 0)
		error = sd_bus_message_enter_container(message, 'r', "iay");
	if (error >= 0)
		error = sd_bus_message_read(message, "i", &family);
	if (error >= 0)
		error = sd_bus_message_read_array(message, 'y', &bytes, &len);
	if (error >= 0)
		error = sd_bus_message_exit_container(message);
	if (error >= 0)
		error = sd_bus_message_exit_container(message);
	if (error >= 0 && ((family == AF_INET && len == 4) || (family == AF_INET6 && len == 16)))
		(void)inet_ntop(family, bytes, text, sizeof text);
	if (error >= 0)
		json_object_set_new(value, key, json_string(text));
	return error;
}

/* The last packet: what is wanted of it. */
static int read_packet(sd_bus_message *message, json_t *value, const char *key) {
	uint32_t leap, version, mode, stratum;
	int32_t precision;
	const void *refid;
	size_t len;
	uint64_t delay, dispersion, times[4], packets, jitter;
	int spike;
	int error = sd_bus_message_enter_container(message, 'v', "(uuuuittayttttbtt)");
	if (error >= 0)
		error = sd_bus_message_enter_container(message, 'r', "uuuuittayttttbtt");
	if (error >= 0)
		error = sd_bus_message_read(message, "uuuuitt", &leap, &version, &mode, &stratum, &precision, &delay,
					    &dispersion);
	if (error >= 0)
		error = sd_bus_message_read_array(message, 'y', &refid, &len);
	if (error >= 0)
		error = sd_bus_message_read(message, "ttttbtt", &times[0], &times[1], &times[2], &times[3], &spike,
					    &packets, &jitter);
	if (error >= 0)
		error = sd_bus_message_exit_container(message);
	if (error >= 0)
		error = sd_bus_message_exit_container(message);
	if (error < 0)
		return error;
	json_object_set_new(value, key,
			    json_pack("{s:I,s:I,s:I}", "leap", (json_int_t)leap, "stratum", (json_int_t)stratum,
				      "packets", packets <= INT64_MAX ? (json_int_t)packets : INT64_MAX));
	return error;
}

static const struct {
	const char *property, *key;
	int (*read)(sd_bus_message *message, json_t *value, const char *key);
} wanted[] = {
	{"ServerName", "server", read_text},
	{"ServerAddress", "address", read_address},
	{"LinkNTPServers", "link", read_texts},
	{"SystemNTPServers", "system", read_texts},
	{"FallbackNTPServers", "fallback", read_texts},
	{"NTPMessage", "packet", read_packet},
};

static int read_property(sd_bus_message *message, json_t *value) {
	const char *name;
	int error = sd_bus_message_read_basic(message, 's', &name);
	for (size_t i = 0; error >= 0 && i < ARRAY_LEN(wanted); i++)
		if (!strcmp(wanted[i].property, name))
			return wanted[i].read(message, value, wanted[i].key);
	return error >= 0 ? sd_bus_message_skip(message, "v") : error;
}

/* New reference, or NULL where the answer is not of its types or lacks one. */
static json_t *read_all(sd_bus_message *message) {
	CLEANUP(json_decref_p) json_t *value = json_object();
	int error = sd_bus_message_enter_container(message, 'a', "{sv}");
	while (error >= 0 && (error = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		error = read_property(message, value);
		if (error >= 0)
			error = sd_bus_message_exit_container(message);
	}
	return error >= 0 && json_object_size(value) == ARRAY_LEN(wanted) ? json_incref(value) : NULL;
}

/* Nobody has the name: timesyncd does not run. */
static enum err_code meaning_of(const char *name) {
	if (!strcmp(name, "org.freedesktop.DBus.Error.ServiceUnknown") ||
	    !strcmp(name, "org.freedesktop.DBus.Error.NameHasNoOwner"))
		return ERR_ABSENT;
	return !strcmp(name, "org.freedesktop.DBus.Error.AccessDenied") ? ERR_DENIED : ERR_UNPROVED;
}

static int on_answer(sd_bus_message *message, void *context, sd_bus_error *unused) {
	struct asking *asking = context;
	const sd_bus_error *error = sd_bus_message_get_error(message);
	if (error) {
		fail(asking->job, meaning_of(error->name), error->message ? error->message : error->name);
		return 0;
	}
	CLEANUP(json_decref_p) json_t *value = read_all(message);
	if (value)
		job_answer(asking->job, value);
	else
		fail(asking->job, ERR_MALFORMED, "the answer is not of its types");
	return 0;
}

/* Looking starts nothing. */
static int ask_bus(sd_bus *bus, struct asking *asking) {
	sd_bus_message *message = NULL;
	int error = sd_bus_message_new_method_call(bus, &message, NAME, "/org/freedesktop/timesync1",
						   "org.freedesktop.DBus.Properties", "GetAll");
	if (error >= 0)
		error = sd_bus_message_set_auto_start(message, 0);
	if (error >= 0)
		error = sd_bus_message_append(message, "s", NAME ".Manager");
	if (error >= 0)
		error = sd_bus_call_async(bus, &asking->slot, message, on_answer, asking,
					  (uint64_t)FETCH_DEADLINE_MS * 1000 * 2); /* the job's deadline comes first */
	sd_bus_message_unref(message);
	return error;
}

static void start(struct job *job) {
	sd_bus *bus;
	struct err err;
	if (sd_booted() <= 0) {
		fail(job, ERR_UNPROVED, "systemd does not run here");
		return;
	}
	if (!job_bus(job, &bus, &err)) {
		job_fail(job, &err);
		return;
	}
	struct asking *asking = xcalloc(1, sizeof *asking);
	asking->job = job;
	job_hold(job, asking, end);
	int error = ask_bus(bus, asking);
	if (error < 0)
		fail(job, error == -ENOTCONN || error == -ECONNRESET ? ERR_UNPROVED : ERR_UNREADABLE,
		     strerrordesc_np(-error));
}

const struct kind kind_timesync = {.prefix = "bus:timesync",
				   .is_whole = true,
				   .is_volatile = true,
				   .deadline_ms = FETCH_DEADLINE_MS,
				   .start = start};

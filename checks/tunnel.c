/* What may lead round filters on the way: tunnels, programs that make them, listeners of local proxies. By their names:
 * a program that was given another is not found. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define DEVICES "dir:/sys/class/net"

static const struct check_param params[] = {
	{.name = "programs", .type = VALUE_STRINGS, .about = "Programs that make ways of their own, by file name."},
	{.name = "ports", .type = VALUE_STRINGS, .about = "TCP ports of local proxies."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "kind", .type = VALUE_STRING, .about = "device, program or listener."},
	{.name = "name",
	 .type = VALUE_STRING,
	 .about = "The interface; the program's file name; ADDRESS:PORT of the listener."},
	{.name = "type",
	 .type = VALUE_STRING,
	 .about = "Of a device: wireguard, tun, tap, ppp, or tunnel (IP in IP, SIT, GRE); it is up."},
	{.name = "unit",
	 .type = VALUE_STRING,
	 .about = "The unit that program or listener belongs to, where it is known."},
	{0},
};

static const char *const patterns[] = {DEVICES,
				       "file:/sys/class/net/*/uevent",
				       "file:/sys/class/net/*/type",
				       "file:/sys/class/net/*/flags",
				       "file:/sys/class/net/*/tun_flags",
				       "processes:",
				       "sockets:listen",
				       NULL};

static const char *const of_device[] = {"uevent", "type", "flags", "tun_flags"};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	json_t *devices = NULL, *device;
	struct err ignored;
	size_t i;
	names_add(names, DEVICES);
	if (json_array_size(json_object_get(with, "programs")) > 0)
		names_add(names, "processes:");
	if (json_array_size(json_object_get(with, "ports")) > 0)
		names_add(names, "sockets:listen");
	if (!source_maybe_json(fetched, DEVICES, &devices, &ignored))
		return;
	json_array_foreach(devices, i, device) {
		const char *name = json_string_value(json_object_get(device, "name"));
		const char *type = json_string_value(json_object_get(device, "type"));
		/* bonding_masters is a file */
		for (size_t j = 0; name && type && strcmp(type, "file") != 0 && j < ARRAY_LEN(of_device); j++)
			names_addf(names, "file:/sys/class/net/%s/%s", name, of_device[j]);
	}
}

/* One file of a device; NULL: it is not there (any more). Owned by the caller. */
static bool read_word(const struct sources *fetched, const char *device, const char *file, char **ret_text,
		      struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:/sys/class/net/%s/%s", device, file);
	const struct source *source = NULL;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	*ret_text = source ? xstrdup(buf_str(&source->bytes)) : NULL;
	return true;
}

/* Static; NULL: no tunnel. Numbers: ARPHRD_* of if_arp.h, IFF_TUN and IFF_TAP of if_tun.h. */
static const char *type_of(const char *uevent, const char *type, const char *tun_flags) {
	static const struct {
		int number;
		const char *name;
	} types[] = {{512, "ppp"}, {768, "tunnel"}, {769, "tunnel"}, {776, "tunnel"}, {778, "tunnel"}, {823, "tunnel"}};
	long number = type ? strtol(type, NULL, 10) : -1;
	if (uevent && strstr(uevent, "DEVTYPE=wireguard"))
		return "wireguard";
	if (tun_flags)
		return strtoul(tun_flags, NULL, 16) & 2 ? "tap" : "tun";
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (number == types[i].number)
			return types[i].name;
	return NULL;
}

static bool look_at_device(const struct sources *fetched, const char *name, json_t *rows, struct err *err) {
	CLEANUP(free_ptr) char *uevent = NULL;
	CLEANUP(free_ptr) char *type = NULL;
	CLEANUP(free_ptr) char *flags = NULL;
	CLEANUP(free_ptr) char *tun_flags = NULL;
	if (!read_word(fetched, name, "uevent", &uevent, err) || !read_word(fetched, name, "type", &type, err) ||
	    !read_word(fetched, name, "flags", &flags, err) || !read_word(fetched, name, "tun_flags", &tun_flags, err))
		return false;
	const char *word = type_of(uevent, type, tun_flags);
	bool is_up = flags && strtoul(flags, NULL, 16) & 1;
	if (!word || !is_up)
		return true;
	json_t *row = row_add(rows);
	row_text(row, "kind", "device");
	row_text(row, "name", name);
	row_text(row, "type", word);
	return true;
}

static bool look_at_devices(const struct sources *fetched, json_t *rows, struct err *err) {
	json_t *devices, *device;
	size_t i;
	if (!source_maybe_json(fetched, DEVICES, &devices, err))
		return false;
	if (!devices)
		return err_set(err, ERR_UNPROVED, DEVICES, "no /sys here to see the network's interfaces in");
	json_array_foreach(devices, i, device) {
		const char *name, *type;
		if (!json_get_string(device, "name", DEVICES, &name, err) ||
		    !json_get_string(device, "type", DEVICES, &type, err) ||
		    (strcmp(type, "file") != 0 && !look_at_device(fetched, name, rows, err)))
			return false;
	}
	return true;
}

/* One row for each program and unit, however many processes it has. */
static void add_once(json_t *rows, const char *kind, const char *name, const char *unit) {
	CLEANUP(json_decref_p) json_t *row = json_object();
	size_t i;
	const json_t *known;
	row_text(row, "kind", kind);
	row_text(row, "name", name);
	row_text(row, "unit", unit);
	json_array_foreach(rows, i, known) if (json_equal(known, row)) return;
	json_array_append(rows, row);
}

static bool look_at_programs(const json_t *with, const struct sources *fetched, json_t *rows, struct err *err) {
	json_t *processes, *process;
	size_t i;
	if (json_array_size(json_object_get(with, "programs")) == 0)
		return true;
	if (!source_need_json(fetched, "processes:", &processes, err))
		return false;
	json_array_foreach(processes, i, process) {
		const char *exe = json_string_value(json_object_get(process, "exe"));
		const char *comm = json_string_value(json_object_get(process, "comm"));
		const char *slash = exe ? strrchr(exe, '/') : NULL, *name = slash ? slash + 1 : comm;
		if (name && param_strings_have(with, "programs", name))
			add_once(rows, "program", name, json_string_value(json_object_get(process, "unit")));
	}
	return true;
}

static bool look_at_listeners(const json_t *with, const struct sources *fetched, json_t *rows, struct err *err) {
	json_t *sockets, *socket;
	size_t i;
	if (json_array_size(json_object_get(with, "ports")) == 0)
		return true;
	if (!source_need_json(fetched, "sockets:listen", &sockets, err))
		return false;
	json_array_foreach(sockets, i, socket) {
		const char *proto, *address;
		int64_t port;
		if (!json_get_string(socket, "proto", "sockets:listen", &proto, err) ||
		    !json_get_string(socket, "addr", "sockets:listen", &address, err) ||
		    !json_get_int(socket, "port", "sockets:listen", &port, err))
			return false;
		CLEANUP(free_ptr) char *number = xasprintf("%lld", (long long)port);
		CLEANUP(free_ptr)
		char *name = xasprintf(strchr(address, ':') ? "[%s]:%s" : "%s:%s", address, number);
		if (!strcmp(proto, "tcp") && param_strings_have(with, "ports", number))
			add_once(rows, "listener", name, json_string_value(json_object_get(socket, "unit")));
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	if (!look_at_devices(fetched, rows, err) || !look_at_programs(with, fetched, rows, err) ||
	    !look_at_listeners(with, fetched, rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_tunnel = {
	.name = "tunnel",
	.about = "Tunnels, programs that make them, and listeners of local proxies.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

/* What the containers that run now may do to the host, and whether a runtime answers on the network. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define CONTAINERS "containers:"
#define LISTENERS "sockets:listen"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "runtime", .type = VALUE_STRING, .about = "What runs it: containerd/moby (Docker), crun, runc, ..."},
	{.name = "id", .type = VALUE_STRING, .about = "The container's id, its first 12 characters."},
	{.name = "devices",
	 .type = VALUE_BOOL,
	 .about = "Whether it has all devices of the host, as --privileged gives them."},
	{.name = "caps", .type = VALUE_STRINGS, .about = "The capabilities that processes in it can have."},
	{.name = "host",
	 .type = VALUE_STRINGS,
	 .about = "Namespaces that it shares with the host, of ipc mount network pid uts."},
	{.name = "user_namespace", .type = VALUE_BOOL, .about = "Whether its root is nobody on the host."},
	{.name = "seccomp", .type = VALUE_BOOL, .about = "Whether its system calls are filtered."},
	{.name = "no_new_privileges",
	 .type = VALUE_BOOL,
	 .about = "Whether programs in it gain nothing by set-id bits."},
	{.name = "mounts",
	 .type = VALUE_STRINGS,
	 .about = "What is mounted of the host and hands it over: its root, sockets of runtimes, ..."},
	{.name = "writable", .type = VALUE_BOOL, .about = "Whether its root file system can be written to."},
	{.name = "listens",
	 .type = VALUE_STRING,
	 .about = "In a row of its own: where a runtime's interface listens on its TCP port without TLS, as "
		  "0.0.0.0:2375."},
	{.name = "unit", .type = VALUE_STRING, .about = "The unit that does."},
	{0},
};

static const char *const patterns[] = {CONTAINERS, LISTENERS, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, CONTAINERS);
	names_add(names, LISTENERS);
}

static void add_container(json_t *rows, const json_t *container) {
	static const char *const copied[] = {"runtime", "devices",        "caps",
					     "host",    "user_namespace", "seccomp",
					     "mounts",  "writable",       "no_new_privileges"};
	const char *id = json_string_value(json_object_get(container, "id"));
	CLEANUP(free_ptr) char *short_id = xstrndup(id ? id : "", id && strlen(id) > 12 ? 12 : id ? strlen(id) : 0);
	json_t *row = row_add(rows);
	for (size_t i = 0; i < ARRAY_LEN(copied); i++)
		json_object_set(row, copied[i], json_object_get(container, copied[i]));
	row_text(row, "id", short_id);
}

/* Ports that containers publish are docker-proxy's, in the same unit: only the daemons' own usual ones without TLS
 * count.
 */
static void add_listener(json_t *rows, const json_t *listener) {
	static const char *const units[] = {"docker.service", "docker.socket", "podman.service", "podman.socket",
					    "containerd.service"};
	const char *unit = json_string_value(json_object_get(listener, "unit"));
	const char *proto = json_string_value(json_object_get(listener, "proto"));
	const char *addr = json_string_value(json_object_get(listener, "addr"));
	json_int_t port = json_integer_value(json_object_get(listener, "port"));
	bool is_api = port == 2375 || port == 4243;
	if (!unit || !proto || !addr || strcmp(proto, "tcp") != 0 || !is_api ||
	    !text_is_one_of(unit, units, ARRAY_LEN(units)))
		return;
	CLEANUP(free_ptr) char *listens = xasprintf(strchr(addr, ':') ? "[%s]:%lld" : "%s:%lld", addr, (long long)port);
	json_t *row = row_add(rows);
	row_text(row, "listens", listens);
	row_text(row, "unit", unit);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *containers, *listeners, *one;
	size_t i;
	if (!source_need_json(fetched, CONTAINERS, &containers, err) ||
	    !source_need_json(fetched, LISTENERS, &listeners, err))
		return false;
	json_array_foreach(containers, i, one) add_container(rows, one);
	json_array_foreach(listeners, i, one) add_listener(rows, one);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_containers = {
	.name = "containers",
	.about = "What the containers that run now may do to the host.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

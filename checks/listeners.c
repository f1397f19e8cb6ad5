/* What listens on TCP and UDP here, in every network namespace, held against a list of what may. */
#include <arpa/inet.h>
#include <fnmatch.h>

#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define LISTENING "sockets:listen"
#define NAMESPACES "netns:"
#define LOOPBACK 1 /* the index of lo in every namespace */

static const char *const files[] = {"tcp", "tcp6", "udp", "udp6"};

static const struct check_param params[] = {
	{"approved", VALUE_STRINGS, false,
	 "What may listen to more than loopback: \"tcp/22 ssh.service\"; a range \"udp/1024-65535 a.service\", any "
	 "port "
	 "\"tcp/*\"; the unit may be a pattern, and * is any or none (default none)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "proto", .type = VALUE_STRING, .about = "tcp or udp."},
	{.name = "addr", .type = VALUE_STRING, .about = "The address it is bound to; 0.0.0.0 and :: are all of them."},
	{.name = "port", .type = VALUE_INT, .about = "The port."},
	{.name = "loopback", .type = VALUE_BOOL, .about = "Whether only this host can reach it: 127.0.0.0/8, ::1, lo."},
	{.name = "dual", .type = VALUE_BOOL, .about = "Whether a socket of IPv6 takes IPv4 as well."},
	{.name = "unit",
	 .type = VALUE_STRING,
	 .about =
		 "The unit whose process made it; a scope where somebody started it by hand; not there where it cannot "
		 "be told."},
	{.name = "uid", .type = VALUE_INT, .about = "Whose it is."},
	{.name = "first", .type = VALUE_BOOL, .about = "Whether it is in the host's own network namespace."},
	{.name = "namespace",
	 .type = VALUE_INT,
	 .about = "The other namespace that it is in, where units cannot be told.",
	 .is_volatile = true},
	{.name = "approved", .type = VALUE_BOOL, .about = "Whether an entry of `approved` takes it in."},
	{0},
};

static const char *const patterns[] = {
	LISTENING, NAMESPACES, "netfile:[0-9]*/tcp", "netfile:[0-9]*/tcp6", "netfile:[0-9]*/udp", "netfile:[0-9]*/udp6",
	NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	json_t *namespaces = NULL, *one;
	struct err ignored;
	size_t i;
	names_add(names, LISTENING);
	names_add(names, NAMESPACES);
	if (!source_maybe_json(fetched, NAMESPACES, &namespaces, &ignored))
		return;
	json_array_foreach(namespaces, i, one) {
		long long pid = json_integer_value(json_object_get(one, "pid"));
		for (size_t k = 0; k < ARRAY_LEN(files) && !json_is_true(json_object_get(one, "first")); k++)
			names_addf(names, "netfile:%lld/%s", pid, files[k]);
	}
}

/* An IPv4 address may stand in an IPv6 one. */
static bool is_loopback(const char *address, int64_t interface) {
	struct in_addr four;
	struct in6_addr six;
	if (interface == LOOPBACK)
		return true;
	if (inet_pton(AF_INET, address, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, address, &six) == 1 &&
	       (IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127));
}

/* "22", "1024-65535", "*". */
static bool takes_port(const char *ports, unsigned long long port) {
	unsigned long long low, high;
	const char *dash = strchr(ports, '-');
	if (!strcmp(ports, "*"))
		return true;
	CLEANUP(free_ptr) char *first = xstrndup(ports, dash ? (size_t)(dash - ports) : strlen(ports));
	return text_to_u64(first, UINT16_MAX, &low) && text_to_u64(dash ? dash + 1 : first, UINT16_MAX, &high) &&
	       low <= port && port <= high;
}

/* What is not of this form takes nothing in. */
static bool takes(const char *entry, const json_t *row) {
	CLEANUP(free_ptr) char *copy = xstrdup(entry);
	char *rest = copy, *what = text_word(&rest), *unit = text_word(&rest);
	char *slash = what ? strchr(what, '/') : NULL;
	const char *owner = json_string_value(json_object_get(row, "unit"));
	if (!slash || !unit || text_word(&rest))
		return false;
	*slash = '\0';
	return !strcmp(what, json_string_value(json_object_get(row, "proto"))) &&
	       takes_port(slash + 1, (unsigned long long)json_integer_value(json_object_get(row, "port"))) &&
	       (!strcmp(unit, "*") || (owner && fnmatch(unit, owner, 0) == 0));
}

static bool is_approved(const json_t *with, const json_t *row) {
	const char *entry;
	for (size_t i = 0; (entry = param_strings_at(with, "approved", i)); i++)
		if (takes(entry, row))
			return true;
	return false;
}

static bool add_socket(json_t *rows, const json_t *with, const json_t *socket, int64_t namespace, struct err *err) {
	const char *proto, *address;
	int64_t port, uid;
	const char *where = namespace ? NAMESPACES : LISTENING;
	if (!json_get_string(socket, "proto", where, &proto, err) ||
	    !json_get_string(socket, "addr", where, &address, err) ||
	    !json_get_int(socket, "port", where, &port, err) || !json_get_int(socket, "uid", where, &uid, err))
		return false;
	const json_t *only_six = json_object_get(socket, "v6only");
	json_t *row = row_add(rows);
	row_text(row, "proto", proto);
	row_text(row, "addr", address);
	row_int(row, "port", port);
	row_int(row, "uid", uid);
	row_bool(row, "loopback", is_loopback(address, json_integer_value(json_object_get(socket, "interface"))));
	if (only_six)
		row_bool(row, "dual", !json_is_true(only_six));
	row_text(row, "unit", json_string_value(json_object_get(socket, "unit")));
	row_bool(row, "first", namespace == 0);
	if (namespace)
		row_int(row, "namespace", namespace);
	row_bool(row, "approved", is_approved(with, row));
	return true;
}

/* 0: the host's own. */
static bool add_all(json_t *rows, const json_t *with, const json_t *sockets, int64_t namespace, struct err *err) {
	const json_t *socket;
	size_t i;
	json_array_foreach(sockets, i, socket) if (!add_socket(rows, with, socket, namespace, err)) return false;
	return true;
}

static bool add_namespace(json_t *rows, const json_t *with, const struct sources *fetched, const json_t *one,
			  struct err *err) {
	int64_t inode, pid;
	if (json_is_true(json_object_get(one, "first")))
		return true;
	if (!json_get_int(one, "inode", NAMESPACES, &inode, err) || !json_get_int(one, "pid", NAMESPACES, &pid, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("netfile:%lld/%s", (long long)pid, files[i]);
		json_t *sockets = NULL;
		if (!source_need_json(fetched, name, &sockets, err) || !add_all(rows, with, sockets, inode, err))
			return false;
	}
	return true;
}

static bool add_namespaces(json_t *rows, const json_t *with, const struct sources *fetched, struct err *err) {
	json_t *namespaces = NULL, *one;
	size_t i;
	if (!source_need_json(fetched, NAMESPACES, &namespaces, err))
		return false;
	json_array_foreach(namespaces, i, one) if (!add_namespace(rows, with, fetched, one, err)) return false;
	return true;
}

static bool are_in_order(const json_t *rows) {
	const json_t *row;
	size_t i;
	json_array_foreach(rows, i, row) {
		if (!json_is_true(json_object_get(row, "loopback")) && !json_is_true(json_object_get(row, "approved")))
			return false;
	}
	return true;
}

/* What is wrong in the host's own namespace is wrong whatever the others hold. */
static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *others = json_array();
	json_t *sockets = NULL;
	struct err unseen;
	if (!source_need_json(fetched, LISTENING, &sockets, err) || !add_all(rows, with, sockets, 0, err))
		return false;
	if (add_namespaces(others, with, fetched, &unseen)) {
		json_array_extend(rows, others);
	} else if (are_in_order(rows)) {
		*err = unseen;
		return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_listeners = {
	.name = "listeners",
	.about = "What listens on TCP and UDP, in every network namespace, with the unit it belongs to.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

#include "sources/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "sources/cgroup.h"
#include "sources/fetch.h"
#include "sources/namespace.h"
#include "sources/netlink.h"
#include "sources/records.h"

#define LISTENING (1U << TCP_LISTEN)
#define UNCONNECTED (1U << TCP_CLOSE)

struct looking {
	struct buf *into;
	uint32_t tag;
	size_t most;
};

static bool add_socket(void *context, const void *data, size_t len, struct err *err) {
	struct looking *looking = context;
	records_add(looking->into, looking->tag, data, len);
	return looking->into->len <= SOURCE_LARGEST ||
	       err_set(err, ERR_UNREADABLE, "sockets:listen", "over the cap of %u bytes", SOURCE_LARGEST);
}

static void add_group(void *context, uint64_t id, const char *path) {
	CLEANUP(buf_done) struct buf record = {0};
	buf_add(&record, &id, sizeof id);
	buf_adds(&record, path);
	records_add(context, SOCKETS_CGROUP, record.data, record.len);
}

static bool list(const struct ask *ask, unsigned char family, unsigned char protocol, struct buf *into,
		 struct err *err) {
	const bool is_tcp = protocol == IPPROTO_TCP;
	const struct inet_diag_req_v2 what = {
		.sdiag_family = family, .sdiag_protocol = protocol, .idiag_states = is_tcp ? LISTENING : UNCONNECTED};
	const struct netlink_request request = {.protocol = NETLINK_SOCK_DIAG,
						.type = SOCK_DIAG_BY_FAMILY,
						.is_list = true,
						.data = &what,
						.len = sizeof what};
	struct looking looking = {.into = into, .tag = is_tcp ? SOCKETS_TCP : SOCKETS_UDP};
	int error = 0;
	if (netlink_ask(ask, &request, add_socket, &looking, &error, err))
		return true;
	if (error == ENOENT || error == EPROTONOSUPPORT || error == EAFNOSUPPORT)
		return err_set(err, ERR_UNPROVED, ask->name, "the kernel does not list sockets here: %s (%s)",
			       strerrorname_np(error), strerrordesc_np(error));
	return false;
}

static bool look_sockets(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	static const unsigned char families[] = {AF_INET, AF_INET6}, protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!namespace_is_hosts_net(ask->name, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		for (size_t j = 0; j < ARRAY_LEN(protocols); j++)
			if (!list(ask, families[i], protocols[j], &bytes, err))
				return false;
	if (!cgroup_walk(ask, add_group, &bytes, err))
		return false;
	*ret_answer = (struct answer){.bytes = bytes};
	bytes = (struct buf){0};
	return true;
}

struct group {
	uint64_t id;
	const char *path; /* not terminated */
	size_t len;
};

struct groups {
	struct group *all;
	size_t count;
};

static void groups_done(struct groups *groups) { free(groups->all); }

static int by_id(const void *a, const void *b) {
	const struct group *one = a, *other = b;
	return one->id < other->id ? -1 : one->id > other->id;
}

/* All of them, sorted. A group whose record is wrong is left out: the parser of sockets then refuses it. */
static struct groups read_groups(const void *data, size_t len) {
	struct groups groups = {0};
	struct cursor cursor = cursor_over(data, len);
	const unsigned char *record;
	uint32_t tag;
	size_t size, room = 0;
	while (records_next(&cursor, &tag, &record, &size)) {
		struct group group;
		if (tag != SOCKETS_CGROUP || size < sizeof group.id)
			continue;
		memcpy(&group.id, record, sizeof group.id);
		group.path = (const char *)record + sizeof group.id;
		group.len = size - sizeof group.id;
		if (groups.count == room) {
			room = room ? room * 2 : 64;
			groups.all = xreallocarray(groups.all, room, sizeof *groups.all);
		}
		groups.all[groups.count++] = group;
	}
	if (groups.count > 0)
		qsort(groups.all, groups.count, sizeof *groups.all, by_id);
	return groups;
}

/* The attributes of a socket that count here. */
struct attributes {
	bool has_group, has_v6only, is_v6only;
	uint64_t group;
};

static bool read_attributes(const unsigned char *data, size_t len, struct attributes *ret_attributes) {
	size_t at = 0;
	struct nlattr head;
	while (len - at >= sizeof head) {
		memcpy(&head, data + at, sizeof head);
		if (head.nla_len < sizeof head || head.nla_len > len - at)
			return false;
		const unsigned char *value = data + at + sizeof head;
		size_t size = head.nla_len - sizeof head, step = NLA_ALIGN((size_t)head.nla_len);
		if (head.nla_type == INET_DIAG_CGROUP_ID && size == sizeof ret_attributes->group) {
			ret_attributes->has_group = true;
			memcpy(&ret_attributes->group, value, size);
		} else if (head.nla_type == INET_DIAG_SKV6ONLY && size == 1) {
			ret_attributes->has_v6only = true;
			ret_attributes->is_v6only = value[0] != 0;
		}
		at += step < len - at ? step : len - at;
	}
	return at == len;
}

static void add_owner(const struct groups *groups, uint64_t id, json_t *socket) {
	const struct group key = {.id = id};
	const struct group *group = groups->count ? bsearch(&key, groups->all, groups->count, sizeof key, by_id) : NULL;
	CLEANUP(free_ptr) char *path = group ? xstrndup(group->path, group->len) : NULL;
	CLEANUP(free_ptr) char *unit = path ? cgroup_unit(path) : NULL;
	json_object_set_new(socket, "cgroup", path ? json_text(path) : json_null());
	json_object_set_new(socket, "unit", unit ? json_text(unit) : json_null());
}

/* New reference, NULL when it is not a socket as the kernel shows them. */
static json_t *socket_of(uint32_t tag, const unsigned char *record, size_t len, const struct groups *groups) {
	struct inet_diag_msg message;
	struct attributes attributes = {0};
	char address[INET6_ADDRSTRLEN];
	if (len < sizeof message)
		return NULL;
	memcpy(&message, record, sizeof message);
	if ((message.idiag_family != AF_INET && message.idiag_family != AF_INET6) ||
	    !read_attributes(record + sizeof message, len - sizeof message, &attributes))
		return NULL;
	inet_ntop(message.idiag_family, message.id.idiag_src, address, sizeof address);
	json_t *socket = json_pack("{s:s,s:s,s:i,s:I,s:I}", "proto", tag == SOCKETS_TCP ? "tcp" : "udp", "addr",
				   address, "port", ntohs(message.id.idiag_sport), "uid", (json_int_t)message.idiag_uid,
				   "inode", (json_int_t)message.idiag_inode);
	if (message.id.idiag_if)
		json_object_set_new(socket, "interface", json_integer((json_int_t)message.id.idiag_if));
	if (message.idiag_family == AF_INET6 && attributes.has_v6only)
		json_object_set_new(socket, "v6only", json_boolean(attributes.is_v6only));
	add_owner(groups, attributes.has_group ? attributes.group : 0, socket);
	return socket;
}

static const char *text_of(const json_t *socket, const char *key) {
	return json_string_value(json_object_get(socket, key));
}

static int compare_int(const json_t *one, const json_t *other, const char *key) {
	json_int_t a = json_integer_value(json_object_get(one, key)),
		   b = json_integer_value(json_object_get(other, key));
	return a < b ? -1 : a > b;
}

static int by_place(const void *a, const void *b) {
	const json_t *one = *(json_t *const *)a, *other = *(json_t *const *)b;
	int order = strcmp(text_of(one, "proto"), text_of(other, "proto"));
	order = order ? order : compare_int(one, other, "port");
	order = order ? order : strcmp(text_of(one, "addr"), text_of(other, "addr"));
	return order ? order : compare_int(one, other, "inode");
}

json_t *sockets_sorted(const json_t *list) {
	size_t count = json_array_size(list);
	CLEANUP(free_ptr) json_t **all = xcalloc(count + 1, sizeof(json_t *));
	for (size_t i = 0; i < count; i++)
		all[i] = json_array_get(list, i);
	if (count > 0)
		qsort(all, count, sizeof(json_t *), by_place);
	json_t *result = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append(result, all[i]);
	return result;
}

bool sockets_parse(const void *data, size_t len, const char *where, json_t **ret_list, struct err *err) {
	CLEANUP(groups_done) struct groups groups = read_groups(data, len);
	CLEANUP(json_decref_p) json_t *list = json_array();
	struct cursor cursor = cursor_over(data, len);
	const unsigned char *record;
	uint32_t tag;
	size_t size;
	while (records_next(&cursor, &tag, &record, &size)) {
		bool is_socket = tag == SOCKETS_TCP || tag == SOCKETS_UDP;
		json_t *socket = is_socket ? socket_of(tag, record, size, &groups) : NULL;
		if (!socket && (is_socket || tag != SOCKETS_CGROUP || size < sizeof(uint64_t)))
			return err_set(err, ERR_MALFORMED, where, "not a socket as the kernel shows them");
		if (socket)
			json_array_append_new(list, socket);
	}
	if (cursor.bad)
		return err_set(err, ERR_MALFORMED, where, "cut short");
	*ret_list = sockets_sorted(list);
	return true;
}

static bool shape_sockets(const struct ask *ask, struct answer *answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *sockets = NULL;
	return sockets_parse(answer->bytes.data, answer->bytes.len, ask->name, &sockets, err) &&
	       answer_shaped(ask, sockets, answer, err);
}

const struct kind kind_sockets = {.prefix = "sockets:listen",
				  .is_whole = true,
				  .helper = HELPER_NET,
				  .deadline_ms = FETCH_DEADLINE_MS,
				  .look = look_sockets,
				  .shape = shape_sockets};

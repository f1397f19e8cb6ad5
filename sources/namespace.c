#include "sources/namespace.h"

#include <linux/netlink.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"

#define NAME_ROOM 64 /* "mnt:[4026531841]" */

static bool name_of(const char *process, const char *type, char name[NAME_ROOM]) {
	CLEANUP(free_ptr) char *path = xasprintf("/proc/%s/ns/%s", process, type);
	ssize_t len = readlink(path, name, NAME_ROOM - 1);
	name[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* Proved once, for good: a process does not change its network namespace here. */
static enum namespace_kind proved_net = NAMESPACE_UNKNOWN;

/* No two network namespaces have the same one before the next boot. */
static bool cookie_of(int socket, uint64_t *ret_cookie) {
	socklen_t len = sizeof *ret_cookie;
	return getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &len) == 0 && len == sizeof *ret_cookie;
}

enum namespace_kind namespace_prove_net(int listening) {
	uint64_t first, own;
	/* Of the one family that every unit that asks may make. */
	CLEANUP(close_fd) int here = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (here < 0 || !cookie_of(listening, &first) || !cookie_of(here, &own))
		return NAMESPACE_UNKNOWN;
	proved_net = first == own ? NAMESPACE_SAME : NAMESPACE_OTHER;
	return proved_net;
}

/* A namespace's network files are its own: their inodes tell without the right to trace the first process. */
static enum namespace_kind compare_net_files(void) {
	struct stat first, own;
	if (stat("/proc/1/net/dev", &first) != 0 || stat("/proc/self/net/dev", &own) != 0)
		return NAMESPACE_UNKNOWN;
	return first.st_ino == own.st_ino && first.st_dev == own.st_dev ? NAMESPACE_SAME : NAMESPACE_OTHER;
}

enum namespace_kind namespace_of_first(const char *type) {
	char first[NAME_ROOM], own[NAME_ROOM];
	if (!strcmp(type, "net") && proved_net != NAMESPACE_UNKNOWN)
		return proved_net;
	if (!name_of("1", type, first) || !name_of("self", type, own))
		return strcmp(type, "net") ? NAMESPACE_UNKNOWN : compare_net_files();
	return strcmp(first, own) ? NAMESPACE_OTHER : NAMESPACE_SAME;
}

bool namespace_is_hosts_net(const char *where, struct err *err) {
	enum namespace_kind kind = namespace_of_first("net");
	if (kind == NAMESPACE_SAME)
		return true;
	return err_set(err, ERR_UNPROVED, where, "%s",
		       kind == NAMESPACE_OTHER
			       ? "this process is in another network namespace than the first process"
			       : "nothing proves that this is the network namespace of the first process");
}

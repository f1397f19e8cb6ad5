/* Whether this process lives in the first process' namespace: what is seen from another is not the host. */
#pragma once

#include "core/err.h"

enum namespace_kind {
	NAMESPACE_UNKNOWN, /* this process may not know */
	NAMESPACE_SAME,
	NAMESPACE_OTHER,
};

/* type: "mnt", "net" and so on, as in /proc/PID/ns. */
enum namespace_kind namespace_of_first(const char *type);
/* For a process that may not look at the first process' namespaces: the first process made this socket in its own
 * network namespace (socket activation), and the kernel says whether a socket made here is in the same one
 * (SO_NETNS_COOKIE, which anybody may ask for). What comes of it is what namespace_of_first("net") says from now on, in
 * forked processes too; with NAMESPACE_UNKNOWN nothing changes. */
enum namespace_kind namespace_prove_net(int listening);
/* True where this process is proved to be in the first process' network namespace; else ERR_UNPROVED. */
MUST_CHECK bool namespace_is_hosts_net(const char *where, struct err *err);

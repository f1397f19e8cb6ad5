/* sockets:listen - what listens on TCP and UDP over IPv4 and IPv6, and whose it is.
 *
 * Canonical JSON, sorted: [{"proto": "tcp" or "udp", "addr": "0.0.0.0", "port", "uid", "inode", "cgroup", "unit",
 * "interface"?, "v6only"?}...]. A UDP socket listens when it is bound and not connected. cgroup and unit are null where
 * the socket's control group is gone, or belongs to no unit; interface is an index, for a socket bound to one; v6only
 * is there for IPv6 alone: without it "::" takes IPv4 as well.
 *
 * A private network namespace has listeners of its own, and mostly none: who is not known to be in the first process'
 * is unproved. */
#pragma once

#include "core/json.h"

/* Tags of the records that the look hands over. */
enum { SOCKETS_TCP = 1, SOCKETS_UDP, SOCKETS_CGROUP };

/* Records: an inet_diag message with its attributes, as sock_diag(7) has them, for each socket; for each control group
 * its id (8 bytes) and path. New reference. */
MUST_CHECK bool sockets_parse(const void *data, size_t len, const char *where, json_t **ret_list, struct err *err);

/* The same list in its order: by proto, port, addr, inode. New reference. */
json_t *sockets_sorted(const json_t *list);

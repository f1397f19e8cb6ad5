/* netfile: what listens in another process' network namespace: netfile:PID/tcp is from /proc/PID/net/tcp, and so for
 * tcp6, udp and udp6. Which process stands for which namespace, netns: says; the kernel gives the file for the
 * namespace in which the process is when it is opened.
 *
 * Canonical JSON as that of sockets:listen, but without the owning group and unit, which the file does not tell:
 * [{"proto", "addr", "port", "uid", "inode"}...] */
#pragma once

#include "core/json.h"

/* The text of such a file; is_udp, is_v6 say which. One without the line that names its columns is unproved: it would
 * pass for an empty one. New reference. */
MUST_CHECK bool netfile_parse(const char *text, size_t len, bool is_udp, bool is_v6, const char *where,
			      json_t **ret_list, struct err *err);

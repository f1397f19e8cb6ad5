/* Whether this process lives in the first process' namespace: what is seen from another is not the host. */
#pragma once

enum namespace_kind {
	NAMESPACE_UNKNOWN, /* this process may not know */
	NAMESPACE_SAME,
	NAMESPACE_OTHER,
};

/* type: "mnt", "net" and so on, as in /proc/PID/ns. */
enum namespace_kind namespace_of_first(const char *type);

/* The DNS servers at which this host's look-ups end, by every path that a program may take. */
#pragma once

#include "core/check.h"
#include "core/etc.h"
#include "core/nsswitch.h"

/* The patterns of what resolver_path_names() adds. */
#define RESOLVER_PATH_PATTERNS                                                                                         \
	"file:/etc/resolv.conf", ETC_SOURCE, "file:/run/systemd/resolve/resolv.conf", NSSWITCH_SOURCE,                 \
		"stat:/run/nscd/socket", "stat:/var/run/nscd/socket", "dir:/etc/netns",                                \
		"file:/etc/netns/*/resolv.conf", "file:/etc/docker/daemon.json"
void resolver_path_names(const struct sources *fetched, struct names *names);
/* [{"server","via","local":bool,"lookup":[],"cached":bool}...] as the fields of checks/resolver.c say; at least one.
 * New reference. */
MUST_CHECK bool resolver_path_read(const struct sources *fetched, json_t **ret_rows, struct err *err);

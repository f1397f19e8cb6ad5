/* Control groups (version 2), by which a socket or a process is known to belong to a unit. */
#pragma once

#include "sources/kind.h"

#define CGROUPS_MOST 100000

/* Where version 2 is mounted: "/sys/fs/cgroup", or "/sys/fs/cgroup/unified" beside version 1. NULL: nowhere. */
const char *cgroup_mount(void);
/* Call use(context, id, path) for every group: its id is the inode of its folder, path is as in /proc/PID/cgroup ("/"
 * for the first). Groups that vanish meanwhile are passed over; without a mount there are none. */
MUST_CHECK bool cgroup_walk(const struct ask *ask, void (*use)(void *context, uint64_t id, const char *path),
			    void *context, struct err *err);
/* The system's unit that a group belongs to, as systemd names them: the first part of the path behind the slices
 * ("/system.slice/ssh.service/x": "ssh.service"). NULL where there is none. The caller frees. */
char *cgroup_unit(const char *path);

/* processes: every process and whether it still runs what has been replaced on disk. Kernel threads are left out, as is
 * what ends while we look; one process that may not be asked fails the whole.
 *
 * Canonical JSON by rising pid: [{"pid", "uid" (effective), "comm", "exe", "deleted": its program has been removed or
 * replaced, "unit": the system's unit or null, "maps": files that it has mapped to run code from and that have been
 * removed or replaced, sorted, at most PROCESSES_MAPS_MOST, "own_mounts": in another mount namespace than the first
 * process, "own_pids": in another process namespace (a container)}...]. Paths are as the process' own mounts have them.
 */
#pragma once

#include "core/json.h"

#define PROCESSES_MAPS_MOST 256

/* Whether a line of proc_pid_maps(5) (without its newline) is of a removed file that code is run from; then its path,
 * with the kernel's escapes undone and " (deleted)" taken off; the caller frees. What only looks like a file (memfd,
 * shared memory) is none. */
bool processes_maps_line(const char *line, char **ret_path);
/* The system's unit in the text of proc_pid_cgroup (cgroups(7)), version 2 first; NULL: none. The caller frees. */
char *processes_unit(const char *cgroup);
/* The effective user in the text of proc_pid_status(5). */
bool processes_uid(const char *status, unsigned long long *ret_uid);

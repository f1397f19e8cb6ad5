/* All processes, through /proc, and whether all of them are seen. */
#pragma once

#include "sources/kind.h"

/* True where no process is hidden from this one: without /proc, or without its first process, nothing is proved; a
 * /proc that is mounted with hidepid= hides from who has no CAP_SYS_PTRACE and is not in the group of its gid=: denied.
 */
MUST_CHECK bool proc_is_seen(const struct ask *ask, struct err *err);
/* Whether a /proc with these options (as in mounts:'s super_options) hides others' processes from some. *ret_group is
 * then the group that still sees them, -1 for none. */
bool proc_hides(const json_t *options, int64_t *ret_group);

/* Call use() for every process, by rising number, with its open folder: what is read through it is of that process or
 * fails. One that has gone is passed over. */
MUST_CHECK bool proc_walk(const struct ask *ask,
			  bool (*use)(void *context, unsigned long long pid, int folder, struct err *err),
			  void *context, struct err *err);
/* Why something of a process could not be had: true when it has gone, which is no failure; else *err. */
MUST_CHECK bool proc_is_gone(const struct ask *ask, unsigned long long pid, int folder, int error, const char *what,
			     struct err *err);

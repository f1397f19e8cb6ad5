/* Which file a plugin is. Who can write it, or put another in its place, decides what is run: so it and every folder on
 * the way to it, through every link, have to belong to root and be nobody else's to write. Then its path leads to it
 * until root changes that. */
#pragma once

#include <sys/types.h>

#include "core/err.h"

/* /etc/vouch/plugins.d, then /usr/lib/vouch/plugins.d; NULL ends. */
extern const char *const plugin_folders[];

/* The path, links followed, of the file of this name in the first folder that has one; the caller frees. owner: whose
 * files are good beside root's (who runs them gives himself nothing by that); 0: nobody's. ERR_ABSENT: none has one;
 * ERR_DENIED: it is not to be run, and why; where: names errors. */
MUST_CHECK bool plugin_file_find(const char *const *folders, const char *name, uid_t owner, const char *where,
				 char **ret_path, struct err *err);

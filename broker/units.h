/* Which unit answers for which kinds of sources. One program, and for each unit a table of its own: what is not in it
 * cannot be asked for there, whatever the unit's capability would allow. */
#pragma once

#include "sources/kind.h"

struct unit {
	const char *name;                /* "fs" */
	const struct kind *const *kinds; /* NULL ends */
	bool runs_commands;              /* one of its kinds does */
	bool needs_network;              /* what it looks at differs by network namespace */
};

/* NULL: there is none of this name. */
const struct unit *unit_find(const char *name);

/* Which inodes a path has meant, and when: what tells a record of a change to this file from one of another file with
 * the same name, in a container or below another root.
 *
 * Known are the inodes that it means now (source inodes:), and from these, back in time, those that records say were
 * put there or taken away: an entry of this name in a folder that is known. Inodes are used again, so each counts only
 * for as long as it was there. */
#pragma once

#include "core/json.h"

struct who_inode {
	uint64_t dev, number; /* dev: major << 32 | minor; number 0: not told */
};

/* When an event was, in the log's order. */
struct who_when {
	int64_t at_ms;
	uint64_t serial;
};

struct who_place;
/* value: of inodes: (core/source.h), NULL where it could not be had; malformed is the same. */
struct who_place *who_place_new(const json_t *value);
void who_place_free(struct who_place *place);
bool who_place_is_known(const struct who_place *place);

/* Whether an entry of this name in that folder is on the way to the place. */
bool who_place_has_entry(const struct who_place *place, struct who_inode folder, const char *name,
			 struct who_when when);
/* The same, for an event that put that inode there, or took it away. True: that was not known before. */
bool who_place_learn(struct who_place *place, struct who_inode folder, const char *name, struct who_inode inode,
		     struct who_when when, bool is_gone);
/* Whether this is what was there. */
bool who_place_is_end(const struct who_place *place, struct who_inode inode, struct who_when when);
/* Whether anything is known to have been there at any time. */
bool who_place_has_end(const struct who_place *place);

/* "fe:00" */
bool who_dev_read(const char *text, size_t len, uint64_t *ret_dev);

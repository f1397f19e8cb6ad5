/* The entries of a folder, on the live host or below a fixture root. */
#pragma once

#include "sources/kind.h"

struct folder_entry {
	char *name;
	const char *type; /* as mode_type_name() */
};

struct folder {
	struct folder_entry *entries; /* sorted by name, bytewise */
	size_t count, room, bytes;    /* bytes: of all names */
};

/* Open one, links followed. *ret_fd is -1 for a folder that only a fixture's meta knows; the caller closes it. What is
 * there and is no folder is unreadable, not absent. */
MUST_CHECK bool folder_open(const struct ask *ask, const char *path, int *ret_fd, struct err *err);
/* All entries but "." and ".."; fd is the open folder, or -1 for one that only a fixture's meta knows. More names than
 * fit in a source are unreadable. The caller folder_done()s it. */
MUST_CHECK bool folder_read(const struct ask *ask, int fd, const char *path, struct folder *ret_folder,
			    struct err *err);
void folder_done(struct folder *folder);

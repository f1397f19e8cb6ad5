/* A list of paths, in the order in which they were added. */
#pragma once

#include <stddef.h>

struct paths {
	char **items; /* owned, as each of them */
	size_t count;
};

/* Takes the path over. */
void paths_add(struct paths *paths, char *path);
/* By their bytes. */
void paths_sort(struct paths *paths);
void paths_done(struct paths *paths);

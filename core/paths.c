#include "core/paths.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

void paths_add(struct paths *paths, char *path) {
	paths->items = xreallocarray(paths->items, paths->count + 1, sizeof *paths->items);
	paths->items[paths->count++] = path;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void paths_sort(struct paths *paths) {
	if (paths->count > 0)
		qsort(paths->items, paths->count, sizeof *paths->items, by_bytes);
}

void paths_done(struct paths *paths) {
	for (size_t i = 0; i < paths->count; i++)
		free(paths->items[i]);
	free(paths->items);
}

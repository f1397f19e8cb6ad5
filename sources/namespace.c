#include "sources/namespace.h"

#include <stdbool.h>
#include <unistd.h>

#include "core/mem.h"

#define NAME_ROOM 64 /* "mnt:[4026531841]" */

static bool name_of(const char *process, const char *type, char name[NAME_ROOM]) {
	CLEANUP(free_ptr) char *path = xasprintf("/proc/%s/ns/%s", process, type);
	ssize_t len = readlink(path, name, NAME_ROOM - 1);
	name[len > 0 ? len : 0] = '\0';
	return len > 0;
}

enum namespace_kind namespace_of_first(const char *type) {
	char first[NAME_ROOM], own[NAME_ROOM];
	if (!name_of("1", type, first) || !name_of("self", type, own))
		return NAMESPACE_UNKNOWN;
	return strcmp(first, own) ? NAMESPACE_OTHER : NAMESPACE_SAME;
}

#include "sources/namespace.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"

#define NAME_ROOM 64 /* "mnt:[4026531841]" */

static bool name_of(const char *process, const char *type, char name[NAME_ROOM]) {
	CLEANUP(free_ptr) char *path = xasprintf("/proc/%s/ns/%s", process, type);
	ssize_t len = readlink(path, name, NAME_ROOM - 1);
	name[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* A namespace's network files are its own: their inodes tell without the right to trace the first process. */
static enum namespace_kind compare_net_files(void) {
	struct stat first, own;
	if (stat("/proc/1/net/dev", &first) != 0 || stat("/proc/self/net/dev", &own) != 0)
		return NAMESPACE_UNKNOWN;
	return first.st_ino == own.st_ino && first.st_dev == own.st_dev ? NAMESPACE_SAME : NAMESPACE_OTHER;
}

enum namespace_kind namespace_of_first(const char *type) {
	char first[NAME_ROOM], own[NAME_ROOM];
	if (!name_of("1", type, first) || !name_of("self", type, own))
		return strcmp(type, "net") ? NAMESPACE_UNKNOWN : compare_net_files();
	return strcmp(first, own) ? NAMESPACE_OTHER : NAMESPACE_SAME;
}

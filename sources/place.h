/* Where the kinds that read paths read: the live host, the live host under a guard (what a helper may open for others:
 * sources/guard.h), or a fixture root, whose symbolic links cannot leave it and whose metadata .vouch/meta gives
 * (sources/fetch.h). Paths are absolute as the host sees them. Every kind opens through here and nowhere else. */
#pragma once

#include <sys/stat.h>

#include "core/err.h"

struct fixture;
struct guard;

struct place {
	int root;                  /* of a fixture; unused for the live host */
	struct fixture *fixture;   /* NULL: the live host */
	const struct guard *guard; /* NULL: links lead where the kernel follows them */
};

/* open(2); O_CLOEXEC and O_NOCTTY are added. -1 and errno. */
int place_open(const struct place *place, const char *path, int flags);
/* The status of a path, or with a descriptor of what was opened there. False and errno. */
bool place_stat(const struct place *place, const char *path, struct stat *ret_status);
bool place_fstat(const struct place *place, int fd, const char *path, struct stat *ret_status);
/* Of an entry of an open folder, links not followed; path is the entry's. */
bool place_stat_at(const struct place *place, int folder, const char *name, const char *path, struct stat *ret_status);
/* Whether this is not what lies there, but what systemd has put over it to hide it from this unit (InaccessiblePaths=,
 * ProtectHome=): an empty file or folder, which for who may read everything looks like one that is there. Nothing below
 * a place opens it: EPERM. */
bool place_is_hidden(const struct stat *status);
/* "file", "dir", "link", "fifo", "socket", "char", "block". */
const char *mode_type_name(mode_t mode);
/* "0640" */
#define MODE_TEXT 5
char *mode_text(mode_t mode, char text[MODE_TEXT]);

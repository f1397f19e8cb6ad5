/* The allow list: which sources a helper looks at for others. A text that root owns, by default
 * VOUCH_SYSCONFDIR/paths; `vouch paths` prints one for a host's policies. A pattern a line:
 *
 *   # a comment
 *   file:/etc/ssh/sshd_config
 *   dir:/etc/ssh/sshd_config.d
 *   file:/etc/resolv.conf > /run/systemd/resolve/stub-resolv.conf /run/resolvconf/resolv.conf
 *
 * Patterns are shell patterns as in fnmatch(3) without flags: a * stands for slashes too. Behind " > " are patterns of
 * the absolute paths that root's symbolic links on the way of such a name may lead to, parted by blanks (a blank in a
 * path is written ?). Two things need no target: a path that may be asked for under its own name by the same kind, and
 * the folders that distributions have merged (/bin and /usr/bin; /var/run and /run).
 *
 * A name behind "watch:" may be asked for where the name itself may. */
#pragma once

#include <sys/stat.h>

#include "core/err.h"

#define PATHS_FILE VOUCH_SYSCONFDIR "/paths"
#define PATHS_LARGEST (1U << 20) /* bytes of the file */
#define PATHS_LINES_MOST 10000
#define PATHS_TARGETS_MOST 64 /* of a line */

struct paths;
/* Every line that is none of the above is an error with its number, and no list. */
MUST_CHECK bool paths_parse(const char *where, const char *data, size_t len, struct paths **ret_paths, struct err *err);
void paths_free(struct paths *paths);
DEFINE_CLEANUP(struct paths, paths_free)
/* Whether a path is written without detours: no "//", "." or ".." as a component. */
bool paths_is_plain(const char *path);
/* Whether this name may be asked for. False: *err (ERR_DENIED) says why, *ret_error is EINVAL for a name with detours,
 * EACCES for one that is not listed. */
MUST_CHECK bool paths_permit(const struct paths *paths, const char *name, int *ret_error, struct err *err);
/* Whether root's links on the way of this name may lead to target, an absolute path without links. */
bool paths_may_lead(const struct paths *paths, const char *name, const char *target);

/* A list that is read again whenever its file has changed. One that cannot be read, that others than root own or may
 * write, or that has a bad line permits nothing. */
struct paths_file {
	const char *path;    /* borrowed */
	struct stat seen;    /* of the file that was read */
	struct paths *paths; /* NULL: bad says why */
	struct err bad;
};
/* False: nothing is permitted, for the reason in *err. {.path} begins; paths_file_done() ends. */
MUST_CHECK bool paths_file_refresh(struct paths_file *file, struct err *err);
void paths_file_done(struct paths_file *file);

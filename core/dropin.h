/* One configuration spread over folders, as systemd, sysctl.d and modprobe.d read it: files of one suffix, sorted by
 * base name over all folders; of equal base names only the one in the folder that comes first counts; a link to
 * /dev/null there masks the others. And paths with a wildcard in their last component, as Include directives have
 * them. */
#pragma once

#include "core/check.h"

struct dropins {
	const struct source **files; /* file: sources that were read, in the order in which they apply; owned array */
	size_t count;
};

/* folders: NULL-terminated, the one that wins first. Adds what is needed next: dir:, then stat: of links and file:. */
void dropins_ask(const char *const *folders, const char *suffix, const struct sources *fetched, struct names *names);
/* The patterns of what it adds. */
void dropins_paths(const char *const *folders, const char *suffix, struct names *patterns);
/* A folder that is absent holds nothing, a dangling link is not there; any other failed look is an error. */
MUST_CHECK bool dropins_read(const char *const *folders, const char *suffix, const struct sources *fetched,
			     struct dropins *ret_dropins, struct err *err);
void dropins_done(struct dropins *dropins);

/* The path of a file: source: its name without the kind. */
const char *source_path(const struct source *source);

/* Adds dir: when the last component of pattern holds * ? or [. */
void pathglob_ask(const char *pattern, const struct sources *fetched, struct names *names);
/* The patterns of its folder and of kind with each path that it stands for. */
void pathglob_paths(const char *kind, const char *pattern, struct names *patterns);
/* The paths it stands for, sorted; a path without wildcards is itself, there or not. An absent folder holds none.
 * Wildcards in folders are ERR_UNPROVED. */
MUST_CHECK bool pathglob_list(const char *pattern, const struct sources *fetched, struct names *paths, struct err *err);
bool is_pathglob(const char *pattern);

/* A fixture root: a folder that stands for a host, as sources/fetch.h describes it. Nothing here looks at the live
 * host.
 *
 * Members of an entry of .vouch/meta, all optional: "mode" (octal text), "uid", "gid", "nlink", "mtime", "ctime"
 * (integers; without a ctime it is the mtime), "error" (one of the seven words), "why" (its reason), "type" (file dir
 * link fifo socket char block), "target" (of a link), "acl", "default_acl" and "caps" (as sources/attributes.h
 * has them). An entry with a type for a path that is not in the folder makes it exist without bytes: the empty folder,
 * the FIFO and the device that version control cannot keep. A file of the name .gitkeep is not there either. Any other
 * member is refused: then every source of the root is malformed. */
#pragma once

#include <sys/stat.h>

#include "sources/kind.h"

struct fixture {
	int root;        /* -1 when it cannot be opened */
	json_t *meta;    /* NULL: the folder's own metadata counts */
	bool is_capture; /* there is a .vouch/captured (sources/fetch.h) */
	struct err bad;  /* set when the root or its meta cannot be read: what every source of it returns */
};

/* The type that an entry of the meta gives; 0: none. */
mode_t fixture_type(const json_t *entry);
/* False when the meta wants this name, or for sources of a path this path (NULL: none), to fail. */
MUST_CHECK bool fixture_permits(const struct fixture *fixture, const char *name, const char *path, struct err *err);
/* Replace what the folder says of a path by what the meta says. */
void fixture_dress(const struct fixture *fixture, const char *path, struct stat *status);
/* The status of a path that is in the meta only; false and ENOENT. */
bool fixture_imagine(const struct fixture *fixture, const char *path, struct stat *ret_status);
/* A member that the meta gives a path ("acl", "default_acl", "caps"), NULL for none. Borrowed. */
json_t *fixture_attribute(const struct fixture *fixture, const char *path, const char *key);
/* The target of a link that is in the meta only; NULL if it is none. Borrowed. */
const char *fixture_target(const struct fixture *fixture, const char *path);
/* Call use(context, name) for each entry of this folder that the meta makes exist. */
void fixture_children(const struct fixture *fixture, const char *folder, void (*use)(void *context, const char *name),
		      void *context);
/* Whether an entry of the folder is only there for version control or for this machinery. */
bool fixture_hides(const struct fixture *fixture, const char *folder, const char *name);

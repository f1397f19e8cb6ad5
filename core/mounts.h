/* The live mount table, as the source `mounts:` holds it (core/source.h): which mount shows at a path. */
#pragma once

#include "core/source.h"

/* The parsed table, checked for the members that this module reads. Borrowed from the set. */
MUST_CHECK bool mounts_need(const struct sources *fetched, const json_t **ret_table, struct err *err);
/* The mount that holds an absolute path whose links are resolved: found by descending through parent ids as the kernel
 * does, so that what a later mount covers is not seen. NULL when the table has no root. Borrowed from the table. */
const json_t *mounts_holding(const json_t *table, const char *path);
/* A string member of an entry: "target", "dev", "type", "source". */
const char *mount_text(const json_t *mount, const char *member);
/* Whether `list` ("options", "super_options") has this option. */
bool mount_has(const json_t *mount, const char *list, const char *option);
/* The value of "name=value" in super_options, or NULL. */
const char *mount_value(const json_t *mount, const char *name);

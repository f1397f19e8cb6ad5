/* A folder as an archive, the same bytes for the same files: what core/package_write.c ends with. */
#pragma once

#include "core/err.h"

#include <stdint.h>

struct package_form {       /* of an archive */
	const char *ending; /* ".tar.gz" */
	bool is_zip;
	const char *filter; /* libarchive's name, or NULL */
};
/* By the path's ending; NULL: a folder. */
const struct package_form *package_form_of(const char *path);

struct package_pack {
	const struct package_form *form;
	const char *folder;
	const char **names; /* sorted files in it */
	size_t count;
	const char *top; /* put before all names: "evidence/" */
	int64_t changed_at;
};
/* Written and synced. What is there is replaced; what failed is left behind for the caller. */
MUST_CHECK bool package_pack(const struct package_pack *pack, const char *path, struct err *err);

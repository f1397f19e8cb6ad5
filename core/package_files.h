/* Where a package's files come from: what core/package.c reads with, and of nobody else's concern. */
#pragma once

#include "core/package.h"

struct package_files {
	struct package_file *items;
	size_t count, room;
	uint64_t total; /* bytes */
};
/* Counts it against the caps of number and name; its size is to be counted by package_files_grow(). */
MUST_CHECK bool package_files_add(struct package_files *files, const char *where, const char *name, uint64_t offset,
				  struct err *err);
/* More bytes of the file that was added last. */
MUST_CHECK bool package_files_grow(struct package_files *files, const char *where, uint64_t more, struct err *err);
/* Sorts; ERR_REFUSED when a name comes twice. */
MUST_CHECK bool package_files_close(struct package_files *files, const char *where, struct err *err);
void package_files_done(struct package_files *files);

/* All files of a folder. */
MUST_CHECK bool package_folder(int folder, const char *where, struct package_files *files, struct err *err);
/* All files of an archive, their bytes into scratch one behind the other. */
MUST_CHECK bool package_unpack(int archive, const char *where, int scratch, struct package_files *files,
			       struct err *err);

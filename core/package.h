/* An audit package (docs/FORMAT.md 5.1) as a set of named files, read from a folder or from an archive of one (.zip, or
 * .tar, plain or compressed by gzip or zstd; told apart by their bytes). It comes from a stranger: names are strict,
 * there is nothing in it but files and folders, and everything has a cap. What a file says is for the caller to judge.
 *
 * An archive is unpacked once, into one file without a name in $TMPDIR (/var/tmp), which goes with the package; memory
 * holds the names. */
#pragma once

#include "core/hash.h"
#include "core/json.h"

#define PACKAGE_FILES_MOST 500000
#define PACKAGE_NAME_LONGEST 160
#define PACKAGE_DEEPEST 4                 /* folders in a name */
#define PACKAGE_FILE_LARGEST (4ULL << 30) /* bytes of one file */
#define PACKAGE_LARGEST (8ULL << 30)      /* bytes of all files together */
#define PACKAGE_RATIO_MOST 250            /* an archive that unpacks to more than this many times its size ... */
#define PACKAGE_RATIO_FREE (64ULL << 20)  /* ... is refused beyond these bytes */
#define PACKAGE_LINE_LONGEST (8U << 20)   /* of JSON Lines; callers name their own, mostly much smaller */
#define PACKAGE_MANIFEST_LARGEST (64U << 20)

/* A name is relative, of components of [A-Za-z0-9._-] that do not begin with a dot, with one '/' between. */
bool package_is_name(const char *name);

struct package;
/* ERR_REFUSED: a name, a link, a device, a name that comes twice, an encrypted archive; ERR_TOO_BIG: over a cap;
 * ERR_MALFORMED: no archive. Where all files lie in one folder and none is "manifest.json", that folder is the package:
 * archives unpack into a folder of their own. */
MUST_CHECK bool package_open(const char *path, struct package **ret_package, struct err *err);
void package_free(struct package *package);
DEFINE_CLEANUP(struct package, package_free)

/* Files sorted by the bytes of their names. */
struct package_file {
	char *name;
	uint64_t size;
	uint64_t offset; /* of an archive's file in what was unpacked; of nobody's concern */
};
size_t package_count(const struct package *package);
const struct package_file *package_at(const struct package *package, size_t index);       /* borrowed */
const struct package_file *package_find(const struct package *package, const char *name); /* NULL: there is none */
/* The first whose name begins so, and from there on they lie together: index of it, or of where it would be. */
size_t package_below(const struct package *package, const char *prefix);

/* The whole file. ERR_ABSENT: there is none of this name; ERR_TOO_BIG: more than max. *ret_bytes must be empty. */
MUST_CHECK bool package_read(const struct package *package, const char *name, size_t max, struct buf *ret_bytes,
			     struct err *err);
/* SHA-256 of the file, however large it is. */
MUST_CHECK bool package_hash(const struct package *package, const char *name, struct hash *ret_hash, struct err *err);

/* JSON Lines, one at a time; a line has at most line_most bytes. */
struct package_lines;
MUST_CHECK bool package_lines_open(const struct package *package, const char *name, size_t line_most,
				   struct package_lines **ret_lines, struct err *err);
/* The next object, a new reference; NULL at the end. ERR_MALFORMED, with the line's number: no object, not canonical,
 * or a last line without its newline. */
MUST_CHECK bool package_lines_next(struct package_lines *lines, json_t **ret_object, struct err *err);
void package_lines_free(struct package_lines *lines);
DEFINE_CLEANUP(struct package_lines, package_lines_free)

/* The writing of an audit package: whole or not at all, and the same bytes for the same files, times and name. */
#pragma once

#include "core/package.h"

struct package_writer;
/* The form is the one of the path's ending: .zip, .tar, .tar.gz, .tar.zst, a folder otherwise. What is there already is
 * refused, and so is a second writer of the same path. Files gather in a folder beside it, ".tmp-NAME", which is thrown
 * away when nothing came of it (by the next writer where this one was killed). */
MUST_CHECK bool package_create(const char *path, struct package_writer **ret_writer, struct err *err);
/* Thrown away, unless it was finished. */
void package_writer_free(struct package_writer *writer);
DEFINE_CLEANUP(struct package_writer, package_writer_free)

/* The bytes go behind what the file has already: a file may be written in pieces, several at a time. ERR_USAGE: not a
 * name that a package has; ERR_TOO_BIG: over one of the caps of reading. */
MUST_CHECK bool package_put(struct package_writer *writer, const char *name, const void *data, size_t len,
			    struct err *err);
/* The object as a line of JSON Lines. */
MUST_CHECK bool package_put_line(struct package_writer *writer, const char *name, const json_t *object,
				 struct err *err);
bool package_was_put(const struct package_writer *writer, const char *name);
/* [{"name","sha256","size"}] of all files so far, sorted by name; files are complete with it: what is put later must
 * have another name. New reference. */
MUST_CHECK bool package_list(struct package_writer *writer, json_t **ret_files, struct err *err);
/* Everything gets this time of change, and the package its name. In an archive all lies in a folder of the archive's
 * name. */
MUST_CHECK bool package_finish(struct package_writer *writer, int64_t changed_at, struct err *err);

/* Our own files: read whole under a cap, written whole or not at all. (Files of the host are read by sources/.) */
#pragma once

#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"

/* The whole file, at most max bytes. *ret_bytes must be empty; the caller buf_done()s it. A larger file is
 * ERR_TOO_BIG. */
MUST_CHECK bool file_read(const char *path, size_t max, struct buf *ret_bytes, struct err *err);
/* The same from an open descriptor; where names it in errors. */
MUST_CHECK bool file_read_fd(int fd, const char *where, size_t max, struct buf *ret_bytes, struct err *err);
/* The same of a plain file that others may have put there: no link is followed at its end, and nothing else (a pipe, a
 * device) is opened in a way that could hang or do something; that is ERR_REFUSED. */
MUST_CHECK bool file_read_plain(const char *path, size_t max, struct buf *ret_bytes, struct err *err);
/* Temporary name in the same folder, write, fsync, rename, fsync of the folder. A temporary file never survives a
 * failure. The temporary name begins with ".tmp-". */
MUST_CHECK bool file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err);
/* The first half: write and fsync, no rename; for what is written in one folder and moved into another. */
MUST_CHECK bool file_create(const char *path, const void *data, size_t len, mode_t mode, struct err *err);
/* rename, then fsync of both folders. */
MUST_CHECK bool file_move(const char *from, const char *to, struct err *err);
MUST_CHECK bool file_sync_folder(const char *folder, struct err *err);
/* Throws away what a crash left of file_write() in this folder. Nothing may be writing in it. */
MUST_CHECK bool file_sweep(const char *folder, struct err *err);
/* The same for this folder and all below it. */
MUST_CHECK bool file_sweep_tree(const char *folder, struct err *err);
/* mkdir -p with this mode for what is made. */
MUST_CHECK bool file_make_folder(const char *path, mode_t mode, struct err *err);
/* "folder/name"; the caller frees. */
char *file_join(const char *folder, const char *name);

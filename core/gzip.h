/* gzip (RFC 1952), whole: one member and nothing behind it. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

/* Compresses as small as zlib can, without a name or a time; appended. */
void gzip_write(const void *data, size_t len, struct buf *ret_bytes);
/* What comes out; appended. ERR_TOO_BIG: more than max bytes would, of which no more than one block is ever made;
 * ERR_MALFORMED: no gzip, cut short, damaged, or something comes behind it. */
MUST_CHECK bool gzip_read(const void *data, size_t len, size_t max, const char *where, struct buf *ret_bytes,
			  struct err *err);

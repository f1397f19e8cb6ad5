/* Base64, RFC 4648 clauses 4 and 5. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

/* Standard alphabet, padded, no line breaks; the caller frees. */
char *base64_encode(const void *data, size_t len);
/* Standard or URL-safe alphabet, padded or not, nothing else: no white space, no trailing bits. *ret_bytes must be
 * empty; the caller buf_done()s it. */
MUST_CHECK bool base64_decode(const char *text, size_t len, const char *where, struct buf *ret_bytes, struct err *err);

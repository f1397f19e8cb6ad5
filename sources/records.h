/* What a look hands over where it asked the kernel more than once: binary answers one behind the other, each with a
 * tag. It never leaves the host, so numbers are in its own byte order. */
#pragma once

#include "core/buf.h"

void records_add(struct buf *bytes, uint32_t tag, const void *data, size_t len);
/* The next one, borrowed from what the cursor runs over; false at the end, and where it breaks off (then cursor->bad).
 */
bool records_next(struct cursor *cursor, uint32_t *ret_tag, const unsigned char **ret_data, size_t *ret_len);

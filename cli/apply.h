/* What vouch apply does to the helpers' list: made by it, or changed by somebody. */
#pragma once

#include "core/buf.h"

#define APPLY_MARK "# made by vouch apply, sha256 " /* and 64 digits: the last line, about all before it */

/* Adds the last line to a list. */
void apply_mark(struct buf *list);
/* Whether nobody has changed the list since vouch apply made it. */
bool apply_is_marked(const char *list, size_t len);

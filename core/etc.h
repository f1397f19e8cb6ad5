/* That a file below /etc is missing means something only where there is an /etc to see: not in a folder that is no
 * system's, nor one that was mounted empty. */
#pragma once

#include "core/check.h"

#define ETC_SOURCE "stat:/etc"

/* source_maybe() for a file below /etc: where it is absent and /etc too, nothing is proved. The check names ETC_SOURCE
 * among its sources. */
MUST_CHECK bool etc_maybe(const struct sources *fetched, const char *name, const struct source **ret_source,
			  struct err *err);

/* What a zone's clock is ahead of UTC, from its compiled file (RFC 8536), for logs that give local times alone. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define TZIF_TRANSITIONS_MOST 10000

/* Seconds east of UTC at an instant. A zone whose changes behind the last one listed follow a rule is ERR_UNPROVED
 * there (rules are not reckoned here); what is no such file is ERR_MALFORMED. */
MUST_CHECK bool tzif_offset(const void *data, size_t len, int64_t instant, const char *where, int64_t *ret_offset,
			    struct err *err);

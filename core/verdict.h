/* What a rule comes to. */
#pragma once

#include "core/err.h"

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_UNKNOWN, VERDICT_ERROR, VERDICT_NOTAPPLICABLE, VERDICT_NOTCHECKED };
#define VERDICT_COUNT 6

/* The verdict for a look that failed: denied, timeout, unproved: unknown; unreadable, malformed: error; absent, when a
 * check could not go on without it: unknown; unapproved: notchecked. */
enum verdict verdict_of_failure(enum err_code code);
const char *verdict_name(enum verdict verdict); /* "pass", "fail", "unknown", "error", "notapplicable", "notchecked" */
bool verdict_from_name(const char *name, enum verdict *ret_verdict);

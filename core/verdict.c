#include "core/verdict.h"

#include <string.h>

static const char *const verdict_names[VERDICT_COUNT] = {"pass",  "fail",          "unknown",
							 "error", "notapplicable", "notchecked"};

const char *verdict_name(enum verdict verdict) { return verdict_names[verdict]; }

bool verdict_from_name(const char *name, enum verdict *ret_verdict) {
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		if (!strcmp(verdict_names[i], name)) {
			*ret_verdict = (enum verdict)i;
			return true;
		}
	return false;
}

enum verdict verdict_of_failure(enum err_code code) {
	switch (code) {
	case ERR_ABSENT:
	case ERR_DENIED:
	case ERR_TIMEOUT:
	case ERR_UNPROVED:
		return VERDICT_UNKNOWN;
	case ERR_UNAPPROVED:
		return VERDICT_NOTCHECKED;
	default: /* unreadable, malformed, and whatever a check should never have said */
		return VERDICT_ERROR;
	}
}

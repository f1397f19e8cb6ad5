/* Judging: a pure function of rule and what was seen. */
#pragma once

#include "core/policy.h"

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_UNKNOWN, VERDICT_ERROR, VERDICT_NOTAPPLICABLE, VERDICT_NOTCHECKED };
#define VERDICT_COUNT 6

struct judgement {
	enum verdict verdict;
	char *reason; /* one sentence; never the value of a volatile or secret field, never a time: it is in the state
			 tree */
};

/* views: in the order of rule->views; when: NULL unless rule->when. host_age in seconds, negative when unknown (then a
 * rule with min_host_age that would fail is still fail). control_passed: whether needs_control's rule passed in this
 * round (ignored without needs_control). */
struct judgement judge(const struct rule *rule, const struct view_seen *views, const struct view_seen *when,
		       int64_t host_age, bool control_passed);

/* The verdict for a look that failed: denied, timeout, unproved: unknown; unreadable, malformed: error; absent, when a
 * check could not go on without it: unknown. */
enum verdict verdict_of_failure(enum err_code code);
const char *verdict_name(enum verdict verdict); /* "pass", "fail", "unknown", "error", "notapplicable", "notchecked" */
bool verdict_from_name(const char *name, enum verdict *ret_verdict);

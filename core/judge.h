/* Judging: a pure function of rule and what was seen. */
#pragma once

#include "core/policy.h"
#include "core/verdict.h"

#define JUDGE_REASON_LONGEST 1000 /* bytes; a longer reason is cut */

struct judgement {
	enum verdict verdict;
	/* One sentence; never the value of a volatile or secret field, never a time: it is in the state tree. Owned. */
	char *reason;
};

/* views: in the order of rule->views; when: NULL when rule->when is, or when it was not looked at, which is unknown.
 * host_age in seconds, negative when unknown (then a rule with min_host_age that would fail is still fail).
 * control_passed: whether needs_control's rule passed in this round (ignored without needs_control; a rule that
 * needs_control names needs none itself, so judging those first suffices). The caller judgement_done()s.
 *
 * In this order: a disabled rule is not checked, and views may be those of looks that were never made; `when` decides
 * whether there is anything to judge; the first view whose look failed decides; then `expect`. Nothing turns a failed
 * look into pass. */
struct judgement judge(const struct rule *rule, const struct view_seen *views, const struct view_seen *when,
		       int64_t host_age, bool control_passed);

void judgement_done(struct judgement *judgement);

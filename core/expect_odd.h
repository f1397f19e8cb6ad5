/* Rows with values that nobody has. What holds of them holds of whatever is observed. */
#pragma once

#include "core/policy.h"

#define EXPECT_ODD 4 /* of each field: the least and the most of its type, and two that are between */

struct expect_odd {
	struct view_seen views[EXPECT_ODD][POLICY_VIEWS_MOST];
	size_t view_count;
};

/* One row for each of the rule's looks, with all fields of its check. The caller calls expect_odd_done(). */
void expect_odd_make(const struct rule *rule, struct expect_odd *ret_odd);
void expect_odd_done(struct expect_odd *odd);
/* Whether it holds of the least and of the most, or of both between: what has one bound does not. */
bool expect_holds_oddly(const struct expect *value, const struct expect_odd *odd);

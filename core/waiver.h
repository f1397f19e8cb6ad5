/* Waivers: a rule's fail that somebody answers for, for what is observed now and until a day. A waiver never changes a
 * verdict; it lies over a fail. docs/POLICY.md, "Waivers". */
#pragma once

#include "core/judge.h"
#include "core/policy_selector.h"

#define WAIVERS_MOST 1024              /* in a stack */
#define WAIVER_LONGEST (366LL * 86400) /* from `from` to `expires` */

struct waiver {
	char *id, *rule, *reason, *risk, *measure, *requester, *approver;
	char *ticket; /* or NULL */
	int64_t from, expires;
	struct policy_selector *hosts; /* NULL: those of the policy */
	struct expect *value;          /* over the rows of the rule as it was when this was written */
	const struct policy *policy;
	char *path;
	unsigned line, column;
	/* The rule that it was written for was replaced behind it, or stands in a policy that is left out: it is not
	 * applied. */
	bool is_outdated;
};

/* One entry of `waivers`, all but what its value means. The same person as requester and approver (letters' case and
 * blanks aside), no end, an end more than WAIVER_LONGEST away, an unknown or missing field: ERR_SYNTAX at its place.
 * policy is borrowed for as long as the waiver lives. The caller waiver_free()s. */
MUST_CHECK bool waiver_read(const struct yaml *node, const struct policy *policy, const char *path,
			    struct waiver **ret_waiver, struct err *err);
/* Its `value`, for the rule that it was written for: a matcher in the language of `expect`, without parameters. One
 * that would hold of whatever else is observed is refused: it has to say something of every row and of a field that the
 * rule judges, and must not hold of values that nobody has. */
MUST_CHECK bool waiver_read_value(struct waiver *waiver, const struct yaml *node, const struct rule *rule,
				  struct err *err);
void waiver_free(struct waiver *waiver);
DEFINE_CLEANUP(struct waiver, waiver_free)

/* Whether the waiver lies over this verdict: a fail of its rule, which was not replaced since, on a host that it is
 * for, at an instant from `from` to before `expires`, of rows for which its value holds, all of the rule's looks having
 * been made. host NULL: any host. Pure. */
bool waiver_applies(const struct waiver *waiver, const struct rule *rule, const struct view_seen *views,
		    enum verdict verdict, int64_t instant, const struct policy_host *host);
/* The stack's waiver that applies, of several the one that lasts longest; or NULL. */
const struct waiver *waiver_find(const struct policy_stack *stack, const struct rule *rule,
				 const struct view_seen *views, enum verdict verdict, int64_t instant);
/* When one of the rule's waivers begins or ends next, after the instant; INT64_MAX: never. */
int64_t waiver_next(const struct policy_stack *stack, const struct rule *rule, int64_t instant);
/* The result's member (docs/FORMAT.md 2); new reference. */
json_t *waiver_json(const struct waiver *waiver);

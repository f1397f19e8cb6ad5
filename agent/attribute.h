/* attribute: by whom what vouchd noticed was changed, as far as the audit log and dpkg's log say (core/who.h).
 *
 * Asked only when something changed, and for a short time: the statement does not wait for it. What was not read by
 * then is not taken for empty: it may still come (agent/late.h). What cannot be told is said with its reason, in one
 * sentence (agent/attribute_why.h). What is read for this is in no evidence. */
#pragma once

#include <systemd/sd-event.h>

#include "sources/fetch.h"

#define ATTRIBUTE_DEADLINE_US 300000 /* where a statement waits */

/* One change to attribute. */
struct attribute_ask {
	const char *rule;
	const struct names *sources; /* that are others than before */
	int64_t from_ms, until_ms;   /* since the look that saw what was before */
	bool is_other_policy;        /* the policy that judges it is another */
	bool may_come;               /* set where nobody is named and that may still be told */
	json_t *into;                /* gets "by" and "moreBy", or "unattributed" (docs/FORMAT.md 2) */
};

struct attribute;
/* Begin; the asks are borrowed until done(context) is called from the loop, once, by the deadline. NULL: nothing had to
 * be read, and all is answered already; done is not called. */
struct attribute *attribute_start(sd_event *event, const struct host *host, struct attribute_ask *asks, size_t count,
				  uint64_t deadline_us, void (*done)(void *context), void *context);
void attribute_free(struct attribute *attribute); /* also while under way */
DEFINE_CLEANUP(struct attribute, attribute_free)
/* What this asks for, for the list of what helpers may look at. It has no run(). */
extern const struct check attribute_check;

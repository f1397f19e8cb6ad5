/* vouchd: rounds on a timer and when something changes, sealed into the spool.
 *
 * The first round begins at once and looks at all rules. Later ones look at the rules that are due, each at the
 * multiples of its `every` (at least a minute) behind the first look (agent/schedule.h); a rule that needs another is
 * looked at together with it. On a live host what the rules have read is watched in between (sources/watch.h): a change
 * has its rules, those that these need and those that need them, looked at as agent/changes.h has it; what changes
 * during a round is kept for after it. Every statement commits to the current results of all rules, and its body
 * carries those that changed, or all, those not looked at as they were, with the time of their own look
 * (agent/standing.h). Rounds never overlap. */
#pragma once

#include <systemd/sd-event.h>

#include "agent/news.h"
#include "agent/seal.h"
#include "agent/stack.h"

#define VOUCHD_EVERY_LEAST_S 60

struct vouchd_options {
	const struct policy_stack *stack; /* borrowed, like the sealer */
	struct sealer *sealer;
	struct host host;
	bool once; /* one round (trigger "manual"), then the loop ends */
	/* Where the texts are that say what may be looked at (agent/lists.h): when they change all rules are looked at.
	 * NULL: they are not watched. */
	const char *lists;
	/* After each round, for the log: err NULL when it was sealed or there was no room. */
	void (*report)(const struct round *round, const struct news *news, const char *trigger, enum sealed sealed,
		       const struct err *err);
	void (*say)(const char *text); /* one more sentence for the log */
};

struct vouchd;
/* Begin on this loop. The loop ends with exit code 0, or 1 when the only round (once) could not be sealed or had no
 * room. */
MUST_CHECK bool vouchd_start(sd_event *event, const struct vouchd_options *options, struct vouchd **ret_vouchd,
			     struct err *err);
void vouchd_free(struct vouchd *vouchd);
DEFINE_CLEANUP(struct vouchd, vouchd_free)

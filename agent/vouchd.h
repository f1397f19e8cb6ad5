/* vouchd: rounds on a timer and when something changes, sealed into the spool.
 *
 * The first round begins at once and looks at all rules. Later ones look at the rules that are due, each at the
 * multiples of its `every` (at least a minute) behind the first look (agent/schedule.h); a rule that needs another is
 * looked at together with it. On a live host what the rules have read is watched in between (sources/watch.h): a change
 * has its rules, those that these need and those that need them, looked at as agent/changes.h has it; what changes
 * during a round is kept for after it. Every statement commits to the current results of all rules, and its body
 * carries those that changed, or all, those not looked at as they were, with the time of their own look
 * (agent/standing.h). Rounds never overlap; what waits for others is read ahead of them (agent/ahead.h).
 *
 * What changed carries what it was (agent/drift.h), and by whom as far as a log tells it in the time that there is
 * (agent/attribute.h). How the host stands and what changed is kept in the state folder (agent/status.h,
 * agent/history.h). */
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
	int64_t history_limit; /* bytes of the local history (agent/history.h); 0: the default */
	bool once;             /* one round (trigger "manual"), then the loop ends */
	/* Where the texts are that say what may be looked at (agent/lists.h): when they change all rules are looked at.
	 * NULL: they are not watched. */
	const char *lists;
	/* After each round, for the log: err NULL when it was sealed or there was no room. */
	void (*report)(void *context, const struct round *round, const struct news *news, const char *trigger,
		       enum sealed sealed, const struct err *err);
	void (*say)(void *context, const char *text); /* one more sentence for the log */
	/* After vouchd_reload(), once no look is under way: the place for vouchd_take(). */
	void (*reload)(void *context);
	void *context;
};

struct vouchd;
/* Begin on this loop. The loop ends with exit code 0, or 1 when the only round (once) could not be sealed or had no
 * room. */
MUST_CHECK bool vouchd_start(sd_event *event, const struct vouchd_options *options, struct vouchd **ret_vouchd,
			     struct err *err);
/* Asks for options.reload: it is called when the look under way is sealed, or at once where there is none; once however
 * often it was asked for during one look. Not from options.report. */
void vouchd_reload(struct vouchd *vouchd);
/* Judge by this stack from now on, which is borrowed like the one before, which is let go of. Only from options.reload.
 * All its rules are looked at at once, with the trigger "change"; what is known of a rule that stays, and what is
 * remembered of it, stays known. The statement of that look carries all results. */
void vouchd_take(struct vouchd *vouchd, const struct policy_stack *stack, int64_t history_limit);
/* The time of day was set, or the host slept: the rules that read clocks are looked at now, with those that are due. */
void vouchd_clock_jumped(struct vouchd *vouchd);
void vouchd_free(struct vouchd *vouchd);
DEFINE_CLEANUP(struct vouchd, vouchd_free)

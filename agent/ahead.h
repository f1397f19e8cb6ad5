/* ahead: what waits for others (a plugin, a machine that is probed) is read before the look that needs it, so that no
 * other rule waits with it. A rule that reads such is put off when it is due, what it reads is read beside whatever
 * else is going on, and then it is looked at with that. The first look of a process and the one behind a reload are of
 * all rules at once, because a statement commits to all of them: these do wait. */
#pragma once

#include <systemd/sd-event.h>

#include "core/policy.h"
#include "sources/fetch.h"

struct ahead;
/* All is borrowed. done(context) is called from the event loop when what was read makes rules due. */
struct ahead *ahead_new(sd_event *event, const struct host *host, const struct policy_stack *stack,
			void (*done)(void *context), void *context);
void ahead_free(struct ahead *ahead);
DEFINE_CLEANUP(struct ahead, ahead_free)

enum ahead_state {
	AHEAD_NONE, /* the rule waits for nobody, or nothing was asked for */
	AHEAD_WAIT, /* it is put off */
	AHEAD_READY /* what it waits for was read: it is due */
};
enum ahead_state ahead_of(const struct ahead *ahead, size_t rule);
/* The rule is due. False: it waits for others, and is put off until done. by_change: a change made it due, which is
 * remembered. */
bool ahead_lets(struct ahead *ahead, size_t rule, bool by_change);
bool ahead_was_change(const struct ahead *ahead, size_t rule);
/* Reads for what was put off, where nothing is being read and nothing that was read waits to be looked at. */
void ahead_start(struct ahead *ahead);
/* Something is being read: what the schedule asks for waits for it, so that both are one round; changes do not wait. */
bool ahead_is_reading(const struct ahead *ahead);
/* For struct host, during a look; NULL: nothing was read. */
const struct sources *ahead_sources(const struct ahead *ahead);
/* The rules that were ready were looked at. */
void ahead_taken(struct ahead *ahead);

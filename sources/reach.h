/* The way to what kinds look at: a few hands for each helper's unit, behind its socket where there is a folder of
 * sockets, else forked by this process. Made on first demand, at most REACH_HANDS for HELPER_FS and
 * HELPER_PROBER and two for each other; requests are sent ahead, up to REACH_AHEAD to a hand, but nothing beside a slow
 * one. The deadline of a request runs from when its hand could begin with it; a hand that misses it is dropped (closed,
 * and killed where it is ours), what was behind is asked again of another. A helper whose socket is not there or
 * refuses is ERR_UNPROVED or ERR_DENIED for each name asked of it, with the socket's path in the reason: never absent.
 */
#pragma once

#include "sources/kind.h"

#define REACH_HANDS 4
#define REACH_AHEAD 8

struct reach;
/* helpers: struct host. kinds: what the own hands look at (NULL ends). */
struct reach *reach_new(sd_event *event, const char *helpers, const struct kind *const *kinds);
/* For who asks for little, and often: one hand of each helper's unit, instead of a process more for each few names, and
 * its answers are taken together. Before anything is asked. */
void reach_by_one_hand(struct reach *reach);
/* Ends all hands; no done is called any more. */
void reach_free(struct reach *reach);
DEFINE_CLEANUP(struct reach, reach_free)

struct reach_call;
/* Ask for a name of this kind (which has a look and a helper; HELPER_NONE is looked at in this process, from the loop).
 * name is borrowed until the end; sent -1, or a descriptor that goes along (borrowed until the end). done is called
 * once, from the event loop and never before this returns: err NULL and *answer, not yet shaped, to take over, or the
 * error. The call is gone then. */
struct reach_call *reach_ask(struct reach *reach, const struct kind *kind, const char *name, int sent,
			     void (*done)(void *context, struct answer *answer, const struct err *err), void *context);
/* done is not called any more. */
void reach_cancel(struct reach_call *call);

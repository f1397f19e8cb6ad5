/* Gathering: everything that a number of checks need, fetched once each.
 *
 * Every asker is asked for names; what is new over all of them is fetched side by side (one fetch_start a pass); then
 * they are asked again, because what a check needs may depend on what it has read, until nothing is new, at most
 * CHECK_PASSES times. A name that no pattern of its asker's check allows is never fetched: unless another asker was
 * allowed it, it ends up in the set as denied. A name still new after the last pass is unproved; one behind the
 * SOURCES_MOST-th is unreadable. So each name that was asked for is in the set, with its bytes or its error. */
#pragma once

#include <systemd/sd-event.h>

#include "core/check.h"
#include "sources/fetch.h"

/* Who asks: a check with its complete parameters. The same check may ask several times with other parameters. */
struct asker {
	const struct check *check;
	const json_t *params;
};

struct gather;
/* Begin. host: sources/fetch.h. The askers are copied (what they point at
 * is borrowed), the set is borrowed and filled; both until the end. done(context) is called once, from the event loop
 * and never before this returns; in it the gather may be freed. */
struct gather *gather_start(sd_event *event, const struct host *host, const struct asker *askers, size_t count,
			    struct sources *into, void (*done)(void *context), void *context);
/* Also while under way: then done is not called any more. */
void gather_free(struct gather *gather);
DEFINE_CLEANUP(struct gather, gather_free)
/* The same on a loop of its own. False only where there can be no event loop. */
MUST_CHECK bool gather_now(const struct host *host, const struct asker *askers, size_t count, struct sources *into,
			   struct err *err);

/* clock: being told when the time of day was set, and when the host has slept. */
#pragma once

#include <systemd/sd-event.h>

#include "core/err.h"

#define CLOCK_LEAST_US INT64_C(1000000) /* a jump below is none: clocks are steered all the time */

/* The clocks at one instant; microseconds. */
struct clocks {
	int64_t real, boot, monotonic;
};
/* What happened between two readings. */
struct clock_jump {
	int64_t set_us;   /* the time of day was set by so much, forward or back; 0: it was not */
	int64_t slept_us; /* the host slept so long; 0: it did not */
};
struct clock_jump clocks_compare(const struct clocks *before, const struct clocks *now);

struct clock;
/* jumped(context) comes from the event loop. */
MUST_CHECK bool clock_watch(sd_event *event, void (*jumped)(void *context, const struct clock_jump *jump),
			    void *context, struct clock **ret_clock, struct err *err);
void clock_free(struct clock *clock);
DEFINE_CLEANUP(struct clock, clock_free)
/* "the clock was set forward by 3600.0 s", "this host slept for 12.5 s" or both. The caller's. */
char *clock_jump_text(const struct clock_jump *jump);

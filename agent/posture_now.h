/* posture_now: what `vouch status` adds to what vouchd wrote (agent/status.h): whether that still stands, who runs, and
 * what waits. Takes no lock, so that it is in nobody's way. */
#pragma once

#include "agent/spool.h"
#include "core/json.h"

enum running { RUNNING_YES, RUNNING_NO, RUNNING_UNTOLD };

struct posture_now {
	int64_t now, round_at, every; /* seconds; the last round's end, and the longest time between rounds */
	bool is_stale;                /* no round for longer than that */
	bool is_ahead;                /* the last round ended in the future: the clock was set back */
	enum running vouchd, ship;
	size_t waiting, refused; /* statements */
	int64_t waiting_bytes;
	int64_t waiting_since;   /* the oldest, by its file; 0: none waits */
	int64_t acknowledged_at; /* the newest receipt, likewise; 0: there is none, or it is not told */
};

#define POSTURE_SLACK_S 90 /* a round takes its time */

/* status: of status_read(). What cannot be read of the spool is an error, with its reason. */
MUST_CHECK bool posture_now(const struct home *home, const json_t *status, int64_t now, struct posture_now *ret_now,
			    struct err *err);

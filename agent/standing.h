/* standing: what who reads the line knows behind the last round that is in the chain, and so what the next one has to
 * carry (docs/FORMAT.md 2): the results whose leaf is another, or all of them.
 *
 * It begins as nothing, and is nothing again behind anything that is not a round in the chain: a process that starts, a
 * policy that was sealed, a round that was not kept, one whose sealing failed (it may join later). Then all results are
 * carried; and at least once a day, by the clock that also runs while the host sleeps; and when vouch-ship asked. */
#pragma once

#include "agent/home.h"
#include "core/state.h"

/* Less than a day by the longest time between rounds that a policy has: at least one in each day is full. */
#define STANDING_FULL_EVERY_S (24 * 3600 - 900)

struct standing {
	struct state *state;   /* leaves of the last round's current results; NULL: not known; owned */
	int64_t full_at;       /* of the last full round: CLOCK_BOOTTIME, seconds */
	int64_t full_sequence; /* likewise: its number */
};

void standing_forget(struct standing *standing);
/* Whether a round over these current results has to carry all of them, at this instant. */
bool standing_wants_all(const struct standing *standing, const struct state *now, const struct home *home,
			int64_t instant);
/* Those of the results, sorted by rule, whose leaf is another. Only where not all of them are wanted. New reference. */
json_t *standing_changed(const struct standing *standing, const struct state *now, const json_t *results);
/* A round is in the chain under this number. Takes *now over. */
void standing_follow(struct standing *standing, struct state **now, bool full, int64_t sequence, int64_t instant);

/* What vouch-ship writes into receipts/incomplete, durably: {"sequence":n}, the last statement behind which the
 * collector did not know the line's current results. */
MUST_CHECK bool standing_ask(const struct home *home, int64_t sequence, struct err *err);

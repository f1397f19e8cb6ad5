/* look: one round over a policy stack: collect the names that the rules' checks need, fetch each once, side by side,
 * ask again for what depends on what was read, then parse and judge. */
#pragma once

#include <systemd/sd-event.h>

#include "core/result.h"
#include "sources/watch.h"

struct look_options {
	const struct policy_stack *stack;
	struct host host;
	/* Which rules; NULL: all. Ids of rules ("log.journal.persistent") or controls ("A.8.15"); NULL ends the list.
	 */
	const char *const *only;
};

struct round {
	int64_t started_at, finished_at;
	json_t *results;     /* array of result objects, sorted by rule; owned */
	size_t rule_count;   /* of the stack */
	bool *looked;        /* for each rule of the stack, in its order; owned */
	bool *saw;           /* likewise: whether one of its looks saw something; owned */
	struct names **read; /* likewise: what a rule read that was looked at, else NULL; owned */
	struct seen *seen;   /* everything that was read, sorted by name; owned */
	size_t seen_count;
	char *host_id, *host_name, *host_os; /* docs/FORMAT.md 1; id of a fixture root without machine-id: "" */
	char *boot_id;                       /* "" where there is none */
};

/* Begin; done(context, round) is called from the event loop, once, with a round that its receiver round_free()s. */
struct look;
struct look *look_start(sd_event *event, const struct look_options *options,
			void (*done)(void *context, struct round *round), void *context);
void look_free(struct look *look); /* also while under way */
/* The same on a loop of its own. False only where there can be no event loop. */
MUST_CHECK bool look_now(const struct look_options *options, struct round **ret_round, struct err *err);
/* What a round reads, and nothing judged: every source that the rules need, with its bytes or its error. The same
 * false. */
MUST_CHECK bool look_read(const struct look_options *options, struct sources *into, struct err *err);
/* The result of a rule; NULL: the round has none. Borrowed. */
const json_t *round_result(const struct round *round, const char *rule);
void round_free(struct round *round);
DEFINE_CLEANUP(struct round, round_free)

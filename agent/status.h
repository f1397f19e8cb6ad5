/* status: how the host stands, written whole behind each round, kept or not, for who may read the state folder.
 *
 * status.json: {"format":1,"vouch","host":{"id","name","os"},"environment","collector","policies":[{"id","version"}],
 * "bootId","startedAt","finishedAt","trigger","sealed":"kept"|"no room"|"failed","why"?,"sequence","every": seconds
 * between rounds at most,"rules":[{"rule","title","control","severity","kind","verdict","reason","since","lookedMs",
 * "expiresAt","waiver"?,"changed"?}]}; since: the verdict is what it is. */
#pragma once

#include "agent/home.h"
#include "agent/seal.h"

struct drift;

#define STATUS_LARGEST (8U << 20)
#define STATUS_FORMAT 1

/* why: NULL, or why the round was not sealed. round->results: of all rules. */
MUST_CHECK bool status_write(const struct sealer *sealer, const struct policy_stack *stack, const struct round *round,
			     const struct drift *drift, const char *trigger, enum sealed sealed, const struct err *why,
			     struct err *err);
/* New reference. ERR_ABSENT: no round was made yet. */
MUST_CHECK bool status_read(const struct home *home, json_t **ret_status, struct err *err);

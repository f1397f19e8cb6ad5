/* The approvals of the policies that a host runs (docs/FORMAT.md 8): found beside them, sealed with them
 * (agent/seal.h), and where the configuration demands it a condition. */
#pragma once

#include "agent/settings.h"
#include "agent/stack.h"

/* Gives each policy of the stack the approvals of its digest: those of FILE.approval or FOLDER.approval beside it, and
 * of ID.approval in the policy folder, where those of a policy lie that came with a package. An approval of another
 * digest is passed over; a file that is none is an error. With require_approval each policy, except what was shipped in
 * the data folder, needs one that holds at `now` by a key of `approvers`: ERR_REFUSED, with the reason. */
MUST_CHECK bool approved_read(struct stack *stack, const struct settings *settings, int64_t now, struct err *err);

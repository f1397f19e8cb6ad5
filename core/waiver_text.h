/* Waivers as a sealed policy's own text has them, for readers who know none of its checks: what a result says of one is
 * the host's word, what the policy says was signed by its approver. */
#pragma once

#include "core/json.h"
#include "core/policy_selector.h"

/* Whether the policy has a waiver of this rule that says all that a result's `waiver` does, and both are for this host,
 * as far as its name, environment and system tell: which groups it is in no statement says. host NULL: any. */
bool waiver_is_of(const struct yaml *policy, const char *rule, const json_t *waiver, const struct policy_host *host);

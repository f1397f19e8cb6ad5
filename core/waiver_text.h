/* Waivers as a sealed policy's own text has them, for readers who know none of its checks: what a result says of one is
 * the host's word, what the policy says was signed by its approver. */
#pragma once

#include "core/json.h"
#include "core/yaml.h"

/* Whether the policy has a waiver of this rule with the id, the approver and the end that a result's `waiver` names. */
bool waiver_is_of(const struct yaml *policy, const char *rule, const json_t *waiver);

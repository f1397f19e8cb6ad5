/* Policies from anybody: what is read has a quorum that all its witnesses together meet, and that never gets lost when
 * one more cosigns. */
#include "core/witness_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(witness_policy_free_p) struct witness_policy *policy = NULL;
	bool has_cosigned[WITNESS_POLICY_WITNESSES_MOST] = {false};
	struct err err;
	if (!witness_policy_read((const char *)data, size, "policy", &policy, &err))
		return 0;
	bool was_met = witness_policy_is_met(policy, has_cosigned);
	for (size_t i = 0; i < policy->witness_count; i++) {
		has_cosigned[i] = true;
		const bool is_met = witness_policy_is_met(policy, has_cosigned);
		if (was_met && !is_met)
			abort();
		was_met = is_met;
	}
	if (!was_met)
		abort();
	return 0;
}

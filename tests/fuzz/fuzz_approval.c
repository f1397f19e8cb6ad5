/* Approvals from a file or a host: what is read is written again as what it says, and none holds that no key signed. */
#include "core/approvers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const uint8_t seed[32] = {1}, of_jane[32] = {2};
	struct err err;
	CLEANUP(approvers_done) struct approvers approvers = {0};
	CLEANUP(approval_free_p) struct approval *approval = NULL, *again = NULL, *held = NULL;
	CLEANUP(host_key_free_p) struct host_key *key = NULL;
	CLEANUP(buf_done) struct buf line = {0};
	CLEANUP(key_free_p) EVP_PKEY *jane = NULL;
	EVP_PKEY *made;
	if (!approval_read((const char *)data, size, "fuzz", &approval, &err))
		return 0;
	if (!key_from_seed(of_jane, &jane, &err) || !key_from_seed(seed, &made, &err))
		abort();
	CLEANUP(free_ptr) char *pem = key_public_pem(jane);
	if (!approvers_add(&approvers, "jane", pem, 0, "fuzz", &err))
		abort();
	key = host_key_of(made);
	const struct approval_about about = {
		.policy = approval->policy, .sha256 = &approval->sha256, .at = approval->approved};
	if (approvers_hold(&approvers, (const char *)data, size, &about, "fuzz", &held, &err))
		abort();
	if (!approval_seal(approval, key, &line, &err) ||
	    !approval_read(buf_str(&line), line.len, "fuzz", &again, &err) ||
	    strcmp(again->policy, approval->policy) != 0 || strcmp(again->approver, approval->approver) != 0 ||
	    again->approved != approval->approved || again->expires != approval->expires ||
	    !hash_equal(&again->sha256, &approval->sha256))
		abort();
	return 0;
}

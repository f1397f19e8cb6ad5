#include "verify/trusted.h"

void trusted_done(struct trusted *trusted) {
	trust_free(trusted->trust);
	witness_policy_free(trusted->witnesses);
	*trusted = (struct trusted){0};
}

bool trusted_read(const char *data, size_t len, const char *where, struct trusted *ret_trusted, struct err *err) {
	CLEANUP(trusted_done) struct trusted trusted = {0};
	if (!trust_read(data, len, where, &trusted.trust, err))
		return false;
	const char *policy = trusted.trust->witness_policy;
	if (policy && !witness_policy_read(policy, strlen(policy), "witnessPolicy", &trusted.witnesses, err))
		return false;
	*ret_trusted = trusted;
	trusted = (struct trusted){0};
	return true;
}

enum trusted_says trusted_on(const struct trusted *trusted, const char *host, const struct hash *key_id) {
	enum trusted_says says = TRUSTED_SILENT;
	for (size_t i = 0; i < trusted->trust->key_count; i++) {
		const struct trust_key *key = &trusted->trust->keys[i];
		const bool is_host = !strcmp(key->host, host), is_key = hash_equal(&key->id, key_id);
		if (is_host && is_key)
			return TRUSTED_VOUCHES;
		if (is_host || is_key)
			says = TRUSTED_OTHERWISE;
	}
	return says;
}

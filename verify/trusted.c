#include "verify/trusted.h"

void trusted_done(struct trusted *trusted) {
	trust_free(trusted->trust);
	timestamp_trust_free(trusted->authorities);
	witness_policy_free(trusted->witnesses);
	free(trusted->collector);
	EVP_PKEY_free(trusted->collector_key);
	*trusted = (struct trusted){0};
}

static bool read_authorities(const json_t *object, const char *where, struct trusted *trusted, struct err *err) {
	json_t *list, *pem;
	size_t index;
	if (!json_object_get(object, "timestampAuthorities"))
		return true;
	if (!json_get_array(object, "timestampAuthorities", where, &list, err))
		return false;
	if (json_array_size(list) == 0)
		return true;
	trusted->authorities = timestamp_trust_new();
	json_array_foreach(list, index, pem) {
		if (!json_is_string(pem))
			return err_set(err, ERR_MALFORMED, where,
				       "a member of \"timestampAuthorities\" is not a string");
		if (!timestamp_trust_add(trusted->authorities, json_string_value(pem), json_string_length(pem), where,
					 err))
			return false;
	}
	return true;
}

static bool read_witnesses(const json_t *object, const char *where, struct trusted *trusted, struct err *err) {
	const char *text;
	if (!json_object_get(object, "witnessPolicy"))
		return true;
	return json_get_string(object, "witnessPolicy", where, &text, err) &&
	       witness_policy_read(text, strlen(text), "witnessPolicy", &trusted->witnesses, err);
}

static bool read_collector(const json_t *object, const char *where, struct trusted *trusted, struct err *err) {
	json_t *key;
	const char *host, *keyid, *pem;
	char hex[HASH_HEX];
	if (!json_object_get(object, "collectorKey"))
		return true;
	if (!json_get_object(object, "collectorKey", where, &key, err) ||
	    !json_get_string(key, "host", where, &host, err) || !json_get_string(key, "keyid", where, &keyid, err) ||
	    !json_get_string(key, "publicKey", where, &pem, err) ||
	    !key_from_public_pem(pem, where, &trusted->collector_key, err))
		return false;
	const struct hash id = key_id(trusted->collector_key);
	if (strcmp(hash_hex(&id, hex), keyid) != 0)
		return err_set(err, ERR_MALFORMED, where, "\"keyid\" of \"collectorKey\" is not that of its key");
	trusted->collector = xstrdup(host);
	return true;
}

bool trusted_read(const char *data, size_t len, const char *where, struct trusted *ret_trusted, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(trusted_done) struct trusted trusted = {0};
	if (!trust_read(data, len, where, &trusted.trust, err) ||
	    !json_read(data, len, TRUST_LARGEST, where, &object, err) ||
	    !read_authorities(object, where, &trusted, err) || !read_witnesses(object, where, &trusted, err) ||
	    !read_collector(object, where, &trusted, err))
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

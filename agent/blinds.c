#include "agent/blinds.h"

#include <openssl/rand.h>

#include "core/file.h"
#include "core/hash.h"
#include "core/result.h"

#define BLINDS_LARGEST (4U << 20)
#define BLIND_BYTES 16
#define BLIND_HEX (2 * BLIND_BYTES + 1)

static json_t *remembered(const char *path) {
	CLEANUP(buf_done) struct buf bytes = {0};
	json_t *blinds = NULL;
	struct err ignored;
	if (file_read(path, BLINDS_LARGEST, &bytes, &ignored) &&
	    json_read(bytes.data, bytes.len, BLINDS_LARGEST, path, &blinds, &ignored) && json_is_object(blinds))
		return blinds;
	json_decref(blinds);
	return json_object();
}

static bool is_blind(const char *text) {
	return text && strlen(text) == BLIND_HEX - 1 && strspn(text, "0123456789abcdef") == BLIND_HEX - 1;
}

static bool draw(char blind[BLIND_HEX], struct err *err) {
	unsigned char bytes[BLIND_BYTES];
	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return err_set(err, ERR_CRYPTO, "blind", "no random bytes");
	hex_encode(bytes, sizeof bytes, blind);
	return true;
}

static bool leaf_digest(const json_t *result, const char *blind, char hex[HASH_HEX], struct err *err) {
	CLEANUP(buf_done) struct buf leaf = {0};
	if (!result_leaf(result, blind, &leaf, err))
		return false;
	struct hash digest = hash_of(leaf.data, leaf.len);
	hash_hex(&digest, hex);
	return true;
}

static bool give(const json_t *old, json_t *result, json_t *fresh, struct err *err) {
	const char *rule;
	char leaf[HASH_HEX], blind[BLIND_HEX];
	if (!json_get_string(result, "rule", "result", &rule, err))
		return false;
	const json_t *known = json_object_get(old, rule);
	const char *kept = json_string_value(json_object_get(known, "blind"));
	const char *was = json_string_value(json_object_get(known, "leaf"));
	if (is_blind(kept) && was) {
		if (!leaf_digest(result, kept, leaf, err))
			return false;
		if (strcmp(leaf, was) != 0)
			kept = NULL;
	} else {
		kept = NULL;
	}
	if (!kept && (!draw(blind, err) || !leaf_digest(result, blind, leaf, err)))
		return false;
	json_object_set_new(result, "blind", json_string(kept ? kept : blind));
	json_object_set_new(fresh, rule, json_pack("{s:s, s:s}", "blind", kept ? kept : blind, "leaf", leaf));
	return true;
}

bool blinds_give(const char *path, json_t *results, struct err *err) {
	CLEANUP(json_decref_p) json_t *old = remembered(path);
	CLEANUP(json_decref_p) json_t *fresh = json_object();
	CLEANUP(buf_done) struct buf bytes = {0};
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result) {
		if (!give(old, result, fresh, err))
			return false;
	}
	if (json_equal(old, fresh))
		return true;
	return json_canonical(fresh, &bytes, err) && file_write(path, bytes.data, bytes.len, 0600, err);
}

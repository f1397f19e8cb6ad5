#include "core/entry.h"

#include "core/base64.h"

static json_t *base64_json(const void *data, size_t len) {
	CLEANUP(free_ptr) char *text = base64_encode(data, len);
	return json_string(text);
}

static json_t *entry_json(const struct dsse *envelope, const struct dsse_signature *signature, EVP_PKEY *key) {
	CLEANUP(buf_done) struct buf der = {0};
	key_public_der(key, &der);
	struct hash digest = dsse_digest(envelope);
	return json_pack("{s:s, s:s, s:{s:{s:{s:s, s:o}, s:[{s:o, s:{s:s, s:{s:o}}}]}}}", "apiVersion", "0.0.2", "kind",
			 "dsse", "spec", "dsseV002", "payloadHash", "algorithm", "SHA2_256", "digest",
			 base64_json(digest.bytes, HASH_LEN), "signatures", "content",
			 base64_json(signature->bytes.data, signature->bytes.len), "verifier", "keyDetails",
			 key_details(key), "publicKey", "rawBytes", base64_json(der.data, der.len));
}

bool entry_write_signed(const struct dsse *envelope, const struct dsse_signature *signature, EVP_PKEY *key,
			struct buf *entry, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = entry_json(envelope, signature, key);
	return json_canonical(object, entry, err);
}

bool entry_write(const struct dsse *envelope, EVP_PKEY *key, struct buf *entry, struct err *err) {
	const struct dsse_signature *signature = dsse_signature_by(envelope, key);
	if (!signature)
		return err_set(err, ERR_REFUSED, "signature", "no signature by this key over this payload");
	return entry_write_signed(envelope, signature, key, entry, err);
}

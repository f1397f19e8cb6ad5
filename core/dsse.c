#include "core/dsse.h"

#include "core/base64.h"

void dsse_pae(const char *payload_type, const void *payload, size_t len, struct buf *pae) {
	buf_addf(pae, "DSSEv1 %zu %s %zu ", strlen(payload_type), payload_type, len);
	buf_add(pae, payload, len);
}

void dsse_free(struct dsse *envelope) {
	if (!envelope)
		return;
	for (size_t i = 0; i < envelope->signature_count; i++) {
		free(envelope->signatures[i].keyid);
		buf_done(&envelope->signatures[i].bytes);
	}
	free(envelope->signatures);
	free(envelope->payload_type);
	buf_done(&envelope->payload);
	free(envelope);
}

bool dsse_seal(const char *payload_type, const void *payload, size_t len, EVP_PKEY *key, const char *keyid,
	       struct dsse **ret_envelope, struct err *err) {
	if (len > DSSE_PAYLOAD_LARGEST)
		return err_set(err, ERR_TOO_BIG, "envelope", "payload larger than the cap of %u bytes",
			       DSSE_PAYLOAD_LARGEST);
	CLEANUP(buf_done) struct buf pae = {0};
	dsse_pae(payload_type, payload, len, &pae);
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	size_t signature_len;
	if (!key_sign(key, pae.data, pae.len, signature, &signature_len, err))
		return false;
	struct dsse *envelope = xcalloc(1, sizeof *envelope);
	envelope->payload_type = xstrdup(payload_type);
	buf_add(&envelope->payload, payload, len);
	envelope->signatures = xcalloc(1, sizeof *envelope->signatures);
	envelope->signature_count = 1;
	envelope->signatures[0].keyid = xstrdup(keyid);
	buf_add(&envelope->signatures[0].bytes, signature, signature_len);
	*ret_envelope = envelope;
	return true;
}

static bool read_signature(const json_t *object, const char *where, struct dsse_signature *ret_signature,
			   struct err *err) {
	const char *text, *keyid = "";
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "a member of \"signatures\" is not an object");
	if (!json_get_string(object, "sig", where, &text, err))
		return false;
	if (json_object_get(object, "keyid") && !json_get_string(object, "keyid", where, &keyid, err))
		return false;
	struct buf bytes = {0};
	if (!base64_decode(text, strlen(text), where, &bytes, err))
		return false;
	*ret_signature = (struct dsse_signature){xstrdup(keyid), bytes};
	return true;
}

static bool read_signatures(const json_t *object, const char *where, struct dsse *envelope, struct err *err) {
	json_t *array;
	if (!json_get_array(object, "signatures", where, &array, err))
		return false;
	size_t count = json_array_size(array);
	if (count > DSSE_SIGNATURES_MOST)
		return err_set(err, ERR_TOO_BIG, where, "more than %d signatures", DSSE_SIGNATURES_MOST);
	envelope->signatures = xcalloc(count ? count : 1, sizeof *envelope->signatures);
	for (size_t i = 0; i < count; i++) {
		if (!read_signature(json_array_get(array, i), where, &envelope->signatures[i], err))
			return false;
		envelope->signature_count++;
	}
	return true;
}

static bool read_payload(const json_t *object, const char *where, struct dsse *envelope, struct err *err) {
	const char *type, *text;
	if (!json_get_string(object, "payloadType", where, &type, err) ||
	    !json_get_string(object, "payload", where, &text, err))
		return false;
	size_t len = strlen(text);
	if (len > DSSE_ENVELOPE_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "payload larger than the cap of %u bytes",
			       DSSE_PAYLOAD_LARGEST);
	envelope->payload_type = xstrdup(type);
	if (!base64_decode(text, len, where, &envelope->payload, err))
		return false;
	if (envelope->payload.len > DSSE_PAYLOAD_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "payload larger than the cap of %u bytes",
			       DSSE_PAYLOAD_LARGEST);
	return true;
}

bool dsse_from_json(const json_t *object, const char *where, struct dsse **ret_envelope, struct err *err) {
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "an envelope is not a JSON object");
	CLEANUP(dsse_free_p) struct dsse *envelope = xcalloc(1, sizeof *envelope);
	if (!read_payload(object, where, envelope, err) || !read_signatures(object, where, envelope, err))
		return false;
	*ret_envelope = envelope;
	envelope = NULL;
	return true;
}

static json_t *base64_json(const struct buf *bytes) {
	CLEANUP(free_ptr) char *text = base64_encode(bytes->data, bytes->len);
	return json_string(text);
}

json_t *dsse_to_json(const struct dsse *envelope) {
	json_t *object = json_object(), *signatures = json_array();
	json_object_set_new(object, "payload", base64_json(&envelope->payload));
	json_object_set_new(object, "payloadType", json_text(envelope->payload_type));
	json_object_set_new(object, "signatures", signatures);
	for (size_t i = 0; i < envelope->signature_count; i++) {
		json_t *signature = json_object();
		json_object_set_new(signature, "keyid", json_text(envelope->signatures[i].keyid));
		json_object_set_new(signature, "sig", base64_json(&envelope->signatures[i].bytes));
		json_array_append_new(signatures, signature);
	}
	return object;
}

static int append(const char *data, size_t len, void *text) {
	buf_add(text, data, len);
	return 0;
}

void dsse_write(const struct dsse *envelope, struct buf *text) {
	CLEANUP(json_decref_p) json_t *object = dsse_to_json(envelope);
	if (json_dump_callback(object, append, text, JSON_COMPACT) != 0) /* strings alone: only memory can be short */
		abort();
}

const struct dsse_signature *dsse_signature_by(const struct dsse *envelope, EVP_PKEY *key) {
	CLEANUP(buf_done) struct buf pae = {0};
	dsse_pae(envelope->payload_type, envelope->payload.data, envelope->payload.len, &pae);
	for (size_t i = 0; i < envelope->signature_count; i++) {
		const struct dsse_signature *signature = &envelope->signatures[i];
		if (key_is_signed(key, pae.data, pae.len, signature->bytes.data, signature->bytes.len))
			return signature;
	}
	return NULL;
}

bool dsse_verify(const struct dsse *envelope, const char *payload_type, EVP_PKEY *key, struct err *err) {
	if (strcmp(envelope->payload_type, payload_type) != 0)
		return err_set(err, ERR_REFUSED, "signature", "the payload type is \"%s\", not \"%s\"",
			       envelope->payload_type, payload_type);
	if (!dsse_signature_by(envelope, key))
		return err_set(err, ERR_REFUSED, "signature", "no signature by this key over this payload");
	return true;
}

struct hash dsse_digest(const struct dsse *envelope) {
	return hash_of(envelope->payload.data, envelope->payload.len);
}

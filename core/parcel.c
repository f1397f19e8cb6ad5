#include "core/parcel.h"

#include "core/dsse.h"
#include "core/times.h"

void parcel_done(struct parcel *parcel) {
	free(parcel->host);
	free(parcel->origin);
	*parcel = (struct parcel){0};
}

bool parcel_write(const struct parcel *parcel, EVP_PKEY *transport, struct buf *text, struct err *err) {
	CLEANUP(buf_done) struct buf payload = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	char at[TIMES_TEXT], hex[HASH_HEX];
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "host", parcel->host, "origin",
				   parcel->origin, "madeAt", times_format(parcel->made_at, at), "seen",
				   (json_int_t)parcel->seen, "statements", (json_int_t)parcel->statements, "size",
				   (json_int_t)parcel->bytes, "sha256", hash_hex(&parcel->sha256, hex));
	if (!json_canonical(object, &payload, err) ||
	    !dsse_seal(PARCEL_TYPE, payload.data, payload.len, transport, "", &envelope, err))
		return false;
	dsse_write(envelope, text);
	buf_adds(text, "\n");
	return true;
}

static bool read_payload(const struct buf *payload, const char *where, struct parcel *parcel, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	const char *host, *origin, *at, *hex;
	if (!json_read(buf_str(payload), payload->len, PARCEL_LARGEST, where, &object, err) ||
	    !json_get_string(object, "host", where, &host, err) ||
	    !json_get_string(object, "origin", where, &origin, err) ||
	    !json_get_string(object, "madeAt", where, &at, err) ||
	    !json_get_string(object, "sha256", where, &hex, err) ||
	    !json_get_int(object, "seen", where, &parcel->seen, err) ||
	    !json_get_int(object, "statements", where, &parcel->statements, err) ||
	    !json_get_int(object, "size", where, &parcel->bytes, err))
		return false;
	if (parcel->seen < 0 || parcel->statements < 0 || parcel->bytes < 0 || !times_parse(at, &parcel->made_at) ||
	    !hash_from_hex(hex, &parcel->sha256))
		return err_set(err, ERR_MALFORMED, where, "a member has no value that it may have");
	parcel->host = xstrdup(host);
	parcel->origin = xstrdup(origin);
	return true;
}

bool parcel_read(const char *data, size_t len, EVP_PKEY *transport, const char *where, struct parcel *ret_parcel,
		 struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	struct parcel parcel = {0};
	if (!json_read(data, len, PARCEL_LARGEST, where, &object, err) ||
	    !dsse_from_json(object, where, &envelope, err) || !dsse_verify(envelope, PARCEL_TYPE, transport, err) ||
	    !read_payload(&envelope->payload, where, &parcel, err))
		return false;
	*ret_parcel = parcel;
	return true;
}

#include "core/served.h"

#include "core/row.h"
#include "core/times.h"

static bool read_versions(const json_t *tls, const char *where, json_t *row, struct err *err) {
	static const char *const versions[] = {"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
	json_t *all;
	if (!json_get_object(tls, "versions", where, &all, err))
		return false;
	json_object_update_new(row, json_pack("{s:[], s:[], s:[]}", "offered", "refused", "unclear"));
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		const json_t *is_offered = json_object_get(all, versions[i]);
		if (!json_is_boolean(is_offered) && !json_is_null(is_offered))
			return err_set(err, ERR_MALFORMED, where, "versions do not say of %s whether it is offered",
				       versions[i]);
		row_text_append(row,
				json_is_null(is_offered)   ? "unclear"
				: json_is_true(is_offered) ? "offered"
							   : "refused",
				versions[i]);
	}
	return true;
}

/* A member that is a string, or null, which leaves the field out. */
static bool read_text(const json_t *object, const char *member, const char *field, const char *where, json_t *row,
		      struct err *err) {
	const json_t *value = json_object_get(object, member);
	if (!json_is_string(value) && !json_is_null(value))
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is no text", member);
	row_text(row, field, json_string_value(value));
	return true;
}

static bool read_names(const json_t *certificate, const char *where, json_t *row, struct err *err) {
	json_t *names, *name;
	size_t i;
	if (!json_get_array(certificate, "names", where, &names, err))
		return false;
	json_object_set_new(row, "names", json_array());
	json_array_foreach(names, i, name) {
		if (!json_is_string(name))
			return err_set(err, ERR_MALFORMED, where, "one of the names is no text");
		row_text_append(row, "names", json_string_value(name));
	}
	return true;
}

static bool read_time(const json_t *certificate, const char *member, const char *field, const char *where, json_t *row,
		      int64_t *ret_instant, struct err *err) {
	const char *text;
	if (!json_get_string(certificate, member, where, &text, err))
		return false;
	if (!times_parse(text, ret_instant))
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is no time", member);
	row_text(row, field, text);
	return true;
}

bool served_read_certificate(const json_t *certificate, int64_t now, const char *where, json_t *row, struct err *err) {
	static const char *const texts[] = {"subject", "issuer", "serial", "sha256", "key_type", "signature"};
	int64_t from, until;
	const json_t *bits = json_object_get(certificate, "key_bits");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!read_text(certificate, texts[i], texts[i], where, row, err))
			return false;
	if (!read_names(certificate, where, row, err) ||
	    !read_time(certificate, "notBefore", "not_before", where, row, &from, err) ||
	    !read_time(certificate, "notAfter", "not_after", where, row, &until, err))
		return false;
	row_int(row, "left", until - now);
	if (!json_is_integer(bits) && !json_is_null(bits))
		return err_set(err, ERR_MALFORMED, where, "\"key_bits\" is no number");
	if (json_is_integer(bits))
		row_int(row, "key_bits", json_integer_value(bits));
	return true;
}

bool served_read(const json_t *tls, int64_t now, const char *where, json_t *row, struct err *err) {
	const json_t *certificates = json_object_get(tls, "certificates"), *is_done = json_object_get(tls, "handshake");
	if (!read_versions(tls, where, row, err) || !read_text(tls, "cipher", "cipher", where, row, err) ||
	    !read_text(tls, "group", "group", where, row, err) || !read_text(tls, "verify", "verify", where, row, err))
		return false;
	if (!json_is_boolean(is_done) || (!json_is_array(certificates) && !json_is_null(certificates)))
		return err_set(err, ERR_MALFORMED, where, "no handshake or no certificates in it");
	row_bool(row, "handshake", json_is_true(is_done));
	if (json_is_array(certificates))
		row_int(row, "certificates", (int64_t)json_array_size(certificates));
	return json_array_size(certificates) == 0 ||
	       served_read_certificate(json_array_get(certificates, 0), now, where, row, err);
}

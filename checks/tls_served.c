/* What a TLS server serves: versions, the certificate that it shows, and whether that verifies. The look is an active
 * probe: without an approval it is not made. */
#include "core/check.h"
#include "core/row.h"
#include "core/times.h"

static const struct check_param params[] = {
	{.name = "target", .type = VALUE_STRING, .required = true, .about = "The server, HOST:PORT."},
	{.name = "sni",
	 .type = VALUE_STRING,
	 .about = "The name to ask for and to verify the certificate for; the target's host without it."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "The server that was asked."},
	{.name = "offered",
	 .type = VALUE_STRINGS,
	 .about = "Versions that it answered with a hello of its own, of SSLv3 TLSv1.0 TLSv1.1 TLSv1.2 TLSv1.3. It "
		  "says nothing of the others: what must not be served is expected in refused."},
	{.name = "refused",
	 .type = VALUE_STRINGS,
	 .about = "Versions that it refused, by an alert or a lower version."},
	{.name = "unclear",
	 .type = VALUE_STRINGS,
	 .about = "Versions that it did neither with: it closed the connection, or said nothing."},
	{.name = "handshake", .type = VALUE_BOOL, .about = "Whether a handshake could be carried through."},
	{.name = "cipher", .type = VALUE_STRING, .about = "The cipher suite of that handshake, by OpenSSL's name."},
	{.name = "group", .type = VALUE_STRING, .about = "The group of its key exchange; not there without one."},
	{.name = "verify",
	 .type = VALUE_STRING,
	 .about = "ok, or why the certificate does not verify for the name and the system's CAs; not there without a "
		  "certificate or CAs."},
	{.name = "certificates",
	 .type = VALUE_INT,
	 .about = "How many certificates it showed; not there where it did not come so far."},
	{.name = "subject",
	 .type = VALUE_STRING,
	 .about = "Whose certificate it is; this and the rest of the first one."},
	{.name = "issuer", .type = VALUE_STRING, .about = "Who issued it."},
	{.name = "names",
	 .type = VALUE_STRINGS,
	 .about = "The names that it is for: DNS:www.example.org, IP:192.0.2.1."},
	{.name = "serial", .type = VALUE_STRING, .about = "Its number, hexadecimal."},
	{.name = "sha256", .type = VALUE_STRING, .about = "Its fingerprint."},
	{.name = "not_before", .type = VALUE_TIME, .about = "From when it is valid."},
	{.name = "not_after", .type = VALUE_TIME, .about = "Until when it is valid."},
	{.name = "left",
	 .type = VALUE_DURATION,
	 .unit = "s",
	 .is_volatile = true,
	 .about = "How long it is still valid; negative once it has expired."},
	{.name = "key_type", .type = VALUE_STRING, .about = "The kind of its key: RSA, EC, ED25519."},
	{.name = "key_bits", .type = VALUE_INT, .unit = "bits", .about = "The size of its key."},
	{.name = "signature", .type = VALUE_STRING, .about = "The algorithm that it is signed with."},
	{0},
};

static const char *const patterns[] = {"tls:*", "now:", NULL};

static char *source_name(const json_t *with) {
	const char *sni = param_string(with, "sni", "");
	return xasprintf("tls:%s%s%s", param_string(with, "target", ""), *sni ? "?sni=" : "", sni);
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *name = source_name(with);
	names_add(names, name);
	names_add(names, "now:");
}

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

static bool read_certificate(const json_t *certificate, int64_t now, const char *where, json_t *row, struct err *err) {
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

static bool read_server(const json_t *tls, int64_t now, const char *where, json_t *row, struct err *err) {
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
	       read_certificate(json_array_get(certificates, 0), now, where, row, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(free_ptr) char *name = source_name(with);
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *tls, *row = row_add(rows);
	int64_t now;
	if (!source_need_json(fetched, name, &tls, err) || !source_now(fetched, &now, err))
		return false;
	row_text(row, "target", param_string(with, "target", ""));
	if (!read_server(tls, now, name, row, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_tls_served = {
	.name = "tls_served",
	.about = "Which versions of TLS a server speaks, and which certificate it shows: an active probe, made only "
		 "where "
		 "it was approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

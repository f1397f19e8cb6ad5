/* What speaks on each TCP port that this host listens on: an active probe. */
#include "core/check.h"
#include "core/listeners.h"
#include "core/row.h"

static const struct check_param params[] = {LISTENERS_PARAMS, {0}};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "Where it was asked, ADDRESS:PORT."},
	{.name = "unit", .type = VALUE_STRING, .about = "The unit that it belongs to; not there where none does."},
	{.name = "loopback", .type = VALUE_BOOL, .about = "Whether it can be reached from this host alone."},
	{.name = "declared", .type = VALUE_BOOL, .about = "true: it was not asked, the policy says what it is."},
	{.name = "asked",
	 .type = VALUE_BOOL,
	 .about = "true: it answered, or kept silent; false: nobody asked it; not there where it could not be asked."},
	{.name = "service",
	 .type = VALUE_STRING,
	 .about = "tls, ssh, smtp, lmtp, imap, pop3, ftp, telnet, vnc, mysql, postgres, ldap, redis, http, dns, or "
		  "what was "
		  "declared; not there where it is not known."},
	{.name = "starttls",
	 .type = VALUE_BOOL,
	 .about = "Whether it goes over to TLS when asked; of protocols that can."},
	{.name = "passwords",
	 .type = VALUE_STRING,
	 .about = "clear: it takes them without TLS; encrypted: never; either: it offers TLS, and whether it insists "
		  "cannot be told from this host; unjudged: of HTTP and others this is not asked; not there where the "
		  "service is not known."},
	{.name = "problem", .type = VALUE_STRING, .about = "Why the service is not known."},
	{0},
};

static const char *const patterns[] = {LISTENERS_PATTERNS, NULL};

static const char *passwords_of(const json_t *listener) {
	const json_t *cleartext = json_object_get(listener, "cleartext");
	if (!json_object_get(listener, "service"))
		return NULL;
	return json_is_true(cleartext)                               ? "clear"
	       : json_is_false(cleartext)                            ? "encrypted"
	       : json_is_true(json_object_get(listener, "starttls")) ? "either"
								     : "unjudged";
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = NULL;
	json_t *row;
	size_t i;
	if (!listeners_read(with, fetched, &rows, err))
		return false;
	json_array_foreach(rows, i, row) {
		row_text(row, "passwords", passwords_of(row));
		json_object_del(row, "cleartext");
		json_object_del(row, "sni");
		if (json_object_get(row, "heard") || json_object_get(row, "declared"))
			row_bool(row, "asked", !json_object_get(row, "declared"));
		json_object_del(row, "heard");
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_listener_protocols = {
	.name = "listener_protocols",
	.about = "What speaks on each TCP port that this host listens on, and whether it takes passwords in the clear: "
		 "an "
		 "active probe, made only where it was approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = listeners_ask,
	.run = run,
};

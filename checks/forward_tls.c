/* Whether what logs are sent through keeps others from reading and taking them: the configured connection, and the
 * server behind it, asked with the CAs and names that the shipper is configured with. An active probe of each target
 * that is TLS. */
#include "core/chain.h"
#include "core/forwarding.h"
#include "core/journald_conf.h"
#include "core/row.h"
#include "core/rsyslog_conf.h"
#include "core/served.h"
#include "core/text.h"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{"shipper", VALUE_STRING, NULL, "rsyslog or systemd-journal-upload.", PRIVACY_PUBLIC, false},
	{"target", VALUE_STRING, NULL, "The host that logs are sent to; this host itself is left out.", PRIVACY_PUBLIC,
	 false},
	{"port", VALUE_INT, NULL, "Its port.", PRIVACY_PUBLIC, false},
	{"protocol", VALUE_STRING, NULL, "udp, tcp, relp, http, https.", PRIVACY_PUBLIC, false},
	{"tls", VALUE_BOOL, NULL, "Whether the connection is to be TLS; the rest but file and line only then.",
	 PRIVACY_PUBLIC, false},
	{"auth", VALUE_STRING, NULL, "How the server is authenticated, in the shipper's words.", PRIVACY_PUBLIC, false},
	{"peers", VALUE_STRINGS, NULL, "The names or fingerprints that it must have.", PRIVACY_PUBLIC, false},
	{"verified", VALUE_BOOL, NULL, "Whether the shipper is to verify chain and name.", PRIVACY_PUBLIC, false},
	{"ca_file", VALUE_STRING, NULL, "The certificates that it does that by.", PRIVACY_PUBLIC, false},
	{"file", VALUE_STRING, NULL, "The file that says so.", PRIVACY_PUBLIC, false},
	{"line", VALUE_INT, NULL, "Where in it.", PRIVACY_PUBLIC, false},
	{"configured", VALUE_STRING, NULL,
	 "ok, or why what the server shows does not verify by that file and these names; \"pinned\" by a fingerprint.",
	 PRIVACY_PUBLIC, false},
	SERVED_FIELDS,
	{0},
};

static const char *const patterns[] = {RSYSLOG_CONF_PATTERNS,
				       JOURNALD_CONF_PATTERNS,
				       "stat:/etc",
				       "dir:/*/systemd/journal-upload.conf.d",
				       "stat:/*/systemd/journal-upload.conf.d/*",
				       "file:/*/systemd/journal-upload.conf.d/*",
				       "file:/usr/*",
				       "file:/var/lib/*",
				       "tls:*",
				       "now:",
				       NULL};

static void paths(const json_t *with, struct names *into) {
	static const char *const cas[] = {"file:/etc/ssl/certs/*",
					  "file:/etc/ssl/ca/*",
					  "file:/etc/pki/tls/certs/*",
					  "file:/etc/pki/ca-trust/*",
					  "file:/usr/local/share/ca-certificates/*",
					  "file:/usr/share/ca-certificates/*"};
	forwarding_paths(into);
	for (size_t i = 0; i < ARRAY_LEN(cas); i++)
		names_add(into, cas[i]);
}

static const char *text_of(const json_t *row, const char *field) {
	return json_string_value(json_object_get(row, field));
}

static bool is_true(const json_t *row, const char *field) { return json_is_true(json_object_get(row, field)); }

/* NULL where there is nothing to ask. The caller frees. */
static char *probe_of(const json_t *action) {
	const char *target = text_of(action, "target");
	bool is_v6 = strchr(target, ':') != NULL;
	if (!is_true(action, "tls") || is_true(action, "local") || !json_object_get(action, "port"))
		return NULL;
	return xasprintf("tls:%s%s%s:%lld", is_v6 ? "[" : "", target, is_v6 ? "]" : "",
			 (long long)json_integer_value(json_object_get(action, "port")));
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(forwarding_done) struct forwarding forwarding = {0};
	struct err ignored;
	json_t *action;
	size_t i;
	names_add(names, "now:");
	if (!forwarding_read(fetched, names, &forwarding, &ignored))
		return;
	json_array_foreach(forwarding.actions, i, action) {
		CLEANUP(free_ptr) char *probe = probe_of(action);
		const char *cas = text_of(action, "ca_file");
		if (probe)
			names_add(names, probe);
		if (probe && cas && *cas == '/')
			names_addf(names, "file:%s", cas);
	}
}

/* The names that the shipper takes: its permitted peers, else the one that it connects to. */
static json_t *names_of(const json_t *action) {
	json_t *peers = json_object_get(action, "peers");
	return json_array_size(peers) ? json_incref(peers) : json_pack("[s]", text_of(action, "target"));
}

static bool add_configured(json_t *row, const json_t *action, const json_t *certificates, int64_t now,
			   const char *where, const struct sources *fetched, struct err *err) {
	const char *cas = text_of(action, "ca_file"), *verdict = "no CA is configured";
	const char *auth = text_of(action, "auth");
	const struct source *source = NULL;
	bool is_pinned = false;
	if (!json_array_size(certificates))
		return true;
	if (auth && text_ends(auth, "fingerprint")) {
		if (!chain_is_pinned(certificates, json_object_get(action, "peers"), where, &is_pinned, err))
			return false;
		row_text(row, "configured", is_pinned ? "pinned" : "another fingerprint");
		return true;
	}
	CLEANUP(free_ptr) char *name = cas ? xasprintf("file:%s", cas) : NULL;
	CLEANUP(json_decref_p) json_t *names = names_of(action);
	if (name && !source_need(fetched, name, &source, err))
		return false;
	if (source &&
	    !chain_verify(certificates, source->bytes.data, source->bytes.len, names, now, where, &verdict, err))
		return false;
	row_text(row, "configured", verdict);
	return true;
}

static bool add_served(json_t *row, const json_t *action, const struct sources *fetched, struct err *err) {
	CLEANUP(free_ptr) char *probe = probe_of(action);
	json_t *value;
	int64_t now;
	return !probe ||
	       (source_need_json(fetched, probe, &value, err) && source_now(fetched, &now, err) &&
		served_read(value, now, probe, row, err) &&
		add_configured(row, action, json_object_get(value, "certificates"), now, probe, fetched, err));
}

static bool add_row(json_t *rows, const json_t *action, const struct sources *fetched, struct err *err) {
	static const char *const copied[] = {"shipper", "target",   "port",    "protocol", "tls", "auth",
					     "peers",   "verified", "ca_file", "file",     "line"};
	if (is_true(action, "local"))
		return true;
	json_t *row = row_add(rows);
	for (size_t i = 0; i < ARRAY_LEN(copied); i++)
		if (json_object_get(action, copied[i]))
			json_object_set(row, copied[i], json_object_get(action, copied[i]));
	return add_served(row, action, fetched, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(forwarding_done) struct forwarding forwarding = {0};
	json_t *action;
	size_t i;
	if (!forwarding_read(fetched, NULL, &forwarding, err))
		return false;
	json_array_foreach(forwarding.actions, i, action) if (!add_row(rows, action, fetched, err)) return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_forward_tls = {
	.name = "forward_tls",
	.about = "Whether logs are sent through TLS, and whether the server verifies by what the shipper is configured "
		 "with: an active probe, made only where it was approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

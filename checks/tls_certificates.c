/* The certificates that the TLS listeners of this host show, each of every chain: active probes. */
#include "core/check.h"
#include "core/listeners.h"
#include "core/row.h"
#include "core/served.h"
#include "core/text.h"
#include "core/times.h"

#define HOSTNAME "file:/etc/hostname"

static const struct check_param params[] = {LISTENERS_PARAMS, {0}};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "Where it was asked, ADDRESS:PORT."},
	{.name = "sni", .type = VALUE_STRING, .about = "The name that was asked for; not there without one."},
	{.name = "position",
	 .type = VALUE_INT,
	 .about = "Where it stands in what was shown: 0 is the server's own, the others are of its issuers."},
	{.name = "chain",
	 .type = VALUE_STRING,
	 .about = "ok, or why what was shown does not lead to a CA of this system; not there without CAs."},
	{.name = "name_matches",
	 .type = VALUE_BOOL,
	 .about = "Of the server's own: whether it is for the name in sni, or, without one, for a name of this target "
		  "among "
		  "targets, or for this host's own; not there where no name of this target is known."},
	{.name = "self_issued", .type = VALUE_BOOL, .about = "Whether it names itself as its issuer."},
	{.name = "started", .type = VALUE_BOOL, .about = "Whether the time from which it is valid has come."},
	SERVED_CERTIFICATE,
	{.name = "problem",
	 .type = VALUE_STRING,
	 .about =
		 "Why there is no certificate: the listener is not known to speak TLS, nor that it does not, or showed "
		 "none."},
	{0},
};

static const char *const patterns[] = {LISTENERS_PATTERNS, "tls:*", "now:", HOSTNAME, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, "now:");
	names_add(names, HOSTNAME);
	listeners_ask_tls(with, fetched, names);
}

/* What all rows share. */
struct look {
	const json_t *with;
	const struct sources *fetched;
	char *host; /* its own name; "" */
	int64_t now;
	json_t *rows;
};

/* RFC 6125 6.4: a star stands for the whole first label, of at least three. */
static bool is_for(const char *pattern, const char *name) {
	const char *dot = strchr(name, '.');
	if (!strncmp(pattern, "*.", 2) && strchr(pattern + 2, '.') && dot && dot != name)
		return !strcasecmp(pattern + 2, dot + 1);
	return !strcasecmp(pattern, name);
}

static bool is_for_own(const char *pattern, const char *host) {
	size_t len = strlen(host);
	bool is_short = len > 0 && !strchr(host, '.') && !strncasecmp(pattern, host, len) && pattern[len] == '.';
	return len > 0 && (is_short || is_for(pattern, host));
}

static bool names_have(const json_t *certificate, const char *name, bool is_own) {
	size_t i;
	const json_t *names = json_object_get(certificate, "names"), *item;
	json_array_foreach(names, i, item) {
		const char *text = json_string_value(item);
		if (text && text_starts(text, "DNS:") && (is_own ? is_for_own : is_for)(text + 4, name))
			return true;
		if (text && !is_own && text_starts(text, "IP:") && !strcasecmp(text + 3, name))
			return true;
	}
	return false;
}

/* The names among the targets of one that was asked without. */
static bool matches_a_target(const struct look *look, const char *target, const json_t *certificate,
			     bool *ret_is_known) {
	const char *entry;
	bool matches = false;
	for (size_t i = 0; (entry = param_strings_at(look->with, "targets", i)); i++)
		if (text_starts(entry, target) && entry[strlen(target)] == '/') {
			*ret_is_known = true;
			matches |= names_have(certificate, entry + strlen(target) + 1, false);
		}
	return matches;
}

static void add_name(const struct look *look, const json_t *listener, const json_t *certificate, json_t *row) {
	const char *sni = json_string_value(json_object_get(listener, "sni"));
	const char *target = json_string_value(json_object_get(listener, "target"));
	bool is_known = sni != NULL;
	bool matches = sni ? names_have(certificate, sni, false)
			   : matches_a_target(look, target, certificate, &is_known) ||
				       names_have(certificate, look->host, true);
	if (is_known || matches)
		row_bool(row, "name_matches", matches);
}

static json_t *begin_row(const struct look *look, const json_t *listener) {
	json_t *row = row_add(look->rows);
	row_text(row, "target", json_string_value(json_object_get(listener, "target")));
	row_text(row, "sni", json_string_value(json_object_get(listener, "sni")));
	return row;
}

static bool add_certificate(const struct look *look, const json_t *listener, const json_t *tls, size_t position,
			    const char *where, struct err *err) {
	const json_t *certificate = json_array_get(json_object_get(tls, "certificates"), position);
	json_t *row = begin_row(look, listener);
	int64_t from;
	if (!served_read_certificate(certificate, look->now, where, row, err))
		return false;
	row_int(row, "position", (int64_t)position);
	row_text(row, "chain", json_string_value(json_object_get(tls, "chain")));
	row_bool(row, "self_issued",
		 json_equal(json_object_get(certificate, "subject"), json_object_get(certificate, "issuer")));
	if (times_parse(json_string_value(json_object_get(row, "not_before")), &from))
		row_bool(row, "started", from <= look->now);
	if (position == 0)
		add_name(look, listener, certificate, row);
	return true;
}

static bool add_rows(const struct look *look, const json_t *listener, struct err *err) {
	CLEANUP(free_ptr) char *name = listener_tls(listener);
	const json_t *problem = json_object_get(listener, "problem");
	json_t *tls;
	if (!name && !problem)
		return true;
	if (!name) {
		row_text(begin_row(look, listener), "problem", json_string_value(problem));
		return true;
	}
	if (!source_need_json(look->fetched, name, &tls, err)) {
		CLEANUP(json_decref_p) json_t *row = json_object();
		if (!listener_problem(err, row))
			return false;
		json_object_update(begin_row(look, listener), row);
		return true;
	}
	size_t count = json_array_size(json_object_get(tls, "certificates"));
	for (size_t i = 0; i < count; i++)
		if (!add_certificate(look, listener, tls, i, name, err))
			return false;
	if (count == 0)
		row_text(begin_row(look, listener), "problem", "no certificate was shown");
	return true;
}

static bool read_host(struct look *look, struct err *err) {
	const struct source *file;
	if (!source_maybe(look->fetched, HOSTNAME, &file, err))
		return false;
	look->host = file ? xstrndup(buf_str(&file->bytes), strcspn(buf_str(&file->bytes), " \t\r\n")) : xstrdup("");
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct look look = {.with = with, .fetched = fetched, .rows = rows};
	json_t *listener;
	size_t i;
	if (!source_now(fetched, &look.now, err) || !listeners_read(with, fetched, &list, err) ||
	    !read_host(&look, err))
		return false;
	CLEANUP(free_ptr) char *host = look.host;
	json_array_foreach(list, i, listener) if (!add_rows(&look, listener, err)) return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_tls_certificates = {
	.name = "tls_certificates",
	.about = "The certificates that the TLS listeners of this host show, each of every chain: active probes, made "
		 "only "
		 "where they were approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

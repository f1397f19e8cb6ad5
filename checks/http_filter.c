/* Whether web pages are blocked on the way that users take, directly or by a proxy, and by which sign: active probes,
 * made only where they were approved. The body of an answer is never kept. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {
	{.name = "urls", .type = VALUE_STRINGS, .required = true, .about = "What to get, http:// or https://."},
	{.name = "proxies",
	 .type = VALUE_STRINGS,
	 .about = "HOST:PORT of the proxies to ask by; without any, directly."},
	{.name = "controls",
	 .type = VALUE_STRINGS,
	 .about = "URLs that the same way must answer with 200 to 399: else a sign says nothing. Not used with "
		  "outside."},
	{.name = "outside",
	 .type = VALUE_BOOL,
	 .about = "The servers are not to be reached at all: that no connection came about is closed."},
	{.name = "type", .type = VALUE_STRING, .about = "The content type of what counts as answered; any without it."},
	{.name = "pages", .type = VALUE_STRINGS, .about = "Block pages, by the SHA-256 of their bodies, hexadecimal."},
	{.name = "locations",
	 .type = VALUE_STRINGS,
	 .about = "Where the filter redirects to: how Location begins, up to a point after the host's name at least."},
	{.name = "servers",
	 .type = VALUE_STRINGS,
	 .about = "How the header Server begins on pages of the filter's own: with 403 or 451 a sign (default squid)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "url", .type = VALUE_STRING, .about = "What was asked for."},
	{.name = "via", .type = VALUE_STRING, .about = "The proxy; direct."},
	{.name = "outcome",
	 .type = VALUE_STRING,
	 .about = "answered: with 200 to 399, by none of the filter's signs; blocked: by one of them; closed: no "
		  "connection came about, outside alone; unclear: all else, an error of the server among it."},
	{.name = "how",
	 .type = VALUE_STRING,
	 .about =
		 "status N, CONNECT N (the proxy's own refusal, 403 or 451), page, location, server; refused, silence, "
		 "not let out; how the look failed."},
	{0},
};

static const char *const patterns[] = {"http:*", NULL};

static char *probe_name(const char *url, const char *proxy) {
	return proxy ? xasprintf("http:%s?via=%s", url, proxy) : xasprintf("http:%s", url);
}

static void ask(const json_t *with, const char *list, const char *proxy, struct names *names) {
	const char *url;
	for (size_t i = 0; (url = param_strings_at(with, list, i)); i++) {
		CLEANUP(free_ptr) char *name = probe_name(url, proxy);
		names_add(names, name);
	}
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *proxy = param_strings_at(with, "proxies", 0);
	for (size_t i = 0; proxy || i == 0; proxy = param_strings_at(with, "proxies", ++i)) {
		ask(with, "urls", proxy, names);
		if (!param_bool(with, "outside", false))
			ask(with, "controls", proxy, names);
	}
}

struct seen {
	const char *outcome;
	char how[32];
};

static void say(struct seen *seen, const char *outcome, const char *what, json_int_t number) {
	seen->outcome = outcome;
	if (number)
		snprintf(seen->how, sizeof seen->how, "%s %d", what, (int)number);
	else
		snprintf(seen->how, sizeof seen->how, "%s", what);
}

static bool begins_with_one(const json_t *with, const char *list, const char *text) {
	const char *start;
	for (size_t i = 0; text && (start = param_strings_at(with, list, i)); i++)
		if (*start && text_starts(text, start))
			return true;
	return false;
}

static bool is_filters_server(const json_t *with, const char *server) {
	bool is_given = json_array_size(json_object_get(with, "servers")) > 0;
	return is_given ? begins_with_one(with, "servers", server) : server && text_starts(server, "squid");
}

static bool is_refusal(json_int_t status) { return status == 403 || status == 451; }

static bool is_wanted_type(const json_t *with, const char *type) {
	const char *wanted = param_string(with, "type", "");
	return !*wanted || (type && text_starts(type, wanted));
}

static bool read_answer(const json_t *with, const json_t *answer, const char *where, struct seen *ret_seen,
			struct err *err) {
	const json_t *status = json_object_get(answer, "status"), *connect = json_object_get(answer, "proxy_status");
	json_t *headers;
	json_int_t number = json_integer_value(status), by_proxy = json_integer_value(connect);
	if (!json_get_object(answer, "headers", where, &headers, err))
		return false;
	if ((!json_is_integer(status) && !json_is_null(status)) ||
	    (!json_is_integer(connect) && !json_is_null(connect)))
		return err_set(err, ERR_MALFORMED, where, "a status that is no number");
	const char *server = json_string_value(json_object_get(headers, "server"));
	if (json_is_null(status) && is_refusal(by_proxy))
		say(ret_seen, "blocked", "CONNECT", by_proxy);
	else if (json_is_null(status))
		say(ret_seen, "unclear", "CONNECT", by_proxy);
	else if (param_strings_have(with, "pages", json_string_value(json_object_get(answer, "body_sha256"))))
		say(ret_seen, "blocked", "page", 0);
	else if (begins_with_one(with, "locations", json_string_value(json_object_get(headers, "location"))))
		say(ret_seen, "blocked", "location", 0);
	else if (is_refusal(number) && is_filters_server(with, server))
		say(ret_seen, "blocked", "server", number);
	else if (number >= 200 && number < 400 &&
		 is_wanted_type(with, json_string_value(json_object_get(headers, "content-type"))))
		say(ret_seen, "answered", "status", number);
	else
		say(ret_seen, "unclear", "status", number);
	return true;
}

struct look {
	const json_t *with;
	const struct sources *fetched;
	json_t *rows;
	bool is_outside, is_found;
	struct err first; /* why the first row that is unclear is so */
};

static void keep_first(struct look *look, const struct err *err) {
	if (!look->first.code)
		look->first = *err;
}

/* False: it says nothing of a filter, *err why; *ret_seen is what came back all the same. */
static bool see(const struct look *look, const char *name, struct seen *ret_seen, struct err *err) {
	static const char *const words[] = {
		[PROBE_REFUSED] = "refused", [PROBE_SILENT] = "silence", [PROBE_HELD] = "not let out"};
	json_t *answer;
	enum probe_end end = source_probe(look->fetched, name, &answer, err);
	if (end != PROBE_ANSWERED) {
		bool is_closed = look->is_outside && end != PROBE_UNTOLD;
		say(ret_seen, is_closed ? "closed" : "unclear",
		    end == PROBE_UNTOLD ? err_code_name(err->code) : words[end], 0);
		return is_closed;
	}
	say(ret_seen, "unclear", "malformed", 0);
	if (!read_answer(look->with, answer, name, ret_seen, err))
		return false;
	return strcmp(ret_seen->outcome, "unclear") != 0 ||
	       err_set(err, ERR_UNPROVED, name, "%s: neither a sign of the filter nor an answer", ret_seen->how);
}

/* A proxy that lets nobody through blocks everything. */
static bool controls_answer(const struct look *look, const char *proxy, struct err *err) {
	const char *url;
	for (size_t i = 0; !look->is_outside && (url = param_strings_at(look->with, "controls", i)); i++) {
		CLEANUP(free_ptr) char *name = probe_name(url, proxy);
		struct seen seen;
		if (!see(look, name, &seen, err))
			return false;
		if (strcmp(seen.outcome, "answered") != 0)
			return err_set(err, ERR_UNPROVED, name, "the control is not answered: %s", seen.how);
	}
	return true;
}

static void look_by(struct look *look, const char *proxy) {
	const char *url;
	struct err err;
	bool is_way = controls_answer(look, proxy, &err);
	if (!is_way)
		keep_first(look, &err);
	for (size_t i = 0; (url = param_strings_at(look->with, "urls", i)); i++) {
		CLEANUP(free_ptr) char *name = probe_name(url, proxy);
		struct seen seen;
		json_t *row = row_add(look->rows);
		if (!see(look, name, &seen, &err))
			keep_first(look, &err);
		bool is_answered = !strcmp(seen.outcome, "answered");
		look->is_found |= is_answered;
		row_text(row, "url", url);
		row_text(row, "via", proxy ? proxy : "direct");
		row_text(row, "outcome", is_way || is_answered ? seen.outcome : "unclear");
		row_text(row, "how", seen.how);
	}
}

/* What was answered is a finding whatever else could not be seen. */
static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct look look = {
		.with = with, .fetched = fetched, .rows = rows, .is_outside = param_bool(with, "outside", false)};
	const char *proxy = param_strings_at(with, "proxies", 0);
	for (size_t i = 0; proxy || i == 0; proxy = param_strings_at(with, "proxies", ++i))
		look_by(&look, proxy);
	if (look.first.code && !look.is_found) {
		*err = look.first;
		return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_http_filter = {
	.name = "http_filter",
	.about =
		"Whether web pages are blocked on the way that users take, and by which sign: active probes, made only "
		"where they were approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

/* Whether DNS servers block names, and by which sign: each name is asked of each server itself, past every cache of
 * this host. Active probes: without approvals they are not made. */
#include <arpa/inet.h>

#include "core/check.h"
#include "core/dns_fate.h"
#include "core/resolver_path.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {
	{.name = "names", .type = VALUE_STRINGS, .required = true, .about = "The names to ask for."},
	{.name = "servers",
	 .type = VALUE_STRINGS,
	 .about = "ADDRESS or ADDRESS:PORT ([ADDRESS]:PORT); by default, but for outside, those at which this host's "
		  "look-ups end (check "
		  "resolver), but for network namespaces of their own, which cannot be reached from here."},
	{.name = "allowed",
	 .type = VALUE_BOOL,
	 .about = "The names are to be answered: then one that is blocked is the finding, else one that is answered."},
	{.name = "outside",
	 .type = VALUE_BOOL,
	 .about = "The servers are not to be reached at all: that none answers, over UDP and over TCP, is closed."},
	{.name = "controls",
	 .type = VALUE_STRINGS,
	 .about = "Names that the same server must answer for its signs to count; not used with outside."},
	{.name = "reference",
	 .type = VALUE_STRING,
	 .about = "A server that does not filter and sees the names as everybody does (one with authority for them, "
		  "say). What it knows, exists: then that there is no such name is blocked."},
	{.name = "sinkholes",
	 .type = VALUE_STRINGS,
	 .about = "Addresses that the filter answers with (default 0.0.0.0 and ::)."},
	{.name = "pages", .type = VALUE_STRINGS, .about = "Names of block pages that the filter's aliases lead to."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "name", .type = VALUE_STRING, .about = "The name that was asked for."},
	{.name = "server", .type = VALUE_STRING, .about = "The server that was asked."},
	{.name = "outcome",
	 .type = VALUE_STRING,
	 .about = "answered: one question led somewhere; blocked: a sign that only a filter gives, and nothing that "
		  "leads anywhere; closed: no answer came from outside; unclear."},
	{.name = "how",
	 .type = VALUE_STRINGS,
	 .about = "For each question (A, AAAA, HTTPS; outside: A, A+tcp; allowed: A) what came back: an address, a "
		  "sinkhole's, "
		  "extended error 15, 16 or 17, REFUSED, an alias of a block page, NXDOMAIN, no data, silence."},
	{.name = "exists",
	 .type = VALUE_BOOL,
	 .about = "Whether the reference has addresses of the name; not there without one."},
	{0},
};

static const char *const patterns[] = {RESOLVER_PATH_PATTERNS, "dns:*", NULL};

static const char *const usual_types[] = {"A", "AAAA", "HTTPS", NULL};
static const char *const outside_types[] = {"A", "A+tcp", NULL};
static const char *const allowed_types[] = {"A", NULL}; /* filters may leave out AAAA for everybody */

static const char *const *types_of(const json_t *with) {
	return param_bool(with, "outside", false)   ? outside_types
	       : param_bool(with, "allowed", false) ? allowed_types
						    : usual_types;
}

/* An address of IPv6 alone gets its brackets. */
static char *probe_name(const char *name, const char *type, const char *server) {
	bool is_bare = strchr(server, ':') && strchr(server, ':') != strrchr(server, ':') && server[0] != '[';
	return xasprintf(is_bare ? "dns:%s/%s@[%s]" : "dns:%s/%s@%s", name, type, server);
}

/* New reference. */
static bool servers_of(const json_t *with, const struct sources *fetched, json_t **ret_servers, struct err *err) {
	json_t *given = json_object_get(with, "servers");
	CLEANUP(json_decref_p) json_t *rows = NULL;
	CLEANUP(json_decref_p) json_t *servers = json_array();
	size_t i;
	const json_t *row;
	if (json_array_size(given) > 0 || param_bool(with, "outside", false)) {
		*ret_servers = given ? json_incref(given) : json_array();
		return true;
	}
	if (!resolver_path_read(fetched, &rows, err))
		return false;
	json_array_foreach(rows, i, row) if (!text_starts(json_string_value(json_object_get(row, "via")), "netns "))
		json_array_append(servers, json_object_get(row, "server"));
	*ret_servers = json_incref(servers);
	return true;
}

static void ask(const char *name, const char *const *types, const char *server, struct names *names) {
	for (; *types; types++) {
		CLEANUP(free_ptr) char *source = probe_name(name, *types, server);
		names_add(names, source);
	}
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *servers = NULL;
	const char *name, *reference = param_string(with, "reference", "");
	const json_t *server;
	struct err err;
	size_t i, j;
	if (json_array_size(json_object_get(with, "servers")) == 0)
		resolver_path_names(fetched, names);
	if (!servers_of(with, fetched, &servers, &err))
		return;
	json_array_foreach(servers, i, server) {
		for (j = 0; (name = param_strings_at(with, "names", j)); j++)
			ask(name, types_of(with), json_string_value(server), names);
		for (j = 0; !param_bool(with, "outside", false) && (name = param_strings_at(with, "controls", j)); j++)
			ask(name, (const char *const[]){"A", NULL}, json_string_value(server), names);
	}
	for (i = 0; *reference && (name = param_strings_at(with, "names", i)); i++)
		ask(name, (const char *const[]){"A", "AAAA", NULL}, reference, names);
}

struct look {
	const json_t *with;
	const struct sources *fetched;
	struct dns_signs signs;
	json_t *rows;
	bool is_outside, is_found; /* is_found: a row is what the rule looks for, whatever else could not be seen */
	struct err first;          /* why the first row that is unclear is so */
};

/* One server, before its names are looked at. */
struct server {
	const char *address;
	bool is_answering, has_recursion; /* as its controls show */
	struct err why;                   /* where it is not */
};

/* One name at one server, over all its questions. */
struct tally {
	bool is_answered, is_blocked, is_closed;
	bool is_recursion_hidden; /* NXDOMAIN without RA, as Quad9 blocks */
	bool is_nothing;          /* an answer that leads nowhere and says no more */
	struct err bad;           /* a look that failed, or an answer that says nothing */
	json_t *how;              /* owned */
};

static void keep_first(struct err *first, const struct err *err) {
	if (!first->code)
		*first = *err;
}

static void add_how(struct tally *tally, const char *type, const char *what) {
	json_array_append_new(tally->how, json_sprintf("%s: %s", type, what));
}

static void count_answer(const struct look *look, const char *type, const char *source, const json_t *answer,
			 struct tally *tally) {
	struct dns_seen seen;
	struct err err;
	if (!dns_fate_read(answer, &look->signs, source, &seen, &err)) {
		keep_first(&tally->bad, &err);
		return;
	}
	add_how(tally, type, seen.how);
	tally->is_answered |= seen.fate == DNS_ANSWERED;
	tally->is_blocked |= seen.fate == DNS_BLOCKED;
	tally->is_nothing |= seen.fate == DNS_NOTHING;
	tally->is_recursion_hidden |= seen.fate == DNS_NOTHING && seen.is_no_name && !seen.has_recursion;
	if (seen.fate == DNS_UNCLEAR) {
		(void)err_set(&err, ERR_UNPROVED, source, "%s says nothing of a filter", seen.how);
		keep_first(&tally->bad, &err);
	}
}

static void count_question(const struct look *look, const char *name, const char *type, const char *server,
			   struct tally *tally) {
	static const char *const words[] = {
		[PROBE_REFUSED] = "refused", [PROBE_SILENT] = "silence", [PROBE_HELD] = "not let out"};
	CLEANUP(free_ptr) char *source = probe_name(name, type, server);
	json_t *answer;
	struct err err;
	enum probe_end end = source_probe(look->fetched, source, &answer, &err);
	if (end == PROBE_ANSWERED) {
		count_answer(look, type, source, answer, tally);
		return;
	}
	add_how(tally, type, end == PROBE_UNTOLD ? err_code_name(err.code) : words[end]);
	if (look->is_outside && end != PROBE_UNTOLD)
		tally->is_closed = true;
	else
		keep_first(&tally->bad, &err);
}

/* Whether the reference has addresses of the name; nothing is known where neither look came to an end. */
static bool exists(const struct look *look, const char *name, bool *ret_exists, struct err *err) {
	static const char *const types[] = {"A", "AAAA"};
	const struct dns_signs none = {0};
	bool is_seen = false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		CLEANUP(free_ptr)
		char *source = probe_name(name, types[i], param_string(look->with, "reference", ""));
		json_t *answer;
		struct dns_seen seen;
		if (!source_need_json(look->fetched, source, &answer, err) ||
		    !dns_fate_read(answer, &none, source, &seen, err))
			return false;
		is_seen |= seen.fate == DNS_ANSWERED;
	}
	*ret_exists = is_seen;
	return true;
}

static const char *unclear(struct look *look, const struct err *why) {
	keep_first(&look->first, why);
	return "unclear";
}

/* No sign, but nothing that leads anywhere either: only of a name that exists does that say something. */
static const char *judge_nothing(struct look *look, const char *name, const struct server *server,
				 const struct tally *tally, json_t *row) {
	struct err err;
	bool is_there = false, has_reference = *param_string(look->with, "reference", "") != '\0';
	if (tally->is_recursion_hidden && !look->is_outside && server->is_answering && server->has_recursion)
		return "blocked";
	if (has_reference && !exists(look, name, &is_there, &err))
		return unclear(look, &err);
	if (has_reference)
		row_bool(row, "exists", is_there);
	if (is_there)
		return "blocked";
	(void)err_set(&err, ERR_UNPROVED, name, "no address of it at %s, and nothing shows that the name exists%s",
		      server->address, has_reference ? ": the reference has none either" : "");
	return unclear(look, &err);
}

static const char *judge_tally(struct look *look, const char *name, const struct server *server,
			       const struct tally *tally, json_t *row) {
	if (tally->is_answered)
		return "answered";
	if (tally->bad.code)
		return unclear(look, &tally->bad);
	if (!look->is_outside && !server->is_answering)
		return unclear(look, &server->why);
	if (tally->is_blocked)
		return "blocked";
	return tally->is_nothing ? judge_nothing(look, name, server, tally, row) : "closed";
}

static void look_at_name(struct look *look, const char *name, const struct server *server) {
	struct tally tally = {.how = json_array()};
	json_t *row = row_add(look->rows);
	for (const char *const *type = types_of(look->with); *type; type++)
		count_question(look, name, *type, server->address, &tally);
	row_text(row, "name", name);
	row_text(row, "server", server->address);
	json_object_set_new(row, "how", tally.how);
	const char *outcome = judge_tally(look, name, server, &tally, row);
	row_text(row, "outcome", outcome);
	look->is_found |= !strcmp(outcome, param_bool(look->with, "allowed", false) ? "blocked" : "answered");
}

/* A server that answers nobody blocks everything: its signs count only where it answers a control. */
static struct server look_at_server(const struct look *look, const char *address) {
	struct server server = {.address = address, .is_answering = true};
	const char *control;
	for (size_t i = 0; (control = param_strings_at(look->with, "controls", i)); i++) {
		CLEANUP(free_ptr) char *source = probe_name(control, "A", address);
		json_t *answer;
		struct dns_seen seen;
		server.is_answering = false;
		if (!source_need_json(look->fetched, source, &answer, &server.why) ||
		    !dns_fate_read(answer, &look->signs, source, &seen, &server.why))
			return server;
		if (seen.fate != DNS_ANSWERED) {
			(void)err_set(&server.why, ERR_UNPROVED, source, "the control is not answered: %s", seen.how);
			return server;
		}
		server.is_answering = true;
		server.has_recursion = seen.has_recursion;
	}
	return server;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *servers = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *usual = json_pack("[s, s]", "0.0.0.0", "::");
	const json_t *server, *sinkholes = json_object_get(with, "sinkholes");
	const char *name;
	size_t i;
	struct look look = {.with = with,
			    .fetched = fetched,
			    .rows = rows,
			    .signs = {sinkholes ? sinkholes : usual, json_object_get(with, "pages")},
			    .is_outside = param_bool(with, "outside", false)};
	if (!servers_of(with, fetched, &servers, err))
		return false;
	json_array_foreach(servers, i, server) {
		const struct server one = look.is_outside ? (struct server){.address = json_string_value(server)}
							  : look_at_server(&look, json_string_value(server));
		for (size_t j = 0; (name = param_strings_at(with, "names", j)); j++)
			look_at_name(&look, name, &one);
	}
	if (look.first.code && !look.is_found) {
		*err = look.first;
		return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_dns_filter = {
	.name = "dns_filter",
	.about = "Whether DNS servers block names, and by which sign: active probes, made only where they were "
		 "approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

/* Which versions of TLS each listener of this host speaks: active probes. */
#include "core/check.h"
#include "core/listeners.h"
#include "core/row.h"
#include "core/served.h"

static const struct check_param params[] = {LISTENERS_PARAMS, {0}};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "Where it was asked, ADDRESS:PORT."},
	{.name = "sni", .type = VALUE_STRING, .about = "The name that was asked for; not there without one."},
	{.name = "unit", .type = VALUE_STRING, .about = "The unit that it belongs to; not there where none does."},
	{.name = "loopback", .type = VALUE_BOOL, .about = "Whether it can be reached from this host alone."},
	{.name = "service",
	 .type = VALUE_STRING,
	 .about = "tls, or the protocol in which it was asked to go over to TLS; not there where what is spoken is not "
		  "known."},
	{.name = "problem",
	 .type = VALUE_STRING,
	 .about = "Why nothing of what follows is there: it is not known to speak TLS, nor that it does not, or could "
		  "not "
		  "be asked."},
	{.name = "oldest",
	 .type = VALUE_STRING,
	 .about = "The oldest version that it offers; not there where an older one is unclear."},
	SERVED_FIELDS,
	{0},
};

static const char *const patterns[] = {LISTENERS_PATTERNS, "tls:*", "now:", NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, "now:");
	listeners_ask_tls(with, fetched, names);
}

static void copy_listener(const json_t *listener, json_t *row) {
	static const char *const members[] = {"target", "sni", "unit", "loopback", "service", "problem"};
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_get(listener, members[i]))
			json_object_set(row, members[i], json_object_get(listener, members[i]));
}

static const char *oldest_of(const json_t *versions) {
	static const char *const names[] = {"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!json_is_false(json_object_get(versions, names[i])))
			return json_is_true(json_object_get(versions, names[i])) ? names[i] : NULL;
	return NULL;
}

static bool add_row(const json_t *listener, const struct sources *fetched, int64_t now, json_t *rows, struct err *err) {
	CLEANUP(free_ptr) char *name = listener_tls(listener);
	json_t *tls;
	if (!name && !json_object_get(listener, "problem"))
		return true;
	json_t *row = row_add(rows);
	copy_listener(listener, row);
	if (!name)
		return true;
	if (!source_need_json(fetched, name, &tls, err))
		return listener_problem(err, row);
	if (!served_read(tls, now, name, row, err))
		return false;
	row_text(row, "oldest", oldest_of(json_object_get(tls, "versions")));
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *listener;
	int64_t now;
	size_t i;
	if (!source_now(fetched, &now, err) || !listeners_read(with, fetched, &list, err))
		return false;
	json_array_foreach(list, i, listener) if (!add_row(listener, fetched, now, rows, err)) return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_tls_listeners = {
	.name = "tls_listeners",
	.about = "Which versions of TLS each listener of this host speaks, and which certificate it shows: active "
		 "probes, "
		 "made only where they were approved. What is known to speak something else has no row.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

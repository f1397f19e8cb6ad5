/* Which cipher suites and groups each TLS listener of this host takes: active probes. */
#include "core/check.h"
#include "core/listeners.h"
#include "core/row.h"

static const struct check_param params[] = {LISTENERS_PARAMS, {0}};

static const struct check_field fields[] = {
	{.name = "target", .type = VALUE_STRING, .about = "Where it was asked, ADDRESS:PORT."},
	{.name = "sni", .type = VALUE_STRING, .about = "The name that was asked for; not there without one."},
	{.name = "what", .type = VALUE_STRING, .about = "suite or group; not there where there is a problem."},
	{.name = "version", .type = VALUE_STRING, .about = "The version of TLS with which it takes this suite."},
	{.name = "name", .type = VALUE_STRING, .about = "The suite or the group of TLS 1.3, by IANA's name."},
	{.name = "problem",
	 .type = VALUE_STRING,
	 .about = "Why there may be more than the other rows of this target: it is not known to speak TLS, nor that it "
		  "does not, or did not answer to the end."},
	{0},
};

static const char *const patterns[] = {LISTENERS_PATTERNS, "suites:*", NULL};

/* What asks for suites is written like what asks for versions. NULL: no TLS. The caller frees. */
static char *source_of(const json_t *listener) {
	CLEANUP(free_ptr) char *tls = listener_tls(listener);
	return tls ? xasprintf("suites:%s", strchr(tls, ':') + 1) : NULL;
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	json_t *listener;
	struct err ignored;
	size_t i;
	listeners_ask(with, fetched, names);
	if (!listeners_read(with, fetched, &list, &ignored))
		return;
	json_array_foreach(list, i, listener) {
		CLEANUP(free_ptr) char *name = source_of(listener);
		if (name)
			names_add(names, name);
	}
}

static json_t *begin_row(const json_t *listener, json_t *rows) {
	json_t *row = row_add(rows);
	row_text(row, "target", json_string_value(json_object_get(listener, "target")));
	row_text(row, "sni", json_string_value(json_object_get(listener, "sni")));
	return row;
}

static bool add_suites(const json_t *listener, const json_t *suites, const char *where, json_t *rows, struct err *err) {
	size_t i;
	const json_t *suite;
	json_array_foreach(suites, i, suite) {
		const char *version, *name;
		if (!json_get_string(suite, "version", where, &version, err) ||
		    !json_get_string(suite, "suite", where, &name, err))
			return false;
		json_t *row = begin_row(listener, rows);
		row_text(row, "what", "suite");
		row_text(row, "version", version);
		row_text(row, "name", name);
	}
	return true;
}

static bool add_groups(const json_t *listener, const json_t *groups, const char *where, json_t *rows, struct err *err) {
	size_t i;
	const json_t *group;
	json_array_foreach(groups, i, group) {
		if (!json_is_string(group))
			return err_set(err, ERR_MALFORMED, where, "a group that is no text");
		json_t *row = begin_row(listener, rows);
		row_text(row, "what", "group");
		row_text(row, "name", json_string_value(group));
	}
	return true;
}

static bool add_server(const json_t *listener, const json_t *value, const char *where, json_t *rows, struct err *err) {
	json_t *suites, *groups;
	const json_t *complete = json_object_get(value, "complete");
	if (!json_get_array(value, "suites", where, &suites, err) ||
	    !json_get_array(value, "groups", where, &groups, err))
		return false;
	if (!json_is_boolean(complete))
		return err_set(err, ERR_MALFORMED, where, "it does not say whether it is complete");
	if (json_is_false(complete))
		row_text(begin_row(listener, rows), "problem", "it did not refuse the rest: there may be more");
	return add_suites(listener, suites, where, rows, err) && add_groups(listener, groups, where, rows, err);
}

static bool add_rows(const json_t *listener, const struct sources *fetched, json_t *rows, struct err *err) {
	CLEANUP(free_ptr) char *name = source_of(listener);
	const json_t *problem = json_object_get(listener, "problem");
	json_t *value;
	if (!name && !problem)
		return true;
	if (!name) {
		row_text(begin_row(listener, rows), "problem", json_string_value(problem));
		return true;
	}
	if (source_need_json(fetched, name, &value, err))
		return add_server(listener, value, name, rows, err);
	CLEANUP(json_decref_p) json_t *row = json_object();
	if (!listener_problem(err, row))
		return false;
	json_object_update(begin_row(listener, rows), row);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *listener;
	size_t i;
	if (!listeners_read(with, fetched, &list, err))
		return false;
	json_array_foreach(list, i, listener) if (!add_rows(listener, fetched, rows, err)) return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_tls_suites = {
	.name = "tls_suites",
	.about = "Which cipher suites and groups each TLS listener of this host takes: active probes, made only where "
		 "they "
		 "were approved.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

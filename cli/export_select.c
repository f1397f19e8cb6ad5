#include "cli/export_select.h"

#include "core/approval.h"
#include "core/text.h"

#define DAY INT64_C(86400)

struct selecting {
	const struct evidence_source *source;
	const struct selection_query *query;
	struct selection *selection;
	json_t *known; /* {id: {"name","enrolled"}}: all lines but the collector's */
};

void selection_done(struct selection *selection) {
	json_decref(selection->hosts);
	free(selection->collector);
	gathered_done(&selection->gathered);
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

static bool visit_enrolment(void *context, const char *line, size_t len, const struct evidence *e, struct err *err) {
	struct selecting *selecting = context;
	const struct statement *s = e->statement;
	if (s->purpose && !strcmp(s->purpose, "collector")) {
		free(selecting->selection->collector);
		selecting->selection->collector = xstrdup(s->host_id);
		return true;
	}
	json_t *host = json_object_get(selecting->known, s->host_id);
	if (host)
		json_object_set_new(host, "name", json_text(s->host_name));
	else
		json_object_set_new(
			selecting->known, s->host_id,
			json_pack("{s:o,s:I}", "name", json_text(s->host_name), "enrolled", (json_int_t)e->received));
	return true;
}

static const char *name_of(const struct selecting *selecting, const char *id) {
	const char *present = json_string_value(json_object_get(selecting->query->names, id));
	return present ? present : json_string_value(json_object_get(json_object_get(selecting->known, id), "name"));
}

static void choose(struct selecting *selecting, const char *id) {
	json_object_set_new(selecting->selection->hosts, id, json_text(name_of(selecting, id)));
}

static bool choose_asked(struct selecting *selecting, const char *asked, struct err *err) {
	const char *id, *found = NULL;
	json_t *host;
	if (json_object_get(selecting->known, asked)) {
		choose(selecting, asked);
		return true;
	}
	json_object_foreach(selecting->known, id, host) {
		if (strcmp(name_of(selecting, id), asked) != 0)
			continue;
		if (found)
			return err_set(err, ERR_USAGE, asked, "more than one host has this name: %s and %s; ask by id",
				       found, id);
		found = id;
	}
	if (!found)
		return err_set(err, ERR_USAGE, asked, "the collector knows no host of this id or name");
	choose(selecting, found);
	return true;
}

static bool choose_hosts(struct selecting *selecting, struct err *err) {
	const struct evidence_query enrolments = {.type = "enrolment", .from = INT64_MIN, .to = INT64_MAX};
	const char *id;
	json_t *host;
	if (!selecting->source->get(selecting->source->context, &enrolments, visit_enrolment, selecting, err))
		return false;
	for (const char *const *asked = selecting->query->hosts; *asked; asked++)
		if (!choose_asked(selecting, *asked, err))
			return false;
	if (*selecting->query->hosts)
		return true;
	json_object_foreach(selecting->known, id, host) if (json_integer_value(json_object_get(host, "enrolled")) <
							    selecting->query->to) choose(selecting, id);
	return true;
}

/* --- statements --------------------------------------------------------------------------------------------------- */

static bool keep(void *context, const char *line, size_t len, const struct evidence *e, struct err *err) {
	struct selecting *selecting = context;
	return gathered_add(&selecting->selection->gathered, line, len, e, err);
}

static bool get(struct selecting *selecting, const char *host, const char *type, int64_t from, int64_t to,
		struct err *err) {
	const struct evidence_query query = {.host = host, .type = type, .from = from, .to = to};
	return from >= to || selecting->source->get(selecting->source->context, &query, keep, selecting, err);
}

struct window { /* a piece of the time before the period */
	struct selecting *selecting;
	size_t begin; /* its first item */
	bool has_full;
};

/* Of a piece only the last full round counts and what is behind it. */
static bool keep_behind_full(void *context, const char *line, size_t len, const struct evidence *e, struct err *err) {
	struct window *window = context;
	struct gathered *gathered = &window->selecting->selection->gathered;
	if (e->statement->full && !strcmp(e->statement->type, "round")) {
		gathered_forget(gathered, window->begin, gathered->count);
		window->has_full = true;
	}
	return gathered_add(gathered, line, len, e, err);
}

/* From the period backwards in pieces that grow, until a full round comes; without one nothing is kept. */
static bool keep_before(struct selecting *selecting, const char *host, int64_t enrolled, struct err *err) {
	struct gathered *gathered = &selecting->selection->gathered;
	const size_t begin = gathered->count;
	int64_t to = selecting->query->from;
	for (int64_t length = 2 * DAY; to > enrolled; length *= 4) {
		struct window window = {.selecting = selecting, .begin = gathered->count};
		const struct evidence_query query = {.host = host, .from = to - length, .to = to};
		if (!selecting->source->get(selecting->source->context, &query, keep_behind_full, &window, err))
			return false;
		if (window.has_full)
			return true;
		to -= length;
	}
	gathered_forget(gathered, begin, gathered->count);
	return true;
}

struct wanted { /* policies that statements of a host name */
	struct selecting *selecting;
	json_t *named; /* {digest: true} */
};

static bool keep_named(void *context, const char *line, size_t len, const struct evidence *e, struct err *err) {
	const struct wanted *wanted = context;
	char hex[HASH_HEX];
	if (!json_object_get(wanted->named, hash_hex(&e->statement->body_sha256, hex)))
		return true;
	return gathered_add(&wanted->selecting->selection->gathered, line, len, e, err);
}

/* Whichever host sealed it first, and long before the period: it is of a policy that counts in it. */
static bool keep_approving(void *context, const char *line, size_t len, const struct evidence *e, struct err *err) {
	const struct wanted *wanted = context;
	CLEANUP(approval_free_p) struct approval *approval = NULL;
	char hex[HASH_HEX];
	struct err ignored;
	if (!e->has_body || !approval_read(e->body.data, e->body.len, e->name, &approval, &ignored) ||
	    !json_object_get(wanted->named, hash_hex(&approval->sha256, hex)))
		return true;
	return gathered_add(&wanted->selecting->selection->gathered, line, len, e, err);
}

/* The policies, and the approvals of them, that items from `begin` on name, as far as they came before the period. */
static bool keep_policies(struct selecting *selecting, const char *host, size_t begin, struct err *err) {
	struct gathered *gathered = &selecting->selection->gathered;
	CLEANUP(json_decref_p) json_t *named = json_object();
	struct wanted wanted = {selecting, named};
	for (size_t i = begin; i < gathered->count; i++) {
		size_t at;
		json_t *policy;
		json_array_foreach(json_array_get(gathered->policies, gathered->items[i].policies), at, policy) {
			const char *sha256 = json_string_value(json_object_get(policy, "sha256"));
			if (sha256)
				json_object_set_new(named, sha256, json_true());
		}
	}
	const struct evidence_query query = {
		.host = host, .type = "policy", .from = INT64_MIN, .to = selecting->query->from};
	const struct evidence_query approvals = {
		.host = host, .type = "approval", .from = INT64_MIN, .to = selecting->query->from};
	return selecting->source->get(selecting->source->context, &query, keep_named, &wanted, err) &&
	       selecting->source->get(selecting->source->context, &approvals, keep_approving, &wanted, err);
}

static bool keep_host(struct selecting *selecting, const char *host, struct err *err) {
	const json_t *known = json_object_get(selecting->known, host);
	const size_t begin = selecting->selection->gathered.count;
	const int64_t from = selecting->query->from, to = selecting->query->to;
	return get(selecting, host, NULL, from, to, err) &&
	       keep_before(selecting, host, json_integer_value(json_object_get(known, "enrolled")), err) &&
	       keep_policies(selecting, host, begin, err) && get(selecting, host, "enrolment", INT64_MIN, from, err) &&
	       get(selecting, host, "epoch", INT64_MIN, from, err);
}

static bool keep_all(struct selecting *selecting, struct err *err) {
	const char *host;
	json_t *name;
	if (!choose_hosts(selecting, err))
		return false;
	json_object_foreach(selecting->selection->hosts, host, name) if (!keep_host(selecting, host, err)) return false;
	const char *collector = selecting->selection->collector;
	return !collector || get(selecting, collector, NULL, INT64_MIN, INT64_MAX, err);
}

bool select_statements(const struct evidence_source *source, const struct selection_query *query,
		       struct selection *ret_selection, struct err *err) {
	CLEANUP(json_decref_p) json_t *known = json_object();
	CLEANUP(selection_done) struct selection selection = {.hosts = json_object(), .gathered.scratch = -1};
	struct selecting selecting = {source, query, &selection, known};
	if (!gathered_open(&selection.gathered, err) || !keep_all(&selecting, err))
		return false;
	gathered_sort(&selection.gathered);
	*ret_selection = selection;
	selection = (struct selection){.gathered.scratch = -1};
	return true;
}

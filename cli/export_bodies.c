/* Bodies: whole, or of rounds the results of the controls that were asked for (docs/FORMAT.md 2.1, 5.1). */
#include "cli/export_package.h"
#include "core/attestation.h"
#include "core/times.h"

/* --- policies ----------------------------------------------------------------------------------------------------- */

static const struct export_policy *policy_of(const struct export *export, const char *sha256) {
	for (size_t i = 0; i < export->policy_count; i++)
		if (!strcmp(export->policies[i].sha256, sha256))
			return &export->policies[i];
	return NULL;
}

static bool keep_policy(struct export *export, const struct evidence *e, struct err *err) {
	struct export_policy policy = {0};
	struct err fault;
	hash_hex(&e->statement->body_sha256, policy.sha256);
	if (policy_of(export, policy.sha256))
		return true;
	if (!policy_outline_read(e->body.data, e->body.len, "policy", &policy.outline, &fault))
		return evidence_fault(e, &fault, err);
	export->policies = xreallocarray(export->policies, export->policy_count + 1, sizeof *export->policies);
	export->policies[export->policy_count++] = policy;
	return true;
}

const struct policy_outline_rule *export_rule(const struct export *export, const struct statement *round,
					      const char *rule) {
	for (size_t i = json_array_size(round->policies); i-- > 0;) { /* a later one may have replaced it */
		const json_t *named = json_array_get(round->policies, i);
		const char *sha256 = json_string_value(json_object_get(named, "sha256"));
		const struct export_policy *policy = sha256 ? policy_of(export, sha256) : NULL;
		const struct policy_outline_rule *found = policy ? policy_outline_find(policy->outline, rule) : NULL;
		if (found)
			return found;
	}
	return NULL;
}

bool export_is_asked(const struct export *export, const struct statement *round, const char *rule, bool *ret_is_asked,
		     struct err *err) {
	const struct texts *controls = &export->query->controls;
	*ret_is_asked = !controls->count;
	if (!controls->count)
		return true;
	const struct policy_outline_rule *outline = export_rule(export, round, rule);
	if (!outline)
		return err_set(err, ERR_ABSENT, "policy",
			       "rule %s is in none of the policies that it names, as far as they are there", rule);
	for (size_t i = 0; i < controls->count; i++)
		*ret_is_asked |= policy_outline_supports(outline, controls->items[i]);
	return true;
}

/* --- a round ------------------------------------------------------------------------------------------------------ */

struct round {
	struct export *export;
	struct export_line *line;
	const struct evidence *e;
	json_t *results;
	bool is_changed; /* another root than the round before, or full */
};

/* Nothing came, and the root says so: most rounds are such. */
static bool is_quiet(const struct round *round) {
	const struct statement *s = round->e->statement;
	const char *root = json_string_value(json_object_get(s->state, "root"));
	return !s->full && !json_array_size(round->results) && root && !strcmp(root, round->line->root) &&
	       json_integer_value(json_object_get(s->state, "size")) == (json_int_t)state_size(round->line->state);
}

/* False in *ret_is_known: the line's current results are not, nor after this round. */
static bool take_state(struct round *round, bool *ret_is_known, struct err *err) {
	struct export_line *line = round->line;
	const struct statement *s = round->e->statement;
	struct err fault;
	if (!s->full && s->sequence != line->sequence + 1) {
		state_free(line->state);
		line->state = NULL;
	}
	*ret_is_known = s->full || line->state;
	if (!*ret_is_known)
		return true;
	if (is_quiet(round))
		return true;
	if (!line->state)
		line->state = state_new();
	if (!state_take(line->state, round->results, s->full, &fault) ||
	    (s->state && !state_is(line->state, s->state, &fault)))
		return evidence_fault(round->e, &fault, err);
	CLEANUP(json_decref_p) json_t *now = state_json(line->state);
	const char *root = json_string_value(json_object_get(now, "root"));
	round->is_changed = s->full || strcmp(root, line->root) != 0;
	snprintf(line->root, sizeof line->root, "%s", root);
	return true;
}

/* The result as it is shown, with its place. An erased one stands as it is. New reference. */
static bool disclose(const struct round *round, const json_t *result, json_t **ret_shown, struct err *err) {
	const char *rule = json_string_value(json_object_get(result, "rule"));
	json_t *shown = NULL;
	struct err fault;
	size_t index = 0;
	if (json_object_get(result, "erased"))
		shown = json_deep_copy(result);
	else if (!state_disclose(result, &shown, &fault))
		return evidence_fault(round->e, &fault, err);
	if (!rule || !state_find(round->line->state, rule, &index)) {
		json_decref(shown);
		return err_set(err, ERR_REFUSED, round->e->name, "%s is not among its results", rule ? rule : "a rule");
	}
	json_object_set_new(shown, "index", json_integer((json_int_t)index));
	*ret_shown = shown;
	return true;
}

static bool is_asked(const struct round *round, const char *rule, bool *ret_is_asked, struct err *err) {
	struct err fault;
	return export_is_asked(round->export, round->e->statement, rule, ret_is_asked, &fault) ||
	       evidence_fault(round->e, &fault, err);
}

/* The results that it carried and that were asked for. New reference. */
static bool disclose_all(const struct round *round, json_t **ret_shown, struct err *err) {
	CLEANUP(json_decref_p) json_t *all = json_array();
	size_t at;
	json_t *result;
	json_array_foreach(round->results, at, result) {
		const char *rule = json_string_value(json_object_get(result, "rule"));
		json_t *shown;
		bool asked;
		if (!rule || !is_asked(round, rule, &asked, err))
			return rule ? false : err_set(err, ERR_MALFORMED, round->e->name, "a result without rule");
		if (!asked)
			continue;
		if (!disclose(round, result, &shown, err))
			return false;
		json_array_append_new(all, shown);
	}
	*ret_shown = json_incref(all);
	return true;
}

/* For all that is not shown, by this round or those before it. New reference. */
static bool nodes_of(const struct round *round, json_t **ret_nodes, struct err *err) {
	const struct state *state = round->line->state;
	CLEANUP(free_ptr) uint64_t *shown = xcalloc(state_size(state) + 1, sizeof *shown);
	size_t count = 0;
	for (size_t i = 0; i < state_size(state); i++) {
		bool asked;
		if (!is_asked(round, state_rule(state, i), &asked, err))
			return false;
		if (asked)
			shown[count++] = i;
	}
	*ret_nodes = state_nodes(state, shown, count);
	return true;
}

static bool put_disclosure(struct round *round, struct err *err) {
	struct export *export = round->export;
	char digest[HASH_HEX];
	CLEANUP(json_decref_p) json_t *shown = NULL;
	CLEANUP(json_decref_p) json_t *nodes = NULL;
	if (!disclose_all(round, &shown, err) || !nodes_of(round, &nodes, err))
		return false;
	CLEANUP(json_decref_p)
	json_t *line = json_pack("{s:O,s:O,s:s}", "nodes", nodes, "results", shown, "statement",
				 hash_hex(&round->e->digest, digest));
	export->results += json_array_size(shown);
	export_latest(export, round->line, round->e, shown);
	return package_put_line(export->writer, "disclosures.jsonl", line, err);
}

static bool put_body(struct export *export, const struct evidence *e, struct err *err) {
	char hex[HASH_HEX];
	CLEANUP(free_ptr)
	char *name = xasprintf("bodies/%s%s", hash_hex(&e->statement->body_sha256, hex), e->is_erased ? ".erased" : "");
	return !e->has_body || package_was_put(export->writer, name) ||
	       package_put(export->writer, name, e->body.data, e->body.len, err);
}

static bool read_results(const struct evidence *e, json_t **ret_object, json_t **ret_results, struct err *err) {
	struct err fault;
	if (!json_read(e->body.data, e->body.len, STATEMENT_BODY_LARGEST, "body", ret_object, &fault) ||
	    !json_get_array(*ret_object, "results", "body", ret_results, &fault))
		return evidence_fault(e, &fault, err);
	return true;
}

static void count_round(struct export *export, const struct evidence *e) {
	const struct statement *s = e->statement;
	char received[TIMES_TEXT];
	json_t *host = json_object_get(export->statements, s->host_id);
	if (e->received < export->query->from || e->received >= export->query->to)
		return;
	times_format(e->received, received);
	if (!host) {
		json_object_set_new(export->statements, s->host_id,
				    json_pack("{s:i,s:s}", "count", 0, "first", received));
		host = json_object_get(export->statements, s->host_id);
	}
	json_object_set_new(host, "count", json_integer(json_integer_value(json_object_get(host, "count")) + 1));
	json_object_set_new(host, "last", json_string(received));
}

static bool take_round(struct export *export, struct export_line *line, const struct evidence *e, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct round round = {.export = export, .line = line, .e = e};
	bool is_known;
	count_round(export, e);
	if (!e->has_body) { /* what was changed is not known */
		state_free(line->state);
		line->state = NULL;
		return true;
	}
	if (!read_results(e, &object, &round.results, err) || !take_state(&round, &is_known, err))
		return false;
	if (!export->query->controls.count) {
		export->results += json_array_size(round.results);
		export_latest(export, line, e, round.results);
		return put_body(export, e, err);
	}
	if (!is_known) {
		export->unproved++;
		return true;
	}
	if (round.is_changed)
		return put_disclosure(&round, err);
	CLEANUP(json_decref_p) json_t *nothing = json_array();
	export_latest(export, line, e, nothing);
	return true;
}

/* --- the others --------------------------------------------------------------------------------------------------- */

static bool supports(const struct export *export, const json_t *controls) {
	const struct texts *asked = &export->query->controls;
	size_t at;
	json_t *control;
	for (size_t i = 0; i < asked->count; i++)
		json_array_foreach(controls, at,
				   control) if (!strcmp(json_string_value(control), asked->items[i])) return true;
	return !asked->count;
}

static bool take_attestation(struct export *export, const struct evidence *e, struct err *err) {
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	char digest[HASH_HEX], collected[TIMES_TEXT], expires[TIMES_TEXT];
	struct err fault;
	if (!e->has_body || e->is_erased)
		return put_body(export, e, err);
	if (!attestation_read(e->body.data, e->body.len, "body", &attestation, &fault))
		return evidence_fault(e, &fault, err);
	if (!supports(export, attestation->controls))
		return true;
	json_array_append_new(export->attestations,
			      json_pack("{s:O,s:s,s:s,s:s,s:s,s:s}", "controls", attestation->controls, "author",
					attestation->author, "note", attestation->note, "collectedAt",
					times_format(attestation->collected, collected), "expiresAt",
					times_format(attestation->expires, expires), "statement",
					hash_hex(&e->digest, digest)));
	return put_body(export, e, err);
}

static bool is_body(const struct evidence *e, struct err *err) {
	const struct hash hash = hash_of(e->body.data, e->body.len);
	if (!e->has_body || e->is_erased || hash_equal(&hash, &e->statement->body_sha256))
		return true;
	return err_set(err, ERR_REFUSED, e->name, "body: its digest is not the one of the statement's subject");
}

bool export_body(struct export *export, struct export_line *line, const struct evidence *e, struct err *err) {
	const char *type = e->statement->type;
	if (!is_body(e, err))
		return false;
	if (!strcmp(type, "round"))
		return take_round(export, line, e, err);
	if (!strcmp(type, "attestation"))
		return take_attestation(export, e, err);
	if (!strcmp(type, "policy") && e->has_body && !e->is_erased && !keep_policy(export, e, err))
		return false;
	return put_body(export, e, err);
}

#include "collector/erase.h"

#include "core/state.h"
#include "core/statement.h"

/* --- what is left ------------------------------------------------------------------------------------------------- */

static bool is_asked_for(const json_t *rules, const char *rule) {
	size_t index;
	const json_t *id;
	json_array_foreach(rules, index, id) {
		if (!strcmp(json_string_value(id), rule))
			return true;
	}
	return !rules;
}

static json_t *remains_of(const json_t *result, const struct hash *leaf, const char *digest) {
	static const char *const members[] = {"rule", "verdict",  "kind",        "severity",
					      "key",  "controls", "collectedAt", "expiresAt"};
	json_t *remains = json_object();
	char hex[HASH_HEX];
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_get(result, members[i]))
			json_object_set(remains, members[i], json_object_get(result, members[i]));
	json_object_set_new(remains, "erased",
			    json_pack("{s:s, s:s}", "leaf", hash_hex(leaf, hex), "statement", digest));
	return remains;
}

static bool erase_results(json_t *body, const json_t *rules, const char *digest, struct err *err) {
	CLEANUP(state_free_p) struct state *state = state_new();
	json_t *results, *result;
	size_t index;
	if (!json_get_array(body, "results", "body", &results, err) || !state_take(state, results, true, err))
		return false;
	json_array_foreach(results, index, result) {
		if (!json_object_get(result, "erased") && is_asked_for(rules, state_rule(state, index)))
			json_array_set_new(results, index, remains_of(result, state_leaf(state, index), digest));
	}
	return true;
}

static bool erase_body(struct store *store, const json_t *item, const char *digest, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0}, left = {0};
	CLEANUP(json_decref_p) json_t *document = NULL;
	const char *sha256;
	struct err why;
	if (!json_get_string(item, "body", "erasure", &sha256, err))
		return false;
	if (!store_body(store, sha256, &body, &why)) {
		if (why.code != ERR_ABSENT)
			*err = why;
		return why.code == ERR_ABSENT;
	}
	if (!json_read(buf_str(&body), body.len, STATEMENT_BODY_LARGEST, sha256, &document, err))
		return false;
	if (!json_object_get(document, "results"))
		return store_body_set(store, sha256, NULL, 0, err);
	return erase_results(document, json_object_get(item, "rules"), digest, err) &&
	       json_canonical(document, &left, err) && store_body_set(store, sha256, left.data, left.len, err);
}

bool erase_bodies(struct store *store, const json_t *document, const char *digest, struct err *err) {
	json_t *bodies, *item;
	size_t index;
	if (!json_get_array(document, "bodies", "erasure", &bodies, err))
		return false;
	json_array_foreach(bodies, index, item) {
		if (!erase_body(store, item, digest, err))
			return false;
	}
	return true;
}

/* --- what shall be ------------------------------------------------------------------------------------------------ */

/* A statement that may be meant. */
struct candidate {
	char digest[HASH_HEX], body[HASH_HEX];
	bool is_round;
};

struct choosing {
	struct store *store;
	const struct erase_order *order;
	struct candidate *candidates;
	size_t count, room;
	json_t *current; /* {"<rule>": digest of the body that has it} of the host */
	json_t *batches; /* so far */
	size_t results;
};

static void choosing_done(struct choosing *choosing) {
	free(choosing->candidates);
	json_decref(choosing->current);
	json_decref(choosing->batches);
}

static void take_statement(struct choosing *choosing, const struct store_statement *statement) {
	const bool is_round = !strcmp(statement->type, "round");
	if (!is_round && strcmp(statement->type, "attestation") != 0)
		return;
	if (choosing->order->before > 0 && statement->received >= choosing->order->before)
		return;
	if (choosing->count == choosing->room) {
		choosing->room = choosing->room ? 2 * choosing->room : 64;
		choosing->candidates =
			xreallocarray(choosing->candidates, choosing->room, sizeof *choosing->candidates);
	}
	struct candidate *candidate = &choosing->candidates[choosing->count++];
	*candidate = (struct candidate){.is_round = is_round};
	snprintf(candidate->digest, sizeof candidate->digest, "%s", statement->digest);
	snprintf(candidate->body, sizeof candidate->body, "%s", statement->body_sha256);
}

static bool take_one_of_host(void *context, const struct store_statement *statement) {
	take_statement(context, statement);
	return true;
}

/* Of one statement the host becomes known with it. */
struct one {
	struct choosing *choosing;
	char host[STORE_HOST_ID];
};

static void take_the_one(void *context, const struct store_statement *statement) {
	struct one *one = context;
	snprintf(one->host, sizeof one->host, "%s", statement->host);
	take_statement(one->choosing, statement);
}

static bool take_current(void *context, const struct store_result *result) {
	json_object_set_new(context, result->rule, json_string(result->statement));
	return true;
}

static void take_body(void *context, const struct store_statement *statement) {
	json_string_set(context, statement->body_sha256);
}

/* Two statements may have one body: what is current in one is current in the other. */
static bool bodies_of_current(const struct choosing *choosing, struct err *err) {
	const char *rule;
	json_t *value;
	json_object_foreach(choosing->current, rule, value) {
		CLEANUP(free_ptr) char *digest = xstrdup(json_string_value(value));
		if (!store_statement_get(choosing->store, digest, take_body, value, err))
			return false;
	}
	return true;
}

static bool list_candidates(struct choosing *choosing, struct err *err) {
	const struct erase_order *order = choosing->order;
	struct one one = {.choosing = choosing};
	const struct store_range range = {.host = order->host, .to = INT64_MAX, .after = -1};
	snprintf(one.host, sizeof one.host, "%s", order->host ? order->host : "");
	bool is_listed = order->statement
				 ? store_statement_get(choosing->store, order->statement, take_the_one, &one, err)
				 : store_statements_in(choosing->store, &range, take_one_of_host, choosing, err);
	const struct store_filter filter = {.host = one.host};
	return is_listed && store_results(choosing->store, &filter, take_current, choosing->current, err) &&
	       bodies_of_current(choosing, err);
}

static bool is_current(const struct choosing *choosing, const char *rule, const char *body) {
	const char *of = json_string_value(json_object_get(choosing->current, rule));
	return of && !strcmp(of, body);
}

/* The rules of a round's body that are meant, NULL where there are none. *ret_all: nothing but what was erased before
 * stays. New reference. */
static json_t *meant_rules(const struct choosing *choosing, const struct candidate *candidate, const json_t *results,
			   bool *ret_all) {
	json_t *meant = json_array();
	size_t index;
	const json_t *result;
	*ret_all = true;
	json_array_foreach(results, index, result) {
		const char *rule = json_string_value(json_object_get(result, "rule"));
		if (!rule || json_object_get(result, "erased"))
			continue;
		if (is_asked_for(choosing->order->rules, rule) && !is_current(choosing, rule, candidate->body))
			json_array_append_new(meant, json_string(rule));
		else
			*ret_all = false;
	}
	if (json_array_size(meant) > 0)
		return meant;
	json_decref(meant);
	return NULL;
}

static void add_item(struct choosing *choosing, json_t *item) {
	json_t *last = json_array_get(choosing->batches, json_array_size(choosing->batches) - 1);
	json_t *bodies = json_object_get(last, "bodies");
	if (!bodies || json_array_size(bodies) == ERASE_BODIES_MOST) {
		bodies = json_array();
		json_array_append_new(choosing->batches, json_pack("{s:o}", "bodies", bodies));
	}
	json_array_append_new(bodies, item);
}

static bool choose(struct choosing *choosing, const struct candidate *candidate, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(json_decref_p) json_t *document = NULL, *rules = NULL;
	bool is_all = true;
	struct err why;
	if (!store_body(choosing->store, candidate->body, &body, &why)) {
		if (why.code != ERR_ABSENT)
			*err = why;
		return why.code == ERR_ABSENT; /* gone already */
	}
	if (candidate->is_round) {
		if (!json_read(buf_str(&body), body.len, STATEMENT_BODY_LARGEST, candidate->digest, &document, err))
			return false;
		rules = meant_rules(choosing, candidate, json_object_get(document, "results"), &is_all);
		if (!rules)
			return true;
		choosing->results += json_array_size(rules);
	} else if (choosing->order->rules) {
		return true;
	}
	json_t *item = json_pack("{s:s, s:s}", "body", candidate->body, "statement", candidate->digest);
	if (!is_all)
		json_object_set(item, "rules", rules);
	add_item(choosing, item);
	return true;
}

bool erase_choose(struct store *store, const struct erase_order *order, json_t **ret_batches, size_t *ret_results,
		  struct err *err) {
	CLEANUP(choosing_done)
	struct choosing choosing = {.store = store, .order = order, .current = json_object(), .batches = json_array()};
	if (!list_candidates(&choosing, err))
		return false;
	for (size_t i = 0; i < choosing.count; i++)
		if (!choose(&choosing, &choosing.candidates[i], err))
			return false;
	*ret_results = choosing.results;
	*ret_batches = json_incref(choosing.batches);
	return true;
}

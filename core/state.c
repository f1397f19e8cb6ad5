#include "core/state.h"

#include "core/result_leaf.h"

#define WHERE "state"

struct item {
	char *rule;
	struct hash leaf;
};

struct state {
	struct item *items;
	size_t count, room;
	struct hash root; /* of the items, where has_root */
	bool has_root;    /* since the last state_take(): most rounds change nothing, and then nothing is hashed anew */
};

struct state *state_new(void) {
	return xcalloc(1, sizeof(struct state));
}

static void clear(struct state *state) {
	for (size_t i = 0; i < state->count; i++)
		free(state->items[i].rule);
	free(state->items);
	*state = (struct state){0};
}

void state_free(struct state *state) {
	if (!state)
		return;
	clear(state);
	free(state);
}

struct state *state_copy(const struct state *state) {
	struct state *copy = state_new();
	for (size_t i = 0; i < state->count; i++)
		state_append(copy, state->items[i].rule, &state->items[i].leaf);
	copy->root = state->root;
	copy->has_root = state->has_root;
	return copy;
}

size_t state_size(const struct state *state) { return state->count; }
const char *state_rule(const struct state *state, size_t index) { return state->items[index].rule; }
const struct hash *state_leaf(const struct state *state, size_t index) { return &state->items[index].leaf; }

static int by_rule(const void *a, const void *b) {
	return strcmp(((const struct item *)a)->rule, ((const struct item *)b)->rule);
}

bool state_find(const struct state *state, const char *rule, size_t *ret_index) {
	const struct item wanted = {.rule = (char *)rule};
	const struct item *found =
		state->count ? bsearch(&wanted, state->items, state->count, sizeof wanted, by_rule) : NULL;
	if (!found)
		return false;
	*ret_index = (size_t)(found - state->items);
	return true;
}

void state_append(struct state *state, const char *rule, const struct hash *leaf) {
	if (state->count == state->room) {
		state->room = state->room ? 2 * state->room : 16;
		state->items = xreallocarray(state->items, state->room, sizeof *state->items);
	}
	state->items[state->count++] = (struct item){xstrdup(rule), *leaf};
	state->has_root = false;
}

/* --- taking results ----------------------------------------------------------------------------------------------- */

static bool erased_leaf(const json_t *erased, const char *rule, struct hash *ret_leaf, struct err *err) {
	const char *hex;
	if (!json_get_string(erased, "leaf", WHERE, &hex, err))
		return false;
	return hash_from_hex(hex, ret_leaf) ||
	       err_set(err, ERR_MALFORMED, WHERE, "%s: the leaf of an erased result is not a hash", rule);
}

static bool leaf_of(const json_t *result, const char *rule, struct hash *ret_leaf, struct err *err) {
	const json_t *erased = json_object_get(result, "erased");
	CLEANUP(buf_done) struct buf leaf = {0};
	const char *blind;
	if (erased)
		return erased_leaf(erased, rule, ret_leaf, err);
	if (!json_get_string(result, "blind", WHERE, &blind, err) || !result_leaf(result, blind, &leaf, err))
		return false;
	*ret_leaf = merkle_leaf(leaf.data, leaf.len);
	return true;
}

/* The results as a state of their own. */
static bool read_results(const json_t *results, struct state *fresh, struct err *err) {
	size_t index;
	const json_t *result;
	json_array_foreach(results, index, result) {
		const char *rule;
		struct hash leaf;
		if (!json_get_string(result, "rule", WHERE, &rule, err) || !leaf_of(result, rule, &leaf, err))
			return false;
		if (fresh->count > 0 && strcmp(fresh->items[fresh->count - 1].rule, rule) >= 0)
			return err_set(err, ERR_MALFORMED, WHERE, "%s: not sorted by rule, or it comes twice", rule);
		state_append(fresh, rule, &leaf);
	}
	return true;
}

static bool replace_some(struct state *state, const struct state *fresh, struct err *err) {
	size_t at;
	for (size_t i = 0; i < fresh->count; i++)
		if (!state_find(state, fresh->items[i].rule, &at))
			return err_set(err, ERR_REFUSED, WHERE, "%s: not among the results before, and not all came",
				       fresh->items[i].rule);
	for (size_t i = 0; i < fresh->count; i++)
		if (state_find(state, fresh->items[i].rule, &at))
			state->items[at].leaf = fresh->items[i].leaf;
	state->has_root &= fresh->count == 0;
	return true;
}

static struct hash *leaves_of(const struct state *state) {
	struct hash *leaves = xcalloc(state->count + 1, sizeof *leaves);
	for (size_t i = 0; i < state->count; i++)
		leaves[i] = state->items[i].leaf;
	return leaves;
}

static struct hash root_of(const struct state *state) {
	if (state->has_root)
		return state->root;
	CLEANUP(free_ptr) struct hash *leaves = leaves_of(state);
	return merkle_root(leaves, state->count);
}

static void keep_root(struct state *state) {
	state->root = root_of(state);
	state->has_root = true;
}

bool state_take(struct state *state, const json_t *results, bool full, struct err *err) {
	CLEANUP(state_free_p) struct state *fresh = state_new();
	if (!read_results(results, fresh, err))
		return false;
	if (!full && !replace_some(state, fresh, err))
		return false;
	if (full) {
		clear(state);
		*state = *fresh;
		*fresh = (struct state){0};
	}
	keep_root(state);
	return true;
}

/* --- the root ----------------------------------------------------------------------------------------------------- */

json_t *state_json(const struct state *state) {
	const struct hash root = root_of(state);
	char hex[HASH_HEX];
	return json_pack("{s:s, s:I}", "root", hash_hex(&root, hex), "size", (json_int_t)state->count);
}

bool state_is(const struct state *state, const json_t *committed, struct err *err) {
	CLEANUP(json_decref_p) json_t *ours = state_json(state);
	int64_t size;
	if (!json_get_int(committed, "size", WHERE, &size, err))
		return false;
	if (size != (int64_t)state->count)
		return err_set(err, ERR_REFUSED, WHERE, "the statement commits to %lld results, and there are %zu",
			       (long long)size, state->count);
	return json_equal(json_object_get(ours, "root"), json_object_get(committed, "root")) ||
	       err_set(err, ERR_REFUSED, WHERE, "the results do not give the root that the statement commits to");
}

/* --- a part of it ------------------------------------------------------------------------------------------------- */

/* The members that the leaf is made of, and what else result_leaf() asks for. */
bool state_disclose(const json_t *result, json_t **ret_disclosed, struct err *err) {
	static const char *const members[] = {"blind", "kind", "reason", "rule", "verdict", "waiver"};
	CLEANUP(json_decref_p) json_t *disclosed = json_object();
	CLEANUP(buf_done) struct buf leaf = {0};
	const char *blind;
	bool moves;
	/* What makes no leaf cannot be shown to be in the tree. */
	if (!json_get_string(result, "blind", WHERE, &blind, err) || !result_leaf(result, blind, &leaf, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_get(result, members[i]))
			json_object_set(disclosed, members[i], json_object_get(result, members[i]));
	json_object_set_new(
		disclosed, "observed",
		result_still_rows(json_object_get(result, "observed"), json_object_get(result, "volatile"), &moves));
	json_object_set_new(disclosed, "volatile", json_array());
	if (!moves && json_object_get(result, "omitted"))
		json_object_set(disclosed, "omitted", json_object_get(result, "omitted"));
	*ret_disclosed = json_incref(disclosed);
	return true;
}

static bool complete_subtree(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	const struct hash *leaves = context;
	*ret_hash = merkle_root(leaves + (index << level), (size_t)1 << level);
	return true;
}

static void add_node(void *context, const struct frontier_node *node) {
	json_array_append_new(context, frontier_node_json(node));
}

json_t *state_nodes(const struct state *state, const uint64_t *shown, size_t count) {
	CLEANUP(free_ptr) struct hash *leaves = leaves_of(state);
	const struct frontier_part part = {.size = state->count, .leaves = shown, .leaf_count = count};
	json_t *nodes = json_array();
	struct err err;
	if (frontier_make(&part, complete_subtree, leaves, add_node, nodes, &err))
		return nodes;
	json_decref(nodes);
	return NULL;
}

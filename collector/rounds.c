#include "collector/rounds.h"

#include "collector/store_changes.h"
#include "core/base64.h"

struct round { /* one that is being taken */
	struct store *store;
	const struct index_statement *kept;
	const json_t *results;
	const struct store_current *before;
	struct store_current after;
	bool *is_carried; /* by the place in the state after it */
};

static void round_done(struct round *round) {
	store_current_done(&round->after);
	free(round->is_carried);
}

bool rounds_is_full(const struct statement *statement, const json_t *results) {
	const json_t *size = json_object_get(statement->state, "size");
	return (json_int_t)json_array_size(results) == json_integer_value(size);
}

/* --- the carried results ------------------------------------------------------------------------------------------ */

/* Until when the result that this one replaces stood, as far as it was looked at again; 0: as its row says. */
static int64_t stood_until(const struct round *round, const char *rule) {
	size_t at;
	if (round->before->known != STORE_KNOWN || !state_find(round->before->state, rule, &at))
		return 0;
	return round->before->standing[at].collected + round->before->standing[at].valid;
}

/* Members that the row has; what is left of an erased one has those that the history needs (docs/FORMAT.md 2.2), so
 * that derived again it is what it was. */
static const char *word_of(const json_t *result, const char *name, const char *otherwise) {
	const char *word = json_string_value(json_object_get(result, name));
	return word ? word : otherwise;
}

static struct store_result row_of(const struct round *round, const json_t *result) {
	const struct statement *statement = round->kept->statement;
	return (struct store_result){
		.host = statement->host_id,
		.rule = word_of(result, "rule", ""),
		.verdict = word_of(result, "verdict", "unknown"),
		.kind = word_of(result, "kind", ""),
		.severity = word_of(result, "severity", ""),
		.key = json_is_true(json_object_get(result, "key")),
		.collected = index_instant(result, "collectedAt"),
		.expires = index_instant(result, "expiresAt"),
		.received = round->kept->received,
		.waived_until = index_instant(json_object_get(result, "waiver"), "expiresAt"),
		.statement = round->kept->digest,
	};
}

/* Before the result that it is of. */
static bool put_change(struct round *round, const struct store_result *row, const json_t *result, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	const json_t *changed = json_object_get(result, "changed");
	if (!json_is_object(changed))
		return store_change_stays(round->store, row, err);
	return json_canonical(changed, &text, err) && store_change_put(round->store, row, buf_str(&text), err);
}

static bool put_result(struct round *round, const json_t *result, struct err *err) {
	CLEANUP(buf_done) struct buf controls = {0};
	CLEANUP(buf_done) struct buf text = {0};
	struct store_result row = row_of(round, result);
	size_t at;
	if (!json_canonical(result, &text, err))
		return false;
	index_controls(result, &controls);
	row.controls = buf_str(&controls);
	row.json = buf_str(&text);
	if (round->after.known == STORE_KNOWN && state_find(round->after.state, row.rule, &at)) {
		row.leaf = state_leaf(round->after.state, at);
		round->is_carried[at] = true;
		round->after.standing[at] =
			(struct store_standing){row.collected, row.received, row.expires - row.collected};
	}
	return put_change(round, &row, result, err) &&
	       store_result_put(round->store, &row, stood_until(round, row.rule), err);
}

/* --- those that were looked at and are what they were ------------------------------------------------------------- */

static bool renew_one(struct round *round, size_t at, struct err *err) {
	const struct index_statement *kept = round->kept;
	struct store_standing *standing = &round->after.standing[at];
	const bool has_gap = standing->collected + standing->valid < kept->statement->started_at;
	standing->collected = kept->statement->started_at;
	standing->received = kept->received;
	return !has_gap || store_result_again(round->store, kept->statement->host_id,
					      state_rule(round->after.state, at), standing, kept->digest, err);
}

static bool renew(struct round *round, struct err *err) {
	const json_t *looked = round->kept->statement->looked;
	const char *text = json_string_value(json_object_get(looked, "bitmap"));
	const size_t size = state_size(round->after.state);
	CLEANUP(buf_done) struct buf bits = {0};
	if (!text || json_integer_value(json_object_get(looked, "count")) != (json_int_t)size)
		return true;
	if (!base64_decode(text, strlen(text), "bitmap", &bits, err))
		return false;
	for (size_t i = 0; i < size && i / 8 < bits.len; i++) {
		bool was_looked_at = (bits.data[i / 8] >> (7 - i % 8)) & 1;
		if (was_looked_at && !round->is_carried[i] && !renew_one(round, i, err))
			return false;
	}
	return true;
}

/* --- the round ---------------------------------------------------------------------------------------------------- */

/* The state behind the round, and the times of what stays. Not known where it is not what the round commits to. */
static void make_state(struct round *round, bool is_full) {
	struct err ignored;
	const struct store_current *before = round->before;
	struct store_current *after = &round->after;
	const bool has_base = is_full || before->known == STORE_KNOWN;
	after->state = is_full ? state_new() : state_copy(before->state);
	if (!has_base || !state_take(after->state, round->results, is_full, &ignored) ||
	    !state_is(after->state, round->kept->statement->state, &ignored)) {
		state_free(after->state);
		after->state = state_new();
		after->known = STORE_INCOMPLETE;
		return;
	}
	after->known = STORE_KNOWN;
	round->is_carried = xcalloc(state_size(after->state) + 1, sizeof *round->is_carried);
	after->standing = xcalloc(state_size(after->state) + 1, sizeof *after->standing);
	if (!is_full && before->standing)
		memcpy(after->standing, before->standing, state_size(before->state) * sizeof *after->standing);
}

static bool put_results(struct round *round, struct err *err) {
	size_t index;
	const json_t *result;
	json_array_foreach(round->results, index, result) if (!put_result(round, result, err)) return false;
	return true;
}

bool rounds_take(struct store *store, const struct index_statement *kept, int64_t line, struct err *err) {
	CLEANUP(round_done)
	struct round round = {.store = store, .kept = kept, .results = json_object_get(kept->document, "results")};
	const char *host = kept->statement->host_id;
	if (!round.results)
		return rounds_miss(store, host, line, err);
	const bool is_full = rounds_is_full(kept->statement, round.results);
	if (!store_current(store, line, &round.before, err))
		return false;
	round.after.line = line;
	make_state(&round, is_full);
	if (round.after.known != STORE_KNOWN && !rounds_miss(store, host, line, err))
		return false;
	/* That may have moved it. */
	if (!store_current(store, line, &round.before, err) || !put_results(&round, err) ||
	    (round.after.known == STORE_KNOWN && !renew(&round, err)) ||
	    (is_full && !store_results_withdraw(store, host, kept->digest, kept->received, err)))
		return false;
	return store_current_keep(store, &round.after, err);
}

bool rounds_miss(struct store *store, const char *host, int64_t line, struct err *err) {
	const struct store_current *before;
	if (!store_current(store, line, &before, err))
		return false;
	for (size_t i = 0; before->known == STORE_KNOWN && i < state_size(before->state); i++)
		if (!store_result_stood(store, host, state_rule(before->state, i), &before->standing[i], err))
			return false;
	struct store_current after = {.line = line, .known = STORE_INCOMPLETE, .state = state_new()};
	bool is_kept = store_current_keep(store, &after, err);
	store_current_done(&after);
	return is_kept;
}

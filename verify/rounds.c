/* Rounds: results, the state that they add up to, and what that makes of the timelines. */
#include "core/base64.h"
#include "core/result.h"
#include "core/state.h"
#include "core/text.h"
#include "core/times.h"
#include "verify/shown.h"

/* A round while it is looked at. */
struct round_look {
	struct audit *audit;
	const struct shown *shown;
	struct line *line;
	struct current *current; /* of the line */
	char subject[HASH_HEX];  /* digest of the body */
	json_t *results, *nodes; /* borrowed; nodes: NULL where all results are there */
	bool is_signed; /* the results are in the bytes that the statement signs: also what makes no leaf is believed */
	unsigned char *looked; /* the bitmap */
	bool *carried;         /* for each rule */
};

static bool refuse(const struct round_look *look, const char *why) {
	found_add(&look->audit->found, FOUND_CONTRADICTION, FOUND_BODIES, look->shown->where, "%s", why);
	return false;
}

static bool refuse_err(const struct round_look *look, const struct err *err) {
	found_err(&look->audit->found, FOUND_BODIES, look->shown->where, err);
	return false;
}

static bool is_looked_at(const struct round_look *look, size_t rule) {
	return look->looked[rule / 8] & (0x80 >> rule % 8);
}

/* --- leaves ------------------------------------------------------------------------------------------------------- */

static bool erased_leaf(struct round_look *look, const json_t *erased, const char *rule, struct hash *ret_leaf) {
	const char *hex = json_string_value(json_object_get(erased, "leaf"));
	const char *record = json_string_value(json_object_get(erased, "statement"));
	if (!hex || !record || !hash_from_hex(hex, ret_leaf))
		return refuse(look, "an erased result without its leaf, or the statement of its erasure");
	struct erasure *erasure = operator_erased(&look->audit->operator_line, look->subject, rule, record);
	if (!erasure) {
		found_add(&look->audit->found, FOUND_CONTRADICTION, FOUND_BODIES, look->shown->where,
			  "the result of %s is missing without a record of its erasure in the collector's line", rule);
		return false;
	}
	erasure->is_used = true;
	look->audit->erased_results++;
	return true;
}

static bool leaf_of(struct round_look *look, const json_t *result, const char *rule, struct hash *ret_leaf) {
	const json_t *erased = json_object_get(result, "erased");
	const char *blind = json_string_value(json_object_get(result, "blind"));
	CLEANUP(buf_done) struct buf leaf = {0};
	struct err err;
	if (erased)
		return erased_leaf(look, erased, rule, ret_leaf);
	if (!blind)
		return refuse(look, "a result without a blind");
	if (!result_leaf(result, blind, &leaf, &err))
		return refuse_err(look, &err);
	*ret_leaf = merkle_leaf(leaf.data, leaf.len);
	return true;
}

/* --- what a result says ------------------------------------------------------------------------------------------- */

static bool time_at(const json_t *object, const char *name, int64_t *ret_instant) {
	const char *text = json_string_value(json_object_get(object, name));
	return text && times_parse(text, ret_instant);
}

/* When it was collected, for how long it stands. What is not signed comes from bitmap and policy. */
static bool read_times(struct round_look *look, const json_t *result, size_t rule, struct slot *slot) {
	const struct statement *statement = look->shown->statement;
	int64_t expires;
	slot->valid = look->current->ruleset->rules[rule].valid;
	slot->stands = true;
	if (look->is_signed && !json_object_get(result, "erased")) {
		if (!time_at(result, "collectedAt", &slot->collected) || !time_at(result, "expiresAt", &expires) ||
		    expires < slot->collected)
			return refuse(look, "a result whose times are none");
		if (slot->collected > statement->finished_at)
			return refuse(look, "a result that was collected after its round had finished");
		if (expires - slot->collected < slot->valid)
			slot->valid = expires - slot->collected;
	} else if (is_looked_at(look, rule)) {
		slot->collected = statement->started_at;
	} else {
		const struct slot *before = &look->current->slots[rule];
		slot->stands = before->stands;
		slot->collected = before->collected;
	}
	return true;
}

static bool read_state(struct round_look *look, const json_t *result, struct slot *slot) {
	const json_t *waiver = json_object_get(result, "waiver");
	slot->state = TIMELINE_ERASED;
	if (json_object_get(result, "erased"))
		return true;
	const char *verdict = json_string_value(json_object_get(result, "verdict"));
	if (!verdict || !timeline_state_of(verdict, &slot->state))
		return refuse(look, "a result whose verdict is none");
	if (slot->state == TIMELINE_FAIL && waiver && time_at(waiver, "expiresAt", &slot->waived_until))
		slot->state = TIMELINE_WAIVED;
	return true;
}

/* Nothing may stand beside what the leaf commits to: a reader of the file would take it for proved. */
static bool is_leaf_alone(const struct round_look *look, const json_t *result) {
	CLEANUP(json_decref_p) json_t *alone = NULL;
	struct err err;
	if (json_object_get(result, "erased"))
		return true;
	if (!state_disclose(result, &alone, &err))
		return refuse_err(look, &err);
	json_object_set(alone, "index", json_object_get(result, "index"));
	return json_equal(alone, result) ||
	       refuse(look, "a disclosed result with members that its leaf does not commit to");
}

/* Disclosed results say their place among the leaves, others the policy of their rule. */
static bool place_fits(struct round_look *look, const json_t *result, size_t rule) {
	const json_t *index = json_object_get(result, "index"), *policy = json_object_get(result, "policy");
	if (look->nodes)
		return ((json_is_integer(index) && json_integer_value(index) == (json_int_t)rule) ||
			refuse(look, "a disclosed result whose index is not that of its rule")) &&
		       is_leaf_alone(look, result);
	if (json_object_get(result, "erased"))
		return true;
	return (json_is_string(policy) && ruleset_has_policy(look->current->ruleset, json_string_value(policy))) ||
	       refuse(look, "a result by a policy that its statement does not name");
}

/* All results into fresh slots: none of it counts before the root holds. */
static bool read_results(struct round_look *look, struct slot *fresh) {
	const struct ruleset *ruleset = look->current->ruleset;
	size_t index, place, next = 0;
	const json_t *result;
	json_array_foreach(look->results, index, result) {
		const char *rule = json_string_value(json_object_get(result, "rule"));
		if (!rule || !ruleset_find(ruleset, rule, &place)) {
			found_add(&look->audit->found, FOUND_CONTRADICTION, FOUND_BODIES, look->shown->where,
				  "a result of %s, which is no rule of the policies that the statement names",
				  rule ? rule : "no rule");
			return false;
		}
		if (place < next)
			return refuse(look, "results are not sorted by rule, or one is there twice");
		struct slot *slot = &fresh[place];
		*slot = (struct slot){.has_leaf = true, .rule = look->current->slots[place].rule};
		if (!place_fits(look, result, place) || !leaf_of(look, result, rule, &slot->leaf) ||
		    !read_times(look, result, place, slot) || !read_state(look, result, slot))
			return false;
		look->carried[place] = true;
		next = place + 1;
	}
	return true;
}

/* --- the root ----------------------------------------------------------------------------------------------------- */

static bool committed_root(const struct statement *statement, struct hash *ret_root) {
	return hash_from_hex(json_string_value(json_object_get(statement->state, "root")), ret_root);
}

static bool root_of_all(struct round_look *look, const struct slot *fresh, struct hash *ret_root) {
	const size_t count = look->current->ruleset->count;
	CLEANUP(free_ptr) struct hash *leaves = xcalloc(count, sizeof *leaves);
	for (size_t i = 0; i < count; i++) {
		if (!fresh[i].has_leaf)
			return refuse(look, "a full round without the results of all rules");
		leaves[i] = fresh[i].leaf;
	}
	*ret_root = merkle_root(leaves, count);
	return true;
}

static bool root_of_part(struct round_look *look, const struct slot *fresh, struct hash *ret_root) {
	CLEANUP(frontier_free_p) struct frontier *tree = frontier_new();
	size_t index;
	const json_t *object;
	struct frontier_node node;
	struct err err;
	json_array_foreach(look->nodes, index, object) {
		if (!frontier_node_read(object, look->shown->where, &node, &err))
			return refuse_err(look, &err);
		frontier_add(tree, &node);
	}
	for (size_t i = 0; i < look->current->ruleset->count; i++) {
		node = (struct frontier_node){.level = 0, .index = i, .hash = fresh[i].leaf};
		if (fresh[i].has_leaf)
			frontier_add(tree, &node);
	}
	if (!frontier_close(tree, &err) ||
	    !merkle_root_from(look->current->ruleset->count, frontier_get, tree, ret_root, &err))
		return refuse_err(look, &err);
	return true;
}

/* Whether all rules that were asked for have been shown. */
static bool nothing_left_out(const struct round_look *look, const struct slot *fresh) {
	const struct ruleset *ruleset = look->current->ruleset;
	for (size_t i = 0; i < ruleset->count; i++)
		if (ruleset->rules[i].is_wanted && !fresh[i].has_leaf) {
			found_add(
				&look->audit->found, FOUND_CONTRADICTION, FOUND_BODIES, look->shown->where,
				"left out: rule %s of the policy supports a control that was asked for, and its result "
				"is not disclosed",
				ruleset->rules[i].id);
			return false;
		}
	return true;
}

static bool root_holds(struct round_look *look, const struct slot *fresh) {
	struct hash is, said;
	if (!committed_root(look->shown->statement, &said))
		return refuse(look, "a state without a root");
	if (!(look->nodes ? root_of_part(look, fresh, &is) : root_of_all(look, fresh, &is)))
		return false;
	if (!hash_equal(&is, &said))
		return refuse(look, "its results do not give the state root that the statement commits to");
	look->current->root = said;
	return true;
}

/* --- what it makes of the timelines ------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* Not when host and collector contradict each other: the operator could have a failing rule heal before it did. */
static bool has_known_time(const struct shown *shown) {
	return shown->statement->finished_at <= shown->received + AUDIT_SLACK;
}

static void tell(const struct round_look *look, struct slot *slot) {
	const int64_t at = earlier(slot->collected, look->shown->counted);
	const int64_t until = at + slot->valid;
	struct timeline *timeline = slot->rule ? &slot->rule->timeline : NULL;
	if (!timeline)
		return;
	if (!slot->stands)
		timeline_forget(timeline, look->shown->statement->started_at);
	else if (!has_known_time(look->shown))
		timeline_forget(timeline, at);
	else if (slot->state == TIMELINE_WAIVED)
		timeline_set_waived(timeline, at, slot->waived_until, until);
	else
		timeline_set(timeline, at, slot->state, until);
	slot->rule->has_last |= slot->stands;
	if (slot->stands && slot->valid > slot->rule->valid)
		slot->rule->valid = slot->valid;
	if (slot->stands) {
		slot->rule->last = slot->state;
		slot->rule->last_at = slot->collected;
	}
}

static void tell_all(const struct round_look *look, const struct slot *fresh) {
	struct current *current = look->current;
	for (size_t i = 0; i < current->ruleset->count; i++) {
		struct slot *slot = &current->slots[i];
		if (look->carried[i]) {
			*slot = fresh[i];
			tell(look, slot);
		} else if (current->is_complete && slot->has_leaf && is_looked_at(look, i)) {
			slot->stands = true;
			slot->collected = look->shown->statement->started_at;
			tell(look, slot);
		}
	}
}

static void tell_waivers(const struct round_look *look) {
	size_t index;
	const json_t *result;
	json_array_foreach(look->results, index, result) {
		if (json_object_get(result, "waiver"))
			approvals_waived(look->audit, look->shown, look->line->host, result);
	}
}

static void apply(struct round_look *look) {
	struct current *current = look->current;
	const bool is_full = look->shown->statement->full;
	const size_t count = current->ruleset->count;
	CLEANUP(free_ptr) struct slot *fresh = xcalloc(count, sizeof *fresh);
	for (size_t i = 0; i < count && !is_full; i++)
		fresh[i] = current->slots[i];
	const bool can_prove = is_full || current->is_complete;
	bool holds = read_results(look, fresh) && (!is_full || nothing_left_out(look, fresh)) &&
		     (!can_prove || root_holds(look, fresh));
	if (!holds) {
		line_forget(look->line, look->shown->statement->started_at);
		return;
	}
	*(can_prove ? &look->audit->rounds_proved : &look->audit->rounds_unproved) += 1;
	/* Behind a gap what is signed counts; what only a root could show does not. */
	if (!can_prove && !look->is_signed)
		return;
	if (is_full)
		current->is_complete = true;
	tell_all(look, fresh);
	tell_waivers(look);
}

/* --- where the results are ---------------------------------------------------------------------------------------- */

static bool has_erased(const json_t *results) {
	size_t index;
	const json_t *result;
	json_array_foreach(results, index, result) if (json_object_get(result, "erased")) return true;
	return false;
}

/* bodies/<sha256>, or what erasures left of it. */
static bool read_body(struct round_look *look, json_t **ret_document) {
	const struct package *package = look->audit->package;
	CLEANUP(free_ptr) char *name = xasprintf("bodies/%s", look->subject);
	CLEANUP(free_ptr) char *left = xasprintf("bodies/%s.erased", look->subject);
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	look->is_signed = package_find(package, name) != NULL;
	if (!look->is_signed && !package_find(package, left))
		return refuse(look, "the body of this round is missing without a record of its erasure");
	if (!package_read(package, look->is_signed ? name : left, STATEMENT_BODY_LARGEST, &bytes, &err))
		return refuse_err(look, &err);
	const struct hash is = hash_of(buf_str(&bytes), bytes.len);
	if (look->is_signed && !hash_equal(&is, &look->shown->statement->body_sha256))
		return refuse(look, "its body has another digest than the statement's subject");
	if (!json_read(buf_str(&bytes), bytes.len, STATEMENT_BODY_LARGEST, name, ret_document, &err))
		return refuse_err(look, &err);
	if (!json_is_object(*ret_document) || !json_get_array(*ret_document, "results", name, &look->results, &err))
		return json_is_object(*ret_document) ? refuse_err(look, &err) : refuse(look, "its body is no object");
	if (look->is_signed == has_erased(look->results))
		return refuse(look, look->is_signed ? "its body has erased results, and yet its own bytes"
						    : "its body is another, and nothing of it was erased");
	return true;
}

static void round_of_bodies(struct round_look *look) {
	CLEANUP(json_decref_p) json_t *document = NULL;
	if (read_body(look, &document))
		apply(look);
	else
		line_forget(look->line, look->shown->statement->started_at);
}

/* The next of disclosures.jsonl, which has the order of statements.jsonl. */
static bool is_disclosed(const struct round_look *look) {
	const char *of = json_string_value(json_object_get(look->audit->disclosed, "statement"));
	return of && !strcmp(of, look->shown->id);
}

static void next_disclosure(struct audit *audit) {
	struct err err;
	json_decref(audit->disclosed);
	audit->disclosed = NULL;
	if (!package_lines_next(audit->disclosures, &audit->disclosed, &err))
		found_err(&audit->found, FOUND_BODIES, "disclosures.jsonl", &err);
}

static void round_of_disclosures(struct round_look *look) {
	struct hash said;
	struct err err;
	CLEANUP(json_decref_p) json_t *none = json_array();
	if (is_disclosed(look)) {
		CLEANUP(json_decref_p) json_t *disclosed = json_incref(look->audit->disclosed);
		if (json_get_array(disclosed, "results", look->shown->where, &look->results, &err) &&
		    json_get_array(disclosed, "nodes", look->shown->where, &look->nodes, &err)) {
			apply(look);
		} else {
			refuse_err(look, &err);
			line_forget(look->line, look->shown->statement->started_at);
		}
		next_disclosure(look->audit);
		return;
	}
	*(look->current->is_complete ? &look->audit->rounds_proved : &look->audit->rounds_unproved) += 1;
	const bool has_moved =
		!committed_root(look->shown->statement, &said) || !hash_equal(&said, &look->current->root);
	if (look->shown->statement->full || (look->current->is_complete && has_moved)) {
		refuse(look, "left out: nothing is disclosed of a round whose state is another than before, or full");
		line_forget(look->line, look->shown->statement->started_at);
	} else if (look->current->is_complete) {
		look->results = none;
		tell_all(look, look->current->slots);
	}
}

/* --- the round ---------------------------------------------------------------------------------------------------- */

/* Its rules are those of its policies: their number, and what was looked at. */
static bool sizes_fit(struct round_look *look, const struct ruleset *ruleset) {
	const struct statement *statement = look->shown->statement;
	const json_t *count = json_object_get(statement->looked, "count");
	const json_t *size = json_object_get(statement->state, "size");
	if (!statement->looked || !statement->state)
		return refuse(look, "a round that does not say what it looked at, or no state");
	if (json_integer_value(count) != (json_int_t)ruleset->count ||
	    json_integer_value(size) != (json_int_t)ruleset->count)
		return refuse(look, "the policies that it names have another number of rules than it looked through");
	return true;
}

/* Slots for the rules of its policies; others than before are to be shown in full. */
static bool take_ruleset(struct round_look *look, const struct ruleset *ruleset) {
	struct current *current = look->current;
	const struct manifest *manifest = &look->audit->manifest;
	if (current->ruleset == ruleset)
		return true;
	if (current->is_complete && !look->shown->statement->full)
		return refuse(look, "judged by other policies than the round before, and yet not full");
	line_forget(look->line, look->shown->statement->started_at);
	host_judged(look->line->host, look->shown->statement->started_at, look->shown->statement->policies);
	free(current->slots);
	current->ruleset = ruleset;
	current->slots = xcalloc(ruleset->count, sizeof *current->slots);
	for (size_t i = 0; i < ruleset->count; i++)
		if (ruleset->rules[i].is_wanted)
			current->slots[i].rule =
				host_rule(look->line->host, ruleset->rules[i].id, manifest->from, manifest->to);
	return true;
}

static bool begin(struct round_look *look, struct buf *bitmap) {
	const struct statement *statement = look->shown->statement;
	const struct ruleset *ruleset;
	struct err err;
	if (!rulesets_get(&look->audit->rulesets, statement->policies, &ruleset, &err))
		return refuse_err(look, &err);
	if (!sizes_fit(look, ruleset) || !take_ruleset(look, ruleset))
		return false;
	const char *text = json_string_value(json_object_get(statement->looked, "bitmap"));
	if (!base64_decode(text, strlen(text), look->shown->where, bitmap, &err))
		return refuse_err(look, &err);
	if (bitmap->len != (ruleset->count + 7) / 8)
		return refuse(look, "the bitmap of what it looked at has another length than its rules");
	look->looked = (unsigned char *)bitmap->data;
	return true;
}

void shown_round(struct audit *audit, const struct shown *shown, struct line *line) {
	struct round_look look = {.audit = audit, .shown = shown, .line = line, .current = &line->current};
	CLEANUP(buf_done) struct buf bitmap = {0};
	hash_hex(&shown->statement->body_sha256, look.subject);
	line->rounds++;
	line->host->rounds += shown->received >= audit->manifest.from && shown->received < audit->manifest.to;
	if (!begin(&look, &bitmap)) {
		line_forget(line, shown->statement->started_at);
		return;
	}
	CLEANUP(free_ptr) bool *carried = xcalloc(line->current.ruleset->count, sizeof *carried);
	look.carried = carried;
	if (audit->disclosures)
		round_of_disclosures(&look);
	else
		round_of_bodies(&look);
}

void shown_skip(struct audit *audit, const struct shown *shown) {
	const struct round_look look = {.audit = audit, .shown = shown};
	if (audit->disclosures && is_disclosed(&look))
		next_disclosure(audit);
}

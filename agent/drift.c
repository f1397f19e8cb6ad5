#include "agent/drift.h"

#include "agent/history.h"
#include "agent/status.h"
#include "core/result.h"
#include "core/text.h"
#include "core/times.h"

struct mark { /* beginnings of digests */
	uint64_t name, content;
};

/* What is known of a result. */
struct stand {
	enum verdict verdict;
	struct hash observation;
	int64_t since, verdict_since; /* as it is; with this verdict */
};

/* A change that is not in the chain yet. */
struct pending {
	struct stand was;
	json_t *changed;       /* the member; owned */
	struct names *sources; /* that were others; owned */
	int64_t from_ms;
	bool is_other_policy, is_attributed;
};

struct of_rule {
	bool is_known;
	struct stand now;
	uint64_t policy; /* the beginning of its digest */
	int64_t looked_ms;
	struct mark *marks; /* owned */
	size_t mark_count;
	struct pending *pending; /* owned; NULL: it is what the chain says */
};

struct drift {
	const struct policy_stack *stack;
	const struct home *home;
	struct of_rule *rules;
	json_t *kept;   /* current.json as it was found, until a round is in the chain; NULL: not any more; owned */
	bool is_behind; /* current.json does not say what the chain says */
};

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static int64_t time_of(const json_t *object, const char *name) {
	int64_t instant = 0;
	return times_parse(text_of(object, name), &instant) ? instant : 0;
}

static uint64_t first_of(const void *data, size_t len) {
	struct hash hash = hash_of(data, len);
	uint64_t number;
	memcpy(&number, hash.bytes, sizeof number);
	return number;
}

static uint64_t first_of_text(const char *text) { return first_of(text, strlen(text)); }

static void pending_free(struct pending *pending) {
	if (!pending)
		return;
	json_decref(pending->changed);
	names_free(pending->sources);
	free(pending);
}

static void free_rules(struct of_rule *rules, size_t count) {
	for (size_t i = 0; i < count; i++) {
		pending_free(rules[i].pending);
		free(rules[i].marks);
	}
	free(rules);
}

void drift_take(struct drift *drift, const struct policy_stack *stack) {
	const struct policy_stack *old = drift->stack;
	struct of_rule *rules = xcalloc(stack->rule_count + 1, sizeof *rules);
	for (size_t i = 0; i < stack->rule_count; i++)
		for (size_t n = 0; n < old->rule_count; n++)
			if (!strcmp(stack->rules[i]->id, old->rules[n]->id)) {
				rules[i] = drift->rules[n];
				drift->rules[n] = (struct of_rule){0};
			}
	free_rules(drift->rules, old->rule_count);
	drift->rules = rules;
	drift->stack = stack;
	drift->is_behind = true;
}

void drift_free(struct drift *drift) {
	if (!drift)
		return;
	free_rules(drift->rules, drift->stack->rule_count);
	json_decref(drift->kept);
	free(drift);
}

/* ---- what a result was ---- */

static json_t *omitted_of(json_t *rows, size_t from, json_t *omitted) {
	CLEANUP(json_decref_p) json_t *rest = json_array();
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err ignored;
	char hex[HASH_HEX];
	json_int_t count = (json_int_t)(json_array_size(rows) - from);
	for (size_t i = from; i < json_array_size(rows); i++)
		json_array_append(rest, json_array_get(rows, i));
	if (omitted)
		json_array_append(rest, omitted);
	if (!json_canonical(rest, &bytes, &ignored))
		return NULL;
	struct hash hash = hash_of(bytes.data, bytes.len);
	count += json_integer_value(json_object_get(omitted, "count"));
	return json_pack("{s:I,s:s}", "count", count, "sha256", hash_hex(&hash, hex));
}

/* As many of the rows as fit. */
static size_t count_fitting(const json_t *rows) {
	size_t len = 0, i;
	json_t *row;
	json_array_foreach(rows, i, row) {
		CLEANUP(buf_done) struct buf bytes = {0};
		struct err ignored;
		if (!json_canonical(row, &bytes, &ignored) || len + bytes.len > DRIFT_ROWS_LARGEST ||
		    i == RESULT_ROWS_MOST)
			return i;
		len += bytes.len;
	}
	return json_array_size(rows);
}

static void set_rows(json_t *was, const json_t *result) {
	bool moves;
	json_t *omitted = json_object_get(result, "omitted"), *names = json_object_get(result, "volatile");
	CLEANUP(json_decref_p)
	json_t *rows = result_still_rows(json_object_get(result, "observed"), names, &moves);
	size_t fitting = count_fitting(rows);
	CLEANUP(json_decref_p) json_t *shown = json_array();
	for (size_t i = 0; i < fitting; i++)
		json_array_append(shown, json_array_get(rows, i));
	json_object_set(was, "observed", shown);
	if (fitting < json_array_size(rows))
		json_object_set_new(was, "omitted", omitted_of(rows, fitting, omitted));
	else if (omitted && !moves)
		json_object_set(was, "omitted", omitted);
}

/* "changed" without by whom. New reference. */
static json_t *was_of(const json_t *result, int64_t since) {
	char at[TIMES_TEXT];
	json_t *was = json_pack("{s:O,s:O,s:s}", "verdict", json_object_get(result, "verdict"), "reason",
				json_object_get(result, "reason"), "since", times_format(since, at));
	if (was)
		set_rows(was, result);
	return was;
}

/* ---- current.json ---- */

static void read_marks(struct of_rule *rule, const json_t *sources) {
	const char *name;
	json_t *content;
	rule->marks = xcalloc(DRIFT_SOURCES_MOST, sizeof *rule->marks);
	json_object_foreach((json_t *)(uintptr_t)sources, name, content) {
		const char *hex = json_string_value(content);
		if (!hex || strlen(hex) != 16 || rule->mark_count == DRIFT_SOURCES_MOST)
			continue;
		rule->marks[rule->mark_count++] = (struct mark){first_of_text(name), strtoull(hex, NULL, 16)};
	}
}

static bool read_rule(struct of_rule *rule, const json_t *kept) {
	const json_t *was = json_object_get(kept, "was");
	const char *policy = text_of(kept, "policy");
	if (!verdict_from_name(text_of(was, "verdict"), &rule->now.verdict) ||
	    !json_is_array(json_object_get(was, "observed")) || !json_is_string(json_object_get(was, "reason")) ||
	    !hash_from_hex(text_of(kept, "observation"), &rule->now.observation))
		return false;
	rule->now.since = time_of(was, "since");
	rule->now.verdict_since = time_of(kept, "verdictSince");
	rule->policy = strtoull(policy, NULL, 16);
	rule->looked_ms = rule->now.since * 1000;
	read_marks(rule, json_object_get(kept, "sources"));
	return rule->is_known = true;
}

/* When each was looked at last is in another file, which every round writes. */
static void read_looks(struct drift *drift) {
	CLEANUP(json_decref_p) json_t *status = NULL;
	struct err ignored;
	size_t i, n;
	json_t *entry;
	if (!status_read(drift->home, &status, &ignored))
		return;
	json_array_foreach(json_object_get(status, "rules"), n, entry) {
		for (i = 0; i < drift->stack->rule_count; i++)
			if (!strcmp(drift->stack->rules[i]->id, text_of(entry, "rule")))
				break;
		int64_t looked_ms = json_integer_value(json_object_get(entry, "lookedMs"));
		if (i < drift->stack->rule_count && looked_ms > drift->rules[i].looked_ms)
			drift->rules[i].looked_ms = looked_ms;
	}
}

struct drift *drift_open(const struct policy_stack *stack, const struct home *home) {
	struct drift *drift = xcalloc(1, sizeof *drift);
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err ignored;
	*drift = (struct drift){.stack = stack, .home = home, .is_behind = true};
	drift->rules = xcalloc(stack->rule_count + 1, sizeof *drift->rules);
	if (!file_read(home->current, DRIFT_LARGEST, &bytes, &ignored) ||
	    !json_read(bytes.data, bytes.len, DRIFT_LARGEST, home->current, &drift->kept, &ignored))
		return drift;
	for (size_t i = 0; i < stack->rule_count; i++)
		if (!read_rule(&drift->rules[i], json_object_get(drift->kept, stack->rules[i]->id))) {
			free(drift->rules[i].marks);
			drift->rules[i] = (struct of_rule){0};
		}
	read_looks(drift);
	return drift;
}

/* ---- looks ---- */

static bool stand_of(const json_t *result, struct stand *stand) {
	char hex[HASH_HEX];
	struct err ignored;
	return verdict_from_name(text_of(result, "verdict"), &stand->verdict) &&
	       result_observation(result, hex, &ignored) && hash_from_hex(hex, &stand->observation);
}

static bool is_same(const struct stand *one, const struct stand *other) {
	return one->verdict == other->verdict && hash_equal(&one->observation, &other->observation);
}

static uint64_t content_of(const json_t *source) {
	const char *digest = text_of(source, "sha256");
	return first_of_text(*digest ? digest : text_of(source, "error"));
}

static bool is_marked(const struct of_rule *rule, const struct mark *mark) {
	for (size_t i = 0; i < rule->mark_count; i++)
		if (rule->marks[i].name == mark->name)
			return rule->marks[i].content == mark->content;
	return false;
}

/* The sources' digests as they are now; those that are others go to changed (NULL: nowhere). */
static void mark_sources(struct of_rule *rule, const json_t *sources, struct names *changed) {
	size_t i, count = 0;
	json_t *source;
	struct mark *marks = xcalloc(DRIFT_SOURCES_MOST, sizeof *marks);
	json_array_foreach(sources, i, source) {
		const char *name = text_of(source, "name");
		struct mark mark = {first_of_text(name), content_of(source)};
		if (count == DRIFT_SOURCES_MOST)
			break;
		if (changed && !is_marked(rule, &mark))
			names_add(changed, name);
		marks[count++] = mark;
	}
	free(rule->marks);
	rule->marks = count ? xreallocarray(marks, count, sizeof *marks) : NULL;
	if (!count)
		free(marks);
	rule->mark_count = count;
}

/* What the chain says of it: from the text of its result, or from current.json. New reference; NULL: neither. */
static json_t *was_before(const struct drift *drift, size_t index, const char *before) {
	CLEANUP(json_decref_p) json_t *result = NULL;
	struct err ignored;
	const json_t *kept = json_object_get(drift->kept, drift->stack->rules[index]->id);
	if (!before) {
		json_t *was = json_deep_copy(json_object_get(kept, "was"));
		if (was)
			json_object_set_new(was, "noticed", json_string("at start"));
		return was;
	}
	return json_read(before, strlen(before), DRIFT_LARGEST, "result", &result, &ignored)
		       ? was_of(result, drift->rules[index].now.since)
		       : NULL;
}

static bool begin_pending(struct drift *drift, size_t index, const char *before) {
	struct of_rule *rule = &drift->rules[index];
	json_t *changed = rule->pending ? NULL : was_before(drift, index, before);
	if (rule->pending)
		return true;
	if (!changed)
		return false;
	rule->pending = xcalloc(1, sizeof *rule->pending);
	*rule->pending = (struct pending){
		.was = rule->now, .changed = changed, .sources = names_new(), .from_ms = rule->looked_ms};
	return true;
}

static void change(struct drift *drift, size_t index, const json_t *result, const char *before,
		   const struct stand *stand) {
	struct of_rule *rule = &drift->rules[index];
	int64_t at = time_of(result, "collectedAt");
	uint64_t policy = first_of_text(text_of(result, "policy"));
	bool is_pending = begin_pending(drift, index, before);
	int64_t verdict_since = rule->now.verdict_since;
	if (stand->verdict != rule->now.verdict)
		verdict_since = at;
	rule->now = *stand;
	rule->now.since = at;
	rule->now.verdict_since = verdict_since;
	if (is_pending) {
		rule->pending->is_attributed = false;
		rule->pending->is_other_policy |= policy != rule->policy;
	}
	mark_sources(rule, json_object_get(result, "sources"), is_pending ? rule->pending->sources : NULL);
}

void drift_look(struct drift *drift, size_t index, const json_t *result, const char *before, int64_t began_ms) {
	struct of_rule *rule = &drift->rules[index];
	struct stand stand;
	if (!stand_of(result, &stand))
		return;
	if (!rule->is_known) {
		rule->is_known = true;
		rule->now = stand;
		rule->now.since = rule->now.verdict_since = time_of(result, "collectedAt");
		mark_sources(rule, json_object_get(result, "sources"), NULL);
	} else if (rule->pending && is_same(&stand, &rule->pending->was)) {
		rule->now = rule->pending->was;
		pending_free(rule->pending);
		rule->pending = NULL;
		mark_sources(rule, json_object_get(result, "sources"), NULL);
	} else if (!is_same(&stand, &rule->now)) {
		change(drift, index, result, before, &stand);
	} else {
		mark_sources(rule, json_object_get(result, "sources"), NULL);
	}
	rule->policy = first_of_text(text_of(result, "policy"));
	rule->looked_ms = began_ms;
}

struct attribute_ask *drift_asks(struct drift *drift, int64_t now_ms, size_t *ret_count) {
	struct attribute_ask *asks = xcalloc(drift->stack->rule_count + 1, sizeof *asks);
	size_t count = 0;
	for (size_t i = 0; i < drift->stack->rule_count; i++) {
		struct pending *pending = drift->rules[i].pending;
		if (!pending || pending->is_attributed)
			continue;
		pending->is_attributed = true;
		asks[count++] = (struct attribute_ask){.rule = drift->stack->rules[i]->id,
						       .sources = pending->sources,
						       .from_ms = pending->from_ms,
						       .until_ms = now_ms,
						       .is_other_policy = pending->is_other_policy,
						       .into = pending->changed};
	}
	*ret_count = count;
	return asks;
}

static size_t index_of(const struct drift *drift, const json_t *result) {
	size_t i = 0;
	while (i < drift->stack->rule_count && strcmp(drift->stack->rules[i]->id, text_of(result, "rule")) != 0)
		i++;
	return i;
}

static struct pending *pending_of(const struct drift *drift, const json_t *result) {
	size_t index = index_of(drift, result);
	return index < drift->stack->rule_count ? drift->rules[index].pending : NULL;
}

void drift_mark(struct drift *drift, const json_t *results) {
	size_t i;
	json_t *result;
	json_array_foreach(results, i, result) {
		const struct pending *pending = pending_of(drift, result);
		if (pending)
			json_object_set(result, "changed", pending->changed);
	}
}

static json_t *marks_json(const struct of_rule *rule, const json_t *sources) {
	json_t *object = json_object(), *source;
	size_t i;
	json_array_foreach(sources, i, source) {
		char hex[17];
		if (i == rule->mark_count)
			break;
		snprintf(hex, sizeof hex, "%016llx", (unsigned long long)rule->marks[i].content);
		json_object_set_new(object, text_of(source, "name"), json_string(hex));
	}
	return object;
}

static json_t *kept_json(const struct of_rule *rule, const json_t *result) {
	char since[TIMES_TEXT], hex[HASH_HEX], policy[17];
	snprintf(policy, sizeof policy, "%016llx", (unsigned long long)rule->policy);
	return json_pack("{s:o,s:s,s:s,s:s,s:o}", "was", was_of(result, rule->now.since), "observation",
			 hash_hex(&rule->now.observation, hex), "verdictSince",
			 times_format(rule->now.verdict_since, since), "policy", policy, "sources",
			 marks_json(rule, json_object_get(result, "sources")));
}

static bool write_current(const struct drift *drift, const json_t *results, struct err *err) {
	CLEANUP(json_decref_p) json_t *all = json_object();
	CLEANUP(buf_done) struct buf bytes = {0};
	size_t i;
	json_t *result;
	json_array_foreach(results, i, result) {
		size_t index = index_of(drift, result);
		json_t *kept = index < drift->stack->rule_count ? kept_json(&drift->rules[index], result) : NULL;
		if (kept)
			json_object_set_new(all, text_of(result, "rule"), kept);
	}
	return json_canonical(all, &bytes, err) && file_write(drift->home->current, bytes.data, bytes.len, 0600, err);
}

json_t *drift_entries(const struct drift *drift, const json_t *results, int64_t sequence, const char *trigger) {
	json_t *entries = json_array(), *result;
	size_t i;
	json_array_foreach(results, i, result) {
		const struct pending *pending = pending_of(drift, result);
		if (pending)
			json_array_append_new(entries, history_entry(result, pending->changed, sequence, trigger));
	}
	return entries;
}

bool drift_sealed(struct drift *drift, const json_t *results, struct err *err) {
	for (size_t i = 0; i < drift->stack->rule_count; i++) {
		drift->is_behind |= drift->rules[i].pending != NULL;
		pending_free(drift->rules[i].pending);
		drift->rules[i].pending = NULL;
	}
	json_decref(drift->kept);
	drift->kept = NULL;
	if (!drift->is_behind)
		return true;
	drift->is_behind = !write_current(drift, results, err);
	return !drift->is_behind;
}

bool drift_times(const struct drift *drift, size_t index, struct drift_times *ret_times) {
	const struct of_rule *rule = &drift->rules[index];
	ret_times->since = rule->now.verdict_since;
	ret_times->looked_ms = rule->pending ? rule->pending->from_ms : rule->looked_ms;
	return rule->is_known;
}

#include "core/result.h"

#include "core/text.h"
#include "core/times.h"

#define BRIEF_LONGEST 100

/* Building from values that were checked when the policy was loaded: canonical JSON of them cannot fail. */
static struct hash hash_of_json(const json_t *value) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	return json_canonical(value, &bytes, &err) ? hash_of(bytes.data, bytes.len) : hash_of("", 0);
}

static json_t *hex_json(const struct hash *hash) {
	char hex[HASH_HEX];
	return json_string(hash_hex(hash, hex));
}

static json_t *time_json(int64_t instant) {
	char text[TIMES_TEXT];
	return json_string(times_format(instant, text));
}

/* All rows in one array; with several views each says which it is of. */
static json_t *all_rows(const struct view_seen *views, size_t view_count) {
	json_t *all = json_array();
	for (size_t i = 0; i < view_count; i++) {
		size_t index;
		json_t *row;
		if (views[i].ok && !*views[i].name)
			json_array_extend(all, views[i].rows);
		else if (views[i].ok)
			json_array_foreach(views[i].rows, index, row) {
				json_t *named = json_copy(row);
				json_object_set_new(named, "view", json_string(views[i].name));
				json_array_append_new(all, named);
			}
	}
	return all;
}

static void add_observed(json_t *result, const struct view_seen *views, size_t view_count) {
	json_t *rows = all_rows(views, view_count);
	size_t count = json_array_size(rows);
	if (count > RESULT_ROWS_MOST) {
		CLEANUP(json_decref_p) json_t *rest = json_array();
		for (size_t i = RESULT_ROWS_MOST; i < count; i++)
			json_array_append(rest, json_array_get(rows, i));
		struct hash sha256 = hash_of_json(rest);
		json_object_set_new(result, "omitted",
				    json_pack("{s:I,s:o}", "count", (json_int_t)(count - RESULT_ROWS_MOST), "sha256",
					      hex_json(&sha256)));
		CLEANUP(json_decref_p) json_t *first = json_array();
		for (size_t i = 0; i < RESULT_ROWS_MOST; i++)
			json_array_append(first, json_array_get(rows, i));
		json_decref(rows);
		rows = json_incref(first);
	}
	json_object_set_new(result, "observed", rows);
}

static bool is_personal(const struct check_field *field) { return field->privacy == PRIVACY_PERSONAL; }
static bool is_volatile(const struct check_field *field) { return field->is_volatile; }

static bool has_string(const json_t *list, const char *text) {
	size_t index;
	json_t *item;
	json_array_foreach(list, index, item) if (!strcmp(json_string_value(item), text)) return true;
	return false;
}

/* Names of the fields of a rule's checks, each once, in the checks' order. */
static json_t *field_names(const struct rule *rule, bool (*wanted)(const struct check_field *field)) {
	json_t *names = json_array();
	for (size_t i = 0; i < rule->view_count; i++)
		for (const struct check_field *field = rule->views[i].check->fields; field->name; field++)
			if (wanted(field) && !has_string(names, field->name))
				json_array_append_new(names, json_string(field->name));
	return names;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static json_t *source_result(const struct sources *fetched, const char *name) {
	const struct source *source;
	struct err err;
	if (!source_need(fetched, name, &source, &err))
		return json_pack("{s:o,s:s,s:o}", "name", json_text(name), "error", err_code_name(err.code), "why",
				 json_text(err.why));
	return json_pack("{s:o,s:I,s:o}", "name", json_text(name), "size", (json_int_t)source->bytes.len, "sha256",
			 hex_json(&source->sha256));
}

static json_t *sources_json(const struct sources *fetched, const struct names *names) {
	size_t count = names_count(names);
	CLEANUP(free_ptr) const char **sorted = xcalloc(count, sizeof *sorted);
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		sorted[i] = names_at(names, i);
	qsort(sorted, count, sizeof *sorted, by_text);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, source_result(fetched, sorted[i]));
	return list;
}

static json_t *controls_json(const struct rule *rule) {
	json_t *controls = json_array();
	for (size_t i = 0; i < rule->control_count; i++)
		json_array_append_new(controls, json_string(rule->controls[i]));
	return controls;
}

static void add_rule(json_t *result, const struct rule *rule) {
	json_object_set_new(result, "rule", json_string(rule->id));
	json_object_set_new(result, "title", json_string(rule->title));
	json_object_set_new(result, "kind", json_string(kind_name(rule->kind)));
	json_object_set_new(result, "severity", json_string(severity_name(rule->severity)));
	json_object_set_new(result, "key", json_boolean(rule->key));
	json_object_set_new(result, "controls", controls_json(rule));
	json_object_set_new(result, "why", json_string(rule->why));
	json_object_set_new(result, "fix", json_string(rule->fix));
	json_object_set_new(result, "expected", expect_json(rule->expect));
	json_object_set(result, "params", rule->params);
	json_object_set_new(result, "volatile", field_names(rule, is_volatile));
	json_object_set_new(result, "personal", field_names(rule, is_personal));
	json_object_set_new(result, "policy", hex_json(&rule->policy->sha256));
}

json_t *result_json(const struct rule *rule, const struct judgement *judgement, const struct view_seen *views,
		    size_t view_count, const struct sources *fetched, const struct names *source_names,
		    int64_t collected_at) {
	json_t *result = json_object();
	add_rule(result, rule);
	json_object_set_new(result, "verdict", json_string(verdict_name(judgement->verdict)));
	json_object_set_new(result, "reason", json_text(judgement->reason));
	add_observed(result, views, view_count);
	json_object_set_new(result, "sources", sources_json(fetched, source_names));
	json_object_set_new(result, "collectedAt", time_json(collected_at));
	json_object_set_new(result, "expiresAt", time_json(collected_at + rule->valid));
	return result;
}

const char *result_brief(const char *reason) {
	static const char recited[] = "as expected: ";
	return text_starts(reason, recited) && strlen(reason) > BRIEF_LONGEST ? "as expected" : reason;
}

/* The newest result of each rule on each host, for the index page. */
#include "cli/export_package.h"
#include "core/base64.h"
#include "core/times.h"

#define OBSERVED_SHOWN 2000 /* bytes of JSON that the page shows of what was observed */

static json_t *member_of(json_t *object, const char *key) {
	json_t *member = json_object_get(object, key);
	if (member)
		return member;
	json_object_set_new(object, key, json_object());
	return json_object_get(object, key);
}

static json_t *controls_of(const struct policy_outline_rule *rule) {
	json_t *controls = json_array();
	for (size_t i = 0; rule && i < rule->control_count; i++)
		json_array_append_new(controls, json_text(rule->controls[i]));
	return controls;
}

/* The observed value as text, cut: the whole is in the package. */
static json_t *observed_text(const json_t *result) {
	CLEANUP(buf_done) struct buf text = {0};
	const json_t *observed = json_object_get(result, "observed");
	struct err err;
	if (!observed || !json_canonical(observed, &text, &err))
		return json_string("");
	if (text.len <= OBSERVED_SHOWN)
		return json_text(buf_str(&text));
	size_t len = OBSERVED_SHOWN;
	while (len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
		len--;
	CLEANUP(free_ptr) char *cut = xstrndup(text.data, len);
	CLEANUP(free_ptr) char *shown = xasprintf("%s ... (the whole is in the package)", cut);
	return json_text(shown);
}

static void set_result(struct export *export, json_t *host, const struct evidence *e, const json_t *result) {
	const char *rule_id = json_string_value(json_object_get(result, "rule"));
	const struct policy_outline_rule *rule = export_rule(export, e->statement, rule_id);
	const json_t *erased = json_object_get(result, "erased");
	const char *verdict = json_string_value(json_object_get(result, "verdict"));
	const char *reason = json_string_value(json_object_get(result, "reason"));
	char digest[HASH_HEX], collected[TIMES_TEXT];
	json_t *row = json_pack("{s:s,s:s,s:o,s:s,s:s,s:s}", "verdict",
				erased    ? "erased"
				: verdict ? verdict
					  : "",
				"reason",
				erased   ? "erased by the operator"
				: reason ? reason
					 : "",
				"controls", controls_of(rule), "title", rule ? rule->title : "", "statement",
				hash_hex(&e->digest, digest), "collectedAt",
				times_format(e->statement->started_at, collected));
	if (!row)
		return; /* text that is none */
	if (json_object_get(result, "waiver"))
		json_object_set(row, "waiver", json_object_get(result, "waiver"));
	if (export->query->controls.count && !erased)
		json_object_set_new(row, "observed", observed_text(result));
	json_object_set_new(host, rule_id, row);
}

/* What was looked at and is what it was has been looked at anew. */
static void renew(const struct export_line *line, json_t *host, const struct statement *s) {
	const char *bitmap = json_string_value(json_object_get(s->looked, "bitmap"));
	CLEANUP(buf_done) struct buf bits = {0};
	char collected[TIMES_TEXT];
	struct err err;
	if (!bitmap || !line->state || !base64_decode(bitmap, strlen(bitmap), "looked", &bits, &err))
		return;
	times_format(s->started_at, collected);
	for (size_t i = 0; i < state_size(line->state) && i / 8 < bits.len; i++) {
		json_t *row = json_object_get(host, state_rule(line->state, i));
		if (row && ((unsigned char)bits.data[i / 8] >> (7 - i % 8) & 1))
			json_object_set_new(row, "collectedAt", json_string(collected));
	}
}

/* A full round replaces them all. */
static void forget_gone(const struct export_line *line, json_t *host) {
	const char *rule;
	json_t *row;
	void *next;
	size_t index;
	json_object_foreach_safe(host, next, rule, row) if (!state_find(line->state, rule, &index))
		json_object_del(host, rule);
}

void export_latest(struct export *export, const struct export_line *line, const struct evidence *e,
		   const json_t *carried) {
	json_t *host = member_of(export->latest, e->statement->host_id);
	size_t at;
	json_t *result;
	if (e->statement->full && line->state)
		forget_gone(line, host);
	renew(line, host, e->statement);
	json_array_foreach(carried, at, result) if (json_is_string(json_object_get(result, "rule")))
		set_result(export, host, e, result);
}

#include "cli/effective_json.h"

#include "cli/effective_notes.h"
#include "core/times.h"

static json_t *place(const char *path, unsigned line) {
	CLEANUP(free_ptr) char *text = xasprintf("%s:%u", path, line);
	return json_text(text);
}

static json_t *time_of(int64_t instant) {
	char text[TIMES_TEXT];
	return json_string(times_format(instant, text));
}

static json_t *host_json(const struct policy_host *host) {
	if (!host)
		return json_null();
	json_t *groups = json_array();
	for (size_t i = 0; i < host->group_count; i++)
		json_array_append_new(groups, json_text(host->groups[i]));
	return json_pack("{s:o, s:o, s:o, s:o}", "name", json_text(host->name), "os", json_text(host->os),
			 "environment", json_text(host->environment), "groups", groups);
}

static json_t *policies_json(struct policy *const *policies, size_t count) {
	json_t *list = json_array();
	char hex[HASH_HEX];
	for (size_t i = 0; i < count; i++) {
		const struct policy *policy = policies[i];
		json_t *object = json_pack("{s:s, s:s, s:o, s:s}", "id", policy->id, "version", policy->version, "path",
					   json_text(policy->path), "sha256", hash_hex(&policy->sha256, hex));
		if (policy->review_by)
			json_object_set_new(object, "reviewBy", json_text(policy->review_by));
		if (policy->left_out)
			json_object_set_new(object, "why", json_text(policy->left_out));
		if (policy->hosts) {
			CLEANUP(buf_done) struct buf words = {0};
			policy_selector_describe(policy->hosts, &words);
			json_object_set_new(object, "hosts", json_text(buf_str(&words)));
		}
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *params_json(const struct rule *rule) {
	json_t *params = json_object(), *value;
	const char *name;
	json_object_foreach(rule->params, name, value) {
		const char *set = effective_set_at(rule, name);
		json_object_set_new(params, name,
				    json_pack("{s:O, s:o, s:b}", "value", value, "at",
					      set ? json_text(set) : place(rule->path, rule->line), "set",
					      set != NULL));
	}
	return params;
}

static json_t *controls_json(const struct rule *rule) {
	json_t *controls = json_array();
	for (size_t i = 0; i < rule->control_count; i++)
		json_array_append_new(controls, json_string(rule->controls[i]));
	return controls;
}

static json_t *rule_json(const struct policy_stack *stack, const struct rule *rule) {
	json_t *object = json_pack("{s:s, s:s, s:o, s:s, s:s, s:b, s:o, s:I, s:I, s:o, s:o, s:b}", "rule", rule->id,
				   "policy", rule->policy->id, "at", place(rule->path, rule->line), "severity",
				   severity_name(rule->severity), "kind", kind_name(rule->kind), "key", rule->key,
				   "controls", controls_json(rule), "every", (json_int_t)rule->every, "valid",
				   (json_int_t)rule->valid, "expected", expect_json(rule->expect), "params",
				   params_json(rule), "differs", effective_differs(stack, rule));
	if (rule->below)
		json_object_set_new(object, "replaces", place(rule->below->path, rule->below->line));
	if (rule->disabled)
		json_object_set_new(object, "disabled",
				    json_pack("{s:o, s:o}", "reason", json_text(rule->disabled), "at",
					      json_text(rule->disabled_at)));
	if (rule->unset)
		json_object_set_new(object, "unset", json_string(rule->unset));
	return object;
}

static json_t *waiver_full_json(const struct policy_stack *stack, const struct waiver *waiver, int64_t now) {
	json_t *object = waiver_json(waiver);
	json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "rule", json_text(waiver->rule), "at",
				 place(waiver->path, waiver->line), "from", time_of(waiver->from), "risk",
				 json_text(waiver->risk), "measure", json_text(waiver->measure), "value",
				 expect_json(waiver->value), "state", effective_waiver_state(stack, waiver, now));
	json_object_update_new(object, more);
	return object;
}

static bool is_asked(char **rules, const char *id) {
	bool is_asked = !rules || !*rules;
	for (; rules && *rules; rules++)
		is_asked |= !strcmp(*rules, id);
	return is_asked;
}

json_t *effective_json(const struct stack *stack, char **rules, int64_t now) {
	const struct policy_stack *policies = stack->policies;
	CLEANUP(names_free_p) struct names *notes = effective_notes(policies, now);
	json_t *list = json_array(), *waivers = json_array(), *texts = json_array();
	for (size_t i = 0; i < policies->rule_count; i++)
		if (is_asked(rules, policies->rules[i]->id))
			json_array_append_new(list, rule_json(policies, policies->rules[i]));
	for (size_t i = 0; i < policies->waiver_count; i++)
		if (is_asked(rules, policies->waivers[i]->rule))
			json_array_append_new(waivers, waiver_full_json(policies, policies->waivers[i], now));
	for (size_t i = 0; i < names_count(notes); i++)
		json_array_append_new(texts, json_text(names_at(notes, i)));
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "vouch", VOUCH_VERSION, "host",
			 host_json(policies->host), "policies",
			 policies_json(policies->policies, policies->policy_count), "leftOut",
			 policies_json(policies->left_out, policies->left_out_count), "rules", list, "waivers", waivers,
			 "notes", texts);
}

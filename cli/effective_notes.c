#include "cli/effective_notes.h"

#include "cli/effective.h"
#include "core/times.h"

const char *effective_waiver_state(const struct policy_stack *stack, const struct waiver *waiver, int64_t now) {
	if (now >= waiver->expires)
		return "expired";
	if (waiver->is_outdated)
		return "its rule was replaced";
	if (policy_selector_lacks(waiver->hosts, stack->host) ||
	    !policy_selector_matches(waiver->hosts, stack->host, NULL))
		return "for other hosts";
	return now < waiver->from ? "begins later" : "in force";
}

const char *effective_set_at(const struct rule *rule, const char *param) {
	return json_string_value(json_object_get(json_object_get(rule->param_docs, param), "set"));
}

static bool is_waived(const struct policy_stack *stack, const struct rule *rule) {
	for (size_t i = 0; i < stack->waiver_count; i++)
		if (!strcmp(stack->waivers[i]->rule, rule->id))
			return true;
	return false;
}

bool effective_differs(const struct policy_stack *stack, const struct rule *rule) {
	const char *name;
	json_t *value;
	json_object_foreach(rule->params, name, value) if (effective_set_at(rule, name)) return true;
	return rule->policy != stack->policies[0] || rule->disabled || rule->below || is_waived(stack, rule);
}

static void note_review(const struct policy *policy, int64_t now, struct names *notes) {
	int64_t due;
	if (policy->review_by && times_parse_day(policy->review_by, &due) && due < now)
		names_addf(notes, "%s: the policy %s was to be reviewed by %s", policy->path, policy->id,
			   policy->review_by);
}

static void note_waiver(const struct policy_stack *stack, const struct waiver *waiver, int64_t now,
			struct names *notes) {
	char expires[TIMES_TEXT];
	const int64_t days = (waiver->expires - now) / 86400;
	times_format(waiver->expires, expires);
	if (now >= waiver->expires)
		names_addf(notes, "%s:%u: the waiver %s of %s has expired (%s)", waiver->path, waiver->line, waiver->id,
			   waiver->rule, expires);
	else if (waiver->is_outdated)
		names_addf(notes, "%s:%u: the waiver %s is not applied: %s is not the rule it was written for",
			   waiver->path, waiver->line, waiver->id, waiver->rule);
	else if (waiver->expires - now <= EFFECTIVE_SOON &&
		 !strcmp(effective_waiver_state(stack, waiver, now), "in force"))
		names_addf(notes, "%s:%u: the waiver %s of %s ends in %lld %s (%s)", waiver->path, waiver->line,
			   waiver->id, waiver->rule, (long long)days, days == 1 ? "day" : "days", expires);
}

struct names *effective_notes(const struct policy_stack *stack, int64_t now) {
	struct names *notes = names_new();
	for (size_t i = 0; i < stack->policy_count; i++)
		note_review(stack->policies[i], now, notes);
	for (size_t i = 0; i < stack->waiver_count; i++)
		note_waiver(stack, stack->waivers[i], now, notes);
	return notes;
}

#include "collector/rollup.h"

#include <string.h>

#include "core/mem.h"

static const char *const rule_names[RULE_STATES] = {
	[RULE_FAIL] = "fail",
	[RULE_ERROR] = "error",
	[RULE_UNKNOWN] = "unknown",
	[RULE_GAP] = "gap",
	[RULE_PASS] = "pass",
	[RULE_WAIVED] = "waived",
	[RULE_NOTAPPLICABLE] = "notapplicable",
	[RULE_NOTCHECKED] = "notchecked",
};

const char *rule_state_name(enum rule_state state) { return rule_names[state]; }

static enum rule_state state_of_verdict(const char *verdict) {
	static const enum rule_state states[] = {RULE_PASS,  RULE_FAIL,          RULE_UNKNOWN,
						 RULE_ERROR, RULE_NOTAPPLICABLE, RULE_NOTCHECKED};
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (!strcmp(rule_names[states[i]], verdict))
			return states[i];
	return RULE_UNKNOWN;
}

/* Differences are taken so that instants at the ends of their range cannot overflow. */
static bool has_expired(const struct rollup_result *result, int64_t now) {
	if (now > result->expires)
		return true;
	int64_t valid, age;
	if (__builtin_sub_overflow(result->expires, result->collected, &valid) ||
	    __builtin_sub_overflow(now, result->received, &age))
		return true;
	return age > valid;
}

enum rule_state rollup_rule(const struct rollup_result *result, int64_t now) {
	if (has_expired(result, now))
		return RULE_GAP;
	if (result->collected > result->received + ROLLUP_CLOCK_SLACK)
		return RULE_UNKNOWN;
	enum rule_state state = state_of_verdict(result->verdict);
	return state == RULE_FAIL && result->waived_until > now ? RULE_WAIVED : state;
}

void rollup_add(struct rollup_control *control, enum rule_state state, bool is_effect, bool is_deciding) {
	control->is_any_failing |= state == RULE_FAIL;
	if (!is_deciding)
		return;
	control->key_rules++;
	control->failing += state == RULE_FAIL;
	control->cannot += state == RULE_ERROR || state == RULE_UNKNOWN || state == RULE_GAP;
	control->passing += state == RULE_PASS;
	control->passing_effect += state == RULE_PASS && is_effect;
	control->notchecked += state == RULE_NOTCHECKED;
}

enum control_state rollup_state(const struct rollup_control *control) {
	if (control->key_rules == 0)
		return control->is_any_failing ? CONTROL_FAILING : CONTROL_NOTEVALUATED;
	if (control->failing > 0)
		return CONTROL_FAILING;
	if (control->cannot > 0)
		return CONTROL_UNKNOWN;
	if (control->passing == 0)
		return CONTROL_NOTEVALUATED;
	return control->notchecked == 0 && control->passing_effect > 0 ? CONTROL_OPERATING : CONTROL_DESIGNED;
}

static const struct {
	const char *name, *key;
} control_names[CONTROL_STATES] = {
	[CONTROL_FAILING] = {"failing", "failing"},
	[CONTROL_UNKNOWN] = {"unknown", "unknown"},
	[CONTROL_OPERATING] = {"operating", "operating"},
	[CONTROL_DESIGNED] = {"designed", "designed"},
	[CONTROL_NOTEVALUATED] = {"not evaluated", "notevaluated"},
};

const char *control_state_name(enum control_state state) { return control_names[state].name; }
const char *control_state_key(enum control_state state) { return control_names[state].key; }

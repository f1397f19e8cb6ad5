#include "core/waiver_text.h"

#include <string.h>

#include "core/times.h"

static const char *text_at(const struct yaml *mapping, const char *key) {
	const struct yaml *node = mapping->kind == YAML_MAPPING ? yaml_get(mapping, key) : NULL;
	return node && node->kind == YAML_SCALAR ? node->text : "";
}

/* As policies are read: without what a block string ends in (core/policy_rule.h). said: NULL is none. */
static bool is_text(const char *said, const char *text) {
	size_t len = strlen(text);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	return said ? strlen(said) == len && !memcmp(said, text, len) : len == 0;
}

static bool has_text(const json_t *waiver, const char *name, const char *text) {
	return is_text(json_string_value(json_object_get(waiver, name)), text);
}

static bool is_for(const struct yaml *mapping, const struct policy_host *host) {
	CLEANUP(policy_selector_free_p) struct policy_selector *selector = NULL;
	const struct yaml *hosts = mapping->kind == YAML_MAPPING ? yaml_get(mapping, "hosts") : NULL;
	struct err ignored;
	return !hosts || !host ||
	       (policy_selector_read(hosts, "hosts", &selector, &ignored) && policy_selector_may_match(selector, host));
}

static bool is_it(const struct yaml *node, const char *rule, const json_t *waiver) {
	static const char *const members[] = {"id", "approver", "requester", "reason", "ticket"};
	char expires[TIMES_TEXT];
	int64_t instant;
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (!has_text(waiver, members[i], text_at(node, members[i])))
			return false;
	return is_text(rule, text_at(node, "rule")) && times_parse_day(text_at(node, "expires"), &instant) &&
	       has_text(waiver, "expiresAt", times_format(instant, expires));
}

bool waiver_is_of(const struct yaml *policy, const char *rule, const json_t *waiver, const struct policy_host *host) {
	const struct yaml *list = policy->kind == YAML_MAPPING ? yaml_get(policy, "waivers") : NULL;
	for (size_t i = 0; list && list->kind == YAML_SEQUENCE && i < list->count; i++)
		if (is_it(list->items[i], rule, waiver))
			return is_for(policy, host) && is_for(list->items[i], host);
	return false;
}

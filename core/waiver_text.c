#include "core/waiver_text.h"

#include <string.h>

#include "core/times.h"

static const char *text_at(const struct yaml *mapping, const char *key) {
	const struct yaml *node = mapping->kind == YAML_MAPPING ? yaml_get(mapping, key) : NULL;
	return node && node->kind == YAML_SCALAR ? node->text : "";
}

/* As policies are read: without what a block string ends in (core/policy_rule.h). */
static bool has_text(const json_t *waiver, const char *name, const char *text) {
	const char *said = json_string_value(json_object_get(waiver, name));
	size_t len = strlen(text);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	return said ? strlen(said) == len && !memcmp(said, text, len) : len == 0;
}

static bool says(const json_t *waiver, const char *name, const char *text) {
	const char *said = json_string_value(json_object_get(waiver, name));
	return said && *text && !strcmp(said, text);
}

static bool is_for(const struct yaml *mapping, const struct policy_host *host) {
	CLEANUP(policy_selector_free_p) struct policy_selector *selector = NULL;
	const struct yaml *hosts = mapping->kind == YAML_MAPPING ? yaml_get(mapping, "hosts") : NULL;
	struct err ignored;
	return !hosts ||
	       (policy_selector_read(hosts, "hosts", &selector, &ignored) && policy_selector_may_match(selector, host));
}

static bool is_it(const struct yaml *node, const char *rule, const json_t *waiver) {
	static const char *const members[] = {"requester", "reason", "ticket"};
	char expires[TIMES_TEXT];
	int64_t instant;
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (!has_text(waiver, members[i], text_at(node, members[i])))
			return false;
	return !strcmp(text_at(node, "rule"), rule) && says(waiver, "id", text_at(node, "id")) &&
	       says(waiver, "approver", text_at(node, "approver")) &&
	       times_parse_day(text_at(node, "expires"), &instant) &&
	       says(waiver, "expiresAt", times_format(instant, expires));
}

bool waiver_is_of(const struct yaml *policy, const char *rule, const json_t *waiver, const struct policy_host *host) {
	const struct yaml *list = policy->kind == YAML_MAPPING ? yaml_get(policy, "waivers") : NULL;
	for (size_t i = 0; list && list->kind == YAML_SEQUENCE && i < list->count; i++)
		if (is_it(list->items[i], rule, waiver))
			return is_for(policy, host) && is_for(list->items[i], host);
	return false;
}

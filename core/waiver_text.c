#include "core/waiver_text.h"

#include "core/times.h"

static const char *text_at(const struct yaml *mapping, const char *key) {
	const struct yaml *node = mapping->kind == YAML_MAPPING ? yaml_get(mapping, key) : NULL;
	return node && node->kind == YAML_SCALAR ? node->text : "";
}

static bool says(const json_t *waiver, const char *name, const char *text) {
	const char *said = json_string_value(json_object_get(waiver, name));
	return said && *text && !strcmp(said, text);
}

static bool is_it(const struct yaml *node, const char *rule, const json_t *waiver) {
	char expires[TIMES_TEXT];
	int64_t instant;
	return !strcmp(text_at(node, "rule"), rule) && says(waiver, "id", text_at(node, "id")) &&
	       says(waiver, "approver", text_at(node, "approver")) &&
	       times_parse_day(text_at(node, "expires"), &instant) &&
	       says(waiver, "expiresAt", times_format(instant, expires));
}

bool waiver_is_of(const struct yaml *policy, const char *rule, const json_t *waiver) {
	const struct yaml *list = policy->kind == YAML_MAPPING ? yaml_get(policy, "waivers") : NULL;
	for (size_t i = 0; list && list->kind == YAML_SEQUENCE && i < list->count; i++)
		if (is_it(list->items[i], rule, waiver))
			return true;
	return false;
}

#include "core/overlay_text.h"

#include <string.h>

static const struct yaml *at(const struct yaml *mapping, const char *key, enum yaml_kind kind) {
	const struct yaml *node = mapping->kind == YAML_MAPPING ? yaml_get(mapping, key) : NULL;
	return node && node->kind == kind ? node : NULL;
}

static void add(json_t *changes, const char *list, const char *rule, const char *param) {
	CLEANUP(free_ptr) char *name = param ? xasprintf("%s.%s", rule, param) : xstrdup(rule);
	json_t *names = json_object_get(changes, list);
	if (!names)
		json_object_set_new(changes, list, names = json_array());
	if (json_array_size(names) < OVERLAY_NAMES_MOST)
		json_array_append_new(names, json_text(name));
}

static void add_replaced(json_t *changes, const struct yaml *policy) {
	const struct yaml *rules = at(policy, "rules", YAML_SEQUENCE);
	for (size_t i = 0; rules && i < rules->count; i++) {
		const struct yaml *id = at(rules->items[i], "id", YAML_SCALAR);
		const struct yaml *replace = at(rules->items[i], "replace", YAML_SCALAR);
		if (id && replace && !strcmp(replace->text, "true"))
			add(changes, "replaces", id->text, NULL);
	}
}

static void add_set(json_t *changes, const struct yaml *policy) {
	const struct yaml *sets = at(policy, "set", YAML_MAPPING);
	for (size_t i = 0; sets && i < sets->count; i++) {
		const struct yaml *values = sets->items[i];
		for (size_t k = 0; values->kind == YAML_MAPPING && k < values->count; k++)
			add(changes, "sets", sets->keys[i]->text, values->keys[k]->text);
	}
}

json_t *overlay_text_changes(const struct yaml *policy) {
	json_t *changes = json_object();
	const struct yaml *disabled = at(policy, "disable", YAML_MAPPING);
	const struct yaml *enabled = at(policy, "enable", YAML_SEQUENCE);
	add_replaced(changes, policy);
	for (size_t i = 0; disabled && i < disabled->count; i++)
		add(changes, "disables", disabled->keys[i]->text, NULL);
	for (size_t i = 0; enabled && i < enabled->count; i++)
		if (enabled->items[i]->kind == YAML_SCALAR)
			add(changes, "enables", enabled->items[i]->text, NULL);
	add_set(changes, policy);
	return changes;
}

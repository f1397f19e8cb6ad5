#include "core/policy_outline.h"

#include "core/yaml.h"

static void rule_done(struct policy_outline_rule *rule) {
	for (size_t i = 0; i < rule->control_count; i++)
		free(rule->controls[i]);
	free(rule->controls);
	free(rule->severity);
	free(rule->title);
	free(rule->id);
}

void policy_outline_free(struct policy_outline *outline) {
	if (!outline)
		return;
	for (size_t i = 0; i < outline->rule_count; i++)
		rule_done(&outline->rules[i]);
	free(outline->rules);
	free(outline->title);
	free(outline->version);
	free(outline->id);
	free(outline);
}

static int by_id(const void *a, const void *b) {
	return strcmp(((const struct policy_outline_rule *)a)->id, ((const struct policy_outline_rule *)b)->id);
}

const struct policy_outline_rule *policy_outline_find(const struct policy_outline *outline, const char *rule) {
	const struct policy_outline_rule wanted = {.id = (char *)rule};
	return outline->rule_count ? bsearch(&wanted, outline->rules, outline->rule_count, sizeof wanted, by_id) : NULL;
}

bool policy_outline_supports(const struct policy_outline_rule *rule, const char *control) {
	for (size_t i = 0; i < rule->control_count; i++)
		if (!strcmp(rule->controls[i], control))
			return true;
	return false;
}

/* A string that may be missing: "". */
static char *text_of(const struct yaml *mapping, const char *key) {
	const struct yaml *node = yaml_get(mapping, key);
	return xstrdup(node && node->kind == YAML_SCALAR ? node->text : "");
}

static bool read_controls(const struct yaml *node, const char *where, struct policy_outline_rule *rule,
			  struct err *err) {
	const struct yaml *controls;
	if (!yaml_need(node, "controls", where, "a rule", &controls, err) ||
	    !yaml_is(controls, YAML_SEQUENCE, where, "controls", err))
		return false;
	rule->controls = xcalloc(controls->count + 1, sizeof *rule->controls);
	for (size_t i = 0; i < controls->count; i++) {
		const char *control;
		if (!yaml_string(controls->items[i], where, "a control", &control, err))
			return false;
		rule->controls[rule->control_count++] = xstrdup(control);
	}
	return true;
}

static bool read_rule(const struct yaml *node, const char *where, struct policy_outline_rule *rule, struct err *err) {
	const struct yaml *id_node, *key = NULL;
	const char *id;
	if (!yaml_is(node, YAML_MAPPING, where, "a rule", err) ||
	    !yaml_need(node, "id", where, "a rule", &id_node, err) || !yaml_string(id_node, where, "id", &id, err))
		return false;
	rule->id = xstrdup(id);
	rule->title = text_of(node, "title");
	rule->severity = text_of(node, "severity");
	key = yaml_get(node, "key");
	return (!key || yaml_bool(key, where, "key", &rule->key, err)) && read_controls(node, where, rule, err);
}

static bool read_rules(const struct yaml *rules, const char *where, struct policy_outline *outline, struct err *err) {
	if (!yaml_is(rules, YAML_SEQUENCE, where, "rules", err))
		return false;
	outline->rules = xcalloc(rules->count + 1, sizeof *outline->rules);
	for (size_t i = 0; i < rules->count; i++) {
		outline->rule_count++;
		if (!read_rule(rules->items[i], where, &outline->rules[i], err))
			return false;
	}
	qsort(outline->rules, outline->rule_count, sizeof *outline->rules, by_id);
	for (size_t i = 1; i < outline->rule_count; i++)
		if (!strcmp(outline->rules[i].id, outline->rules[i - 1].id))
			return err_set(err, ERR_SYNTAX, where, "rule %s comes twice", outline->rules[i].id);
	return true;
}

bool policy_outline_read(const char *data, size_t len, const char *where, struct policy_outline **ret_outline,
			 struct err *err) {
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	CLEANUP(policy_outline_free_p) struct policy_outline *outline = xcalloc(1, sizeof *outline);
	const struct yaml *head;
	if (!yaml_read(data, len, where, &root, err) || !yaml_is(root, YAML_MAPPING, where, "a policy", err) ||
	    !yaml_need(root, "policy", where, "a policy", &head, err) ||
	    !yaml_is(head, YAML_MAPPING, where, "policy", err))
		return false;
	outline->id = text_of(head, "id");
	outline->version = text_of(head, "version");
	outline->title = text_of(head, "title");
	const struct yaml *rules = yaml_get(root, "rules"); /* a policy may set parameters of others' alone */
	if (rules && !read_rules(rules, where, outline, err))
		return false;
	*ret_outline = outline;
	outline = NULL;
	return true;
}

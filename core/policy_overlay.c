#include "core/policy_loader.h"
#include "core/value.h"
#include "core/waiver.h"

const struct rule *policy_loader_find(const struct policy_loader *loader, const char *id) {
	const struct rule *rule = policy_rule_find(loader->stack, id);
	for (size_t i = 0; !rule && i < loader->spare.count; i++)
		if (!strcmp(loader->spare.items[i]->id, id))
			rule = loader->spare.items[i];
	return rule;
}

/* ---- set ---- */

bool policy_overlay_sets(struct policy_loader *loader, const struct policy *policy, struct err *err) {
	const struct policy_file *file = &loader->files[policy->index].items[0];
	struct policy_reading *reading = &loader->reading;
	const struct yaml *sets = yaml_get(file->root, "set");
	if (!sets)
		return true;
	if (!yaml_is(sets, YAML_MAPPING, file->path, "set", err))
		return false;
	for (size_t r = 0; r < sets->count; r++) {
		const struct yaml *values = sets->items[r];
		if (!yaml_is(values, YAML_MAPPING, file->path, "what a rule's parameters are set to", err))
			return false;
		for (size_t i = 0; i < values->count; i++) {
			if (reading->set_count == POLICY_RULES_MOST)
				return err_set(err, ERR_TOO_BIG, file->path, "more than %d parameters are set",
					       POLICY_RULES_MOST);
			reading->sets = xreallocarray(reading->sets, reading->set_count + 1, sizeof *reading->sets);
			reading->sets[reading->set_count++] =
				(struct policy_set){sets->keys[r]->text, file->path, values->keys[i], values->items[i],
						    policy->left_out != NULL};
		}
	}
	return true;
}

/* A value for a rule or a parameter that is nowhere is a slip of the pen that would change nothing in silence. */
static bool is_settable(const struct policy_loader *loader, const struct policy_set *set, struct err *err) {
	const struct rule *rule = policy_loader_find(loader, set->rule);
	const char *name = set->param->text;
	enum value_type type;
	json_t *value;
	if (!rule)
		return yaml_fault(err, set->path, set->param, "there is no rule \"%s\" to set a parameter of",
				  set->rule);
	if (!json_object_get(rule->params, name))
		return yaml_fault(err, set->path, set->param, "the rule \"%s\" has no parameter \"%s\"", set->rule,
				  name);
	const json_t *doc = json_object_get(rule->param_docs, name);
	if (!value_type_from_name(json_string_value(json_object_get(doc, "type")), &type) ||
	    !value_read(set->value, type, NULL, set->path, name, &value, err))
		return false;
	json_decref(value);
	return true;
}

/* ---- disable, enable ---- */

static bool find_named(const struct policy_loader *loader, const struct yaml *name, const char *path, const char *to,
		       const struct rule **ret_rule, struct err *err) {
	*ret_rule = policy_loader_find(loader, name->text);
	return *ret_rule || yaml_fault(err, path, name, "there is no rule \"%s\" to %s", name->text, to);
}

static bool count_entry(struct policy_loader *loader, const struct yaml *node, const char *path, struct err *err) {
	if (loader->disabled_count++ < POLICY_DISABLED_MOST)
		return true;
	return err_set_at(err, ERR_TOO_BIG, path, node->line, node->column,
			  "more than %d rules are disabled or enabled", POLICY_DISABLED_MOST);
}

/* What rules of policies for this host are. */
static struct rule *own_rule(const struct policy_loader *loader, const struct policy *policy, const char *id) {
	return policy->left_out ? NULL : (struct rule *)policy_rule_find(loader->stack, id);
}

static void take_back(struct rule *rule) {
	free(rule->disabled);
	free(rule->disabled_at);
	rule->disabled = rule->disabled_at = NULL;
}

static bool disable(struct policy_loader *loader, const struct policy *policy, const char *path,
		    const struct yaml *name, const struct yaml *reason, struct err *err) {
	CLEANUP(free_ptr) char *text = NULL;
	const struct rule *named;
	if (!count_entry(loader, name, path, err) || !find_named(loader, name, path, "disable", &named, err) ||
	    !policy_text_read(reason, path, "the reason why a rule is disabled", POLICY_DISABLE_LONGEST, &text, err))
		return false;
	struct rule *rule = own_rule(loader, policy, name->text);
	if (!rule)
		return true;
	take_back(rule);
	rule->disabled = xasprintf("disabled by %s: %s", policy->id, text);
	rule->disabled_at = xasprintf("%s:%u", path, name->line);
	return true;
}

static bool read_disable(struct policy_loader *loader, const struct policy *policy, const struct policy_file *file,
			 struct err *err) {
	const struct yaml *node = yaml_get(file->root, "disable");
	if (!node)
		return true;
	if (!yaml_is(node, YAML_MAPPING, file->path, "disable", err))
		return false;
	if (node->count == 0)
		return yaml_fault(err, file->path, node, "disable is empty");
	for (size_t i = 0; i < node->count; i++)
		if (!disable(loader, policy, file->path, node->keys[i], node->items[i], err))
			return false;
	return true;
}

static bool enable(struct policy_loader *loader, const struct policy *policy, const char *path,
		   const struct yaml *disabled, const struct yaml *name, struct err *err) {
	const struct rule *named;
	if (!yaml_is(name, YAML_SCALAR, path, "a rule's id", err) || !count_entry(loader, name, path, err) ||
	    !find_named(loader, name, path, "enable", &named, err))
		return false;
	if (disabled && yaml_get(disabled, name->text))
		return yaml_fault(err, path, name, "\"%s\" is disabled by this policy itself", name->text);
	struct rule *rule = own_rule(loader, policy, name->text);
	if (rule)
		take_back(rule);
	return true;
}

static bool read_enable(struct policy_loader *loader, const struct policy *policy, const struct policy_file *file,
			struct err *err) {
	const struct yaml *node = yaml_get(file->root, "enable");
	if (!node)
		return true;
	if (!yaml_is(node, YAML_SEQUENCE, file->path, "enable", err))
		return false;
	if (node->count == 0)
		return yaml_fault(err, file->path, node, "enable is empty");
	for (size_t i = 0; i < node->count; i++)
		if (!enable(loader, policy, file->path, yaml_get(file->root, "disable"), node->items[i], err))
			return false;
	return true;
}

/* ---- waivers ---- */

/* Waivers of all policies, those that are left out too: an id is of one waiver. */
struct waivers {
	struct waiver **items;
	size_t count;
};

static void waivers_done(struct waivers *waivers) {
	for (size_t i = 0; i < waivers->count; i++)
		waiver_free(waivers->items[i]);
	free(waivers->items);
}

static bool is_new(const struct waivers *waivers, const struct waiver *waiver, const struct yaml *node,
		   struct err *err) {
	for (size_t i = 0; i < waivers->count; i++)
		if (!strcmp(waivers->items[i]->id, waiver->id))
			return yaml_fault(err, waiver->path, yaml_get(node, "id"),
					  "the waiver \"%s\" stands in %s, line %u, already", waiver->id,
					  waivers->items[i]->path, waivers->items[i]->line);
	return true;
}

/* The rule as it stood when the waiver's policy was laid on top: the one of that policy or of one below it. */
static const struct rule *rule_of_then(const struct rule *now, const struct waiver *waiver) {
	const struct rule *rule = now;
	while (rule && rule->policy->index > waiver->policy->index)
		rule = rule->below;
	return rule ? rule : now;
}

static bool add_waiver(struct policy_loader *loader, const struct policy *policy, const char *path,
		       const struct yaml *node, struct waivers *waivers, struct err *err) {
	struct waiver *waiver;
	if (waivers->count == WAIVERS_MOST)
		return err_set_at(err, ERR_TOO_BIG, path, node->line, node->column, "more than %d waivers",
				  WAIVERS_MOST);
	if (!waiver_read(node, policy, path, &waiver, err))
		return false;
	waivers->items = xreallocarray(waivers->items, waivers->count + 1, sizeof *waivers->items);
	if (!is_new(waivers, waiver, node, err)) {
		waiver_free(waiver);
		return false;
	}
	waivers->items[waivers->count++] = waiver;
	const struct rule *rule = policy_loader_find(loader, waiver->rule);
	if (!rule)
		return yaml_fault(err, path, yaml_get(node, "rule"), "there is no rule \"%s\" to waive", waiver->rule);
	const struct rule *then = rule_of_then(rule, waiver);
	waiver->is_outdated = then != rule || rule->policy->left_out;
	return waiver_read_value(waiver, node, then, err);
}

static bool read_waivers(struct policy_loader *loader, const struct policy *policy, const struct policy_file *file,
			 struct waivers *waivers, struct err *err) {
	const struct yaml *node = yaml_get(file->root, "waivers");
	if (!node)
		return true;
	if (!yaml_is(node, YAML_SEQUENCE, file->path, "waivers", err))
		return false;
	if (node->count == 0)
		return yaml_fault(err, file->path, node, "waivers is empty");
	for (size_t i = 0; i < node->count; i++)
		if (!add_waiver(loader, policy, file->path, node->items[i], waivers, err))
			return false;
	return true;
}

/* The stack takes those of policies that are for this host. */
static void keep_waivers(struct policy_stack *stack, struct waivers *waivers) {
	size_t left = 0;
	stack->waivers = xcalloc(waivers->count + 1, sizeof *stack->waivers);
	for (size_t i = 0; i < waivers->count; i++)
		if (waivers->items[i]->policy->left_out)
			waivers->items[left++] = waivers->items[i];
		else
			stack->waivers[stack->waiver_count++] = waivers->items[i];
	waivers->count = left;
}

bool policy_overlay_read(struct policy_loader *loader, struct err *err) {
	CLEANUP(waivers_done) struct waivers waivers = {0};
	for (size_t i = 0; i < loader->reading.set_count; i++)
		if (!is_settable(loader, &loader->reading.sets[i], err))
			return false;
	for (size_t i = 0; i < loader->count; i++) {
		const struct policy *policy = loader->policies[i];
		const struct policy_file *file = &loader->files[policy->index].items[0];
		if (!read_disable(loader, policy, file, err) || !read_enable(loader, policy, file, err) ||
		    !read_waivers(loader, policy, file, &waivers, err))
			return false;
	}
	keep_waivers(loader->stack, &waivers);
	return true;
}

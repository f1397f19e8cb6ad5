#include "verify/rulesets.h"

#include "core/times.h"
#include "core/yaml.h"

#define POLICIES_MOST 64  /* of one statement */
#define CONTROLS_MOST 128 /* of one rule: there are 93 */
#define VALID_SHORTEST 3600

static void free_rule(struct ruleset_rule *rule) {
	for (size_t i = 0; i < rule->control_count; i++)
		free(rule->controls[i]);
	free(rule->controls);
	free(rule->id);
}

static void ruleset_free(struct ruleset *ruleset) {
	for (size_t i = 0; i < ruleset->count; i++)
		free_rule(&ruleset->rules[i]);
	for (size_t i = 0; i < ruleset->policy_count; i++)
		free(ruleset->policies[i]);
	free(ruleset->policies);
	free(ruleset->rules);
	free(ruleset);
}

void rulesets_done(struct rulesets *rulesets) {
	for (size_t i = 0; i < rulesets->count; i++)
		ruleset_free(rulesets->items[i]);
	free(rulesets->items);
	*rulesets = (struct rulesets){0};
}

bool ruleset_find(const struct ruleset *ruleset, const char *rule, size_t *ret_index) {
	size_t low = 0, high = ruleset->count;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = strcmp(ruleset->rules[middle].id, rule);
		if (order == 0) {
			*ret_index = middle;
			return true;
		}
		*(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
	}
	return false;
}

bool ruleset_has_policy(const struct ruleset *ruleset, const char *hex) {
	for (size_t i = 0; i < ruleset->policy_count; i++)
		if (!strcmp(ruleset->policies[i], hex))
			return true;
	return false;
}

/* --- a policy's text ---------------------------------------------------------------------------------------------- */

struct trees { /* of one stack */
	struct yaml *items[POLICIES_MOST];
	size_t count;
};
static void trees_done(struct trees *trees) {
	for (size_t i = 0; i < trees->count; i++)
		yaml_tree_free(trees->items[i]);
}

static const struct yaml *mapping_at(const struct yaml *mapping, const char *key) {
	const struct yaml *node = mapping && mapping->kind == YAML_MAPPING ? yaml_get(mapping, key) : NULL;
	return node && node->kind == YAML_MAPPING ? node : NULL;
}

static const struct yaml *scalar_at(const struct yaml *mapping, const char *key) {
	const struct yaml *node = mapping && mapping->kind == YAML_MAPPING ? yaml_get(mapping, key) : NULL;
	return node && node->kind == YAML_SCALAR ? node : NULL;
}

/* The value of "$name" in a rule: what a policy of the stack sets, the last one counts, else the default. */
static const struct yaml *param_of(const struct trees *trees, const struct yaml *rule, const char *id,
				   const char *name) {
	for (size_t i = trees->count; i-- > 0;) {
		const struct yaml *set = scalar_at(mapping_at(mapping_at(trees->items[i], "set"), id), name);
		if (set)
			return set;
	}
	return scalar_at(mapping_at(mapping_at(rule, "params"), name), "default");
}

static bool read_seconds(const struct trees *trees, const struct yaml *rule, const char *id, const char *key,
			 const char *where, int64_t *ret_seconds, struct err *err) {
	const struct yaml *node = scalar_at(rule, key);
	if (node && node->text[0] == '$')
		node = param_of(trees, rule, id, node->text + 1);
	return (node && times_parse_duration(node->text, ret_seconds)) ||
	       yaml_fault(err, where, rule, "rule %s: \"%s\" is not a duration", id, key);
}

static bool read_valid(const struct trees *trees, const struct yaml *node, const char *where, struct ruleset_rule *rule,
		       struct err *err) {
	int64_t every;
	if (yaml_get(node, "valid"))
		return read_seconds(trees, node, rule->id, "valid", where, &rule->valid, err);
	if (!read_seconds(trees, node, rule->id, "every", where, &every, err))
		return false;
	rule->valid = 3 * every < VALID_SHORTEST ? VALID_SHORTEST : 3 * every;
	return true;
}

static bool read_controls(const struct yaml *node, const char *where, struct ruleset_rule *rule, struct err *err) {
	const struct yaml *controls;
	if (!yaml_need(node, "controls", where, "a rule", &controls, err) ||
	    !yaml_is(controls, YAML_SEQUENCE, where, "controls", err))
		return false;
	if (controls->count > CONTROLS_MOST)
		return yaml_fault(err, where, controls, "more than %d controls", CONTROLS_MOST);
	rule->controls = xcalloc(controls->count + 1, sizeof *rule->controls);
	for (size_t i = 0; i < controls->count; i++) {
		const char *text;
		if (!yaml_string(controls->items[i], where, "a control", &text, err))
			return false;
		rule->controls[rule->control_count++] = xstrdup(text);
	}
	return true;
}

static bool read_rule(const struct trees *trees, const struct yaml *node, const char *where, struct ruleset_rule *rule,
		      struct err *err) {
	const struct yaml *id, *replace;
	const char *text;
	if (!yaml_is(node, YAML_MAPPING, where, "a rule", err) || !yaml_need(node, "id", where, "a rule", &id, err) ||
	    !yaml_string(id, where, "id", &text, err))
		return false;
	rule->id = xstrdup(text);
	replace = yaml_get(node, "replace");
	if (replace && !yaml_bool(replace, where, "replace", &rule->replaces, err))
		return false;
	return read_controls(node, where, rule, err) && read_valid(trees, node, where, rule, err);
}

static bool read_rules(const struct trees *trees, size_t policy, const char *where, struct ruleset *ruleset,
		       struct err *err) {
	const struct yaml *rules, *tree = trees->items[policy];
	if (!yaml_is(tree, YAML_MAPPING, where, "a policy", err))
		return false;
	rules = yaml_get(tree, "rules");
	if (!rules) /* one that only sets parameters */
		return true;
	if (!yaml_is(rules, YAML_SEQUENCE, where, "rules", err))
		return false;
	if (rules->count > RULESET_RULES_MOST - ruleset->count)
		return err_set(err, ERR_TOO_BIG, where, "more than %d rules", RULESET_RULES_MOST);
	ruleset->rules = xreallocarray(ruleset->rules, ruleset->count + rules->count + 1, sizeof *ruleset->rules);
	for (size_t i = 0; i < rules->count; i++) {
		struct ruleset_rule *rule = &ruleset->rules[ruleset->count++];
		*rule = (struct ruleset_rule){.policy = policy};
		if (!read_rule(trees, rules->items[i], where, rule, err))
			return false;
	}
	return true;
}

/* --- a stack of them ---------------------------------------------------------------------------------------------- */

static bool read_policy(const struct package *package, const char *hex, struct yaml **ret_tree, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("bodies/%s", hex);
	CLEANUP(buf_done) struct buf bytes = {0};
	char is[HASH_HEX];
	if (!package_read(package, name, YAML_LARGEST, &bytes, err))
		return false;
	const struct hash hash = hash_of(buf_str(&bytes), bytes.len);
	if (strcmp(hash_hex(&hash, is), hex) != 0)
		return err_set(err, ERR_REFUSED, name, "its bytes have another digest");
	return yaml_read(buf_str(&bytes), bytes.len, name, ret_tree, err);
}

static int by_id(const void *a, const void *b) {
	const struct ruleset_rule *one = a, *two = b;
	const int order = strcmp(one->id, two->id);
	return order ? order : (one->policy > two->policy) - (one->policy < two->policy);
}

/* Of rules with one id the later takes the earlier one's place, where it says so. */
static bool pile_up(struct ruleset *ruleset, struct err *err) {
	size_t kept = 0;
	for (size_t i = 1; i < ruleset->count; i++) {
		const struct ruleset_rule *one = &ruleset->rules[i - 1], *two = &ruleset->rules[i];
		if (!strcmp(one->id, two->id) && (one->policy == two->policy || !two->replaces))
			return err_set(err, ERR_MALFORMED, "policies", "rule %s is there twice", two->id);
	}
	for (size_t i = 0; i < ruleset->count; i++) {
		if (kept > 0 && !strcmp(ruleset->rules[kept - 1].id, ruleset->rules[i].id))
			free_rule(&ruleset->rules[--kept]);
		ruleset->rules[kept++] = ruleset->rules[i];
	}
	ruleset->count = kept;
	return true;
}

static bool finish(const struct manifest *manifest, struct ruleset *ruleset, struct err *err) {
	if (ruleset->count == 0)
		return err_set(err, ERR_MALFORMED, "policies", "there is no rule in them");
	qsort(ruleset->rules, ruleset->count, sizeof *ruleset->rules, by_id);
	if (!pile_up(ruleset, err))
		return false;
	for (size_t i = 0; i < ruleset->count; i++) {
		struct ruleset_rule *rule = &ruleset->rules[i];
		rule->is_wanted = manifest_wants(manifest, rule->controls, rule->control_count);
		ruleset->wanted += rule->is_wanted;
	}
	return true;
}

static bool read_stack(const struct rulesets *rulesets, struct ruleset *ruleset, struct err *err) {
	CLEANUP(trees_done) struct trees trees = {.count = 0};
	if (ruleset->policy_count > POLICIES_MOST)
		return err_set(err, ERR_TOO_BIG, "policies", "more than %d of one statement", POLICIES_MOST);
	for (size_t i = 0; i < ruleset->policy_count; i++) {
		if (!read_policy(rulesets->package, ruleset->policies[i], &trees.items[i], err))
			return false;
		trees.count++;
	}
	for (size_t i = 0; i < trees.count; i++)
		if (!read_rules(&trees, i, ruleset->policies[i], ruleset, err))
			return false;
	return finish(rulesets->manifest, ruleset, err);
}

static struct ruleset *new_ruleset(const json_t *policies) {
	CLEANUP(buf_done) struct buf digests = {0};
	struct ruleset *ruleset = xcalloc(1, sizeof *ruleset);
	size_t index;
	const json_t *policy;
	ruleset->policies = xcalloc(json_array_size(policies) + 1, sizeof *ruleset->policies);
	json_array_foreach(policies, index, policy) {
		const char *hex = json_string_value(json_object_get(policy, "sha256"));
		ruleset->policies[ruleset->policy_count++] = xstrdup(hex);
		buf_adds(&digests, hex);
	}
	ruleset->id = hash_of(buf_str(&digests), digests.len);
	return ruleset;
}

bool rulesets_get(struct rulesets *rulesets, const json_t *policies, const struct ruleset **ret_ruleset,
		  struct err *err) {
	struct ruleset *wanted = new_ruleset(policies), *found = NULL;
	for (size_t i = rulesets->count; i-- > 0 && !found;)
		if (hash_equal(&rulesets->items[i]->id, &wanted->id))
			found = rulesets->items[i];
	if (!found && rulesets->count == RULESETS_MOST) {
		ruleset_free(wanted);
		return err_set(err, ERR_TOO_BIG, "policies", "more than %d different stacks of them", RULESETS_MOST);
	}
	if (found) {
		ruleset_free(wanted);
	} else {
		wanted->is_bad = !read_stack(rulesets, wanted, &wanted->why);
		rulesets->items = xreallocarray(rulesets->items, rulesets->count + 1, sizeof(struct ruleset *));
		rulesets->items[rulesets->count++] = found = wanted;
	}
	if (found->is_bad) {
		*err = found->why;
		return false;
	}
	*ret_ruleset = found;
	return true;
}

#include "core/policy.h"

#include "core/file.h"
#include "core/policy_rule.h"
#include "core/times.h"

struct loader {
	const struct catalogue *catalogue;
	const struct check *const *checks;
	struct policy_stack *stack;
	size_t room; /* of stack->rules */
};

static void policy_free(struct policy *policy) {
	if (!policy)
		return;
	free(policy->path);
	free(policy->id);
	free(policy->version);
	free(policy->framework);
	free(policy->title);
	free(policy->owner);
	free(policy->review_by);
	buf_done(&policy->bytes);
	free(policy);
}

void policy_stack_free(struct policy_stack *stack) {
	if (!stack)
		return;
	for (size_t i = 0; i < stack->rule_count; i++)
		policy_rule_free(stack->rules[i]);
	for (size_t i = 0; i < stack->policy_count; i++)
		policy_free(stack->policies[i]);
	free(stack->rules);
	free(stack->policies);
	free(stack);
}

static bool read_text(const struct yaml *head, const char *key, bool required, const char *where, char **ret_text,
		      struct err *err) {
	const struct yaml *node = yaml_get(head, key);
	if (!node && !required)
		return true;
	return yaml_need(head, key, where, "policy", &node, err) &&
	       policy_text_read(node, where, key, POLICY_TEXT_LONGEST, ret_text, err);
}

static bool read_id(const struct yaml *head, struct policy *policy, struct err *err) {
	const struct yaml *node;
	if (!yaml_need(head, "id", policy->path, "policy", &node, err) ||
	    !policy_text_read(node, policy->path, "id", POLICY_ID_LONGEST, &policy->id, err))
		return false;
	if (policy->id[strspn(policy->id, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		return yaml_fault(err, policy->path, node,
				  "a policy's id is of small letters, digits and \"-\", not \"%s\"", policy->id);
	return true;
}

static bool read_review_by(const struct yaml *head, struct policy *policy, struct err *err) {
	int64_t instant;
	const struct yaml *node = yaml_get(head, "review_by");
	if (!read_text(head, "review_by", false, policy->path, &policy->review_by, err))
		return false;
	if (!policy->review_by)
		return true;
	CLEANUP(free_ptr) char *midnight = xasprintf("%sT00:00:00Z", policy->review_by);
	return times_parse(midnight, &instant) ||
	       yaml_fault(err, policy->path, node, "review_by has to be a date like 2027-06-30, not \"%s\"",
			  policy->review_by);
}

static bool read_head(const struct yaml *root, const struct catalogue *catalogue, struct policy *policy,
		      struct err *err) {
	static const char *const root_known[] = {"policy", "rules", NULL};
	static const char *const known[] = {"id", "version", "framework", "title", "owner", "review_by", NULL};
	const struct yaml *head;
	const char *where = policy->path;
	if (!yaml_has_only(root, root_known, where, "a policy file", err) ||
	    !yaml_need(root, "policy", where, "a policy file", &head, err) ||
	    !yaml_has_only(head, known, where, "policy", err) || !read_id(head, policy, err) ||
	    !read_text(head, "version", true, where, &policy->version, err) ||
	    !read_text(head, "framework", true, where, &policy->framework, err))
		return false;
	if (strcmp(policy->framework, catalogue->framework) != 0)
		return yaml_fault(err, where, yaml_get(head, "framework"), "the framework has to be \"%s\", not \"%s\"",
				  catalogue->framework, policy->framework);
	return read_text(head, "title", true, where, &policy->title, err) &&
	       read_text(head, "owner", false, where, &policy->owner, err) && read_review_by(head, policy, err);
}

static bool add_rule(struct loader *loader, const struct yaml *node, const struct policy *policy, struct err *err) {
	struct policy_stack *stack = loader->stack;
	struct rule *rule;
	if (stack->rule_count == POLICY_RULES_MOST)
		return err_set_at(err, ERR_TOO_BIG, policy->path, node->line, node->column, "more than %d rules",
				  POLICY_RULES_MOST);
	if (!policy_rule_read(node, policy, loader->catalogue, loader->checks, &rule, err))
		return false;
	if (stack->rule_count == loader->room) {
		loader->room = loader->room ? loader->room * 2 : 64;
		stack->rules = xreallocarray(stack->rules, loader->room, sizeof(struct rule *));
	}
	stack->rules[stack->rule_count++] = rule;
	return true;
}

static bool read_rules(struct loader *loader, const struct yaml *root, const struct policy *policy, struct err *err) {
	const struct yaml *rules;
	if (!yaml_need(root, "rules", policy->path, "a policy file", &rules, err) ||
	    !yaml_is(rules, YAML_SEQUENCE, policy->path, "rules", err))
		return false;
	if (rules->count == 0)
		return yaml_fault(err, policy->path, rules, "a policy without rules");
	for (size_t i = 0; i < rules->count; i++)
		if (!add_rule(loader, rules->items[i], policy, err))
			return false;
	return true;
}

/* Takes the bytes over. */
static bool add_policy(struct loader *loader, const char *path, struct buf *bytes, struct err *err) {
	struct policy_stack *stack = loader->stack;
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	struct policy *policy = xcalloc(1, sizeof *policy);
	policy->index = stack->policy_count;
	stack->policies[stack->policy_count++] = policy;
	policy->path = xstrdup(path);
	policy->bytes = *bytes;
	*bytes = (struct buf){0};
	policy->sha256 = hash_of(policy->bytes.data, policy->bytes.len);
	if (!yaml_read(policy->bytes.data, policy->bytes.len, path, &root, err) ||
	    !read_head(root, loader->catalogue, policy, err))
		return false;
	for (size_t i = 0; i + 1 < stack->policy_count; i++)
		if (!strcmp(stack->policies[i]->id, policy->id))
			return yaml_fault(err, path, yaml_get(root, "policy"), "the policy \"%s\" is in %s already",
					  policy->id, stack->policies[i]->path);
	return read_rules(loader, root, policy, err);
}

static int by_id_then_place(const void *a, const void *b) {
	const struct rule *one = *(struct rule *const *)a, *two = *(struct rule *const *)b;
	int order = strcmp(one->id, two->id);
	if (order == 0 && one->policy != two->policy)
		return one->policy->index < two->policy->index ? -1 : 1;
	return order ? order : one->line < two->line ? -1 : one->line > two->line;
}

/* What concerns rules among each other. */
static bool finish(struct policy_stack *stack, struct err *err) {
	if (stack->rule_count > 0)
		qsort(stack->rules, stack->rule_count, sizeof(struct rule *), by_id_then_place);
	for (size_t i = 1; i < stack->rule_count; i++) {
		const struct rule *first = stack->rules[i - 1], *again = stack->rules[i];
		if (!strcmp(first->id, again->id))
			return err_set_at(err, ERR_SYNTAX, again->policy->path, again->line, again->column,
					  "the rule \"%s\" stands in %s, line %u, already", again->id,
					  first->policy->path, first->line);
	}
	for (size_t i = 0; i < stack->rule_count; i++) {
		const struct rule *rule = stack->rules[i];
		const struct rule *control = rule->needs_control ? policy_rule_find(stack, rule->needs_control) : NULL;
		if (rule->needs_control && !control)
			return err_set_at(err, ERR_SYNTAX, rule->policy->path, rule->line, rule->column,
					  "needs_control names no rule: \"%s\"", rule->needs_control);
		if (control && control->needs_control)
			return err_set_at(err, ERR_SYNTAX, rule->policy->path, rule->line, rule->column,
					  "needs_control names \"%s\", which needs one itself", control->id);
	}
	return true;
}

bool policy_stack_load(const char *const paths[], size_t count, const struct catalogue *catalogue,
		       const struct check *const *checks, struct policy_stack **ret_stack, struct err *err) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = xcalloc(1, sizeof *stack);
	struct loader loader = {.catalogue = catalogue, .checks = checks, .stack = stack};
	stack->policies = xcalloc(count, sizeof(struct policy *));
	for (size_t i = 0; i < count; i++) {
		CLEANUP(buf_done) struct buf bytes = {0};
		if (!file_read(paths[i], YAML_LARGEST, &bytes, err) || !add_policy(&loader, paths[i], &bytes, err))
			return false;
	}
	if (!finish(stack, err))
		return false;
	*ret_stack = stack;
	stack = NULL;
	return true;
}

bool policy_stack_parse(const char *path, const char *data, size_t len, const struct catalogue *catalogue,
			const struct check *const *checks, struct policy_stack **ret_stack, struct err *err) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = xcalloc(1, sizeof *stack);
	struct loader loader = {.catalogue = catalogue, .checks = checks, .stack = stack};
	CLEANUP(buf_done) struct buf bytes = {0};
	stack->policies = xcalloc(1, sizeof(struct policy *));
	if (len > YAML_LARGEST)
		return err_set(err, ERR_TOO_BIG, path, "larger than the cap of %u bytes", YAML_LARGEST);
	buf_add(&bytes, data, len);
	if (!add_policy(&loader, path, &bytes, err) || !finish(stack, err))
		return false;
	*ret_stack = stack;
	stack = NULL;
	return true;
}

const struct rule *policy_rule_find(const struct policy_stack *stack, const char *id) {
	size_t low = 0, high = stack->rule_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(id, stack->rules[middle]->id);
		if (order == 0)
			return stack->rules[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool rule_supports(const struct rule *rule, const char *control) {
	for (size_t i = 0; i < rule->control_count; i++)
		if (!strcmp(rule->controls[i], control))
			return true;
	return false;
}

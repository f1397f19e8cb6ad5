#include "core/policy.h"

#include "core/policy_files.h"
#include "core/policy_rule.h"
#include "core/times.h"

struct loader {
	struct policy_reading reading;
	struct policy_stack *stack;
	size_t room;                /* of stack->rules */
	struct policy_files *files; /* of each policy; all are read before the first rule is: a later one may set it */
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
	for (size_t i = 0; i < policy->approval_count; i++)
		free(policy->approvals[i]);
	free(policy->approvals);
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
	static const char *const root_known[] = {"policy", "set", "rules", NULL};
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

static bool read_sets(struct loader *loader, const struct policy_file *file, struct err *err) {
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
			reading->sets[reading->set_count++] = (struct policy_set){
				sets->keys[r]->text, file->path, values->keys[i], values->items[i], false};
		}
	}
	return true;
}

static bool add_rule(struct loader *loader, const struct yaml *node, const struct policy *policy, const char *path,
		     struct err *err) {
	struct policy_stack *stack = loader->stack;
	struct rule *rule;
	if (stack->rule_count == POLICY_RULES_MOST)
		return err_set_at(err, ERR_TOO_BIG, path, node->line, node->column, "more than %d rules",
				  POLICY_RULES_MOST);
	if (!policy_rule_read(node, policy, path, &loader->reading, &rule, err))
		return false;
	if (stack->rule_count == loader->room) {
		loader->room = loader->room ? loader->room * 2 : 64;
		stack->rules = xreallocarray(stack->rules, loader->room, sizeof(struct rule *));
	}
	stack->rules[stack->rule_count++] = rule;
	return true;
}

static bool add_rules(struct loader *loader, const struct yaml *rules, const struct policy *policy, const char *path,
		      struct err *err) {
	if (!yaml_is(rules, YAML_SEQUENCE, path, "rules", err))
		return false;
	if (rules->count == 0)
		return yaml_fault(err, path, rules, "a policy without rules");
	for (size_t i = 0; i < rules->count; i++)
		if (!add_rule(loader, rules->items[i], policy, path, err))
			return false;
	return true;
}

/* The rules in the first file, as far as it is the only one or has some, then those of the others. */
static bool read_rules(struct loader *loader, const struct policy *policy, struct err *err) {
	const struct policy_files *files = &loader->files[policy->index];
	const struct yaml *first = files->items[0].root, *rules = yaml_get(first, "rules");
	if (!rules && files->count == 1 && !yaml_get(first, "set"))
		return yaml_need(first, "rules", files->items[0].path, "a policy", &rules, err);
	if (rules && !add_rules(loader, rules, policy, files->items[0].path, err))
		return false;
	for (size_t i = 1; i < files->count; i++)
		if (!add_rules(loader, files->items[i].root, policy, files->items[i].path, err))
			return false;
	return true;
}

/* The policy of the files that were read last. */
static bool add_policy(struct loader *loader, struct err *err) {
	struct policy_stack *stack = loader->stack;
	struct policy *policy = stack->policies[stack->policy_count - 1];
	struct policy_files *files = &loader->files[policy->index];
	const struct policy_file *head = &files->items[0];
	policy->path = xstrdup(head->path);
	policy->bytes = files->bytes;
	files->bytes = (struct buf){0};
	policy->sha256 = hash_of(policy->bytes.data, policy->bytes.len);
	if (!read_head(head->root, loader->reading.catalogue, policy, err) || !read_sets(loader, head, err))
		return false;
	for (size_t i = 0; i + 1 < stack->policy_count; i++)
		if (!strcmp(stack->policies[i]->id, policy->id))
			return yaml_fault(err, head->path, yaml_get(head->root, "policy"),
					  "the policy \"%s\" is in %s already", policy->id, stack->policies[i]->path);
	return true;
}

static int by_id_then_place(const void *a, const void *b) {
	const struct rule *one = *(struct rule *const *)a, *two = *(struct rule *const *)b;
	int order = strcmp(one->id, two->id);
	if (order == 0 && one->policy != two->policy)
		return one->policy->index < two->policy->index ? -1 : 1;
	if (order == 0)
		order = strcmp(one->path, two->path);
	return order ? order : one->line < two->line ? -1 : one->line > two->line;
}

/* What concerns rules among each other. */
static bool finish(struct policy_stack *stack, struct err *err) {
	if (stack->rule_count > 0)
		qsort(stack->rules, stack->rule_count, sizeof(struct rule *), by_id_then_place);
	for (size_t i = 1; i < stack->rule_count; i++) {
		const struct rule *first = stack->rules[i - 1], *again = stack->rules[i];
		if (!strcmp(first->id, again->id))
			return err_set_at(err, ERR_SYNTAX, again->path, again->line, again->column,
					  "the rule \"%s\" stands in %s, line %u, already", again->id, first->path,
					  first->line);
	}
	for (size_t i = 0; i < stack->rule_count; i++) {
		const struct rule *rule = stack->rules[i];
		const struct rule *control = rule->needs_control ? policy_rule_find(stack, rule->needs_control) : NULL;
		if (rule->needs_control && !control)
			return err_set_at(err, ERR_SYNTAX, rule->path, rule->line, rule->column,
					  "needs_control names no rule: \"%s\"", rule->needs_control);
		if (control && control->needs_control)
			return err_set_at(err, ERR_SYNTAX, rule->path, rule->line, rule->column,
					  "needs_control names \"%s\", which needs one itself", control->id);
	}
	return true;
}

static void loader_done(struct loader *loader) {
	for (size_t i = 0; i < loader->stack->policy_count; i++)
		policy_files_done(&loader->files[i]);
	free(loader->files);
	free(loader->reading.sets);
}

/* A value for a rule or a parameter that is nowhere is a slip of the pen that would change nothing in silence. */
static bool all_are_used(const struct loader *loader, struct err *err) {
	for (size_t i = 0; i < loader->reading.set_count; i++) {
		const struct policy_set *set = &loader->reading.sets[i];
		if (!set->used && !policy_rule_find(loader->stack, set->rule))
			return yaml_fault(err, set->path, set->param, "there is no rule \"%s\" to set a parameter of",
					  set->rule);
		if (!set->used)
			return yaml_fault(err, set->path, set->param, "the rule \"%s\" has no parameter \"%s\"",
					  set->rule, set->param->text);
	}
	return true;
}

/* All policies' files, then all rules. data: of the only one; NULL: the paths are read. */
static bool load(struct loader *loader, const char *const paths[], size_t count, const char *data, size_t len,
		 struct err *err) {
	struct policy_stack *stack = loader->stack;
	for (size_t i = 0; i < count; i++) {
		struct policy *policy = xcalloc(1, sizeof *policy);
		policy->index = stack->policy_count;
		stack->policies[stack->policy_count++] = policy;
		if (!(data ? policy_files_of(paths[i], data, len, &loader->files[i], err)
			   : policy_files_read(paths[i], &loader->files[i], err)) ||
		    !add_policy(loader, err))
			return false;
	}
	for (size_t i = 0; i < count; i++)
		if (!read_rules(loader, stack->policies[i], err))
			return false;
	return finish(stack, err) && all_are_used(loader, err);
}

static bool load_stack(const char *const paths[], size_t count, const char *data, size_t len,
		       const struct policy_reading *reading, struct policy_stack **ret_stack, struct err *err) {
	struct policy_stack *stack = xcalloc(1, sizeof *stack);
	struct loader loader = {
		.reading = *reading, .stack = stack, .files = xcalloc(count ? count : 1, sizeof *loader.files)};
	stack->policies = xcalloc(count ? count : 1, sizeof(struct policy *));
	bool is_loaded = load(&loader, paths, count, data, len, err);
	loader_done(&loader);
	if (is_loaded)
		*ret_stack = stack;
	else
		policy_stack_free(stack);
	return is_loaded;
}

bool policy_stack_load(const char *const paths[], size_t count, const struct catalogue *catalogue,
		       const struct check *const *checks, struct policy_stack **ret_stack, struct err *err) {
	const struct policy_reading reading = {.catalogue = catalogue, .checks = checks};
	return load_stack(paths, count, NULL, 0, &reading, ret_stack, err);
}

bool policy_stack_parse(const char *path, const char *data, size_t len, const struct catalogue *catalogue,
			const struct check *const *checks, struct policy_stack **ret_stack, struct err *err) {
	const struct policy_reading reading = {.catalogue = catalogue, .checks = checks};
	return load_stack(&path, 1, data ? data : "", len, &reading, ret_stack, err);
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

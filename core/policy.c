#include "core/policy.h"

#include "core/policy_head.h"
#include "core/policy_loader.h"
#include "core/waiver.h"

static void free_rules(struct rule **rules, size_t count) {
	for (size_t i = 0; i < count; i++)
		policy_rule_free(rules[i]);
	free(rules);
}

void policy_stack_free(struct policy_stack *stack) {
	if (!stack)
		return;
	free_rules(stack->rules, stack->rule_count);
	for (size_t i = 0; i < stack->waiver_count; i++)
		waiver_free(stack->waivers[i]);
	for (size_t i = 0; i < stack->policy_count; i++)
		policy_free(stack->policies[i]);
	for (size_t i = 0; i < stack->left_out_count; i++)
		policy_free(stack->left_out[i]);
	policy_host_free(stack->host);
	free(stack->waivers);
	free(stack->policies);
	free(stack->left_out);
	free(stack);
}

/* ---- rules ---- */

static bool add_rule(struct policy_loader *loader, const struct yaml *node, const struct policy *policy,
		     const char *path, struct err *err) {
	struct rules *rules = policy->left_out ? &loader->spare : &loader->rules;
	struct rule *rule;
	if (loader->rules.count + loader->spare.count == POLICY_RULES_MOST)
		return err_set_at(err, ERR_TOO_BIG, path, node->line, node->column, "more than %d rules",
				  POLICY_RULES_MOST);
	if (!policy_rule_read(node, policy, path, &loader->reading, &rule, err))
		return false;
	if (rules->count == rules->room) {
		rules->room = rules->room ? rules->room * 2 : 64;
		rules->items = xreallocarray(rules->items, rules->room, sizeof(struct rule *));
	}
	rules->items[rules->count++] = rule;
	return true;
}

static bool add_rules(struct policy_loader *loader, const struct yaml *rules, const struct policy *policy,
		      const char *path, struct err *err) {
	if (!yaml_is(rules, YAML_SEQUENCE, path, "rules", err))
		return false;
	if (rules->count == 0)
		return yaml_fault(err, path, rules, "a policy without rules");
	for (size_t i = 0; i < rules->count; i++)
		if (!add_rule(loader, rules->items[i], policy, path, err))
			return false;
	return true;
}

/* Whether the policy says something about rules of others. */
static bool is_overlay(const struct yaml *root) {
	return yaml_get(root, "set") || yaml_get(root, "disable") || yaml_get(root, "enable") ||
	       yaml_get(root, "waivers");
}

/* The rules in the first file, as far as it is the only one or has some, then those of the others. */
static bool read_rules(struct policy_loader *loader, const struct policy *policy, struct err *err) {
	const struct policy_files *files = &loader->files[policy->index];
	const struct yaml *first = files->items[0].root, *rules = yaml_get(first, "rules");
	if (!rules && files->count == 1 && !is_overlay(first))
		return yaml_need(first, "rules", files->items[0].path, "a policy", &rules, err);
	if (rules && !add_rules(loader, rules, policy, files->items[0].path, err))
		return false;
	for (size_t i = 1; i < files->count; i++)
		if (!add_rules(loader, files->items[i].root, policy, files->items[i].path, err))
			return false;
	return true;
}

/* ---- policies ---- */

/* Whether the policy is for this host: then it goes into the stack, else beside it. Takes it over. */
static bool place(struct policy_loader *loader, struct policy *policy, const struct yaml *root, struct err *err) {
	struct policy_stack *stack = loader->stack;
	const char *lacks = policy_selector_lacks(policy->hosts, stack->host);
	if (policy_selector_matches(policy->hosts, stack->host, &policy->left_out))
		stack->policies[stack->policy_count++] = policy;
	else
		stack->left_out[stack->left_out_count++] = policy;
	loader->policies[loader->count++] = policy;
	if (stack->policy_count > POLICY_STACK_MOST)
		return err_set(err, ERR_TOO_BIG, policy->path, "more than %d policies for this host",
			       POLICY_STACK_MOST);
	return !lacks || yaml_fault(err, policy->path, yaml_get(root, "hosts"),
				    "whether this is for this host cannot be said: its %s is not known", lacks);
}

static bool is_new(const struct policy_loader *loader, const struct policy *policy, const struct yaml *root,
		   struct err *err) {
	for (size_t i = 0; i < loader->count; i++)
		if (!strcmp(loader->policies[i]->id, policy->id))
			return yaml_fault(err, policy->path, yaml_get(root, "policy"),
					  "the policy \"%s\" is in %s already", policy->id, loader->policies[i]->path);
	return true;
}

/* The policy of the files that were read last. */
static bool add_policy(struct policy_loader *loader, struct err *err) {
	CLEANUP(policy_free_p) struct policy *policy = xcalloc(1, sizeof *policy);
	struct policy_files *files = &loader->files[loader->count];
	const struct policy_file *head = &files->items[0];
	policy->index = loader->count;
	policy->path = xstrdup(head->path);
	policy->bytes = files->bytes;
	files->bytes = (struct buf){0};
	policy->sha256 = hash_of(policy->bytes.data, policy->bytes.len);
	if (!policy_head_read(head->root, loader->reading.catalogue, policy, err) ||
	    !is_new(loader, policy, head->root, err))
		return false;
	struct policy *taken = policy;
	policy = NULL;
	return place(loader, taken, head->root, err) && policy_overlay_sets(loader, taken, err);
}

/* ---- the stack ---- */

static int by_id_then_place(const void *a, const void *b) {
	const struct rule *one = *(struct rule *const *)a, *two = *(struct rule *const *)b;
	int order = strcmp(one->id, two->id);
	if (order == 0 && one->policy != two->policy)
		return one->policy->index < two->policy->index ? -1 : 1;
	if (order == 0)
		order = strcmp(one->path, two->path);
	return order ? order : one->line < two->line ? -1 : one->line > two->line;
}

static bool stands_twice(const struct rule *first, const struct rule *again, struct err *err) {
	return err_set_at(err, ERR_SYNTAX, again->path, again->line, again->column,
			  "the rule \"%s\" stands in %s, line %u, already%s", again->id, first->path, first->line,
			  again->policy == first->policy ? "" : ": write \"replace: true\" where it takes its place");
}

/* Of rules with one id, each but the first has to say that it takes the place of the one below. */
static bool pile_up(struct rules *rules, struct err *err) {
	size_t kept = 0;
	if (rules->count > 0)
		qsort(rules->items, rules->count, sizeof(struct rule *), by_id_then_place);
	for (size_t i = 1; i < rules->count; i++) {
		const struct rule *first = rules->items[i - 1], *again = rules->items[i];
		if (!strcmp(first->id, again->id) && (first->policy == again->policy || !again->replaces))
			return stands_twice(first, again, err);
	}
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = rules->items[i];
		if (kept > 0 && !strcmp(rules->items[kept - 1]->id, rule->id)) {
			rule->below = rules->items[kept - 1];
			kept--;
		}
		rules->items[kept++] = rule;
	}
	rules->count = kept;
	return true;
}

static bool fits_others(const struct policy_loader *loader, const struct rule *rule, bool is_spare, struct err *err) {
	const struct rule *lowest = rule;
	while (lowest->below)
		lowest = lowest->below;
	const struct rule *control = rule->needs_control ? policy_loader_find(loader, rule->needs_control) : NULL;
	if (control && control->policy->left_out && !is_spare)
		control = NULL;
	if (rule->needs_control && !control)
		return err_set_at(err, ERR_SYNTAX, rule->path, rule->line, rule->column,
				  "needs_control names no rule: \"%s\"", rule->needs_control);
	if (control && control->needs_control)
		return err_set_at(err, ERR_SYNTAX, rule->path, rule->line, rule->column,
				  "needs_control names \"%s\", which needs one itself", control->id);
	bool is_on_top = !lowest->replaces;
	for (size_t i = 0; i < loader->spare.count && !is_on_top; i++)
		is_on_top = !strcmp(loader->spare.items[i]->id, rule->id) && loader->spare.items[i] != rule;
	return is_on_top || (is_spare && policy_rule_find(loader->stack, rule->id)) ||
	       err_set_at(err, ERR_SYNTAX, lowest->path, lowest->line, lowest->column,
			  "there is no rule \"%s\" below this one to take the place of", rule->id);
}

/* What concerns rules among each other. */
static bool finish(struct policy_loader *loader, struct err *err) {
	struct policy_stack *stack = loader->stack;
	if (!pile_up(&loader->rules, err) || !pile_up(&loader->spare, err))
		return false;
	stack->rules = loader->rules.items;
	stack->rule_count = loader->rules.count;
	loader->rules = (struct rules){0};
	for (size_t i = 0; i < stack->rule_count; i++)
		if (!fits_others(loader, stack->rules[i], false, err))
			return false;
	for (size_t i = 0; i < loader->spare.count; i++)
		if (!fits_others(loader, loader->spare.items[i], true, err))
			return false;
	return true;
}

static void loader_done(struct policy_loader *loader) {
	for (size_t i = 0; i <= loader->count && i < POLICY_READ_MOST; i++)
		policy_files_done(&loader->files[i]);
	free_rules(loader->rules.items, loader->rules.count);
	free_rules(loader->spare.items, loader->spare.count);
	free(loader->policies);
	free(loader->files);
	free(loader->reading.sets);
}

/* All policies' files, then all rules. data: of the only one; NULL: the paths are read. */
static bool load(struct policy_loader *loader, const char *const paths[], size_t count, const char *data, size_t len,
		 struct err *err) {
	for (size_t i = 0; i < count; i++)
		if (!(data ? policy_files_of(paths[i], data, len, &loader->files[i], err)
			   : policy_files_read(paths[i], &loader->files[i], err)) ||
		    !add_policy(loader, err))
			return false;
	for (size_t i = 0; i < count; i++)
		if (!read_rules(loader, loader->policies[i], err))
			return false;
	if (!finish(loader, err) || !policy_overlay_read(loader, err))
		return false;
	return loader->stack->rule_count > 0 ||
	       err_set(err, ERR_SYNTAX, count ? paths[0] : "policies", "no rule is left for this host");
}

static bool load_stack(const char *const paths[], size_t count, const char *data, size_t len,
		       const struct policy_host *host, const struct policy_reading *reading,
		       struct policy_stack **ret_stack, struct err *err) {
	CLEANUP(policy_stack_free_p) struct policy_stack *stack = xcalloc(1, sizeof *stack);
	struct policy_loader loader = {.reading = *reading, .stack = stack};
	if (count > POLICY_READ_MOST)
		return err_set(err, ERR_TOO_BIG, paths[POLICY_READ_MOST], "more than %d policies", POLICY_READ_MOST);
	loader.files = xcalloc(POLICY_READ_MOST, sizeof *loader.files);
	loader.policies = xcalloc(count + 1, sizeof(struct policy *));
	stack->policies = xcalloc(count + 1, sizeof(struct policy *));
	stack->left_out = xcalloc(count + 1, sizeof(struct policy *));
	stack->host = policy_host_copy(host);
	bool is_loaded = load(&loader, paths, count, data, len, err);
	loader_done(&loader);
	if (!is_loaded)
		return false;
	*ret_stack = stack;
	stack = NULL;
	return true;
}

bool policy_stack_load_for(const struct policy_host *host, const char *const paths[], size_t count,
			   const struct catalogue *catalogue, const struct check *const *checks,
			   struct policy_stack **ret_stack, struct err *err) {
	const struct policy_reading reading = {.catalogue = catalogue, .checks = checks};
	return load_stack(paths, count, NULL, 0, host, &reading, ret_stack, err);
}

bool policy_stack_load(const char *const paths[], size_t count, const struct catalogue *catalogue,
		       const struct check *const *checks, struct policy_stack **ret_stack, struct err *err) {
	return policy_stack_load_for(NULL, paths, count, catalogue, checks, ret_stack, err);
}

bool policy_stack_parse(const char *path, const char *data, size_t len, const struct catalogue *catalogue,
			const struct check *const *checks, struct policy_stack **ret_stack, struct err *err) {
	const struct policy_reading reading = {.catalogue = catalogue, .checks = checks};
	return load_stack(&path, 1, data ? data : "", len, NULL, &reading, ret_stack, err);
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

#include "core/policy_head.h"

#include "core/policy_rule.h"
#include "core/times.h"

void policy_free(struct policy *policy) {
	if (!policy)
		return;
	free(policy->path);
	free(policy->id);
	free(policy->version);
	free(policy->framework);
	free(policy->title);
	free(policy->owner);
	free(policy->review_by);
	free(policy->left_out);
	policy_selector_free(policy->hosts);
	buf_done(&policy->bytes);
	for (size_t i = 0; i < policy->approval_count; i++)
		free(policy->approvals[i]);
	free(policy->approvals);
	free(policy);
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

bool policy_head_read(const struct yaml *root, const struct catalogue *catalogue, struct policy *policy,
		      struct err *err) {
	static const char *const root_known[] = {"policy", "hosts",   "set",   "disable",
						 "enable", "waivers", "rules", NULL};
	static const char *const known[] = {"id", "version", "framework", "title", "owner", "review_by", NULL};
	const struct yaml *head, *hosts;
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
	hosts = yaml_get(root, "hosts");
	return read_text(head, "title", true, where, &policy->title, err) &&
	       read_text(head, "owner", false, where, &policy->owner, err) && read_review_by(head, policy, err) &&
	       (!hosts || policy_selector_read(hosts, where, &policy->hosts, err));
}

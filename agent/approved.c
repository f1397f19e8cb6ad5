#include "agent/approved.h"

#include <limits.h>

#include "core/approval_file.h"
#include "core/approvers.h"
#include "core/file.h"
#include "core/text.h"

/* --- finding them ------------------------------------------------------------------------------------------------- */

static bool has_line(const struct policy *policy, const char *text) {
	for (size_t i = 0; i < policy->approval_count; i++)
		if (!strcmp(policy->approvals[i], text))
			return true;
	return false;
}

static bool take_file(struct policy *policy, const char *path, struct err *err) {
	CLEANUP(approval_file_done) struct approval_file file = {0};
	if (!approval_file_read(path, &file, err))
		return false;
	for (size_t i = 0; i < file.count; i++) {
		struct approval_line *line = &file.lines[i];
		if (!hash_equal(&line->approval->sha256, &policy->sha256) || has_line(policy, line->text))
			continue;
		policy->approvals =
			xreallocarray(policy->approvals, policy->approval_count + 1, sizeof *policy->approvals);
		policy->approvals[policy->approval_count++] = line->text;
		line->text = NULL;
	}
	return true;
}

/* The path of a policy folder is that of its head. */
static char *beside(const char *path) {
	static const char head[] = "/" POLICY_HEAD_FILE;
	const int len = (int)(strlen(path) - (text_ends(path, head) ? strlen(head) : 0));
	return xasprintf("%.*s" APPROVAL_FILE_END, len, path);
}

static bool find(struct policy *policy, const struct settings *settings, struct err *err) {
	CLEANUP(free_ptr) char *of_file = xasprintf("%s" APPROVAL_FILE_END, policy->path);
	CLEANUP(free_ptr) char *of_folder = beside(policy->path);
	CLEANUP(free_ptr) char *name = xasprintf("%s" APPROVAL_FILE_END, policy->id);
	CLEANUP(free_ptr) char *of_id = file_join(settings->policy_folder, name);
	return take_file(policy, of_file, err) && (!strcmp(of_file, of_folder) || take_file(policy, of_folder, err)) &&
	       take_file(policy, of_id, err);
}

/* --- demanding them ----------------------------------------------------------------------------------------------- */

/* What came with vouch is as good as vouch itself. */
static bool is_shipped(const struct policy *policy, const char *data) {
	CLEANUP(free_ptr) char *folder = file_join(data, "policies");
	char shipped[PATH_MAX], is[PATH_MAX];
	if (!realpath(folder, shipped) || !realpath(policy->path, is))
		return false;
	const size_t len = strlen(shipped);
	return !strncmp(is, shipped, len) && is[len] == '/';
}

/* The reason of the last one that does not hold. */
static bool is_approved(const struct policy *policy, const struct approvers *approvers, int64_t now, struct err *err) {
	const struct approval_about about = {.policy = policy->id, .sha256 = &policy->sha256, .at = now};
	struct err why = {0};
	for (size_t i = 0; i < policy->approval_count; i++) {
		CLEANUP(approval_free_p) struct approval *approval = NULL;
		const char *line = policy->approvals[i];
		if (approvers_hold(approvers, line, strlen(line), &about, policy->path, &approval, &why))
			return true;
	}
	if (policy->approval_count > 0)
		return err_set(err, ERR_REFUSED, policy->path, "nobody has approved it (require_approval): %s",
			       why.why);
	return err_set(err, ERR_REFUSED, policy->path,
		       "nobody has approved it as it is (require_approval): vouch approve makes " APPROVAL_FILE_END
		       " beside it");
}

static bool demand(const struct stack *stack, const struct settings *settings, int64_t now, struct err *err) {
	CLEANUP(approvers_done) struct approvers approvers = {0};
	if (!approvers_read(settings->approvers, &approvers, err))
		return false;
	for (size_t i = 0; i < stack->policies->policy_count; i++) {
		const struct policy *policy = stack->policies->policies[i];
		if (!is_shipped(policy, stack->data) && !is_approved(policy, &approvers, now, err))
			return false;
	}
	return true;
}

bool approved_read(struct stack *stack, const struct settings *settings, int64_t now, struct err *err) {
	for (size_t i = 0; i < stack->policies->policy_count; i++)
		if (!find(stack->policies->policies[i], settings, err))
			return false;
	return !settings->require_approval || demand(stack, settings, now, err);
}

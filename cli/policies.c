#include "cli/policies.h"

#include "agent/approved.h"
#include "core/times.h"

void policies_done(struct policies *policies) { texts_done(&policies->named); }

static bool is_of_this_host(const struct policies *policies) {
	const char *data = getenv("VOUCH_DATADIR");
	return policies->config || (!policies->root && !policies->data && !(data && *data));
}

bool policies_load(const struct policies *policies, struct stack **ret_stack, struct err *err) {
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	const struct texts *named = &policies->named;
	if (named->count && policies->config)
		return err_set(err, ERR_USAGE, "--config", "does not go together with policies that are named");
	if (named->count || !is_of_this_host(policies))
		return stack_load(policies->data, named->items, named->count, ret_stack, err);
	const char *path = policies->config ? policies->config : SETTINGS_FILE;
	const struct host host = {.root = policies->root, .helpers = policies->helpers};
	return settings_load(path, policies->config != NULL, &settings, err) &&
	       stack_of_host(settings, policies->data, &host, ret_stack, err);
}

bool policies_approved(const struct policies *policies, struct stack *stack, struct err *err) {
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	const char *path = policies->config ? policies->config : SETTINGS_FILE;
	if (policies->named.count || !is_of_this_host(policies))
		return true;
	return settings_load(path, policies->config != NULL, &settings, err) &&
	       approved_read(stack, settings, times_now(), err);
}

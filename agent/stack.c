#include "agent/stack.h"

#include "core/file.h"

static const char *data_folder(const char *option) {
	const char *environment = getenv("VOUCH_DATADIR");
	if (option)
		return option;
	return environment && *environment ? environment : VOUCH_DATADIR;
}

bool stack_load(const char *data, const char *const *paths, size_t count, struct stack **ret_stack, struct err *err) {
	CLEANUP(stack_free_p) struct stack *stack = xcalloc(1, sizeof *stack);
	stack->data = xstrdup(data_folder(data));
	CLEANUP(free_ptr) char *folder = file_join(stack->data, "policies");
	CLEANUP(free_ptr) char *baseline = file_join(folder, "linux-baseline");
	const char *const fallback[] = {baseline};
	if (!catalogue_load(folder, &stack->catalogue, err) ||
	    !policy_stack_load(count ? paths : fallback, count ? count : 1, stack->catalogue, checks_all,
			       &stack->policies, err))
		return false;
	*ret_stack = stack;
	stack = NULL;
	return true;
}

void stack_free(struct stack *stack) {
	if (!stack)
		return;
	policy_stack_free(stack->policies);
	catalogue_free(stack->catalogue);
	free(stack->data);
	free(stack);
}

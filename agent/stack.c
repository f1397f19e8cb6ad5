#include "agent/stack.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "agent/identity.h"
#include "core/file.h"
#include "core/paths.h"
#include "sources/gather.h"

static const char *data_folder(const char *option) {
	const char *environment = getenv("VOUCH_DATADIR");
	if (option)
		return option;
	return environment && *environment ? environment : VOUCH_DATADIR;
}

static char *baseline_path(const char *data) {
	CLEANUP(free_ptr) char *folder = file_join(data_folder(data), "policies");
	return file_join(folder, "linux-baseline");
}

static bool load(const char *data, const struct paths *paths, const struct policy_host *host, struct stack **ret_stack,
		 struct err *err) {
	CLEANUP(stack_free_p) struct stack *stack = xcalloc(1, sizeof *stack);
	stack->data = xstrdup(data_folder(data));
	CLEANUP(free_ptr) char *folder = file_join(stack->data, "policies");
	if (!catalogue_load(folder, &stack->catalogue, err) ||
	    !policy_stack_load_for(host, (const char *const *)paths->items, paths->count, stack->catalogue, checks_all,
				   &stack->policies, err))
		return false;
	*ret_stack = stack;
	stack = NULL;
	return true;
}

/* ---- what is named ---- */

static void add_named(const char *data, const char *const *names, size_t count, struct paths *paths) {
	for (size_t i = 0; i < count; i++)
		paths_add(paths, xstrdup(names[i]));
	if (count == 0)
		paths_add(paths, baseline_path(data));
}

bool stack_load(const char *data, const char *const *names, size_t count, struct stack **ret_stack, struct err *err) {
	CLEANUP(paths_done) struct paths paths = {0};
	add_named(data, names, count, &paths);
	return load(data, &paths, NULL, ret_stack, err);
}

/* ---- what lies in the folder ---- */

static int by_bytes(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int is_shown(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* A link that leads nowhere counts by its name, and is found to be one when it is read. */
static bool is_policy(const char *path) {
	const size_t len = strlen(path);
	struct stat status;
	return !strcmp(path + (len > 5 ? len - 5 : 0), ".yaml") || (!stat(path, &status) && S_ISDIR(status.st_mode));
}

static bool add_folder(const char *folder, struct paths *paths, struct err *err) {
	struct dirent **entries;
	int count = scandir(folder, &entries, is_shown, by_bytes);
	if (count < 0)
		return errno == ENOENT || err_errno(err, errno, ERR_IO, folder, "list");
	for (int i = 0; i < count; i++) {
		char *path = file_join(folder, entries[i]->d_name);
		if (is_policy(path))
			paths_add(paths, path);
		else
			free(path);
		free(entries[i]);
	}
	free(entries);
	return true;
}

static bool load_for_host(const struct settings *settings, const char *data, const struct host *host,
			  const struct paths *paths, struct stack **ret_stack, struct err *err) {
	CLEANUP(sources_free_p) struct sources *fetched = sources_new();
	const struct asker asker = {.check = &identity_check};
	if (!gather_now(host, &asker, 1, fetched, err))
		return false;
	CLEANUP(free_ptr) char *name = identity_host_name(fetched);
	CLEANUP(free_ptr) char *os = identity_os(fetched);
	const struct policy_host is = {name, settings->environment, os, (const char *const *)settings->groups,
				       settings->group_count};
	return load(data, paths, &is, ret_stack, err);
}

bool stack_of_host(const struct settings *settings, const char *data, const struct host *host, struct stack **ret_stack,
		   struct err *err) {
	CLEANUP(paths_done) struct paths paths = {0};
	add_named(data, (const char *const *)settings->policies, settings->policy_count, &paths);
	if (!add_folder(settings->policy_folder, &paths, err))
		return false;
	if (settings->policy_count == 0 && paths.count == 1) /* the baseline alone is for every host */
		return load(data, &paths, NULL, ret_stack, err);
	return load_for_host(settings, data, host, &paths, ret_stack, err);
}

void stack_shed(struct stack *stack) {
	catalogue_free(stack->catalogue);
	stack->catalogue = NULL;
	for (size_t i = 0; i < stack->policies->rule_count; i++) {
		json_decref(stack->policies->rules[i]->param_docs);
		stack->policies->rules[i]->param_docs = NULL;
	}
}

void stack_free(struct stack *stack) {
	if (!stack)
		return;
	policy_stack_free(stack->policies);
	catalogue_free(stack->catalogue);
	free(stack->data);
	free(stack);
}

/* What a host runs: the policies of its configuration, then what lies in its folder. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/stack.h"
#include "tests/unit/scratch.h"

#define HEAD(id) "policy: {id: " id ", version: 1.0.0, framework: \"iso27001:2022\", title: T}\n"
#define RULE(id)                                                                                                       \
	"- {id: " id ", title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "      \
	"{path: /etc/a}, expect: {exists: true}, why: w, fix: f}\n"

static char *folder, *root;

static int make(void **state) {
	folder = scratch_new();
	root = scratch_new();
	scratch_put(root, "etc/hostname", "web1\n");
	scratch_put(root, "etc/os-release", "ID=debian\nVERSION_ID=12\n");
	scratch_put(folder, "base.yaml", HEAD("base") "rules:\n" RULE("a.base"));
	return 0;
}

static int drop(void **state) {
	scratch_free(&folder);
	scratch_free(&root);
	return 0;
}

static bool load(const char *more, struct stack **ret_stack, struct err *err) {
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	CLEANUP(free_ptr)
	char *text = xasprintf("policies: [%s/base.yaml]\npolicy_folder: %s/policy.d\n%s", folder, folder, more);
	const struct host host = {.root = root};
	return settings_read(text, strlen(text), "vouchd.yaml", &settings, err) &&
	       stack_of_host(settings, SOURCE_DIR, &host, ret_stack, err);
}

static char *ids(const char *more) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	struct buf text = {0};
	struct err err = {0};
	if (!load(more, &stack, &err))
		fail_msg("%s:%u:%u: %s", err.where, err.line, err.column, err.why);
	for (size_t i = 0; i < stack->policies->policy_count; i++)
		buf_addf(&text, "%s%s", i ? " " : "", stack->policies->policies[i]->id);
	return buf_take(&text);
}

static void folder_that_is_not_there_adds_nothing(void **state) {
	CLEANUP(free_ptr) char *list = ids("");
	assert_string_equal(list, "base");
}

static void files_and_folders_are_stacked_by_the_bytes_of_their_names(void **state) {
	scratch_put(folder, "policy.d/90-host.yaml", HEAD("host") "rules:\n" RULE("d.host"));
	scratch_put(folder, "policy.d/50-web/policy.yaml", HEAD("web"));
	scratch_put(folder, "policy.d/50-web/more.yaml", RULE("c.web"));
	scratch_put(folder, "policy.d/10-Organisation.yaml", HEAD("org") "disable: {a.base: \"none here\"}\n");
	scratch_put(folder, "policy.d/10-Z.yaml", HEAD("z") "enable: [a.base]\n");
	scratch_put(folder, "policy.d/.hidden.yaml", "no policy\n");
	scratch_put(folder, "policy.d/10-Organisation.yaml.approval", "no policy\n");
	scratch_put(folder, "policy.d/10-Organisation.yaml.dpkg-old", "no policy\n");
	scratch_put(folder, "policy.d/README", "no policy\n");
	scratch_put(folder, "policy.d/.git/config", "no policy\n");
	CLEANUP(free_ptr) char *list = ids("");
	assert_string_equal(list, "base org z web host");
}

static void folder_without_a_head_is_an_error(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	struct err err = {0};
	scratch_put(folder, "policy.d/50-web/more.yaml", RULE("c.web"));
	assert_false(load("", &stack, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_non_null(strstr(err.where, "policy.d/50-web/policy.yaml"));
}

static void link_that_leads_nowhere_is_an_error(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(free_ptr) char *link = NULL;
	struct err err = {0};
	scratch_put(folder, "policy.d/README", "");
	link = file_join(folder, "policy.d/50-web.yaml");
	assert_int_equal(symlink("/nonexistent", link), 0);
	assert_false(load("", &stack, &err));
	assert_string_equal(err.where, link);
}

static void folder_that_cannot_be_listed_is_an_error(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	struct err err = {0};
	scratch_put(folder, "policy.d", "no folder\n");
	assert_false(load("", &stack, &err));
	assert_non_null(strstr(err.where, "/policy.d"));
}

static void selectors_see_the_host_and_its_configuration(void **state) {
	scratch_put(folder, "policy.d/1.yaml",
		    HEAD("named") "hosts: {names: [WEB*], os: [debian 12]}\nrules:\n" RULE("b"));
	scratch_put(folder, "policy.d/2.yaml",
		    HEAD("grouped") "hosts: {groups: [dmz], environments: [prod]}\nrules:\n" RULE("c"));
	CLEANUP(free_ptr) char *without = ids("");
	assert_string_equal(without, "base named");
	CLEANUP(free_ptr) char *with = ids("environment: prod\ngroups: [web, dmz]\n");
	assert_string_equal(with, "base named grouped");
}

static void names_cannot_be_selected_on_a_host_without_one(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(free_ptr) char *name = file_join(root, "etc/hostname");
	struct err err = {0};
	scratch_put(folder, "policy.d/1.yaml", HEAD("named") "hosts: {names: [web*]}\nrules:\n" RULE("b"));
	assert_int_equal(unlink(name), 0);
	assert_false(load("", &stack, &err));
	assert_non_null(strstr(err.why, "its name is not known"));
}

static void rules_stay_when_what_judging_does_not_need_is_let_go_of(void **state) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	struct err err = {0};
	assert_true(load("", &stack, &err));
	stack_shed(stack);
	stack_shed(stack);
	assert_null(stack->catalogue);
	assert_int_equal(stack->policies->rule_count, 1);
	assert_string_equal(stack->policies->rules[0]->id, "a.base");
	assert_non_null(stack->policies->rules[0]->expect);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(folder_that_is_not_there_adds_nothing, make, drop),
		cmocka_unit_test_setup_teardown(files_and_folders_are_stacked_by_the_bytes_of_their_names, make, drop),
		cmocka_unit_test_setup_teardown(folder_without_a_head_is_an_error, make, drop),
		cmocka_unit_test_setup_teardown(link_that_leads_nowhere_is_an_error, make, drop),
		cmocka_unit_test_setup_teardown(folder_that_cannot_be_listed_is_an_error, make, drop),
		cmocka_unit_test_setup_teardown(selectors_see_the_host_and_its_configuration, make, drop),
		cmocka_unit_test_setup_teardown(names_cannot_be_selected_on_a_host_without_one, make, drop),
		cmocka_unit_test_setup_teardown(rules_stay_when_what_judging_does_not_need_is_let_go_of, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

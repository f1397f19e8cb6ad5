/* The round: rules that hang on others and on the host's age. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/agent_home.h"

#define HEAD                                                                                                           \
	"policy: {id: p, version: 1.0.0, framework: 'iso27001:2022', title: P, owner: me, review_by: 2027-06-30}\n"    \
	"rules:\n"
/* The probe sorts before what it needs. */
#define PROBE                                                                                                          \
	"  - {id: a.probe, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "   \
	"{path: /etc/forbidden}, expect: {exists: false}, needs_control: z.control, why: w, fix: f}\n"
#define CONTROL                                                                                                        \
	"  - {id: z.control, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: " \
	"{path: /etc/allowed}, expect: {exists: true}, why: w, fix: f}\n"
#define YOUNG                                                                                                          \
	"  - {id: a.young, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "   \
	"{path: /etc/record}, expect: {exists: true}, min_host_age: 1d, why: w, fix: f}\n"

/* The verdict of the first result of a round over `root` under these rules. */
static char *verdict_of_first(const char *root, const char *text, const char *const *only) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p.yaml");
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(round_free_p) struct round *round = NULL;
	struct err err = {0};
	scratch_put(folder, "p.yaml", text);
	const char *const paths[] = {path};
	agent_need(stack_load(SOURCE_DIR, paths, 1, &stack, &err), &err);
	struct look_options options = {.stack = stack->policies, .host = {.root = root}, .only = only};
	agent_need(look_now(&options, &round, &err), &err);
	return xstrdup(json_string_value(json_object_get(json_array_get(round->results, 0), "verdict")));
}

static void probe_passes_when_its_control_does(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/allowed", "");
	CLEANUP(free_ptr) char *verdict = verdict_of_first(root, HEAD PROBE CONTROL, NULL);
	assert_string_equal(verdict, "pass");
}

static void probe_is_unknown_when_its_control_fails(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	CLEANUP(free_ptr) char *verdict = verdict_of_first(root, HEAD PROBE CONTROL, NULL);
	assert_string_equal(verdict, "unknown");
}

static void control_is_looked_at_also_when_only_the_probe_is_asked_for(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	const char *const only[] = {"a.probe", NULL};
	scratch_put(root, "etc/allowed", "");
	CLEANUP(free_ptr) char *verdict = verdict_of_first(root, HEAD PROBE CONTROL, only);
	assert_string_equal(verdict, "pass");
}

static void young_host_is_unknown_and_an_old_one_fails(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	CLEANUP(free_ptr) char *young = verdict_of_first(root, HEAD YOUNG, NULL);
	assert_string_equal(young, "unknown");
	scratch_put(root, ".vouch/meta", "{\"/etc/machine-id\":{\"mtime\":1000000000}}");
	CLEANUP(free_ptr) char *old = verdict_of_first(root, HEAD YOUNG, NULL);
	assert_string_equal(old, "fail");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_passes_when_its_control_does),
		cmocka_unit_test(probe_is_unknown_when_its_control_fails),
		cmocka_unit_test(control_is_looked_at_also_when_only_the_probe_is_asked_for),
		cmocka_unit_test(young_host_is_unknown_and_an_old_one_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

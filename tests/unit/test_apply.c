/* vouch apply: the helpers' list is made anew, unless somebody changed it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "cli/apply.h"
#include "core/mem.h"
#include "tests/unit/verb.h"

extern const struct verb verb_apply;

#define POLICY                                                                                                         \
	"policy: {id: small, version: 1.0.0, framework: 'iso27001:2022', title: Small}\nrules:\n"                      \
	"  - {id: a.mode, title: A, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "    \
	"{path: %s}, expect: {mode: {at_most: '0640'}}, why: w, fix: f}\n"

static char *folder;

static void write_policy(const char *path) {
	CLEANUP(free_ptr) char *policy = xasprintf(POLICY, path);
	CLEANUP(free_ptr)
	char *settings = xasprintf("policies: [%s/p.yaml]\npolicy_folder: %s/policy.d\n", folder, folder);
	scratch_put(folder, "p.yaml", policy);
	scratch_put(folder, "vouchd.yaml", settings);
}

static int make(void **state) {
	folder = scratch_new();
	write_policy("/etc/a");
	return 0;
}

static int drop(void **state) {
	scratch_free(&folder);
	return 0;
}

static struct outcome ask(const char *option) {
	CLEANUP(free_ptr) char *config = file_join(folder, "vouchd.yaml");
	CLEANUP(free_ptr) char *paths = file_join(folder, "paths");
	const char *const arguments[] = {"--config", config,        "--paths", paths, "--data",
					 SOURCE_DIR, "--no-reload", option,    NULL};
	return verb_ask(folder, &verb_apply, arguments);
}

static void list_has(const char *line, bool is_there) {
	CLEANUP(free_ptr) char *list = scratch_text(folder, "paths");
	assert_int_equal(strstr(list, line) != NULL, is_there);
}

static void list_is_made_and_made_anew_when_the_policies_change(void **state) {
	CLEANUP(outcome_done) struct outcome first = ask(NULL);
	ends(&first, 0);
	prints(&first, "+ stat:/etc/a");
	list_has("stat:/etc/a\n", true);
	CLEANUP(outcome_done) struct outcome same = ask(NULL);
	prints(&same, "stays as it is");
	write_policy("/etc/b");
	CLEANUP(outcome_done) struct outcome second = ask(NULL);
	ends(&second, 0);
	prints(&second, "+ stat:/etc/b");
	prints(&second, "- stat:/etc/a");
	list_has("stat:/etc/a\n", false);
	struct stat status;
	CLEANUP(free_ptr) char *paths = file_join(folder, "paths");
	assert_int_equal(stat(paths, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
}

static void list_that_was_changed_by_hand_is_kept_and_what_it_lacks_is_said(void **state) {
	CLEANUP(outcome_done) struct outcome first = ask(NULL);
	ends(&first, 0);
	CLEANUP(free_ptr) char *list = scratch_text(folder, "paths");
	CLEANUP(free_ptr) char *changed = xasprintf("# ours\n%s", list);
	scratch_put(folder, "paths", changed);
	CLEANUP(outcome_done) struct outcome enough = ask(NULL);
	ends(&enough, 0);
	prints(&enough, "has all that is needed");
	write_policy("/etc/b");
	CLEANUP(outcome_done) struct outcome lacking = ask(NULL);
	ends(&lacking, 1);
	prints(&lacking, "+ stat:/etc/b");
	list_has("# ours", true);
	list_has("stat:/etc/b", false);
	CLEANUP(outcome_done) struct outcome forced = ask("--force");
	ends(&forced, 0);
	list_has("# ours", false);
	list_has("stat:/etc/b", true);
}

static void policy_that_is_wrong_changes_nothing(void **state) {
	CLEANUP(outcome_done) struct outcome first = ask(NULL);
	ends(&first, 0);
	scratch_put(folder, "p.yaml", "policy: {id: small}\nrules: none\n");
	CLEANUP(outcome_done) struct outcome wrong = ask(NULL);
	ends(&wrong, 2);
	prints(&wrong, "p.yaml:");
	list_has("stat:/etc/a\n", true);
}

static void one_changed_byte_is_a_change(void **state) {
	CLEANUP(buf_done) struct buf list = {0};
	buf_adds(&list, "file:/etc/a\n");
	apply_mark(&list);
	assert_true(apply_is_marked(list.data, list.len));
	for (size_t i = 0; i < list.len; i++) {
		list.data[i] ^= 1;
		assert_false(apply_is_marked(list.data, list.len));
		list.data[i] ^= 1;
	}
	assert_false(apply_is_marked(list.data, list.len - 1));
	assert_false(apply_is_marked("", 0));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(list_is_made_and_made_anew_when_the_policies_change, make, drop),
		cmocka_unit_test_setup_teardown(list_that_was_changed_by_hand_is_kept_and_what_it_lacks_is_said, make,
						drop),
		cmocka_unit_test_setup_teardown(policy_that_is_wrong_changes_nothing, make, drop),
		cmocka_unit_test(one_changed_byte_is_a_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* vouch sources: a line for each source, stable and sorted, whatever became of the look. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/fetch.h"
#include "tests/unit/verb.h"

static char *folder, *root;

static int make(void **state) {
	folder = scratch_new();
	root = file_join(folder, "root");
	scratch_put(root, "etc/b", "b\n");
	scratch_put(root, "etc/a\tb\n", "");
	scratch_put(root, ".vouch/now%3A", "{\"time\": 5}");
	scratch_put(root, ".vouch/meta",
		    "{\"/etc/b\": {\"mode\": \"0600\", \"gid\": 42}, \"/etc/no\": {\"error\": \"denied\"}}");
	setenv("VOUCH_DATADIR", SOURCE_DIR, 1);
	return 0;
}

static int drop(void **state) {
	free(root);
	scratch_free(&folder);
	return 0;
}

#define LIST(...) verb_ask(folder, &verb_sources, (const char *const[]){"--root", root, __VA_ARGS__, NULL})

static void each_named_source_has_a_line_in_order(void **state) {
	CLEANUP(outcome_done)
	struct outcome outcome = LIST("now:", "file:/etc/c", "file:/etc/b", "dir:/etc");
	assert_string_equal(
		outcome.text,
		"dir:/etc\t60\tsha256:fe78de4186ece3eddc82c21588af7c5a94ae8cdae594521e580c00693c6aef08\n"
		"file:/etc/b\t2\tsha256:0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f"
		"\t0600\t0:42\n"
		"file:/etc/c\tabsent\topen: ENOENT (No such file or directory)\n"
		"now:\t10\tsha256:9f968070818e624a7258790af61989abe51297283ff0b33bc608bad18de53666\tvolatile\n");
	assert_int_equal(outcome.exit_code, 0);
}

static void a_failed_look_is_exit_1_with_its_reason(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = LIST("file:/etc/no", "file:/etc/b");
	prints(&outcome, "file:/etc/no\tdenied\tdenied, as the folder's .vouch/meta has it\n");
	assert_int_equal(outcome.exit_code, 1);
	CLEANUP(outcome_done) struct outcome other = LIST("nothing:of this kind");
	prints(&other, "nothing:of this kind\tunproved\t");
	assert_int_equal(other.exit_code, 1);
}

static void a_name_cannot_forge_a_line_or_a_field(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = LIST("file:/etc/a\tb\n");
	prints(&outcome, "file:/etc/a?b?\t0\tsha256:");
	assert_ptr_equal(strchr(outcome.text, '\n'), outcome.text + strlen(outcome.text) - 1);
}

static void bytes_are_the_bytes_and_nothing_else(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = LIST("--bytes", "file:/etc/b");
	assert_string_equal(outcome.text, "b\n");
	assert_int_equal(outcome.exit_code, 0);
	CLEANUP(outcome_done) struct outcome absent = LIST("--bytes", "file:/etc/c");
	prints(&absent, "file:/etc/c: open: ENOENT");
	assert_int_equal(absent.exit_code, 1);
}

static const json_t *of_name(const json_t *list, const char *name) {
	size_t index;
	const json_t *source;
	json_array_foreach(list, index,
			   source) if (!strcmp(json_string_value(json_object_get(source, "name")), name)) return source;
	fail_msg("no %s", name);
	return NULL;
}

static void json_says_all_but_the_bytes(void **state) {
	struct err err;
	CLEANUP(outcome_done) struct outcome outcome = LIST("--json", "file:/etc/b", "file:/etc/no", "now:");
	CLEANUP(json_decref_p) json_t *object = NULL;
	assert_true(json_read(outcome.text, strlen(outcome.text), 1U << 20, "output", &object, &err));
	const json_t *list = json_object_get(object, "sources");
	assert_int_equal(json_array_size(list), 3);
	const json_t *file = of_name(list, "file:/etc/b"), *failed = of_name(list, "file:/etc/no");
	assert_string_equal(json_string_value(json_object_get(file, "mode")), "0600");
	assert_int_equal(json_integer_value(json_object_get(file, "gid")), 42);
	assert_int_equal(json_integer_value(json_object_get(file, "size")), 2);
	assert_string_equal(json_string_value(json_object_get(failed, "error")), "denied");
	assert_null(json_object_get(failed, "sha256"));
	assert_true(json_is_true(json_object_get(of_name(list, "now:"), "volatile")));
	assert_true(json_is_false(json_object_get(file, "volatile")));
}

static void without_a_name_it_reads_what_the_rules_need(void **state) {
	scratch_put(folder, "small.yaml",
		    "policy: {id: small, version: 1.0.0, framework: 'iso27001:2022', title: Small, owner: me, "
		    "review_by: 2027-06-30}\n"
		    "rules:\n  - {id: b.there, title: There, controls: [A.8.15], severity: low, kind: design, every: "
		    "2h, check: file, with: {path: /etc/b}, expect: {exists: true}, why: w, fix: make it}\n");
	CLEANUP(free_ptr) char *policy = file_join(folder, "small.yaml");
	CLEANUP(outcome_done) struct outcome outcome = LIST("--policy", policy);
	prints(&outcome, "stat:/etc/b\t");
	prints(&outcome, "file:/etc/machine-id\tabsent\t");
	assert_null(strstr(outcome.text, "shadow:"));
	CLEANUP(outcome_done) struct outcome both = LIST("--policy", policy, "now:");
	assert_int_equal(both.exit_code, 2);
}

static void wrong_use_is_exit_2(void **state) {
	static const char *const uses[][3] = {{"--bytes", NULL, NULL},
					      {"--bytes", "now:", "file:/a"},
					      {"no colon", NULL, NULL},
					      {"file:/\xff", NULL, NULL},
					      {"--helpers", "/run/vouch", "now:"}};
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		CLEANUP(outcome_done) struct outcome outcome = LIST(uses[i][0], uses[i][1], uses[i][2]);
		assert_int_equal(outcome.exit_code, 2);
	}
}

static void what_moves_by_itself_is_volatile(void **state) {
	static const char *const moving[] = {
		"now:",       "adjtimex:",    "statvfs:/",    "journal:boots", "file:/proc/swaps",
		"processes:", "audit:status", "tree:/var/log"};
	static const char *const still[] = {"file:/etc/passwd", "file:/proc/sys/kernel/osrelease",
					    "shadow:", "mounts:", "unknown:"};
	for (size_t i = 0; i < ARRAY_LEN(moving); i++)
		assert_true(fetch_is_volatile(moving[i]));
	for (size_t i = 0; i < ARRAY_LEN(still); i++)
		assert_false(fetch_is_volatile(still[i]));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_named_source_has_a_line_in_order),
		cmocka_unit_test(a_failed_look_is_exit_1_with_its_reason),
		cmocka_unit_test(a_name_cannot_forge_a_line_or_a_field),
		cmocka_unit_test(bytes_are_the_bytes_and_nothing_else),
		cmocka_unit_test(json_says_all_but_the_bytes),
		cmocka_unit_test(without_a_name_it_reads_what_the_rules_need),
		cmocka_unit_test(wrong_use_is_exit_2),
		cmocka_unit_test(what_moves_by_itself_is_volatile),
	};
	return cmocka_run_group_tests(tests, make, drop);
}

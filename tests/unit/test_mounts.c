/* The mount table. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "sources/mounts.h"
#include "tests/unit/fetching.h"

#define LINE "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"

static bool parse(const char *text, json_t **ret_list, struct err *err) {
	return mounts_parse(text, strlen(text), "mounts:", ret_list, err);
}

static const char *text_at(const json_t *list, size_t row, const char *key) {
	return json_string_value(json_object_get(json_array_get(list, row), key));
}

static void line_of_the_manual_is_read(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	assert_true(parse(LINE, &list, &err));
	assert_true(json_canonical(list, &bytes, &err));
	assert_string_equal(
		buf_str(&bytes),
		"[{\"dev\":\"98:0\",\"id\":36,\"options\":[\"rw\",\"noatime\"],\"parent\":35,"
		"\"root\":\"/mnt1\",\"source\":\"/dev/root\",\"super_options\":[\"rw\",\"errors=continue\"],"
		"\"target\":\"/mnt2\",\"type\":\"ext3\"}]");
}

static void escapes_are_decoded_after_the_options_are_cut(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *list = NULL;
	assert_true(parse("1 0 0:1 / /a\\040b\\011c\\134d rw - tmpfs \\043x rw,context=a\\054b,x\\9\n", &list, &err));
	assert_string_equal(text_at(list, 0, "target"), "/a b\tc\\d");
	assert_string_equal(text_at(list, 0, "source"), "#x");
	const json_t *options = json_object_get(json_array_get(list, 0), "super_options");
	assert_int_equal(json_array_size(options), 3);
	assert_string_equal(json_string_value(json_array_get(options, 1)), "context=a,b");
	assert_string_equal(json_string_value(json_array_get(options, 2)), "x\\9");
}

static void optional_fields_may_be_none_or_many_and_a_source_empty(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *list = NULL;
	assert_true(parse(
		"1 0 0:1 / / rw - tmpfs  rw\n2 1 0:2 / /x rw shared:1 master:2 propagate_from:3 unbindable - proc "
		"proc rw\n",
		&list, &err));
	assert_string_equal(text_at(list, 0, "source"), "");
	assert_string_equal(text_at(list, 1, "type"), "proc");
}

static void line_that_is_cut_or_strange_is_malformed_with_its_number(void **state) {
	const char *const wrong[] = {"\n",
				     "36 35 98:0 /mnt1 /mnt2 rw master:1\n",
				     "36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root\n",
				     "36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw more\n",
				     "x 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw\n",
				     "36 35 98:0 /mnt1 mnt2 rw - ext3 /dev/root rw\n",
				     "- ext3 /dev/root rw\n"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err err = {0};
		json_t *list = NULL;
		CLEANUP(free_ptr) char *text = xasprintf("%s%s", LINE, wrong[i]);
		assert_false(parse(text, &list, &err));
		assert_null(list);
		assert_int_equal(err.code, ERR_MALFORMED);
		assert_int_equal(err.line, 2);
	}
}

static void live_table_has_a_root_and_proc(void **state) {
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, "mounts:");
	json_t *list;
	struct err err;
	bool has_root = false, has_proc = false;
	assert_true(source_json(only(set), &list, &err));
	for (size_t i = 0; i < json_array_size(list); i++) {
		has_root |= !strcmp(text_at(list, i, "target"), "/");
		has_proc |= !strcmp(text_at(list, i, "type"), "proc");
	}
	assert_true(has_root && has_proc);
}

/* In a child of its own: with /proc as given, what does an ordinary user get? */
static int code_behind(const char *proc_options) {
	pid_t child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
			_exit(101);
		if (proc_options ? mount("proc", "/proc", "proc", 0, proc_options) != 0
				 : mount("none", "/proc", "tmpfs", 0, NULL) != 0)
			_exit(102);
		if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
			_exit(103);
		struct sources *set = fetch_one(NULL, "mounts:");
		int code = (int)only(set)->err.code;
		sources_free(set);
		_exit(code);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void hidden_first_process_is_denied_and_no_proc_unproved(void **state) {
	assert_int_equal(getuid(), 0); /* needs root to mount */
	assert_int_equal(code_behind("hidepid=0"), ERR_NONE);
	assert_int_equal(code_behind("hidepid=2"), ERR_DENIED);
	assert_int_equal(code_behind(NULL), ERR_UNPROVED);
}

static void other_sources_of_one_call_answer(void **state) {
	const char *const names[] = {"adjtimex:", "statvfs:/", "link:/bin", NULL};
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, names);
	json_t *value;
	struct err err;
	assert_true(source_json(sources_at(set, 0), &value, &err));
	assert_true(json_integer_value(json_object_get(value, "time")) > 1700000000);
	assert_true(json_is_integer(json_object_get(value, "maxerror")));
	assert_true(source_json(sources_at(set, 1), &value, &err));
	assert_true(json_integer_value(json_object_get(value, "blocks")) > 0);
	assert_string_equal(buf_str(&sources_at(set, 2)->bytes), "{\"target\":\"/usr/bin\"}");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_of_the_manual_is_read),
		cmocka_unit_test(escapes_are_decoded_after_the_options_are_cut),
		cmocka_unit_test(optional_fields_may_be_none_or_many_and_a_source_empty),
		cmocka_unit_test(line_that_is_cut_or_strange_is_malformed_with_its_number),
		cmocka_unit_test(live_table_has_a_root_and_proc),
		cmocka_unit_test(hidden_first_process_is_denied_and_no_proc_unproved),
		cmocka_unit_test(other_sources_of_one_call_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What dpkg's log and apt's history say. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <time.h>

#include "core/who_dpkg.h"
#include "tests/unit/scratch.h"

static int64_t utc(int year, int month, int day, int hour, int minute, int second) {
	struct tm tm = {.tm_year = year - 1900,
			.tm_mon = month - 1,
			.tm_mday = day,
			.tm_hour = hour,
			.tm_min = minute,
			.tm_sec = second};
	return timegm(&tm);
}

#define AT 1795334422 /* 2026-11-22 08:00:22 UTC */

static void packages_of_the_window_are_listed_with_their_last_action(void **state) {
	CLEANUP(free_ptr) char *log = scratch_text(SOURCE_DIR "/tests/who", "dpkg.log");
	CLEANUP(json_decref_p) json_t *list = who_dpkg(log, strlen(log), utc, AT - 1, AT + 1);
	assert_int_equal(json_array_size(list), 1);
	const json_t *demo = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(demo, "package")), "demo");
	assert_string_equal(json_string_value(json_object_get(demo, "action")), "install");
	assert_int_equal(json_integer_value(json_object_get(demo, "at")), AT);
	CLEANUP(json_decref_p) json_t *before = who_dpkg(log, strlen(log), utc, AT - 100, AT - 1);
	assert_int_equal(json_array_size(before), 0);
}

static void conffiles_that_dpkg_put_there_are_told_from_those_it_left(void **state) {
	const char *log = "2026-11-22 08:00:22 upgrade a:amd64 1 2\n2026-11-22 08:00:22 conffile /etc/a install\n"
			  "2026-11-22 08:00:22 conffile /etc/b keep\n2026-11-22 08:00:22 upgrade b:all 1 2";
	CLEANUP(json_decref_p) json_t *list = who_dpkg(log, strlen(log), utc, AT, AT);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "conffile")), "/etc/a");
}

/* dpkg 1.21, of a package whose configuration file somebody had changed: it was as before behind each but the first. */
static void packages_that_leave_changed_conffiles_alone_say_so(void **state) {
	const char *log = "2026-11-22 08:00:22 install a:all <none> 2\n2026-11-22 08:00:22 remove b:all 2 <none>\n"
			  "2026-11-22 08:00:22 install c:all 2 2\n2026-11-22 08:00:22 upgrade d:all 1 2\n"
			  "2026-11-22 08:00:22 purge e:all 2 <none>\n";
	static const bool keeps[] = {false, true, true, true, false};
	CLEANUP(json_decref_p) json_t *list = who_dpkg(log, strlen(log), utc, AT, AT);
	assert_int_equal(json_array_size(list), ARRAY_LEN(keeps));
	for (size_t i = 0; i < ARRAY_LEN(keeps); i++)
		assert_int_equal(json_is_true(json_object_get(json_array_get(list, i), "keeps")), keeps[i]);
}

static void no_more_packages_than_fit_are_listed(void **state) {
	CLEANUP(buf_done) struct buf log = {0};
	for (int i = 0; i < WHO_PACKAGES_MOST + 5; i++)
		buf_addf(&log, "2026-11-22 08:00:22 upgrade p%d:all 1 2\n", i);
	CLEANUP(json_decref_p) json_t *list = who_dpkg(log.data, log.len, utc, AT, AT);
	assert_int_equal(json_array_size(list), WHO_PACKAGES_MOST);
}

static void lines_that_are_none_of_dpkgs_are_passed_over(void **state) {
	const char *log =
		"\n2026-11-22\n2026-11-22 08:00:22\n2026-11-22 08:00:22 upgrade\n2026-1x-22 08:00:22 upgrade a\n"
		"99999-11-22 08:00:22 upgrade a 1 2\n2026-11-22 08:00:22x upgrade a 1 2\n";
	CLEANUP(json_decref_p) json_t *list = who_dpkg(log, strlen(log), utc, 0, INT64_MAX);
	assert_int_equal(json_array_size(list), 0);
}

static void list_of_a_package_has_whole_paths(void **state) {
	const char *list = "/.\n/etc\n/etc/ssh/sshd_config\n/usr/bin/ssh";
	assert_true(who_dpkg_lists(list, strlen(list), "/etc/ssh/sshd_config"));
	assert_true(who_dpkg_lists(list, strlen(list), "/usr/bin/ssh"));
	assert_false(who_dpkg_lists(list, strlen(list), "/etc/ssh/sshd"));
	assert_false(who_dpkg_lists(list, strlen(list), "/usr/bin/ssh\n"));
	assert_false(who_dpkg_lists("", 0, "/etc"));
}

#define HISTORY                                                                                                        \
	"\nStart-Date: 2026-11-22  08:00:00\nCommandline: apt install x\nRequested-By: alice (1000)\n"                 \
	"Install: x:amd64 (1)\nEnd-Date: 2026-11-22  08:00:30\n"                                                       \
	"\nStart-Date: 2026-11-22  09:00:00\nCommandline: unattended-upgrade\nEnd-Date: 2026-11-22  09:00:30\n"        \
	"\nStart-Date: 2026-11-22  10:00:00\nRequested-By: bob (1001)\nCommandline: Requested-By: eve (0)\n"

static void apt_tells_who_asked_for_what_ran_then(void **state) {
	char *user = NULL;
	int64_t uid;
	assert_true(who_apt(HISTORY, strlen(HISTORY), utc, AT, &user, &uid));
	assert_string_equal(user, "alice");
	assert_int_equal(uid, 1000);
	free(user);
	user = NULL;
	assert_false(who_apt(HISTORY, strlen(HISTORY), utc, AT + 60, &user, &uid));
	assert_false(who_apt(HISTORY, strlen(HISTORY), utc, AT + 3600 - 10, &user, &uid)); /* nobody is named */
	assert_null(user);
	assert_true(who_apt(HISTORY, strlen(HISTORY), utc, AT + 7200, &user, &uid)); /* it runs still */
	assert_string_equal(user, "bob");
	free(user);
}

#define KILLED "\nStart-Date: 2026-11-22  08:00:00\nCommandline: apt install x\nRequested-By: alice (1000)\n"

static void run_that_was_killed_is_not_under_way_for_ever(void **state) {
	static const char next[] = KILLED "\nStart-Date: 2026-11-22  09:00:00\nCommandline: apt install y\n"
					  "Requested-By: bob (1001)\nEnd-Date: 2026-11-22  09:00:30\n";
	char *user = NULL;
	int64_t uid;
	assert_true(who_apt(next, strlen(next), utc, AT + 3600 - 10, &user, &uid));
	assert_string_equal(user, "bob");
	free(user);
	user = NULL;
	assert_false(who_apt(next, strlen(next), utc, AT + 600, &user, &uid)); /* by dpkg alone, or alice's */
	assert_true(who_apt(KILLED, strlen(KILLED), utc, AT + 600, &user, &uid));
	free(user);
	assert_false(who_apt(KILLED, strlen(KILLED), utc, AT + 86400, &user, &uid));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packages_of_the_window_are_listed_with_their_last_action),
		cmocka_unit_test(conffiles_that_dpkg_put_there_are_told_from_those_it_left),
		cmocka_unit_test(packages_that_leave_changed_conffiles_alone_say_so),
		cmocka_unit_test(no_more_packages_than_fit_are_listed),
		cmocka_unit_test(lines_that_are_none_of_dpkgs_are_passed_over),
		cmocka_unit_test(list_of_a_package_has_whole_paths),
		cmocka_unit_test(apt_tells_who_asked_for_what_ran_then),
		cmocka_unit_test(run_that_was_killed_is_not_under_way_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

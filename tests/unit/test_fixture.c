/* A fixture root stands for a host: nothing of the live one shows through. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/times.h"
#include "tests/unit/fetching.h"

static const char *text_of(const char *root, const char *name, struct sources **set) {
	sources_free(*set);
	*set = fetch_one(root, name);
	return buf_str(&only(*set)->bytes);
}

static enum err_code code_of(const char *root, const char *name, struct sources **set) {
	sources_free(*set);
	*set = fetch_one(root, name);
	if (only(*set)->err.code)
		assert_int_equal(only(*set)->bytes.len, 0);
	return only(*set)->err.code;
}

static void files_are_read_below_the_root_only(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	put(root, "etc/hostname", "fixture\n");
	assert_string_equal(text_of(root, "file:/etc/hostname", &set), "fixture\n");
	assert_int_equal(code_of(root, "file:/etc/passwd", &set), ERR_ABSENT);
	assert_int_equal(code_of(root, "dir:/usr", &set), ERR_ABSENT);
}

static void links_cannot_leave_the_root(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	CLEANUP(free_ptr)
	char *absolute = file_join(root, "absolute"), *up = file_join(root, "up"), *magic = file_join(root, "magic");
	put(root, "etc/passwd", "inside\n");
	assert_int_equal(symlink("/etc/passwd", absolute), 0);
	assert_int_equal(symlink("../../../../../../etc/passwd", up), 0);
	assert_int_equal(symlink("/proc/self/root/etc/passwd", magic), 0);
	assert_string_equal(text_of(root, "file:/absolute", &set), "inside\n");
	assert_string_equal(text_of(root, "file:/up", &set), "inside\n");
	assert_string_equal(text_of(root, "file:/../../../etc/passwd", &set), "inside\n");
	assert_int_equal(code_of(root, "file:/magic", &set), ERR_ABSENT);
	assert_string_equal(text_of(root, "link:/up", &set), "{\"target\":\"/etc/passwd\"}");
}

static void the_rest_comes_from_vouch_in_canonical_form(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	put(root, ".vouch/unit%3Assh.service", "{ \"b\": 1,\n \"a\": [] }\n");
	put(root, ".vouch/nft%3Aruleset", "{");
	assert_string_equal(text_of(root, "unit:ssh.service", &set), "{\"a\":[],\"b\":1}");
	assert_int_equal(code_of(root, "nft:ruleset", &set), ERR_MALFORMED);
	assert_int_equal(code_of(root, "mounts:", &set), ERR_UNPROVED);
	assert_string_equal(only(set)->err.why, "not in this folder");
	assert_int_equal(code_of(root, "statvfs:/", &set), ERR_UNPROVED);
	assert_string_equal(text_of(root, "dir:/", &set), "[]");
}

static void time_of_a_disk_is_todays_and_of_a_made_folder_its_own(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	long long time = 0;
	assert_int_equal(sscanf(text_of(root, "now:", &set), "{\"time\":%lld}", &time), 1);
	assert_in_range(time, 1760000000, times_now());
	put(root, ".vouch/meta", "{}");
	assert_int_equal(code_of(root, "now:", &set), ERR_UNPROVED);
	assert_string_equal(only(set)->err.why, "not in this folder");
	put(root, ".vouch/now%3A", "{\"time\":77}");
	assert_string_equal(text_of(root, "now:", &set), "{\"time\":77}");
}

static void meta_gives_mode_owner_and_times_and_the_rest_is_roots(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	CLEANUP(free_ptr) char *tool = file_join(root, "tool");
	put(root, "etc/secret", "x");
	put(root, "other", "");
	put(root, "tool", "");
	assert_int_equal(chmod(tool, 0700), 0);
	put(root, ".vouch/meta", "{\"/etc/secret\":{\"mode\":\"0640\",\"uid\":3,\"gid\":42,\"mtime\":77}}");
	assert_string_equal(
		text_of(root, "stat:/etc/secret", &set),
		"{\"gid\":42,\"mode\":\"0640\",\"mtime\":77,\"nlink\":1,\"size\":1,\"type\":\"file\",\"uid\":3}");
	assert_string_equal(text_of(root, "file:/etc/secret", &set), "x");
	assert_int_equal(only(set)->meta.mode, 0640);
	assert_int_equal(only(set)->meta.gid, 42);
	assert_int_equal(only(set)->meta.mtime, 77);
	assert_string_equal(
		text_of(root, "stat:/other", &set),
		"{\"gid\":0,\"mode\":\"0644\",\"mtime\":0,\"nlink\":1,\"size\":0,\"type\":\"file\",\"uid\":0}");
	assert_non_null(strstr(text_of(root, "stat:/tool", &set), "\"0755\""));
	assert_non_null(strstr(text_of(root, "tree:/etc", &set), "\"0640\""));
}

static void meta_makes_sources_fail(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	put(root, "etc/shadow", "root:*:1:0:1:7:::\n");
	put(root, "etc/ssl/private/key", "");
	put(root, ".vouch/unit%3Ax.service", "{}");
	put(root, ".vouch/meta",
	    "{\"/etc/shadow\":{\"error\":\"denied\"},\"/etc/ssl/private\":{\"error\":\"unreadable\"},"
	    "\"unit:x.service\":{\"error\":\"timeout\"},\"stat:/etc\":{\"error\":\"unproved\"}}");
	assert_int_equal(code_of(root, "file:/etc/shadow", &set), ERR_DENIED);
	assert_int_equal(code_of(root, "stat:/etc/shadow", &set), ERR_DENIED);
	assert_int_equal(code_of(root, "dir:/etc/ssl/private", &set), ERR_UNREADABLE);
	assert_int_equal(code_of(root, "tree:/etc/ssl/private?perm=0007", &set), ERR_UNREADABLE);
	assert_int_equal(code_of(root, "tree:/etc", &set), ERR_UNREADABLE);
	assert_int_equal(code_of(root, "unit:x.service", &set), ERR_TIMEOUT);
	assert_int_equal(code_of(root, "stat:/etc", &set), ERR_UNPROVED);
	assert_int_equal(code_of(root, "dir:/etc", &set), ERR_NONE);
}

static void meta_keeps_what_version_control_cannot(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	put(root, "var/log/.gitkeep", "");
	put(root, "etc/real", "");
	put(root, ".vouch/meta",
	    "{\"/var/log/journal\":{\"type\":\"dir\",\"mode\":\"2755\"},\"/etc/pipe\":{\"type\":\"fifo\"},"
	    "\"/etc/ln\":{\"type\":\"link\",\"target\":\"real\"},\"/run/empty\":{\"type\":\"dir\"},\"/etc/"
	    "real\":{\"uid\":1}}");
	assert_string_equal(text_of(root, "dir:/var/log", &set), "[{\"name\":\"journal\",\"type\":\"dir\"}]");
	assert_string_equal(text_of(root, "dir:/var/log/journal", &set), "[]");
	assert_string_equal(text_of(root, "dir:/run/empty", &set), "[]");
	assert_string_equal(text_of(root, "tree:/run/empty", &set), "[]");
	assert_non_null(strstr(text_of(root, "stat:/var/log/journal", &set), "\"2755\""));
	assert_int_equal(code_of(root, "file:/etc/pipe", &set), ERR_UNREADABLE);
	assert_int_equal(code_of(root, "dir:/etc/pipe", &set), ERR_UNREADABLE);
	assert_non_null(strstr(text_of(root, "stat:/etc/ln", &set), "\"link\":\"real\""));
	assert_non_null(strstr(text_of(root, "tree:/var", &set), "\"/var/log/journal\""));
	assert_non_null(strstr(text_of(root, "tree:/etc", &set), "\"type\":\"fifo\""));
}

static void wrong_meta_fails_every_source(void **state) {
	const char *const wrong[] = {"[]",
				     "{",
				     "{\"/a\":{\"mdoe\":\"0644\"}}",
				     "{\"/a\":{\"mode\":\"rw\"}}",
				     "{\"/a\":{\"mode\":640}}",
				     "{\"/a\":{\"uid\":-1}}",
				     "{\"/a\":{\"error\":\"syntax\"}}",
				     "{\"/a\":{\"type\":\"pipe\"}}",
				     "{\"a\":{}}",
				     "{\"/a\":1}"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(folder_remove) char *root = folder_make();
		CLEANUP(sources_free_p) struct sources *set = NULL;
		put(root, "a", "x");
		put(root, ".vouch/meta", wrong[i]);
		assert_int_equal(code_of(root, "file:/a", &set), ERR_MALFORMED);
		assert_int_equal(code_of(root, "file:/not-there", &set), ERR_MALFORMED);
	}
}

static void root_that_is_not_there_is_never_absence(void **state) {
	CLEANUP(sources_free_p) struct sources *set = NULL;
	assert_int_equal(code_of("/no/such/root", "file:/etc/passwd", &set), ERR_UNREADABLE);
	assert_int_equal(code_of("/no/such/root", "mounts:", &set), ERR_UNREADABLE);
}

/* For ever: renames a file here and there. */
static pid_t rename_beside(const char *root) {
	CLEANUP(free_ptr) char *one = file_join(root, "one"), *other = file_join(root, "other");
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		if (rename(one, other) != 0 || rename(other, one) != 0)
			_exit(1);
}

static void what_is_renamed_elsewhere_does_not_hinder_a_link_that_goes_up(void **state) {
	CLEANUP(folder_remove) char *root = folder_make(), *elsewhere = folder_make();
	CLEANUP(free_ptr) char *up = file_join(root, "etc/up");
	int status;
	put(root, "etc/passwd", "inside\n");
	put(elsewhere, "one", "");
	assert_int_equal(symlink("../../../../../../../../etc/passwd", up), 0);
	pid_t renaming = rename_beside(elsewhere);
	assert_true(renaming > 0);
	unsigned hindered = 0;
	for (unsigned i = 0; i < 2000; i++) {
		CLEANUP(sources_free_p) struct sources *set = NULL;
		hindered += strcmp(text_of(root, "file:/etc/up", &set), "inside\n") != 0;
	}
	kill(renaming, SIGKILL);
	assert_int_equal(waitpid(renaming, &status, 0), renaming);
	assert_int_equal(hindered, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_below_the_root_only),
		cmocka_unit_test(links_cannot_leave_the_root),
		cmocka_unit_test(the_rest_comes_from_vouch_in_canonical_form),
		cmocka_unit_test(time_of_a_disk_is_todays_and_of_a_made_folder_its_own),
		cmocka_unit_test(meta_gives_mode_owner_and_times_and_the_rest_is_roots),
		cmocka_unit_test(meta_makes_sources_fail),
		cmocka_unit_test(meta_keeps_what_version_control_cannot),
		cmocka_unit_test(wrong_meta_fails_every_source),
		cmocka_unit_test(root_that_is_not_there_is_never_absence),
		cmocka_unit_test(what_is_renamed_elsewhere_does_not_hinder_a_link_that_goes_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

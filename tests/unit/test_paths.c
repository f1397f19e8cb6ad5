/* The allow list: what it lets through, and what it takes for a fault. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>

#include "broker/paths.h"
#include "tests/unit/scratch.h"

static struct paths *list_of(const char *text) {
	struct paths *paths = NULL;
	struct err err = {0};
	if (!paths_parse("list", text, strlen(text), &paths, &err))
		fail_msg("%s", err.why);
	return paths;
}

static bool permits(const char *text, const char *name) {
	struct err err = {0};
	int error = 0;
	CLEANUP(paths_free_p) struct paths *paths = list_of(text);
	bool is_permitted = paths_permit(paths, name, &error, &err);
	assert_true(is_permitted || err.code == ERR_DENIED);
	return is_permitted;
}

static bool leads(const char *text, const char *name, const char *target) {
	CLEANUP(paths_free_p) struct paths *paths = list_of(text);
	return paths_may_lead(paths, name, target);
}

static void assert_fault(const char *text, unsigned line, const char *why) {
	struct paths *paths = NULL;
	struct err err = {0};
	assert_false(paths_parse("list", text, strlen(text), &paths, &err));
	assert_int_equal(err.line, line);
	assert_string_equal(err.where, "list");
	if (!strstr(err.why, why))
		fail_msg("%s instead of %s", err.why, why);
}

static void what_is_listed_may_be_asked_for_and_nothing_else(void **state) {
	const char *list = "# files\n\nfile:/etc/passwd\n  dir:/etc/sudoers.d  \nfile:/etc/sysctl.d/*\nshadow:\n";
	assert_true(permits(list, "file:/etc/passwd"));
	assert_true(permits(list, "dir:/etc/sudoers.d"));
	assert_true(permits(list, "file:/etc/sysctl.d/10.conf"));
	assert_true(permits(list, "shadow:"));
	const char *const others[] = {
		"file:/etc/shadow",  "file:/etc/passwd-",     "file:/etc/passw", "dir:/etc/passwd",
		"stat:/etc/passwd",  "file:/etc/sysctl.d",    "file:",           "",
		"file:/etc/passwd/", "file:/etc/sudoers.d/a", "shadow:x"};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(permits(list, others[i]));
	assert_false(permits("", "file:/etc/passwd"));
}

static void inodes_are_asked_for_where_the_source_is_listed(void **state) {
	const char *list = "file:/etc/passwd\ntree:/etc/ssh\ntree:/usr?perm=6000\n";
	assert_true(permits(list, "inodes:file:/etc/passwd"));
	assert_false(permits(list, "inodes:stat:/etc/passwd"));
	assert_false(permits(list, "inodes:file:/etc/passwd/x"));
	assert_true(permits(list, "inodes:tree:/etc/ssh"));
	assert_true(permits(list, "inodes:tree:/etc/ssh/a/b"));
	assert_false(permits(list, "inodes:tree:/etc/sshd"));
	assert_false(permits(list, "inodes:tree:/etc"));
	assert_true(permits(list, "inodes:tree:/usr/bin/su?perm=6000"));
	assert_false(permits(list, "inodes:tree:/usr/bin/su"));
	assert_true(permits("tree:/\n", "inodes:tree:/etc/a"));
	assert_false(permits(list, "tree:/etc/ssh/a"));
	assert_fault("inodes:file:/etc/passwd\n", 1, "not the name of a source");
}

static void a_struck_line_is_not_there(void **state) {
	struct err err = {0};
	int error = 0;
	CLEANUP(paths_free_p) struct paths *paths = list_of("#file:/etc/passwd\n # file:/etc/passwd\n");
	assert_false(paths_permit(paths, "file:/etc/passwd", &error, &err));
	assert_int_equal(error, EACCES);
	assert_string_equal(err.where, "file:/etc/passwd");
	assert_string_equal(err.why, "not in list");
}

static void detours_are_refused_before_anything_is_matched(void **state) {
	const char *const names[] = {
		"file:/etc/sysctl.d/../shadow",    "file:/etc/sysctl.d/./a",     "file:/etc/sysctl.d//a",
		"file:/etc/sysctl.d/..",           "file:/etc/sysctl.d/.",       "file:/../etc/sysctl.d/a",
		"file:/etc/sysctl.d/..?perm=6000", "file:/etc/sysctl.d/..?caps", "file:/etc/.?caps",
		"file:/etc/a?perm=1/..?perm=6000"};
	CLEANUP(paths_free_p) struct paths *paths = list_of("file:/*\n");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct err err = {0};
		int error = 0;
		assert_false(paths_permit(paths, names[i], &error, &err));
		assert_int_equal(error, EINVAL);
	}
	struct err err;
	int error;
	assert_true(paths_permit(paths, "file:/etc/..a/...", &error, &err));
	assert_true(paths_permit(paths, "file:/etc/.hidden", &error, &err));
	assert_true(permits("file:/home/*/.?shrc\n", "file:/home/me/.zshrc"));
}

static void links_lead_to_the_targets_of_their_line(void **state) {
	const char *list = "file:/etc/resolv.conf > /run/systemd/resolve/*.conf /run/NetworkManager/resolv.conf\n"
			   "file:/etc/mtab\n";
	assert_true(leads(list, "file:/etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf"));
	assert_true(leads(list, "file:/etc/resolv.conf", "/run/NetworkManager/resolv.conf"));
	assert_false(leads(list, "file:/etc/resolv.conf", "/etc/shadow"));
	assert_false(leads(list, "file:/etc/mtab", "/run/systemd/resolve/stub-resolv.conf"));
	assert_true(permits(list, "file:/etc/resolv.conf"));
	assert_false(permits(list, "file:/run/systemd/resolve/stub-resolv.conf"));
}

static void links_lead_to_what_may_be_asked_for_anyway(void **state) {
	const char *list = "file:/etc/sysctl.d/*\nfile:/etc/sysctl.conf\nstat:/etc/shadow\n";
	assert_true(leads(list, "file:/etc/sysctl.d/99-sysctl.conf", "/etc/sysctl.conf"));
	assert_false(leads(list, "file:/etc/sysctl.d/99-sysctl.conf", "/etc/shadow"));
	assert_true(leads(list, "stat:/etc/x", "/etc/shadow"));
}

static void merged_folders_need_no_line(void **state) {
	assert_true(leads("", "file:/bin/sh", "/usr/bin/sh"));
	assert_true(leads("", "dir:/bin", "/usr/bin"));
	assert_true(leads("", "file:/sbin/sshd", "/usr/sbin/sshd"));
	assert_true(leads("", "stat:/var/run/nscd/socket", "/run/nscd/socket"));
	assert_true(leads("", "tree:/lib?perm=6000", "/usr/lib"));
	assert_true(leads("", "tree:/lib?caps", "/usr/lib"));
	assert_false(leads("", "file:/bin/sh", "/usr/bin/dash"));
	assert_false(leads("", "file:/bin/sh", "/usr/sbin/sh"));
	assert_false(leads("", "dir:/bi", "/usr/bin"));
	assert_false(leads("", "dir:/bin", "/usr/bi"));
	assert_false(leads("", "file:/etc/sh", "/usr/etc/sh"));
}

static void what_may_be_looked_at_may_be_watched(void **state) {
	const char *list = "file:/etc/resolv.conf > /run/resolv.conf\nshadow:\n";
	assert_true(permits(list, "watch:file:/etc/resolv.conf"));
	assert_true(permits(list, "watch:shadow:"));
	assert_false(permits(list, "watch:dir:/etc"));
	assert_false(permits(list, "watch:"));
	assert_false(permits(list, "watch:watch:shadow:"));
	assert_true(leads(list, "watch:file:/etc/resolv.conf", "/run/resolv.conf"));
	assert_false(leads(list, "watch:file:/etc/resolv.conf", "/etc/shadow"));
	assert_true(leads(list, "watch:dir:/var/lock", "/run/lock"));
}

static void a_bad_line_is_a_fault_with_its_number(void **state) {
	assert_fault("file:/etc/a\n/etc/passwd\n", 2, "not the name of a source");
	assert_fault("etc\n", 1, "not the name of a source");
	assert_fault("File:/etc/a\n", 1, "not the name of a source");
	assert_fault("watch:/etc\n", 1, "not the name of a source");
	assert_fault("file:/etc/../a\n", 1, "a detour");
	assert_fault("file:/etc//a\n", 1, "a detour");
	assert_fault("\nfile:/etc/a >\n", 2, "no target");
	assert_fault("file:/etc/a > etc/b\n", 1, "not the absolute path");
	assert_fault("file:/etc/a > /etc/b/../c\n", 1, "not the absolute path");
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, "file:/etc/a >");
	for (size_t i = 0; i <= PATHS_TARGETS_MOST; i++)
		buf_adds(&text, " /t");
	assert_fault(buf_str(&text), 1, "more than 64 targets");
	struct paths *paths = NULL;
	struct err err = {0};
	assert_false(paths_parse("list", "file:/a\0b", 9, &paths, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
}

static void caps_are_kept(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	for (size_t i = 0; i < PATHS_LINES_MOST; i++)
		buf_adds(&text, "file:/a\n");
	paths_free(list_of(buf_str(&text)));
	buf_adds(&text, "file:/a\n");
	assert_fault(buf_str(&text), PATHS_LINES_MOST + 1, "more than");
	buf_done(&text);
	buf_adds(&text, "file:/");
	while (text.len < 4096)
		buf_adds(&text, "a");
	paths_free(list_of(buf_str(&text)));
	buf_adds(&text, "a");
	assert_fault(buf_str(&text), 1, "longer than");
}

static void assert_not_good(struct paths_file *file, const char *why) {
	struct err err = {0};
	assert_false(paths_file_refresh(file, &err));
	assert_null(file->paths);
	if (!strstr(err.why, why))
		fail_msg("%s instead of %s", err.why, why);
}

static void a_list_is_read_again_when_it_has_changed(void **state) {
	struct err err = {0};
	int error;
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "paths");
	CLEANUP(paths_file_done) struct paths_file file = {.path = path};
	assert_not_good(&file, "ENOENT");
	scratch_put(folder, "paths", "file:/a\n");
	assert_true(paths_file_refresh(&file, &err));
	const struct paths *first = file.paths;
	assert_true(paths_file_refresh(&file, &err));
	assert_ptr_equal(file.paths, first);
	assert_true(paths_permit(file.paths, "file:/a", &error, &err));
	scratch_put(folder, "paths", "file:/b\n");
	assert_true(paths_file_refresh(&file, &err));
	assert_false(paths_permit(file.paths, "file:/a", &error, &err));
	scratch_put(folder, "paths", "file:/b\nwrong\n");
	assert_not_good(&file, "not the name of a source: wrong");
	assert_not_good(&file, "not the name of a source: wrong");
	scratch_put(folder, "paths", "file:/a\n");
	assert_true(paths_file_refresh(&file, &err));
	assert_int_equal(unlink(path), 0);
	assert_not_good(&file, "ENOENT");
}

static void a_list_that_others_can_write_is_not_good(void **state) {
	struct err err = {0};
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "paths");
	CLEANUP(paths_file_done) struct paths_file file = {.path = path};
	scratch_put(folder, "paths", "file:/a\n");
	assert_true(paths_file_refresh(&file, &err));
	assert_int_equal(chmod(path, 0664), 0);
	assert_not_good(&file, "others than root");
	assert_int_equal(chmod(path, 0646), 0);
	assert_not_good(&file, "others than root");
	assert_int_equal(chmod(path, 0644), 0);
	assert_true(paths_file_refresh(&file, &err));
	assert_int_equal(chown(path, 65534, 0), 0);
	assert_not_good(&file, "others than root");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_not_good(&file, "not a regular file");
	assert_int_equal(rmdir(path), 0);
	CLEANUP(free_ptr) char *much = xmalloc(PATHS_LARGEST + 2);
	memset(much, '#', PATHS_LARGEST + 1);
	for (size_t i = 60000; i < PATHS_LARGEST; i += 60000)
		much[i] = '\n';
	much[PATHS_LARGEST + 1] = '\0';
	scratch_put(folder, "paths", much);
	assert_not_good(&file, "1048576");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_may_be_asked_for_and_nothing_else),
		cmocka_unit_test(inodes_are_asked_for_where_the_source_is_listed),
		cmocka_unit_test(a_struck_line_is_not_there),
		cmocka_unit_test(detours_are_refused_before_anything_is_matched),
		cmocka_unit_test(links_lead_to_the_targets_of_their_line),
		cmocka_unit_test(links_lead_to_what_may_be_asked_for_anyway),
		cmocka_unit_test(merged_folders_need_no_line),
		cmocka_unit_test(what_may_be_looked_at_may_be_watched),
		cmocka_unit_test(a_bad_line_is_a_fault_with_its_number),
		cmocka_unit_test(caps_are_kept),
		cmocka_unit_test(a_list_is_read_again_when_it_has_changed),
		cmocka_unit_test(a_list_that_others_can_write_is_not_good),
	};
	if (geteuid() != 0) {
		fprintf(stderr, "test_paths has to run as root: the list has to be root's\n");
		return 1;
	}
	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}

/* The rpm database below a root folder: made by rpm itself from a package that rpmbuild builds, and read by the program
 * that is linked with librpm. And rpm's order of versions. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "core/rpm.h"
#include "sources/rpmdb.h"
#include "tests/unit/fetching.h"

#define DATABASE "var/lib/rpm/rpmdb.sqlite"

/* The arguments end with NULL; what it says goes nowhere. */
static void tool(const char *path, const char *const argv[]) {
	static char home[] = "HOME=/nonexistent", search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = {home, search, NULL};
	pid_t child;
	int status = 0;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&child, path, &actions, NULL, (char *const *)argv, environment), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s failed", path);
}

static void build(const char *folder, const char *name, const char *version) {
	CLEANUP(free_ptr)
	char *spec = xasprintf("Name: %s\nVersion: %s\nRelease: 3\nEpoch: 2\nSummary: x\nLicense: x\nBuildArch: "
			       "noarch\n%%description\nx\n%%files\n",
			       name, version);
	CLEANUP(free_ptr) char *path = file_join(folder, "package.spec");
	CLEANUP(free_ptr) char *top = xasprintf("_topdir %s/build", folder);
	CLEANUP(free_ptr) char *database = xasprintf("_dbpath %s/build/db", folder);
	put(folder, "package.spec", spec);
	tool("/usr/bin/rpmbuild",
	     (const char *const[]){"rpmbuild", "--quiet", "--define", top, "--define", database, "-bb", path, NULL});
}

static void install(const char *folder, const char *name, const char *version) {
	CLEANUP(free_ptr) char *root = file_join(folder, "root");
	CLEANUP(free_ptr) char *path = xasprintf("%s/build/RPMS/noarch/%s-%s-3.noarch.rpm", folder, name, version);
	build(folder, name, version);
	tool("/usr/bin/rpm", (const char *const[]){"rpm", "--root", root, "--define", "_dbpath /var/lib/rpm",
						   "--justdb", "--nodeps", "--noscripts", "-i", path, NULL});
}

static char *root_with_packages(const char *folder) {
	put(folder, "root/etc/os-release", "ID=fedora\n");
	install(folder, "zulu", "2.0");
	install(folder, "alpha", "1.2");
	return file_join(folder, "root");
}

static void packages_of_a_root_folder_are_told(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *root = root_with_packages(folder);
	CLEANUP(sources_free_p) struct sources *set = fetch_one(root, RPMDB);
	json_t *list, *first;
	struct err err;
	assert_string_equal(only(set)->err.why, "");
	assert_true(source_json(only(set), &list, &err));
	assert_int_equal(json_array_size(list), 2);
	first = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(first, "name")), "alpha");
	assert_int_equal(json_integer_value(json_object_get(first, "epoch")), 2);
	assert_string_equal(json_string_value(json_object_get(first, "version")), "1.2");
	assert_string_equal(json_string_value(json_object_get(first, "release")), "3");
	assert_string_equal(json_string_value(json_object_get(first, "arch")), "noarch");
	assert_true(json_integer_value(json_object_get(first, "installed")) > 1700000000);
}

static void root_without_a_database_has_none_whatever_the_host_has(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	put(folder, "etc/os-release", "ID=fedora\n");
	CLEANUP(sources_free_p) struct sources *set = fetch_one(folder, RPMDB);
	assert_int_equal(only(set)->err.code, ERR_ABSENT);
}

static void nothing_is_written_to_read_a_database(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *root = root_with_packages(folder);
	CLEANUP(free_ptr) char *index = file_join(root, DATABASE "-shm");
	assert_int_equal(unlink(index), 0);
	CLEANUP(sources_free_p) struct sources *set = fetch_one(root, RPMDB);
	assert_int_equal(only(set)->err.code, ERR_UNPROVED);
	assert_int_equal(access(index, F_OK), -1);
}

/* librpm would take these for empty databases. */
static void database_that_librpm_cannot_read_is_not_an_empty_one(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	put(folder, "ndb/var/lib/rpm/Packages.db", "RpmP");
	put(folder, "cut/" DATABASE, "SQLite format 3");
	put(folder, "other/" DATABASE, "not a database at all, but long enough to be one");
	static const char *const roots[] = {"ndb", "cut", "other"};
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		CLEANUP(free_ptr) char *root = file_join(folder, roots[i]);
		CLEANUP(sources_free_p) struct sources *set = fetch_one(root, RPMDB);
		assert_true(only(set)->err.code == ERR_UNREADABLE || only(set)->err.code == ERR_MALFORMED);
	}
}

static void link_out_of_the_root_folder_is_not_followed(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *root = root_with_packages(folder);
	CLEANUP(free_ptr) char *target = file_join(root, "var/lib/rpm");
	CLEANUP(free_ptr) char *link = file_join(folder, "other/var/lib/rpm");
	put(folder, "other/var/lib/x", "");
	assert_int_equal(symlink(target, link), 0);
	CLEANUP(free_ptr) char *other = file_join(folder, "other");
	CLEANUP(sources_free_p) struct sources *set = fetch_one(other, RPMDB);
	assert_int_equal(only(set)->err.code, ERR_ABSENT);
}

static void what_the_program_says_is_checked(void **state) {
	static const char *const wrong[] = {
		"",
		"{}",
		"[]",
		"[{}]",
		"[{\"name\":\"a\",\"version\":\"1\",\"release\":\"1\",\"installed\":\"1\"}]",
		"[{\"name\":\"a\",\"version\":\"1\",\"installed\":1}]",
		"[{\"name\":\"a\",\"version\":\"1\",\"release\":\"1\",\"installed\":1}]x",
	};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		json_t *list = NULL;
		assert_false(rpmdb_parse(wrong[i], RPMDB, &list, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
	}
}

/* As `rpm --eval '%{lua:print(rpm.vercmp(...))}'` says it. */
static void versions_compare_as_rpm_does(void **state) {
	static const struct {
		const char *a, *b;
		int order;
	} pairs[] = {
		{"1.0", "1.0", 0},
		{"1.0", "2.0", -1},
		{"2.0.1", "2.0.1a", -1},
		{"5.5p1", "5.5p10", -1},
		{"10xyz", "10.1xyz", -1},
		{"xyz10", "xyz10.1", -1},
		{"xyz.4", "8", -1},
		{"1.0010", "1.9", 1},
		{"1.05", "1.5", 0},
		{"4.999.9", "5.0", -1},
		{"2_0", "2.0", 0},
		{"a+", "a_", 0},
		{"1.0~rc1", "1.0", -1},
		{"1.0~rc1", "1.0~rc2", -1},
		{"1.0^", "1.0", 1},
		{"1.0^git1", "1.01", -1},
		{"1.0^git1~pre", "1.0^git1", -1},
		{"503.el9", "503.el9_4", -1},
		{"1.0a", "1.0.", 1},
		{"a", "1", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		int order = rpm_part_compare(pairs[i].a, pairs[i].b), back = rpm_part_compare(pairs[i].b, pairs[i].a);
		if ((order > 0) - (order < 0) != pairs[i].order || (back > 0) - (back < 0) != -pairs[i].order)
			fail_msg("%s and %s: %d, %d", pairs[i].a, pairs[i].b, order, back);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
#ifdef VOUCH_RPM
		cmocka_unit_test(packages_of_a_root_folder_are_told),
		cmocka_unit_test(nothing_is_written_to_read_a_database),
		cmocka_unit_test(database_that_librpm_cannot_read_is_not_an_empty_one),
		cmocka_unit_test(link_out_of_the_root_folder_is_not_followed),
#endif
		cmocka_unit_test(root_without_a_database_has_none_whatever_the_host_has),
		cmocka_unit_test(what_the_program_says_is_checked),
		cmocka_unit_test(versions_compare_as_rpm_does),
	};
	return cmocka_run_group_tests_name("rpmdb", tests, NULL, NULL);
}

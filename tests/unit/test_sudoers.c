/* What sudo would take, and what it would refuse though cvtsudoers shows it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/sudo_command.h"
#include "sources/capability.h"
#include "sources/command.h"
#include "sources/sudoers.h"
#include "tests/unit/fetching.h"

static void change(const char *folder, const char *name, mode_t mode, uid_t uid, gid_t gid) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	assert_int_equal(chown(path, uid, gid), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* A main file that includes a folder and a file. */
static char *sudoers_make(void) {
	char *folder = folder_make();
	CLEANUP(free_ptr)
	char *text = xasprintf("root ALL=(ALL) ALL\n#includedir %s/sudoers.d\n@include \"more rules\"\n", folder);
	put(folder, "sudoers", text);
	put(folder, "sudoers.d/a", "a ALL=(ALL) ALL\n");
	put(folder, "sudoers.d/b.bak", "b ALL=(ALL) ALL\n");
	put(folder, "sudoers.d/c~", "c ALL=(ALL) ALL\n");
	put(folder, "sudoers.d/d/e", "d ALL=(ALL) ALL\n");
	put(folder, "more rules", "x ALL=(ALL) ALL\n");
	change(folder, "sudoers", 0440, 0, 0);
	change(folder, "sudoers.d", 0755, 0, 0);
	change(folder, "sudoers.d/a", 0440, 0, 0);
	change(folder, "more rules", 0440, 0, 0);
	return folder;
}

static bool are_taken(const char *folder, struct err *err) {
	CLEANUP(free_ptr) char *main = file_join(folder, "sudoers");
	*err = (struct err){0};
	return sudoers_are_taken(main, 0, "cmd:cvtsudoers", err);
}

static void what_sudo_takes_is_taken_and_what_it_passes_over_does_not_count(void **state) {
	CLEANUP(folder_remove) char *folder = sudoers_make();
	struct err err;
	change(folder, "sudoers.d/b.bak", 0666, 65534, 65534);
	change(folder, "sudoers.d/c~", 0666, 65534, 65534);
	change(folder, "sudoers.d/a", 0664, 0, 0); /* its group is root's own */
	assert_true(are_taken(folder, &err));
}

static void what_sudo_refuses_is_unreadable_with_its_name_and_mode(void **state) {
	static const struct {
		const char *name;
		mode_t mode;
		uid_t uid;
		gid_t gid;
		const char *why;
	} cases[] = {
		{"sudoers", 0442, 0, 0, "/sudoers, mode 0442, owner 0:0: writable by everybody"},
		{"sudoers", 0440, 1, 0, "/sudoers, mode 0440, owner 1:0: owned by another user"},
		{"sudoers.d", 0777, 0, 0, "/sudoers.d, mode 0777, owner 0:0: writable by everybody"},
		{"sudoers.d", 0755, 1, 0, "/sudoers.d, mode 0755, owner 1:0: owned by another user"},
		{"sudoers.d/a", 0666, 0, 0, "/sudoers.d/a, mode 0666, owner 0:0: writable by everybody"},
		{"sudoers.d/a", 0460, 0, 4, "/sudoers.d/a, mode 0460, owner 0:4: writable by its group"},
		{"more rules", 0440, 7, 0, "/more rules, mode 0440, owner 7:0: owned by another user"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(folder_remove) char *folder = sudoers_make();
		struct err err;
		change(folder, cases[i].name, cases[i].mode, cases[i].uid, cases[i].gid);
		assert_false(are_taken(folder, &err));
		assert_int_equal(err.code, ERR_UNREADABLE);
		assert_non_null(strstr(err.why, "sudo refuses "));
		assert_non_null(strstr(err.why, cases[i].why));
	}
}

static void file_that_is_included_and_missing_is_unreadable_and_a_missing_folder_is_empty(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	struct err err;
	put(folder, "sudoers", "@includedir none.d\n");
	change(folder, "sudoers", 0440, 0, 0);
	assert_true(are_taken(folder, &err));
	put(folder, "sudoers", "@include none\n");
	assert_false(are_taken(folder, &err));
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_non_null(strstr(err.why, "/none: ENOENT"));
}

static void files_that_include_each_other_end(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	struct err err;
	put(folder, "sudoers", "@include sudoers\n");
	change(folder, "sudoers", 0440, 0, 0);
	assert_false(are_taken(folder, &err));
	assert_int_equal(err.code, ERR_UNREADABLE);
}

static void line_includes_what_sudo_would_include(void **state) {
	static const struct {
		const char *line, *path;
		bool is_folder, is_unclear;
	} cases[] = {
		{"@includedir /etc/sudoers.d", "/etc/sudoers.d", true, false},
		{"  #include /etc/a  ", "/etc/a", false, false},
		{"@include /etc/a\\ b # why", "/etc/a b", false, false},
		{"@include \"/etc/a b\"", "/etc/a b", false, false},
		{"@include\t/etc/%h", "/etc/%h", false, false},
		{"# include /etc/a", NULL, false, false},
		{"#included here", NULL, false, false},
		{"#include", NULL, false, false},
		{"Defaults env_reset", NULL, false, false},
		{"", NULL, false, false},
		{"@include \"/etc/a", NULL, false, true},
		{"@include /etc/a /etc/b", NULL, false, true},
		{"@include  ", NULL, false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(free_ptr) char *path = NULL;
		bool is_folder = false;
		assert_int_equal(sudoers_include(cases[i].line, &is_folder, &path), !cases[i].is_unclear);
		assert_int_equal(path == NULL, cases[i].path == NULL);
		if (path) {
			assert_string_equal(path, cases[i].path);
			assert_int_equal(is_folder, cases[i].is_folder);
		}
	}
}

static void conf_that_names_another_policy_is_told(void **state) {
	assert_true(sudoers_is_standard(""));
	assert_true(sudoers_is_standard("# Plugin x y\nPlugin sudoers_policy sudoers.so\nPlugin sudoers_io sudoers.so\n"
					"Set disable_coredump false\n"));
	assert_false(sudoers_is_standard("Plugin sudoers_policy sudoers.so sudoers_file=/tmp/x\n"));
	assert_false(sudoers_is_standard(" Plugin system_group /x/other.so\n"));
	assert_false(sudoers_is_standard("Plugin\n"));
}

static void rules_of_this_host_are_shown(void **state) {
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, "cmd:cvtsudoers");
	json_t *value;
	struct err err = {0};
	bool is_read = source_json(only(set), &value, &err);
	assert_string_equal(only(set)->err.why, "");
	assert_true(is_read);
	assert_true(json_array_size(json_object_get(value, "User_Specs")) > 0);
}

/* An ordinary user with one capability that ends with the next program: what a unit is that forgets to make it ambient.
 */
static int run_without_inheriting(bool is_ambient) {
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	data[0].effective = data[0].permitted = data[0].inheritable = 1U << CAP_DAC_READ_SEARCH;
	if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0 ||
	    syscall(SYS_capset, &head, data) != 0 || capability_effective() != 1U << CAP_DAC_READ_SEARCH)
		return 101;
	if (is_ambient && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0) != 0)
		return 102;
	const struct ask ask = {.name = "test", .deadline_us = time_us() + 10000000};
	CLEANUP(command_output_done) struct command_output output = {0};
	struct err err = {0};
	bool is_run =
		command_run(&ask, (const char *const[]){"/usr/bin/head", "-c1", "/etc/shadow", NULL}, &output, &err);
	return is_run ? (output.exit == 0 && output.out.len == 1 ? 0 : 103) : (int)err.code;
}

static int in_child(bool is_ambient) {
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(run_without_inheriting(is_ambient));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void program_that_would_see_less_than_we_do_is_not_run(void **state) {
	assert_int_equal(in_child(true), 0);
	assert_int_equal(in_child(false), ERR_DENIED);
}

static void fixed_arguments_tell_who_becomes_root(void **state) {
	static const char *const root[] = {"/bin/su -",
					   "/bin/su",
					   "/bin/su - root",
					   "/bin/su \"\"",
					   "/bin/su - -s /bin/sh",
					   "/bin/bash \"\"",
					   "/usr/bin/bash -l",
					   "/usr/bin/python3.11",
					   "/usr/bin/perl5.36.0 -d",
					   "/usr/bin/vim.nox /etc/motd",
					   "/usr/bin/ex",
					   "/usr/bin/crontab -e",
					   "/usr/bin/crontab -u root -e",
					   "/usr/bin/passwd root",
					   "/usr/bin/env bash",
					   "/usr/bin/nice -n 5 /bin/sh",
					   "/usr/bin/timeout 60 su -",
					   "/usr/bin/sudo -i",
					   "/usr/bin/nsenter -t 1 -m",
					   "/usr/sbin/chroot /mnt",
					   "/home/bob/run.sh",
					   "/tmp/x -y",
					   "/usr/bin/tee -a /etc/passwd",
					   "/bin/cp /tmp/x /etc/shadow",
					   "/bin/dd if=/tmp/x of=/etc/shadow"};
	static const char *const plain[] = {"/bin/su - backup",
					    "/bin/su -c /usr/bin/id backup",
					    "/bin/bash /opt/app/deploy.sh",
					    "/usr/bin/env LC_ALL=C /usr/bin/id",
					    "/usr/bin/timeout 60 /usr/bin/id -u",
					    "/usr/bin/crontab -l",
					    "/usr/bin/passwd backup",
					    "/bin/cp /etc/shadow /srv/copy",
					    "/usr/bin/systemctl restart nginx.service",
					    "/usr/bin/id"};
	for (size_t i = 0; i < ARRAY_LEN(root); i++)
		if (!sudo_command_is_root(root[i], false))
			fail_msg("%s is taken for harmless", root[i]);
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (sudo_command_is_root(plain[i], false))
			fail_msg("%s is taken for root", plain[i]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_arguments_tell_who_becomes_root),
		cmocka_unit_test(what_sudo_takes_is_taken_and_what_it_passes_over_does_not_count),
		cmocka_unit_test(what_sudo_refuses_is_unreadable_with_its_name_and_mode),
		cmocka_unit_test(file_that_is_included_and_missing_is_unreadable_and_a_missing_folder_is_empty),
		cmocka_unit_test(files_that_include_each_other_end),
		cmocka_unit_test(line_includes_what_sudo_would_include),
		cmocka_unit_test(conf_that_names_another_policy_is_told),
		cmocka_unit_test(rules_of_this_host_are_shown),
		cmocka_unit_test(program_that_would_see_less_than_we_do_is_not_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

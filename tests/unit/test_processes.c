/* Processes and their network namespaces: in a process namespace of the test's own, where it is the first process. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "sources/proc.h"
#include "sources/processes.h"
#include "tests/unit/fetching.h"

/* As the first process of a new namespace, with a /proc of these options (NULL: an empty folder): 0 when the test
 * held. */
static int as_first(const char *proc_options, int (*test)(void)) {
	int status = 0;
	pid_t outer = fork();
	if (outer == 0) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
			_exit(101);
		pid_t first = fork();
		if (first == 0) {
			if (proc_options ? mount("proc", "/proc", "proc", 0, proc_options)
					 : mount("none", "/proc", "tmpfs", 0, NULL))
				_exit(102);
			_exit(test());
		}
		if (waitpid(first, &status, 0) != first)
			_exit(103);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 104);
	}
	assert_int_equal(waitpid(outer, &status, 0), outer);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* A child that has done what prepare() does and then waits for its end. */
static pid_t waiting_child(bool (*prepare)(void)) {
	int ready[2];
	char byte = 0;
	if (pipe(ready) != 0)
		_exit(110);
	pid_t child = fork();
	if (child == 0) {
		if (!prepare() || write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		_exit(111);
	close(ready[0]);
	return child;
}

static const json_t *row_of(const json_t *list, pid_t pid) {
	size_t index;
	json_t *row;
	json_array_foreach(list, index, row) if (json_integer_value(json_object_get(row, "pid")) == pid) return row;
	return NULL;
}

/* Runs code from a file that is then replaced, and has one mapped that is only read. */
static bool map_and_replace(void) {
	static const char *const names[] = {"/tmp/vouch-test-code \n.so", "/tmp/vouch-test-data"};
	for (int i = 0; i < 2; i++) {
		int fd = open(names[i], O_RDWR | O_CREAT | O_CLOEXEC, 0700);
		if (fd < 0 || ftruncate(fd, 4096) != 0 ||
		    mmap(NULL, 4096, i ? PROT_READ : PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ||
		    unlink(names[i]) != 0)
			return false;
	}
	return prctl(PR_SET_NAME, "a (x) b") == 0 && setgroups(0, NULL) == 0 && setgid(65534) == 0 &&
	       setuid(65534) == 0;
}

static int look_at_processes(void) {
	pid_t child = waiting_child(map_and_replace);
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, "processes:");
	json_t *list;
	struct err err;
	if (!source_json(only(set), &list, &err))
		return 1;
	const json_t *own = row_of(list, 1), *theirs = row_of(list, child);
	if (!own || !theirs)
		return 2;
	CLEANUP(buf_done) struct buf maps = {0};
	if (!json_canonical(json_object_get(theirs, "maps"), &maps, &err) ||
	    strcmp(buf_str(&maps), "[\"/tmp/vouch-test-code \\n.so\"]") != 0)
		return 3;
	if (strcmp(json_string_value(json_object_get(theirs, "comm")), "a (x) b") != 0 ||
	    json_integer_value(json_object_get(theirs, "uid")) != 65534)
		return 4;
	if (json_is_true(json_object_get(own, "deleted")) || json_array_size(json_object_get(own, "maps")) != 0 ||
	    !strstr(json_string_value(json_object_get(own, "exe")), "test_processes"))
		return 5;
	if (json_is_true(json_object_get(theirs, "own_mounts")) || json_is_true(json_object_get(theirs, "own_pids")))
		return 6;
	return 0;
}

static void process_shows_the_replaced_files_that_it_runs_code_from(void **state) {
	assert_int_equal(getuid(), 0); /* needs root to make namespaces */
	assert_int_equal(as_first("hidepid=0", look_at_processes), 0);
}

static void *go_on(void *context) {
	pause();
	return NULL;
}

/* The first thread ends, another goes on. */
static int look_at_headless(void) {
	pid_t child = fork();
	if (child == 0) {
		pthread_t other;
		if (pthread_create(&other, NULL, go_on, NULL) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	CLEANUP(free_ptr) char *status = xasprintf("/proc/%d/stat", (int)child);
	for (;;) {
		char text[256] = "";
		CLEANUP(close_fd) int fd = open(status, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
			return 1;
		if (strstr(text, ") Z "))
			break;
		usleep(1000);
	}
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, "processes:");
	json_t *list;
	struct err err;
	if (!source_json(only(set), &list, &err))
		return 2;
	const json_t *row = row_of(list, child);
	return row && strstr(json_string_value(json_object_get(row, "exe")), "test_processes") ? 0 : 3;
}

static void process_whose_first_thread_has_ended_is_not_left_out(void **state) {
	assert_int_equal(as_first("hidepid=0", look_at_headless), 0);
}

static bool leave(void) { return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0; }

static int look_at_namespaces(void) {
	pid_t away = waiting_child(leave);
	CLEANUP(sources_free_p)
	struct sources *set = fetch_all(NULL, (const char *const[]){"netns:", "processes:", NULL});
	json_t *list, *processes;
	struct err err;
	if (!source_json(sources_at(set, 0), &list, &err) || !source_json(sources_at(set, 1), &processes, &err))
		return 1;
	const json_t *first = row_of(list, 1), *other = row_of(list, away);
	if (json_array_size(list) != 2 || !first || !other)
		return 2;
	if (!json_is_true(json_object_get(first, "first")) || !json_is_false(json_object_get(other, "first")))
		return 3;
	if (!json_is_true(json_object_get(row_of(processes, away), "own_mounts")))
		return 4;
	return 0;
}

static void namespaces_are_told_apart_and_the_first_is_marked(void **state) {
	assert_int_equal(as_first("hidepid=0", look_at_namespaces), 0);
}

static bool nothing(void) { return true; }

/* As a user who may not trace: the codes of both sources in one number. */
static int codes_as_nobody(void) {
	CLEANUP(free_ptr) char *netfile = xasprintf("netfile:%d/tcp", (int)waiting_child(nothing));
	if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
		return 120;
	CLEANUP(sources_free_p)
	struct sources *set = fetch_all(NULL, (const char *const[]){"netns:", "processes:", netfile, NULL});
	int codes = 0;
	for (size_t i = 0; i < 3; i++)
		codes = codes * 6 + (int)sources_at(set, i)->err.code;
	return codes;
}

static int reason_names_hidepid(void) {
	if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
		return 120;
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, "processes:");
	return !strstr(only(set)->err.why, "hidepid=");
}

static void who_may_not_trace_is_denied_and_hidden_processes_are_not_absent(void **state) {
	/* Without hidepid= the socket table of a process may be read by everybody. */
	assert_int_equal(as_first("hidepid=0", codes_as_nobody), (ERR_DENIED * 6 + ERR_DENIED) * 6 + ERR_NONE);
	assert_int_equal(as_first("hidepid=2", codes_as_nobody), (ERR_DENIED * 6 + ERR_DENIED) * 6 + ERR_DENIED);
	assert_int_equal(as_first("hidepid=1", codes_as_nobody), (ERR_DENIED * 6 + ERR_DENIED) * 6 + ERR_DENIED);
	assert_int_equal(as_first("hidepid=2", reason_names_hidepid), 0);
}

static int codes_of_root(void) {
	CLEANUP(sources_free_p)
	struct sources *set = fetch_all(NULL, (const char *const[]){"netns:", "processes:", NULL});
	return (int)sources_at(set, 0)->err.code * 6 + (int)sources_at(set, 1)->err.code;
}

static void who_may_trace_sees_behind_hidepid_and_nobody_without_proc(void **state) {
	assert_int_equal(as_first("hidepid=2", codes_of_root), ERR_NONE);
	assert_int_equal(as_first(NULL, codes_of_root), ERR_UNPROVED * 6 + ERR_UNPROVED);
}

static void options_of_proc_are_understood(void **state) {
	static const struct {
		const char *options;
		bool hides;
		int64_t group;
	} cases[] = {{"[\"rw\"]", false, -1},
		     {"[\"rw\",\"hidepid=invisible\",\"gid=4\"]", true, 4},
		     {"[\"rw\",\"gid=27\",\"hidepid=2\"]", true, 27},
		     {"[\"hidepid=noaccess\"]", true, -1},
		     {"[\"hidepid=ptraceable\"]", true, -1},
		     {"[\"hidepid=off\",\"gid=x\"]", false, -1},
		     {"[\"hidepid=0\"]", false, -1}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(json_decref_p) json_t *options = json_loads(cases[i].options, 0, NULL);
		int64_t group;
		assert_int_equal(proc_hides(options, &group), cases[i].hides);
		assert_int_equal(group, cases[i].group);
	}
}

static void line_of_a_map_counts_when_code_is_run_from_a_removed_file(void **state) {
	static const struct {
		const char *line, *path;
	} cases[] = {
		{"7f00-7f01 r-xp 00002000 fe:00 1234                      /usr/lib/x.so (deleted)", "/usr/lib/x.so"},
		{"7f00-7f01 r-xp 00002000 fe:00 1234  /a b\\012c (deleted) (deleted)", "/a b\nc (deleted)"},
		{"7f00-7f01 r-xp 00002000 fe:00 1234  /usr/lib/x.so", NULL},
		{"7f00-7f01 r--p 00002000 fe:00 1234  /usr/lib/x.so (deleted)", NULL},
		{"7f00-7f01 rwxs 00002000 00:01 1234  /memfd:jit (deleted)", NULL},
		{"7f00-7f01 rwxs 00002000 00:01 1234  /dev/zero (deleted)", NULL},
		{"7f00-7f01 rwxs 00002000 00:01 1234  /SYSV00000000 (deleted)", NULL},
		{"7f00-7f01 r-xp 00000000 00:00 0   [vdso]", NULL},
		{"7f00-7f01 r-xp 00000000 00:00 0 ", NULL},
		{"7f00-7f01 r-xp 00000000 00:00 0  (deleted)", NULL},
		{"r-x (deleted)", NULL},
		{" (deleted)", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(free_ptr) char *path = NULL;
		assert_int_equal(processes_maps_line(cases[i].line, &path), cases[i].path != NULL);
		if (path)
			assert_string_equal(path, cases[i].path);
	}
}

static void unit_is_found_in_either_version_of_control_groups(void **state) {
	static const struct {
		const char *cgroup, *unit;
	} cases[] = {{"0::/system.slice/ssh.service\n", "ssh.service"},
		     {"9:name=systemd:/system.slice/cron.service\n8:pids:/x.service\n0::/\n", "cron.service"},
		     {"9:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n", "b.service"},
		     {"8:pids:/system.slice/x.service\n", NULL},
		     {"0::/\n", NULL},
		     {"0:", NULL},
		     {"\n\n0::/init.scope", "init.scope"},
		     {"", NULL}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(free_ptr) char *unit = processes_unit(cases[i].cgroup);
		assert_int_equal(unit == NULL, cases[i].unit == NULL);
		if (unit)
			assert_string_equal(unit, cases[i].unit);
	}
}

static void user_is_the_effective_one_whatever_a_process_calls_itself(void **state) {
	unsigned long long uid = 7;
	assert_true(processes_uid("Name:\ta\\nUid:\t9\t9\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t1\n", &uid));
	assert_int_equal(uid, 0);
	assert_false(processes_uid("Name:\ta\nUid:\t1000\n", &uid));
	assert_false(processes_uid("Name:\ta\nUid:\t1000\t-1\t\n", &uid));
	assert_false(processes_uid("", &uid));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_shows_the_replaced_files_that_it_runs_code_from),
		cmocka_unit_test(process_whose_first_thread_has_ended_is_not_left_out),
		cmocka_unit_test(namespaces_are_told_apart_and_the_first_is_marked),
		cmocka_unit_test(who_may_not_trace_is_denied_and_hidden_processes_are_not_absent),
		cmocka_unit_test(who_may_trace_sees_behind_hidepid_and_nobody_without_proc),
		cmocka_unit_test(options_of_proc_are_understood),
		cmocka_unit_test(line_of_a_map_counts_when_code_is_run_from_a_removed_file),
		cmocka_unit_test(unit_is_found_in_either_version_of_control_groups),
		cmocka_unit_test(user_is_the_effective_one_whatever_a_process_calls_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A program that is confined begins no other. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/confine.h"

/* What a child of a child (so that both are known to be confined) exits with. */
static int exit_of(int (*act)(void)) {
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct err err;
		if (!confine_to_this_program(&err))
			_exit(100);
		pid_t inner = fork();
		if (inner == 0)
			_exit(act());
		waitpid(inner, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 101);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int begin_by_path(void) {
	char name[] = "true", *const argv[] = {name, NULL};
	execv("/bin/true", argv);
	return errno == EPERM ? 7 : 8;
}

static int begin_by_descriptor(void) {
	char name[] = "true", *const argv[] = {name, NULL}, *const env[] = {NULL};
	syscall(SYS_execveat, -100, "/bin/true", argv, env, 0);
	return errno == EPERM ? 7 : 8;
}

static int do_something_else(void) { return getpid() > 0 && access("/", F_OK) == 0 ? 7 : 8; }

static void confined_program_begins_no_other(void **state) {
	assert_int_equal(exit_of(begin_by_path), 7);
	assert_int_equal(exit_of(begin_by_descriptor), 7);
}

static void everything_else_goes_on(void **state) { assert_int_equal(exit_of(do_something_else), 7); }

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confined_program_begins_no_other),
		cmocka_unit_test(everything_else_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A hand that dies late: after whoever killed it has gone on. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "sources/tie.h"

static pid_t sleeper(void) {
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

/* What is killed and what is waited for are two processes here, so that the second outlives the kill. */
static void hand_that_dies_late_is_waited_for_by_the_loop(void **state) {
	sd_event *loop = NULL;
	pid_t killed = sleeper(), late = sleeper();
	struct tie tie = TIE_NONE;
	assert_true(sd_event_new(&loop) >= 0);
	tie.pid = killed;
	tie.pidfd = pidfd_open(late, 0);
	assert_true(tie.pidfd >= 0);
	tie_cut(&tie, loop);
	assert_int_equal(waitpid(killed, NULL, 0), killed);
	kill(late, SIGKILL);
	assert_true(sd_event_run(loop, UINT64_MAX) > 0);
	assert_int_equal(waitpid(late, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_null(sd_event_unref(loop));
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(hand_that_dies_late_is_waited_for_by_the_loop)};
	return cmocka_run_group_tests_name("tie", tests, NULL, NULL);
}

#include "sources/plugin_leftovers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/kind.h"

#define ENDING_MS 3000
#define PAUSE_MS 2

/* Whoever forks on and on must not be faster than who ends them: all are stopped before any dies, as a dead one's
 * children come anew. */
static void signal_children(int number) {
	CLEANUP(free_ptr) char *path = xasprintf("/proc/self/task/%d/children", (int)gettid());
	FILE *children = fopen(path, "re");
	int pid;
	while (children && fscanf(children, "%d", &pid) == 1)
		if (pid > 0)
			kill(pid, number);
	if (children)
		fclose(children);
}

/* Whether any child is left. */
static bool reap(void) {
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);
		if (pid == 0)
			return true;
		if (pid < 0 && errno != EINTR)
			return false;
	}
}

void plugin_end_leftovers(void) {
	uint64_t until = time_us() + ENDING_MS * 1000ULL;
	while (reap() && time_us() < until) {
		signal_children(SIGSTOP);
		signal_children(SIGKILL);
		poll(NULL, 0, PAUSE_MS);
	}
}

#include "sources/tie.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/hand.h"

#define KILL_MS 200 /* in which a killed process dies, unless it is stuck */

/* In the process that becomes a hand: of its parent it keeps the kinds, the rights and this socket. */
static void become_hand(int socket, pid_t parent, const struct kind *const *kinds) {
	sigset_t none;
	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int kept = fcntl(socket, F_DUPFD_CLOEXEC, 3); /* should the three have been closed */
	dup2(nothing, 0);
	dup2(nothing, 1);
	if (kept < 0 || (kept != 3 && dup2(kept, 3) != 3) || close_range(4, ~0U, 0) != 0)
		_exit(1);
	hand_serve(3, &(struct hand){.kinds = kinds});
	_exit(0);
}

int tie_fork(const struct kind *const *kinds, struct tie *ret_tie) {
	int ends[2];
	pid_t parent = getpid();
	*ret_tie = TIE_NONE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return errno;
	ret_tie->socket = ends[0];
	pid_t pid = fork();
	int error = errno;
	if (pid == 0)
		become_hand(ends[1], parent, kinds);
	close(ends[1]);
	if (pid < 0)
		return error;
	ret_tie->pid = pid;
	ret_tie->pidfd = pidfd_open(pid, 0);
	return ret_tie->pidfd < 0 ? errno : 0;
}

int tie_connect(const char *path, struct tie *ret_tie) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	*ret_tie = TIE_NONE;
	if (strlen(path) >= sizeof address.sun_path)
		return ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	ret_tie->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ret_tie->socket < 0)
		return errno;
	return connect(ret_tie->socket, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
}

void tie_kill(const struct tie *tie) {
	if (tie->pid)
		kill(tie->pid, SIGKILL);
}

static int on_late_end(sd_event_source *source, int fd, uint32_t events, void *context) {
	siginfo_t info;
	waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	sd_event_source_set_floating(source, false); /* it was the loop's alone, and is gone with this */
	return 0;
}

void tie_cut(struct tie *tie, sd_event *event) {
	siginfo_t info;
	struct pollfd end = {.fd = tie->pidfd, .events = POLLIN};
	sd_event_source *late = NULL;
	close_fd(&tie->socket);
	tie_kill(tie);
	if (tie->pid && (tie->pidfd < 0 || poll(&end, 1, KILL_MS) > 0)) {
		waitid(P_PID, (id_t)tie->pid, &info, WEXITED);
	} else if (tie->pid && sd_event_add_io(event, &late, tie->pidfd, EPOLLIN, on_late_end, NULL) >= 0) {
		sd_event_source_set_io_fd_own(late, true);
		sd_event_source_set_floating(late, true);
		sd_event_source_unref(late);
		tie->pidfd = -1;
	}
	close_fd(&tie->pidfd);
	*tie = TIE_NONE;
}

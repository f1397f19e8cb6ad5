/* In systemd's place, for a story that kills a service: listens on SOCKET, starts COMMAND when somebody connects and it
 * does not run, hands it the socket and what an earlier one left in the descriptor store (of one name and one
 * descriptor), and writes a line into SOCKET.ends whenever it ends. SOCKET.pid has its process id. Ends on a signal. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 10
#define FIRST 3 /* SD_LISTEN_FDS_START */

static int listening, notify, stored = -1;
static char stored_name[64] = "stored";

static int bound(int type, const char *path) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

static void take_message(char *text, int fd) {
	bool is_kept = false;
	for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!strcmp(line, "FDSTOREREMOVE=1") && stored >= 0) {
			close(stored);
			stored = -1;
		}
		is_kept = is_kept || !strcmp(line, "FDSTORE=1");
		if (!strncmp(line, "FDNAME=", 7))
			snprintf(stored_name, sizeof stored_name, "%s", line + 7);
	}
	if (is_kept && fd >= 0 && stored < 0)
		stored = fd;
	else if (fd >= 0)
		close(fd);
}

static void take_messages(void) {
	for (;;) {
		char text[1024], control[CMSG_SPACE(sizeof(int))];
		struct iovec bytes = {text, sizeof text - 1};
		struct msghdr message = {
			.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
		int fd = -1;
		ssize_t len = recvmsg(notify, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (len < 0)
			return;
		const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		if (head && head->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(head), sizeof fd);
		text[len] = '\0';
		take_message(text, fd);
	}
}

static void put_at(int fd, int at) {
	int high = fcntl(fd, F_DUPFD, 20);
	if (high < 0 || dup2(high, at) < 0)
		_exit(127);
	close(high);
}

static void become(char **command, const char *notify_path) {
	char pid[16], names[80];
	const int kept = stored >= 0 ? fcntl(stored, F_DUPFD_CLOEXEC, 30) : -1;
	put_at(listening, FIRST);
	if (kept >= 0)
		put_at(kept, FIRST + 1);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	snprintf(names, sizeof names, "asked%s%s", kept >= 0 ? ":" : "", kept >= 0 ? stored_name : "");
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", kept >= 0 ? "2" : "1", 1);
	setenv("LISTEN_FDNAMES", names, 1);
	setenv("NOTIFY_SOCKET", notify_path, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(command[0], command);
	_exit(127);
}

static void note(const char *path, const char *how, int number) {
	FILE *file = fopen(path, how);
	if (!file)
		exit(2);
	fprintf(file, "%d\n", number);
	fclose(file);
}

int main(int argc, char **argv) {
	char notify_path[200], ends[200], running[200];
	pid_t child = 0;
	if (argc < 3)
		return 2;
	snprintf(notify_path, sizeof notify_path, "%s.notify", argv[1]);
	snprintf(ends, sizeof ends, "%s.ends", argv[1]);
	snprintf(running, sizeof running, "%s.pid", argv[1]);
	notify = bound(SOCK_DGRAM, notify_path);
	listening = bound(SOCK_SEQPACKET, argv[1]);
	if (listen(listening, 16) != 0)
		return 2;
	for (;;) {
		struct pollfd waiting[] = {{notify, POLLIN, 0}, {child ? -1 : listening, POLLIN, 0}};
		int status;
		poll(waiting, 2, LOOK_MS);
		const bool is_over = child && waitpid(child, &status, WNOHANG) == child;
		take_messages(); /* its last words too */
		if (is_over) {
			child = 0;
			unlink(running);
			note(ends, "a", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
		} else if (!child && waiting[1].revents) {
			child = fork();
			if (child == 0)
				become(argv + 2, notify_path);
			note(running, "w", (int)child);
		}
	}
}

#include "broker/start.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/journal.h"
#include "broker/serve.h"
#include "core/text.h"

#define FIRST_PASSED 3 /* the descriptor of sd_listen_fds(3) */
#define BACKLOG 64
#define IDLE_LONGEST_S 86400

static int misused(const struct start_program *program) {
	fputs(program->usage, stderr);
	return 3;
}

int start_read_arguments(const struct start_program *program, int argc, char **argv,
			 struct start_arguments *ret_arguments) {
	const struct option options[] = {{program->file_option, required_argument, NULL, 'f'},
					 {"client", required_argument, NULL, 'c'},
					 {"socket", required_argument, NULL, 's'},
					 {"idle", required_argument, NULL, 'i'},
					 {"help", no_argument, NULL, 'h'},
					 {"version", no_argument, NULL, 'v'},
					 {0}};
	struct start_arguments arguments = {.client = START_CLIENT, .file = program->file};
	unsigned long long idle_s = SERVE_IDLE_S;
	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (option == 'f')
			arguments.file = optarg;
		else if (option == 'c')
			arguments.client = optarg;
		else if (option == 's')
			arguments.socket = optarg;
		else if (option == 'i' && text_to_u64(optarg, IDLE_LONGEST_S, &idle_s))
			continue;
		else if (option == 'h')
			return fputs(program->usage, stdout), 1;
		else if (option == 'v')
			return printf("%s " VOUCH_VERSION "\n", program->name), 1;
		else
			return misused(program);
	}
	if (argc - optind != program->has_operand)
		return misused(program);
	arguments.operand = argv[optind];
	arguments.idle_s = (unsigned)idle_s;
	*ret_arguments = arguments;
	return 0;
}

int start_fail(const struct err *err, int exit_code) {
	char text[sizeof err->where + sizeof err->why];
	journal_error("%s", err_text(err, text, sizeof text));
	return exit_code;
}

/* What sd_listen_fds(3) does, for the one socket that there is. */
static bool take_passed(int *ret_socket, struct err *err) {
	unsigned long long pid, count;
	int kind = 0, is_listening = 0;
	socklen_t len = sizeof kind;
	const char *for_whom = getenv("LISTEN_PID"), *how_many = getenv("LISTEN_FDS");
	if (!for_whom || !how_many || !text_to_u64(for_whom, 1ULL << 31, &pid) || (pid_t)pid != getpid() ||
	    !text_to_u64(how_many, 1, &count) || count != 1)
		return err_set(err, ERR_USAGE, "", "no socket was passed: the socket unit starts this, or --socket");
	if (getsockopt(FIRST_PASSED, SOL_SOCKET, SO_TYPE, &kind, &len) != 0 || kind != SOCK_SEQPACKET ||
	    getsockopt(FIRST_PASSED, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 || !is_listening)
		return err_set(err, ERR_USAGE, "", "what was passed is no listening SOCK_SEQPACKET socket");
	*ret_socket = FIRST_PASSED;
	return true;
}

/* Who finds it can connect: it gets its name when it listens. */
static bool make_socket(const char *path, int *ret_socket, struct err *err) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP(free_ptr) char *made_as = xasprintf("%s.new", path);
	if (strlen(made_as) >= sizeof address.sun_path)
		return err_set(err, ERR_USAGE, path, "too long for a socket");
	memcpy(address.sun_path, made_as, strlen(made_as) + 1);
	CLEANUP(close_fd) int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (made < 0)
		return err_errno(err, errno, ERR_IO, path, "socket");
	if (unlink(made_as) != 0 && errno != ENOENT)
		return err_errno(err, errno, ERR_IO, path, "unlink");
	if (bind(made, (struct sockaddr *)&address, sizeof address) != 0 || chmod(made_as, 0666) != 0 ||
	    listen(made, BACKLOG) != 0 || rename(made_as, path) != 0)
		return err_errno(err, errno, ERR_IO, path, "listen");
	*ret_socket = made;
	made = -1;
	return true;
}

/* Nothing of who started this, and nothing for who might follow. */
static bool shut_in(unsigned first_unused, struct err *err) {
	umask(077);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
		return err_errno(err, errno, ERR_IO, "/dev/null", "open");
	if (close_range(first_unused, ~0U, 0) != 0)
		return err_errno(err, errno, ERR_IO, "descriptors", "close");
	if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_errno(err, errno, ERR_IO, "process", "prctl");
	return true;
}

bool start_listening(const char *path, int *ret_socket, struct err *err) {
	if (path)
		return shut_in(FIRST_PASSED, err) && make_socket(path, ret_socket, err);
	return take_passed(ret_socket, err) && shut_in(FIRST_PASSED + 1, err);
}

bool start_find_user(const char *name, uid_t *ret_user, struct err *err) {
	errno = 0;
	const struct passwd *user = getpwnam(name);
	if (!user)
		return err_set(err, ERR_USAGE, name, "there is no such user: %s",
			       errno ? strerrordesc_np(errno) : "asked");
	*ret_user = user->pw_uid;
	return true;
}

/* Until it is served, a signal waits. */
void start_hold_signals(void) {
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
}

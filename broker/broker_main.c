/* vouch-broker: looks for vouchd at what only its unit's one capability opens. Reads no request but a name, and answers
 * by the list that root wrote. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/journal.h"
#include "broker/serve.h"
#include "core/text.h"
#include "sources/namespace.h"

#define CLIENT "vouch"
#define FIRST_PASSED 3 /* the descriptor of sd_listen_fds(3) */
#define BACKLOG 64

struct arguments {
	const char *unit, *client, *paths, *socket, *idle;
};

static const char usage[] =
	"usage: vouch-broker [options] fs|net|audit|ptrace\n\n"
	"Looks for vouchd at what only this unit's capability opens. Started by its socket unit.\n\n"
	"  --client USER   who may ask beside root (default: " CLIENT ")\n"
	"  --paths FILE    what may be asked for (default: " PATHS_FILE ")\n"
	"  --socket PATH   make the socket, where no socket unit passes one\n"
	"  --idle SECONDS  end after so long without a connection (default: 60; 0: never)\n\n"
	"Exit: 0 ended by a signal or idle; 1 it could not go on; 2 it could not start.\n";

static int fail(const struct err *err, int exit_code) {
	char text[sizeof err->where + sizeof err->why];
	journal_error("%s", err_text(err, text, sizeof text));
	return exit_code;
}

/* 0 go on, otherwise the exit code and one. */
static int read_arguments(int argc, char **argv, struct arguments *arguments) {
	static const struct option options[] = {{"client", required_argument, NULL, 'c'},
						{"paths", required_argument, NULL, 'p'},
						{"socket", required_argument, NULL, 's'},
						{"idle", required_argument, NULL, 'i'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'v'},
						{0}};
	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			arguments->client = optarg;
			break;
		case 'p':
			arguments->paths = optarg;
			break;
		case 's':
			arguments->socket = optarg;
			break;
		case 'i':
			arguments->idle = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'v':
			puts("vouch-broker " VOUCH_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	arguments->unit = argv[optind];
	if (optind + 1 == argc)
		return 0;
	fputs(usage, stderr);
	return 3;
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

static bool make_socket(const char *path, int *ret_socket, struct err *err) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return err_set(err, ERR_USAGE, path, "too long for a socket");
	memcpy(address.sun_path, path, strlen(path) + 1);
	CLEANUP(close_fd) int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (made < 0)
		return err_errno(err, errno, ERR_IO, path, "socket");
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, errno, ERR_IO, path, "unlink");
	if (bind(made, (struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0666) != 0 ||
	    listen(made, BACKLOG) != 0)
		return err_errno(err, errno, ERR_IO, path, "listen");
	*ret_socket = made;
	made = -1;
	return true;
}

static bool find_user(const char *name, uid_t *ret_user, struct err *err) {
	errno = 0;
	const struct passwd *user = getpwnam(name);
	if (!user)
		return err_set(err, ERR_USAGE, name, "there is no such user: %s",
			       errno ? strerrordesc_np(errno) : "asked");
	*ret_user = user->pw_uid;
	return true;
}

/* Until it is served, a signal waits. */
static void hold_signals(void) {
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
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

static int run(const struct arguments *arguments) {
	struct serve_options options = {.unit = unit_find(arguments->unit), .idle_s = SERVE_IDLE_S};
	unsigned long long idle_s = SERVE_IDLE_S;
	CLEANUP(close_fd) int listening = -1;
	struct err err;
	options.list.path = arguments->paths ? arguments->paths : PATHS_FILE;
	if (!options.unit || (arguments->idle && !text_to_u64(arguments->idle, 86400, &idle_s))) {
		fputs(usage, stderr);
		return 2;
	}
	options.idle_s = (unsigned)idle_s;
	journal_open(options.unit->name);
	if (!(arguments->socket || take_passed(&listening, &err)) ||
	    !shut_in(arguments->socket ? FIRST_PASSED : FIRST_PASSED + 1, &err) ||
	    !(!arguments->socket || make_socket(arguments->socket, &listening, &err)) ||
	    !find_user(arguments->client ? arguments->client : CLIENT, &options.client, &err) ||
	    !paths_file_refresh(&options.list, &err))
		return fail(&err, 2);
	if (options.unit->needs_network && !arguments->socket && namespace_prove_net(listening) == NAMESPACE_OTHER)
		journal_error("this is not the network of the first process: nothing can be seen from here");
	bool is_done = serve(listening, &options, &err);
	paths_file_done(&options.list);
	journal_close();
	return is_done ? 0 : fail(&err, 1);
}

int main(int argc, char **argv) {
	struct arguments arguments = {0};
	hold_signals();
	int stop = read_arguments(argc, argv, &arguments);
	return stop ? stop - 1 : run(&arguments);
}

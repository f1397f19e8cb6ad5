/* A real vouch-broker on a socket of its own, and clients that do what they should not. After each test it holds as
 * many descriptors as before, and no child. Runs as root, because clients have to be of several users. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "broker/journal.h"
#include "broker/paths.h"
#include "broker/serve.h"
#include "core/text.h"
#include "sources/watch.h"
#include "sources/wire.h"
#include "tests/unit/scratch.h"

#define CLIENT 65534 /* nobody */
#define STRANGER 65533
#define PATIENCE_MS 20000
#define DESCRIPTORS 5              /* of a broker: three standard ones, the socket, signals */
#define BASELINE_EVERY_LEAST_S 900 /* the shortest `every` of the shipped policies */

struct broker {
	char *folder, *socket;
	pid_t pid;
};

/* What a reply says. */
struct reply {
	uint32_t number, code, error, is_file;
	char why[WIRE_WHY + 1];
	int fd;
};

static void nap(void) { usleep(2000); }

static int try_connect(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close_fd(&fd);
	return -1;
}

static int connect_to(const struct broker *broker) {
	for (unsigned waited = 0; waited < PATIENCE_MS; waited += 2, nap()) {
		int fd = try_connect(broker->socket);
		if (fd >= 0)
			return fd;
	}
	fail_msg("no broker at %s", broker->socket);
	return -1;
}

static size_t descriptors_of(pid_t pid) {
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	return scratch_count(path);
}

static bool has_children(pid_t pid) {
	char path[64], text[16] = "";
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	CLEANUP(close_fd) int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	return read(fd, text, sizeof text) > 0;
}

/* The broker's standard error goes to the file "journal". */
static pid_t start(const struct broker *broker, const char *const more[]) {
	CLEANUP(free_ptr) char *list = file_join(broker->folder, "paths");
	CLEANUP(free_ptr) char *journal = file_join(broker->folder, "journal");
	const char *arguments[16] = {
		BINARY_DIR "/vouch-broker", "--socket", broker->socket, "--paths", list, "--client", "nobody"};
	size_t count = 7;
	while (*more)
		arguments[count++] = *more++;
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int log = open(journal, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, STDERR_FILENO);
	execv(arguments[0], (char *const *)arguments);
	_exit(127);
}

static int end(pid_t pid) {
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int set_up(void **state) {
	static const char *const more[] = {"--idle", "0", "fs", NULL};
	struct broker *broker = xcalloc(1, sizeof *broker);
	broker->folder = scratch_new();
	broker->socket = file_join(broker->folder, "sock");
	assert_int_equal(chmod(broker->folder, 0755), 0);
	scratch_put(broker->folder, "open/one", "one\n");
	scratch_put(broker->folder, "secret", "secret\n");
	CLEANUP(free_ptr)
	char *list = xasprintf("file:/proc/version\nfile:%s/open/*\ndir:%s/open\nstat:%s/open/one\n", broker->folder,
			       broker->folder, broker->folder);
	scratch_put(broker->folder, "paths", list);
	broker->pid = start(broker, more);
	close(connect_to(broker));
	*state = broker;
	return 0;
}

static void settle(const struct broker *broker) {
	unsigned waited = 0;
	while ((has_children(broker->pid) || descriptors_of(broker->pid) != DESCRIPTORS) && waited < PATIENCE_MS) {
		waited += 2;
		nap();
	}
	assert_false(has_children(broker->pid));
	assert_int_equal(descriptors_of(broker->pid), DESCRIPTORS);
}

static int tear_down(void **state) {
	struct broker *broker = *state;
	if (broker->pid > 0) {
		settle(broker);
		kill(broker->pid, SIGTERM);
		assert_int_equal(end(broker->pid), 0);
	}
	scratch_free(&broker->folder);
	free(broker->socket);
	free(broker);
	return 0;
}

static void send_with(int socket, const void *data, size_t len, const int *fds, size_t count) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {0};
	struct iovec part = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (count > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *one = CMSG_FIRSTHDR(&message);
		one->cmsg_level = SOL_SOCKET;
		one->cmsg_type = SCM_RIGHTS;
		one->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(one), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), len);
}

/* False: the other end has closed. */
static bool take_reply(int socket, struct reply *ret_reply) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct reply reply = {.fd = -1};
	struct iovec parts[] = {{&reply, 4 * sizeof(uint32_t)}, {reply.why, WIRE_WHY}};
	struct msghdr message = {
		.msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
	struct pollfd wait = {.fd = socket, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
	ssize_t len = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	if (len <= 0)
		return false;
	assert_in_range(len, 16, 16 + WIRE_WHY);
	struct cmsghdr *one = CMSG_FIRSTHDR(&message);
	if (one)
		memcpy(&reply.fd, CMSG_DATA(one), sizeof reply.fd);
	*ret_reply = reply;
	return true;
}

static struct reply ask_on(int socket, const char *name) {
	struct reply reply = {.fd = -1};
	assert_int_equal(wire_ask(socket, 7, name, -1), 0);
	assert_true(take_reply(socket, &reply));
	assert_int_equal(reply.number, 7);
	return reply;
}

static struct reply ask(const struct broker *broker, const char *name) {
	CLEANUP(close_fd) int socket = connect_to(broker);
	return ask_on(socket, name);
}

static char *name_in(const struct broker *broker, const char *kind, const char *path) {
	return xasprintf("%s%s/%s", kind, broker->folder, path);
}

/* The file can still be asked for. */
static void assert_serves_on(int socket, const struct broker *broker) {
	char text[8] = "";
	CLEANUP(free_ptr) char *name = name_in(broker, "file:", "open/one");
	struct reply reply = ask_on(socket, name);
	assert_int_equal(reply.code, ERR_NONE);
	assert_true(reply.is_file && reply.fd >= 0);
	assert_int_equal(read(reply.fd, text, sizeof text), 4);
	assert_string_equal(text, "one\n");
	close(reply.fd);
}

static void assert_serves(const struct broker *broker) {
	CLEANUP(close_fd) int socket = connect_to(broker);
	assert_serves_on(socket, broker);
}

static void assert_journal_has(const struct broker *broker, const char *text) {
	CLEANUP(free_ptr) char *journal = scratch_text(broker->folder, "journal");
	if (!strstr(journal, text))
		fail_msg("no \"%s\" in: %s", text, journal);
}

/* Refused with this errno, and the journal says so. */
static void assert_refused(const struct broker *broker, const char *name, int error, const char *why) {
	struct reply reply = ask(broker, name);
	CLEANUP(free_ptr) char *line = xasprintf("of user 0: %s: ", strerrorname_np(error));
	assert_int_equal(reply.error, error);
	assert_int_not_equal(reply.code, ERR_NONE);
	assert_int_equal(reply.fd, -1);
	if (!strstr(reply.why, why))
		fail_msg("%s instead of %s", reply.why, why);
	assert_journal_has(broker, line);
}

static void a_listed_file_comes_as_itself_read_only(void **state) {
	const struct broker *broker = *state;
	CLEANUP(free_ptr) char *name = name_in(broker, "file:", "open/one");
	CLEANUP(free_ptr) char *folder = name_in(broker, "dir:", "open");
	assert_serves(broker);
	struct reply reply = ask(broker, name);
	assert_int_equal(fcntl(reply.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(reply.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(reply.fd);
	reply = ask(broker, folder);
	assert_int_equal(reply.code, ERR_NONE);
	assert_false(reply.is_file);
	assert_true(fcntl(reply.fd, F_GET_SEALS) & F_SEAL_WRITE);
	close(reply.fd);
}

/* Mapped, written to, or asked for more by ioctl(2): what the bytes alone do not allow. */
static void a_file_that_is_more_than_its_bytes_comes_as_bytes(void **state) {
	const struct broker *broker = *state;
	CLEANUP(free_ptr) char *path = name_in(broker, "", "open/one");
	CLEANUP(free_ptr) char *name = name_in(broker, "file:", "open/one");
	assert_int_equal(chmod(path, 0666), 0);
	const char *const names[] = {name, "file:/proc/version"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct reply reply = ask(broker, names[i]);
		assert_int_equal(reply.code, ERR_NONE);
		assert_false(reply.is_file);
		assert_true(fcntl(reply.fd, F_GET_SEALS) & F_SEAL_WRITE);
		close(reply.fd);
	}
}

/* What another user than root gets to one request: whether it was answered, or 3 where he may not even connect. Whoever
 * connected before has been accepted by then: connections are taken in their order, and each user has his own number.
 */
static int ask_as(const struct broker *broker, uid_t user) {
	pid_t pid = fork();
	if (pid == 0) {
		char byte;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = setresuid(user, user, user) == 0 ? try_connect(broker->socket) : -1;
		if (fd < 0)
			_exit(3);
		wire_ask(fd, 1, "x", -1);
		_exit(recv(fd, &byte, 1, 0) > 0 ? 0 : 1);
	}
	return end(pid);
}

static void the_client_and_root_are_served_and_nobody_else(void **state) {
	const struct broker *broker = *state;
	assert_int_equal(ask_as(broker, CLIENT), 0);
	assert_int_equal(ask_as(broker, STRANGER), 1);
	assert_journal_has(broker, "of user 65533: EACCES: neither the client nor root");
	assert_serves(broker);
}

static void what_is_not_listed_is_refused(void **state) {
	const struct broker *broker = *state;
	CLEANUP(free_ptr) char *secret = name_in(broker, "file:", "secret");
	CLEANUP(free_ptr) char *up = name_in(broker, "file:", "open/../secret");
	CLEANUP(free_ptr) char *unlisted_kind = name_in(broker, "tree:", "open");
	CLEANUP(free_ptr) char *list = xasprintf("not in %s/paths", broker->folder);
	assert_refused(broker, secret, EACCES, list);
	assert_refused(broker, unlisted_kind, EACCES, list);
	assert_refused(broker, "shadow:", EACCES, list);
	assert_refused(broker, up, EINVAL, "not the plain name of a path");
	assert_refused(broker, "nft:ruleset", EOPNOTSUPP, "not a name that is looked at here");
	assert_refused(broker, "x", EOPNOTSUPP, "not a name that is looked at here");
	assert_serves(broker);
}

static void links_are_refused_and_said_to_be(void **state) {
	const struct broker *broker = *state;
	CLEANUP(free_ptr) char *link = name_in(broker, "", "open/link");
	CLEANUP(free_ptr) char *name = name_in(broker, "file:", "open/link");
	assert_int_equal(symlink("../secret", link), 0);
	struct reply reply = ask(broker, name);
	assert_int_equal(reply.code, ERR_DENIED);
	assert_int_equal(reply.error, EPERM);
	assert_journal_has(broker, "secret: no target of links that is listed");
	assert_int_equal(lchown(link, CLIENT, CLIENT), 0);
	reply = ask(broker, name);
	assert_int_equal(reply.code, ERR_DENIED);
	assert_journal_has(broker, "open: others than root may have made the link in it");
}

/* The answer is an errno, then the end; the next connection is served. */
static void assert_bad(const struct broker *broker, const void *data, size_t len, const int *fds, size_t count,
		       int error) {
	struct reply reply = {.fd = -1};
	CLEANUP(close_fd) int socket = connect_to(broker);
	send_with(socket, data, len, fds, count);
	bool has_number = len >= sizeof reply.number;
	assert_int_equal(take_reply(socket, &reply), has_number);
	assert_int_equal(reply.error, has_number ? error : 0);
	assert_int_equal(reply.fd, -1);
	assert_journal_has(broker, strerrorname_np(error));
	assert_serves(broker);
}

static void what_is_no_request_is_refused(void **state) {
	char data[WIRE_REQUEST_LARGEST + 1];
	const struct broker *broker = *state;
	memset(data, 'a', sizeof data);
	assert_bad(broker, data, sizeof data, NULL, 0, EMSGSIZE);
	assert_bad(broker, data, 3, NULL, 0, EINVAL);
	assert_bad(broker, data, 4, NULL, 0, EINVAL);
	assert_bad(broker, "1234file:/etc/a\0b", 17, NULL, 0, EINVAL);
	assert_bad(broker, "1234file:/etc/a\nb", 17, NULL, 0, EINVAL);
	assert_bad(broker, "1234file:/etc/\xff", 15, NULL, 0, EINVAL);
}

static void descriptors_that_nobody_asked_for_are_refused_and_closed(void **state) {
	const struct broker *broker = *state;
	int ends[2];
	char byte;
	CLEANUP(free_ptr) char *request = name_in(broker, "1234file:", "open/one");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	const int fds[] = {ends[1], ends[1]};
	assert_bad(broker, request, strlen(request), fds, 1, EINVAL);
	assert_bad(broker, request, strlen(request), fds, 2, EINVAL);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody holds the other end */
	close(ends[0]);
}

static struct reply ask_with(const struct broker *broker, const char *name, int sent) {
	struct reply reply = {.fd = -1};
	CLEANUP(close_fd) int socket = connect_to(broker);
	assert_int_equal(wire_ask(socket, 7, name, sent), 0);
	assert_true(take_reply(socket, &reply));
	return reply;
}

static void watches_are_set_on_what_is_listed_and_on_nothing_else(void **state) {
	const struct broker *broker = *state;
	char events[4096];
	CLEANUP(close_fd) int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	CLEANUP(close_fd) int other = open("/dev/null", O_RDONLY);
	CLEANUP(free_ptr) char *name = name_in(broker, "watch:file:", "open/one");
	CLEANUP(free_ptr) char *secret = name_in(broker, "watch:file:", "secret");
	assert_int_equal(ask_with(broker, secret, inotify).error, EACCES);
	assert_int_equal(ask_with(broker, "watch:dir:/root", inotify).error, EACCES);
	assert_int_equal(ask_with(broker, name, -1).error, EINVAL);
	assert_int_equal(ask_with(broker, name, other).error, EINVAL);
	assert_journal_has(broker, "the descriptor is not an inotify instance");
	scratch_put(broker->folder, "open/two", "two\n");
	assert_int_equal(read(inotify, events, sizeof events), -1);
	struct reply reply = ask_with(broker, name, inotify);
	assert_int_equal(reply.code, ERR_NONE);
	close(reply.fd);
	scratch_put(broker->folder, "open/one", "1\n");
	assert_true(read(inotify, events, sizeof events) > 0);
	scratch_put(broker->folder, "open/one", "one\n");
}

static void a_thousand_connections_leave_room_for_others(void **state) {
	enum { MANY = 1000 };
	const struct broker *broker = *state;
	int *held = xcalloc(MANY, sizeof *held);
	size_t open_ones = 0;
	for (size_t i = 0; i < MANY; i++)
		held[i] = connect_to(broker);
	assert_int_equal(ask_as(broker, CLIENT), 0);
	for (size_t i = 0; i < MANY; i++) {
		struct pollfd wait = {.fd = held[i], .events = POLLIN};
		assert_true(poll(&wait, 1, 0) >= 0);
		if (!(wait.revents & POLLHUP))
			open_ones++;
	}
	assert_int_equal(open_ones, SERVE_CONNECTIONS_MOST);
	for (size_t i = 0; i < MANY; i++)
		close(held[i]);
	free(held);
	settle(broker);
	assert_serves(broker);
}

static void who_leaves_in_the_middle_harms_nobody(void **state) {
	const struct broker *broker = *state;
	CLEANUP(free_ptr) char *name = name_in(broker, "dir:", "open");
	for (unsigned i = 0; i < 50; i++) {
		CLEANUP(close_fd) int socket = connect_to(broker);
		for (uint32_t number = 1; number < 20 && wire_ask(socket, number, name, -1) == 0; number++)
			continue;
	}
	assert_int_equal(ask_as(broker, CLIENT), 0); /* none of them waits to be accepted any more */
	settle(broker);
	assert_serves(broker);
}

static void a_struck_line_counts_at_once(void **state) {
	const struct broker *broker = *state;
	CLEANUP(free_ptr) char *name = name_in(broker, "file:", "open/one");
	CLEANUP(free_ptr) char *line = xasprintf("file:%s/open/*\n", broker->folder);
	CLEANUP(free_ptr) char *struck = xasprintf("#%s", line);
	CLEANUP(close_fd) int socket = connect_to(broker);
	assert_serves_on(socket, broker);
	scratch_put(broker->folder, "paths", struck);
	struct reply reply = ask_on(socket, name);
	assert_int_equal(reply.code, ERR_DENIED);
	assert_non_null(strstr(reply.why, "not in "));
	assert_refused(broker, name, EACCES, "not in ");
	scratch_put(broker->folder, "paths", line);
	assert_serves_on(socket, broker);
}

static void a_list_that_goes_bad_permits_nothing(void **state) {
	const struct broker *broker = *state;
	CLEANUP(free_ptr) char *name = name_in(broker, "file:", "open/one");
	CLEANUP(free_ptr) char *bad = xasprintf("file:%s/open/*\nall of it\n", broker->folder);
	CLEANUP(free_ptr) char *path = file_join(broker->folder, "paths");
	scratch_put(broker->folder, "paths", bad);
	assert_refused(broker, name, EACCES, "paths:2: not the name of a source: all of it");
	assert_int_equal(unlink(path), 0);
	assert_refused(broker, name, EACCES, "ENOENT");
}

static void a_broker_that_begins_with_a_bad_list_permits_nothing_until_it_is_good(void **state) {
	static const char *const more[] = {"--idle", "0", "fs", NULL};
	struct broker other = *(struct broker *)*state;
	CLEANUP(free_ptr) char *path = file_join(other.folder, "paths");
	CLEANUP(free_ptr) char *socket = file_join(other.folder, "other");
	CLEANUP(free_ptr) char *name = name_in(&other, "file:", "open/one");
	CLEANUP(free_ptr) char *line = xasprintf("file:%s/open/*\n", other.folder);
	CLEANUP(free_ptr) char *bad = xasprintf("%sall of it\n", line);
	other.socket = socket;
	scratch_put(other.folder, "paths", bad);
	other.pid = start(&other, more);
	assert_refused(&other, name, EACCES, "paths:2: not the name of a source: all of it");
	assert_journal_has(&other, "<3>fs: nothing may be looked at: ");
	scratch_put(other.folder, "paths", line);
	assert_int_equal(chmod(path, 0666), 0);
	assert_refused(&other, name, EACCES, "others than root can write to it");
	assert_int_equal(unlink(path), 0);
	assert_refused(&other, name, EACCES, "ENOENT");
	scratch_put(other.folder, "paths", line);
	assert_serves(&other);
	kill(other.pid, SIGTERM);
	assert_int_equal(end(other.pid), 0);
}

static void a_flood_of_refusals_is_counted_not_written(void **state) {
	enum { MANY = 500 };
	struct broker *broker = *state;
	CLEANUP(close_fd) int socket = connect_to(broker);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(ask_on(socket, "file:/etc/shadow").error, EACCES);
	close_fd(&socket);
	socket = -1;
	settle(broker);
	kill(broker->pid, SIGTERM);
	assert_int_equal(end(broker->pid), 0);
	broker->pid = 0;
	CLEANUP(free_ptr) char *journal = scratch_text(broker->folder, "journal");
	size_t lines = 0;
	for (const char *at = journal; (at = strchr(at, '\n')); at++)
		lines++;
	assert_in_range(lines, JOURNAL_LINES_MOST, MANY / 2);
	assert_non_null(strstr(journal, "more refusals are not written here"));
	assert_non_null(strstr(journal, "<5>fs: refused to process "));
}

static void it_ends_when_nobody_has_asked_for_a_while(void **state) {
	static const char *const more[] = {"--idle", "1", "fs", NULL};
	struct broker other = *(struct broker *)*state;
	CLEANUP(free_ptr) char *socket = file_join(other.folder, "other");
	other.socket = socket;
	other.pid = start(&other, more);
	assert_serves(&other);
	assert_int_equal(end(other.pid), 0);
}

/* What starting it again each time would cost is most of what vouch costs a host on which nothing happens. */
static void it_stays_while_vouchd_asks_as_often_as_it_does(void **state) {
	assert_true(SERVE_IDLE_S > 2 * WATCH_POLL_S);
	assert_true(SERVE_IDLE_S > BASELINE_EVERY_LEAST_S);
}

static void it_holds_nothing_that_it_does_not_need(void **state) {
	const struct broker *broker = *state;
	CLEANUP(free_ptr) char *proc = xasprintf("/proc/%d", (int)broker->pid);
	CLEANUP(free_ptr) char *status = scratch_text(proc, "status");
	CLEANUP(free_ptr) char *maps = scratch_text(proc, "maps");
	assert_non_null(strstr(status, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(status, "Umask:\t0077\n"));
	assert_non_null(strstr(maps, "vouch-broker"));
	const char *const others[] = {"libsystemd", "libcrypto", "libssl", "libcurl", "libsqlite", "libpcre"};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_null(strstr(maps, others[i]));
}

static void only_a_broker_that_runs_commands_may_begin_a_program(void **state) {
	static const char *const units[] = {"fs", "net", "audit", "audit-notices", "ptrace"};
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		const char *const more[] = {"--idle", "0", units[i], NULL};
		struct broker other = *(struct broker *)*state;
		CLEANUP(free_ptr) char *socket = file_join(other.folder, units[i]);
		other.socket = socket;
		other.pid = start(&other, more);
		close(connect_to(&other));
		CLEANUP(free_ptr) char *proc = xasprintf("/proc/%d", (int)other.pid);
		CLEANUP(free_ptr) char *status = scratch_text(proc, "status");
		kill(other.pid, SIGTERM);
		assert_int_equal(end(other.pid), 0);
		assert_non_null(strstr(status, i < 2 ? "Seccomp:\t0\n" : "Seccomp:\t2\n"));
	}
}

/* As systemd does: the socket is descriptor 3, said to be for this process. */
static pid_t start_passed(const struct broker *broker, int passed, bool is_for_us) {
	CLEANUP(free_ptr) char *list = file_join(broker->folder, "paths");
	const char *const arguments[] = {BINARY_DIR "/vouch-broker", "--paths", list, "--client", "nobody", "fs", NULL};
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	char for_whom[16];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(for_whom, sizeof for_whom, "%d", (int)getpid() + !is_for_us);
	setenv("LISTEN_PID", for_whom, 1);
	setenv("LISTEN_FDS", "1", 1);
	int log = open("/dev/null", O_WRONLY);
	dup2(log, STDERR_FILENO);
	dup2(passed, 3);
	execv(arguments[0], (char *const *)arguments);
	_exit(127);
}

static void the_socket_that_systemd_passes_is_served(void **state) {
	struct broker other = *(struct broker *)*state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP(free_ptr) char *path = file_join(other.folder, "passed");
	CLEANUP(close_fd) int unused = open("/dev/null", O_RDONLY); /* so that the socket is no number 3 of its own */
	CLEANUP(close_fd) int socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(socket_fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(end(start_passed(&other, socket_fd, true)), 2); /* does not listen */
	assert_int_equal(listen(socket_fd, 5), 0);
	assert_int_equal(end(start_passed(&other, socket_fd, false)), 2);
	other.socket = path;
	other.pid = start_passed(&other, socket_fd, true);
	assert_serves(&other);
	kill(other.pid, SIGTERM);
	assert_int_equal(end(other.pid), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_listed_file_comes_as_itself_read_only),
		TEST(a_file_that_is_more_than_its_bytes_comes_as_bytes),
		TEST(the_client_and_root_are_served_and_nobody_else),
		TEST(what_is_not_listed_is_refused),
		TEST(links_are_refused_and_said_to_be),
		TEST(what_is_no_request_is_refused),
		TEST(descriptors_that_nobody_asked_for_are_refused_and_closed),
		TEST(watches_are_set_on_what_is_listed_and_on_nothing_else),
		TEST(a_thousand_connections_leave_room_for_others),
		TEST(who_leaves_in_the_middle_harms_nobody),
		TEST(a_struck_line_counts_at_once),
		TEST(a_list_that_goes_bad_permits_nothing),
		TEST(a_broker_that_begins_with_a_bad_list_permits_nothing_until_it_is_good),
		TEST(a_flood_of_refusals_is_counted_not_written),
		TEST(it_ends_when_nobody_has_asked_for_a_while),
		cmocka_unit_test(it_stays_while_vouchd_asks_as_often_as_it_does),
		TEST(it_holds_nothing_that_it_does_not_need),
		TEST(only_a_broker_that_runs_commands_may_begin_a_program),
		TEST(the_socket_that_systemd_passes_is_served),
	};
	if (geteuid() != 0) {
		fprintf(stderr, "test_broker has to run as root: its clients are of several users\n");
		return 1;
	}
	return cmocka_run_group_tests_name("broker", tests, NULL, NULL);
}

#include "broker/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/journal.h"
#include "sources/guard.h"
#include "sources/hand.h"

#define CHILDREN_MOST ((size_t)2 * SERVE_CONNECTIONS_MOST) /* the client's and root's */

struct child {
	pid_t pid;
	uid_t user; /* on whose behalf */
};

struct server {
	struct serve_options *options;
	int listening, signals;
	struct child children[CHILDREN_MOST];
	size_t child_count;
};

/* What a child knows while it serves. */
struct service {
	struct serve_options *options;
	struct ucred peer;
	struct guard guard; /* for the name that is looked at now */
	struct place place;
};

static bool may_lead(void *context, const char *name, const char *target) {
	const struct service *service = context;
	return paths_may_lead(service->options->list.paths, name, target);
}

static bool permit(void *context, const char *name, const struct place **ret_place, int *ret_error, struct err *err) {
	struct service *service = context;
	const struct serve_options *options = service->options;
	struct paths_file *list = &service->options->list;
	struct err bad;
	char text[sizeof bad.where + sizeof bad.why];
	*ret_error = EACCES;
	if (options->permit)
		return options->permit(options->context, name, ret_place, ret_error, err);
	if (!paths_file_refresh(list, &bad))
		return err_set(err, ERR_DENIED, name, "the list of what may be looked at is not good: %s",
			       err_text(&bad, text, sizeof text));
	if (!paths_permit(list->paths, name, ret_error, err))
		return false;
	service->guard.name = name;
	*ret_place = &service->place;
	return true;
}

static void say_looked(void *context, const char *name, const struct err *err) {
	const struct service *service = context;
	if (service->options->looked)
		service->options->looked(service->options->context, name, err);
}

static void say_refused(void *context, const char *name, int error, const struct err *err) {
	const struct service *service = context;
	const char *word = strerrorname_np(error);
	/* That nobody approved it is in the evidence each time. */
	if (err->code == ERR_UNAPPROVED && !journal_is_new(name))
		return;
	char text[sizeof err->where + sizeof err->why];
	journal_notice("refused to process %d of user %u: %s: %s", (int)service->peer.pid, (unsigned)service->peer.uid,
		       word ? word : "errno", err_text(err, text, sizeof text));
}

/* What opening refuses once a name was permitted. */
static void say_not_opened(void *context, const char *name, const char *path, const char *why) {
	struct err err;
	err_set(&err, ERR_DENIED, name, "%s: %s", path, why);
	say_refused(context, name, EPERM, &err);
}

static _Noreturn void serve_connection(const struct server *server, int connection, const struct ucred *peer) {
	sigset_t none;
	struct service service = {.options = server->options, .peer = *peer};
	const struct hand hand = {.kinds = server->options->unit->kinds,
				  .permit = permit,
				  .refused = say_refused,
				  .looked = say_looked,
				  .context = &service};
	service.guard = (struct guard){.may_lead = may_lead, .refused = say_not_opened, .context = &service};
	service.place = (struct place){.guard = &service.guard};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(server->listening);
	close(server->signals);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	hand_serve(connection, &hand);
	_exit(0);
}

static size_t children_of(const struct server *server, uid_t user) {
	size_t count = 0;
	for (size_t i = 0; i < server->child_count; i++)
		count += server->children[i].user == user;
	return count;
}

static bool may_connect(const struct server *server, const struct ucred *peer) {
	if (peer->uid != 0 && peer->uid != server->options->client)
		journal_notice("closed to process %d of user %u: EACCES: neither the client nor root", (int)peer->pid,
			       (unsigned)peer->uid);
	else if (children_of(server, peer->uid) >= SERVE_CONNECTIONS_MOST)
		journal_notice("closed to process %d of user %u: EAGAIN: %d connections already", (int)peer->pid,
			       (unsigned)peer->uid, SERVE_CONNECTIONS_MOST);
	else
		return true;
	return false;
}

static void take(struct server *server, int connection) {
	struct ucred peer;
	socklen_t len = sizeof peer;
	struct err bad;
	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || !may_connect(server, &peer))
		return;
	/* A list that has changed is read once, not by each child; what is wrong with it is the child's to say. */
	if (!server->options->permit)
		(void)!paths_file_refresh(&server->options->list, &bad);
	pid_t pid = fork();
	if (pid == 0)
		serve_connection(server, connection, &peer);
	if (pid < 0)
		journal_notice("closed to process %d of user %u: %s: fork", (int)peer.pid, (unsigned)peer.uid,
			       strerrorname_np(errno));
	else
		server->children[server->child_count++] = (struct child){.pid = pid, .user = peer.uid};
}

/* Whether the socket can still be waited at. */
static bool accept_one(struct server *server, struct err *err) {
	CLEANUP(close_fd) int connection = accept4(server->listening, NULL, NULL, SOCK_CLOEXEC);
	if (connection >= 0)
		take(server, connection);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		return err_errno(err, errno, ERR_IO, "socket", "accept");
	return true;
}

static void bury(struct server *server, pid_t pid, int status) {
	for (size_t i = 0; i < server->child_count; i++)
		if (server->children[i].pid == pid)
			server->children[i] = server->children[--server->child_count];
	if (!WIFSIGNALED(status))
		return;
	if (WTERMSIG(status) == SIGALRM)
		journal_notice("process %d ended at the deadline of what it looked at", (int)pid);
	else
		journal_error("process %d was ended by SIG%s", (int)pid, sigabbrev_np(WTERMSIG(status)));
}

static void reap(struct server *server) {
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		bury(server, pid, status);
}

/* False when it is time to end. */
static bool on_signal(struct server *server) {
	struct signalfd_siginfo info;
	while (read(server->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo != SIGCHLD)
			return false;
		reap(server);
	}
	return true;
}

static void end_children(struct server *server) {
	for (size_t i = 0; i < server->child_count; i++)
		kill(server->children[i].pid, SIGKILL);
	while (server->child_count > 0 && waitpid(server->children[server->child_count - 1].pid, NULL, 0) > 0)
		server->child_count--;
}

static bool serve_all(struct server *server, struct err *err) {
	struct pollfd wait[] = {{.fd = server->listening, .events = POLLIN}, {.fd = server->signals, .events = POLLIN}};
	unsigned idle_s = server->options->idle_s;
	for (;;) {
		int ready = poll(wait, ARRAY_LEN(wait), server->child_count || !idle_s ? -1 : (int)idle_s * 1000);
		if (ready == 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return err_errno(err, errno, ERR_IO, "socket", "poll");
		if (ready > 0 && wait[1].revents && !on_signal(server))
			return true;
		if (ready > 0 && wait[0].revents && !accept_one(server, err))
			return false;
	}
}

bool serve(int listening, struct serve_options *options, struct err *err) {
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	CLEANUP(close_fd) int signal_fd = -1;
	struct server server = {.options = options, .listening = listening};
	if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0 ||
	    (signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) < 0 ||
	    fcntl(listening, F_SETFL, O_NONBLOCK) != 0)
		return err_errno(err, errno, ERR_IO, "signals", "wait for");
	server.signals = signal_fd;
	bool is_done = serve_all(&server, err);
	end_children(&server);
	return is_done;
}

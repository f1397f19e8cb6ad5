#include "sources/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_STEP 65536
#define KILL_MS 200 /* in which a killed process dies, unless it is stuck */

struct stream {
	int fd; /* our end; -1 once it has ended */
	struct buf *into;
	sd_event_source *source;
};

struct command {
	sd_event *event;
	const char *where; /* borrowed */
	void (*done)(void *context, const struct command_output *output, const struct err *err);
	void *context;
	pid_t pid; /* and its process group; 0 when it has been reaped */
	int pidfd;
	sd_event_source *ended;
	struct stream streams[2];
	struct command_output output;
};

/* For a process that took its time to die. */
static int on_late_end(sd_event_source *source, int fd, uint32_t events, void *context) {
	siginfo_t info;
	waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	sd_event_source_set_floating(source, false);
	sd_event_source_disable_unref(source);
	return 0;
}

/* The whole group, while the leader's number cannot have been given away: it has not been reaped. It is reaped at once,
 * or, when it is stuck in the kernel, by the event loop whenever it dies. */
static void kill_group(struct command *command) {
	siginfo_t info = {0};
	struct pollfd end = {.fd = command->pidfd, .events = POLLIN};
	sd_event_source *late = NULL;
	if (!command->pid)
		return;
	kill(-command->pid, SIGKILL);
	if (command->pidfd < 0 || poll(&end, 1, KILL_MS) > 0) {
		waitid(P_PID, (id_t)command->pid, &info, WEXITED);
	} else if (sd_event_add_io(command->event, &late, command->pidfd, EPOLLIN, on_late_end, NULL) >= 0) {
		sd_event_source_set_io_fd_own(late, true);
		sd_event_source_set_floating(late, true);
		sd_event_source_unref(late);
		command->pidfd = -1;
	}
	command->pid = 0;
}

void command_free(struct command *command) {
	if (!command)
		return;
	kill_group(command);
	sd_event_source_disable_unref(command->ended);
	close_fd(&command->pidfd);
	for (size_t i = 0; i < ARRAY_LEN(command->streams); i++) {
		sd_event_source_disable_unref(command->streams[i].source);
		close_fd(&command->streams[i].fd);
	}
	buf_done(&command->output.out);
	buf_done(&command->output.error);
	sd_event_unref(command->event);
	free(command);
}

/* What there is to read now. False when the stream cannot be read or is over its cap. */
static bool drain(struct command *command, struct stream *stream, struct err *err) {
	while (stream->fd >= 0) {
		char *room = buf_room(stream->into, READ_STEP);
		ssize_t got = read(stream->fd, room, READ_STEP);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return true;
		if (got < 0)
			return err_errno(err, errno, ERR_UNREADABLE, command->where, "read");
		stream->into->len += (size_t)got;
		buf_room(stream->into, 0);
		if (stream->into->len > COMMAND_LARGEST)
			return err_set(err, ERR_UNREADABLE, command->where, "says more than %u bytes", COMMAND_LARGEST);
		if (got == 0) {
			stream->source = sd_event_source_disable_unref(stream->source);
			close_fd(&stream->fd);
			stream->fd = -1;
		}
	}
	return true;
}

/* The last thing that happens to a command; its owner may free it in done. */
static void fail(struct command *command, const struct err *err) {
	kill_group(command);
	command->ended = sd_event_source_disable_unref(command->ended);
	for (size_t i = 0; i < ARRAY_LEN(command->streams); i++)
		command->streams[i].source = sd_event_source_disable_unref(command->streams[i].source);
	command->done(command->context, NULL, err);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *context) {
	struct command *command = context;
	struct err err;
	struct stream *stream = &command->streams[fd == command->streams[1].fd];
	if (!drain(command, stream, &err))
		fail(command, &err);
	return 0;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *context) {
	struct command *command = context;
	struct err err;
	siginfo_t info = {0};
	/* All that it said is in the pipes by now; what its leftovers might still say does not count. */
	for (size_t i = 0; i < ARRAY_LEN(command->streams); i++)
		if (!drain(command, &command->streams[i], &err)) {
			fail(command, &err);
			return 0;
		}
	kill(-command->pid, SIGKILL);
	if (waitid(P_PIDFD, (id_t)command->pidfd, &info, WEXITED) != 0) {
		err_errno(&err, errno, ERR_UNREADABLE, command->where, "waitid");
		err.code = ERR_UNREADABLE;
		fail(command, &err);
		return 0;
	}
	command->pid = 0;
	if (info.si_code != CLD_EXITED) {
		err_set(&err, ERR_UNREADABLE, command->where, "killed by SIG%s", sigabbrev_np(info.si_status));
		fail(command, &err);
		return 0;
	}
	command->ended = sd_event_source_disable_unref(command->ended);
	command->output.exit = info.si_status;
	command->done(command->context, &command->output, NULL);
	return 0;
}

/* What posix_spawn(3) is told, undone with its scope. */
struct spawning {
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
};

static void spawning_done(struct spawning *spawning) {
	posix_spawn_file_actions_destroy(&spawning->actions);
	posix_spawnattr_destroy(&spawning->attributes);
}

/* 0 or an errno. */
static int spawn(const char *const argv[], int out, int error, pid_t *ret_pid) {
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	char *const environment[] = {path, locale, NULL};
	CLEANUP(spawning_done) struct spawning spawning;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&spawning.actions);
	posix_spawnattr_init(&spawning.attributes);
	posix_spawn_file_actions_addopen(&spawning.actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&spawning.actions, out, 1);
	posix_spawn_file_actions_adddup2(&spawning.actions, error, 2);
	posix_spawn_file_actions_addclosefrom_np(&spawning.actions, 3);
	posix_spawn_file_actions_addchdir_np(&spawning.actions, "/");
	posix_spawnattr_setsigmask(&spawning.attributes, &none);
	posix_spawnattr_setsigdefault(&spawning.attributes, &all);
	posix_spawnattr_setpgroup(&spawning.attributes, 0);
	posix_spawnattr_setflags(&spawning.attributes,
				 POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return posix_spawn(ret_pid, argv[0], &spawning.actions, &spawning.attributes, (char *const *)argv, environment);
}

static int watch(sd_event *event, struct command *command) {
	int error = sd_event_add_io(event, &command->ended, command->pidfd, EPOLLIN, on_end, command);
	for (size_t i = 0; i < ARRAY_LEN(command->streams) && error >= 0; i++)
		error = sd_event_add_io(event, &command->streams[i].source, command->streams[i].fd, EPOLLIN, on_output,
					command);
	return error;
}

/* Our ends do not block: what is drained is what is there. Even where this process was started without its own three,
 * the numbers that pipe2() gives never get into each other's way: the reading end takes the lower one. */
static bool make_pipes(struct command *command, int theirs[2]) {
	for (size_t i = 0; i < 2; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) != 0)
			return false;
		command->streams[i].fd = ends[0];
		theirs[i] = ends[1];
		if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
			return false;
	}
	return true;
}

bool command_start(sd_event *event, const char *const argv[], const char *where,
		   void (*done)(void *context, const struct command_output *output, const struct err *err),
		   void *context, struct command **ret_command, struct err *err) {
	CLEANUP(command_free_p) struct command *command = xcalloc(1, sizeof *command);
	CLEANUP(close_fd) int out = -1;
	CLEANUP(close_fd) int error = -1;
	int theirs[2] = {-1, -1};
	*command = (struct command){
		.event = sd_event_ref(event), .where = where, .done = done, .context = context, .pidfd = -1};
	command->streams[0] = (struct stream){.fd = -1, .into = &command->output.out};
	command->streams[1] = (struct stream){.fd = -1, .into = &command->output.error};
	bool is_piped = make_pipes(command, theirs);
	out = theirs[0];
	error = theirs[1];
	if (!is_piped)
		return err_errno(err, errno, ERR_UNREADABLE, where, "pipe");
	int failure = spawn(argv, out, error, &command->pid);
	if (failure) {
		command->pid = 0;
		return err_errno(err, failure, ERR_UNREADABLE, where, argv[0]);
	}
	command->pidfd = pidfd_open(command->pid, 0);
	if (command->pidfd < 0)
		return err_set(err, ERR_UNREADABLE, where, "pidfd_open: %s", strerrordesc_np(errno));
	failure = watch(event, command);
	if (failure < 0)
		return err_set(err, ERR_UNREADABLE, where, "event loop: %s", strerrordesc_np(-failure));
	*ret_command = command;
	command = NULL;
	return true;
}

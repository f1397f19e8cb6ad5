#include "sources/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/capability.h"

#define READ_STEP 65536
#define KILL_MS 200 /* in which a killed process dies, unless it is stuck */

enum { OUT, ERROR, STREAMS };

/* A program that runs. */
struct command {
	const struct ask *ask;
	pid_t pid; /* and its process group; 0 when it has been reaped */
	int pidfd;
	int streams[STREAMS]; /* our ends; -1 once they have ended */
	struct buf *into[STREAMS];
};

void command_output_done(struct command_output *output) {
	buf_done(&output->out);
	buf_done(&output->error);
}

/* The whole group, while the leader's number cannot have been given away: it has not been reaped. One that is stuck in
 * the kernel is left for the end of this process. */
static void kill_group(struct command *command) {
	siginfo_t info = {0};
	struct pollfd end = {.fd = command->pidfd, .events = POLLIN};
	if (!command->pid)
		return;
	kill(-command->pid, SIGKILL);
	if (command->pidfd < 0 || poll(&end, 1, KILL_MS) > 0)
		waitid(P_PID, (id_t)command->pid, &info, WEXITED);
	command->pid = 0;
}

static void command_done(struct command *command) {
	kill_group(command);
	close_fd(&command->pidfd);
	for (size_t i = 0; i < STREAMS; i++)
		close_fd(&command->streams[i]);
}

/* What there is to read now. False when the stream cannot be read or is over its cap. */
static bool drain(struct command *command, size_t stream, struct err *err) {
	struct buf *into = command->into[stream];
	while (command->streams[stream] >= 0) {
		char *room = buf_room(into, READ_STEP);
		ssize_t got = read(command->streams[stream], room, READ_STEP);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return true;
		if (got < 0)
			return err_errno(err, errno, ERR_UNREADABLE, command->ask->name, "read");
		into->len += (size_t)got;
		buf_room(into, 0);
		if (into->len > COMMAND_LARGEST)
			return err_set(err, ERR_UNREADABLE, command->ask->name, "says more than %u bytes",
				       COMMAND_LARGEST);
		if (got == 0) {
			close_fd(&command->streams[stream]);
			command->streams[stream] = -1;
		}
	}
	return true;
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

/* Our ends do not block: what is drained is what is there. Even where this process was started without its own three,
 * the numbers that pipe2() gives never get into each other's way: the reading end takes the lower one. */
static bool make_pipes(struct command *command, int theirs[STREAMS]) {
	for (size_t i = 0; i < STREAMS; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) != 0)
			return false;
		command->streams[i] = ends[0];
		theirs[i] = ends[1];
		if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
			return false;
	}
	return true;
}

static bool start(struct command *command, const char *const argv[], struct err *err) {
	int theirs[STREAMS] = {-1, -1};
	const char *where = command->ask->name;
	bool is_piped = make_pipes(command, theirs);
	CLEANUP(close_fd) int out = theirs[OUT];
	CLEANUP(close_fd) int error = theirs[ERROR];
	if (!is_piped)
		return err_errno(err, errno, ERR_UNREADABLE, where, "pipe");
	int failure = spawn(argv, out, error, &command->pid);
	if (failure) {
		command->pid = 0;
		return err_errno(err, failure, ERR_UNREADABLE, where, argv[0]);
	}
	command->pidfd = pidfd_open(command->pid, 0);
	return command->pidfd >= 0 || err_set(err, ERR_UNREADABLE, where, "pidfd_open: %s", strerrordesc_np(errno));
}

/* Reads along until the program has ended. */
static bool follow(struct command *command, struct err *err) {
	for (;;) {
		struct pollfd ready[] = {{.fd = command->streams[OUT], .events = POLLIN},
					 {.fd = command->streams[ERROR], .events = POLLIN},
					 {.fd = command->pidfd, .events = POLLIN}};
		uint64_t now = time_us();
		if (!ask_in_time(command->ask, err))
			return false;
		int left_ms = (int)((command->ask->deadline_us - now) / 1000) + 1;
		if (poll(ready, ARRAY_LEN(ready), left_ms) < 0 && errno != EINTR)
			return err_errno(err, errno, ERR_UNREADABLE, command->ask->name, "poll");
		/* When it has ended, all that it said is in the pipes; what its leftovers might still say does not
		 * count. */
		for (size_t i = 0; i < STREAMS; i++)
			if ((ready[i].revents || ready[STREAMS].revents) && !drain(command, i, err))
				return false;
		if (ready[STREAMS].revents)
			return true;
	}
}

/* How it ended. */
static bool finish(struct command *command, int *ret_exit, struct err *err) {
	siginfo_t info = {0};
	kill(-command->pid, SIGKILL);
	if (waitid(P_PIDFD, (id_t)command->pidfd, &info, WEXITED) != 0)
		return err_set(err, ERR_UNREADABLE, command->ask->name, "waitid: %s", strerrordesc_np(errno));
	command->pid = 0;
	if (info.si_code != CLD_EXITED)
		return err_set(err, ERR_UNREADABLE, command->ask->name, "killed by SIG%s",
			       sigabbrev_np(info.si_status));
	*ret_exit = info.si_status;
	return true;
}

bool command_run(const struct ask *ask, const char *const argv[], struct command_output *ret_output, struct err *err) {
	CLEANUP(command_output_done) struct command_output output = {0};
	CLEANUP(command_done)
	struct command command = {.ask = ask, .pidfd = -1, .streams = {-1, -1}, .into = {&output.out, &output.error}};
	if (!capability_is_inherited())
		return err_set(err, ERR_DENIED, ask->name, "%s would run without this process' capabilities", argv[0]);
	if (!start(&command, argv, err) || !follow(&command, err) || !finish(&command, &output.exit, err))
		return false;
	*ret_output = output;
	output = (struct command_output){0};
	return true;
}

bool command_answer(const struct ask *ask, const struct command_output *output, struct answer *ret_answer,
		    struct err *err) {
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:i,s:o,s:o}", "exit", output->exit, "stdout",
				  json_textn(buf_str(&output->out), output->out.len), "stderr",
				  json_textn(buf_str(&output->error), output->error.len));
	return answer_json(ask, value, ret_answer, err);
}

bool command_read(const struct ask *ask, const struct answer *answer, json_t **ret_value, struct err *err) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	int64_t status;
	const char *text;
	if (!json_read(answer->bytes.data, answer->bytes.len, SOURCE_LARGEST, ask->name, &value, err) ||
	    !json_get_int(value, "exit", ask->name, &status, err) ||
	    !json_get_string(value, "stdout", ask->name, &text, err) ||
	    !json_get_string(value, "stderr", ask->name, &text, err))
		return false;
	*ret_value = json_incref(value);
	return true;
}

bool command_succeeded(const struct ask *ask, const json_t *value, const char *program, struct err *err) {
	int status = (int)json_integer_value(json_object_get(value, "exit"));
	const char *words = json_string_value(json_object_get(value, "stderr"));
	if (status == 0)
		return true;
	return err_set(err, ERR_UNREADABLE, ask->name, "%s exits with %d: %.*s", program, status,
		       (int)strcspn(words, "\r\n"), words);
}

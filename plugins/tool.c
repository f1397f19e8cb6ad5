#include "plugins/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/lines.h"

#define READ_STEP 65536
#define ERROR_LARGEST 65536

enum { OUT, ERROR, STREAMS };

struct running {
	const struct tool *tool;
	const struct tool_reader *reader;
	const char *where;
	pid_t pid; /* and its process group; 0 when it has been reaped */
	int pidfd;
	int streams[STREAMS]; /* our ends; -1 once they have ended */
	struct tool_end *end;
};

void arguments_add(struct arguments *arguments, const char *text) {
	if (text && arguments->count++ < TOOL_ARGUMENTS_MOST)
		arguments->all[arguments->count - 1] = xstrdup(text);
}

void arguments_done(struct arguments *arguments) {
	for (size_t i = 0; i < TOOL_ARGUMENTS_MOST; i++)
		free(arguments->all[i]);
	*arguments = (struct arguments){0};
}

void tool_end_done(struct tool_end *end) { buf_done(&end->error); }

static void running_done(struct running *running) {
	siginfo_t info = {0};
	if (running->pid) {
		kill(-running->pid, SIGKILL);
		waitid(P_PID, (id_t)running->pid, &info, WEXITED);
	}
	close_fd(&running->pidfd);
	for (size_t i = 0; i < STREAMS; i++)
		close_fd(&running->streams[i]);
}

static uint64_t now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* 0 or an errno. */
static int spawn(const struct tool *tool, const struct arguments *arguments, int out, int error, pid_t *ret_pid) {
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, error, 2);
	if (tool->secret >= 0)
		posix_spawn_file_actions_adddup2(&actions, tool->secret, 3);
	posix_spawn_file_actions_addclosefrom_np(&actions, tool->secret >= 0 ? 4 : 3);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int failure = posix_spawn(ret_pid, tool->path, &actions, &attributes, arguments->all, tool->environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return failure;
}

/* Numbers above those that the program's own descriptors get, so that none is put over another. */
static bool make_pipe(int ends[2]) {
	int low[2];
	if (pipe2(low, O_CLOEXEC) != 0)
		return false;
	for (size_t i = 0; i < 2; i++) {
		ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 10);
		close(low[i]);
	}
	return ends[0] >= 0 && ends[1] >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

static bool start(struct running *running, const struct arguments *arguments, struct err *err) {
	int out[2] = {-1, -1}, error[2] = {-1, -1};
	bool is_piped = make_pipe(out) && make_pipe(error);
	running->streams[OUT] = out[0];
	running->streams[ERROR] = error[0];
	CLEANUP(close_fd) int their_out = out[1];
	CLEANUP(close_fd) int their_error = error[1];
	if (!is_piped)
		return err_errno(err, errno, ERR_UNREADABLE, running->where, "pipe");
	if (running->tool->secret >= 0 && lseek(running->tool->secret, 0, SEEK_SET) < 0)
		return err_errno(err, errno, ERR_UNREADABLE, running->where, "the file with the passphrase");
	int failure = spawn(running->tool, arguments, their_out, their_error, &running->pid);
	if (failure) {
		running->pid = 0;
		return err_errno(err, failure, ERR_UNREADABLE, running->where, running->tool->path);
	}
	running->pidfd = pidfd_open(running->pid, 0);
	return running->pidfd >= 0 || err_errno(err, errno, ERR_UNREADABLE, running->where, "pidfd_open");
}

/* False: the reader has enough. */
static bool take(struct running *running, size_t stream, const char *data, size_t len) {
	struct buf *error = &running->end->error;
	if (stream == OUT)
		return running->reader->use(running->reader->context, data, len);
	if (error->len < ERROR_LARGEST)
		buf_add(error, data, len < ERROR_LARGEST - error->len ? len : ERROR_LARGEST - error->len);
	return true;
}

/* One piece of what there is to read now. */
static bool drain(struct running *running, size_t stream, bool *ret_is_more, struct err *err) {
	char data[READ_STEP];
	ssize_t got = read(running->streams[stream], data, sizeof data);
	*ret_is_more = got > 0;
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		return err_errno(err, errno, ERR_UNREADABLE, running->where, "read");
	if (got > 0 && !take(running, stream, data, (size_t)got))
		running->end->is_cut = true;
	if (got == 0) {
		close_fd(&running->streams[stream]);
		running->streams[stream] = -1;
	}
	return true;
}

static bool drain_all(struct running *running, size_t stream, struct err *err) {
	bool is_more = true;
	while (is_more && running->streams[stream] >= 0 && !running->end->is_cut)
		if (!drain(running, stream, &is_more, err))
			return false;
	return true;
}

static bool wait_for_more(struct running *running, bool *ret_is_over, struct err *err) {
	struct pollfd ready[] = {{.fd = running->streams[OUT], .events = POLLIN},
				 {.fd = running->streams[ERROR], .events = POLLIN},
				 {.fd = running->pidfd, .events = POLLIN}};
	uint64_t now = now_us();
	if (now >= running->tool->deadline_us)
		return err_set(err, ERR_TIMEOUT, running->where, "%s did not end in time", running->tool->path);
	if (poll(ready, ARRAY_LEN(ready), (int)((running->tool->deadline_us - now) / 1000) + 1) < 0 && errno != EINTR)
		return err_errno(err, errno, ERR_UNREADABLE, running->where, "poll");
	bool is_over = ready[STREAMS].revents;
	for (size_t i = 0; i < STREAMS; i++) {
		bool ignored;
		if (is_over && !drain_all(running, i, err))
			return false;
		if (!is_over && ready[i].revents && !drain(running, i, &ignored, err))
			return false;
	}
	*ret_is_over = is_over || running->end->is_cut;
	return true;
}

static bool finish(struct running *running, struct err *err) {
	siginfo_t info = {0};
	kill(-running->pid, SIGKILL);
	if (waitid(P_PIDFD, (id_t)running->pidfd, &info, WEXITED) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, running->where, "waitid");
	running->pid = 0;
	running->end->exit = info.si_status;
	if (info.si_code != CLD_EXITED && !running->end->is_cut)
		return err_set(err, ERR_UNREADABLE, running->where, "%s was killed by SIG%s", running->tool->path,
			       sigabbrev_np(info.si_status));
	return true;
}

bool tool_run(const struct tool *tool, const struct arguments *arguments, const char *where,
	      const struct tool_reader *reader, struct tool_end *ret_end, struct err *err) {
	CLEANUP(tool_end_done) struct tool_end end = {0};
	CLEANUP(running_done)
	struct running running = {
		.tool = tool, .reader = reader, .where = where, .pidfd = -1, .streams = {-1, -1}, .end = &end};
	bool is_over = false;
	if (arguments->count > TOOL_ARGUMENTS_MOST)
		return err_set(err, ERR_UNREADABLE, where, "more than %d arguments", TOOL_ARGUMENTS_MOST);
	if (!start(&running, arguments, err))
		return false;
	while (!is_over)
		if (!wait_for_more(&running, &is_over, err))
			return false;
	if (!finish(&running, err))
		return false;
	*ret_end = end;
	end = (struct tool_end){0};
	return true;
}

/* One byte over the cap is kept, so that it shows. */
static bool keep(void *context, const char *data, size_t len) {
	struct buf *output = context;
	size_t room = TOOL_LARGEST + 1 - output->len;
	buf_add(output, data, len < room ? len : room);
	return output->len <= TOOL_LARGEST;
}

bool tool_read(const struct tool *tool, const struct arguments *arguments, const char *where, struct buf *ret_output,
	       struct tool_end *ret_end, struct err *err) {
	CLEANUP(buf_done) struct buf output = {0};
	const struct tool_reader reader = {keep, &output};
	if (!tool_run(tool, arguments, where, &reader, ret_end, err))
		return false;
	if (ret_end->is_cut) {
		tool_end_done(ret_end);
		return err_set(err, ERR_UNREADABLE, where, "%s says more than %u bytes", tool->path, TOOL_LARGEST);
	}
	*ret_output = output;
	output = (struct buf){0};
	return true;
}

bool tool_lines_use(void *context, const char *data, size_t len) {
	struct tool_lines *lines = context;
	for (const char *end; (end = memchr(data, '\n', len)); data = end + 1) {
		size_t piece = (size_t)(end - data);
		lines->is_too_long = lines->rest.len + piece > LINES_LONGEST;
		if (lines->is_too_long)
			return false;
		buf_add(&lines->rest, data, piece);
		bool is_wanted = lines->use(lines->context, buf_str(&lines->rest), lines->rest.len);
		lines->rest.len = 0;
		if (!is_wanted)
			return false;
		len -= piece + 1;
	}
	lines->is_too_long = lines->rest.len + len > LINES_LONGEST;
	if (!lines->is_too_long)
		buf_add(&lines->rest, data, len);
	return !lines->is_too_long;
}

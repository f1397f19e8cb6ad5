#include "sources/plugin_run.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"
#include "core/plugin_call.h"
#include "core/plugin_output.h"
#include "sources/kind.h"
#include "sources/plugin_leftovers.h"

#define READ_STEP 16384
#define KILL_MS 1000 /* in which a killed process dies, unless it is stuck */
#define GIVEN_MOST 8
#define FAULT_FD 3

enum { OUT, ERROR, FAULT, STREAMS };

/* As whom, where this process is root. */
struct user {
	bool is_other;
	uid_t uid;
	gid_t gid;
};

struct running {
	const struct plugin_run *run;
	struct plugin_ran *ran;
	struct buf fault; /* why it was never begun */
	pid_t pid;        /* and its process group; 0 when it has been reaped */
	int pidfd;
	int streams[STREAMS]; /* our ends; -1 once they have ended */
};

void plugin_ran_done(struct plugin_ran *ran) {
	buf_done(&ran->out);
	buf_done(&ran->error);
}

/* --- in the process that becomes the plugin */

static _Noreturn void give_up(const char *what) {
	char text[160];
	int len = snprintf(text, sizeof text, "%s: %s (%s)", what, strerrorname_np(errno), strerrordesc_np(errno));
	if (write(FAULT_FD, text, (size_t)len) < 0)
		_exit(126);
	_exit(126);
}

/* A limit that somebody has set already stands. */
static void limit(int resource, rlim_t most) {
	struct rlimit now;
	if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
		give_up("getrlimit");
	if (now.rlim_cur != RLIM_INFINITY && now.rlim_cur <= most)
		return;
	now.rlim_cur = most;
	now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
	if (setrlimit((__rlimit_resource_t)resource, &now) != 0)
		give_up("setrlimit");
}

static void set_limits(const struct user *user) {
	limit(RLIMIT_CPU, 60);
	limit(RLIMIT_AS, (rlim_t)2 << 30);
	limit(RLIMIT_FSIZE, (rlim_t)64 << 20);
	limit(RLIMIT_NOFILE, 256);
	if (user->is_other)
		limit(RLIMIT_NPROC, 128);
}

static void become(const struct user *user) {
	if (!user->is_other)
		return;
	if (unshare(CLONE_NEWNET) != 0)
		give_up("a network of its own");
	if (setgroups(0, NULL) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
	    setresuid(user->uid, user->uid, user->uid) != 0)
		give_up("another user");
}

/* Where memory runs out it goes first. Nothing hangs on it. */
static void offer_to_die(void) {
	prctl(PR_SET_DUMPABLE, 1); /* else the file is root's */
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1000", 4) < 0)
		errno = 0;
	close_fd(&fd);
}

static void set_streams(const int ends[STREAMS]) {
	int nothing = open("/dev/null", O_RDWR);
	int fault = fcntl(ends[FAULT], F_DUPFD_CLOEXEC, 10), out = fcntl(ends[OUT], F_DUPFD_CLOEXEC, 10),
	    error = fcntl(ends[ERROR], F_DUPFD_CLOEXEC, 10);
	if (nothing < 0 || fault < 0 || out < 0 || error < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(error, 2) < 0 || dup3(fault, FAULT_FD, O_CLOEXEC) < 0 || close_range(FAULT_FD + 1, ~0U, 0) != 0)
		_exit(126);
}

static void clear_signals(void) {
	sigset_t none;
	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* PATH, LANG and what a unit gives: texts in given, which the environment points into. */
static void fill_environment(char *given[GIVEN_MOST]) {
	static const char *const names[] = {"STATE_DIRECTORY", "CACHE_DIRECTORY", "CREDENTIALS_DIRECTORY"};
	size_t count = 0;
	given[count++] = xstrdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	given[count++] = xstrdup("LANG=C.UTF-8");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (getenv(names[i]))
			given[count++] = xasprintf("%s=%s", names[i], getenv(names[i]));
	given[count] = NULL;
}

static _Noreturn void become_plugin(const struct plugin_run *run, const struct user *user, const int ends[STREAMS],
				    pid_t parent) {
	char *argv[PLUGIN_ARGUMENTS_MOST + 2] = {(char *)(run->name ? run->name : run->path)}, *environment[GIVEN_MOST];
	size_t count = 0;
	set_streams(ends);
	clear_signals();
	fill_environment(environment);
	for (char *const *argument = run->arguments; *argument && count + 2 < ARRAY_LEN(argv); argument++)
		argv[++count] = *argument;
	if (setpgid(0, 0) != 0 || chdir("/") != 0)
		give_up("a process group of its own");
	umask(077);
	offer_to_die();
	limit(RLIMIT_CORE, 0);
	if (run->is_loose) {
		set_limits(user);
		become(user);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		give_up("prctl");
	if (getppid() != parent)
		_exit(126);
	execve(run->path, argv, environment);
	give_up(run->path);
}

/* --- in ours */

static void running_done(struct running *running) {
	siginfo_t info = {0};
	struct pollfd end = {.fd = running->pidfd, .events = POLLIN};
	if (running->pid) {
		kill(-running->pid, SIGKILL);
		kill(running->pid, SIGKILL); /* it may not have come to have a group yet */
		if (running->pidfd < 0 || poll(&end, 1, KILL_MS) > 0)
			waitid(P_PID, (id_t)running->pid, &info, WEXITED);
		running->pid = 0;
	}
	plugin_end_leftovers();
	close_fd(&running->pidfd);
	for (size_t i = 0; i < STREAMS; i++)
		close_fd(&running->streams[i]);
	buf_done(&running->fault);
}

/* Never root where nobody else has confined it. */
static bool find_user(const struct plugin_run *run, struct user *ret_user, struct err *err) {
	static const char *const names[] = {"vouch-plugin", "nobody"};
	if (!run->is_loose || geteuid() != 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct passwd *found = getpwnam(names[i]);
		if (found && found->pw_uid != 0) {
			*ret_user = (struct user){.is_other = true, .uid = found->pw_uid, .gid = found->pw_gid};
			return true;
		}
	}
	return err_set(err, ERR_DENIED, run->where, "there is neither a user vouch-plugin nor nobody to run it as");
}

/* Our ends do not block: what is drained is what is there. */
static bool make_pipes(struct running *running, int theirs[STREAMS]) {
	for (size_t i = 0; i < STREAMS; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) != 0)
			return false;
		running->streams[i] = ends[0];
		theirs[i] = ends[1];
		if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
			return false;
	}
	return true;
}

static bool start(struct running *running, struct err *err) {
	int theirs[STREAMS] = {-1, -1, -1};
	const char *where = running->run->where;
	struct user user = {0};
	if (!find_user(running->run, &user, err))
		return false;
	bool is_piped = make_pipes(running, theirs);
	CLEANUP(close_fd) int out = theirs[OUT];
	CLEANUP(close_fd) int error = theirs[ERROR];
	CLEANUP(close_fd) int fault = theirs[FAULT];
	if (!is_piped)
		return err_errno(err, errno, ERR_UNREADABLE, where, "pipe");
	/* What leaves its group and its parent comes to us. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, where, "prctl");
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		become_plugin(running->run, &user, theirs, parent);
	if (pid < 0)
		return err_set(err, ERR_UNREADABLE, where, "fork: %s", strerrordesc_np(errno));
	running->pid = pid;
	running->pidfd = pidfd_open(pid, 0);
	return running->pidfd >= 0 || err_set(err, ERR_UNREADABLE, where, "pidfd_open: %s", strerrordesc_np(errno));
}

static void drop_rest(struct buf *into, size_t cap, bool *ret_is_cut) {
	if (into->len <= cap)
		return;
	into->len = cap;
	*ret_is_cut = true;
}

/* What there is to read now; a stream that cannot be read has ended. False: over its cap. */
static bool drain(struct running *running, size_t stream, struct err *err) {
	struct plugin_ran *ran = running->ran;
	struct buf *into = stream == OUT ? &ran->out : stream == ERROR ? &ran->error : &running->fault;
	while (running->streams[stream] >= 0) {
		char *room = buf_room(into, READ_STEP);
		ssize_t got = read(running->streams[stream], room, READ_STEP);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return true;
		into->len += got > 0 ? (size_t)got : 0;
		if (stream != OUT)
			drop_rest(into, PLUGIN_ERROR_LARGEST, &ran->is_cut);
		buf_room(into, 0);
		if (stream == OUT && into->len > PLUGIN_OUTPUT_LARGEST)
			return err_set(err, ERR_UNREADABLE, running->run->where, "prints more than %u bytes",
				       PLUGIN_OUTPUT_LARGEST);
		if (got <= 0)
			close_fd(&running->streams[stream]);
		if (got <= 0)
			running->streams[stream] = -1;
		if (stream == ERROR)
			return true; /* a flood here must not keep us from the clock */
	}
	return true;
}

/* Reads along until the program has ended. */
static bool follow(struct running *running, struct err *err) {
	const struct plugin_run *run = running->run;
	for (;;) {
		struct pollfd ready[STREAMS + 1] = {{.fd = running->pidfd, .events = POLLIN}};
		uint64_t now = time_us();
		if (now >= run->deadline_us)
			return err_set(err, ERR_TIMEOUT, run->where, "the plugin did not end before its deadline");
		for (size_t i = 0; i < STREAMS; i++)
			ready[i + 1] = (struct pollfd){.fd = running->streams[i], .events = POLLIN};
		int left_ms = (int)((run->deadline_us - now) / 1000) + 1;
		if (poll(ready, ARRAY_LEN(ready), left_ms) < 0 && errno != EINTR)
			return err_errno(err, errno, ERR_UNREADABLE, run->where, "poll");
		/* When it has ended, all that it said is in the pipes; what its leftovers say does not count. */
		for (size_t i = 0; i < STREAMS; i++)
			if ((ready[0].revents || ready[i + 1].revents) && !drain(running, i, err))
				return false;
		if (ready[0].revents)
			return true;
	}
}

/* How it ended. */
static bool finish(struct running *running, struct err *err) {
	const char *where = running->run->where;
	siginfo_t info = {0};
	kill(-running->pid, SIGKILL);
	if (waitid(P_PIDFD, (id_t)running->pidfd, &info, WEXITED) != 0)
		return err_set(err, ERR_UNREADABLE, where, "waitid: %s", strerrordesc_np(errno));
	running->pid = 0;
	if (running->fault.len > 0)
		return err_set(err, ERR_DENIED, where, "it cannot be run: %s", buf_str(&running->fault));
	if (info.si_code != CLD_EXITED)
		return err_set(err, ERR_UNREADABLE, where, "the plugin was ended by SIG%s",
			       sigabbrev_np(info.si_status) ? sigabbrev_np(info.si_status) : "?");
	running->ran->exit = info.si_status;
	return true;
}

bool plugin_run(const struct plugin_run *run, struct plugin_ran *ret_ran, struct err *err) {
	CLEANUP(running_done)
	struct running running = {.run = run, .ran = ret_ran, .pidfd = -1, .streams = {-1, -1, -1}};
	*ret_ran = (struct plugin_ran){0};
	return start(&running, err) && follow(&running, err) && finish(&running, err);
}

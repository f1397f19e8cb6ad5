/* measure [--count] COMMAND...: runs it with its output thrown away and prints what it took, one "name value" a line.
 *
 * Without --count: wall_ms; cpu_us of the command, of every child that was waited for, and of systemd and dbus-daemon
 * on its behalf; peak_kib of the largest process; exit, its status (-1: a signal). With --count, under ptrace, which
 * costs time: processes, how many were started, the command itself included, threads not. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* CPU time so far of a process if its name is systemd or dbus-daemon, else 0; proc(5), /proc/pid/stat. */
static int64_t servant_us(const char *pid) {
	char path[64], name[32] = "";
	unsigned long long user = 0, system_time = 0;
	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	int got = fscanf(file, "%*d (%31[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", name, &user,
			 &system_time);
	fclose(file);
	bool is_servant = !strcmp(name, "dbus-daemon") || (!strcmp(pid, "1") && !strcmp(name, "systemd"));
	return got == 3 && is_servant ? (int64_t)(user + system_time) * 1000000 / sysconf(_SC_CLK_TCK) : 0;
}

static int64_t servants_us(void) {
	int64_t sum = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *entry; proc && (entry = readdir(proc));)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			sum += servant_us(entry->d_name);
	if (proc)
		closedir(proc);
	return sum;
}

static void run_command(char **command, bool traced) {
	int null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(126);
	if (traced)
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execvp(command[0], command);
	_exit(127);
}

/* Follows every process until none is left; returns how many there were. */
static unsigned count_processes(pid_t first) {
	unsigned count = 1;
	int status;
	waitpid(first, &status, 0);
	ptrace(PTRACE_SETOPTIONS, first, NULL,
	       PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, first, NULL, NULL);
	for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
		if (pid <= 0 || !WIFSTOPPED(status))
			continue;
		int event = status >> 16, sig = WSTOPSIG(status);
		count += event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK;
		bool ours = event || sig == SIGSTOP || sig == SIGTRAP;
		ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)(ours ? 0 : sig));
	}
	return count;
}

static void print_times(pid_t pid, int64_t begin, int64_t servants_before) {
	struct rusage used;
	int status = 0;
	waitpid(pid, &status, 0);
	int64_t wall = now_us() - begin;
	getrusage(RUSAGE_CHILDREN, &used);
	int64_t cpu = (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec +
		      used.ru_stime.tv_usec + servants_us() - servants_before;
	printf("wall_ms %lld\ncpu_us %lld\npeak_kib %ld\nexit %d\n", (long long)wall / 1000, (long long)cpu,
	       used.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

int main(int argc, char **argv) {
	bool count = argc > 1 && !strcmp(argv[1], "--count");
	char **command = argv + 1 + count;
	if (argc < 2 + count) {
		fprintf(stderr, "usage: measure [--count] COMMAND...\n");
		return 2;
	}
	int64_t servants_before = servants_us(), begin = now_us();
	pid_t pid = fork();
	if (pid == 0)
		run_command(command, count);
	if (pid < 0)
		return 1;
	if (count)
		printf("processes %u\n", count_processes(pid));
	else
		print_times(pid, begin, servants_before);
	return 0;
}

/* Running the host's own programs, and what nft and sshd say through it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sources/command.h"
#include "sources/namespace.h"
#include "sources/sshd.h"
#include "tests/unit/fetching.h"

struct outcome {
	bool is_ended; /* by itself */
	int exit;
	struct buf out, error;
	struct err err;
};

static void outcome_done(struct outcome *outcome) {
	buf_done(&outcome->out);
	buf_done(&outcome->error);
}

/* False: it was not run to its own end, outcome->err says why. */
static bool run_within(unsigned ms, const char *const argv[], struct outcome *outcome) {
	struct command_output output = {0};
	struct ask ask = {.name = "test", .deadline_us = time_us() + (uint64_t)ms * 1000};
	outcome->is_ended = command_run(&ask, argv, &output, &outcome->err);
	if (outcome->is_ended) {
		outcome->exit = output.exit;
		outcome->out = output.out;
		outcome->error = output.error;
	}
	return outcome->is_ended;
}

static bool run(const char *const argv[], struct outcome *outcome) { return run_within(20000, argv, outcome); }

static void environment_is_path_and_locale_alone(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = {0};
	assert_int_equal(setenv("SECRET_OF_THE_PARENT", "x", 1), 0);
	assert_true(run((const char *const[]){"/usr/bin/env", NULL}, &outcome));
	assert_int_equal(outcome.exit, 0);
	assert_string_equal(buf_str(&outcome.out), "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
}

static void words_are_passed_as_they_are_and_streams_kept_apart(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = {0};
	assert_true(run((const char *const[]){"/usr/bin/ls", "-d", "/", "/no such; $(x)", NULL}, &outcome));
	assert_int_equal(outcome.exit, 2);
	assert_string_equal(buf_str(&outcome.out), "/\n");
	assert_non_null(strstr(buf_str(&outcome.error), "/no such; $(x)"));
}

static void nothing_is_inherited(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = {0}, input = {0}, folder = {0};
	int leaked = open("/etc/passwd", O_RDONLY); /* without O_CLOEXEC, on purpose */
	assert_true(leaked >= 0);
	assert_true(run((const char *const[]){"/usr/bin/ls", "/proc/self/fd", NULL}, &outcome));
	close(leaked);
	assert_string_equal(buf_str(&outcome.out), "0\n1\n2\n3\n"); /* 3 is the folder that it lists */
	assert_true(run((const char *const[]){"/usr/bin/cat", NULL}, &input));
	assert_string_equal(buf_str(&input.out), "");
	assert_true(run((const char *const[]){"/usr/bin/pwd", NULL}, &folder));
	assert_string_equal(buf_str(&folder.out), "/\n");
}

/* As when a caller closed them all; the answer comes back by the exit status. */
static void streams_are_right_though_the_own_are_closed(void **state) {
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		struct outcome outcome = {0};
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		if (!run((const char *const[]){"/usr/bin/ls", "-d", "/", "/no such", NULL}, &outcome))
			_exit(1);
		_exit(strcmp(buf_str(&outcome.out), "/\n") || !strstr(buf_str(&outcome.error), "/no such"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void program_that_is_not_there_is_absent(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = {0}, plain = {0};
	assert_false(run((const char *const[]){"/usr/bin/no-such-program", NULL}, &outcome));
	assert_int_equal(outcome.err.code, ERR_ABSENT);
	assert_false(run((const char *const[]){"/etc/passwd", NULL}, &plain));
	assert_int_equal(plain.err.code, ERR_DENIED);
}

static void output_over_the_cap_is_unreadable(void **state) {
	CLEANUP(outcome_done) struct outcome at = {0}, over = {0}, endless = {0};
	assert_int_equal(COMMAND_LARGEST, 4194304);
	assert_true(run((const char *const[]){"/usr/bin/head", "-c", "4194304", "/dev/zero", NULL}, &at));
	assert_true(at.is_ended);
	assert_int_equal(at.out.len, COMMAND_LARGEST);
	assert_false(run((const char *const[]){"/usr/bin/head", "-c", "4194305", "/dev/zero", NULL}, &over));
	assert_false(over.is_ended);
	assert_int_equal(over.err.code, ERR_UNREADABLE);
	assert_false(run((const char *const[]){"/usr/bin/yes", NULL}, &endless));
	assert_int_equal(endless.err.code, ERR_UNREADABLE);
}

static void death_by_a_signal_is_unreadable(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = {0};
	assert_false(
		run((const char *const[]){"/usr/bin/timeout", "-s", "KILL", "0.05", "sleep", "30", NULL}, &outcome));
	assert_false(outcome.is_ended);
	assert_int_equal(outcome.err.code, ERR_UNREADABLE);
	assert_string_equal(outcome.err.why, "killed by SIGKILL");
}

static void end_of_the_program_is_the_end_though_a_child_keeps_the_pipe(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = {0};
	alarm(10);
	assert_true(run((const char *const[]){"/usr/bin/setsid", "--fork", "/usr/bin/sleep", "20", NULL}, &outcome));
	alarm(0);
	assert_true(outcome.is_ended);
}

/* How many processes of this group there are. */
static int group_size(pid_t group) {
	CLEANUP(free_ptr) char *path = NULL;
	int count = 0;
	DIR *proc = opendir("/proc");
	assert_non_null(proc);
	for (const struct dirent *entry; (entry = readdir(proc));) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		count += pid > 0 && getpgid(pid) == group;
	}
	closedir(proc);
	return count;
}

/* A whole group hangs: find, and the sleep that it waits for; the leader says its number first. */
static void deadline_kills_the_whole_group(void **state) {
	CLEANUP(outcome_done) struct outcome outcome = {0};
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *told = file_join(folder, "pid");
	CLEANUP(buf_done) struct buf bytes = {0};
	const char *const argv[] = {"/usr/bin/bash", "-c", "echo $$ >\"$0\"; sleep 60 & sleep 60", told,
				    NULL};              /* a shell because it knows its number; vouch runs none */
	assert_false(run_within(4000, argv, &outcome)); /* time enough to say its number */
	assert_int_equal(outcome.err.code, ERR_TIMEOUT);
	assert_true(file_read(told, 100, &bytes, &outcome.err));
	pid_t leader = (pid_t)strtol(buf_str(&bytes), NULL, 10);
	assert_true(leader > 0);
	while (group_size(leader) > 0) /* killed ones take a moment to go; the test's own limit ends a wait for ever */
		usleep(1000);
}

static void refuses_connection_that_is_not_plain(void **state) {
	const char *const names[] = {"cmd:sshd-T?user=a,host=b", "cmd:sshd-T?user=",      "cmd:sshd-T?",
				     "cmd:sshd-T?user=a b",      "cmd:sshd-T?port=1",     "cmd:sshd-T?user=a&",
				     "cmd:sshd-T?user",          "cmd:sshd-T?user=$(id)", NULL};
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, names);
	for (size_t i = 0; i < sources_count(set); i++)
		assert_int_equal(sources_at(set, i)->err.code, ERR_UNREADABLE);
}

static void sshd_says_its_configuration_or_why_not(void **state) {
	CLEANUP(sources_free_p)
	struct sources *set = fetch_all(NULL, (const char *const[]){"cmd:sshd-T",
								    "cmd:sshd-T?user=root&host=h&addr=192.0.2.1"
								    "&lport=22",
								    NULL});
	for (size_t i = 0; i < 2; i++) {
		const struct source *source = sources_at(set, i);
		if (access("/run/sshd", F_OK) != 0) {
			assert_int_equal(source->err.code, ERR_UNREADABLE);
			assert_non_null(strstr(source->err.why, "Missing privilege separation directory"));
		} else {
			assert_non_null(strstr(buf_str(&source->bytes), "permitrootlogin"));
		}
	}
}

/* A configuration in a folder, as an ordinary user sees it. */
static int sees(const char *config, const char *base, struct err *err) {
	int pipe_ends[2], status = 0;
	assert_int_equal(pipe(pipe_ends), 0);
	pid_t child = fork();
	if (child == 0) {
		struct err seen = {0};
		if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
			_exit(100);
		bool sees_all = sshd_sees_all(config, base, "cmd:sshd-T", &seen);
		_exit(write(pipe_ends[1], &seen, sizeof seen) == sizeof seen ? sees_all : 100);
	}
	assert_int_equal(read(pipe_ends[0], err, sizeof *err), sizeof *err);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void each_file_that_sshd_would_pass_over_denies(void **state) {
	CLEANUP(folder_remove) char *base = folder_make();
	CLEANUP(free_ptr)
	char *config = file_join(base, "sshd_config"), *hidden = file_join(base, "d/20.conf"),
	     *folder = file_join(base, "d"), *key = file_join(base, "ssh_host_rsa_key"),
	     *deep = file_join(base, "deep/x.conf");
	struct err err;
	assert_int_equal(chmod(base, 0755), 0);
	put(base, "d/10.conf", "# nothing\n");
	put(base, "d/20.conf", "PermitRootLogin no\n");
	put(base, "deep/x.conf", "");
	put(base, "sshd_config", "Port 22\n include  \"d/*.conf\"  missing/*.conf missing.conf\nInclude=deep/x.conf\n");
	put(base, "ssh_host_rsa_key", "");
	assert_int_equal(sees(config, base, &err), 1);
	const char *const paths[] = {hidden, folder, key, deep, config};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct stat before;
		assert_int_equal(stat(paths[i], &before), 0);
		assert_int_equal(chmod(paths[i], 0), 0);
		assert_int_equal(sees(config, base, &err), 0);
		assert_int_equal(err.code, ERR_DENIED);
		assert_non_null(strstr(err.why, paths[i]));
		assert_int_equal(chmod(paths[i], before.st_mode & 07777), 0);
	}
	assert_int_equal(sees(config, base, &err), 1);
	assert_int_equal(chmod(key, 0), 0);
	put(base, "d/10.conf", "HostKey /no/such/key\n"); /* the usual keys are not used then */
	assert_int_equal(sees(config, base, &err), 1);
}

static void include_that_never_ends_and_folders_by_pattern_are_no_answer(void **state) {
	CLEANUP(folder_remove) char *base = folder_make();
	CLEANUP(free_ptr) char *config = file_join(base, "sshd_config");
	struct err err;
	put(base, "sshd_config", "Include sshd_config\n");
	assert_false(sshd_sees_all(config, base, "cmd:sshd-T", &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	put(base, "sshd_config", "Include */x.conf\n");
	assert_false(sshd_sees_all(config, base, "cmd:sshd-T", &err));
	assert_int_equal(err.code, ERR_UNPROVED);
	assert_int_equal(unlink(config), 0);
	assert_true(sshd_sees_all(config, base, "cmd:sshd-T", &err)); /* for sshd to say */
}

/* Run the body in a network namespace of its own, and when with_first also as the first process there. The body exits
 * with 0 when all is as it should be. */
static void in_own_network(void (*body)(void), bool with_first) {
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNET | (with_first ? CLONE_NEWPID | CLONE_NEWNS : 0)) != 0)
			_exit(101);
		pid_t first = with_first ? fork() : 0;
		if (first == 0) {
			if (with_first && (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
					   mount("proc", "/proc", "proc", 0, NULL) != 0))
				_exit(102);
			body();
		}
		_exit(waitpid(first, &status, 0) == first && WIFEXITED(status) ? WEXITSTATUS(status) : 103);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void expect_unproved(void) {
	struct sources *set = fetch_one(NULL, "nft:ruleset");
	_exit(only(set)->err.code != ERR_UNPROVED || !strstr(only(set)->err.why, "another network namespace"));
}

static void rules_of_another_network_are_unproved(void **state) {
	assert_int_equal(getuid(), 0); /* namespaces and rules need root */
	in_own_network(expect_unproved, false);
}

static void a_socket_of_the_first_process_proves_the_network(void **state) {
	assert_int_equal(getuid(), 0);
	CLEANUP(close_fd) int socket_here = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		bool is_right = namespace_prove_net(0) == NAMESPACE_UNKNOWN && /* no socket */
				namespace_prove_net(socket_here) == NAMESPACE_SAME &&
				namespace_of_first("net") == NAMESPACE_SAME && unshare(CLONE_NEWNET) == 0 &&
				namespace_prove_net(socket_here) == NAMESPACE_OTHER &&
				namespace_of_first("net") == NAMESPACE_OTHER &&
				setresuid(65534, 65534, 65534) == 0 && /* and without any capability */
				namespace_prove_net(socket_here) == NAMESPACE_OTHER;
		_exit(!is_right);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void expect_still_rules(void) {
	static const char *const rules[][12] = {
		{"/usr/sbin/nft", "add", "table", "inet", "t", NULL},
		{"/usr/sbin/nft", "add", "counter", "inet", "t", "c", "{", "packets", "3", "bytes", "4", "}"},
		{"/usr/sbin/nft", "add", "chain", "inet", "t", "i",
		 "{ type filter hook input priority 0; policy drop; }"},
		{"/usr/sbin/nft", "add", "rule", "inet", "t", "i", "counter", "accept"}};
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct outcome outcome = {0};
		const char *argv[13] = {0};
		memcpy(argv, rules[i], sizeof rules[i]);
		if (!run(argv, &outcome) || outcome.exit != 0)
			_exit(1);
	}
	struct sources *set = fetch_one(NULL, "nft:ruleset");
	const char *text = buf_str(&only(set)->bytes);
	if (!strstr(text, "\"policy\":\"drop\"") || !strstr(text, "{\"counter\":{}},{\"accept\":null}"))
		_exit(2);
	if (strstr(text, "handle") || strstr(text, "packets") || strstr(text, "bytes"))
		_exit(3);
	_exit(0);
}

static void rules_are_listed_without_what_moves(void **state) { in_own_network(expect_still_rules, true); }

static void rules_without_the_right_are_denied(void **state) {
	pid_t child = fork();
	if (child == 0) {
		if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
			_exit(100);
		struct sources *set = fetch_one(NULL, "nft:ruleset");
		_exit(only(set)->err.code != ERR_DENIED);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void sshd_addresses_are_in_one_order_whatever_the_network(void **state) {
	CLEANUP(free_ptr)
	char *one = sshd_sorted("port 22\nlistenaddress [::]:22\nlistenaddress 0.0.0.0:22\nusepam yes\n");
	CLEANUP(free_ptr)
	char *other = sshd_sorted("port 22\nlistenaddress 0.0.0.0:22\nlistenaddress [::]:22\nusepam yes\n");
	CLEANUP(free_ptr) char *none = sshd_sorted("usepam yes\n\nport 22");
	assert_string_equal(one, "port 22\nlistenaddress 0.0.0.0:22\nlistenaddress [::]:22\nusepam yes\n");
	assert_string_equal(other, one);
	assert_string_equal(none, "usepam yes\n\nport 22");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(environment_is_path_and_locale_alone),
		cmocka_unit_test(words_are_passed_as_they_are_and_streams_kept_apart),
		cmocka_unit_test(nothing_is_inherited),
		cmocka_unit_test(streams_are_right_though_the_own_are_closed),
		cmocka_unit_test(program_that_is_not_there_is_absent),
		cmocka_unit_test(output_over_the_cap_is_unreadable),
		cmocka_unit_test(death_by_a_signal_is_unreadable),
		cmocka_unit_test(end_of_the_program_is_the_end_though_a_child_keeps_the_pipe),
		cmocka_unit_test(deadline_kills_the_whole_group),
		cmocka_unit_test(refuses_connection_that_is_not_plain),
		cmocka_unit_test(sshd_says_its_configuration_or_why_not),
		cmocka_unit_test(each_file_that_sshd_would_pass_over_denies),
		cmocka_unit_test(include_that_never_ends_and_folders_by_pattern_are_no_answer),
		cmocka_unit_test(rules_of_another_network_are_unproved),
		cmocka_unit_test(a_socket_of_the_first_process_proves_the_network),
		cmocka_unit_test(rules_are_listed_without_what_moves),
		cmocka_unit_test(rules_without_the_right_are_denied),
		cmocka_unit_test(sshd_addresses_are_in_one_order_whatever_the_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

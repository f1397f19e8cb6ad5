/* Asking hands: own ones, and such as stand behind a helper's socket; what hangs or dies takes nobody with it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "sources/hand.h"
#include "sources/reach.h"
#include "sources/tie.h"
#include "sources/wire.h"
#include "tests/unit/fetching.h"

static bool look_echo(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	buf_adds(&ret_answer->bytes, ask->rest);
	return true;
}

static bool look_hang(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	while (pause() < 0)
		;
	return false;
}

static bool look_die(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	kill(getpid(), SIGKILL);
	return false;
}

static bool look_pid(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	buf_addf(&ret_answer->bytes, "%d", (int)getpid());
	return true;
}

static bool look_refuse(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	return err_set(err, ERR_ABSENT, "elsewhere", "not there");
}

static const struct kind echo = {.prefix = "echo:", .deadline_ms = 20000, .helper = HELPER_FS, .look = look_echo},
			 slow = {.prefix = "slow:",
				 .deadline_ms = 20000,
				 .helper = HELPER_FS,
				 .is_slow = true,
				 .look = look_pid},
			 hang = {.prefix = "hang:", .deadline_ms = 200, .helper = HELPER_FS, .look = look_hang},
			 die = {.prefix = "die:", .deadline_ms = 20000, .helper = HELPER_FS, .look = look_die},
			 refuse = {.prefix = "refuse:", .deadline_ms = 20000, .helper = HELPER_FS, .look = look_refuse},
			 net = {.prefix = "net:", .deadline_ms = 20000, .helper = HELPER_NET, .look = look_pid},
			 here = {.prefix = "here:", .deadline_ms = 20000, .look = look_pid};
static const struct kind *const kinds[] = {&echo, &slow, &hang, &die, &refuse, &net, &here, NULL};

/* What came of a number of names. */
struct one {
	struct table *table;
	char *name;
	struct reach_call *call;
	bool is_told;
	struct buf bytes;
	struct err err;
};

struct table {
	sd_event *event;
	struct reach *reach;
	struct one all[256];
	size_t count, told;
};

static void on_told(void *context, struct answer *answer, const struct err *err) {
	struct one *one = context;
	assert_false(one->is_told);
	one->is_told = true;
	one->table->told++;
	if (err) {
		one->err = *err;
	} else {
		one->bytes = answer->bytes;
		answer->bytes = (struct buf){0};
		answer_done(answer);
	}
}

static void table_make(struct table *table, const char *helpers) {
	*table = (struct table){0};
	assert_true(sd_event_new(&table->event) >= 0);
	table->reach = reach_new(table->event, helpers, kinds);
}

static void table_done(struct table *table) {
	reach_free(table->reach);
	sd_event_unref(table->event);
	for (size_t i = 0; i < table->count; i++) {
		free(table->all[i].name);
		buf_done(&table->all[i].bytes);
	}
}

static struct one *ask(struct table *table, const char *name) {
	struct one *one = &table->all[table->count++];
	assert_true(table->count <= ARRAY_LEN(table->all));
	*one = (struct one){.table = table, .name = xstrdup(name)};
	one->call = reach_ask(table->reach, kind_find(kinds, name), one->name, -1, on_told, one);
	assert_false(one->is_told);
	return one;
}

static void wait_for(struct table *table, size_t count) {
	while (table->told < count)
		assert_true(sd_event_run(table->event, 60 * 1000000ULL) > 0);
}

static bool has_children(void) {
	siginfo_t info;
	return waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) == 0;
}

static void many_names_each_get_their_own_answer(void **state) {
	CLEANUP(table_done) struct table table;
	size_t before = descriptors();
	table_make(&table, NULL);
	for (size_t i = 0; i < 200; i++) {
		CLEANUP(free_ptr) char *name = xasprintf("echo:%zu", i);
		ask(&table, name);
	}
	wait_for(&table, 200);
	for (size_t i = 0; i < 200; i++)
		assert_string_equal(buf_str(&table.all[i].bytes), table.all[i].name + strlen("echo:"));
	reach_free(table.reach);
	table.reach = NULL;
	sd_event_unref(table.event);
	table.event = NULL;
	assert_int_equal(descriptors(), before);
	assert_false(has_children());
}

static void reason_comes_with_the_name_that_was_asked_for(void **state) {
	CLEANUP(table_done) struct table table;
	table_make(&table, NULL);
	const struct one *one = ask(&table, "refuse:x"), *wrong = ask(&table, "echo:a\nb");
	wait_for(&table, 2);
	assert_int_equal(one->err.code, ERR_ABSENT);
	assert_string_equal(one->err.where, "refuse:x");
	assert_string_equal(one->err.why, "not there");
	assert_int_equal(wrong->err.code, ERR_UNREADABLE);
}

static void what_no_helper_is_needed_for_is_looked_at_here(void **state) {
	CLEANUP(table_done) struct table table;
	table_make(&table, NULL);
	const struct one *mine = ask(&table, "here:"), *theirs = ask(&table, "net:");
	wait_for(&table, 2);
	CLEANUP(free_ptr) char *own = xasprintf("%d", (int)getpid());
	assert_string_equal(buf_str(&mine->bytes), own);
	assert_string_not_equal(buf_str(&theirs->bytes), own);
}

static void what_hangs_is_a_timeout_and_hinders_nobody(void **state) {
	CLEANUP(table_done) struct table table;
	table_make(&table, NULL);
	for (size_t i = 0; i < 80; i++) {
		CLEANUP(free_ptr) char *name = xasprintf("%s:%zu", i % 8 == 3 ? "hang" : "echo", i);
		ask(&table, name);
	}
	wait_for(&table, 80);
	for (size_t i = 0; i < 80; i++) {
		const struct one *one = &table.all[i];
		if (i % 8 == 3) {
			assert_int_equal(one->err.code, ERR_TIMEOUT);
			assert_string_equal(one->err.why, "no answer within 200 ms");
			assert_string_equal(one->err.where, one->name);
		} else {
			assert_string_equal(buf_str(&one->bytes), one->name + strlen("echo:"));
		}
	}
}

static void what_kills_its_hand_is_unreadable_and_hinders_nobody(void **state) {
	CLEANUP(table_done) struct table table;
	table_make(&table, NULL);
	const struct one *dead = ask(&table, "die:");
	for (size_t i = 0; i < 40; i++)
		ask(&table, "echo:x");
	wait_for(&table, 41);
	assert_int_equal(dead->err.code, ERR_UNREADABLE);
	for (size_t i = 1; i < 41; i++)
		assert_string_equal(buf_str(&table.all[i].bytes), "x");
}

static void slow_ones_leave_a_hand_for_the_quick(void **state) {
	CLEANUP(table_done) struct table table;
	static const struct kind stuck = {
		.prefix = "stuck:", .deadline_ms = 60000, .helper = HELPER_FS, .is_slow = true, .look = look_hang};
	static const struct kind *const both[] = {&stuck, &echo, NULL};
	table_make(&table, NULL);
	reach_free(table.reach);
	table.reach = reach_new(table.event, NULL, both);
	for (size_t i = 0; i < 8; i++) {
		struct one *one = &table.all[table.count++];
		*one = (struct one){.table = &table, .name = xstrdup("stuck:")};
		one->call = reach_ask(table.reach, &stuck, one->name, -1, on_told, one);
	}
	const struct one *quick = ask(&table, "echo:quick");
	wait_for(&table, 1); /* a minute before any of the stuck */
	assert_string_equal(buf_str(&quick->bytes), "quick");
}

static void one_hand_does_it_all_where_no_more_are_wanted(void **state) {
	CLEANUP(table_done) struct table table;
	table_make(&table, NULL);
	reach_by_one_hand(table.reach);
	for (size_t i = 0; i < 60; i++)
		ask(&table, i % 20 == 7 ? "slow:" : "echo:x");
	for (size_t i = 0; i < 40; i++)
		ask(&table, "net:");
	wait_for(&table, 100);
	for (size_t i = 0; i < 60; i++)
		assert_string_equal(buf_str(&table.all[i].bytes), i % 20 == 7 ? buf_str(&table.all[7].bytes) : "x");
	for (size_t i = 60; i < 100; i++)
		assert_string_equal(buf_str(&table.all[i].bytes), buf_str(&table.all[60].bytes));
	assert_string_not_equal(buf_str(&table.all[60].bytes), buf_str(&table.all[7].bytes));
}

static void cancelled_calls_are_never_told(void **state) {
	CLEANUP(table_done) struct table table;
	table_make(&table, NULL);
	for (size_t i = 0; i < 100; i++)
		ask(&table, i % 10 ? "echo:x" : "hang:x");
	for (size_t i = 0; i < 100; i++)
		if (i % 3) {
			reach_cancel(table.all[i].call);
			memset(table.all[i].name, '!', strlen(table.all[i].name)); /* was borrowed until now */
		}
	wait_for(&table, 34);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(table.all[i].is_told, i % 3 == 0);
}

static void ending_ends_hands_that_hang(void **state) {
	size_t before = descriptors();
	for (size_t i = 0; i < 3; i++) {
		struct table table;
		table_make(&table, NULL);
		for (size_t k = 0; k < 20; k++)
			ask(&table, "hang:x");
		assert_true(sd_event_run(table.event, 1000) >= 0);
		table_done(&table);
		assert_int_equal(table.told, 0);
	}
	assert_int_equal(descriptors(), before);
	assert_false(has_children());
}

/* Alive until it is killed, or this process ends. */
static pid_t sleeper(void) {
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* No process outlives SIGKILL for as long as one that is stuck in the kernel: here another one stands for its end. */
static void hand_that_dies_late_is_reaped_by_the_loop(void **state) {
	size_t before = descriptors();
	pid_t killed = sleeper(), late = sleeper();
	struct tie tie = {.socket = -1, .pid = killed, .pidfd = pidfd_open(late, 0)};
	sd_event *event = NULL;
	assert_true(sd_event_new(&event) >= 0);
	tie_cut(&tie, event);
	assert_int_equal(waitpid(killed, NULL, 0), killed);
	assert_int_equal(kill(late, SIGKILL), 0);
	assert_true(sd_event_run(event, 20000000) > 0);
	assert_false(has_children());
	sd_event_unref(event);
	assert_int_equal(descriptors(), before);
}

/* A helper's socket in a folder. Its descriptor; the path is the caller's. */
static int listen_at(const char *folder, const char *name, int backlog) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/* A process that takes connections, so many at most, and serves each by a child (how NULL) or as how says. */
static pid_t helper_run(int listening, size_t most, void (*how)(int socket)) {
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < most; i++) {
		int socket = accept(listening, NULL, NULL);
		if (socket >= 0 && how) {
			how(socket);
		} else if (socket >= 0 && fork() == 0) {
			hand_serve(socket, &(struct hand){.kinds = kinds});
			_exit(0);
		}
		close(socket);
	}
	while (wait(NULL) > 0)
		;
	_exit(0);
}

static void helper_end(pid_t pid) {
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void helpers_are_asked_at_their_sockets(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(close_fd) int fs = listen_at(folder, "broker-fs.sock", 10);
	CLEANUP(close_fd) int other = listen_at(folder, "broker-net.sock", 10);
	pid_t pids[] = {helper_run(fs, 1000, NULL), helper_run(other, 1000, NULL)};
	struct table table;
	table_make(&table, folder);
	for (size_t i = 0; i < 90; i++)
		ask(&table, i % 30 == 7 ? "hang:x" : i % 3 ? "echo:x" : "net:");
	wait_for(&table, 90);
	for (size_t i = 0; i < 90; i++)
		assert_int_equal(table.all[i].err.code, i % 30 == 7 ? ERR_TIMEOUT : ERR_NONE);
	table_done(&table);
	helper_end(pids[0]);
	helper_end(pids[1]);
}

static void helper_that_is_not_there_is_unproved_for_each_name(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(table_done) struct table table;
	table_make(&table, folder);
	close(listen_at(folder, "broker-net.sock", 1)); /* a socket that nobody listens at */
	ask(&table, "echo:a");
	ask(&table, "slow:");
	ask(&table, "net:");
	wait_for(&table, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(table.all[i].err.code, ERR_UNPROVED);
		assert_non_null(strstr(table.all[i].err.why, folder));
		assert_non_null(strstr(table.all[i].err.why, i < 2 ? "ENOENT" : "ECONNREFUSED"));
	}
}

static void helper_that_may_not_be_asked_is_denied(void **state) {
	assert_int_equal(getuid(), 0);
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(close_fd) int fs = listen_at(folder, "broker-fs.sock", 10);
	int status = 0;
	assert_int_equal(chmod(folder, 0755), 0);
	pid_t child = fork();
	if (child == 0) {
		struct table table;
		if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
			_exit(100);
		table_make(&table, folder);
		ask(&table, "echo:a");
		wait_for(&table, 1);
		_exit(table.all[0].err.code != ERR_DENIED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void close_at_once(int socket) {}

static void helper_that_closes_is_unproved_after_some_tries(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(close_fd) int fs = listen_at(folder, "broker-fs.sock", 10);
	pid_t pid = helper_run(fs, 1000, close_at_once);
	CLEANUP(table_done) struct table table;
	table_make(&table, folder);
	for (size_t i = 0; i < 20; i++)
		ask(&table, "echo:a");
	wait_for(&table, 20);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(table.all[i].err.code, ERR_UNPROVED);
		assert_non_null(strstr(table.all[i].err.why, "broker-fs.sock"));
	}
	helper_end(pid);
}

static void answer_wrongly(int socket) {
	struct wire_request request;
	int error;
	if (wire_receive(socket, &request, &error) == WIRE_GOT)
		wire_reply(socket, request.number + 1, &(struct answer){0}, NULL, 0);
}

static void answer_to_another_question_is_not_believed(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(close_fd) int fs = listen_at(folder, "broker-fs.sock", 10);
	pid_t pid = helper_run(fs, 1000, answer_wrongly);
	CLEANUP(table_done) struct table table;
	table_make(&table, folder);
	const struct one *one = ask(&table, "echo:a");
	wait_for(&table, 1);
	assert_int_equal(one->err.code, ERR_UNREADABLE);
	helper_end(pid);
}

/* The queue of connections is full until the helper begins to take them. */
static void helper_that_is_busy_is_waited_for(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(close_fd) int fs = listen_at(folder, "broker-fs.sock", 0);
	CLEANUP(free_ptr) char *path = file_join(folder, "broker-fs.sock");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, path, strlen(path));
	int others[2];
	for (size_t i = 0; i < 2; i++) {
		others[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		int refused = connect(others[i], (struct sockaddr *)&address, sizeof address);
		assert_true(refused == 0 || errno == EAGAIN);
	}
	CLEANUP(table_done) struct table table;
	table_make(&table, folder);
	const struct one *one = ask(&table, "echo:patience");
	for (size_t i = 0; i < 3; i++)
		assert_true(sd_event_run(table.event, 100000) >= 0);
	assert_false(one->is_told);
	close(others[0]);
	close(others[1]);
	pid_t pid = helper_run(fs, 1000, NULL);
	wait_for(&table, 1);
	assert_string_equal(buf_str(&one->bytes), "patience");
	helper_end(pid);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_names_each_get_their_own_answer),
		cmocka_unit_test(reason_comes_with_the_name_that_was_asked_for),
		cmocka_unit_test(what_no_helper_is_needed_for_is_looked_at_here),
		cmocka_unit_test(what_hangs_is_a_timeout_and_hinders_nobody),
		cmocka_unit_test(what_kills_its_hand_is_unreadable_and_hinders_nobody),
		cmocka_unit_test(slow_ones_leave_a_hand_for_the_quick),
		cmocka_unit_test(one_hand_does_it_all_where_no_more_are_wanted),
		cmocka_unit_test(cancelled_calls_are_never_told),
		cmocka_unit_test(ending_ends_hands_that_hang),
		cmocka_unit_test(hand_that_dies_late_is_reaped_by_the_loop),
		cmocka_unit_test(helpers_are_asked_at_their_sockets),
		cmocka_unit_test(helper_that_is_not_there_is_unproved_for_each_name),
		cmocka_unit_test(helper_that_may_not_be_asked_is_denied),
		cmocka_unit_test(helper_that_closes_is_unproved_after_some_tries),
		cmocka_unit_test(answer_to_another_question_is_not_believed),
		cmocka_unit_test(helper_that_is_busy_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

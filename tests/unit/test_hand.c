/* A hand in a process of its own, spoken to over its socket. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/hand.h"
#include "sources/wire.h"

static bool look_echo(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	buf_adds(&ret_answer->bytes, ask->rest);
	return true;
}

static bool look_hang(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	while (pause() < 0)
		;
	return false;
}

/* Gives up by itself, just in time. */
static bool look_patient(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	while (ask_in_time(ask, err))
		usleep(1000);
	return false;
}

static bool look_count(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	buf_addf(&ret_answer->bytes, "%s %d", ask->sent >= 0 ? "with" : "without", ask->place->root);
	return true;
}

static const struct kind echo = {.prefix = "echo:", .deadline_ms = 10000, .look = look_echo},
			 hang = {.prefix = "hang:", .deadline_ms = 100, .look = look_hang},
			 patient = {.prefix = "patient:", .deadline_ms = 5000, .look = look_patient},
			 taking = {.prefix = "taking:",
				   .deadline_ms = 10000,
				   .takes_descriptor = true,
				   .look = look_count};
static const struct kind *const kinds[] = {&echo, &hang, &patient, &taking, NULL};

static bool permit(void *context, const char *name, const struct place **ret_place, int *ret_error, struct err *err) {
	static const struct place other = {.root = 42};
	*ret_place = &other;
	if (!strstr(name, "secret"))
		return true;
	*ret_error = EACCES;
	return err_set(err, ERR_DENIED, name, "not on the list");
}

/* Says what was refused on the descriptor that context points at. */
static void note_refused(void *context, const char *name, int error, const struct err *err) {
	dprintf(*(int *)context, "%s %s %s\n", name, strerrorname_np(error), err->why);
}

struct running {
	pid_t pid;
	int socket, refused; /* refused: what was, a line each */
};

static struct running run(bool guarded) {
	int ends[2], lines[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(pipe(lines), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		hand_serve(ends[1], &(struct hand){.kinds = kinds,
						   .permit = guarded ? permit : NULL,
						   .refused = note_refused,
						   .context = &lines[1]});
		_exit(7);
	}
	close(ends[1]);
	close(lines[1]);
	return (struct running){pid, ends[0], lines[0]};
}

/* Closes its socket; the status that it ends with, and what it refused. */
static int finish(struct running *running, char refused[1024]) {
	int status = 0;
	close(running->socket);
	size_t len = 0;
	for (ssize_t got; (got = read(running->refused, refused + len, 1023 - len)) > 0;)
		len += (size_t)got;
	refused[len] = '\0';
	close(running->refused);
	assert_int_equal(waitpid(running->pid, &status, 0), running->pid);
	return status;
}

static enum wire_got next(const struct running *running, struct wire_answer *ret_answer) {
	struct pollfd wait = {.fd = running->socket, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, 20000), 1);
	return wire_take(running->socket, ret_answer);
}

static void answers_one_after_the_other_and_ends_with_its_asker(void **state) {
	struct running running = run(false);
	struct wire_answer got;
	char refused[1024];
	assert_int_equal(wire_ask(running.socket, 1, "echo:a", -1), 0);
	assert_int_equal(wire_ask(running.socket, 2, "echo:b", -1), 0);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_int_equal(got.number, 1);
	assert_string_equal(buf_str(&got.answer.bytes), "a");
	answer_done(&got.answer);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_string_equal(buf_str(&got.answer.bytes), "b");
	answer_done(&got.answer);
	assert_int_equal(WEXITSTATUS(finish(&running, refused)), 7);
	assert_string_equal(refused, "");
}

static void look_that_hangs_ends_the_hand(void **state) {
	struct running running = run(false);
	struct wire_answer got;
	char refused[1024];
	assert_int_equal(wire_ask(running.socket, 1, "hang:", -1), 0);
	assert_int_equal(wire_ask(running.socket, 2, "echo:b", -1), 0);
	assert_int_equal(next(&running, &got), WIRE_CLOSED);
	int status = finish(&running, refused);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGALRM);
}

static void look_that_watches_its_time_answers_in_it(void **state) {
	struct running running = run(false);
	struct wire_answer got;
	char refused[1024];
	assert_int_equal(wire_ask(running.socket, 1, "patient:", -1), 0);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_int_equal(got.err.code, ERR_TIMEOUT);
	finish(&running, refused);
}

static void what_is_not_permitted_or_not_known_is_refused_and_told(void **state) {
	struct running running = run(true);
	struct wire_answer got;
	char refused[1024];
	assert_int_equal(wire_ask(running.socket, 1, "echo:secret", -1), 0);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_int_equal(got.err.code, ERR_DENIED);
	assert_string_equal(got.err.why, "not on the list");
	assert_int_equal(wire_ask(running.socket, 2, "oracle:x", -1), 0);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_int_equal(got.err.code, ERR_UNPROVED);
	assert_int_equal(wire_ask(running.socket, 3, "taking:secret", -1), 0);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_int_equal(got.err.code, ERR_DENIED);
	assert_int_equal(wire_ask(running.socket, 4, "echo:plain", running.socket), 0);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_int_equal(got.err.code, ERR_DENIED);
	assert_int_equal(wire_ask(running.socket, 5, "taking:", running.socket), 0);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_string_equal(buf_str(&got.answer.bytes), "with 42");
	answer_done(&got.answer);
	finish(&running, refused);
	assert_string_equal(refused, "echo:secret EACCES not on the list\n"
				     "oracle:x EOPNOTSUPP not a name that is looked at here\n"
				     "taking:secret EINVAL asked for without a descriptor\n"
				     "echo:plain EINVAL asked for with a descriptor\n");
}

static void what_is_no_request_ends_the_connection(void **state) {
	struct running running = run(true);
	struct wire_answer got;
	char refused[1024];
	assert_int_equal(wire_ask(running.socket, 6, "", -1), 0);
	assert_int_equal(next(&running, &got), WIRE_GOT);
	assert_int_equal(got.number, 6);
	assert_int_equal(got.err.code, ERR_DENIED);
	assert_int_equal(next(&running, &got), WIRE_CLOSED);
	assert_int_equal(WEXITSTATUS(finish(&running, refused)), 7);
	assert_string_equal(refused, " EINVAL not a request: EINVAL (Invalid argument)\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_one_after_the_other_and_ends_with_its_asker),
		cmocka_unit_test(look_that_hangs_ends_the_hand),
		cmocka_unit_test(look_that_watches_its_time_answers_in_it),
		cmocka_unit_test(what_is_not_permitted_or_not_known_is_refused_and_told),
		cmocka_unit_test(what_is_no_request_ends_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

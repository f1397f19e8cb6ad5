/* What crosses between who asks and the hand that looks: whole messages, refused ones, descriptors. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sources/wire.h"
#include "tests/unit/fetching.h"

struct ends {
	int asker, hand;
};

static void ends_done(struct ends *ends) {
	close_fd(&ends->asker);
	close_fd(&ends->hand);
}

static struct ends ends_make(void) {
	int both[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both), 0);
	return (struct ends){both[0], both[1]};
}

/* A message that may be none of ours, with so many descriptors. */
static void send_raw(int socket, const void *data, size_t len, size_t count) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = {0};
	struct iovec part = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (count > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *one = CMSG_FIRSTHDR(&message);
		one->cmsg_level = SOL_SOCKET;
		one->cmsg_type = SCM_RIGHTS;
		one->cmsg_len = CMSG_LEN(count * sizeof(int));
		for (size_t i = 0; i < count; i++)
			memcpy(CMSG_DATA(one) + i * sizeof(int), &socket, sizeof socket);
	}
	assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), len);
}

static void request_arrives_with_its_number_and_descriptor(void **state) {
	CLEANUP(ends_done) struct ends ends = ends_make();
	struct wire_request request;
	int error;
	assert_int_equal(wire_ask(ends.asker, 7, "file:/etc/passwd", -1), 0);
	assert_int_equal(wire_ask(ends.asker, 8, "watch:/etc", ends.asker), 0);
	assert_int_equal(wire_receive(ends.hand, &request, &error), WIRE_GOT);
	assert_int_equal(request.number, 7);
	assert_string_equal(request.name, "file:/etc/passwd");
	assert_int_equal(request.sent, -1);
	assert_int_equal(wire_receive(ends.hand, &request, &error), WIRE_GOT);
	assert_int_equal(request.number, 8);
	assert_true(request.sent >= 0);
	assert_true(fcntl(request.sent, F_GETFD) & FD_CLOEXEC);
	close(request.sent);
	close_fd(&ends.asker);
	ends.asker = -1;
	assert_int_equal(wire_receive(ends.hand, &request, &error), WIRE_CLOSED);
}

static void asking_never_waits(void **state) {
	CLEANUP(ends_done) struct ends ends = ends_make();
	int sent = 0;
	while (wire_ask(ends.asker, 1, "file:/etc/passwd", -1) == 0)
		sent++;
	assert_int_equal(errno, EAGAIN);
	assert_true(sent >= 8);
}

static void name_that_is_not_plain_text_is_refused(void **state) {
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {{"", 0},         {"\1", 1},           {"\1\2\3\4", 4},     {"1234a\0b", 7},         {"1234a\nb", 7},
		   {"1234\177", 5}, {"1234\302\205", 6}, {"1234\300\257", 6}, {"1234\355\240\200", 7}, {"1234\303", 5}};
	struct wire_request request = {0};
	int error;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(wire_request_read(bad[i].bytes, bad[i].len, &request, &error));
		assert_int_equal(error, EINVAL);
	}
	uint32_t number;
	memcpy(&number, "1234", 4);
	assert_int_equal(request.number, number);
	assert_true(wire_request_read("1234f\303\244", 7, &request, &error));
	assert_string_equal(request.name, "f\303\244");
}

static void name_may_be_as_long_as_its_cap_and_no_longer(void **state) {
	CLEANUP(ends_done) struct ends ends = ends_make();
	char data[WIRE_REQUEST_LARGEST + 1];
	struct wire_request request;
	int error;
	assert_int_equal(SOURCE_NAME_LONGEST, 4096);
	memset(data, 'a', sizeof data);
	assert_true(wire_request_read(data, sizeof data - 1, &request, &error));
	assert_int_equal(strlen(request.name), 4096);
	assert_false(wire_request_read(data, sizeof data, &request, &error));
	assert_int_equal(error, EMSGSIZE);
	send_raw(ends.asker, data, sizeof data, 0);
	assert_int_equal(wire_receive(ends.hand, &request, &error), WIRE_BAD);
	assert_int_equal(error, EMSGSIZE);
}

static void descriptors_beyond_the_first_are_closed_and_refused(void **state) {
	CLEANUP(ends_done) struct ends ends = ends_make();
	struct wire_request request;
	int error;
	size_t before = descriptors();
	for (size_t count = 2; count <= 16; count += 7) {
		send_raw(ends.asker, "1234file:/x", 11, count);
		assert_int_equal(wire_receive(ends.hand, &request, &error), WIRE_BAD);
		assert_int_equal(error, EINVAL);
	}
	send_raw(ends.asker, "123", 3, 1); /* what comes with a bad one is closed too */
	assert_int_equal(wire_receive(ends.hand, &request, &error), WIRE_BAD);
	assert_int_equal(descriptors(), before);
}

static void bytes_come_back_as_they_were_and_sealed(void **state) {
	CLEANUP(ends_done) struct ends ends = ends_make();
	struct answer given = {0};
	struct wire_answer got;
	errno = 0;
	assert_int_equal(wire_take(ends.asker, &got), WIRE_BAD);
	assert_int_equal(errno, EAGAIN);
	buf_adds(&given.bytes, "[]");
	assert_true(wire_reply(ends.hand, 3, &given, NULL, 0));
	assert_true(wire_reply(ends.hand, 4, &(struct answer){0}, NULL, 0));
	buf_done(&given.bytes);
	assert_int_equal(wire_take(ends.asker, &got), WIRE_GOT);
	assert_int_equal(got.number, 3);
	assert_int_equal(got.err.code, ERR_NONE);
	assert_string_equal(buf_str(&got.answer.bytes), "[]");
	answer_done(&got.answer);
	assert_int_equal(wire_take(ends.asker, &got), WIRE_GOT);
	assert_int_equal(got.answer.bytes.len, 0);
	answer_done(&got.answer);
}

static void open_file_comes_back_itself(void **state) {
	CLEANUP(ends_done) struct ends ends = ends_make();
	CLEANUP(buf_done) struct buf bytes = {0};
	struct wire_answer got;
	struct err err;
	size_t before = descriptors();
	struct answer given = {.is_file = true,
			       .file = open("/proc/sys/kernel/ostype", O_RDONLY | O_CLOEXEC),
			       .meta = {.known = true, .uid = 1234, .mode = 0640}};
	assert_true(wire_reply(ends.hand, 9, &given, NULL, 0));
	answer_done(&given);
	assert_int_equal(wire_take(ends.asker, &got), WIRE_GOT);
	assert_true(got.answer.is_file);
	assert_true(got.answer.meta.known && got.answer.meta.mode == 0640);
	assert_int_equal(got.answer.meta.uid, 1234);
	assert_true(file_read_fd(got.answer.file, "x", 100, &bytes, &err));
	assert_string_equal(buf_str(&bytes), "Linux\n");
	answer_done(&got.answer);
	assert_int_equal(descriptors(), before);
}

static void reason_comes_back_with_its_code(void **state) {
	CLEANUP(ends_done) struct ends ends = ends_make();
	struct wire_answer got;
	struct err err;
	err_set(&err, ERR_DENIED, "file:/x", "open: EACCES (Permission denied)");
	assert_true(wire_reply(ends.hand, 5, NULL, &err, EACCES));
	err_set(&err, ERR_TOO_BIG, "file:/x", "large");
	assert_true(wire_reply(ends.hand, 6, NULL, &err, 0));
	assert_int_equal(wire_take(ends.asker, &got), WIRE_GOT);
	assert_int_equal(got.number, 5);
	assert_int_equal(got.err.code, ERR_DENIED);
	assert_string_equal(got.err.why, "open: EACCES (Permission denied)");
	assert_int_equal(wire_take(ends.asker, &got), WIRE_GOT);
	assert_int_equal(got.err.code, ERR_UNREADABLE); /* one of the six, whatever the look said */
	close_fd(&ends.hand);
	ends.hand = -1;
	assert_int_equal(wire_take(ends.asker, &got), WIRE_CLOSED);
	assert_false(wire_reply(ends.asker, 5, NULL, &err, 0));
}

static void what_is_no_reply_is_refused(void **state) {
	CLEANUP(ends_done) struct ends ends = ends_make();
	char data[16 + WIRE_WHY + 1] = {0};
	static const uint32_t heads[][4] = {
		{1, ERR_NONE, 0, 0},    /* a good one without a descriptor */
		{1, ERR_DENIED, 0, 0},  /* a bad one with a descriptor */
		{1, ERR_NONE, 0, 2},    /* neither file nor bytes */
		{1, ERR_REFUSED, 0, 0}, /* no look fails like this */
		{1, ERR_NONE, 0, 0},    /* bytes that are not in a sealed memfd */
		{1, ERR_NONE, 0, 1},    /* a file without its metadata */
	};
	static const size_t counts[] = {0, 1, 1, 0, 1, 1};
	struct wire_answer got;
	size_t before = descriptors();
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		send_raw(ends.hand, heads[i], sizeof heads[i], counts[i]);
		assert_int_equal(wire_take(ends.asker, &got), WIRE_BAD);
		assert_int_equal(errno, EPROTO);
	}
	send_raw(ends.hand, "short", 5, 0);
	assert_int_equal(wire_take(ends.asker, &got), WIRE_BAD);
	send_raw(ends.hand, data, sizeof data, 0);
	assert_int_equal(wire_take(ends.asker, &got), WIRE_BAD);
	assert_int_equal(descriptors(), before);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_arrives_with_its_number_and_descriptor),
		cmocka_unit_test(asking_never_waits),
		cmocka_unit_test(name_that_is_not_plain_text_is_refused),
		cmocka_unit_test(name_may_be_as_long_as_its_cap_and_no_longer),
		cmocka_unit_test(descriptors_beyond_the_first_are_closed_and_refused),
		cmocka_unit_test(bytes_come_back_as_they_were_and_sealed),
		cmocka_unit_test(open_file_comes_back_itself),
		cmocka_unit_test(reason_comes_back_with_its_code),
		cmocka_unit_test(what_is_no_reply_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Messages between who asks for sources and the hands: a request as a hand reads it, and a reply as the asker does. */
#include <sys/socket.h>
#include <unistd.h>

#include "sources/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reads_request(const uint8_t *data, size_t size) {
	static struct wire_request request;
	int error = 0;
	if (wire_request_read(data, size, &request, &error)) {
		size_t len = strlen(request.name);
		if (len == 0 || len != size - 4 || !wire_is_name(request.name, len) || request.sent != -1)
			abort();
	} else if (!error) {
		abort();
	}
}

/* With a descriptor or without, over a socket as it comes. */
static void takes_reply(const uint8_t *data, size_t size, bool with_file) {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct wire_answer answer;
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		abort();
	if (with_file) {
		message.msg_control = control;
		message.msg_controllen = sizeof control;
		struct cmsghdr *one = CMSG_FIRSTHDR(&message);
		one->cmsg_level = SOL_SOCKET;
		one->cmsg_type = SCM_RIGHTS;
		one->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(one), &ends[0], sizeof(int));
	}
	if (sendmsg(ends[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 && wire_take(ends[1], &answer) == WIRE_GOT) {
		if (answer.err.code > ERR_UNAPPROVED || (answer.err.code && answer.answer.is_file))
			abort();
		answer_done(&answer.answer);
	}
	close(ends[0]);
	close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	if (data[0] & 1)
		takes_reply(data + 1, size - 1, data[0] & 2);
	else
		reads_request(data + 1, size - 1);
	return 0;
}

#include "sources/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 65536 /* the kernel's messages are of 32 KiB at most (NLMSG_GOODSIZE, netlink(7)) */
#define SEQUENCE 1

/* One answer under way. */
struct asking {
	const struct ask *ask;
	const struct netlink_request *request;
	bool (*use)(void *context, const void *data, size_t len, struct err *err);
	void *context;
	int fd, error;
	bool is_done;
};

static bool fail_errno(struct asking *asking, const char *what, struct err *err) {
	asking->error = errno;
	if (asking->error == EAGAIN)
		return err_set(err, ERR_TIMEOUT, asking->ask->name, "the kernel does not answer");
	return err_errno(err, asking->error, ERR_UNREADABLE, asking->ask->name, what);
}

static bool set_deadline(struct asking *asking, struct err *err) {
	uint64_t now = time_us(), left = asking->ask->deadline_us > now ? asking->ask->deadline_us - now : 1;
	struct timeval wait = {.tv_sec = (time_t)(left / 1000000), .tv_usec = (suseconds_t)(left % 1000000)};
	return setsockopt(asking->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 ||
	       fail_errno(asking, "setsockopt", err);
}

static bool send_request(struct asking *asking, struct err *err) {
	const struct netlink_request *request = asking->request;
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	const struct nlmsghdr head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(request->len),
				      .nlmsg_type = request->type,
				      .nlmsg_flags = NLM_F_REQUEST | (request->is_list ? NLM_F_DUMP : 0),
				      .nlmsg_seq = SEQUENCE};
	CLEANUP(buf_done) struct buf message = {0};
	buf_add(&message, &head, sizeof head);
	buf_add(&message, request->data, request->len);
	return sendto(asking->fd, message.data, message.len, 0, (const struct sockaddr *)&kernel, sizeof kernel) >= 0 ||
	       fail_errno(asking, "ask the kernel", err);
}

static bool use_message(struct asking *asking, const struct nlmsghdr *head, const char *data, struct err *err) {
	struct nlmsgerr fault = {0};
	size_t len = head->nlmsg_len - NLMSG_HDRLEN;
	if (head->nlmsg_seq != SEQUENCE)
		return true; /* not ours */
	if (head->nlmsg_type == NLMSG_DONE) {
		/* What ended a list early is behind it. */
		memcpy(&fault.error, data, len < sizeof fault.error ? 0 : sizeof fault.error);
		asking->is_done = true;
	} else if (head->nlmsg_type == NLMSG_ERROR) {
		memcpy(&fault, data, len < sizeof fault ? len : sizeof fault);
		fault.error = fault.error ? fault.error : -EPROTO;
	}
	if (fault.error < 0) {
		errno = -fault.error;
		return fail_errno(asking, "the kernel's answer", err);
	}
	if (asking->is_done)
		return true;
	asking->is_done = !asking->request->is_list;
	return asking->use(asking->context, data, len, err);
}

static bool receive(struct asking *asking, char *room, struct err *err) {
	struct sockaddr_nl from = {0};
	socklen_t from_len = sizeof from;
	ssize_t got = recvfrom(asking->fd, room, ROOM, MSG_TRUNC, (struct sockaddr *)&from, &from_len);
	if (got < 0 && errno == EINTR)
		return true;
	if (got < 0)
		return fail_errno(asking, "receive", err);
	if (from.nl_pid != 0)
		return true; /* only the kernel is believed */
	size_t at = 0, len = (size_t)got;
	struct nlmsghdr head;
	while (len <= ROOM && len - at >= sizeof head && !asking->is_done) {
		memcpy(&head, room + at, sizeof head);
		if (head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > len - at)
			break;
		if (!use_message(asking, &head, room + at + NLMSG_HDRLEN, err))
			return false;
		size_t step = NLMSG_ALIGN((size_t)head.nlmsg_len);
		at += step < len - at ? step : len - at;
	}
	return asking->is_done || at == len ||
	       err_set(err, ERR_MALFORMED, asking->ask->name, "the kernel's answer breaks off");
}

bool netlink_ask(const struct ask *ask, const struct netlink_request *request,
		 bool (*use)(void *context, const void *data, size_t len, struct err *err), void *context,
		 int *ret_error, struct err *err) {
	CLEANUP(free_ptr) char *room = xmalloc(ROOM);
	CLEANUP(close_fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, request->protocol);
	struct asking asking = {.ask = ask, .request = request, .use = use, .context = context, .fd = fd};
	bool is_good =
		fd >= 0 ? set_deadline(&asking, err) && send_request(&asking, err) : fail_errno(&asking, "socket", err);
	while (is_good && !asking.is_done)
		is_good = ask_in_time(ask, err) && receive(&asking, room, err);
	*ret_error = asking.error;
	return is_good;
}

#include "agent/sealer_wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static bool set_deadline(int socket, int option) {
	const struct timeval wait = {.tv_sec = SEALER_WAIT_S};
	return setsockopt(socket, SOL_SOCKET, option, &wait, sizeof wait) == 0;
}

/* One message, up to max bytes; a longer one counts as longer. */
static ssize_t receive_message(int socket, void *data, size_t max) {
	ssize_t got;
	do
		got = recv(socket, data, max, MSG_TRUNC);
	while (got < 0 && errno == EINTR);
	return got;
}

bool sealer_receive(int connection, struct buf *ret_payload, struct err *err) {
	struct buf payload = {0};
	if (!set_deadline(connection, SO_RCVTIMEO) || !set_deadline(connection, SO_SNDTIMEO))
		return err_errno(err, errno, ERR_IO, "request", "set a deadline");
	ssize_t got = receive_message(connection, buf_room(&payload, DSSE_PAYLOAD_LARGEST), DSSE_PAYLOAD_LARGEST);
	if (got > 0 && got <= (ssize_t)DSSE_PAYLOAD_LARGEST) {
		payload.len = (size_t)got;
		buf_room(&payload, 0);
		*ret_payload = payload;
		return true;
	}
	int error = errno;
	buf_done(&payload);
	if (got < 0)
		return err_errno(err, error, ERR_REFUSED, "request", "receive");
	return got == 0 ? err_set(err, ERR_REFUSED, "request", "there is none")
			: err_set(err, ERR_REFUSED, "request", "larger than the cap of %u bytes", DSSE_PAYLOAD_LARGEST);
}

void sealer_reply(int connection, const struct sealer_reply *reply) {
	ssize_t put;
	do
		put = send(connection, reply, sizeof *reply, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
}

static bool connect_to(const char *path, int *ret_socket, struct err *err) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof address.sun_path)
		return err_set(err, ERR_USAGE, path, "too long for the name of a socket");
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (fd < 0 || !set_deadline(fd, SO_RCVTIMEO) || !set_deadline(fd, SO_SNDTIMEO) ||
	    connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
		return err_errno(err, errno, ERR_IO, path, "connect to the sealer");
	*ret_socket = fd;
	fd = -1;
	return true;
}

static bool has_shape(const struct sealer_reply *reply, ssize_t len) {
	return len == sizeof *reply && reply->outcome >= SEALER_SIGNED && reply->outcome <= SEALER_FAILED &&
	       reply->signature_len <= sizeof reply->signature && reply->key_len <= sizeof reply->key &&
	       memchr(reply->why, '\0', sizeof reply->why);
}

bool sealer_ask(const char *path, const void *payload, size_t len, struct sealer_reply *ret_reply, struct err *err) {
	CLEANUP(close_fd) int fd = -1;
	struct sealer_reply reply;
	if (!connect_to(path, &fd, err))
		return false;
	if (send(fd, payload, len, MSG_NOSIGNAL) != (ssize_t)len)
		return err_errno(err, errno, ERR_IO, path, "ask the sealer");
	ssize_t got = receive_message(fd, &reply, sizeof reply);
	if (got < 0)
		return err_errno(err, errno == EAGAIN ? ETIMEDOUT : errno, ERR_IO, path, "wait for the sealer");
	if (!has_shape(&reply, got))
		return err_set(err, ERR_IO, path, got ? "not a reply of the sealer" : "the sealer hung up");
	*ret_reply = reply;
	return true;
}

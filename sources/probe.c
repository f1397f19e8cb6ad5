#include "sources/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/text.h"

const struct kind *const probes_all[] = {&probe_tls, &probe_dns,      &probe_http,   &probe_ssh,
					 &probe_ntp, &probe_greeting, &probe_suites, NULL};

static bool peer_fault(const struct ask *ask, struct err *err) {
	return err_set(err, ERR_UNREADABLE, ask->name, "names no HOST:PORT");
}

bool probe_is_address(const char *host) {
	unsigned char address[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

bool probe_peer_read(const struct ask *ask, const char *text, size_t len, const char *otherwise,
		     struct probe_peer *ret_peer, struct err *err) {
	struct probe_peer peer = {0};
	CLEANUP(free_ptr) char *whole = xstrndup(text, len);
	bool is_bracketed = whole[0] == '[';
	char *host = whole + is_bracketed, *end = host + strcspn(host, is_bracketed ? "]" : ":");
	if (is_bracketed && !*end)
		return peer_fault(ask, err);
	const char *port = end + is_bracketed;
	unsigned long long number;
	if (*port && *port != ':')
		return peer_fault(ask, err);
	port = *port ? port + 1 : otherwise;
	*end = '\0';
	if (!port || !text_to_u64(port, 65535, &number) || number == 0 || !*host || strlen(host) >= sizeof peer.host ||
	    (is_bracketed && !probe_is_address(host)))
		return peer_fault(ask, err);
	if (!is_bracketed && host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")])
		return peer_fault(ask, err);
	snprintf(peer.host, sizeof peer.host, "%s", host);
	snprintf(peer.port, sizeof peer.port, "%llu", number);
	*ret_peer = peer;
	return true;
}

uint64_t probe_until(const struct ask *ask, unsigned ms) {
	uint64_t until = time_us() + (uint64_t)ms * 1000;
	return until < ask->deadline_us ? until : ask->deadline_us;
}

void probe_random(void *data, size_t len) {
	if (getrandom(data, len, 0) != (ssize_t)len)
		abort(); /* of at most 256 bytes it cannot fail */
}

/* What the network says of a peer, in the words of looks. */
static bool network_fault(const struct ask *ask, int error, const char *what, struct err *err) {
	struct err plain;
	if (error == EPERM || error == EACCES)
		return err_errno(err, error, ERR_DENIED, ask->name, PROBE_NOT_SENT "the host's own filter or routes");
	enum err_code code = error == ECONNREFUSED ? ERR_ABSENT
			     : error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL ||
					     error == EAFNOSUPPORT || error == ENETDOWN
				     ? ERR_UNPROVED
				     : ERR_UNREADABLE;
	(void)err_errno(&plain, error, code, ask->name, what);
	*err = plain;
	return false;
}

bool probe_wait(const struct ask *ask, int socket, short events, uint64_t until_us, struct err *err) {
	for (;;) {
		uint64_t now = time_us();
		if (now >= until_us)
			return err_set(err, ERR_TIMEOUT, ask->name, PROBE_SILENCE " in time");
		struct pollfd ready = {.fd = socket, .events = events};
		int count = poll(&ready, 1, (int)((until_us - now) / 1000) + 1);
		if (count > 0)
			return true;
		if (count < 0 && errno != EINTR)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "poll");
	}
}

static bool connect_one(const struct ask *ask, const struct addrinfo *address, int *ret_socket, struct err *err) {
	CLEANUP(close_fd) int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return network_fault(ask, errno, "socket", err);
	int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
	socklen_t len = sizeof error;
	if (error == EINPROGRESS) {
		if (!probe_wait(ask, fd, POLLOUT, probe_until(ask, PROBE_DIAL_MS), err))
			return false;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
			error = errno;
	}
	if (error)
		return network_fault(ask, error, "connect", err);
	*ret_socket = fd;
	fd = -1;
	return true;
}

static void free_addresses(struct addrinfo **addresses) {
	if (*addresses)
		freeaddrinfo(*addresses);
}

bool probe_dial(const struct ask *ask, const struct probe_peer *peer, int type, int *ret_socket, struct err *err) {
	struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICSERV};
	CLEANUP(free_addresses) struct addrinfo *addresses = NULL;
	int error = getaddrinfo(peer->host, peer->port, &hints, &addresses);
	if (error)
		return err_set(err, ERR_UNPROVED, ask->name, "no address of %s: %s", peer->host, gai_strerror(error));
	struct err why;
	for (const struct addrinfo *address = addresses; address; address = address->ai_next) {
		struct err one;
		if (connect_one(ask, address, ret_socket, &one))
			return true;
		/* The most telling failure of several: only where each address refuses is nothing there. */
		if (address == addresses || why.code == ERR_ABSENT)
			why = one;
	}
	*err = why;
	return false;
}

bool probe_send(const struct ask *ask, int socket, const void *data, size_t len, uint64_t until_us, struct err *err) {
	for (const char *at = data; len > 0;) {
		ssize_t sent = send(socket, at, len, MSG_NOSIGNAL);
		if (sent >= 0) {
			at += sent;
			len -= (size_t)sent;
		} else if (errno != EAGAIN && errno != EINTR) {
			return network_fault(ask, errno, "send", err);
		} else if (!probe_wait(ask, socket, POLLOUT, until_us, err)) {
			return false;
		}
	}
	return true;
}

bool probe_receive(const struct ask *ask, int socket, void *data, size_t size, uint64_t until_us, size_t *ret_len,
		   struct err *err) {
	for (;;) {
		if (!probe_wait(ask, socket, POLLIN, until_us, err))
			return false;
		ssize_t got = recv(socket, data, size, 0);
		if (got >= 0) {
			*ret_len = (size_t)got;
			return true;
		}
		if (errno != EAGAIN && errno != EINTR)
			return network_fault(ask, errno, "receive", err);
	}
}

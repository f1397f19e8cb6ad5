/* Peers on loopback for probes: real servers as child processes, and small hostile ones. */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sources/probe.h"

struct peer {
	int port;
	pid_t process;
};

static inline int peer_bind(int type, int *ret_port) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || (type == SOCK_STREAM && listen(fd, 16) != 0) ||
	    getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		abort();
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* A port that nobody has. */
static inline int peer_free_port(int type) {
	int port;
	close(peer_bind(type, &port));
	return port;
}

static inline pid_t peer_fork(void) {
	pid_t process = fork();
	if (process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		alarm(60);
	}
	return process;
}

/* serve(connection, context) for each connection, one after the other. */
static inline struct peer peer_stream(void (*serve)(int connection, const void *context), const void *context) {
	struct peer peer;
	int listener = peer_bind(SOCK_STREAM, &peer.port);
	peer.process = peer_fork();
	if (peer.process == 0)
		for (;;) {
			int connection = accept(listener, NULL, NULL);
			serve(connection, context);
			close(connection);
		}
	close(listener);
	return peer;
}

/* answer(socket, from, request, len, context) for each datagram. */
struct peer_datagram {
	int socket;
	struct sockaddr_in from;
	unsigned char data[2048];
	size_t len;
};
static inline void peer_reply(const struct peer_datagram *to, const void *data, size_t len) {
	sendto(to->socket, data, len, 0, (const struct sockaddr *)&to->from, sizeof to->from);
}
static inline struct peer peer_datagrams(void (*answer)(struct peer_datagram *got, const void *context),
					 const void *context) {
	struct peer peer;
	struct peer_datagram got;
	got.socket = peer_bind(SOCK_DGRAM, &peer.port);
	peer.process = peer_fork();
	while (peer.process == 0) {
		socklen_t size = sizeof got.from;
		ssize_t len = recvfrom(got.socket, got.data, sizeof got.data, 0, (struct sockaddr *)&got.from, &size);
		got.len = len > 0 ? (size_t)len : 0;
		if (len > 0)
			answer(&got, context);
	}
	close(got.socket);
	return peer;
}

static inline void peer_pause(void) { nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); }

/* A program of the system, with nothing to read and its words thrown away (VOUCH_TEST_LOUD keeps them). */
static inline struct peer peer_program(int port, const char *const argv[]) {
	struct peer peer = {.port = port, .process = peer_fork()};
	if (peer.process == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		if (!getenv("VOUCH_TEST_LOUD")) {
			dup2(null, 1);
			dup2(null, 2);
		}
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	return peer;
}

/* Until somebody takes connections there; fails the test when the program has ended instead. */
static inline void peer_wait(const struct peer *peer) {
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)peer->port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (;; peer_pause()) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int error = connect(fd, (struct sockaddr *)&address, sizeof address);
		close(fd);
		if (error == 0)
			return;
		assert_int_equal(waitpid(peer->process, NULL, WNOHANG), 0);
	}
}

static inline void peer_stop(const struct peer *peer) {
	kill(peer->process, SIGKILL);
	waitpid(peer->process, NULL, 0);
}

/* Hostile ones. */

static inline void peer_says_nothing(int connection, const void *context) {
	char byte;
	while (read(connection, &byte, 1) > 0)
		continue;
}

static inline void peer_closes(int connection, const void *context) {}

/* context: text to send, and then to close. */
static inline void peer_says(int connection, const void *context) {
	char request[4096];
	if (read(connection, request, sizeof request) >= 0)
		(void)!write(connection, context, strlen(context));
}

/* 20 MB of text, as fast as it goes. */
static inline void peer_floods(int connection, const void *context) {
	char flood[65536];
	memset(flood, *(const char *)context, sizeof flood);
	for (size_t sent = 0; sent < 20U << 20; sent += sizeof flood)
		if (write(connection, flood, sizeof flood) <= 0)
			return;
}

/* context: bytes of text of which each comes alone, and then the last one over and over. */
static inline void peer_drips(int connection, const void *context) {
	for (const char *next = context; write(connection, next, 1) == 1; peer_pause())
		next += next[1] != '\0';
}

/* Probing as a hand does, with this much time. */
static inline bool probe_now(const struct kind *kind, const char *name, unsigned ms, struct answer *ret_answer,
			     struct err *err) {
	struct ask ask = {.name = name,
			  .rest = name + strlen(kind->prefix),
			  .deadline_us = time_us() + (uint64_t)ms * 1000,
			  .sent = -1};
	return kind->look(&ask, ret_answer, err);
}

/* The answer as JSON; the caller json_decref()s. */
static inline json_t *probe_json(const struct kind *kind, const char *name) {
	struct err err = {0};
	char text[600];
	CLEANUP(answer_done) struct answer answer = {0};
	json_t *value = NULL;
	if (!probe_now(kind, name, PROBE_DEADLINE_MS, &answer, &err) ||
	    !json_read(answer.bytes.data, answer.bytes.len, SOURCE_LARGEST, name, &value, &err))
		fail_msg("%s: %s", err_code_name(err.code), err_text(&err, text, sizeof text));
	return value;
}

static inline void probe_fails(const struct kind *kind, const char *name, unsigned ms, enum err_code code,
			       const char *why) {
	struct err err = {0};
	CLEANUP(answer_done) struct answer answer = {0};
	if (probe_now(kind, name, ms, &answer, &err))
		fail_msg("%s: answered %s", name, buf_str(&answer.bytes));
	assert_string_equal(err_code_name(err.code), err_code_name(code));
	assert_string_equal(err.where, name);
	if (!strstr(err.why, why))
		fail_msg("%s: \"%s\" without \"%s\"", name, err.why, why);
}

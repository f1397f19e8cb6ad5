/* dns: one question to one server: over UDP, and again over TCP where the answer was cut, or over TCP alone. Only that
 * server's answers arrive (the socket is connected), and only one with the number and the question of the query is
 * believed. */
#include <string.h>
#include <sys/socket.h>

#include "sources/dns_message.h"
#include "sources/probe.h"

#define TRIES 3
#define TRY_MS 2500
#define TCP_MS 6000
#define STRANGERS_MOST 100 /* datagrams that answer something else */

struct question {
	struct probe_peer server;
	bool is_tcp;      /* over TCP alone */
	struct buf query; /* owned */
};

static void question_done(struct question *question) { buf_done(&question->query); }

static bool read_question(const struct ask *ask, struct question *question, struct err *err) {
	const char *at = strrchr(ask->rest, '@');
	CLEANUP(free_ptr) char *name = xstrndup(ask->rest, at ? (size_t)(at - ask->rest) : 0);
	char *slash = strrchr(name, '/');
	uint16_t type, id;
	if (!at || !slash)
		return err_set(err, ERR_UNREADABLE, ask->name, "not NAME/TYPE@SERVER");
	*slash = '\0';
	char *plus = strchr(slash + 1, '+');
	question->is_tcp = plus && !strcmp(plus, "+tcp");
	if (question->is_tcp)
		*plus = '\0';
	if (!dns_type_read(slash + 1, &type))
		return err_set(err, ERR_UNREADABLE, ask->name, "there is no type of record \"%s\"", slash + 1);
	probe_random(&id, sizeof id);
	if (!dns_write(id, name, type, &question->query))
		return err_set(err, ERR_UNREADABLE, ask->name, "\"%s\" is no domain name", name);
	return probe_peer_read(ask, at + 1, strlen(at + 1), "53", &question->server, err);
}

/* The next datagram that answers the question. */
static bool receive(const struct ask *ask, int socket, const struct question *question, uint64_t until,
		    unsigned *strangers, struct buf *message, struct err *err) {
	while (*strangers <= STRANGERS_MOST) {
		message->len = 0;
		if (!probe_receive(ask, socket, buf_room(message, DNS_LARGEST), DNS_LARGEST, until, &message->len, err))
			return false;
		if (dns_is_answer(&question->query, message->data, message->len))
			return true;
		++*strangers;
	}
	return err_set(err, ERR_MALFORMED, ask->name, "more than %d datagrams that answer something else",
		       STRANGERS_MOST);
}

static bool ask_udp(const struct ask *ask, const struct question *question, struct buf *message, struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	unsigned strangers = 0;
	if (!probe_dial(ask, &question->server, SOCK_DGRAM, &socket, err))
		return false;
	for (int i = 1; i <= TRIES; i++) {
		uint64_t until = probe_until(ask, TRY_MS);
		struct err why;
		if (!probe_send(ask, socket, question->query.data, question->query.len, until, err))
			return false;
		if (receive(ask, socket, question, until, &strangers, message, &why))
			return true;
		if (i == TRIES || why.code != ERR_TIMEOUT || !ask_in_time(ask, &why)) {
			*err = why;
			if (why.code == ERR_TIMEOUT && strangers > 0)
				return err_set(err, ERR_TIMEOUT, ask->name,
					       "no answer, but %u datagrams that answer something else", strangers);
			return false;
		}
	}
	return false; /* not reached: the last try has returned */
}

static bool receive_exactly(const struct ask *ask, int socket, size_t len, uint64_t until, struct buf *message,
			    struct err *err) {
	message->len = 0;
	char *data = buf_room(message, len);
	while (message->len < len) {
		size_t got = 0;
		if (!probe_receive(ask, socket, data + message->len, len - message->len, until, &got, err))
			return false;
		if (got == 0)
			return err_set(err, ERR_MALFORMED, ask->name, "the server closes within its answer");
		message->len += got;
	}
	return true;
}

/* RFC 1035 4.2.2: a length of two bytes before each message. */
static bool ask_tcp(const struct ask *ask, const struct question *question, struct buf *message, struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	CLEANUP(buf_done) struct buf framed = {0};
	uint64_t until = probe_until(ask, TCP_MS);
	size_t len = question->query.len;
	buf_add(&framed, (unsigned char[]){(unsigned char)(len >> 8), (unsigned char)len}, 2);
	buf_add(&framed, question->query.data, len);
	struct err why;
	if (!probe_dial(ask, &question->server, SOCK_STREAM, &socket, &why)) {
		*err = why;
		/* That nothing listens there was said by nobody: UDP has answered. */
		return question->is_tcp ? false
					: err_set(err, why.code == ERR_ABSENT ? ERR_UNPROVED : why.code, ask->name,
						  "the answer over UDP is cut, and over TCP: %s", why.why);
	}
	if (!probe_send(ask, socket, framed.data, framed.len, until, err) ||
	    !receive_exactly(ask, socket, 2, until, message, err))
		return false;
	len = (size_t)(unsigned char)message->data[0] << 8 | (unsigned char)message->data[1];
	if (!receive_exactly(ask, socket, len, until, message, err))
		return false;
	if (!dns_is_answer(&question->query, message->data, message->len) || dns_is_cut(message->data, message->len))
		return err_set(err, ERR_MALFORMED, ask->name, "what comes over TCP is no whole answer to the question");
	return true;
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(question_done) struct question question = {0};
	CLEANUP(buf_done) struct buf message = {0};
	CLEANUP(json_decref_p) json_t *value = NULL;
	if (!read_question(ask, &question, err) || (!question.is_tcp && !ask_udp(ask, &question, &message, err)))
		return false;
	bool is_cut = !question.is_tcp && dns_is_cut(message.data, message.len);
	if ((is_cut || question.is_tcp) && !ask_tcp(ask, &question, &message, err))
		return false;
	if (!dns_read(message.data, message.len, ask->name, &value, err))
		return false;
	json_object_set_new(value, "truncated", json_boolean(is_cut));
	return answer_json(ask, value, ret_answer, err);
}

const struct kind probe_dns = {
	.prefix = "dns:", .deadline_ms = PROBE_DEADLINE_MS, .helper = HELPER_PROBER, .is_slow = true, .look = look};

#include "sources/tls_target.h"

#include <sys/socket.h>
#include <unistd.h>

#include "core/text.h"

#define TALK_MS 4000  /* for what comes before TLS */
#define HELLO_MS 2000 /* for the answer to one hello */

/* "?starttls=smtp", "?sni=NAME" or "?starttls=smtp&sni=NAME": *ret_sni NULL without one. */
static bool read_query(const struct ask *ask, const char *query, struct tls_target *target, const char **ret_sni,
		       struct err *err) {
	*ret_sni = NULL;
	if (!query)
		return true;
	const char *at = query + 1;
	if (text_starts(at, "starttls=")) {
		const char *protocol = at + strlen("starttls=");
		size_t len = strcspn(protocol, "&");
		target->talk = talk_protocol_find(protocol, len);
		at = protocol + len + (protocol[len] == '&' && protocol[len + 1]);
		if (!target->talk)
			return err_set(err, ERR_UNREADABLE, ask->name, "no protocol that is known goes over to TLS so");
	}
	*ret_sni = text_starts(at, "sni=") ? at + strlen("sni=") : NULL;
	return (*at == '\0' && target->talk) || *ret_sni ||
	       err_set(err, ERR_UNREADABLE, ask->name, "not HOST:PORT, with ?starttls=PROTOCOL or ?sni=NAME or both");
}

bool tls_target_read(const struct ask *ask, struct tls_target *ret_target, struct err *err) {
	struct tls_target found = {0}, *target = &found;
	const char *query = strchr(ask->rest, '?'), *sni;
	size_t len = query ? (size_t)(query - ask->rest) : strlen(ask->rest);
	if (!probe_peer_read(ask, ask->rest, len, NULL, &target->peer, err) ||
	    !read_query(ask, query, target, &sni, err))
		return false;
	const char *name = sni ? sni : target->peer.host;
	if (!*name || strlen(name) > HELLO_NAME_LONGEST ||
	    (sni && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")]))
		return err_set(err, ERR_UNREADABLE, ask->name, "no name of a server");
	snprintf(target->name, sizeof target->name, "%s", name);
	*ret_target = found;
	if (!probe_is_address(found.name))
		ret_target->server_name = ret_target->name;
	return true;
}

bool tls_dial(const struct ask *ask, const struct tls_target *target, int *ret_socket, struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	if (!probe_dial(ask, &target->peer, SOCK_STREAM, &socket, err) ||
	    (target->talk && !talk_to_tls(ask, socket, target->talk, probe_until(ask, TALK_MS), err)))
		return false;
	*ret_socket = socket;
	socket = -1;
	return true;
}

bool tls_ask(const struct ask *ask, const struct tls_target *target, const struct buf *hello,
	     struct hello_answer *ret_answer, bool *ret_is_silent, struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err quiet;
	if (!tls_dial(ask, target, &socket, err))
		return false;
	uint64_t until = probe_until(ask, HELLO_MS);
	*ret_answer = (struct hello_answer){.said = HELLO_MORE};
	*ret_is_silent = false;
	if (!probe_send(ask, socket, hello->data, hello->len, until, &quiet))
		return true;
	while (ret_answer->said == HELLO_MORE && bytes.len < HELLO_LARGEST) {
		size_t got = 0, room = HELLO_LARGEST - bytes.len;
		if (!probe_receive(ask, socket, buf_room(&bytes, room), room, until, &got, &quiet)) {
			*ret_is_silent = quiet.code == ERR_TIMEOUT;
			return true;
		}
		if (got == 0)
			return true;
		bytes.len += got;
		*ret_answer = hello_answer(bytes.data, bytes.len);
	}
	return true;
}

#include "witness/witness_serve.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netdb.h>
#include <signal.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/add_checkpoint.h"
#include "core/text.h"
#include "core/times.h"

#define HEADERS_MOST 8192
#define BACKLOG 64

struct server {
	struct witness *witness;
	struct event_base *base;
	struct evhttp *http;
	struct event *signals[2];
	void (*say)(const char *line);
	unsigned connections;
};

/* Held by its timer, so that the bufferevent outlives evhttp's use of it. */
struct connection {
	struct server *server;
	struct bufferevent *bufferevent;
};

static void server_done(struct server *server) {
	for (size_t i = 0; i < ARRAY_LEN(server->signals); i++)
		if (server->signals[i])
			event_free(server->signals[i]);
	if (server->http)
		evhttp_free(server->http);
	if (server->base)
		event_base_free(server->base);
	libevent_global_shutdown();
}

static void say(const struct server *server, const char *text) {
	char line[512];
	snprintf(line, sizeof line, "%s", text);
	text_replace_controls(line);
	server->say(line);
}

/* --- connections --------------------------------------------------------------------------------------------- */

/* The socket's end is what evhttp understands in every state. It stays open until here, even when evhttp has done with
 * it, so its number is still its own. */
static void end_connection(evutil_socket_t unused, short what, void *context) {
	struct connection *connection = context;
	const evutil_socket_t fd = bufferevent_getfd(connection->bufferevent);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	connection->server->connections--;
	bufferevent_decref(connection->bufferevent);
	free(connection);
}

static struct bufferevent *new_connection(struct event_base *base, void *context) {
	struct server *server = context;
	struct connection *connection = xcalloc(1, sizeof *connection);
	connection->server = server;
	connection->bufferevent = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!connection->bufferevent)
		abort();
	const bool is_too_many = ++server->connections > WITNESS_CONNECTIONS_MOST;
	const struct timeval after = {.tv_sec = is_too_many ? 0 : WITNESS_CONNECTION_S};
	bufferevent_incref(connection->bufferevent);
	if (event_base_once(base, -1, EV_TIMEOUT, end_connection, connection, &after) != 0)
		abort();
	return connection->bufferevent;
}

/* --- requests ------------------------------------------------------------------------------------------------ */

static void reply(struct evhttp_request *request, struct witness_answer *answer) {
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	const bool is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
	struct evbuffer *body = evbuffer_new();
	char length[32];
	snprintf(length, sizeof length, "%zu", answer->body.len);
	if (!body || evhttp_add_header(headers, "Content-Type", answer->type) != 0 ||
	    evhttp_add_header(headers, "Content-Length", length) != 0 ||
	    (!is_head && evbuffer_add(body, answer->body.data, answer->body.len) != 0))
		abort();
	evhttp_send_reply(request, answer->status, NULL, body);
	evbuffer_free(body);
}

static void refuse(struct witness_answer *answer, int status, const char *why) {
	*answer = (struct witness_answer){.status = status, .type = "text/plain; charset=utf-8"};
	buf_addf(&answer->body, "%s\n", why);
}

/* Two lengths: who stands between may take the other one, and would see other requests. */
static bool has_two_lengths(struct evhttp_request *request) {
	const struct evkeyval *header;
	unsigned lengths = 0;
	TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
	lengths += !strcasecmp(header->key, "Content-Length") || !strcasecmp(header->key, "Transfer-Encoding");
	return lengths > 1;
}

static void add(struct server *server, struct evhttp_request *request, struct witness_answer *answer) {
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	const size_t len = evbuffer_get_length(input);
	CLEANUP(buf_done) struct buf body = {0};
	char *room = buf_room(&body, len);
	if (evbuffer_copyout(input, room, len) != (ev_ssize_t)len)
		abort();
	witness_add(server->witness, room, len, times_now(), answer);
}

/* "/<64 hexadecimal digits>/checkpoint" */
static bool is_checkpoint(const char *path, char hash[HASH_HEX]) {
	struct hash unused;
	if (strlen(path) < HASH_HEX || strcmp(path + HASH_HEX, "/checkpoint") != 0)
		return false;
	memcpy(hash, path + 1, HASH_HEX - 1);
	hash[HASH_HEX - 1] = '\0';
	return path[0] == '/' && hash_from_hex(hash, &unused);
}

static void handle(struct evhttp_request *request, void *context) {
	struct server *server = context;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri && evhttp_uri_get_path(uri) ? evhttp_uri_get_path(uri) : "";
	const bool is_post = evhttp_request_get_command(request) == EVHTTP_REQ_POST;
	CLEANUP(witness_answer_done) struct witness_answer answer = {0};
	char hash[HASH_HEX];
	const bool is_add = !strcmp(path, "/add-checkpoint"), is_show = is_checkpoint(path, hash);
	if (has_two_lengths(request))
		refuse(&answer, 400, "two lengths");
	else if (!is_add && !is_show)
		refuse(&answer, 404, "there is nothing here");
	else if (is_add != is_post)
		refuse(&answer, 405, "not with this method");
	else if (is_add)
		add(server, request, &answer);
	else
		witness_show(server->witness, hash, &answer);
	if (answer.event[0])
		say(server, answer.event);
	reply(request, &answer);
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static void stop(evutil_socket_t number, short what, void *base) { event_base_loopbreak(base); }

static bool watch_signals(struct server *server, struct err *err) {
	static const int numbers[] = {SIGTERM, SIGINT};
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		server->signals[i] = evsignal_new(server->base, numbers[i], stop, server->base);
		if (!server->signals[i] || event_add(server->signals[i], NULL) != 0)
			return err_set(err, ERR_IO, "signals", "cannot be watched");
	}
	return true;
}

/* "127.0.0.1:8000", "[::1]:8000" */
static bool split_address(const char *text, char **ret_node, char **ret_port, struct err *err) {
	const char *colon = strrchr(text, ':');
	if (!colon || colon == text || !colon[1])
		return err_set(err, ERR_USAGE, text, "not ADDRESS:PORT");
	const size_t bracket = text[0] == '[' && colon[-1] == ']';
	*ret_node = xstrndup(text + bracket, (size_t)(colon - text) - 2 * bracket);
	*ret_port = xstrdup(colon + 1);
	return true;
}

static bool bind_socket(const char *text, int *ret_fd, struct err *err) {
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				       .ai_socktype = SOCK_STREAM};
	CLEANUP(free_ptr) char *node = NULL;
	CLEANUP(free_ptr) char *port = NULL;
	struct addrinfo *address;
	const int one = 1;
	if (!split_address(text, &node, &port, err))
		return false;
	if (getaddrinfo(node, port, &hints, &address) != 0)
		return err_set(err, ERR_USAGE, text, "not ADDRESS:PORT");
	CLEANUP(close_fd)
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const bool is_bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
			      bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
	const int error = errno;
	freeaddrinfo(address);
	if (!is_bound)
		return err_errno(err, error, ERR_IO, text, "listen");
	*ret_fd = fd;
	fd = -1;
	return true;
}

static void say_address(const struct server *server, int fd) {
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	char node[64] = "", port[16] = "", line[128];
	if (getsockname(fd, (struct sockaddr *)(void *)&address, &len) != 0 ||
	    getnameinfo((struct sockaddr *)(void *)&address, len, node, sizeof node, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	snprintf(line, sizeof line, "listening on %s, port %s", node, port);
	say(server, line);
}

static bool open_http(struct server *server, const char *address, struct err *err) {
	CLEANUP(close_fd) int fd = -1;
	if (!bind_socket(address, &fd, err))
		return false;
	server->http = evhttp_new(server->base);
	if (!server->http)
		return err_set(err, ERR_IO, "libevent", "no HTTP server");
	evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
	evhttp_set_max_headers_size(server->http, HEADERS_MOST);
	evhttp_set_max_body_size(server->http, ADD_CHECKPOINT_LARGEST);
	evhttp_set_timeout(server->http, WITNESS_CONNECTION_S);
	evhttp_set_bevcb(server->http, new_connection, server);
	evhttp_set_gencb(server->http, handle, server);
	if (evhttp_accept_socket(server->http, fd) != 0)
		return err_set(err, ERR_IO, address, "cannot be listened on");
	say_address(server, fd);
	fd = -1; /* evhttp's now */
	return true;
}

bool witness_serve(struct witness *witness, const char *address, void (*say_line)(const char *line), struct err *err) {
	CLEANUP(server_done) struct server server = {.witness = witness, .say = say_line};
	server.base = event_base_new();
	if (!server.base)
		return err_set(err, ERR_IO, "libevent", "no event base");
	if (!watch_signals(&server, err) || !open_http(&server, address, err))
		return false;
	event_base_dispatch(server.base);
	say(&server, "stopped");
	return true;
}

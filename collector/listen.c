#include "collector/listen.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "core/file.h"
#include "core/times.h"

#define BACKLOG 512

struct listener {
	struct listen_settings settings;
	struct event_base *base;
	struct evhttp *http;
	char address[INET6_ADDRSTRLEN + 10];
	int64_t connections;
	size_t held; /* bytes of requests that wait for their rest or their answer, over all connections */
};

/* Lives exactly as long as its SSL object, which libevent frees with the connection. */
struct connection {
	struct listener *listener;
	struct bufferevent *bufferevent;
	struct event *deadline;
	size_t received; /* since the last answer */
};

static void connection_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *unused) {
	struct connection *connection = pointer;
	if (!connection)
		return;
	connection->listener->connections--;
	connection->listener->held -= connection->received;
	event_free(connection->deadline);
	free(connection);
}

static int connection_index(void) {
	static int index = -1;
	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, connection_free);
	return index;
}

/* --- connections -------------------------------------------------------------------------------------------------- */

/* The socket's end is what evhttp understands in every state: it frees the connection. */
static void cut_off(struct connection *connection) {
	evutil_socket_t fd = bufferevent_getfd(connection->bufferevent);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

static void deadline_passed(evutil_socket_t fd, short what, void *context) { cut_off(context); }

static void start_deadline(struct connection *connection, int64_t seconds) {
	struct timeval after = {.tv_sec = (time_t)seconds};
	evtimer_add(connection->deadline, &after);
}

/* Before the handshake has ended nothing arrives here; then it is known whether there is a certificate. */
static bool is_over_cap(const struct connection *connection) {
	const struct listener *listener = connection->listener;
	const size_t most = listener->settings.anonymous_most;
	const size_t share = listener->settings.held_most / (size_t)listener->settings.connections;
	if (listener->held > listener->settings.held_most && connection->received > share)
		return true;
	if (most == 0 || connection->received <= most)
		return false;
	const SSL *ssl = bufferevent_openssl_get_ssl(connection->bufferevent);
	return !ssl || !SSL_get0_peer_certificate(ssl) || SSL_get_verify_result(ssl) != X509_V_OK;
}

static void count_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *context) {
	struct connection *connection = context;
	connection->received += info->n_added;
	connection->listener->held += info->n_added;
	if (is_over_cap(connection))
		cut_off(connection);
}

static struct bufferevent *new_connection(struct event_base *base, void *context) {
	struct listener *listener = context;
	SSL *ssl = SSL_new(listener->settings.tls);
	if (!ssl)
		abort();
	struct bufferevent *bufferevent =
		bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (!bufferevent)
		abort();
	struct connection *connection = xcalloc(1, sizeof *connection);
	connection->listener = listener;
	connection->bufferevent = bufferevent;
	connection->deadline = evtimer_new(base, deadline_passed, connection);
	if (!connection->deadline || SSL_set_ex_data(ssl, connection_index(), connection) != 1)
		abort();
	bufferevent_openssl_set_allow_dirty_shutdown(bufferevent, 1);
	evbuffer_add_cb(bufferevent_get_input(bufferevent), count_input, connection);
	/* One too many is cut off as soon as it has its socket. */
	bool is_too_many = ++listener->connections > listener->settings.connections;
	start_deadline(connection, is_too_many ? 0 : listener->settings.deadline);
	return bufferevent;
}

SSL *listen_ssl(struct evhttp_request *request) {
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	return bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(connection));
}

static void answered(struct evhttp_request *request, void *context) {
	struct connection *connection = context;
	connection->listener->held -= connection->received;
	connection->received = 0;
	start_deadline(connection, connection->listener->settings.deadline);
}

/* Two lengths: evhttp takes the first, whoever stands between may take the other, and would see other requests. */
static bool has_two_lengths(struct evhttp_request *request) {
	const struct evkeyval *header;
	unsigned lengths = 0;
	TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
	lengths += !strcasecmp(header->key, "Content-Length") || !strcasecmp(header->key, "Transfer-Encoding");
	return lengths > 1;
}

static void handle(struct evhttp_request *request, void *context) {
	struct listener *listener = context;
	struct connection *connection = SSL_get_ex_data(listen_ssl(request), connection_index());
	start_deadline(connection, listener->settings.deadline);
	evhttp_request_set_on_complete_cb(request, answered, connection);
	if (!has_two_lengths(request)) {
		listener->settings.handle(request, listener->settings.context);
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
	evhttp_send_reply(request, HTTP_BADREQUEST, NULL, NULL);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool tls_fault(const char *where, struct err *err) {
	char text[160] = "failed";
	unsigned long code = ERR_get_error();
	if (code)
		ERR_error_string_n(code, text, sizeof text);
	ERR_clear_error();
	return err_set(err, ERR_CRYPTO, where, "%s", text);
}

/* Whose certificate has just ended gets in, to renew it; the result of the verification stays "expired". */
static int pardon_ended(int is_good, X509_STORE_CTX *verification) {
	time_t since = (time_t)(times_now() - LISTEN_GRACE);
	X509 *certificate = X509_STORE_CTX_get_current_cert(verification);
	if (is_good)
		return 1;
	return X509_STORE_CTX_get_error(verification) == X509_V_ERR_CERT_HAS_EXPIRED &&
	       X509_STORE_CTX_get_error_depth(verification) == 0 && certificate &&
	       X509_cmp_time(X509_get0_notAfter(certificate), &since) > 0;
}

static bool trust_clients(SSL_CTX *tls, X509 *clients, struct err *err) {
	if (!clients)
		return true;
	if (X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), clients) != 1 || SSL_CTX_add_client_CA(tls, clients) != 1)
		return tls_fault("ca.crt", err);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, pardon_ended);
	return true;
}

bool listen_tls(const char *folder, X509 *clients, SSL_CTX **ret_tls, struct err *err) {
	CLEANUP(listen_tls_free_p) SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	CLEANUP(free_ptr) char *certificate = file_join(folder, "server.crt");
	CLEANUP(free_ptr) char *key = file_join(folder, "server.key");
	if (!tls || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1)
		return tls_fault("TLS", err);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(tls, 0);
	if (SSL_CTX_use_certificate_file(tls, certificate, SSL_FILETYPE_PEM) != 1)
		return tls_fault(certificate, err);
	if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
		return tls_fault(key, err);
	if (!trust_clients(tls, clients, err))
		return false;
	*ret_tls = tls;
	tls = NULL;
	return true;
}

static void keep_address(struct listener *listener, evutil_socket_t fd) {
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} address = {.six = {0}};
	socklen_t len = sizeof address;
	char text[INET6_ADDRSTRLEN] = "";
	if (getsockname(fd, &address.any, &len) != 0)
		return;
	if (address.any.sa_family == AF_INET6) {
		evutil_inet_ntop(AF_INET6, &address.six.sin6_addr, text, sizeof text);
		snprintf(listener->address, sizeof listener->address, "[%s]:%u", text, ntohs(address.six.sin6_port));
	} else {
		evutil_inet_ntop(AF_INET, &address.four.sin_addr, text, sizeof text);
		snprintf(listener->address, sizeof listener->address, "%s:%u", text, ntohs(address.four.sin_port));
	}
}

/* "127.0.0.1:8443", "[::1]:8443". The caller freeaddrinfo()s. */
static bool parse_address(const char *text, struct addrinfo **ret_address, struct err *err) {
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				       .ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(text, ':');
	if (!colon || colon == text || !colon[1])
		return err_set(err, ERR_USAGE, text, "not ADDRESS:PORT");
	const bool is_bracketed = text[0] == '[' && colon[-1] == ']';
	CLEANUP(free_ptr)
	char *node = xstrndup(text + is_bracketed, (size_t)(colon - text) - 2 * (size_t)is_bracketed);
	if (getaddrinfo(node, colon + 1, &hints, ret_address) != 0)
		return err_set(err, ERR_USAGE, text, "not ADDRESS:PORT");
	return true;
}

static bool bind_socket(struct listener *listener, struct err *err) {
	const char *text = listener->settings.address;
	struct addrinfo *address;
	int one = 1;
	if (!parse_address(text, &address, err))
		return false;
	struct evconnlistener *socket_listener = evconnlistener_new_bind(
		listener->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
		address->ai_addr, (int)address->ai_addrlen);
	freeaddrinfo(address);
	if (!socket_listener)
		return err_errno(err, errno, ERR_IO, text, "listen");
	evutil_socket_t fd = evconnlistener_get_fd(socket_listener);
	/* Accepted sockets inherit it; without it every POST waits for a delayed acknowledgement. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
	    !evhttp_bind_listener(listener->http, socket_listener)) {
		evconnlistener_free(socket_listener);
		return err_errno(err, errno, ERR_IO, text, "listen");
	}
	keep_address(listener, fd);
	return true;
}

bool listen_open(struct event_base *base, const struct listen_settings *settings, struct listener **ret_listener,
		 struct err *err) {
	struct listener *listener = xcalloc(1, sizeof *listener);
	listener->settings = *settings;
	listener->base = base;
	listener->http = evhttp_new(base);
	if (!listener->http)
		abort();
	evhttp_set_allowed_methods(listener->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
	evhttp_set_max_headers_size(listener->http, LISTEN_HEADERS_MOST);
	evhttp_set_max_body_size(listener->http, (ev_ssize_t)settings->request_most);
	evhttp_set_timeout(listener->http, (int)settings->deadline);
	evhttp_set_bevcb(listener->http, new_connection, listener);
	evhttp_set_gencb(listener->http, handle, listener);
	if (!bind_socket(listener, err)) {
		listen_stop(listener);
		listen_free(listener);
		return false;
	}
	*ret_listener = listener;
	return true;
}

void listen_stop(struct listener *listener) {
	if (!listener || !listener->http)
		return;
	evhttp_free(listener->http);
	listener->http = NULL;
}

void listen_free(struct listener *listener) { free(listener); }
const char *listen_address(const struct listener *listener) { return listener->address; }

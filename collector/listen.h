/* A listener: TLS 1.3 over libevent's evhttp, with what evhttp lacks: a cap on connections, a deadline for each whole
 * request (evhttp's own timeout is for idleness only: a byte now and then keeps a connection for ever), TCP_NODELAY,
 * a small cap on what a peer without a certificate may send, and one on what all requests hold together. */
#pragma once

#include <event2/http.h>
#include <openssl/ssl.h>

#include "core/err.h"

struct listener;

struct listen_settings {
	const char *name;      /* "agents" */
	const char *address;   /* ADDRESS:PORT; port 0: any free one */
	SSL_CTX *tls;          /* borrowed */
	size_t request_most;   /* bytes of a body; more is 413 */
	size_t anonymous_most; /* bytes between two answers to a peer without a certificate; 0: as request_most */
	/* Bytes of requests that are not answered yet, over all connections. While there are more, who has sent more
	 * than its share (held_most / connections) is cut off: without that one host could take the memory of all. */
	size_t held_most;
	int64_t deadline; /* seconds for a request, and for reading its answer */
	int64_t connections;
	void (*handle)(struct evhttp_request *request, void *context);
	void *context;
};

#define LISTEN_HEADERS_MOST 16384
#define LISTEN_GRACE ((int64_t)14 * 86400) /* seconds after its end in which a client certificate passes TLS */

/* Our side of TLS: DIR/server.crt and DIR/server.key. clients: the CA of client certificates, asked for but not
 * demanded; NULL: none are asked for. One that has ended passes for LISTEN_GRACE: who answers looks at its end again.
 * The caller SSL_CTX_free()s. */
MUST_CHECK bool listen_tls(const char *folder, X509 *clients, SSL_CTX **ret_tls, struct err *err);
static inline __attribute__((unused)) void listen_tls_free_p(SSL_CTX **tls) { SSL_CTX_free(*tls); }

MUST_CHECK bool listen_open(struct event_base *base, const struct listen_settings *settings,
			    struct listener **ret_listener, struct err *err);
/* No more connections; the open ones are dropped. */
void listen_stop(struct listener *listener);
/* After the event base is gone. */
void listen_free(struct listener *listener);
DEFINE_CLEANUP(struct listener, listen_free)

/* "127.0.0.1:8443": where it really listens. */
const char *listen_address(const struct listener *listener);
/* The TLS session of a request. */
SSL *listen_ssl(struct evhttp_request *request);

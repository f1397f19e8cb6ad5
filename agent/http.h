/* HTTPS to a collector, through libcurl: TLS 1.3 only, one CA and no other, no redirects, no proxy from the
 * environment. */
#pragma once

#include <signal.h>

#include "core/buf.h"
#include "core/err.h"

#define HTTP_ANSWER_LARGEST (32U << 20)
#define HTTP_DEADLINE_S 60
#define HTTP_CONNECT_S 10
#define HTTP_TLS "TLS: " /* so begins the reason of an ERR_REFUSED that came before there was a connection */

/* Who is asked, and as whom. Everything is borrowed. */
struct http_peer {
	const char *base;              /* "https://host:port", no slash at its end */
	const char *ca;                /* PEM file; NULL: the peer proves nothing, for EST's cacerts alone */
	const char *certificate, *key; /* PEM files of our own, or NULL */
	const char *bearer;            /* token, or NULL */
	const char *user, *password;   /* HTTP Basic, or NULL */
	size_t most;                   /* bytes of an answer; 0: HTTP_ANSWER_LARGEST */
	long deadline;                 /* seconds for a request; 0: HTTP_DEADLINE_S */
	const sigset_t *ends;          /* a pending one of these blocked signals ends a transfer; or NULL */
};

struct http_request {
	const char *path; /* "/v1/log" */
	/* A POST when there is a body. */
	const char *content_type;
	bool is_gzip; /* the body is compressed */
	const void *body;
	size_t len;
};

struct http_answer {
	long status;
	int64_t retry_after; /* seconds, 0: not said */
	int64_t date;        /* the peer's clock, 0: not said */
	struct buf body;
};
void http_answer_done(struct http_answer *answer);

/* A connection that is kept between requests. */
struct http;
MUST_CHECK bool http_open(const struct http_peer *peer, struct http **ret_http, struct err *err);
void http_close(struct http *http);
DEFINE_CLEANUP(struct http, http_close)
/* True: there is an answer, of whatever status. False: there is none; ERR_TIMEOUT, ERR_REFUSED (TLS) or ERR_IO. */
MUST_CHECK bool http_ask(struct http *http, const struct http_request *request, struct http_answer *ret_answer,
			 struct err *err);
/* Whether the answer is a 200; otherwise the status and what the peer says ({"error":...}): ERR_IO when it says so for
 * now (5xx, 429), else ERR_REFUSED. */
MUST_CHECK bool http_is_ok(const struct http_answer *answer, const char *where, struct err *err);

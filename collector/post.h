/* One question over HTTP to a service that others run (a witness, a time-stamp authority), through libcurl: http or
 * https (TLS 1.2 and up, the certificate checked), no redirects, no proxy from the environment. */
#pragma once

#include <signal.h>

#include "core/buf.h"
#include "core/err.h"

#define POST_ANSWER_LARGEST 65536
#define POST_DEADLINE_S 30
#define POST_CONNECT_S 10

struct post { /* everything is borrowed */
	const char *url;
	const char *content_type;
	const char *accept; /* NULL: anything */
	const void *body;
	size_t len;
	const char *ca;       /* PEM file of the CAs to believe; NULL: the system's */
	const sigset_t *ends; /* a pending one of these blocked signals ends the transfer; NULL: none does */
};

struct post_answer {
	long status;
	struct buf body; /* at most POST_ANSWER_LARGEST */
	char type[128];  /* the Content-Type, "" when there is none */
};
void post_answer_done(struct post_answer *answer);

/* True: there is an answer, of whatever status. False: there is none: ERR_USAGE (not an http or https address),
 * ERR_TIMEOUT, ERR_REFUSED (TLS), ERR_TOO_BIG or ERR_IO. */
MUST_CHECK bool post(const struct post *post, struct post_answer *ret_answer, struct err *err);

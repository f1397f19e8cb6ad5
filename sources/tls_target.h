/* Whom a probe of TLS asks, tls:HOST:PORT[?starttls=PROTOCOL][&sni=NAME] and what else is written like it. */
#pragma once

#define SUITES_CONNECTIONS_MOST 80 /* of one look of suites: */

#include "sources/hello.h"
#include "sources/talk.h"

struct tls_target {
	struct probe_peer peer;
	char name[HELLO_NAME_LONGEST + 1]; /* whose certificate it should be; an address where there is no name */
	const char *server_name;           /* SNI: name, or NULL for an address */
	const struct talk_protocol *talk;  /* what is spoken before TLS; NULL: nothing */
};

MUST_CHECK bool tls_target_read(const struct ask *ask, struct tls_target *ret_target, struct err *err);
/* A connection over which TLS is spoken next; the caller closes it. */
MUST_CHECK bool tls_dial(const struct ask *ask, const struct tls_target *target, int *ret_socket, struct err *err);
/* Sends a hello and reads what is said to it, *bytes. A connection that is closed or silent leaves HELLO_MORE, with
 * *ret_is_silent. False only where there is no connection. */
MUST_CHECK bool tls_ask(const struct ask *ask, const struct tls_target *target, const struct buf *hello,
			struct hello_answer *ret_answer, bool *ret_is_silent, struct err *err);

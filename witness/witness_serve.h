/* The witness's HTTP, over libevent: POST /add-checkpoint and GET /<origin hash>/checkpoint. Plain HTTP: whoever asks
 * is known by the log's signature, and is told nothing that is secret; a proxy in front can add TLS. */
#pragma once

#include "witness/witness.h"

#define WITNESS_CONNECTIONS_MOST 256 /* one more is closed */
#define WITNESS_CONNECTION_S 20      /* how long one lives, whatever it does */

/* Until SIGTERM or SIGINT. address: ADDRESS:PORT, port 0 for any. say: an event, without newline. False: it cannot
 * listen. */
MUST_CHECK bool witness_serve(struct witness *witness, const char *address, void (*say)(const char *line),
			      struct err *err);

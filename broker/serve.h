/* Accepting: a child for each connection, which serves it until the other end closes. */
#pragma once

#include <sys/types.h>

#include "broker/paths.h"
#include "broker/units.h"

#define SERVE_CONNECTIONS_MOST 16 /* of one user at a time; further ones are closed at once */
/* To start a helper costs more than all that it is asked for in a quarter of an hour: so what vouchd asks every minute,
 * or as often as the baseline's shortest `every` of 15 minutes, is not started anew for it. */
#define SERVE_IDLE_S 1200

struct serve_options {
	const struct unit *unit;
	uid_t client;           /* who may ask beside root */
	struct paths_file list; /* what may be asked for */
	/* What decides instead of the list, as in sources/hand.h; called in the children. NULL: the list. */
	bool (*permit)(void *context, const char *name, const struct place **ret_place, int *ret_error,
		       struct err *err);
	/* As in sources/hand.h; called in the children. NULL: nobody is told. */
	void (*looked)(void *context, const char *name, const struct err *err);
	void *context;
	unsigned idle_s; /* without a connection for so long it ends; 0: never */
};

/* Serves a listening socket until SIGTERM or SIGINT (to be blocked before there is a socket), or until idle: true.
 * False: it could not go on. All children have ended when it returns. */
MUST_CHECK bool serve(int listening, struct serve_options *options, struct err *err);

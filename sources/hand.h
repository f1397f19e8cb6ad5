/* A hand: a process that looks for another, one request after the other, blocking as it has to. It is expendable: what
 * hangs (NFS, FUSE, autofs, a probe) hangs here, and the hand ends at the look's deadline by a signal; what was asked
 * behind it is asked again of another. Helpers fork one for each connection (broker/), a process without helpers forks
 * its own (sources/reach.h). */
#pragma once

#include "sources/kind.h"

struct hand {
	const struct kind *const *kinds; /* NULL ends; what is none of these is ERR_UNPROVED */
	/* Whether this name may be asked for, and the place to look at for it (borrowed until the next call). False:
	 * *err says why not (ERR_DENIED), and *ret_error is the errno of the refusal. NULL: everything, the live host.
	 */
	bool (*permit)(void *context, const char *name, const struct place **ret_place, int *ret_error,
		       struct err *err);
	/* After each request that was refused, for the journal. NULL: nobody is told. */
	void (*refused)(void *context, const char *name, int error, const struct err *err);
	/* After each look that was permitted: err is how it failed, NULL where it did not. NULL: nobody is told. */
	void (*looked)(void *context, const char *name, const struct err *err);
	void *context;
	bool is_single; /* serves one request, and returns */
};

/* Serves until the other end closes (or one request), then returns. Ends the process by SIGALRM's default action where
 * a look does not end within its kind's deadline. */
void hand_serve(int socket, const struct hand *hand);

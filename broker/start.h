/* How a helper's program starts: by its command line, with the socket that its unit passes, alone with itself. */
#pragma once

#include <sys/types.h>

#include "core/err.h"

#define START_CLIENT "vouch" /* who may ask, beside root */

/* What one helper's command line has that others' have not. */
struct start_program {
	const char *name, *usage;
	const char *file_option, *file; /* what it goes by: the option that names it, and where it is without */
	bool has_operand;               /* exactly one; otherwise it takes none */
};

struct start_arguments {
	const char *client, *file, *operand;
	const char *socket; /* NULL: one is passed */
	unsigned idle_s;
};

/* 0 go on, otherwise the exit code and one, and what there was to say has been printed. */
int start_read_arguments(const struct start_program *program, int argc, char **argv,
			 struct start_arguments *ret_arguments);
/* Says so in the journal, which is open; the exit code. */
int start_fail(const struct err *err, int exit_code);

/* What serve() waits for is held back from the start, so that none is lost before. First of all. */
void start_hold_signals(void);
/* The listening socket: the one that the socket unit has passed (sd_listen_fds(3)), or, with a path, one made there.
 * Everything else that came along is closed, and the process is cut off from who started it. The caller closes it. */
MUST_CHECK bool start_listening(const char *path, int *ret_socket, struct err *err);
MUST_CHECK bool start_find_user(const char *name, uid_t *ret_user, struct err *err);

/* How a helper's program starts: with the socket that its unit passes, alone with itself. */
#pragma once

#include <sys/types.h>

#include "core/err.h"

#define START_CLIENT "vouch" /* who may ask, beside root */

/* What serve() waits for is held back from the start, so that none is lost before. First of all. */
void start_hold_signals(void);
/* The listening socket: the one that the socket unit has passed (sd_listen_fds(3)), or, with a path, one made there.
 * Everything else that came along is closed, and the process is cut off from who started it. The caller closes it. */
MUST_CHECK bool start_listening(const char *path, int *ret_socket, struct err *err);
MUST_CHECK bool start_find_user(const char *name, uid_t *ret_user, struct err *err);

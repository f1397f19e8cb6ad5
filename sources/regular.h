/* How sources open what they read the bytes of. */
#pragma once

#include <sys/stat.h>

#include "sources/kind.h"

/* Opens the regular file that is asked for, to read; the caller closes. What is not regular is not opened: a FIFO would
 * hang, a device may act on being opened. What was opened is looked at again: it may have been put there since. */
MUST_CHECK bool regular_open(const struct ask *ask, int *ret_fd, struct stat *ret_status, struct err *err);
/* Whether an open file is one. */
MUST_CHECK bool regular_is(const struct ask *ask, int fd, struct stat *ret_status, struct err *err);

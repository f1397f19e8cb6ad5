/* Running a plugin: a stranger's program, with nothing but what it is given. No shell; / as its folder, /dev/null for
 * its input, no descriptors and no environment but PATH, LANG and what its unit gives (below); a process group of its
 * own; limits; a deadline. Whatever it started is ended with it: its group by a signal, and what left the group too, as
 * it becomes this process' child. What can get away from that ends with its unit's control group.
 *
 * It blocks: for looks (sources/hand.h). */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#define PLUGIN_ERROR_LARGEST 4096 /* bytes of its standard error that are kept; the rest is read and dropped */

struct plugin_run {
	const char *where;      /* names errors */
	const char *path;       /* absolute */
	const char *name;       /* argv[0], by which one program can be several plugins; NULL: the path */
	char *const *arguments; /* NULL ends */
	uint64_t deadline_us;   /* CLOCK_MONOTONIC */
	/* Nobody has confined this process: as root the plugin gets another user and a network of its own, and limits
	 * where there are none. Otherwise it has what this process has: its unit says what that is. */
	bool is_loose;
};

struct plugin_ran {
	int exit;
	struct buf out;   /* at most PLUGIN_OUTPUT_LARGEST; owned */
	struct buf error; /* owned */
	bool is_cut;      /* there was more on its standard error */
};
void plugin_ran_done(struct plugin_ran *ran);

/* True: it ended by itself, with any exit code. ERR_TIMEOUT; ERR_UNREADABLE: a signal, or more output than its cap;
 * ERR_DENIED: it cannot be given what it is to have. *ret_ran is filled in either case. */
MUST_CHECK bool plugin_run(const struct plugin_run *run, struct plugin_ran *ret_ran, struct err *err);

/* Running one of the host's own programs, to have what it says: no shell, an absolute path that is compiled in, no
 * environment but PATH and LC_ALL=C, /dev/null for its input, / as its folder, a process group of its own that is
 * killed when it is over, by its end or by its deadline. It blocks: for looks (sources/hand.h). */
#pragma once

#include "sources/kind.h"

#define COMMAND_LARGEST (4U << 20) /* bytes on each of the two streams; more is unreadable */

struct command_output {
	int exit;              /* its exit status */
	struct buf out, error; /* owned */
};
void command_output_done(struct command_output *output);

/* Run it until the ask's deadline; argv[0] is the path, NULL ends. True when the program ended by itself with any exit
 * status; else a signal, more output than the cap, or ERR_TIMEOUT. A program that is not there is ERR_ABSENT. Where
 * this process has capabilities that the program would not inherit (none of root's, and not ambient), it is ERR_DENIED:
 * the program could read less than this process has seen that there is. */
MUST_CHECK bool command_run(const struct ask *ask, const char *const argv[], struct command_output *ret_output,
			    struct err *err);
/* What it said as a look's answer, and back: {"exit","stdout","stderr"} in canonical JSON. New reference. */
MUST_CHECK bool command_answer(const struct ask *ask, const struct command_output *output, struct answer *ret_answer,
			       struct err *err);
MUST_CHECK bool command_read(const struct ask *ask, const struct answer *answer, json_t **ret_value, struct err *err);
/* Fails where it did not exit with 0: with the first line of what it said of that. */
MUST_CHECK bool command_succeeded(const struct ask *ask, const json_t *value, const char *program, struct err *err);

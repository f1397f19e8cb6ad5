/* Running one of the host's own programs, to have what it says: no shell, an absolute path that is compiled in, no
 * environment but PATH and LC_ALL=C, /dev/null for its input, / as its folder, a process group of its own that is
 * killed when it is over, by its end, by its deadline or by command_free(). */
#pragma once

#include <systemd/sd-event.h>

#include "core/buf.h"
#include "core/err.h"

#define COMMAND_LARGEST (4U << 20) /* bytes on each of the two streams; more is unreadable */

struct command_output {
	int exit;              /* its exit status */
	struct buf out, error; /* owned by the command */
};

struct command;
/* Begin: argv[0] is the path, NULL ends. done(context, output, err) is called once, from the event loop: output when
 * the program ended by itself with any exit status, else err (a signal, more output than the cap); it may free the
 * command. where names errors. A program that is not there is ERR_ABSENT, here and not later. */
MUST_CHECK bool command_start(sd_event *event, const char *const argv[], const char *where,
			      void (*done)(void *context, const struct command_output *output, const struct err *err),
			      void *context, struct command **ret_command, struct err *err);
/* Kills what still runs. */
void command_free(struct command *command);
DEFINE_CLEANUP(struct command, command_free)

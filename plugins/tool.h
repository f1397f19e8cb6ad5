/* Running a backup program and reading along: no shell, an absolute path, /dev/null for its input, / as its folder, a
 * process group of its own that is killed when enough was read, at its end and at the deadline. */
#pragma once

#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define TOOL_ARGUMENTS_MOST 1024
#define TOOL_LARGEST (32U << 20) /* bytes of one answer that is kept whole; more is unreadable */

/* What all runs have in common. Borrowed. */
struct tool {
	const char *path;         /* of the program */
	char *const *environment; /* "NAME=VALUE"; NULL ends */
	int secret;               /* becomes the program's descriptor 3, from its beginning; -1: none */
	uint64_t deadline_us;     /* CLOCK_MONOTONIC */
};

/* Arguments as they grow; owned. */
struct arguments {
	char *all[TOOL_ARGUMENTS_MOST + 1]; /* NULL ends */
	size_t count;
};
/* One more; text NULL adds nothing. More than the cap are counted but not kept: tool_run() then refuses. */
void arguments_add(struct arguments *arguments, const char *text);
void arguments_done(struct arguments *arguments);

/* What becomes of what it prints. False: enough, the program is killed and the run has gone well. */
struct tool_reader {
	bool (*use)(void *context, const char *data, size_t len);
	void *context;
};

struct tool_end {
	bool is_cut;      /* the reader had enough: exit says nothing */
	int exit;         /* its exit status */
	struct buf error; /* the first 64 KiB of what it said on standard error; owned */
};
void tool_end_done(struct tool_end *end);

/* Runs it. True: it ended by itself, or the reader had enough. ERR_ABSENT: there is no such program; ERR_TIMEOUT: the
 * deadline; ERR_UNREADABLE: a signal, or it cannot be run. where names the look in errors. */
MUST_CHECK bool tool_run(const struct tool *tool, const struct arguments *arguments, const char *where,
			 const struct tool_reader *reader, struct tool_end *ret_end, struct err *err);
/* Runs it and keeps what it prints. */
MUST_CHECK bool tool_read(const struct tool *tool, const struct arguments *arguments, const char *where,
			  struct buf *ret_output, struct tool_end *ret_end, struct err *err);

/* A reader that hands over whole lines. A line of more than LINES_LONGEST bytes ends it with bad set. */
struct tool_lines {
	/* The line ends with a NUL in place of its newline. False: enough. */
	bool (*use)(void *context, const char *line, size_t len);
	void *context;
	struct buf rest; /* owned: buf_done() */
	bool is_too_long;
};
bool tool_lines_use(void *lines, const char *data, size_t len);

/* Lines of a text in memory, with their numbers. */
#pragma once

#include "core/err.h"

#define LINES_LONGEST 65536 /* a longer line is malformed */

struct lines {
	const char *where; /* borrowed: names the text in errors */
	const char *at, *end;
	unsigned number; /* of the line last returned, from 1 */
	char *line;      /* the line last returned, NUL-terminated, without its newline; owned; may be edited */
	struct err bad;  /* code set when the text broke off: a NUL byte or a line that is too long */
};

struct lines lines_over(const char *where, const void *data, size_t len);
/* The next line, or NULL at the end or on a fault (then lines.bad.code is set). A last line without newline counts. */
char *lines_next(struct lines *lines);
/* Whether the whole text was read without a fault; false copies the fault into *err. Call it after the loop. */
MUST_CHECK bool lines_ok(const struct lines *lines, struct err *err);
void lines_done(struct lines *lines);

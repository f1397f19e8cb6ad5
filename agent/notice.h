/* notice: one line of a service for the log, on the standard error. Where that is the journal it begins with its
 * priority (sd-daemon(3)), and the journal knows which program it is from; elsewhere it begins with the program's name.
 * Control characters are replaced. */
#pragma once

#include "core/err.h"

enum notice { NOTICE_ERROR = 3, NOTICE_WARNING = 4, NOTICE_NOTICE = 5, NOTICE_INFO = 6 };

void notice(const char *program, enum notice priority, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* An error; returns the exit code 2. */
int notice_failed(const char *program, const struct err *err);

/* A field of the journal's; a name may stand more than once. */
struct notice_field {
	const char *name, *value; /* "VOUCH_RULE"; value NULL: it is left out */
};
#define NOTICE_FIELDS_MOST 24

/* The same line with a message id (agent/notice_ids.h) and fields, which the journal keeps; elsewhere the line alone.
 */
void notice_about(const char *program, enum notice priority, const char *id, const struct notice_field *fields,
		  size_t count, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The words of rsyslog's configuration: what its lexer (grammar/lexer.l) makes of a file, old and new form in one. */
#pragma once

#include "core/source.h"

struct rsyslog_scan {
	const char *where; /* borrowed: the source's name */
	char *text;        /* continued lines joined; owned */
	size_t at, len;
	struct mark {
		size_t offset;
		unsigned line;
	} * marks; /* where lines of the file begin in text; owned */
	size_t mark_count;
};

/* A NUL byte is malformed. The caller rsyslog_scan_done()s. */
MUST_CHECK bool rsyslog_scan_open(const struct source *source, struct rsyslog_scan *ret_scan, struct err *err);
void rsyslog_scan_done(struct rsyslog_scan *scan);
/* The line of the file that is being read. */
unsigned rsyslog_scan_line(const struct rsyslog_scan *scan);
/* Fills *err: malformed, at that line. */
bool rsyslog_scan_fault(const struct rsyslog_scan *scan, const char *why, struct err *err);
/* Past white space and comments; the character there, '\0' at the end. */
char rsyslog_scan_next(struct rsyslog_scan *scan);
/* Takes the character when it is the next one. */
bool rsyslog_scan_take(struct rsyslog_scan *scan, char wanted);
/* The rest of the line; the caller frees. */
char *rsyslog_scan_rest(struct rsyslog_scan *scan);
/* A word of letters, digits, _ and whatever else is in `also`, in lower case; "" for none. The caller frees. */
char *rsyslog_scan_word(struct rsyslog_scan *scan, const char *also);
/* "kern,mail.*;auth.none" or ":property, contains, \"text\"" where that begins a line; NULL where it does not. The
 * caller frees. */
char *rsyslog_scan_filter(struct rsyslog_scan *scan);
/* What follows up to a word ("then", "do") or to a semicolon (word NULL), which is taken too; white space becomes one
 * blank. The caller frees. */
MUST_CHECK bool rsyslog_scan_until(struct rsyslog_scan *scan, const char *word, char **ret_text, struct err *err);
/* NAME="value" pairs up to the closing bracket, which is taken too: {"name": "value" or ["value"...]}, names in lower
 * case. New reference. */
MUST_CHECK bool rsyslog_scan_object(struct rsyslog_scan *scan, json_t **ret_pairs, struct err *err);

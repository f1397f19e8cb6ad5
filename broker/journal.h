/* Lines for the journal, on the standard error with the priority in front (sd-daemon(3)). Control characters are
 * replaced. */
#pragma once

#include <stdbool.h>

/* At most so many lines in a span, over all processes of the program, and one that counts those left out. */
#define JOURNAL_LINES_MOST 20
#define JOURNAL_SPAN_S 10

/* Before any child is forked: they share one count. unit: which table the program serves; borrowed. */
void journal_open(const char *unit);
/* What an operator has to know: errors. */
void journal_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What others can bring about at will, and therefore as often as they like: refusals. */
void journal_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What is to be on record each time: what was let happen. */
void journal_record(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether this is the first time that this process, or one that it forked, asks it for a name. (Of very many some are
 * taken for one another.) */
bool journal_is_new(const char *name);
/* Says what was left out, if anything; for who ends. */
void journal_close(void);

/* What vouch itself does to a host beside looking - a probe, a message into the log, the run of a plugin - is on record
 * in the journal, once each, with a number of its own: what was done, who let it happen, what came of it. */
#pragma once

#include "core/err.h"

struct action {
	const char *program; /* which of vouch's; the journal's SYSLOG_IDENTIFIER */
	const char *what;    /* the source's name */
	const char *by;      /* "approved by Jane Doe until 2027-01-31" */
};

/* Draws a number (128 bits in hexadecimal) and puts the record into the journal by its own socket, with the fields
 * VOUCH_ACTION_ID, VOUCH_ACTION, VOUCH_ACTION_BY and VOUCH_ACTION_RESULT ("done", or the word of the error). err NULL:
 * it was done. NULL: it is there. Otherwise the line "action ID: WHAT: BY: RESULT", for the standard error: there is no
 * journal, this process may not reach it, or the standard error leads elsewhere and wants it too. The caller frees. */
char *action_send(const struct action *action, const struct err *err);
/* The same, and what is left to say goes to the standard error. */
void action_record(const struct action *action, const struct err *err);

/* What checks over journal:events? share (core/source.h, sources/journal_events.h). */
#pragma once

#include "core/check.h"

#define EVENTS_SECOND 1000000                   /* of its times, microseconds */
#define EVENTS_PATTERN "journal:events?since=*" /* of the source's names */
#define EVENTS_PARAM                                                                                                   \
	{ "since", VALUE_DURATION, false, "How far back to look, 1h to 31d. Default 7d." }

/* Adds the source for these parameters; the name is a pattern for itself too (check.paths). */
void events_ask(const json_t *params, struct names *names);
/* Its value; borrowed. A window that cannot be is ERR_MALFORMED. */
MUST_CHECK bool events_read(const json_t *params, const struct sources *fetched, json_t **ret_value, struct err *err);
/* A class of it, borrowed: how many entries; *ret_more: 0 is not "none". */
MUST_CHECK bool events_class(const json_t *value, const char *name, int64_t *ret_count, bool *ret_more,
			     struct err *err);

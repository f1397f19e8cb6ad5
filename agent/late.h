/* late: who changed what, where the record came, or was read, when the statement had gone.
 *
 * auditd writes when it gets to it, a host may be slow, and a statement does not wait for longer than
 * ATTRIBUTE_DEADLINE_US. A change in the chain whose record may still come, or was not read by then, is looked for once
 * more, LATE_AFTER_US later and with all the time that it takes; what is found, or another reason why nobody can be
 * named, goes into the history as a line of its own (agent/history.h). The evidence stays as it was. What is not found
 * then is not looked for again. */
#pragma once

#include "agent/attribute.h"
#include "agent/home.h"

#define LATE_AFTER_US 5000000
#define LATE_DEADLINE_US 60000000 /* nothing waits for it; each source has its own */
#define LATE_MOST 64              /* changes that wait; others are let go */

struct late_options {
	struct host host;        /* borrowed */
	const struct home *home; /* borrowed */
	uint64_t after_us;       /* LATE_AFTER_US */
	/* An error, for the log. */
	void (*say)(void *context, const char *text);
	void *context;
};

struct late;
struct late *late_new(sd_event *event, const struct late_options *options);
void late_free(struct late *late);
/* The round with these changes is in the chain under this number. The asks are copied; limit: of the history. */
void late_take(struct late *late, const struct attribute_ask *asks, size_t count, int64_t sequence, int64_t limit);

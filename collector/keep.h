/* Keeping what a request brought, once it is judged: entries in the log, evidence, and what is derived from it, in this
 * order, each durable before the next. */
#pragma once

#include "collector/log.h"
#include "collector/verify.h"

enum outcome { OUTCOME_ACCEPTED, OUTCOME_KNOWN, OUTCOME_REFUSED, OUTCOME_RETRY };

struct item { /* one line of the request */
	struct received received;
	enum outcome outcome;
	char digest[HASH_HEX];
	char *reason;
	int64_t index;     /* in the log; -1: not yet */
	bool is_adopted;   /* the entry was there before the store knew the statement */
	struct item *same; /* an earlier line of this request with the same digest */
	int64_t event;     /* its place in the evidence; 0: it has none */
	struct {           /* what was found beside; kind NULL: nothing */
		const char *kind;
		char *text, *same;
		int64_t event; /* 0: it was found before */
	} note;
};

struct batch {
	struct store *store;
	struct log *log;
	const struct peer *peer;
	int64_t now;
	struct store_line line; /* as it stands after what was accepted so far, as the next two */
	enum store_known known;
	const struct state *state;
	struct state *own_state; /* NULL while the state is the store's */
	struct item *items;
	size_t count;
	bool is_set_back; /* some statement knows a larger log than ours */
};

/* Takes over text and same. */
void keep_note(struct item *item, const char *kind, char *text, char *same);
/* Accepted lines and all notes. False: none of it is kept. */
MUST_CHECK bool keep(struct batch *batch, struct err *err);

/* Deriving the index from evidence: what receiving does with each statement that it kept, and what is done with all of
 * them where the index is missing, of another version, or behind (a crash came between). The same function does both,
 * so that what is derived again is what was there. Nothing is verified here: it was when it came. */
#pragma once

#include "collector/store.h"
#include "core/statement.h"

/* A statement that is kept. */
struct index_statement {
	int64_t event, index, received;
	const char *digest;
	const struct statement *statement;
	const json_t *document; /* of a round, attestation, approval, erasure or revocation: its body; NULL: nothing is
				   left of it, or it is of another type */
};
/* Within a transaction of the index's own, in the order of events; moves the position. */
MUST_CHECK bool index_statement(struct store *store, const struct index_statement *kept, struct err *err);
MUST_CHECK bool index_note(struct store *store, const struct store_note *note, struct err *err);

/* Derives what is not derived yet; all of it where the index is not of this evidence. progress: NULL, or told of each
 * batch. Costs two queries where there is nothing to do. */
MUST_CHECK bool index_catch_up(struct store *store, void (*progress)(void *context, int64_t done, int64_t all),
			       void *context, struct err *err);

/* Derives what is not derived yet, up to this event and no further, into an index that nobody else has open. */
MUST_CHECK bool index_derive(struct store *store, int64_t until, struct err *err);

/* Members of a body, as the index has them: a time (0: there is none), and "controls" joined by commas; appended. */
int64_t index_instant(const json_t *object, const char *name);
void index_controls(const json_t *object, struct buf *text);

/* The collector's own line (docs/FORMAT.md 1.2): what the operator does to evidence, as evidence. Signed with
 * DIR/collector.key, logged and kept like any statement, and done in the transaction that keeps it: nothing is erased
 * without the statement that says so, and none says what was not done.
 *
 * A statement's wire line lies in DIR/own.pending from before it is logged until it is kept; what a crash leaves there
 * is finished at the next opening, what a failure leaves there before anything else is said. */
#pragma once

#include "collector/log.h"
#include "collector/store.h"
#include "core/key.h"

struct own_line {
	EVP_PKEY *key;
	char id[STORE_HOST_ID]; /* of the line's host: docs/FORMAT.md 1.2 */
	char keyid[HASH_HEX];
	char *pending;       /* path */
	struct store *store; /* borrowed, as the log */
	struct log *log;
};

/* Opens the key, or makes it where there is none, and finishes what a crash left. */
MUST_CHECK bool own_line_open(const char *folder, struct store *store, struct log *log, struct own_line **ret_own,
			      struct err *err);
void own_line_free(struct own_line *own);
DEFINE_CLEANUP(struct own_line, own_line_free)

/* Says it, behind the line's enrolment, and does what it says: type "erasure" or "revocation", body as docs/FORMAT.md
 * has it. *ret_digest: of the statement. */
MUST_CHECK bool own_line_say(struct own_line *own, const char *type, const json_t *body, char ret_digest[HASH_HEX],
			     struct err *err);

/* Time-stamps of single statements (docs/FORMAT.md 3.1): each full round gets one of its own, over SHA-256 of its
 * signature's bytes, as Sigstore's verifiers expect. Two processes bring it about: the collector knows statements and
 * speaks to nobody, the anchor process speaks to the authority and knows no statement.
 *
 *   DIR/timestamps/wanted/<digest>             by the collector: that SHA-256, hexadecimal; taken away when it is there
 *   DIR/timestamps/<digest>.pem, .tsr          by the anchor process, in this order
 *   DIR/timestamps/authorities/<digest>.pem    by the same, for each certificate that signed a response (SHA-256 of
 * it): the chain from it to the root, for Sigstore's trusted root
 *
 * A round that is older than a day when it could be stamped goes without: an anchor covers it. */
#pragma once

#include "collector/store.h"

#define STAMPS_LATE_S 86400
#define STAMPS_EVERY_S 5
#define STAMPS_LOOKED_MOST 1000     /* statements in one call */
#define STAMPS_AUTHORITIES_MOST 256 /* signers that the trust file can have */

/* Makes the folders. */
MUST_CHECK bool stamps_prepare(const char *folder, struct err *err);
/* "DIR/timestamps/<digest><suffix>"; the caller frees. */
char *stamps_path(const char *folder, const char *digest, const char *suffix);

/* Asks for the full rounds with an index above *after (-1: those received within the day) that have no response and are
 * not asked for yet; moves it. A call looks at so many statements that it is done at once; the rest is for the next. */
MUST_CHECK bool stamps_want(struct store *store, const char *folder, int64_t now, int64_t *after, struct err *err);

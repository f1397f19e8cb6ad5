/* The log's entry for an envelope: the Rekor v2 `dsse` 0.0.2 body (docs/FORMAT.md 3). */
#pragma once

#include "core/dsse.h"

/* For the signature by `key`, which must be among the envelope's (and is verified). Canonical JSON, appended. */
MUST_CHECK bool entry_write(const struct dsse *envelope, EVP_PKEY *key, struct buf *entry, struct err *err);
/* The same for one that dsse_signature_by() has found to be by `key`, and so not verified again. */
MUST_CHECK bool entry_write_signed(const struct dsse *envelope, const struct dsse_signature *signature, EVP_PKEY *key,
				   struct buf *entry, struct err *err);

/* Who signs statements: the evidence key in this process (no helpers: quickstart, tests), or vouch-sealer behind its
 * socket (agent/sealer_wire.h), which alone has it. Call sites do not see which. */
#pragma once

#include "agent/home.h"
#include "agent/sealer_wire.h"

struct signer;
/* helpers: the folder of the helpers' sockets, or NULL. The sealer need not be there yet. */
MUST_CHECK bool signer_open(const struct home *home, const char *helpers, struct signer **ret_signer, struct err *err);
void signer_close(struct signer *signer);
DEFINE_CLEANUP(struct signer, signer_close)

/* The enrolled evidence key's public half; borrowed. */
EVP_PKEY *signer_public(const struct signer *signer);

/* Signs the payload of an envelope without signatures, and adds the signature, which was verified. A payload that is
 * asked for again gets the same signature. The payload must be on the disk before. Outcomes: agent/sealer_wire.h;
 * other than SEALER_SIGNED *err says why. */
MUST_CHECK enum sealer_outcome signer_sign(struct signer *signer, struct dsse *envelope, struct err *err);
/* The key that an epoch statement has to name before anything else is signed, when the last outcome was SEALER_EPOCH;
 * else NULL. Borrowed until the next signer_sign(). */
EVP_PKEY *signer_epoch(const struct signer *signer);
/* Whether that key takes the place of one that goes (docs/FORMAT.md 1.1: rotation). */
bool signer_rotates(const struct signer *signer);

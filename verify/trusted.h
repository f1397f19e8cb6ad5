/* The trust file (docs/FORMAT.md 5) as a verification of a package uses it. What is absent is believed to nobody. */
#pragma once

#include "core/bundle.h"
#include "core/witness_policy.h"

struct trusted {
	struct trust *trust;
	struct witness_policy *witnesses; /* of its text; NULL: it has none */
};
MUST_CHECK bool trusted_read(const char *data, size_t len, const char *where, struct trusted *ret_trusted,
			     struct err *err);
void trusted_done(struct trusted *trusted);

enum trusted_says { TRUSTED_VOUCHES, TRUSTED_SILENT, TRUSTED_OTHERWISE };
/* Whether the trust file has this enrolled key for this host; that it has nothing of the host; that it has other keys
 * for it, or this key for another host. */
enum trusted_says trusted_on(const struct trusted *trusted, const char *host, const struct hash *key_id);

/* How many attestations each control of the catalogue has. */
#pragma once

#include "collector/store.h"
#include "core/catalogue.h"

struct attested_count {
	int64_t valid, expired;
};
struct attested {
	struct attested_count *counts; /* one for each control of the catalogue, in its order; owned */
	size_t controls;               /* that have a valid one */
};
MUST_CHECK bool attested_count(const struct catalogue *catalogue, struct store *store, int64_t now,
			       struct attested *ret_attested, struct err *err);
void attested_done(struct attested *attested);

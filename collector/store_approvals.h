/* Approvals of policies in the index (docs/FORMAT.md 8), as they came: nothing is verified here. */
#pragma once

#include "collector/store.h"

#define STORE_APPROVALS_MOST 64 /* of one policy, that one host brought first; more are evidence and not looked at */

struct store_approval {
	int64_t index;         /* of the statement that brought it first, in the log */
	const char *statement; /* its digest */
	const char *host;
	const char *policy; /* SHA-256 of the policy that it says it approves */
	const char *body;   /* SHA-256 of the approval itself */
	int64_t received;
	/* Set for visitors. */
	const char *line; /* the approval */
	size_t line_len;
};
/* One that is there already, by whichever host, stays as it is. */
MUST_CHECK bool store_approval_put(struct store *store, const struct store_approval *approval, struct err *err);
/* Those of a policy, in the order in which they came. visit does not use the store. */
MUST_CHECK bool store_approvals(struct store *store, const char *policy,
				void (*visit)(void *context, const struct store_approval *approval), void *context,
				struct err *err);
/* The first round judged by a policy: kept when it comes first, and found; *ret_index -1: there is none. */
MUST_CHECK bool store_judged_put(struct store *store, const char *policy, int64_t index, int64_t received,
				 struct err *err);
MUST_CHECK bool store_judged(struct store *store, const char *policy, int64_t *ret_index, int64_t *ret_received,
			     struct err *err);
/* Waivers of the results that are current: each id with the earliest end, sorted, at most `most`. */
MUST_CHECK bool store_waivers(struct store *store, int64_t most,
			      void (*visit)(void *context, const char *waiver, int64_t until), void *context,
			      struct err *err);

/* A waiver as YAML, made from what a rule observed. */
#pragma once

#include "core/policy.h"

struct waiver_draft {
	const char *id, *reason, *risk, *ticket, *measure, *requester, *approver; /* ticket: NULL without one */
	const char *from, *expires;                                               /* as they are to stand there */
	const char *host;                                                         /* whom it is for; "": not said */
};

/* An entry of `waivers` whose value holds of what the result's rows hold, and of nothing else: volatile and secret
 * fields are left out, of the others every one is named that is there, and of those that are not there the ones that
 * the rule judges. It is read again and tried before this succeeds. ERR_TOO_BIG: rows are missing from the result;
 * others: what the draft's words or the rows make wrong. Appends. */
MUST_CHECK bool waiver_draft_write(const struct waiver_draft *draft, const struct rule *rule, const json_t *result,
				   struct buf *text, struct err *err);

/* seal: rounds become statements in the chain (docs/FORMAT.md 1 and 2).
 *
 * The first statement of a line is the enrolment; a policy is sealed once for each digest, before the first round
 * judged by it, and behind it each approval of it that lies beside it, once; a spool at its limit is said once, and
 * rounds after that are not kept until there is room.
 *
 * blinds.json: {"<rule>":{"blind":"<32 hex>","leaf":"<SHA-256 of the leaf>"}}. A result keeps its blind as long as its
 * leaf stays what it is. The file is written before the round joins the chain: a crash between leaves blinds that the
 * next round keeps, which discloses nothing. */
#pragma once

#include "agent/chain.h"
#include "agent/look.h"
#include "agent/standing.h"
#include "core/key.h"

struct sealer {
	const struct home *home; /* borrowed, as the next two */
	const struct enrolment *enrolment;
	const char *environment;
	int64_t spool_limit; /* bytes */
	struct chain *chain;
	struct signer *signer;
	EVP_PKEY *transport; /* public half */
	struct standing standing;
};

/* helpers: see signer_open(). */
MUST_CHECK bool sealer_open(const struct home *home, const struct enrolment *enrolment, const char *helpers,
			    const char *environment, int64_t spool_limit, struct sealer **ret_sealer, struct err *err);
void sealer_close(struct sealer *sealer);
DEFINE_CLEANUP(struct sealer, sealer_close)

/* Seal the enrolment, when the chain is still empty. header: host, boot and times; its results are not looked at. */
MUST_CHECK bool seal_enrolment(struct sealer *sealer, const struct round *header, struct err *err);

enum sealed {
	SEALED_KEPT,    /* the round is in the queue */
	SEALED_NO_ROOM, /* it is not; the chain says why */
};
/* Seal an attestation (core/attestation.h). header: as of an enrolment. A line whose enrolment is not sealed is
 * ERR_REFUSED, and so is another host. */
MUST_CHECK bool seal_attestation(struct sealer *sealer, const struct round *header, const struct buf *body,
				 enum sealed *ret_sealed, struct err *err);
/* Seal one round, and before it what must go before it. The round's results are the current ones of all rules and get
 * their "blind"; those travel that agent/standing.h says. trigger: "schedule",
 * "boot", "manual", "change". A round of another host than the enrolled one is ERR_REFUSED. False: nothing of this
 * round is in the chain, unless the sealer did not answer: then it joins, if it was signed, before the next one. */
MUST_CHECK bool seal(struct sealer *sealer, const struct policy_stack *stack, struct round *round, const char *trigger,
		     enum sealed *ret_sealed, struct err *err);

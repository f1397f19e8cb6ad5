/* The chain: the sequence number and digest of the host's last statement, and the one way to lengthen it.
 *
 * chain.json: {"sequence":n,"previous":"<digest>","entry":"<spool name>","bootId":"...","policies":["<sha256>"...],
 * "full":bool}.
 * A statement joins in five steps, each durable before the next:
 *   1. its line without a signature is written into incoming/unsigned.json;
 *   2. it is signed (agent/signer.h): where a sealer does it, the number is used from here on;
 *   3. the signed line is written into incoming/;
 *   4. chain.json, which names it, replaces the old one;
 *   5. the line is renamed into queue/, and unsigned.json goes.
 * After a crash a line in incoming/ that the chain does not name is thrown away, and one that it names is moved into
 * queue/. An unsigned.json that is the next of the chain is signed, again or for the first time, and joins before
 * anything else does; the sealer gives what it signed last the same signature. One that is not is a leftover. So no
 * number is used twice and none is left out. */
#pragma once

#include "agent/signer.h"
#include "agent/spool.h"
#include "core/statement.h"

#define CHAIN_POLICIES_MOST 1024 /* digests remembered; then all are forgotten and policies are sealed anew */

struct chain {
	int64_t sequence;        /* of the last statement; 0: none yet */
	char previous[HASH_HEX]; /* its digest; "" before the first */
	char entry[SPOOL_NAME_LONGEST];
	char boot_id[64];      /* under which it was sealed */
	struct hash *policies; /* digests of the policies, and of the approvals of them, that were sealed; owned */
	size_t policy_count;
	bool full;        /* the last statement said that the spool is full */
	int lock;         /* descriptor; held as long as the chain is open */
	bool is_stale;    /* the disk may say otherwise: chain_ready() reads it again */
	bool has_pending; /* incoming/ has an unsigned.json */
};

/* Opens for sealing: takes the lock (ERR_REFUSED when another process has it, or the spool is another user's: what this
 * one wrote would be in his way), reads, recovers the spool. */
MUST_CHECK bool chain_open(const struct home *home, struct chain **ret_chain, struct err *err);
void chain_close(struct chain *chain);
DEFINE_CLEANUP(struct chain, chain_close)

/* Before a statement is made: reads the disk again when a step failed so badly that memory may be wrong, and finishes
 * the statement that a crash, or a sealer that did not answer, left unsigned. */
MUST_CHECK bool chain_ready(const struct home *home, struct chain *chain, struct signer *signer, struct err *err);

/* The five steps. The payload is that of a statement numbered sequence + 1. On failure *chain is what the disk says;
 * whether the statement will be part of it is decided by the next chain_ready(). */
MUST_CHECK bool chain_join(const struct home *home, struct chain *chain, struct signer *signer,
			   const struct buf *payload, const void *body, size_t body_len, struct err *err);

struct chain_step {
	struct hash digest; /* of the statement numbered sequence + 1 */
	const void *line;   /* its wire line */
	size_t len;
	const char *boot_id;
	const struct hash *policy; /* digest of the policy, or of the approval, that it seals, or NULL */
	bool full;                 /* it says that the spool is full */
};
/* Steps 3 to 5. On failure chain is what the disk says: unchanged when the line did not become part of it. */
MUST_CHECK bool chain_add(const struct home *home, struct chain *chain, const struct chain_step *step, struct err *err);
/* Whether a policy or an approval of this digest was. */
bool chain_has_sealed(const struct chain *chain, const struct hash *sha256);

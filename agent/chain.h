/* The chain: the sequence number and digest of the host's last statement, and the one way to lengthen it.
 *
 * chain.json: {"sequence":n,"previous":"<digest>","entry":"<spool name>","bootId":"...","policies":["<sha256>"...],
 * "full":bool}.
 * A statement joins in three steps, each durable before the next: its line is written into incoming/ and synced;
 * chain.json, which names it, replaces the old one; the line is renamed into queue/. A crash before the second step
 * leaves a line that the chain does not name: it is thrown away, as if it never was. A crash after it leaves a line
 * that the chain names: it is moved into queue/. So no number is used twice and none is left out. */
#pragma once

#include "agent/spool.h"

#define CHAIN_POLICIES_MOST 1024 /* digests remembered; then all are forgotten and policies are sealed anew */

struct chain {
	int64_t sequence;        /* of the last statement; 0: none yet */
	char previous[HASH_HEX]; /* its digest; "" before the first */
	char entry[SPOOL_NAME_LONGEST];
	char boot_id[64];      /* under which it was sealed */
	struct hash *policies; /* sealed already; owned */
	size_t policy_count;
	bool full;     /* the last statement said that the spool is full */
	int lock;      /* descriptor; held as long as the chain is open */
	bool is_stale; /* the disk may say otherwise: chain_ready() reads it again */
};

/* Opens for sealing: takes the lock (ERR_REFUSED when another process has it), reads, recovers the spool. */
MUST_CHECK bool chain_open(const struct home *home, struct chain **ret_chain, struct err *err);
void chain_close(struct chain *chain);
DEFINE_CLEANUP(struct chain, chain_close)

/* Before a statement is made: reads the disk again when a step failed so badly that memory may be wrong. */
MUST_CHECK bool chain_ready(const struct home *home, struct chain *chain, struct err *err);

struct chain_step {
	struct hash digest; /* of the statement numbered sequence + 1 */
	const void *line;   /* its wire line */
	size_t len;
	const char *boot_id;
	const struct hash *policy; /* the policy that it seals, or NULL */
	bool full;                 /* it says that the spool is full */
};
/* Lengthens the chain. On failure chain is what the disk says: unchanged when the line did not become part of it. */
MUST_CHECK bool chain_add(const struct home *home, struct chain *chain, const struct chain_step *step, struct err *err);
bool chain_has_policy(const struct chain *chain, const struct hash *sha256);

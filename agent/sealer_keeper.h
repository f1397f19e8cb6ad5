/* The keeper: the evidence keys and the place in the chain, in the process that does nothing else (vouch-sealer).
 *
 * What it trusts: the key and the host id that it was started with, and its own folder. It trusts nobody who asks. Of a
 * statement it reads what makes the chain, and signs when
 *   - the type is one of docs/FORMAT.md, the host the enrolled one;
 *   - the number is the next one, and `previous` the digest of the statement signed last;
 *   - number 1 is an enrolment that names the enrolled key, and no other is one;
 *   - the next one is of type epoch, names the epoch's key and the reason that fits, when that key is new: it is made
 * in memory when the keeper opens without the one that it had before, and then no other is of that type until the key
 * has signed for its span: then a next one is made, the statement that names it is signed by the key before it, and
 * that one is destroyed. The enrolled key signs enrolment and the first epoch after a start and is then dropped from
 * memory; the epoch's key signs everything else. (The file, or credential, with the enrolled key stays where it is, for
 * the next start.) Between the making of a next key and its statement on the disk both seeds are kept, and the position
 * says which counts: a kill at any instant leaves one that goes on. The payload that was signed last gets its signature
 * again, so who lost the reply loses nothing; another payload for a number that was used is a fork, and refused for
 * ever. So whoever takes over vouchd can lengthen the chain with lies, but not rewind it, branch it or begin it anew. A
 * folder without a position, or with that of another key, begins a line: a key that has signed elsewhere (in vouchd,
 * without a sealer) cannot be taken over, the host enrols anew.
 *
 * Its folder: position, {"bootId","digest","enrolled","epoch","epochAt","sequence","signature","signer"}: boot, digest
 * and number of the statement signed last; ids of the enrolled key and of the epoch's that a statement names, or "";
 * when that was; the signature, and the SubjectPublicKeyInfo that it is by, in base64. It is on the disk before the
 * signature leaves. */
#pragma once

#include "agent/sealer_wire.h"
#include "core/host_key.h"
#include "core/statement.h"

#define KEEPER_SPAN 86400 /* seconds */

struct keeper;
/* enrolled: the evidence key; taken over on success. host_id is copied. span: how long an epoch's key signs, in seconds
 * of the boot clock. kept: what keeper_epoch() gave an earlier keeper, or -1; borrowed. The folder is made, 0700, and
 * locked (ERR_REFUSED when another process has it). A position that cannot be understood is ERR_MALFORMED, never begun
 * anew; a kept key that is not the position's is not used. */
MUST_CHECK bool keeper_open(const char *folder, struct host_key *enrolled, const char *host_id, int64_t span, int kept,
			    struct keeper **ret_keeper, struct err *err);
void keeper_free(struct keeper *keeper);
DEFINE_CLEANUP(struct keeper, keeper_free)

/* The memfd with the epoch's seed, for the service manager's descriptor store; -1 when it is the kept one. Owned by the
 * keeper, who writes the next epoch's seed into it and overwrites that of the last: the store need not hear of it. */
int keeper_epoch(const struct keeper *keeper);
/* Answers a request. */
void keeper_sign(struct keeper *keeper, const void *payload, size_t len, struct sealer_reply *ret_reply);

/* The place in the chain, and the rules above as a function of it. */
struct position {
	int64_t sequence; /* 0: nothing was signed yet */
	struct hash digest;
	char boot_id[64];
	char epoch[HASH_HEX];
	int64_t epoch_at;             /* the boot clock's seconds when the epoch began */
	struct buf signature, signer; /* owned */
};
void position_done(struct position *position);
struct terms {
	const char *host_id;
	const char *enrolled, *epoch; /* SubjectPublicKeyInfo, base64 */
	const char *next;             /* of the key that takes the epoch's place now; NULL: the epoch goes on */
	bool is_epoch_new;            /* no statement names it yet */
};
/* Whether this payload, which is not the one signed last, is what comes next, but for *ret_is_early: that an epoch
 * statement has to come before it. False: ERR_REFUSED or ERR_MALFORMED with the reason. The caller statement_free()s.
 */
MUST_CHECK bool position_admits(const struct position *position, const struct terms *terms, const void *payload,
				size_t len, struct statement **ret_statement, bool *ret_is_early, struct err *err);

/* The keeper: the evidence keys and the place in the chain, in the process that does nothing else (vouch-sealer).
 *
 * What it trusts: the key and the host id that it was started with, and its own folder. It trusts nobody who asks. Of a
 * statement it reads what makes the chain, and signs when
 *   - the type is one of docs/FORMAT.md, the host the enrolled one;
 *   - the number is the next one, and `previous` the digest of the statement signed last;
 *   - number 1 is an enrolment that names the enrolled key, and no other is one;
 *   - the next one is of type epoch, names the epoch's key and the reason that fits, when that key is new: it is made
 * in memory when the keeper opens without the one that it had before, and then no other is of that type. The enrolled
 * key signs enrolment and epochs and is then dropped from memory; the epoch's key signs everything else. (The file, or
 * credential, with the enrolled key stays where it is, for the next start.) The payload that was signed last gets its
 * signature again, so who lost the reply loses nothing; another payload for a number that was used is a fork, and
 * refused for ever. So whoever takes over vouchd can lengthen the chain with lies, but not rewind it, branch it or
 * begin it anew. A folder without a position, or with that of another key, begins a line: a key that has signed
 * elsewhere (in vouchd, without a sealer) cannot be taken over, the host enrols anew.
 *
 * Its folder: position, {"bootId","digest","enrolled","epoch","sequence","signature","signer"}: boot, digest and number
 * of the statement signed last; ids of the enrolled key and of the epoch's that a statement names, or ""; the
 * signature, and the SubjectPublicKeyInfo that it is by, in base64. It is on the disk before the signature leaves. */
#pragma once

#include "agent/sealer_wire.h"
#include "core/statement.h"

struct keeper;
/* enrolled: the evidence key; taken over on success. host_id is copied. kept: what keeper_epoch() gave an earlier
 * keeper, or -1; borrowed. The folder is made, 0700, and locked (ERR_REFUSED when another process has it). A position
 * that cannot be understood is ERR_MALFORMED, never begun anew; a kept key that is not the position's is not used. */
MUST_CHECK bool keeper_open(const char *folder, EVP_PKEY *enrolled, const char *host_id, int kept,
			    struct keeper **ret_keeper, struct err *err);
void keeper_free(struct keeper *keeper);
DEFINE_CLEANUP(struct keeper, keeper_free)

/* The epoch's key as a sealed memfd, for the service manager's descriptor store; -1 when it is the kept one. Owned by
 * the keeper. */
int keeper_epoch(const struct keeper *keeper);
/* Answers a request. */
void keeper_sign(struct keeper *keeper, const void *payload, size_t len, struct sealer_reply *ret_reply);

/* The place in the chain, and the rules above as a function of it. */
struct position {
	int64_t sequence; /* 0: nothing was signed yet */
	struct hash digest;
	char boot_id[64];
	char epoch[HASH_HEX];
	struct buf signature, signer; /* owned */
};
void position_done(struct position *position);
struct terms {
	const char *host_id;
	const char *enrolled, *epoch; /* SubjectPublicKeyInfo, base64 */
	bool is_epoch_new;            /* no statement names it yet */
};
/* Whether this payload, which is not the one signed last, is what comes next, but for *ret_is_early: that an epoch
 * statement has to come before it. False: ERR_REFUSED or ERR_MALFORMED with the reason. The caller statement_free()s.
 */
MUST_CHECK bool position_admits(const struct position *position, const struct terms *terms, const void *payload,
				size_t len, struct statement **ret_statement, bool *ret_is_early, struct err *err);

/* The keeper: the evidence key and the place in the chain, in the process that does nothing else (vouch-sealer).
 *
 * What it trusts: the key and the host id that it was started with, and its own folder. It trusts nobody who asks. Of a
 * statement it reads what makes the chain, and signs when
 *   - the type is one of docs/FORMAT.md, the host the enrolled one;
 *   - the number is the next one, and `previous` the digest of the statement signed last;
 *   - number 1 is an enrolment that names this key, and no other is one.
 * The payload that was signed last gets its signature again, so who lost the reply loses nothing; another payload for a
 * number that was used is a fork, and refused for ever. So whoever takes over vouchd can lengthen the chain with lies,
 * but not rewind it, branch it or begin it anew. A folder without a position, or with that of another key, begins a
 * line: a key that has signed elsewhere (in vouchd, without a sealer) cannot be taken over, the host enrols anew.
 *
 * Its folder: position, {"bootId","digest","enrolled","sequence","signature","signer"}: boot, digest and number of the
 * statement signed last; the enrolled key's id; the signature, and the SubjectPublicKeyInfo that it is by, in base64.
 * It is on the disk before the signature leaves. */
#pragma once

#include "agent/sealer_wire.h"
#include "core/statement.h"

struct keeper;
/* enrolled: the evidence key; taken over on success. host_id is copied. The folder is made, 0700, and locked
 * (ERR_REFUSED when another process has it). A position that cannot be understood is ERR_MALFORMED, never begun anew.
 */
MUST_CHECK bool keeper_open(const char *folder, EVP_PKEY *enrolled, const char *host_id, struct keeper **ret_keeper,
			    struct err *err);
void keeper_free(struct keeper *keeper);
DEFINE_CLEANUP(struct keeper, keeper_free)

/* Answers a request. */
void keeper_sign(struct keeper *keeper, const void *payload, size_t len, struct sealer_reply *ret_reply);

/* The place in the chain, and the rules above as a function of it. */
struct position {
	int64_t sequence; /* 0: nothing was signed yet */
	struct hash digest;
	char boot_id[64];
	struct buf signature, signer; /* owned */
};
void position_done(struct position *position);
/* Whether this payload, which is not the one signed last, is what comes next. False: ERR_REFUSED or ERR_MALFORMED with
 * the reason. key: SubjectPublicKeyInfo of the enrolled key, base64. The caller statement_free()s. */
MUST_CHECK bool position_admits(const struct position *position, const char *host_id, const char *key,
				const void *payload, size_t len, struct statement **ret_statement, struct err *err);

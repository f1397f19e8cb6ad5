/* Verifying one wire line: the order of docs/PROTOCOL.md, each refusal names its step. */
#pragma once

#include "collector/store.h"
#include "core/statement.h"

/* Who sent it, as the client certificate says. */
struct peer {
	char host[STORE_HOST_ID];
	char transport[HASH_HEX]; /* digest of its SubjectPublicKeyInfo */
	char *transport_key;      /* that SubjectPublicKeyInfo, base64; owned */
};
void peer_done(struct peer *peer);

/* A statement on its way in. {0} before verify_decode(). */
struct received {
	struct dsse *envelope;
	struct buf body;
	struct hash digest;
	/* Set by verify(). */
	const char *step; /* the one that came last: it failed when verify() is false */
	struct statement *statement;
	EVP_PKEY *key;                          /* that signed it: the enrolled one, or the epoch's */
	const struct dsse_signature *signature; /* by that key; of the envelope */
	bool is_by_epoch;
	EVP_PKEY *epoch;     /* of an epoch statement: the key that it names */
	json_t *document;    /* of a round, an attestation or an approval: its body */
	bool is_gap;         /* statements before it are missing */
	struct state *state; /* of a round: the line's behind it; NULL where that is not known */
	struct buf entry;    /* of the log */
};
void received_done(struct received *received);

/* Step "envelope". */
MUST_CHECK bool verify_decode(const char *line, size_t len, struct received *received, struct err *err);
/* Where a statement goes on from. */
struct verify_at {
	const struct peer *peer;
	const struct store_line *line; /* the peer's; id 0 when it has none: then only an enrolment will do */
	enum store_known known;
	const struct state *state; /* of no results unless it is known */
};
/* All the others. */
MUST_CHECK bool verify(const struct verify_at *at, struct received *received, struct err *err);
/* The key of a line that an envelope is by: its epoch's, where that holds, else the enrolled one, which need not hold.
 */
MUST_CHECK bool verify_key_of(const struct store_line *line, const struct dsse *envelope, EVP_PKEY **ret_key,
			      bool *ret_is_epoch, struct err *err);
/* Whether the refusal was one of the chain: a fork. */
bool verify_is_fork(const struct received *received);
/* "step: reason". The caller frees. */
char *verify_reason(const struct received *received, const struct err *err);

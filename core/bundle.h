/* Sigstore bundle v0.3 and the trust file (docs/FORMAT.md 5). */
#pragma once

#include "core/approvers.h"
#include "core/entry.h"
#include "core/proof.h"
#include "core/timestamp.h"

#define BUNDLE_LARGEST (1U << 20)
#define TRUST_LARGEST (4U << 20)
#define BUNDLE_TIMESTAMPS_MOST 8
#define TRUST_AUTHORITIES_MOST 512

struct trust_key { /* an evidence key, from when on and whose */
	char *host, *name;
	EVP_PKEY *key;
	int64_t from;
	struct hash id; /* key_id(key); filled by trust_read(), trust_json() does not look at it */
};

struct trust {
	struct note_verifier **logs;
	size_t log_count;
	struct trust_key *keys;
	size_t key_count;
	char **authorities; /* of time-stamps: PEM of roots and intermediates */
	size_t authority_count;
	char *witness_policy;        /* text of a C2SP tlog-policy, or NULL */
	struct trust_key *collector; /* of the collector's own line, or NULL; name "" and from 0, as it has none */
	struct approvers approvers;  /* of policies and waivers */
	/* Filled by trust_read() from `authorities`, NULL when there are none; trust_json() does not look at it. */
	struct timestamp_trust *timestamp;
	/* For trust_json() alone, for Sigstore's libraries: the chains of the authorities' signers, each from the
	 * signer's certificate to the root. */
	STACK_OF(X509) * *chains;
	size_t chain_count;
};

/* The bundle of an entry and its proof, with the key's signature alone. New reference; NULL when the key did not sign
 * the envelope. */
json_t *bundle_json(const struct dsse *envelope, EVP_PKEY *key, const void *entry, size_t entry_len,
		    const struct proof *proof, const struct note_verifier *log, const struct checkpoint *checkpoint);
/* Adds a time-stamp response over SHA-256 of the signature's bytes to a bundle that bundle_json() made. */
void bundle_add_timestamp(json_t *bundle, const void *response, size_t len);

/* The trust file; the logs' addresses are "https://" and their names. New reference. */
json_t *trust_json(const struct trust *trust, int64_t log_valid_from);
/* Its reading: "logs", "evidenceKeys", and where they are there "timestampAuthorities", "witnessPolicy",
 * "collectorKey" and "approvers". "trustedRoot" is for Sigstore's libraries and is not looked at. The policy's text is
 * not parsed. */
MUST_CHECK bool trust_read(const char *data, size_t len, const char *where, struct trust **ret_trust, struct err *err);
void trust_free(struct trust *trust);
DEFINE_CLEANUP(struct trust, trust_free)

/* What an offline verification proved. */
struct bundle_proved {
	struct dsse *envelope;
	const struct trust_key *key; /* of the trust: whose statement it must be, and no older than from */
	uint64_t index;
	struct checkpoint checkpoint;
	size_t timestamp_count;     /* responses that the bundle has */
	bool has_time;              /* they were verified: the trust has authorities, and all of them hold */
	struct timestamp timestamp; /* when has_time: the earliest */
};
void bundle_proved_done(struct bundle_proved *proved);
/* Signature by a trusted evidence key, the entry is that envelope's, inclusion, checkpoint by a trusted log,
 * time-stamps by trusted authorities (where the trust has any, a response that does not hold refuses the bundle; where
 * it has none they prove nothing, and has_time stays false); in this order, each refusal naming the step in err.where:
 * "signature", "entry", "inclusion", "checkpoint", "timestamp". The code is ERR_REFUSED, or ERR_MALFORMED where a part
 * could not even be read. What is no bundle at all is named by where. The statement itself is not read: that it names
 * the key's host is for the caller to see. */
MUST_CHECK bool bundle_verify(const char *data, size_t len, const char *where, const struct trust *trust,
			      struct bundle_proved *ret_proved, struct err *err);

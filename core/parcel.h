/* Parcels: statements that are carried to a collector by hand, where no network leads there (docs/FORMAT.md 7). A
 * parcel is a folder; what says whose it is is its parcel.json: a DSSE envelope by the host's transport key, which
 * proves here what the TLS handshake proves elsewhere. */
#pragma once

#include "core/key.h"

#define PARCEL_FILE "parcel.json"
#define PARCEL_CERTIFICATE "certificate.pem"
#define PARCEL_STATEMENTS "statements.jsonl"
#define PARCEL_ANSWERS "answers.jsonl"
#define PARCEL_TYPE "application/vnd.vouch.parcel+json"
#define PARCEL_LARGEST 65536
#define PARCEL_NAME_LONGEST 96

struct parcel {
	char *host;   /* id */
	char *origin; /* of the log that it is for */
	int64_t made_at;
	int64_t seen;       /* entries of the log under the last checkpoint that the host verified; 0: none */
	int64_t statements; /* in statements.jsonl */
	int64_t bytes;      /* of it */
	struct hash sha256; /* of it */
};
void parcel_done(struct parcel *parcel);

/* parcel.json's bytes; appended. */
MUST_CHECK bool parcel_write(const struct parcel *parcel, EVP_PKEY *transport, struct buf *text, struct err *err);
/* The signature first. False: ERR_REFUSED (not signed by this key), ERR_MALFORMED. */
MUST_CHECK bool parcel_read(const char *data, size_t len, EVP_PKEY *transport, const char *where,
			    struct parcel *ret_parcel, struct err *err);

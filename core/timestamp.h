/* Time-stamps of RFC 3161 (with RFC 5816 and the profile of ETSI EN 319 422), and chains of their renewals
 * (docs/FORMAT.md 3.1), through OpenSSL's TS functions.
 *
 * A response holds at the time that it says itself: the chain of its signer is verified as of genTime, not as of now,
 * so it holds for ever; whoever gets hold of an authority's key after its certificate ended can back-date, which is
 * what renewals are for. Revocation is not looked at, no CRL is asked for. Everything is SHA-256 or wider, keys and
 * signatures have 112 bits of security or more. */
#pragma once

#include "core/buf.h"
#include "core/hash.h"
#include "core/timestamp_trust.h"

#define TIMESTAMP_RESPONSE_LARGEST (64U << 10)
#define TIMESTAMP_RENEWALS_MOST 64 /* responses of one chain */
#define TIMESTAMP_QUERY_TYPE "application/timestamp-query"
#define TIMESTAMP_REPLY_TYPE "application/timestamp-reply"

/* What a response that holds says. */
struct timestamp {
	int64_t time;            /* genTime; a fraction of a second is cut off */
	int64_t accuracy_us;     /* microseconds either way; -1: the authority does not say */
	int64_t signer_expires;  /* notAfter of the certificate that signed */
	char *authority;         /* that certificate's subject (RFC 2253), control characters replaced */
	char *policy;            /* OID of the authority's policy */
	struct hash certificate; /* SHA-256 of that certificate (DER) */
};
void timestamp_done(struct timestamp *timestamp);

/* What a response is over. */
struct hash timestamp_imprint(const void *text, size_t len);
/* A renewal's: the text followed by the bytes of the response before. */
struct hash timestamp_imprint_renewal(const void *text, size_t len, const void *response, size_t response_len);

/* A stored response against the SHA-256 that it must be over. certificates: PEM of those that are needed and not in the
 * response itself, which are not trusted; NULL: there are none. Whether the response is a grant, its imprint, version
 * and signature, the chain of its signer to one of the roots, and that the signer's certificate is for time-stamping
 * and for nothing else (critical), each refused by name: ERR_REFUSED at `where`; ERR_MALFORMED: it cannot be read. The
 * caller timestamp_done()s. */
MUST_CHECK bool timestamp_verify(const void *response, size_t len, const struct hash *imprint,
				 const struct buf *certificates, const struct timestamp_trust *trust, const char *where,
				 struct timestamp *ret_timestamp, struct err *err);

/* A stored response, and what lies beside it (empty: nothing). */
struct timestamp_stored {
	struct buf response, certificates;
};
void timestamp_stored_done(struct timestamp_stored *stored);

/* A chain of renewals over a text, the first response first: each as above, and each made before the certificate that
 * signed the one before had ended, and no earlier than that one. ret_first says what is proved: the text existed at its
 * time. ret_last->signer_expires says until when the chain holds without anything more: whether that is over is for the
 * caller to compare and to say. The caller timestamp_done()s both. Errors name the response: "timestamp-2: ...". */
MUST_CHECK bool timestamp_verify_chain(const void *text, size_t len, const struct timestamp_stored *stored,
				       size_t count, const struct timestamp_trust *trust, struct timestamp *ret_first,
				       struct timestamp *ret_last, struct err *err);

/* A request that was made: version 1, SHA-256, a random nonce of 64 bits, certificates wanted, no policy of ours. */
struct timestamp_request {
	struct hash imprint;
	uint64_t nonce;
	struct buf der;
};
MUST_CHECK bool timestamp_ask(const struct hash *imprint, struct timestamp_request *ret_request, struct err *err);
void timestamp_request_done(struct timestamp_request *request);
/* What came back for it: as timestamp_verify(), and with the nonce that was sent. *ret_chain is empty before: PEM of
 * the signer's certificate, the intermediates and the root, in this order. */
MUST_CHECK bool timestamp_take(const struct timestamp_request *request, const void *response, size_t len,
			       const struct timestamp_trust *trust, const char *where, struct timestamp *ret_timestamp,
			       struct buf *ret_chain, struct err *err);

/* Authorities of time-stamps that somebody trusts: certificates as PEM, and chains as of an instant (RFC 5280). */
#pragma once

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "core/err.h"
#include "core/json.h"

#define TIMESTAMP_PEM_LARGEST (1U << 20)
#define TIMESTAMP_CERTIFICATES_MOST 512 /* of a trust, and of what lies beside a response */

/* Roots, and intermediates that need not come along. */
struct timestamp_trust;
struct timestamp_trust *timestamp_trust_new(void);
/* Certificates as PEM (RFC 7468); text between them is passed over. The self-signed ones are roots. False: none of them
 * is or one is broken (ERR_MALFORMED), or there are too many (ERR_TOO_BIG); what was there before stays. One that is
 * there already counts once. */
MUST_CHECK bool timestamp_trust_add(struct timestamp_trust *trust, const char *pem, size_t len, const char *where,
				    struct err *err);
void timestamp_trust_free(struct timestamp_trust *trust);
DEFINE_CLEANUP(struct timestamp_trust, timestamp_trust_free)

/* --- for what reads and writes certificates --- */

static inline __attribute__((unused)) void certificates_free_p(STACK_OF(X509) * *certificates) {
	sk_X509_pop_free(*certificates, X509_free);
}
/* At least one; the caller frees, as above. */
MUST_CHECK bool timestamp_certificates(const char *pem, size_t len, const char *where,
				       STACK_OF(X509) * *ret_certificates, struct err *err);
/* As PEM, in their order, from number `first` on; appended. */
void timestamp_pem(const STACK_OF(X509) * certificates, int first, struct buf *pem);
/* The instant of a certificate's notBefore or notAfter; false: it is none. */
bool timestamp_instant(const ASN1_TIME *time, int64_t *ret_instant);

/* Verifies as of an instant, for time-stamping, at 112 bits of security. The caller X509_STORE_free()s. */
X509_STORE *timestamp_store(const struct timestamp_trust *trust, int64_t instant);
/* Signer's certificate to a root of the trust as of the instant, through `others` (may be NULL), which are not trusted.
 * False: ERR_REFUSED "not by a trusted authority". The caller frees, as above. */
MUST_CHECK bool timestamp_chain(const struct timestamp_trust *trust, X509 *signer, STACK_OF(X509) * others,
				int64_t instant, const char *where, STACK_OF(X509) * *ret_chain, struct err *err);

/* A chain from signer to root as Sigstore's trusted root v0.1 has it: {"certChain","subject","uri" (""),"validFor"}.
 * New reference. */
json_t *timestamp_chain_json(const STACK_OF(X509) * chain);

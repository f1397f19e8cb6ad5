/* EST (RFC 7030): the CA's certificates, and a certificate for our key. */
#pragma once

#include <openssl/x509.h>

#include "agent/http.h"
#include "core/hash.h"

/* GET /.well-known/est/cacerts (4.1) over a connection that proves nothing: the certificate among the answer's whose
 * DER has this SHA-256 and which is a CA's, or ERR_REFUSED. The caller X509_free()s. */
MUST_CHECK bool est_ca(struct http *http, const struct hash *fingerprint, X509 **ret_ca, struct err *err);
/* POST /.well-known/est/simpleenroll (4.2): a certificate for the key under this common name, issued by that CA and
 * for that key, or ERR_REFUSED. */
MUST_CHECK bool est_certify(struct http *http, EVP_PKEY *key, const char *common_name, X509 *ca, X509 **ret_certificate,
			    struct err *err);
/* POST /.well-known/est/simplereenroll (4.2.2), over a connection with the certificate that goes: the same. */
MUST_CHECK bool est_recertify(struct http *http, EVP_PKEY *key, const char *common_name, X509 *ca,
			      X509 **ret_certificate, struct err *err);
/* A PKCS#10 for the key, under this common name; DER, appended. */
MUST_CHECK bool est_request(EVP_PKEY *key, const char *common_name, struct buf *der, struct err *err);
/* Whether the certificate is for our key and by that CA. */
bool est_is_ours(X509 *certificate, EVP_PKEY *key, X509 *ca);

/* The certificates of a certs-only PKCS#7 in base64, as the answers hold it; line breaks are allowed. What fuzzing
 * calls. The caller sk_X509_pop_free()s. */
MUST_CHECK bool est_certificates(const char *text, size_t len, const char *where, STACK_OF(X509) * *ret_certificates,
				 struct err *err);
/* PEM, appended. */
void est_pem(X509 *certificate, struct buf *pem);

static inline __attribute__((unused)) void x509_free_p(X509 **certificate) { X509_free(*certificate); }

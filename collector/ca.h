/* The collector's own certificate authority: P-256, for its server certificate and for the hosts' client certificates.
 */
#pragma once

#include <openssl/x509.h>

#include "core/hash.h"
#include "core/key.h"

#define CA_HOST_ID 36 /* characters of a UUID */
#define CA_CSR_LARGEST 16384

struct ca {
	X509 *certificate;
	EVP_PKEY *key;
};

/* Makes DIR/ca.crt and DIR/ca.key, DIR/server.crt and DIR/server.key. names: DNS names and IP addresses of the server,
 * beside localhost, 127.0.0.1 and ::1. Existing files are not replaced. */
MUST_CHECK bool ca_create(const char *folder, const char *const names[], size_t count, int64_t now, struct err *err);
MUST_CHECK bool ca_load(const char *folder, struct ca **ret_ca, struct err *err);
void ca_free(struct ca *ca);
DEFINE_CLEANUP(struct ca, ca_free)

/* A DER PKCS#10 as it came, whole and correctly signed, with a UUID as CN and a key that we accept (Ed25519 or P-256).
 * Everything else in it is ignored. False: ERR_REFUSED. */
MUST_CHECK bool ca_read_request(const void *der, size_t len, char ret_host[CA_HOST_ID + 1], EVP_PKEY **ret_key,
				struct err *err);
/* A client certificate: CN is the host's id. The caller X509_free()s. */
MUST_CHECK bool ca_issue(const struct ca *ca, const char *host, EVP_PKEY *key, int64_t from, int64_t until,
			 X509 **ret_certificate, struct err *err);

/* SHA-256 over the certificate's DER. */
struct hash ca_fingerprint(const X509 *certificate);
/* A certs-only PKCS#7 (RFC 7030 4.1.3) in base64 without line breaks; the caller frees. */
char *ca_pkcs7(X509 *certificate);
/* The first CN of a certificate's or request's subject, when it is a lower-case UUID. */
bool ca_host_of(const X509_NAME *subject, char ret_host[CA_HOST_ID + 1]);

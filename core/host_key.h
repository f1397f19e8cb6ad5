/* The key that a host is enrolled with, wherever it lies: in its file (core/key.h), in a PKCS#11 token (core/token.h)
 * or in a TPM (core/tpm_key.h). The file says which: a private key as PEM, a "pkcs11:" URI, a "TSS2 PRIVATE KEY".
 * Modules and providers are loaded for the latter two alone. No kind ever stands in for another. */
#pragma once

#include "core/key.h"

struct host_key;
/* Makes a key and the file, 0600, which must not exist. kind: NULL or "file" (Ed25519), "tpm2" (P-256), or a PKCS#11
 * URI: one with an id names a pair that is there, else a P-256 pair is made under the label of object= ("vouch" where
 * there is none). Any other is ERR_USAGE. */
MUST_CHECK bool host_key_make(const char *kind, const char *path, struct host_key **ret_key, struct err *err);
/* The key of a file that group and others may not read. Failures: core/key.h, core/token.h, core/tpm_key.h. */
MUST_CHECK bool host_key_open(const char *path, struct host_key **ret_key, struct err *err);
/* The key pair of a token that a "pkcs11:" URI names. */
MUST_CHECK bool host_key_open_uri(const char *uri, struct host_key **ret_key, struct err *err);
/* A key that is here; taken over. */
struct host_key *host_key_of(EVP_PKEY *key);
void host_key_free(struct host_key *key);
DEFINE_CLEANUP(struct host_key, host_key_free)
/* Before it is freed: a pair that host_key_make() made is taken out of its token again. Other kinds go with the file.
 */
void host_key_forget(struct host_key *key);

/* The public half; borrowed. */
EVP_PKEY *host_key_public(const struct host_key *key);
/* As key_sign(). What a device signed was verified. */
MUST_CHECK bool host_key_sign(const struct host_key *key, const void *data, size_t len,
			      uint8_t signature[KEY_SIGNATURE_LONGEST], size_t *ret_len, struct err *err);

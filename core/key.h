/* Signing keys, through EVP alone. Ed25519 everywhere; ECDSA P-256 with SHA-256 (DER signatures) is verified as well.
 */
#pragma once

#include <openssl/evp.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"

#define KEY_SIGNATURE_LONGEST 80
#define KEY_FILE_LARGEST 16384

static inline __attribute__((unused)) void key_free_p(EVP_PKEY **key) { EVP_PKEY_free(*key); }

MUST_CHECK bool key_make_ed25519(EVP_PKEY **ret_key, struct err *err);
MUST_CHECK bool key_make_p256(EVP_PKEY **ret_key, struct err *err);
/* From a 32-byte RFC 8032 seed: for log keys in note form and for test vectors. */
MUST_CHECK bool key_from_seed(const uint8_t seed[32], EVP_PKEY **ret_key, struct err *err);
/* PKCS#8 PEM with mode 0600, whole or not at all. An existing file is not replaced. */
MUST_CHECK bool key_save(const char *path, EVP_PKEY *key, struct err *err);
/* Refuses a file that group or others may read. */
MUST_CHECK bool key_load(const char *path, EVP_PKEY **ret_key, struct err *err);
/* Its two halves: a small file that group and others may not read, and the private key of a PEM text (where names it in
 * errors). The caller wipes the bytes. */
MUST_CHECK bool key_read_secret(const char *path, size_t max, struct buf *ret_bytes, struct err *err);
MUST_CHECK bool key_from_pem(const struct buf *pem, const char *where, EVP_PKEY **ret_key, struct err *err);
/* The same of an encrypted one. */
MUST_CHECK bool key_from_locked_pem(const struct buf *pem, const struct buf *passphrase, const char *where,
				    EVP_PKEY **ret_key, struct err *err);

/* SubjectPublicKeyInfo, DER; appended. */
void key_public_der(EVP_PKEY *key, struct buf *der);
MUST_CHECK bool key_from_public_der(const void *der, size_t len, const char *where, EVP_PKEY **ret_key,
				    struct err *err);
/* PEM text of the public half; the caller frees. */
char *key_public_pem(EVP_PKEY *key);
MUST_CHECK bool key_from_public_pem(const char *pem, const char *where, EVP_PKEY **ret_key, struct err *err);
/* SHA-256 of the SubjectPublicKeyInfo: FORMAT.md's keyid. */
struct hash key_id(EVP_PKEY *key);
/* Sigstore's name for the kind: "PKIX_ED25519" or "PKIX_ECDSA_P256_SHA_256"; NULL for any other key. */
const char *key_details(EVP_PKEY *key);
/* Ed25519: the raw 32 public bytes. */
MUST_CHECK bool key_raw_public(EVP_PKEY *key, uint8_t raw[32], struct err *err);

MUST_CHECK bool key_sign(EVP_PKEY *key, const void *data, size_t len, uint8_t signature[KEY_SIGNATURE_LONGEST],
			 size_t *ret_len, struct err *err);
bool key_is_signed(EVP_PKEY *key, const void *data, size_t len, const void *signature, size_t signature_len);

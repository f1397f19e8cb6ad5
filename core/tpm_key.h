/* A P-256 key of a TPM 2.0, by OpenSSL's provider tpm2 (package tpm2-openssl). Its PEM file ("TSS2 PRIVATE KEY") holds
 * the private half encrypted by that TPM, and is of use nowhere else. The provider lives in a library context of its
 * own, for as long as the key is open: what else this process computes has no part in it.
 *
 * TPM2OPENSSL_TCTI says where the TPM is, "device:/dev/tpmrm0" where it is not set. */
#pragma once

#include <openssl/evp.h>

#include "core/buf.h"
#include "core/err.h"

#define TPM_KEY_BEGIN "-----BEGIN TSS2 PRIVATE KEY-----"

struct tpm_key;
/* The TPM makes it; its PEM is appended. */
MUST_CHECK bool tpm_key_make(struct buf *pem, struct err *err);
/* where names the file in errors. ERR_ABSENT: no provider, or no TPM; ERR_CRYPTO: not a key of this TPM. */
MUST_CHECK bool tpm_key_open(const void *pem, size_t len, const char *where, struct tpm_key **ret_key, struct err *err);
void tpm_key_free(struct tpm_key *key);
DEFINE_CLEANUP(struct tpm_key, tpm_key_free)
/* SubjectPublicKeyInfo, DER; appended. */
MUST_CHECK bool tpm_key_public_der(const struct tpm_key *key, struct buf *der, struct err *err);
/* ECDSA with SHA-256, DER; appended. */
MUST_CHECK bool tpm_key_sign(const struct tpm_key *key, const void *data, size_t len, struct buf *signature,
			     struct err *err);

#include "core/tpm_key.h"

#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define BY_TPM "?provider=tpm2"
#define BY_TPM_HASHED_HERE "?provider=tpm2,tpm2.digest!=yes"
#define SIGNATURE_LONGEST 256

struct tpm_key {
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *standard, *tpm;
	EVP_PKEY *key;
};

static void context_free_p(EVP_MD_CTX **context) { EVP_MD_CTX_free(*context); }

/* The first error is the TPM's own; what it says is in its data. OpenSSL's queue is emptied. */
static bool failed(enum err_code code, const char *where, const char *what, struct err *err) {
	const char *data = "";
	int flags = 0;
	ERR_peek_error_all(NULL, NULL, NULL, &data, &flags);
	err_set(err, code, where, "%s%s%s", what, data && *data ? ": " : "", data ? data : "");
	ERR_clear_error();
	return false;
}

static bool open_tpm(struct tpm_key *key, struct err *err) {
	/* The library of the TPM's driver would write into our standard error and try what it finds. */
	if (setenv("TSS2_LOG", "all+none", 0) != 0 || setenv("TPM2OPENSSL_TCTI", "device:/dev/tpmrm0", 0) != 0)
		abort();
	key->library = OSSL_LIB_CTX_new();
	key->standard = OSSL_PROVIDER_load(key->library, "default");
	key->tpm = key->standard ? OSSL_PROVIDER_load(key->library, "tpm2") : NULL;
	return key->tpm || failed(ERR_ABSENT, "TPM", "it cannot be used (package tpm2-openssl, TPM2OPENSSL_TCTI)", err);
}

void tpm_key_free(struct tpm_key *key) {
	if (!key)
		return;
	EVP_PKEY_free(key->key);
	if (key->tpm)
		OSSL_PROVIDER_unload(key->tpm);
	if (key->standard)
		OSSL_PROVIDER_unload(key->standard);
	OSSL_LIB_CTX_free(key->library);
	free(key);
}

bool tpm_key_make(struct buf *pem, struct err *err) {
	CLEANUP(tpm_key_free_p) struct tpm_key *key = xcalloc(1, sizeof *key);
	unsigned char *text = NULL;
	size_t len = 0;
	if (!open_tpm(key, err))
		return false;
	key->key = EVP_PKEY_Q_keygen(key->library, "provider=tpm2", "EC", "P-256");
	if (!key->key)
		return failed(ERR_CRYPTO, "TPM", "a P-256 key cannot be made", err);
	OSSL_ENCODER_CTX *encoder = OSSL_ENCODER_CTX_new_for_pkey(key->key, EVP_PKEY_KEYPAIR, "PEM", NULL, BY_TPM);
	bool is_written = encoder && OSSL_ENCODER_to_data(encoder, &text, &len) == 1;
	OSSL_ENCODER_CTX_free(encoder);
	if (is_written)
		buf_add(pem, text, len);
	OPENSSL_free(text);
	return is_written || failed(ERR_CRYPTO, "TPM", "the key cannot be written", err);
}

bool tpm_key_open(const void *pem, size_t len, const char *where, struct tpm_key **ret_key, struct err *err) {
	CLEANUP(tpm_key_free_p) struct tpm_key *key = xcalloc(1, sizeof *key);
	const unsigned char *at = pem;
	if (!open_tpm(key, err))
		return false;
	OSSL_DECODER_CTX *decoder =
		OSSL_DECODER_CTX_new_for_pkey(&key->key, "PEM", NULL, NULL, EVP_PKEY_KEYPAIR, key->library, BY_TPM);
	bool is_read = decoder && OSSL_DECODER_from_data(decoder, &at, &len) == 1 && key->key;
	OSSL_DECODER_CTX_free(decoder);
	if (!is_read)
		return failed(ERR_CRYPTO, where, "not a key that this TPM can use", err);
	ERR_clear_error();
	*ret_key = key;
	key = NULL;
	return true;
}

bool tpm_key_public_der(const struct tpm_key *key, struct buf *der, struct err *err) {
	unsigned char *bytes = NULL;
	int len = i2d_PUBKEY(key->key, &bytes);
	if (len <= 0)
		return failed(ERR_CRYPTO, "TPM", "its public key cannot be had", err);
	buf_add(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
	return true;
}

/* Without the property query OpenSSL's own implementation is taken, which has no private key. */
bool tpm_key_sign(const struct tpm_key *key, const void *data, size_t len, struct buf *signature, struct err *err) {
	unsigned char bytes[SIGNATURE_LONGEST];
	size_t signed_len = sizeof bytes;
	CLEANUP(context_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context ||
	    EVP_DigestSignInit_ex(context, NULL, "SHA256", key->library, BY_TPM_HASHED_HERE, key->key, NULL) != 1 ||
	    EVP_DigestSign(context, bytes, &signed_len, data, len) != 1)
		return failed(ERR_CRYPTO, "TPM", "it does not sign", err);
	buf_add(signature, bytes, signed_len);
	return true;
}

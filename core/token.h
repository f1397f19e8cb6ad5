/* A P-256 key in a PKCS#11 token: it signs there and is never here. The module is loaded into this process, for as long
 * as the key is open, and asked directly; OpenSSL has no part in it but to write the signature as it writes others. */
#pragma once

#include <openssl/evp.h>

#include "core/pkcs11_uri.h"

#define TOKEN_SLOTS_MOST 64
#define TOKEN_PIN_LONGEST 256
#define TOKEN_PIN_CREDENTIAL "evidence.pin" /* in $CREDENTIALS_DIRECTORY; it goes before pin-source */

struct token;
/* The module, the token of this name, logged in. A token that had a wrong PIN is not tried again, so that a program
 * that is started again and again does not lock it. ERR_ABSENT: no such token; ERR_REFUSED: two, or the PIN;
 * ERR_CRYPTO. */
MUST_CHECK bool token_open(const struct pkcs11_uri *uri, bool to_write, struct token **ret_token, struct err *err);
void token_close(struct token *token);
DEFINE_CLEANUP(struct token, token_close)

/* Makes a pair that cannot be taken out of the token, under the label and the id. */
MUST_CHECK bool token_make_key(struct token *token, const char *label, const void *id, size_t len, struct err *err);
/* Finds the one pair that the URI names; then token_public() and token_sign() work. The caller EVP_PKEY_free()s. */
MUST_CHECK bool token_find_key(struct token *token, const struct pkcs11_uri *uri, EVP_PKEY **ret_public,
			       struct err *err);
/* ECDSA over a SHA-256, in DER; appended. */
MUST_CHECK bool token_sign(struct token *token, const void *digest, struct buf *signature, struct err *err);
/* Takes the pair that was found out of the token, for ever. */
void token_forget_key(struct token *token);

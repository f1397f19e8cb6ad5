#include "core/host_key.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "core/file.h"
#include "core/text.h"
#include "core/token.h"
#include "core/tpm_key.h"

#define ID_LEN 16
#define LABEL "vouch"

struct host_key {
	EVP_PKEY *key; /* with its private half where neither of the others has it */
	struct token *token;
	struct tpm_key *tpm;
	bool is_new; /* a pair that was made in the token for this */
};

static void wipe(struct buf *bytes) {
	OPENSSL_cleanse(bytes->data, bytes->data ? bytes->cap : 0);
	buf_done(bytes);
}

struct host_key *host_key_of(EVP_PKEY *key) {
	struct host_key *host_key = xcalloc(1, sizeof *host_key);
	host_key->key = key;
	return host_key;
}

void host_key_free(struct host_key *key) {
	if (!key)
		return;
	EVP_PKEY_free(key->key);
	token_close(key->token);
	tpm_key_free(key->tpm);
	free(key);
}

EVP_PKEY *host_key_public(const struct host_key *key) { return key->key; }

void host_key_forget(struct host_key *key) {
	if (key && key->is_new)
		token_forget_key(key->token);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool open_tpm(const struct buf *text, const char *path, struct host_key *key, struct err *err) {
	CLEANUP(buf_done) struct buf der = {0};
	return tpm_key_open(text->data, text->len, path, &key->tpm, err) && tpm_key_public_der(key->tpm, &der, err) &&
	       key_from_public_der(der.data, der.len, path, &key->key, err);
}

static bool open_token(const char *text, bool to_write, struct host_key *key, struct err *err) {
	CLEANUP(pkcs11_uri_done) struct pkcs11_uri uri = {0};
	return pkcs11_uri_read(text, &uri, err) && token_open(&uri, to_write, &key->token, err) &&
	       token_find_key(key->token, &uri, &key->key, err);
}

static bool open_by_kind(struct buf *text, const char *path, struct host_key *key, struct err *err) {
	if (text_starts(buf_str(text), TPM_KEY_BEGIN))
		return open_tpm(text, path, key, err);
	if (text_starts(buf_str(text), "pkcs11:"))
		return open_token(text_trim(text->data), false, key, err);
	return key_from_pem(text, path, &key->key, err);
}

bool host_key_open(const char *path, struct host_key **ret_key, struct err *err) {
	CLEANUP(wipe) struct buf text = {0};
	CLEANUP(host_key_free_p) struct host_key *key = xcalloc(1, sizeof *key);
	if (!key_read_secret(path, KEY_FILE_LARGEST, &text, err) || !open_by_kind(&text, path, key, err))
		return false;
	*ret_key = key;
	key = NULL;
	return true;
}

bool host_key_open_uri(const char *uri, struct host_key **ret_key, struct err *err) {
	CLEANUP(host_key_free_p) struct host_key *key = xcalloc(1, sizeof *key);
	if (!open_token(uri, false, key, err))
		return false;
	*ret_key = key;
	key = NULL;
	return true;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

static bool make_file(const char *path, struct host_key *key, struct err *err) {
	return key_make_ed25519(&key->key, err) && key_save(path, key->key, err);
}

static bool make_in_tpm(const char *path, struct host_key *key, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	return tpm_key_make(&pem, err) && file_create(path, pem.data, pem.len, 0600, err) &&
	       open_tpm(&pem, path, key, err);
}

static bool draw_id(uint8_t id[ID_LEN], struct err *err) {
	return RAND_bytes(id, ID_LEN) == 1 || err_set(err, ERR_CRYPTO, "key", "no random numbers");
}

/* The URI of a new pair: its label and its id, which no other has. */
static bool make_in_token(const char *text, char **ret_text, struct err *err) {
	CLEANUP(pkcs11_uri_done) struct pkcs11_uri uri = {0};
	CLEANUP(token_close_p) struct token *token = NULL;
	uint8_t id[ID_LEN];
	if (!pkcs11_uri_read(text, &uri, err))
		return false;
	if (uri.id.len) {
		*ret_text = xstrdup(text);
		return true;
	}
	if (!draw_id(id, err) || !token_open(&uri, true, &token, err) ||
	    !token_make_key(token, uri.object ? uri.object : LABEL, id, sizeof id, err))
		return false;
	*ret_text = pkcs11_uri_with_id(text, id, sizeof id);
	return true;
}

static bool make_by_uri(const char *uri, const char *path, struct host_key *key, struct err *err) {
	CLEANUP(free_ptr) char *whole = NULL;
	if (!make_in_token(uri, &whole, err))
		return false;
	bool is_open = open_token(whole, true, key, err);
	key->is_new = is_open && strcmp(whole, uri) != 0;
	CLEANUP(free_ptr) char *line = xasprintf("%s\n", whole);
	if (is_open && file_create(path, line, strlen(line), 0600, err))
		return true;
	host_key_forget(key);
	return false;
}

static bool make_by_kind(const char *kind, const char *path, struct host_key *key, struct err *err) {
	if (!kind || !strcmp(kind, "file"))
		return make_file(path, key, err);
	if (!strcmp(kind, "tpm2"))
		return make_in_tpm(path, key, err);
	if (text_starts(kind, "pkcs11:"))
		return make_by_uri(kind, path, key, err);
	return err_set(err, ERR_USAGE, "key", "it is \"file\", \"tpm2\" or a pkcs11: URI");
}

bool host_key_make(const char *kind, const char *path, struct host_key **ret_key, struct err *err) {
	CLEANUP(host_key_free_p) struct host_key *key = xcalloc(1, sizeof *key);
	if (!make_by_kind(kind, path, key, err))
		return false;
	*ret_key = key;
	key = NULL;
	return true;
}

/* --- signing ------------------------------------------------------------------------------------------------------ */

static bool sign_in_token(const struct host_key *key, const void *data, size_t len, struct buf *signature,
			  struct err *err) {
	struct hash digest = hash_of(data, len);
	return token_sign(key->token, digest.bytes, signature, err);
}

bool host_key_sign(const struct host_key *key, const void *data, size_t len, uint8_t signature[KEY_SIGNATURE_LONGEST],
		   size_t *ret_len, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!key->tpm && !key->token)
		return key_sign(key->key, data, len, signature, ret_len, err);
	bool is_signed =
		key->tpm ? tpm_key_sign(key->tpm, data, len, &bytes, err) : sign_in_token(key, data, len, &bytes, err);
	if (!is_signed)
		return false;
	if (bytes.len > KEY_SIGNATURE_LONGEST || !key_is_signed(key->key, data, len, bytes.data, bytes.len))
		return err_set(err, ERR_CRYPTO, key->tpm ? "TPM" : "token", "its signature does not hold");
	memcpy(signature, bytes.data, bytes.len);
	*ret_len = bytes.len;
	return true;
}

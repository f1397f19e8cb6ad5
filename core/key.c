#include "core/key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"

#define ED25519_RAW 32

static void bio_free_p(BIO **bio) { BIO_free(*bio); }
static void context_free_p(EVP_MD_CTX **context) { EVP_MD_CTX_free(*context); }

/* OpenSSL's queue of reasons is emptied: none is left for somebody else's failure. */
static bool crypto_failed(struct err *err, const char *where, const char *what) {
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	err_set(err, ERR_CRYPTO, where, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return false;
}

bool key_make_ed25519(EVP_PKEY **ret_key, struct err *err) {
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!key)
		return crypto_failed(err, "key", "an Ed25519 key cannot be made");
	*ret_key = key;
	return true;
}

bool key_make_p256(EVP_PKEY **ret_key, struct err *err) {
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (!key)
		return crypto_failed(err, "key", "a P-256 key cannot be made");
	*ret_key = key;
	return true;
}

bool key_from_seed(const uint8_t seed[32], EVP_PKEY **ret_key, struct err *err) {
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, ED25519_RAW);
	if (!key)
		return crypto_failed(err, "key", "a seed is not an Ed25519 key");
	*ret_key = key;
	return true;
}

const char *key_details(EVP_PKEY *key) {
	char group[32] = "";
	size_t len;
	if (EVP_PKEY_is_a(key, "ED25519"))
		return "PKIX_ED25519";
	bool is_p256 = EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
		       !strcmp(group, "prime256v1");
	ERR_clear_error();
	return is_p256 ? "PKIX_ECDSA_P256_SHA_256" : NULL;
}

/* Takes the key over: a key of another kind is freed and refused. */
static bool accept(EVP_PKEY *key, const char *where, EVP_PKEY **ret_key, struct err *err) {
	if (!key_details(key)) {
		EVP_PKEY_free(key);
		return err_set(err, ERR_CRYPTO, where, "neither an Ed25519 nor a P-256 key");
	}
	*ret_key = key;
	return true;
}

/* link() is the one call that makes a whole file appear and never replaces another. */
static bool publish(const char *temporary, const char *path, struct err *err) {
	int error = link(temporary, path) == 0 ? 0 : errno;
	unlink(temporary);
	if (error)
		return err_errno(err, error, ERR_IO, path, "create");
	CLEANUP(free_ptr) char *for_folder = xstrdup(path);
	return file_sync_folder(dirname(for_folder), err);
}

bool key_save(const char *path, EVP_PKEY *key, struct err *err) {
	CLEANUP(bio_free_p) BIO *pem = BIO_new(BIO_s_secmem());
	char *text;
	if (!pem || PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1)
		return crypto_failed(err, path, "the key cannot be written");
	long len = BIO_get_mem_data(pem, &text);
	CLEANUP(free_ptr) char *for_folder = xstrdup(path);
	CLEANUP(free_ptr) char *for_name = xstrdup(path);
	CLEANUP(free_ptr)
	char *temporary = xasprintf("%s/.tmp-%s-%d", dirname(for_folder), basename(for_name), (int)getpid());
	unlink(temporary);
	return file_create(temporary, text, (size_t)len, 0600, err) && publish(temporary, path, err);
}

/* Without it OpenSSL would ask for a passphrase on the terminal. */
static int no_passphrase(char *text, int size, int writing, void *context) { return -1; }

static void wipe(struct buf *bytes) {
	OPENSSL_cleanse(bytes->data, bytes->data ? bytes->cap : 0);
	buf_done(bytes);
}

bool key_read_secret(const char *path, size_t max, struct buf *ret_bytes, struct err *err) {
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_REFUSED, path, "not a regular file");
	if (status.st_mode & 077)
		return err_set(err, ERR_REFUSED, path, "group or others may read it: mode %04o, should be 0600",
			       (unsigned)(status.st_mode & 07777));
	return file_read_fd(fd, path, max, ret_bytes, err);
}

bool key_from_pem(const struct buf *pem, const char *where, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(bio_free_p) BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	if (!key)
		return crypto_failed(err, where, "not a private key in PEM without passphrase");
	ERR_clear_error();
	return accept(key, where, ret_key, err);
}

static int give_passphrase(char *text, int size, int writing, void *context) {
	const struct buf *passphrase = context;
	if (passphrase->len > (size_t)size)
		return -1;
	memcpy(text, buf_str(passphrase), passphrase->len);
	return (int)passphrase->len;
}

bool key_from_locked_pem(const struct buf *pem, const struct buf *passphrase, const char *where, EVP_PKEY **ret_key,
			 struct err *err) {
	CLEANUP(bio_free_p) BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, (void *)passphrase) : NULL;
	if (!key)
		return crypto_failed(err, where, "not a private key in PEM with this passphrase");
	ERR_clear_error();
	return accept(key, where, ret_key, err);
}

bool key_load(const char *path, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(wipe) struct buf text = {0};
	return key_read_secret(path, KEY_FILE_LARGEST, &text, err) && key_from_pem(&text, path, ret_key, err);
}

/* What stands before the key in the one DER form of an Ed25519 key (RFC 8410, 4). OpenSSL's encoders and decoders give
 * and take the same, and cost as much as a verification does. */
static const uint8_t ed25519_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static bool is_ed25519_der(const void *der, size_t len) {
	return len == sizeof ed25519_head + ED25519_RAW && !memcmp(der, ed25519_head, sizeof ed25519_head);
}

void key_public_der(EVP_PKEY *key, struct buf *der) {
	unsigned char *bytes = NULL;
	uint8_t raw[ED25519_RAW];
	size_t raw_len = sizeof raw;
	if (EVP_PKEY_is_a(key, "ED25519") && EVP_PKEY_get_raw_public_key(key, raw, &raw_len) == 1 &&
	    raw_len == sizeof raw) {
		buf_add(der, ed25519_head, sizeof ed25519_head);
		buf_add(der, raw, raw_len);
		return;
	}
	ERR_clear_error();
	int len = i2d_PUBKEY(key, &bytes);
	if (len < 0) /* a key that we made or accepted always has this form: only memory can be short */
		abort();
	buf_add(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
}

bool key_from_public_der(const void *der, size_t len, const char *where, EVP_PKEY **ret_key, struct err *err) {
	const unsigned char *at = der;
	if (!der || len > KEY_FILE_LARGEST)
		return err_set(err, ERR_CRYPTO, where, "not a public key");
	const bool is_raw = is_ed25519_der(der, len);
	EVP_PKEY *key =
		is_raw ? EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, at + sizeof ed25519_head, ED25519_RAW)
		       : d2i_PUBKEY(NULL, &at, (long)len);
	if (!key)
		return crypto_failed(err, where, "not a public key");
	ERR_clear_error();
	if (!accept(key, where, &key, err))
		return false;
	/* Key ids are digests of these bytes: one key has one form, and nothing follows it. */
	CLEANUP(buf_done) struct buf again = {0};
	key_public_der(key, &again);
	if (again.len != len || memcmp(again.data, der, len) != 0) {
		EVP_PKEY_free(key);
		return err_set(err, ERR_CRYPTO, where, "a public key that is not in its one DER form");
	}
	*ret_key = key;
	return true;
}

char *key_public_pem(EVP_PKEY *key) {
	CLEANUP(bio_free_p) BIO *pem = BIO_new(BIO_s_mem());
	char *text;
	if (!pem || PEM_write_bio_PUBKEY(pem, key) != 1)
		abort(); /* see key_public_der() */
	long len = BIO_get_mem_data(pem, &text);
	return xstrndup(text, (size_t)len);
}

bool key_from_public_pem(const char *pem, const char *where, EVP_PKEY **ret_key, struct err *err) {
	size_t len = strlen(pem);
	if (len > KEY_FILE_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "a key larger than the cap of %d bytes", KEY_FILE_LARGEST);
	CLEANUP(bio_free_p) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
	if (!key)
		return crypto_failed(err, where, "not a public key in PEM");
	ERR_clear_error();
	return accept(key, where, ret_key, err);
}

struct hash key_id(EVP_PKEY *key) {
	CLEANUP(buf_done) struct buf der = {0};
	key_public_der(key, &der);
	return hash_of(der.data, der.len);
}

bool key_raw_public(EVP_PKEY *key, uint8_t raw[32], struct err *err) {
	uint8_t bytes[ED25519_RAW];
	size_t len = sizeof bytes;
	if (!EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_get_raw_public_key(key, bytes, &len) != 1 || len != sizeof bytes)
		return crypto_failed(err, "key", "not an Ed25519 key");
	memcpy(raw, bytes, sizeof bytes);
	return true;
}

/* Ed25519 takes no digest (RFC 8032: PureEdDSA), P-256 takes SHA-256. */
static const EVP_MD *digest_for(EVP_PKEY *key) { return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(); }

bool key_sign(EVP_PKEY *key, const void *data, size_t len, uint8_t signature[KEY_SIGNATURE_LONGEST], size_t *ret_len,
	      struct err *err) {
	uint8_t bytes[KEY_SIGNATURE_LONGEST];
	size_t signed_len = sizeof bytes;
	if (!key_details(key))
		return err_set(err, ERR_CRYPTO, "key", "neither an Ed25519 nor a P-256 key");
	CLEANUP(context_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context || EVP_DigestSignInit(context, NULL, digest_for(key), NULL, key) != 1 ||
	    EVP_DigestSign(context, bytes, &signed_len, data ? data : (const void *)"", len) != 1)
		return crypto_failed(err, "key", "signing failed");
	memcpy(signature, bytes, signed_len);
	*ret_len = signed_len;
	return true;
}

bool key_is_signed(EVP_PKEY *key, const void *data, size_t len, const void *signature, size_t signature_len) {
	if (!key_details(key) || !signature)
		return false;
	CLEANUP(context_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestVerifyInit(context, NULL, digest_for(key), NULL, key) == 1 &&
		    EVP_DigestVerify(context, signature, signature_len, data ? data : (const void *)"", len) == 1;
	ERR_clear_error();
	return good;
}

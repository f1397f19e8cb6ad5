#include "core/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

/* Only memory can be short: see mem.h. */
static void must(bool is_done) {
	if (!is_done)
		abort();
}

/* Fetched once: EVP_sha256() would be looked for among the providers at each use, which costs more than to digest what
 * is short. It never changes. */
static EVP_MD *sha256;
static void fetch_sha256(void) { must((sha256 = EVP_MD_fetch(NULL, "SHA256", NULL)) != NULL); }

EVP_MD_CTX *hash_begin(void) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	pthread_once(&once, fetch_sha256);
	must(context && EVP_DigestInit_ex(context, sha256, NULL) == 1);
	return context;
}

void hash_more(EVP_MD_CTX *context, const void *data, size_t len) { must(EVP_DigestUpdate(context, data, len) == 1); }

struct hash hash_end(EVP_MD_CTX *context) {
	struct hash hash;
	must(EVP_DigestFinal_ex(context, hash.bytes, NULL) == 1);
	EVP_MD_CTX_free(context);
	return hash;
}

struct hash hash_of_parts(const void *const parts[], const size_t lens[], size_t count) {
	EVP_MD_CTX *context = hash_begin();
	for (size_t i = 0; i < count; i++)
		hash_more(context, parts[i], lens[i]);
	return hash_end(context);
}

struct hash hash_of(const void *data, size_t len) {
	return hash_of_parts((const void *const[]){data ? data : ""}, (const size_t[]){len}, 1);
}

bool hash_equal(const struct hash *a, const struct hash *b) { return !CRYPTO_memcmp(a->bytes, b->bytes, HASH_LEN); }

char *hex_encode(const void *data, size_t len, char *text) {
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = data;
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * len] = '\0';
	return text;
}

char *hash_hex(const struct hash *hash, char text[HASH_HEX]) { return hex_encode(hash->bytes, HASH_LEN, text); }

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

bool hash_from_hex(const char *text, struct hash *ret_hash) {
	struct hash hash;
	if (strlen(text) != HASH_HEX - 1)
		return false;
	for (size_t i = 0; i < HASH_LEN; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		hash.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret_hash = hash;
	return true;
}

#include "core/chain.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "core/base64.h"

static void free_stack(STACK_OF(X509) * *stack) { sk_X509_pop_free(*stack, X509_free); }
static void free_store(X509_STORE **store) { X509_STORE_free(*store); }
static void free_context(X509_STORE_CTX **context) { X509_STORE_CTX_free(*context); }
static void free_bio(BIO **bio) { BIO_free(*bio); }

/* What was shown, in its order. */
static bool read_chain(const json_t *certificates, const char *where, STACK_OF(X509) * chain, struct err *err) {
	const json_t *certificate;
	size_t i;
	json_array_foreach(certificates, i, certificate) {
		CLEANUP(buf_done) struct buf bytes = {0};
		const char *der;
		if (!json_get_string(certificate, "der", where, &der, err) ||
		    !base64_decode(der, strlen(der), where, &bytes, err)) {
			err->code = ERR_MALFORMED;
			return false;
		}
		const unsigned char *at = (const unsigned char *)buf_str(&bytes);
		X509 *read = d2i_X509(NULL, &at, (long)bytes.len);
		if (!read || !sk_X509_push(chain, read)) {
			ERR_clear_error();
			return err_set(err, ERR_MALFORMED, where, "certificate %zu is none", i + 1);
		}
	}
	return true;
}

/* Certificates of a PEM file; how many. */
static int read_cas(const void *pem, size_t len, X509_STORE *store) {
	CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	int count = 0;
	while (count < CHAIN_CAS_MOST) {
		X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (!ca)
			break;
		count += X509_STORE_add_cert(store, ca) == 1;
		X509_free(ca);
	}
	ERR_clear_error();
	return count;
}

static bool is_named(X509 *leaf, const json_t *names) {
	const json_t *item;
	size_t i;
	json_array_foreach(names, i, item) {
		const char *name = json_string_value(item);
		if (!name || !*name)
			continue;
		name += name[0] == '*' && name[1] == '.';
		if (X509_check_ip_asc(leaf, name, 0) == 1 || X509_check_host(leaf, name, 0, 0, NULL) == 1)
			return true;
	}
	return false;
}

bool chain_verify(const json_t *certificates, const void *cas, size_t len, const json_t *names, int64_t now,
		  const char *where, const char **ret_verdict, struct err *err) {
	CLEANUP(free_stack) STACK_OF(X509) *chain = sk_X509_new_null();
	CLEANUP(free_store) X509_STORE *store = X509_STORE_new();
	CLEANUP(free_context) X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (!read_chain(certificates, where, chain, err))
		return false;
	if (sk_X509_num(chain) == 0)
		return err_set(err, ERR_MALFORMED, where, "no certificate was shown");
	X509 *leaf = sk_X509_value(chain, 0);
	if (len > INT32_MAX || read_cas(cas, len, store) == 0) {
		*ret_verdict = "no CA in the file";
		return true;
	}
	if (!X509_STORE_CTX_init(context, store, leaf, chain))
		abort(); /* for want of memory alone */
	X509_VERIFY_PARAM *expected = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(expected, (time_t)now);
	X509_VERIFY_PARAM_set_purpose(expected, X509_PURPOSE_SSL_SERVER);
	bool is_verified = X509_verify_cert(context) == 1;
	int why = X509_STORE_CTX_get_error(context);
	ERR_clear_error();
	*ret_verdict = !is_verified ? X509_verify_cert_error_string(why == X509_V_OK ? X509_V_ERR_UNSPECIFIED : why)
		       : is_named(leaf, names) ? "ok"
					       : "hostname mismatch";
	return true;
}

/* Hexadecimal digits, whatever stands between them, against the digest. */
static bool is_print(const char *text, const unsigned char *digest, unsigned len) {
	char hex[2 * EVP_MAX_MD_SIZE + 1], *to = hex;
	for (; *text && to < hex + sizeof hex - 1; text++)
		if (isxdigit((unsigned char)*text))
			*to++ = (char)tolower((unsigned char)*text);
	*to = '\0';
	for (unsigned i = 0; i < len; i++) {
		char byte[3];
		snprintf(byte, sizeof byte, "%02x", digest[i]);
		if (strncmp(hex + 2 * (size_t)i, byte, 2) != 0)
			return false;
	}
	return strlen(hex) == 2 * (size_t)len;
}

bool chain_is_pinned(const json_t *certificates, const json_t *prints, const char *where, bool *ret_is_pinned,
		     struct err *err) {
	CLEANUP(free_stack) STACK_OF(X509) *chain = sk_X509_new_null();
	const json_t *print;
	size_t i;
	if (!read_chain(certificates, where, chain, err))
		return false;
	*ret_is_pinned = false;
	json_array_foreach(prints, i, print) {
		unsigned char digest[EVP_MAX_MD_SIZE];
		unsigned len = 0;
		const char *text = json_string_value(print);
		bool is_long = text && !strncasecmp(text, "SHA256:", 7);
		if (!text || sk_X509_num(chain) == 0 || (!is_long && strncasecmp(text, "SHA1:", 5) != 0))
			continue;
		if (X509_digest(sk_X509_value(chain, 0), is_long ? EVP_sha256() : EVP_sha1(), digest, &len))
			*ret_is_pinned |= is_print(strchr(text, ':') + 1, digest, len);
	}
	return true;
}

#include "core/timestamp_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "core/base64.h"
#include "core/times.h"

#define SECURITY_LEVEL 2 /* 112 bits: no SHA-1, no RSA below 2048 */

struct timestamp_trust {
	STACK_OF(X509) * roots, *intermediates;
};

struct timestamp_trust *timestamp_trust_new(void) {
	struct timestamp_trust *trust = xcalloc(1, sizeof *trust);
	trust->roots = sk_X509_new_null();
	trust->intermediates = sk_X509_new_null();
	if (!trust->roots || !trust->intermediates)
		abort();
	return trust;
}

void timestamp_trust_free(struct timestamp_trust *trust) {
	if (!trust)
		return;
	sk_X509_pop_free(trust->roots, X509_free);
	sk_X509_pop_free(trust->intermediates, X509_free);
	free(trust);
}

/* --- PEM -----------------------------------------------------------------------------------------------------------
 */

static void free_bio(BIO **bio) { BIO_free(*bio); }

/* OpenSSL would ask the terminal. */
static int no_password(char *text, int size, int is_writing, void *context) { return -1; }

static bool take_certificate(X509 *certificate, STACK_OF(X509) * certificates, const char *where, struct err *err) {
	if (sk_X509_num(certificates) < TIMESTAMP_CERTIFICATES_MOST && sk_X509_push(certificates, certificate) > 0)
		return true;
	X509_free(certificate);
	return err_set(err, ERR_TOO_BIG, where, "more than %d certificates", TIMESTAMP_CERTIFICATES_MOST);
}

bool timestamp_certificates(const char *pem, size_t len, const char *where, STACK_OF(X509) * *ret_certificates,
			    struct err *err) {
	if (len > TIMESTAMP_PEM_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "certificates of more than %u bytes", TIMESTAMP_PEM_LARGEST);
	CLEANUP(free_bio) BIO *bio = len > 0 ? BIO_new_mem_buf(pem, (int)len) : NULL;
	CLEANUP(certificates_free_p) STACK_OF(X509) *certificates = sk_X509_new_null();
	ERR_clear_error();
	for (X509 *one; bio && (one = PEM_read_bio_X509(bio, NULL, no_password, NULL));)
		if (!take_certificate(one, certificates, where, err))
			return false;
	const unsigned long why = ERR_peek_last_error();
	ERR_clear_error();
	if (bio && (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE))
		return err_set(err, ERR_MALFORMED, where, "a certificate is broken");
	if (sk_X509_num(certificates) <= 0)
		return err_set(err, ERR_MALFORMED, where, "there is no certificate in it");
	*ret_certificates = certificates;
	certificates = NULL;
	return true;
}

void timestamp_pem(const STACK_OF(X509) * certificates, int first, struct buf *pem) {
	CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	for (int i = first; i < sk_X509_num(certificates); i++)
		if (!bio || PEM_write_bio_X509(bio, sk_X509_value(certificates, i)) != 1)
			abort();
	const long len = bio ? BIO_get_mem_data(bio, &text) : 0;
	if (len > 0)
		buf_add(pem, text, (size_t)len);
}

bool timestamp_instant(const ASN1_TIME *time, int64_t *ret_instant) {
	struct tm parts;
	if (!time || ASN1_TIME_to_tm(time, &parts) != 1)
		return false;
	*ret_instant = timegm(&parts);
	return true;
}

/* --- trust ---------------------------------------------------------------------------------------------------------
 */

static bool is_root(X509 *certificate) { return X509_self_signed(certificate, 1) == 1; }

static int count_roots(const STACK_OF(X509) * certificates) {
	int roots = 0;
	for (int i = 0; i < sk_X509_num(certificates); i++)
		roots += is_root(sk_X509_value(certificates, i));
	ERR_clear_error();
	return roots;
}

static void add_once(STACK_OF(X509) * list, X509 *certificate) {
	for (int i = 0; i < sk_X509_num(list); i++)
		if (X509_cmp(sk_X509_value(list, i), certificate) == 0) {
			X509_free(certificate);
			return;
		}
	if (sk_X509_push(list, certificate) <= 0)
		abort();
}

bool timestamp_trust_add(struct timestamp_trust *trust, const char *pem, size_t len, const char *where,
			 struct err *err) {
	CLEANUP(certificates_free_p) STACK_OF(X509) *certificates = NULL;
	if (!timestamp_certificates(pem, len, where, &certificates, err))
		return false;
	if (!count_roots(certificates))
		return err_set(err, ERR_MALFORMED, where, "none of its certificates is a root (self-signed)");
	if (sk_X509_num(trust->roots) + sk_X509_num(trust->intermediates) + sk_X509_num(certificates) >
	    TIMESTAMP_CERTIFICATES_MOST)
		return err_set(err, ERR_TOO_BIG, where, "more than %d certificates of authorities",
			       TIMESTAMP_CERTIFICATES_MOST);
	for (X509 *one; (one = sk_X509_shift(certificates));)
		add_once(is_root(one) ? trust->roots : trust->intermediates, one);
	ERR_clear_error();
	return true;
}

X509_STORE *timestamp_store(const struct timestamp_trust *trust, int64_t instant) {
	X509_STORE *store = X509_STORE_new();
	if (!store)
		abort();
	for (int i = 0; i < sk_X509_num(trust->roots); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(trust->roots, i)) != 1)
			abort();
	X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
	X509_VERIFY_PARAM_set_time(param, (time_t)instant);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN) != 1)
		abort();
	return store;
}

static STACK_OF(X509) * untrusted_of(const struct timestamp_trust *trust, STACK_OF(X509) * others) {
	STACK_OF(X509) *all = sk_X509_dup(trust->intermediates);
	for (int i = 0; all && i < sk_X509_num(others); i++)
		if (sk_X509_push(all, sk_X509_value(others, i)) <= 0)
			abort();
	return all;
}

static void free_context(X509_STORE_CTX **context) { X509_STORE_CTX_free(*context); }
static void free_store(X509_STORE **store) { X509_STORE_free(*store); }
static void free_list(STACK_OF(X509) * *list) { sk_X509_free(*list); }

bool timestamp_chain(const struct timestamp_trust *trust, X509 *signer, STACK_OF(X509) * others, int64_t instant,
		     const char *where, STACK_OF(X509) * *ret_chain, struct err *err) {
	CLEANUP(free_store) X509_STORE *store = timestamp_store(trust, instant);
	CLEANUP(free_list) STACK_OF(X509) *untrusted = untrusted_of(trust, others);
	CLEANUP(free_context) X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (!untrusted || !context || X509_STORE_CTX_init(context, store, signer, untrusted) != 1)
		abort();
	const bool holds = X509_verify_cert(context) == 1;
	ERR_clear_error();
	if (!holds)
		return err_set(err, ERR_REFUSED, where, "not by a trusted authority: %s",
			       X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
	*ret_chain = X509_STORE_CTX_get1_chain(context);
	return true;
}

/* --- Sigstore's trusted root ---------------------------------------------------------------------------------------
 */

/* The last value that a name has of a kind; "" when it has none. */
static json_t *part_of(X509_NAME *name, int nid) {
	const int index = X509_NAME_get_index_by_NID(name, nid, -1);
	unsigned char *text = NULL;
	const int len =
		index < 0 ? 0 : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
	json_t *part = len > 0 ? json_textn((const char *)text, (size_t)len) : json_string("");
	OPENSSL_free(text);
	ERR_clear_error();
	return part;
}

static json_t *der_json(X509 *certificate) {
	unsigned char *der = NULL;
	const int len = i2d_X509(certificate, &der);
	if (len <= 0)
		abort();
	CLEANUP(free_ptr) char *text = base64_encode(der, (size_t)len);
	OPENSSL_free(der);
	return json_pack("{s:s}", "rawBytes", text);
}

static json_t *instant_json(const ASN1_TIME *time) {
	char text[TIMES_TEXT];
	int64_t instant = 0;
	return timestamp_instant(time, &instant) ? json_string(times_format(instant, text)) : json_string("");
}

json_t *timestamp_chain_json(const STACK_OF(X509) * chain) {
	json_t *certificates = json_array();
	for (int i = 0; i < sk_X509_num(chain); i++)
		json_array_append_new(certificates, der_json(sk_X509_value(chain, i)));
	X509 *signer = sk_X509_value(chain, 0);
	X509_NAME *name = X509_get_subject_name(signer);
	return json_pack("{s:{s:o}, s:{s:o, s:o}, s:s, s:{s:o, s:o}}", "certChain", "certificates", certificates,
			 "subject", "commonName", part_of(name, NID_commonName), "organization",
			 part_of(name, NID_organizationName), "uri", "", "validFor", "end",
			 instant_json(X509_get0_notAfter(signer)), "start", instant_json(X509_get0_notBefore(signer)));
}

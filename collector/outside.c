#include "collector/outside.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "core/file.h"

#define OUTSIDE_LARGEST (256U << 10)

struct outside {
	X509 *certificates[OUTSIDE_MOST];
	size_t count;
};

static inline void bio_free_p(BIO **bio) { BIO_free(*bio); }

void outside_free(struct outside *outside) {
	if (!outside)
		return;
	for (size_t i = 0; i < outside->count; i++)
		X509_free(outside->certificates[i]);
	free(outside);
}

static bool take(struct outside *outside, X509 *certificate, X509 *own, const char *path, struct err *err) {
	if (outside->count == OUTSIDE_MOST) {
		X509_free(certificate);
		return err_set(err, ERR_TOO_BIG, path, "more than %d certificates", OUTSIDE_MOST);
	}
	outside->certificates[outside->count++] = certificate;
	if (X509_check_ca(certificate) != 1)
		return err_set(err, ERR_REFUSED, path, "number %zu is not a CA's certificate", outside->count);
	return X509_cmp(certificate, own) != 0 ||
	       err_set(err, ERR_REFUSED, path, "number %zu is the collector's own CA, which needs no entry",
		       outside->count);
}

bool outside_load(const char *path, X509 *own, struct outside **ret_outside, struct err *err) {
	CLEANUP(outside_free_p) struct outside *outside = xcalloc(1, sizeof *outside);
	CLEANUP(buf_done) struct buf pem = {0};
	if (!file_read(path, OUTSIDE_LARGEST, &pem, err))
		return false;
	CLEANUP(bio_free_p) BIO *memory = BIO_new_mem_buf(buf_str(&pem), (int)pem.len);
	for (X509 *certificate; (certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL));)
		if (!take(outside, certificate, own, path, err))
			return false;
	const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	if (!is_end || outside->count == 0)
		return err_set(err, ERR_MALFORMED, path, "not certificates in PEM");
	*ret_outside = outside;
	outside = NULL;
	return true;
}

bool outside_trust(const struct outside *outside, SSL_CTX *tls, struct err *err) {
	bool ok = X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls), X509_V_FLAG_PARTIAL_CHAIN) == 1;
	for (size_t i = 0; ok && i < outside->count; i++)
		ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), outside->certificates[i]) == 1 &&
		     SSL_CTX_add_client_CA(tls, outside->certificates[i]) == 1;
	ERR_clear_error();
	return ok || err_set(err, ERR_CRYPTO, "agent_ca", "it cannot be trusted");
}

bool outside_is_by(const struct outside *outside, SSL *tls) {
	STACK_OF(X509) *chain = SSL_get0_verified_chain(tls);
	if (!outside || !chain || sk_X509_num(chain) == 0)
		return false;
	const X509 *anchor = sk_X509_value(chain, sk_X509_num(chain) - 1);
	for (size_t i = 0; i < outside->count; i++)
		if (X509_cmp(outside->certificates[i], anchor) == 0)
			return true;
	return false;
}

static X509_STORE *store_of(const struct outside *outside, int64_t now) {
	X509_STORE *store = X509_STORE_new();
	bool ok = store && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
		  X509_STORE_set_purpose(store, X509_PURPOSE_SSL_CLIENT) == 1;
	for (size_t i = 0; ok && i < outside->count; i++)
		ok = X509_STORE_add_cert(store, outside->certificates[i]) == 1;
	if (ok)
		X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)now);
	if (ok)
		return store;
	X509_STORE_free(store);
	return NULL;
}

bool outside_is_issuer(const struct outside *outside, X509 *certificate, int64_t now) {
	if (!outside)
		return false;
	X509_STORE *store = store_of(outside, now);
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	const bool is_by = store && context && X509_STORE_CTX_init(context, store, certificate, NULL) == 1 &&
			   X509_verify_cert(context) == 1;
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	ERR_clear_error();
	return is_by;
}

/* A certificate without extended key usage is for anything, so for no purpose that anybody chose. */
static bool is_for_clients(X509 *certificate) {
	const uint32_t usage = X509_get_extended_key_usage(certificate);
	return usage != UINT32_MAX && (usage & XKU_SSL_CLIENT) && X509_check_ca(certificate) == 0;
}

static int64_t begins(const X509 *certificate) {
	struct tm parts;
	return ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static int64_t ends(const X509 *certificate) {
	struct tm parts;
	return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

/* Between the terms and the record nobody else writes. */
static bool meets_terms(struct store *store, X509 *certificate, const char *host, const char *own, struct err *err) {
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	bool is_elsewhere;
	char keyid[HASH_HEX];
	if (!key || !key_details(key))
		return err_set(err, ERR_DENIED, "certificate", "the key is neither Ed25519 nor P-256");
	if (!is_for_clients(certificate))
		return err_set(err, ERR_DENIED, "certificate", "the certificate is not for clients (clientAuth)");
	if (!strcmp(host, own))
		return err_set(err, ERR_DENIED, "certificate", "this is the id of the collector's own line");
	const struct hash id = key_id(key);
	if (!store_key_elsewhere(store, hash_hex(&id, keyid), host, &is_elsewhere, err))
		return false;
	return !is_elsewhere || err_set(err, ERR_DENIED, "certificate", "the key is another host's, or was revoked");
}

/* It counts as issued when it begins: one that was made before the host was revoked stays of no use, whenever it is
 * first shown. */
static bool record(struct store *store, X509 *certificate, const char *fingerprint, const char *host, int64_t now,
		   struct err *err) {
	char keyid[HASH_HEX];
	const struct hash id = key_id(X509_get0_pubkey(certificate));
	const int64_t from = begins(certificate);
	const struct store_certificate row = {fingerprint, host, hash_hex(&id, keyid), from < now ? from : now,
					      ends(certificate)};
	return store_certificate_add(store, &row, err);
}

bool outside_admit(struct store *store, X509 *certificate, const char *own, int64_t now, char ret_host[CA_HOST_ID + 1],
		   struct err *err) {
	char fingerprint[HASH_HEX], host[CA_HOST_ID + 1], known[STORE_HOST_ID];
	const struct hash digest = ca_fingerprint(certificate);
	if (!ca_host_of(X509_get_subject_name(certificate), host))
		return true;
	if (!store_certificate_host(store, hash_hex(&digest, fingerprint), known, err))
		return false;
	if (known[0])
		return true;
	if (!meets_terms(store, certificate, host, own, err) ||
	    !record(store, certificate, fingerprint, host, now, err))
		return false;
	memcpy(ret_host, host, sizeof host);
	return true;
}

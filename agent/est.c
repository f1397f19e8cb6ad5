#include "agent/est.h"

#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

#include "core/base64.h"

#define CACERTS "/.well-known/est/cacerts"
#define SIMPLEENROLL "/.well-known/est/simpleenroll"
#define SIMPLEREENROLL "/.well-known/est/simplereenroll"
#define EST_ANSWER_LARGEST (1U << 20)

typedef STACK_OF(X509) certificates;

static void certificates_free(certificates **stack) { sk_X509_pop_free(*stack, X509_free); }

static void drop_white_space(const char *text, size_t len, struct buf *kept) {
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\n' && text[i] != '\r' && text[i] != ' ')
			buf_add(kept, text + i, 1);
}

bool est_certificates(const char *text, size_t len, const char *where, STACK_OF(X509) * *ret_certificates,
		      struct err *err) {
	CLEANUP(buf_done) struct buf dense = {0};
	CLEANUP(buf_done) struct buf der = {0};
	if (len > EST_ANSWER_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "larger than the cap of %u bytes", EST_ANSWER_LARGEST);
	drop_white_space(text, len, &dense);
	if (!base64_decode(buf_str(&dense), dense.len, where, &der, err))
		return false;
	const unsigned char *at = (const unsigned char *)buf_str(&der), *end = at + der.len;
	PKCS7 *bag = d2i_PKCS7(NULL, &at, (long)der.len);
	bool ok = bag && at == end && PKCS7_type_is_signed(bag) && bag->d.sign && bag->d.sign->cert;
	certificates *copy = ok ? X509_chain_up_ref(bag->d.sign->cert) : NULL;
	PKCS7_free(bag);
	if (!copy)
		return err_set(err, ERR_MALFORMED, where, "not certificates as EST sends them (certs-only PKCS#7)");
	*ret_certificates = copy;
	return true;
}

static bool has_fingerprint(X509 *certificate, const struct hash *fingerprint) {
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);
	if (len < 0)
		return false;
	struct hash digest = hash_of(der, (size_t)len);
	OPENSSL_free(der);
	return hash_equal(&digest, fingerprint);
}

bool est_ca(struct http *http, const struct hash *fingerprint, X509 **ret_ca, struct err *err) {
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	CLEANUP(certificates_free) certificates *found = NULL;
	const struct http_request request = {.path = CACERTS};
	if (!http_ask(http, &request, &answer, err) || !http_is_ok(&answer, CACERTS, err) ||
	    !est_certificates(buf_str(&answer.body), answer.body.len, CACERTS, &found, err))
		return false;
	for (int i = 0; i < sk_X509_num(found); i++) {
		X509 *certificate = sk_X509_value(found, i);
		if (!has_fingerprint(certificate, fingerprint))
			continue;
		if (!X509_check_ca(certificate))
			return err_set(err, ERR_REFUSED, CACERTS, "the certificate of that fingerprint is not a CA's");
		X509_up_ref(certificate);
		*ret_ca = certificate;
		return true;
	}
	return err_set(err, ERR_REFUSED, CACERTS,
		       "the collector's CA has another fingerprint than the one given: this may be another collector");
}

static void extensions_free(STACK_OF(X509_EXTENSION) * *extensions) {
	sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

static bool want(STACK_OF(X509_EXTENSION) * extensions, int nid, const char *value) {
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	if (extension && sk_X509_EXTENSION_push(extensions, extension) > 0)
		return true;
	X509_EXTENSION_free(extension);
	return false;
}

/* What it is for, for a CA that asks the request (the collector's knows). */
static bool want_all(X509_REQ *request) {
	CLEANUP(extensions_free) STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	return extensions && want(extensions, NID_key_usage, "critical,digitalSignature") &&
	       want(extensions, NID_ext_key_usage, "clientAuth") && X509_REQ_add_extensions(request, extensions) == 1;
}

static bool sign_request(X509_REQ *request, EVP_PKEY *key, const char *common_name) {
	const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
	return request && want_all(request) &&
	       X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1, 0) &&
	       X509_REQ_set_pubkey(request, key) && X509_REQ_sign(request, key, digest);
}

bool est_request(EVP_PKEY *key, const char *common_name, struct buf *der, struct err *err) {
	X509_REQ *request = X509_REQ_new();
	unsigned char *bytes = NULL;
	int len = sign_request(request, key, common_name) ? i2d_X509_REQ(request, &bytes) : -1;
	X509_REQ_free(request);
	if (len < 0)
		return err_set(err, ERR_CRYPTO, "certificate request", "it cannot be made");
	buf_add(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
	return true;
}

bool est_is_ours(X509 *certificate, EVP_PKEY *key, X509 *ca) {
	return EVP_PKEY_eq(X509_get0_pubkey(certificate), key) == 1 &&
	       X509_verify(certificate, X509_get0_pubkey(ca)) == 1;
}

static bool certify(struct http *http, const char *path, EVP_PKEY *key, const char *common_name, X509 *ca,
		    X509 **ret_certificate, struct err *err) {
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	CLEANUP(certificates_free) certificates *found = NULL;
	CLEANUP(buf_done) struct buf der = {0};
	if (!est_request(key, common_name, &der, err))
		return false;
	CLEANUP(free_ptr) char *text = base64_encode(der.data, der.len);
	const struct http_request request = {
		.path = path, .content_type = "application/pkcs10", .body = text, .len = strlen(text)};
	if (!http_ask(http, &request, &answer, err) || !http_is_ok(&answer, path, err) ||
	    !est_certificates(buf_str(&answer.body), answer.body.len, path, &found, err))
		return false;
	for (int i = 0; i < sk_X509_num(found); i++) {
		X509 *certificate = sk_X509_value(found, i);
		if (!est_is_ours(certificate, key, ca))
			continue;
		X509_up_ref(certificate);
		*ret_certificate = certificate;
		return true;
	}
	return err_set(err, ERR_REFUSED, path, "no certificate for our key by the CA came back");
}

bool est_certify(struct http *http, EVP_PKEY *key, const char *common_name, X509 *ca, X509 **ret_certificate,
		 struct err *err) {
	return certify(http, SIMPLEENROLL, key, common_name, ca, ret_certificate, err);
}

bool est_recertify(struct http *http, EVP_PKEY *key, const char *common_name, X509 *ca, X509 **ret_certificate,
		   struct err *err) {
	return certify(http, SIMPLEREENROLL, key, common_name, ca, ret_certificate, err);
}

void est_pem(X509 *certificate, struct buf *pem) {
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	if (!bio || !PEM_write_bio_X509(bio, certificate))
		abort(); /* memory alone can be the reason */
	long len = BIO_get_mem_data(bio, &data);
	buf_add(pem, data, (size_t)len);
	BIO_free(bio);
}

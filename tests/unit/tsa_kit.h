/* A time-stamping authority for tests: a root, an intermediate and a signer made for the purpose, and answers whose
 * time the test chooses. */
#pragma once

#include <openssl/pem.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>

#include "core/timestamp.h"

#define TSA_DAY 86400
#define TSA_NOW 1795000000 /* 2026-11-18 */

struct tsa {
	EVP_PKEY *root_key, *middle_key, *key;
	X509 *root, *middle, *signer;
	int64_t time;       /* of the next answer */
	long fraction;      /* of its second, microseconds */
	bool keep_apart;    /* leave the certificates out of answers, whatever was asked */
	const EVP_MD *hash; /* that is signed over */
};

/* What a signer is made with; {0} is a good one. */
struct tsa_signer {
	const char *purposes;    /* extendedKeyUsage */
	int64_t from, until;     /* 0: a year ago, in two years */
	const char *common_name; /* NULL: "Test TSA" */
	const EVP_MD *hash;      /* under the certificate; NULL: SHA-256 */
};

static inline X509 *tsa_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int64_t from,
				    int64_t until) {
	static long serial = 1000;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"Tests", -1, -1, 0);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
	ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from);
	ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)until);
	X509_set_pubkey(certificate, key);
	return certificate;
}

static inline void tsa_extend(X509 *certificate, X509 *issuer, int nid, const char *value) {
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (!extension || X509_add_ext(certificate, extension, -1) != 1)
		abort();
	X509_EXTENSION_free(extension);
}

static inline X509 *tsa_ca(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key) {
	X509 *ca =
		tsa_certificate(name, key, issuer, issuer_key, TSA_NOW - 3650LL * TSA_DAY, TSA_NOW + 7300LL * TSA_DAY);
	tsa_extend(ca, issuer ? issuer : ca, NID_basic_constraints, "critical,CA:TRUE");
	tsa_extend(ca, issuer ? issuer : ca, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (!X509_sign(ca, issuer_key, EVP_sha256()))
		abort();
	return ca;
}

/* A signer of the same authority, in place of the one that it has. */
static inline void tsa_new_signer(struct tsa *tsa, const struct tsa_signer *how) {
	struct err err;
	EVP_PKEY_free(tsa->key);
	X509_free(tsa->signer);
	tsa->key = NULL;
	if (!key_make_p256(&tsa->key, &err))
		abort();
	tsa->signer = tsa_certificate(how->common_name ? how->common_name : "Test TSA", tsa->key, tsa->middle,
				      tsa->middle_key, how->from ? how->from : TSA_NOW - 365LL * TSA_DAY,
				      how->until ? how->until : TSA_NOW + 730LL * TSA_DAY);
	tsa_extend(tsa->signer, tsa->middle, NID_key_usage, "critical,digitalSignature");
	if (!how->purposes || how->purposes[0])
		tsa_extend(tsa->signer, tsa->middle, NID_ext_key_usage,
			   how->purposes ? how->purposes : "critical,timeStamping");
	if (!X509_sign(tsa->signer, tsa->middle_key, how->hash ? how->hash : EVP_sha256()))
		abort();
}

static inline struct tsa tsa_new(const struct tsa_signer *how) {
	struct tsa tsa = {.time = TSA_NOW, .fraction = 250000, .hash = EVP_sha256()};
	struct err err;
	if (!key_make_p256(&tsa.root_key, &err) || !key_make_p256(&tsa.middle_key, &err))
		abort();
	tsa.root = tsa_ca("Test Root", tsa.root_key, NULL, tsa.root_key);
	tsa.middle = tsa_ca("Test Intermediate", tsa.middle_key, tsa.root, tsa.root_key);
	tsa_new_signer(&tsa, how);
	return tsa;
}

static inline void tsa_done(struct tsa *tsa) {
	EVP_PKEY_free(tsa->root_key);
	EVP_PKEY_free(tsa->middle_key);
	EVP_PKEY_free(tsa->key);
	X509_free(tsa->root);
	X509_free(tsa->middle);
	X509_free(tsa->signer);
}

/* PEM of one of its certificates, appended. */
static inline void tsa_pem(X509 *certificate, struct buf *pem) {
	STACK_OF(X509) *one = sk_X509_new_null();
	sk_X509_push(one, certificate);
	timestamp_pem(one, 0, pem);
	sk_X509_free(one);
}

static inline struct timestamp_trust *tsa_trust(const struct tsa *tsa) {
	CLEANUP(buf_done) struct buf pem = {0};
	struct timestamp_trust *trust = timestamp_trust_new();
	struct err err;
	tsa_pem(tsa->root, &pem);
	if (!timestamp_trust_add(trust, pem.data, pem.len, "root", &err))
		abort();
	return trust;
}

static inline ASN1_INTEGER *tsa_serial(TS_RESP_CTX *context, void *unused) {
	static long serial = 1;
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_INTEGER_set(number, serial++);
	return number;
}

static inline int tsa_time(TS_RESP_CTX *context, void *tsa, long *seconds, long *microseconds) {
	*seconds = (long)((struct tsa *)tsa)->time;
	*microseconds = ((struct tsa *)tsa)->fraction;
	return 1;
}

/* Answers have the extensions of their requests. */
static inline int tsa_extension(TS_RESP_CTX *context, X509_EXTENSION *extension, void *unused) {
	return TS_TST_INFO_add_ext(TS_RESP_CTX_get_tst_info(context), extension, -1);
}

static inline TS_RESP_CTX *tsa_context(struct tsa *tsa) {
	TS_RESP_CTX *context = TS_RESP_CTX_new();
	STACK_OF(X509) *certificates = sk_X509_new_null();
	sk_X509_push(certificates, tsa->middle);
	ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4.1", 1);
	TS_RESP_CTX_set_serial_cb(context, tsa_serial, NULL);
	TS_RESP_CTX_set_time_cb(context, tsa_time, tsa);
	if (TS_RESP_CTX_set_signer_cert(context, tsa->signer) != 1 ||
	    TS_RESP_CTX_set_signer_key(context, tsa->key) != 1 || TS_RESP_CTX_set_def_policy(context, policy) != 1 ||
	    TS_RESP_CTX_set_certs(context, certificates) != 1 || TS_RESP_CTX_add_md(context, EVP_sha256()) != 1 ||
	    TS_RESP_CTX_add_md(context, EVP_sha512()) != 1 || TS_RESP_CTX_set_signer_digest(context, tsa->hash) != 1 ||
	    TS_RESP_CTX_set_ess_cert_id_digest(context, EVP_sha256()) != 1 ||
	    TS_RESP_CTX_set_accuracy(context, 1, 500, 100) != 1)
		abort();
	TS_RESP_CTX_set_clock_precision_digits(context, 3);
	TS_RESP_CTX_set_extension_cb(context, tsa_extension, NULL);
	ASN1_OBJECT_free(policy);
	sk_X509_free(certificates);
	return context;
}

/* The answer to a request (DER) by OpenSSL's own responder; appended. */
static inline void tsa_answer(struct tsa *tsa, const void *query, size_t len, struct buf *answer) {
	TS_RESP_CTX *context = tsa_context(tsa);
	BIO *bio = BIO_new_mem_buf(query, (int)len);
	unsigned char *der = NULL;
	TS_RESP *response = TS_RESP_create_response(context, bio);
	const int size = response ? i2d_TS_RESP(response, &der) : 0;
	if (size <= 0)
		abort();
	buf_add(answer, der, (size_t)size);
	OPENSSL_free(der);
	TS_RESP_free(response);
	TS_RESP_CTX_free(context);
	BIO_free(bio);
}

/* A request for `imprint` that wants no certificates or has another hash, for answers that our own requests do not get;
 * appended. */
static inline void tsa_query(const EVP_MD *hash, const void *digest, int len, bool wants_certificates,
			     struct buf *query) {
	TS_REQ *request = TS_REQ_new();
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	unsigned char *der = NULL, copy[64];
	memcpy(copy, digest, (size_t)len);
	X509_ALGOR_set_md(algorithm, hash);
	TS_MSG_IMPRINT_set_algo(imprint, algorithm);
	TS_MSG_IMPRINT_set_msg(imprint, copy, len);
	TS_REQ_set_version(request, 1);
	TS_REQ_set_msg_imprint(request, imprint);
	TS_REQ_set_cert_req(request, wants_certificates);
	const int size = i2d_TS_REQ(request, &der);
	if (size <= 0)
		abort();
	buf_add(query, der, (size_t)size);
	OPENSSL_free(der);
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(imprint);
	TS_REQ_free(request);
}

/* A response over these 32 bytes; *ret_response and ret_chain (or NULL) are empty before. */
static inline void tsa_stamp(struct tsa *tsa, const struct hash *imprint, struct buf *ret_response) {
	CLEANUP(buf_done) struct buf query = {0};
	tsa_query(EVP_sha256(), imprint->bytes, HASH_LEN, !tsa->keep_apart, &query);
	tsa_answer(tsa, query.data, query.len, ret_response);
}

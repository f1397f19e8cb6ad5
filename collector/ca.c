#include "collector/ca.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "core/base64.h"
#include "core/file.h"

#define CERTIFICATE_LARGEST 65536
#define CA_LIFETIME ((int64_t)20 * 365 * 86400)
#define SERVER_LIFETIME ((int64_t)5 * 365 * 86400)
#define CLOCK_SLACK 300 /* certificates begin that much earlier: clocks differ */

static inline void x509_free_p(X509 **certificate) { X509_free(*certificate); }
static inline void request_free_p(X509_REQ **request) { X509_REQ_free(*request); }
static inline void bio_free_p(BIO **bio) { BIO_free(*bio); }

static bool crypto_fault(const char *what, struct err *err) {
	unsigned long code = ERR_get_error();
	char text[160] = "failed";
	if (code)
		ERR_error_string_n(code, text, sizeof text);
	ERR_clear_error();
	return err_set(err, ERR_CRYPTO, what, "%s", text);
}

/* --- making certificates ---------------------------------------------------------------------------------------- */

struct wanted {
	const char *common_name;
	EVP_PKEY *key;
	int64_t from, until;
	const char *constraints, *usage, *extended; /* as OpenSSL's configuration writes them; NULL: none */
	const char *alternative;
};

static bool set_serial(X509 *certificate) {
	unsigned char bytes[16];
	BIGNUM *number = NULL;
	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] &= 0x7f;
	number = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return is_set;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
	X509V3_CTX context;
	if (!value)
		return true;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool is_added = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return is_added;
}

static bool fill(X509 *certificate, X509 *issuer, const struct wanted *wanted) {
	X509_NAME *subject = X509_get_subject_name(certificate);
	return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
	       ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)wanted->from) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)wanted->until) &&
	       X509_set_pubkey(certificate, wanted->key) == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)wanted->common_name, -1,
					  -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
	       add_extension(certificate, issuer, NID_basic_constraints, wanted->constraints) &&
	       add_extension(certificate, issuer, NID_key_usage, wanted->usage) &&
	       add_extension(certificate, issuer, NID_ext_key_usage, wanted->extended) &&
	       add_extension(certificate, issuer, NID_subject_alt_name, wanted->alternative) &&
	       add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
	       add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
}

/* issuer NULL: self-signed. */
static bool make(const struct wanted *wanted, X509 *issuer, EVP_PKEY *issuer_key, X509 **ret_certificate,
		 struct err *err) {
	CLEANUP(x509_free_p) X509 *certificate = X509_new();
	if (!certificate || !fill(certificate, issuer ? issuer : certificate, wanted) ||
	    X509_sign(certificate, issuer_key, EVP_sha256()) <= 0)
		return crypto_fault("certificate", err);
	*ret_certificate = certificate;
	certificate = NULL;
	return true;
}

bool ca_issue(const struct ca *ca, const char *host, EVP_PKEY *key, int64_t from, int64_t until, X509 **ret_certificate,
	      struct err *err) {
	const struct wanted wanted = {
		.common_name = host,
		.key = key,
		.from = from - CLOCK_SLACK,
		.until = until,
		.constraints = "critical,CA:FALSE",
		.usage = "critical,digitalSignature",
		.extended = "clientAuth",
	};
	return make(&wanted, ca->certificate, ca->key, ret_certificate, err);
}

/* --- files ------------------------------------------------------------------------------------------------------ */

static bool save_certificate(const char *folder, const char *name, X509 *certificate, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(bio_free_p) BIO *memory = BIO_new(BIO_s_mem());
	char *pem;
	if (!memory || PEM_write_bio_X509(memory, certificate) != 1)
		return crypto_fault(path, err);
	long len = BIO_get_mem_data(memory, &pem);
	return file_create(path, pem, (size_t)len, 0644, err);
}

static bool new_key(const char *folder, const char *name, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	if (!key_make_p256(&key, err) || !key_save(path, key, err))
		return false;
	*ret_key = key;
	key = NULL;
	return true;
}

static bool is_address(const char *name) {
	unsigned char bytes[16];
	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool is_dns_name(const char *name) {
	return name[0] && strlen(name) <= 253 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(name);
}

static bool add_names(struct buf *alternative, const char *const names[], size_t count, struct err *err) {
	buf_adds(alternative, "DNS:localhost,IP:127.0.0.1,IP:::1");
	for (size_t i = 0; i < count; i++) {
		if (!is_address(names[i]) && !is_dns_name(names[i]))
			return err_set(err, ERR_USAGE, names[i], "neither a DNS name nor an IP address");
		buf_addf(alternative, ",%s:%s", is_address(names[i]) ? "IP" : "DNS", names[i]);
	}
	return true;
}

static bool create_server(const char *folder, const struct ca *ca, const char *alternative, int64_t now,
			  struct err *err) {
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(x509_free_p) X509 *certificate = NULL;
	if (!new_key(folder, "server.key", &key, err))
		return false;
	const struct wanted wanted = {
		.common_name = "vouch-collector",
		.key = key,
		.from = now - CLOCK_SLACK,
		.until = now + SERVER_LIFETIME,
		.constraints = "critical,CA:FALSE",
		.usage = "critical,digitalSignature",
		.extended = "serverAuth",
		.alternative = alternative,
	};
	return make(&wanted, ca->certificate, ca->key, &certificate, err) &&
	       save_certificate(folder, "server.crt", certificate, err);
}

bool ca_create(const char *folder, const char *const names[], size_t count, int64_t now, struct err *err) {
	CLEANUP(ca_free_p) struct ca *ca = xcalloc(1, sizeof *ca);
	CLEANUP(buf_done) struct buf alternative = {0};
	if (!add_names(&alternative, names, count, err) || !new_key(folder, "ca.key", &ca->key, err))
		return false;
	const struct wanted wanted = {
		.common_name = "vouch collector CA",
		.key = ca->key,
		.from = now - CLOCK_SLACK,
		.until = now + CA_LIFETIME,
		.constraints = "critical,CA:TRUE,pathlen:0",
		.usage = "critical,keyCertSign,cRLSign",
	};
	return make(&wanted, NULL, ca->key, &ca->certificate, err) &&
	       save_certificate(folder, "ca.crt", ca->certificate, err) &&
	       create_server(folder, ca, buf_str(&alternative), now, err);
}

static bool load_certificate(const char *path, X509 **ret_certificate, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	if (!file_read(path, CERTIFICATE_LARGEST, &pem, err))
		return false;
	CLEANUP(bio_free_p) BIO *memory = BIO_new_mem_buf(buf_str(&pem), (int)pem.len);
	X509 *certificate = memory ? PEM_read_bio_X509(memory, NULL, NULL, NULL) : NULL;
	if (!certificate)
		return crypto_fault(path, err);
	*ret_certificate = certificate;
	return true;
}

bool ca_load(const char *folder, struct ca **ret_ca, struct err *err) {
	CLEANUP(ca_free_p) struct ca *ca = xcalloc(1, sizeof *ca);
	CLEANUP(free_ptr) char *certificate = file_join(folder, "ca.crt");
	CLEANUP(free_ptr) char *key = file_join(folder, "ca.key");
	if (!load_certificate(certificate, &ca->certificate, err) || !key_load(key, &ca->key, err))
		return false;
	if (X509_check_private_key(ca->certificate, ca->key) != 1) {
		ERR_clear_error();
		return err_set(err, ERR_CRYPTO, key, "not the key of ca.crt");
	}
	*ret_ca = ca;
	ca = NULL;
	return true;
}

void ca_free(struct ca *ca) {
	if (!ca)
		return;
	X509_free(ca->certificate);
	EVP_PKEY_free(ca->key);
	free(ca);
}

/* --- requests --------------------------------------------------------------------------------------------------- */

static bool is_uuid(const char *text) {
	if (strlen(text) != CA_HOST_ID)
		return false;
	for (size_t i = 0; i < CA_HOST_ID; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (is_dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return true;
}

bool ca_host_of(const X509_NAME *subject, char ret_host[CA_HOST_ID + 1]) {
	char name[CA_HOST_ID + 2] = "";
	int at = X509_NAME_get_index_by_NID((X509_NAME *)subject, NID_commonName, -1);
	if (at < 0 || X509_NAME_get_index_by_NID((X509_NAME *)subject, NID_commonName, at) >= 0)
		return false;
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	if (ASN1_STRING_length(value) != CA_HOST_ID)
		return false;
	memcpy(name, ASN1_STRING_get0_data(value), CA_HOST_ID);
	if (!is_uuid(name))
		return false;
	memcpy(ret_host, name, CA_HOST_ID + 1);
	return true;
}

bool ca_read_request(const void *der, size_t len, char ret_host[CA_HOST_ID + 1], EVP_PKEY **ret_key, struct err *err) {
	const unsigned char *at = der;
	if (len > CA_CSR_LARGEST)
		return err_set(err, ERR_REFUSED, "request", "larger than the cap of %d bytes", CA_CSR_LARGEST);
	CLEANUP(request_free_p) X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)len);
	EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
	ERR_clear_error();
	if (!request || at != (const unsigned char *)der + len)
		return err_set(err, ERR_REFUSED, "request", "not a PKCS#10 request");
	if (!key || !key_details(key))
		return err_set(err, ERR_REFUSED, "request", "the key is neither Ed25519 nor P-256");
	bool is_signed = X509_REQ_verify(request, key) == 1;
	ERR_clear_error();
	if (!is_signed)
		return err_set(err, ERR_REFUSED, "request", "not signed by the key that it names");
	if (!ca_host_of(X509_REQ_get_subject_name(request), ret_host))
		return err_set(err, ERR_REFUSED, "request", "the subject's CN is not the one UUID of a host");
	EVP_PKEY_up_ref(key);
	*ret_key = key;
	return true;
}

struct hash ca_fingerprint(const X509 *certificate) {
	struct hash hash = {{0}};
	unsigned len = 0;
	X509_digest(certificate, EVP_sha256(), hash.bytes, &len);
	return hash;
}

char *ca_pkcs7(X509 *certificate) {
	PKCS7 *pkcs7 = PKCS7_new();
	unsigned char *der = NULL;
	if (!pkcs7 || PKCS7_set_type(pkcs7, NID_pkcs7_signed) != 1 || PKCS7_content_new(pkcs7, NID_pkcs7_data) != 1)
		abort();
	PKCS7_set_detached(pkcs7, 1);
	if (PKCS7_add_certificate(pkcs7, certificate) != 1)
		abort();
	int len = i2d_PKCS7(pkcs7, &der);
	char *text = base64_encode(der, len > 0 ? (size_t)len : 0);
	OPENSSL_free(der);
	PKCS7_free(pkcs7);
	return text;
}

#include "core/certificate.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "core/base64.h"
#include "core/hash.h"
#include "core/times.h"

#define NAME_LARGEST 4096 /* bytes of a name as text */

static void free_bio(BIO **bio) { BIO_free(*bio); }

static json_t *text_of_name(const X509_NAME *name) {
	CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	if (!name || !bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
		return json_null();
	long len = BIO_get_mem_data(bio, &text);
	return len < 0 || len > NAME_LARGEST ? json_null() : json_textn(text, (size_t)len);
}

static json_t *text_of_time(const ASN1_TIME *moment) {
	struct tm parts;
	char text[TIMES_TEXT];
	if (!moment || ASN1_TIME_to_tm(moment, &parts) != 1)
		return json_null();
	return json_string(times_format(timegm(&parts), text));
}

static json_t *text_of_serial(const ASN1_INTEGER *serial) {
	if (!serial || serial->length <= 0 || serial->length > 64)
		return json_null();
	char text[2 * 64 + 1];
	return json_string(hex_encode(serial->data, (size_t)serial->length, text));
}

static json_t *text_of_address(const ASN1_OCTET_STRING *address) {
	char text[INET6_ADDRSTRLEN], whole[INET6_ADDRSTRLEN + 4];
	int family = address->length == 4 ? AF_INET : AF_INET6;
	if ((address->length != 4 && address->length != 16) || !inet_ntop(family, address->data, text, sizeof text))
		return json_null();
	snprintf(whole, sizeof whole, "IP:%s", text);
	return json_string(whole);
}

/* DNS names and addresses, mail and URIs; others (directory names, ...) are left out. */
static json_t *text_of_general(const GENERAL_NAME *name) {
	const char *kind = name->type == GEN_DNS     ? "DNS"
			   : name->type == GEN_EMAIL ? "email"
			   : name->type == GEN_URI   ? "URI"
						     : NULL;
	if (name->type == GEN_IPADD)
		return text_of_address(name->d.iPAddress);
	if (!kind || name->d.ia5->length < 0 || name->d.ia5->length > NAME_LARGEST)
		return NULL;
	CLEANUP(json_decref_p) json_t *value = json_textn((const char *)name->d.ia5->data, (size_t)name->d.ia5->length);
	CLEANUP(free_ptr) char *text = xasprintf("%s:%s", kind, json_string_value(value));
	return json_string(text);
}

static void free_names(GENERAL_NAMES **names) { GENERAL_NAMES_free(*names); }

static json_t *names_of(const X509 *certificate) {
	CLEANUP(free_names)
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	json_t *list = json_array();
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < CERTIFICATE_NAMES_MOST; i++) {
		json_t *text = text_of_general(sk_GENERAL_NAME_value(names, i));
		if (text)
			json_array_append_new(list, text);
	}
	return list;
}

static json_t *digest_of(const X509 *certificate) {
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char text[2 * EVP_MAX_MD_SIZE + 1];
	if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
		return json_null();
	return json_string(hex_encode(digest, len, text));
}

static json_t *signature_of(const X509 *certificate) {
	int algorithm = X509_get_signature_nid(certificate), hash = NID_undef;
	const char *name = algorithm == NID_undef ? NULL : OBJ_nid2ln(algorithm);
	/* This one alone does not say in its name what was hashed. */
	if (algorithm == NID_rsassaPss && X509_get_signature_info((X509 *)certificate, &hash, NULL, NULL, NULL) == 1 &&
	    hash != NID_undef)
		return json_sprintf("%s with %s", name, OBJ_nid2ln(hash));
	return name && algorithm != NID_rsassaPss ? json_string(name) : json_null();
}

static void add_key(X509 *certificate, json_t *object) {
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;
	json_object_set_new(object, "key_type", type ? json_string(type) : json_null());
	json_object_set_new(object, "key_bits", key ? json_integer(EVP_PKEY_get_bits(key)) : json_null());
}

json_t *certificate_json(X509 *certificate) {
	json_t *object = json_object();
	json_object_set_new(object, "subject", text_of_name(X509_get_subject_name(certificate)));
	json_object_set_new(object, "issuer", text_of_name(X509_get_issuer_name(certificate)));
	json_object_set_new(object, "notBefore", text_of_time(X509_get0_notBefore(certificate)));
	json_object_set_new(object, "notAfter", text_of_time(X509_get0_notAfter(certificate)));
	json_object_set_new(object, "serial", text_of_serial(X509_get0_serialNumber(certificate)));
	json_object_set_new(object, "sha256", digest_of(certificate));
	json_object_set_new(object, "signature", signature_of(certificate));
	json_object_set_new(object, "names", names_of(certificate));
	add_key(certificate, object);
	return object;
}

/* null where it cannot be encoded. */
static json_t *der_of(X509 *certificate) {
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);
	CLEANUP(free_ptr) char *text = len > 0 ? base64_encode(der, (size_t)len) : NULL;
	OPENSSL_free(der);
	return text ? json_string(text) : json_null();
}

json_t *certificates_json(STACK_OF(X509) * chain) {
	json_t *list = json_array();
	for (int i = 0; i < sk_X509_num(chain) && i < CERTIFICATES_MOST; i++) {
		json_t *object = certificate_json(sk_X509_value(chain, i));
		json_object_set_new(object, "der", der_of(sk_X509_value(chain, i)));
		json_array_append_new(list, object);
	}
	return list;
}

static void free_certificate(X509 **certificate) { X509_free(*certificate); }

json_t *certificates_of_pem(const void *data, size_t len) {
	CLEANUP(free_bio)
	BIO *bio = len > 0 && len <= CERTIFICATE_FILE_LARGEST ? BIO_new_mem_buf(data, (int)len) : NULL;
	json_t *list = json_array();
	while (bio && json_array_size(list) < CERTIFICATES_MOST) {
		CLEANUP(free_certificate) X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (!certificate)
			break;
		json_array_append_new(list, certificate_json(certificate));
	}
	ERR_clear_error();
	return list;
}

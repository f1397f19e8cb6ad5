#include "core/timestamp.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>

#include "core/text.h"

#define AUTHORITY_LONGEST 512
#define POLICY_LONGEST 128
#define ACCURACY_LONGEST_S 86400

static void free_response(TS_RESP **response) { TS_RESP_free(*response); }
static void free_request(TS_REQ **request) { TS_REQ_free(*request); }
static void free_imprint(TS_MSG_IMPRINT **imprint) { TS_MSG_IMPRINT_free(*imprint); }
static void free_algorithm(X509_ALGOR **algorithm) { X509_ALGOR_free(*algorithm); }
static void free_number(ASN1_INTEGER **number) { ASN1_INTEGER_free(*number); }
static void free_context(TS_VERIFY_CTX **context) { TS_VERIFY_CTX_free(*context); }
static void free_list(STACK_OF(X509) * *list) { sk_X509_free(*list); }
static void free_purposes(EXTENDED_KEY_USAGE **purposes) { EXTENDED_KEY_USAGE_free(*purposes); }
static void free_bio(BIO **bio) { BIO_free(*bio); }

void timestamp_done(struct timestamp *timestamp) {
	free(timestamp->authority);
	free(timestamp->policy);
	*timestamp = (struct timestamp){0};
}

void timestamp_stored_done(struct timestamp_stored *stored) {
	buf_done(&stored->response);
	buf_done(&stored->certificates);
}

void timestamp_request_done(struct timestamp_request *request) { buf_done(&request->der); }

struct hash timestamp_imprint(const void *text, size_t len) {
	return hash_of(text, len);
}

struct hash timestamp_imprint_renewal(const void *text, size_t len, const void *response, size_t response_len) {
	return hash_of_parts((const void *const[]){text, response}, (const size_t[]){len, response_len}, 2);
}

/* --- the response: what it says ------------------------------------------------------------------------------------
 */

/* Both are borrowed from the response. */
struct opened {
	PKCS7 *token;
	TS_TST_INFO *info;
};

static bool read_response(const void *bytes, size_t len, const char *where, TS_RESP **ret_response, struct err *err) {
	const unsigned char *at = bytes, *end = at + len;
	if (len > TIMESTAMP_RESPONSE_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "a time-stamp response of more than %u bytes",
			       TIMESTAMP_RESPONSE_LARGEST);
	CLEANUP(free_response) TS_RESP *response = len > 0 ? d2i_TS_RESP(NULL, &at, (long)len) : NULL;
	ERR_clear_error();
	if (!response)
		return err_set(err, ERR_MALFORMED, where, "not a time-stamp response");
	if (at != end)
		return err_set(err, ERR_MALFORMED, where, "bytes behind the time-stamp response");
	*ret_response = response;
	response = NULL;
	return true;
}

/* The authority's words, for an error. */
static void words_of(const TS_STATUS_INFO *status, char *text, size_t size) {
	const STACK_OF(ASN1_UTF8STRING) *words = TS_STATUS_INFO_get0_text(status);
	const ASN1_UTF8STRING *first =
		words && sk_ASN1_UTF8STRING_num(words) > 0 ? sk_ASN1_UTF8STRING_value(words, 0) : NULL;
	snprintf(text, size, "%.*s", first ? ASN1_STRING_length(first) : 0,
		 first ? (const char *)ASN1_STRING_get0_data(first) : "");
	text_replace_controls(text);
}

/* RFC 3161 2.4.2: 0 is granted; 1, granted with modifications, asks us to find out which: there are none to make. */
static bool open_response(TS_RESP *response, const char *where, struct opened *ret_opened, struct err *err) {
	TS_STATUS_INFO *status = TS_RESP_get_status_info(response);
	const ASN1_INTEGER *number = TS_STATUS_INFO_get0_status(status);
	char words[160];
	words_of(status, words, sizeof words);
	const long granted = ASN1_INTEGER_get(number);
	if (granted != 0 && granted != 1)
		return err_set(err, ERR_REFUSED, where, "the authority did not grant it (status %ld): %s", granted,
			       words[0] ? words : "it gives no reason");
	PKCS7 *token = TS_RESP_get_token(response);
	TS_TST_INFO *info = TS_RESP_get_tst_info(response);
	if (!token || !info)
		return err_set(err, ERR_MALFORMED, where, "the response has no token");
	if (TS_TST_INFO_get_version(info) != 1)
		return err_set(err, ERR_REFUSED, where, "the token is of another version than 1");
	if (TS_TST_INFO_get_ext_by_critical(info, 1, -1) >= 0)
		return err_set(err, ERR_REFUSED, where, "the token has a critical extension that nobody here knows");
	*ret_opened = (struct opened){token, info};
	return true;
}

static bool has_imprint(TS_TST_INFO *info, const struct hash *expected, const char *where, struct err *err) {
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
	const ASN1_OBJECT *algorithm = NULL;
	X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
	const ASN1_OCTET_STRING *digest = TS_MSG_IMPRINT_get_msg(imprint);
	if (OBJ_obj2nid(algorithm) != NID_sha256)
		return err_set(err, ERR_REFUSED, where, "its imprint is not SHA-256");
	if (ASN1_STRING_length(digest) != HASH_LEN ||
	    memcmp(ASN1_STRING_get0_data(digest), expected->bytes, HASH_LEN) != 0)
		return err_set(err, ERR_REFUSED, where, "it is over other data: the imprint differs");
	return true;
}

static bool has_nonce(TS_TST_INFO *info, uint64_t expected, const char *where, struct err *err) {
	const ASN1_INTEGER *nonce = TS_TST_INFO_get_nonce(info);
	uint64_t number;
	const bool is_same = nonce && ASN1_INTEGER_get_uint64(&number, nonce) == 1 && number == expected;
	ERR_clear_error();
	return is_same ? true : err_set(err, ERR_REFUSED, where, "it answers another request: the nonce differs");
}

static int64_t number_of(const ASN1_INTEGER *number) {
	int64_t value = 0;
	if (number && ASN1_INTEGER_get_int64(&value, number) != 1)
		value = 0;
	ERR_clear_error();
	return value < 0 ? 0 : value > ACCURACY_LONGEST_S ? ACCURACY_LONGEST_S : value;
}

static int64_t accuracy_of(TS_TST_INFO *info) {
	TS_ACCURACY *accuracy = TS_TST_INFO_get_accuracy(info);
	if (!accuracy)
		return -1;
	return number_of(TS_ACCURACY_get_seconds(accuracy)) * 1000000 +
	       number_of(TS_ACCURACY_get_millis(accuracy)) * 1000 + number_of(TS_ACCURACY_get_micros(accuracy));
}

/* RFC 3161 2.4.2 wants UTC with Z. */
static bool read_time(TS_TST_INFO *info, const char *where, int64_t *ret_time, struct err *err) {
	const ASN1_GENERALIZEDTIME *time = TS_TST_INFO_get_time(info);
	const int len = time ? ASN1_STRING_length(time) : 0;
	if (len < 1 || ASN1_STRING_get0_data(time)[len - 1] != 'Z' || !timestamp_instant(time, ret_time))
		return err_set(err, ERR_MALFORMED, where, "the token's time is not one in UTC");
	return true;
}

/* --- who signed it -------------------------------------------------------------------------------------------------
 */

/* RFC 3161 2.3: extendedKeyUsage, critical, with timeStamping and nothing else. OpenSSL passes over purposes that it
 * has no name for. */
static bool is_for_time(X509 *signer, const char *where, struct err *err) {
	int is_critical = -1;
	CLEANUP(free_purposes)
	EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(signer, NID_ext_key_usage, &is_critical, NULL);
	ERR_clear_error();
	if (purposes && is_critical == 1 && sk_ASN1_OBJECT_num(purposes) == 1 &&
	    OBJ_obj2nid(sk_ASN1_OBJECT_value(purposes, 0)) == NID_time_stamp)
		return true;
	return err_set(
		err, ERR_REFUSED, where,
		"not by a trusted authority: the signer's certificate is not for time-stamping alone (critical)");
}

/* What was signed is digested with a hash that holds. */
static bool is_digested_well(PKCS7 *token, const char *where, struct err *err) {
	static const int good[] = {NID_sha256, NID_sha384, NID_sha512, NID_sha3_256, NID_sha3_384, NID_sha3_512};
	STACK_OF(PKCS7_SIGNER_INFO) *signers = PKCS7_get_signer_info(token);
	const ASN1_OBJECT *algorithm = NULL;
	if (!signers || sk_PKCS7_SIGNER_INFO_num(signers) != 1)
		return err_set(err, ERR_REFUSED, where, "the token does not have exactly one signature");
	X509_ALGOR_get0(&algorithm, NULL, NULL, sk_PKCS7_SIGNER_INFO_value(signers, 0)->digest_alg);
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (OBJ_obj2nid(algorithm) == good[i])
			return true;
	return err_set(err, ERR_REFUSED, where, "its signature is over a hash weaker than SHA-256");
}

static bool find_signer(PKCS7 *token, STACK_OF(X509) * others, const char *where, X509 **ret_signer, struct err *err) {
	CLEANUP(free_list) STACK_OF(X509) *signers = PKCS7_get0_signers(token, others, 0);
	ERR_clear_error();
	if (!signers || sk_X509_num(signers) != 1)
		return err_set(err, ERR_REFUSED, where, "the certificate that signed is neither in it nor beside it");
	*ret_signer = sk_X509_value(signers, 0);
	return true;
}

/* The certificates of the token and those beside it; none is owned. */
static STACK_OF(X509) * all_certificates(const PKCS7 *token, const STACK_OF(X509) * beside) {
	const STACK_OF(X509) *inside = PKCS7_type_is_signed(token) ? token->d.sign->cert : NULL;
	STACK_OF(X509) *all = sk_X509_new_null();
	for (int i = 0; i < sk_X509_num(inside); i++)
		if (sk_X509_push(all, sk_X509_value(inside, i)) <= 0)
			abort();
	for (int i = 0; i < sk_X509_num(beside); i++)
		if (sk_X509_push(all, sk_X509_value(beside, i)) <= 0)
			abort();
	return all;
}

/* By OpenSSL's own verification, with the chain that was found: signature, signing-certificate attribute (RFC 5816),
 * and that the token's name of the authority, if it has one, is the signer's. */
static bool signature_holds(TS_RESP *response, STACK_OF(X509) * chain, const struct timestamp_trust *trust,
			    int64_t instant, const char *where, struct err *err) {
	CLEANUP(free_context) TS_VERIFY_CTX *context = TS_VERIFY_CTX_new();
	STACK_OF(X509) *certificates = X509_chain_up_ref(chain);
	if (!context || !certificates)
		abort();
	TS_VERIFY_CTX_set_flags(context, TS_VFY_VERSION | TS_VFY_SIGNATURE | TS_VFY_SIGNER);
	TS_VERIFY_CTX_set_store(context, timestamp_store(trust, instant)); /* the context frees both */
	TS_VERIFY_CTX_set_certs(context, certificates);
	ERR_clear_error();
	const bool holds = TS_RESP_verify_response(context, response) == 1;
	const char *why = ERR_reason_error_string(ERR_peek_error());
	ERR_clear_error();
	return holds ? true
		     : err_set(err, ERR_REFUSED, where, "its signature does not hold: %s", why ? why : "no reason");
}

/* The chain from signer to root. */
static bool verify_signer(TS_RESP *response, const struct opened *opened, const struct buf *certificates,
			  const struct timestamp_trust *trust, int64_t instant, const char *where,
			  STACK_OF(X509) * *ret_chain, struct err *err) {
	CLEANUP(certificates_free_p) STACK_OF(X509) *beside = NULL;
	CLEANUP(certificates_free_p) STACK_OF(X509) *chain = NULL;
	X509 *signer;
	if (certificates && certificates->len > 0 &&
	    !timestamp_certificates(certificates->data, certificates->len, where, &beside, err))
		return false;
	CLEANUP(free_list) STACK_OF(X509) *others = all_certificates(opened->token, beside);
	if (sk_X509_num(others) > 2 * TIMESTAMP_CERTIFICATES_MOST)
		return err_set(err, ERR_TOO_BIG, where, "more than %d certificates", 2 * TIMESTAMP_CERTIFICATES_MOST);
	if (!is_digested_well(opened->token, where, err) || !find_signer(opened->token, others, where, &signer, err) ||
	    !is_for_time(signer, where, err) || !timestamp_chain(trust, signer, others, instant, where, &chain, err) ||
	    !signature_holds(response, chain, trust, instant, where, err))
		return false;
	*ret_chain = chain;
	chain = NULL;
	return true;
}

/* --- what a response that holds says -------------------------------------------------------------------------------
 */

static char *subject_of(X509 *certificate) {
	CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	if (!bio ||
	    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
		return xstrdup("");
	const long len = BIO_get_mem_data(bio, &text);
	char *subject = xstrndup(text, len > AUTHORITY_LONGEST ? AUTHORITY_LONGEST : (size_t)len);
	text_replace_controls(subject);
	return subject;
}

static bool describe(TS_TST_INFO *info, X509 *signer, int64_t instant, const char *where,
		     struct timestamp *ret_timestamp, struct err *err) {
	struct timestamp said = {.time = instant, .accuracy_us = accuracy_of(info)};
	char policy[POLICY_LONGEST] = "";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (!timestamp_instant(X509_get0_notAfter(signer), &said.signer_expires) ||
	    X509_digest(signer, EVP_sha256(), digest, &len) != 1 || len != HASH_LEN)
		return err_set(err, ERR_MALFORMED, where, "the end of the signer's certificate is not a time");
	memcpy(said.certificate.bytes, digest, HASH_LEN);
	OBJ_obj2txt(policy, sizeof policy, TS_TST_INFO_get_policy_id(info), 1);
	said.policy = xstrdup(policy);
	said.authority = subject_of(signer);
	*ret_timestamp = said;
	return true;
}

/* What both ways to verify have in common. nonce, ret_chain: NULL when there is none, or it is not wanted. */
static bool verify_response(const void *bytes, size_t len, const struct hash *imprint, const uint64_t *nonce,
			    const struct buf *certificates, const struct timestamp_trust *trust, const char *where,
			    struct timestamp *ret_timestamp, struct buf *ret_chain, struct err *err) {
	CLEANUP(free_response) TS_RESP *response = NULL;
	CLEANUP(certificates_free_p) STACK_OF(X509) *chain = NULL;
	struct opened opened;
	int64_t instant;
	if (!read_response(bytes, len, where, &response, err) || !open_response(response, where, &opened, err) ||
	    !has_imprint(opened.info, imprint, where, err) || (nonce && !has_nonce(opened.info, *nonce, where, err)) ||
	    !read_time(opened.info, where, &instant, err) ||
	    !verify_signer(response, &opened, certificates, trust, instant, where, &chain, err) ||
	    !describe(opened.info, sk_X509_value(chain, 0), instant, where, ret_timestamp, err))
		return false;
	if (ret_chain)
		timestamp_pem(chain, 0, ret_chain);
	return true;
}

bool timestamp_verify(const void *response, size_t len, const struct hash *imprint, const struct buf *certificates,
		      const struct timestamp_trust *trust, const char *where, struct timestamp *ret_timestamp,
		      struct err *err) {
	return verify_response(response, len, imprint, NULL, certificates, trust, where, ret_timestamp, NULL, err);
}

/* --- renewals ------------------------------------------------------------------------------------------------------
 */

/* A response behind another one. */
static bool renews(const struct timestamp *later, const struct timestamp *earlier, const char *where, struct err *err) {
	if (later->time < earlier->time)
		return err_set(err, ERR_REFUSED, where, "it is older than the response that it renews");
	if (later->time > earlier->signer_expires)
		return err_set(err, ERR_REFUSED, where,
			       "it was made after the certificate that signed the response before it had ended");
	return true;
}

static struct hash imprint_of(const void *text, size_t len, const struct timestamp_stored *stored, size_t number) {
	if (number == 0)
		return timestamp_imprint(text, len);
	const struct buf *before = &stored[number - 1].response;
	return timestamp_imprint_renewal(text, len, before->data, before->len);
}

/* Into said[], each of which the caller timestamp_done()s, whatever is returned. */
static bool verify_each(const void *text, size_t len, const struct timestamp_stored *stored, size_t count,
			const struct timestamp_trust *trust, struct timestamp *said, struct err *err) {
	char where[32];
	for (size_t i = 0; i < count; i++) {
		const struct hash imprint = imprint_of(text, len, stored, i);
		snprintf(where, sizeof where, "timestamp-%zu", i + 1);
		if (!timestamp_verify(stored[i].response.data, stored[i].response.len, &imprint,
				      &stored[i].certificates, trust, where, &said[i], err) ||
		    (i > 0 && !renews(&said[i], &said[i - 1], where, err)))
			return false;
	}
	return true;
}

static struct timestamp copy_of(const struct timestamp *said) {
	struct timestamp copy = *said;
	copy.authority = xstrdup(said->authority);
	copy.policy = xstrdup(said->policy);
	return copy;
}

bool timestamp_verify_chain(const void *text, size_t len, const struct timestamp_stored *stored, size_t count,
			    const struct timestamp_trust *trust, struct timestamp *ret_first,
			    struct timestamp *ret_last, struct err *err) {
	struct timestamp said[TIMESTAMP_RENEWALS_MOST] = {0};
	if (count == 0)
		return err_set(err, ERR_ABSENT, "timestamp-1", "there is no time-stamp response");
	if (count > TIMESTAMP_RENEWALS_MOST)
		return err_set(err, ERR_TOO_BIG, "timestamp", "more than %d responses", TIMESTAMP_RENEWALS_MOST);
	const bool holds = verify_each(text, len, stored, count, trust, said, err);
	if (holds) {
		*ret_first = copy_of(&said[0]);
		*ret_last = copy_of(&said[count - 1]);
	}
	for (size_t i = 0; i < count; i++)
		timestamp_done(&said[i]);
	return holds;
}

/* --- asking --------------------------------------------------------------------------------------------------------
 */

static bool fill_request(TS_REQ *request, const struct hash *imprint, uint64_t nonce) {
	CLEANUP(free_imprint) TS_MSG_IMPRINT *message = TS_MSG_IMPRINT_new();
	CLEANUP(free_algorithm) X509_ALGOR *algorithm = X509_ALGOR_new();
	CLEANUP(free_number) ASN1_INTEGER *number = ASN1_INTEGER_new();
	struct hash digest = *imprint;
	if (!message || !algorithm || !number)
		return false;
	return X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) == 1 &&
	       ASN1_INTEGER_set_uint64(number, nonce) == 1 && TS_MSG_IMPRINT_set_algo(message, algorithm) == 1 &&
	       TS_MSG_IMPRINT_set_msg(message, digest.bytes, HASH_LEN) == 1 && TS_REQ_set_version(request, 1) == 1 &&
	       TS_REQ_set_msg_imprint(request, message) == 1 && TS_REQ_set_nonce(request, number) == 1 &&
	       TS_REQ_set_cert_req(request, 1) == 1;
}

bool timestamp_ask(const struct hash *imprint, struct timestamp_request *ret_request, struct err *err) {
	CLEANUP(free_request) TS_REQ *request = TS_REQ_new();
	unsigned char *der = NULL;
	uint64_t nonce;
	if (!request || RAND_bytes((unsigned char *)&nonce, sizeof nonce) != 1 ||
	    !fill_request(request, imprint, nonce))
		return err_set(err, ERR_CRYPTO, "time-stamp request", "OpenSSL cannot make it");
	const int len = i2d_TS_REQ(request, &der);
	if (len <= 0)
		return err_set(err, ERR_CRYPTO, "time-stamp request", "OpenSSL cannot write it");
	*ret_request = (struct timestamp_request){.imprint = *imprint, .nonce = nonce};
	buf_add(&ret_request->der, der, (size_t)len);
	OPENSSL_free(der);
	return true;
}

bool timestamp_take(const struct timestamp_request *request, const void *response, size_t len,
		    const struct timestamp_trust *trust, const char *where, struct timestamp *ret_timestamp,
		    struct buf *ret_chain, struct err *err) {
	return verify_response(response, len, &request->imprint, &request->nonce, NULL, trust, where, ret_timestamp,
			       ret_chain, err);
}

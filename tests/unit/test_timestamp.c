/* Time-stamps: what holds, each thing that must be refused, and renewals over twenty years. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/key.h"
#include "tests/unit/tsa_kit.h"

#define TEXT "collector.example/log\n3\nhhhh\n"

static struct {
	struct tsa tsa;
	struct timestamp_trust *trust;
	struct hash imprint;
} w;

static int make_world(void **state) {
	w.tsa = tsa_new(&(struct tsa_signer){0});
	w.trust = tsa_trust(&w.tsa);
	w.imprint = timestamp_imprint(TEXT, strlen(TEXT));
	return 0;
}

static int drop_world(void **state) {
	tsa_done(&w.tsa);
	timestamp_trust_free(w.trust);
	return 0;
}

/* "" when the response holds, else why not. */
static const char *verdict_of(const struct buf *response, const struct hash *imprint, const struct buf *certificates,
			      const struct timestamp_trust *trust) {
	static struct err err;
	CLEANUP(timestamp_done) struct timestamp said = {0};
	err = (struct err){0};
	if (timestamp_verify(response->data, response->len, imprint, certificates, trust, "t", &said, &err))
		return "";
	assert_true(err.code == ERR_REFUSED || err.code == ERR_MALFORMED || err.code == ERR_TOO_BIG);
	assert_string_equal(err.where, "t");
	return err.why;
}

static void assert_says(const char *said, const char *wanted) {
	if (!strstr(said, wanted))
		fail_msg("wanted \"%s\", got \"%s\"", wanted, said);
}

static void an_answer_to_our_request_holds_and_says_time_and_authority(void **state) {
	CLEANUP(timestamp_request_done) struct timestamp_request request = {0};
	CLEANUP(timestamp_done) struct timestamp said = {0};
	CLEANUP(buf_done) struct buf answer = {0}, chain = {0}, wanted = {0};
	struct err err;
	assert_true(timestamp_ask(&w.imprint, &request, &err));
	tsa_answer(&w.tsa, request.der.data, request.der.len, &answer);
	assert_true(timestamp_take(&request, answer.data, answer.len, w.trust, "t", &said, &chain, &err));
	assert_int_equal(said.time, TSA_NOW);
	assert_int_equal(said.accuracy_us, 1500100);
	assert_int_equal(said.signer_expires, TSA_NOW + 730LL * TSA_DAY);
	assert_string_equal(said.authority, "CN=Test TSA,O=Tests");
	assert_string_equal(said.policy, "1.2.3.4.1");
	tsa_pem(w.tsa.signer, &wanted);
	tsa_pem(w.tsa.middle, &wanted);
	tsa_pem(w.tsa.root, &wanted);
	assert_string_equal(buf_str(&chain), buf_str(&wanted));
	assert_string_equal(verdict_of(&answer, &w.imprint, NULL, w.trust), "");
}

static void an_answer_to_another_request_is_refused(void **state) {
	CLEANUP(timestamp_request_done) struct timestamp_request request = {0}, other = {0};
	CLEANUP(timestamp_done) struct timestamp said = {0};
	CLEANUP(buf_done) struct buf answer = {0}, chain = {0}, without = {0};
	struct err err = {0};
	assert_true(timestamp_ask(&w.imprint, &request, &err) && timestamp_ask(&w.imprint, &other, &err));
	assert_true(request.nonce != other.nonce);
	tsa_answer(&w.tsa, other.der.data, other.der.len, &answer);
	assert_false(timestamp_take(&request, answer.data, answer.len, w.trust, "t", &said, &chain, &err));
	assert_says(err.why, "the nonce differs");
	tsa_stamp(&w.tsa, &w.imprint, &without);
	assert_false(timestamp_take(&request, without.data, without.len, w.trust, "t", &said, &chain, &err));
	assert_says(err.why, "the nonce differs");
	assert_int_equal(chain.len, 0);
}

static void a_response_over_other_data_is_refused(void **state) {
	CLEANUP(buf_done) struct buf response = {0};
	struct hash other = w.imprint;
	tsa_stamp(&w.tsa, &w.imprint, &response);
	other.bytes[31] ^= 1;
	assert_says(verdict_of(&response, &other, NULL, w.trust), "it is over other data: the imprint differs");
}

static void an_imprint_of_another_hash_is_refused(void **state) {
	CLEANUP(buf_done) struct buf query = {0}, response = {0};
	unsigned char digest[64] = {0};
	memcpy(digest, w.imprint.bytes, HASH_LEN);
	tsa_query(EVP_sha512(), digest, 64, true, &query);
	tsa_answer(&w.tsa, query.data, query.len, &response);
	assert_says(verdict_of(&response, &w.imprint, NULL, w.trust), "its imprint is not SHA-256");
}

static void what_was_not_granted_is_refused_with_the_authoritys_words(void **state) {
	CLEANUP(buf_done) struct buf query = {0}, response = {0};
	tsa_query(EVP_md5(), w.imprint.bytes, 16, true, &query);
	tsa_answer(&w.tsa, query.data, query.len, &response);
	assert_says(verdict_of(&response, &w.imprint, NULL, w.trust), "the authority did not grant it (status 2): Me");
}

static void another_authority_is_refused(void **state) {
	CLEANUP(buf_done) struct buf response = {0};
	struct tsa other = tsa_new(&(struct tsa_signer){0});
	CLEANUP(timestamp_trust_free_p) struct timestamp_trust *none = timestamp_trust_new();
	tsa_stamp(&other, &w.imprint, &response);
	assert_says(verdict_of(&response, &w.imprint, NULL, w.trust), "not by a trusted authority: ");
	assert_says(verdict_of(&response, &w.imprint, NULL, none), "not by a trusted authority: ");
	CLEANUP(timestamp_trust_free_p) struct timestamp_trust *its = tsa_trust(&other);
	assert_string_equal(verdict_of(&response, &w.imprint, NULL, its), "");
	tsa_done(&other);
}

static void an_intermediate_beside_a_response_is_used_and_a_root_beside_it_is_not_trusted(void **state) {
	CLEANUP(buf_done) struct buf response = {0}, beside = {0}, foreign = {0}, foreign_chain = {0};
	struct tsa other = tsa_new(&(struct tsa_signer){0});
	w.tsa.keep_apart = other.keep_apart = true;
	tsa_stamp(&w.tsa, &w.imprint, &response);
	tsa_stamp(&other, &w.imprint, &foreign);
	w.tsa.keep_apart = false;
	assert_says(verdict_of(&response, &w.imprint, NULL, w.trust), "neither in it nor beside it");
	tsa_pem(w.tsa.signer, &beside);
	assert_says(verdict_of(&response, &w.imprint, &beside, w.trust), "not by a trusted authority: ");
	tsa_pem(w.tsa.middle, &beside);
	assert_string_equal(verdict_of(&response, &w.imprint, &beside, w.trust), "");
	tsa_pem(other.signer, &foreign_chain);
	tsa_pem(other.middle, &foreign_chain);
	tsa_pem(other.root, &foreign_chain);
	assert_says(verdict_of(&foreign, &w.imprint, &foreign_chain, w.trust), "not by a trusted authority: ");
	tsa_done(&other);
}

static void a_certificate_that_is_not_for_time_alone_is_refused(void **state) {
	static const char *const purposes[] = {"timeStamping",
					       "critical,timeStamping,serverAuth",
					       "critical,timeStamping,1.2.3.4.5",
					       "critical,codeSigning",
					       "critical,1.2.3.4.5",
					       ""};
	for (size_t i = 0; i < ARRAY_LEN(purposes); i++) {
		CLEANUP(buf_done) struct buf response = {0};
		struct tsa tsa = w.tsa;
		tsa.key = NULL;
		tsa.signer = NULL;
		tsa_new_signer(&tsa, &(struct tsa_signer){0});
		X509 *good = tsa.signer;
		EVP_PKEY *key = tsa.key;
		tsa.signer = NULL;
		tsa.key = NULL;
		/* OpenSSL's responder takes no such certificate: the answer is signed in the good one's name, with the
		 * key of both, and found by issuer and serial number. */
		tsa_new_signer(&tsa, &(struct tsa_signer){.purposes = purposes[i]});
		X509 *bad = tsa.signer;
		X509_set_serialNumber(bad, X509_get_serialNumber(good));
		X509_set_pubkey(bad, key);
		X509_sign(bad, tsa.middle_key, EVP_sha256());
		struct tsa signing = tsa;
		signing.signer = good;
		signing.key = key;
		signing.keep_apart = true;
		CLEANUP(buf_done) struct buf beside = {0};
		tsa_pem(bad, &beside);
		tsa_pem(tsa.middle, &beside);
		tsa_stamp(&signing, &w.imprint, &response);
		assert_says(verdict_of(&response, &w.imprint, &beside, w.trust), "not for time-stamping alone");
		buf_done(&beside);
		tsa_pem(good, &beside);
		tsa_pem(tsa.middle, &beside);
		assert_string_equal(verdict_of(&response, &w.imprint, &beside, w.trust), "");
		X509_free(good);
		X509_free(bad);
		EVP_PKEY_free(key);
		EVP_PKEY_free(tsa.key);
	}
}

static void a_weak_hash_under_the_signature_is_refused(void **state) {
	CLEANUP(buf_done) struct buf response = {0};
	w.tsa.hash = EVP_sha1();
	tsa_stamp(&w.tsa, &w.imprint, &response);
	w.tsa.hash = EVP_sha256();
	assert_says(verdict_of(&response, &w.imprint, NULL, w.trust), "weaker than SHA-256");
}

static void a_weak_hash_under_the_signers_certificate_is_refused(void **state) {
	CLEANUP(buf_done) struct buf response = {0};
	struct tsa tsa = tsa_new(&(struct tsa_signer){.hash = EVP_sha1()});
	CLEANUP(timestamp_trust_free_p) struct timestamp_trust *trust = tsa_trust(&tsa);
	tsa_stamp(&tsa, &w.imprint, &response);
	assert_says(verdict_of(&response, &w.imprint, NULL, trust), "not by a trusted authority: CA signature digest");
	tsa_done(&tsa);
}

/* A request of ours with an extension that nobody knows, critical or not; appended. */
static void query_with_extension(bool is_critical, struct buf *query) {
	CLEANUP(timestamp_request_done) struct timestamp_request request = {0};
	struct err err;
	assert_true(timestamp_ask(&w.imprint, &request, &err));
	const unsigned char *at = (const unsigned char *)request.der.data;
	unsigned char *der = NULL;
	TS_REQ *asked = d2i_TS_REQ(NULL, &at, (long)request.der.len);
	ASN1_OBJECT *object = OBJ_txt2obj("1.2.3.4.5.6", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, is_critical, value);
	TS_REQ_add_ext(asked, extension, -1);
	const int len = i2d_TS_REQ(asked, &der);
	buf_add(query, der, (size_t)len);
	OPENSSL_free(der);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
	TS_REQ_free(asked);
}

static void a_critical_extension_that_nobody_knows_is_refused_and_another_is_not(void **state) {
	for (int is_critical = 0; is_critical < 2; is_critical++) {
		CLEANUP(buf_done) struct buf query = {0}, response = {0};
		query_with_extension(is_critical, &query);
		tsa_answer(&w.tsa, query.data, query.len, &response);
		const char *verdict = verdict_of(&response, &w.imprint, NULL, w.trust);
		assert_string_equal(verdict,
				    is_critical ? "the token has a critical extension that nobody here knows" : "");
	}
}

static void time_and_certificates_are_compared_at_the_tokens_own_time(void **state) {
	CLEANUP(buf_done) struct buf early = {0}, late = {0}, old = {0};
	struct tsa tsa = tsa_new(&(struct tsa_signer){.from = TSA_NOW, .until = TSA_NOW + TSA_DAY});
	CLEANUP(timestamp_trust_free_p) struct timestamp_trust *trust = tsa_trust(&tsa);
	tsa.time = TSA_NOW - 1;
	tsa_stamp(&tsa, &w.imprint, &early);
	tsa.time = TSA_NOW + TSA_DAY + 1;
	tsa_stamp(&tsa, &w.imprint, &late);
	assert_says(verdict_of(&early, &w.imprint, NULL, trust), "not by a trusted authority: certificate is not yet");
	assert_says(verdict_of(&late, &w.imprint, NULL, trust), "not by a trusted authority: certificate has expired");
	/* One that ended years ago, as seen from the clock on the wall. */
	tsa_new_signer(&tsa,
		       &(struct tsa_signer){.from = TSA_NOW - 3000LL * TSA_DAY, .until = TSA_NOW - 2900LL * TSA_DAY});
	tsa.time = TSA_NOW - 2950LL * TSA_DAY;
	tsa_stamp(&tsa, &w.imprint, &old);
	assert_string_equal(verdict_of(&old, &w.imprint, NULL, trust), "");
	tsa_done(&tsa);
}

static void every_changed_bit_of_a_response_is_refused_or_changes_nothing_that_counts(void **state) {
	CLEANUP(buf_done) struct buf response = {0};
	size_t accepted = 0;
	tsa_stamp(&w.tsa, &w.imprint, &response);
	for (size_t i = 0; i < response.len; i++) {
		CLEANUP(timestamp_done) struct timestamp said = {0};
		struct err err;
		response.data[i] ^= 1;
		if (timestamp_verify(response.data, response.len, &w.imprint, NULL, w.trust, "t", &said, &err)) {
			assert_int_equal(said.time, TSA_NOW);
			assert_string_equal(said.authority, "CN=Test TSA,O=Tests");
			accepted++;
		}
		response.data[i] ^= 1;
	}
	/* The outer status may become "granted with modifications", and algorithm names outside of what is signed. */
	assert_true(accepted < 16);
}

static void what_is_cut_too_large_or_followed_by_bytes_is_refused(void **state) {
	CLEANUP(buf_done) struct buf response = {0}, none = {0}, large = {0};
	tsa_stamp(&w.tsa, &w.imprint, &response);
	assert_says(verdict_of(&none, &w.imprint, NULL, w.trust), "not a time-stamp response");
	for (size_t len = response.len - 1; len > 0; len -= len > 64 ? 61 : 1) {
		const struct buf cut = {.data = response.data, .len = len};
		assert_says(verdict_of(&cut, &w.imprint, NULL, w.trust), "not a time-stamp response");
	}
	buf_add(&response, "", 1);
	assert_says(verdict_of(&response, &w.imprint, NULL, w.trust), "bytes behind the time-stamp response");
	memset(buf_room(&large, TIMESTAMP_RESPONSE_LARGEST + 1), 0x30, TIMESTAMP_RESPONSE_LARGEST + 1);
	large.len = TIMESTAMP_RESPONSE_LARGEST + 1;
	assert_says(verdict_of(&large, &w.imprint, NULL, w.trust), "of more than 65536 bytes");
}

static void certificates_without_a_root_broken_or_too_many_are_refused(void **state) {
	CLEANUP(buf_done) struct buf middle = {0}, root = {0}, many = {0};
	CLEANUP(timestamp_trust_free_p) struct timestamp_trust *trust = timestamp_trust_new();
	struct err err;
	tsa_pem(w.tsa.middle, &middle);
	tsa_pem(w.tsa.root, &root);
	assert_false(timestamp_trust_add(trust, middle.data, middle.len, "ca", &err));
	assert_says(err.why, "none of its certificates is a root");
	assert_false(timestamp_trust_add(trust, "", 0, "ca", &err));
	assert_says(err.why, "there is no certificate in it");
	for (int i = 0; i <= TIMESTAMP_CERTIFICATES_MOST; i++)
		tsa_pem(w.tsa.root, &many);
	assert_false(timestamp_trust_add(trust, many.data, many.len, "ca", &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	root.data[root.len / 2] = '!';
	assert_false(timestamp_trust_add(trust, root.data, root.len, "ca", &err));
	assert_says(err.why, "a certificate is broken");
	CLEANUP(free_ptr) char *large = xcalloc(1, TIMESTAMP_PEM_LARGEST + 1);
	assert_false(timestamp_trust_add(trust, large, TIMESTAMP_PEM_LARGEST + 1, "ca", &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

/* --- renewals --- */

#define LINKS 10
#define LINK_DAYS 700

struct renewals {
	struct tsa tsa;
	struct timestamp_trust *trust;
	struct timestamp_stored stored[LINKS];
};

static struct hash next_imprint(const struct renewals *r, size_t number) {
	return number == 0 ? w.imprint
			   : timestamp_imprint_renewal(TEXT, strlen(TEXT), r->stored[number - 1].response.data,
						       r->stored[number - 1].response.len);
}

/* Each signer lasts two years, each renewal is made a month before; together nearly twenty. */
static void make_renewals(struct renewals *r) {
	r->tsa = tsa_new(&(struct tsa_signer){0});
	r->trust = tsa_trust(&r->tsa);
	for (size_t i = 0; i < LINKS; i++) {
		const int64_t at = TSA_NOW + (int64_t)i * LINK_DAYS * TSA_DAY;
		const struct hash imprint = next_imprint(r, i);
		tsa_new_signer(&r->tsa, &(struct tsa_signer){.from = at - TSA_DAY, .until = at + 730LL * TSA_DAY});
		r->tsa.time = at;
		tsa_stamp(&r->tsa, &imprint, &r->stored[i].response);
		tsa_pem(r->tsa.middle, &r->stored[i].certificates);
	}
}

static void renewals_done(struct renewals *r) {
	tsa_done(&r->tsa);
	timestamp_trust_free(r->trust);
	for (size_t i = 0; i < LINKS; i++)
		timestamp_stored_done(&r->stored[i]);
}

static const char *chain_verdict(const struct renewals *r, size_t count, struct timestamp *ret_first,
				 struct timestamp *ret_last) {
	static char text[640];
	struct err err = {0};
	timestamp_done(ret_first);
	timestamp_done(ret_last);
	if (timestamp_verify_chain(TEXT, strlen(TEXT), r->stored, count, r->trust, ret_first, ret_last, &err))
		return "";
	return err_text(&err, text, sizeof text);
}

static void a_chain_of_renewals_proves_the_first_time_as_long_as_the_last_signer_lasts(void **state) {
	struct renewals r = {0};
	CLEANUP(timestamp_done) struct timestamp first = {0}, last = {0};
	make_renewals(&r);
	assert_string_equal(chain_verdict(&r, LINKS, &first, &last), "");
	assert_int_equal(first.time, TSA_NOW);
	assert_int_equal(last.time, TSA_NOW + (LINKS - 1) * (int64_t)LINK_DAYS * TSA_DAY);
	assert_int_equal(last.signer_expires, last.time + 730LL * TSA_DAY);
	assert_string_equal(chain_verdict(&r, 1, &first, &last), "");
	assert_int_equal(last.signer_expires, TSA_NOW + 730LL * TSA_DAY);
	assert_says(chain_verdict(&r, 0, &first, &last), "there is no time-stamp response");
	assert_says(chain_verdict(&r, TIMESTAMP_RENEWALS_MOST + 1, &first, &last), "more than 64 responses");
	renewals_done(&r);
}

static void a_renewal_that_came_too_late_too_early_or_over_something_else_is_refused(void **state) {
	struct renewals r = {0};
	CLEANUP(timestamp_done) struct timestamp first = {0}, last = {0};
	make_renewals(&r);
	const struct hash imprint = next_imprint(&r, 2);
	tsa_new_signer(&r.tsa,
		       &(struct tsa_signer){.from = TSA_NOW - 9 * TSA_DAY, .until = TSA_NOW + 3000LL * TSA_DAY});
	r.tsa.time = TSA_NOW + (LINK_DAYS + 730LL) * TSA_DAY + 1;
	buf_done(&r.stored[2].response);
	tsa_stamp(&r.tsa, &imprint, &r.stored[2].response);
	assert_says(chain_verdict(&r, 3, &first, &last),
		    "timestamp-3: it was made after the certificate that signed the response before it had ended");
	r.tsa.time -= 1;
	buf_done(&r.stored[2].response);
	tsa_stamp(&r.tsa, &imprint, &r.stored[2].response);
	assert_string_equal(chain_verdict(&r, 3, &first, &last), "");
	r.tsa.time = TSA_NOW;
	buf_done(&r.stored[2].response);
	tsa_stamp(&r.tsa, &imprint, &r.stored[2].response);
	assert_says(chain_verdict(&r, 3, &first, &last), "timestamp-3: it is older than the response that it renews");
	r.tsa.time = TSA_NOW + 2LL * LINK_DAYS * TSA_DAY;
	buf_done(&r.stored[2].response);
	tsa_stamp(&r.tsa, &w.imprint, &r.stored[2].response);
	assert_says(chain_verdict(&r, 3, &first, &last), "timestamp-3: it is over other data");
	renewals_done(&r);
}

static void a_response_left_out_of_a_chain_or_changed_in_it_is_refused(void **state) {
	struct renewals r = {0};
	CLEANUP(timestamp_done) struct timestamp first = {0}, last = {0};
	make_renewals(&r);
	const struct timestamp_stored kept = r.stored[0];
	r.stored[0] = r.stored[1];
	assert_says(chain_verdict(&r, 1, &first, &last), "timestamp-1: it is over other data");
	r.stored[0] = kept;
	const struct timestamp_stored second = r.stored[1];
	r.stored[1] = r.stored[2];
	assert_says(chain_verdict(&r, 2, &first, &last), "timestamp-2: it is over other data");
	r.stored[1] = second;
	renewals_done(&r);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_to_our_request_holds_and_says_time_and_authority),
		cmocka_unit_test(an_answer_to_another_request_is_refused),
		cmocka_unit_test(a_response_over_other_data_is_refused),
		cmocka_unit_test(an_imprint_of_another_hash_is_refused),
		cmocka_unit_test(what_was_not_granted_is_refused_with_the_authoritys_words),
		cmocka_unit_test(another_authority_is_refused),
		cmocka_unit_test(an_intermediate_beside_a_response_is_used_and_a_root_beside_it_is_not_trusted),
		cmocka_unit_test(a_certificate_that_is_not_for_time_alone_is_refused),
		cmocka_unit_test(a_weak_hash_under_the_signature_is_refused),
		cmocka_unit_test(a_weak_hash_under_the_signers_certificate_is_refused),
		cmocka_unit_test(a_critical_extension_that_nobody_knows_is_refused_and_another_is_not),
		cmocka_unit_test(time_and_certificates_are_compared_at_the_tokens_own_time),
		cmocka_unit_test(every_changed_bit_of_a_response_is_refused_or_changes_nothing_that_counts),
		cmocka_unit_test(what_is_cut_too_large_or_followed_by_bytes_is_refused),
		cmocka_unit_test(certificates_without_a_root_broken_or_too_many_are_refused),
		cmocka_unit_test(a_chain_of_renewals_proves_the_first_time_as_long_as_the_last_signer_lasts),
		cmocka_unit_test(a_renewal_that_came_too_late_too_early_or_over_something_else_is_refused),
		cmocka_unit_test(a_response_left_out_of_a_chain_or_changed_in_it_is_refused),
	};
	return cmocka_run_group_tests(tests, make_world, drop_world);
}

/* Enrolment: what is refused before anything is trusted, and that a failure leaves nothing behind. (With a collector:
 * tests/stories.) */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <openssl/pkcs7.h>

#include "agent/enrol_files.h"
#include "agent/est.h"
#include "agent/http.h"
#include "core/text.h"
#include "tests/unit/agent_home.h"

#define FINGERPRINT "a18e533cc3572087fe1193ba470d98447d0f6c63f3878a5adb24eb9cf8f6c519"

static void fingerprint_is_read_as_tools_print_it(void **state) {
	char hex[HASH_HEX];
	assert_true(enrol_fingerprint(FINGERPRINT, hex));
	assert_string_equal(hex, FINGERPRINT);
	assert_true(
		enrol_fingerprint("A1:8E:53:3C:C3:57:20:87:FE:11:93:BA:47:0D:98:44:7D:0F:6C:63:F3:87:8A:5A:DB:24:EB:"
				  "9C:F8:F6:C5:19",
				  hex));
	assert_string_equal(hex, FINGERPRINT);
	assert_true(enrol_fingerprint("sha256:" FINGERPRINT, hex));
	const char *const wrong[] = {"", "a18e", FINGERPRINT "0", "g" FINGERPRINT, "sha1:" FINGERPRINT};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(enrol_fingerprint(wrong[i], hex));
}

/* Enrolment of `root` into `home` with a collector that nobody runs. */
static bool try_enrol(const struct home *home, const char *root, const char *fingerprint, struct err *err) {
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	const struct enrol_options options = {
		.collector = "https://127.0.0.1:1", .token = "t", .ca_fingerprint = fingerprint, .root = root};
	return enrol(home, &options, &enrolment, err);
}

static void failed_enrolment_leaves_nothing_behind(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(scratch_free) char *root = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	struct err err;
	scratch_put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	assert_false(try_enrol(home, root, FINGERPRINT, &err));
	assert_int_equal(err.code, ERR_IO);
	assert_false(scratch_has(folder, "enrolment"));
	assert_false(scratch_has(folder, ".tmp-enrolment"));
	assert_false(try_enrol(home, root, "1234", &err));
	assert_int_equal(err.code, ERR_USAGE);
}

static void second_enrolment_is_refused_and_the_first_stays(void **state) {
	struct agent_home agent;
	struct err err;
	agent_home_new(&agent);
	CLEANUP(free_ptr) char *before = scratch_text(agent.home->enrolment, "evidence.pem");
	assert_false(try_enrol(agent.home, agent.root, FINGERPRINT, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	CLEANUP(free_ptr) char *after = scratch_text(agent.home->enrolment, "evidence.pem");
	assert_string_equal(before, after);
	agent_home_done(&agent);
}

static X509 *self_signed(void) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	X509 *certificate = X509_new();
	agent_need(key_make_ed25519(&key, &err), &err);
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
		    X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
		    X509_gmtime_adj(X509_getm_notAfter(certificate), 60) && X509_set_pubkey(certificate, key) &&
		    X509_sign(certificate, key, NULL));
	return certificate;
}

/* A certs-only PKCS#7 in base64, in lines as EST servers send it. */
static char *bag_of(X509 *certificate) {
	PKCS7 *bag = PKCS7_new();
	unsigned char *der = NULL;
	struct buf text = {0};
	assert_true(PKCS7_set_type(bag, NID_pkcs7_signed) && PKCS7_content_new(bag, NID_pkcs7_data) &&
		    PKCS7_set_detached(bag, 1) && PKCS7_add_certificate(bag, certificate));
	int len = i2d_PKCS7(bag, &der);
	CLEANUP(free_ptr) char *base64 = base64_encode(der, (size_t)len);
	for (size_t at = 0; at < strlen(base64); at += 64)
		buf_addf(&text, "%.64s\r\n", base64 + at);
	OPENSSL_free(der);
	PKCS7_free(bag);
	return buf_take(&text);
}

static void certificates_are_read_from_what_est_sends(void **state) {
	CLEANUP(x509_free_p) X509 *certificate = self_signed();
	CLEANUP(free_ptr) char *text = bag_of(certificate);
	STACK_OF(X509) *found = NULL;
	struct err err;
	assert_true(est_certificates(text, strlen(text), "cacerts", &found, &err));
	assert_int_equal(sk_X509_num(found), 1);
	assert_int_equal(X509_cmp(sk_X509_value(found, 0), certificate), 0);
	sk_X509_pop_free(found, X509_free);
}

static void anything_else_is_refused(void **state) {
	CLEANUP(x509_free_p) X509 *certificate = self_signed();
	CLEANUP(free_ptr) char *text = bag_of(certificate);
	STACK_OF(X509) *found = NULL;
	struct err err;
	const char *const wrong[] = {"", "!", "AAAA", "<html>"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(est_certificates(wrong[i], strlen(wrong[i]), "cacerts", &found, &err));
	for (size_t cut = 4; cut < strlen(text) - 8; cut += 40)
		assert_false(est_certificates(text, cut, "cacerts", &found, &err));
	CLEANUP(buf_done) struct buf big = {0};
	memset(buf_room(&big, (1U << 20) + 1), 'A', (1U << 20) + 1);
	assert_false(est_certificates(big.data, (1U << 20) + 1, "cacerts", &found, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

static bool read_pem(const struct buf *pem, struct err *err) {
	STACK_OF(X509) *found = NULL;
	if (!enrol_certificates(buf_str(pem), pem->len, "file", &found, err))
		return false;
	sk_X509_pop_free(found, X509_free);
	return true;
}

static void certificates_of_a_file_are_counted_and_whole(void **state) {
	CLEANUP(x509_free_p) X509 *certificate = self_signed();
	CLEANUP(buf_done) struct buf pem = {0};
	struct err err;
	assert_false(read_pem(&pem, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	for (int i = 0; i < ENROL_CERTIFICATES_MOST; i++)
		est_pem(certificate, &pem);
	agent_need(read_pem(&pem, &err), &err);
	est_pem(certificate, &pem);
	assert_false(read_pem(&pem, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	buf_done(&pem);
	est_pem(certificate, &pem);
	buf_adds(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_false(read_pem(&pem, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
}

/* What a first boot gives up at, and what it tries again. */
static void a_refusal_is_final_and_a_silence_is_not(void **state) {
	struct http_answer answer = {0};
	struct err err;
	static const struct {
		long status;
		bool is_final;
	} answers[] = {{401, true}, {403, true}, {400, true}, {404, true}, {429, false}, {500, false}, {503, false}};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		answer.status = answers[i].status;
		assert_false(http_is_ok(&answer, "simpleenroll", &err));
		assert_int_equal(enrol_is_final(&err), answers[i].is_final);
	}
	assert_false(err_set(&err, ERR_REFUSED, "https://x", HTTP_TLS "certificate is not yet valid"));
	assert_false(enrol_is_final(&err));
	assert_false(err_set(&err, ERR_REFUSED, "cacerts", "the collector's CA has another fingerprint"));
	assert_true(enrol_is_final(&err));
	assert_false(err_set(&err, ERR_TIMEOUT, "https://x", "timed out"));
	assert_false(enrol_is_final(&err));
}

static void a_request_waits_and_is_not_made_twice(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(scratch_free) char *root = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(buf_done) struct buf first = {0};
	CLEANUP(buf_done) struct buf second = {0};
	const struct enrol_options options = {.collector = "https://127.0.0.1:1", .root = root};
	const struct enrol_files files = {.certificate = "/nonexistent", .ca = "/nonexistent", .log_key = "x"};
	struct enrolment *enrolment = NULL;
	struct err err;
	scratch_put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	agent_need(enrol_request(home, &options, &first, &err), &err);
	assert_true(text_starts(buf_str(&first), "-----BEGIN CERTIFICATE REQUEST-----\n"));
	assert_false(enrol_request(home, &options, &second, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_false(enrol_by_files(home, &options, &files, &enrolment, &err));
	assert_true(scratch_has(folder, "requested/enrolment/transport.pem"));
	scratch_put(root, "etc/machine-id", "fedcba9876543210fedcba9876543210\n");
	assert_false(enrol_by_files(home, &options, &files, &enrolment, &err));
	assert_non_null(strstr(err.why, "the request was made for host"));
	assert_false(scratch_has(folder, "enrolment"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprint_is_read_as_tools_print_it),
		cmocka_unit_test(failed_enrolment_leaves_nothing_behind),
		cmocka_unit_test(second_enrolment_is_refused_and_the_first_stays),
		cmocka_unit_test(certificates_are_read_from_what_est_sends),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(certificates_of_a_file_are_counted_and_whole),
		cmocka_unit_test(a_refusal_is_final_and_a_silence_is_not),
		cmocka_unit_test(a_request_waits_and_is_not_made_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which certificate is used, and when it is renewed. (With a collector: tests/stories/43-keys.sh.) */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/est.h"
#include "agent/renew.h"
#include "collector/ca.h"
#include "core/times.h"
#include "tests/unit/agent_home.h"

#define LIFE 36000

static struct agent_home agent;
static EVP_PKEY *transport, *other_key;
static struct ca *ca, *other_ca;
static char *folder, *other_folder;
static int64_t now;

static void make_ca(char **ret_folder, struct ca **ret_ca) {
	struct err err;
	*ret_folder = scratch_new();
	agent_need(ca_create(*ret_folder, NULL, 0, now, &err) && ca_load(*ret_folder, ret_ca, &err), &err);
}

static void put(const char *path, X509 *certificate) {
	struct err err;
	CLEANUP(buf_done) struct buf pem = {0};
	est_pem(certificate, &pem);
	agent_need(file_write(path, pem.data, pem.len, 0644, &err), &err);
}

/* A certificate that ends so many seconds from now. */
static void put_certificate(const char *path, const struct ca *issuer, EVP_PKEY *key, int64_t ends) {
	struct err err;
	X509 *certificate = NULL;
	agent_need(ca_issue(issuer, agent.enrolment->host_id, key, now + ends - LIFE + 300, now + ends, &certificate,
			    &err),
		   &err);
	put(path, certificate);
	X509_free(certificate);
}

static int make(void **state) {
	struct err err;
	now = times_now();
	agent_home_new(&agent);
	make_ca(&folder, &ca);
	make_ca(&other_folder, &other_ca);
	agent_need(home_make(agent.home, &err) && key_load(agent.home->transport_key, &transport, &err) &&
			   key_make_p256(&other_key, &err),
		   &err);
	put(agent.home->ca, ca->certificate);
	put_certificate(agent.home->transport_certificate, ca, transport, LIFE);
	return 0;
}

static int drop(void **state) {
	EVP_PKEY_free(transport);
	EVP_PKEY_free(other_key);
	ca_free(ca);
	ca_free(other_ca);
	scratch_free(&folder);
	scratch_free(&other_folder);
	agent_home_done(&agent);
	return 0;
}

static struct renewal *open_renewal(void) {
	struct err err;
	struct renewal *renewal = NULL;
	agent_need(renewal_open(agent.home, agent.enrolment, transport, &renewal, &err), &err);
	return renewal;
}

/* Whether the renewed one is used, with what is there. */
static bool uses_renewed(int64_t ends) {
	CLEANUP(renewal_free_p) struct renewal *renewal = open_renewal();
	bool is_renewed = strcmp(renewal_certificate(renewal), agent.home->transport_certificate) != 0;
	assert_int_equal(renewal_ends(renewal), now + (is_renewed ? ends : LIFE));
	return is_renewed;
}

static void newer_certificate_of_this_enrolment_is_used_and_no_other(void **state) {
	CLEANUP(free_ptr) char *path = file_join(agent.home->receipts, "transport-cert.pem");
	assert_false(uses_renewed(0));
	put_certificate(path, ca, transport, LIFE + 1);
	assert_true(uses_renewed(LIFE + 1));
	put_certificate(path, ca, transport, LIFE); /* it ends no later */
	assert_false(uses_renewed(0));
	put_certificate(path, ca, other_key, 2 * LIFE); /* of an earlier enrolment */
	assert_false(uses_renewed(0));
	put_certificate(path, other_ca, transport, 2 * LIFE); /* of another collector */
	assert_false(uses_renewed(0));
	scratch_put(agent.home->receipts, "transport-cert.pem", "nonsense\n");
	assert_false(uses_renewed(0));
}

static void renewal_is_due_at_two_thirds_of_the_life_and_a_little_later_by_chance(void **state) {
	bool differs = false;
	for (int i = 0; i < 50; i++) {
		CLEANUP(renewal_free_p) struct renewal *renewal = open_renewal();
		int64_t from = now, due = renewal_due(renewal) - from;
		assert_in_range(due, LIFE * 2 / 3, LIFE * 2 / 3 + LIFE / 12);
		differs |= due > LIFE * 2 / 3 + 10;
	}
	assert_true(differs);
}

static void renewal_that_fails_keeps_the_certificate_and_is_tried_later(void **state) {
	CLEANUP(free_ptr) char *collector = agent.enrolment->collector;
	struct err err;
	agent.enrolment->collector = xstrdup("https://127.0.0.1:1");
	put_certificate(agent.home->transport_certificate, ca, transport, 60); /* long due */
	CLEANUP(renewal_free_p) struct renewal *renewal = open_renewal();
	assert_true(renewal_due(renewal) <= now);
	assert_false(renewal_try(renewal, NULL, &err));
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(renewal_certificate(renewal), agent.home->transport_certificate);
	assert_in_range(renewal_due(renewal), now + 5, now + LIFE);
	assert_false(scratch_has(agent.home->receipts, "transport-cert.pem"));
}

static void a_retry_that_a_wrong_clock_put_far_off_counts_for_nothing(void **state) {
	const int64_t due = 1000000, year = 365 * 86400;
	assert_int_equal(renewal_when(due, 0, due + 5), due);
	assert_int_equal(renewal_when(due, due + 60, due + 5), due + 60);
	assert_int_equal(renewal_when(due, due + 60, due + 65), due + 60);
	/* It failed while the clock was years ahead; then somebody set it right. */
	assert_int_equal(renewal_when(due, due + 20 * year, due - year), due);
	assert_int_equal(renewal_when(due, due + 20 * year, due + 5), due);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(newer_certificate_of_this_enrolment_is_used_and_no_other, make, drop),
		cmocka_unit_test_setup_teardown(renewal_is_due_at_two_thirds_of_the_life_and_a_little_later_by_chance,
						make, drop),
		cmocka_unit_test(a_retry_that_a_wrong_clock_put_far_off_counts_for_nothing),
		cmocka_unit_test_setup_teardown(renewal_that_fails_keeps_the_certificate_and_is_tried_later, make,
						drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

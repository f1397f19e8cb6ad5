/* Shipping to a collector that answers well, badly, or with nonsense: an entry leaves the queue with a receipt that
 * holds, or goes aside with a reason, or stays. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/enrol.h"
#include "agent/est.h"
#include "agent/ship.h"
#include "tests/unit/agent_home.h"
#include "tests/unit/tls_server.h"

#define ENTRIES 4

static struct agent_home agent;
static struct dsse *envelopes[ENTRIES];
static char *receipts[ENTRIES];
static EVP_PKEY *server_key;
static X509 *server_certificate;

static void save_certificate(const char *path, X509 *certificate) {
	struct err err;
	CLEANUP(buf_done) struct buf pem = {0};
	est_pem(certificate, &pem);
	agent_need(file_write(path, pem.data, pem.len, 0644, &err), &err);
}

static void make_certificates(void) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *transport = NULL;
	agent_need(key_make_p256(&server_key, &err) && key_load(agent.home->transport_key, &transport, &err), &err);
	CLEANUP(x509_free_p) X509 *certificate = tls_certificate(transport);
	server_certificate = tls_certificate(server_key);
	save_certificate(agent.home->transport_certificate, certificate);
	save_certificate(agent.home->ca, server_certificate);
}

/* An enrolment, a policy and two rounds in the queue, and the log that a good collector would have made of them. */
static int make(void **state) {
	agent_home_new(&agent);
	struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	sealer_close(sealer);
	for (size_t i = 0; i < ENTRIES; i++) {
		statement_free(agent_statement(&agent, i + 1, NULL, &envelopes[i]));
		agent_log_add(&agent, envelopes[i]);
	}
	for (size_t i = 0; i < ENTRIES; i++)
		receipts[i] = agent_log_receipt(&agent, i);
	make_certificates();
	return 0;
}

static int drop(void **state) {
	for (size_t i = 0; i < ENTRIES; i++) {
		dsse_free(envelopes[i]);
		free(receipts[i]);
	}
	EVP_PKEY_free(server_key);
	X509_free(server_certificate);
	agent_home_done(&agent);
	return 0;
}

static void add_answer(struct buf *lines, size_t of, const char *outcome, size_t receipt_of) {
	char hex[HASH_HEX];
	struct err err;
	struct hash digest = dsse_digest(envelopes[of]);
	CLEANUP(json_decref_p)
	json_t *answer = json_pack("{s:s, s:s, s:s, s:s}", "digest", hash_hex(&digest, hex), "outcome", outcome,
				   "reason", "because", "receipt", receipts[receipt_of]);
	assert_true(json_canonical(answer, lines, &err));
	buf_adds(lines, "\n");
}

static char *http_answer(const char *status, const char *text) {
	return xasprintf("HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status, strlen(text),
			 text);
}

/* Of the log as it is now; the caller frees. */
static char *checkpoint_now(void) {
	CLEANUP(free_ptr) char *receipt = agent_log_receipt(&agent, 0);
	return xstrdup(strstr(receipt, "\n\n") + 2);
}

/* Ship once to a server that answers so, and gives the checkpoint when it is asked for it; what ship() says. */
static bool ship_to(const char *status, const struct buf *lines, struct shipped *shipped, struct err *err) {
	CLEANUP(shipper_close_p) struct shipper *shipper = NULL;
	CLEANUP(free_ptr) char *answer = http_answer(status, buf_str(lines));
	CLEANUP(free_ptr) char *note = checkpoint_now();
	CLEANUP(free_ptr) char *checkpoint = http_answer("200 OK", note);
	const char *const answers[] = {answer, checkpoint, NULL};
	struct tls_server server = tls_server_start(server_key, server_certificate, answers);
	free(agent.enrolment->collector);
	agent.enrolment->collector = xasprintf("https://127.0.0.1:%d", server.port);
	assert_true(shipper_open(agent.home, agent.enrolment, NULL, &shipper, err));
	bool ok = ship(shipper, shipped, err);
	tls_server_stop(&server);
	return ok;
}

/* ship.lock and, with the first receipt, the checkpoint lie beside them. */
static size_t receipts_kept(void) {
	return scratch_count(agent.home->receipts) - scratch_has(agent.home->receipts, "ship.lock") -
	       scratch_has(agent.home->receipts, "incomplete") - scratch_has(agent.home->receipts, "checkpoint");
}

static void stays(size_t entries, size_t kept_receipts) {
	assert_int_equal(scratch_count(agent.home->queue), entries);
	assert_int_equal(receipts_kept(), kept_receipts);
}

/* receipts/incomplete names this statement. */
static void assert_asked(int sequence) {
	CLEANUP(free_ptr) char *text = scratch_text(agent.home->receipts, "incomplete");
	CLEANUP(free_ptr) char *expected = xasprintf("{\"sequence\":%d}", sequence);
	assert_string_equal(text, expected);
}

static void all_logged_empties_the_queue(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct shipped shipped;
	struct err err = {0};
	for (size_t i = 0; i < ENTRIES; i++)
		add_answer(&lines, i, i ? "logged" : "known", i);
	if (!ship_to("200 OK", &lines, &shipped, &err))
		fail_msg("%s: %s", err.where, err.why);
	assert_int_equal(shipped.stored, ENTRIES);
	assert_false(shipped.more);
	stays(0, ENTRIES);
}

static void answers_in_another_order_are_refused(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct shipped shipped;
	struct err err;
	for (size_t i = 0; i < ENTRIES; i++)
		add_answer(&lines, ENTRIES - 1 - i, "logged", ENTRIES - 1 - i);
	assert_false(ship_to("200 OK", &lines, &shipped, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	stays(ENTRIES, 0);
}

static void receipt_that_does_not_hold_keeps_the_entry(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct shipped shipped;
	struct err err;
	add_answer(&lines, 0, "logged", 0);
	add_answer(&lines, 1, "logged", 2);
	add_answer(&lines, 2, "logged", 2);
	add_answer(&lines, 3, "logged", 3);
	assert_false(ship_to("200 OK", &lines, &shipped, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_int_equal(shipped.stored, 1);
	stays(ENTRIES - 1, 1);
}

static void missing_answers_keep_their_entries(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct shipped shipped;
	struct err err;
	add_answer(&lines, 0, "logged", 0);
	add_answer(&lines, 1, "logged", 1);
	assert_false(ship_to("200 OK", &lines, &shipped, &err));
	assert_non_null(strstr(err.why, "2 answers to 4 statements"));
	stays(2, 2);
}

static void refused_for_good_goes_aside_and_the_rest_goes_on(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct shipped shipped;
	struct err err;
	for (size_t i = 0; i < ENTRIES; i++)
		add_answer(&lines, i, i == 1 ? "refused" : "logged", i);
	assert_true(ship_to("200 OK", &lines, &shipped, &err));
	assert_int_equal(shipped.stored, ENTRIES - 1);
	assert_int_equal(shipped.refused, 1);
	assert_non_null(strstr(shipped.refused_why, "because"));
	assert_int_equal(scratch_count(agent.home->refused), 2); /* the entry and its reason */
	assert_asked(2);
	CLEANUP(shipper_close_p) struct shipper *next = NULL;
	assert_true(shipper_open(agent.home, agent.enrolment, NULL, &next, &err));
	assert_int_equal(next->set_aside, 1); /* said again at each start */
	stays(0, ENTRIES - 1);
}

static void collector_that_does_not_know_the_results_has_them_all_asked_for(void **state) {
	CLEANUP(buf_done) struct buf lines = {0}, last = {0};
	struct shipped shipped;
	struct err err;
	for (size_t i = 0; i < ENTRIES; i++)
		add_answer(&lines, i, "logged", i);
	/* In the third of the four lines. */
	char *third = strstr(strstr(lines.data, "\n") + 1, "\n") + 1;
	CLEANUP(free_ptr)
	char *told = xasprintf("%.*s{\"state\":\"incomplete\",%s", (int)(third - lines.data), lines.data, third + 1);
	buf_adds(&last, told);
	assert_true(ship_to("200 OK", &last, &shipped, &err));
	stays(0, ENTRIES);
	assert_asked(3);
}

static void nothing_is_asked_for_when_all_is_known(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct shipped shipped;
	struct err err;
	for (size_t i = 0; i < ENTRIES; i++)
		add_answer(&lines, i, "logged", i);
	assert_true(ship_to("200 OK", &lines, &shipped, &err));
	assert_false(scratch_has(agent.home->receipts, "incomplete"));
}

/* A collector set back to a backup refuses what follows, as a gap: the evidence stays until somebody looks. */
static void refusal_by_a_log_that_forgot_is_not_believed(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct shipped shipped;
	struct err err;
	add_answer(&lines, 0, "logged", 0);
	for (size_t i = 1; i < ENTRIES; i++)
		add_answer(&lines, i, "refused", i);
	agent.leaf_count = 2; /* and the receipt was given over four */
	assert_false(ship_to("200 OK", &lines, &shipped, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.why, "the log shrank from 4 to 2 entries"));
	assert_int_equal(shipped.refused, 0);
	stays(ENTRIES - 1, 1);
}

static void later_keeps_the_entry_and_those_behind_it(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	struct shipped shipped;
	struct err err;
	for (size_t i = 0; i < ENTRIES; i++)
		add_answer(&lines, i, i == 1 ? "retry" : "logged", i);
	assert_false(ship_to("200 OK", &lines, &shipped, &err));
	assert_int_equal(err.code, ERR_TIMEOUT);
	stays(ENTRIES - 1, 1);
}

static void busy_collector_is_heeded(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	struct shipped shipped;
	struct err err;
	buf_adds(&text, "{\"error\":\"too many\"}");
	assert_false(ship_to("503 Service Unavailable\r\nRetry-After: 7", &text, &shipped, &err));
	assert_int_equal(shipped.retry_after, 7);
	assert_non_null(strstr(err.why, "503: too many"));
	stays(ENTRIES, 0);
}

static void nonsense_keeps_everything(void **state) {
	const char *const nonsense[] = {"", "<html>", "{}\n", "[]\n{}\n",
					"{\"digest\":\"\",\"outcome\":\"burnt\",\"reason\":\"\"}\n"};
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
		CLEANUP(buf_done) struct buf text = {0};
		struct shipped shipped;
		struct err err;
		buf_adds(&text, nonsense[i]);
		assert_false(ship_to("200 OK", &text, &shipped, &err));
		stays(ENTRIES, 0);
	}
}

static void server_of_another_ca_gets_nothing(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(key_free_p) EVP_PKEY *other = NULL;
	struct shipped shipped;
	struct err err;
	assert_true(key_make_p256(&other, &err));
	CLEANUP(x509_free_p) X509 *certificate = tls_certificate(other);
	save_certificate(agent.home->ca, certificate);
	for (size_t i = 0; i < ENTRIES; i++)
		add_answer(&lines, i, "logged", i);
	assert_false(ship_to("200 OK", &lines, &shipped, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.why, "TLS"));
	stays(ENTRIES, 0);
}

static void entry_that_is_no_statement_any_more_goes_aside(void **state) {
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	struct shipped shipped;
	struct err err;
	assert_true(spool_list(agent.home->queue, &queue, &err));
	scratch_put(agent.home->queue, queue.names[0], "{\"payload\":");
	for (size_t i = 1; i < ENTRIES; i++)
		add_answer(&lines, i, "logged", i);
	assert_true(ship_to("200 OK", &lines, &shipped, &err));
	assert_int_equal(shipped.refused, 1);
	assert_int_equal(shipped.stored, ENTRIES - 1);
	stays(0, ENTRIES - 1);
	assert_asked(1);
}

static void transport_key_that_others_may_read_is_refused(void **state) {
	struct shipper *shipper = NULL;
	struct err err;
	assert_int_equal(chmod(agent.home->transport_key, 0604), 0);
	assert_false(shipper_open(agent.home, agent.enrolment, NULL, &shipper, &err));
	assert_int_equal(err.code, ERR_REFUSED);
}

static void second_shipper_and_enrolment_beside_one_are_refused(void **state) {
	CLEANUP(shipper_close_p) struct shipper *shipper = NULL;
	const struct enrol_options options = {.collector = "https://127.0.0.1:1",
					      .token = "t",
					      .ca_fingerprint = "none",
					      .root = agent.root,
					      .force = true};
	struct enrolment *enrolment = NULL;
	struct shipper *second = NULL;
	struct err err;
	assert_true(shipper_open(agent.home, agent.enrolment, NULL, &shipper, &err));
	assert_false(shipper_open(agent.home, agent.enrolment, NULL, &second, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.why, "another process ships"));
	assert_false(enrol(agent.home, &options, &enrolment, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.why, "another process ships"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_logged_empties_the_queue, make, drop),
		cmocka_unit_test_setup_teardown(answers_in_another_order_are_refused, make, drop),
		cmocka_unit_test_setup_teardown(receipt_that_does_not_hold_keeps_the_entry, make, drop),
		cmocka_unit_test_setup_teardown(missing_answers_keep_their_entries, make, drop),
		cmocka_unit_test_setup_teardown(refused_for_good_goes_aside_and_the_rest_goes_on, make, drop),
		cmocka_unit_test_setup_teardown(collector_that_does_not_know_the_results_has_them_all_asked_for, make,
						drop),
		cmocka_unit_test_setup_teardown(nothing_is_asked_for_when_all_is_known, make, drop),
		cmocka_unit_test_setup_teardown(refusal_by_a_log_that_forgot_is_not_believed, make, drop),
		cmocka_unit_test_setup_teardown(later_keeps_the_entry_and_those_behind_it, make, drop),
		cmocka_unit_test_setup_teardown(busy_collector_is_heeded, make, drop),
		cmocka_unit_test_setup_teardown(nonsense_keeps_everything, make, drop),
		cmocka_unit_test_setup_teardown(server_of_another_ca_gets_nothing, make, drop),
		cmocka_unit_test_setup_teardown(entry_that_is_no_statement_any_more_goes_aside, make, drop),
		cmocka_unit_test_setup_teardown(second_shipper_and_enrolment_beside_one_are_refused, make, drop),
		cmocka_unit_test_setup_teardown(transport_key_that_others_may_read_is_refused, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

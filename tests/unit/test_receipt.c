/* Receipts: the agent lets go of a statement only for one that holds, from a log that has forgotten nothing. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/ship.h"
#include "tests/unit/agent_home.h"

static struct agent_home agent;
static struct dsse *envelopes[4]; /* of the first four statements */

static int make(void **state) {
	agent_home_new(&agent);
	struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	sealer_close(sealer);
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++)
		statement_free(agent_statement(&agent, i + 1, NULL, &envelopes[i]));
	return 0;
}

static int drop(void **state) {
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++)
		dsse_free(envelopes[i]);
	agent_home_done(&agent);
	return 0;
}

static struct receipts *open_receipts(void) {
	struct receipts *receipts = NULL;
	struct err err;
	agent_need(receipts_open(agent.home, agent.enrolment->vkey, &receipts, &err), &err);
	return receipts;
}

static void refuses(struct receipts *receipts, const struct dsse *envelope, const char *receipt, const char *why) {
	struct err err = {0};
	size_t before = scratch_count(agent.home->receipts);
	CLEANUP(free_ptr) char *checkpoint = scratch_text(agent.folder, "receipts/checkpoint");
	char text[640];
	assert_false(receipt_keep(receipts, envelope, receipt, &err));
	if (!strstr(err_text(&err, text, sizeof text), why))
		fail_msg("expected \"%s\" in \"%s\"", why, text);
	CLEANUP(free_ptr) char *after = scratch_text(agent.folder, "receipts/checkpoint");
	assert_int_equal(scratch_count(agent.home->receipts), before);
	assert_string_equal(checkpoint, after);
}

static void receipt_that_holds_is_kept_with_its_checkpoint(void **state) {
	CLEANUP(receipts_close_p) struct receipts *receipts = open_receipts();
	struct err err;
	char hex[HASH_HEX];
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++)
		agent_log_add(&agent, envelopes[i]);
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
		CLEANUP(free_ptr) char *receipt = agent_log_receipt(&agent, i);
		struct hash digest = dsse_digest(envelopes[i]);
		CLEANUP(free_ptr) char *name = xasprintf("%s.tlog-proof", hash_hex(&digest, hex));
		assert_true(receipt_keep(receipts, envelopes[i], receipt, &err));
		CLEANUP(free_ptr) char *kept = scratch_text(agent.home->receipts, name);
		assert_string_equal(kept, receipt);
		assert_non_null(strstr(receipt, "log.example\n4\n"));
	}
	CLEANUP(free_ptr) char *checkpoint = scratch_text(agent.folder, "receipts/checkpoint");
	assert_memory_equal(checkpoint, "log.example\n4\n", 14);
}

static void another_statements_receipt_is_refused(void **state) {
	CLEANUP(receipts_close_p) struct receipts *receipts = open_receipts();
	agent_log_add(&agent, envelopes[0]);
	agent_log_add(&agent, envelopes[1]);
	CLEANUP(free_ptr) char *receipt = agent_log_receipt(&agent, 1);
	refuses(receipts, envelopes[0], receipt, "inclusion");
}

static void another_logs_receipt_is_refused(void **state) {
	CLEANUP(receipts_close_p) struct receipts *receipts = open_receipts();
	CLEANUP(key_free_p) EVP_PKEY *other = NULL;
	struct err err;
	assert_true(key_make_ed25519(&other, &err));
	agent_log_add(&agent, envelopes[0]);
	EVP_PKEY *kept = agent.log_key;
	agent.log_key = other;
	CLEANUP(free_ptr) char *receipt = agent_log_receipt(&agent, 0);
	agent.log_key = kept;
	refuses(receipts, envelopes[0], receipt, "checkpoint");
}

static void text_that_is_no_receipt_is_refused(void **state) {
	CLEANUP(receipts_close_p) struct receipts *receipts = open_receipts();
	refuses(receipts, envelopes[0], "", "");
	refuses(receipts, envelopes[0], "c2sp.org/tlog-proof@v1\nindex 0\n\n", "");
}

static void log_that_shrank_is_refused_also_after_a_restart(void **state) {
	struct receipts *receipts = open_receipts();
	struct err err;
	agent_log_add(&agent, envelopes[0]);
	CLEANUP(free_ptr) char *earlier = agent_log_receipt(&agent, 0);
	agent_log_add(&agent, envelopes[1]);
	CLEANUP(free_ptr) char *later = agent_log_receipt(&agent, 1);
	assert_true(receipt_keep(receipts, envelopes[1], later, &err));
	refuses(receipts, envelopes[0], earlier, "shrank from 2 to 1");
	assert_true(receipts->is_contradicted);
	receipts_close(receipts);
	receipts = open_receipts();
	refuses(receipts, envelopes[0], earlier, "shrank from 2 to 1");
	receipts_close(receipts);
}

static void log_with_another_root_of_the_same_size_is_refused(void **state) {
	CLEANUP(receipts_close_p) struct receipts *receipts = open_receipts();
	struct err err;
	agent_log_add(&agent, envelopes[0]);
	agent_log_add(&agent, envelopes[1]);
	CLEANUP(free_ptr) char *one = agent_log_receipt(&agent, 0);
	assert_true(receipt_keep(receipts, envelopes[0], one, &err));
	agent.leaf_count = 1;
	agent_log_add(&agent, envelopes[2]);
	CLEANUP(free_ptr) char *forked = agent_log_receipt(&agent, 1);
	refuses(receipts, envelopes[2], forked, "another root");
	assert_true(receipts->is_contradicted);
}

static bool tile_of_leaves(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
			   struct err *err) {
	assert_int_equal(level, 0);
	assert_int_equal(index, 0);
	buf_add(ret_bytes, agent.leaves, width * sizeof agent.leaves[0]);
	return true;
}

static bool no_tile(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
		    struct err *err) {
	return err_set(err, ERR_IO, "tile", "no answer");
}

static void larger_log_is_believed_when_it_continues_the_one_seen_last(void **state) {
	CLEANUP(receipts_close_p) struct receipts *receipts = open_receipts();
	struct err err;
	receipts->get = tile_of_leaves;
	for (size_t i = 0; i < 3; i++) {
		agent_log_add(&agent, envelopes[i]);
		CLEANUP(free_ptr) char *receipt = agent_log_receipt(&agent, i);
		assert_true(receipt_keep(receipts, envelopes[i], receipt, &err));
	}
	agent_log_add(&agent, envelopes[3]);
	CLEANUP(free_ptr) char *receipt = agent_log_receipt(&agent, 3);
	receipts->get = no_tile;
	refuses(receipts, envelopes[3], receipt, "no answer");
	assert_false(receipts->is_contradicted);
	/* The same size and more, and one entry of old is another. */
	receipts->get = tile_of_leaves;
	agent.leaves[1] = agent.leaves[0];
	CLEANUP(free_ptr) char *rewritten = agent_log_receipt(&agent, 3);
	refuses(receipts, envelopes[3], rewritten, "does not continue the one of 3 seen before");
	assert_true(receipts->is_contradicted);
}

/* In the order in which they came, whatever their names. */
static void only_the_newest_receipts_are_kept(void **state) {
	CLEANUP(receipts_close_p) struct receipts *receipts = open_receipts();
	struct err err;
	receipts->get = tile_of_leaves;
	receipts->most = 2;
	scratch_put(agent.home->receipts, "other.tlog-proof", "of nobody");
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
		const struct timespec moment = {0, 20000000}; /* a file's time is coarse */
		agent_log_add(&agent, envelopes[i]);
		CLEANUP(free_ptr) char *receipt = agent_log_receipt(&agent, i);
		assert_true(receipt_keep(receipts, envelopes[i], receipt, &err));
		nanosleep(&moment, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
		char hex[HASH_HEX];
		struct hash digest = dsse_digest(envelopes[i]);
		CLEANUP(free_ptr) char *name = xasprintf("%s.tlog-proof", hash_hex(&digest, hex));
		assert_int_equal(scratch_has(agent.home->receipts, name), i >= 2);
	}
	assert_true(scratch_has(agent.home->receipts, "other.tlog-proof"));
	CLEANUP(receipts_close_p) struct receipts *next = open_receipts();
	assert_int_equal(next->count, 2);
	assert_int_equal(next->most, RECEIPTS_MOST);
}

static void checkpoint_on_disk_that_does_not_verify_stops_shipping(void **state) {
	struct receipts *receipts = NULL;
	struct err err;
	scratch_put(agent.folder, "receipts/checkpoint", "log.example\n4\nAAAA\n\n");
	assert_false(receipts_open(agent.home, agent.enrolment->vkey, &receipts, &err));
	assert_int_equal(err.code, ERR_REFUSED);
}

static void next_statement_carries_the_checkpoint_that_was_seen(void **state) {
	CLEANUP(receipts_close_p) struct receipts *receipts = open_receipts();
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	struct err err;
	agent_log_add(&agent, envelopes[0]);
	CLEANUP(free_ptr) char *receipt = agent_log_receipt(&agent, 0);
	assert_true(receipt_keep(receipts, envelopes[0], receipt, &err));
	agent_round(&agent, sealer);
	CLEANUP(statement_free_p) struct statement *before = agent_statement(&agent, 4, NULL, NULL);
	CLEANUP(statement_free_p) struct statement *after = agent_statement(&agent, 5, NULL, NULL);
	assert_null(before->checkpoint);
	assert_int_equal(json_integer_value(json_object_get(after->checkpoint, "size")), 1);
	assert_string_equal(json_string_value(json_object_get(after->checkpoint, "origin")), "log.example");
}

static void delay_grows_to_five_minutes_and_heeds_the_collector(void **state) {
	for (unsigned failures = 1; failures < 40; failures++) {
		uint64_t most = failures < 10 ? UINT64_C(1000000) << (failures - 1) : 300000000;
		uint64_t delay = ship_delay(failures, 0);
		if (most > 300000000)
			most = 300000000;
		assert_in_range(delay, most / 2, most);
	}
	assert_true(ship_delay(1, 120) >= 120000000);
	assert_true(ship_delay(1, INT64_MAX) <= UINT64_C(3600000000));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(receipt_that_holds_is_kept_with_its_checkpoint, make, drop),
		cmocka_unit_test_setup_teardown(only_the_newest_receipts_are_kept, make, drop),
		cmocka_unit_test_setup_teardown(another_statements_receipt_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(another_logs_receipt_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(text_that_is_no_receipt_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(log_that_shrank_is_refused_also_after_a_restart, make, drop),
		cmocka_unit_test_setup_teardown(log_with_another_root_of_the_same_size_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(larger_log_is_believed_when_it_continues_the_one_seen_last, make, drop),
		cmocka_unit_test_setup_teardown(checkpoint_on_disk_that_does_not_verify_stops_shipping, make, drop),
		cmocka_unit_test_setup_teardown(next_statement_carries_the_checkpoint_that_was_seen, make, drop),
		cmocka_unit_test(delay_grows_to_five_minutes_and_heeds_the_collector),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

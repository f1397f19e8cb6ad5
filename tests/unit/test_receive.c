/* Receiving: verify, log, store, answer; again, out of order, tampered, and across crashes. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/agree.h"
#include "collector_kit.h"

static void a_first_enrolment_and_a_round_are_logged_with_receipts_that_verify(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_add_enrolment(&host, &lines);
	kit_add_pass(&host, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_int_equal(json_array_size(answers), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(kit_answer(answers, i, "reason"), "");
		assert_string_equal(kit_answer(answers, i, "outcome"), "logged");
	}
	assert_string_equal(kit_answer(answers, 1, "digest"), host.previous);
	const char *second = strchr(lines.data, '\n') + 1;
	assert_int_equal(kit_check_receipt(&kit, &host, lines.data, kit_answer(answers, 0, "receipt")), 0);
	assert_int_equal(kit_check_receipt(&kit, &host, second, kit_answer(answers, 1, "receipt")), 1);
	assert_int_equal(log_size(kit.log), 2);
	kit_host_done(&host);
	kit_done(&kit);
}

static void what_comes_again_is_known_with_the_same_index(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_add_enrolment(&host, &lines);
	kit_add_pass(&host, &lines);
	json_decref(kit_send(&kit, &host, &lines));
	kit_shut(&kit);
	kit_open(&kit);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "known");
	assert_string_equal(kit_answer(answers, 1, "outcome"), "known");
	const char *second = strchr(lines.data, '\n') + 1;
	assert_int_equal(kit_check_receipt(&kit, &host, second, kit_answer(answers, 1, "receipt")), 1);
	assert_int_equal(log_size(kit.log), 2);
	assert_int_equal(kit.tally.known, 2);
	kit_host_done(&host);
	kit_done(&kit);
}

static void one_line_twice_in_a_request_is_logged_once(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_add_enrolment(&host, &lines);
	CLEANUP(free_ptr) char *copy = xstrdup(lines.data);
	buf_adds(&lines, copy);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
	assert_string_equal(kit_answer(answers, 1, "outcome"), "known");
	assert_int_equal(log_size(kit.log), 1);
	kit_host_done(&host);
	kit_done(&kit);
}

static void assert_refused(struct kit *kit, const struct kit_host *host, const struct buf *lines, const char *reason) {
	uint64_t before = log_size(kit->log);
	CLEANUP(json_decref_p) json_t *answers = kit_send(kit, host, lines);
	size_t last = json_array_size(answers) - 1;
	assert_string_equal(kit_answer(answers, last, "outcome"), "refused");
	if (!strstr(kit_answer(answers, last, "reason"), reason))
		fail_msg("\"%s\" does not say \"%s\"", kit_answer(answers, last, "reason"), reason);
	assert_string_equal(kit_answer(answers, last, "receipt"), "");
	assert_int_equal(log_size(kit->log), before + last);
}

static void a_round_before_the_enrolment_is_refused(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_add_pass(&host, &lines);
	assert_refused(&kit, &host, &lines, "evidence key: the first statement of a certificate must be an enrolment");
	kit_host_done(&host);
	kit_done(&kit);
}

/* A host that is enrolled with one statement; lines is empty again. */
static void enrol(struct kit *kit, struct kit_host *host) {
	CLEANUP(buf_done) struct buf lines = {0};
	kit_add_enrolment(host, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(kit, host, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
}

static void forks_are_refused_with_their_reason(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	host.sequence = 4;
	kit_add_pass(&host, &lines);
	assert_refused(&kit, &host, &lines, "previous: it names number 1, which is not the one before it");
	buf_done(&lines);
	host.sequence = 0;
	kit_add_pass(&host, &lines);
	assert_refused(&kit, &host, &lines, "sequence: a fork in the chain: another statement is number 1");
	buf_done(&lines);
	host.sequence = 1;
	host.previous[0] = host.previous[0] == '0' ? '1' : '0';
	kit_add_pass(&host, &lines);
	assert_refused(&kit, &host, &lines, "previous: a fork in the chain");
	kit_host_done(&host);
	kit_done(&kit);
}

static void another_key_and_another_host_are_refused(void **state) {
	struct kit kit;
	struct kit_host host, other;
	struct err err;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_host_make(&other, KIT_OTHER);
	enrol(&kit, &host);
	enrol(&kit, &other);
	EVP_PKEY *own = host.evidence;
	host.evidence = other.evidence;
	kit_add_pass(&host, &lines);
	assert_refused(&kit, &host, &lines, "signature: ");
	buf_done(&lines);
	host.evidence = own;
	host.sequence = 1;
	host.id = KIT_OTHER;
	kit_add_pass(&host, &lines);
	assert_refused(&kit, &host, &lines, "host: ");
	buf_done(&lines);
	/* A third host that brings the evidence key of the second. */
	struct kit_host third;
	kit_host_make(&third, "33333333-2222-3333-4444-555555555555");
	EVP_PKEY_free(third.evidence);
	EVP_PKEY_up_ref(other.evidence);
	third.evidence = other.evidence;
	kit_add_enrolment(&third, &lines);
	assert_refused(&kit, &third, &lines, "enrolment: the evidence key is another host's");
	(void)err;
	kit_host_done(&third);
	kit_host_done(&host);
	kit_host_done(&other);
	kit_done(&kit);
}

static void an_enrolment_for_another_transport_key_is_refused(void **state) {
	struct kit kit;
	struct kit_host host, other;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_host_make(&other, KIT_HOST);
	kit_add_enrolment(&host, &lines);
	assert_refused(&kit, &other, &lines, "enrolment: the transport key is not the key of the certificate");
	kit_host_done(&other);
	kit_host_done(&host);
	kit_done(&kit);
}

static void one_key_for_evidence_and_transport_is_refused(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	EVP_PKEY_free(host.evidence);
	EVP_PKEY_up_ref(host.transport);
	host.evidence = host.transport;
	kit_add_enrolment(&host, &lines);
	assert_refused(&kit, &host, &lines, "enrolment: evidence key and transport key are one key");
	kit_host_done(&host);
	kit_done(&kit);
}

/* Were it found out when it is stored, the entry would be in the log and the host would send it for ever. */
static void a_result_that_cannot_be_kept_is_refused_before_it_is_logged(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(json_decref_p) json_t *root = NULL;
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	json_t *result = kit_result("a", "pass", host.clock);
	CLEANUP(json_decref_p) json_t *document = json_pack("{s:[o]}", "results", result);
	must(statement_state(json_object_get(document, "results"), &root, &err));
	json_object_set_new(result, "expected", json_pack("{s:f}", "load", 1.5));
	CLEANUP(free_ptr) char *text = json_dumps(document, JSON_COMPACT);
	buf_adds(&body, text);
	kit_add(&host, "round", "results", &body, root, &lines);
	assert_refused(&kit, &host, &lines, "results: ");
	kit_host_done(&host);
	kit_done(&kit);
}

/* Both logs have two entries by one key, but only one of them has the statements of the store. */
static void a_log_of_another_history_than_the_store_is_refused(void **state) {
	struct kit kit, other;
	struct kit_host host;
	struct err err = {0};
	uint64_t first;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_make(&other);
	kit_host_make(&host, KIT_HOST);
	must(agree(kit.store, kit.log, &err));
	enrol(&kit, &host);
	kit_add_pass(&host, &lines);
	json_decref(kit_send(&kit, &host, &lines));
	must(agree(kit.store, kit.log, &err));
	const struct log_entry entries[] = {{"one", 3}, {"two", 3}};
	must(log_append(other.log, entries, 2, &first, &err));
	assert_false(agree(kit.store, other.log, &err));
	assert_non_null(strstr(err.why, "different histories"));
	kit_host_done(&host);
	kit_done(&other);
	kit_done(&kit);
}

/* Replace a member of the wire line. */
static void set_member(struct buf *line, const char *name, const char *value) {
	struct err err;
	json_t *object = NULL;
	must(json_read(line->data, line->len - 1, 1 << 20, "line", &object, &err));
	json_object_set_new(object, name, json_string(value));
	buf_done(line);
	must(json_canonical(object, line, &err));
	buf_adds(line, "\n");
	json_decref(object);
}

/* The one wire line with one text of its payload replaced by another, signed again. */
static void reseal(const struct kit_host *host, struct buf *line, const char *old, const char *new) {
	struct err err = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL, *again = NULL;
	CLEANUP(buf_done) struct buf body = {0}, payload = {0};
	must(statement_wire_read(line->data, line->len, "line", &envelope, &body, &err));
	const char *text = buf_str(&envelope->payload), *at = strstr(text, old);
	assert_non_null(at);
	buf_addf(&payload, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
	must(dsse_seal(DSSE_INTOTO, payload.data, payload.len, host->evidence, "", &again, &err));
	buf_done(line);
	statement_wire_write(again, buf_str(&body), body.len, line);
}

#define A_DIGEST "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* Were it logged, nothing of any host could be derived any more. */
static void a_statement_that_cannot_be_kept_is_refused_and_the_next_one_is_not(void **state) {
	struct kit kit;
	struct kit_host host, other;
	CLEANUP(buf_done) struct buf lines = {0}, others = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_host_make(&other, KIT_OTHER);
	enrol(&kit, &host);
	kit_add_pass(&host, &lines);
	reseal(&host, &lines, "\"policies\":[]",
	       "\"policies\":[{\"id\":\"p\",\"sha256\":\"" A_DIGEST "\",\"version\":\"1\",\"weight\":0.5}]");
	assert_refused(&kit, &host, &lines, "statement: ");
	enrol(&kit, &other);
	kit_add_pass(&other, &others);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &other, &others);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
	kit_host_done(&other);
	kit_host_done(&host);
	kit_done(&kit);
}

/* It could not be erased: what is left of a body is written anew. */
static void a_body_with_a_fraction_beside_its_results_is_refused(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0}, body = {0};
	CLEANUP(json_decref_p) json_t *root = NULL;
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	CLEANUP(json_decref_p)
	json_t *document = json_pack("{s:[o], s:f}", "results", kit_result("a", "pass", host.clock), "vouch", 1.5);
	must(statement_state(json_object_get(document, "results"), &root, &err));
	CLEANUP(free_ptr) char *text = json_dumps(document, JSON_COMPACT);
	buf_adds(&body, text);
	kit_add(&host, "round", "results", &body, root, &lines);
	assert_refused(&kit, &host, &lines, "results: ");
	kit_host_done(&host);
	kit_done(&kit);
}

static void a_line_begins_with_number_one(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	host.sequence = 1;
	kit_add_enrolment(&host, &lines);
	assert_refused(&kit, &host, &lines, "enrolment: a line begins with number 1");
	kit_host_done(&host);
	kit_done(&kit);
}

static void behind_the_largest_number_there_is_none(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0}, more = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	host.sequence = INT64_MAX - 1;
	snprintf(host.previous, sizeof host.previous, A_DIGEST);
	kit_add_pass(&host, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
	host.sequence = 1;
	kit_add_pass(&host, &more);
	assert_refused(&kit, &host, &more, "number 2 comes too late");
	kit_host_done(&host);
	kit_done(&kit);
}

static void a_changed_byte_is_refused_at_its_step(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	kit_add_pass(&host, &lines);
	CLEANUP(free_ptr) char *good = xstrdup(lines.data);
	set_member(&lines, "body", "e30=");
	assert_refused(&kit, &host, &lines, "body: its digest is not the one of the statement's subject");
	set_member(&lines, "payloadType", "application/json");
	assert_refused(&kit, &host, &lines, "signature: ");
	set_member(&lines, "payload", "e30=");
	assert_refused(&kit, &host, &lines, "signature: ");
	buf_done(&lines);
	buf_adds(&lines, "not JSON\n");
	assert_refused(&kit, &host, &lines, "envelope: ");
	buf_done(&lines);
	/* And the same line unchanged is taken. */
	buf_adds(&lines, good);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
	kit_host_done(&host);
	kit_done(&kit);
}

static void a_host_cannot_say_what_only_the_collector_says(void **state) {
	static const char *const types[] = {"erasure", "revocation"};
	struct kit kit;
	struct kit_host host;
	char previous[HASH_HEX];
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	snprintf(previous, sizeof previous, "%s", host.previous);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		CLEANUP(buf_done) struct buf lines = {0};
		CLEANUP(buf_done) struct buf body = {0};
		buf_adds(&body, "{}");
		kit_add(&host, types[i], types[i], &body, NULL, &lines);
		assert_refused(&kit, &host, &lines, "no host says that");
		host.sequence = 1;
		snprintf(host.previous, sizeof host.previous, "%s", previous);
	}
	kit_host_done(&host);
	kit_done(&kit);
}

static json_t *waiver_until(const char *end) {
	return json_pack("{s:s, s:s, s:s, s:s}", "id", "W-1", "approver", "jane", "reason", "so", "expiresAt", end);
}

static void results_that_do_not_hold_are_refused(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err;
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	const char *const before = host.previous;
	char previous[HASH_HEX];
	snprintf(previous, sizeof previous, "%s", before);
	struct {
		const char *member;
		json_t *value;
		const char *reason, *verdict;
	} cases[] = {
		{"verdict", json_string("good"), "results: log.journal.persistent: there is no verdict", "pass"},
		{"kind", json_string("x"), "results: log.journal.persistent: there is no kind", "pass"},
		{"expiresAt", json_string("2020-01-01T00:00:00Z"), "expires before", "pass"},
		{"expiresAt", json_string("2036-01-01T00:00:00Z"), "more than 366 days", "pass"},
		{"collectedAt", json_string("yesterday"), "is not a time", "pass"},
		{"controls", json_pack("[s]", "A,B"), "not a control", "pass"},
		{"key", json_integer(1), "not a boolean", "pass"},
		{"waiver", waiver_until("2999-01-01T00:00:00Z"), "its waiver would last", "fail"},
		{"waiver", waiver_until("2026-12-31T00:00:00Z"), "has a waiver and does not fail", "pass"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf lines = {0};
		CLEANUP(buf_done) struct buf body = {0};
		CLEANUP(json_decref_p) json_t *root = NULL;
		json_t *result = kit_result("log.journal.persistent", cases[i].verdict, host.clock);
		CLEANUP(json_decref_p) json_t *document = json_pack("{s:[o]}", "results", result);
		must(statement_state(json_object_get(document, "results"), &root, &err));
		json_object_set_new(result, cases[i].member, cases[i].value);
		must(json_canonical(document, &body, &err));
		kit_add(&host, "round", "results", &body, root, &lines);
		assert_refused(&kit, &host, &lines, cases[i].reason);
		host.sequence = 1;
		snprintf(host.previous, sizeof host.previous, "%s", previous);
	}
	/* A root that is not the results' root. */
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf body = {0};
	json_t *document = json_pack("{s:[o]}", "results", kit_result("a", "pass", host.clock));
	must(json_canonical(document, &body, &err));
	json_t *root = json_pack("{s:i, s:s}", "size", 1, "root", previous);
	kit_add(&host, "round", "results", &body, root, &lines);
	json_decref(root);
	json_decref(document);
	assert_refused(&kit, &host, &lines, "state: ");
	kit_host_done(&host);
	kit_done(&kit);
}

static void count_result(struct buf *text, const struct store_result *result) {
	buf_addf(text, "%s=%s ", result->rule, result->verdict);
}

static bool visit_result(void *context, const struct store_result *result) {
	count_result(context, result);
	return true;
}

static void assert_results(struct kit *kit, const char *expected) {
	struct err err;
	CLEANUP(buf_done) struct buf text = {0};
	const struct store_filter all = {0};
	must(store_results(kit->store, &all, visit_result, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

static void a_full_round_replaces_results_and_forgets_rules_that_left_the_policy(void **state) {
	struct kit kit;
	struct kit_host host;
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	json_t *results = json_array();
	json_array_append_new(results, kit_result("a", "pass", host.clock));
	json_array_append_new(results, kit_result("b", "fail", host.clock));
	kit_add_round(&host, results, &lines);
	results = json_array();
	json_array_append_new(results, kit_result("b", "pass", host.clock));
	json_array_append_new(results, kit_result("c", "unknown", host.clock));
	json_decref(kit_send(&kit, &host, &lines));
	assert_results(&kit, "a=pass b=fail ");
	buf_done(&lines);
	kit_add_round(&host, results, &lines);
	json_decref(kit_send(&kit, &host, &lines));
	assert_results(&kit, "b=pass c=unknown ");
	kit_host_done(&host);
	kit_done(&kit);
}

/* The state as a crash leaves it that comes after the checkpoint and before the store's commit: the log as it is after,
 * the store as it was before. */
static void after_a_crash_between_log_and_store_nothing_is_lost_and_nothing_twice(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err;
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf database = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	kit_shut(&kit);
	CLEANUP(free_ptr) char *path = file_join(kit.folder, "store.db");
	must(file_read(path, 1 << 24, &database, &err));
	kit_open(&kit);
	kit_add_pass(&host, &lines);
	kit_add_pass(&host, &lines);
	json_decref(kit_send(&kit, &host, &lines));
	assert_int_equal(log_size(kit.log), 3);
	kit_shut(&kit);
	must(file_write(path, database.data, database.len, 0600, &err));
	kit_open(&kit);
	must(receive_adopt(kit.store, kit.log, &err));
	kit_add_pass(&host, &lines); /* the host has gone on meanwhile */
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	const char *line = lines.data;
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(kit_answer(answers, i, "outcome"), "logged");
		assert_int_equal(kit_check_receipt(&kit, &host, line, kit_answer(answers, i, "receipt")), i + 1);
		line = strchr(line, '\n') + 1;
	}
	assert_int_equal(log_size(kit.log), 4);
	json_t *again = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(again, 0, "outcome"), "known");
	json_decref(again);
	assert_int_equal(log_size(kit.log), 4);
	kit_host_done(&host);
	kit_done(&kit);
}

/* A crash between tiles and checkpoint: the tiles reach further than the checkpoint says. */
static void tiles_beyond_the_checkpoint_are_written_over(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err;
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf checkpoint = {0};
	CLEANUP(buf_done) struct buf database = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	kit_shut(&kit);
	CLEANUP(free_ptr) char *path = file_join(kit.folder, "log/checkpoint");
	CLEANUP(free_ptr) char *store = file_join(kit.folder, "store.db");
	must(file_read(path, 1 << 16, &checkpoint, &err));
	must(file_read(store, 1 << 24, &database, &err));
	kit_open(&kit);
	struct kit_host fork = host;
	kit_add_pass(&fork, &lines);
	json_decref(kit_send(&kit, &host, &lines));
	kit_shut(&kit);
	must(file_write(path, checkpoint.data, checkpoint.len, 0644, &err));
	must(file_write(store, database.data, database.len, 0600, &err));
	kit_open(&kit);
	assert_int_equal(log_size(kit.log), 1);
	buf_done(&lines);
	host.clock++;
	kit_add_pass(&host, &lines); /* another statement takes the place */
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
	assert_int_equal(kit_check_receipt(&kit, &host, lines.data, kit_answer(answers, 0, "receipt")), 1);
	kit_host_done(&host);
	kit_done(&kit);
}

static void a_log_shorter_than_the_store_knows_is_refused(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err = {0};
	CLEANUP(buf_done) struct buf checkpoint = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrol(&kit, &host);
	CLEANUP(free_ptr) char *path = file_join(kit.folder, "log/checkpoint");
	must(file_read(path, 1 << 16, &checkpoint, &err));
	kit_add_pass(&host, &lines);
	json_decref(kit_send(&kit, &host, &lines));
	kit_shut(&kit);
	must(file_write(path, checkpoint.data, checkpoint.len, 0644, &err));
	kit_open(&kit);
	assert_false(receive_adopt(kit.store, kit.log, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	kit_host_done(&host);
	kit_done(&kit);
}

static void a_host_enrolled_anew_ends_its_old_line(void **state) {
	struct kit kit;
	struct kit_host host, rebuilt;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf answers = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	kit_host_make(&rebuilt, KIT_HOST);
	enrol(&kit, &host);
	enrol(&kit, &rebuilt);
	kit_add_pass(&host, &lines);
	assert_false(
		receive(kit.store, kit.log, &host.peer, lines.data, lines.len, KIT_NOW, &kit.tally, &answers, &err));
	assert_int_equal(err.code, ERR_DENIED);
	kit_host_done(&rebuilt);
	kit_host_done(&host);
	kit_done(&kit);
}

static void caps_on_lines_and_their_number_hold(void **state) {
	struct kit kit;
	struct kit_host host;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf answers = {0};
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	memset(buf_room(&lines, RECEIVE_LINE_LARGEST + 1), 'x', RECEIVE_LINE_LARGEST + 1);
	lines.len = RECEIVE_LINE_LARGEST + 1;
	assert_false(receive(kit.store, kit.log, &host.peer, lines.data, lines.len, 0, &kit.tally, &answers, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	memset(lines.data, '\n', RECEIVE_LINES_MOST + 1);
	assert_false(receive(kit.store, kit.log, &host.peer, lines.data, RECEIVE_LINES_MOST + 1, 0, &kit.tally,
			     &answers, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	assert_false(receive(kit.store, kit.log, &host.peer, "", 0, 0, &kit.tally, &answers, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_int_equal(answers.len, 0);
	kit_host_done(&host);
	kit_done(&kit);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_enrolment_and_a_round_are_logged_with_receipts_that_verify),
		cmocka_unit_test(what_comes_again_is_known_with_the_same_index),
		cmocka_unit_test(one_line_twice_in_a_request_is_logged_once),
		cmocka_unit_test(a_round_before_the_enrolment_is_refused),
		cmocka_unit_test(forks_are_refused_with_their_reason),
		cmocka_unit_test(another_key_and_another_host_are_refused),
		cmocka_unit_test(an_enrolment_for_another_transport_key_is_refused),
		cmocka_unit_test(a_log_of_another_history_than_the_store_is_refused),
		cmocka_unit_test(one_key_for_evidence_and_transport_is_refused),
		cmocka_unit_test(a_result_that_cannot_be_kept_is_refused_before_it_is_logged),
		cmocka_unit_test(a_statement_that_cannot_be_kept_is_refused_and_the_next_one_is_not),
		cmocka_unit_test(a_body_with_a_fraction_beside_its_results_is_refused),
		cmocka_unit_test(a_line_begins_with_number_one),
		cmocka_unit_test(behind_the_largest_number_there_is_none),
		cmocka_unit_test(a_changed_byte_is_refused_at_its_step),
		cmocka_unit_test(a_host_cannot_say_what_only_the_collector_says),
		cmocka_unit_test(results_that_do_not_hold_are_refused),
		cmocka_unit_test(a_full_round_replaces_results_and_forgets_rules_that_left_the_policy),
		cmocka_unit_test(after_a_crash_between_log_and_store_nothing_is_lost_and_nothing_twice),
		cmocka_unit_test(tiles_beyond_the_checkpoint_are_written_over),
		cmocka_unit_test(a_log_shorter_than_the_store_knows_is_refused),
		cmocka_unit_test(a_host_enrolled_anew_ends_its_old_line),
		cmocka_unit_test(caps_on_lines_and_their_number_hold),
	};
	return cmocka_run_group_tests_name("receive", tests, NULL, NULL);
}

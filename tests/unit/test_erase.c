/* Erasing: what is left still gives the root, what is current stays, and orders that make no sense do nothing. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/erase.h"
#include "collector/fsck.h"
#include "collector/index.h"
#include "collector/orders.h"
#include "collector/sql.h"
#include "collector/summary.h"
#include "core/state.h"
#include "tests/unit/collector_kit.h"

static json_t *result(const char *rule, const char *value) {
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:[s], s:s, s:[{s:s}], s:[], s:[], s:s, s:s}", "rule",
			 rule, "verdict", "pass", "reason", value, "kind", "effect", "severity", "low", "title", "t",
			 "key", 1, "controls", "A.8.9", "blind", "00112233445566778899aabbccddeeff", "observed", "name",
			 value, "volatile", "sources", "collectedAt", "2026-11-21T19:00:00Z", "expiresAt",
			 "2026-11-21T22:00:00Z");
}

/* A collector's folder with an own line; what `order_do` is handed. */
struct world {
	struct kit kit;
	struct kit_host host;
	struct collector collector;
	char digests[4][HASH_HEX];
	int count;
};

static void send_round(struct world *world, const char *one, const char *two) {
	struct err err = {0};
	CLEANUP(json_decref_p)
	json_t *document = json_pack("{s:s, s:[o, o], s:s}", "framework", "iso27001:2022", "results",
				     result("a.one", one), result("b.two", two), "vouch", "0");
	CLEANUP(json_decref_p) json_t *state = NULL;
	CLEANUP(buf_done) struct buf body = {0}, lines = {0}, answers = {0};
	must(json_canonical(document, &body, &err));
	must(statement_state(json_object_get(document, "results"), &state, &err));
	kit_add(&world->host, "round", "results", &body, state, &lines);
	must(receive(world->kit.store, world->kit.log, &world->host.peer, buf_str(&lines), lines.len,
		     KIT_NOW + world->count, &world->kit.tally, &answers, &err));
	assert_non_null(strstr(buf_str(&answers), "\"logged\""));
	snprintf(world->digests[world->count++], HASH_HEX, "%s", world->host.previous);
}

static void world_make(struct world *world) {
	struct err err = {0};
	*world = (struct world){0};
	kit_make(&world->kit);
	kit_host_make(&world->host, KIT_HOST);
	CLEANUP(buf_done) struct buf body = {0}, lines = {0}, answers = {0};
	buf_adds(&body, "{}");
	kit_add(&world->host, "enrolment", "enrolment", &body, NULL, &lines);
	must(receive(world->kit.store, world->kit.log, &world->host.peer, buf_str(&lines), lines.len, KIT_NOW,
		     &world->kit.tally, &answers, &err));
	world->collector.store = world->kit.store;
	world->collector.log = world->kit.log;
	must(own_line_open(world->kit.folder, world->kit.store, world->kit.log, &world->collector.own, &err));
	send_round(world, "alice", "x");
	send_round(world, "bob", "x");
}

static void world_done(struct world *world) {
	own_line_free(world->collector.own);
	kit_host_done(&world->host);
	kit_done(&world->kit);
}

static bool order(struct world *world, const char *text, json_t **ret_answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	assert_true(json_read(text, strlen(text), 10000, "t", &value, err));
	return order_do(&world->collector, value, KIT_NOW + 100, ret_answer, err);
}

static void keep_body(void *context, const struct store_statement *statement) {
	snprintf(context, HASH_HEX, "%s", statement->body_sha256);
}

static json_t *body_of(struct world *world, const char *digest) {
	struct err err = {0};
	char sha256[HASH_HEX] = "";
	json_t *document = NULL;
	CLEANUP(buf_done) struct buf body = {0};
	must(store_statement_get(world->kit.store, digest, keep_body, sha256, &err));
	must(store_body(world->kit.store, sha256, &body, &err));
	must(json_read(buf_str(&body), body.len, 100000, "t", &document, &err));
	return document;
}

#define WHY "\"retention\":\"r\",\"reason\":\"w\",\"by\":\"b\"}"

static void what_is_left_gives_the_root_that_was_signed(void **unused) {
	struct world world;
	struct err err = {0};
	world_make(&world);
	CLEANUP(json_decref_p)
	json_t *before = body_of(&world, world.digests[0]), *answer = NULL, *root = NULL, *same = NULL;
	must(statement_state(json_object_get(before, "results"), &root, &err));
	CLEANUP(free_ptr)
	char *text = xasprintf("{\"do\":\"erase\",\"statement\":\"%s\",\"rules\":[\"a.one\"]," WHY, world.digests[0]);
	must(order(&world, text, &answer, &err));
	CLEANUP(json_decref_p) json_t *after = body_of(&world, world.digests[0]);
	must(statement_state(json_object_get(after, "results"), &same, &err));
	assert_true(json_equal(root, same));
	const json_t *first = json_array_get(json_object_get(after, "results"), 0);
	assert_null(json_object_get(first, "reason"));
	assert_null(json_object_get(first, "observed"));
	assert_null(json_object_get(first, "blind"));
	assert_string_equal(json_string_value(json_object_get(first, "verdict")), "pass");
	assert_non_null(json_object_get(json_array_get(json_object_get(after, "results"), 1), "observed"));
	world_done(&world);
}

static void what_is_current_is_not_erased_with_the_rest(void **unused) {
	struct world world;
	struct err err = {0};
	world_make(&world);
	CLEANUP(json_decref_p) json_t *answer = NULL;
	must(order(&world, "{\"do\":\"erase\",\"host\":\"" KIT_HOST "\",\"before\":\"2026-11-21T20:01:00Z\"," WHY,
		   &answer, &err));
	assert_int_equal(json_integer_value(json_object_get(answer, "results")), 2);
	assert_int_equal(json_integer_value(json_object_get(answer, "bodies")), 1);
	CLEANUP(json_decref_p) json_t *last = body_of(&world, world.digests[1]);
	assert_null(json_object_get(json_array_get(json_object_get(last, "results"), 0), "erased"));
	world_done(&world);
}

static void orders_without_sense_do_nothing(void **unused) {
	static const char *const bad[] = {
		"{}",
		"{\"do\":\"dance\"}",
		"{\"do\":\"erase\"," WHY,
		"{\"do\":\"erase\",\"host\":\"" KIT_HOST "\"," WHY,
		"{\"do\":\"erase\",\"host\":\"" KIT_HOST "\",\"before\":\"soon\"," WHY,
		"{\"do\":\"erase\",\"host\":\"" KIT_HOST "\",\"before\":\"2036-01-01T00:00:00Z\"," WHY,
		"{\"do\":\"erase\",\"host\":\"" KIT_HOST "\",\"before\":\"2026-11-21T20:00:00Z\",\"rules\":[7]," WHY,
		"{\"do\":\"erase\",\"host\":\"" KIT_HOST "\",\"before\":\"2026-11-21T20:01:00Z\"}",
		"{\"do\":\"erase\",\"host\":\"" KIT_HOST "\",\"before\":\"2020-01-01T00:00:00Z\"," WHY,
		"{\"do\":\"erase\",\"host\":\"" KIT_OTHER "\",\"before\":\"2026-11-21T20:01:00Z\"," WHY,
		"{\"do\":\"revoke\",\"host\":\"" KIT_OTHER "\"," WHY,
		"{\"do\":\"revoke\",\"host\":\"" KIT_HOST "\",\"reason\":\"\",\"by\":\"b\"}",
		"{\"do\":\"revoke\",\"host\":\"" KIT_HOST "\",\"reason\":\"w\"}",
	};
	struct world world;
	world_make(&world);
	const uint64_t before = log_size(world.kit.log);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = {0};
		json_t *answer = NULL;
		assert_false(order(&world, bad[i], &answer, &err));
		assert_null(answer);
	}
	assert_int_equal(log_size(world.kit.log), before);
	world_done(&world);
}

static void a_reason_longer_than_the_cap_is_refused(void **unused) {
	struct world world;
	struct err err = {0};
	json_t *answer = NULL;
	char reason[1100];
	world_make(&world);
	memset(reason, 'x', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	CLEANUP(free_ptr)
	char *text = xasprintf("{\"do\":\"revoke\",\"host\":\"" KIT_HOST "\",\"reason\":\"%s\",\"by\":\"b\"}", reason);
	assert_false(order(&world, text, &answer, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	world_done(&world);
}

static void behind_a_revocation_nothing_is_taken(void **unused) {
	struct world world;
	struct err err = {0};
	world_make(&world);
	CLEANUP(json_decref_p) json_t *answer = NULL;
	CLEANUP(buf_done) struct buf body = {0}, lines = {0}, answers = {0};
	must(order(&world, "{\"do\":\"revoke\",\"host\":\"" KIT_HOST "\",\"reason\":\"w\",\"by\":\"b\"}", &answer,
		   &err));
	buf_adds(&body, "{}");
	kit_add(&world.host, "policy", "policy", &body, NULL, &lines);
	assert_false(receive(world.kit.store, world.kit.log, &world.host.peer, buf_str(&lines), lines.len, KIT_NOW + 9,
			     &world.kit.tally, &answers, &err));
	assert_int_equal(err.code, ERR_DENIED);
	world_done(&world);
}

static void the_own_line_keeps_its_key_and_goes_on(void **unused) {
	struct world world;
	struct err err = {0};
	char id[STORE_HOST_ID], digest[HASH_HEX];
	world_make(&world);
	CLEANUP(json_decref_p) json_t *answer = NULL, *body = json_object();
	must(order(&world, "{\"do\":\"revoke\",\"host\":\"" KIT_HOST "\",\"reason\":\"w\",\"by\":\"b\"}", &answer,
		   &err));
	snprintf(id, sizeof id, "%s", world.collector.own->id);
	own_line_free(world.collector.own);
	must(own_line_open(world.kit.folder, world.kit.store, world.kit.log, &world.collector.own, &err));
	assert_string_equal(world.collector.own->id, id);
	json_object_set_new(body, "bodies", json_array());
	must(own_line_say(world.collector.own, "erasure", body, digest, &err));
	CLEANUP(store_line_done) struct store_line line = {0};
	must(store_line_of_host(world.kit.store, id, &line, &err));
	assert_int_equal(line.sequence, 3);
	assert_string_equal(line.last, digest);
	world_done(&world);
}

/* What the own line would say as this number, in own.pending. */
static void leave_pending(struct world *world, int64_t sequence, const char *previous) {
	struct err err = {0};
	struct own_line *own = world->collector.own;
	CLEANUP(buf_done) struct buf body = {0}, payload = {0}, line = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	buf_adds(&body, "{\"bodies\":[]}");
	struct statement statement = {.type = (char *)"erasure",
				      .host_id = own->id,
				      .host_name = (char *)KIT_ORIGIN,
				      .host_os = (char *)"",
				      .environment = (char *)"",
				      .framework = (char *)"iso27001:2022",
				      .sequence = sequence,
				      .previous = (char *)previous,
				      .boot_id = (char *)"",
				      .trigger = (char *)"manual",
				      .started_at = KIT_NOW,
				      .finished_at = KIT_NOW,
				      .policies = json_array(),
				      .body_name = (char *)"erasure",
				      .body_sha256 = hash_of(buf_str(&body), body.len)};
	must(statement_write(&statement, &payload, &err));
	must(dsse_seal(DSSE_INTOTO, payload.data, payload.len, own->key, own->keyid, &envelope, &err));
	statement_wire_write(envelope, buf_str(&body), body.len, &line);
	must(file_write(own->pending, line.data, line.len, 0600, &err));
	json_decref(statement.policies);
}

static void what_could_not_be_kept_is_kept_before_the_next_is_said(void **unused) {
	struct world world;
	struct err err = {0};
	char digest[HASH_HEX];
	world_make(&world);
	CLEANUP(json_decref_p) json_t *body = json_pack("{s:[]}", "bodies");
	must(own_line_say(world.collector.own, "erasure", body, digest, &err));
	leave_pending(&world, 3, digest);
	must(own_line_say(world.collector.own, "erasure", body, digest, &err));
	CLEANUP(store_line_done) struct store_line line = {0};
	must(store_line_of_host(world.kit.store, world.collector.own->id, &line, &err));
	assert_int_equal(line.sequence, 4);
	assert_int_not_equal(access(world.collector.own->pending, F_OK), 0);
	world_done(&world);
}

static void what_is_pending_from_another_time_of_the_folder_is_not_logged(void **unused) {
	struct world world;
	struct err err = {0};
	char digest[HASH_HEX];
	world_make(&world);
	CLEANUP(json_decref_p) json_t *body = json_pack("{s:[]}", "bodies");
	must(own_line_say(world.collector.own, "erasure", body, digest, &err));
	const uint64_t before = log_size(world.kit.log);
	struct own_line *again = NULL;
	leave_pending(&world, 2, world.digests[0]);
	assert_false(own_line_open(world.kit.folder, world.kit.store, world.kit.log, &again, &err));
	assert_non_null(strstr(err.why, "another state of this folder"));
	leave_pending(&world, 4, world.digests[0]);
	assert_false(own_line_open(world.kit.folder, world.kit.store, world.kit.log, &again, &err));
	assert_int_equal(log_size(world.kit.log), before);
	world_done(&world);
}

/* What fsck says of the evidence, problem by problem. */
static char problems[4096];

static void keep_problem(const char *line) {
	if (!strncmp(line, "WRONG: ", 7))
		snprintf(problems + strlen(problems), sizeof problems - strlen(problems), "%s\n", line);
}

static void check_evidence(struct world *world) {
	struct err err = {0};
	CLEANUP(free_ptr) char *log = file_join(world->kit.folder, "log");
	CLEANUP(buf_done) struct buf note = {0};
	struct fsck fsck = {.log = log, .store = world->kit.store, .say = keep_problem};
	problems[0] = '\0';
	must(log_files_checkpoint(log, log_verifier(world->kit.log), &note, &fsck.checkpoint, &err));
	must(fsck_evidence(&fsck, &err));
	checkpoint_done(&fsck.checkpoint);
}

static void an_erasure_that_goes_beyond_its_record_is_found(void **unused) {
	struct world world;
	struct err err = {0};
	char sha256[HASH_HEX] = "";
	world_make(&world);
	CLEANUP(json_decref_p) json_t *answer = NULL;
	CLEANUP(free_ptr)
	char *text = xasprintf("{\"do\":\"erase\",\"statement\":\"%s\",\"rules\":[\"a.one\"]," WHY, world.digests[0]);
	must(order(&world, text, &answer, &err));
	check_evidence(&world);
	assert_string_equal(problems, "");
	/* The operator erases the other result as well, under the same record. */
	const char *digest = json_string_value(json_array_get(json_object_get(answer, "statements"), 0));
	must(store_statement_get(world.kit.store, world.digests[0], keep_body, sha256, &err));
	CLEANUP(json_decref_p)
	json_t *more = json_pack("{s:[{s:s, s:s, s:[s]}]}", "bodies", "body", sha256, "statement", world.digests[0],
				 "rules", "b.two");
	must(erase_bodies(world.kit.store, more, digest, &err));
	check_evidence(&world);
	assert_non_null(strstr(problems, "a result of it is erased, and no statement says so"));
	world_done(&world);
}

static void what_was_found_is_not_taken_away_in_silence(void **unused) {
	struct world world;
	struct err err = {0};
	world_make(&world);
	CLEANUP(buf_done) struct buf lines = {0}, answers = {0};
	buf_adds(&lines, "{}\n");
	must(receive(world.kit.store, world.kit.log, &world.host.peer, lines.data, lines.len, KIT_NOW + 2,
		     &world.kit.tally, &answers, &err));
	send_round(&world, "carol", "x");
	check_evidence(&world);
	assert_string_equal(problems, "");
	assert_int_equal(sqlite3_exec(world.kit.store->db, "DELETE FROM main.notes", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_changes(world.kit.store->db), 1);
	check_evidence(&world);
	assert_string_equal(problems, "WRONG: what was kept between events 3 and 5 is gone\n");
	world_done(&world);
}

/* Its statement would be one with an erased body, and no record says so. */
static void a_body_that_comes_again_is_whole_again(void **unused) {
	struct world world;
	struct err err = {0};
	world_make(&world);
	CLEANUP(json_decref_p) json_t *answer = NULL;
	CLEANUP(free_ptr) char *text = xasprintf("{\"do\":\"erase\",\"statement\":\"%s\"," WHY, world.digests[0]);
	must(order(&world, text, &answer, &err));
	send_round(&world, "alice", "x");
	CLEANUP(json_decref_p) json_t *body = body_of(&world, world.digests[2]);
	assert_null(json_object_get(json_array_get(json_object_get(body, "results"), 0), "erased"));
	check_evidence(&world);
	assert_string_equal(problems, "");
	world_done(&world);
}

/* Somebody reads, an export: it is done, and said that it is not gone yet. */
static void what_a_reader_keeps_in_the_write_ahead_log_is_said_to_be_there(void **unused) {
	struct world world;
	struct err err = {0};
	sqlite3 *reader = NULL;
	json_t *answer = NULL;
	world_make(&world);
	CLEANUP(free_ptr) char *path = file_join(world.kit.folder, "store.db");
	CLEANUP(free_ptr) char *text = xasprintf("{\"do\":\"erase\",\"statement\":\"%s\"," WHY, world.digests[0]);
	sqlite3_busy_timeout(world.kit.store->db, 10);
	assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM bodies", NULL, NULL, NULL), SQLITE_OK);
	assert_false(order(&world, text, &answer, &err));
	assert_non_null(strstr(err.why, "still in its write-ahead log"));
	sqlite3_close(reader);
	CLEANUP(json_decref_p) json_t *body = body_of(&world, world.digests[0]);
	assert_non_null(json_object_get(json_array_get(json_object_get(body, "results"), 0), "erased"));
	must(store_shrink(world.kit.store, &err));
	world_done(&world);
}

#define REVOKE "{\"do\":\"revoke\",\"host\":\"" KIT_HOST "\",\"reason\":\"w\",\"by\":\"b\"}"

/* An enrolment with these keys; what came of it. The certificate was issued then. */
static void enrol_again(struct world *world, struct kit_host *host, int64_t issued, char *ret_said, size_t len) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0}, answers = {0};
	const struct store_certificate certificate = {host->peer.transport, KIT_HOST, host->peer.transport, issued,
						      INT64_MAX};
	must(store_certificate_add(world->kit.store, &certificate, &err));
	kit_add_enrolment(host, &lines);
	const bool is_answered = receive(world->kit.store, world->kit.log, &host->peer, buf_str(&lines), lines.len,
					 times_now() + 20, &world->kit.tally, &answers, &err);
	snprintf(ret_said, len, "%s", is_answered ? buf_str(&answers) : err.why);
}

static void a_revoked_host_comes_back_with_new_keys_and_a_new_certificate_alone(void **unused) {
	struct world world;
	struct err err = {0};
	struct kit_host dormant, same_key, good;
	char said[2048];
	world_make(&world);
	kit_host_make(&dormant, KIT_HOST);
	kit_host_make(&same_key, KIT_HOST);
	kit_host_make(&good, KIT_HOST);
	CLEANUP(json_decref_p) json_t *answer = NULL;
	must(order(&world, REVOKE, &answer, &err));
	enrol_again(&world, &dormant, times_now() - 1000, said, sizeof said);
	assert_non_null(strstr(said, "revoked after this certificate was issued"));
	EVP_PKEY_free(same_key.evidence);
	same_key.evidence = world.host.evidence;
	EVP_PKEY_up_ref(same_key.evidence);
	enrol_again(&world, &same_key, times_now() + 10, said, sizeof said);
	assert_non_null(strstr(said, "was revoked"));
	enrol_again(&world, &good, times_now() + 10, said, sizeof said);
	assert_non_null(strstr(said, "\"logged\""));
	kit_host_done(&dormant);
	kit_host_done(&same_key);
	kit_host_done(&good);
	world_done(&world);
}

static bool add_state(void *context, const struct store_result *result) {
	buf_addf(context, "%s=%s ", result->rule, rule_state_name(summary_rule_state(result, KIT_NOW)));
	return true;
}

static void assert_states(struct world *world, const char *expected) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	must(store_results(world->kit.store, &(struct store_filter){0}, add_state, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

static void what_a_revoked_line_said_since_counts_as_unknown(void **unused) {
	static const struct {
		const char *from, *expected;
	} cases[] = {{"2026-11-21T20:00:02Z", "a.one=pass b.two=pass "},
		     {"2026-11-21T20:00:01Z", "a.one=unknown b.two=unknown "}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world world;
		struct err err = {0};
		world_make(&world);
		assert_states(&world, "a.one=pass b.two=pass ");
		CLEANUP(json_decref_p) json_t *answer = NULL;
		CLEANUP(free_ptr)
		char *text = xasprintf("{\"do\":\"revoke\",\"host\":\"" KIT_HOST "\",\"from\":\"%s\","
				       "\"reason\":\"w\",\"by\":\"b\"}",
				       cases[i].from);
		must(order(&world, text, &answer, &err));
		assert_states(&world, cases[i].expected);
		world_done(&world);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_gives_the_root_that_was_signed),
		cmocka_unit_test(what_is_current_is_not_erased_with_the_rest),
		cmocka_unit_test(orders_without_sense_do_nothing),
		cmocka_unit_test(a_reason_longer_than_the_cap_is_refused),
		cmocka_unit_test(behind_a_revocation_nothing_is_taken),
		cmocka_unit_test(the_own_line_keeps_its_key_and_goes_on),
		cmocka_unit_test(what_could_not_be_kept_is_kept_before_the_next_is_said),
		cmocka_unit_test(what_is_pending_from_another_time_of_the_folder_is_not_logged),
		cmocka_unit_test(a_revoked_host_comes_back_with_new_keys_and_a_new_certificate_alone),
		cmocka_unit_test(a_body_that_comes_again_is_whole_again),
		cmocka_unit_test(what_a_reader_keeps_in_the_write_ahead_log_is_said_to_be_there),
		cmocka_unit_test(an_erasure_that_goes_beyond_its_record_is_found),
		cmocka_unit_test(what_was_found_is_not_taken_away_in_silence),
		cmocka_unit_test(what_a_revoked_line_said_since_counts_as_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

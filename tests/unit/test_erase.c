/* Erasing: what is left still gives the root, what is current stays, and orders that make no sense do nothing. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/erase.h"
#include "collector/index.h"
#include "collector/orders.h"
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
	json_t *before = body_of(&world, world.digests[0]),
	       *answer = NULL, *root = NULL, *same = NULL;
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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_gives_the_root_that_was_signed),
		cmocka_unit_test(what_is_current_is_not_erased_with_the_rest),
		cmocka_unit_test(orders_without_sense_do_nothing),
		cmocka_unit_test(a_reason_longer_than_the_cap_is_refused),
		cmocka_unit_test(behind_a_revocation_nothing_is_taken),
		cmocka_unit_test(the_own_line_keeps_its_key_and_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

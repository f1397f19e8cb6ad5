/* Attestations at the collector: what is refused, what is kept and counted, and who is no host. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/attested.h"
#include "collector/store_attestations.h"
#include "collector_kit.h"
#include "core/attestation.h"

struct world {
	struct kit kit;
	struct kit_host host, attester;
};

static void world_new(struct world *world) {
	CLEANUP(buf_done) struct buf lines = {0}, others = {0};
	*world = (struct world){0};
	kit_make(&world->kit);
	kit_host_make(&world->host, KIT_HOST);
	kit_host_make(&world->attester, KIT_OTHER);
	world->attester.purpose = "attestation";
	kit_add_enrolment(&world->host, &lines);
	kit_add_enrolment(&world->attester, &others);
	json_decref(kit_send(&world->kit, &world->host, &lines));
	CLEANUP(json_decref_p) json_t *answers = kit_send(&world->kit, &world->attester, &others);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
}

static void world_done(struct world *world) {
	kit_host_done(&world->host);
	kit_host_done(&world->attester);
	kit_done(&world->kit);
}

/* A body for these controls, separated by blanks, valid for so many seconds from KIT_NOW - 10. */
static struct attestation *attestation_for(const char *controls, int64_t valid) {
	struct attestation *attestation = xcalloc(1, sizeof *attestation);
	attestation->controls = json_array();
	for (const char *at = controls; *at;) {
		size_t len = strcspn(at, " ");
		json_array_append_new(attestation->controls, json_stringn(at, len));
		at += len + (at[len] == ' ');
	}
	attestation->author = xstrdup("ada");
	attestation->note = xstrdup("n");
	attestation->collected = KIT_NOW - 10;
	attestation->expires = attestation->collected + valid;
	return attestation;
}

static json_t *send_body(struct world *world, struct kit_host *from, const struct buf *body) {
	CLEANUP(buf_done) struct buf lines = {0};
	kit_add(from, "attestation", "attestation", body, NULL, &lines);
	return kit_send(&world->kit, from, &lines);
}

static void send_attestation(struct world *world, struct kit_host *from, const char *controls, int64_t valid) {
	struct err err;
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(attestation_free_p) struct attestation *attestation = attestation_for(controls, valid);
	must(attestation_write(attestation, &body, &err));
	CLEANUP(json_decref_p) json_t *answers = send_body(world, from, &body);
	assert_string_equal(kit_answer(answers, 0, "reason"), "");
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
}

static void note_statement(void *context, const struct store_attestation *attestation) {
	buf_addf(context, "%lld %s %s%s%s;", (long long)attestation->index, attestation->host, attestation->controls,
		 attestation->is_ended ? " ended" : "", attestation->is_revoked ? " revoked" : "");
}

static void lists(struct world *world, const char *control, int64_t after, const char *expected) {
	struct err err;
	CLEANUP(buf_done) struct buf text = {0};
	must(store_attestations(world->kit.store, control, after, 100, note_statement, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

static void what_is_attested_is_kept_for_its_controls_whoever_says_it(void **state) {
	struct world world;
	world_new(&world);
	send_attestation(&world, &world.attester, "A.5.9 A.8.28", 3600);
	send_attestation(&world, &world.host, "A.5.9", 3600);
	lists(&world, "A.5.9", 0, "3 " KIT_HOST " A.5.9;2 " KIT_OTHER " A.5.9,A.8.28;");
	lists(&world, "A.5.9", 3, "2 " KIT_OTHER " A.5.9,A.8.28;");
	lists(&world, "A.8.28", 0, "2 " KIT_OTHER " A.5.9,A.8.28;");
	lists(&world, "A.8.2", 0, "");
	lists(&world, NULL, 0, "3 " KIT_HOST " A.5.9;2 " KIT_OTHER " A.5.9,A.8.28;");
	world_done(&world);
}

static void a_body_that_does_not_hold_is_refused(void **state) {
	static const char *const whys[] = {"attestation: body: there is no control \"A.5.38\"",
					   "attestation: body: the bytes are not the canonical ones"};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(whys); i++) {
		struct world world;
		CLEANUP(buf_done) struct buf body = {0};
		CLEANUP(attestation_free_p) struct attestation *attestation = attestation_for("A.5.37", 60);
		world_new(&world);
		must(attestation_write(attestation, &body, &err));
		if (i == 0)
			strstr(body.data, "A.5.37")[5] = '8';
		else
			buf_adds(&body, "\n");
		CLEANUP(json_decref_p) json_t *answers = send_body(&world, &world.attester, &body);
		assert_string_equal(kit_answer(answers, 0, "outcome"), "refused");
		assert_string_equal(kit_answer(answers, 0, "reason"), whys[i]);
		lists(&world, NULL, 0, "");
		world_done(&world);
	}
}

static void add_id(void *context, const struct store_host *host) { buf_addf(context, "%s;", host->id); }

static void who_only_attests_is_no_host(void **state) {
	struct world world;
	struct err err;
	CLEANUP(buf_done) struct buf hosts = {0}, attesters = {0}, lines = {0};
	world_new(&world);
	must(store_hosts(world.kit.store, add_id, &hosts, &err));
	must(store_attesters(world.kit.store, add_id, &attesters, &err));
	assert_string_equal(buf_str(&hosts), KIT_HOST ";");
	assert_string_equal(buf_str(&attesters), KIT_OTHER ";");
	kit_add_pass(&world.attester, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&world.kit, &world.attester, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "refused");
	assert_string_equal(kit_answer(answers, 0, "reason"), "enrolment: this line attests: it has no \"round\"");
	world_done(&world);
}

/* Otherwise a host that fails could be made to vanish from the population. */
static void a_host_that_is_enrolled_anew_to_attest_stays_a_host(void **state) {
	struct world world;
	struct kit_host again;
	struct err err;
	CLEANUP(buf_done) struct buf hosts = {0}, lines = {0};
	world_new(&world);
	send_attestation(&world, &world.host, "A.5.9", 3600);
	kit_host_make(&again, KIT_HOST);
	again.purpose = "attestation";
	kit_add_enrolment(&again, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&world.kit, &again, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
	must(store_hosts(world.kit.store, add_id, &hosts, &err));
	assert_string_equal(buf_str(&hosts), KIT_HOST ";");
	lists(&world, NULL, 0, "2 " KIT_HOST " A.5.9 ended;");
	kit_host_done(&again);
	world_done(&world);
}

static void note_count(void *context, const char *control, int64_t valid, int64_t expired) {
	buf_addf(context, "%s %lld %lld;", control, (long long)valid, (long long)expired);
}

static void counts(struct world *world, int64_t now, const char *expected) {
	struct err err;
	CLEANUP(buf_done) struct buf text = {0};
	must(store_attestation_counts(world->kit.store, now, note_count, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

static void what_stands_is_counted_until_its_end(void **state) {
	struct world world;
	struct err err;
	CLEANUP(catalogue_free_p) struct catalogue *catalogue = NULL;
	CLEANUP(attested_done) struct attested attested = {0};
	world_new(&world);
	send_attestation(&world, &world.attester, "A.5.9 A.7.4", 3600);
	send_attestation(&world, &world.attester, "A.5.9", 60);
	counts(&world, KIT_NOW, "A.5.9 2 0;A.7.4 1 0;");
	counts(&world, KIT_NOW + 49, "A.5.9 2 0;A.7.4 1 0;");
	counts(&world, KIT_NOW + 50, "A.5.9 1 1;A.7.4 1 0;");
	counts(&world, KIT_NOW + 3590, "A.5.9 0 2;A.7.4 0 1;");
	must(catalogue_load(SOURCE_DIR "/policies", &catalogue, &err));
	must(attested_count(catalogue, world.kit.store, KIT_NOW + 50, &attested, &err));
	assert_int_equal(attested.controls, 2);
	const struct attested_count *inventory = &attested.counts[8];
	assert_string_equal(catalogue->controls[8].id, "A.5.9");
	assert_true(inventory->valid == 1 && inventory->expired == 1);
	world_done(&world);
}

static void a_clock_that_is_ahead_gains_nothing(void **state) {
	struct world world;
	struct err err;
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(attestation_free_p) struct attestation *attestation = attestation_for("A.5.9", 60);
	world_new(&world);
	attestation->collected += 86400;
	attestation->expires += 86400;
	must(attestation_write(attestation, &body, &err));
	json_decref(send_body(&world, &world.attester, &body));
	counts(&world, KIT_NOW + 59, "A.5.9 1 0;");
	counts(&world, KIT_NOW + 60, "A.5.9 0 1;");
	world_done(&world);
}

static void what_came_after_a_revocation_is_not_counted(void **state) {
	struct world world;
	struct err err;
	char hex[HASH_HEX];
	world_new(&world);
	send_attestation(&world, &world.attester, "A.5.9", 3600);
	const struct hash id = key_id(world.attester.evidence);
	must(store_line_revoke(world.kit.store, hash_hex(&id, hex), KIT_NOW + 1, KIT_NOW + 5, &err));
	counts(&world, KIT_NOW, "A.5.9 1 0;");
	lists(&world, NULL, 0, "2 " KIT_OTHER " A.5.9 ended;");
	must(store_line_revoke(world.kit.store, hash_hex(&id, hex), KIT_NOW, KIT_NOW + 5, &err));
	counts(&world, KIT_NOW, "");
	lists(&world, NULL, 0, "2 " KIT_OTHER " A.5.9 ended revoked;");
	world_done(&world);
}

static void of_an_erased_one_nothing_is_left(void **state) {
	struct world world;
	struct err err;
	world_new(&world);
	send_attestation(&world, &world.attester, "A.5.9", 3600);
	CLEANUP(free_ptr) char *digest = xstrdup(world.attester.previous);
	send_attestation(&world, &world.attester, "A.5.9", 3600);
	must(store_attestation_forget(world.kit.store, digest, &err));
	lists(&world, "A.5.9", 0, "3 " KIT_OTHER " A.5.9;");
	counts(&world, KIT_NOW, "A.5.9 1 0;");
	world_done(&world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_attested_is_kept_for_its_controls_whoever_says_it),
		cmocka_unit_test(a_body_that_does_not_hold_is_refused),
		cmocka_unit_test(who_only_attests_is_no_host),
		cmocka_unit_test(a_host_that_is_enrolled_anew_to_attest_stays_a_host),
		cmocka_unit_test(what_stands_is_counted_until_its_end),
		cmocka_unit_test(a_clock_that_is_ahead_gains_nothing),
		cmocka_unit_test(what_came_after_a_revocation_is_not_counted),
		cmocka_unit_test(of_an_erased_one_nothing_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rounds that carry what changed, and what is found about a host: gaps, forks, refusals, resets, foreign checkpoints.
 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/index.h"
#include "collector/sql.h"

#include "collector_kit.h"

/* A collector with one enrolled host, and the state that the host says it has. */
struct world {
	struct kit kit;
	struct kit_host host;
	struct state *state;
};

static json_t *send(struct world *world, struct buf *lines) {
	json_t *answers = kit_send(&world->kit, &world->host, lines);
	buf_done(lines);
	return answers;
}

static void assert_answer(json_t *answers, const char *outcome, const char *reason, const char *state) {
	const size_t last = json_array_size(answers) - 1;
	assert_string_equal(kit_answer(answers, last, "outcome"), outcome);
	if (!strstr(kit_answer(answers, last, "reason"), reason))
		fail_msg("\"%s\" does not say \"%s\"", kit_answer(answers, last, "reason"), reason);
	assert_string_equal(kit_answer(answers, last, "state"), state);
	json_decref(answers);
}

static void make_world(struct world *world) {
	CLEANUP(buf_done) struct buf lines = {0};
	*world = (struct world){.state = state_new()};
	kit_make(&world->kit);
	kit_host_make(&world->host, KIT_HOST);
	kit_add_enrolment(&world->host, &lines);
	assert_answer(send(world, &lines), "logged", "", "");
}

static void world_done(struct world *world) {
	state_free(world->state);
	kit_host_done(&world->host);
	kit_done(&world->kit);
}

/* Results as "a=pass b=fail". */
static json_t *results_of(const char *text, int64_t collected) {
	json_t *results = json_array();
	char rule[32], verdict[32];
	int used;
	for (; sscanf(text, " %31[^=]=%31s%n", rule, verdict, &used) == 2; text += used)
		json_array_append_new(results, kit_result(rule, verdict, collected));
	return results;
}

/* A round at the host's clock that carries these; bits: the rules that it looked at, "" for none. */
static void add_round(struct world *world, const char *carried, bool is_full, const char *bits, struct buf *lines) {
	struct err err = {0};
	struct kit_host *host = &world->host;
	CLEANUP(buf_done) struct buf body = {0};
	bool looked[8] = {0};
	CLEANUP(json_decref_p)
	json_t *document = json_pack("{s:s, s:s, s:o}", "vouch", "0", "framework", "iso27001:2022", "results",
				     results_of(carried, host->clock));
	must(json_canonical(document, &body, &err));
	must(state_take(world->state, json_object_get(document, "results"), is_full, &err));
	CLEANUP(json_decref_p) json_t *state = state_json(world->state);
	for (size_t i = 0; bits[i]; i++)
		looked[i] = bits[i] == '1';
	CLEANUP(json_decref_p) json_t *bitmap = statement_looked(looked, strlen(bits));
	host->looked = bits[0] ? bitmap : NULL;
	host->full = is_full;
	kit_add(host, "round", "results", &body, state, lines);
	host->full = false;
}

static json_t *send_round(struct world *world, const char *carried, bool is_full, const char *bits) {
	CLEANUP(buf_done) struct buf lines = {0};
	add_round(world, carried, is_full, bits, &lines);
	return send(world, &lines);
}

static bool add_result(void *context, const struct store_result *result) {
	buf_addf(context, "%s=%s@%lld-%lld ", result->rule, result->verdict, (long long)(result->collected - KIT_NOW),
		 (long long)(result->expires - KIT_NOW));
	return true;
}

static void assert_results(struct world *world, const char *expected) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	const struct store_filter all = {0};
	must(store_results(world->kit.store, &all, add_result, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

static void add_finding(void *context, const struct store_finding *finding) {
	buf_addf(context, "%s: %s\n", finding->kind, finding->text);
}

static void assert_findings(struct world *world, const char *expected) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	must(store_findings(world->kit.store, KIT_HOST, 0, 1000, add_finding, &text, &err));
	assert_string_equal(buf_str(&text), expected);
}

static int64_t number_of(struct world *world, const char *query) {
	sqlite3_stmt *statement = NULL;
	assert_int_equal(sqlite3_prepare_v2(world->kit.store->db, query, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

/* What was derived is what is derived again. */
static void assert_same_again(struct world *world) {
	static const char *const hashes[] = {
		"SELECT group_concat(quote(host)||rule||verdict||collected||'-'||expires||'-'||received||quote(leaf)) "
		"FROM"
		" (SELECT * FROM results ORDER BY host, rule)",
		"SELECT group_concat(id||rule||verdict||collected||'-'||expires||statement) FROM (SELECT * FROM history"
		" ORDER BY id)",
		"SELECT group_concat(id||kind||at||text||statement) FROM (SELECT * FROM findings ORDER BY id)",
		"SELECT group_concat(id||known||is_ahead||sequence||last||quote(standing)) FROM (SELECT * FROM lines"
		" ORDER BY id)",
	};
	struct err err = {0};
	struct buf texts[2][ARRAY_LEN(hashes)] = {0};
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
			sqlite3_stmt *statement = NULL;
			assert_int_equal(sqlite3_prepare_v2(world->kit.store->db, hashes[i], -1, &statement, NULL),
					 SQLITE_OK);
			assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
			const char *text = (const char *)sqlite3_column_text(statement, 0);
			buf_adds(&texts[round][i], text ? text : "");
			sqlite3_finalize(statement);
		}
		must(store_index_drop(world->kit.store, &err));
		must(index_catch_up(world->kit.store, NULL, NULL, &err));
	}
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		assert_string_equal(buf_str(&texts[0][i]), buf_str(&texts[1][i]));
		buf_done(&texts[0][i]);
		buf_done(&texts[1][i]);
	}
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static void a_round_replaces_what_it_carries_and_renews_what_it_looked_at(void **state) {
	struct world world;
	make_world(&world);
	world.host.clock = KIT_NOW - 100;
	assert_answer(send_round(&world, "a=pass b=fail c=pass", true, "111"), "logged", "", "");
	world.host.clock = KIT_NOW - 50;
	assert_answer(send_round(&world, "b=pass", false, "110"), "logged", "", "");
	assert_results(&world, "a=pass@-50-3550 b=pass@-50-3550 c=pass@-100-3500 ");
	world.host.clock = KIT_NOW - 20;
	assert_answer(send_round(&world, "", false, "001"), "logged", "", "");
	assert_results(&world, "a=pass@-50-3550 b=pass@-50-3550 c=pass@-20-3580 ");
	assert_int_equal(number_of(&world, "SELECT count(*) FROM history"), 4);
	kit_shut(&world.kit); /* and from the disk */
	kit_open(&world.kit);
	assert_results(&world, "a=pass@-50-3550 b=pass@-50-3550 c=pass@-20-3580 ");
	assert_answer(send_round(&world, "c=fail", false, "001"), "logged", "", "");
	assert_same_again(&world);
	assert_findings(&world, "");
	world_done(&world);
}

static void a_result_that_is_renewed_behind_a_gap_has_a_line_in_the_history(void **state) {
	struct world world;
	make_world(&world);
	world.host.clock = KIT_NOW - 20000;
	assert_answer(send_round(&world, "a=pass b=pass", true, "11"), "logged", "", "");
	world.host.clock = KIT_NOW - 17000; /* both still stand */
	assert_answer(send_round(&world, "", false, "10"), "logged", "", "");
	world.host.clock = KIT_NOW - 15000; /* a does, b has expired */
	assert_answer(send_round(&world, "", false, "11"), "logged", "", "");
	assert_int_equal(number_of(&world, "SELECT count(*) FROM history WHERE rule = 'a'"), 1);
	assert_int_equal(number_of(&world, "SELECT count(*) FROM history WHERE rule = 'b'"), 2);
	/* One that is carried goes on from when it was last looked at, not from when it was last carried. */
	world.host.clock = KIT_NOW - 12000;
	assert_answer(send_round(&world, "a=pass", false, "10"), "logged", "", "");
	assert_int_equal(number_of(&world, "SELECT count(*) FROM history WHERE rule = 'a'"), 1);
	assert_same_again(&world);
	world_done(&world);
}

static void a_rule_that_a_full_round_lacks_is_withdrawn(void **state) {
	struct world world;
	make_world(&world);
	assert_answer(send_round(&world, "a=pass b=fail", true, "11"), "logged", "", "");
	assert_answer(send_round(&world, "b=fail c=pass", true, "11"), "logged", "", "");
	assert_results(&world, "b=fail@-10-3590 c=pass@-10-3590 ");
	assert_int_equal(number_of(&world, "SELECT count(*) FROM history WHERE verdict = 'withdrawn'"), 1);
	assert_same_again(&world);
	world_done(&world);
}

/* What a round carries, set against what it commits to. */
static void assert_state_refused(const char *carried, const char *committed, bool is_full, const char *bits,
				 const char *reason) {
	struct world world;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf body = {0};
	bool looked[8] = {0};
	make_world(&world);
	assert_answer(send_round(&world, "a=pass b=pass", true, "11"), "logged", "", "");
	CLEANUP(json_decref_p)
	json_t *document = json_pack("{s:o}", "results", results_of(carried, world.host.clock));
	CLEANUP(json_decref_p) json_t *others = results_of(committed, world.host.clock);
	must(json_canonical(document, &body, &err));
	must(state_take(world.state, others, true, &err));
	CLEANUP(json_decref_p) json_t *root = state_json(world.state);
	CLEANUP(json_decref_p) json_t *bitmap = statement_looked(looked, strlen(bits));
	world.host.looked = bits[0] ? bitmap : NULL;
	world.host.full = is_full;
	kit_add(&world.host, "round", "results", &body, root, &lines);
	assert_answer(send(&world, &lines), "refused", reason, "");
	assert_results(&world, "a=pass@-10-3590 b=pass@-10-3590 ");
	CLEANUP(free_ptr)
	char *found = xasprintf("SELECT count(*) FROM findings WHERE kind = 'refused' AND text LIKE '%s%%'", reason);
	assert_int_equal(number_of(&world, found), 1);
	world_done(&world);
}

static void a_round_whose_results_do_not_give_its_root_is_refused(void **state) {
	assert_state_refused("b=fail", "a=fail b=fail", false, "", "state: ");
	assert_state_refused("", "a=pass b=fail", false, "", "state: ");
	assert_state_refused("a=fail b=fail", "a=pass b=fail", true, "", "state: ");
	assert_state_refused("c=pass", "a=pass b=pass", false, "", "state: ");
	assert_state_refused("c=pass", "a=pass b=pass c=pass", false, "", "state: ");
	assert_state_refused("a=pass", "a=pass b=pass", true, "", "state: it is said to be full");
	assert_state_refused("", "a=pass b=pass", false, "111", "state: \"looked\" counts other rules");
	assert_state_refused("a=pass b=pass c=pass", "a=pass b=pass", false, "", "state: there are more results");
}

static void a_host_cannot_send_a_result_as_if_it_were_erased(void **state) {
	struct world world;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf body = {0};
	char hex[HASH_HEX];
	make_world(&world);
	CLEANUP(json_decref_p) json_t *document = json_pack("{s:o}", "results", results_of("a=fail", world.host.clock));
	must(state_take(world.state, json_object_get(document, "results"), true, &err));
	CLEANUP(json_decref_p) json_t *root = state_json(world.state);
	json_t *result = json_array_get(json_object_get(document, "results"), 0);
	json_object_set_new(result, "verdict", json_string("pass"));
	json_object_set_new(
		result, "erased",
		json_pack("{s:s, s:s}", "leaf", hash_hex(state_leaf(world.state, 0), hex), "statement", ""));
	must(json_canonical(document, &body, &err));
	kit_add(&world.host, "round", "results", &body, root, &lines);
	assert_answer(send(&world, &lines), "refused", "results: a: a host does not erase", "");
	world_done(&world);
}

/* --- the chain ---------------------------------------------------------------------------------------------------- */

static void a_gap_is_taken_found_and_leaves_results_unknown_until_the_next_full_round(void **state) {
	struct world world;
	make_world(&world);
	assert_answer(send_round(&world, "a=pass b=pass", true, "11"), "logged", "", "");
	world.host.clock = KIT_NOW - 5;
	CLEANUP(buf_done) struct buf lost = {0};
	add_round(&world, "a=fail", false, "11", &lost);
	add_round(&world, "", false, "11", &lost);
	/* What it carries counts, whatever the root; nothing is renewed. */
	world.host.clock = KIT_NOW - 2;
	assert_answer(send_round(&world, "b=fail", false, "11"), "logged", "", "incomplete");
	assert_findings(&world, "gap: numbers 3 to 4 of its chain are missing\n");
	assert_results(&world, "a=pass@-10-3590 b=fail@-2-3598 ");
	assert_answer(send_round(&world, "", false, "11"), "logged", "", "incomplete");
	assert_results(&world, "a=pass@-10-3590 b=fail@-2-3598 ");
	assert_same_again(&world);
	world.host.clock = KIT_NOW - 1;
	assert_answer(send_round(&world, "a=fail b=fail", true, "11"), "logged", "", "");
	assert_results(&world, "a=fail@-1-3599 b=fail@-1-3599 ");
	/* What was missing comes, and is missing for good. */
	assert_answer(send(&world, &lost), "refused", "number 4 comes too late: it is missing for good", "");
	assert_int_equal(number_of(&world, "SELECT count(*) FROM findings WHERE kind = 'refused'"), 2);
	assert_int_equal(number_of(&world, "SELECT count(*) FROM findings WHERE kind = 'fork'"), 0);
	assert_same_again(&world);
	world_done(&world);
}

static void a_gap_of_one_in_the_middle_of_a_request_is_a_gap(void **state) {
	struct world world;
	CLEANUP(buf_done) struct buf lost = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	make_world(&world);
	add_round(&world, "a=pass b=pass", true, "11", &lines);
	add_round(&world, "a=fail", false, "11", &lost);
	add_round(&world, "b=fail", false, "11", &lines);
	assert_answer(send(&world, &lines), "logged", "", "incomplete");
	assert_findings(&world, "gap: number 3 of its chain is missing\n");
	assert_same_again(&world);
	world_done(&world);
}

static void a_fork_is_refused_found_once_and_its_envelope_is_kept(void **state) {
	struct world world;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf kept = {0};
	make_world(&world);
	struct kit_host clone = world.host;
	assert_answer(send_round(&world, "a=pass", true, "1"), "logged", "", "");
	world.host = clone; /* set back to a snapshot */
	world.host.clock++;
	add_round(&world, "a=fail", true, "1", &lines);
	CLEANUP(free_ptr) char *again = xstrdup(lines.data);
	CLEANUP(json_decref_p) json_t *answers = send(&world, &lines);
	assert_answer(json_incref(answers), "refused", "sequence: a fork in the chain: another statement is number 2",
		      "");
	buf_adds(&lines, again);
	assert_answer(send(&world, &lines), "refused", "fork", "");
	assert_findings(&world, "fork: sequence: a fork in the chain: another statement is number 2\n");
	must(store_refused(world.kit.store, kit_answer(answers, 0, "digest"), &kept, &err));
	assert_non_null(strstr(kept.data, "\"payload\""));
	assert_int_equal(log_size(world.kit.log), 2);
	assert_same_again(&world);
	world_done(&world);
}

static void findings_and_refused_envelopes_of_a_host_are_capped_and_then_counted(void **state) {
	struct world world;
	CLEANUP(buf_done) struct buf lines = {0};
	make_world(&world);
	const int first = 200, second = STORE_NOTES_MOST - 200 + 10;
	struct kit_host before = world.host;
	for (int i = 0; i < first + second; i++) {
		world.host = before;
		world.host.sequence = 0;
		world.host.clock = KIT_NOW - i;
		kit_add_pass(&world.host, &lines);
		if (i + 1 == first || i + 1 == first + second)
			json_decref(send(&world, &lines));
	}
	assert_int_equal(number_of(&world, "SELECT count(*) FROM findings"), STORE_NOTES_MOST);
	assert_int_equal(number_of(&world, "SELECT count FROM counted WHERE kind = 'fork'"), 10);
	assert_int_equal(number_of(&world, "SELECT count(*) FROM refused"), STORE_REFUSED_MOST);
	assert_same_again(&world);
	world_done(&world);
}

static void refused_envelopes_are_capped_by_their_bytes(void **state) {
	struct world world;
	struct err err = {0};
	CLEANUP(buf_done) struct buf large = {0};
	make_world(&world);
	memset(buf_room(&large, STORE_REFUSED_LARGEST), 'x', STORE_REFUSED_LARGEST);
	large.len = STORE_REFUSED_LARGEST;
	must(store_refused_add(world.kit.store, KIT_HOST, "1", 1, &large, &err));
	large.len = 1;
	must(store_refused_add(world.kit.store, KIT_HOST, "2", 1, &large, &err));
	must(store_refused_add(world.kit.store, KIT_OTHER, "3", 1, &large, &err));
	assert_int_equal(number_of(&world, "SELECT count(*) FROM refused"), 2);
	world_done(&world);
}

static void a_host_that_enrols_anew_is_found_with_whether_it_was_still_reporting(void **state) {
	struct world world;
	struct kit_host second, third;
	CLEANUP(buf_done) struct buf lines = {0};
	make_world(&world);
	assert_answer(send_round(&world, "a=pass", true, "1"), "logged", "", "");
	kit_host_make(&second, KIT_HOST);
	kit_host_make(&third, KIT_HOST);
	kit_add_enrolment(&second, &lines);
	json_decref(kit_send(&world.kit, &second, &lines));
	buf_done(&lines);
	kit_add_enrolment(&third, &lines);
	json_decref(kit_send(&world.kit, &third, &lines));
	assert_findings(&world,
			"reset: enrolled anew while the line before was still reporting: that ends at number 2\n"
			"reset: enrolled anew after the line before fell silent: that ends at number 1\n");
	assert_same_again(&world);
	kit_host_done(&second);
	kit_host_done(&third);
	world_done(&world);
}

static void a_key_lost_within_a_boot_is_found(void **state) {
	struct world world;
	struct err err = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	make_world(&world);
	must(key_make_ed25519(&world.host.next, &err));
	assert_answer(send_round(&world, "a=pass", true, "1"), "logged", "", "");
	kit_add_epoch(&world.host, "reset", &lines);
	assert_answer(send(&world, &lines), "logged", "", "");
	assert_findings(&world, "reset: a new epoch at number 3: the key before it was lost within one boot\n");
	world_done(&world);
}

static void a_clock_that_is_ahead_is_found_once_until_it_is_right(void **state) {
	struct world world;
	make_world(&world);
	world.host.clock = KIT_NOW + 300;
	assert_answer(send_round(&world, "a=pass", true, "1"), "logged", "", "");
	assert_findings(&world, "");
	world.host.clock = KIT_NOW + 301;
	assert_answer(send_round(&world, "", false, "1"), "logged", "", "");
	assert_answer(send_round(&world, "", false, "1"), "logged", "", "");
	assert_findings(&world, "clock: its clock is 301 seconds ahead of ours\n");
	world.host.clock = KIT_NOW;
	assert_answer(send_round(&world, "", false, "1"), "logged", "", "");
	world.host.clock = KIT_NOW + 3600;
	assert_answer(send_round(&world, "", false, "1"), "logged", "", "");
	assert_int_equal(number_of(&world, "SELECT count(*) FROM findings WHERE kind = 'clock'"), 2);
	assert_same_again(&world);
	world_done(&world);
}

/* --- checkpoints -------------------------------------------------------------------------------------------------- */

static json_t *checkpoint_of(const char *origin, uint64_t size, const struct hash *root) {
	CLEANUP(free_ptr) char *text = base64_encode(root->bytes, sizeof root->bytes);
	return json_pack("{s:s, s:I, s:s}", "origin", origin, "size", (json_int_t)size, "root", text);
}

static void a_checkpoint_of_another_tree_or_log_is_found_and_the_statement_taken(void **state) {
	struct world world;
	struct hash other = hash_of("x", 1);
	CLEANUP(buf_done) struct buf lines = {0};
	make_world(&world);
	const struct hash first = log_checkpoint(world.kit.log)->root;
	assert_answer(send_round(&world, "a=pass", true, "1"), "logged", "", "");
	CLEANUP(json_decref_p) json_t *ours = checkpoint_of(KIT_ORIGIN, 1, &first);
	CLEANUP(json_decref_p) json_t *forked = checkpoint_of(KIT_ORIGIN, 1, &other);
	CLEANUP(json_decref_p) json_t *foreign = checkpoint_of("elsewhere/log", 1, &first);
	world.host.checkpoint = ours;
	assert_answer(send_round(&world, "", false, "1"), "logged", "", "");
	assert_findings(&world, "");
	world.host.checkpoint = forked;
	assert_answer(send_round(&world, "", false, "1"), "logged", "", "");
	world.host.checkpoint = forked;
	assert_answer(send_round(&world, "", false, "1"), "logged", "", "");
	assert_int_equal(number_of(&world,
				   "SELECT count(*) FROM findings WHERE kind = 'log' AND text LIKE"
				   " 'it was shown another log of our name: of 1 entries its root is %, ours %'"),
			 1);
	world.host.checkpoint = foreign;
	assert_answer(send_round(&world, "", false, "1"), "logged", "", "");
	assert_int_equal(
		number_of(&world, "SELECT count(*) FROM findings WHERE text LIKE '%another log, \"elsewhere/log\"'"),
		1);
	assert_same_again(&world);
	world_done(&world);
}

static void a_larger_checkpoint_means_that_we_were_set_back_and_nothing_is_logged(void **state) {
	struct world world;
	struct hash other = hash_of("x", 1);
	CLEANUP(buf_done) struct buf lines = {0};
	make_world(&world);
	CLEANUP(json_decref_p) json_t *later = checkpoint_of(KIT_ORIGIN, 7, &other);
	world.host.checkpoint = later;
	add_round(&world, "a=pass", true, "1", &lines);
	add_round(&world, "", false, "1", &lines);
	CLEANUP(free_ptr) char *copy = xstrdup(lines.data);
	CLEANUP(json_decref_p) json_t *answers = send(&world, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "retry");
	assert_non_null(strstr(kit_answer(answers, 0, "reason"),
			       "set back: its log has 1 entries, and the statement knows of 7"));
	assert_string_equal(kit_answer(answers, 1, "outcome"), "retry");
	assert_int_equal(log_size(world.kit.log), 1);
	buf_adds(&lines, copy);
	json_decref(send(&world, &lines));
	assert_int_equal(number_of(&world, "SELECT count(*) FROM findings WHERE kind = 'set-back'"), 1);
	assert_same_again(&world);
	world_done(&world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_replaces_what_it_carries_and_renews_what_it_looked_at),
		cmocka_unit_test(a_result_that_is_renewed_behind_a_gap_has_a_line_in_the_history),
		cmocka_unit_test(a_rule_that_a_full_round_lacks_is_withdrawn),
		cmocka_unit_test(a_round_whose_results_do_not_give_its_root_is_refused),
		cmocka_unit_test(a_host_cannot_send_a_result_as_if_it_were_erased),
		cmocka_unit_test(a_gap_is_taken_found_and_leaves_results_unknown_until_the_next_full_round),
		cmocka_unit_test(a_gap_of_one_in_the_middle_of_a_request_is_a_gap),
		cmocka_unit_test(a_fork_is_refused_found_once_and_its_envelope_is_kept),
		cmocka_unit_test(findings_and_refused_envelopes_of_a_host_are_capped_and_then_counted),
		cmocka_unit_test(refused_envelopes_are_capped_by_their_bytes),
		cmocka_unit_test(a_host_that_enrols_anew_is_found_with_whether_it_was_still_reporting),
		cmocka_unit_test(a_key_lost_within_a_boot_is_found),
		cmocka_unit_test(a_clock_that_is_ahead_is_found_once_until_it_is_right),
		cmocka_unit_test(a_checkpoint_of_another_tree_or_log_is_found_and_the_statement_taken),
		cmocka_unit_test(a_larger_checkpoint_means_that_we_were_set_back_and_nothing_is_logged),
	};
	return cmocka_run_group_tests_name("rounds", tests, NULL, NULL);
}

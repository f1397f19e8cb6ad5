/* Packages by an operator with all keys but the hosts', who says what nobody signs as it suits: when statements were
 * received, which of them there are, who witnessed, and what was disclosed beside what is proved. */
#include "verify_kit.h"

/* The world of a day, to be bent before it is exported. */
static struct kit *lived(const char *control) {
	struct kit *kit = kit_new(control);
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	return kit;
}

/* Round n is entry 4 + n. */
#define ENTRY(round) ((round) + 4)

/* Without anchors the operator's word on receipt is bound by nothing. */
static void drop_anchors(struct kit *kit) { kit->anchor_count = 0; }

static void a_failure_is_not_shortened_by_an_early_receipt(void **state) {
	struct kit *kit = lived(NULL);
	drop_anchors(kit);
	/* a.one fails from round 4 and heals in round 8, which is said to have come right behind round 4. */
	for (int round = 5; round <= 8; round++)
		kit->entries[ENTRY(round)].received = AT(4) - 449 + round;
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_TIME, "which clock was right"));
	assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_PASS), (LAST - 5) * KIT_EVERY);
}

static void clocks_that_agree_again_count_again(void **state) {
	struct kit *kit = lived(NULL);
	drop_anchors(kit);
	kit->entries[ENTRY(9)].received = AT(9) - 450 - 900;
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	/* Round 9 counts for no second, and round 10 renews what round 9 did not change. */
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_GAP), KIT_EVERY + 898);
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_PASS), (LAST - 1) * KIT_EVERY - 898);
}

static void a_gap_is_not_hidden_by_a_receipt_behind_the_period(void **state) {
	struct kit *kit = lived(NULL);
	drop_anchors(kit);
	kit->entries[ENTRY(4)].is_hidden = kit->entries[ENTRY(5)].is_hidden = true;
	kit->entries[ENTRY(6)].received = AT(LAST) + 60;
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_CHAINS, "what the statements 8 to 9 of host"));
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_GAP), 3 * KIT_EVERY - 1);
}

static void gaps_are_not_forgotten_by_a_receipt_before_the_period(void **state) {
	struct kit *kit = lived(NULL);
	drop_anchors(kit);
	kit->entries[ENTRY(4)].is_hidden = kit->entries[ENTRY(5)].is_hidden = true;
	kit->entries[ENTRY(6)].received = AT(0) - 60;
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_CHAINS, "what the statements 8 to 9 of host"));
}

static void receipts_that_go_back_are_open(void **state) {
	struct kit *kit = lived(NULL);
	drop_anchors(kit);
	kit->entries[ENTRY(6)].received += 900 + 301;
	kit_export(kit);
	assert_open(kit, NULL, FOUND_TIME,
		    "when 1 statements were received: receivedAt goes back behind what the log "
		    "has before them, by up to 301 seconds");
}

static void receipts_of_the_future_are_open(void **state) {
	struct kit *kit = lived(NULL);
	drop_anchors(kit);
	kit->entries[ENTRY(LAST)].received = KIT_BEGIN + 86400 + 301;
	kit_export(kit);
	assert_open(kit, NULL, FOUND_TIME, "when 1 statements were received: receivedAt is later than this machine's");
}

/* A silence filled afterwards by who has the host's key looks like a spool that came late. */
static void rounds_that_came_long_after_they_were_made_are_open(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 2);
	for (int round = 3; round <= 6; round++)
		kit->entries[kit_round(kit, &kit->host, NULL, 7, false, AT(round) - 450)].received = AT(20);
	kit->to = AT(21);
	kit_anchor(kit, AT(21));
	kit_export(kit);
	assert_open(kit, NULL, FOUND_TIME,
		    "that 4 statements of host " KIT_HOST
		    " (web-1) were made when it says: they were received up to 15751 seconds later");
}

static void a_quorum_on_an_early_checkpoint_says_nothing_of_later_statements(void **state) {
	struct kit *kit = lived(NULL);
	kit->anchors[1].is_witnessed = kit->anchors[2].is_witnessed = false;
	kit_export(kit);
	assert_open(kit, NULL, FOUND_ANCHORS,
		    "that everybody sees the same log, for 10 of 12 statements of the period");
}

static void a_witness_policy_that_asks_for_nobody_proves_nothing(void **state) {
	struct kit *kit = lived(NULL);
	kit_export(kit);
	json_t *trust = kit_trust(kit);
	CLEANUP(free_ptr) char *policy = xstrdup(json_string_value(json_object_get(trust, "witnessPolicy")));
	*strstr(policy, "quorum w1") = '\0';
	CLEANUP(free_ptr) char *none = xasprintf("%squorum none\n", policy);
	json_object_set_new(trust, "witnessPolicy", json_string(none));
	CLEANUP(looked_done) struct looked verdict = look(kit, trust);
	kit_free(kit);
	assert_int_equal(verdict.audit.anchors.witnessed, 0);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_ANCHORS, "witness policy asks for no witness"));
}

static void what_a_clock_that_was_set_back_saw_is_open(void **state) {
	struct kit *kit = kit_new(NULL);
	const char *const fails[KIT_RULES] = {"fail", NULL, NULL};
	live(kit, 0, 5);
	/* An hour back: a.one fails and heals in time that has passed already. */
	kit->entries[kit_round(kit, &kit->host, fails, 7, false, AT(2) - 450)].received = AT(6) - 450;
	kit->entries[kit_round(kit, &kit->host, kit_all_pass, 7, false, AT(3) - 450)].received = AT(7) - 450;
	drop_anchors(kit);
	kit_export(kit);
	assert_open(kit, NULL, FOUND_TIME,
		    "what host " KIT_HOST " (web-1) came to while its clock was set back: 1 statements were finished "
		    "up to 2700 seconds before");
}

/* --- the collector's own line, and revocations -------------------------------------------------------------------- */

static void a_second_line_of_a_collector_is_refused(void **state) {
	struct kit *kit = lived(NULL);
	struct kit_line second = kit_line_new("0c0ffee0-0000-4000-8000-000000000002", KIT_ORIGIN);
	json_t *trust = kit_trust(kit);
	second.boot = second.os = "";
	kit_enrol(kit, &second, "collector", AT(LAST));
	kit_line_done(&second);
	kit_export(kit);
	json_object_del(trust, "collectorKey");
	assert_refused_by(kit, trust, FOUND_KEYS, "a second line that says that it is the collector's own");
}

static void end_line(struct kit *kit, int64_t from, int64_t at) {
	char text[TIMES_TEXT], hex[HASH_HEX];
	const struct hash id = key_id(kit->host.enrolled);
	CLEANUP(free_ptr)
	char *body = kit_text(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "host", KIT_HOST, "enrolment",
					kit->host.enrolment, "evidenceKey", hash_hex(&id, hex), "from",
					times_format(from, text), "reason", "stolen", "by", "operator"));
	struct statement statement = {.type = (char *)"revocation", .trigger = (char *)"manual"};
	kit_seal(kit, &kit->own, &statement, body, at);
}

static void a_thief_s_old_times_do_not_outlive_a_revocation(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	/* Received at round 6, and said to have been made before the theft. */
	kit->entries[kit_round(kit, &kit->host, kit_all_pass, 7, true, AT(4) - 450)].received = AT(6);
	end_line(kit, AT(4), AT(7));
	kit->to = AT(7);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_true(has_found(&verdict.audit, FOUND_OPEN, FOUND_KEYS, "entry 8: what host " KIT_HOST));
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_GAP), AT(7) - AT(4));
}

static void the_earliest_of_two_revocations_counts(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 6);
	end_line(kit, AT(6), AT(7));
	end_line(kit, AT(4), AT(7) + 1);
	kit->to = AT(7);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_int_equal(seconds(&verdict.audit, "b.two", TIMELINE_GAP), AT(7) - AT(4));
}

static void a_key_of_an_epoch_is_not_enrolled(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	EVP_PKEY *stolen = kit->host.epoch;
	kit->host.epoch = NULL;
	json_t *trust = kit_trust(kit);
	/* As an exported trust file has it. */
	json_array_append_new(json_object_get(trust, "evidenceKeys"), kit_trusted_key(stolen, KIT_HOST));
	CLEANUP(free_ptr) char *key = kit_key(stolen);
	struct kit_line thiefs = kit_line_new(KIT_HOST, "web-1");
	struct statement statement = {.type = (char *)"enrolment", .evidence_key = key, .transport_key = key};
	thiefs.enrolled = stolen;
	kit_seal(kit, &thiefs, &statement, "{}", AT(4));
	kit_line_done(&thiefs);
	kit_export(kit);
	assert_refused_by(kit, trust, FOUND_KEYS, "entry 8: an enrolment with a key that is enrolled already");
}

/* --- what is disclosed, and what was attested --------------------------------------------------------------------- */

static void rounds_that_are_not_believed_do_not_hide_the_disclosures_behind_them(void **state) {
	struct kit *kit = kit_new("A.8.15");
	struct kit_line second = kit_line_new("b9f6f3c4-1f3e-5d0a-8a53-000000000002", "web-2");
	const char *const fails[KIT_RULES] = {"fail", NULL, NULL};
	kit_begin(kit, &second, KIT_BEGIN - 1800);
	live(kit, 0, 3);
	kit_round(kit, &kit->host, fails, 7, false, AT(4) - 450);
	kit_round(kit, &second, kit_all_pass, 7, true, AT(5));
	end_line(kit, AT(3), AT(6));
	kit->to = AT(7);
	kit_export(kit);
	json_t *trust = kit_trust(kit);
	json_array_append_new(json_object_get(trust, "evidenceKeys"), kit_trusted_key(second.enrolled, second.id));
	kit_line_done(&second);
	CLEANUP(looked_done) struct looked verdict = look(kit, trust);
	kit_free(kit);
	print_found(&verdict.audit);
	assert_int_equal(found_total(&verdict.audit.found, FOUND_CONTRADICTION), 0);
}

static void what_no_leaf_commits_to_is_not_disclosed(void **state) {
	struct kit *kit = day("A.8.15");
	kit_edit(kit, "disclosures.jsonl", "\"verdict\":", "\"severity\":\"low\",\"verdict\":");
	assert_refused(kit, FOUND_BODIES, "a disclosed result with members that its leaf does not commit to");
}

static void rows_that_are_called_volatile_are_not_disclosed(void **state) {
	struct kit *kit = day("A.8.15");
	kit_edit(kit, "disclosures.jsonl", "\"observed\":[]", "\"observed\":[{\"rules\":99}]");
	kit_edit(kit, "disclosures.jsonl", "\"volatile\":[]", "\"volatile\":[\"rules\"]");
	assert_refused(kit, FOUND_BODIES, "a disclosed result with members that its leaf does not commit to");
}

static void a_control_that_nothing_supports_is_open(void **state) {
	assert_open(day("A.5.9"), NULL, FOUND_TIMELINE, "A.5.9: anything about this control: no rule of the policies");
}

static void attest(struct kit *kit, const char *controls, int64_t collected) {
	char from[TIMES_TEXT], to[TIMES_TEXT];
	struct statement statement = {.type = (char *)"attestation", .trigger = (char *)"manual"};
	CLEANUP(free_ptr)
	char *body = kit_text(json_pack("{s:s, s:s, s:[s], s:s, s:s}", "author", "Ada", "note", "restored, and read",
					"controls", controls, "collectedAt", times_format(collected, from), "expiresAt",
					times_format(collected + 86400, to)));
	kit_seal(kit, &kit->host, &statement, body, AT(LAST));
}

static void an_attestation_is_told(void **state) {
	struct kit *kit = lived("A.8.13");
	attest(kit, "A.8.13", AT(LAST) - 60);
	kit->to = AT(LAST) + 60;
	kit_anchor(kit, AT(LAST) + 10);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	assert_int_equal(verdict.audit.attested.count, 1);
	assert_string_equal(verdict.audit.attested.items[0].said->note, "restored, and read");
}

static void an_attestation_that_is_none_is_refused(void **state) {
	struct kit *kit = lived(NULL);
	attest(kit, "A.9.99", AT(LAST));
	kit_export(kit);
	assert_refused(kit, FOUND_BODIES, "entry 17: ");
}

static void an_attestation_of_tomorrow_is_refused(void **state) {
	struct kit *kit = lived(NULL);
	attest(kit, "A.8.13", AT(LAST) + 3600);
	kit_export(kit);
	assert_refused(kit, FOUND_BODIES, "an attestation that was collected after it was sealed");
}

static void an_attestation_without_its_body_is_open(void **state) {
	struct kit *kit = lived("A.8.15");
	attest(kit, "A.8.13", AT(LAST));
	free(kit->files[kit->file_count - 1].name);
	buf_done(&kit->files[--kit->file_count].bytes);
	kit->to = AT(LAST) + 60;
	kit_export(kit);
	assert_open(kit, NULL, FOUND_BODIES, "what 1 attestations are of: their bodies are not in the package");
}

static void a_package_without_a_statement_of_its_period_is_open(void **state) {
	struct kit *kit = lived(NULL);
	kit->from = AT(LAST) + 1;
	kit->to = AT(LAST) + 900;
	kit_export(kit);
	assert_open(kit, NULL, FOUND_TIMELINE, "anything about the period: no statement was received in it");
}

static void what_a_host_was_judged_by_is_told(void **state) {
	struct kit *kit = day(NULL);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	const struct host *host = hosts_find(&verdict.audit.hosts, KIT_HOST);
	assert_int_equal(host->judged_count, 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(host->judged[0].policies, 0), "sha256")),
			    kit->policy);
	kit_free(kit);
}

static void rounds_behind_a_gap_are_not_said_to_give_their_state(void **state) {
	struct kit *kit = lived(NULL);
	kit->entries[ENTRY(4)].is_hidden = true;
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	/* Round 5; the sixth is full. */
	assert_int_equal(verdict.audit.rounds_unproved, 1);
	assert_int_equal(verdict.audit.rounds_proved, LAST - 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_is_not_shortened_by_an_early_receipt),
		cmocka_unit_test(clocks_that_agree_again_count_again),
		cmocka_unit_test(a_gap_is_not_hidden_by_a_receipt_behind_the_period),
		cmocka_unit_test(gaps_are_not_forgotten_by_a_receipt_before_the_period),
		cmocka_unit_test(receipts_that_go_back_are_open),
		cmocka_unit_test(receipts_of_the_future_are_open),
		cmocka_unit_test(rounds_that_came_long_after_they_were_made_are_open),
		cmocka_unit_test(a_quorum_on_an_early_checkpoint_says_nothing_of_later_statements),
		cmocka_unit_test(a_witness_policy_that_asks_for_nobody_proves_nothing),
		cmocka_unit_test(what_a_clock_that_was_set_back_saw_is_open),
		cmocka_unit_test(a_key_of_an_epoch_is_not_enrolled),
		cmocka_unit_test(a_second_line_of_a_collector_is_refused),
		cmocka_unit_test(a_thief_s_old_times_do_not_outlive_a_revocation),
		cmocka_unit_test(the_earliest_of_two_revocations_counts),
		cmocka_unit_test(rounds_that_are_not_believed_do_not_hide_the_disclosures_behind_them),
		cmocka_unit_test(what_no_leaf_commits_to_is_not_disclosed),
		cmocka_unit_test(rows_that_are_called_volatile_are_not_disclosed),
		cmocka_unit_test(a_control_that_nothing_supports_is_open),
		cmocka_unit_test(an_attestation_is_told),
		cmocka_unit_test(an_attestation_that_is_none_is_refused),
		cmocka_unit_test(an_attestation_of_tomorrow_is_refused),
		cmocka_unit_test(an_attestation_without_its_body_is_open),
		cmocka_unit_test(a_package_without_a_statement_of_its_period_is_open),
		cmocka_unit_test(what_a_host_was_judged_by_is_told),
		cmocka_unit_test(rounds_behind_a_gap_are_not_said_to_give_their_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

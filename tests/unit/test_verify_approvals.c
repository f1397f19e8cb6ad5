/* vouch verify PACKAGE on approvals: whom the trust file knows, what they signed, and what hosts say beyond that. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cli/verify_package.h"
#include "verify_kit.h"

static struct host_key *jane, *bob;

static int make(void **state) {
	EVP_PKEY *one = NULL, *two = NULL;
	struct err err;
	kit_must(key_make_ed25519(&one, &err) && key_make_p256(&two, &err), &err);
	jane = host_key_of(one);
	bob = host_key_of(two);
	return 0;
}

static int drop(void **state) {
	host_key_free(jane);
	host_key_free(bob);
	return 0;
}

/* The trust file, with jane's key. until: of it, or NULL. */
static json_t *trust_with_jane(const struct kit *kit, const char *until) {
	json_t *trust = kit_trust(kit);
	CLEANUP(free_ptr) char *pem = key_public_pem(host_key_public(jane));
	json_t *approver = json_pack("{s:s, s:s}", "name", "jane", "publicKey", pem);
	if (until)
		json_object_set_new(approver, "until", json_string(until));
	json_object_set_new(trust, "approvers", json_pack("[o]", approver));
	return trust;
}

/* The host seals it. */
static void approve(struct kit *kit, const struct host_key *key, const char *approver, const char *id, int64_t expires,
		    int64_t at) {
	struct approval approval = {
		.policy = (char *)id, .approver = (char *)approver, .approved = KIT_BEGIN - 5000, .expires = expires};
	CLEANUP(buf_done) struct buf line = {0};
	struct statement statement = {.type = (char *)"approval"};
	struct err err;
	assert_true(hash_from_hex(kit->policy, &approval.sha256));
	kit_must(approval_seal(&approval, key, &line, &err), &err);
	kit_seal(kit, &kit->host, &statement, buf_str(&line), at);
}

static struct kit *end_day(struct kit *kit) {
	live(kit, 0, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	return kit;
}

/* A day whose policy this key approved before it. */
static struct kit *day_approved(const char *control, const struct host_key *key, const char *approver,
				int64_t expires) {
	struct kit *kit = kit_new(control);
	approve(kit, key, approver, "small", expires, KIT_BEGIN - 3000);
	return end_day(kit);
}

static void an_approved_policy_leaves_nothing_open(void **state) {
	struct kit *kit = day_approved(NULL, jane, "jane", 0);
	CLEANUP(looked_done) struct looked verdict = look(kit, trust_with_jane(kit, NULL));
	CLEANUP(json_decref_p) json_t *report = verify_package_json(&verdict.audit);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
	const json_t *approval = json_array_get(json_object_get(report, "approvals"), 0);
	assert_true(json_is_true(json_object_get(approval, "holds")));
	assert_string_equal(json_string_value(json_object_get(approval, "approver")), "jane");
}

static void without_keys_nothing_is_said(void **state) {
	struct kit *kit = end_day(kit_new(NULL));
	CLEANUP(looked_done) struct looked verdict = look(kit, NULL);
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
}

static void a_policy_that_nobody_approved_is_open(void **state) {
	struct kit *kit = end_day(kit_new(NULL));
	assert_open(kit, trust_with_jane(kit, NULL), FOUND_KEYS, "no approval of it is in the package");
}

static void an_approval_by_another_key_leaves_it_open(void **state) {
	struct kit *kit = day_approved(NULL, bob, "bob", 0);
	assert_open(kit, trust_with_jane(kit, NULL), FOUND_KEYS, "none of the approvers'");
}

static void an_approval_in_anothers_name_leaves_it_open(void **state) {
	struct kit *kit = day_approved(NULL, jane, "bob", 0);
	assert_open(kit, trust_with_jane(kit, NULL), FOUND_KEYS, "it says that it is bob's");
}

static void an_approval_of_another_id_leaves_it_open(void **state) {
	struct kit *kit = kit_new(NULL);
	approve(kit, jane, "jane", "large", 0, KIT_BEGIN - 3000);
	end_day(kit);
	assert_open(kit, trust_with_jane(kit, NULL), FOUND_KEYS, "it approves the policy \"large\"");
}

static void an_approval_behind_the_first_round_leaves_open_what_came_before(void **state) {
	struct kit *kit = kit_new(NULL);
	live(kit, 0, 3);
	approve(kit, jane, "jane", "small", 0, AT(3) - 400);
	live(kit, 4, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	assert_open(kit, trust_with_jane(kit, NULL), FOUND_KEYS, "the first approval of it was sealed at");
}

static void an_approval_that_expired_leaves_open_what_came_behind(void **state) {
	struct kit *kit = day_approved(NULL, jane, "jane", AT(4));
	assert_open(kit, trust_with_jane(kit, NULL), FOUND_KEYS, "the approval of it expired at");
}

static void a_key_that_had_ended_leaves_it_open(void **state) {
	char text[TIMES_TEXT];
	struct kit *kit = day_approved(NULL, jane, "jane", 0);
	assert_open(kit, trust_with_jane(kit, times_format(KIT_BEGIN - 3001, text)), FOUND_KEYS, "ended at");
	kit = day_approved(NULL, jane, "jane", 0);
	CLEANUP(looked_done)
	struct looked verdict = look(kit, trust_with_jane(kit, times_format(KIT_BEGIN - 2000, text)));
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
}

static void an_approval_that_was_left_out_is_missed(void **state) {
	struct kit *kit = kit_new(NULL);
	const size_t files = kit->file_count;
	approve(kit, jane, "jane", "small", 0, KIT_BEGIN - 3000);
	kit_drop(kit, kit->files[files].name);
	end_day(kit);
	assert_refused_by(kit, trust_with_jane(kit, NULL), FOUND_BODIES, "the body of this approval is missing");
}

/* --- exceptions --------------------------------------------------------------------------------------------------- */

static json_t *waiver_of(const char *id, const char *approver) {
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", id, "approver", approver, "expiresAt",
			 "2040-01-01T00:00:00Z", "reason", "until it is replaced", "requester", "ann", "policy",
			 "small");
}

/* a.one fails and is waived; the policy is approved by that key, or by nobody. */
static struct kit *day_waived(const char *control, json_t *waiver, const struct host_key *key, const char *approver) {
	struct kit *kit = kit_new(control);
	kit->waiver = waiver;
	if (key)
		approve(kit, key, approver, "small", 0, KIT_BEGIN - 3000);
	return end_day(kit);
}

static void a_signed_exception_leaves_nothing_open(void **state) {
	static const char *const controls[] = {NULL, "A.8.15"};
	for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
		CLEANUP(json_decref_p) json_t *waiver = waiver_of("W-1", "jane");
		struct kit *kit = day_waived(controls[i], waiver, jane, "jane");
		CLEANUP(looked_done) struct looked verdict = look(kit, trust_with_jane(kit, NULL));
		kit_free(kit);
		assert_proved(&verdict.audit, 0);
		assert_int_equal(verdict.audit.approvals.exception_count, 1);
		assert_non_null(approvals_sign(&verdict.audit.approvals, &verdict.audit.approvals.exceptions[0]));
		assert_int_equal(seconds(&verdict.audit, "a.one", TIMELINE_WAIVED), 4 * KIT_EVERY);
	}
}

static void an_exception_that_its_approver_did_not_sign_is_open(void **state) {
	CLEANUP(json_decref_p) json_t *waiver = waiver_of("W-1", "jane");
	struct kit *kit = day_waived(NULL, waiver, NULL, NULL);
	assert_open(kit, trust_with_jane(kit, NULL), FOUND_KEYS, "that jane approved the exception W-1 of a.one");
}

/* A host cannot lean on a signed policy for what is not in it. */
static void an_exception_that_the_policy_does_not_have_contradicts(void **state) {
	CLEANUP(json_decref_p) json_t *other = waiver_of("W-2", "jane"), *another = waiver_of("W-1", "bob");
	assert_refused_by(day_waived(NULL, other, jane, "jane"), NULL, FOUND_BODIES, "has no such one");
	assert_refused_by(day_waived(NULL, another, jane, "jane"), NULL, FOUND_BODIES, "has no such one");
}

/* Nor for what the policy has for other hosts, or in other words. */
static void an_exception_for_other_hosts_or_in_other_words_contradicts(void **state) {
	CLEANUP(json_decref_p) json_t *others = waiver_of("W-8", "jane"), *worded = waiver_of("W-1", "jane");
	assert_refused_by(day_waived(NULL, others, jane, "jane"), NULL, FOUND_BODIES, "has no such one");
	json_object_set_new(worded, "reason", json_string("the board wants it so"));
	assert_refused_by(day_waived(NULL, worded, jane, "jane"), NULL, FOUND_BODIES, "has no such one");
	json_object_set_new(worded, "reason", json_string("until it is replaced"));
	json_object_set_new(worded, "ticket", json_string("SEC-1"));
	assert_refused_by(day_waived(NULL, worded, jane, "jane"), NULL, FOUND_BODIES, "has no such one");
}

static void time_between_two_approvals_is_open(void **state) {
	struct kit *kit = kit_new(NULL);
	approve(kit, jane, "jane", "small", AT(2), KIT_BEGIN - 3000);
	live(kit, 0, 5);
	approve(kit, jane, "jane", "small", 0, AT(5) + 100);
	live(kit, 6, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	assert_open(kit, trust_with_jane(kit, NULL), FOUND_KEYS, "the approval of it expired at");
}

static void approvals_that_follow_each_other_leave_nothing_open(void **state) {
	struct kit *kit = kit_new(NULL);
	approve(kit, jane, "jane", "small", AT(4), KIT_BEGIN - 3000);
	live(kit, 0, 2);
	approve(kit, jane, "jane", "small", 0, AT(2) + 100);
	live(kit, 3, LAST);
	kit->to = AT(LAST);
	kit_export(kit);
	CLEANUP(looked_done) struct looked verdict = look(kit, trust_with_jane(kit, NULL));
	kit_free(kit);
	assert_proved(&verdict.audit, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(an_approved_policy_leaves_nothing_open),
		TEST(without_keys_nothing_is_said),
		TEST(a_policy_that_nobody_approved_is_open),
		TEST(an_approval_by_another_key_leaves_it_open),
		TEST(an_approval_in_anothers_name_leaves_it_open),
		TEST(an_approval_of_another_id_leaves_it_open),
		TEST(an_approval_behind_the_first_round_leaves_open_what_came_before),
		TEST(an_approval_that_expired_leaves_open_what_came_behind),
		TEST(a_key_that_had_ended_leaves_it_open),
		TEST(an_approval_that_was_left_out_is_missed),
		TEST(a_signed_exception_leaves_nothing_open),
		TEST(an_exception_that_its_approver_did_not_sign_is_open),
		TEST(an_exception_that_the_policy_does_not_have_contradicts),
		TEST(an_exception_for_other_hosts_or_in_other_words_contradicts),
		TEST(time_between_two_approvals_is_open),
		TEST(approvals_that_follow_each_other_leave_nothing_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

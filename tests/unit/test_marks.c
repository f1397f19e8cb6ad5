/* Marks at the collector: who approved a policy, by the keys that there are, and from when on that was known. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/index.h"
#include "collector/marks.h"
#include "collector/store_approvals.h"

#include "collector_kit.h"

#define POLICY                                                                                                         \
	"policy: {id: web, version: 1.0.0, framework: 'iso27001:2022', title: Web}\n"                                  \
	"rules:\n"                                                                                                     \
	"  - {id: log.journal.persistent, title: T, controls: [A.8.15], severity: high, every: 1h}\n"                  \
	"waivers:\n"                                                                                                   \
	"  - {id: W-1, rule: log.journal.persistent, approver: jane, reason: so, expires: 2027-01-01}\n"               \
	"  - {id: W-4, rule: log.journal.persistent, approver: jane, hosts: {names: [db*]}, reason: so,\n"             \
	"     expires: 2027-01-01}\n"                                                                                  \
	"  - {id: W-2, rule: log.journal.persistent, approver: bob, expires: 2027-01-01}\n"

static struct kit kit;
static struct kit_host host;
static struct host_key *jane, *bob;
static char policy_hex[HASH_HEX];

static void give_key(const char *name, const struct host_key *key) {
	struct err err = {0};
	CLEANUP(free_ptr) char *folder = file_join(kit.folder, MARKS_APPROVERS);
	CLEANUP(free_ptr) char *file = xasprintf("%s.pem", name);
	CLEANUP(free_ptr) char *path = file_join(folder, file);
	CLEANUP(free_ptr) char *pem = key_public_pem(host_key_public(key));
	must(file_make_folder(folder, 0755, &err));
	must(file_write(path, pem, strlen(pem), 0644, &err));
}

static int make(void **state) {
	struct err err = {0};
	EVP_PKEY *one, *two;
	CLEANUP(buf_done) struct buf lines = {0};
	const struct hash sha256 = hash_of(POLICY, strlen(POLICY));
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	must(key_make_ed25519(&one, &err));
	must(key_make_p256(&two, &err));
	jane = host_key_of(one);
	bob = host_key_of(two);
	hash_hex(&sha256, policy_hex);
	host.policies = json_pack("[{s:s, s:s, s:s}]", "id", "web", "version", "1.0.0", "sha256", policy_hex);
	CLEANUP(buf_done) struct buf body = {0};
	buf_adds(&body, POLICY);
	kit_add_enrolment(&host, &lines);
	kit_add(&host, "policy", "policy", &body, NULL, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(answers, 1, "outcome"), "logged");
	return 0;
}

static int drop(void **state) {
	json_decref(host.policies);
	kit_host_done(&host);
	kit_done(&kit);
	host_key_free(jane);
	host_key_free(bob);
	return 0;
}

static char *line_of(const char *approver, const struct host_key *key, const char *id, const char *note) {
	CLEANUP(buf_done) struct buf line = {0};
	struct err err = {0};
	struct approval approval = {.policy = (char *)id,
				    .approver = (char *)approver,
				    .note = (char *)note,
				    .approved = KIT_NOW - 100,
				    .expires = KIT_NOW + 1000};
	assert_true(hash_from_hex(policy_hex, &approval.sha256));
	must(approval_seal(&approval, key, &line, &err));
	return buf_take(&line);
}

/* The host seals this approval, or this text. */
static void bring(const char *text, const char *outcome) {
	CLEANUP(buf_done) struct buf lines = {0}, body = {0};
	buf_adds(&body, text);
	kit_add(&host, "approval", "approval", &body, NULL, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), outcome);
}

static void bring_by(const char *approver, const struct host_key *key) {
	CLEANUP(free_ptr) char *line = line_of(approver, key, "web", NULL);
	bring(line, "logged");
}

static void bring_round(void) {
	CLEANUP(buf_done) struct buf lines = {0};
	kit_add_pass(&host, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "logged");
}

/* Who approved it, in a word each, or why nobody did. */
static char *said_at(int64_t now, bool *ret_is_late) {
	CLEANUP(marks_done) struct marks marks = {0};
	CLEANUP(buf_done) struct buf text = {0};
	const struct mark *mark;
	struct err err = {0};
	marks_open(&marks, kit.folder, kit.store, now);
	must(marks_get(&marks, policy_hex, &mark, &err));
	for (size_t i = 0; i < mark->count; i++)
		buf_addf(&text, "%s ", mark->by[i].approver);
	if (mark->count == 0)
		buf_adds(&text, mark->why ? mark->why : "nobody");
	if (ret_is_late)
		*ret_is_late = mark_is_late(mark);
	return buf_take(&text);
}

static void says(int64_t now, const char *what) {
	CLEANUP(free_ptr) char *said = said_at(now, NULL);
	if (!strstr(said, what))
		fail_msg("expected \"%s\" in \"%s\"", what, said);
}

static void an_approval_marks_its_policy(void **state) {
	give_key("jane", jane);
	says(KIT_NOW, "nobody");
	bring_by("jane", jane);
	bring_by("jane", jane); /* another signature, or the same bytes: both are evidence */
	says(KIT_NOW, "jane");
	says(KIT_NOW + 1000, "expired at");
}

static void without_its_key_an_approval_marks_nothing(void **state) {
	give_key("bob", bob);
	bring_by("jane", jane);
	says(KIT_NOW, "none of the approvers'");
	give_key("jane", jane);
	says(KIT_NOW, "jane ");
}

/* The host is root's: what it seals is not believed for that. */
static void what_a_host_makes_up_marks_nothing(void **state) {
	give_key("jane", jane);
	give_key("bob", bob);
	bring_by("jane", bob);
	says(KIT_NOW, "it says that it is jane's, and bob's key signed it");
	CLEANUP(free_ptr) char *other_id = line_of("jane", jane, "db", NULL);
	bring(other_id, "logged");
	says(KIT_NOW, "it approves the policy \"db\", and this is \"web\"");
}

/* The id is the one that the policy's own bytes give: a host may write another into its statements. */
static void the_policys_own_id_counts(void **state) {
	CLEANUP(free_ptr) char *other_id = line_of("jane", jane, "db", NULL);
	json_object_set_new(json_array_get(host.policies, 0), "id", json_string("db"));
	give_key("jane", jane);
	bring(other_id, "logged");
	bring_round();
	says(KIT_NOW, "it approves the policy \"db\", and this is \"web\"");
}

static void what_is_no_approval_is_refused(void **state) { bring("{}", "refused"); }

static void an_approval_behind_the_first_round_is_late(void **state) {
	bool is_late;
	give_key("jane", jane);
	give_key("bob", bob);
	bring_by("jane", jane);
	bring_round();
	CLEANUP(free_ptr) char *before = said_at(KIT_NOW, &is_late);
	assert_false(is_late);
	CLEANUP(free_ptr) char *gone = xasprintf("%s/" MARKS_APPROVERS "/jane.pem", kit.folder);
	assert_int_equal(unlink(gone), 0);
	bring_by("bob", bob);
	CLEANUP(free_ptr) char *behind = said_at(KIT_NOW, &is_late);
	assert_string_equal(behind, "bob ");
	assert_true(is_late);
}

/* Until the end of a key what came holds, and nothing that comes later. */
static void a_key_that_ended_marks_what_came_before(void **state) {
	struct err err = {0};
	char instant[APPROVERS_INSTANT];
	CLEANUP(free_ptr) char *from = xasprintf("%s/" MARKS_APPROVERS "/jane.pem", kit.folder);
	CLEANUP(free_ptr) char *folder = xasprintf("%s/" MARKS_APPROVERS "/" APPROVERS_ENDED, kit.folder);
	CLEANUP(free_ptr)
	char *to = xasprintf("%s/jane@%s.pem", folder, approvers_instant(KIT_NOW + 1, instant));
	CLEANUP(free_ptr)
	char *earlier = xasprintf("%s/jane@%s.pem", folder, approvers_instant(KIT_NOW, instant));
	give_key("jane", jane);
	bring_by("jane", jane);
	must(file_make_folder(folder, 0755, &err));
	must(file_move(from, to, &err));
	says(KIT_NOW, "jane ");
	must(file_move(to, earlier, &err));
	says(KIT_NOW, "ended at");
}

static void keys_that_cannot_be_read_are_a_fault_that_is_told(void **state) {
	CLEANUP(marks_done) struct marks marks = {0};
	struct err err = {0};
	CLEANUP(free_ptr) char *path = xasprintf("%s/" MARKS_APPROVERS "/eve.pem", kit.folder);
	give_key("jane", jane);
	must(file_write(path, "no key", 6, 0644, &err));
	marks_open(&marks, kit.folder, kit.store, KIT_NOW);
	assert_false(marks_can(&marks));
	assert_non_null(strstr(marks.fault, "eve.pem"));
}

/* The evidence says the same to an index that is made anew. */
static void derived_again_the_marks_are_what_they_were(void **state) {
	struct err err = {0};
	bool is_late;
	give_key("jane", jane);
	bring_round();
	bring_by("jane", jane);
	must(store_index_drop(kit.store, &err));
	says(KIT_NOW, "nobody");
	must(index_catch_up(kit.store, NULL, NULL, &err));
	CLEANUP(free_ptr) char *said = said_at(KIT_NOW, &is_late);
	assert_string_equal(said, "jane ");
	assert_true(is_late);
}

/* What one host makes up keeps another from nothing. */
static void a_host_fills_no_index_with_approvals(void **state) {
	struct kit_host other;
	CLEANUP(buf_done) struct buf lines = {0}, of_other = {0}, genuine = {0};
	for (int i = 0; i < STORE_APPROVALS_MOST; i++) {
		CLEANUP(free_ptr) char *note = xasprintf("number %d", i);
		CLEANUP(free_ptr) char *line = line_of("jane", bob, "web", note);
		CLEANUP(buf_done) struct buf body = {0};
		buf_adds(&body, line);
		kit_add(&host, "approval", "approval", &body, NULL, &lines);
	}
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	CLEANUP(free_ptr) char *line = line_of("jane", jane, "web", NULL);
	give_key("jane", jane);
	bring(line, "logged");
	says(KIT_NOW, "none of the approvers'");
	kit_host_make(&other, KIT_OTHER);
	buf_adds(&genuine, line);
	kit_add_enrolment(&other, &of_other);
	kit_add(&other, "approval", "approval", &genuine, NULL, &of_other);
	CLEANUP(json_decref_p) json_t *answers_to_other = kit_send(&kit, &other, &of_other);
	assert_string_equal(kit_answer(answers_to_other, 1, "outcome"), "logged");
	kit_host_done(&other);
	says(KIT_NOW, "jane ");
}

static bool is_signed_for(struct marks *marks, const char *name, const char *id, const char *approver,
			  const char *policy, const char *expires, const char *reason) {
	CLEANUP(free_ptr) char *policies = json_dumps(host.policies, JSON_COMPACT);
	CLEANUP(json_decref_p)
	json_t *result =
		json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:s}}", "rule", "log.journal.persistent", "waiver", "id", id,
			  "approver", approver, "policy", policy, "expiresAt", expires, "reason", reason);
	const struct store_host of = {.name = name, .environment = "", .os = "", .policies = policies};
	CLEANUP(json_decref_p) json_t *marked = marks_host(&of);
	struct err err = {0};
	bool is_it;
	must(marks_sign(marks, marked, result, &is_it, &err));
	return is_it;
}

static bool is_signed(struct marks *marks, const char *id, const char *approver, const char *policy,
		      const char *expires) {
	return is_signed_for(marks, "web1", id, approver, policy, expires, "so");
}

/* By the one whom it names, over the policy that it stands in; what a host adds to that is not. */
static void a_waiver_is_signed_by_its_approver(void **state) {
	CLEANUP(marks_done) struct marks marks = {0};
	give_key("jane", jane);
	give_key("bob", bob);
	bring_by("jane", jane);
	marks_open(&marks, kit.folder, kit.store, KIT_NOW);
	assert_true(is_signed(&marks, "W-1", "jane", "web", "2027-01-01T00:00:00Z"));
	assert_false(is_signed(&marks, "W-2", "bob", "web", "2027-01-01T00:00:00Z"));
	assert_false(is_signed(&marks, "W-2", "jane", "web", "2027-01-01T00:00:00Z"));
	assert_false(is_signed(&marks, "W-3", "jane", "web", "2027-01-01T00:00:00Z"));
	assert_false(is_signed(&marks, "W-1", "jane", "web", "2028-01-01T00:00:00Z"));
	assert_false(is_signed(&marks, "W-1", "jane", "db", "2027-01-01T00:00:00Z"));
}

static void a_waiver_is_signed_for_its_hosts_in_its_own_words(void **state) {
	static const char end[] = "2027-01-01T00:00:00Z";
	CLEANUP(marks_done) struct marks marks = {0};
	give_key("jane", jane);
	bring_by("jane", jane);
	marks_open(&marks, kit.folder, kit.store, KIT_NOW);
	assert_false(is_signed_for(&marks, "web1", "W-1", "jane", "web", end, "the board wants it so"));
	assert_false(is_signed_for(&marks, "web1", "W-4", "jane", "web", end, "so"));
	assert_true(is_signed_for(&marks, "db1", "W-4", "jane", "web", end, "so"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(an_approval_marks_its_policy),
		TEST(without_its_key_an_approval_marks_nothing),
		TEST(what_a_host_makes_up_marks_nothing),
		TEST(the_policys_own_id_counts),
		TEST(what_is_no_approval_is_refused),
		TEST(an_approval_behind_the_first_round_is_late),
		TEST(a_key_that_ended_marks_what_came_before),
		TEST(keys_that_cannot_be_read_are_a_fault_that_is_told),
		TEST(derived_again_the_marks_are_what_they_were),
		TEST(a_host_fills_no_index_with_approvals),
		TEST(a_waiver_is_signed_by_its_approver),
		TEST(a_waiver_is_signed_for_its_hosts_in_its_own_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

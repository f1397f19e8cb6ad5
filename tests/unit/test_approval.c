/* Approvals of policies: what is written is read again, and each way in which one does not hold is refused by name. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/approvers.h"
#include "core/base64.h"
#include "core/file.h"
#include "core/times.h"
#include "tests/unit/scratch.h"

#define NOW 1795291200 /* 2026-11-21T20:00:00Z */

struct people {
	struct approvers approvers;
	struct host_key *jane, *bob, *eve; /* jane's is P-256; eve is no approver */
	struct hash sha256;
};

static char *pem_of(const struct host_key *key) { return key_public_pem(host_key_public(key)); }

static struct host_key *make_key(bool is_p256) {
	EVP_PKEY *key;
	struct err err;
	assert_true(is_p256 ? key_make_p256(&key, &err) : key_make_ed25519(&key, &err));
	return host_key_of(key);
}

static struct people people_new(void) {
	struct people people = {.jane = make_key(true), .bob = make_key(false), .eve = make_key(false)};
	CLEANUP(free_ptr) char *jane = pem_of(people.jane);
	CLEANUP(free_ptr) char *bob = pem_of(people.bob);
	struct err err;
	assert_true(approvers_add(&people.approvers, "jane", jane, 0, "jane.pem", &err));
	assert_true(approvers_add(&people.approvers, "bob", bob, 0, "bob.pem", &err));
	people.sha256 = hash_of("abc", 3);
	return people;
}

static void people_done(struct people *people) {
	approvers_done(&people->approvers);
	host_key_free(people->jane);
	host_key_free(people->bob);
	host_key_free(people->eve);
}

static struct approval by_jane(const struct people *people) {
	return (struct approval){.policy = (char *)"web",
				 .sha256 = people->sha256,
				 .approver = (char *)"jane",
				 .note = (char *)"Reviewed in the board",
				 .approved = NOW,
				 .expires = NOW + 1000};
}

static char *sealed(const struct approval *approval, const struct host_key *key) {
	CLEANUP(buf_done) struct buf line = {0};
	struct err err = {0};
	if (!approval_seal(approval, key, &line, &err))
		fail_msg("%s", err.why);
	return buf_take(&line);
}

static bool holds(const struct people *people, const char *line, int64_t at, int64_t received, struct err *err) {
	const struct approval_about about = {
		.policy = "web", .sha256 = &people->sha256, .at = at, .received = received};
	CLEANUP(approval_free_p) struct approval *approval = NULL;
	return approvers_hold(&people->approvers, line, strlen(line), &about, "a line", &approval, err);
}

static void refuses(const struct people *people, const char *line, int64_t at, const char *why) {
	struct err err = {0};
	assert_false(holds(people, line, at, 0, &err));
	if (!strstr(err.why, why))
		fail_msg("expected \"%s\" in \"%s\"", why, err.why);
}

static void an_approval_by_an_approver_holds(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	const struct approval approval = by_jane(&people);
	CLEANUP(free_ptr) char *line = sealed(&approval, people.jane);
	CLEANUP(approval_free_p) struct approval *read = NULL;
	struct err err;
	assert_true(approval_read(line, strlen(line), "a line", &read, &err));
	assert_string_equal(read->policy, "web");
	assert_string_equal(read->approver, "jane");
	assert_string_equal(read->note, "Reviewed in the board");
	assert_true(read->approved == NOW && read->expires == NOW + 1000);
	assert_true(hash_equal(&read->sha256, &people.sha256));
	assert_true(holds(&people, line, NOW, 0, &err));
	assert_true(holds(&people, line, NOW + 999, 0, &err));
}

static void one_by_another_key_does_not_hold(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	const struct approval approval = by_jane(&people);
	CLEANUP(free_ptr) char *by_eve = sealed(&approval, people.eve);
	CLEANUP(free_ptr) char *by_bob = sealed(&approval, people.bob);
	refuses(&people, by_eve, NOW, "none of the approvers'");
	refuses(&people, by_bob, NOW, "it says that it is jane's, and bob's key signed it");
}

/* Eve's signature, under jane's key id: what names a key proves nothing. */
static void a_forged_one_does_not_hold(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	struct approval approval = by_jane(&people);
	CLEANUP(free_ptr) char *line = sealed(&approval, people.eve);
	char jane[HASH_HEX];
	const struct hash id = key_id(host_key_public(people.jane));
	memcpy(strstr(line, "\"keyid\":\"") + strlen("\"keyid\":\""), hash_hex(&id, jane), HASH_HEX - 1);
	refuses(&people, line, NOW, "does not hold under the key of jane");
	CLEANUP(free_ptr) char *genuine = sealed(&approval, people.jane);
	CLEANUP(buf_done) struct buf payload = {0};
	CLEANUP(json_decref_p) json_t *object = json_loads(genuine, 0, NULL);
	const char *base64 = json_string_value(json_object_get(object, "payload"));
	struct err err;
	assert_true(base64_decode(base64, strlen(base64), "payload", &payload, &err));
	*strstr(payload.data, "Reviewed") = 'r';
	CLEANUP(free_ptr) char *changed = base64_encode(payload.data, payload.len);
	json_object_set_new(object, "payload", json_string(changed));
	CLEANUP(free_ptr) char *text = json_dumps(object, JSON_COMPACT);
	refuses(&people, text, NOW, "does not hold under the key of jane");
}

static void one_of_another_policy_does_not_hold(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	struct approval digest = by_jane(&people), id = by_jane(&people);
	digest.sha256 = hash_of("abd", 3);
	id.policy = (char *)"db";
	CLEANUP(free_ptr) char *other_digest = sealed(&digest, people.jane);
	CLEANUP(free_ptr) char *other_id = sealed(&id, people.jane);
	refuses(&people, other_digest, NOW, "it approves the digest a52d159f262b2c6d");
	refuses(&people, other_id, NOW, "it approves the policy \"db\", and this is \"web\"");
}

static void one_holds_from_when_it_was_given_until_it_expires(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	struct approval approval = by_jane(&people);
	CLEANUP(free_ptr) char *line = sealed(&approval, people.jane);
	approval.expires = 0;
	CLEANUP(free_ptr) char *for_ever = sealed(&approval, people.jane);
	struct err err;
	refuses(&people, line, NOW + 1000, "expired at 2026-11-21T");
	refuses(&people, line, NOW - APPROVERS_CLOCKS_APART - 1, "yet to come");
	assert_true(holds(&people, line, NOW - APPROVERS_CLOCKS_APART, 0, &err));
	assert_true(holds(&people, for_ever, NOW + 100LL * 365 * 86400, 0, &err));
}

static void what_came_before_a_key_ended_still_holds(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	const struct approval approval = by_jane(&people);
	CLEANUP(free_ptr) char *line = sealed(&approval, people.jane);
	struct err err = {0};
	people.approvers.items[0].until = NOW + 100;
	assert_true(holds(&people, line, NOW + 500, NOW + 99, &err));
	assert_false(holds(&people, line, NOW + 500, NOW + 100, &err));
	assert_non_null(strstr(err.why, "ended at"));
	refuses(&people, line, NOW + 50, "ended at");
}

static void a_key_is_one_persons_and_a_name_has_one_key(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	CLEANUP(free_ptr) char *bob = pem_of(people.bob);
	CLEANUP(free_ptr) char *eve = pem_of(people.eve);
	struct err err;
	assert_false(approvers_add(&people.approvers, "mallory", bob, 0, "mallory.pem", &err));
	assert_non_null(strstr(err.why, "this key is bob's already"));
	assert_false(approvers_add(&people.approvers, "jane", eve, 0, "jane.pem", &err));
	assert_non_null(strstr(err.why, "jane has a key already"));
	assert_true(approvers_add(&people.approvers, "jane", eve, NOW, "an ended one", &err));
	assert_false(approvers_add(&people.approvers, "../jane", eve, 0, "x", &err));
	assert_false(approvers_add(&people.approvers, "", eve, 0, "x", &err));
	assert_true(approval_is_name("Jane Doe") && approval_is_name("jane@example.org") && approval_is_name("j"));
	assert_false(approval_is_name(" jane") || approval_is_name("jane.") || approval_is_name("j\n"));
}

static void a_folder_has_a_key_in_each_file(void **state) {
	CLEANUP(scratch_free) char *scratch = scratch_new();
	CLEANUP(people_done) struct people people = people_new();
	CLEANUP(approvers_done) struct approvers approvers = {0}, none = {0}, again = {0};
	CLEANUP(free_ptr) char *jane = pem_of(people.jane);
	CLEANUP(free_ptr) char *bob = pem_of(people.bob);
	CLEANUP(free_ptr) char *folder = file_join(scratch, "approvers");
	CLEANUP(free_ptr) char *ended = file_join(folder, APPROVERS_ENDED);
	CLEANUP(free_ptr) char *jane_file = file_join(folder, "jane@example.org.pem");
	CLEANUP(free_ptr) char *bob_file = file_join(ended, "bob@20261121T200000Z.pem");
	CLEANUP(free_ptr) char *junk = file_join(folder, "eve.pem");
	char text[APPROVERS_INSTANT];
	struct err err;
	assert_true(approvers_read(folder, &none, &err));
	assert_int_equal(none.count, 0);
	assert_true(file_make_folder(ended, 0755, &err));
	assert_true(file_write(jane_file, jane, strlen(jane), 0644, &err));
	assert_true(file_write(bob_file, bob, strlen(bob), 0644, &err));
	assert_string_equal(approvers_instant(NOW, text), "20261121T200000Z");
	assert_true(approvers_read(folder, &approvers, &err));
	assert_int_equal(approvers.count, 2);
	assert_string_equal(approvers.items[0].name, "jane@example.org");
	assert_true(approvers.items[0].until == 0);
	assert_string_equal(approvers.items[1].name, "bob");
	assert_true(approvers.items[1].until == NOW);
	assert_true(file_write(junk, "no key\n", 7, 0644, &err));
	assert_false(approvers_read(folder, &again, &err));
	assert_non_null(strstr(err.where, "eve.pem"));
}

/* --- what is no approval ------------------------------------------------------------------------------------------ */

static void seal_refuses(const struct people *people, const struct approval *approval, const char *why) {
	CLEANUP(buf_done) struct buf line = {0};
	struct err err = {0};
	assert_false(approval_seal(approval, people->jane, &line, &err));
	if (!strstr(err.why, why))
		fail_msg("expected \"%s\" in \"%s\"", why, err.why);
}

static char *text_of(size_t len) {
	char *text = xmalloc(len + 1);
	memset(text, 'a', len);
	text[len] = '\0';
	return text;
}

static void texts_have_caps(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	struct approval approval = by_jane(&people);
	CLEANUP(free_ptr) char *note = text_of(APPROVAL_NOTE_LONGEST + 1);
	CLEANUP(free_ptr) char *name = text_of(APPROVAL_NAME_LONGEST + 1);
	CLEANUP(free_ptr) char *id = text_of(129);
	approval.note = note;
	seal_refuses(&people, &approval, "\"note\" is longer");
	note[APPROVAL_NOTE_LONGEST] = '\0';
	CLEANUP(free_ptr) char *line = sealed(&approval, people.jane);
	approval.approver = name;
	seal_refuses(&people, &approval, "\"approver\" is longer");
	approval = by_jane(&people);
	approval.policy = id;
	seal_refuses(&people, &approval, "\"name\" is longer");
	approval = by_jane(&people);
	approval.note = (char *)"a\033[2Jb";
	seal_refuses(&people, &approval, "control characters");
	approval = by_jane(&people);
	approval.approver = (char *)"<b>";
	seal_refuses(&people, &approval, "is not a name");
	approval = by_jane(&people);
	approval.expires = NOW;
	seal_refuses(&people, &approval, "expires before");
}

static void a_line_has_a_cap(void **state) {
	CLEANUP(people_done) struct people people = people_new();
	const struct approval approval = by_jane(&people);
	CLEANUP(free_ptr) char *line = sealed(&approval, people.jane);
	CLEANUP(buf_done) struct buf long_line = {0};
	CLEANUP(approval_free_p) struct approval *read = NULL;
	struct err err;
	buf_adds(&long_line, line);
	while (long_line.len < APPROVAL_LINE_LONGEST)
		buf_adds(&long_line, " ");
	assert_true(approval_read(long_line.data, long_line.len, "a line", &read, &err));
	buf_adds(&long_line, " ");
	CLEANUP(approval_free_p) struct approval *second = NULL;
	assert_false(approval_read(long_line.data, long_line.len, "a line", &second, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

static void reading_refuses(const char *line, const char *why) {
	CLEANUP(approval_free_p) struct approval *read = NULL;
	struct err err = {0};
	assert_false(approval_read(line, strlen(line), "a line", &read, &err));
	if (!strstr(err.why, why))
		fail_msg("expected \"%s\" in \"%s\"", why, err.why);
}

/* An envelope whose payload is not what a policy's approval says. */
static void payload_refuses(const char *payload, const char *why) {
	CLEANUP(free_ptr) char *base64 = base64_encode(payload, strlen(payload));
	CLEANUP(free_ptr)
	char *line = xasprintf("{\"payload\":\"%s\",\"payloadType\":\"" DSSE_INTOTO
			       "\",\"signatures\":[{\"keyid\":\"%064d\",\"sig\":\"AA==\"}]}",
			       base64, 0);
	reading_refuses(line, why);
}

#define HEAD "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"" APPROVAL_PREDICATE "\","
#define SUBJECT(digest) "\"subject\":[{\"digest\":{\"sha256\":\"" digest "\"},\"name\":\"web\"}],"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void what_is_no_approval_is_refused(void **state) {
	reading_refuses("", "");
	reading_refuses("[]", "not a JSON object");
	reading_refuses("{\"payload\":\"\",\"payloadType\":\"text/plain\",\"signatures\":[]}", "payload type");
	reading_refuses("{\"payload\":\"\",\"payloadType\":\"" DSSE_INTOTO "\",\"signatures\":[]}", "one signature");
	reading_refuses("{\"payload\":\"\",\"payloadType\":\"" DSSE_INTOTO
			"\",\"signatures\":[{\"keyid\":\"jane\",\"sig\":\"AA==\"}]}",
			"keyid");
	payload_refuses("[]", "not a JSON object");
	payload_refuses("{\"_type\":\"x\"}", "\"_type\" is not");
	payload_refuses("{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"https://slsa.dev\"}",
			"\"predicateType\" is not");
	payload_refuses(HEAD "\"subject\":[],\"predicate\":{}}", "\"subject\" is not one policy");
	payload_refuses(HEAD SUBJECT("00") "\"predicate\":{}}", "\"sha256\" is not a SHA-256");
	payload_refuses(HEAD SUBJECT(ABC) "\"predicate\":{\"approver\":\"jane\"}}", "approvedAt");
	payload_refuses(HEAD SUBJECT(ABC) "\"predicate\":{\"approver\":\"jane\",\"approvedAt\":\"yesterday\"}}",
			"\"approvedAt\" is not a time");
	payload_refuses(HEAD SUBJECT(ABC) "\"predicate\":{\"approver\":\"jane\",\"approver\":\"bob\"}}", "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_approval_by_an_approver_holds),
		cmocka_unit_test(one_by_another_key_does_not_hold),
		cmocka_unit_test(a_forged_one_does_not_hold),
		cmocka_unit_test(one_of_another_policy_does_not_hold),
		cmocka_unit_test(one_holds_from_when_it_was_given_until_it_expires),
		cmocka_unit_test(what_came_before_a_key_ended_still_holds),
		cmocka_unit_test(a_key_is_one_persons_and_a_name_has_one_key),
		cmocka_unit_test(a_folder_has_a_key_in_each_file),
		cmocka_unit_test(texts_have_caps),
		cmocka_unit_test(a_line_has_a_cap),
		cmocka_unit_test(what_is_no_approval_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

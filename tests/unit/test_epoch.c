/* Epochs at the collector: which key may sign what, and which key each statement is shown with. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/agree.h"
#include "collector/verify.h"
#include "collector_kit.h"

static struct kit kit;
static struct kit_host host;
static EVP_PKEY *enrolled; /* host.evidence is who signs */
static struct buf lines;

static EVP_PKEY *make_key(void) {
	EVP_PKEY *key = NULL;
	struct err err = {0};
	must(key_make_ed25519(&key, &err));
	return key;
}

static void sign_with(EVP_PKEY *key) {
	EVP_PKEY_up_ref(key);
	EVP_PKEY_free(host.evidence);
	host.evidence = key;
}

static void make_next(void) {
	EVP_PKEY_free(host.next);
	host.next = make_key();
}

/* Sends what `lines` has; every line is logged, and the log's newest entry is made with the key of its statement. */
static void is_logged(void) {
	struct err err = {0};
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	for (size_t i = 0; i < json_array_size(answers); i++)
		if (strcmp(kit_answer(answers, i, "outcome"), "logged") != 0)
			fail_msg("line %zu: %s", i, kit_answer(answers, i, "reason"));
	must(agree(kit.store, kit.log, &err));
	buf_done(&lines);
}

/* The one line is refused, and the host's next statement takes its place. */
static void is_refused(const char *reason) {
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &host, &lines);
	assert_int_equal(json_array_size(answers), 1);
	assert_string_equal(kit_answer(answers, 0, "outcome"), "refused");
	if (!strstr(kit_answer(answers, 0, "reason"), reason))
		fail_msg("\"%s\" does not say \"%s\"", kit_answer(answers, 0, "reason"), reason);
	buf_done(&lines);
}

static void round_is_refused(const char *reason) {
	const struct kit_host before = host;
	kit_add_pass(&host, &lines);
	is_refused(reason);
	host.sequence = before.sequence;
	memcpy(host.previous, before.previous, sizeof host.previous);
}

static void epoch_is_refused(const char *reason, const char *why) {
	const struct kit_host before = host;
	kit_add_epoch(&host, reason, &lines);
	is_refused(why);
	host.sequence = before.sequence;
	memcpy(host.previous, before.previous, sizeof host.previous);
}

static int make(void **state) {
	kit_make(&kit);
	kit_host_make(&host, KIT_HOST);
	enrolled = host.evidence;
	EVP_PKEY_up_ref(enrolled);
	make_next();
	return 0;
}

static int make_enrolled(void **state) {
	make(state);
	kit_add_enrolment(&host, &lines);
	is_logged();
	return 0;
}

/* And in an epoch, whose key signs. */
static int make_in_epoch(void **state) {
	make_enrolled(state);
	kit_add_epoch(&host, "enrolment", &lines);
	is_logged();
	sign_with(host.next);
	return 0;
}

static int drop(void **state) {
	buf_done(&lines);
	EVP_PKEY_free(enrolled);
	kit_host_done(&host);
	kit_done(&kit);
	return 0;
}

static void key_of_the_epoch_signs_what_is_behind_its_statement(void **state) {
	kit_add_pass(&host, &lines);
	is_logged();
	kit_shut(&kit);
	kit_open(&kit);
	kit_add_pass(&host, &lines);
	is_logged();
}

static void enrolment_epoch_and_round_may_come_in_one_request(void **state) {
	kit_add_enrolment(&host, &lines);
	kit_add_epoch(&host, "enrolment", &lines);
	sign_with(host.next);
	kit_add_pass(&host, &lines);
	is_logged();
}

static void enrolled_key_signs_no_round_behind_an_epoch(void **state) {
	sign_with(enrolled);
	round_is_refused("epoch: behind an epoch the enrolled key signs nothing but the next");
	sign_with(host.next);
	kit_add_pass(&host, &lines);
	is_logged();
}

static void key_that_no_statement_names_signs_nothing(void **state) {
	sign_with(host.next);
	round_is_refused("signature: ");
	epoch_is_refused("rotation", "signature: ");
}

static void lost_key_is_followed_by_one_that_the_enrolled_key_names(void **state) {
	EVP_PKEY *lost = host.evidence;
	EVP_PKEY_up_ref(lost);
	make_next();
	sign_with(enrolled);
	kit_add_epoch(&host, "reset", &lines);
	is_logged();
	sign_with(lost);
	round_is_refused("signature: ");
	sign_with(host.next);
	kit_add_pass(&host, &lines);
	is_logged();
	EVP_PKEY_free(lost);
}

static void epochs_key_may_name_the_next(void **state) {
	make_next();
	kit_add_epoch(&host, "rotation", &lines);
	is_logged();
	round_is_refused(
		"signature: a fork in the chain: by the key of the epoch that number 2 began, which has ended");
	sign_with(host.next);
	kit_add_pass(&host, &lines);
	is_logged();
}

/* As from a TPM or a token: its signatures are DER, those of the epoch's key are Ed25519's. */
static void line_of_a_p256_key_is_logged_and_its_signatures_are_verified(void **state) {
	struct kit_host device;
	struct err err = {0};
	kit_host_make(&device, KIT_OTHER);
	EVP_PKEY_free(device.evidence);
	device.evidence = NULL;
	must(key_make_p256(&device.evidence, &err));
	EVP_PKEY *p256 = device.evidence;
	kit_add_enrolment(&device, &lines);
	device.next = make_key();
	kit_add_epoch(&device, "enrolment", &lines);
	EVP_PKEY_up_ref(device.next);
	device.evidence = device.next;
	kit_add_pass(&device, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &device, &lines);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(kit_answer(answers, i, "outcome"), "logged");
	must(agree(kit.store, kit.log, &err));
	buf_done(&lines);
	/* Another P-256 key is not the line's. */
	EVP_PKEY_free(device.evidence);
	device.evidence = NULL;
	must(key_make_p256(&device.evidence, &err));
	EVP_PKEY_free(device.next);
	device.next = make_key();
	device.boot = "another";
	kit_add_epoch(&device, "boot", &lines);
	CLEANUP(json_decref_p) json_t *refused = kit_send(&kit, &device, &lines);
	assert_string_equal(kit_answer(refused, 0, "outcome"), "refused");
	assert_non_null(strstr(kit_answer(refused, 0, "reason"), "signature: "));
	buf_done(&lines);
	EVP_PKEY_free(p256);
	kit_host_done(&device);
}

static void reason_that_does_not_fit_is_refused(void **state) {
	make_next();
	epoch_is_refused("reset", "where it would be \"rotation\"");
	sign_with(enrolled);
	epoch_is_refused("rotation", "where it would be \"reset\"");
	epoch_is_refused("enrolment", "where it would be \"reset\"");
	epoch_is_refused("boot", "where it would be \"reset\"");
	host.boot = "another";
	epoch_is_refused("reset", "where it would be \"boot\"");
	kit_add_epoch(&host, "boot", &lines);
	is_logged();
}

static void name_next(EVP_PKEY *key) {
	EVP_PKEY_up_ref(key);
	EVP_PKEY_free(host.next);
	host.next = key;
}

static void key_that_is_known_already_is_refused(void **state) {
	CLEANUP(key_free_p) EVP_PKEY *first = host.next;
	EVP_PKEY_up_ref(first);
	EVP_PKEY *const known[] = {first, enrolled, host.transport};
	sign_with(enrolled);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		name_next(known[i]);
		epoch_is_refused("reset", "epoch: its key is not a new one");
	}
	make_next();
	kit_add_epoch(&host, "reset", &lines);
	is_logged();
	name_next(first); /* not the current one: an earlier one */
	epoch_is_refused("reset", "epoch: its key is not a new one");
}

static void another_hosts_epoch_key_is_nobodys_evidence_key(void **state) {
	struct kit_host other;
	kit_host_make(&other, KIT_OTHER);
	EVP_PKEY_free(other.evidence);
	other.evidence = host.next;
	EVP_PKEY_up_ref(other.evidence);
	kit_add_enrolment(&other, &lines);
	CLEANUP(json_decref_p) json_t *answers = kit_send(&kit, &other, &lines);
	assert_non_null(strstr(kit_answer(answers, 0, "reason"), "the evidence key is another host's"));
	kit_host_done(&other);
}

static void first_epoch_is_of_the_enrolment_or_of_a_line_that_had_none(void **state) {
	epoch_is_refused("reset", "where it would be \"enrolment\"");
	kit_add_pass(&host, &lines);
	is_logged();
	kit_add_epoch(&host, "reset", &lines);
	is_logged();
	round_is_refused("epoch: ");
}

struct seen {
	size_t count;
	char reasons[128];
};

static void see(void *context, const struct store_epoch *epoch) {
	struct seen *seen = context;
	size_t len = strlen(seen->reasons);
	snprintf(seen->reasons + len, sizeof seen->reasons - len, "%d %s;", (int)epoch->sequence, epoch->reason);
	assert_string_equal(epoch->host, KIT_HOST);
	assert_string_equal(epoch->host_name, "web-1");
	assert_true(epoch->key_len > 0);
	seen->count++;
}

static void epochs_are_kept_with_number_and_reason(void **state) {
	struct seen seen = {0}, none = {0};
	struct err err = {0};
	make_next();
	kit_add_epoch(&host, "rotation", &lines);
	is_logged();
	must(store_epochs(kit.store, KIT_HOST, see, &seen, &err));
	must(store_epochs(kit.store, KIT_OTHER, see, &none, &err));
	assert_string_equal(seen.reasons, "2 enrolment;3 rotation;");
	assert_int_equal(none.count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(key_of_the_epoch_signs_what_is_behind_its_statement, make_in_epoch,
						drop),
		cmocka_unit_test_setup_teardown(enrolment_epoch_and_round_may_come_in_one_request, make, drop),
		cmocka_unit_test_setup_teardown(enrolled_key_signs_no_round_behind_an_epoch, make_in_epoch, drop),
		cmocka_unit_test_setup_teardown(key_that_no_statement_names_signs_nothing, make_enrolled, drop),
		cmocka_unit_test_setup_teardown(lost_key_is_followed_by_one_that_the_enrolled_key_names, make_in_epoch,
						drop),
		cmocka_unit_test_setup_teardown(epochs_key_may_name_the_next, make_in_epoch, drop),
		cmocka_unit_test_setup_teardown(line_of_a_p256_key_is_logged_and_its_signatures_are_verified,
						make_in_epoch, drop),
		cmocka_unit_test_setup_teardown(reason_that_does_not_fit_is_refused, make_in_epoch, drop),
		cmocka_unit_test_setup_teardown(key_that_is_known_already_is_refused, make_in_epoch, drop),
		cmocka_unit_test_setup_teardown(another_hosts_epoch_key_is_nobodys_evidence_key, make_in_epoch, drop),
		cmocka_unit_test_setup_teardown(first_epoch_is_of_the_enrolment_or_of_a_line_that_had_none,
						make_enrolled, drop),
		cmocka_unit_test_setup_teardown(epochs_are_kept_with_number_and_reason, make_in_epoch, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

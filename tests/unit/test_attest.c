/* vouch attest: what is sealed, what is refused before anything is, and what becomes of it without a collector. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/attest.h"
#include "core/times.h"
#include "tests/unit/agent_home.h"
#include "tests/unit/verb.h"

/* An identity that only attests, with its enrolment sealed as number 1. */
static void attester_new(struct agent_home *agent) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(round_free_p) struct round *header = xcalloc(1, sizeof *header);
	agent_home_new(agent);
	agent->enrolment->purpose = xstrdup("attestation");
	agent->enrolment->is_drawn = true;
	agent_need(enrolment_write(agent->enrolment, &bytes, &err) &&
			   file_write(agent->home->identity, bytes.data, bytes.len, 0644, &err),
		   &err);
	header->host_id = xstrdup("");
	header->host_name = xstrdup("ci");
	header->host_os = xstrdup("debian 12");
	header->boot_id = xstrdup("boot");
	header->started_at = header->finished_at = times_now();
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(agent, SPOOL_LIMIT_DEFAULT);
	agent_need(seal_enrolment(sealer, header, &err), &err);
}

static struct outcome ask(const struct agent_home *agent, const char *const *arguments) {
	const char *all[16] = {"--state", agent->folder};
	for (size_t i = 0; arguments[i]; i++)
		all[i + 2] = arguments[i];
	return verb_ask(agent->root, &verb_attest, all);
}

#define ASK(agent, ...) ask(agent, (const char *const[]){__VA_ARGS__, NULL})

static void its_enrolment_says_what_it_is_for(void **state) {
	struct agent_home agent;
	attester_new(&agent);
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, 1, NULL, NULL);
	assert_string_equal(statement->type, "enrolment");
	assert_string_equal(statement->purpose, "attestation");
	agent_home_done(&agent);
}

static void it_is_sealed_and_waits_where_no_collector_is(void **state) {
	struct agent_home agent;
	struct err err;
	attester_new(&agent);
	scratch_put(agent.root, "Report.SARIF", "abc");
	CLEANUP(free_ptr) char *path = file_join(agent.root, "Report.SARIF");
	CLEANUP(outcome_done)
	struct outcome outcome = ASK(&agent, "--control", "8.28", "--control=A.5.9", "--file", path, "--include",
				     "--note", "n", "--valid", "90d", "--author", "ada");
	ends(&outcome, 3);
	prints(&outcome, "it waits in");
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, 2, &body, &envelope);
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	char hex[HASH_HEX];
	struct hash digest = dsse_digest(envelope);
	prints(&outcome, hash_hex(&digest, hex));
	assert_string_equal(statement->type, "attestation");
	assert_string_equal(statement->host_id, agent.enrolment->host_id);
	assert_string_equal(statement->host_name, agent.enrolment->host_name);
	assert_true(attestation_read(body.data, body.len, "body", &attestation, &err));
	assert_string_equal(json_string_value(json_array_get(attestation->controls, 0)), "A.8.28");
	assert_string_equal(json_string_value(json_array_get(attestation->controls, 1)), "A.5.9");
	assert_string_equal(attestation->author, "ada");
	assert_string_equal(attestation->file.name, "Report.SARIF");
	assert_string_equal(attestation->file.media_type, "application/sarif+json");
	assert_string_equal(buf_str(&attestation->file.content), "abc");
	assert_true(attestation->expires - attestation->collected == 90 * 86400);
	CLEANUP(outcome_done) struct outcome again = ASK(&agent, "--send");
	ends(&again, 3);
	agent_home_done(&agent);
}

static void a_file_that_does_not_travel_may_be_large_and_of_any_kind(void **state) {
	struct agent_home agent;
	struct err err;
	attester_new(&agent);
	CLEANUP(free_ptr) char *bytes = xcalloc(ATTESTATION_FILE_LARGEST + 1, 1);
	CLEANUP(free_ptr) char *path = file_join(agent.root, "image");
	agent_need(file_write(path, bytes, ATTESTATION_FILE_LARGEST + 1, 0600, &err), &err);
	CLEANUP(outcome_done)
	struct outcome over =
		ASK(&agent, "--control", "7.4", "--file", path, "--include", "--note", "n", "--valid", "1d");
	ends(&over, 2);
	prints(&over, "4194304");
	CLEANUP(outcome_done)
	struct outcome sealed = ASK(&agent, "--control", "7.4", "--file", path, "--note", "n", "--valid", "1d");
	ends(&sealed, 3);
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, 2, &body, NULL);
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	struct hash hash = hash_of(bytes, ATTESTATION_FILE_LARGEST + 1);
	assert_true(attestation_read(body.data, body.len, "body", &attestation, &err));
	assert_false(attestation->file.has_content);
	assert_int_equal(attestation->file.size, ATTESTATION_FILE_LARGEST + 1);
	assert_true(hash_equal(&attestation->file.sha256, &hash));
	assert_string_equal(attestation->file.media_type, "application/octet-stream");
	assert_non_null(strchr(attestation->author, '@'));
	agent_home_done(&agent);
}

static void wrong_words_are_refused_and_nothing_is_sealed(void **state) {
	static const struct {
		const char *why, *words[9];
	} cases[] = {
		{"needs --control, --note and --valid", {"--note", "n", "--valid", "1d"}},
		{"needs --control, --note and --valid", {"--control", "5.9", "--valid", "1d"}},
		{"needs --control, --note and --valid", {"--control", "5.9", "--note", "n"}},
		{"there is no control 5.99", {"--control", "5.99", "--note", "n", "--valid", "1d"}},
		{"there is no control A.5", {"--control", "A.5", "--note", "n", "--valid", "1d"}},
		{"A.5.9 is named twice", {"--control", "5.9", "--control", "A.5.9", "--note", "n", "--valid", "1d"}},
		{"\"note\" is empty", {"--control", "5.9", "--note", " ", "--valid", "1d"}},
		{"is not a time", {"--control", "5.9", "--note", "n", "--valid", "0"}},
		{"is not a time", {"--control", "5.9", "--note", "n", "--valid", "ever"}},
		{"more than two years", {"--control", "5.9", "--note", "n", "--valid", "732d"}},
		{"no such", {"--control", "5.9", "--note", "n", "--valid", "1d", "--file", "/no/such"}},
		{"are of a --file", {"--control", "5.9", "--note", "n", "--valid", "1d", "--include"}},
		{"only ships", {"--send", "--note", "n"}},
		{"takes no operand", {"--send", "report"}},
		{"\"author\" has control characters",
		 {"--control", "5.9", "--note", "n", "--valid", "1d", "--author", "a\033"}},
	};
	struct agent_home agent;
	attester_new(&agent);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(outcome_done) struct outcome outcome = ask(&agent, cases[i].words);
		ends(&outcome, 2);
		if (strcmp(cases[i].why, "no such") != 0)
			prints(&outcome, cases[i].why);
	}
	assert_null(agent_statement(&agent, 2, NULL, NULL));
	agent_home_done(&agent);
}

#define VALID "--control", "5.9", "--note", "n", "--valid", "1d"

static void who_seals_elsewhere_is_not_disturbed(void **state) {
	struct agent_home agent;
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *epoch = NULL;
	attester_new(&agent);
	{
		CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
		CLEANUP(outcome_done) struct outcome locked = ASK(&agent, VALID);
		ends(&locked, 1);
		prints(&locked, "another process seals");
	}
	agent_need(key_make_ed25519(&epoch, &err) && home_keep_epoch(agent.home, epoch, &err), &err);
	CLEANUP(outcome_done) struct outcome behind = ASK(&agent, VALID);
	ends(&behind, 1);
	prints(&behind, "a sealer signs");
	assert_null(agent_statement(&agent, 2, NULL, NULL));
	agent_home_done(&agent);
}

static void keys_without_their_chain_are_refused(void **state) {
	struct agent_home agent;
	attester_new(&agent);
	assert_int_equal(unlink(agent.home->chain), 0);
	CLEANUP(outcome_done) struct outcome bare = ASK(&agent, VALID);
	ends(&bare, 1);
	prints(&bare, "its chain belongs with its keys");
	agent_home_done(&agent);
}

static void an_attester_seals_no_rounds(void **state) {
	struct agent_home agent;
	enum sealed sealed;
	struct err err;
	attester_new(&agent);
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(round_free_p) struct round *round = agent_look(&agent, NULL);
	assert_false(seal(sealer, agent.stack->policies, round, "manual", &sealed, &err));
	assert_non_null(strstr(err.why, "looks at nothing"));
	sealer_close(sealer);
	sealer = NULL;
	agent_home_done(&agent);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_enrolment_says_what_it_is_for),
		cmocka_unit_test(it_is_sealed_and_waits_where_no_collector_is),
		cmocka_unit_test(a_file_that_does_not_travel_may_be_large_and_of_any_kind),
		cmocka_unit_test(wrong_words_are_refused_and_nothing_is_sealed),
		cmocka_unit_test(who_seals_elsewhere_is_not_disturbed),
		cmocka_unit_test(keys_without_their_chain_are_refused),
		cmocka_unit_test(an_attester_seals_no_rounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

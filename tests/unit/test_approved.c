/* Approvals on a host: found beside the policies, sealed once behind them, and demanded where the configuration says
 * so. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/approved.h"
#include "core/approval_file.h"
#include "core/approvers.h"
#include "core/times.h"
#include "tests/unit/agent_home.h"

static struct agent_home agent;
static struct settings *settings;
static struct host_key *jane;

static int make(void **state) {
	struct err err;
	EVP_PKEY *key = NULL;
	agent_home_new(&agent);
	CLEANUP(free_ptr)
	char *text = xasprintf("policy_folder: %s/policy.d\napprovers: %s/approvers\nrequire_approval: true\n",
			       agent.folder, agent.folder);
	agent_need(settings_read(text, strlen(text), "vouchd.yaml", &settings, &err) && key_make_ed25519(&key, &err),
		   &err);
	jane = host_key_of(key);
	CLEANUP(free_ptr) char *pem = key_public_pem(key);
	scratch_put(agent.folder, "approvers/jane.pem", pem);
	return 0;
}

static int drop(void **state) {
	host_key_free(jane);
	settings_free(settings);
	agent_home_done(&agent);
	return 0;
}

static struct policy *policy_of_stack(void) { return agent.stack->policies->policies[0]; }

static char *line_by(const char *approver, const char *note, int64_t expires) {
	const struct approval approval = {.policy = policy_of_stack()->id,
					  .sha256 = policy_of_stack()->sha256,
					  .approver = (char *)approver,
					  .note = (char *)note,
					  .approved = 1000000000,
					  .expires = expires};
	CLEANUP(buf_done) struct buf line = {0};
	struct err err;
	agent_need(approval_seal(&approval, jane, &line, &err), &err);
	return buf_take(&line);
}

static void put(const char *name, const char *line) {
	CLEANUP(free_ptr) char *text = xasprintf("%s\n", line);
	scratch_put(agent.folder, name, text);
}

/* The policy anew, with what lies beside it. */
static bool read_again(struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(agent.folder, "small.yaml");
	const char *const paths[] = {path};
	struct err err_of_stack;
	stack_free(agent.stack);
	agent.stack = NULL;
	agent_need(stack_load(SOURCE_DIR, paths, 1, &agent.stack, &err_of_stack), &err_of_stack);
	return approved_read(agent.stack, settings, times_now(), err);
}

static void refuses(const char *why) {
	struct err err = {0};
	assert_false(read_again(&err));
	if (!strstr(err.why, why))
		fail_msg("expected \"%s\" in \"%s\"", why, err.why);
}

static void an_approval_is_sealed_once_behind_its_policy(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(free_ptr) char *line = line_by("jane", NULL, 0);
	CLEANUP(free_ptr) char *later = line_by("jane", "again", 0);
	static const char *const types[] = {"enrolment", "policy", "approval", "round", "round", "approval", "round"};
	CLEANUP(buf_done) struct buf body = {0};
	struct err err;
	put("small.yaml.approval", line);
	assert_true(read_again(&err));
	agent_round(&agent, sealer);
	agent_round(&agent, sealer);
	put("small.yaml.approval", later);
	assert_true(read_again(&err));
	agent_round(&agent, sealer);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		CLEANUP(statement_free_p)
		struct statement *statement = agent_statement(&agent, i + 1, i == 2 ? &body : NULL, NULL);
		assert_non_null(statement);
		assert_string_equal(statement->type, types[i]);
	}
	assert_string_equal(buf_str(&body), line);
	assert_null(agent_statement(&agent, ARRAY_LEN(types) + 1, NULL, NULL));
}

/* Also by a sealer that started anew. */
static void what_was_sealed_is_remembered(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(free_ptr) char *line = line_by("jane", NULL, 0);
	struct err err;
	put("small.yaml.approval", line);
	assert_true(read_again(&err));
	agent_round(&agent, sealer);
	sealer_close(sealer);
	sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	agent_round(&agent, sealer);
	CLEANUP(statement_free_p) struct statement *last = agent_statement(&agent, 5, NULL, NULL);
	assert_string_equal(last->type, "round");
}

static void an_approved_policy_is_run(void **state) {
	CLEANUP(free_ptr) char *line = line_by("jane", NULL, 0);
	struct err err;
	put("small.yaml.approval", line);
	assert_true(read_again(&err));
	assert_int_equal(policy_of_stack()->approval_count, 1);
}

/* Of a policy that lies where nobody writes. */
static void an_approval_may_lie_in_the_policy_folder_by_id(void **state) {
	CLEANUP(free_ptr) char *line = line_by("jane", NULL, 0);
	struct err err;
	put("policy.d/small.approval", line);
	assert_true(read_again(&err));
}

static void one_that_is_not_approved_is_refused_where_that_is_demanded(void **state) {
	struct err err;
	refuses("nobody has approved it as it is (require_approval)");
	settings->require_approval = false;
	assert_true(read_again(&err));
}

static void a_changed_policy_is_not_approved(void **state) {
	CLEANUP(free_ptr) char *line = line_by("jane", NULL, 0);
	put("small.yaml.approval", line);
	scratch_put(agent.folder, "small.yaml", SMALL_POLICY "# another digest\n");
	refuses("nobody has approved it as it is");
	assert_int_equal(policy_of_stack()->approval_count, 0);
}

static void what_is_signed_in_anothers_name_does_not_count(void **state) {
	CLEANUP(free_ptr) char *line = line_by("bob", NULL, 0);
	put("small.yaml.approval", line);
	refuses("it says that it is bob's, and jane's key signed it");
}

static void what_has_expired_does_not_count(void **state) {
	CLEANUP(free_ptr) char *line = line_by("jane", NULL, 1000000001);
	put("small.yaml.approval", line);
	refuses("the approval by jane expired at 2001-09-09T01:46:41Z");
}

static void without_keys_nothing_is_approved(void **state) {
	CLEANUP(free_ptr) char *line = line_by("jane", NULL, 0);
	CLEANUP(free_ptr) char *pem = file_join(agent.folder, "approvers/jane.pem");
	put("small.yaml.approval", line);
	assert_int_equal(unlink(pem), 0);
	refuses("none of the approvers'");
}

static void a_file_that_is_none_is_an_error_at_its_line(void **state) {
	CLEANUP(free_ptr) char *line = line_by("jane", NULL, 0);
	CLEANUP(free_ptr) char *two = xasprintf("%s\n{}", line);
	struct err err;
	settings->require_approval = false;
	put("small.yaml.approval", two);
	assert_false(read_again(&err));
	assert_non_null(strstr(err.where, "small.yaml.approval"));
	assert_int_equal(err.line, 2);
	scratch_put(agent.folder, "small.yaml.approval", line); /* cut behind its last byte */
	refuses("no newline");
}

static void the_shipped_baseline_needs_no_approval(void **state) {
	struct err err = {0};
	stack_free(agent.stack);
	agent.stack = NULL;
	agent_need(stack_load(SOURCE_DIR, NULL, 0, &agent.stack, &err), &err);
	assert_true(approved_read(agent.stack, settings, times_now(), &err));
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static void a_file_keeps_the_others_of_its_digest(void **state) {
	CLEANUP(free_ptr) char *path = file_join(agent.folder, "x.approval");
	CLEANUP(free_ptr) char *of_jane = line_by("jane", NULL, 0);
	CLEANUP(free_ptr) char *of_bob = line_by("bob", NULL, 0);
	CLEANUP(free_ptr) char *newer = line_by("jane", "newer", 0);
	size_t dropped;
	struct err err;
	assert_true(approval_file_put(path, of_jane, &dropped, &err));
	assert_true(approval_file_put(path, of_bob, &dropped, &err));
	assert_true(approval_file_put(path, newer, &dropped, &err));
	assert_int_equal(dropped, 0);
	CLEANUP(approval_file_done) struct approval_file file = {0};
	assert_true(approval_file_read(path, &file, &err));
	assert_int_equal(file.count, 2);
	assert_string_equal(file.lines[0].text, of_bob);
	assert_string_equal(file.lines[1].text, newer);
	policy_of_stack()->sha256 = hash_of("x", 1);
	CLEANUP(free_ptr) char *of_another = line_by("jane", NULL, 0);
	assert_true(approval_file_put(path, of_another, &dropped, &err));
	assert_int_equal(dropped, 2);
}

static void a_file_has_a_cap(void **state) {
	CLEANUP(free_ptr) char *path = file_join(agent.folder, "x.approval");
	size_t dropped;
	struct err err;
	for (int i = 0; i <= APPROVAL_LINES_MOST; i++) {
		CLEANUP(free_ptr) char *name = xasprintf("person %d", i);
		CLEANUP(free_ptr) char *line = line_by(name, NULL, 0);
		assert_int_equal(approval_file_put(path, line, &dropped, &err), i < APPROVAL_LINES_MOST);
	}
	assert_int_equal(err.code, ERR_TOO_BIG);
	CLEANUP(free_ptr) char *text = scratch_text(agent.folder, "x.approval");
	CLEANUP(free_ptr) char *line = line_by("one more", NULL, 0);
	CLEANUP(free_ptr) char *more = xasprintf("%s%s\n", text, line);
	CLEANUP(approval_file_done) struct approval_file file = {0};
	scratch_put(agent.folder, "x.approval", more);
	assert_false(approval_file_read(path, &file, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(an_approval_is_sealed_once_behind_its_policy),
		TEST(what_was_sealed_is_remembered),
		TEST(an_approved_policy_is_run),
		TEST(an_approval_may_lie_in_the_policy_folder_by_id),
		TEST(one_that_is_not_approved_is_refused_where_that_is_demanded),
		TEST(a_changed_policy_is_not_approved),
		TEST(what_is_signed_in_anothers_name_does_not_count),
		TEST(what_has_expired_does_not_count),
		TEST(without_keys_nothing_is_approved),
		TEST(a_file_that_is_none_is_an_error_at_its_line),
		TEST(the_shipped_baseline_needs_no_approval),
		TEST(a_file_keeps_the_others_of_its_digest),
		TEST(a_file_has_a_cap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

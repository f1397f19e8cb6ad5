/* What goes before an image is sealed, what stays, and what nobody can make root remove. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/reset.h"
#include "tests/unit/agent_home.h"

static void note_path(void *context, const char *path, bool stays) {
	if (stays)
		buf_addf(context, "%s\n", strrchr(path, '/') + 1);
}

/* True when what was there is gone. */
static bool try_reset(const struct agent_home *agent, bool is_dry, struct buf *ret_stays, struct err *err) {
	const struct reset_plan plan = {.is_dry = is_dry, .visit = note_path, .context = ret_stays};
	return reset(agent->home, &plan, err);
}

static void fill(const struct agent_home *agent) {
	struct err err;
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(round_free_p) struct round *header = agent_look(agent, NULL);
	agent_need(seal_enrolment(sealer, header, &err), &err);
	agent_round(agent, sealer);
}

static void what_waits_is_counted_and_what_cannot_be_counted_is_told(void **state) {
	struct agent_home agent;
	agent_home_new(&agent);
	struct reset_found found;
	fill(&agent);
	reset_look(agent.home, &found);
	assert_true(found.is_enrolled);
	assert_string_equal(found.enrolment->host_name, "db1");
	assert_true(found.waiting >= 2);
	assert_false(found.is_uncounted);
	reset_found_done(&found);
	assert_int_equal(rmdir(agent.home->refused), 0);
	assert_int_equal(symlink("/etc", agent.home->refused), 0);
	reset_look(agent.home, &found);
	assert_true(found.is_uncounted);
	reset_found_done(&found);
	agent_home_done(&agent);
}

static void a_dry_reset_changes_nothing(void **state) {
	struct agent_home agent;
	struct err err;
	CLEANUP(buf_done) struct buf stays = {0};
	agent_home_new(&agent);
	fill(&agent);
	agent_need(try_reset(&agent, true, &stays, &err), &err);
	assert_true(scratch_has(agent.home->enrolment, "evidence.pem"));
	assert_true(scratch_has(agent.home->spool, "chain.json"));
	agent_home_done(&agent);
}

static void a_reset_takes_all_that_is_ours_and_nothing_else(void **state) {
	struct agent_home agent;
	struct err err;
	CLEANUP(buf_done) struct buf stays = {0};
	agent_home_new(&agent);
	fill(&agent);
	scratch_put(agent.folder, "old-2026-01-01T00:00:00Z/enrolment/evidence.pem", "key\n");
	scratch_put(agent.folder, ".tmp-reset-1/evidence.pem", "what a reset before left\n");
	agent_need(try_reset(&agent, false, &stays, &err), &err);
	assert_string_equal(buf_str(&stays), "small.yaml\n");
	static const char *const gone[] = {"enrolment", "old-2026-01-01T00:00:00Z", ".tmp-reset-1", "spool/chain.json",
					   "spool/blinds.json"};
	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		assert_false(scratch_has(agent.folder, gone[i]));
	assert_true(scratch_has(agent.folder, "spool/queue"));
	assert_true(scratch_has(agent.folder, "receipts"));
	agent_home_done(&agent);
}

static void no_link_is_followed(void **state) {
	struct agent_home agent;
	struct err err;
	CLEANUP(buf_done) struct buf stays = {0};
	CLEANUP(scratch_free) char *precious = scratch_new();
	agent_home_new(&agent);
	fill(&agent);
	scratch_put(precious, "folder/file", "precious\n");
	CLEANUP(free_ptr) char *link = file_join(agent.home->queue, "link");
	assert_int_equal(symlink(precious, link), 0);
	assert_int_equal(rmdir(agent.home->refused), 0);
	assert_int_equal(symlink(precious, agent.home->refused), 0);
	agent_need(try_reset(&agent, false, &stays, &err), &err);
	assert_true(scratch_has(precious, "folder/file"));
	agent_home_done(&agent);
}

static void a_state_folder_that_root_put_elsewhere_is_emptied_there(void **state) {
	struct agent_home agent;
	struct err err;
	CLEANUP(buf_done) struct buf stays = {0};
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "state");
	agent_home_new(&agent);
	fill(&agent);
	assert_int_equal(symlink(agent.home->folder, path), 0);
	CLEANUP(home_free_p) struct home *linked = home_new(path);
	const struct reset_plan plan = {0};
	agent_need(reset(linked, &plan, &err), &err);
	assert_false(scratch_has(agent.home->folder, "enrolment"));
	assert_int_equal(scratch_count(agent.home->queue), 0);
	assert_int_equal(scratch_count(agent.home->folder), 3); /* spool/, receipts/, and what is not vouch's */
	agent_home_done(&agent);
}

static void nothing_goes_while_somebody_works_there(void **state) {
	struct agent_home agent;
	struct err err;
	CLEANUP(buf_done) struct buf stays = {0};
	agent_home_new(&agent);
	fill(&agent);
	const char *const locks[] = {agent.home->lock, agent.home->ship_lock};
	for (size_t i = 0; i < ARRAY_LEN(locks); i++) {
		CLEANUP(close_fd) int lock = open(locks[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
		assert_false(try_reset(&agent, false, &stays, &err));
		assert_int_equal(err.code, ERR_REFUSED);
		assert_true(scratch_has(agent.home->enrolment, "evidence.pem"));
	}
	agent_home_done(&agent);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_is_counted_and_what_cannot_be_counted_is_told),
		cmocka_unit_test(a_dry_reset_changes_nothing),
		cmocka_unit_test(a_reset_takes_all_that_is_ours_and_nothing_else),
		cmocka_unit_test(no_link_is_followed),
		cmocka_unit_test(a_state_folder_that_root_put_elsewhere_is_emptied_there),
		cmocka_unit_test(nothing_goes_while_somebody_works_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What changed carries what it was, until it is in the chain; by whom; and what the host keeps of it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/sysmacros.h>

#include "agent/drift.h"
#include "agent/history.h"
#include "agent/late.h"
#include "agent/posture_now.h"
#include "agent/status.h"
#include "agent/vouchd.h"
#include "core/times.h"
#include "tests/unit/agent_home.h"

static struct agent_home agent;
static sd_event *loop;
static json_t *results; /* of the last round */
static char sayings[512];

static int make(void **state) {
	struct err err;
	agent_home_new(&agent);
	agent_need(home_make(agent.home, &err), &err);
	*sayings = '\0';
	return 0;
}

static int drop(void **state) {
	json_decref(results);
	results = NULL;
	agent_home_done(&agent);
	return 0;
}

static void note(void *context, const struct round *round, const struct news *news, const char *trigger,
		 enum sealed sealed, const struct err *err) {
	json_decref(results);
	results = json_deep_copy(round->results);
}

static void say(void *context, const char *text) { snprintf(sayings, sizeof sayings, "%s", text); }

/* One round of a vouchd that starts and ends with it. */
static int run_once(int64_t spool_limit) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, spool_limit);
	CLEANUP(vouchd_free_p) struct vouchd *vouchd = NULL;
	struct err err;
	const struct vouchd_options options = {.stack = agent.stack->policies,
					       .sealer = sealer,
					       .host = {.root = agent.root},
					       .once = true,
					       .report = note,
					       .say = say};
	assert_true(sd_event_new(&loop) >= 0);
	assert_true(vouchd_start(loop, &options, &vouchd, &err));
	int code = sd_event_loop(loop);
	vouchd_free(vouchd);
	vouchd = NULL;
	sd_event_unref(loop);
	return code;
}

static void round_is_kept(void) { assert_int_equal(run_once(SPOOL_LIMIT_DEFAULT), 0); }

static const json_t *changed_of(size_t index) { return json_object_get(json_array_get(results, index), "changed"); }

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static void set_mode(mode_t mode) {
	CLEANUP(free_ptr) char *path = file_join(agent.root, "etc/a");
	assert_int_equal(chmod(path, mode), 0);
}

static json_t *history(void) {
	const struct history_wanted all = {0};
	json_t *entries = NULL;
	size_t bad;
	struct err err;
	assert_true(history_read(agent.home, &all, &entries, &bad, &err));
	return entries;
}

static void first_look_is_no_change(void **state) {
	round_is_kept();
	assert_null(changed_of(0));
	assert_true(scratch_has(agent.home->spool, "current.json"));
	CLEANUP(json_decref_p) json_t *entries = history();
	assert_int_equal(json_array_size(entries), 0);
	round_is_kept();
	assert_null(changed_of(0));
}

static void what_changed_while_nobody_looked_is_noticed_at_the_start(void **state) {
	round_is_kept();
	CLEANUP(free_ptr) char *since = xstrdup(text_of(json_array_get(results, 0), "collectedAt"));
	set_mode(0644);
	round_is_kept();
	const json_t *changed = changed_of(0);
	assert_string_equal(text_of(changed, "verdict"), "pass");
	assert_string_equal(text_of(changed, "since"), since);
	assert_string_equal(text_of(changed, "noticed"), "at start");
	assert_string_equal(text_of(changed, "unattributed"), "no audit daemon keeps a log here");
	assert_string_equal(text_of(json_array_get(json_object_get(changed, "observed"), 0), "mode"), "0600");
	assert_null(changed_of(1));
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, 4, &body, NULL);
	assert_non_null(strstr(buf_str(&body), "\"changed\":{\"noticed\":\"at start\""));
	CLEANUP(json_decref_p) json_t *entries = history();
	assert_int_equal(json_array_size(entries), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(entries, 0), "sequence")), 4);
	assert_int_equal(json_array_size(json_object_get(json_array_get(entries, 0), "gone")), 1);
	round_is_kept();
	assert_null(changed_of(0)); /* it was said */
}

static void what_it_was_stays_until_a_round_that_says_so_is_kept(void **state) {
	round_is_kept();
	CLEANUP(free_ptr) char *since = xstrdup(text_of(json_array_get(results, 0), "collectedAt"));
	CLEANUP(free_ptr) char *big = xcalloc(1, SPOOL_LIMIT_LEAST + 1);
	memset(big, 'x', SPOOL_LIMIT_LEAST);
	char name[SPOOL_NAME_LONGEST];
	const struct hash digest = hash_of("x", 1);
	scratch_put(agent.home->refused, spool_name(1, &digest, name), big);
	set_mode(0644);
	assert_int_equal(run_once(SPOOL_LIMIT_LEAST), 1);
	assert_string_equal(text_of(changed_of(0), "since"), since);
	CLEANUP(json_decref_p) json_t *none = history();
	assert_int_equal(json_array_size(none), 0);
	CLEANUP(json_decref_p) json_t *status = NULL;
	struct err err;
	assert_true(status_read(agent.home, &status, &err));
	assert_string_equal(text_of(status, "sealed"), "no room");
	CLEANUP(free_ptr) char *path = file_join(agent.home->refused, name);
	assert_int_equal(unlink(path), 0);
	round_is_kept();
	assert_string_equal(text_of(changed_of(0), "since"), since);
	CLEANUP(json_decref_p) json_t *entries = history();
	assert_int_equal(json_array_size(entries), 1);
}

static void who_wrote_is_in_the_evidence_and_no_command_line_is(void **state) {
	round_is_kept();
	int64_t now = times_now();
	struct stat status;
	CLEANUP(free_ptr) char *path = file_join(agent.root, "etc/a");
	assert_int_equal(stat(path, &status), 0);
	CLEANUP(buf_done) struct buf log = {0};
	buf_addf(&log,
		 "type=USER_CMD msg=audit(%lld.000:1): pid=7 uid=0 auid=1000 msg='cwd=\"/\" cmd=\"id\" "
		 "exe=\"/usr/bin/sudo\" res=success'\n",
		 (long long)now - 600);
	buf_addf(&log,
		 "type=SYSCALL msg=audit(%lld.999:2): arch=c000003e syscall=90 success=yes exit=0 pid=77 auid=1000 "
		 "uid=0 "
		 "comm=\"chmod\" exe=\"/usr/bin/chmod\"\ntype=CWD msg=audit(%lld.999:2): cwd=\"/etc\"\n"
		 "type=PATH msg=audit(%lld.999:2): item=0 name=\"a\" inode=%llu dev=%02x:%02x nametype=NORMAL\n"
		 "type=PROCTITLE msg=audit(%lld.999:2): proctitle=\"secret\"\n",
		 (long long)now, (long long)now, (long long)now, (unsigned long long)status.st_ino,
		 major(status.st_dev), minor(status.st_dev), (long long)now);
	scratch_put(agent.root, "var/log/audit/audit.log", buf_str(&log));
	scratch_put(agent.root, "etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
	set_mode(0644);
	while (times_now() <= now + 1) /* the record is of the window */
		usleep(10000);
	round_is_kept();
	const json_t *by = json_array_get(json_object_get(changed_of(0), "by"), 0);
	assert_string_equal(text_of(by, "process"), "/usr/bin/chmod");
	assert_string_equal(text_of(by, "user"), "alice");
	assert_int_equal(json_integer_value(json_object_get(by, "pid")), 77);
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, 4, &body, NULL);
	assert_null(strstr(buf_str(&body), "secret"));
}

static bool is_late_there(void) {
	CLEANUP(json_decref_p) json_t *entries = history();
	return json_is_true(json_object_get(json_array_get(entries, 0), "late"));
}

static void who_is_told_late_is_in_the_history_and_not_in_the_evidence(void **state) {
	round_is_kept();
	set_mode(0644);
	round_is_kept();
	CLEANUP(json_decref_p) json_t *before = history();
	const json_t *entry = json_array_get(before, 0);
	assert_true(*text_of(entry, "unattributed"));
	CLEANUP(names_free_p) struct names *sources = names_new();
	names_add(sources, "stat:/etc/a");
	struct attribute_ask asks[] = {{.rule = text_of(entry, "rule"),
					.sources = sources,
					.from_ms = 1700000000000,
					.until_ms = times_now() * 1000 + 1000,
					.may_come = true},
				       {.rule = "no.other", .sources = sources}};
	sd_event *event = NULL;
	struct stat status;
	CLEANUP(free_ptr) char *path = file_join(agent.root, "etc/a");
	assert_int_equal(stat(path, &status), 0);
	assert_true(sd_event_new(&event) >= 0);
	const struct late_options options = {
		.host = {.root = agent.root}, .home = agent.home, .after_us = 1000, .say = say};
	struct late *late = late_new(event, &options);
	late_take(late, asks, ARRAY_LEN(asks), json_integer_value(json_object_get(entry, "sequence")),
		  HISTORY_LIMIT_DEFAULT);
	CLEANUP(free_ptr)
	char *log = xasprintf(
		"type=SYSCALL msg=audit(%lld.000:2): arch=c000003e syscall=90 success=yes pid=77 uid=0 "
		"exe=\"/bin/chmod\"\n"
		"type=PATH msg=audit(%lld.000:2): item=0 name=\"a\" inode=%llu dev=%02x:%02x nametype=NORMAL\n",
		(long long)times_now(), (long long)times_now(), (unsigned long long)status.st_ino, major(status.st_dev),
		minor(status.st_dev));
	scratch_put(agent.root, "var/log/audit/audit.log", log);
	for (int i = 0; i < 1000 && !is_late_there(); i++)
		assert_true(sd_event_run(event, 10000) >= 0);
	late_free(late);
	sd_event_unref(event);
	CLEANUP(json_decref_p) json_t *after = history();
	assert_int_equal(json_array_size(after), 1);
	entry = json_array_get(after, 0);
	assert_true(json_is_true(json_object_get(entry, "late")));
	assert_string_equal(text_of(json_array_get(json_object_get(entry, "by"), 0), "process"), "/bin/chmod");
	assert_null(json_object_get(entry, "unattributed"));
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, 4, &body, NULL);
	assert_null(strstr(buf_str(&body), "/bin/chmod"));
}

static void policy_that_is_another_is_the_reason(void **state) {
	struct err err;
	round_is_kept();
	CLEANUP(free_ptr) char *text = xstrdup(SMALL_POLICY);
	memcpy(strstr(text, "'0640'"), "'0200'", 6);
	scratch_put(agent.folder, "small.yaml", text);
	CLEANUP(free_ptr) char *path = file_join(agent.folder, "small.yaml");
	const char *const paths[] = {path};
	stack_free(agent.stack);
	agent_need(stack_load(SOURCE_DIR, paths, 1, &agent.stack, &err), &err);
	round_is_kept();
	assert_string_equal(text_of(changed_of(0), "unattributed"), "the policy is another");
}

/* ---- alone, without a round ---- */

static json_t *result_of(const char *verdict, json_t *rows, const char *at) {
	return json_pack("{s:s,s:s,s:s,s:o,s:[],s:s,s:[{s:s,s:s}],s:s}", "rule", "a.mode", "verdict", verdict, "reason",
			 "r", "observed", rows, "volatile", "collectedAt", at, "sources", "name", "file:/etc/a",
			 "sha256", at, "policy", "p");
}

static void result_that_is_what_it_was_again_has_not_changed(void **state) {
	CLEANUP(drift_free_p) struct drift *drift = drift_open(agent.stack->policies, agent.home);
	CLEANUP(json_decref_p) json_t *first = result_of("pass", json_array(), "2026-01-01T00:00:00Z");
	CLEANUP(json_decref_p) json_t *other = result_of("fail", json_array(), "2026-01-02T00:00:00Z");
	CLEANUP(json_decref_p) json_t *again = result_of("pass", json_array(), "2026-01-03T00:00:00Z");
	CLEANUP(json_decref_p) json_t *list = json_pack("[O]", again);
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	size_t count;
	assert_true(json_canonical(first, &text, &err));
	drift_look(drift, 0, first, NULL, 1);
	drift_look(drift, 0, other, buf_str(&text), 2);
	free(drift_asks(drift, 3, &count));
	assert_int_equal(count, 1);
	drift_look(drift, 0, again, "not looked at: it is not in the chain", 4);
	drift_mark(drift, list);
	assert_null(json_object_get(again, "changed"));
	struct drift_times times;
	assert_true(drift_times(drift, 0, &times));
	assert_int_equal(times.since, 1767225600);
}

static void second_change_before_a_round_is_kept_says_what_the_chain_says(void **state) {
	CLEANUP(drift_free_p) struct drift *drift = drift_open(agent.stack->policies, agent.home);
	CLEANUP(json_decref_p) json_t *first = result_of("pass", json_array(), "2026-01-01T00:00:00Z");
	CLEANUP(json_decref_p) json_t *second = result_of("fail", json_array(), "2026-01-02T00:00:00Z");
	CLEANUP(json_decref_p) json_t *third = result_of("error", json_array(), "2026-01-03T00:00:00Z");
	CLEANUP(json_decref_p) json_t *list = json_pack("[O]", third);
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	size_t count;
	assert_true(json_canonical(first, &text, &err));
	drift_look(drift, 0, first, NULL, 1000);
	drift_look(drift, 0, second, buf_str(&text), 2000);
	free(drift_asks(drift, 2500, &count));
	drift_look(drift, 0, third, "{}", 3000);
	CLEANUP(free_ptr) struct attribute_ask *asks = drift_asks(drift, 3500, &count);
	assert_int_equal(count, 1);
	assert_int_equal(asks[0].from_ms, 1000); /* the window of both */
	drift_mark(drift, list);
	assert_string_equal(text_of(json_object_get(third, "changed"), "verdict"), "pass");
	assert_string_equal(text_of(json_object_get(third, "changed"), "since"), "2026-01-01T00:00:00Z");
}

static void rows_that_were_are_cut_with_their_digest(void **state) {
	CLEANUP(drift_free_p) struct drift *drift = drift_open(agent.stack->policies, agent.home);
	json_t *rows = json_array();
	CLEANUP(free_ptr) char *wide = xcalloc(1, 1001);
	memset(wide, 'w', 1000);
	for (int i = 0; i < 100; i++)
		json_array_append_new(rows, json_pack("{s:s,s:i}", "text", wide, "n", i));
	CLEANUP(json_decref_p) json_t *first = result_of("pass", rows, "2026-01-01T00:00:00Z");
	CLEANUP(json_decref_p) json_t *other = result_of("fail", json_array(), "2026-01-02T00:00:00Z");
	CLEANUP(json_decref_p) json_t *list = json_pack("[O]", other);
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	assert_true(json_canonical(first, &text, &err));
	drift_look(drift, 0, first, NULL, 1);
	drift_look(drift, 0, other, buf_str(&text), 2);
	drift_mark(drift, list);
	const json_t *changed = json_object_get(other, "changed");
	size_t shown = json_array_size(json_object_get(changed, "observed"));
	assert_in_range(shown, 50, 66);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(changed, "omitted"), "count")),
			 100 - (json_int_t)shown);
	assert_int_equal(strlen(text_of(json_object_get(changed, "omitted"), "sha256")), 64);
}

/* ---- the history ---- */

static json_t *entries_of(int count, int64_t *at) {
	json_t *entries = json_array();
	for (int i = 0; i < count; i++, (*at)++) {
		char text[TIMES_TEXT];
		json_array_append_new(entries,
				      json_pack("{s:s,s:s,s:s,s:{s:s},s:{s:s}}", "at", times_format(*at, text), "rule",
						*at % 2 ? "even" : "odd", "since", "2026-01-01T00:00:00Z", "was",
						"verdict", "pass", "is", "verdict", "fail"));
	}
	return entries;
}

static void history_stays_within_its_limit_and_keeps_the_newest(void **state) {
	int64_t at = 1767225600;
	bool is_torn;
	struct err err;
	for (int i = 0; i < 200; i++) {
		CLEANUP(json_decref_p) json_t *some = entries_of(10, &at);
		assert_true(history_add(agent.home, some, HISTORY_LIMIT_LEAST, &is_torn, &err));
		assert_false(is_torn);
	}
	struct stat now, before;
	assert_int_equal(stat(agent.home->history, &now), 0);
	assert_int_equal(stat(agent.home->history_before, &before), 0);
	assert_in_range(now.st_size + before.st_size, HISTORY_LIMIT_LEAST / 4, HISTORY_LIMIT_LEAST);
	CLEANUP(json_decref_p) json_t *all = history();
	int64_t last = 0, previous = 0;
	size_t i;
	json_t *entry;
	json_array_foreach(all, i, entry) {
		assert_true(times_parse(text_of(entry, "at"), &last));
		assert_true(last > previous);
		previous = last;
	}
	assert_int_equal(last, at - 1);
	const struct history_wanted odd = {.rule = "odd", .since = at - 10};
	CLEANUP(json_decref_p) json_t *wanted = NULL;
	size_t bad;
	assert_true(history_read(agent.home, &odd, &wanted, &bad, &err));
	assert_int_equal(json_array_size(wanted), 5);
}

static void line_that_was_cut_is_taken_away_and_said(void **state) {
	int64_t at = 1767225600;
	bool is_torn;
	size_t bad;
	struct err err;
	const struct history_wanted all = {0};
	CLEANUP(json_decref_p) json_t *some = entries_of(2, &at);
	assert_true(history_add(agent.home, some, HISTORY_LIMIT_DEFAULT, &is_torn, &err));
	CLEANUP(free_ptr) char *text = scratch_text(agent.home->spool, "history.jsonl");
	text[strlen(text) - 9] = '\0';
	scratch_put(agent.home->spool, "history.jsonl", text);
	CLEANUP(json_decref_p) json_t *read = NULL;
	assert_true(history_read(agent.home, &all, &read, &bad, &err));
	assert_int_equal(json_array_size(read), 1);
	assert_int_equal(bad, 1);
	assert_true(history_add(agent.home, some, HISTORY_LIMIT_DEFAULT, &is_torn, &err));
	assert_true(is_torn);
	CLEANUP(json_decref_p) json_t *mended = history();
	assert_int_equal(json_array_size(mended), 3);
}

/* ---- how it stands ---- */

static void silence_is_told_from_a_round_in_time(void **state) {
	CLEANUP(json_decref_p) json_t *status = NULL;
	struct posture_now now;
	struct err err;
	int64_t at;
	assert_false(status_read(agent.home, &status, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	round_is_kept();
	assert_true(status_read(agent.home, &status, &err));
	assert_true(times_parse(text_of(status, "finishedAt"), &at));
	assert_true(posture_now(agent.home, status, at + 3600, &now, &err));
	assert_false(now.is_stale);
	assert_int_equal(now.waiting, 3);
	assert_int_equal(now.vouchd, RUNNING_NO);
	assert_true(posture_now(agent.home, status, at + 3600 + POSTURE_SLACK_S + 1, &now, &err));
	assert_true(now.is_stale);
	assert_true(posture_now(agent.home, status, at - POSTURE_SLACK_S - 1, &now, &err));
	assert_true(now.is_ahead);
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	assert_true(posture_now(agent.home, status, at, &now, &err));
	assert_int_equal(now.vouchd, RUNNING_YES);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_look_is_no_change, make, drop),
		cmocka_unit_test_setup_teardown(what_changed_while_nobody_looked_is_noticed_at_the_start, make, drop),
		cmocka_unit_test_setup_teardown(what_it_was_stays_until_a_round_that_says_so_is_kept, make, drop),
		cmocka_unit_test_setup_teardown(who_wrote_is_in_the_evidence_and_no_command_line_is, make, drop),
		cmocka_unit_test_setup_teardown(who_is_told_late_is_in_the_history_and_not_in_the_evidence, make, drop),
		cmocka_unit_test_setup_teardown(policy_that_is_another_is_the_reason, make, drop),
		cmocka_unit_test_setup_teardown(result_that_is_what_it_was_again_has_not_changed, make, drop),
		cmocka_unit_test_setup_teardown(second_change_before_a_round_is_kept_says_what_the_chain_says, make,
						drop),
		cmocka_unit_test_setup_teardown(rows_that_were_are_cut_with_their_digest, make, drop),
		cmocka_unit_test_setup_teardown(history_stays_within_its_limit_and_keeps_the_newest, make, drop),
		cmocka_unit_test_setup_teardown(line_that_was_cut_is_taken_away_and_said, make, drop),
		cmocka_unit_test_setup_teardown(silence_is_told_from_a_round_in_time, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* By whom, on a host that is too slow to say so while a statement waits. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "agent/history.h"
#include "agent/late.h"
#include "core/times.h"
#include "tests/unit/agent_home.h"

/* A helper that never answers. */
static int silent_helper(const char *folder) {
	CLEANUP(free_ptr) char *path = file_join(folder, "broker-fs.sock");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 10), 0);
	return fd;
}

static void note_done(void *context) { *(bool *)context = true; }

static void what_was_not_read_in_time_is_not_taken_for_empty(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(close_fd) int fd = silent_helper(folder);
	CLEANUP(names_free_p) struct names *sources = names_new();
	CLEANUP(json_decref_p) json_t *into = json_object();
	sd_event *event = NULL;
	bool is_done = false;
	names_add(sources, "stat:/etc/a");
	struct attribute_ask ask = {.rule = "a.mode", .sources = sources, .from_ms = 1, .until_ms = 2, .into = into};
	assert_true(sd_event_new(&event) >= 0);
	CLEANUP(attribute_free_p)
	struct attribute *attribute =
		attribute_start(event, &(struct host){.helpers = folder}, &ask, 1, 1000, note_done, &is_done);
	assert_non_null(attribute);
	while (!is_done)
		assert_true(sd_event_run(event, UINT64_MAX) >= 0);
	assert_string_equal(json_string_value(json_object_get(into, "unattributed")),
			    "the audit log was not read in time");
	assert_true(ask.may_come);
	attribute_free(attribute);
	attribute = NULL;
	sd_event_unref(event);
}

static json_t *only_entry(const struct home *home) {
	const struct history_wanted all = {0};
	CLEANUP(json_decref_p) json_t *entries = NULL;
	size_t bad;
	struct err err;
	assert_true(history_read(home, &all, &entries, &bad, &err));
	assert_int_equal(bad, 0);
	assert_int_equal(json_array_size(entries), 1);
	return json_incref(json_array_get(entries, 0));
}

static bool is_told(const struct home *home) {
	CLEANUP(json_decref_p) json_t *entry = only_entry(home);
	return json_is_true(json_object_get(entry, "late"));
}

static void say(void *context, const char *text) {}

/* The statement's reason was that it did not wait. */
static void reason_that_is_known_late_is_in_the_history(void **state) {
	struct agent_home agent;
	struct err err;
	agent_home_new(&agent);
	agent_need(home_make(agent.home, &err), &err);
	CLEANUP(json_decref_p)
	json_t *entries = json_pack("[{s:s,s:s,s:s,s:{},s:{},s:i,s:s}]", "at", "2026-01-01T00:00:00Z", "rule", "a.mode",
				    "since", "2026-01-01T00:00:00Z", "was", "is", "sequence", 4, "unattributed",
				    "the audit log was not read in time");
	CLEANUP(json_decref_p) json_t *into = json_pack("{s:s}", "unattributed", "the audit log was not read in time");
	CLEANUP(names_free_p) struct names *sources = names_new();
	bool is_torn;
	agent_need(history_add(agent.home, entries, HISTORY_LIMIT_DEFAULT, &is_torn, &err), &err);
	names_add(sources, "stat:/etc/a");
	const struct attribute_ask ask = {.rule = "a.mode",
					  .sources = sources,
					  .from_ms = 1700000000000,
					  .until_ms = times_now() * 1000,
					  .may_come = true,
					  .into = into};
	sd_event *event = NULL;
	assert_true(sd_event_new(&event) >= 0);
	const struct late_options options = {
		.host = {.root = agent.root}, .home = agent.home, .after_us = 1000, .say = say};
	struct late *late = late_new(event, &options);
	late_take(late, &ask, 1, 4, HISTORY_LIMIT_DEFAULT);
	for (int i = 0; i < 1000 && !is_told(agent.home); i++)
		assert_true(sd_event_run(event, 10000) >= 0);
	late_free(late);
	sd_event_unref(event);
	CLEANUP(json_decref_p) json_t *entry = only_entry(agent.home);
	assert_true(json_is_true(json_object_get(entry, "late")));
	assert_string_equal(json_string_value(json_object_get(entry, "unattributed")),
			    "no audit daemon keeps a log here");
	agent_home_done(&agent);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_read_in_time_is_not_taken_for_empty),
		cmocka_unit_test(reason_that_is_known_late_is_in_the_history),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

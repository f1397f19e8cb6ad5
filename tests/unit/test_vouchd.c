/* vouchd on its loop: one round, that it ends when it is told to, and rounds because of changes. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/inotify.h>
#include <sys/stat.h>

#include "agent/history.h"
#include "agent/identity.h"
#include "agent/vouchd.h"
#include "core/times.h"
#include "tests/unit/agent_home.h"

static struct agent_home agent;
static struct vouchd *running;
static struct stack *next; /* what a reload takes */
static size_t reloads;
static size_t rounds;
static bool was_error;
static sd_event *loop;
static size_t sayings;
static char *lists; /* the folder of the texts of root's, or NULL */

static int make(void **state) {
	agent_home_new(&agent);
	rounds = 0;
	sayings = 0;
	reloads = 0;
	was_error = false;
	return sd_event_new(&loop) < 0;
}

static int drop(void **state) {
	free(lists);
	lists = NULL;
	sd_event_unref(loop);
	agent_home_done(&agent);
	return 0;
}

static void count_round(void *context, const struct round *round, const struct news *news, const char *trigger,
			enum sealed sealed, const struct err *err) {
	rounds++;
	was_error |= err != NULL;
}

/* Ends the loop after the first round; the next would be an hour away. */
static void count_and_end(void *context, const struct round *round, const struct news *news, const char *trigger,
			  enum sealed sealed, const struct err *err) {
	count_round(context, round, news, trigger, sealed, err);
	sd_event_exit(loop, 7);
}

static void (*on_saying)(const char *text);

static void say(void *context, const char *text) {
	if (on_saying)
		on_saying(text);
}

static void take_next(void *context) {
	reloads++;
	if (!next)
		return;
	vouchd_take(running, next->policies, HISTORY_LIMIT_DEFAULT);
	stack_free(agent.stack);
	agent.stack = next;
	next = NULL;
}

static int run_on(struct sealer *sealer, const struct host *host, bool once,
		  void (*report)(void *, const struct round *, const struct news *, const char *, enum sealed,
				 const struct err *)) {
	CLEANUP(vouchd_free_p) struct vouchd *vouchd = NULL;
	struct err err;
	const struct vouchd_options options = {.stack = agent.stack->policies,
					       .sealer = sealer,
					       .host = *host,
					       .once = once,
					       .lists = lists,
					       .report = report,
					       .say = say,
					       .reload = take_next};
	assert_true(vouchd_start(loop, &options, &vouchd, &err));
	running = vouchd;
	return sd_event_loop(loop);
}

static int run(struct sealer *sealer, bool once,
	       void (*report)(void *, const struct round *, const struct news *, const char *, enum sealed,
			      const struct err *)) {
	const struct host host = {.root = agent.root};
	return run_on(sealer, &host, once, report);
}

static char *trigger_of(size_t sequence) {
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, sequence, NULL, NULL);
	return xstrdup(statement ? statement->trigger : "");
}

static void once_is_one_round_and_exit_0(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	assert_int_equal(run(sealer, true, count_round), 0);
	assert_int_equal(rounds, 1);
	assert_false(was_error);
	CLEANUP(free_ptr) char *trigger = trigger_of(3);
	assert_string_equal(trigger, "manual");
}

static void round_that_cannot_be_sealed_is_exit_1_and_reported(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	scratch_put(agent.root, "etc/machine-id", "1123456789abcdef0123456789abcdef\n");
	assert_int_equal(run(sealer, true, count_round), 1);
	assert_int_equal(rounds, 1);
	assert_true(was_error);
}

static void first_round_after_a_boot_says_so(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	scratch_put(agent.root, "proc/sys/kernel/random/boot_id", "b1\n");
	assert_int_equal(run(sealer, false, count_and_end), 7);
	sd_event_unref(loop);
	assert_true(sd_event_new(&loop) >= 0);
	assert_int_equal(run(sealer, false, count_and_end), 7);
	assert_int_equal(rounds, 2);
	CLEANUP(free_ptr) char *boot = trigger_of(3);
	CLEANUP(free_ptr) char *schedule = trigger_of(4);
	assert_string_equal(boot, "boot");
	assert_string_equal(schedule, "schedule");
}

/* Rounds of the live host, over three files of the test's own; c.needs hangs on a.mode. */

#define LIVE_POLICY                                                                                                    \
	"policy: {id: live, version: 1.0.0, framework: 'iso27001:2022', title: Live, owner: me, review_by: "           \
	"2027-06-30}\n"                                                                                                \
	"rules:\n"                                                                                                     \
	"  - {id: a.mode, title: A, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "    \
	"{path: %s/etc/a}, expect: {mode: {at_most: '0640'}}, why: w, fix: f}\n"                                       \
	"  - {id: b.mode, title: B, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "    \
	"{path: %s/etc/b}, expect: {mode: {at_most: '0640'}}, why: w, fix: f}\n"                                       \
	"  - {id: c.needs, title: C, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "   \
	"{path: %s/etc/c}, expect: {mode: {at_most: '0640'}}, needs_control: a.mode, why: w, fix: f}\n"

/* The same three, but b is about what is in the file, and c takes its time. */
#define SLOW_POLICY                                                                                                    \
	"policy: {id: live, version: 1.0.0, framework: 'iso27001:2022', title: Live, owner: me, review_by: "           \
	"2027-06-30}\n"                                                                                                \
	"rules:\n"                                                                                                     \
	"  - {id: a.mode, title: A, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "    \
	"{path: %s/etc/a}, expect: {mode: {at_most: '0640'}}, why: w, fix: f}\n"                                       \
	"  - {id: b.text, title: B, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "    \
	"{path: %s/etc/b, pattern: good}, expect: {matches: 1}, why: w, fix: f}\n"                                     \
	"  - {id: c.slow, title: C, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: "                \
	"world_writable, with: {folders: [/usr, %s]}, expect: {none: {path: {exists: true}}}, needs_control: b.text, " \
	"why: w, "                                                                                                     \
	"fix: f}\n"

enum { A, B, C, LIVE_RULES };
#define HANG_US 100000000 /* a loop that runs so long waits for what never comes */

static size_t looks[LIVE_RULES];       /* at each rule */
static char last_verdicts[LIVE_RULES]; /* their first letters, after the last round */
static bool last_waived[LIVE_RULES];
static char last_looked[LIVE_RULES + 1]; /* the rules of the last round, a letter each */
static char last_text[512];              /* the last line for the log */
static void (*step)(void);               /* after each round */

static int on_hang(sd_event_source *source, uint64_t time, void *context) { return sd_event_exit(loop, 99); }

static int make_with(void **state, char *policy) {
	struct err err;
	char host_id[IDENTITY_UUID] = "";
	CLEANUP(free_ptr) char *machine = scratch_text("/etc", "machine-id");
	CLEANUP(free_ptr) char *path = file_join(agent.folder, "live.yaml");
	const char *const paths[] = {path};
	scratch_put(agent.folder, "live.yaml", policy);
	for (const char *name = "abc"; *name; name++) {
		CLEANUP(free_ptr) char *file = xasprintf("etc/%c", *name);
		scratch_put(agent.root, file, "");
	}
	stack_free(agent.stack);
	agent_need(stack_load(SOURCE_DIR, paths, 1, &agent.stack, &err), &err);
	agent.enrolment->is_drawn = !identity_uuid(machine, host_id);
	free(agent.enrolment->host_id);
	agent.enrolment->host_id = xstrdup(host_id);
	memset(looks, 0, sizeof looks);
	return sd_event_add_time_relative(loop, NULL, CLOCK_MONOTONIC, HANG_US, 0, on_hang, NULL) < 0;
}

static int make_live(void **state) {
	if (make(state) != 0)
		return 1;
	CLEANUP(free_ptr) char *policy = xasprintf(LIVE_POLICY, agent.root, agent.root, agent.root);
	return make_with(state, policy);
}

static int make_slow(void **state) {
	if (make(state) != 0)
		return 1;
	CLEANUP(free_ptr) char *policy = xasprintf(SLOW_POLICY, agent.root, agent.root, agent.root);
	return make_with(state, policy);
}

static void note_round(void *context, const struct round *round, const struct news *news, const char *trigger,
		       enum sealed sealed, const struct err *err) {
	size_t count = 0;
	count_round(context, round, news, trigger, sealed, err);
	for (size_t i = 0; i < LIVE_RULES; i++) {
		last_verdicts[i] = *json_string_value(json_object_get(json_array_get(round->results, i), "verdict"));
		last_waived[i] = json_object_get(json_array_get(round->results, i), "waiver") != NULL;
		looks[i] += round->looked[i];
		if (round->looked[i])
			last_looked[count++] = (char)('a' + i);
	}
	last_looked[count] = '\0';
	CLEANUP(free_ptr) char *text = news_text(news, trigger, count, LIVE_RULES);
	snprintf(last_text, sizeof last_text, "%s", text);
	step();
}

static void set_mode(char name, mode_t mode) {
	CLEANUP(free_ptr) char *path = xasprintf("%s/etc/%c", agent.root, name);
	assert_int_equal(chmod(path, mode), 0);
}

static void run_live(void (*each)(void)) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	const struct host live = {0};
	step = each;
	assert_int_equal(run_on(sealer, &live, false, note_round), 7);
	assert_false(was_error);
}

static void change_then_end(void) {
	if (rounds == 1)
		set_mode('b', 0644);
	else
		sd_event_exit(loop, 7);
}

static void change_has_its_rule_looked_at_and_says_so(void **state) {
	run_live(change_then_end);
	assert_string_equal(last_looked, "b");
	assert_memory_equal(last_verdicts, "pfp", LIVE_RULES);
	CLEANUP(free_ptr) char *first = trigger_of(3);
	CLEANUP(free_ptr) char *second = trigger_of(4);
	assert_string_not_equal(first, "change");
	assert_string_equal(second, "change");
	CLEANUP(free_ptr)
	char *line =
		xasprintf("change of stat:%s/etc/b: 1 of 3 rules looked at; b.mode is fail (was pass)", agent.root);
	assert_string_equal(last_text, line);
}

/* b.mode fails, waived for three more seconds. */
static int make_waived(void **state) {
	char from[TIMES_TEXT], expires[TIMES_TEXT];
	if (make(state) != 0)
		return 1;
	CLEANUP(free_ptr) char *rules = xasprintf(LIVE_POLICY, agent.root, agent.root, agent.root);
	CLEANUP(free_ptr)
	char *policy =
		xasprintf("%swaivers:\n  - {id: W-1, rule: b.mode, value: {mode: '0644'}, reason: r, risk: r, "
			  "measure: m, requester: a, approver: b, from: %s, expires: %s}\n",
			  rules, times_format(times_now() - 86400, from), times_format(times_now() + 3, expires));
	int failed = make_with(state, policy);
	set_mode('b', 0644);
	return failed;
}

static void end_when_not_waived(void) {
	if (last_waived[B])
		assert_true(last_verdicts[B] == 'f');
	else
		sd_event_exit(loop, 7);
}

static void rule_is_looked_at_again_when_its_waiver_ends(void **state) {
	run_live(end_when_not_waived);
	assert_true(last_verdicts[B] == 'f');
	if (rounds > 1) /* else this machine needed three seconds for the first */
		assert_string_equal(last_looked, "b");
}

static void change_list_then_end(void) {
	if (rounds == 1)
		scratch_put(lists, "approvals", "[]\n");
	else
		sd_event_exit(loop, 7);
}

static void list_of_roots_that_changed_has_all_rules_looked_at(void **state) {
	lists = file_join(agent.folder, "lists");
	assert_int_equal(mkdir(lists, 0755), 0);
	run_live(change_list_then_end);
	assert_string_equal(last_looked, "abc");
	CLEANUP(free_ptr) char *second = trigger_of(4);
	assert_string_equal(second, "change");
}

static void change_another_file_then_end(void) {
	if (rounds > 1)
		sd_event_exit(loop, 7);
	scratch_put(lists, "vouchd.yaml", "{}\n");
	set_mode('b', 0644);
}

static void other_file_beside_the_lists_is_no_change(void **state) {
	lists = file_join(agent.folder, "lists");
	assert_int_equal(mkdir(lists, 0755), 0);
	run_live(change_another_file_then_end);
	assert_string_equal(last_looked, "b");
}

static void change_control_then_end(void) {
	if (rounds == 1)
		set_mode('a', 0644);
	else
		sd_event_exit(loop, 7);
}

static void rule_whose_control_changed_is_judged_anew(void **state) {
	run_live(change_control_then_end);
	assert_string_equal(last_looked, "ac");
	assert_memory_equal(last_verdicts, "fpu", LIVE_RULES);
}

/* A thousand changes, then one of another file: when that is told, so are they all. */
static void burst_then_end(void) {
	for (unsigned i = 0; rounds == 1 && i < 1000; i++)
		set_mode('b', i % 2 ? 0644 : 0600);
	if (rounds == 1)
		set_mode('a', 0644);
	if (last_verdicts[A] == 'f' && last_verdicts[B] == 'f')
		sd_event_exit(loop, 7);
}

static void burst_of_a_thousand_changes_is_few_rounds(void **state) {
	run_live(burst_then_end);
	assert_in_range(rounds, 2, 4);
}

/* Changes come at any instant: also while a round is under way. */
static int on_flip(sd_event_source *source, uint64_t time, void *context) {
	static unsigned flips;
	set_mode('b', ++flips % 2 ? 0644 : 0600);
	sd_event_source_set_time_relative(source, 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static sd_event_source *flipping;

static void end_of_flips(void) {
	if (rounds == 3) { /* one was made of what had changed; the rest of them may be lost */
		sd_event_source_set_enabled(flipping, SD_EVENT_OFF);
		set_mode('b', 0644);
		set_mode('b', 0600);
		set_mode('b', 0644);
	}
	if (rounds >= 3 && last_verdicts[B] == 'f')
		sd_event_exit(loop, 7);
}

static void last_of_changes_at_any_instant_is_seen(void **state) {
	assert_true(sd_event_add_time_relative(loop, &flipping, CLOCK_MONOTONIC, 0, 1, on_flip, NULL) >= 0);
	run_live(end_of_flips);
	sd_event_source_unref(flipping);
	assert_memory_equal(last_verdicts, "pfp", LIVE_RULES);
}

static sd_event_source *opening;

/* Once it is open for the look: what was opened is the old one. */
static int on_open(sd_event_source *source, const struct inotify_event *event, void *context) {
	scratch_put(agent.root, "etc/b", "good\n");
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

/* The first change is found by reading again, the second by its event alone: only the look opens the file. */
static void change_while_it_is_read(void) {
	CLEANUP(free_ptr) char *path = file_join(agent.root, "etc/b");
	if (rounds <= 2)
		scratch_put(agent.root, "etc/b", rounds == 1 ? "bad\n" : "worse\n");
	if (rounds == 2)
		assert_true(sd_event_add_inotify(loop, &opening, path, IN_OPEN, on_open, NULL) >= 0);
	if (last_verdicts[B] == 'p')
		sd_event_exit(loop, 7);
}

static void change_during_the_look_at_it_is_seen_afterwards(void **state) {
	run_live(change_while_it_is_read);
	sd_event_source_disable_unref(opening);
	assert_int_equal(last_verdicts[B], 'p');
	assert_true(rounds >= 4);
}

static void end_with_the_other(void) {
	if (last_verdicts[A] == 'f')
		sd_event_exit(loop, 7);
}

/* Told when the budget is used up: no round comes of the flapping file any more. */
static void note_saying(const char *text) {
	sayings++;
	assert_non_null(strstr(text, "/etc/b changes again and again"));
	set_mode('a', 0644);
}

static void file_that_flaps_keeps_no_other_change_waiting(void **state) {
	on_saying = note_saying;
	assert_true(sd_event_add_time_relative(loop, &flipping, CLOCK_MONOTONIC, 0, 1, on_flip, NULL) >= 0);
	run_live(end_with_the_other);
	on_saying = NULL;
	sd_event_source_disable_unref(flipping);
	assert_int_equal(sayings, 1);
	assert_int_equal(looks[A], 2);
}

/* Other policies while it runs. */

#define OTHER_POLICY                                                                                                   \
	"policy: {id: other, version: 1.0.0, framework: 'iso27001:2022', title: Other}\n"                              \
	"rules:\n"                                                                                                     \
	"  - {id: b.text, title: B, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "    \
	"{path: %s/etc/b, pattern: better}, expect: {matches: 1}, why: w, fix: f}\n"                                   \
	"  - {id: d.new, title: D, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: "     \
	"{path: %s/etc/a}, expect: {exists: true}, why: w, fix: f}\n"

static struct stack *load_other(void) {
	struct stack *stack = NULL;
	struct err err;
	CLEANUP(free_ptr) char *policy = xasprintf(OTHER_POLICY, agent.root, agent.root);
	CLEANUP(free_ptr) char *path = file_join(agent.folder, "other.yaml");
	const char *const paths[] = {path};
	scratch_put(agent.folder, "other.yaml", policy);
	agent_need(stack_load(SOURCE_DIR, paths, 1, &stack, &err), &err);
	return stack;
}

static char texts[4][512];

static void note_texts(void *context, const struct round *round, const struct news *news, const char *trigger,
		       enum sealed sealed, const struct err *err) {
	size_t count = 0;
	for (size_t i = 0; i < round->rule_count; i++)
		count += round->looked[i];
	CLEANUP(free_ptr) char *text = news_text(news, trigger, count, round->rule_count);
	snprintf(texts[rounds], sizeof texts[rounds], "%s", text);
	count_round(context, round, news, trigger, sealed, err);
	step();
}

/* The look that opens the file is under way: what it says is handled before the look's end. */
static int on_open_reload(sd_event_source *source, const struct inotify_event *event, void *context) {
	if (rounds > 0 || next)
		return 0;
	next = load_other();
	vouchd_reload(running);
	vouchd_reload(running);
	assert_int_equal(reloads, 0);
	return 0;
}

static int reload_again(sd_event_source *source, void *context) {
	struct err err;
	CLEANUP(free_ptr) char *path = file_join(agent.folder, "live.yaml");
	const char *const paths[] = {path};
	agent_need(stack_load(SOURCE_DIR, paths, 1, &next, &err), &err);
	vouchd_reload(running);
	return 0;
}

static void reload_back_then_end(void) {
	if (rounds == 2)
		assert_true(sd_event_add_defer(loop, NULL, reload_again, NULL) >= 0);
	if (rounds == 3)
		scratch_put(agent.root, "etc/b", "bad\n");
	if (rounds == 4)
		sd_event_exit(loop, 7);
}

static void has_statement(size_t sequence, const char *type, const char *trigger, bool full, const char *policy) {
	CLEANUP(statement_free_p) struct statement *statement = agent_statement(&agent, sequence, NULL, NULL);
	assert_non_null(statement);
	assert_string_equal(statement->type, type);
	assert_int_equal(statement->sequence, sequence);
	if (trigger)
		assert_string_equal(statement->trigger, trigger);
	assert_int_equal(statement->full, full);
	json_t *first = json_array_get(statement->policies, 0);
	if (policy)
		assert_string_equal(json_string_value(json_object_get(first, "id")), policy);
}

static void reload_in_the_middle_of_a_look_loses_nothing(void **state) {
	CLEANUP(sealer_close_p) struct sealer *sealer = agent_sealer(&agent, SPOOL_LIMIT_DEFAULT);
	CLEANUP(free_ptr) char *path = file_join(agent.root, "etc/b");
	const struct host live = {0};
	step = reload_back_then_end;
	scratch_put(agent.root, "etc/b", "good\n");
	assert_true(sd_event_add_inotify(loop, &opening, path, IN_OPEN, on_open_reload, NULL) >= 0);
	assert_true(sd_event_source_set_priority(opening, SD_EVENT_PRIORITY_IMPORTANT) >= 0);
	assert_int_equal(run_on(sealer, &live, false, note_texts), 7);
	sd_event_source_disable_unref(opening);
	assert_false(was_error);
	assert_int_equal(reloads, 2);
	assert_string_equal(strchr(texts[0], ':'), ": 3 of 3 rules looked at");
	assert_string_equal(texts[1], "change of configuration: 2 of 2 rules looked at; b.text is fail (was pass)");
	assert_string_equal(texts[2], "change of configuration: 3 of 3 rules looked at; b.text is pass (was fail)");
	has_statement(3, "round", NULL, true, "live");
	has_statement(4, "policy", "change", false, "other");
	has_statement(5, "round", "change", true, "other");
	has_statement(6, "round", "change", true, "live"); /* this policy is sealed: in statement 2 */
	has_statement(7, "round", "change", false, "live");
	assert_non_null(strstr(texts[3], "2 of 3 rules looked at; b.text is fail (was pass)"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(once_is_one_round_and_exit_0, make, drop),
		cmocka_unit_test_setup_teardown(round_that_cannot_be_sealed_is_exit_1_and_reported, make, drop),
		cmocka_unit_test_setup_teardown(first_round_after_a_boot_says_so, make, drop),
		cmocka_unit_test_setup_teardown(rule_is_looked_at_again_when_its_waiver_ends, make_waived, drop),
		cmocka_unit_test_setup_teardown(change_has_its_rule_looked_at_and_says_so, make_live, drop),
		cmocka_unit_test_setup_teardown(list_of_roots_that_changed_has_all_rules_looked_at, make_live, drop),
		cmocka_unit_test_setup_teardown(other_file_beside_the_lists_is_no_change, make_live, drop),
		cmocka_unit_test_setup_teardown(rule_whose_control_changed_is_judged_anew, make_live, drop),
		cmocka_unit_test_setup_teardown(burst_of_a_thousand_changes_is_few_rounds, make_live, drop),
		cmocka_unit_test_setup_teardown(change_during_the_look_at_it_is_seen_afterwards, make_slow, drop),
		cmocka_unit_test_setup_teardown(last_of_changes_at_any_instant_is_seen, make_live, drop),
		cmocka_unit_test_setup_teardown(file_that_flaps_keeps_no_other_change_waiting, make_live, drop),
		cmocka_unit_test_setup_teardown(reload_in_the_middle_of_a_look_loses_nothing, make_slow, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

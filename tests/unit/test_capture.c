/* vouch capture: the same rules come to the same verdicts in the folder, nothing secret is in it, and what is not in it
 * is not taken for absent. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cli/root_folder.h"
#include "tests/unit/fetching.h"
#include "tests/unit/verb.h"

static char *folder, *live, *policy;

#define RULE(id, with, expect)                                                                                         \
	"  - {id: " id                                                                                                 \
	", title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: file, with: {" with             \
	"}, expect: {" expect "}, why: w, fix: f}\n"

static const char policy_text[] =
	"policy: {id: small, version: 1.0.0, framework: 'iso27001:2022', title: Small, owner: me, review_by: "
	"2027-06-30}\nrules:\n" RULE("a.user", "path: @/app.conf, key: user, pattern: '^app$'", "matches: 1")
		RULE("b.mode", "path: @/app.conf", "mode: '0640'")
			RULE("c.key", "path: @/key.pem, pattern: 'BEGIN PRIVATE'", "matches: 1")
				RULE("d.below", "below: @/d", "mode: {at_most: '0000'}") RULE("e.none", "path: @/none",
											      "exists: false")
					RULE("f.os", "path: /etc/os-release, pattern: '^ID='", "matches: 1")
						RULE("g.denied", "path: /etc/shadow, pattern: root", "matches: 1");

/* The live host's part of it is a folder of this test: @ in the policy. */
static int make(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	folder = scratch_new();
	live = file_join(folder, "live");
	policy = file_join(folder, "policy.yaml");
	scratch_put(live, "app.conf",
		    "user = app\ndb_password = planted-in-a-setting\nrepo=https://u:planted-in-a-url@h/\n");
	scratch_put(live, "key.pem", "-----BEGIN PRIVATE KEY-----\nplantedInAKey\n-----END PRIVATE KEY-----\n");
	scratch_put(live, "d/x", "");
	CLEANUP(free_ptr) char *settings = file_join(live, "app.conf");
	assert_int_equal(chmod(settings, 0640), 0);
	for (const char *at = policy_text; *at; at++)
		buf_add(&text, *at == '@' ? live : at, *at == '@' ? strlen(live) : 1);
	scratch_put(folder, "policy.yaml", buf_str(&text));
	setenv("VOUCH_DATADIR", SOURCE_DIR, 1);
	return 0;
}

static int drop(void **state) {
	free(live);
	free(policy);
	scratch_free(&folder);
	return 0;
}

#define CAPTURE(...) verb_ask(folder, &verb_capture, (const char *const[]){"--policy", policy, __VA_ARGS__, NULL})
#define RUN(...) verb_ask(folder, &verb_run, (const char *const[]){"--json", "--policy", policy, __VA_ARGS__, NULL})

static char *below(const char *name) { return file_join(folder, name); }

static const char *of_rule(const struct outcome *outcome, const char *rule, const char *member, json_t **object) {
	struct err err;
	size_t index;
	json_t *result;
	if (!*object && !json_read(outcome->text, strlen(outcome->text), 1U << 24, "run", object, &err))
		fail_msg("%s: %s", outcome->text, err.why);
	json_array_foreach(json_object_get(*object, "results"), index,
			   result) if (!strcmp(json_string_value(json_object_get(result, "rule")),
					       rule)) return json_string_value(json_object_get(result, member));
	fail_msg("no result of %s", rule);
	return NULL;
}

static void the_folder_gives_the_verdicts_of_the_host(void **state) {
	static const char *const rules[] = {"a.user", "b.mode", "c.key", "d.below", "e.none", "f.os"};
	static const char *const verdicts[] = {"pass", "pass", "pass", "fail", "pass", "pass"};
	CLEANUP(free_ptr) char *root = below("same");
	CLEANUP(outcome_done) struct outcome captured = CAPTURE(root);
	ends(&captured, 0);
	CLEANUP(outcome_done) struct outcome host = RUN(NULL);
	CLEANUP(outcome_done) struct outcome copy = RUN("--root", root);
	CLEANUP(json_decref_p) json_t *of_host = NULL;
	CLEANUP(json_decref_p) json_t *of_copy = NULL;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		assert_string_equal(of_rule(&host, rules[i], "verdict", &of_host), verdicts[i]);
		assert_string_equal(of_rule(&copy, rules[i], "verdict", &of_copy), verdicts[i]);
		assert_string_equal(of_rule(&copy, rules[i], "reason", &of_copy),
				    of_rule(&host, rules[i], "reason", &of_host));
	}
	assert_string_equal(of_rule(&copy, "g.denied", "verdict", &of_copy), "unknown");
}

/* Whether any file below holds the text. */
static const char *wanted;
static int hold(const char *path, const struct stat *status, int type, struct FTW *walk) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!S_ISREG(status->st_mode))
		return 0;
	if (!file_read(path, 1U << 24, &bytes, &err))
		return -1;
	return bytes.len > 0 && memmem(bytes.data, bytes.len, wanted, strlen(wanted)) ? 1 : 0;
}

static void nothing_planted_is_in_the_folder(void **state) {
	static const char *const planted[] = {"planted-in-a-setting", "planted-in-a-url", "plantedInAKey", "root:$"};
	CLEANUP(free_ptr) char *root = below("clean");
	CLEANUP(outcome_done) struct outcome captured = CAPTURE(root);
	for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
		wanted = planted[i];
		assert_int_equal(nftw(root, hold, 16, FTW_PHYS), 0);
	}
	wanted = "user = app";
	assert_int_equal(nftw(root, hold, 16, FTW_PHYS), 1);
	CLEANUP(free_ptr) char *line = xasprintf("masked in file:%s/app.conf: 2\n", live);
	prints(&captured, line);
	if (getuid() == 0)
		prints(&captured, "left out: file:/etc/shadow\n");
}

static void only_its_owner_may_look_into_it(void **state) {
	struct stat status;
	CLEANUP(free_ptr) char *root = below("mine");
	CLEANUP(outcome_done) struct outcome captured = CAPTURE(root, "--only", "f.os");
	ends(&captured, 0);
	assert_int_equal(stat(root, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_false(scratch_has(root, "etc/shadow"));
	assert_false(scratch_has(root, live + 1));
}

static void what_was_not_captured_is_unproved_and_never_absent(void **state) {
	static const char *const names[] = {"file:/etc/passwd", "dir:/etc",  "stat:/etc/os-release/..",
					    "tree:/etc",        "link:/etc", "shadow:",
					    "mounts:",          NULL};
	CLEANUP(free_ptr) char *root = below("part");
	CLEANUP(outcome_done) struct outcome captured = CAPTURE(root, "--only", "f.os");
	CLEANUP(sources_free_p) struct sources *set = fetch_all(root, names);
	for (size_t i = 0; i < sources_count(set); i++)
		assert_int_equal(sources_at(set, i)->err.code, ERR_UNPROVED);
	CLEANUP(outcome_done) struct outcome run = RUN("--root", root, "--only", "e.none");
	CLEANUP(json_decref_p) json_t *object = NULL;
	assert_string_equal(of_rule(&run, "e.none", "verdict", &object), "unknown");
}

static void a_folder_with_something_in_it_is_left_alone(void **state) {
	scratch_put(folder, "full/mine", "mine");
	CLEANUP(free_ptr) char *full = below("full");
	CLEANUP(outcome_done) struct outcome refused = CAPTURE(full);
	ends(&refused, 2);
	prints(&refused, "there is something in it already");
	assert_int_equal(scratch_count(full), 1);
	CLEANUP(free_ptr) char *empty = below("empty");
	assert_int_equal(mkdir(empty, 0755), 0);
	CLEANUP(outcome_done) struct outcome done = CAPTURE(empty);
	ends(&done, 0);
	assert_true(scratch_has(empty, ".vouch/captured"));
}

static void what_goes_wrong_leaves_nothing_behind(void **state) {
	size_t before = scratch_count(folder);
	CLEANUP(free_ptr) char *root = below("never");
	CLEANUP(free_ptr) char *deep = below("no/such/folder");
	CLEANUP(outcome_done) struct outcome unknown = CAPTURE(root, "--only", "no.such.rule");
	ends(&unknown, 2);
	CLEANUP(outcome_done) struct outcome nowhere = CAPTURE(deep);
	ends(&nowhere, 1);
	CLEANUP(outcome_done) struct outcome dot = CAPTURE(".");
	ends(&dot, 2);
	assert_int_equal(scratch_count(folder), before);
}

static void every_error_and_long_names_come_back(void **state) {
	struct err err;
	CLEANUP(free_ptr) char *path = below("errors");
	CLEANUP(root_folder_free_p) struct root_folder *root = NULL;
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	CLEANUP(json_decref_p) json_t *captured = json_object();
	char name[600] = "unit:";
	memset(name + 5, '/', 500); /* three characters each, encoded */
	struct source *source = sources_add(set, name);
	buf_adds(&source->bytes, "{\"a\":1}");
	assert_true(root_folder_new(path, 1U << 20, &root, &err));
	assert_true(root_folder_put(root, source, &err));
	for (enum err_code code = ERR_ABSENT; err_is_of_look(code); code++) {
		snprintf(name, sizeof name, "file:/%d", (int)code);
		source = sources_add(set, name);
		err_set(&source->err, code, name, "because %d", (int)code);
		assert_true(root_folder_put(root, source, &err));
	}
	assert_true(root_folder_close(root, captured, &err) && root_folder_move(root, &err));
	for (size_t i = 0; i < sources_count(set); i++) {
		CLEANUP(sources_free_p) struct sources *again = fetch_one(path, sources_at(set, i)->name);
		assert_int_equal(only(again)->err.code, sources_at(set, i)->err.code);
		if (i == 0)
			assert_string_equal(buf_str(&only(again)->bytes), "{\"a\":1}");
		else
			assert_ptr_equal(strstr(only(again)->err.why, "because"), only(again)->err.why);
	}
}

static void no_source_gets_out_of_the_folder(void **state) {
	static const char *const names[] = {"file:/../x", "file:/a/../../x", "file:x", "file:/.vouch/meta", "file:/.."};
	struct err err;
	CLEANUP(free_ptr) char *path = below("inside");
	CLEANUP(root_folder_free_p) struct root_folder *root = NULL;
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	assert_true(root_folder_new(path, 1U << 20, &root, &err));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_false(root_folder_put(root, sources_add(set, names[i]), &err));
	assert_false(scratch_has(folder, "x"));
}

static void a_capture_over_its_cap_leaves_nothing(void **state) {
	struct err err;
	CLEANUP(free_ptr) char *path = below("large");
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct root_folder *root = NULL;
	size_t before = scratch_count(folder);
	assert_true(root_folder_new(path, 10, &root, &err));
	struct source *source = sources_add(set, "unit:a");
	buf_adds(&source->bytes, "{\"a\":1111}");
	assert_true(root_folder_put(root, source, &err));
	source = sources_add(set, "unit:b");
	buf_adds(&source->bytes, "1");
	assert_false(root_folder_put(root, source, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	root_folder_free(root);
	assert_int_equal(scratch_count(folder), before);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_folder_gives_the_verdicts_of_the_host),
		cmocka_unit_test(nothing_planted_is_in_the_folder),
		cmocka_unit_test(only_its_owner_may_look_into_it),
		cmocka_unit_test(what_was_not_captured_is_unproved_and_never_absent),
		cmocka_unit_test(a_folder_with_something_in_it_is_left_alone),
		cmocka_unit_test(what_goes_wrong_leaves_nothing_behind),
		cmocka_unit_test(every_error_and_long_names_come_back),
		cmocka_unit_test(no_source_gets_out_of_the_folder),
		cmocka_unit_test(a_capture_over_its_cap_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, make, drop);
}

/* The cases of the baseline's rules: tests/rules/RULE/CASE/ holds
 *   root/   a fixture root (sources/fetch.h), or host: a line with the path of one from tests/hosts/
 *   expect  {"verdict": "fail"}, and "reason" where a part of the reason matters
 *   set     YAML, where parameters are other than by default: "NAME: VALUE" lines, as under `set` of a policy
 *   control the same for the rule that this one needs (needs_control)
 * Every rule has a case that passes and one that fails. TESTS_RULE in the environment runs one rule's cases alone. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>

#include "agent/look.h"
#include "core/file.h"
#include "core/lines.h"
#include "tests/unit/scratch.h"

#define CASE_LARGEST (1U << 20)
#define BASELINE SOURCE_DIR "/policies/linux-baseline"

static struct catalogue *catalogue;
static struct policy_stack *baseline;

struct one_case {
	char *rule, *folder;
};

static void must(bool done, const struct err *err) {
	char text[600];
	if (!done)
		fail_msg("%s", err_text(err, text, sizeof text));
}

/* The file's bytes as a text, NULL where the case has none. */
static char *text_of_file(const char *folder, const char *name) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	if (access(path, F_OK) != 0)
		return NULL;
	must(file_read(path, CASE_LARGEST, &bytes, &err), &err);
	return xstrndup(bytes.data ? bytes.data : "", bytes.len);
}

static json_t *expected_of(const char *folder) {
	static const char *const known[] = {"verdict", "reason", NULL};
	struct err err;
	CLEANUP(free_ptr) char *text = text_of_file(folder, "expect");
	json_t *value = NULL;
	const char *key;
	json_t *member;
	if (!text)
		fail_msg("%s: no expect", folder);
	must(json_read(text, strlen(text), CASE_LARGEST, folder, &value, &err), &err);
	json_object_foreach(value, key, member) if (strcmp(key, known[0]) != 0 && strcmp(key, known[1]) != 0)
		fail_msg("%s: expect has no \"%s\"", folder, key);
	return value;
}

static void add_set(struct buf *text, const char *rule, char *set, const char *path) {
	struct err err;
	CLEANUP(lines_done) struct lines lines = lines_over(path, set, strlen(set));
	buf_addf(text, "  %s:\n", rule);
	while (lines_next(&lines))
		buf_addf(text, "    %s\n", lines.line);
	must(lines_ok(&lines, &err), &err);
}

/* The baseline, with what the case sets on top. */
static struct policy_stack *stack_with(const char *rule, char *set, char *control, const char *path) {
	const char *const paths[] = {BASELINE, path};
	const char *needed = policy_rule_find(baseline, rule)->needs_control;
	struct policy_stack *stack;
	struct err err;
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, "policy: {id: case, version: \"1\", framework: \"iso27001:2022\", title: A case}\nset:\n");
	if (set)
		add_set(&text, rule, set, path);
	if (control && !needed)
		fail_msg("%s needs no other rule", rule);
	if (control)
		add_set(&text, needed, control, path);
	must(file_write(path, text.data, text.len, 0600, &err), &err);
	must(policy_stack_load(paths, 2, catalogue, checks_all, &stack, &err), &err);
	return stack;
}

static char *root_of(const char *folder) {
	CLEANUP(free_ptr) char *name = text_of_file(folder, "host");
	if (!name)
		return file_join(folder, "root");
	name[strcspn(name, "\n")] = '\0';
	return file_join(TESTS_DIR "/hosts", name);
}

static const json_t *result_of(const json_t *results, const char *rule) {
	size_t i;
	json_t *result;
	json_array_foreach(results, i,
			   result) if (!strcmp(json_string_value(json_object_get(result, "rule")), rule)) return result;
	fail_msg("%s is not in the round", rule);
	return NULL;
}

static void compare(const char *folder, const json_t *expected, const json_t *result) {
	const char *verdict = json_string_value(json_object_get(expected, "verdict"));
	const char *part = json_string_value(json_object_get(expected, "reason"));
	const char *seen = json_string_value(json_object_get(result, "verdict"));
	const char *reason = json_string_value(json_object_get(result, "reason"));
	if (!verdict || strcmp(verdict, seen) != 0 || (part && !strstr(reason, part))) {
		CLEANUP(free_ptr)
		char *rows = json_dumps(json_object_get(result, "observed"), JSON_SORT_KEYS | JSON_ENCODE_ANY);
		fail_msg("%s: expected %s%s%s, seen %s: %s\n%s", folder, verdict, part ? ": " : "", part ? part : "",
			 seen, reason, rows);
	}
}

static void case_holds(void **state) {
	const struct one_case *one = *state;
	CLEANUP(json_decref_p) json_t *expected = expected_of(one->folder);
	CLEANUP(free_ptr) char *set = text_of_file(one->folder, "set");
	CLEANUP(free_ptr) char *control = text_of_file(one->folder, "control");
	CLEANUP(free_ptr) char *root = root_of(one->folder);
	CLEANUP(policy_stack_free_p) struct policy_stack *own = NULL;
	CLEANUP(round_free_p) struct round *round = NULL;
	const char *const only[] = {one->rule, NULL};
	struct err err;
	if (access(root, F_OK) != 0)
		fail_msg("%s: no root/ (an empty one holds .gitkeep) and no host", one->folder);
	if (set || control) {
		CLEANUP(scratch_free) char *scratch = scratch_new();
		CLEANUP(free_ptr) char *path = file_join(scratch, "case.yaml");
		own = stack_with(one->rule, set, control, path);
	}
	struct look_options options = {.stack = own ? own : baseline, .host = {.root = root}, .only = only};
	must(look_now(&options, &round, &err), &err);
	compare(one->folder, expected, result_of(round->results, one->rule));
}

static int is_entry(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static size_t cases_of(const char *rule, struct CMUnitTest **tests, size_t count) {
	struct dirent **entries = NULL;
	CLEANUP(free_ptr) char *folder = file_join(TESTS_DIR "/rules", rule);
	int found = scandir(folder, &entries, is_entry, alphasort);
	for (int i = 0; i < found; i++) {
		struct one_case *one = xcalloc(1, sizeof *one);
		one->rule = xstrdup(rule);
		one->folder = file_join(folder, entries[i]->d_name);
		*tests = xreallocarray(*tests, count + 1, sizeof **tests);
		(*tests)[count++] = (struct CMUnitTest){.name = xasprintf("%s/%s", rule, entries[i]->d_name),
							.test_func = case_holds,
							.initial_state = one};
		free(entries[i]);
	}
	free(entries);
	return count;
}

static void folders_name_rules(void **state) {
	struct dirent **entries = NULL;
	int found = scandir(TESTS_DIR "/rules", &entries, is_entry, alphasort);
	for (int i = 0; i < found; i++) {
		if (!policy_rule_find(baseline, entries[i]->d_name))
			fail_msg("tests/rules/%s: there is no such rule", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

static bool has_case(const char *rule, const char *verdict) {
	struct dirent **entries = NULL;
	CLEANUP(free_ptr) char *folder = file_join(TESTS_DIR "/rules", rule);
	int found = scandir(folder, &entries, is_entry, alphasort);
	bool has = false;
	for (int i = 0; i < found; i++) {
		CLEANUP(free_ptr) char *one = file_join(folder, entries[i]->d_name);
		CLEANUP(json_decref_p) json_t *expected = expected_of(one);
		has |= !strcmp(json_string_value(json_object_get(expected, "verdict")), verdict);
		free(entries[i]);
	}
	free(entries);
	return has;
}

static void every_rule_is_seen_to_pass_and_to_fail(void **state) {
	for (size_t i = 0; i < baseline->rule_count; i++) {
		const char *rule = baseline->rules[i]->id;
		if (!has_case(rule, "pass") || !has_case(rule, "fail"))
			fail_msg("tests/rules/%s: there is no case that passes, or none that fails", rule);
	}
}

int main(void) {
	static const char *const paths[] = {BASELINE};
	const char *only = getenv("TESTS_RULE");
	struct CMUnitTest *tests = xcalloc(2, sizeof *tests);
	struct err err;
	char text[600];
	size_t count = 2;
	tests[0] = (struct CMUnitTest)cmocka_unit_test(folders_name_rules);
	tests[1] = (struct CMUnitTest)cmocka_unit_test(every_rule_is_seen_to_pass_and_to_fail);
	if (!catalogue_load(SOURCE_DIR "/policies", &catalogue, &err) ||
	    !policy_stack_load(paths, 1, catalogue, checks_all, &baseline, &err)) {
		fprintf(stderr, "%s\n", err_text(&err, text, sizeof text));
		return 1;
	}
	for (size_t i = 0; i < baseline->rule_count; i++)
		if (!only || !strcmp(only, baseline->rules[i]->id))
			count = cases_of(baseline->rules[i]->id, &tests, count);
	int failed = _cmocka_run_group_tests("rules", tests, count, NULL, NULL);
	for (size_t i = 2; i < count; i++) {
		struct one_case *one = tests[i].initial_state;
		free((char *)(uintptr_t)tests[i].name);
		free(one->rule);
		free(one->folder);
		free(one);
	}
	free(tests);
	policy_stack_free(baseline);
	catalogue_free(catalogue);
	return failed;
}

/* The cases of the checks: tests/checks/CHECK/CASE/ holds
 *   params  the parameters, a JSON object, typed and complete as the policy hands them over
 *   root/   a fixture root (sources/fetch.h); one that is empty holds .gitkeep
 *   expect  {"rows": [...]}, compared exactly, or {"error": "denied", "source": "file:/etc/shadow"}
 * Every check has a case, and every folder a check. TESTS_CHECK in the environment runs one check's cases alone. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>

#include "core/file.h"
#include "sources/gather.h"

#define CASE_LARGEST (1U << 20)

struct one_case {
	const struct check *check;
	char *folder;
};

static json_t *read_json(const char *folder, const char *name) {
	struct err err;
	char text[600];
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(buf_done) struct buf bytes = {0};
	json_t *value = NULL;
	if (!file_read(path, CASE_LARGEST, &bytes, &err) ||
	    !json_read(bytes.data, bytes.len, CASE_LARGEST, path, &value, &err))
		fail_msg("%s", err_text(&err, text, sizeof text));
	return value;
}

static int is_entry(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void only_known_files(const char *folder) {
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_entry, alphasort);
	bool has_root = false;
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		has_root |= !strcmp(name, "root");
		if (strcmp(name, "root") != 0 && strcmp(name, "params") != 0 && strcmp(name, "expect") != 0)
			fail_msg("%s/%s: a case holds params, expect and root/ and nothing else", folder, name);
		free(entries[i]);
	}
	free(entries);
	if (!has_root)
		fail_msg("%s: no root/ (an empty one holds .gitkeep)", folder);
}

static bool is_typed(const json_t *value, enum value_type type) {
	switch (type) {
	case VALUE_INT:
	case VALUE_DURATION:
	case VALUE_SIZE:
		return json_is_integer(value);
	case VALUE_BOOL:
		return json_is_boolean(value);
	case VALUE_STRINGS:
		return json_is_array(value);
	default:
		return json_is_string(value);
	}
}

/* A row holds declared fields of the declared types and nothing else: a policy could not name the rest. */
static void rows_are_as_declared(const struct check *check, const json_t *rows) {
	size_t i;
	json_t *row, *value;
	const char *key;
	assert_true(json_is_array(rows));
	json_array_foreach(rows, i, row) json_object_foreach(row, key, value) {
		const struct check_field *field = check_field_find(check, key);
		if (!field)
			fail_msg("row %zu has \"%s\", which the check does not declare", i, key);
		else if (!json_is_null(value) && !is_typed(value, field->type))
			fail_msg("row %zu: \"%s\" is not a %s", i, key, value_type_name(field->type));
	}
}

static void differs(const char *folder, const json_t *expected, const json_t *seen) {
	CLEANUP(free_ptr) char *left = json_dumps(expected, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_ENCODE_ANY);
	CLEANUP(free_ptr) char *right = json_dumps(seen, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_ENCODE_ANY);
	print_error("%s\nexpected %s\nseen %s\n", folder, left, right);
	fail();
}

static void compare_error(const char *folder, const json_t *expect, const struct err *err) {
	char text[600];
	CLEANUP(json_decref_p)
	json_t *seen = json_pack("{s:s,s:s}", "error", err_code_name(err->code), "source", err->where);
	if (!json_equal(expect, seen)) {
		print_error("%s\n", err_text(err, text, sizeof text));
		differs(folder, expect, seen);
	}
	assert_true(err_is_of_look(err->code));
	assert_true(err->why[0] != '\0');
}

static void case_holds(void **state) {
	const struct one_case *one = *state;
	struct err err = {0};
	CLEANUP(json_decref_p) json_t *params = read_json(one->folder, "params");
	CLEANUP(json_decref_p) json_t *expect = read_json(one->folder, "expect");
	CLEANUP(free_ptr) char *root = file_join(one->folder, "root");
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	only_known_files(one->folder);
	struct asker asker = {one->check, params};
	assert_true(gather_now(&(struct host){.root = root}, &asker, 1, set, &err));
	struct observation observation = {0};
	if (!one->check->run(params, set, &observation, &err)) {
		compare_error(one->folder, expect, &err);
		return;
	}
	CLEANUP(json_decref_p) json_t *rows = observation.rows;
	CLEANUP(json_decref_p) json_t *seen = json_pack("{s:O}", "rows", rows);
	if (!json_equal(expect, seen))
		differs(one->folder, expect, seen);
	rows_are_as_declared(one->check, rows);
}

struct suite {
	struct CMUnitTest *tests;
	size_t count;
};

static void add_test(struct suite *suite, char *name, CMUnitTestFunction function, void *state) {
	suite->tests = xreallocarray(suite->tests, suite->count + 1, sizeof *suite->tests);
	suite->tests[suite->count++] = (struct CMUnitTest){.name = name, .test_func = function, .initial_state = state};
}

static void check_has_no_case(void **state) { fail_msg("tests/checks/%s/ has no case", (const char *)*state); }

static void folder_has_no_check(void **state) { fail_msg("no check is named %s", (const char *)*state); }

static void add_cases(struct suite *suite, const struct check *check) {
	CLEANUP(free_ptr) char *folder = xasprintf("%s/checks/%s", TESTS_DIR, check->name);
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_entry, alphasort);
	for (int i = 0; i < count; i++) {
		struct one_case *one = xmalloc(sizeof *one);
		*one = (struct one_case){check, file_join(folder, entries[i]->d_name)};
		add_test(suite, xasprintf("%s/%s", check->name, entries[i]->d_name), case_holds, one);
		free(entries[i]);
	}
	free(entries);
	if (count <= 0)
		add_test(suite, xstrdup(check->name), check_has_no_case, xstrdup(check->name));
}

static void add_strangers(struct suite *suite) {
	struct dirent **entries = NULL;
	int count = scandir(TESTS_DIR "/checks", &entries, is_entry, alphasort);
	for (int i = 0; i < count; i++) {
		if (!check_find(checks_all, entries[i]->d_name))
			add_test(suite, xstrdup(entries[i]->d_name), folder_has_no_check, xstrdup(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
}

static void suite_done(struct suite *suite) {
	for (size_t i = 0; i < suite->count; i++) {
		if (suite->tests[i].test_func == case_holds)
			free(((struct one_case *)suite->tests[i].initial_state)->folder);
		free(suite->tests[i].initial_state);
		free((char *)(uintptr_t)suite->tests[i].name);
	}
	free(suite->tests);
}

int main(void) {
	struct suite suite = {0};
	const char *alone = getenv("TESTS_CHECK");
	for (const struct check *const *check = checks_all; *check; check++)
		if (!alone || !strcmp(alone, (*check)->name))
			add_cases(&suite, *check);
	if (!alone)
		add_strangers(&suite);
	int failed = suite.count ? _cmocka_run_group_tests("checks", suite.tests, suite.count, NULL, NULL) : 0;
	suite_done(&suite);
	return failed;
}

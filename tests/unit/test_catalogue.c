/* The control catalogue as it is shipped, and catalogues that are refused. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <unistd.h>

#include "core/catalogue.h"
#include "core/file.h"

static struct catalogue *shipped(void) {
	struct err err = {0};
	struct catalogue *catalogue = NULL;
	if (!catalogue_load(SOURCE_DIR "/policies", &catalogue, &err))
		fail_msg("%s:%u:%u: %s", err.where, err.line, err.column, err.why);
	return catalogue;
}

static void catalogue_holds_the_93_controls_in_order(void **state) {
	CLEANUP(catalogue_free_p) struct catalogue *catalogue = shipped();
	assert_string_equal(catalogue->framework, "iso27001:2022");
	assert_int_equal(catalogue->control_count, 93);
	assert_string_equal(catalogue->controls[0].id, "A.5.1");
	assert_string_equal(catalogue->controls[92].id, "A.8.34");
	size_t themes[4] = {0}, are_new = 0;
	for (size_t i = 0; i < 93; i++) {
		themes[catalogue->controls[i].id[2] - '5']++;
		are_new += catalogue->controls[i].is_new;
	}
	assert_int_equal(themes[0], 37);
	assert_int_equal(themes[1], 8);
	assert_int_equal(themes[2], 14);
	assert_int_equal(themes[3], 34);
	assert_int_equal(are_new, 11);
}

static void control_is_found_by_its_id_alone(void **state) {
	CLEANUP(catalogue_free_p) struct catalogue *catalogue = shipped();
	const struct control *logging = catalogue_find(catalogue, "A.8.15");
	assert_non_null(logging);
	assert_string_equal(logging->title, "Logging");
	assert_string_equal(logging->theme, "Technological");
	assert_string_equal(logging->properties, "Confidentiality, Integrity, Availability");
	assert_null(catalogue_find(catalogue, "8.15"));
	assert_null(catalogue_find(catalogue, "A.8.35"));
}

static void map_leads_every_2013_control_into_2022(void **state) {
	CLEANUP(catalogue_free_p) struct catalogue *catalogue = shipped();
	size_t are_new = 0;
	for (size_t i = 0; i < catalogue->move_count; i++) {
		const struct control_move *move = &catalogue->moves[i];
		const struct control *to = catalogue_find(catalogue, move->to);
		assert_non_null(to);
		assert_int_equal(to->is_new, !strcmp(move->relation, "new"));
		are_new += to->is_new;
		if (!strcmp(move->from, "A.12.4.1"))
			assert_string_equal(move->to, "A.8.15");
	}
	assert_int_equal(catalogue->move_count, 126);
	assert_int_equal(are_new, 11);
}

static void controls_sort_by_number(void **state) {
	assert_true(control_compare("A.8.9", "A.8.10") < 0);
	assert_true(control_compare("A.8.10", "A.8.9") > 0);
	assert_true(control_compare("A.5.37", "A.6.1") < 0);
	assert_int_equal(control_compare("A.8.1", "A.8.1"), 0);
}

#define HEAD "catalogue: {framework: f, title: t}\ncontrols:\n"
#define REST                                                                                                           \
	", title: t, theme: h, new: false, control_type: [], properties: [], concepts: [], capabilities: [], "         \
	"domains: []}\n"
#define CONTROL(id) "- {id: " id REST

#define COVERAGE(lines) "coverage: {framework: f}\ncontrols: [" lines "]\n"
#define MAP "map: {from: e, to: f}\nmoves: [{from: B.1, from_title: t, to: A.8.9, relation: split}]\n"

static void refused_all(const char *controls, const char *coverage, const char *moves, const char *part) {
	struct err err = {0};
	struct catalogue *catalogue = NULL;
	char folder[] = "/tmp/vouch-catalogue-XXXXXX";
	assert_non_null(mkdtemp(folder));
	CLEANUP(free_ptr) char *one = file_join(folder, "iso27001-2022.yaml");
	CLEANUP(free_ptr) char *two = file_join(folder, "iso27001-2013-map.yaml");
	CLEANUP(free_ptr) char *three = file_join(folder, "coverage.yaml");
	assert_true(file_write(three, coverage, strlen(coverage), 0600, &err));
	assert_true(file_write(one, controls, strlen(controls), 0600, &err));
	assert_true(file_write(two, moves, strlen(moves), 0600, &err));
	bool loaded = catalogue_load(folder, &catalogue, &err);
	catalogue_free(catalogue);
	unlink(one);
	unlink(two);
	unlink(three);
	rmdir(folder);
	assert_false(loaded);
	if (!strstr(err.why, part) || !err.line)
		fail_msg("%s:%u: %s", err.where, err.line, err.why);
}

static void refused(const char *controls, const char *moves, const char *part) {
	refused_all(controls, COVERAGE(), moves, part);
}

static void coverage_that_is_wrong_is_refused(void **state) {
	static const char controls[] = HEAD CONTROL("A.8.9");
	refused_all(controls, COVERAGE("{control: A.8.8, host: full, documents: d}"), MAP, "no control A.8.8");
	refused_all(controls, COVERAGE("{control: A.8.9, host: fully, documents: d}"), MAP, "no word \"fully\"");
	refused_all(controls, COVERAGE("{control: A.8.9, host: full}"), MAP, "needs a field \"documents\"");
	refused_all(controls,
		    COVERAGE("{control: A.8.9, host: full, documents: d}, {control: A.8.9, host: full, documents: d}"),
		    MAP, "already");
	refused_all(controls, "coverage: {framework: g}\ncontrols: []\n", MAP, "another framework");
}

static void every_technological_control_says_what_hosts_can_show(void **state) {
	CLEANUP(catalogue_free_p) struct catalogue *catalogue = shipped();
	for (size_t i = 0; i < catalogue->control_count; i++) {
		const struct control *control = &catalogue->controls[i];
		assert_int_equal(control->coverage != NULL, !strcmp(control->theme, "Technological"));
		assert_int_equal(control->documents != NULL, control->coverage != NULL);
	}
	assert_string_equal(catalogue_find(catalogue, "A.8.29")->coverage, "documents");
}

static void catalogue_that_is_wrong_is_refused(void **state) {
	const char map[] = MAP;
	refused(HEAD CONTROL("A.8.9") CONTROL("A.8.9"), map, "does not follow");
	refused(HEAD CONTROL("A.8.10") CONTROL("A.8.9"), map, "does not follow");
	refused(HEAD CONTROL("8.9"), map, "as a number");
	refused(HEAD CONTROL("A.8.9, colour: red"), map, "no field \"colour\"");
	refused(HEAD "- {id: A.8.9}\n", map, "needs a field \"title\"");
	refused(HEAD CONTROL("A.8.9"), "map: {from: e, to: g}\nmoves: []\n", "leads to g");
	refused(HEAD CONTROL("A.8.8"), map, "no control A.8.9");
	refused(HEAD CONTROL("A.8.9"), "map: {from: e, to: f}\nmoves: [{to: A.8.9, relation: odd}]\n", "no relation");
	refused(HEAD CONTROL("A.8.9"), "map: {from: e, to: f}\nmoves: [{to: A.8.9, relation: new, from: x}]\n",
		"came from nowhere");
}

static void folder_without_a_catalogue_is_an_error(void **state) {
	struct err err = {0};
	struct catalogue *catalogue = NULL;
	assert_false(catalogue_load("/nonexistent", &catalogue, &err));
	assert_int_equal(err.code, ERR_ABSENT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(catalogue_holds_the_93_controls_in_order),
		cmocka_unit_test(control_is_found_by_its_id_alone),
		cmocka_unit_test(map_leads_every_2013_control_into_2022),
		cmocka_unit_test(controls_sort_by_number),
		cmocka_unit_test(catalogue_that_is_wrong_is_refused),
		cmocka_unit_test(coverage_that_is_wrong_is_refused),
		cmocka_unit_test(every_technological_control_says_what_hosts_can_show),
		cmocka_unit_test(folder_without_a_catalogue_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

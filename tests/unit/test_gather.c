/* Gathering: several askers, each name fetched once, in passes. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/gather.h"
#include "tests/unit/fetching.h"

static unsigned asked; /* how often sources() was called */

/* Follows /next: each file holds the name of the next one. */
static void chain_sources(const json_t *params, const struct sources *fetched, struct names *names) {
	char name[64];
	asked++;
	snprintf(name, sizeof name, "file:%s", param_string(params, "start", "/a"));
	names_add(names, name);
	for (const struct source *source; (source = sources_get(fetched, name)) && source->bytes.len;) {
		snprintf(name, sizeof name, "file:%s", buf_str(&source->bytes));
		names_add(names, name);
	}
}

static void secret_sources(const json_t *params, const struct sources *fetched, struct names *names) {
	names_add(names, "file:/secret");
}

static void endless_sources(const json_t *params, const struct sources *fetched, struct names *names) {
	names_addf(names, "file:/%zu", sources_count(fetched));
}

static void many_sources(const json_t *params, const struct sources *fetched, struct names *names) {
	for (int i = 0; i < 3; i++)
		names_addf(names, "file:/many/%d", i);
}

static const char *const any_file[] = {"file:*", NULL}, *const none[] = {"file:/other/*", NULL};
static const struct check chain = {.name = "chain", .patterns = any_file, .sources = chain_sources},
			  forbidden = {.name = "forbidden", .patterns = none, .sources = secret_sources},
			  permitted = {.name = "permitted", .patterns = any_file, .sources = secret_sources},
			  endless = {.name = "endless", .patterns = any_file, .sources = endless_sources},
			  many = {.name = "many", .patterns = any_file, .sources = many_sources};

static struct sources *gather(const char *root, const struct asker *askers, size_t count) {
	struct err err;
	struct sources *set = sources_new();
	assert_true(gather_now(&(struct host){.root = root}, askers, count, set, &err));
	return set;
}

static void what_depends_on_what_was_read_is_fetched_too(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(json_decref_p) json_t *params = json_object(), *later = json_pack("{s:s}", "start", "/b");
	put(root, "a", "/b");
	put(root, "b", "/c");
	put(root, "c", "");
	const struct asker askers[] = {{&chain, params}, {&chain, later}};
	asked = 0;
	CLEANUP(sources_free_p) struct sources *set = gather(root, askers, 2);
	assert_int_equal(sources_count(set), 3);
	assert_string_equal(buf_str(&sources_get(set, "file:/b")->bytes), "/c");
	assert_int_equal(sources_get(set, "file:/c")->err.code, ERR_NONE);
	assert_int_equal(asked, 2 * 3); /* a and b; c; nothing new */
}

static void name_without_a_pattern_is_denied_and_not_read(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	put(root, "secret", "x");
	const struct asker askers[] = {{&forbidden, NULL}, {&permitted, NULL}};
	CLEANUP(sources_free_p) struct sources *alone = gather(root, askers, 1), *both = gather(root, askers, 2);
	assert_int_equal(sources_get(alone, "file:/secret")->err.code, ERR_DENIED);
	assert_int_equal(sources_get(alone, "file:/secret")->bytes.len, 0);
	assert_int_equal(sources_get(both, "file:/secret")->err.code, ERR_NONE);
}

static void asking_without_end_is_ended_after_the_passes(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	const struct asker asker = {&endless, NULL};
	CLEANUP(sources_free_p) struct sources *set = gather(root, &asker, 1);
	assert_int_equal(sources_count(set), CHECK_PASSES + 1);
	assert_int_equal(sources_at(set, CHECK_PASSES - 1)->err.code, ERR_ABSENT);
	assert_int_equal(sources_at(set, CHECK_PASSES)->err.code, ERR_UNPROVED);
}

static void sources_over_the_cap_are_unreadable(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct err err;
	const struct asker asker = {&many, NULL};
	for (int i = 0; i < SOURCES_MOST - 2; i++) {
		char name[32];
		snprintf(name, sizeof name, "file:/before/%d", i);
		sources_add(set, name);
	}
	assert_true(gather_now(&(struct host){.root = root}, &asker, 1, set, &err));
	assert_int_equal(sources_get(set, "file:/many/1")->err.code, ERR_ABSENT);
	assert_int_equal(sources_get(set, "file:/many/2")->err.code, ERR_UNREADABLE);
}

static void nobody_asking_is_done_from_the_loop(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	sd_event *event = NULL;
	bool is_done = false;
	assert_true(sd_event_new(&event) >= 0);
	struct gather *gather = gather_start(event, &(struct host){0}, NULL, 0, set, note_done, &is_done);
	assert_false(is_done);
	assert_true(sd_event_run(event, 1000000) > 0);
	assert_true(is_done);
	gather_free(gather);
	sd_event_unref(event);
}

static void freed_under_way_it_never_says_done(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	CLEANUP(json_decref_p) json_t *params = json_object();
	sd_event *event = NULL;
	bool is_done = false;
	const struct asker asker = {&chain, params};
	assert_true(sd_event_new(&event) >= 0);
	gather_free(gather_start(event, &(struct host){0}, &asker, 1, set, note_done, &is_done));
	assert_true(sd_event_run(event, 10000) >= 0);
	assert_false(is_done);
	sd_event_unref(event);
}

static void what_was_given_up_is_an_error_and_not_empty(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	CLEANUP(json_decref_p) json_t *params = json_object();
	sd_event *event = NULL;
	bool is_done = false;
	const struct asker asker = {&chain, params};
	assert_true(sd_event_new(&event) >= 0);
	struct gather *gather = gather_start(event, &(struct host){0}, &asker, 1, set, note_done, &is_done);
	assert_true(sd_event_run(event, 1000000) > 0); /* it is asked for */
	gather_free(gather);
	assert_int_equal(sources_count(set), 1);
	assert_int_equal(sources_get(set, "file:/a")->err.code, ERR_TIMEOUT);
	sd_event_unref(event);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_depends_on_what_was_read_is_fetched_too),
		cmocka_unit_test(name_without_a_pattern_is_denied_and_not_read),
		cmocka_unit_test(asking_without_end_is_ended_after_the_passes),
		cmocka_unit_test(sources_over_the_cap_are_unreadable),
		cmocka_unit_test(nobody_asking_is_done_from_the_loop),
		cmocka_unit_test(freed_under_way_it_never_says_done),
		cmocka_unit_test(what_was_given_up_is_an_error_and_not_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* vouchd's configuration: what is not known is refused where it stands. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/settings.h"
#include "agent/spool.h"

static struct settings *read_text(const char *text) {
	struct settings *settings = NULL;
	struct err err;
	assert_true(settings_read(text, strlen(text), "vouchd.yaml", &settings, &err));
	return settings;
}

static void refuses(const char *text, unsigned line, unsigned column, const char *why) {
	struct settings *settings = NULL;
	struct err err = {0};
	assert_false(settings_read(text, strlen(text), "vouchd.yaml", &settings, &err));
	assert_string_equal(err.where, "vouchd.yaml");
	assert_int_equal(err.line, line);
	assert_int_equal(err.column, column);
	if (!strstr(err.why, why))
		fail_msg("expected \"%s\" in \"%s\"", why, err.why);
}

static void every_key_is_read(void **state) {
	CLEANUP(settings_free_p)
	struct settings *settings = read_text("environment: prod\npolicies: [/a.yaml, /b.yaml]\nspool_limit: 1G\n");
	assert_string_equal(settings->environment, "prod");
	assert_int_equal(settings->policy_count, 2);
	assert_string_equal(settings->policies[1], "/b.yaml");
	assert_int_equal(settings->spool_limit, 1 << 30);
}

static void left_out_keys_have_their_defaults(void **state) {
	CLEANUP(settings_free_p) struct settings *settings = read_text("environment: ''\n");
	assert_string_equal(settings->environment, "");
	assert_int_equal(settings->policy_count, 0);
	assert_int_equal(settings->spool_limit, SPOOL_LIMIT_DEFAULT);
}

static void missing_file_is_fine_unless_it_was_named(void **state) {
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	struct settings *none = NULL;
	struct err err;
	assert_true(settings_load("/nonexistent/vouchd.yaml", false, &settings, &err));
	assert_false(settings_load("/nonexistent/vouchd.yaml", true, &none, &err));
	assert_int_equal(err.code, ERR_ABSENT);
}

static void mistakes_are_named_where_they_stand(void **state) {
	refuses("environment: prod\npolices: [/a]\n", 2, 1, "polices");
	refuses("spool_limit: lots\n", 1, 14, "");
	refuses("spool_limit: 10K\n", 1, 14, "1M");
	refuses("policies: /a.yaml\n", 1, 11, "list");
	refuses("policies: [a.yaml]\n", 1, 12, "absolute");
	refuses("environment: [prod]\n", 1, 14, "word");
	refuses("- a\n", 1, 1, "mapping");
	refuses("environment: a\nenvironment: b\n", 2, 1, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(left_out_keys_have_their_defaults),
		cmocka_unit_test(missing_file_is_fine_unless_it_was_named),
		cmocka_unit_test(mistakes_are_named_where_they_stand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

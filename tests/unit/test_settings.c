/* vouchd's configuration: what is not known is refused where it stands. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/settings.h"
#include "agent/settings_text.h"
#include "agent/spool.h"
#include "core/near.h"

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
	struct settings *settings =
		read_text("environment: prod\ngroups: [web, dmz]\npolicies: [/a.yaml, /b.yaml]\n"
			  "policy_folder: /p.d\napprovers: /keys\nrequire_approval: true\nspool_limit: 1G\n"
			  "textfile: /run/vouchd/vouch.prom\nhistory_limit: 2M\n");
	assert_string_equal(settings->environment, "prod");
	assert_int_equal(settings->group_count, 2);
	assert_string_equal(settings->groups[1], "dmz");
	assert_int_equal(settings->policy_count, 2);
	assert_string_equal(settings->policies[1], "/b.yaml");
	assert_string_equal(settings->policy_folder, "/p.d");
	assert_string_equal(settings->approvers, "/keys");
	assert_true(settings->require_approval);
	assert_int_equal(settings->spool_limit, 1 << 30);
	assert_string_equal(settings->textfile, "/run/vouchd/vouch.prom");
	assert_int_equal(settings->history_limit, 2 << 20);
}

static void has_defaults(const char *text) {
	CLEANUP(settings_free_p) struct settings *settings = read_text(text);
	assert_string_equal(settings->environment, "");
	assert_int_equal(settings->group_count, 0);
	assert_int_equal(settings->policy_count, 0);
	assert_string_equal(settings->policy_folder, VOUCH_SYSCONFDIR "/policy.d");
	assert_string_equal(settings->approvers, VOUCH_SYSCONFDIR "/approvers");
	assert_false(settings->require_approval);
	assert_int_equal(settings->spool_limit, SPOOL_LIMIT_DEFAULT);
	assert_string_equal(settings->textfile, "");
	assert_int_equal(settings->history_limit, SETTINGS_HISTORY_DEFAULT);
}

static void left_out_keys_have_their_defaults(void **state) {
	has_defaults("environment: ''\n");
	has_defaults("# nothing but a comment\n\n");
	has_defaults("");
}

/* Takes the comment from before each key of the example: what it shows are the defaults. */
static void example_says_the_defaults(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(buf_done) struct buf keys = {0};
	settings_example(&text);
	has_defaults(buf_str(&text));
	char *rest = text.data, *line;
	while ((line = strsep(&rest, "\n")))
		if (line[0] == '#' && line[1] != ' ')
			buf_addf(&keys, "%s\n", line + 1);
	has_defaults(buf_str(&keys));
	size_t count = 0;
	while (settings_key(count))
		count++;
	for (const char *at = keys.data; (at = strchr(at, '\n')); at++)
		count--;
	assert_int_equal(count, 0);
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
	refuses("environment: prod\npolices: [/a]\n", 2, 1, "there is no key \"polices\": policies?");
	refuses("enviroment: prod\n", 1, 1, "environment?");
	refuses("spoollimit: 1G\n", 1, 1, "spool_limit?");
	refuses("colour: red\n", 1, 1, "vouchd --help");
	refuses("spool_limit: lots\n", 1, 14, "");
	refuses("spool_limit: 10K\n", 1, 14, "1024K");
	refuses("history_limit: 63K\n", 1, 16, "64K");
	refuses("policies: /a.yaml\n", 1, 11, "list");
	refuses("policies: [a.yaml]\n", 1, 12, "absolute");
	refuses("policy_folder: policy.d\n", 1, 16, "absolute");
	refuses("policy_folder: ''\n", 1, 16, "absolute");
	refuses("textfile: [/a]\n", 1, 11, "absolute");
	refuses("require_approval: yes\n", 1, 19, "true or false");
	refuses("environment: [prod]\n", 1, 14, "word");
	refuses("environment: \"a\\nb\"\n", 1, 14, "word");
	refuses("groups: [web, '']\n", 1, 15, "word");
	refuses("- a\n", 1, 1, "mapping");
	refuses("environment: a\nenvironment: b\n", 2, 1, "");
}

static void caps_hold(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, "groups: [");
	for (int i = 0; i < SETTINGS_GROUPS_MOST; i++)
		buf_addf(&text, "g%d, ", i);
	buf_adds(&text, "]\n");
	CLEANUP(settings_free_p) struct settings *settings = read_text(buf_str(&text));
	assert_int_equal(settings->group_count, SETTINGS_GROUPS_MOST);
	text.len -= 2;
	buf_adds(&text, "one]\n");
	refuses(buf_str(&text), 1, 9, "at most 64");
	CLEANUP(buf_done) struct buf word = {0};
	buf_addf(&word, "environment: %0*d\n", SETTINGS_WORD_LONGEST + 1, 0);
	refuses(buf_str(&word), 1, 14, "at most 64");
}

static void names_are_near_by_their_letters(void **state) {
	struct near near = near_to("grouqs");
	near_offer(&near, "approvers");
	near_offer(&near, "groups");
	assert_string_equal(near_best(&near), "groups");
	near = near_to("rgoups"); /* neighbours exchanged */
	near_offer(&near, "groups");
	assert_string_equal(near_best(&near), "groups");
	near = near_to("os");
	near_offer(&near, "groups");
	assert_null(near_best(&near));
	CLEANUP(free_ptr) char *longest = xasprintf("%0*d", NEAR_LONGEST + 1, 0);
	near = near_to(longest);
	near_offer(&near, longest);
	assert_null(near_best(&near));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(left_out_keys_have_their_defaults),
		cmocka_unit_test(example_says_the_defaults),
		cmocka_unit_test(missing_file_is_fine_unless_it_was_named),
		cmocka_unit_test(mistakes_are_named_where_they_stand),
		cmocka_unit_test(caps_hold),
		cmocka_unit_test(names_are_near_by_their_letters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

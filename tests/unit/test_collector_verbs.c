/* The collector's verbs and its configuration: what they make, and how they refuse. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/collector.h"
#include "collector/config.h"
#include "collector/page.h"
#include "collector/session.h"
#include "collector/verbs.h"
#include "collector_kit.h"

static char folder[32];

static int make_folder(void **state) {
	snprintf(folder, sizeof folder, "/tmp/vouch-verbs-XXXXXX");
	return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state) { return nftw(folder, kit_remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void no_say(const char *line) {}

static bool run_verb(const struct verb *verb, const char *const operands[], struct buf *out, struct err *err) {
	char *argv[8] = {(char *)"verb"};
	int argc = 1;
	for (; operands[argc - 1]; argc++)
		argv[argc] = (char *)operands[argc - 1];
	const struct verb_call call = {argc, argv, no_say, out};
	return verb->run(&call, err);
}

static void assert_mode(const char *name, unsigned mode) {
	struct stat status;
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, mode);
}

static void init_makes_a_collector_once_and_its_keys_are_private(void **state) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf first = {0};
	CLEANUP(buf_done) struct buf again = {0};
	CLEANUP(buf_done) struct buf fingerprint = {0};
	must(run_verb(&collector_init, (const char *[]){folder, "--name", "collector.example", NULL}, &first, &err));
	assert_int_equal(first.len, 65);
	assert_mode("ca.key", 0600);
	assert_mode("log.key", 0600);
	assert_mode("server.key", 0600);
	assert_mode("store.db", 0600);
	assert_false(run_verb(&collector_init, (const char *[]){folder, NULL}, &again, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	must(run_verb(&collector_fingerprint, (const char *[]){folder, NULL}, &fingerprint, &err));
	assert_string_equal(first.data, fingerprint.data);
}

static void assert_does_not_open(const char *reason) {
	struct err err = {0};
	struct collector *collector = NULL;
	assert_false(collector_open(folder, SOURCE_DIR, no_say, &collector, &err));
	if (!strstr(err.why, reason))
		fail_msg("\"%s\" does not say \"%s\"", err.why, reason);
}

static void a_collector_without_its_store_or_with_a_damaged_one_does_not_start(void **state) {
	struct err err = {0};
	CLEANUP(collector_free_p) struct collector *collector = NULL;
	CLEANUP(free_ptr) char *path = file_join(folder, "store.db");
	CLEANUP(buf_done) struct buf good = {0};
	must(collector_open(folder, SOURCE_DIR, no_say, &collector, &err));
	collector_free(collector);
	collector = NULL;
	must(file_read(path, 1 << 24, &good, &err));
	assert_int_equal(unlink(path), 0);
	assert_does_not_open("missing or empty");
	assert_int_equal(access(path, F_OK), -1); /* and none was made in its place */
	must(file_write(path, "", 0, 0600, &err));
	assert_does_not_open("missing or empty");
	memset(good.data + 5 * 4096, 'x', 4096);
	must(file_write(path, good.data, good.len, 0600, &err));
	assert_does_not_open("damaged: ");
	memset(good.data, 'x', 4096);
	must(file_write(path, good.data, good.len, 0600, &err));
	assert_does_not_open("not a database");
}

static void wrong_use_is_told_apart_from_failure(void **state) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf out = {0};
	static const struct {
		const struct verb *verb;
		const char *operands[5];
	} cases[] = {
		{&collector_init, {NULL}},
		{&collector_init, {"a", "b", NULL}},
		{&collector_init, {"a", "--nonsense", NULL}},
		{&collector_token_add, {"a", "--ttl", "soon", NULL}},
		{&collector_token_add, {"a", "--ttl", "0s", NULL}},
		{&collector_token_add, {"a", "--uses", "0", NULL}},
		{&collector_token_add, {"a", "--uses", NULL}},
		{&collector_token_add, {"a", "--group", "two words", NULL}},
		{&collector_token_add, {"a", "--cidr", "192.0.2.7/24", NULL}},
		{&collector_token_add, {"a", "--cidr", "192.0.2.0/33", NULL}},
		{&collector_token_add, {"a", "--cidr", "everywhere", NULL}},
		{&collector_token_remove, {"a", "0123", NULL}},
		{&collector_reader_add, {"a", NULL}},
		{&collector_reader_add, {"a", "no blanks", NULL}},
		{&collector_run, {NULL}},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(run_verb(cases[i].verb, cases[i].operands, &out, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
	assert_false(run_verb(&collector_token_add, (const char *[]){"/nonexistent", NULL}, &out, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(out.len, 0);
}

static void read_config(const char *text, struct err *err, bool is_good) {
	struct err fault = {0};
	struct config *config = NULL;
	CLEANUP(free_ptr) char *path = file_join(folder, "test.yaml");
	if (!file_write(path, text, strlen(text), 0600, &fault))
		fail_msg("%s", fault.why);
	assert_int_equal(config_read(path, &config, err), is_good);
	if (is_good)
		config_free(config);
}

static void a_configuration_error_names_key_line_and_column(void **state) {
	struct err err = {0};
	read_config("origin: a.example/log\n", &err, true);
	read_config("origin: a.example/log\npublic_log: true\nconnections: 7\nrequest_deadline: 90s\n", &err, true);
	read_config("origin: a.example/log\n\nlisten: 1.2.3.4:5\n", &err, false);
	assert_int_equal(err.line, 3);
	assert_int_equal(err.column, 1);
	assert_non_null(strstr(err.why, "\"listen\""));
	read_config("origin: a.example/log\nrequest_deadline: 90\n", &err, false);
	assert_int_equal(err.line, 2);
	assert_int_equal(err.column, 19);
	read_config("origin: a.example/log\npublic_log: yes\n", &err, false);
	read_config("origin: a.example/log\nconnections: 0\n", &err, false);
	read_config("origin: a.example/log\nagents: [a]\n", &err, false);
	read_config("origin: a.example/log\norigin: b.example/log\n", &err, false);
	read_config("agents: 127.0.0.1:1\n", &err, false);
	assert_non_null(strstr(err.why, "origin is missing"));
}

static void text_on_a_page_never_becomes_markup(void **state) {
	CLEANUP(page_done) struct page page = {0};
	page_open(&page, "a", "href", "/x\"onclick='y'", "title", NULL, "class", "<b>", NULL);
	page_text(&page, "<script>&\x01\x7f");
	page_close(&page);
	assert_string_equal(page.html.data,
			    "<a href=\"/x&quot;onclick=&#39;y&#39;\" class=\"&lt;b&gt;\">&lt;script&gt;&amp;"
			    "\xef\xbf\xbd\xef\xbf\xbd</a>");
}

static void nothing_on_a_page_turns_the_text_behind_it(void **state) {
	CLEANUP(page_done) struct page page = {0};
	page_text(&page, "\xe2\x80\xaegpj.exe\xe2\x80\xac \xe2\x81\xa6x\xe2\x81\xa9");
	page_text(&page, " \xd9\x85\xd8\xb1 \xe2\x80\x93 \xe2\x81\xaa \xe2\x80");
	assert_string_equal(page.html.data, "\xef\xbf\xbdgpj.exe\xef\xbf\xbd \xef\xbf\xbdx\xef\xbf\xbd"
					    " \xd9\x85\xd8\xb1 \xe2\x80\x93 \xe2\x81\xaa \xe2\x80");
}

static void a_session_ends_by_time_by_logout_and_under_pressure(void **state) {
	struct err err = {0};
	char first[SESSION_TEXT], other[SESSION_TEXT];
	struct hash token = hash_of("t", 1), found;
	CLEANUP(sessions_free_p) struct sessions *sessions = sessions_new();
	must(session_begin(sessions, "anna", &token, 100, first, &err));
	assert_int_equal(strlen(first), SESSION_TEXT - 1);
	assert_string_equal(session_reader(sessions, first, 99, &found), "anna");
	assert_true(hash_equal(&token, &found));
	assert_null(session_reader(sessions, first, 100, &found));
	assert_null(session_reader(sessions, "x", 99, &found));
	session_end(sessions, first);
	assert_null(session_reader(sessions, first, 99, &found));
	must(session_begin(sessions, "anna", &token, 100, first, &err));
	for (int i = 0; i < SESSIONS_MOST; i++)
		must(session_begin(sessions, "bert", &token, 100, other, &err));
	assert_null(session_reader(sessions, first, 99, &found));
	assert_string_equal(session_reader(sessions, other, 99, &found), "bert");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_makes_a_collector_once_and_its_keys_are_private),
		cmocka_unit_test(a_collector_without_its_store_or_with_a_damaged_one_does_not_start),
		cmocka_unit_test(wrong_use_is_told_apart_from_failure),
		cmocka_unit_test(a_configuration_error_names_key_line_and_column),
		cmocka_unit_test(text_on_a_page_never_becomes_markup),
		cmocka_unit_test(nothing_on_a_page_turns_the_text_behind_it),
		cmocka_unit_test(a_session_ends_by_time_by_logout_and_under_pressure),
	};
	return cmocka_run_group_tests_name("collector's verbs", tests, make_folder, remove_folder);
}

/* apt.conf(5) as apt reads it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/apt_conf.h"

static struct apt_conf *conf_of(const char *text) {
	struct apt_conf *conf = apt_conf_new();
	struct err err;
	char said[600];
	if (!apt_conf_add(conf, "apt.conf", text, strlen(text), &err))
		fail_msg("%s", err_text(&err, said, sizeof said));
	return conf;
}

static void says(const char *text, const char *name, const char *value) {
	CLEANUP(apt_conf_free_p) struct apt_conf *conf = conf_of(text);
	const char *seen = apt_conf_get(conf, name);
	if (!value != !seen || (value && strcmp(value, seen) != 0))
		fail_msg("%s: %s is %s", text, name, seen ? seen : "not set");
}

static void names_and_scopes_are_one(void **state) {
	says("APT::Periodic::Enable \"1\";", "apt::periodic::ENABLE", "1");
	says("APT { Periodic { Enable \"0\"; }; };", "APT::Periodic::Enable", "0");
	says("APT\n{\n  Periodic\n  {\n    Enable\n \"2\";\n }\n}\n", "APT::Periodic::Enable", "2");
	says("APT::Periodic { Enable \"3\" };", "APT::Periodic::Enable", "3");
	says("APT Periodic { Enable \"4\"; };", "APT::Enable", "4");
	says("A \"1\" \"2\";", "A", "1 2");
	says("A { B { C \"5\"; }; D \"6\"; }; E \"7\";", "A::D", "6");
	says("A { B { C \"5\"; }; D \"6\"; }; E \"7\";", "E", "7");
	says("A yes;", "A", "yes");
}

static void later_one_counts(void **state) { says("A \"1\"; a \"2\";", "A", "2"); }

static void comments_are_none_of_it(void **state) {
	says("// A \"1\";\nB \"2\";", "A", NULL);
	says("# A \"1\";\nB \"2\";", "A", NULL);
	says("B \"2\"; # A \"1\";", "A", NULL);
	says("/* A \"1\";\n A \"2\"; */ B \"3\";", "A", NULL);
	says("/* A \"1\";\n A \"2\"; */ B \"3\";", "B", "3");
	says("A \"http://x/*y\"; B \"1\";", "A", "http://x/*y");
	says("A \"http://x\"; B \"1\";", "B", "1");
	says("A \"a;b{c}#d\";", "A", "a;b{c}#d");
}

static void clear_takes_it_and_what_is_below(void **state) {
	says("A::B \"1\"; A::B::C \"2\"; A::BC \"3\";\n#clear A::B;", "A::B::C", NULL);
	says("A::B \"1\"; A::B::C \"2\"; A::BC \"3\";\n#clear A::B;", "A::BC", "3");
}

static void lists_keep_their_order(void **state) {
	CLEANUP(apt_conf_free_p)
	struct apt_conf *conf = conf_of("U::O { \"first\"; \"second\"; named \"third\"; \"\"; }; U::O:: \"fourth\";");
	static const char *const items[] = {"first", "second", "third", "fourth", NULL};
	for (size_t i = 0; items[i]; i++)
		assert_string_equal(apt_conf_at(conf, "u::o", i), items[i]);
	assert_null(apt_conf_at(conf, "u::o", 4));
}

static void words_for_yes_and_no_are_apts(void **state) {
	CLEANUP(apt_conf_free_p)
	struct apt_conf *conf = conf_of("A \"ENABLE\"; B \"without\"; C \"perhaps\"; Binary::apt::D \"1\";");
	assert_true(apt_conf_bool(conf, "A", false));
	assert_false(apt_conf_bool(conf, "B", true));
	assert_true(apt_conf_bool(conf, "C", true));
	assert_false(apt_conf_bool(conf, "D", false));
	assert_true(apt_conf_any_bool(conf, "D"));
}

static void what_apt_refuses_is_refused(void **state) {
	static const char *const wrong[] = {"A \"1\"", "A \"1", "{ };", "A yes no;", "X { #clear A; };"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(apt_conf_free_p) struct apt_conf *conf = apt_conf_new();
		struct err err;
		if (apt_conf_add(conf, "apt.conf", wrong[i], strlen(wrong[i]), &err))
			fail_msg("%s: taken", wrong[i]);
	}
}

static void scopes_have_a_cap(void **state) {
	CLEANUP(apt_conf_free_p) struct apt_conf *conf = apt_conf_new();
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	for (int i = 0; i <= APT_CONF_DEEPEST; i++)
		buf_adds(&text, "A {\n");
	assert_false(apt_conf_add(conf, "apt.conf", text.data, text.len, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
}

static void names_of_files_count_as_run_parts_takes_them(void **state) {
	assert_true(is_apt_name("20auto-upgrades", ".conf", true));
	assert_true(is_apt_name("x.conf", ".conf", true));
	assert_false(is_apt_name("x.conf.dpkg-old", ".conf", true));
	assert_false(is_apt_name(".x.conf", ".conf", true));
	assert_false(is_apt_name("x~", ".conf", true));
	assert_false(is_apt_name("x", ".list", false));
	assert_true(is_apt_name("a.b.list", ".list", false));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_scopes_are_one),
		cmocka_unit_test(later_one_counts),
		cmocka_unit_test(comments_are_none_of_it),
		cmocka_unit_test(clear_takes_it_and_what_is_below),
		cmocka_unit_test(lists_keep_their_order),
		cmocka_unit_test(words_for_yes_and_no_are_apts),
		cmocka_unit_test(what_apt_refuses_is_refused),
		cmocka_unit_test(scopes_have_a_cap),
		cmocka_unit_test(names_of_files_count_as_run_parts_takes_them),
	};
	return cmocka_run_group_tests_name("apt_conf", tests, NULL, NULL);
}

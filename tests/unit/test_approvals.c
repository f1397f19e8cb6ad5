/* Approvals: which probes they cover, until when, and that a wrong file covers none. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>

#include "core/times.h"
#include "sources/approvals.h"
#include "tests/unit/fetching.h"

#define WHERE "approvals"
#define REST "  by: Jane Doe\n  until: 2027-01-31\n  why: it is ours\n"

static int64_t instant(const char *text) {
	int64_t seconds = 0;
	assert_true(times_parse(text, &seconds));
	return seconds;
}

static struct approvals *approving(const char *probe) {
	struct approvals *approvals = NULL;
	struct err err = {0};
	char words[600];
	CLEANUP(free_ptr) char *text = xasprintf("- probe: \"%s\"\n" REST, probe);
	if (!approvals_read(text, strlen(text), WHERE, &approvals, &err))
		fail_msg("%s", err_text(&err, words, sizeof words));
	return approvals;
}

static void approval_covers_what_it_names_and_no_other_host(void **state) {
	static const struct {
		const char *probe, *name;
		bool is_covered;
	} cases[] = {
		{"tls:mail.example:443", "tls:mail.example:443", true},
		{"tls:mail.example:443", "tls:mail.example:444", false},
		{"tls:mail.example:443", "tls:mail.example:443?sni=x", false},
		{"tls:mail.example:443?sni=x", "tls:mail.example:443?sni=x", true},
		{"tls:mail.example:443", "ssh:mail.example:443", false},
		{"tls:mail.example:*", "tls:mail.example:443?sni=x", true},
		{"tls:mail.example:*", "tls:mail.example.evil:443", false},
		{"tls:mail.example:*", "tls:other.example:443", false},
		{"tls:[::1]:443", "tls:[::1]:443", true},
		{"tls:[::1]:*", "tls:[::1]:443", true},
		{"tls:[::1]:*", "tls::443", false},
		{"ssh:h:22", "ssh:h:22", true},
		{"greeting:127.0.0.1:*", "greeting:127.0.0.1:25", true},
		{"greeting:127.0.0.1:*", "greeting:127.0.0.2:25", false},
		{"tls:127.0.0.1:*", "tls:127.0.0.1:25?starttls=smtp&sni=mail.example", true},
		{"tls:127.0.0.1:*", "greeting:127.0.0.1:25", false},
		{"ntp:h", "ntp:h", true},
		{"ntp:h", "ntp:h:123", false},
		{"ntp:h:*", "ntp:h:123", true},
		{"dns:*@192.0.2.1", "dns:example.org/A@192.0.2.1", true},
		{"dns:*/A@192.0.2.1", "dns:example.org/TXT@192.0.2.1", false},
		{"dns:*@192.0.2.1", "dns:example.org/A@192.0.2.2", false},
		{"dns:*@192.0.2.1", "dns:example.org/A@192.0.2.1:53", false},
		{"dns:*@192.0.2.1", "dns:x@192.0.2.1/A@192.0.2.2", false},
		{"http:https://h/*", "http:https://h/a?b=c", true},
		{"http:https://h/*", "http:http://h/a", false},
		{"http:https://h/*", "http:https://h.evil/a", false},
		{"http:https://h:*", "http:https://h:1@evil/", false},
		{"http:https://h:*", "http:https://h:8443/", true},
		{"http:https://h/*", "http:https://h/?via=proxy:3128", false},
		{"http:https://h/*?via=proxy:3128", "http:https://h/?via=proxy:3128", true},
		{"http:https://h/*?via=proxy:3128", "http:https://h/?via=other:3128", false},
		{"http:https://h/*?via=proxy:3128", "http:https://h/", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		const struct approval *approval = NULL;
		CLEANUP(approvals_free_p) struct approvals *approvals = approving(cases[i].probe);
		bool is_covered = approvals_find(approvals, cases[i].name, 0, WHERE, &approval, &err);
		if (is_covered != cases[i].is_covered)
			fail_msg("%s for %s: %d", cases[i].probe, cases[i].name, is_covered);
		assert_int_equal(err.code, is_covered ? ERR_NONE : ERR_UNAPPROVED);
		if (!is_covered)
			assert_string_equal(err.why, "no approval in " WHERE);
	}
}

static void approval_holds_to_the_end_of_its_last_day(void **state) {
	struct err err = {0};
	const struct approval *approval = NULL;
	CLEANUP(approvals_free_p) struct approvals *approvals = approving("ntp:h");
	assert_true(approvals_find(approvals, "ntp:h", instant("2027-01-31T23:59:59Z"), WHERE, &approval, &err));
	assert_string_equal(approval->by, "Jane Doe");
	assert_false(approvals_find(approvals, "ntp:h", instant("2027-02-01T00:00:00Z"), WHERE, &approval, &err));
	assert_int_equal(err.code, ERR_UNAPPROVED);
	assert_string_equal(err.where, "ntp:h");
	assert_string_equal(err.why, "approval by Jane Doe ended on 2027-01-31");
}

static void one_that_still_holds_counts_behind_one_that_ended(void **state) {
	static const char text[] = "- probe: ntp:h\n  by: A\n  until: 2020-01-31\n  why: x\n"
				   "- probe: ntp:h\n  by: B\n  until: 2027-01-31\n  why: x\n"
				   "- probe: ntp:h\n  by: C\n  until: 2021-01-31\n  why: x\n";
	struct err err = {0};
	const struct approval *approval = NULL;
	CLEANUP(approvals_free_p) struct approvals *approvals = NULL;
	assert_true(approvals_read(text, strlen(text), WHERE, &approvals, &err));
	assert_true(approvals_find(approvals, "ntp:h", instant("2026-01-01T00:00:00Z"), WHERE, &approval, &err));
	assert_string_equal(approval->by, "B");
	assert_false(approvals_find(approvals, "ntp:h", instant("2028-01-01T00:00:00Z"), WHERE, &approval, &err));
	assert_string_equal(err.why, "approval by B ended on 2027-01-31");
}

static void wrong_line_is_named(void **state) {
	static const struct {
		const char *text;
		unsigned line;
		const char *why;
	} cases[] = {
		{"{}\n", 1, "the approvals file"},
		{"- x\n", 1, "an approval"},
		{"- probe: \"tls:*\"\n" REST, 1, "is no probe"},
		{"- probe: \"tls:*:443\"\n" REST, 1, "is no probe"},
		{"- probe: \"tls:h*:443\"\n" REST, 1, "is no probe"},
		{"- probe: \"*\"\n" REST, 1, "is no probe"},
		{"- probe: \"file:/etc/shadow\"\n" REST, 1, "is no probe"},
		{"- probe: \"dns:a/A@*\"\n" REST, 1, "is no probe"},
		{"- probe: \"dns:a/A\"\n" REST, 1, "is no probe"},
		{"- probe: \"http:https://*/\"\n" REST, 1, "is no probe"},
		{"- probe: \"http:ftp://h/\"\n" REST, 1, "is no probe"},
		{"- probe: \"http:https://u@h/\"\n" REST, 1, "is no probe"},
		{"- probe: \"http:https://h/?via=*\"\n" REST, 1, "is no probe"},
		{"- probe: \"tls:[::1:443\"\n" REST, 1, "is no probe"},
		{"- probe: \"tls:\"\n" REST, 1, "is no probe"},
		{"- probe: ntp:h\n  by: \" \"\n  until: 2027-01-31\n  why: x\n", 2, "by is empty"},
		{"- probe: ntp:h\n  by: A\n  until: 2027-02-29\n  why: x\n", 3, "until is a day"},
		{"- probe: ntp:h\n  by: A\n  until: soon\n  why: x\n", 3, "until is a day"},
		{"- probe: ntp:h\n  by: A\n  until: [2027-01-31]\n  why: x\n", 3, "until"},
		{"- probe: ntp:h\n  by: A\n  until: 2027-01-31\n", 1, "needs a field \"why\""},
		{"- probe: ntp:h\n" REST "  who: A\n", 5, "no field \"who\""},
		{"- probe: ntp:h\n  probe: ntp:i\n" REST, 2, "probe"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		struct approvals *approvals = NULL;
		if (approvals_read(cases[i].text, strlen(cases[i].text), WHERE, &approvals, &err))
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(err.code, ERR_SYNTAX);
		assert_string_equal(err.where, WHERE);
		if (err.line != cases[i].line || !strstr(err.why, cases[i].why))
			fail_msg("%s: %u: %s", cases[i].text, err.line, err.why);
	}
}

static void more_approvals_than_the_cap_are_none(void **state) {
	for (int count = APPROVALS_MOST; count <= APPROVALS_MOST + 1; count++) {
		struct err err = {0};
		CLEANUP(approvals_free_p) struct approvals *approvals = NULL;
		CLEANUP(buf_done) struct buf text = {0};
		for (int i = 0; i < count; i++)
			buf_addf(&text, "- {probe: \"ntp:h%d\", by: A, until: 2027-01-31, why: x}\n", i);
		assert_int_equal(approvals_read(text.data, text.len, WHERE, &approvals, &err), count == APPROVALS_MOST);
		assert_int_equal(err.code, count == APPROVALS_MOST ? ERR_NONE : ERR_TOO_BIG);
	}
}

static void refused_file(const char *path, const char *why) {
	CLEANUP(buf_done) struct buf who = {0};
	struct err err = {0};
	assert_false(approvals_ask(path, "ntp:h", &who, &err));
	assert_int_equal(err.code, ERR_UNAPPROVED);
	assert_string_equal(err.where, "ntp:h");
	if (!strstr(err.why, why))
		fail_msg("\"%s\" without \"%s\"", err.why, why);
	assert_int_equal(who.len, 0);
}

/* As root: giving a file away needs it. */
static void only_a_file_that_root_alone_may_write_approves(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *path = file_join(folder, "approvals"), *link = file_join(folder, "link");
	CLEANUP(buf_done) struct buf who = {0};
	struct err err = {0};
	assert_int_equal(geteuid(), 0);
	refused_file(path, "no approval: there is no /tmp/");
	put(folder, "approvals", "- probe: ntp:h\n  by: Jane Doe\n  until: 9998-12-31\n  why: it is ours\n");
	assert_int_equal(chmod(path, 0644), 0);
	assert_true(approvals_ask(path, "ntp:h", &who, &err));
	assert_string_equal(buf_str(&who), "Jane Doe until 9998-12-31");
	assert_int_equal(chmod(path, 0664), 0);
	refused_file(path, "others than root may write it: mode 0664");
	assert_int_equal(chmod(path, 0646), 0);
	refused_file(path, "others than root may write it: mode 0646");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, 4321, 0), 0);
	refused_file(path, "belongs to user 4321, not to root");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(symlink(path, link), 0);
	refused_file(link, "ELOOP");
	refused_file(folder, "not a regular file");
}

static void wrong_file_approves_nothing_and_says_where(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *path = file_join(folder, "approvals");
	put(folder, "approvals", "- probe: ntp:h\n  by: A\n  until: 9998-12-31\n  why: x\n- probe: \"tls:*\"\n" REST);
	assert_int_equal(chmod(path, 0644), 0);
	refused_file(path, "/approvals:5:");
	put(folder, "approvals", "");
	refused_file(path, "/approvals");
}

static void probe_without_approval_is_not_made(void **state) {
	static const char *const names[] = {
		"tls:127.0.0.1:1", "dns:a/A@127.0.0.1",    "http:http://127.0.0.1/", "ssh:127.0.0.1:1",
		"ntp:127.0.0.1",   "greeting:127.0.0.1:1", "suites:127.0.0.1:1",     NULL};
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, names);
	for (size_t i = 0; names[i]; i++) {
		assert_int_equal(sources_at(set, i)->err.code, ERR_UNAPPROVED);
		assert_string_equal(sources_at(set, i)->err.where, names[i]);
		assert_non_null(strstr(sources_at(set, i)->err.why, "no approval"));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(approval_covers_what_it_names_and_no_other_host),
		cmocka_unit_test(approval_holds_to_the_end_of_its_last_day),
		cmocka_unit_test(one_that_still_holds_counts_behind_one_that_ended),
		cmocka_unit_test(wrong_line_is_named),
		cmocka_unit_test(more_approvals_than_the_cap_are_none),
		cmocka_unit_test(only_a_file_that_root_alone_may_write_approves),
		cmocka_unit_test(wrong_file_approves_nothing_and_says_where),
		cmocka_unit_test(probe_without_approval_is_not_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

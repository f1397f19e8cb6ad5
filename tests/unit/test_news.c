/* What one line of the log says of a round, and in which form it goes there. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/news.h"
#include "agent/notice.h"
#include "tests/unit/scratch.h"

static void assert_text(struct news *news, const char *trigger, const char *expected) {
	CLEANUP(free_ptr) char *text = news_text(news, trigger, 2, 9);
	assert_string_equal(text, expected);
}

static void says_what_changed_and_which_verdict_with_it(void **state) {
	CLEANUP(news_free_p) struct news *news = news_new();
	news_changed(news, "unit:ssh.service");
	news_changed(news, "unit:ssh.service");
	news_begin(news);
	news_changed(news, "file:/etc/passwd"); /* while the look is under way: for the next */
	news_verdict(news, "a.first", NULL, "fail");
	news_verdict(news, "a.same", "pass", "pass");
	assert_int_equal(news_verdict_count(news), 0);
	news_verdict(news, "a.other", "pass", "fail");
	assert_true(news_verdict_count(news) > 0);
	assert_text(news, "change", "change of unit:ssh.service: 2 of 9 rules looked at; a.other is fail (was pass)");
	news_begin(news);
	assert_text(news, "change", "change of file:/etc/passwd: 2 of 9 rules looked at");
	assert_text(news, "schedule", "schedule: 2 of 9 rules looked at");
	news_begin(news);
	assert_text(news, "change", "change: 2 of 9 rules looked at");
}

static void a_long_list_is_cut(void **state) {
	CLEANUP(news_free_p) struct news *news = news_new();
	for (int i = 0; i < NEWS_NAMES_MOST + 2; i++) {
		char name[] = {'u', (char)('0' + i), 0};
		news_changed(news, name);
	}
	news_begin(news);
	assert_text(news, "change", "change of u0, u1, u2 and 2 more: 2 of 9 rules looked at");
}

/* What notice() writes to a standard error that is this file. */
static char *written(const char *folder, bool is_journal, const char *text) {
	struct stat status;
	CLEANUP(free_ptr) char *path = file_join(folder, "log");
	CLEANUP(close_fd) int file = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	CLEANUP(close_fd) int before = dup(STDERR_FILENO);
	assert_true(file >= 0 && fstat(file, &status) == 0);
	CLEANUP(free_ptr)
	char *stream = xasprintf("%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino + !is_journal);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	notice("vouchd", NOTICE_WARNING, "%s", text);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	return scratch_text(folder, "log");
}

static void a_line_has_its_priority_for_the_journal_and_a_name_elsewhere(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *journal = written(folder, true, "the spool\nis full");
	CLEANUP(free_ptr) char *elsewhere = written(folder, false, "the spool is full");
	assert_string_equal(journal, "<4>the spool?is full\n");
	assert_string_equal(elsewhere, "vouchd: the spool is full\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_changed_and_which_verdict_with_it),
		cmocka_unit_test(a_long_list_is_cut),
		cmocka_unit_test(a_line_has_its_priority_for_the_journal_and_a_name_elsewhere),
	};
	return cmocka_run_group_tests_name("news", tests, NULL, NULL);
}

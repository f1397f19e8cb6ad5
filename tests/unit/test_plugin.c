/* Finding, running and ending plugins: a stranger's programs. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/plugin_output.h"
#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/plugin.h"
#include "sources/plugin_file.h"
#include "tests/unit/scratch.h"

/* Not below /tmp, which anybody may write. */
static char *folder_new(void) {
	CLEANUP(free_ptr)
	char *path = xasprintf("%s/vouch-test-XXXXXX", geteuid() == 0 ? "/var/lib" : getenv("HOME"));
	if (!mkdtemp(path) || chmod(path, 0755) != 0)
		abort();
	return xstrdup(path);
}

static void put(const char *folder, const char *name, const char *text) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	scratch_put(folder, name, text);
	assert_int_equal(chmod(path, 0755), 0);
}

struct seen {
	bool is_seen;
	struct answer answer;
	struct buf said;
	struct err err;
};

static void seen_done(struct seen *seen) {
	answer_done(&seen->answer);
	buf_done(&seen->said);
}

static bool look_within(const char *folder, const char *name, unsigned timeout_s, struct seen *seen) {
	const char *const folders[] = {folder, NULL};
	const struct plugin_way way = {
		.folders = folders, .owner = geteuid(), .timeout_s = timeout_s, .is_loose = true};
	const struct ask ask = {
		.name = name, .rest = name + strlen("plugin:"), .deadline_us = time_us() + 60000000, .sent = -1};
	seen->is_seen = plugin_look(&ask, &way, &seen->answer, &seen->said, &seen->err);
	return seen->is_seen;
}

static bool look(const char *folder, const char *name, struct seen *seen) {
	return look_within(folder, name, 20, seen);
}

/* One plugin "x" of this text, run without arguments. */
static void expect_answer(const char *text, const char *expected) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(seen_done) struct seen seen = {0};
	put(folder, "x", text);
	if (!look(folder, "plugin:x", &seen))
		fail_msg("%s: %s", text, seen.err.why);
	assert_string_equal(buf_str(&seen.answer.bytes), expected);
}

static void expect_failed(const char *text, enum err_code code, const char *words) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(seen_done) struct seen seen = {0};
	put(folder, "x", text);
	if (look_within(folder, "plugin:x", 1, &seen))
		fail_msg("taken: %s", text);
	if (seen.err.code != code || !strstr(seen.err.why, words))
		fail_msg("%s: %s: %s", text, err_code_name(seen.err.code), seen.err.why);
}

static void its_output_and_exit_code_are_the_source(void **state) {
	expect_answer("#!/bin/sh\necho 'OK | a=1'\nexit 2\n", "{\"exit\":2,\"output\":\"OK | a=1\\n\"}");
	expect_answer("#!/bin/sh\nexit 0\n", "{\"exit\":0,\"output\":\"\"}");
}

static void control_characters_and_wrong_bytes_are_replaced(void **state) {
	expect_answer("#!/bin/sh\nprintf 'a\\tb\\r\\n\\033[2J\\302\\233\\000'\n",
		      "{\"exit\":0,\"output\":\"a b \\n?[2J???\"}");
	expect_answer("#!/bin/sh\nprintf 'a\\377'\n", "{\"exit\":0,\"output\":\"a\\\\xff\"}");
}

static void it_gets_its_arguments_and_nothing_else(void **state) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(seen_done) struct seen seen = {0};
	assert_int_equal(setenv("SECRET_OF_THE_PARENT", "x", 1), 0);
	put(folder, "x",
	    "#!/bin/sh\nfor a; do echo \"[$a]\"; done\npwd\nls /proc/self/fd | wc -l\nenv | sort | grep -v -e ^PATH= "
	    "-e "
	    "^PWD= -e ^_=\nulimit -c; cat | wc -c\n");
	assert_true(look(folder, "plugin:x?a%20b&&%24%28id%29", &seen));
	assert_string_equal(buf_str(&seen.answer.bytes),
			    "{\"exit\":0,\"output\":\"[a b]\\n[]\\n[$(id)]\\n/\\n4\\nLANG=C.UTF-8\\n0\\n0\\n\"}");
}

static void link_to_it_is_a_plugin_of_its_own_name(void **state) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(free_ptr) char *link = file_join(folder, "other");
	CLEANUP(seen_done) struct seen seen = {0};
	assert_int_equal(symlink("/bin/bash", link), 0);
	assert_true(look(folder, "plugin:other?-c&echo%20$0", &seen));
	assert_string_equal(buf_str(&seen.answer.bytes), "{\"exit\":0,\"output\":\"other\\n\"}");
}

static void what_is_no_answer_is_a_failed_look(void **state) {
	expect_failed("#!/bin/sh\nexit 7\n", ERR_UNREADABLE, "exits with 7");
	expect_failed("#!/bin/sh\nkill -SEGV $$\n", ERR_UNREADABLE, "SIGSEGV");
	expect_failed("#!/bin/sh\nsleep 60\n", ERR_TIMEOUT, "before its deadline");
	expect_failed("#!/bin/sh\nexec yes\n", ERR_UNREADABLE, "more than 65536 bytes");
	expect_failed("#!/bin/sh\nexec yes >&2\n", ERR_TIMEOUT, "before its deadline");
	expect_failed("#!/no/such/program\n", ERR_DENIED, "cannot be run");
	expect_failed("no program", ERR_DENIED, "cannot be run");
}

static void so_much_output_is_taken_and_not_a_byte_more(void **state) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(seen_done) struct seen seen = {0};
	CLEANUP(seen_done) struct seen more = {0};
	put(folder, "x", "#!/bin/sh\nhead -c \"$1\" /dev/zero | tr '\\0' x\n");
	assert_true(look(folder, "plugin:x?65536", &seen));
	assert_false(look(folder, "plugin:x?65537", &more));
	assert_int_equal(more.err.code, ERR_UNREADABLE);
}

static void its_standard_error_is_kept_up_to_a_cap(void **state) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(seen_done) struct seen seen = {0};
	put(folder, "x", "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x >&2\necho OK\n");
	assert_true(look(folder, "plugin:x", &seen));
	assert_int_equal(seen.said.len, PLUGIN_ERROR_LARGEST);
}

/* Whether any process has this among its arguments. */
static bool runs(const char *mark) {
	bool is_found = false;
	DIR *proc = opendir("/proc");
	for (struct dirent *entry; (entry = readdir(proc));) {
		CLEANUP(free_ptr) char *path = xasprintf("/proc/%s/cmdline", entry->d_name);
		char text[512] = "";
		FILE *file = fopen(path, "re");
		size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
		if (file)
			fclose(file);
		is_found |= memmem(text, len, mark, strlen(mark)) != NULL;
	}
	closedir(proc);
	return is_found;
}

static void what_it_leaves_behind_is_ended(void **state) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(seen_done) struct seen seen = {0};
	put(folder, "x",
	    "#!/bin/sh\nsetsid sh -c 'setsid sleep 98761 & setsid sleep 98761 & wait' &\nsleep 98761 "
	    "&\necho OK\n");
	assert_true(look(folder, "plugin:x", &seen));
	assert_string_equal(buf_str(&seen.answer.bytes), "{\"exit\":0,\"output\":\"OK\\n\"}");
	assert_false(runs("98761"));
}

static void root_runs_it_as_another_user_without_a_network(void **state) {
	if (geteuid() != 0) {
		print_message("not root: not looked at\n");
		return;
	}
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(seen_done) struct seen seen = {0};
	const struct passwd *user = getpwnam("vouch-plugin");
	user = user ? user : getpwnam("nobody");
	CLEANUP(free_ptr)
	char *expected =
		xasprintf("{\"exit\":0,\"output\":\"%u %u %u\\nlo\\n1\\n\"}", user->pw_uid, user->pw_gid, user->pw_gid);
	put(folder, "x",
	    "#!/bin/sh\necho $(id -u) $(id -g) $(id -G)\nsed -n '3,$s/:.*//p' /proc/self/net/dev | tr -d ' '\n"
	    "sed -n 's/NoNewPrivs:.//p' /proc/self/status\n");
	assert_true(look(folder, "plugin:x", &seen));
	assert_string_equal(buf_str(&seen.answer.bytes), expected);
}

/* --- which files */

static void expect_denied(const char *folder, const char *name, const char *words) {
	CLEANUP(seen_done) struct seen seen = {0};
	CLEANUP(free_ptr) char *source = xasprintf("plugin:%s", name);
	if (look(folder, source, &seen))
		fail_msg("%s was run", name);
	if (seen.err.code != ERR_DENIED || !strstr(seen.err.why, words))
		fail_msg("%s: %s: %s", name, err_code_name(seen.err.code), seen.err.why);
}

static char *below(const char *folder, const char *name) { return file_join(folder, name); }

static void a_file_that_others_may_change_is_not_run(void **state) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(scratch_free) char *anybodys = scratch_new();
	CLEANUP(free_ptr) char *path = below(folder, "x");
	CLEANUP(free_ptr) char *loose = below(anybodys, "loose"), *link = below(folder, "link");
	put(folder, "x", "#!/bin/sh\necho OK\n");
	put(anybodys, "loose", "#!/bin/sh\necho OK\n");
	assert_int_equal(symlink(loose, link), 0);
	expect_denied(folder, "link", "others than root may write /tmp");
	assert_int_equal(chmod(path, 0775), 0);
	expect_denied(folder, "x", "others than root may write");
	assert_int_equal(chmod(path, 0757), 0);
	expect_denied(folder, "x", "others than root may write");
	assert_int_equal(chmod(path, 0644), 0);
	expect_denied(folder, "x", "is no program");
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	expect_denied(folder, "x", "others than root may write");
	assert_int_equal(chmod(folder, 0755), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(path, 65534, 0), 0);
	expect_denied(folder, "x", "belongs to user 65534");
}

static void links_are_followed_to_files_of_the_same_kind(void **state) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(seen_done) struct seen seen = {0};
	CLEANUP(free_ptr)
	char *inner = below(folder, "inner"), *one = below(folder, "one"), *two = below(folder, "two");
	CLEANUP(free_ptr) char *circle = below(folder, "circle"), *gone = below(folder, "gone");
	put(folder, "deep/er/x", "#!/bin/sh\necho \"$0\"\n");
	assert_int_equal(symlink("deep/er", inner), 0);
	assert_int_equal(symlink("inner/../er/./x", one), 0);
	assert_int_equal(symlink(one, two), 0);
	assert_int_equal(symlink("circle", circle), 0);
	assert_int_equal(symlink("nothing", gone), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	CLEANUP(free_ptr) char *deep = below(folder, "deep"), *deeper = below(folder, "deep/er");
	assert_int_equal(chmod(deep, 0755) | chmod(deeper, 0755), 0);
	if (!look(folder, "plugin:two", &seen))
		fail_msg("%s", seen.err.why);
	CLEANUP(free_ptr) char *expected = xasprintf("{\"exit\":0,\"output\":\"%s/deep/er/x\\n\"}", folder);
	assert_string_equal(buf_str(&seen.answer.bytes), expected);
	expect_denied(folder, "circle", "more than 40 links");
	CLEANUP(seen_done) struct seen none = {0};
	assert_false(look(folder, "plugin:gone", &none));
	assert_int_equal(none.err.code, ERR_ABSENT);
	expect_denied(folder, "deep", "is no program");
}

static void the_first_folder_that_has_one_decides(void **state) {
	CLEANUP(scratch_free) char *first = folder_new();
	CLEANUP(scratch_free) char *second = folder_new();
	const char *const folders[] = {first, second, NULL};
	CLEANUP(free_ptr) char *found = NULL, *also = NULL, *refused = NULL;
	CLEANUP(free_ptr) char *path = below(first, "x");
	struct err err = {0};
	put(second, "x", "#!/bin/sh\n");
	assert_true(plugin_file_find(folders, "x", geteuid(), "plugin:x", &found, &err));
	assert_true(strstr(found, second));
	put(first, "x", "#!/bin/sh\n");
	assert_true(plugin_file_find(folders, "x", geteuid(), "plugin:x", &also, &err));
	assert_true(strstr(also, first));
	assert_int_equal(chmod(path, 0666), 0);
	assert_false(plugin_file_find(folders, "x", geteuid(), "plugin:x", &refused, &err));
	assert_false(plugin_file_find(folders, "none", geteuid(), "plugin:none", &refused, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_true(strstr(err.why, "there is no plugin none"));
}

/* --- the helper: a real vouch-plugin on a socket of its own, asked as vouchd asks. As root, as plugins are root's. */

struct runner {
	char *folder, *journal;
	pid_t process;
};

static pid_t start_helper(const struct runner *helper, const char *timeout) {
	CLEANUP(free_ptr) char *socket = below(helper->folder, "plugin-x.sock");
	pid_t process = fork();
	if (process == 0) {
		dup2(open(helper->journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), STDERR_FILENO);
		setenv("VOUCH_PLUGIN_TIMEOUT", timeout, 1);
		setenv("STATE_DIRECTORY", "/var/lib/ours", 1);
		execl(BINARY_DIR "/vouch-plugin", "vouch-plugin", "--client", "nobody", "--idle", "30", "--folder",
		      helper->folder, "--socket", socket, "x", NULL);
		_exit(127);
	}
	while (access(socket, F_OK) != 0) {
		assert_int_equal(waitpid(process, NULL, WNOHANG), 0);
		poll(NULL, 0, 5);
	}
	return process;
}

static void note_done(void *context) { *(bool *)context = true; }

static struct sources *fetch_through(const char *folder, const char *const names[]) {
	struct sources *set = sources_new();
	CLEANUP(names_free_p) struct names *list = names_new();
	sd_event *event = NULL;
	bool is_done = false;
	for (; *names; names++)
		names_add(list, *names);
	assert_true(sd_event_new(&event) >= 0);
	struct fetch *fetch = fetch_new(event, &(struct host){.helpers = folder}, set);
	fetch_start(fetch, list, note_done, &is_done);
	while (!is_done)
		assert_true(sd_event_run(event, 60 * 1000000ULL) > 0);
	fetch_free(fetch);
	sd_event_unref(event);
	return set;
}

/* The one name's outcome through a helper that runs plugin "x" of this text; *ret_status is how the helper ended. */
static struct sources *ask_helper(struct runner *helper, const char *text, const char *name, int *ret_status) {
	assert_int_equal(geteuid(), 0);
	helper->folder = folder_new();
	helper->journal = below(helper->folder, "journal");
	put(helper->folder, "x", text);
	helper->process = start_helper(helper, "1");
	struct sources *set = fetch_through(helper->folder, (const char *const[]){name, NULL});
	assert_int_equal(waitpid(helper->process, ret_status, 0), helper->process);
	return set;
}

static void helper_done(struct runner *helper) {
	scratch_free(&helper->folder);
	free(helper->journal);
}

static void journal_has(const struct runner *helper, const char *words) {
	CLEANUP(free_ptr) char *text = scratch_text(helper->folder, "journal");
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, text);
}

static void helper_runs_its_plugin_once_and_ends(void **state) {
	CLEANUP(helper_done) struct runner helper = {0};
	int status = -1;
	CLEANUP(sources_free_p)
	struct sources *set =
		ask_helper(&helper, "#!/bin/sh\necho $STATE_DIRECTORY $CACHE_DIRECTORY $1\nprintf 'a\\033b\\n' >&2\n",
			   "plugin:x?a%20b", &status);
	assert_string_equal(buf_str(&sources_at(set, 0)->bytes), "{\"exit\":0,\"output\":\"/var/lib/ours a b\\n\"}");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	journal_has(&helper, "<5>plugin: x: a?b\n");
	journal_has(&helper, "<6>plugin: action ");
	journal_has(&helper, ": plugin:x?a%20b: let run by root, by vouch-plugin@x.socket: done\n");
}

static void helper_ends_what_hangs_and_says_so(void **state) {
	CLEANUP(helper_done) struct runner helper = {0};
	int status = -1;
	CLEANUP(sources_free_p)
	struct sources *set =
		ask_helper(&helper, "#!/bin/sh\nsetsid sleep 98762 &\nsleep 98762\n", "plugin:x", &status);
	assert_int_equal(sources_at(set, 0)->err.code, ERR_TIMEOUT);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_false(runs("98762"));
	journal_has(&helper, ": timeout: the plugin did not end before its deadline\n");
}

static void helper_that_its_plugin_kills_is_unproved_and_not_asked_again(void **state) {
	CLEANUP(helper_done) struct runner helper = {0};
	int status = -1;
	CLEANUP(sources_free_p)
	struct sources *set = ask_helper(&helper, "#!/bin/sh\nkill -KILL $PPID\n", "plugin:x", &status);
	assert_int_equal(sources_at(set, 0)->err.code, ERR_UNPROVED);
	assert_non_null(strstr(sources_at(set, 0)->err.why, "closed without an answer"));
	assert_true(WIFSIGNALED(status));
}

static void another_plugins_name_is_not_run(void **state) {
	CLEANUP(helper_done) struct runner helper = {0};
	int status = -1;
	assert_int_equal(geteuid(), 0);
	helper.folder = folder_new();
	helper.journal = below(helper.folder, "journal");
	put(helper.folder, "y", "#!/bin/sh\necho y\n");
	helper.process = start_helper(&helper, "1");
	CLEANUP(free_ptr)
	char *from = below(helper.folder, "plugin-x.sock"), *to = below(helper.folder, "plugin-y.sock");
	assert_int_equal(rename(from, to), 0);
	CLEANUP(sources_free_p)
	struct sources *set = fetch_through(helper.folder, (const char *const[]){"plugin:y", NULL});
	assert_int_equal(sources_at(set, 0)->err.code, ERR_DENIED);
	assert_non_null(strstr(sources_at(set, 0)->err.why, "the plugin that runs here is x"));
	assert_int_equal(waitpid(helper.process, &status, 0), helper.process);
}

static void what_root_has_not_enabled_is_unapproved_and_says_how(void **state) {
	CLEANUP(scratch_free) char *folder = folder_new();
	CLEANUP(sources_free_p)
	struct sources *set = fetch_through(folder, (const char *const[]){"plugin:check_disk?-w", "plugin:../x", NULL});
	assert_int_equal(sources_at(set, 0)->err.code, ERR_UNAPPROVED);
	assert_non_null(strstr(sources_at(set, 0)->err.why, "systemctl enable --now vouch-plugin@check_disk.socket"));
	assert_int_equal(sources_at(set, 1)->err.code, ERR_UNREADABLE);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_output_and_exit_code_are_the_source),
		cmocka_unit_test(control_characters_and_wrong_bytes_are_replaced),
		cmocka_unit_test(it_gets_its_arguments_and_nothing_else),
		cmocka_unit_test(link_to_it_is_a_plugin_of_its_own_name),
		cmocka_unit_test(what_is_no_answer_is_a_failed_look),
		cmocka_unit_test(so_much_output_is_taken_and_not_a_byte_more),
		cmocka_unit_test(its_standard_error_is_kept_up_to_a_cap),
		cmocka_unit_test(what_it_leaves_behind_is_ended),
		cmocka_unit_test(root_runs_it_as_another_user_without_a_network),
		cmocka_unit_test(a_file_that_others_may_change_is_not_run),
		cmocka_unit_test(links_are_followed_to_files_of_the_same_kind),
		cmocka_unit_test(the_first_folder_that_has_one_decides),
		cmocka_unit_test(helper_runs_its_plugin_once_and_ends),
		cmocka_unit_test(helper_ends_what_hangs_and_says_so),
		cmocka_unit_test(helper_that_its_plugin_kills_is_unproved_and_not_asked_again),
		cmocka_unit_test(another_plugins_name_is_not_run),
		cmocka_unit_test(what_root_has_not_enabled_is_unapproved_and_says_how),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

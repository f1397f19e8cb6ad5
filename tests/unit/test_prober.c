/* A real vouch-prober on a socket of its own, asked as vouchd asks: by fetching with helpers. As root, because the
 * approvals have to be root's. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/fetching.h"
#include "tests/unit/peers.h"

struct prober {
	char *folder, *approvals, *socket;
	struct peer process;
};

static int set_up(void **state) {
	struct prober *prober = xcalloc(1, sizeof *prober);
	assert_int_equal(geteuid(), 0);
	prober->folder = folder_make();
	assert_int_equal(chmod(prober->folder, 0755), 0);
	prober->approvals = file_join(prober->folder, "approvals");
	prober->socket = file_join(prober->folder, "prober.sock");
	prober->process.process = peer_fork();
	if (prober->process.process == 0) {
		CLEANUP(free_ptr) char *journal = file_join(prober->folder, "journal");
		dup2(open(journal, O_WRONLY | O_CREAT | O_APPEND, 0600), STDERR_FILENO);
		execl(BINARY_DIR "/vouch-prober", "vouch-prober", "--client", "nobody", "--idle", "0", "--approvals",
		      prober->approvals, "--socket", prober->socket, NULL);
		_exit(127);
	}
	while (access(prober->socket, F_OK) != 0) {
		assert_int_equal(waitpid(prober->process.process, NULL, WNOHANG), 0);
		peer_pause();
	}
	*state = prober;
	return 0;
}

static int tear_down(void **state) {
	struct prober *prober = *state;
	int status = 0;
	assert_int_equal(kill(prober->process.process, SIGTERM), 0);
	assert_int_equal(waitpid(prober->process.process, &status, 0), prober->process.process);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	folder_remove(&prober->folder);
	free(prober->approvals);
	free(prober->socket);
	free(prober);
	return 0;
}

static void approve(const struct prober *prober, const char *probe) {
	CLEANUP(free_ptr)
	char *text = xasprintf("- probe: \"%s\"\n  by: Jane Doe\n  until: 9998-12-31\n  why: ours\n", probe);
	put(prober->folder, "approvals", text);
	assert_int_equal(chmod(prober->approvals, 0644), 0);
}

static struct sources *fetch_through(const struct prober *prober, const char *name) {
	struct sources *set = sources_new();
	CLEANUP(names_free_p) struct names *list = names_new();
	sd_event *event = NULL;
	bool is_done = false;
	names_add(list, name);
	assert_true(sd_event_new(&event) >= 0);
	struct fetch *fetch = fetch_new(event, &(struct host){.helpers = prober->folder}, set);
	fetch_start(fetch, list, note_done, &is_done);
	while (!is_done)
		assert_true(sd_event_run(event, 60 * 1000000ULL) > 0);
	fetch_free(fetch);
	sd_event_unref(event);
	return set;
}

static void journal_has(const struct prober *prober, const char *text) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(free_ptr) char *path = file_join(prober->folder, "journal");
	assert_true(file_read(path, 1U << 20, &bytes, &err));
	if (!strstr(buf_str(&bytes), text))
		fail_msg("\"%s\" is not in \"%s\"", text, buf_str(&bytes));
}

static void journal_has_not(const struct prober *prober, const char *text) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(free_ptr) char *path = file_join(prober->folder, "journal");
	assert_true(file_read(path, 1U << 20, &bytes, &err));
	if (strstr(buf_str(&bytes), text))
		fail_msg("\"%s\" is in \"%s\"", text, buf_str(&bytes));
}

static void approved_probe_is_made_and_is_on_record(void **state) {
	const struct prober *prober = *state;
	struct peer peer = peer_stream(peer_says, "HTTP/1.1 204 No Content\r\n\r\n");
	CLEANUP(free_ptr) char *name = xasprintf("http:http://127.0.0.1:%d/x", peer.port);
	CLEANUP(free_ptr) char *line = xasprintf(": %s: approved by Jane Doe until 9998-12-31: done\n", name);
	approve(prober, "http:http://127.0.0.1:*");
	CLEANUP(sources_free_p) struct sources *set = fetch_through(prober, name);
	peer_stop(&peer);
	assert_string_equal(only(set)->err.why, "");
	assert_non_null(strstr(buf_str(&only(set)->bytes), "\"status\":204"));
	journal_has(prober, "<6>prober: action ");
	journal_has(prober, line);
}

static void unapproved(const struct prober *prober, const char *name, const char *why) {
	CLEANUP(sources_free_p) struct sources *set = fetch_through(prober, name);
	assert_int_equal(only(set)->err.code, ERR_UNAPPROVED);
	assert_string_equal(only(set)->err.where, name);
	if (!strstr(only(set)->err.why, why))
		fail_msg("\"%s\" without \"%s\"", only(set)->err.why, why);
}

static void unapproved_probe_is_not_made_and_says_why(void **state) {
	const struct prober *prober = *state;
	unapproved(prober, "tls:127.0.0.1:1", "no approval: there is no /tmp/");
	approve(prober, "tls:127.0.0.1:2");
	unapproved(prober, "tls:127.0.0.1:1", "no approval in /tmp/");
	journal_has(prober, "EACCES: tls:127.0.0.1:1: no approval: there is no /tmp/");
	journal_has_not(prober, "EACCES: tls:127.0.0.1:1: no approval in /tmp/"); /* said once */
	put(prober->folder, "approvals", "- probe: \"tls:127.0.0.1:1\"\n  by: J\n  until: 2020-01-31\n  why: x\n");
	unapproved(prober, "tls:127.0.0.1:1", "approval by J ended on 2020-01-31");
	put(prober->folder, "approvals", "- probe: \"tls:*\"\n  by: J\n  until: 2020-01-31\n  why: x\n");
	unapproved(prober, "tls:127.0.0.1:1", "/approvals:1:");
	approve(prober, "tls:127.0.0.1:1");
	assert_int_equal(chmod(prober->approvals, 0666), 0);
	unapproved(prober, "tls:127.0.0.1:1", "others than root may write it");
}

static void failure_of_an_approved_probe_comes_back_as_what_it_was(void **state) {
	const struct prober *prober = *state;
	CLEANUP(free_ptr) char *name = xasprintf("ssh:127.0.0.1:%d", peer_free_port(SOCK_STREAM));
	approve(prober, name);
	CLEANUP(sources_free_p) struct sources *set = fetch_through(prober, name);
	assert_int_equal(only(set)->err.code, ERR_ABSENT);
	assert_string_equal(only(set)->err.where, name);
}

static void no_prober_is_unproved_never_absent(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p)
	struct sources *set = fetch_through(&(struct prober){.folder = folder}, "tls:127.0.0.1:1");
	assert_int_equal(only(set)->err.code, ERR_UNPROVED);
	assert_non_null(strstr(only(set)->err.why, "prober.sock"));
}

#define WITH_PROBER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_PROBER(approved_probe_is_made_and_is_on_record),
		WITH_PROBER(unapproved_probe_is_not_made_and_says_why),
		WITH_PROBER(failure_of_an_approved_probe_comes_back_as_what_it_was),
		cmocka_unit_test(no_prober_is_unproved_never_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

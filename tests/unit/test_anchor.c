/* The anchor process against a witness that answers what it is told to: what is believed, what is asked again, and
 * what is found out about the log. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "collector/anchor.h"
#include "collector/log.h"
#include "collector/log_files.h"
#include "core/add_checkpoint.h"
#include "core/text.h"
#include "core/times.h"
#include "core/witness_policy.h"
#include "tests/unit/scratch.h"

#define ORIGIN "log.example/a"
#define WITNESS "w.example"

/* How the witness answers one request. */
struct manner {
	int status;
	const char *text;      /* the body; NULL: a cosignature */
	bool by_other_key;     /* of another witness */
	bool over_other_text;  /* of another checkpoint */
	int64_t clock;         /* ahead by so many seconds */
	bool does_demand_zero; /* 409 with 0 unless the old size is 0 */
};

struct world {
	char *folder;
	EVP_PKEY *log_key, *key, *other;
	pid_t process;
	int port;
};

static char said[65536];

static void hear(const char *line) {
	const size_t len = strlen(said);
	snprintf(said + len, sizeof said - len, "%s\n", line);
}

/* --- the witness ------------------------------------------------------------------------------------------------- */

static void write_answer(const struct world *world, const struct manner *manner, const char *body, size_t len,
			 struct buf *answer) {
	struct add_checkpoint request;
	struct note_parts parts;
	struct err err;
	if (!add_checkpoint_read(body, len, &request, &err) ||
	    !note_split(request.note, request.note_len, &parts, &err))
		abort();
	if (manner->does_demand_zero && request.old != 0) {
		buf_adds(answer, "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\nConnection: close\r\n\r\n0\n");
		return;
	}
	CLEANUP(buf_done) struct buf text = {0};
	if (manner->text)
		buf_adds(&text, manner->text);
	else if (!cosignature_sign(parts.text, parts.text_len - manner->over_other_text, WITNESS,
				   manner->by_other_key ? world->other : world->key, times_now() + manner->clock, &text,
				   &err))
		abort();
	buf_addf(answer, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", manner->status,
		 text.len, buf_str(&text));
}

/* Reads one request, whose end its Content-Length says. */
static void answer_one(const struct world *world, int fd, const struct manner *manner) {
	CLEANUP(buf_done) struct buf request = {0}, answer = {0};
	for (;;) {
		char *room = buf_room(&request, 4096);
		const ssize_t got = read(fd, room, 4096);
		if (got <= 0)
			return;
		request.len += (size_t)got;
		buf_room(&request, 0)[0] = '\0';
		const char *empty = strstr(request.data, "\r\n\r\n"),
			   *length = strstr(request.data, "Content-Length: ");
		if (!empty || !length)
			continue;
		const char *body = empty + 4;
		const size_t len = strtoul(length + strlen("Content-Length: "), NULL, 10);
		if (request.len - (size_t)(body - request.data) < len)
			continue;
		write_answer(world, manner, body, len, &answer);
		(void)!write(fd, answer.data, answer.len);
		return;
	}
}

/* The last manner stays. */
static void witness_start(struct world *world, const struct manner *manners, size_t count) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)(void *)&address, len), 0);
	assert_int_equal(listen(listening, 8), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)(void *)&address, &len), 0);
	world->port = ntohs(address.sin_port);
	world->process = fork();
	if (world->process == 0)
		for (size_t i = 0;; i += i + 1 < count) {
			CLEANUP(close_fd) int fd = accept(listening, NULL, NULL);
			answer_one(world, fd, &manners[i]);
		}
	close(listening);
}

static void witness_stop(struct world *world) {
	if (world->process > 0) {
		kill(world->process, SIGKILL);
		waitpid(world->process, NULL, 0);
	}
	world->process = 0;
}

/* --- a collector's folder ---------------------------------------------------------------------------------------- */

static void append(const struct world *world, const char *text, unsigned count) {
	CLEANUP(free_ptr) char *path = file_join(world->folder, "log");
	CLEANUP(log_free_p) struct log *log = NULL;
	const struct log_entry entry = {text, strlen(text)};
	uint64_t first;
	struct err err;
	assert_true(log_open(path, ORIGIN, world->log_key, &log, &err));
	for (unsigned i = 0; i < count; i++)
		assert_true(log_append(log, &entry, 1, &first, &err));
}

static void make_log(const struct world *world) {
	CLEANUP(free_ptr) char *path = file_join(world->folder, "log");
	struct err err;
	nftw(path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	assert_true(log_create(path, ORIGIN, world->log_key, &err));
}

static void world_open(struct world *world) {
	struct err err;
	*world = (struct world){.folder = scratch_new()};
	assert_true(key_make_ed25519(&world->log_key, &err) && key_make_ed25519(&world->key, &err) &&
		    key_make_ed25519(&world->other, &err));
	CLEANUP(free_ptr) char *vkey = note_vkey(ORIGIN, world->log_key);
	assert_true(anchor_prepare(world->folder, vkey, &err));
	make_log(world);
	append(world, "a", 3);
}

static void world_done(struct world *world) {
	witness_stop(world);
	EVP_PKEY_free(world->log_key);
	EVP_PKEY_free(world->key);
	EVP_PKEY_free(world->other);
	scratch_free(&world->folder);
}

/* A policy that names the log and the witness. */
static void put_policy(const struct world *world, EVP_PKEY *log_key) {
	CLEANUP(free_ptr) char *log = note_vkey(ORIGIN, log_key);
	CLEANUP(free_ptr) char *witness = note_cosigner_vkey(WITNESS, world->key);
	CLEANUP(free_ptr)
	char *text = xasprintf("log %s\nwitness w %s http://127.0.0.1:%d/\nquorum w\n", log, witness, world->port);
	scratch_put(world->folder, "collector.yaml", "origin: " ORIGIN "\nlog_policy: p\n");
	scratch_put(world->folder, "p", text);
}

/* One pass of a new process, with the witness in these manners: the troubles. */
static unsigned pass(struct world *world, const struct manner *manners, size_t count) {
	CLEANUP(anchor_free_p) struct anchor *anchor = NULL;
	struct err err;
	witness_start(world, manners, count);
	put_policy(world, world->log_key);
	said[0] = '\0';
	assert_true(anchor_open(world->folder, hear, &anchor, &err));
	if (!anchor_pass(anchor, &err))
		fail_msg("%s: %s", err.where, err.why);
	witness_stop(world);
	return anchor->troubles;
}

static bool is_cosigned(const struct world *world, uint64_t size) {
	CLEANUP(free_ptr) char *anchors = file_join(world->folder, "anchors");
	CLEANUP(free_ptr) char *folder = anchor_path(anchors, size);
	CLEANUP(free_ptr) char *path = file_join(folder, "checkpoint");
	CLEANUP(free_ptr) char *policy_path = file_join(world->folder, "p");
	CLEANUP(witness_policy_free_p) struct witness_policy *policy = NULL;
	CLEANUP(buf_done) struct buf note = {0};
	struct witness_policy_view view;
	struct err err;
	assert_true(witness_policy_load(policy_path, &policy, &err));
	assert_true(file_read(path, NOTE_LARGEST, &note, &err));
	assert_true(witness_policy_view(policy, note.data, note.len, &view, &err));
	return view.is_met;
}

static bool has_finding(const struct world *world, const char *kind, unsigned size) {
	CLEANUP(note_verifier_free_p) struct note_verifier *cosigner = NULL;
	CLEANUP(free_ptr) char *vkey = note_cosigner_vkey(WITNESS, world->key);
	struct err err;
	assert_true(note_cosigner_read(vkey, &cosigner, &err));
	CLEANUP(free_ptr)
	char *name = xasprintf("anchors/findings/%s-%08x-%u.json", kind, (unsigned)cosigner->id, size);
	return scratch_has(world->folder, name);
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static const struct manner good = {.status = 200};

static void a_good_answer_is_kept_and_the_next_question_goes_on_from_it(void **state) {
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(pass(&world, &good, 1), 0);
	assert_true(is_cosigned(&world, 3));
	append(&world, "a", 300);
	/* Its old size is 3 now: a witness that knows of none says so, and gets what it wants. */
	const struct manner forgetful = {.status = 200, .does_demand_zero = true};
	assert_int_equal(pass(&world, &forgetful, 1), 0);
	assert_non_null(strstr(said, "its memory was lost"));
	assert_true(is_cosigned(&world, 303));
}

static void an_answer_that_does_not_hold_is_no_cosignature(void **state) {
	static const struct {
		struct manner manner;
		const char *why;
	} cases[] = {
		{{.status = 200, .text = ""}, "no cosignature by its key"},
		{{.status = 200, .by_other_key = true}, "no cosignature by its key"},
		{{.status = 200, .over_other_text = true}, "does not hold"},
		{{.status = 200, .text = "thank you\n"}, "malformed"},
		{{.status = 200, .clock = 1000}, "1000 s apart"},
		{{.status = 200, .clock = -1000}, "s apart"},
		{{.status = 404, .text = "which log?\x1b\n"}, "answers 404: which log?"},
		{{.status = 403, .text = "no\n"}, "answers 403"},
		{{.status = 400, .text = "no\n"}, "answers 400"},
		{{.status = 500, .text = ""}, "answers 500"},
		{{.status = 302, .text = ""}, "answers 302"},
		{{.status = 409, .text = ""}, "answers 409"},
		{{.status = 409, .text = "2"}, "answers 409"},
		{{.status = 409, .text = "02\n"}, "answers 409"},
		{{.status = 409, .text = "two\n"}, "answers 409"},
	};
	CLEANUP(world_done) struct world world;
	world_open(&world);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(pass(&world, &cases[i].manner, 1), 1);
		if (!strstr(said, cases[i].why))
			fail_msg("wanted \"%s\": %s", cases[i].why, said);
		assert_null(strchr(said, '\x1b'));
		assert_false(is_cosigned(&world, 3));
		assert_int_equal(said[0] != '\0', 1);
	}
	assert_int_equal(pass(&world, &good, 1), 0);
	assert_true(is_cosigned(&world, 3));
}

static void a_witness_that_names_another_size_each_time_is_not_asked_for_ever(void **state) {
	static const struct manner manners[] = {{.status = 409, .text = "1\n"},
						{.status = 409, .text = "2\n"},
						{.status = 409, .text = "3\n"},
						{.status = 200}};
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(pass(&world, manners, ARRAY_LEN(manners)), 1);
	assert_non_null(strstr(said, "another size each time"));
	assert_false(is_cosigned(&world, 3));
}

static void a_witness_that_knows_of_more_is_a_finding(void **state) {
	static const struct manner more = {.status = 409, .text = "9\n"};
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(pass(&world, &more, 1), 1);
	assert_non_null(strstr(said, "the log was set back: it has 3 entries, and witness w cosigned 9"));
	assert_true(has_finding(&world, "set-back", 9));
	assert_false(is_cosigned(&world, 3));
}

static void a_witness_that_holds_another_tree_is_a_finding(void **state) {
	static const struct manner manners[] = {{.status = 409, .text = "2\n"}, {.status = 422, .text = "no\n"}};
	static const struct manner same[] = {{.status = 409, .text = "3\n"}, {.status = 409, .text = "3\n"}};
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(pass(&world, manners, 2), 1);
	assert_non_null(strstr(said, "the log has forked"));
	assert_true(has_finding(&world, "log", 2));
	assert_int_equal(pass(&world, same, 2), 1); /* as the standard had it before */
	assert_true(has_finding(&world, "log", 3));
	assert_false(is_cosigned(&world, 3));
}

static void a_log_of_another_history_is_seen_without_any_witness(void **state) {
	CLEANUP(world_done) struct world world;
	CLEANUP(anchor_free_p) struct anchor *anchor = NULL;
	struct err err;
	world_open(&world);
	assert_int_equal(pass(&world, &good, 1), 0);
	make_log(&world);
	append(&world, "b", 2);
	scratch_put(world.folder, "collector.yaml", "origin: " ORIGIN "\n");
	assert_true(anchor_open(world.folder, hear, &anchor, &err));
	assert_true(anchor_pass(anchor, &err)); /* smaller */
	assert_int_equal(anchor->troubles, 1);
	assert_true(scratch_has(world.folder, "anchors/findings/set-back-3.json"));
	append(&world, "b", 1); /* as large */
	assert_false(anchor_pass(anchor, &err));
	assert_non_null(strstr(err.why, "another tree"));
	assert_true(scratch_has(world.folder, "anchors/findings/log-3.json"));
}

static void a_policy_of_another_log_and_one_that_is_wrong_ask_nobody(void **state) {
	CLEANUP(world_done) struct world world;
	CLEANUP(anchor_free_p) struct anchor *anchor = NULL;
	struct err err;
	world_open(&world);
	put_policy(&world, world.other);
	assert_true(anchor_open(world.folder, hear, &anchor, &err));
	said[0] = '\0';
	assert_true(anchor_pass(anchor, &err));
	assert_int_equal(anchor->troubles, 1);
	assert_non_null(strstr(said, "it does not name this log"));
	said[0] = '\0';
	assert_true(anchor_pass(anchor, &err)); /* the same is said once, and counted each time */
	assert_int_equal(anchor->troubles, 1);
	assert_string_equal(said, "");
	scratch_put(world.folder, "p", "quorum nobody\n");
	assert_true(anchor_pass(anchor, &err));
	assert_non_null(strstr(said, "no witness or group before this line"));
}

static void tiles_that_do_not_give_the_root_are_not_anchored(void **state) {
	CLEANUP(world_done) struct world world;
	CLEANUP(anchor_free_p) struct anchor *anchor = NULL;
	struct err err;
	world_open(&world);
	scratch_put(world.folder, "collector.yaml", "origin: " ORIGIN "\n");
	scratch_put(world.folder, "log/tile/0/000.p/3",
		    "0123456789012345678901234567890123456789012345678901234567890123"
		    "01234567890123456789012345678901");
	assert_true(anchor_open(world.folder, hear, &anchor, &err));
	assert_false(anchor_pass(anchor, &err));
	assert_non_null(strstr(err.why, "do not give the checkpoint's root"));
	assert_false(scratch_has(world.folder, "anchors/00000000000000000003"));
}

static void what_a_crash_left_is_thrown_away_and_one_process_works_at_a_time(void **state) {
	CLEANUP(world_done) struct world world;
	CLEANUP(anchor_free_p) struct anchor *anchor = NULL, *second = NULL;
	struct err err;
	world_open(&world);
	assert_int_equal(pass(&world, &good, 1), 0);
	append(&world, "a", 1);
	static const char *const left[] = {"anchors/.tmp-new/checkpoint", "anchors/witnesses/.tmp-1-2",
					   "anchors/findings/.tmp-1-2",
					   "anchors/00000000000000000004/.tmp-checkpoint-2"};
	scratch_put(world.folder, "collector.yaml", "origin: " ORIGIN "\n");
	scratch_put(world.folder, left[0], "half");
	scratch_put(world.folder, left[1], "half");
	scratch_put(world.folder, left[2], "half");
	assert_true(anchor_open(world.folder, hear, &anchor, &err));
	assert_false(anchor_open(world.folder, hear, &second, &err));
	assert_true(anchor_pass(anchor, &err));
	anchor_free(anchor);
	anchor = NULL;
	scratch_put(world.folder, left[3], "half");
	assert_true(anchor_open(world.folder, hear, &anchor, &err));
	assert_true(anchor_pass(anchor, &err));
	for (size_t i = 0; i < ARRAY_LEN(left); i++)
		assert_false(scratch_has(world.folder, left[i]));
	CLEANUP(free_ptr) char *anchors = file_join(world.folder, "anchors");
	CLEANUP(free_ptr) uint64_t *sizes = NULL;
	size_t count;
	assert_true(anchor_sizes(anchors, &sizes, &count, &err));
	assert_int_equal(count, 2);
	assert_int_equal(sizes[0], 3);
	assert_int_equal(sizes[1], 4);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_answer_is_kept_and_the_next_question_goes_on_from_it),
		cmocka_unit_test(an_answer_that_does_not_hold_is_no_cosignature),
		cmocka_unit_test(a_witness_that_names_another_size_each_time_is_not_asked_for_ever),
		cmocka_unit_test(a_witness_that_knows_of_more_is_a_finding),
		cmocka_unit_test(a_witness_that_holds_another_tree_is_a_finding),
		cmocka_unit_test(a_log_of_another_history_is_seen_without_any_witness),
		cmocka_unit_test(a_policy_of_another_log_and_one_that_is_wrong_ask_nobody),
		cmocka_unit_test(tiles_that_do_not_give_the_root_are_not_anchored),
		cmocka_unit_test(what_a_crash_left_is_thrown_away_and_one_process_works_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

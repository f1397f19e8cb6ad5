/* Anchors and full rounds are time-stamped by an authority on loopback, which may be away, foreign, or about to change
 * its certificate. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "collector/anchor_time.h"
#include "collector/stamps.h"
#include "core/file.h"
#include "core/times.h"
#include "tests/unit/peers.h"
#include "tests/unit/scratch.h"
#include "tests/unit/tsa_kit.h"

#define ORIGIN "collector.example/log"
#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

#define must(call) assert_true(holds((call), &err))

static bool holds(bool held, const struct err *err) {
	char text[640];
	if (!held)
		print_error("%s\n", err_text(err, text, sizeof text));
	return held;
}

static char said[16384]; /* all events */

static void say(const char *line) {
	const size_t len = strlen(said);
	snprintf(said + len, sizeof said - len, "%s\n", line);
}

struct world {
	char *folder;
	EVP_PKEY *log;
	struct tsa tsa;
	struct timestamp_trust *trust;
	struct peer peer;
	const struct tsa *serving;
	struct anchor *anchor;
	struct buf text;
};

/* --- the authority --- */

enum manner { MANNER_GOOD, MANNER_500, MANNER_GARBAGE, MANNER_LARGE };
static enum manner manner;

static bool read_request(int connection, struct buf *ret_body) {
	CLEANUP(buf_done) struct buf all = {0};
	char piece[4096];
	for (ssize_t got; (got = read(connection, piece, sizeof piece)) > 0;) {
		buf_add(&all, piece, (size_t)got);
		const char *end = strstr(all.data, "\r\n\r\n"), *length = strcasestr(all.data, "content-length:");
		const size_t want = length ? strtoul(length + 15, NULL, 10) : 0;
		if (end && length && all.len - (size_t)(end + 4 - all.data) >= want) {
			buf_add(ret_body, end + 4, want);
			return strcasestr(all.data, "content-type: application/timestamp-query") != NULL;
		}
	}
	return false;
}

static void write_all(int connection, const struct buf *bytes) {
	for (size_t at = 0; at < bytes->len;) {
		const ssize_t wrote = write(connection, bytes->data + at, bytes->len - at);
		if (wrote <= 0)
			return;
		at += (size_t)wrote;
	}
}

static void serve(int connection, const void *context) {
	struct tsa tsa = *(const struct tsa *)context;
	CLEANUP(buf_done) struct buf query = {0}, body = {0}, answer = {0};
	if (!read_request(connection, &query))
		return;
	tsa.time = times_now();
	if (manner == MANNER_GARBAGE)
		buf_adds(&body, "<html>Welcome to the hotel's network</html>");
	else if (manner == MANNER_LARGE)
		body.len += (size_t)(memset(buf_room(&body, 100000), 0x30, 100000) ? 100000 : 0);
	else
		tsa_answer(&tsa, query.data, query.len, &body);
	buf_addf(&answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		 manner == MANNER_500 ? "500 Full" : "200 OK", body.len);
	buf_add(&answer, body.data, body.len);
	write_all(connection, &answer);
}

/* The authority as it is from here on; NULL: nobody answers. */
static void point_at(struct world *w, const struct tsa *tsa, enum manner how) {
	if (w->peer.process > 0)
		peer_stop(&w->peer);
	w->peer.process = 0;
	w->serving = tsa;
	manner = how;
	if (tsa)
		w->peer = peer_stream(serve, tsa);
	free(w->anchor->config->timestamp_url);
	w->anchor->config->timestamp_url = xasprintf("http://127.0.0.1:%d/tsa", w->peer.port);
}

/* A process that begins anew: it forgets that the authority was away, and what it looked through. The authority is
 * stopped meanwhile: a child of this process has its lock. */
static void open_anchor(struct world *w) {
	struct err err = {0};
	const struct tsa *serving = w->serving;
	if (w->anchor)
		point_at(w, NULL, manner);
	anchor_free(w->anchor);
	w->anchor = NULL;
	must(anchor_open(w->folder, say, &w->anchor, &err));
	free(w->anchor->config->timestamp_ca);
	w->anchor->config->timestamp_ca = xstrdup("tsa.pem");
	if (serving)
		point_at(w, serving, manner);
	said[0] = '\0';
}

static struct tsa_signer lasting(int64_t seconds) {
	return (struct tsa_signer){.from = times_now() - TSA_DAY, .until = times_now() + seconds};
}

static int make_world(void **state) {
	struct world *w = xcalloc(1, sizeof *w);
	struct err err = {0};
	CLEANUP(buf_done) struct buf root = {0};
	const struct tsa_signer signer = lasting(730LL * TSA_DAY);
	w->folder = scratch_new();
	w->tsa = tsa_new(&signer);
	w->trust = tsa_trust(&w->tsa);
	tsa_pem(w->tsa.root, &root);
	must(key_make_ed25519(&w->log, &err));
	CLEANUP(free_ptr) char *vkey = note_vkey(ORIGIN, w->log);
	CLEANUP(free_ptr) char *config = file_join(w->folder, "collector.yaml");
	must(config_create(config, ORIGIN, &err));
	must(anchor_prepare(w->folder, vkey, &err));
	scratch_put(w->folder, "tsa.pem", buf_str(&root));
	open_anchor(w);
	point_at(w, &w->tsa, MANNER_GOOD);
	*state = w;
	return 0;
}

static int drop_world(void **state) {
	struct world *w = *state;
	if (w->peer.process > 0)
		peer_stop(&w->peer);
	anchor_free(w->anchor);
	timestamp_trust_free(w->trust);
	tsa_done(&w->tsa);
	EVP_PKEY_free(w->log);
	buf_done(&w->text);
	scratch_free(&w->folder);
	free(w);
	return 0;
}

/* --- anchors --- */

/* Makes the anchor of this size; its text is w->text. The caller frees. */
static char *make_anchor(struct world *w, uint64_t size) {
	struct err err = {0};
	struct checkpoint checkpoint = {.origin = (char[]){ORIGIN}, .size = size};
	CLEANUP(buf_done) struct buf note = {0};
	char *folder = anchor_path(w->anchor->anchors, size);
	CLEANUP(free_ptr) char *path = file_join(folder, "checkpoint");
	buf_done(&w->text);
	checkpoint_write(&checkpoint, &w->text);
	must(note_sign(buf_str(&w->text), ORIGIN, w->log, &note, &err) && file_make_folder(folder, 0755, &err) &&
	     file_write(path, note.data, note.len, 0644, &err));
	return folder;
}

/* A pass over it, with its text. */
static void pass(struct world *w, const char *folder, uint64_t size) {
	const struct anchor_point point = {
		.folder = folder, .size = size, .text = buf_str(&w->text), .text_len = w->text.len};
	w->anchor->troubles = 0;
	anchor_time(w->anchor, &point);
}

/* How many responses an anchor has, all of which hold as a chain over w->text; the last one's signer's end. */
static size_t responses_of(const struct world *w, const char *folder, int64_t *ret_end) {
	struct timestamp_stored stored[8] = {0};
	CLEANUP(timestamp_done) struct timestamp first = {0}, last = {0};
	struct err err = {0};
	size_t count = 0;
	for (; count < ARRAY_LEN(stored); count++) {
		CLEANUP(free_ptr) char *response = xasprintf("%s/timestamp-%zu.tsr", folder, count + 1);
		CLEANUP(free_ptr) char *chain = xasprintf("%s/timestamp-%zu.pem", folder, count + 1);
		if (access(response, F_OK) != 0)
			break;
		must(file_read(response, TIMESTAMP_RESPONSE_LARGEST, &stored[count].response, &err) &&
		     file_read(chain, TIMESTAMP_PEM_LARGEST, &stored[count].certificates, &err));
	}
	if (count > 0) {
		must(timestamp_verify_chain(w->text.data, w->text.len, stored, count, w->trust, &first, &last, &err));
		assert_true(first.time <= times_now() && first.time > times_now() - 120);
		*ret_end = last.signer_expires;
	}
	for (size_t i = 0; i < count; i++)
		timestamp_stored_done(&stored[i]);
	return count;
}

static void the_newest_anchor_is_stamped_once_and_the_next_when_it_is_due(void **state) {
	struct world *w = *state;
	int64_t end;
	CLEANUP(free_ptr) char *first = make_anchor(w, 10);
	pass(w, first, 10);
	pass(w, first, 10);
	assert_int_equal(w->anchor->troubles, 0);
	assert_int_equal(responses_of(w, first, &end), 1);
	CLEANUP(free_ptr) char *second = make_anchor(w, 11);
	pass(w, second, 11);
	assert_int_equal(responses_of(w, second, &end), 0);
	open_anchor(w); /* which finds out from the files when it was */
	pass(w, second, 11);
	assert_int_equal(responses_of(w, second, &end), 0);
	w->anchor->config->timestamp_every = 0;
	pass(w, second, 11);
	assert_int_equal(responses_of(w, second, &end), 1);
	assert_string_equal(said, "");
	CLEANUP(free_ptr) char *authorities = file_join(w->folder, "timestamps/authorities");
	assert_int_equal(scratch_count(authorities), 1);
}

static void an_authority_that_is_away_is_an_event_and_nothing_is_lost(void **state) {
	struct world *w = *state;
	int64_t end;
	CLEANUP(free_ptr) char *folder = make_anchor(w, 10);
	point_at(w, NULL, MANNER_GOOD);
	pass(w, folder, 10);
	assert_int_equal(w->anchor->troubles, 1);
	assert_non_null(strstr(said, "time-stamp authority: http://127.0.0.1:"));
	point_at(w, &w->tsa, MANNER_GOOD);
	pass(w, folder, 10);
	assert_int_equal(responses_of(w, folder, &end), 0); /* it is spared for a minute */
	open_anchor(w);
	pass(w, folder, 10);
	assert_int_equal(responses_of(w, folder, &end), 1);
}

static void what_does_not_hold_is_not_kept(void **state) {
	static const struct {
		enum manner manner;
		const char *said;
	} bad[] = {{MANNER_500, "it answers 500"},
		   {MANNER_GARBAGE, "not a time-stamp response"},
		   {MANNER_LARGE, "larger than"}};
	struct world *w = *state;
	CLEANUP(free_ptr) char *folder = make_anchor(w, 10);
	const struct tsa_signer signer = lasting(730LL * TSA_DAY);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		point_at(w, &w->tsa, bad[i].manner);
		open_anchor(w);
		pass(w, folder, 10);
		if (!strstr(said, bad[i].said))
			fail_msg("wanted \"%s\", got %s", bad[i].said, said);
		assert_int_equal(scratch_count(folder), 1);
	}
	struct tsa other = tsa_new(&signer);
	point_at(w, &other, MANNER_GOOD);
	open_anchor(w);
	pass(w, folder, 10);
	assert_non_null(strstr(said, "not by a trusted authority"));
	assert_int_equal(scratch_count(folder), 1);
	point_at(w, NULL, MANNER_GOOD);
	tsa_done(&other);
}

static void an_address_without_roots_or_with_a_file_that_has_none_is_an_event(void **state) {
	struct world *w = *state;
	CLEANUP(free_ptr) char *folder = make_anchor(w, 10);
	scratch_put(w->folder, "tsa.pem", "nothing");
	pass(w, folder, 10);
	assert_non_null(strstr(said, "tsa.pem: there is no certificate in it"));
	w->anchor->config->timestamp_ca[0] = '\0';
	pass(w, folder, 10);
	assert_non_null(strstr(said, "timestamp_url without timestamp_ca"));
	assert_int_equal(scratch_count(folder), 1);
	w->anchor->config->timestamp_url[0] = '\0';
	said[0] = '\0';
	pass(w, folder, 10);
	assert_string_equal(said, "");
}

/* --- renewals --- */

static void an_anchor_is_renewed_before_its_certificate_ends_and_once_the_authority_has_a_later_one(void **state) {
	struct world *w = *state;
	int64_t end = 0;
	const struct tsa_signer shorter = lasting(7200), longer = lasting(730LL * TSA_DAY);
	CLEANUP(free_ptr) char *folder = make_anchor(w, 10);
	tsa_new_signer(&w->tsa, &shorter);
	point_at(w, &w->tsa, MANNER_GOOD);
	pass(w, folder, 10);
	pass(w, folder, 10);
	assert_int_equal(responses_of(w, folder, &end), 1); /* another one of the same certificate is worth nothing */
	assert_int_equal(end, shorter.until);
	assert_non_null(strstr(said, "renewals of time-stamps wait for the authority's next certificate"));
	tsa_new_signer(&w->tsa, &longer);
	point_at(w, &w->tsa, MANNER_GOOD);
	open_anchor(w);
	pass(w, folder, 10);
	assert_int_equal(responses_of(w, folder, &end), 2);
	assert_int_equal(end, longer.until);
	open_anchor(w);
	pass(w, folder, 10);
	assert_int_equal(responses_of(w, folder, &end), 2);
}

static void a_new_certificate_that_shows_with_the_next_anchor_renews_those_before(void **state) {
	struct world *w = *state;
	int64_t end = 0;
	const struct tsa_signer shorter = lasting(7200), longer = lasting(730LL * TSA_DAY);
	tsa_new_signer(&w->tsa, &shorter);
	point_at(w, &w->tsa, MANNER_GOOD);
	w->anchor->config->timestamp_every = 0;
	CLEANUP(free_ptr) char *second = make_anchor(w, 11);
	CLEANUP(free_ptr) char *first = make_anchor(w, 10);
	pass(w, first, 10);
	assert_int_equal(responses_of(w, first, &end), 1);
	tsa_new_signer(&w->tsa, &longer);
	point_at(w, &w->tsa, MANNER_GOOD);
	free(make_anchor(w, 11));
	pass(w, second, 11);
	assert_int_equal(responses_of(w, second, &end), 1);
	free(make_anchor(w, 10));
	assert_int_equal(responses_of(w, first, &end), 2);
}

static void what_ended_before_it_was_renewed_is_an_event(void **state) {
	struct world *w = *state;
	CLEANUP(free_ptr) char *folder = make_anchor(w, 10);
	CLEANUP(buf_done) struct buf pem = {0};
	const struct tsa_signer ended = lasting(-60);
	tsa_new_signer(&w->tsa, &ended);
	tsa_pem(w->tsa.signer, &pem);
	scratch_put(folder, "timestamp-1.tsr", "x");
	scratch_put(folder, "timestamp-1.pem", buf_str(&pem));
	pass(w, folder, 10);
	assert_non_null(strstr(said, "the certificates that signed the time-stamps of 1 anchor ended before"));
	assert_int_equal(scratch_count(folder), 3);
}

/* --- full rounds --- */

static void a_full_round_that_is_wanted_gets_its_response_and_one_of_days_ago_does_not(void **state) {
	struct world *w = *state;
	struct err err = {0};
	const struct hash imprint = hash_of("signature", 9);
	char hex[HASH_HEX];
	CLEANUP(free_ptr) char *folder = make_anchor(w, 10);
	CLEANUP(free_ptr) char *wanted = file_join(w->folder, "timestamps/wanted");
	CLEANUP(free_ptr)
	char *old = file_join(wanted, "ff112233445566778899aabbccddeeff"
				      "00112233445566778899aabbccddeeff");
	scratch_put(wanted, DIGEST, hash_hex(&imprint, hex));
	scratch_put(wanted, strrchr(old, '/') + 1, hex);
	const struct timespec days_ago[2] = {{.tv_sec = times_now() - 3 * TSA_DAY},
					     {.tv_sec = times_now() - 3 * TSA_DAY}};
	assert_int_equal(utimensat(AT_FDCWD, old, days_ago, 0), 0);
	w->anchor->config->timestamp_rounds = false;
	pass(w, folder, 10);
	assert_int_equal(scratch_count(wanted), 2);
	w->anchor->config->timestamp_rounds = true;
	pass(w, folder, 10);
	assert_int_equal(scratch_count(wanted), 0);
	assert_non_null(strstr(said, "goes without a time-stamp of its own"));
	CLEANUP(free_ptr) char *path = stamps_path(w->folder, DIGEST, ".tsr");
	CLEANUP(buf_done) struct buf response = {0};
	CLEANUP(timestamp_done) struct timestamp stamped = {0};
	must(file_read(path, TIMESTAMP_RESPONSE_LARGEST, &response, &err));
	must(timestamp_verify(response.data, response.len, &imprint, NULL, w->trust, "t", &stamped, &err));
	scratch_put(wanted, DIGEST, "what is this");
	unlink(path);
	pass(w, folder, 10);
	assert_non_null(strstr(said, "is not a digest"));
	assert_int_equal(scratch_count(wanted), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_newest_anchor_is_stamped_once_and_the_next_when_it_is_due,
						make_world, drop_world),
		cmocka_unit_test_setup_teardown(an_authority_that_is_away_is_an_event_and_nothing_is_lost, make_world,
						drop_world),
		cmocka_unit_test_setup_teardown(what_does_not_hold_is_not_kept, make_world, drop_world),
		cmocka_unit_test_setup_teardown(an_address_without_roots_or_with_a_file_that_has_none_is_an_event,
						make_world, drop_world),
		cmocka_unit_test_setup_teardown(
			an_anchor_is_renewed_before_its_certificate_ends_and_once_the_authority_has_a_later_one,
			make_world, drop_world),
		cmocka_unit_test_setup_teardown(a_new_certificate_that_shows_with_the_next_anchor_renews_those_before,
						make_world, drop_world),
		cmocka_unit_test_setup_teardown(what_ended_before_it_was_renewed_is_an_event, make_world, drop_world),
		cmocka_unit_test_setup_teardown(
			a_full_round_that_is_wanted_gets_its_response_and_one_of_days_ago_does_not, make_world,
			drop_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* vouch doctor: whether the collector can be reached, is the one that was enrolled with, and shows the log that this
 * host knows. What answers may be anybody: small caps, short deadlines, and no more requests than a log needs. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "agent/http.h"
#include "agent/receipt.h"
#include "agent/renew.h"
#include "cli/doctor.h"
#include "core/times.h"

#define ANSWER_MOST 65536
#define DEADLINE_S 5L
#define WHOLE_S 15  /* for all tiles */
#define AHEAD_S 300 /* what the collector calls a clock that is ahead */

struct visit {
	struct http *http;
	struct renewal *renewal;
	EVP_PKEY *key;
	time_t until; /* by the monotonic clock */
};

static void visit_done(struct visit *visit) {
	http_close(visit->http);
	renewal_free(visit->renewal);
	EVP_PKEY_free(visit->key);
}

static time_t seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool visit_open(const struct doctor *doctor, struct visit *visit, struct err *err) {
	if (access(doctor->home->transport_key, R_OK) != 0)
		return err_errno(err, errno, ERR_IO, doctor->home->transport_key, "read");
	if (!home_public_key(doctor->home->transport_public, &visit->key, err) ||
	    !renewal_open(doctor->home, doctor->enrolment, visit->key, &visit->renewal, err))
		return false;
	visit->until = seconds() + WHOLE_S;
	const struct http_peer peer = {.base = doctor->enrolment->collector,
				       .ca = doctor->home->ca,
				       .certificate = renewal_certificate(visit->renewal),
				       .key = doctor->home->transport_key,
				       .most = ANSWER_MOST,
				       .deadline = DEADLINE_S};
	return http_open(&peer, &visit->http, err);
}

static bool get(struct visit *visit, const char *path, struct http_answer *answer, struct err *err) {
	const struct http_request request = {.path = path};
	if (seconds() >= visit->until)
		return err_set(err, ERR_TIMEOUT, path, "not asked for any more after %d s", WHOLE_S);
	return http_ask(visit->http, &request, answer, err);
}

/* --- the collector ------------------------------------------------------------------------------------------------ */

static void say_offset(struct doctor *doctor, int64_t theirs) {
	char span[32];
	const int64_t offset = times_now() - theirs;
	if (!theirs)
		doctor_say(doctor, DOCTOR_UNSEEN, NULL, "the collector does not say what time it is");
	else if (offset > AHEAD_S || offset < -AHEAD_S)
		doctor_say(doctor, DOCTOR_PROBLEM, "timedatectl status", "this host's clock is %s %s the collector's",
			   doctor_span(offset > 0 ? offset : -offset, span), offset > 0 ? "ahead of" : "behind");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the two clocks are %lld s apart",
			   (long long)(offset > 0 ? offset : -offset));
}

static void say_log_key(struct doctor *doctor, const struct http_answer *answer) {
	static const char path[] = "/v1/log";
	CLEANUP(json_decref_p) json_t *object = NULL;
	const char *vkey;
	struct err err;
	if (!http_is_ok(answer, path, &err) ||
	    !json_read(answer->body.data, answer->body.len, ANSWER_MOST, path, &object, &err) ||
	    !json_get_string(object, "vkey", path, &vkey, &err))
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
	else if (strcmp(vkey, doctor->enrolment->vkey) != 0)
		doctor_say(doctor, DOCTOR_PROBLEM, "ask who answers for the collector",
			   "the collector has another log than the one that was pinned at enrolment");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%s answers under this host's certificate, with the pinned log",
			   doctor->enrolment->collector);
}

void doctor_collector(struct doctor *doctor) {
	CLEANUP(visit_done) struct visit visit = {0};
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	struct err err;
	if (!visit_open(doctor, &visit, &err)) {
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
		return;
	}
	if (!get(&visit, "/v1/log", &answer, &err)) {
		doctor->is_out_of_reach = true;
		doctor_say_err(doctor, DOCTOR_PROBLEM,
			       "journalctl -u vouch-ship; is the address right, and the way open?", &err);
		return;
	}
	say_log_key(doctor, &answer);
	say_offset(doctor, answer.date);
}

/* --- its log ------------------------------------------------------------------------------------------------------ */

static bool fetch_tile(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
		       struct err *err) {
	char name[TILE_PATH_LONGEST];
	const size_t wanted = (size_t)width * HASH_LEN;
	for (unsigned asked = width;; asked = TILE_WIDTH) {
		CLEANUP(http_answer_done) struct http_answer answer = {0};
		CLEANUP(free_ptr) char *path = xasprintf("/log/%s", tile_path(level, index, asked, name));
		if (!get(context, path, &answer, err))
			return false;
		/* A partial one goes when the full one has come. */
		if (answer.status == 404 && asked < TILE_WIDTH)
			continue;
		if (!http_is_ok(&answer, path, err))
			return false;
		if (answer.body.len < wanted)
			return err_set(err, ERR_REFUSED, path, "the tile does not hold %u hashes", width);
		buf_add(ret_bytes, answer.body.data, wanted);
		return true;
	}
}

static bool look_at_log(const struct doctor *doctor, struct visit *visit, struct receipts **ret_receipts,
			struct err *err) {
	static const char path[] = "/log/checkpoint";
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	if (!receipts_open(doctor->home, doctor->enrolment->vkey, ret_receipts, err))
		return false;
	(*ret_receipts)->get = fetch_tile;
	(*ret_receipts)->context = visit;
	return visit_open(doctor, visit, err) && get(visit, path, &answer, err) && http_is_ok(&answer, path, err) &&
	       receipts_continue(*ret_receipts, &answer.body, err);
}

void doctor_log(struct doctor *doctor) {
	CLEANUP(visit_done) struct visit visit = {0};
	CLEANUP(receipts_close_p) struct receipts *receipts = NULL;
	struct err err;
	if (doctor->is_out_of_reach)
		return;
	if (look_at_log(doctor, &visit, &receipts, &err))
		doctor_say(doctor, DOCTOR_OK, NULL, "the log's checkpoint verifies%s",
			   receipts->has_last ? ", and continues what this host saw of it" : "");
	else if (receipts && receipts->is_contradicted)
		doctor_say(doctor, DOCTOR_PROBLEM, "keep receipts/, and ask who answers for the collector",
			   "the log contradicts what this host saw of it: %s", err.why);
	else if (err.code == ERR_IO || err.code == ERR_TIMEOUT)
		doctor_say_err(doctor, DOCTOR_WARNING, NULL, &err);
	else
		doctor_say_err(doctor, DOCTOR_PROBLEM, "ask who answers for the collector", &err);
}

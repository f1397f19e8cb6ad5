#include "agent/ship.h"

#include <openssl/rand.h>

#include "agent/standing.h"
#include "core/gzip.h"
#include "core/lines.h"
#include "core/statement.h"
#include "core/times.h"

#define PATH "/v1/statements"
#define LOG_FILE_LARGEST 65536U /* a checkpoint, a tile */
#define DELAY_LONGEST_S 300
#define RETRY_AFTER_LONGEST_S 3600

/* Statements on their way: the request's body, and of each its name and envelope. */
struct batch {
	struct buf body;
	size_t count;
	char *names[SHIP_LINES_MOST];
	struct dsse *envelopes[SHIP_LINES_MOST];
};

static void batch_done(struct batch *batch) {
	for (size_t i = 0; i < batch->count; i++) {
		free(batch->names[i]);
		dsse_free(batch->envelopes[i]);
	}
	buf_done(&batch->body);
}

/* A file of the collector's log: "/log/checkpoint", "/log/tile/...". */
static bool ask_log(struct shipper *shipper, const char *path, struct http_answer *answer, struct err *err) {
	const struct http_request request = {.path = path};
	if (!shipper->folder)
		return http_ask(shipper->http, &request, answer, err);
	CLEANUP(free_ptr) char *file = xasprintf("%s%s", shipper->folder, path);
	struct err why;
	answer->status = 200;
	if (file_read_plain(file, LOG_FILE_LARGEST, &answer->body, &why))
		return true;
	answer->status = 404;
	*err = why;
	return why.code == ERR_ABSENT;
}

/* One tile of the log. A partial one goes when the full one has come; then the full one begins with its hashes. */
static bool fetch_tile(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes,
		       struct err *err) {
	struct shipper *shipper = context;
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	char name[TILE_PATH_LONGEST];
	const size_t wanted = (size_t)width * HASH_LEN;
	CLEANUP(free_ptr) char *path = xasprintf("/log/%s", tile_path(level, index, width, name));
	if (!ask_log(shipper, path, &answer, err))
		return false;
	if (answer.status == 404 && width < TILE_WIDTH) {
		CLEANUP(free_ptr) char *full = xasprintf("/log/%s", tile_path(level, index, TILE_WIDTH, name));
		http_answer_done(&answer);
		if (!ask_log(shipper, full, &answer, err))
			return false;
	}
	if (!http_is_ok(&answer, path, err))
		return false;
	if (answer.body.len < wanted)
		return err_set(err, ERR_REFUSED, path, "the tile does not hold %u hashes", width);
	buf_add(ret_bytes, answer.body.data, wanted);
	return true;
}

static bool count_set_aside(struct shipper *shipper, struct err *err) {
	CLEANUP(spool_list_done) struct spool_list refused = {0};
	if (!spool_list(shipper->home->refused, &refused, err))
		return false;
	shipper->set_aside = refused.count;
	return true;
}

/* A connection with the certificate in use; libcurl reads it once. */
static bool connect_with(struct shipper *shipper, struct err *err) {
	const struct http_peer peer = {.base = shipper->enrolment->collector,
				       .ca = shipper->home->ca,
				       .certificate = renewal_certificate(shipper->renewal),
				       .key = shipper->home->transport_key,
				       .ends = shipper->ends};
	struct http *http;
	if (!http_open(&peer, &http, err))
		return false;
	http_close(shipper->http);
	shipper->http = http;
	return true;
}

bool shipper_open_offline(const struct home *home, const struct enrolment *enrolment, struct shipper **ret_shipper,
			  struct err *err) {
	CLEANUP(shipper_close_p) struct shipper *shipper = xcalloc(1, sizeof *shipper);
	*shipper = (struct shipper){.home = home, .enrolment = enrolment, .lock = -1};
	if (!home_make(home, err) || !home_lock_shipping(home, &shipper->lock, err) || !count_set_aside(shipper, err) ||
	    !home_sweep(home->receipts, ".tmp-", err) || !home_sweep(home->refused, ".tmp-", err) ||
	    !receipts_open(home, enrolment->vkey, &shipper->receipts, err))
		return false;
	shipper->receipts->get = fetch_tile;
	shipper->receipts->context = shipper;
	*ret_shipper = shipper;
	shipper = NULL;
	return true;
}

bool shipper_open(const struct home *home, const struct enrolment *enrolment, const sigset_t *ends,
		  struct shipper **ret_shipper, struct err *err) {
	CLEANUP(shipper_close_p) struct shipper *shipper = NULL;
	CLEANUP(key_free_p) EVP_PKEY *transport = NULL;
	if (!key_load(home->transport_key, &transport, err) || !shipper_open_offline(home, enrolment, &shipper, err) ||
	    !renewal_open(home, enrolment, transport, &shipper->renewal, err))
		return false;
	shipper->ends = ends;
	if (!connect_with(shipper, err))
		return false;
	*ret_shipper = shipper;
	shipper = NULL;
	return true;
}

bool ship_should_renew(const struct shipper *shipper) { return times_now() >= renewal_due(shipper->renewal); }

bool ship_renew(struct shipper *shipper, struct err *err) {
	return renewal_try(shipper->renewal, shipper->ends, err) && connect_with(shipper, err);
}

void shipper_close(struct shipper *shipper) {
	if (!shipper)
		return;
	http_close(shipper->http);
	receipts_close(shipper->receipts);
	renewal_free(shipper->renewal);
	close_fd(&shipper->lock);
	free(shipper);
}

/* Behind this entry of the queue a round is needed that carries everything. */
static bool ask_for_all(struct shipper *shipper, const char *name, struct err *err) {
	int64_t sequence = strtoll(name, NULL, 10);
	if (sequence <= shipper->asked)
		return true;
	if (!standing_ask(shipper->home, sequence, err))
		return false;
	shipper->asked = sequence;
	return true;
}

/* What is missing from the line now the next full round says. */
static bool move_aside(struct shipper *shipper, const char *name, const char *why, struct shipped *shipped,
		       struct err *err) {
	if (!ask_for_all(shipper, name, err) || !spool_refuse(shipper->home, name, why, err))
		return false;
	shipped->refused++;
	snprintf(shipped->refused_why, sizeof shipped->refused_why, "%s: %s", name, why);
	return true;
}

/* Add an entry of the queue. One that is no wire line any more cannot be sent, ever: it is moved aside. */
static bool batch_add(struct shipper *shipper, struct batch *batch, const char *name, struct buf *line,
		      struct shipped *shipped, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	struct dsse *envelope;
	struct err why;
	if (!statement_wire_read(line->data, line->len, name, &envelope, &body, &why))
		return move_aside(shipper, name, why.why, shipped, err);
	statement_wire_write_short(envelope, body.data, body.len, &batch->body);
	batch->names[batch->count] = xstrdup(name);
	batch->envelopes[batch->count++] = envelope;
	return true;
}

static bool batch_read(struct shipper *shipper, struct batch *batch, struct shipped *shipped, struct err *err) {
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	if (!spool_list(shipper->home->queue, &queue, err))
		return false;
	size_t taken = 0;
	for (; taken < queue.count && batch->count < SHIP_LINES_MOST; taken++) {
		CLEANUP(free_ptr) char *path = file_join(shipper->home->queue, queue.names[taken]);
		CLEANUP(buf_done) struct buf line = {0};
		if (!file_read_plain(path, SPOOL_LINE_LARGEST, &line, err))
			return false;
		if (batch->count && batch->body.len + line.len > SHIP_BYTES_MOST)
			break;
		if (!batch_add(shipper, batch, queue.names[taken], &line, shipped, err))
			return false;
	}
	shipped->more = taken < queue.count;
	return true;
}

/* The answer names the statement that was sent; a refusal of what could not be decoded names none. */
static bool is_about(const json_t *answer, const struct dsse *envelope, bool may_be_empty, struct err *err) {
	const char *text;
	char hex[HASH_HEX];
	struct hash digest = dsse_digest(envelope);
	if (!json_get_string(answer, "digest", PATH, &text, err))
		return false;
	if (!strcmp(text, hash_hex(&digest, hex)) || (may_be_empty && !*text))
		return true;
	return err_set(err, ERR_REFUSED, PATH, "an answer for another statement than the one sent");
}

/* Before a refusal is believed: a collector whose log was set back does not know what it refuses, or puts off. */
static bool see_log(struct shipper *shipper, struct err *err) {
	static const char path[] = "/log/checkpoint";
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	if (shipper->is_log_seen || !shipper->receipts->has_last)
		return true;
	shipper->is_log_seen = ask_log(shipper, path, &answer, err) && http_is_ok(&answer, path, err) &&
			       receipts_continue(shipper->receipts, &answer.body, err);
	return shipper->is_log_seen;
}

static bool is_incomplete(const json_t *answer) {
	const char *state = json_string_value(json_object_get(answer, "state"));
	return state && !strcmp(state, "incomplete");
}

/* Online the connection says who refuses; a folder's word is believed by who was told to. */
static bool settle_refused(struct shipper *shipper, const char *name, const char *reason, struct shipped *shipped,
			   struct err *err) {
	if (!shipper->leaves_refused)
		return see_log(shipper, err) && move_aside(shipper, name, reason, shipped, err);
	shipped->refused++;
	snprintf(shipped->refused_why, sizeof shipped->refused_why, "%s: %s", name, reason);
	return true;
}

bool ship_settle(struct shipper *shipper, const char *name, const struct dsse *envelope, const json_t *answer,
		 struct shipped *shipped, struct err *err) {
	const char *outcome, *receipt;
	if (!json_get_string(answer, "outcome", PATH, &outcome, err))
		return false;
	const char *reason = json_string_value(json_object_get(answer, "reason"));
	bool is_refused = !strcmp(outcome, "refused");
	if (!reason)
		reason = "no reason given";
	if (!strcmp(outcome, "retry")) /* it may have been set back */
		return see_log(shipper, err) &&
		       err_set(err, ERR_TIMEOUT, PATH, "the collector asks to send it later: %s", reason);
	if (!is_refused && strcmp(outcome, "logged") != 0 && strcmp(outcome, "known") != 0)
		return err_set(err, ERR_MALFORMED, PATH, "an outcome that this version does not know: %s", outcome);
	if (!is_about(answer, envelope, is_refused, err))
		return false;
	if (is_refused)
		return settle_refused(shipper, name, reason, shipped, err);
	if (!json_get_string(answer, "receipt", PATH, &receipt, err) ||
	    (is_incomplete(answer) && !ask_for_all(shipper, name, err)) ||
	    !receipt_keep(shipper->receipts, envelope, receipt, err) || !spool_remove(shipper->home, name, err))
		return false;
	shipped->stored++;
	return true;
}

static bool settle_all(struct shipper *shipper, const struct batch *batch, const struct buf *answers,
		       struct shipped *shipped, struct err *err) {
	struct lines lines = lines_over(PATH, answers->data, answers->len);
	bool ok = true;
	size_t count = 0;
	for (; ok && count < batch->count; count++) {
		CLEANUP(json_decref_p) json_t *answer = NULL;
		const char *line = lines_next(&lines);
		if (!line) {
			ok = lines_ok(&lines, err) &&
			     err_set(err, ERR_MALFORMED, PATH, "%zu answers to %zu statements", count, batch->count);
			break;
		}
		ok = json_read(line, strlen(line), LINES_LONGEST, PATH, &answer, err) &&
		     ship_settle(shipper, batch->names[count], batch->envelopes[count], answer, shipped, err);
	}
	if (ok && lines_next(&lines))
		ok = err_set(err, ERR_MALFORMED, PATH, "more answers than the %zu statements", batch->count);
	lines_done(&lines);
	return ok;
}

bool ship(struct shipper *shipper, struct shipped *ret_shipped, struct err *err) {
	CLEANUP(batch_done) struct batch batch = {0};
	CLEANUP(buf_done) struct buf packed = {0};
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	*ret_shipped = (struct shipped){0};
	shipper->is_log_seen = false;
	shipper->receipts->is_contradicted = false;
	if (!batch_read(shipper, &batch, ret_shipped, err))
		return false;
	if (!batch.count)
		return true;
	gzip_write(batch.body.data, batch.body.len, &packed);
	const struct http_request request = {.path = PATH,
					     .content_type = "application/x-ndjson",
					     .is_gzip = true,
					     .body = packed.data,
					     .len = packed.len};
	if (!http_ask(shipper->http, &request, &answer, err))
		return false;
	ret_shipped->retry_after = answer.retry_after;
	ret_shipped->is_ended = answer.status == 403;
	return http_is_ok(&answer, PATH, err) && settle_all(shipper, &batch, &answer.body, ret_shipped, err);
}

uint64_t ship_delay(unsigned failures, int64_t retry_after) {
	uint32_t random = 0;
	int64_t seconds = failures < 10 ? (int64_t)1 << (failures ? failures - 1 : 0) : DELAY_LONGEST_S;
	if (seconds > DELAY_LONGEST_S)
		seconds = DELAY_LONGEST_S;
	if (retry_after > RETRY_AFTER_LONGEST_S)
		retry_after = RETRY_AFTER_LONGEST_S;
	if (RAND_bytes((unsigned char *)&random, sizeof random) != 1)
		random = 0;
	uint64_t half = (uint64_t)seconds * 500000, delay = half + half * (random >> 16) / 65536;
	uint64_t least = retry_after > 0 ? (uint64_t)retry_after * 1000000 : 0;
	return delay > least ? delay : least;
}

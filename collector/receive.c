#include "collector/receive.h"

#include "collector/index.h"
#include "collector/keep.h"
#include "core/base64.h"

static void batch_done(struct batch *batch) {
	for (size_t i = 0; i < batch->count; i++) {
		received_done(&batch->items[i].received);
		free(batch->items[i].reason);
		keep_note(&batch->items[i], NULL, NULL, NULL);
	}
	free(batch->items);
	state_free(batch->own_state);
	store_line_done(&batch->line);
}

/* --- verify ------------------------------------------------------------------------------------------------------- */

static struct item *find_earlier(const struct batch *batch, const struct item *item) {
	for (struct item *at = batch->items; at < item; at++)
		if (!strcmp(at->digest, item->digest) && !at->same && at->outcome != OUTCOME_REFUSED)
			return at;
	return NULL;
}

/* Final, and found: of one that comes again once. */
static void refuse(struct item *item, const char *kind, const struct err *err) {
	item->outcome = OUTCOME_REFUSED;
	item->reason = verify_reason(&item->received, err);
	keep_note(item, kind, xstrdup(item->reason), xstrdup(item->digest[0] ? item->digest : item->reason));
}

/* Behind a gap, or a round. */
static void advance_state(struct batch *batch, struct received *r) {
	state_free(batch->own_state);
	batch->known = r->state ? STORE_KNOWN : STORE_INCOMPLETE;
	batch->own_state = r->state ? r->state : state_new();
	batch->state = batch->own_state;
	r->state = NULL;
}

/* The line as it stands behind an accepted statement. */
static void advance(struct batch *batch, struct item *item) {
	struct store_line *line = &batch->line;
	struct received *r = &item->received;
	if (r->is_gap || !strcmp(r->statement->type, "round"))
		advance_state(batch, r);
	if (line->id == 0 && line->sequence == 0) {
		snprintf(line->host, sizeof line->host, "%s", batch->peer->host);
		snprintf(line->transport, sizeof line->transport, "%s", batch->peer->transport);
		key_public_der(r->key, &line->evidence);
		line->started = batch->now;
		snprintf(line->purpose, sizeof line->purpose, "%s", r->statement->purpose ? r->statement->purpose : "");
		line->id = -1; /* it gets its number in the index */
	}
	if (r->epoch) {
		buf_done(&line->epoch);
		key_public_der(r->epoch, &line->epoch);
	}
	line->sequence = r->statement->sequence;
	snprintf(line->last, sizeof line->last, "%s", item->digest);
}

/* The key that a statement brings: an enrolment its own, an epoch the next. */
static bool is_key_free(struct batch *batch, struct item *item, bool *ret_is_free, struct err *err) {
	char keyid[HASH_HEX];
	struct hash id = key_id(item->received.epoch ? item->received.epoch : item->received.key);
	bool is_elsewhere = false;
	const char *host = item->received.epoch ? "" : batch->peer->host; /* an epoch's is new to this host as well */
	if ((batch->line.id == 0 || item->received.epoch) &&
	    !store_key_elsewhere(batch->store, hash_hex(&id, keyid), host, &is_elsewhere, err))
		return false;
	*ret_is_free = !is_elsewhere;
	return true;
}

static bool find_entry(struct batch *batch, struct item *item, struct err *err) {
	struct hash leaf = merkle_leaf(item->received.entry.data, item->received.entry.len);
	if (!store_orphan_find(batch->store, &leaf, &item->index, err))
		return false;
	item->is_adopted = item->index >= 0;
	return true;
}

/* --- the checkpoint that a statement names ------------------------------------------------------------------------ */

static void set_back(struct batch *batch, struct item *item, unsigned long long size) {
	batch->is_set_back = true;
	item->outcome = OUTCOME_RETRY;
	item->reason =
		xasprintf("this collector was set back: its log has %llu entries, and the statement knows of %llu",
			  (unsigned long long)log_size(batch->log), size);
	keep_note(item, "set-back", xstrdup(item->reason), xasprintf("%llu", size));
}

/* Same origin, and a size that we have: it has to be our root. */
static bool check_root(struct batch *batch, struct item *item, uint64_t size, struct err *err) {
	const char *root = json_string_value(json_object_get(item->received.statement->checkpoint, "root"));
	struct hash ours;
	if (!log_root(batch->log, size, &ours, err))
		return false;
	CLEANUP(free_ptr) char *text = base64_encode(ours.bytes, sizeof ours.bytes);
	if (root && !strcmp(root, text))
		return true;
	char *found = xasprintf("it was shown another log of our name: of %llu entries its root is %.64s, ours %s",
				(unsigned long long)size, root ? root : "", text);
	keep_note(item, "log", found, xstrdup(found));
	return true;
}

/* False only when the log fails. */
static bool check_checkpoint(struct batch *batch, struct item *item, struct err *err) {
	const json_t *checkpoint = item->received.statement->checkpoint;
	const char *origin = json_string_value(json_object_get(checkpoint, "origin"));
	const json_int_t size = json_integer_value(json_object_get(checkpoint, "size"));
	if (!origin || size < 0)
		return true;
	if (strcmp(origin, log_origin(batch->log)) != 0) {
		char *found = xasprintf("it names a checkpoint of another log, \"%.128s\"", origin);
		keep_note(item, "log", found, xstrdup(found));
		return true;
	}
	if ((uint64_t)size <= log_size(batch->log))
		return check_root(batch, item, (uint64_t)size, err);
	set_back(batch, item, (unsigned long long)size);
	return true;
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

/* Whether another statement of the line has the number of this one: otherwise it is missing, for good. */
static bool is_number_used(struct batch *batch, const struct item *item, bool *ret_is_used, struct err *err) {
	const int64_t number = item->received.statement->sequence;
	for (const struct item *at = batch->items; at < item; at++) {
		if (at->outcome == OUTCOME_ACCEPTED && !at->same && at->received.statement->sequence == number) {
			*ret_is_used = true;
			return true;
		}
	}
	return store_number_is_used(batch->store, batch->line.id, number, ret_is_used, err);
}

/* The number that named the epoch whose key signed, where that is one of the line that has ended; else 0. */
static bool find_ended_epoch(struct batch *batch, const struct item *item, int64_t *ret_number, struct err *err) {
	const struct dsse *envelope = item->received.envelope;
	CLEANUP(buf_done) struct buf der = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	struct err ignored;
	int64_t number = 0;
	if (envelope->signature_count > 0 &&
	    !store_epoch_of_key(batch->store, batch->line.id, envelope->signatures[0].keyid, &number, &der, err))
		return false;
	if (number > 0 &&
	    (!key_from_public_der(der.data, der.len, "epoch key", &key, &ignored) || !dsse_signature_by(envelope, key)))
		number = 0;
	*ret_number = number;
	return true;
}

/* False only when the store fails. */
static bool refuse_unverified(struct batch *batch, struct item *item, struct err *fault, struct err *err) {
	bool is_fork = verify_is_fork(&item->received);
	int64_t epoch = 0;
	if (!strcmp(item->received.step, "signature") && !find_ended_epoch(batch, item, &epoch, err))
		return false;
	if (epoch > 0) {
		is_fork = true;
		err_set(fault, ERR_REFUSED, "",
			"a fork in the chain: by the key of the epoch that number %lld began, which has ended",
			(long long)epoch);
	}
	if (!strcmp(item->received.step, "sequence")) {
		if (!is_number_used(batch, item, &is_fork, err))
			return false;
		if (!is_fork)
			err_set(fault, ERR_REFUSED, "", "number %lld comes too late: it is missing for good",
				(long long)item->received.statement->sequence);
	}
	refuse(item, is_fork ? "fork" : "refused", fault);
	return true;
}

static void refuse_key(struct item *item) {
	struct err fault;
	const bool is_epoch = item->received.epoch != NULL;
	err_set(&fault, ERR_REFUSED, "",
		is_epoch ? "its key is not a new one" : "the evidence key is another host's, or was revoked");
	item->received.step = is_epoch ? "epoch" : "enrolment";
	refuse(item, "refused", &fault);
}

/* False only when store or log fail. */
static bool judge_new(struct batch *batch, struct item *item, struct err *err) {
	const struct verify_at at = {batch->peer, &batch->line, batch->known, batch->state};
	struct err fault;
	bool is_free;
	if (!verify(&at, &item->received, &fault))
		return refuse_unverified(batch, item, &fault, err);
	if (!is_key_free(batch, item, &is_free, err))
		return false;
	if (!is_free) {
		refuse_key(item);
		return true;
	}
	if (!check_checkpoint(batch, item, err))
		return false;
	if (item->outcome == OUTCOME_RETRY)
		return true;
	advance(batch, item);
	return find_entry(batch, item, err);
}

static bool judge_line(struct batch *batch, struct item *item, const char *line, size_t len, struct err *err) {
	struct err fault;
	char host[STORE_HOST_ID];
	item->index = -1;
	if (!verify_decode(line, len, &item->received, &fault)) {
		refuse(item, "refused", &fault);
		return true;
	}
	hash_hex(&item->received.digest, item->digest);
	if (!store_statement_index(batch->store, item->digest, &item->index, host, err))
		return false;
	if (item->index >= 0 && !strcmp(host, batch->peer->host)) {
		item->outcome = OUTCOME_KNOWN;
		return true;
	}
	item->index = -1;
	item->same = find_earlier(batch, item);
	if (!item->same && batch->is_set_back) {
		item->outcome = OUTCOME_RETRY;
		item->reason = xstrdup("this collector was set back");
		return true;
	}
	return item->same || judge_new(batch, item, err);
}

static void put_off(struct batch *batch, const struct err *err) {
	char text[sizeof err->where + sizeof err->why + 64];
	err_text(err, text, sizeof text);
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		if (item->outcome != OUTCOME_ACCEPTED)
			continue;
		item->outcome = OUTCOME_RETRY;
		free(item->reason);
		item->reason = xasprintf("not kept: %s", text);
	}
}

/* --- answer ------------------------------------------------------------------------------------------------------- */

static bool add_receipt(struct batch *batch, json_t *answer, int64_t index, struct err *err) {
	struct proof proof;
	CLEANUP(buf_done) struct buf text = {0};
	if (!log_prove(batch->log, (uint64_t)index, &proof, err))
		return false;
	proof_write(&proof, &text);
	proof_done(&proof);
	json_object_set_new(answer, "receipt", json_string(buf_str(&text)));
	return true;
}

static void count_outcome(struct receive_tally *tally, enum outcome outcome, bool is_same) {
	if (outcome == OUTCOME_ACCEPTED && !is_same)
		tally->logged++;
	else if (outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_KNOWN)
		tally->known++;
	else if (outcome == OUTCOME_REFUSED)
		tally->refused++;
	else
		tally->retry++;
}

static bool answer_item(struct batch *batch, const struct item *item, struct receive_tally *tally, struct buf *answers,
			struct err *err) {
	static const char *const names[] = {
		[OUTCOME_ACCEPTED] = "logged",
		[OUTCOME_KNOWN] = "known",
		[OUTCOME_REFUSED] = "refused",
		[OUTCOME_RETRY] = "retry",
	};
	const struct item *of = item->same ? item->same : item;
	enum outcome outcome = of->outcome;
	struct err fault;
	CLEANUP(json_decref_p) json_t *answer = json_object();
	json_object_set_new(answer, "digest", json_string(item->digest));
	if (of->reason)
		json_object_set_new(answer, "reason", json_text(of->reason));
	if ((outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_KNOWN) &&
	    !add_receipt(batch, answer, of->index, &fault)) {
		outcome = OUTCOME_RETRY;
		json_object_set_new(answer, "reason", json_text(fault.why));
	}
	if (batch->known == STORE_INCOMPLETE && (outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_KNOWN))
		json_object_set_new(answer, "state", json_string("incomplete"));
	bool is_again = item->same && outcome == OUTCOME_ACCEPTED;
	json_object_set_new(answer, "outcome", json_string(is_again ? "known" : names[outcome]));
	count_outcome(tally, outcome, item->same != NULL);
	if (!json_canonical(answer, answers, err))
		return false;
	buf_adds(answers, "\n");
	return true;
}

/* --- the story ---------------------------------------------------------------------------------------------------- */

bool receive_adopt(struct store *store, struct log *log, struct err *err) {
	int64_t next;
	if (!store_next_index(store, &next, err))
		return false;
	if (next > (int64_t)log_size(log))
		return err_set(err, ERR_REFUSED, "log",
			       "it has %llu entries and the store knows of %lld: part is missing",
			       (unsigned long long)log_size(log), (long long)next);
	if (next == (int64_t)log_size(log))
		return true;
	bool is_done = store_begin(store, err);
	for (; is_done && next < (int64_t)log_size(log); next++) {
		struct hash leaf;
		is_done = log_leaf(log, (uint64_t)next, &leaf, err) && store_orphan_add(store, &leaf, next, err);
	}
	if (is_done && store_commit(store, err))
		return true;
	store_rollback(store);
	return false;
}

static bool count_lines(const char *lines, size_t len, size_t *ret_count, struct err *err) {
	size_t count = 0;
	for (const char *at = lines, *end = lines + len; at < end; count++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		if ((size_t)(stop - at) > RECEIVE_LINE_LARGEST)
			return err_set(err, ERR_TOO_BIG, "request", "a line is larger than the cap of %u bytes",
				       RECEIVE_LINE_LARGEST);
		at = newline ? newline + 1 : end;
	}
	if (count > RECEIVE_LINES_MOST)
		return err_set(err, ERR_TOO_BIG, "request", "more than %d lines", RECEIVE_LINES_MOST);
	if (count == 0)
		return err_set(err, ERR_MALFORMED, "request", "there is no line");
	*ret_count = count;
	return true;
}

/* Where the peer's line stands. */
static bool begin(struct batch *batch, struct err *err) {
	const struct store_current *current;
	bool is_revoked = false;
	if (!store_line_of(batch->store, batch->peer->transport, &batch->line, err) ||
	    (batch->line.id == 0 &&
	     !store_certificate_revoked(batch->store, batch->peer->host, batch->peer->transport, &is_revoked, err)))
		return false;
	if (is_revoked)
		return err_set(err, ERR_DENIED, "certificate",
			       "the host was revoked after this certificate was issued");
	if (batch->line.ended != 0)
		return err_set(err, ERR_DENIED, "certificate",
			       "this line has ended: the host was enrolled anew, or revoked");
	if (!store_current(batch->store, batch->line.id, &current, err))
		return false;
	batch->known = current->known;
	batch->state = current->state;
	return true;
}

static bool judge_lines(struct batch *batch, const char *lines, size_t len, struct err *err) {
	const char *at = lines, *end = lines + len;
	for (size_t i = 0; i < batch->count; i++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		if (!judge_line(batch, &batch->items[i], at, (size_t)(stop - at), err))
			return false;
		at = stop + 1;
	}
	return true;
}

bool receive(struct store *store, struct log *log, const struct peer *peer, const char *lines, size_t len, int64_t now,
	     struct receive_tally *tally, struct buf *answers, struct err *err) {
	CLEANUP(batch_done) struct batch batch = {.store = store, .log = log, .peer = peer, .now = now};
	struct err fault;
	size_t count;
	if (!count_lines(lines, len, &count, err) || !receive_adopt(store, log, err) ||
	    !index_catch_up(store, NULL, NULL, err) || !begin(&batch, err))
		return false;
	batch.items = xcalloc(count, sizeof *batch.items);
	batch.count = count;
	if (!judge_lines(&batch, lines, len, err))
		return false;
	if (!keep(&batch, &fault))
		put_off(&batch, &fault);
	for (size_t i = 0; i < batch.count; i++)
		if (!answer_item(&batch, &batch.items[i], tally, answers, err))
			return false;
	return true;
}

#include "collector/receive.h"

#include "collector/index.h"

enum outcome { OUTCOME_ACCEPTED, OUTCOME_KNOWN, OUTCOME_REFUSED, OUTCOME_RETRY };

struct item { /* one line of the request */
	struct received received;
	enum outcome outcome;
	char digest[HASH_HEX];
	char *reason;
	int64_t index;     /* in the log; -1: not yet */
	bool is_adopted;   /* the entry was there before the store knew the statement */
	bool is_break;     /* it was refused for a gap or a fork */
	int64_t event;     /* its place in the evidence; 0: it has none */
	struct item *same; /* an earlier line of this request with the same digest */
};

struct batch {
	struct store *store;
	struct log *log;
	const struct peer *peer;
	int64_t now;
	struct store_line line; /* as it stands after what was accepted so far */
	struct item *items;
	size_t count;
};

static void batch_done(struct batch *batch) {
	for (size_t i = 0; i < batch->count; i++) {
		received_done(&batch->items[i].received);
		free(batch->items[i].reason);
	}
	free(batch->items);
	store_line_done(&batch->line);
}

/* --- verify ------------------------------------------------------------------------------------------------------- */

static struct item *find_earlier(const struct batch *batch, const struct item *item) {
	for (struct item *at = batch->items; at < item; at++)
		if (!strcmp(at->digest, item->digest) && !at->same && at->outcome != OUTCOME_REFUSED)
			return at;
	return NULL;
}

static void refuse(struct item *item, const struct err *err) {
	item->outcome = OUTCOME_REFUSED;
	item->reason = verify_reason(&item->received, err);
}

/* The line as it stands behind an accepted statement. */
static void advance(struct batch *batch, const struct item *item) {
	struct store_line *line = &batch->line;
	const struct received *r = &item->received;
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

/* False only when the store fails. */
static bool judge_new(struct batch *batch, struct item *item, struct err *err) {
	struct err fault;
	bool is_free;
	if (!verify(batch->peer, &batch->line, &item->received, &fault)) {
		item->is_break = verify_is_break(&item->received);
		refuse(item, &fault);
		return true;
	}
	if (!is_key_free(batch, item, &is_free, err))
		return false;
	if (!is_free) {
		err_set(&fault, ERR_REFUSED, "",
			item->received.epoch ? "its key is not a new one" : "the evidence key is another host's");
		item->received.step = item->received.epoch ? "epoch" : "enrolment";
		refuse(item, &fault);
		return true;
	}
	item->outcome = OUTCOME_ACCEPTED;
	advance(batch, item);
	return find_entry(batch, item, err);
}

static bool judge_line(struct batch *batch, struct item *item, const char *line, size_t len, struct err *err) {
	struct err fault;
	char host[STORE_HOST_ID];
	item->index = -1;
	if (!verify_decode(line, len, &item->received, &fault)) {
		refuse(item, &fault);
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
	return item->same || judge_new(batch, item, err);
}

/* --- log ---------------------------------------------------------------------------------------------------------- */

static bool log_items(struct batch *batch, struct err *err) {
	struct log_entry *entries = xcalloc(batch->count, sizeof *entries);
	uint64_t first = 0;
	size_t count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		if (item->outcome == OUTCOME_ACCEPTED && !item->same && item->index < 0)
			entries[count++] = (struct log_entry){item->received.entry.data, item->received.entry.len};
	}
	bool is_logged = count == 0 || log_append(batch->log, entries, count, &first, err);
	free(entries);
	for (size_t i = 0; is_logged && i < batch->count; i++) {
		struct item *item = &batch->items[i];
		if (item->outcome == OUTCOME_ACCEPTED && !item->same && item->index < 0)
			item->index = (int64_t)first++;
	}
	return is_logged;
}

/* --- store -------------------------------------------------------------------------------------------------------- */

static bool store_one(struct batch *batch, struct item *item, struct err *err) {
	const struct received *r = &item->received;
	char body_sha256[HASH_HEX];
	CLEANUP(buf_done) struct buf envelope = {0};
	dsse_write(r->envelope, &envelope);
	struct store_evidence evidence = {
		.index = item->index,
		.digest = item->digest,
		.received = batch->now,
		.body_sha256 = hash_hex(&r->statement->body_sha256, body_sha256),
		.envelope = envelope.data,
		.envelope_len = envelope.len,
	};
	if (!store_evidence_add(batch->store, &evidence, buf_str(&r->body), r->body.len, err))
		return false;
	item->event = evidence.event;
	return !item->is_adopted || store_orphan_remove(batch->store, item->index, err);
}

/* A refusal is found, not forgotten. */
static bool note_one(struct batch *batch, struct item *item, struct err *err) {
	struct store_note note = {.host = batch->peer->host,
				  .kind = "fork",
				  .at = batch->now,
				  .text = item->reason,
				  .statement = item->digest};
	if (!store_note_add(batch->store, &note, err))
		return false;
	item->event = note.event;
	return true;
}

static bool store_items(struct batch *batch, struct err *err) {
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		if (item->outcome == OUTCOME_ACCEPTED && !item->same && !store_one(batch, item, err))
			return false;
		if (item->is_break && !note_one(batch, item, err))
			return false;
	}
	return true;
}

static bool index_one(struct batch *batch, const struct item *item, struct err *err) {
	if (item->is_break) {
		const struct store_note note = {item->event, batch->now,   batch->peer->host,
						"fork",      item->reason, item->digest};
		return index_note(batch->store, &note, err);
	}
	const struct index_statement kept = {
		item->event, item->index, batch->now, item->digest, item->received.statement, item->received.document};
	return index_statement(batch->store, &kept, err);
}

static bool index_items(struct batch *batch, struct err *err) {
	for (size_t i = 0; i < batch->count; i++)
		if (batch->items[i].event && !index_one(batch, &batch->items[i], err))
			return false;
	return true;
}

/* What is evidence is kept, whether it can be derived from now or not: the next request begins with what is behind. */
static void derive(struct batch *batch) {
	struct err ignored;
	if (!store_begin(batch->store, &ignored) || !index_items(batch, &ignored) ||
	    !store_commit(batch->store, &ignored))
		store_rollback(batch->store);
}

static bool keep(struct batch *batch, struct err *err) {
	if (!log_items(batch, err))
		return false;
	if (store_begin(batch->store, err) && store_items(batch, err) && store_commit(batch->store, err)) {
		derive(batch);
		return true;
	}
	store_rollback(batch->store);
	return false;
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
	    !index_catch_up(store, NULL, NULL, err) || !store_line_of(store, peer->transport, &batch.line, err))
		return false;
	if (batch.line.ended != 0)
		return err_set(err, ERR_DENIED, "certificate",
			       "this line has ended: the host was enrolled anew, or revoked");
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

#include "collector/receive.h"

#include "core/times.h"

enum outcome { OUTCOME_ACCEPTED, OUTCOME_KNOWN, OUTCOME_REFUSED, OUTCOME_RETRY };

struct item { /* one line of the request */
	struct received received;
	enum outcome outcome;
	char digest[HASH_HEX];
	char *reason;
	int64_t index;     /* in the log; -1: not yet */
	bool is_adopted;   /* the entry was there before the store knew the statement */
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
	bool has_break;
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
		line->id = -1; /* it gets its number when it is stored */
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
		batch->has_break |= verify_is_break(&item->received);
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

static int64_t instant_of(const json_t *object, const char *name) {
	int64_t instant = 0;
	const char *text = json_string_value(json_object_get(object, name));
	return text && times_parse(text, &instant) ? instant : 0;
}

static void join_controls(const json_t *result, struct buf *text) {
	size_t index;
	const json_t *control;
	json_array_foreach(json_object_get(result, "controls"), index, control)
		buf_addf(text, "%s%s", index ? "," : "", json_string_value(control));
}

static bool store_one_result(struct batch *batch, const struct item *item, const json_t *result, struct err *err) {
	CLEANUP(buf_done) struct buf controls = {0};
	CLEANUP(buf_done) struct buf text = {0};
	if (!json_canonical(result, &text, err))
		return false;
	join_controls(result, &controls);
	const struct store_result row = {
		.host = batch->peer->host,
		.rule = json_string_value(json_object_get(result, "rule")),
		.verdict = json_string_value(json_object_get(result, "verdict")),
		.kind = json_string_value(json_object_get(result, "kind")),
		.severity = json_string_value(json_object_get(result, "severity")),
		.controls = buf_str(&controls),
		.key = json_is_true(json_object_get(result, "key")),
		.collected = instant_of(result, "collectedAt"),
		.expires = instant_of(result, "expiresAt"),
		.received = batch->now,
		.waived_until = instant_of(json_object_get(result, "waiver"), "expiresAt"),
		.statement = item->digest,
		.json = buf_str(&text),
	};
	return store_result_put(batch->store, &row, err);
}

static bool store_round(struct batch *batch, const struct item *item, struct err *err) {
	size_t index;
	const json_t *result;
	json_array_foreach(json_object_get(item->received.document, "results"), index,
			   result) if (!store_one_result(batch, item, result, err)) return false;
	return !item->received.is_full ||
	       store_results_withdraw(batch->store, batch->peer->host, item->digest, batch->now, err);
}

static bool store_host_of(struct batch *batch, const struct statement *statement, struct err *err) {
	CLEANUP(buf_done) struct buf policies = {0};
	bool is_round = !strcmp(statement->type, "round");
	if (is_round && !json_canonical(statement->policies, &policies, err))
		return false;
	const struct store_host host = {
		.id = batch->peer->host,
		.name = statement->host_name,
		.os = statement->host_os,
		.environment = statement->environment,
		.policies = is_round ? buf_str(&policies) : NULL,
		.sequence = statement->sequence,
		.collected = is_round ? statement->finished_at : 0,
		.received = batch->now,
	};
	return store_host_put(batch->store, &host, err);
}

static bool store_epoch_of(struct batch *batch, const struct received *r, struct err *err) {
	CLEANUP(buf_done) struct buf der = {0};
	if (!r->epoch)
		return true;
	key_public_der(r->epoch, &der);
	const struct store_epoch epoch = {.line = batch->line.id,
					  .sequence = r->statement->sequence,
					  .started = batch->now,
					  .key = der.data,
					  .key_len = der.len,
					  .reason = r->statement->reason};
	return store_epoch_add(batch->store, &epoch, err);
}

static bool store_one(struct batch *batch, const struct item *item, struct err *err) {
	const struct received *r = &item->received;
	char body_sha256[HASH_HEX];
	CLEANUP(buf_done) struct buf envelope = {0};
	if (batch->line.id == -1 && !store_line_add(batch->store, &batch->line, err))
		return false;
	dsse_write(r->envelope, &envelope);
	const struct store_statement statement = {
		.index = item->index,
		.digest = item->digest,
		.host = batch->peer->host,
		.type = r->statement->type,
		.line = batch->line.id,
		.sequence = r->statement->sequence,
		.started = r->statement->started_at,
		.finished = r->statement->finished_at,
		.received = batch->now,
		.body_sha256 = hash_hex(&r->statement->body_sha256, body_sha256),
		.body_name = r->statement->body_name,
		.envelope = envelope.data,
		.envelope_len = envelope.len,
	};
	if (!store_statement_add(batch->store, &statement, buf_str(&r->body), r->body.len, err) ||
	    !store_epoch_of(batch, r, err) || !store_host_of(batch, r->statement, err) ||
	    (r->document && !store_round(batch, item, err)))
		return false;
	return !item->is_adopted || store_orphan_remove(batch->store, item->index, err);
}

static bool store_items(struct batch *batch, struct err *err) {
	bool has_any = false;
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		if (item->outcome != OUTCOME_ACCEPTED || item->same)
			continue;
		has_any = true;
		if (!store_one(batch, item, err))
			return false;
	}
	if (has_any && !store_line_move(batch->store, &batch->line, err))
		return false;
	return !batch->has_break || batch->line.id <= 0 || store_line_broke(batch->store, batch->line.id, err);
}

static bool keep(struct batch *batch, struct err *err) {
	if (!log_items(batch, err))
		return false;
	if (store_begin(batch->store, err) && store_items(batch, err) && store_commit(batch->store, err))
		return true;
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
	    !store_line_of(store, peer->transport, &batch.line, err))
		return false;
	if (batch.line.ended != 0)
		return err_set(err, ERR_DENIED, "certificate", "the host was enrolled anew; this line has ended");
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

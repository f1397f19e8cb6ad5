#include "collector/keep.h"

#include "collector/index.h"

void keep_note(struct item *item, const char *kind, char *text, char *same) {
	free(item->note.text);
	free(item->note.same);
	item->note.kind = kind;
	item->note.text = text;
	item->note.same = same;
}

static bool is_new(const struct item *item) { return item->outcome == OUTCOME_ACCEPTED && !item->same; }

/* --- log ---------------------------------------------------------------------------------------------------------- */

static bool log_items(struct batch *batch, struct err *err) {
	CLEANUP(free_ptr) struct log_entry *entries = xcalloc(batch->count, sizeof *entries);
	uint64_t first = 0;
	size_t count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		if (is_new(item) && item->index < 0)
			entries[count++] = (struct log_entry){item->received.entry.data, item->received.entry.len};
	}
	if (count > 0 && !log_append(batch->log, entries, count, &first, err))
		return false;
	for (size_t i = 0; i < batch->count; i++)
		if (is_new(&batch->items[i]) && batch->items[i].index < 0)
			batch->items[i].index = (int64_t)first++;
	return true;
}

/* --- evidence ----------------------------------------------------------------------------------------------------- */

static bool add_evidence(struct batch *batch, struct item *item, struct err *err) {
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

static struct store_note note_of(const struct batch *batch, const struct item *item) {
	return (struct store_note){item->note.event, batch->now,      batch->peer->host,
				   item->note.kind,  item->note.text, item->digest};
}

static bool add_note(struct batch *batch, struct item *item, struct err *err) {
	CLEANUP(buf_done) struct buf envelope = {0};
	struct store_note note = note_of(batch, item);
	if (!store_note_add(batch->store, &note, item->note.same, err))
		return false;
	item->note.event = note.event;
	if (item->outcome != OUTCOME_REFUSED || !item->received.envelope || !note.event)
		return true;
	dsse_write(item->received.envelope, &envelope);
	return store_refused_add(batch->store, batch->peer->host, item->digest, batch->now, &envelope, err);
}

static bool add_items(struct batch *batch, struct err *err) {
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		if ((is_new(item) && !add_evidence(batch, item, err)) ||
		    (item->note.kind && !add_note(batch, item, err)))
			return false;
	}
	return true;
}

/* --- index -------------------------------------------------------------------------------------------------------- */

static bool index_item(struct batch *batch, const struct item *item, struct err *err) {
	const struct index_statement kept = {
		item->event, item->index, batch->now, item->digest, item->received.statement, item->received.document};
	const struct store_note note = note_of(batch, item);
	return (!item->event || index_statement(batch->store, &kept, err)) &&
	       (!note.event || index_note(batch->store, &note, err));
}

static bool index_items(struct batch *batch, struct err *err) {
	for (size_t i = 0; i < batch->count; i++)
		if (!index_item(batch, &batch->items[i], err))
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

bool keep(struct batch *batch, struct err *err) {
	bool has_any = false;
	for (size_t i = 0; i < batch->count; i++)
		has_any |= is_new(&batch->items[i]) || batch->items[i].note.kind;
	if (!has_any)
		return true;
	if (!log_items(batch, err))
		return false;
	if (!store_begin(batch->store, err) || !add_items(batch, err) || !store_commit(batch->store, err)) {
		store_rollback(batch->store);
		return false;
	}
	derive(batch);
	return true;
}

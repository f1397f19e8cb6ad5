#include "collector/index.h"

#include "collector/rollup.h"
#include "collector/rounds.h"
#include "collector/store_approvals.h"
#include "collector/store_attestations.h"
#include "collector/store_changes.h"
#include "core/approval.h"
#include "core/base64.h"
#include "core/key.h"
#include "core/text.h"
#include "core/times.h"

#define EVENTS_A_BATCH 500 /* in one transaction of a replay */

int64_t index_instant(const json_t *object, const char *name) {
	int64_t instant = 0;
	const char *text = json_string_value(json_object_get(object, name));
	return text && times_parse(text, &instant) ? instant : 0;
}

void index_controls(const json_t *object, struct buf *text) {
	size_t index;
	const json_t *control;
	json_array_foreach(json_object_get(object, "controls"), index, control)
		buf_addf(text, "%s%s", index ? "," : "", json_string_value(control));
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

static bool find(struct store *store, const struct index_statement *kept, const char *kind, char *text,
		 struct err *err) {
	const struct store_finding finding = {.host = kept->statement->host_id,
					      .kind = kind,
					      .at = kept->received,
					      .text = text,
					      .statement = kept->digest};
	bool is_put = store_finding_put(store, &finding, err);
	free(text);
	return is_put;
}

/* line: as it was before. */
static bool find_gap(struct store *store, const struct index_statement *kept, const struct store_line *line,
		     struct err *err) {
	const long long first = line->sequence + 1, last = kept->statement->sequence - 1;
	if (last < first)
		return true;
	char *text = first == last ? xasprintf("number %lld of its chain is missing", first)
				   : xasprintf("numbers %lld to %lld of its chain are missing", first, last);
	return find(store, kept, "gap", text, err) && rounds_miss(store, line->host, line->id, err);
}

/* Said once, until the clock is right again. */
static bool find_clock(struct store *store, const struct index_statement *kept, struct store_line *line,
		       struct err *err) {
	const int64_t ahead = kept->statement->finished_at - kept->received;
	const bool was_ahead = line->is_ahead;
	line->is_ahead = ahead > ROLLUP_CLOCK_SLACK;
	if (!line->is_ahead || was_ahead)
		return true;
	return find(store, kept, "clock", xasprintf("its clock is %lld seconds ahead of ours", (long long)ahead), err);
}

struct stands { /* whether something of a host's results does, then */
	int64_t at;
	bool is_any;
};

static bool look_at(void *context, const struct store_result *result) {
	struct stands *stands = context;
	stands->is_any |= result->expires >= stands->at;
	return !stands->is_any;
}

/* A line of a host that has one; before the new one is there. */
static bool find_reset(struct store *store, const struct index_statement *kept, struct err *err) {
	CLEANUP(store_line_done) struct store_line line = {0};
	const struct store_filter filter = {.host = kept->statement->host_id};
	struct stands stands = {.at = kept->received};
	if (!store_line_last(store, kept->statement->host_id, &line, err))
		return false;
	if (line.id == 0)
		return true;
	if (!store_results(store, &filter, look_at, &stands, err))
		return false;
	const char *how = line.ended      ? "after the line before was ended"
			  : stands.is_any ? "while the line before was still reporting"
					  : "after the line before fell silent";
	return find(store, kept, "reset",
		    xasprintf("enrolled anew %s: that ends at number %lld", how, (long long)line.sequence), err);
}

static bool find_lost_key(struct store *store, const struct index_statement *kept, struct err *err) {
	if (strcmp(kept->statement->reason, "reset") != 0)
		return true;
	return find(store, kept, "reset",
		    xasprintf("a new epoch at number %lld: the key before it was lost within one boot",
			      (long long)kept->statement->sequence),
		    err);
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* A key as it is written by us, whatever the statement's bytes were. */
static bool read_key(const char *base64, const char *name, struct buf *der, struct err *err) {
	CLEANUP(buf_done) struct buf came = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	if (!base64_decode(base64, strlen(base64), name, &came, err) ||
	    !key_from_public_der(came.data, came.len, name, &key, err))
		return false;
	key_public_der(key, der);
	return true;
}

static bool begin_line(struct store *store, const struct index_statement *kept, struct store_line *line,
		       struct err *err) {
	const struct statement *statement = kept->statement;
	CLEANUP(buf_done) struct buf transport = {0};
	snprintf(line->purpose, sizeof line->purpose, "%s", statement->purpose ? statement->purpose : "");
	snprintf(line->host, sizeof line->host, "%s", statement->host_id);
	line->sequence = statement->sequence;
	line->started = kept->received;
	snprintf(line->last, sizeof line->last, "%s", kept->digest);
	if (!read_key(statement->evidence_key, "evidenceKey", &line->evidence, err) ||
	    (statement->transport_key && !read_key(statement->transport_key, "transportKey", &transport, err)))
		return false;
	const struct buf *of = transport.len ? &transport : &line->evidence;
	const struct hash id = hash_of(of->data, of->len);
	hash_hex(&id, line->transport);
	return find_reset(store, kept, err) && store_line_add(store, line, err);
}

static bool take_epoch(struct store *store, const struct index_statement *kept, const struct store_line *line,
		       struct err *err) {
	CLEANUP(buf_done) struct buf der = {0};
	if (!read_key(kept->statement->epoch_key, "epochKey", &der, err))
		return false;
	const struct store_epoch epoch = {.line = line->id,
					  .sequence = kept->statement->sequence,
					  .started = kept->received,
					  .key = der.data,
					  .key_len = der.len,
					  .reason = kept->statement->reason};
	return store_epoch_add(store, &epoch, err) && find_lost_key(store, kept, err);
}

/* The line that the statement is of, moved on. */
static bool take_line(struct store *store, const struct index_statement *kept, struct store_line *line,
		      struct err *err) {
	const struct statement *statement = kept->statement;
	if (!strcmp(statement->type, "enrolment"))
		return begin_line(store, kept, line, err);
	if (!store_line_of_host(store, statement->host_id, line, err))
		return false;
	if (line->id == 0)
		return err_set(err, ERR_MALFORMED, kept->digest, "it is kept, and its host has no line");
	if (!find_gap(store, kept, line, err) || !find_clock(store, kept, line, err))
		return false;
	line->sequence = statement->sequence;
	snprintf(line->last, sizeof line->last, "%s", kept->digest);
	return store_line_move(store, line, err);
}

static bool take_host(struct store *store, const struct index_statement *kept, struct err *err) {
	const struct statement *statement = kept->statement;
	CLEANUP(buf_done) struct buf policies = {0};
	bool is_round = !strcmp(statement->type, "round");
	if (is_round && !json_canonical(statement->policies, &policies, err))
		return false;
	const struct store_host host = {
		.id = statement->host_id,
		.name = statement->host_name,
		.os = statement->host_os,
		.environment = statement->environment,
		.policies = is_round ? buf_str(&policies) : NULL,
		.sequence = statement->sequence,
		.collected = is_round ? statement->finished_at : 0,
		.received = kept->received,
		.purpose = strcmp(statement->type, "enrolment") != 0 ? NULL
			   : statement->purpose                      ? statement->purpose
								     : "",
	};
	return store_host_put(store, &host, err);
}

/* --- attestations ------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* One of whose body nothing is left supports no control any more. */
static bool take_attestation(struct store *store, const struct index_statement *kept, const struct store_line *line,
			     struct err *err) {
	CLEANUP(buf_done) struct buf controls = {0};
	const json_t *file = json_object_get(kept->document, "file");
	if (!kept->document)
		return true;
	index_controls(kept->document, &controls);
	const struct store_attestation attestation = {
		.index = kept->index,
		.statement = kept->digest,
		.host = kept->statement->host_id,
		.line = line->id,
		.controls = buf_str(&controls),
		.author = text_of(kept->document, "author"),
		.note = text_of(kept->document, "note"),
		.file_name = text_of(file, "name"),
		.file_sha256 = text_of(file, "sha256"),
		.media_type = text_of(file, "mediaType"),
		.file_size = json_integer_value(json_object_get(file, "size")),
		.has_content = json_object_get(file, "content") != NULL,
		.collected = index_instant(kept->document, "collectedAt"),
		.expires = index_instant(kept->document, "expiresAt"),
		.received = kept->received,
	};
	return store_attestation_put(store, &attestation, err);
}

/* --- approvals ---------------------------------------------------------------------------------------------------- */

/* Whether it holds is judged by who looks, with the keys that there are then. */
static bool take_approval(struct store *store, const struct index_statement *kept, struct err *err) {
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(approval_free_p) struct approval *said = NULL;
	char policy[HASH_HEX], body[HASH_HEX];
	if (!kept->document)
		return true;
	if (!dsse_from_json(kept->document, kept->digest, &envelope, err) ||
	    !approval_of(envelope, kept->digest, &said, err))
		return false;
	const struct store_approval approval = {
		.index = kept->index,
		.statement = kept->digest,
		.host = kept->statement->host_id,
		.policy = hash_hex(&said->sha256, policy),
		.body = hash_hex(&kept->statement->body_sha256, body),
		.received = kept->received,
	};
	return store_approval_put(store, &approval, err);
}

static bool take_judged(struct store *store, const struct index_statement *kept, struct err *err) {
	size_t index;
	const json_t *policy;
	json_array_foreach(kept->statement->policies, index, policy) {
		if (!store_judged_put(store, text_of(policy, "sha256"), kept->index, kept->received, err))
			return false;
	}
	return true;
}

/* --- a statement, a note ------------------------------------------------------------------------------------------ */

static bool take_revocation(struct store *store, const struct index_statement *kept, struct err *err) {
	const char *host, *keyid, *from, *reason, *by;
	int64_t instant = index_instant(kept->document, "from");
	if (!json_get_string(kept->document, "host", kept->digest, &host, err) ||
	    !json_get_string(kept->document, "evidenceKey", kept->digest, &keyid, err) ||
	    !json_get_string(kept->document, "from", kept->digest, &from, err) ||
	    !json_get_string(kept->document, "reason", kept->digest, &reason, err) ||
	    !json_get_string(kept->document, "by", kept->digest, &by, err))
		return false;
	CLEANUP(free_ptr) char *text = xasprintf("revoked by %s, not to be believed from %s on: %s", by, from, reason);
	const struct store_finding finding = {
		.host = host, .kind = "revoked", .at = kept->received, .text = text, .statement = kept->digest};
	return store_line_revoke(store, keyid, instant, kept->received, err) && store_finding_put(store, &finding, err);
}

static bool forget_changes(struct store *store, const json_t *item, struct err *err) {
	const json_t *rules = json_object_get(item, "rules"), *rule;
	size_t index;
	if (!rules)
		return store_change_forget(store, text_of(item, "statement"), NULL, err);
	json_array_foreach(rules, index, rule) {
		const char *id = json_string_value(rule);
		if (id && !store_change_forget(store, text_of(item, "statement"), id, err))
			return false;
	}
	return true;
}

/* What is left of a round counts; of an attestation nothing is left. */
static bool take_erasure(struct store *store, const struct index_statement *kept, struct err *err) {
	size_t index;
	const json_t *item;
	json_array_foreach(json_object_get(kept->document, "bodies"), index,
			   item) if (!store_attestation_forget(store, text_of(item, "statement"), err) ||
				     !forget_changes(store, item, err)) return false;
	return true;
}

static bool take_by_type(struct store *store, const struct index_statement *kept, const struct store_line *line,
			 struct err *err) {
	if (!strcmp(kept->statement->type, "round"))
		return rounds_take(store, kept, line->id, err) && take_judged(store, kept, err);
	if (!strcmp(kept->statement->type, "approval"))
		return take_approval(store, kept, err);
	if (!strcmp(kept->statement->type, "epoch"))
		return take_epoch(store, kept, line, err);
	if (!strcmp(kept->statement->type, "attestation"))
		return take_attestation(store, kept, line, err);
	if (!strcmp(kept->statement->type, "revocation"))
		return take_revocation(store, kept, err);
	if (!strcmp(kept->statement->type, "erasure"))
		return take_erasure(store, kept, err);
	return true;
}

bool index_statement(struct store *store, const struct index_statement *kept, struct err *err) {
	const struct statement *statement = kept->statement;
	CLEANUP(store_line_done) struct store_line line = {0};
	if (!take_line(store, kept, &line, err))
		return false;
	const struct store_statement row = {
		.index = kept->index,
		.host = statement->host_id,
		.type = statement->type,
		.line = line.id,
		.sequence = statement->sequence,
		.started = statement->started_at,
		.finished = statement->finished_at,
		.body_name = statement->body_name,
	};
	return store_statement_add(store, &row, err) &&
	       (statement_is_collectors(statement) || take_host(store, kept, err)) &&
	       take_by_type(store, kept, &line, err) && store_position_set(store, kept->event, kept->digest, err);
}

bool index_note(struct store *store, const struct store_note *note, struct err *err) {
	const struct store_finding finding = {.host = note->host,
					      .kind = note->kind,
					      .at = note->at,
					      .text = note->text,
					      .statement = note->statement};
	return store_finding_put(store, &finding, err) && store_position_set(store, note->event, "", err);
}

/* --- again, from evidence ----------------------------------------------------------------------------------------- */

struct replay {
	struct store *store;
	bool (*begin)(struct store *store, struct err *err);
	int64_t position, until;
	unsigned count;
	bool is_bad;
	struct err *err;
};

static bool read_statement(const struct store_evidence *evidence, struct statement **ret_statement, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	return json_read(evidence->envelope, evidence->envelope_len, DSSE_ENVELOPE_LARGEST, evidence->digest, &object,
			 err) &&
	       dsse_from_json(object, evidence->digest, &envelope, err) &&
	       statement_read(envelope->payload.data, envelope->payload.len, evidence->digest, ret_statement, err);
}

/* NULL where nothing is left of the body. */
static bool read_document(struct store *store, const struct store_evidence *evidence, json_t **ret_document,
			  struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	if (store_body(store, evidence->body_sha256, &body, err))
		return json_read(buf_str(&body), body.len, STATEMENT_BODY_LARGEST, evidence->digest, ret_document, err);
	return err->code == ERR_ABSENT;
}

static bool has_document(const struct statement *statement) {
	static const char *const types[] = {"round", "attestation", "approval", "erasure", "revocation"};
	return text_is_one_of(statement->type, types, ARRAY_LEN(types));
}

static bool replay_statement(struct store *store, const struct store_evidence *evidence, struct err *err) {
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	CLEANUP(json_decref_p) json_t *document = NULL;
	if (!read_statement(evidence, &statement, err) ||
	    (has_document(statement) && !read_document(store, evidence, &document, err)))
		return false;
	const struct index_statement kept = {evidence->event,  evidence->index, evidence->received,
					     evidence->digest, statement,       document};
	return index_statement(store, &kept, err);
}

static void replay_event(void *context, const struct store_event *event) {
	struct replay *replay = context;
	const int64_t number = event->note ? event->note->event : event->evidence->event;
	if (replay->is_bad || number > replay->until)
		return;
	replay->is_bad = event->note ? !index_note(replay->store, event->note, replay->err)
				     : !replay_statement(replay->store, event->evidence, replay->err);
	replay->position = number;
	replay->count++;
}

static bool replay_batch(struct replay *replay, struct err *err) {
	replay->count = 0;
	if (replay->begin(replay->store, err) &&
	    store_events(replay->store, replay->position, EVENTS_A_BATCH, replay_event, replay, err) &&
	    !replay->is_bad && store_commit(replay->store, err))
		return true;
	store_rollback(replay->store);
	return false;
}

/* Whether what is derived is derived from this evidence; where not, the index begins anew. */
static bool find_position(struct store *store, int64_t *ret_position, struct err *err) {
	char derived[HASH_HEX], kept[HASH_HEX];
	int64_t position, number;
	if (!store_position(store, &position, derived, err) || !store_event_find(store, position, &number, kept, err))
		return false;
	bool is_ours = number == position && !strcmp(derived, kept);
	if (!is_ours && !store_index_drop(store, err))
		return false;
	*ret_position = is_ours ? position : 0;
	return true;
}

bool index_catch_up(struct store *store, void (*progress)(void *context, int64_t done, int64_t all), void *context,
		    struct err *err) {
	struct replay replay = {.store = store, .begin = store_begin, .until = INT64_MAX, .err = err};
	char digest[HASH_HEX];
	int64_t last;
	if (!find_position(store, &replay.position, err) || !store_event_find(store, -1, &last, digest, err))
		return false;
	while (replay.position < last) {
		if (!replay_batch(&replay, err))
			return false;
		if (progress)
			progress(context, replay.position, last);
	}
	return true;
}

bool index_derive(struct store *store, int64_t until, struct err *err) {
	struct replay replay = {.store = store, .begin = store_begin_alone, .until = until, .count = 1, .err = err};
	char digest[HASH_HEX];
	if (!store_position(store, &replay.position, digest, err))
		return false;
	while (replay.position < until && replay.count > 0)
		if (!replay_batch(&replay, err))
			return false;
	return true;
}

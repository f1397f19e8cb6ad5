#include "collector/fsck.h"

#include "collector/verify.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/state.h"

#define EVENTS_A_BATCH 500
#define PROGRESS_EVERY 10000

/* A host's current line, as the statements say. */
struct line {
	struct store_line line;
	struct state *state; /* NULL: not known */
};

struct checking {
	struct fsck *fsck;
	struct line *lines; /* sorted by nothing: there are as many as hosts */
	size_t line_count, room;
	json_t *by_host; /* id -> index into lines */
	json_t *erased; /* digest of a body -> digest of a statement that erased of it -> [rules], or true: the whole */
	struct tile_tree *tree;
	int64_t position, received;
	uint64_t count, gaps, unclaimed, earlier;
	unsigned char *seen; /* a bit for each entry of the log that a statement is */
	bool is_first_pass;
};

static void checking_done(struct checking *checking) {
	for (size_t i = 0; i < checking->line_count; i++) {
		store_line_done(&checking->lines[i].line);
		state_free(checking->lines[i].state);
	}
	free(checking->lines);
	free(checking->seen);
	json_decref(checking->by_host);
	json_decref(checking->erased);
	tile_tree_free(checking->tree);
}

/* A statement under check. */
struct one {
	const struct store_evidence *evidence;
	struct dsse *envelope;
	struct statement *statement;
	EVP_PKEY *key;
};

static void one_done(struct one *one) {
	dsse_free(one->envelope);
	statement_free(one->statement);
	EVP_PKEY_free(one->key);
}

static bool wrong(struct checking *checking, const struct one *one, const char *what) {
	fsck_problem(checking->fsck, "statement %s, entry %lld: %s", one->evidence->digest,
		     (long long)one->evidence->index, what);
	return false;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static struct line *line_of(struct checking *checking, const char *host) {
	const json_t *at = json_object_get(checking->by_host, host);
	return at ? &checking->lines[json_integer_value(at)] : NULL;
}

static bool read_der(const char *base64, struct buf *der) {
	struct err ignored;
	return base64_decode(base64, strlen(base64), "key", der, &ignored);
}

static struct line *begin_line(struct checking *checking, const struct statement *statement) {
	struct line *line = line_of(checking, statement->host_id);
	if (!line) {
		if (!checking->lines || checking->line_count == checking->room) {
			checking->room = checking->room ? 2 * checking->room : 16;
			checking->lines = xreallocarray(checking->lines, checking->room, sizeof *checking->lines);
		}
		json_object_set_new(checking->by_host, statement->host_id,
				    json_integer((json_int_t)checking->line_count));
		line = &checking->lines[checking->line_count++];
		*line = (struct line){0};
	}
	store_line_done(&line->line);
	state_free(line->state);
	*line = (struct line){0};
	return read_der(statement->evidence_key, &line->line.evidence) ? line : NULL;
}

/* The line that it is of. Not verified yet, so what it says counts for finding its key alone. */
static struct line *find_line(struct checking *checking, const struct one *one) {
	if (strcmp(one->statement->type, "enrolment") != 0)
		return line_of(checking, one->statement->host_id);
	return begin_line(checking, one->statement);
}

static bool follows(struct checking *checking, const struct one *one, struct line *line) {
	const struct statement *statement = one->statement;
	if (statement->sequence <= line->line.sequence)
		return wrong(checking, one, "another statement of its line has its number");
	const bool is_gap = statement->sequence != line->line.sequence + 1;
	if (!is_gap && strcmp(statement->previous, line->line.last) != 0)
		return wrong(checking, one, "it names another statement before it");
	checking->gaps += is_gap;
	if (is_gap) {
		state_free(line->state);
		line->state = NULL;
	}
	line->line.sequence = statement->sequence;
	snprintf(line->line.last, sizeof line->line.last, "%s", one->evidence->digest);
	if (statement->epoch_key) {
		buf_done(&line->line.epoch);
		return read_der(statement->epoch_key, &line->line.epoch) ||
		       wrong(checking, one, "the key of its epoch cannot be read");
	}
	return true;
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

static bool read_one(struct checking *checking, struct one *one) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	char hex[HASH_HEX];
	struct err why;
	if (!json_read(one->evidence->envelope, one->evidence->envelope_len, DSSE_ENVELOPE_LARGEST, "envelope", &object,
		       &why) ||
	    !dsse_from_json(object, "envelope", &one->envelope, &why) ||
	    !statement_read(one->envelope->payload.data, one->envelope->payload.len, "statement", &one->statement,
			    &why))
		return wrong(checking, one, why.why);
	const struct hash digest = dsse_digest(one->envelope);
	return !strcmp(hash_hex(&digest, hex), one->evidence->digest) || wrong(checking, one, "its digest is another");
}

static bool is_signed(struct checking *checking, struct one *one, const struct line *line) {
	struct err why;
	bool is_epoch;
	if (!verify_key_of(&line->line, one->envelope, &one->key, &is_epoch, &why) ||
	    !dsse_verify(one->envelope, DSSE_INTOTO, one->key, &why))
		return wrong(checking, one, "it is not signed by the key of its line");
	return true;
}

static bool is_logged(struct checking *checking, const struct one *one) {
	CLEANUP(buf_done) struct buf entry = {0};
	struct hash leaf;
	struct err why;
	if (one->evidence->index < 0 || one->evidence->index >= (int64_t)checking->fsck->checkpoint.size)
		return wrong(checking, one, "the log does not reach that far");
	checking->seen[one->evidence->index / 8] |= (unsigned char)(1U << one->evidence->index % 8);
	if (!entry_write(one->envelope, one->key, &entry, &why) ||
	    !tile_tree_hash(checking->tree, 0, (uint64_t)one->evidence->index, &leaf, &why))
		return wrong(checking, one, why.why);
	const struct hash ours = merkle_leaf(entry.data, entry.len);
	return hash_equal(&leaf, &ours) || wrong(checking, one, "the log has another entry there");
}

/* Whether the statement of this digest says that of this body the rule's result is erased (NULL: the whole body). */
static bool says_erased(const json_t *by, const char *digest, const char *rule) {
	const json_t *rules = json_object_get(by, digest), *one;
	size_t index;
	if (json_is_true(rules))
		return true;
	json_array_foreach(rules, index, one) {
		if (rule && !strcmp(json_string_value(one), rule))
			return true;
	}
	return false;
}

/* Every erased result names a statement that says so. */
static bool erasures_hold(struct checking *checking, const struct one *one, const json_t *document) {
	const json_t *by = json_object_get(checking->erased, one->evidence->body_sha256), *result;
	size_t index, erased = 0;
	json_array_foreach(json_object_get(document, "results"), index, result) {
		const json_t *mark = json_object_get(result, "erased");
		const char *named = json_string_value(json_object_get(mark, "statement"));
		const char *rule = json_string_value(json_object_get(result, "rule"));
		if (mark && (!named || !rule || !says_erased(by, named, rule)))
			return wrong(checking, one, "a result of it is erased, and no statement says so");
		erased += mark != NULL;
	}
	return erased > 0 || wrong(checking, one, "its body is another");
}

static bool state_holds(struct checking *checking, const struct one *one, struct line *line, const json_t *document) {
	const json_t *results = json_object_get(document, "results");
	const json_int_t size = json_integer_value(json_object_get(one->statement->state, "size"));
	const bool is_full = (json_int_t)json_array_size(results) == size;
	struct err why;
	if (!line->state && !is_full)
		return true; /* behind a gap: not known until the next full one */
	if (!line->state)
		line->state = state_new();
	return (state_take(line->state, results, is_full, &why) &&
		state_is(line->state, one->statement->state, &why)) ||
	       wrong(checking, one, why.why);
}

/* Of an attestation nothing is left; of a round the leaves are. */
static bool may_be_gone(struct checking *checking, const struct one *one) {
	const json_t *by = json_object_get(checking->erased, one->evidence->body_sha256), *rules;
	const char *digest;
	if (strcmp(one->statement->type, "attestation") != 0)
		return false;
	json_object_foreach((json_t *)by, digest, rules) {
		if (says_erased(by, digest, NULL))
			return true;
	}
	return false;
}

static bool body_holds(struct checking *checking, const struct one *one, struct line *line) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(json_decref_p) json_t *document = NULL;
	const bool is_round = !strcmp(one->statement->type, "round");
	struct err why;
	if (!store_body(checking->fsck->store, one->evidence->body_sha256, &body, &why))
		return may_be_gone(checking, one) ||
		       wrong(checking, one, "its body is gone, and no statement says that it was erased");
	const struct hash hash = hash_of(buf_str(&body), body.len);
	const bool is_whole = hash_equal(&hash, &one->statement->body_sha256);
	if (!is_whole && !is_round)
		return wrong(checking, one, "its body is another");
	if (!is_round)
		return true;
	if (!json_read(buf_str(&body), body.len, STATEMENT_BODY_LARGEST, "body", &document, &why))
		return wrong(checking, one, "its body cannot be read");
	return (is_whole || erasures_hold(checking, one, document)) && state_holds(checking, one, line, document);
}

static void check_one(struct checking *checking, struct one *one) {
	if (!read_one(checking, one))
		return;
	struct line *line = find_line(checking, one);
	if (!line) {
		wrong(checking, one, "its host never enrolled");
		return;
	}
	if (is_signed(checking, one, line) && is_logged(checking, one) && follows(checking, one, line))
		(void)body_holds(checking, one, line);
}

/* --- what was erased ---------------------------------------------------------------------------------------------- */

/* Two statements may have one body, and one erasure may name both. */
static void note_erasure(json_t *by, const char *digest, const json_t *rules) {
	json_t *before = json_object_get(by, digest);
	size_t index;
	json_t *rule;
	if (!rules || json_is_true(before)) {
		json_object_set_new(by, digest, json_true());
		return;
	}
	if (!before)
		json_object_set_new(by, digest, json_array());
	json_array_foreach(rules, index, rule) {
		if (json_is_string(rule))
			json_array_append(json_object_get(by, digest), rule);
	}
}

static void note_erasures(struct checking *checking, const struct one *one) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(json_decref_p) json_t *document = NULL;
	size_t index;
	const json_t *item;
	struct err why;
	if (!store_body(checking->fsck->store, one->evidence->body_sha256, &body, &why) ||
	    !json_read(buf_str(&body), body.len, STATEMENT_BODY_LARGEST, "erasure", &document, &why))
		return; /* the second pass says so */
	json_array_foreach(json_object_get(document, "bodies"), index, item) {
		const char *sha256 = json_string_value(json_object_get(item, "body"));
		if (!sha256)
			continue;
		if (!json_object_get(checking->erased, sha256))
			json_object_set_new(checking->erased, sha256, json_object());
		note_erasure(json_object_get(checking->erased, sha256), one->evidence->digest,
			     json_object_get(item, "rules"));
	}
}

static void take_event(void *context, const struct store_event *event) {
	struct checking *checking = context;
	const int64_t number = event->note ? event->note->event : event->evidence->event;
	if (!checking->is_first_pass && number != checking->position + 1)
		fsck_problem(checking->fsck, "what was kept between events %lld and %lld is gone",
			     (long long)checking->position, (long long)number);
	checking->position = number;
	if (event->note)
		return;
	CLEANUP(one_done) struct one one = {.evidence = event->evidence};
	checking->earlier += !checking->is_first_pass && event->evidence->received < checking->received;
	checking->received = event->evidence->received;
	if (!checking->is_first_pass) {
		check_one(checking, &one);
		checking->count++;
		return;
	}
	struct err ignored;
	CLEANUP(json_decref_p) json_t *object = NULL;
	if (json_read(event->evidence->envelope, event->evidence->envelope_len, DSSE_ENVELOPE_LARGEST, "envelope",
		      &object, &ignored) &&
	    dsse_from_json(object, "envelope", &one.envelope, &ignored) &&
	    statement_read(one.envelope->payload.data, one.envelope->payload.len, "statement", &one.statement,
			   &ignored) &&
	    !strcmp(one.statement->type, "erasure"))
		note_erasures(checking, &one);
}

static bool pass(struct checking *checking, struct err *err) {
	uint64_t said = 0;
	checking->position = 0;
	for (int64_t before = -1; before != checking->position;) {
		before = checking->position;
		if (!store_events(checking->fsck->store, checking->position, EVENTS_A_BATCH, take_event, checking, err))
			return false;
		if (checking->count - said < PROGRESS_EVERY)
			continue;
		said = checking->count;
		CLEANUP(free_ptr) char *line = xasprintf("evidence: %llu so far", (unsigned long long)said);
		checking->fsck->say(line);
	}
	return true;
}

/* A crash leaves an entry whose statement was not kept, and which its host sends again: that is noted, any other is not
 * as it must be. */
static bool check_unclaimed(struct checking *checking, struct err *err) {
	for (uint64_t i = 0; i < checking->fsck->checkpoint.size; i++) {
		struct hash leaf;
		int64_t noted;
		if (checking->seen[i / 8] & (1U << i % 8))
			continue;
		if (!tile_tree_hash(checking->tree, 0, i, &leaf, err) ||
		    !store_orphan_find(checking->fsck->store, &leaf, &noted, err))
			return false;
		checking->unclaimed++;
		if (noted < 0)
			fsck_problem(checking->fsck, "entry %llu of the log has no statement", (unsigned long long)i);
	}
	return true;
}

bool fsck_evidence(struct fsck *fsck, struct err *err) {
	CLEANUP(checking_done)
	struct checking checking = {.fsck = fsck, .by_host = json_object(), .erased = json_object()};
	checking.tree = tile_tree_new(fsck->checkpoint.size, log_files_tile, fsck->log);
	checking.is_first_pass = true;
	if (!pass(&checking, err))
		return false;
	checking.is_first_pass = false;
	checking.received = INT64_MIN;
	fsck->has_erased = json_object_size(checking.erased) > 0;
	checking.seen = xcalloc(fsck->checkpoint.size / 8 + 1, 1);
	if (!pass(&checking, err) || !check_unclaimed(&checking, err))
		return false;
	CLEANUP(free_ptr)
	char *line =
		xasprintf("evidence: %llu statements of %zu hosts, %llu gaps, %llu entries without a statement, %llu "
			  "received earlier than the one before",
			  (unsigned long long)checking.count, checking.line_count, (unsigned long long)checking.gaps,
			  (unsigned long long)checking.unclaimed, (unsigned long long)checking.earlier);
	fsck->say(line);
	return true;
}

#include "verify/audit.h"

#include "core/base64.h"
#include "verify/finish.h"
#include "verify/shown.h"

#define STATEMENTS "statements.jsonl"
#define DISCLOSURES "disclosures.jsonl"

/* --- one statement ------------------------------------------------------------------------------------------------ */

/* The checkpoint that a host had verified must be one of this log, as it was before the statement. */
static void name_checkpoint(struct audit *audit, const struct shown *shown) {
	const json_t *checkpoint = shown->statement->checkpoint;
	if (!checkpoint)
		return;
	const char *origin = json_string_value(json_object_get(checkpoint, "origin"));
	const char *root = json_string_value(json_object_get(checkpoint, "root"));
	const uint64_t size = (uint64_t)json_integer_value(json_object_get(checkpoint, "size"));
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	if (strcmp(origin, audit->manifest.origin) != 0 || size > shown->index ||
	    !base64_decode(root, strlen(root), shown->where, &bytes, &err) || bytes.len != HASH_LEN) {
		found_add(
			&audit->found, FOUND_CONTRADICTION, FOUND_LOG, shown->where,
			"its host had verified a checkpoint of %s with %llu entries: there was none before this entry",
			origin, (unsigned long long)size);
		return;
	}
	if (audit->named_count == audit->named_room) {
		audit->named_room = audit->named_room ? 2 * audit->named_room : 64;
		audit->named = xreallocarray(audit->named, audit->named_room, sizeof *audit->named);
	}
	struct named_checkpoint *named = &audit->named[audit->named_count++];
	*named = (struct named_checkpoint){.size = size, .index = shown->index};
	memcpy(named->root.bytes, bytes.data, HASH_LEN);
}

static void take_operators(struct audit *audit, const struct shown *shown, const struct buf *body) {
	struct err err;
	bool ok = true;
	if (body->len == 0)
		return;
	if (shown_is(shown, "erasure"))
		ok = operator_erasure(&audit->operator_line, body, shown->id, shown->statement->finished_at, &err);
	else if (shown_is(shown, "revocation"))
		ok = operator_revocation(&audit->operator_line, body, shown->index, &err);
	if (!ok)
		found_err(&audit->found, FOUND_KEYS, shown->where, &err);
}

/* From the time that a revocation names on, the line is not believed, whatever time a thief of its key writes. */
static bool is_disbelieved(struct audit *audit, const struct shown *shown, struct line *line) {
	const struct revocation *revocation = operator_revoked(&audit->operator_line, line->enrolment);
	if (!revocation || (shown->statement->finished_at < revocation->from && shown->received < revocation->from))
		return false;
	line_forget(line, revocation->from);
	found_add(&audit->found, FOUND_OPEN, FOUND_KEYS, shown->where,
		  "what host %s (%s) says here: it comes behind the time from which its key was revoked, before the "
		  "revocation was known",
		  line->host->id, line->host->name);
	return true;
}

static void take_attestation(struct audit *audit, const struct shown *shown, struct line *line,
			     const struct buf *body) {
	const struct attested by = {.host = line->host->id, .name = line->host->name, .index = shown->index};
	struct err err;
	if (!shown_is(shown, "attestation") || is_disbelieved(audit, shown, line))
		return;
	if (body->len == 0)
		audit->attested.unshown++;
	else if (!attested_take(&audit->attested, &by, body, shown->statement->finished_at, shown->where, &err))
		found_err(&audit->found, FOUND_BODIES, shown->where, &err);
}

/* It is its approver's word, whoever carries it; and yet what a revoked line brings says nothing of when. */
static void take_approval(struct audit *audit, const struct shown *shown, struct line *line, const struct buf *body) {
	if (shown_is(shown, "approval") && body->len > 0 && !is_disbelieved(audit, shown, line))
		approvals_take(audit, shown, body);
}

static void take_statement(struct audit *audit, struct shown *shown) {
	CLEANUP(buf_done) struct buf body = {0};
	struct line *line;
	shown_bounds(audit, shown);
	if (!shown_keys(audit, shown, &line) || !shown_chain(audit, shown, line))
		return;
	name_checkpoint(audit, shown);
	if (!shown_time(audit, shown, line)) {
		line_forget(line, shown->statement->started_at);
		return;
	}
	shown_late(audit, shown, line);
	if (shown_is(shown, "round")) {
		if (is_disbelieved(audit, shown, line))
			shown_skip(audit, shown);
		else
			shown_round(audit, shown, line);
	} else if (shown_body(audit, shown, &body)) {
		take_operators(audit, shown, &body);
		take_attestation(audit, shown, line, &body);
		take_approval(audit, shown, line, &body);
	}
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* Each entry once, in the log's order, within the tree. */
static bool is_in_order(struct audit *audit, const struct shown *shown, uint64_t *next) {
	if (shown->index < *next) {
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_LOG, shown->where,
			  "an index that comes twice, or out of order");
		return false;
	}
	if (shown->index >= audit->anchors.head.size) {
		found_add(&audit->found, FOUND_CONTRADICTION, FOUND_LOG, shown->where,
			  "an index out of the range of log/checkpoint, which has %llu entries",
			  (unsigned long long)audit->anchors.head.size);
		return false;
	}
	*next = shown->index + 1;
	return true;
}

/* The log's order is that of receipt. */
static void count_receipt(struct audit *audit, const struct shown *shown) {
	const int64_t back = audit->statements > 0 ? audit->received_latest - shown->received : 0;
	if (audit->statements == 0 || back < 0)
		audit->received_latest = shown->received;
	if (back > AUDIT_SLACK)
		audit->went_back++;
	if (back > AUDIT_SLACK && back > audit->went_back_most)
		audit->went_back_most = back;
	audit->from_future += shown->received > audit->now + AUDIT_SLACK;
}

static void count(struct audit *audit, const struct shown *shown) {
	count_receipt(audit, shown);
	audit->statements++;
	if (shown->received < audit->manifest.from || shown->received >= audit->manifest.to)
		return;
	if (audit->in_period++ == 0) {
		audit->first_in_period = shown->index;
		audit->first_place = audit->statements;
	}
	audit->last_in_period = shown->index;
	audit->last_place = audit->statements;
	if (shown->index < audit->anchors.head.size && anchors_upper(&audit->anchors, shown->index) == INT64_MAX)
		audit->unbounded++;
	audit->unwitnessed += shown->index >= audit->anchors.witnessed_size;
}

/* The collector's own line goes first: what it says of others must be known when they go by. */
static bool is_collectors(const struct audit *audit, const struct shown *shown) {
	const struct host *host = hosts_find(&audit->hosts, shown->statement->host_id);
	return host && !strcmp(host->lines[0]->purpose, "collector");
}

static bool is_of_pass(const struct audit *audit, const struct shown *shown, bool is_first) {
	const char *purpose = shown_is(shown, "enrolment") ? shown->statement->purpose : NULL;
	if (!is_first)
		return !is_collectors(audit, shown);
	return is_collectors(audit, shown) || (purpose && !strcmp(purpose, "collector"));
}

static void take_line(struct audit *audit, const json_t *object, bool is_first, uint64_t *next) {
	CLEANUP(shown_done) struct shown shown = {0};
	struct err err;
	if (!shown_read(object, &shown, &err)) {
		if (!is_first)
			found_err(&audit->found, FOUND_LOG, STATEMENTS, &err);
		return;
	}
	if (!is_first) {
		count(audit, &shown);
		if (!is_in_order(audit, &shown, next))
			return;
	}
	if (is_of_pass(audit, &shown, is_first))
		take_statement(audit, &shown);
}

static void pass(struct audit *audit, bool is_first) {
	CLEANUP(package_lines_free_p) struct package_lines *lines = NULL;
	uint64_t next = 0;
	struct err err;
	bool ok = package_lines_open(audit->package, STATEMENTS, AUDIT_LINE_LONGEST, &lines, &err);
	for (size_t n = 0; ok; n++) {
		CLEANUP(json_decref_p) json_t *object = NULL;
		ok = n < AUDIT_STATEMENTS_MOST
			     ? package_lines_next(lines, &object, &err)
			     : err_set(&err, ERR_TOO_BIG, STATEMENTS, "more than %d statements", AUDIT_STATEMENTS_MOST);
		if (ok && !object)
			return;
		if (ok)
			take_line(audit, object, is_first, &next);
	}
	if (!is_first)
		found_err(&audit->found, FOUND_LOG, STATEMENTS, &err);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void open_disclosures(struct audit *audit) {
	struct err err;
	if (json_array_size(audit->manifest.controls) == 0)
		return;
	if (!package_lines_open(audit->package, DISCLOSURES, AUDIT_SHOWN_LONGEST, &audit->disclosures, &err) ||
	    !package_lines_next(audit->disclosures, &audit->disclosed, &err))
		found_err(&audit->found, FOUND_BODIES, DISCLOSURES, &err);
}

bool audit_run(struct audit *audit, const struct package *package, const struct trusted *trusted, int64_t now,
	       struct err *err) {
	*audit = (struct audit){.package = package, .trusted = trusted, .now = now, .tree = frontier_new()};
	if (!manifest_read(package, &audit->manifest, err))
		return false;
	audit->rulesets = (struct rulesets){.package = package, .manifest = &audit->manifest};
	manifest_check(&audit->manifest, package, &audit->found);
	const bool has_head = anchors_read(&audit->anchors, package, trusted, audit->manifest.origin, &audit->found);
	open_disclosures(audit);
	pass(audit, true);
	pass(audit, false);
	if (has_head)
		finish_log(audit);
	finish_hosts(audit);
	approvals_finish(audit);
	finish_open(audit);
	finish_doubts(audit);
	return true;
}

void audit_done(struct audit *audit) {
	manifest_done(&audit->manifest);
	found_done(&audit->found);
	anchors_done(&audit->anchors);
	rulesets_done(&audit->rulesets);
	operator_done(&audit->operator_line);
	hosts_done(&audit->hosts);
	attested_list_done(&audit->attested);
	approval_list_done(&audit->approvals);
	frontier_free(audit->tree);
	package_lines_free(audit->disclosures);
	json_decref(audit->disclosed);
	free(audit->named);
	*audit = (struct audit){0};
}

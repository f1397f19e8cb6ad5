/* Time: what hosts and collector say, between the bounds that anchors give. */
#include "core/times.h"
#include "verify/shown.h"

void shown_bounds(const struct audit *audit, struct shown *shown) {
	shown->upper = anchors_upper(&audit->anchors, shown->index);
	shown->lower = INT64_MIN;
	shown->counted = shown->received < shown->upper ? shown->received : shown->upper;
}

static bool contradict(struct audit *audit, const struct shown *shown, const char *what, int64_t said,
		       const char *where_not, int64_t bound) {
	char one[TIMES_TEXT], other[TIMES_TEXT];
	found_add(&audit->found, FOUND_CONTRADICTION, FOUND_TIME, shown->where, "%s %s, %s %s", what,
		  times_format(said, one), where_not, times_format(bound, other));
	return false;
}

/* The statement's own time-stamp: over the bytes of its signature. */
static bool take_own_stamp(struct audit *audit, struct shown *shown) {
	CLEANUP(free_ptr) char *name = xasprintf("timestamps/%s.tsr", shown->id);
	CLEANUP(free_ptr) char *beside = xasprintf("timestamps/%s.pem", shown->id);
	CLEANUP(buf_done) struct buf response = {0};
	CLEANUP(buf_done) struct buf pem = {0};
	CLEANUP(timestamp_done) struct timestamp stamp = {0};
	struct err err;
	if (!audit->trusted->trust->timestamp || !package_find(audit->package, name))
		return true;
	const struct buf *signature = &shown->envelope->signatures[0].bytes;
	const struct hash imprint = timestamp_imprint(signature->data, signature->len);
	if (!package_read(audit->package, name, TIMESTAMP_RESPONSE_LARGEST, &response, &err) ||
	    (package_find(audit->package, beside) &&
	     !package_read(audit->package, beside, TIMESTAMP_PEM_LARGEST, &pem, &err)) ||
	    !timestamp_verify(response.data, response.len, &imprint, pem.len ? &pem : NULL,
			      audit->trusted->trust->timestamp, name, &stamp, &err)) {
		if (anchors_is_stranger(&err))
			found_add(&audit->found, FOUND_OPEN, FOUND_TIME, name,
				  "when it was signed: the authority is not in the trust file");
		else
			found_err(&audit->found, FOUND_TIME, name, &err);
		return anchors_is_stranger(&err);
	}
	if (stamp.time < shown->upper)
		shown->upper = stamp.time;
	if (shown->upper < shown->counted)
		shown->counted = shown->upper;
	return true;
}

static bool named_size(const struct statement *statement, uint64_t *ret_size) {
	const json_int_t size = json_integer_value(json_object_get(statement->checkpoint, "size"));
	*ret_size = size > 0 ? (uint64_t)size : 0;
	return statement->checkpoint != NULL;
}

/* It was sealed behind the checkpoint that it names, and behind those that the statements before it name, whose digests
 * it holds: so its line's bound never falls. An anchor of that very size may have been signed long after the host saw
 * the checkpoint, where the log stood still; a smaller one was signed while the log had not grown to it. */
static void bound_below(const struct audit *audit, struct shown *shown, struct line *line) {
	uint64_t size;
	if (named_size(shown->statement, &size) && size > 0) {
		const int64_t lower = anchors_lower(&audit->anchors, size - 1);
		if (lower > line->lower)
			line->lower = lower;
	}
	shown->lower = line->lower;
}

void shown_late(const struct audit *audit, const struct shown *shown, struct line *line) {
	/* Not before the anchors that had come by then, whatever receivedAt says. */
	const int64_t lower = anchors_lower(&audit->anchors, shown->index);
	const int64_t seen = shown->counted > lower ? shown->counted : lower;
	const int64_t late = seen - shown->statement->finished_at;
	if (shown->received < audit->manifest.from || late <= AUDIT_LATE ||
	    !(shown_is(shown, "round") || shown_is(shown, "attestation")))
		return;
	line->late_count++;
	line->late_most = late > line->late_most ? late : line->late_most;
}

bool shown_time(struct audit *audit, struct shown *shown, struct line *line) {
	const struct statement *statement = shown->statement;
	const int64_t received_lower = anchors_lower(&audit->anchors, shown->index);
	bound_below(audit, shown, line);
	if (!take_own_stamp(audit, shown))
		return false;
	if (statement->finished_at < statement->started_at)
		return contradict(audit, shown, "finished at", statement->finished_at, "and started later, at",
				  statement->started_at);
	if (shown->upper != INT64_MAX && statement->finished_at > shown->upper + AUDIT_SLACK)
		return contradict(audit, shown, "its clock was ahead: finished at", statement->finished_at,
				  "and it was signed for no later than", shown->upper);
	if (shown->lower != INT64_MIN && statement->finished_at < shown->lower - AUDIT_SLACK)
		return contradict(
			audit, shown, "back-dated, or its clock was behind: finished at", statement->finished_at,
			"and it, or one before it in its line, names a checkpoint that is no older than", shown->lower);
	/* A crash between log and store does that to an honest collector; what counts is the earlier time. */
	if (shown->upper != INT64_MAX && shown->received > shown->upper + AUDIT_SLACK)
		found_add(&audit->found, FOUND_OPEN, FOUND_TIME, shown->where,
			  "when it was received: the collector says %lld seconds after others signed that it was there",
			  (long long)(shown->received - shown->upper));
	if (received_lower != INT64_MIN && shown->received < received_lower - AUDIT_SLACK)
		return contradict(audit, shown, "receivedAt is", shown->received, "and it came behind an anchor of",
				  received_lower);
	if (statement->finished_at > shown->received + AUDIT_SLACK)
		found_add(&audit->found, FOUND_OPEN, FOUND_TIME, shown->where,
			  "which clock was right: it was finished %lld seconds after it was received, so that its "
			  "results count for no second",
			  (long long)(statement->finished_at - shown->received));
	return true;
}

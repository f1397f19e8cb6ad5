#include "verify/shown.h"

#include "core/times.h"

#define WHERE "statements.jsonl"

void shown_done(struct shown *shown) {
	dsse_free(shown->envelope);
	statement_free(shown->statement);
	*shown = (struct shown){0};
}

bool shown_is(const struct shown *shown, const char *type) { return !strcmp(shown->statement->type, type); }

static bool read_line(const json_t *object, struct shown *shown, struct err *err) {
	int64_t index;
	const char *received;
	json_t *envelope;
	if (!json_get_int(object, "index", WHERE, &index, err) ||
	    !json_get_string(object, "receivedAt", WHERE, &received, err) ||
	    !json_get_object(object, "envelope", WHERE, &envelope, err))
		return false;
	if (index < 0)
		return err_set(err, ERR_MALFORMED, WHERE, "an index below 0");
	if (!times_parse(received, &shown->received))
		return err_set(err, ERR_MALFORMED, WHERE, "\"receivedAt\" of entry %lld is not a time",
			       (long long)index);
	shown->index = (uint64_t)index;
	snprintf(shown->where, sizeof shown->where, "entry %lld", (long long)index);
	return dsse_from_json(envelope, shown->where, &shown->envelope, err);
}

bool shown_read(const json_t *object, struct shown *ret_shown, struct err *err) {
	CLEANUP(shown_done) struct shown shown = {0};
	if (!read_line(object, &shown, err))
		return false;
	const struct dsse *envelope = shown.envelope;
	if (envelope->signature_count != 1)
		return err_set(err, ERR_REFUSED, shown.where, "an envelope without exactly one signature");
	if (strcmp(envelope->payload_type, DSSE_INTOTO) != 0)
		return err_set(err, ERR_REFUSED, shown.where, "a payload of another type than " DSSE_INTOTO);
	if (!statement_read(envelope->payload.data, envelope->payload.len, shown.where, &shown.statement, err))
		return false;
	if (!statement_has_type(shown.statement))
		return err_set(err, ERR_REFUSED, shown.where, "a statement of an unknown type");
	shown.digest = dsse_digest(envelope);
	hash_hex(&shown.digest, shown.id);
	*ret_shown = shown;
	shown = (struct shown){0};
	return true;
}

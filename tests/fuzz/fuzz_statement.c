/* Statements and wire lines from a host: what is read can be written, and is read again as the same bytes. */
#include "core/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_statement(const void *data, size_t size) {
	struct err err;
	CLEANUP(statement_free_p) struct statement *statement = NULL, *second = NULL;
	CLEANUP(buf_done) struct buf once = {0}, twice = {0};
	if (!statement_read(data, size, "fuzz", &statement, &err))
		return;
	if (!statement_write(statement, &once, &err)) {
		if (err.code != ERR_TOO_BIG && !strstr(err.why, "integer")) /* a real number in a member we ignore */
			abort();
		return;
	}
	if (!statement_read(once.data, once.len, "fuzz", &second, &err) || !statement_write(second, &twice, &err) ||
	    strcmp(buf_str(&once), buf_str(&twice)) != 0)
		abort();
}

static void comes_back(const struct buf *line, const struct dsse *envelope, const struct buf *body) {
	struct err err;
	CLEANUP(dsse_free_p) struct dsse *second = NULL;
	CLEANUP(buf_done) struct buf again = {0};
	if (!statement_wire_read(line->data, line->len, "fuzz", &second, &again, &err) ||
	    strcmp(second->payload_type, envelope->payload_type) != 0 || second->payload.len != envelope->payload.len ||
	    again.len != body->len || (again.len > 0 && memcmp(again.data, body->data, again.len) != 0))
		abort();
	struct hash once = dsse_digest(envelope), twice = dsse_digest(second);
	if (!hash_equal(&once, &twice))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf body = {0}, line = {0}, shorter = {0};
	read_statement(data, size);
	if (!statement_wire_read((const char *)data, size, "fuzz", &envelope, &body, &err))
		return 0;
	read_statement(envelope->payload.data, envelope->payload.len);
	statement_wire_write(envelope, body.data, body.len, &line);
	comes_back(&line, envelope, &body);
	statement_wire_write_short(envelope, body.data, body.len, &shorter);
	comes_back(&shorter, envelope, &body);
	return 0;
}

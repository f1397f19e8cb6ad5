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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL, *second = NULL;
	CLEANUP(buf_done) struct buf body = {0}, again = {0}, line = {0};
	read_statement(data, size);
	if (!statement_wire_read((const char *)data, size, "fuzz", &envelope, &body, &err))
		return 0;
	read_statement(envelope->payload.data, envelope->payload.len);
	statement_wire_write(envelope, body.data, body.len, &line);
	if (!statement_wire_read(line.data, line.len, "fuzz", &second, &again, &err) || again.len != body.len)
		abort();
	return 0;
}

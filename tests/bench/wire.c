/* wire FILE...: what each statement of a spool would be on the wire, alone in its request: "TYPE SEQUENCE full|changes
 * RESULTS BYTES GZIPPED" a line, sorted as given. BYTES are those of the line in the spool. */
#include <inttypes.h>

#include "core/file.h"
#include "core/gzip.h"
#include "core/statement.h"

#define LARGEST (16U << 20)

static size_t count_results(const struct buf *body) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct err ignored;
	if (!json_read(body->data, body->len, LARGEST, "body", &object, &ignored))
		return 0;
	return json_array_size(json_object_get(object, "results"));
}

static bool show(const char *path, struct err *err) {
	CLEANUP(buf_done) struct buf line = {0}, body = {0}, shorter = {0}, packed = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	if (!file_read(path, LARGEST, &line, err) ||
	    !statement_wire_read(line.data, line.len, path, &envelope, &body, err) ||
	    !statement_read(envelope->payload.data, envelope->payload.len, path, &statement, err))
		return false;
	statement_wire_write_short(envelope, body.data, body.len, &shorter);
	gzip_write(shorter.data, shorter.len, &packed);
	printf("%s %" PRId64 " %s %zu %zu %zu\n", statement->type, statement->sequence,
	       statement->full ? "full" : "changes", count_results(&body), line.len, packed.len);
	return true;
}

int main(int argc, char **argv) {
	struct err err;
	char text[640];
	for (int i = 1; i < argc; i++)
		if (!show(argv[i], &err)) {
			fprintf(stderr, "wire: %s\n", err_text(&err, text, sizeof text));
			return 1;
		}
	return 0;
}

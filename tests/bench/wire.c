/* wire FILE...: what each statement of a spool would be on the wire, alone in its request: "TYPE SEQUENCE full|changes
 * RESULTS BYTES GZIPPED" a line, sorted as given. BYTES are those of the line in the spool.
 *
 * wire --package PACKAGE: the same of each statement of an audit package. */
#include <inttypes.h>

#include "core/file.h"
#include "core/gzip.h"
#include "core/package.h"
#include "core/statement.h"

#define LARGEST (16U << 20)

static size_t count_results(const struct buf *body) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct err ignored;
	if (!json_read(body->data, body->len, LARGEST, "body", &object, &ignored))
		return 0;
	return json_array_size(json_object_get(object, "results"));
}

static bool show(const struct dsse *envelope, const struct buf *body, size_t spooled, const char *where,
		 struct err *err) {
	CLEANUP(buf_done) struct buf shorter = {0}, packed = {0};
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	if (!statement_read(envelope->payload.data, envelope->payload.len, where, &statement, err))
		return false;
	statement_wire_write_short(envelope, body->data, body->len, &shorter);
	gzip_write(shorter.data, shorter.len, &packed);
	printf("%s %" PRId64 " %s %zu %zu %zu\n", statement->type, statement->sequence,
	       statement->full ? "full" : "changes", count_results(body), spooled, packed.len);
	return true;
}

static bool show_file(const char *path, struct err *err) {
	CLEANUP(buf_done) struct buf line = {0}, body = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	return file_read(path, LARGEST, &line, err) &&
	       statement_wire_read(line.data, line.len, path, &envelope, &body, err) &&
	       show(envelope, &body, line.len, path, err);
}

static bool show_packaged(const struct package *package, const json_t *line, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0}, spooled = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	char hex[HASH_HEX];
	if (!dsse_from_json(json_object_get(line, "envelope"), "envelope", &envelope, err) ||
	    !statement_read(envelope->payload.data, envelope->payload.len, "payload", &statement, err))
		return false;
	CLEANUP(free_ptr) char *name = xasprintf("bodies/%s", hash_hex(&statement->body_sha256, hex));
	if (!package_read(package, name, LARGEST, &body, err))
		return false;
	statement_wire_write(envelope, buf_str(&body), body.len, &spooled);
	return show(envelope, &body, spooled.len, name, err);
}

static bool show_package(const char *path, struct err *err) {
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(package_lines_free_p) struct package_lines *lines = NULL;
	if (!package_open(path, &package, err) ||
	    !package_lines_open(package, "statements.jsonl", PACKAGE_LINE_LONGEST, &lines, err))
		return false;
	for (;;) {
		CLEANUP(json_decref_p) json_t *line = NULL;
		if (!package_lines_next(lines, &line, err))
			return false;
		if (!line)
			return true;
		if (!show_packaged(package, line, err))
			return false;
	}
}

int main(int argc, char **argv) {
	struct err err;
	char text[640];
	const bool is_package = argc == 3 && !strcmp(argv[1], "--package");
	for (int i = is_package ? 2 : 1; i < argc; i++)
		if (!(is_package ? show_package(argv[i], &err) : show_file(argv[i], &err))) {
			fprintf(stderr, "wire: %s\n", err_text(&err, text, sizeof text));
			return 1;
		}
	return 0;
}

/* quiet_lines SPOOLED KEY REQUESTS LINES PREFIX: continues a host's line behind a full round that lies in its spool
 * with REQUESTS * LINES quiet ones, a quarter of an hour apart, signed by the host's KEY (PEM): the bodies of the
 * requests, gzipped as vouch-ship sends them, in PREFIX-1.gz, PREFIX-2.gz and so on. */
#include "core/file.h"
#include "core/gzip.h"
#include "core/statement.h"

#define LARGEST (16U << 20)
#define EVERY_S 900

struct line {
	EVP_PKEY *key;
	struct statement *statement; /* the last one */
	struct buf body;             /* of a quiet round */
	char keyid[HASH_HEX], previous[HASH_HEX];
};

static void line_done(struct line *line) {
	EVP_PKEY_free(line->key);
	statement_free(line->statement);
	buf_done(&line->body);
}

static bool empty_body(const struct buf *full, struct buf *ret_body, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	if (!json_read(full->data, full->len, LARGEST, "body", &object, err))
		return false;
	json_object_set_new(object, "results", json_array());
	return json_canonical(object, ret_body, err);
}

static bool begin(const char *spooled, const char *key, struct line *line, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0}, body = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	if (!key_load(key, &line->key, err) || !file_read(spooled, LARGEST, &text, err) ||
	    !statement_wire_read(text.data, text.len, spooled, &envelope, &body, err) ||
	    !statement_read(envelope->payload.data, envelope->payload.len, spooled, &line->statement, err) ||
	    !empty_body(&body, &line->body, err))
		return false;
	const struct hash id = key_id(line->key), digest = dsse_digest(envelope);
	hash_hex(&id, line->keyid);
	hash_hex(&digest, line->previous);
	line->statement->full = false;
	line->statement->body_sha256 = hash_of(line->body.data, line->body.len);
	return true;
}

static bool add(struct line *line, struct buf *lines, struct err *err) {
	CLEANUP(buf_done) struct buf payload = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	struct statement *statement = line->statement;
	free(statement->previous);
	statement->previous = xstrdup(line->previous);
	statement->sequence++;
	statement->started_at += EVERY_S;
	statement->finished_at += EVERY_S;
	if (!statement_write(statement, &payload, err) ||
	    !dsse_seal(DSSE_INTOTO, payload.data, payload.len, line->key, line->keyid, &envelope, err))
		return false;
	const struct hash digest = dsse_digest(envelope);
	hash_hex(&digest, line->previous);
	statement_wire_write_short(envelope, line->body.data, line->body.len, lines);
	return true;
}

static bool write_request(struct line *line, int lines, const char *path, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0}, packed = {0};
	for (int i = 0; i < lines; i++)
		if (!add(line, &text, err))
			return false;
	gzip_write(text.data, text.len, &packed);
	return file_write(path, packed.data, packed.len, 0644, err);
}

static bool run(char **argv, struct line *line, struct err *err) {
	const long requests = strtol(argv[3], NULL, 10), lines = strtol(argv[4], NULL, 10);
	if (!begin(argv[1], argv[2], line, err))
		return false;
	line->statement->started_at -= requests * lines * EVERY_S; /* none of them lies in the future */
	line->statement->finished_at = line->statement->started_at;
	for (long i = 1; i <= requests; i++) {
		CLEANUP(free_ptr) char *path = xasprintf("%s-%ld.gz", argv[5], i);
		if (!write_request(line, (int)lines, path, err))
			return false;
	}
	return true;
}

int main(int argc, char **argv) {
	CLEANUP(line_done) struct line line = {0};
	struct err err;
	char text[640];
	if (argc != 6) {
		fprintf(stderr, "usage: quiet_lines SPOOLED KEY REQUESTS LINES PREFIX\n");
		return 2;
	}
	if (run(argv, &line, &err))
		return 0;
	fprintf(stderr, "quiet_lines: %s\n", err_text(&err, text, sizeof text));
	return 1;
}

/* GET /api/v1/evidence: statements with their bodies, oldest first, as JSON Lines (docs/PROTOCOL.md, "Readers"). */
#include "collector/api.h"
#include "core/base64.h"
#include "core/file.h"
#include "core/text.h"
#include "core/times.h"

#define LINES_STANDARD 100
#define LINES_MOST 1000
#define ANSWER_LARGEST (16U << 20) /* one line may be larger */
#define TIMESTAMP_LARGEST 65536

struct asked {
	char *host, *types, *from, *to, *after, *limit;
	struct store_range range;
	unsigned long long lines;
};

static void asked_done(struct asked *asked) {
	free(asked->host);
	free(asked->types);
	free(asked->from);
	free(asked->to);
	free(asked->after);
	free(asked->limit);
}

static bool refuse(struct visit *visit, const char *sentence) {
	http_error(visit->request, 400, "%s", sentence);
	return false;
}

static bool are_types(const char *types) {
	static const char *const known[] = {"round",      "policy",      "approval", "enrolment", "epoch",
					    "spool-full", "attestation", "erasure",  "revocation"};
	CLEANUP(free_ptr) char *copy = xstrdup(types);
	for (char *at = copy, *word; (word = strsep(&at, ",")) != NULL;)
		if (!text_is_one_of(word, known, ARRAY_LEN(known)))
			return false;
	return true;
}

static bool read_time(const char *text, int64_t otherwise, int64_t *ret_time) {
	*ret_time = otherwise;
	return !text || times_parse(text, ret_time);
}

/* False: answered with 400. */
static bool read_asked(struct visit *visit, struct asked *asked) {
	static const char *const known[] = {"host", "from", "to", "type", "after", "limit", NULL};
	CLEANUP(free_ptr) char *unknown = http_query_unknown(visit->request, known);
	unsigned long long after;
	if (unknown) {
		http_error(visit->request, 400, "there is no parameter \"%s\"", unknown);
		return false;
	}
	asked->host = http_query(visit->request, "host");
	asked->types = http_queries(visit->request, "type");
	asked->from = http_query(visit->request, "from");
	asked->to = http_query(visit->request, "to");
	asked->after = http_query(visit->request, "after");
	asked->limit = http_query(visit->request, "limit");
	asked->lines = LINES_STANDARD;
	asked->range = (struct store_range){.host = asked->host, .types = asked->types, .after = -1};
	if (asked->types && !are_types(asked->types))
		return refuse(visit, "type is not one of a statement");
	if (!read_time(asked->from, INT64_MIN, &asked->range.from) ||
	    !read_time(asked->to, INT64_MAX, &asked->range.to))
		return refuse(visit, "from and to are times such as 2026-11-01T00:00:00Z");
	if (asked->limit && (!text_to_u64(asked->limit, LINES_MOST, &asked->lines) || asked->lines == 0)) {
		http_error(visit->request, 400, "limit is not a number from 1 to %d", LINES_MOST);
		return false;
	}
	if (asked->after && !text_to_u64(asked->after, INT64_MAX, &after))
		return refuse(visit, "after is not an index of the log");
	if (asked->after)
		asked->range.after = (int64_t)after;
	return true;
}

/* --- the lines ---------------------------------------------------------------------------------------------------- */

struct answer {
	struct visit *visit;
	unsigned long long lines_left;
	struct buf lines;
	bool is_failed;
	struct err err;
};

static json_t *base64_json(const struct buf *bytes) {
	CLEANUP(free_ptr) char *text = base64_encode(bytes->data, bytes->len);
	return json_string(text);
}

static bool add_body(struct answer *answer, const char *sha256, json_t *line) {
	CLEANUP(buf_done) struct buf body = {0};
	char hex[HASH_HEX];
	if (!store_body(answer->visit->collector->store, sha256, &body, &answer->err)) {
		json_object_set_new(line, "erased", json_true());
		return answer->err.code == ERR_ABSENT; /* nothing is left of it */
	}
	const struct hash hash = hash_of(body.data, body.len);
	json_object_set_new(line, "body", base64_json(&body));
	if (strcmp(hash_hex(&hash, hex), sha256) != 0)
		json_object_set_new(line, "erased", json_true());
	return true;
}

/* What the daemon of the anchors has got for the statement; most have none. */
static bool add_timestamp(struct answer *answer, const char *digest, json_t *line) {
	const char *folder = answer->visit->collector->folder;
	CLEANUP(free_ptr) char *response_path = xasprintf("%s/timestamps/%s.tsr", folder, digest);
	CLEANUP(free_ptr) char *certificates_path = xasprintf("%s/timestamps/%s.pem", folder, digest);
	CLEANUP(buf_done) struct buf response = {0}, certificates = {0};
	if (!file_read(response_path, TIMESTAMP_LARGEST, &response, &answer->err) ||
	    !file_read(certificates_path, TIMESTAMP_LARGEST, &certificates, &answer->err))
		return answer->err.code == ERR_ABSENT;
	json_object_set_new(line, "timestamp", base64_json(&response));
	json_object_set_new(line, "certificates", json_text(buf_str(&certificates)));
	return true;
}

static bool make_line(struct answer *answer, const struct store_statement *statement, struct buf *text) {
	CLEANUP(json_decref_p) json_t *line = json_object();
	json_t *envelope;
	char received[TIMES_TEXT];
	if (!json_read(statement->envelope, statement->envelope_len, DSSE_ENVELOPE_LARGEST, statement->digest,
		       &envelope, &answer->err))
		return false;
	json_object_set_new(line, "envelope", envelope);
	json_object_set_new(line, "index", json_integer(statement->index));
	json_object_set_new(line, "line", json_integer(statement->line));
	json_object_set_new(line, "receivedAt", json_string(times_format(statement->received, received)));
	if (!add_body(answer, statement->body_sha256, line) || !add_timestamp(answer, statement->digest, line) ||
	    !json_canonical(line, text, &answer->err))
		return false;
	buf_adds(text, "\n");
	return true;
}

static bool add_line(void *context, const struct store_statement *statement) {
	struct answer *answer = context;
	CLEANUP(buf_done) struct buf text = {0};
	answer->is_failed = !make_line(answer, statement, &text);
	if (answer->is_failed || (answer->lines.len && answer->lines.len + text.len > ANSWER_LARGEST))
		return false;
	buf_add(&answer->lines, text.data, text.len);
	return --answer->lines_left > 0;
}

void api_evidence(struct visit *visit) {
	CLEANUP(asked_done) struct asked asked = {0};
	if (!read_asked(visit, &asked))
		return;
	struct answer answer = {.visit = visit, .lines_left = asked.lines};
	if (!store_statements_in(visit->collector->store, &asked.range, add_line, &answer, &answer.err) ||
	    answer.is_failed)
		http_fault(visit->request, &answer.err);
	else
		http_reply(visit->request, 200, "application/x-ndjson", answer.lines.data, answer.lines.len);
	buf_done(&answer.lines);
}

#include "cli/export_evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base64.h"
#include "core/times.h"

#define WHERE "/api/v1/evidence"

bool(evidence_fault)(const struct evidence *evidence, const struct err *fault, struct err *err) {
	const struct err copy = *fault;
	return err_set(err, copy.code, evidence->name, "%s%s%s", copy.where, *copy.where ? ": " : "", copy.why);
}

void evidence_done(struct evidence *evidence) {
	json_decref(evidence->envelope_json);
	dsse_free(evidence->envelope);
	statement_free(evidence->statement);
	buf_done(&evidence->body);
	buf_done(&evidence->timestamp);
	free(evidence->certificates);
	*evidence = (struct evidence){0};
}

static bool read_bytes(const json_t *object, const char *member, const char *where, bool *ret_has,
		       struct buf *ret_bytes, struct err *err) {
	const char *text;
	*ret_has = json_object_get(object, member) != NULL;
	return !*ret_has || (json_get_string(object, member, where, &text, err) &&
			     base64_decode(text, strlen(text), where, ret_bytes, err));
}

static bool read_statement(struct evidence *e, struct err *err) {
	char hex[HASH_HEX];
	if (!dsse_from_json(e->envelope_json, WHERE, &e->envelope, err))
		return false;
	e->digest = dsse_digest(e->envelope);
	snprintf(e->name, sizeof e->name, "statement %s", hash_hex(&e->digest, hex));
	return statement_read(e->envelope->payload.data, e->envelope->payload.len, e->name, &e->statement, err);
}

static bool read_line(const json_t *object, struct evidence *e, struct err *err) {
	const char *received, *certificates;
	json_t *envelope;
	bool has_timestamp;
	if (!json_get_object(object, "envelope", WHERE, &envelope, err) ||
	    !json_get_int(object, "index", WHERE, &e->index, err) ||
	    !json_get_int(object, "line", WHERE, &e->line, err) ||
	    !json_get_string(object, "receivedAt", WHERE, &received, err))
		return false;
	if (e->index < 0 || !times_parse(received, &e->received))
		return err_set(err, ERR_MALFORMED, WHERE, "an index or a time of receipt is none");
	e->envelope_json = json_incref(envelope);
	e->is_erased = json_is_true(json_object_get(object, "erased"));
	if (!read_statement(e, err) || !read_bytes(object, "body", e->name, &e->has_body, &e->body, err) ||
	    !read_bytes(object, "timestamp", e->name, &has_timestamp, &e->timestamp, err))
		return false;
	if (!has_timestamp)
		return true;
	if (!json_get_string(object, "certificates", e->name, &certificates, err))
		return false;
	e->certificates = xstrdup(certificates);
	return true;
}

bool evidence_read(const char *line, size_t len, struct evidence *ret_evidence, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(evidence_done) struct evidence evidence = {0};
	if (!json_read(line, len, EVIDENCE_LINE_LARGEST, WHERE, &object, err) || !read_line(object, &evidence, err))
		return false;
	*ret_evidence = evidence;
	evidence = (struct evidence){0};
	return true;
}

/* --- gathered ----------------------------------------------------------------------------------------------------- */

bool gathered_open(struct gathered *ret_gathered, struct err *err) {
	const char *asked = getenv("TMPDIR");
	CLEANUP(free_ptr) char *path = xasprintf("%s/vouch-export-XXXXXX", asked && *asked ? asked : "/var/tmp");
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, ERR_IO, path, "make a temporary file");
	unlink(path);
	*ret_gathered = (struct gathered){.scratch = fd, .policies = json_array()};
	return true;
}

void gathered_done(struct gathered *gathered) {
	close_fd(&gathered->scratch);
	free(gathered->items);
	json_decref(gathered->policies);
}

static size_t policies_number(struct gathered *gathered, json_t *policies) {
	for (size_t i = json_array_size(gathered->policies); i-- > 0;)
		if (json_equal(json_array_get(gathered->policies, i), policies))
			return i;
	json_array_append(gathered->policies, policies);
	return json_array_size(gathered->policies) - 1;
}

bool gathered_add(struct gathered *gathered, const char *line, size_t len, const struct evidence *evidence,
		  struct err *err) {
	for (size_t done = 0; done < len;) {
		ssize_t put = pwrite(gathered->scratch, line + done, len - done, (off_t)(gathered->end + done));
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_errno(err, errno, ERR_IO, "temporary file", "write");
		done += (size_t)put;
	}
	if (gathered->count == gathered->room) {
		gathered->room = gathered->room ? 2 * gathered->room : 256;
		gathered->items = xreallocarray(gathered->items, gathered->room, sizeof *gathered->items);
	}
	gathered->items[gathered->count++] =
		(struct gathered_item){.index = evidence->index,
				       .offset = gathered->end,
				       .len = len,
				       .policies = policies_number(gathered, evidence->statement->policies)};
	gathered->end += len;
	return true;
}

void gathered_forget(struct gathered *gathered, size_t from, size_t to) {
	if (from >= to)
		return;
	memmove(gathered->items + from, gathered->items + to, (gathered->count - to) * sizeof *gathered->items);
	gathered->count -= to - from;
}

static int by_index(const void *a, const void *b) {
	const int64_t one = ((const struct gathered_item *)a)->index, other = ((const struct gathered_item *)b)->index;
	return (one > other) - (one < other);
}

void gathered_sort(struct gathered *gathered) {
	size_t kept = 0;
	if (!gathered->count)
		return;
	qsort(gathered->items, gathered->count, sizeof *gathered->items, by_index);
	for (size_t i = 1; i < gathered->count; i++)
		if (gathered->items[i].index != gathered->items[kept].index)
			gathered->items[++kept] = gathered->items[i];
	gathered->count = kept + 1;
}

bool gathered_get(const struct gathered *gathered, size_t item, struct evidence *ret_evidence, struct err *err) {
	const struct gathered_item *at = &gathered->items[item];
	CLEANUP(buf_done) struct buf line = {0};
	char *room = buf_room(&line, at->len);
	while (line.len < at->len) {
		ssize_t got =
			pread(gathered->scratch, room + line.len, at->len - line.len, (off_t)(at->offset + line.len));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_errno(err, got < 0 ? errno : EIO, ERR_IO, "temporary file", "read");
		line.len += (size_t)got;
	}
	return evidence_read(line.data, line.len, ret_evidence, err);
}

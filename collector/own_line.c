#include "collector/own_line.h"

#include <errno.h>
#include <unistd.h>

#include "collector/erase.h"
#include "collector/index.h"
#include "collector/receive.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/file.h"
#include "core/times.h"

#define FRAMEWORK "iso27001:2022"

/* --- keeping ------------------------------------------------------------------------------------------------------ */

/* What is said, on its way into log and store. */
struct said {
	struct dsse *envelope;
	struct statement *statement;
	struct buf body;
	char digest[HASH_HEX];
	int64_t index; /* in the log; -1: not yet */
	bool is_adopted;
};

static void said_done(struct said *said) {
	dsse_free(said->envelope);
	statement_free(said->statement);
	buf_done(&said->body);
}

/* After a crash the entry may be there already. */
static bool log_it(struct own_line *own, struct said *said, struct err *err) {
	CLEANUP(buf_done) struct buf entry = {0};
	uint64_t first = 0;
	if (!receive_adopt(own->store, own->log, err) || !entry_write(said->envelope, own->key, &entry, err))
		return false;
	const struct hash leaf = merkle_leaf(entry.data, entry.len);
	if (!store_orphan_find(own->store, &leaf, &said->index, err))
		return false;
	said->is_adopted = said->index >= 0;
	if (said->is_adopted)
		return true;
	if (!log_append(own->log, &(struct log_entry){entry.data, entry.len}, 1, &first, err))
		return false;
	said->index = (int64_t)first;
	return true;
}

static bool do_it(struct own_line *own, const struct said *said, struct err *err) {
	CLEANUP(json_decref_p) json_t *document = NULL;
	if (strcmp(said->statement->type, "erasure") != 0)
		return true;
	return json_read(buf_str(&said->body), said->body.len, STATEMENT_BODY_LARGEST, "erasure", &document, err) &&
	       erase_bodies(own->store, document, said->digest, err);
}

static bool store_it(struct own_line *own, const struct said *said, struct err *err) {
	char body_sha256[HASH_HEX];
	CLEANUP(buf_done) struct buf envelope = {0};
	dsse_write(said->envelope, &envelope);
	struct store_evidence evidence = {
		.index = said->index,
		.digest = said->digest,
		.received = said->statement->finished_at,
		.body_sha256 = hash_hex(&said->statement->body_sha256, body_sha256),
		.envelope = envelope.data,
		.envelope_len = envelope.len,
	};
	if (store_begin(own->store, err) &&
	    store_evidence_add(own->store, &evidence, buf_str(&said->body), said->body.len, err) &&
	    (!said->is_adopted || store_orphan_remove(own->store, said->index, err)) && do_it(own, said, err) &&
	    store_commit(own->store, err))
		return true;
	store_rollback(own->store);
	return false;
}

static bool forget_pending(const struct own_line *own, struct err *err) {
	return unlink(own->pending) == 0 || errno == ENOENT || err_errno(err, errno, ERR_IO, own->pending, "take away");
}

static bool keep(struct own_line *own, struct said *said, struct err *err) {
	return log_it(own, said, err) && store_it(own, said, err) && forget_pending(own, err) &&
	       index_catch_up(own->store, NULL, NULL, err) &&
	       (strcmp(said->statement->type, "erasure") != 0 || store_shrink(own->store, err));
}

/* --- what a crash, or a full disk, left -------------------------------------------------------------------------- */

static bool read_pending(const struct own_line *own, const struct buf *line, struct said *said, struct err *err) {
	if (!statement_wire_read(buf_str(line), line->len, own->pending, &said->envelope, &said->body, err) ||
	    !dsse_verify(said->envelope, DSSE_INTOTO, own->key, err) ||
	    !statement_read(said->envelope->payload.data, said->envelope->payload.len, own->pending, &said->statement,
			    err))
		return false;
	const struct hash digest = dsse_digest(said->envelope);
	hash_hex(&digest, said->digest);
	return true;
}

/* One of an earlier or a later time of this folder would be a fork of our own line, or a gap. */
static bool is_next(const struct own_line *own, const struct said *said, struct err *err) {
	CLEANUP(store_line_done) struct store_line line = {0};
	if (!store_line_of(own->store, own->keyid, &line, err))
		return false;
	return (said->statement->sequence == line.sequence + 1 && !strcmp(said->statement->previous, line.last)) ||
	       err_set(err, ERR_REFUSED, own->pending,
		       "it is number %lld of the collector's own line, whose last is %lld: it is of another state of "
		       "this folder; put that back, or take the file away",
		       (long long)said->statement->sequence, (long long)line.sequence);
}

static bool recover(struct own_line *own, struct err *err) {
	CLEANUP(buf_done) struct buf line = {0};
	CLEANUP(said_done) struct said said = {0};
	char host[STORE_HOST_ID];
	struct err why;
	if (!file_read(own->pending, RECEIVE_LINE_LARGEST, &line, &why)) {
		if (why.code != ERR_ABSENT)
			*err = why;
		return why.code == ERR_ABSENT;
	}
	if (!read_pending(own, &line, &said, err) || !index_catch_up(own->store, NULL, NULL, err) ||
	    !store_statement_index(own->store, said.digest, &said.index, host, err))
		return false;
	if (said.index >= 0)
		return forget_pending(own, err);
	return is_next(own, &said, err) && keep(own, &said, err);
}

/* --- saying ------------------------------------------------------------------------------------------------------- */

static struct statement *statement_of(const struct own_line *own, const struct store_line *line, const char *type,
				      const struct buf *body) {
	struct statement *statement = xcalloc(1, sizeof *statement);
	statement->type = xstrdup(type);
	statement->host_id = xstrdup(own->id);
	statement->host_name = xstrdup(log_origin(own->log));
	statement->host_os = xstrdup("");
	statement->environment = xstrdup("");
	statement->framework = xstrdup(FRAMEWORK);
	statement->sequence = line->sequence + 1;
	statement->previous = xstrdup(line->last);
	statement->boot_id = xstrdup("");
	statement->trigger = xstrdup("manual");
	statement->started_at = statement->finished_at = times_now();
	statement->policies = json_array();
	statement->body_name = xstrdup(type);
	statement->body_sha256 = hash_of(body->data, body->len);
	if (strcmp(type, "enrolment") != 0)
		return statement;
	CLEANUP(buf_done) struct buf der = {0};
	key_public_der(own->key, &der);
	statement->evidence_key = base64_encode(der.data, der.len);
	statement->purpose = xstrdup("collector");
	return statement;
}

static bool seal(const struct own_line *own, struct said *said, struct err *err) {
	CLEANUP(buf_done) struct buf payload = {0}, line = {0};
	if (!statement_write(said->statement, &payload, err) ||
	    !dsse_seal(DSSE_INTOTO, payload.data, payload.len, own->key, own->keyid, &said->envelope, err))
		return false;
	const struct hash digest = dsse_digest(said->envelope);
	hash_hex(&digest, said->digest);
	statement_wire_write(said->envelope, said->body.data, said->body.len, &line);
	return file_write(own->pending, line.data, line.len, 0600, err);
}

static bool say(struct own_line *own, const char *type, const json_t *body, char ret_digest[HASH_HEX],
		struct err *err) {
	CLEANUP(store_line_done) struct store_line line = {0};
	CLEANUP(said_done) struct said said = {0};
	if (!store_line_of(own->store, own->keyid, &line, err) || !json_canonical(body, &said.body, err))
		return false;
	if (said.body.len > STATEMENT_BODY_LARGEST)
		return err_set(err, ERR_TOO_BIG, type, "the body is larger than %u bytes", STATEMENT_BODY_LARGEST);
	said.statement = statement_of(own, &line, type, &said.body);
	if (!seal(own, &said, err) || !keep(own, &said, err))
		return false;
	snprintf(ret_digest, HASH_HEX, "%s", said.digest);
	return true;
}

static bool say_enrolment(struct own_line *own, struct err *err) {
	char digest[HASH_HEX];
	CLEANUP(buf_done) struct buf der = {0};
	key_public_der(own->key, &der);
	CLEANUP(free_ptr) char *key = base64_encode(der.data, der.len);
	CLEANUP(json_decref_p)
	json_t *body = json_pack("{s:s, s:{s:s, s:s, s:s}}", "evidenceKey", key, "host", "id", own->id, "name",
				 log_origin(own->log), "os", "");
	return say(own, "enrolment", body, digest, err);
}

/* What is pending comes first: an entry of the log that no statement claims is not left behind. */
bool own_line_say(struct own_line *own, const char *type, const json_t *body, char ret_digest[HASH_HEX],
		  struct err *err) {
	CLEANUP(store_line_done) struct store_line line = {0};
	if (!recover(own, err) || !index_catch_up(own->store, NULL, NULL, err) ||
	    !store_line_of(own->store, own->keyid, &line, err))
		return false;
	return (line.id != 0 || say_enrolment(own, err)) && say(own, type, body, ret_digest, err);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool open_key(const char *folder, EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, "collector.key");
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	struct err why;
	if (key_load(path, ret_key, &why))
		return true;
	if (why.code != ERR_ABSENT) {
		*err = why;
		return false;
	}
	if (!key_make_ed25519(&key, err) || !key_save(path, key, err) || !file_sync_folder(folder, err))
		return false;
	*ret_key = key;
	key = NULL;
	return true;
}

/* docs/FORMAT.md 1.2: a version 4 UUID of the key's digest. */
static void name_host(const struct hash *id, char ret_id[STORE_HOST_ID]) {
	uint8_t b[16];
	memcpy(b, id->bytes, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(ret_id, STORE_HOST_ID, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

bool own_line_open(const char *folder, struct store *store, struct log *log, struct own_line **ret_own,
		   struct err *err) {
	CLEANUP(own_line_free_p) struct own_line *own = xcalloc(1, sizeof *own);
	own->pending = file_join(folder, "own.pending");
	own->store = store;
	own->log = log;
	if (!open_key(folder, &own->key, err))
		return false;
	const struct hash id = key_id(own->key);
	hash_hex(&id, own->keyid);
	name_host(&id, own->id);
	if (!recover(own, err))
		return false;
	*ret_own = own;
	own = NULL;
	return true;
}

void own_line_free(struct own_line *own) {
	if (!own)
		return;
	EVP_PKEY_free(own->key);
	free(own->pending);
	free(own);
}

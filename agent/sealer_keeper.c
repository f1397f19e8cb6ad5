#include "agent/sealer_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base64.h"
#include "core/file.h"
#include "core/text.h"

#define POSITION_LARGEST 4096

struct keeper {
	char *folder, *path, *host_id;
	int lock;
	EVP_PKEY *enrolled;
	char *enrolled_base64;
	char enrolled_id[HASH_HEX];
	struct position last;
};

void position_done(struct position *position) {
	buf_done(&position->signature);
	buf_done(&position->signer);
	*position = (struct position){0};
}

/* --- the rules ---------------------------------------------------------------------------------------------------- */

static bool is_next(const struct position *last, const struct statement *statement, struct err *err) {
	char hex[HASH_HEX] = "";
	long long came = (long long)statement->sequence, next = (long long)last->sequence + 1;
	if (came < next)
		return err_set(err, ERR_REFUSED, "sequence", "a fork: another statement was signed as number %lld",
			       came);
	if (came > next)
		return err_set(err, ERR_REFUSED, "sequence", "a gap: %lld came and %lld is next%s", came, next,
			       next > 1 ? "" : "; this sealer has not signed the host's enrolment: enrol it anew");
	if (last->sequence > 0)
		hash_hex(&last->digest, hex);
	return !strcmp(statement->previous, hex) ||
	       err_set(err, ERR_REFUSED, "previous", "a fork: not the digest of the statement signed last");
}

static bool is_of_type(const struct statement *statement, const char *key, struct err *err) {
	bool is_enrolment = !strcmp(statement->type, "enrolment");
	if (!statement_has_type(statement))
		return err_set(err, ERR_REFUSED, "type", "statements of this type are not signed");
	if (is_enrolment != (statement->sequence == 1))
		return err_set(err, ERR_REFUSED, "type", "number 1 is the enrolment, and no other");
	return !is_enrolment || !strcmp(statement->evidence_key, key) ||
	       err_set(err, ERR_REFUSED, "evidenceKey", "not the key that signs");
}

bool position_admits(const struct position *position, const char *host_id, const char *key, const void *payload,
		     size_t len, struct statement **ret_statement, struct err *err) {
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	if (!statement_read(payload, len, "statement", &statement, err) || !is_next(position, statement, err) ||
	    !is_of_type(statement, key, err))
		return false;
	if (strcmp(statement->host_id, host_id) != 0)
		return err_set(err, ERR_REFUSED, "host", "not the host that was enrolled");
	*ret_statement = statement;
	statement = NULL;
	return true;
}

/* --- on the disk -------------------------------------------------------------------------------------------------- */

static bool read_base64(const json_t *object, const char *name, const char *where, size_t most, struct buf *ret_bytes,
			struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err) ||
	    !base64_decode(text, strlen(text), where, ret_bytes, err))
		return false;
	return (ret_bytes->len > 0 && ret_bytes->len <= most) ||
	       err_set(err, ERR_MALFORMED, where, "\"%s\" is empty or too long", name);
}

static bool fill(const json_t *object, const char *where, struct position *position, struct err *err) {
	const char *digest, *boot_id;
	if (!json_get_int(object, "sequence", where, &position->sequence, err) ||
	    !json_get_string(object, "digest", where, &digest, err) ||
	    !json_get_string(object, "bootId", where, &boot_id, err) ||
	    !read_base64(object, "signature", where, KEY_SIGNATURE_LONGEST, &position->signature, err) ||
	    !read_base64(object, "signer", where, SEALER_KEY_LARGEST, &position->signer, err))
		return false;
	snprintf(position->boot_id, sizeof position->boot_id, "%s", boot_id);
	return (position->sequence >= 1 && position->sequence < INT64_MAX &&
		hash_from_hex(digest, &position->digest)) ||
	       err_set(err, ERR_MALFORMED, where, "not a position that this program wrote");
}

/* A position of another key is none of ours. */
static bool keeper_read(struct keeper *keeper, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct err why;
	const char *enrolled;
	if (!file_read(keeper->path, POSITION_LARGEST, &bytes, &why)) {
		*err = why;
		return why.code == ERR_ABSENT;
	}
	if (!json_read(bytes.data, bytes.len, POSITION_LARGEST, keeper->path, &object, err) ||
	    !json_get_string(object, "enrolled", keeper->path, &enrolled, err))
		return false;
	return strcmp(enrolled, keeper->enrolled_id) != 0 || fill(object, keeper->path, &keeper->last, err);
}

static bool keeper_write(const struct keeper *keeper, const struct position *position, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(free_ptr) char *signature = base64_encode(position->signature.data, position->signature.len);
	CLEANUP(free_ptr) char *signer = base64_encode(position->signer.data, position->signer.len);
	char hex[HASH_HEX];
	CLEANUP(json_decref_p)
	json_t *object = json_pack("{s:o, s:s, s:s, s:I, s:s, s:s}", "bootId", json_text(position->boot_id), "digest",
				   hash_hex(&position->digest, hex), "enrolled", keeper->enrolled_id, "sequence",
				   (json_int_t)position->sequence, "signature", signature, "signer", signer);
	return json_canonical(object, &bytes, err) && file_write(keeper->path, bytes.data, bytes.len, 0600, err);
}

static bool take_lock(struct keeper *keeper, struct err *err) {
	keeper->lock = open(keeper->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keeper->lock < 0)
		return err_errno(err, errno, ERR_IO, keeper->folder, "open");
	return flock(keeper->lock, LOCK_EX | LOCK_NB) == 0 ||
	       err_set(err, ERR_REFUSED, keeper->folder, "another sealer has it");
}

bool keeper_open(const char *folder, EVP_PKEY *enrolled, const char *host_id, struct keeper **ret_keeper,
		 struct err *err) {
	CLEANUP(keeper_free_p) struct keeper *keeper = xcalloc(1, sizeof *keeper);
	CLEANUP(buf_done) struct buf der = {0};
	struct hash id = key_id(enrolled);
	key_public_der(enrolled, &der);
	keeper->lock = -1;
	keeper->folder = xstrdup(folder);
	keeper->path = file_join(folder, "position");
	keeper->host_id = xstrdup(host_id);
	keeper->enrolled_base64 = base64_encode(der.data, der.len);
	hash_hex(&id, keeper->enrolled_id);
	if (!file_make_folder(folder, 0700, err) || !take_lock(keeper, err) || !keeper_read(keeper, err))
		return false;
	keeper->enrolled = enrolled;
	*ret_keeper = keeper;
	keeper = NULL;
	return true;
}

void keeper_free(struct keeper *keeper) {
	if (!keeper)
		return;
	close_fd(&keeper->lock);
	EVP_PKEY_free(keeper->enrolled);
	position_done(&keeper->last);
	free(keeper->enrolled_base64);
	free(keeper->host_id);
	free(keeper->path);
	free(keeper->folder);
	free(keeper);
}

/* --- signing ------------------------------------------------------------------------------------------------------ */

static bool sign(EVP_PKEY *key, const void *payload, size_t len, struct position *position, struct err *err) {
	CLEANUP(buf_done) struct buf pae = {0};
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	size_t signature_len;
	dsse_pae(DSSE_INTOTO, payload, len, &pae);
	if (!key_sign(key, pae.data, pae.len, signature, &signature_len, err))
		return false;
	buf_add(&position->signature, signature, signature_len);
	key_public_der(key, &position->signer);
	return true;
}

/* On the disk first: what was signed and is not known to have been signed could be signed otherwise. */
static enum sealer_outcome advance(struct keeper *keeper, const void *payload, size_t len, struct err *err) {
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	CLEANUP(position_done) struct position next = {.digest = hash_of(payload, len)};
	if (!position_admits(&keeper->last, keeper->host_id, keeper->enrolled_base64, payload, len, &statement, err))
		return SEALER_REFUSED;
	next.sequence = statement->sequence;
	snprintf(next.boot_id, sizeof next.boot_id, "%s", statement->boot_id);
	if (!sign(keeper->enrolled, payload, len, &next, err) || !keeper_write(keeper, &next, err))
		return SEALER_FAILED;
	position_done(&keeper->last);
	keeper->last = next;
	next = (struct position){0};
	return SEALER_SIGNED;
}

static bool is_last(const struct position *last, const void *payload, size_t len) {
	struct hash digest = hash_of(payload, len);
	return last->sequence > 0 && hash_equal(&digest, &last->digest);
}

void keeper_sign(struct keeper *keeper, const void *payload, size_t len, struct sealer_reply *ret_reply) {
	struct err err;
	const struct position *last = &keeper->last;
	*ret_reply = (struct sealer_reply){.outcome = SEALER_SIGNED};
	if (!is_last(last, payload, len))
		ret_reply->outcome = advance(keeper, payload, len, &err);
	if (ret_reply->outcome != SEALER_SIGNED) {
		char text[sizeof err.where + sizeof err.why + 64];
		snprintf(ret_reply->why, sizeof ret_reply->why, "%s", err_text(&err, text, sizeof text));
		return;
	}
	ret_reply->signature_len = (uint32_t)last->signature.len;
	memcpy(ret_reply->signature, last->signature.data, last->signature.len);
	ret_reply->key_len = (uint32_t)last->signer.len;
	memcpy(ret_reply->key, last->signer.data, last->signer.len);
}

#include "core/approval.h"

#include "core/policy.h"
#include "core/statement.h"
#include "core/text.h"
#include "core/times.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

void approval_free(struct approval *approval) {
	if (!approval)
		return;
	free(approval->policy);
	free(approval->approver);
	free(approval->note);
	free(approval);
}

bool approval_is_name(const char *name) {
	const size_t len = strlen(name);
	return len > 0 && len <= APPROVAL_NAME_LONGEST && strspn(name, LETTERS " ._-@") == len &&
	       strchr(LETTERS, name[0]) && strchr(LETTERS, name[len - 1]);
}

/* --- what an approval says: writing and reading both go through it ------------------------------------------------ */

static bool is_text(const json_t *object, const char *name, size_t longest, const char *where, const char **ret_text,
		    struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	if (strlen(text) > longest)
		return err_set(err, ERR_TOO_BIG, where, "\"%s\" is longer than %zu bytes", name, longest);
	CLEANUP(free_ptr) char *replaced = xstrdup(text);
	text_replace_controls(replaced);
	if (!*text || strcmp(text, replaced) != 0)
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is empty or has control characters", name);
	*ret_text = text;
	return true;
}

static bool is_instant(const json_t *object, const char *name, const char *where, int64_t *ret_instant,
		       struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	return times_parse(text, ret_instant) || err_set(err, ERR_MALFORMED, where, "\"%s\" is not a time", name);
}

static bool has_exactly(const json_t *object, const char *name, const char *expected, const char *where,
			struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	return !strcmp(text, expected) || err_set(err, ERR_MALFORMED, where, "\"%s\" is not \"%s\"", name, expected);
}

static bool read_subject(const json_t *object, const char *where, struct approval *approval, struct err *err) {
	json_t *subjects, *digest;
	const char *id, *hex;
	if (!json_get_array(object, "subject", where, &subjects, err))
		return false;
	const json_t *subject = json_array_get(subjects, 0);
	if (json_array_size(subjects) != 1 || !json_is_object(subject))
		return err_set(err, ERR_MALFORMED, where, "\"subject\" is not one policy");
	if (!is_text(subject, "name", POLICY_ID_LONGEST, where, &id, err) ||
	    !json_get_object(subject, "digest", where, &digest, err) ||
	    !json_get_string(digest, "sha256", where, &hex, err))
		return false;
	if (!hash_from_hex(hex, &approval->sha256))
		return err_set(err, ERR_MALFORMED, where, "\"sha256\" is not a SHA-256 in lower-case hexadecimal");
	approval->policy = xstrdup(id);
	return true;
}

static bool read_predicate(const json_t *predicate, const char *where, struct approval *approval, struct err *err) {
	const char *approver, *note = NULL;
	const bool has_end = json_object_get(predicate, "expiresAt") != NULL;
	if (!is_text(predicate, "approver", APPROVAL_NAME_LONGEST, where, &approver, err) ||
	    !is_instant(predicate, "approvedAt", where, &approval->approved, err) ||
	    (has_end && !is_instant(predicate, "expiresAt", where, &approval->expires, err)) ||
	    (json_object_get(predicate, "note") &&
	     !is_text(predicate, "note", APPROVAL_NOTE_LONGEST, where, &note, err)))
		return false;
	if (!approval_is_name(approver))
		return err_set(err, ERR_MALFORMED, where,
			       "\"approver\" is not a name of letters, digits and \" ._-@\"");
	if (has_end && approval->expires <= approval->approved)
		return err_set(err, ERR_MALFORMED, where, "it expires before it was approved");
	approval->approver = xstrdup(approver);
	approval->note = xstrdup(note);
	return true;
}

static bool read_statement(const json_t *object, const char *where, struct approval *approval, struct err *err) {
	json_t *predicate;
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "its payload is not a JSON object");
	return has_exactly(object, "_type", STATEMENT_TYPE, where, err) &&
	       has_exactly(object, "predicateType", APPROVAL_PREDICATE, where, err) &&
	       read_subject(object, where, approval, err) &&
	       json_get_object(object, "predicate", where, &predicate, err) &&
	       read_predicate(predicate, where, approval, err);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

bool approval_envelope(const char *line, size_t len, const char *where, struct dsse **ret_envelope, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	struct hash id;
	if (!json_read(line, len, APPROVAL_LINE_LONGEST, where, &object, err) ||
	    !dsse_from_json(object, where, &envelope, err))
		return false;
	if (strcmp(envelope->payload_type, DSSE_INTOTO) != 0)
		return err_set(err, ERR_MALFORMED, where, "its payload type is not " DSSE_INTOTO);
	if (envelope->signature_count != 1)
		return err_set(err, ERR_MALFORMED, where, "an approval has one signature, not %zu",
			       envelope->signature_count);
	if (!hash_from_hex(envelope->signatures[0].keyid, &id))
		return err_set(err, ERR_MALFORMED, where, "\"keyid\" does not name a key by its SHA-256");
	*ret_envelope = envelope;
	envelope = NULL;
	return true;
}

bool approval_of(const struct dsse *envelope, const char *where, struct approval **ret_approval, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(approval_free_p) struct approval *approval = xcalloc(1, sizeof *approval);
	if (!json_read(buf_str(&envelope->payload), envelope->payload.len, DSSE_PAYLOAD_LARGEST, where, &object, err) ||
	    !read_statement(object, where, approval, err))
		return false;
	*ret_approval = approval;
	approval = NULL;
	return true;
}

bool approval_read(const char *line, size_t len, const char *where, struct approval **ret_approval, struct err *err) {
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	return approval_envelope(line, len, where, &envelope, err) && approval_of(envelope, where, ret_approval, err);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void set_time(json_t *object, const char *name, int64_t instant) {
	char text[TIMES_TEXT];
	json_object_set_new(object, name, json_string(times_format(instant, text)));
}

static json_t *statement_json(const struct approval *approval) {
	char hex[HASH_HEX];
	json_t *predicate = json_object();
	json_object_set_new(predicate, "approver", json_text(approval->approver));
	set_time(predicate, "approvedAt", approval->approved);
	if (approval->expires)
		set_time(predicate, "expiresAt", approval->expires);
	if (approval->note)
		json_object_set_new(predicate, "note", json_text(approval->note));
	return json_pack("{s:s, s:s, s:[{s:o, s:{s:s}}], s:o}", "_type", STATEMENT_TYPE, "predicateType",
			 APPROVAL_PREDICATE, "subject", "name", json_text(approval->policy), "digest", "sha256",
			 hash_hex(&approval->sha256, hex), "predicate", predicate);
}

static bool sign(const struct buf *payload, const struct host_key *key, struct dsse *envelope, struct err *err) {
	CLEANUP(buf_done) struct buf pae = {0};
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	char hex[HASH_HEX];
	size_t len;
	dsse_pae(DSSE_INTOTO, payload->data, payload->len, &pae);
	if (!host_key_sign(key, pae.data, pae.len, signature, &len, err))
		return false;
	const struct hash id = key_id(host_key_public(key));
	envelope->payload_type = xstrdup(DSSE_INTOTO);
	buf_add(&envelope->payload, payload->data, payload->len);
	envelope->signatures = xcalloc(1, sizeof *envelope->signatures);
	envelope->signature_count = 1;
	envelope->signatures[0].keyid = xstrdup(hash_hex(&id, hex));
	buf_add(&envelope->signatures[0].bytes, signature, len);
	return true;
}

bool approval_seal(const struct approval *approval, const struct host_key *key, struct buf *line, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = statement_json(approval);
	CLEANUP(approval_free_p) struct approval *again = xcalloc(1, sizeof *again);
	CLEANUP(dsse_free_p) struct dsse *envelope = xcalloc(1, sizeof *envelope);
	CLEANUP(buf_done) struct buf payload = {0};
	if (!read_statement(object, "approval", again, err) || !json_canonical(object, &payload, err) ||
	    !sign(&payload, key, envelope, err))
		return false;
	dsse_write(envelope, line);
	return true;
}

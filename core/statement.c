#include "core/statement.h"

#include "core/base64.h"
#include "core/state.h"
#include "core/text.h"
#include "core/times.h"

#define WIRE_LARGEST (STATEMENT_BODY_LARGEST / 3 * 4 + 8 + DSSE_ENVELOPE_LARGEST)

void statement_free(struct statement *statement) {
	if (!statement)
		return;
	char *const texts[] = {
		statement->type,        statement->host_id,      statement->host_name,     statement->host_os,
		statement->environment, statement->framework,    statement->previous,      statement->boot_id,
		statement->trigger,     statement->evidence_key, statement->transport_key, statement->body_name,
		statement->epoch_key,   statement->reason,       statement->last_boot_id,  statement->purpose};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	json_decref(statement->policies);
	json_decref(statement->checkpoint);
	json_decref(statement->looked);
	json_decref(statement->state);
	free(statement);
}

bool statement_has_type(const struct statement *statement) {
	static const char *const types[] = {"round",      "policy",      "approval", "enrolment", "epoch",
					    "spool-full", "attestation", "erasure",  "revocation"};
	return text_is_one_of(statement->type, types, ARRAY_LEN(types));
}

bool statement_is_collectors(const struct statement *statement) {
	static const char *const types[] = {"erasure", "revocation"};
	return text_is_one_of(statement->type, types, ARRAY_LEN(types)) ||
	       (statement->purpose && !strcmp(statement->purpose, "collector"));
}

/* The shape: what a predicate's members are, one function for each kind of value. Writing and reading both go through
 * it, so nothing is sealed that a reader would refuse. */

static bool is_hex_digest(const char *text) {
	struct hash hash;
	return hash_from_hex(text, &hash);
}

static bool is_base64_of(const char *text, size_t len) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err ignored;
	return base64_decode(text, strlen(text), "", &bytes, &ignored) && bytes.len == len;
}

static bool has_strings(const json_t *object, const char *const names[], const char *where, struct err *err) {
	const char *text;
	for (size_t i = 0; names[i]; i++)
		if (!json_get_string(object, names[i], where, &text, err))
			return false;
	return true;
}

static bool has_time(const json_t *object, const char *name, const char *where, int64_t *ret_instant, struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	if (!times_parse(text, ret_instant))
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is not a time", name);
	return true;
}

static bool has_digest(const json_t *object, const char *name, const char *where, struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	if (!is_hex_digest(text))
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is not a SHA-256 in lower-case hexadecimal", name);
	return true;
}

static bool has_count(const json_t *object, const char *name, const char *where, int64_t least, int64_t *ret_count,
		      struct err *err) {
	if (!json_get_int(object, name, where, ret_count, err))
		return false;
	if (*ret_count < least)
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is less than %d", name, (int)least);
	return true;
}

static bool policies_hold(const json_t *policies, const char *where, struct err *err) {
	static const char *const names[] = {"id", "version", NULL};
	size_t index;
	json_t *policy;
	json_array_foreach(policies, index, policy) {
		if (!json_is_object(policy))
			return err_set(err, ERR_MALFORMED, where, "a member of \"policies\" is not an object");
		if (!has_strings(policy, names, where, err) || !has_digest(policy, "sha256", where, err))
			return false;
	}
	return true;
}

static bool checkpoint_holds(const json_t *checkpoint, const char *where, struct err *err) {
	int64_t size;
	const char *root;
	if (!has_strings(checkpoint, (const char *const[]){"origin", "root", NULL}, where, err) ||
	    !has_count(checkpoint, "size", where, 0, &size, err) ||
	    !json_get_string(checkpoint, "root", where, &root, err))
		return false;
	if (!is_base64_of(root, HASH_LEN))
		return err_set(err, ERR_MALFORMED, where, "\"root\" is not a SHA-256 in base64");
	return true;
}

static bool looked_holds(const json_t *looked, const char *where, struct err *err) {
	int64_t count;
	const char *text;
	CLEANUP(buf_done) struct buf bitmap = {0};
	if (!has_count(looked, "count", where, 0, &count, err) ||
	    !json_get_string(looked, "bitmap", where, &text, err) ||
	    !base64_decode(text, strlen(text), where, &bitmap, err))
		return false;
	if (bitmap.len != (uint64_t)count / 8 + (count % 8 != 0))
		return err_set(err, ERR_MALFORMED, where, "\"bitmap\" does not have \"count\" bits");
	if (count % 8 && (unsigned char)bitmap.data[bitmap.len - 1] & (0xffU >> count % 8))
		return err_set(err, ERR_MALFORMED, where, "unused bits of \"bitmap\" are set");
	return true;
}

static bool state_holds(const json_t *state, const char *where, struct err *err) {
	int64_t size;
	return has_count(state, "size", where, 0, &size, err) && has_digest(state, "root", where, err);
}

/* An object that may be absent. */
static bool may_hold(const json_t *predicate, const char *name, const char *where,
		     bool (*holds)(const json_t *, const char *, struct err *), struct err *err) {
	json_t *object;
	if (!json_object_get(predicate, name))
		return true;
	return json_get_object(predicate, name, where, &object, err) && holds(object, where, err);
}

static bool is_of_type(const json_t *predicate, const char *type) {
	return !strcmp(json_string_value(json_object_get(predicate, "type")), type);
}

static bool is_base64_member(const json_t *predicate, const char *name, const char *where, struct err *err) {
	const char *text;
	CLEANUP(buf_done) struct buf bytes = {0};
	return json_get_string(predicate, name, where, &text, err) &&
	       base64_decode(text, strlen(text), where, &bytes, err);
}

/* Both keys in an enrolment, the evidence key alone in a collector's; elsewhere they may be absent. */
static bool keys_hold(const json_t *predicate, const char *where, struct err *err) {
	static const char *const names[] = {"evidenceKey", "transportKey"};
	const char *purpose = json_string_value(json_object_get(predicate, "purpose"));
	bool is_collectors = purpose && !strcmp(purpose, "collector"),
	     is_enrolment = is_of_type(predicate, "enrolment");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		bool is_needed = is_enrolment && !(is_collectors && i == 1);
		if (!is_needed && !json_object_get(predicate, names[i]))
			continue;
		if (!is_base64_member(predicate, names[i], where, err))
			return false;
	}
	if (is_collectors && json_object_get(predicate, "transportKey"))
		return err_set(err, ERR_MALFORMED, where, "a collector's enrolment has no \"transportKey\"");
	return true;
}

static bool purpose_holds(const json_t *predicate, const char *where, struct err *err) {
	static const char *const purposes[] = {"attestation", "collector"};
	const char *purpose;
	if (!json_object_get(predicate, "purpose"))
		return true;
	if (!json_get_string(predicate, "purpose", where, &purpose, err))
		return false;
	if (!is_of_type(predicate, "enrolment"))
		return err_set(err, ERR_MALFORMED, where, "only an enrolment has a \"purpose\"");
	return text_is_one_of(purpose, purposes, ARRAY_LEN(purposes)) ||
	       err_set(err, ERR_MALFORMED, where, "\"purpose\" is none of an enrolment");
}

static bool full_holds(const json_t *predicate, const char *where, struct err *err) {
	const json_t *full = json_object_get(predicate, "full");
	if (!full)
		return true;
	if (!json_is_true(full))
		return err_set(err, ERR_MALFORMED, where, "\"full\" is neither true nor absent");
	if (!is_of_type(predicate, "round") || !json_object_get(predicate, "state"))
		return err_set(err, ERR_MALFORMED, where, "only a round with a \"state\" can be \"full\"");
	return true;
}

static bool epoch_holds(const json_t *predicate, const char *where, struct err *err) {
	static const char *const reasons[] = {"enrolment", "boot", "reset", "rotation"};
	const char *reason, *boot_id;
	if (!is_of_type(predicate, "epoch"))
		return true;
	if (!is_base64_member(predicate, "epochKey", where, err) ||
	    !json_get_string(predicate, "reason", where, &reason, err) ||
	    !json_get_string(predicate, "lastBootId", where, &boot_id, err))
		return false;
	return text_is_one_of(reason, reasons, ARRAY_LEN(reasons)) ||
	       err_set(err, ERR_MALFORMED, where, "\"reason\" is none of an epoch");
}

static bool predicate_holds(const json_t *predicate, const char *where, struct err *err) {
	static const char *const texts[] = {"type", "environment", "framework", "previous", "bootId", "trigger", NULL};
	static const char *const host_texts[] = {"id", "name", "os", NULL};
	json_t *host, *policies;
	int64_t number, instant;
	if (!has_strings(predicate, texts, where, err) || !json_get_object(predicate, "host", where, &host, err) ||
	    !has_strings(host, host_texts, where, err) || !has_count(predicate, "sequence", where, 1, &number, err) ||
	    !has_time(predicate, "startedAt", where, &instant, err) ||
	    !has_time(predicate, "finishedAt", where, &instant, err) ||
	    !json_get_array(predicate, "policies", where, &policies, err) || !policies_hold(policies, where, err))
		return false;
	const char *previous = json_string_value(json_object_get(predicate, "previous"));
	if (*previous && !is_hex_digest(previous))
		return err_set(err, ERR_MALFORMED, where, "\"previous\" is neither empty nor a digest");
	if (!*json_string_value(json_object_get(predicate, "type")))
		return err_set(err, ERR_MALFORMED, where, "\"type\" is empty");
	return may_hold(predicate, "checkpoint", where, checkpoint_holds, err) &&
	       may_hold(predicate, "looked", where, looked_holds, err) &&
	       may_hold(predicate, "state", where, state_holds, err) && full_holds(predicate, where, err) &&
	       purpose_holds(predicate, where, err) && keys_hold(predicate, where, err) &&
	       epoch_holds(predicate, where, err);
}

static bool subject_holds(const json_t *object, const char *where, struct err *err) {
	json_t *subjects, *digest;
	const char *name;
	if (!json_get_array(object, "subject", where, &subjects, err))
		return false;
	const json_t *subject = json_array_get(subjects, 0);
	if (json_array_size(subjects) != 1 || !json_is_object(subject))
		return err_set(err, ERR_MALFORMED, where, "\"subject\" is not one object");
	return json_get_string(subject, "name", where, &name, err) &&
	       json_get_object(subject, "digest", where, &digest, err) && has_digest(digest, "sha256", where, err);
}

static bool has_exactly(const json_t *object, const char *name, const char *expected, const char *where,
			struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	if (strcmp(text, expected) != 0)
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is not \"%s\"", name, expected);
	return true;
}

static bool statement_holds(const json_t *object, const char *where, struct err *err) {
	json_t *predicate;
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "a statement is not a JSON object");
	return has_exactly(object, "_type", STATEMENT_TYPE, where, err) &&
	       has_exactly(object, "predicateType", STATEMENT_PREDICATE, where, err) &&
	       subject_holds(object, where, err) && json_get_object(object, "predicate", where, &predicate, err) &&
	       predicate_holds(predicate, where, err);
}

/* Writing. A member whose value is NULL is left out, and missed by statement_holds() where it is required. */

static void set_text(json_t *object, const char *name, const char *text) {
	if (text)
		json_object_set_new(object, name, json_text(text));
}

static void set_value(json_t *object, const char *name, json_t *value) {
	if (value)
		json_object_set(object, name, value);
}

static void set_time(json_t *object, const char *name, int64_t instant) {
	char text[TIMES_TEXT];
	json_object_set_new(object, name, json_string(times_format(instant, text)));
}

static json_t *predicate_json(const struct statement *statement) {
	json_t *predicate = json_object(), *host = json_object();
	set_text(host, "id", statement->host_id);
	set_text(host, "name", statement->host_name);
	set_text(host, "os", statement->host_os);
	json_object_set_new(predicate, "host", host);
	set_text(predicate, "type", statement->type);
	set_text(predicate, "environment", statement->environment);
	set_text(predicate, "framework", statement->framework);
	json_object_set_new(predicate, "sequence", json_integer(statement->sequence));
	set_text(predicate, "previous", statement->previous);
	set_text(predicate, "bootId", statement->boot_id);
	set_text(predicate, "trigger", statement->trigger);
	set_time(predicate, "startedAt", statement->started_at);
	set_time(predicate, "finishedAt", statement->finished_at);
	set_value(predicate, "policies", statement->policies);
	set_value(predicate, "checkpoint", statement->checkpoint);
	set_value(predicate, "looked", statement->looked);
	set_value(predicate, "state", statement->state);
	set_value(predicate, "full", statement->full ? json_true() : NULL);
	set_text(predicate, "purpose", statement->purpose);
	set_text(predicate, "evidenceKey", statement->evidence_key);
	set_text(predicate, "transportKey", statement->transport_key);
	set_text(predicate, "epochKey", statement->epoch_key);
	set_text(predicate, "reason", statement->reason);
	set_text(predicate, "lastBootId", statement->last_boot_id);
	return predicate;
}

static json_t *subject_json(const struct statement *statement) {
	char hex[HASH_HEX];
	json_t *digest = json_object(), *subject = json_object(), *subjects = json_array();
	json_object_set_new(digest, "sha256", json_string(hash_hex(&statement->body_sha256, hex)));
	json_object_set_new(subject, "digest", digest);
	set_text(subject, "name", statement->body_name);
	json_array_append_new(subjects, subject);
	return subjects;
}

bool statement_write(const struct statement *statement, struct buf *payload, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = json_object();
	CLEANUP(buf_done) struct buf bytes = {0};
	json_object_set_new(object, "_type", json_string(STATEMENT_TYPE));
	json_object_set_new(object, "predicateType", json_string(STATEMENT_PREDICATE));
	json_object_set_new(object, "subject", subject_json(statement));
	json_object_set_new(object, "predicate", predicate_json(statement));
	if (!statement_holds(object, "statement", err) || !json_canonical(object, &bytes, err))
		return false;
	if (bytes.len > DSSE_PAYLOAD_LARGEST)
		return err_set(err, ERR_TOO_BIG, "statement", "larger than the cap of %u bytes", DSSE_PAYLOAD_LARGEST);
	buf_add(payload, bytes.data, bytes.len);
	return true;
}

/* Reading, of an object that holds. */

static char *take_text(const json_t *object, const char *name) {
	return xstrdup(json_string_value(json_object_get(object, name)));
}

static void take_predicate(const json_t *predicate, struct statement *statement) {
	const json_t *host = json_object_get(predicate, "host");
	statement->host_id = take_text(host, "id");
	statement->host_name = take_text(host, "name");
	statement->host_os = take_text(host, "os");
	statement->type = take_text(predicate, "type");
	statement->environment = take_text(predicate, "environment");
	statement->framework = take_text(predicate, "framework");
	statement->sequence = json_integer_value(json_object_get(predicate, "sequence"));
	statement->previous = take_text(predicate, "previous");
	statement->boot_id = take_text(predicate, "bootId");
	statement->trigger = take_text(predicate, "trigger");
	times_parse(json_string_value(json_object_get(predicate, "startedAt")), &statement->started_at);
	times_parse(json_string_value(json_object_get(predicate, "finishedAt")), &statement->finished_at);
	statement->policies = json_incref(json_object_get(predicate, "policies"));
	statement->checkpoint = json_incref(json_object_get(predicate, "checkpoint"));
	statement->looked = json_incref(json_object_get(predicate, "looked"));
	statement->state = json_incref(json_object_get(predicate, "state"));
	statement->full = json_is_true(json_object_get(predicate, "full"));
	statement->purpose = take_text(predicate, "purpose");
	statement->evidence_key = take_text(predicate, "evidenceKey");
	statement->transport_key = take_text(predicate, "transportKey");
	if (!strcmp(statement->type, "epoch")) {
		statement->epoch_key = take_text(predicate, "epochKey");
		statement->reason = take_text(predicate, "reason");
		statement->last_boot_id = take_text(predicate, "lastBootId");
	}
}

bool statement_read(const void *payload, size_t len, const char *where, struct statement **ret_statement,
		    struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	if (!json_read(payload, len, DSSE_PAYLOAD_LARGEST, where, &object, err) || !statement_holds(object, where, err))
		return false;
	struct statement *statement = xcalloc(1, sizeof *statement);
	take_predicate(json_object_get(object, "predicate"), statement);
	const json_t *subject = json_array_get(json_object_get(object, "subject"), 0);
	const json_t *digest = json_object_get(json_object_get(subject, "digest"), "sha256");
	statement->body_name = take_text(subject, "name");
	hash_from_hex(json_string_value(digest), &statement->body_sha256);
	*ret_statement = statement;
	return true;
}

/* The wire line. */

static int append(const char *data, size_t len, void *text) {
	buf_add(text, data, len);
	return 0;
}

static void write_line(const json_t *object, struct buf *line) {
	if (json_dump_callback(object, append, line, JSON_COMPACT | JSON_SORT_KEYS) != 0) /* only memory can be short */
		abort();
	buf_adds(line, "\n");
}

void statement_wire_write(const struct dsse *envelope, const void *body, size_t body_len, struct buf *line) {
	CLEANUP(json_decref_p) json_t *object = dsse_to_json(envelope);
	CLEANUP(free_ptr) char *text = base64_encode(body, body_len);
	json_object_set_new(object, "body", json_string(text));
	write_line(object, line);
}

/* The object that these bytes are the canonical JSON of, as deep as it may be within a line. New reference or NULL. */
static json_t *canonical_object(const void *data, size_t len) {
	CLEANUP(buf_done) struct buf within = {0}, again = {0};
	CLEANUP(json_decref_p) json_t *array = NULL;
	struct err ignored;
	buf_adds(&within, "[");
	buf_add(&within, data, len);
	buf_adds(&within, "]");
	if (!json_read(within.data, within.len, within.len, "", &array, &ignored))
		return NULL;
	json_t *object = json_array_get(array, 0);
	if (!json_is_object(object) || !json_canonical(object, &again, &ignored) || again.len != len ||
	    memcmp(again.data, data, len) != 0)
		return NULL;
	return json_incref(object);
}

void statement_wire_write_short(const struct dsse *envelope, const void *body, size_t body_len, struct buf *line) {
	CLEANUP(json_decref_p) json_t *object = dsse_to_json(envelope);
	json_t *payload = canonical_object(envelope->payload.data, envelope->payload.len);
	json_t *results = canonical_object(body, body_len);
	CLEANUP(free_ptr) char *text = results ? NULL : base64_encode(body, body_len);
	json_object_set_new(object, "body", results ? results : json_string(text));
	if (payload)
		json_object_set_new(object, "payload", payload);
	if (payload && !strcmp(envelope->payload_type, DSSE_INTOTO))
		json_object_del(object, "payloadType");
	write_line(object, line);
}

/* *ret_len: how much of the line it is. */
static bool read_body(const json_t *object, const char *where, struct buf *ret_body, size_t *ret_len, struct err *err) {
	const json_t *value = json_object_get(object, "body");
	const char *text;
	if (json_is_object(value)) {
		if (!json_canonical(value, ret_body, err))
			return false;
		*ret_len = ret_body->len;
		return true;
	}
	if (!json_get_string(object, "body", where, &text, err))
		return false;
	*ret_len = strlen(text);
	return base64_decode(text, *ret_len, where, ret_body, err);
}

static bool take_body(const json_t *object, const char *where, size_t line_len, struct buf *ret_body, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	size_t len;
	if (!read_body(object, where, &body, &len, err))
		return false;
	if (line_len > len && line_len - len > DSSE_ENVELOPE_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "an envelope larger than the cap of %u bytes",
			       DSSE_ENVELOPE_LARGEST);
	if (body.len > STATEMENT_BODY_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "a body larger than the cap of %u bytes",
			       STATEMENT_BODY_LARGEST);
	*ret_body = body;
	body = (struct buf){0};
	return true;
}

/* A payload that travels as an object becomes what DSSE has: base64 of its bytes, and their type. */
static bool settle_payload(json_t *object, struct err *err) {
	const json_t *value = json_object_get(object, "payload");
	CLEANUP(buf_done) struct buf payload = {0};
	if (!json_is_object(value))
		return true;
	if (!json_canonical(value, &payload, err))
		return false;
	CLEANUP(free_ptr) char *text = base64_encode(payload.data, payload.len);
	json_object_set_new(object, "payload", json_string(text));
	if (!json_object_get(object, "payloadType"))
		json_object_set_new(object, "payloadType", json_string(DSSE_INTOTO));
	return true;
}

bool statement_wire_read(const char *line, size_t len, const char *where, struct dsse **ret_envelope,
			 struct buf *ret_body, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(buf_done) struct buf body = {0};
	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len > WIRE_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "a line larger than the cap of %u bytes", WIRE_LARGEST);
	if (len > 0 && memchr(line, '\n', len))
		return err_set(err, ERR_MALFORMED, where, "more than one line");
	if (!json_read(line, len, WIRE_LARGEST, where, &object, err))
		return false;
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "not a JSON object");
	if (!take_body(object, where, len, &body, err) || !settle_payload(object, err) ||
	    !dsse_from_json(object, where, ret_envelope, err))
		return false;
	*ret_body = body;
	body = (struct buf){0};
	return true;
}

json_t *statement_looked(const bool *looked, size_t count) {
	CLEANUP(buf_done) struct buf bitmap = {0};
	size_t len = count / 8 + (count % 8 != 0);
	memset(buf_room(&bitmap, len), 0, len);
	bitmap.len = len;
	for (size_t i = 0; i < count; i++)
		if (looked[i])
			bitmap.data[i / 8] = (char)(bitmap.data[i / 8] | 0x80 >> i % 8);
	CLEANUP(free_ptr) char *text = base64_encode(bitmap.data, bitmap.len);
	return json_pack("{s:I, s:s}", "count", (json_int_t)count, "bitmap", text);
}

/* The state tree. */

bool statement_state(const json_t *results, json_t **ret_state, struct err *err) {
	CLEANUP(state_free_p) struct state *state = state_new();
	if (!state_take(state, results, true, err))
		return false;
	*ret_state = state_json(state);
	return true;
}

#include "core/bundle.h"

#include "core/base64.h"
#include "core/text.h"
#include "core/times.h"

#define BUNDLE_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"
#define ROOT_TYPE "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
#define TRUST_TYPE "application/vnd.vouch.trust+json;version=1"
#define KIND "dsse"
#define KIND_VERSION "0.0.2"

static json_t *base64_json(const void *data, size_t len) {
	CLEANUP(free_ptr) char *text = base64_encode(data, len);
	return json_string(text);
}

/* Protobuf's JSON writes 64-bit integers as strings. */
static json_t *number_json(uint64_t number) {
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)number);
	return json_string(text);
}

static json_t *log_id_json(const struct note_verifier *log) {
	const uint8_t id[4] = {(uint8_t)(log->id >> 24), (uint8_t)(log->id >> 16), (uint8_t)(log->id >> 8),
			       (uint8_t)log->id};
	return json_pack("{s:o}", "keyId", base64_json(id, sizeof id));
}

static json_t *inclusion_json(const struct proof *proof, const struct checkpoint *checkpoint) {
	json_t *hashes = json_array();
	for (size_t i = 0; i < proof->path_len; i++)
		json_array_append_new(hashes, base64_json(proof->path[i].bytes, HASH_LEN));
	return json_pack("{s:o, s:o, s:o, s:o, s:{s:s}}", "logIndex", number_json(proof->index), "rootHash",
			 base64_json(checkpoint->root.bytes, HASH_LEN), "treeSize", number_json(checkpoint->size),
			 "hashes", hashes, "checkpoint", "envelope", proof->checkpoint);
}

static json_t *envelope_json(const struct dsse *envelope, const struct dsse_signature *signature) {
	return json_pack("{s:o, s:s, s:[{s:s, s:o}]}", "payload",
			 base64_json(envelope->payload.data, envelope->payload.len), "payloadType",
			 envelope->payload_type, "signatures", "keyid", "", "sig",
			 base64_json(signature->bytes.data, signature->bytes.len));
}

json_t *bundle_json(const struct dsse *envelope, EVP_PKEY *key, const void *entry, size_t entry_len,
		    const struct proof *proof, const struct note_verifier *log, const struct checkpoint *checkpoint) {
	char hint[HASH_HEX];
	struct hash id = key_id(key);
	const struct dsse_signature *signature = dsse_signature_by(envelope, key);
	if (!signature)
		return NULL;
	json_t *logged = json_pack("{s:o, s:o, s:{s:s, s:s}, s:s, s:o, s:o}", "logIndex", number_json(proof->index),
				   "logId", log_id_json(log), "kindVersion", "kind", KIND, "version", KIND_VERSION,
				   "integratedTime", "0", "inclusionProof", inclusion_json(proof, checkpoint),
				   "canonicalizedBody", base64_json(entry, entry_len));
	return json_pack("{s:s, s:{s:{s:s}, s:[o]}, s:o}", "mediaType", BUNDLE_TYPE, "verificationMaterial",
			 "publicKey", "hint", hash_hex(&id, hint), "tlogEntries", logged, "dsseEnvelope",
			 envelope_json(envelope, signature));
}

void bundle_add_timestamp(json_t *bundle, const void *response, size_t len) {
	json_t *material = json_object_get(bundle, "verificationMaterial");
	json_t *data = json_object_get(material, "timestampVerificationData");
	if (!data) {
		data = json_pack("{s:[]}", "rfc3161Timestamps");
		json_object_set_new(material, "timestampVerificationData", data);
	}
	json_array_append_new(json_object_get(data, "rfc3161Timestamps"),
			      json_pack("{s:o}", "signedTimestamp", base64_json(response, len)));
}

/* The trust file. */

static json_t *tlog_json(const struct note_verifier *log, int64_t valid_from) {
	char start[TIMES_TEXT];
	CLEANUP(buf_done) struct buf der = {0};
	CLEANUP(free_ptr) char *url = xasprintf("https://%s", log->name);
	key_public_der(log->key, &der);
	return json_pack("{s:s, s:s, s:{s:o, s:s, s:{s:s}}, s:o}", "baseUrl", url, "hashAlgorithm", "SHA2_256",
			 "publicKey", "rawBytes", base64_json(der.data, der.len), "keyDetails", key_details(log->key),
			 "validFor", "start", times_format(valid_from, start), "logId", log_id_json(log));
}

static json_t *evidence_key_json(const struct trust_key *key) {
	char from[TIMES_TEXT], keyid[HASH_HEX];
	CLEANUP(free_ptr) char *pem = key_public_pem(key->key);
	struct hash id = key_id(key->key);
	return json_pack("{s:o, s:o, s:s, s:s, s:s}", "host", json_text(key->host), "name", json_text(key->name),
			 "keyid", hash_hex(&id, keyid), "publicKey", pem, "from", times_format(key->from, from));
}

static json_t *collector_key_json(const struct trust_key *key) {
	char keyid[HASH_HEX];
	CLEANUP(free_ptr) char *pem = key_public_pem(key->key);
	struct hash id = key_id(key->key);
	return json_pack("{s:o, s:s, s:s}", "host", json_text(key->host), "keyid", hash_hex(&id, keyid), "publicKey",
			 pem);
}

static json_t *approvers_json(const struct approvers *approvers) {
	json_t *list = json_array();
	for (size_t i = 0; i < approvers->count; i++) {
		const struct approver *approver = &approvers->items[i];
		CLEANUP(free_ptr) char *pem = key_public_pem(approver->key);
		char hex[HASH_HEX], until[TIMES_TEXT];
		json_t *object = json_pack("{s:s, s:s, s:s}", "name", approver->name, "keyid",
					   hash_hex(&approver->id, hex), "publicKey", pem);
		if (approver->until)
			json_object_set_new(object, "until", json_string(times_format(approver->until, until)));
		json_array_append_new(list, object);
	}
	return list;
}

/* What is absent where there is none. */
static void add_optional(const struct trust *trust, json_t *object) {
	json_t *authorities = json_array();
	for (size_t i = 0; i < trust->authority_count; i++)
		json_array_append_new(authorities, json_text(trust->authorities[i]));
	if (trust->authority_count > 0)
		json_object_set(object, "timestampAuthorities", authorities);
	json_decref(authorities);
	if (trust->witness_policy)
		json_object_set_new(object, "witnessPolicy", json_text(trust->witness_policy));
	if (trust->collector)
		json_object_set_new(object, "collectorKey", collector_key_json(trust->collector));
	if (trust->approvers.count > 0)
		json_object_set_new(object, "approvers", approvers_json(&trust->approvers));
}

json_t *trust_json(const struct trust *trust, int64_t log_valid_from) {
	json_t *tlogs = json_array(), *logs = json_array(), *keys = json_array(), *chains = json_array();
	for (size_t i = 0; i < trust->log_count; i++) {
		CLEANUP(free_ptr) char *vkey = note_vkey(trust->logs[i]->name, trust->logs[i]->key);
		json_array_append_new(tlogs, tlog_json(trust->logs[i], log_valid_from));
		json_array_append_new(logs, json_string(vkey));
	}
	for (size_t i = 0; i < trust->key_count; i++)
		json_array_append_new(keys, evidence_key_json(&trust->keys[i]));
	for (size_t i = 0; i < trust->chain_count; i++)
		json_array_append_new(chains, timestamp_chain_json(trust->chains[i]));
	json_t *object = json_pack("{s:s, s:{s:s, s:o, s:[], s:[], s:o}, s:o, s:o}", "mediaType", TRUST_TYPE,
				   "trustedRoot", "mediaType", ROOT_TYPE, "tlogs", tlogs, "certificateAuthorities",
				   "ctlogs", "timestampAuthorities", chains, "logs", logs, "evidenceKeys", keys);
	add_optional(trust, object);
	return object;
}

static void key_done(struct trust_key *key) {
	free(key->host);
	free(key->name);
	EVP_PKEY_free(key->key);
}

void trust_free(struct trust *trust) {
	if (!trust)
		return;
	for (size_t i = 0; i < trust->log_count; i++)
		note_verifier_free(trust->logs[i]);
	for (size_t i = 0; i < trust->key_count; i++)
		key_done(&trust->keys[i]);
	for (size_t i = 0; i < trust->authority_count; i++)
		free(trust->authorities[i]);
	for (size_t i = 0; i < trust->chain_count; i++)
		sk_X509_pop_free(trust->chains[i], X509_free);
	if (trust->collector)
		key_done(trust->collector);
	approvers_done(&trust->approvers);
	timestamp_trust_free(trust->timestamp);
	free(trust->logs);
	free(trust->keys);
	free(trust->authorities);
	free(trust->chains);
	free(trust->collector);
	free(trust->witness_policy);
	free(trust);
}

static bool has_type(const json_t *object, const char *type, const char *where, struct err *err) {
	const char *text;
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "not a JSON object");
	if (!json_get_string(object, "mediaType", where, &text, err))
		return false;
	if (strcmp(text, type) != 0)
		return err_set(err, ERR_MALFORMED, where, "\"mediaType\" is not \"%s\"", type);
	return true;
}

static bool read_logs(const json_t *object, const char *where, struct trust *trust, struct err *err) {
	json_t *logs, *vkey;
	size_t index;
	if (!json_get_array(object, "logs", where, &logs, err))
		return false;
	trust->logs = xcalloc(json_array_size(logs) + 1, sizeof(struct note_verifier *));
	json_array_foreach(logs, index, vkey) {
		if (!json_is_string(vkey))
			return err_set(err, ERR_MALFORMED, where, "a member of \"logs\" is not a string");
		if (!note_verifier_read(json_string_value(vkey), &trust->logs[index], err))
			return false;
		trust->log_count++;
	}
	return true;
}

/* What an evidence key and the collector's have in common. */
static bool read_bare_key(const json_t *object, const char *where, struct trust_key *ret_key, struct err *err) {
	const char *host, *keyid, *pem;
	char hex[HASH_HEX];
	struct trust_key key = {0};
	if (!json_get_string(object, "host", where, &host, err) ||
	    !json_get_string(object, "keyid", where, &keyid, err) ||
	    !json_get_string(object, "publicKey", where, &pem, err) || !key_from_public_pem(pem, where, &key.key, err))
		return false;
	key.id = key_id(key.key);
	if (strcmp(hash_hex(&key.id, hex), keyid) != 0) {
		EVP_PKEY_free(key.key);
		return err_set(err, ERR_MALFORMED, where, "\"keyid\" is not that of \"publicKey\"");
	}
	key.host = xstrdup(host);
	*ret_key = key;
	return true;
}

static bool read_key(const json_t *object, const char *where, struct trust_key *ret_key, struct err *err) {
	const char *name, *from;
	int64_t instant;
	if (!json_get_string(object, "name", where, &name, err) || !json_get_string(object, "from", where, &from, err))
		return false;
	if (!times_parse(from, &instant))
		return err_set(err, ERR_MALFORMED, where, "\"from\" is not a time");
	if (!read_bare_key(object, where, ret_key, err))
		return false;
	ret_key->name = xstrdup(name);
	ret_key->from = instant;
	return true;
}

static bool read_keys(const json_t *object, const char *where, struct trust *trust, struct err *err) {
	json_t *keys, *key;
	size_t index;
	if (!json_get_array(object, "evidenceKeys", where, &keys, err))
		return false;
	trust->keys = xcalloc(json_array_size(keys) + 1, sizeof *trust->keys);
	json_array_foreach(keys, index, key) {
		if (!json_is_object(key))
			return err_set(err, ERR_MALFORMED, where, "a member of \"evidenceKeys\" is not an object");
		if (!read_key(key, where, &trust->keys[index], err))
			return false;
		trust->key_count++;
	}
	return true;
}

static bool read_authorities(const json_t *object, const char *where, struct trust *trust, struct err *err) {
	json_t *list, *pem;
	size_t index;
	if (!json_object_get(object, "timestampAuthorities"))
		return true;
	if (!json_get_array(object, "timestampAuthorities", where, &list, err))
		return false;
	if (json_array_size(list) > TRUST_AUTHORITIES_MOST)
		return err_set(err, ERR_TOO_BIG, where, "more than %d time-stamp authorities", TRUST_AUTHORITIES_MOST);
	trust->authorities = xcalloc(json_array_size(list) + 1, sizeof *trust->authorities);
	json_array_foreach(list, index, pem) {
		if (!json_is_string(pem))
			return err_set(err, ERR_MALFORMED, where,
				       "a member of \"timestampAuthorities\" is not a string");
		if (!trust->timestamp)
			trust->timestamp = timestamp_trust_new();
		if (!timestamp_trust_add(trust->timestamp, json_string_value(pem), json_string_length(pem), where, err))
			return false;
		trust->authorities[trust->authority_count++] = xstrdup(json_string_value(pem));
	}
	return true;
}

static bool read_optional(const json_t *object, const char *where, struct trust *trust, struct err *err) {
	json_t *key;
	const char *policy;
	if (json_object_get(object, "witnessPolicy")) {
		if (!json_get_string(object, "witnessPolicy", where, &policy, err))
			return false;
		trust->witness_policy = xstrdup(policy);
	}
	if (!json_object_get(object, "collectorKey"))
		return true;
	trust->collector = xcalloc(1, sizeof *trust->collector);
	if (!json_get_object(object, "collectorKey", where, &key, err) ||
	    !read_bare_key(key, where, trust->collector, err))
		return false;
	trust->collector->name = xstrdup("");
	return true;
}

static bool read_approver(const json_t *object, const char *where, struct approvers *approvers, struct err *err) {
	const char *name, *pem, *until;
	int64_t instant = 0;
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "a member of \"approvers\" is not an object");
	if (!json_get_string(object, "name", where, &name, err) ||
	    !json_get_string(object, "publicKey", where, &pem, err))
		return false;
	if (json_object_get(object, "until") &&
	    (!json_get_string(object, "until", where, &until, err) || !times_parse(until, &instant)))
		return err_set(err, ERR_MALFORMED, where, "\"until\" of an approver is not a time");
	return approvers_add(approvers, name, pem, instant, where, err);
}

static bool read_approvers(const json_t *object, const char *where, struct trust *trust, struct err *err) {
	json_t *list, *approver;
	size_t index;
	if (!json_object_get(object, "approvers"))
		return true;
	if (!json_get_array(object, "approvers", where, &list, err))
		return false;
	json_array_foreach(list, index, approver) {
		if (!read_approver(approver, where, &trust->approvers, err))
			return false;
	}
	return true;
}

bool trust_read(const char *data, size_t len, const char *where, struct trust **ret_trust, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(trust_free_p) struct trust *trust = xcalloc(1, sizeof *trust);
	if (!json_read(data, len, TRUST_LARGEST, where, &object, err) || !has_type(object, TRUST_TYPE, where, err) ||
	    !read_logs(object, where, trust, err) || !read_keys(object, where, trust, err) ||
	    !read_authorities(object, where, trust, err) || !read_optional(object, where, trust, err) ||
	    !read_approvers(object, where, trust, err))
		return false;
	*ret_trust = trust;
	trust = NULL;
	return true;
}

/* Verifying: each step takes from the bundle what it needs. */

static bool refuse(struct err *err, const char *step, const char *why) {
	return err_set(err, ERR_REFUSED, step, "%s", why);
}

static const struct trust_key *key_by_hint(const struct trust *trust, const char *hint) {
	struct hash id;
	if (!hash_from_hex(hint, &id))
		return NULL;
	for (size_t i = 0; i < trust->key_count; i++)
		if (hash_equal(&trust->keys[i].id, &id))
			return &trust->keys[i];
	return NULL;
}

/* The hint picks the key; the signature decides. */
static bool signature_holds(const json_t *bundle, const json_t *material, const struct trust *trust,
			    struct dsse **ret_envelope, const struct trust_key **ret_key, struct err *err) {
	static const char step[] = "signature";
	json_t *public_key, *object;
	const char *hint;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	if (!json_get_object(bundle, "dsseEnvelope", step, &object, err) ||
	    !dsse_from_json(object, step, &envelope, err) ||
	    !json_get_object(material, "publicKey", step, &public_key, err) ||
	    !json_get_string(public_key, "hint", step, &hint, err))
		return false;
	if (envelope->signature_count != 1)
		return refuse(err, step, "not exactly one signature");
	const struct trust_key *key = key_by_hint(trust, hint);
	if (!key)
		return refuse(err, step, "the hint names none of the trusted evidence keys");
	if (!dsse_verify(envelope, DSSE_INTOTO, key->key, err))
		return false;
	*ret_envelope = envelope;
	*ret_key = key;
	envelope = NULL;
	return true;
}

static bool text_is(const json_t *object, const char *name, const char *expected, const char *step, struct err *err) {
	const char *text;
	if (!json_get_string(object, name, step, &text, err))
		return false;
	return !strcmp(text, expected) ? true : err_set(err, ERR_REFUSED, step, "\"%s\" is not \"%s\"", name, expected);
}

/* The entry is made anew from envelope and key, and must be what was logged. */
static bool entry_holds(const json_t *logged, const struct dsse *envelope, EVP_PKEY *key, struct buf *entry,
			struct err *err) {
	static const char step[] = "entry";
	json_t *kind;
	const char *text;
	CLEANUP(buf_done) struct buf body = {0};
	if (!json_get_object(logged, "kindVersion", step, &kind, err) || !text_is(kind, "kind", KIND, step, err) ||
	    !text_is(kind, "version", KIND_VERSION, step, err) ||
	    !json_get_string(logged, "canonicalizedBody", step, &text, err) ||
	    !base64_decode(text, strlen(text), step, &body, err) || !entry_write(envelope, key, entry, err))
		return false;
	if (body.len != entry->len || memcmp(body.data, entry->data, body.len) != 0)
		return refuse(err, step, "the logged entry is not this envelope's");
	return true;
}

static bool get_number(const json_t *object, const char *name, const char *step, uint64_t *ret_number,
		       struct err *err) {
	const char *text;
	unsigned long long number;
	if (!json_get_string(object, name, step, &text, err))
		return false;
	if (!text_to_u64(text, MERKLE_SIZE_LARGEST, &number))
		return err_set(err, ERR_MALFORMED, step, "\"%s\" is not a number", name);
	*ret_number = number;
	return true;
}

static bool hash_of_json(const json_t *value, const char *step, struct hash *ret_hash, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!json_is_string(value))
		return err_set(err, ERR_MALFORMED, step, "a hash is not a string");
	const char *text = json_string_value(value);
	if (!base64_decode(text, strlen(text), step, &bytes, err))
		return false;
	if (bytes.len != HASH_LEN)
		return err_set(err, ERR_MALFORMED, step, "a hash is not 32 bytes");
	memcpy(ret_hash->bytes, bytes.data, HASH_LEN);
	return true;
}

static bool read_path(const json_t *inclusion, const char *step, struct proof *proof, struct err *err) {
	json_t *hashes, *hash;
	size_t index;
	if (!json_get_array(inclusion, "hashes", step, &hashes, err))
		return false;
	if (json_array_size(hashes) > MERKLE_PATH_LONGEST)
		return err_set(err, ERR_TOO_BIG, step, "the path is longer than any tree's");
	json_array_foreach(hashes, index, hash) {
		if (!hash_of_json(hash, step, &proof->path[index], err))
			return false;
	}
	proof->path_len = json_array_size(hashes);
	return true;
}

/* From the entry to the root that the bundle names; ret_claimed: its size and root, which the checkpoint must confirm.
 */
static bool inclusion_holds(const json_t *logged, const struct buf *entry, uint64_t *ret_index,
			    struct checkpoint *ret_claimed, struct err *err) {
	static const char step[] = "inclusion";
	json_t *inclusion;
	uint64_t index;
	struct proof proof = {0};
	struct checkpoint claimed = {0};
	if (!json_get_object(logged, "inclusionProof", step, &inclusion, err) ||
	    !get_number(logged, "logIndex", step, &index, err) ||
	    !get_number(inclusion, "logIndex", step, &proof.index, err) ||
	    !get_number(inclusion, "treeSize", step, &claimed.size, err) ||
	    !hash_of_json(json_object_get(inclusion, "rootHash"), step, &claimed.root, err) ||
	    !read_path(inclusion, step, &proof, err))
		return false;
	if (index != proof.index)
		return refuse(err, step, "two different indexes");
	struct hash leaf = merkle_leaf(entry->data, entry->len);
	if (!merkle_is_included(&leaf, index, claimed.size, proof.path, proof.path_len, &claimed.root))
		return refuse(err, step, "the path does not lead from the entry to the root");
	*ret_index = index;
	*ret_claimed = claimed;
	return true;
}

/* The log id picks the log; the signature decides. */
static const struct note_verifier *log_by_id(const struct trust *trust, const struct buf *id) {
	struct cursor cursor = cursor_over(id->data, id->len);
	uint32_t number = cursor_u32be(&cursor);
	for (size_t i = 0; !cursor.bad && cursor_at_end(&cursor) && i < trust->log_count; i++)
		if (trust->logs[i]->id == number)
			return trust->logs[i];
	return NULL;
}

static bool checkpoint_holds(const json_t *logged, const struct trust *trust, const struct checkpoint *claimed,
			     struct checkpoint *ret_checkpoint, struct err *err) {
	static const char step[] = "checkpoint";
	json_t *log_id, *note;
	const char *id_text, *note_text;
	CLEANUP(buf_done) struct buf id = {0};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	if (!json_get_object(logged, "logId", step, &log_id, err) ||
	    !json_get_string(log_id, "keyId", step, &id_text, err) ||
	    !base64_decode(id_text, strlen(id_text), step, &id, err) ||
	    !json_get_object(json_object_get(logged, "inclusionProof"), "checkpoint", step, &note, err) ||
	    !json_get_string(note, "envelope", step, &note_text, err))
		return false;
	const struct note_verifier *log = log_by_id(trust, &id);
	if (!log)
		return refuse(err, step, "the log id names none of the trusted logs");
	if (!checkpoint_open(note_text, strlen(note_text), log, &checkpoint, err))
		return false;
	if (checkpoint.size != claimed->size || !hash_equal(&checkpoint.root, &claimed->root))
		return refuse(err, step, "size and root are not those of the inclusion proof");
	*ret_checkpoint = checkpoint;
	checkpoint = (struct checkpoint){0};
	return true;
}

/* The material and its one log entry. */
static bool open_bundle(const json_t *bundle, const char *where, json_t **ret_material, json_t **ret_logged,
			struct err *err) {
	json_t *entries;
	if (!has_type(bundle, BUNDLE_TYPE, where, err) ||
	    !json_get_object(bundle, "verificationMaterial", where, ret_material, err) ||
	    !json_get_array(*ret_material, "tlogEntries", where, &entries, err))
		return false;
	*ret_logged = json_array_get(entries, 0);
	if (json_array_size(entries) != 1 || !json_is_object(*ret_logged))
		return err_set(err, ERR_MALFORMED, where, "\"tlogEntries\" is not one object");
	return true;
}

/* The earliest time goes to proved. */
static bool timestamp_holds(const json_t *one, const struct hash *imprint, const struct timestamp_trust *trust,
			    struct bundle_proved *proved, struct err *err) {
	static const char step[] = "timestamp";
	const char *text;
	CLEANUP(buf_done) struct buf response = {0};
	CLEANUP(timestamp_done) struct timestamp said = {0};
	if (!json_is_object(one))
		return err_set(err, ERR_MALFORMED, step, "a time-stamp is not an object");
	if (!json_get_string(one, "signedTimestamp", step, &text, err) ||
	    !base64_decode(text, strlen(text), step, &response, err) ||
	    !timestamp_verify(response.data, response.len, imprint, NULL, trust, step, &said, err))
		return false;
	if (!proved->has_time || said.time < proved->timestamp.time) {
		struct timestamp before = proved->timestamp;
		proved->timestamp = said;
		said = before;
	}
	proved->has_time = true;
	return true;
}

/* Each is over the signature's bytes. Nobody can say anything of one whose authority nobody trusts. */
static bool timestamps_hold(const json_t *material, const struct trust *trust, struct bundle_proved *proved,
			    struct err *err) {
	static const char step[] = "timestamp";
	json_t *data = json_object_get(material, "timestampVerificationData"), *list, *one;
	size_t index;
	if (!data || json_is_null(data))
		return true;
	if (!json_get_object(material, "timestampVerificationData", step, &data, err))
		return false;
	if (!json_object_get(data, "rfc3161Timestamps"))
		return true;
	if (!json_get_array(data, "rfc3161Timestamps", step, &list, err))
		return false;
	proved->timestamp_count = json_array_size(list);
	if (proved->timestamp_count > BUNDLE_TIMESTAMPS_MOST)
		return err_set(err, ERR_TOO_BIG, step, "more than %d time-stamps", BUNDLE_TIMESTAMPS_MOST);
	if (!trust->timestamp)
		return true;
	const struct buf *signature = &proved->envelope->signatures[0].bytes;
	const struct hash imprint = timestamp_imprint(signature->data, signature->len);
	json_array_foreach(list, index, one) {
		if (!timestamp_holds(one, &imprint, trust->timestamp, proved, err))
			return false;
	}
	return true;
}

void bundle_proved_done(struct bundle_proved *proved) {
	dsse_free(proved->envelope);
	timestamp_done(&proved->timestamp);
	checkpoint_done(&proved->checkpoint);
	*proved = (struct bundle_proved){0};
}

bool bundle_verify(const char *data, size_t len, const char *where, const struct trust *trust,
		   struct bundle_proved *ret_proved, struct err *err) {
	CLEANUP(json_decref_p) json_t *bundle = NULL;
	CLEANUP(bundle_proved_done) struct bundle_proved proved = {0};
	CLEANUP(buf_done) struct buf entry = {0};
	json_t *material, *logged;
	struct checkpoint claimed;
	if (!json_read(data, len, BUNDLE_LARGEST, where, &bundle, err) ||
	    !open_bundle(bundle, where, &material, &logged, err) ||
	    !signature_holds(bundle, material, trust, &proved.envelope, &proved.key, err) ||
	    !entry_holds(logged, proved.envelope, proved.key->key, &entry, err) ||
	    !inclusion_holds(logged, &entry, &proved.index, &claimed, err) ||
	    !checkpoint_holds(logged, trust, &claimed, &proved.checkpoint, err) ||
	    !timestamps_hold(material, trust, &proved, err))
		return false;
	*ret_proved = proved;
	proved = (struct bundle_proved){0};
	return true;
}

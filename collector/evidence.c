/* Evidence as it is handed out: envelopes, bodies, Sigstore bundles, and the trust file. */
#include "collector/api.h"
#include "collector/authorities.h"
#include "collector/marks.h"
#include "collector/stamps.h"
#include "collector/verify.h"
#include "core/bundle.h"
#include "core/file.h"
#include "core/witness_policy.h"

struct kept { /* a statement, copied out of the store */
	bool is_found;
	int64_t index, line, sequence;
	char body_sha256[HASH_HEX];
	struct buf envelope;
};

static void kept_done(struct kept *kept) { buf_done(&kept->envelope); }

static void keep(void *context, const struct store_statement *statement) {
	struct kept *kept = context;
	kept->is_found = true;
	kept->index = statement->index;
	kept->line = statement->line;
	kept->sequence = statement->sequence;
	snprintf(kept->body_sha256, sizeof kept->body_sha256, "%s", statement->body_sha256);
	buf_add(&kept->envelope, statement->envelope, statement->envelope_len);
}

static void fault(struct visit *visit, const struct err *err) {
	if (err->code == ERR_ABSENT)
		http_error(visit->request, 404, "%s", err->why);
	else
		http_fault(visit->request, err);
}

static void answer_envelope(struct visit *visit, const struct kept *kept) {
	http_reply(visit->request, 200, "application/json", kept->envelope.data, kept->envelope.len);
}

static void answer_body(struct visit *visit, const struct kept *kept) {
	CLEANUP(buf_done) struct buf body = {0};
	struct err err;
	if (!store_body(visit->collector->store, kept->body_sha256, &body, &err))
		fault(visit, &err);
	else
		http_reply(visit->request, 200, "application/octet-stream", body.data, body.len);
}

static bool read_envelope(const struct kept *kept, struct dsse **ret_envelope, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	return json_read(kept->envelope.data, kept->envelope.len, DSSE_ENVELOPE_LARGEST, "envelope", &object, err) &&
	       dsse_from_json(object, "envelope", ret_envelope, err);
}

static bool read_key(struct visit *visit, const struct kept *kept, const struct dsse *envelope, EVP_PKEY **ret_key,
		     struct err *err) {
	CLEANUP(store_line_done) struct store_line line = {0};
	bool is_epoch;
	return store_line_before(visit->collector->store, kept->line, kept->sequence, &line, err) &&
	       verify_key_of(&line, envelope, ret_key, &is_epoch, err);
}

/* The statement's own time-stamp; empty where it has none (yet). */
static bool read_stamp(const struct collector *collector, const struct dsse *envelope, struct buf *ret_stamp,
		       struct err *err) {
	char hex[HASH_HEX];
	const struct hash digest = dsse_digest(envelope);
	CLEANUP(free_ptr) char *path = stamps_path(collector->folder, hash_hex(&digest, hex), ".tsr");
	struct err why;
	if (file_read(path, TIMESTAMP_RESPONSE_LARGEST, ret_stamp, &why) || why.code == ERR_ABSENT)
		return true;
	*err = why;
	return false;
}

static bool make_bundle(struct visit *visit, const struct kept *kept, json_t **ret_bundle, struct err *err) {
	struct log *log = visit->collector->log;
	CLEANUP(buf_done) struct buf stamp = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(buf_done) struct buf entry = {0};
	CLEANUP(proof_done) struct proof proof = {0};
	if (!read_envelope(kept, &envelope, err) || !read_key(visit, kept, envelope, &key, err) ||
	    !entry_write(envelope, key, &entry, err) || !log_prove(log, (uint64_t)kept->index, &proof, err) ||
	    !read_stamp(visit->collector, envelope, &stamp, err))
		return false;
	json_t *bundle =
		bundle_json(envelope, key, entry.data, entry.len, &proof, log_verifier(log), log_checkpoint(log));
	if (!bundle)
		return err_set(err, ERR_REFUSED, "bundle", "the envelope is not signed by the line's key");
	if (stamp.len > 0)
		bundle_add_timestamp(bundle, stamp.data, stamp.len);
	*ret_bundle = bundle;
	return true;
}

static void answer_bundle(struct visit *visit, const struct kept *kept) {
	CLEANUP(json_decref_p) json_t *bundle = NULL;
	struct err err;
	if (!make_bundle(visit, kept, &bundle, &err))
		fault(visit, &err);
	else
		http_json(visit->request, 200, bundle);
}

void api_statement(struct visit *visit) {
	static const struct {
		const char *behind;
		void (*answer)(struct visit *visit, const struct kept *kept);
	} forms[] = {{"", answer_envelope}, {"/body", answer_body}, {"/bundle", answer_bundle}};
	CLEANUP(kept_done) struct kept kept = {0};
	char digest[HASH_HEX] = "";
	struct hash hash;
	struct err err;
	const size_t len = strcspn(visit->rest, "/");
	if (len == HASH_HEX - 1)
		memcpy(digest, visit->rest, len);
	if (hash_from_hex(digest, &hash) && !store_statement_get(visit->collector->store, digest, keep, &kept, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	for (size_t i = 0; kept.is_found && i < ARRAY_LEN(forms); i++) {
		if (!strcmp(visit->rest + len, forms[i].behind)) {
			forms[i].answer(visit, &kept);
			return;
		}
	}
	http_error(visit->request, 404, "there is no such statement");
}

/* --- the trust file ----------------------------------------------------------------------------------------------- */

struct trust_build {
	struct trust trust;
	size_t room;
	int64_t earliest;
};

static void trust_build_done(struct trust_build *build) {
	for (size_t i = 0; i < build->trust.key_count; i++) {
		free(build->trust.keys[i].host);
		free(build->trust.keys[i].name);
		EVP_PKEY_free(build->trust.keys[i].key);
	}
	free(build->trust.keys);
	free(build->trust.witness_policy);
	approvers_done(&build->trust.approvers);
	authorities_done(&build->trust);
}

static void add_key(struct trust_build *build, const void *der, size_t len, const char *host, const char *name,
		    int64_t from) {
	EVP_PKEY *key = NULL;
	struct err err;
	if (!key_from_public_der(der, len, "evidence key", &key, &err))
		return;
	if (build->trust.key_count == build->room) {
		build->room = build->room ? 2 * build->room : 16;
		build->trust.keys = xreallocarray(build->trust.keys, build->room, sizeof *build->trust.keys);
	}
	build->trust.keys[build->trust.key_count++] =
		(struct trust_key){.host = xstrdup(host), .name = xstrdup(name), .key = key, .from = from};
	if (from < build->earliest)
		build->earliest = from;
}

static void add_line(void *context, const struct store_line *line, const char *host_name) {
	add_key(context, line->evidence.data, line->evidence.len, line->host, host_name, line->started);
}

static void add_epoch(void *context, const struct store_epoch *epoch) {
	add_key(context, epoch->key, epoch->key_len, epoch->host, epoch->host_name, epoch->started);
}

static bool read_policy(const struct collector *collector, char **ret_policy, struct err *err) {
	CLEANUP(free_ptr) char *path = config_path(collector->folder, collector->config->log_policy);
	CLEANUP(buf_done) struct buf text = {0};
	if (!path)
		return true;
	if (!file_read(path, WITNESS_POLICY_LARGEST, &text, err))
		return false;
	*ret_policy = buf_take(&text);
	return true;
}

static bool read_approvers(const struct collector *collector, struct approvers *approvers, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(collector->folder, MARKS_APPROVERS);
	return approvers_read(path, approvers, err);
}

void api_trust(struct visit *visit) {
	struct note_verifier *log = (struct note_verifier *)log_verifier(visit->collector->log);
	CLEANUP(trust_build_done)
	struct trust_build build = {.trust = {.logs = &log, .log_count = 1}, .earliest = visit->now};
	struct err err;
	if (!read_policy(visit->collector, &build.trust.witness_policy, &err) ||
	    !read_approvers(visit->collector, &build.trust.approvers, &err) ||
	    !authorities_read(visit->collector->folder, visit->collector->config, &build.trust, &err) ||
	    !store_lines(visit->collector->store, add_line, &build, &err) ||
	    !store_epochs(visit->collector->store, NULL, add_epoch, &build, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	const struct own_line *own = visit->collector->own;
	struct trust_key collector = {.host = (char *)own->id, .key = own->key};
	build.trust.collector = &collector;
	CLEANUP(json_decref_p) json_t *trust = trust_json(&build.trust, build.earliest);
	http_json(visit->request, 200, trust);
}

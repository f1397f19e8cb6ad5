/* Bundles and trust files: a statement from the middle of a log of 300, and every part of its bundle changed.
 *
 * With KEEP_DIR in the environment, bundle, trust file and body are left there for tests/foreign/. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/bundle.h"
#include "core/file.h"
#include "core/statement.h"
#include "core/tile.h"
#include "tests/unit/tsa_kit.h"

#define ENTRIES 300
#define CHOSEN 170
#define ORIGIN "collector.example/log"
#define BEGIN 1795000000 /* seconds: 2026-11-18 */
#define BODY                                                                                                           \
	"{\"framework\":\"iso27001:2022\",\"results\":[{\"controls\":[\"A.8.15\"],\"reason\":\"1 of 1 rows as "        \
	"expected\","                                                                                                  \
	"\"rule\":\"log.journal.retention_actual\",\"verdict\":\"pass\"}],\"vouch\":\"0.1.0\"}"

static struct {
	EVP_PKEY *evidence, *log;
	struct note_verifier *verifier;
	struct dsse *envelopes[ENTRIES];
	struct buf entries[ENTRIES], note;
	struct hash leaves[ENTRIES];
	struct checkpoint checkpoint;
	struct proof proof;
	char *bundle, *trust_text;
	struct trust *trust;
	struct tsa tsa;
	char *stamped; /* the bundle with a time-stamp */
} w;                   /* the world that all tests look at */

static bool seal_entry(size_t i, struct err *err) {
	char host[] = "b9f6f3c4-1f3e-5d0a-8a53-0d9f4b7d2f11", name[] = "web-1", os[] = "debian 12", none[] = "",
	     framework[] = "iso27001:2022", type[] = "round", trigger[] = "schedule", boot[] = "boot",
	     body[] = "results";
	CLEANUP(json_decref_p) json_t *policies = json_array();
	char hex[HASH_HEX];
	struct hash previous = i ? dsse_digest(w.envelopes[i - 1]) : (struct hash){0};
	CLEANUP(buf_done) struct buf payload = {0};
	const struct statement statement = {.type = type,
					    .host_id = host,
					    .host_name = name,
					    .host_os = os,
					    .environment = none,
					    .framework = framework,
					    .sequence = (int64_t)i + 1,
					    .previous = i ? hash_hex(&previous, hex) : none,
					    .boot_id = boot,
					    .trigger = trigger,
					    .policies = policies,
					    .started_at = BEGIN + (int64_t)i * 900,
					    .finished_at = BEGIN + 1 + (int64_t)i * 900,
					    .body_name = body,
					    .body_sha256 = hash_of(BODY, strlen(BODY))};
	if (!statement_write(&statement, &payload, err) ||
	    !dsse_seal(DSSE_INTOTO, payload.data, payload.len, w.evidence, "", &w.envelopes[i], err) ||
	    !entry_write(w.envelopes[i], w.evidence, &w.entries[i], err))
		return false;
	w.leaves[i] = merkle_leaf(w.entries[i].data, w.entries[i].len);
	return true;
}

static bool get(void *context, unsigned level, uint64_t index, unsigned width, struct buf *ret_bytes, struct err *err) {
	size_t span = (size_t)1 << (level * TILE_HEIGHT);
	for (size_t i = 0; i < width; i++) {
		struct hash hash = merkle_root(w.leaves + ((size_t)index * TILE_WIDTH + i) * span, span);
		buf_add(ret_bytes, hash.bytes, HASH_LEN);
	}
	return true;
}

static bool make_proof(struct err *err) {
	CLEANUP(tile_tree_free_p) struct tile_tree *tree = tile_tree_new(ENTRIES, get, NULL);
	CLEANUP(buf_done) struct buf text = {0};
	w.checkpoint = (struct checkpoint){.origin = xstrdup(ORIGIN), .size = ENTRIES};
	w.proof.index = CHOSEN;
	if (!merkle_root_from(ENTRIES, tile_tree_hash, tree, &w.checkpoint.root, err) ||
	    !merkle_inclusion(CHOSEN, ENTRIES, tile_tree_hash, tree, w.proof.path, &w.proof.path_len, err))
		return false;
	checkpoint_write(&w.checkpoint, &text);
	if (!note_sign(buf_str(&text), ORIGIN, w.log, &w.note, err))
		return false;
	w.proof.checkpoint = buf_take(&w.note);
	return true;
}

static char *dump(json_t *value) {
	struct err err;
	struct buf text = {0};
	if (!json_canonical(value, &text, &err))
		abort();
	json_decref(value);
	return buf_take(&text);
}

/* The chosen bundle with a response by this authority over the signature of that envelope. */
static char *stamped_by(struct tsa *tsa, const struct dsse *envelope) {
	CLEANUP(buf_done) struct buf response = {0};
	const struct buf *signature = &envelope->signatures[0].bytes;
	const struct hash imprint = timestamp_imprint(signature->data, signature->len);
	tsa_stamp(tsa, &imprint, &response);
	json_t *bundle = bundle_json(w.envelopes[CHOSEN], w.evidence, w.entries[CHOSEN].data, w.entries[CHOSEN].len,
				     &w.proof, w.verifier, &w.checkpoint);
	bundle_add_timestamp(bundle, response.data, response.len);
	return dump(bundle);
}

static bool make_files(struct err *err) {
	char host[] = "b9f6f3c4-1f3e-5d0a-8a53-0d9f4b7d2f11", name[] = "web-1";
	struct trust_key key = {.host = host, .name = name, .key = w.evidence, .from = BEGIN};
	char host_of_collector[] = "5f0c8e39-6f0b-4a3c-9a5e-1f6f3c1f7d11", policy[] = "log x\n";
	struct trust_key collector = {.host = host_of_collector, .key = w.log};
	CLEANUP(buf_done) struct buf root = {0};
	tsa_pem(w.tsa.root, &root);
	STACK_OF(X509) *chain = sk_X509_new_null();
	sk_X509_push(chain, w.tsa.signer);
	sk_X509_push(chain, w.tsa.middle);
	sk_X509_push(chain, w.tsa.root);
	const struct trust trust = {.logs = &w.verifier,
				    .log_count = 1,
				    .keys = &key,
				    .key_count = 1,
				    .authorities = &root.data,
				    .authority_count = 1,
				    .witness_policy = policy,
				    .collector = &collector,
				    .chains = &chain,
				    .chain_count = 1};
	w.bundle = dump(bundle_json(w.envelopes[CHOSEN], w.evidence, w.entries[CHOSEN].data, w.entries[CHOSEN].len,
				    &w.proof, w.verifier, &w.checkpoint));
	w.trust_text = dump(trust_json(&trust, BEGIN));
	sk_X509_free(chain);
	w.stamped = stamped_by(&w.tsa, w.envelopes[CHOSEN]);
	return trust_read(w.trust_text, strlen(w.trust_text), "trust", &w.trust, err);
}

static bool keep(const char *folder, const char *name, const char *text, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	return file_write(path, text, strlen(text), 0644, err);
}

static int make_world(void **state) {
	struct err err = {0};
	char text[600];
	const char *folder = getenv("KEEP_DIR");
	bool made = key_make_ed25519(&w.evidence, &err) && key_make_ed25519(&w.log, &err);
	w.tsa = tsa_new(&(struct tsa_signer){0});
	w.tsa.fraction = 0; /* Sigstore's library reads none, or three digits and not DER's two */
	CLEANUP(free_ptr) char *vkey = made ? note_vkey(ORIGIN, w.log) : NULL;
	made = made && note_verifier_read(vkey, &w.verifier, &err);
	for (size_t i = 0; made && i < ENTRIES; i++)
		made = seal_entry(i, &err);
	made = made && make_proof(&err) && make_files(&err);
	if (made && folder)
		made = keep(folder, "bundle.sigstore.json", w.bundle, &err) &&
		       keep(folder, "stamped.sigstore.json", w.stamped, &err) &&
		       keep(folder, "trust.json", w.trust_text, &err) && keep(folder, "body.json", BODY, &err);
	if (!made)
		print_error("%s\n", err_text(&err, text, sizeof text));
	return !made;
}

static int drop_world(void **state) {
	EVP_PKEY_free(w.evidence);
	EVP_PKEY_free(w.log);
	note_verifier_free(w.verifier);
	for (size_t i = 0; i < ENTRIES; i++) {
		dsse_free(w.envelopes[i]);
		buf_done(&w.entries[i]);
	}
	checkpoint_done(&w.checkpoint);
	proof_done(&w.proof);
	tsa_done(&w.tsa);
	free(w.bundle);
	free(w.stamped);
	free(w.trust_text);
	trust_free(w.trust);
	return 0;
}

/* "" when the bundle holds, else the step that refused it. */
static const char *verdict_on(const char *text, const struct trust *trust) {
	static char where[192];
	struct err err = {0};
	struct bundle_proved proved = {0};
	bool holds = bundle_verify(text, strlen(text), "bundle", trust, &proved, &err);
	assert_int_equal(holds, err.code == ERR_NONE);
	assert_int_equal(holds, proved.envelope != NULL);
	bundle_proved_done(&proved);
	snprintf(where, sizeof where, "%s", err.where);
	return where;
}

static json_t *parsed(void) {
	struct err err;
	json_t *value = NULL;
	assert_true(json_read(w.bundle, strlen(w.bundle), BUNDLE_LARGEST, "t", &value, &err));
	return value;
}

static const char *verdict_on_json(const json_t *bundle) {
	struct err err;
	CLEANUP(buf_done) struct buf text = {0};
	assert_true(json_canonical(bundle, &text, &err));
	return verdict_on(buf_str(&text), w.trust);
}

static json_t *logged_of(json_t *bundle) {
	json_t *material = json_object_get(bundle, "verificationMaterial");
	return json_array_get(json_object_get(material, "tlogEntries"), 0);
}

static json_t *inclusion_of(json_t *bundle) { return json_object_get(logged_of(bundle), "inclusionProof"); }

static json_t *signature_of(json_t *bundle) {
	return json_array_get(json_object_get(json_object_get(bundle, "dsseEnvelope"), "signatures"), 0);
}

static void a_bundle_from_the_middle_of_a_log_holds_and_tells_what_it_proved(void **state) {
	struct err err;
	CLEANUP(bundle_proved_done) struct bundle_proved proved = {0};
	CLEANUP(statement_free_p) struct statement *statement = NULL;
	assert_true(bundle_verify(w.bundle, strlen(w.bundle), "bundle", w.trust, &proved, &err));
	assert_int_equal(proved.index, CHOSEN);
	assert_int_equal(proved.checkpoint.size, ENTRIES);
	assert_string_equal(proved.checkpoint.origin, ORIGIN);
	assert_string_equal(proved.key->name, "web-1");
	assert_int_equal(proved.key->from, BEGIN);
	assert_true(statement_read(proved.envelope->payload.data, proved.envelope->payload.len, "t", &statement, &err));
	assert_int_equal(statement->sequence, CHOSEN + 1);
}

/* Every byte of what the base64 text of a member decodes to. */
static void each_byte_is_refused(json_t *bundle, json_t *object, const char *name, const char *step) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(free_ptr) char *kept = xstrdup(json_string_value(json_object_get(object, name)));
	assert_true(base64_decode(kept, strlen(kept), "t", &bytes, &err));
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.data[i] ^= 1;
		CLEANUP(free_ptr) char *changed = base64_encode(bytes.data, bytes.len);
		json_object_set_new(object, name, json_string(changed));
		assert_string_equal(verdict_on_json(bundle), step);
		bytes.data[i] ^= 1;
	}
	json_object_set_new(object, name, json_string(kept));
	assert_string_equal(verdict_on_json(bundle), "");
}

static void verify_refuses_one_changed_byte_of_payload_or_signature(void **state) {
	CLEANUP(json_decref_p) json_t *bundle = parsed();
	each_byte_is_refused(bundle, json_object_get(bundle, "dsseEnvelope"), "payload", "signature");
	each_byte_is_refused(bundle, signature_of(bundle), "sig", "signature");
}

static void verify_refuses_one_changed_byte_of_the_entry(void **state) {
	CLEANUP(json_decref_p) json_t *bundle = parsed();
	each_byte_is_refused(bundle, logged_of(bundle), "canonicalizedBody", "entry");
}

static void verify_refuses_one_changed_byte_of_the_path_or_root(void **state) {
	CLEANUP(json_decref_p) json_t *bundle = parsed();
	json_t *hashes = json_object_get(inclusion_of(bundle), "hashes");
	assert_in_range(json_array_size(hashes), 8, 9);
	each_byte_is_refused(bundle, inclusion_of(bundle), "rootHash", "inclusion");
	for (size_t i = 0; i < json_array_size(hashes); i++) {
		CLEANUP(free_ptr) char *hash = xstrdup(json_string_value(json_array_get(hashes, i)));
		hash[i * 2] = hash[i * 2] == 'A' ? 'B' : 'A';
		CLEANUP(json_decref_p) json_t *kept = json_incref(json_array_get(hashes, i));
		json_array_set_new(hashes, i, json_string(hash));
		assert_string_equal(verdict_on_json(bundle), "inclusion");
		json_array_set(hashes, i, kept);
	}
	json_array_append(hashes, json_array_get(hashes, 0));
	assert_string_equal(verdict_on_json(bundle), "inclusion");
	json_array_remove(hashes, json_array_size(hashes) - 1);
	json_array_remove(hashes, json_array_size(hashes) - 1);
	assert_string_equal(verdict_on_json(bundle), "inclusion");
	while (json_array_size(hashes) <= MERKLE_PATH_LONGEST)
		json_array_append_new(hashes, json_string("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="));
	assert_string_equal(verdict_on_json(bundle), "inclusion");
}

static void verify_refuses_another_index_or_size(void **state) {
	CLEANUP(json_decref_p) json_t *bundle = parsed();
	const char *const names[] = {"logIndex", "treeSize"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(json_decref_p) json_t *kept = json_incref(json_object_get(inclusion_of(bundle), names[i]));
		const char *const wrong[] = {"171", "169", "0", "-170", "0170", "", "18446744073709551615"};
		for (size_t j = 0; j < ARRAY_LEN(wrong); j++) {
			json_object_set_new(inclusion_of(bundle), names[i], json_string(wrong[j]));
			if (i == 0)
				json_object_set_new(logged_of(bundle), names[i], json_string(wrong[j]));
			assert_string_equal(verdict_on_json(bundle), "inclusion");
		}
		json_object_set(inclusion_of(bundle), names[i], kept);
		if (i == 0)
			json_object_set(logged_of(bundle), names[i], kept);
	}
	json_object_set_new(logged_of(bundle), "logIndex", json_string("171"));
	assert_string_equal(verdict_on_json(bundle), "inclusion");
	json_object_set_new(logged_of(bundle), "logIndex", json_string("170"));
	assert_string_equal(verdict_on_json(bundle), "");
	json_object_set_new(inclusion_of(bundle), "logIndex", json_string("171"));
	assert_string_equal(verdict_on_json(bundle), "inclusion");
}

static void verify_refuses_one_changed_byte_of_the_checkpoint(void **state) {
	CLEANUP(json_decref_p) json_t *bundle = parsed();
	json_t *checkpoint = json_object_get(inclusion_of(bundle), "checkpoint");
	CLEANUP(free_ptr) char *note = xstrdup(json_string_value(json_object_get(checkpoint, "envelope")));
	for (size_t i = 0; note[i]; i++) {
		note[i] ^= 1;
		json_t *changed = json_string(note);
		if (changed) { /* else it is not even UTF-8 */
			json_object_set_new(checkpoint, "envelope", changed);
			assert_string_equal(verdict_on_json(bundle), "checkpoint");
		}
		note[i] ^= 1;
	}
	json_object_set_new(checkpoint, "envelope", json_string(note));
	each_byte_is_refused(bundle, json_object_get(logged_of(bundle), "logId"), "keyId", "checkpoint");
}

static void verify_refuses_a_checkpoint_of_another_size_though_signed(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *bundle = parsed();
	CLEANUP(buf_done) struct buf text = {0}, note = {0};
	struct checkpoint later = {.origin = w.checkpoint.origin, .size = ENTRIES + 1, .root = w.checkpoint.root};
	checkpoint_write(&later, &text);
	assert_true(note_sign(buf_str(&text), ORIGIN, w.log, &note, &err));
	json_object_set_new(json_object_get(inclusion_of(bundle), "checkpoint"), "envelope",
			    json_string(buf_str(&note)));
	assert_string_equal(verdict_on_json(bundle), "checkpoint");
}

static void verify_refuses_keys_and_logs_that_are_not_trusted(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *trust = NULL;
	CLEANUP(trust_free_p) struct trust *without_keys = NULL, *without_logs = NULL;
	assert_true(json_read(w.trust_text, strlen(w.trust_text), TRUST_LARGEST, "t", &trust, &err));
	json_t *logs = json_object_get(trust, "logs"), *keys = json_object_get(trust, "evidenceKeys");
	CLEANUP(json_decref_p) json_t *kept = json_copy(keys);
	json_array_clear(keys);
	CLEANUP(free_ptr) char *first = dump(json_deep_copy(trust));
	assert_true(trust_read(first, strlen(first), "t", &without_keys, &err));
	assert_string_equal(verdict_on(w.bundle, without_keys), "signature");
	json_array_extend(keys, kept);
	json_array_clear(logs);
	CLEANUP(free_ptr) char *second = dump(json_deep_copy(trust));
	assert_true(trust_read(second, strlen(second), "t", &without_logs, &err));
	assert_string_equal(verdict_on(w.bundle, without_logs), "checkpoint");
}

/* Every member of every object, gone and of another type: a bundle refused, under a step's name or its own. */
static void spoil(json_t *bundle, json_t *object) {
	CLEANUP(json_decref_p) json_t *names = json_copy(object);
	const char *name;
	json_t *kept;
	json_object_foreach(names, name, kept) {
		if (!strcmp(name, "integratedTime") || !strcmp(name, "keyid"))
			continue; /* nothing depends on them */
		json_object_del(object, name);
		assert_string_not_equal(verdict_on_json(bundle), "");
		json_object_set_new(object, name, json_true());
		assert_string_not_equal(verdict_on_json(bundle), "");
		json_object_set_new(object, name, json_string(""));
		assert_string_not_equal(verdict_on_json(bundle), "");
		json_object_set(object, name, kept);
		if (json_is_object(kept))
			spoil(bundle, kept);
		else if (json_is_object(json_array_get(kept, 0)))
			spoil(bundle, json_array_get(kept, 0));
	}
	assert_string_equal(verdict_on_json(bundle), "");
}

static void a_bundle_that_lacks_anything_is_refused(void **state) {
	CLEANUP(json_decref_p) json_t *bundle = parsed();
	spoil(bundle, bundle);
	json_object_set_new(bundle, "new", json_true());
	assert_string_equal(verdict_on_json(bundle), "");
	json_array_append(json_object_get(json_object_get(bundle, "dsseEnvelope"), "signatures"), signature_of(bundle));
	assert_string_equal(verdict_on_json(bundle), "signature");
	json_array_remove(json_object_get(json_object_get(bundle, "dsseEnvelope"), "signatures"), 1);
	json_t *entries = json_object_get(json_object_get(bundle, "verificationMaterial"), "tlogEntries");
	json_array_append(entries, logged_of(bundle));
	assert_string_equal(verdict_on_json(bundle), "bundle");
}

static void the_cap_on_bundles_holds(void **state) {
	struct err err;
	CLEANUP(bundle_proved_done) struct bundle_proved proved = {0};
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, w.bundle);
	while (text.len < BUNDLE_LARGEST)
		buf_adds(&text, " ");
	assert_string_equal(verdict_on(buf_str(&text), w.trust), "");
	buf_adds(&text, " ");
	assert_false(bundle_verify(text.data, text.len, "bundle", w.trust, &proved, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

static void the_bundle_of_the_auditing_page_holds(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf bundle = {0}, text = {0};
	CLEANUP(trust_free_p) struct trust *trust = NULL;
	assert_true(file_read(TESTS_DIR "/vectors/audit/bundle.sigstore.json", BUNDLE_LARGEST, &bundle, &err));
	assert_true(file_read(TESTS_DIR "/vectors/audit/trust.json", TRUST_LARGEST, &text, &err));
	assert_true(trust_read(text.data, text.len, "trust", &trust, &err));
	assert_string_equal(verdict_on(buf_str(&bundle), trust), "");
	assert_string_equal(verdict_on(w.bundle, trust), "signature");
}

static const char *time_of(const char *text, const struct trust *trust) {
	static char said[64];
	struct err err = {0};
	CLEANUP(bundle_proved_done) struct bundle_proved proved = {0};
	if (!bundle_verify(text, strlen(text), "bundle", trust, &proved, &err))
		snprintf(said, sizeof said, "%s: %.40s", err.where, err.why);
	else
		snprintf(said, sizeof said, "%zu of %zu: %lld", (size_t)proved.has_time, proved.timestamp_count,
			 proved.has_time ? (long long)proved.timestamp.time : 0);
	return said;
}

static void a_bundle_tells_the_time_that_a_trusted_authority_signed(void **state) {
	struct err err;
	assert_string_equal(time_of(w.stamped, w.trust), "1 of 1: 1795000000");
	assert_string_equal(time_of(w.bundle, w.trust), "0 of 0: 0");
	CLEANUP(json_decref_p) json_t *trust = NULL;
	CLEANUP(trust_free_p) struct trust *without = NULL;
	assert_true(json_read(w.trust_text, strlen(w.trust_text), TRUST_LARGEST, "t", &trust, &err));
	json_object_del(trust, "timestampAuthorities");
	CLEANUP(free_ptr) char *text = dump(json_incref(trust));
	assert_true(trust_read(text, strlen(text), "t", &without, &err));
	assert_string_equal(time_of(w.stamped, without), "0 of 1: 0");
}

static json_t *stamps_of(json_t *bundle) {
	return json_object_get(
		json_object_get(json_object_get(bundle, "verificationMaterial"), "timestampVerificationData"),
		"rfc3161Timestamps");
}

static void the_earliest_of_several_times_counts_and_all_must_hold(void **state) {
	struct tsa other = tsa_new(&(struct tsa_signer){0});
	w.tsa.time -= 1000;
	CLEANUP(free_ptr) char *earlier = stamped_by(&w.tsa, w.envelopes[CHOSEN]);
	w.tsa.time += 1000;
	CLEANUP(free_ptr) char *foreign = stamped_by(&other, w.envelopes[CHOSEN]);
	CLEANUP(json_decref_p)
	json_t *first = json_loads(w.stamped, 0, NULL), *second = json_loads(earlier, 0, NULL),
	       *third = json_loads(foreign, 0, NULL);
	json_array_append(stamps_of(first), json_array_get(stamps_of(second), 0));
	CLEANUP(free_ptr) char *both = dump(json_incref(first));
	assert_string_equal(time_of(both, w.trust), "1 of 2: 1794999000");
	json_array_append(stamps_of(first), json_array_get(stamps_of(third), 0));
	CLEANUP(free_ptr) char *all = dump(json_incref(first));
	assert_string_equal(verdict_on(all, w.trust), "timestamp");
	while (json_array_size(stamps_of(first)) <= BUNDLE_TIMESTAMPS_MOST)
		json_array_append(stamps_of(first), json_array_get(stamps_of(second), 0));
	CLEANUP(free_ptr) char *many = dump(json_incref(first));
	assert_string_equal(time_of(many, w.trust), "timestamp: more than 8 time-stamps");
	tsa_done(&other);
}

static void verify_refuses_a_changed_time_stamp_another_authoritys_and_one_over_another_signature(void **state) {
	struct tsa other = tsa_new(&(struct tsa_signer){0});
	CLEANUP(free_ptr)
	char *foreign = stamped_by(&other, w.envelopes[CHOSEN]),
	     *elsewhere = stamped_by(&w.tsa, w.envelopes[CHOSEN + 1]);
	assert_string_equal(time_of(foreign, w.trust), "timestamp: not by a trusted authority: certificate ");
	assert_string_equal(time_of(elsewhere, w.trust), "timestamp: it is over other data: the imprint diffe");
	CLEANUP(json_decref_p) json_t *bundle = json_loads(w.stamped, 0, NULL);
	json_t *stamp = json_array_get(stamps_of(bundle), 0);
	CLEANUP(buf_done) struct buf response = {0};
	struct err err;
	const char *text = json_string_value(json_object_get(stamp, "signedTimestamp"));
	assert_true(base64_decode(text, strlen(text), "t", &response, &err));
	response.data[response.len - 10] ^= 1;
	CLEANUP(free_ptr) char *changed = base64_encode(response.data, response.len);
	json_object_set_new(stamp, "signedTimestamp", json_string(changed));
	CLEANUP(free_ptr) char *whole = dump(json_incref(bundle));
	assert_string_equal(time_of(whole, w.trust), "timestamp: its signature does not hold: signature f");
	tsa_done(&other);
}

static void time_stamps_of_another_type_are_refused(void **state) {
	static const char *const wrong[] = {"[]",
					    "\"\"",
					    "{\"rfc3161Timestamps\":{}}",
					    "{\"rfc3161Timestamps\":[1]}",
					    "{\"rfc3161Timestamps\":[{}]}",
					    "{\"rfc3161Timestamps\":[{\"signedTimestamp\":1}]}",
					    "{\"rfc3161Timestamps\":[{\"signedTimestamp\":\"!\"}]}",
					    "{\"rfc3161Timestamps\":[{\"signedTimestamp\":\"\"}]}"};
	CLEANUP(json_decref_p) json_t *bundle = parsed();
	json_t *material = json_object_get(bundle, "verificationMaterial");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		json_object_set_new(material, "timestampVerificationData", json_loads(wrong[i], 0, NULL));
		assert_string_equal(verdict_on_json(bundle), "timestamp");
	}
	json_object_set_new(material, "timestampVerificationData", json_object());
	assert_string_equal(verdict_on_json(bundle), "");
}

static void a_trust_file_has_authorities_the_witness_policy_and_the_collectors_key(void **state) {
	assert_string_equal(w.trust->witness_policy, "log x\n");
	assert_string_equal(w.trust->collector->host, "5f0c8e39-6f0b-4a3c-9a5e-1f6f3c1f7d11");
	assert_int_equal(w.trust->authority_count, 1);
	CLEANUP(json_decref_p) json_t *trust = json_loads(w.trust_text, 0, NULL);
	json_t *chain =
		json_array_get(json_object_get(json_object_get(trust, "trustedRoot"), "timestampAuthorities"), 0);
	assert_int_equal(json_array_size(json_object_get(json_object_get(chain, "certChain"), "certificates")), 3);
	assert_string_equal(json_string_value(json_object_get(json_object_get(chain, "subject"), "commonName")),
			    "Test TSA");
	static const char *const members[] = {"timestampAuthorities", "witnessPolicy", "collectorKey"};
	static const char *const wrong[] = {"1", "[1]", "[\"\"]", "[\"no certificate\"]", "{}"};
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		for (size_t j = 0; j < ARRAY_LEN(wrong); j++) {
			struct err err;
			struct trust *none = NULL;
			CLEANUP(json_decref_p) json_t *copy = json_deep_copy(trust);
			json_object_set_new(copy, members[i], json_loads(wrong[j], JSON_DECODE_ANY, NULL));
			CLEANUP(free_ptr) char *text = dump(json_incref(copy));
			assert_false(trust_read(text, strlen(text), "t", &none, &err));
		}
	json_t *pem = json_array_get(json_object_get(trust, "timestampAuthorities"), 0);
	while (json_array_size(json_object_get(trust, "timestampAuthorities")) <= TRUST_AUTHORITIES_MOST)
		json_array_append(json_object_get(trust, "timestampAuthorities"), pem);
	CLEANUP(free_ptr) char *text = dump(json_incref(trust));
	struct err err;
	struct trust *none = NULL;
	assert_false(trust_read(text, strlen(text), "t", &none, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

static void an_envelope_that_the_key_did_not_sign_has_no_bundle(void **state) {
	assert_null(bundle_json(w.envelopes[CHOSEN], w.log, w.entries[CHOSEN].data, w.entries[CHOSEN].len, &w.proof,
				w.verifier, &w.checkpoint));
}

static void a_trust_file_comes_back_whole(void **state) {
	CLEANUP(json_decref_p) json_t *given = json_loads(w.trust_text, 0, NULL);
	CLEANUP(free_ptr) char *again = dump(trust_json(w.trust, BEGIN));
	json_array_clear(json_object_get(json_object_get(given, "trustedRoot"), "timestampAuthorities"));
	CLEANUP(free_ptr) char *without_chains = dump(json_incref(given));
	assert_string_equal(again, without_chains); /* which are not read */
}

static void a_trust_file_that_lacks_anything_is_refused(void **state) {
	static const char *const needed[] = {"mediaType", "logs", "evidenceKeys"};
	CLEANUP(json_decref_p) json_t *trust = NULL;
	struct err err;
	assert_true(json_read(w.trust_text, strlen(w.trust_text), TRUST_LARGEST, "t", &trust, &err));
	json_t *key = json_array_get(json_object_get(trust, "evidenceKeys"), 0);
	static const char *const members[] = {"host", "name", "keyid", "publicKey", "from"};
	for (size_t i = 0; i < ARRAY_LEN(needed) + ARRAY_LEN(members); i++) {
		json_t *object = i < ARRAY_LEN(needed) ? trust : key;
		const char *name = i < ARRAY_LEN(needed) ? needed[i] : members[i - ARRAY_LEN(needed)];
		CLEANUP(json_decref_p) json_t *kept = json_incref(json_object_get(object, name));
		for (size_t j = 0; j < 3; j++) {
			struct trust *none = NULL;
			bool may_be_empty = j == 2 && object == key && (!strcmp(name, "host") || !strcmp(name, "name"));
			if (j == 0)
				json_object_del(object, name);
			else
				json_object_set_new(object, name, j == 1 ? json_true() : json_string(""));
			CLEANUP(free_ptr) char *text = dump(json_deep_copy(trust));
			assert_int_equal(trust_read(text, strlen(text), "t", &none, &err), may_be_empty);
			trust_free(none);
		}
		json_object_set(object, name, kept);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_from_the_middle_of_a_log_holds_and_tells_what_it_proved),
		cmocka_unit_test(verify_refuses_one_changed_byte_of_payload_or_signature),
		cmocka_unit_test(verify_refuses_one_changed_byte_of_the_entry),
		cmocka_unit_test(verify_refuses_one_changed_byte_of_the_path_or_root),
		cmocka_unit_test(verify_refuses_another_index_or_size),
		cmocka_unit_test(verify_refuses_one_changed_byte_of_the_checkpoint),
		cmocka_unit_test(verify_refuses_a_checkpoint_of_another_size_though_signed),
		cmocka_unit_test(verify_refuses_keys_and_logs_that_are_not_trusted),
		cmocka_unit_test(a_bundle_that_lacks_anything_is_refused),
		cmocka_unit_test(the_cap_on_bundles_holds),
		cmocka_unit_test(the_bundle_of_the_auditing_page_holds),
		cmocka_unit_test(a_bundle_tells_the_time_that_a_trusted_authority_signed),
		cmocka_unit_test(the_earliest_of_several_times_counts_and_all_must_hold),
		cmocka_unit_test(verify_refuses_a_changed_time_stamp_another_authoritys_and_one_over_another_signature),
		cmocka_unit_test(time_stamps_of_another_type_are_refused),
		cmocka_unit_test(a_trust_file_has_authorities_the_witness_policy_and_the_collectors_key),
		cmocka_unit_test(an_envelope_that_the_key_did_not_sign_has_no_bundle),
		cmocka_unit_test(a_trust_file_comes_back_whole),
		cmocka_unit_test(a_trust_file_that_lacks_anything_is_refused),
	};
	return cmocka_run_group_tests(tests, make_world, drop_world);
}

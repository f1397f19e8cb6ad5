/* The worked example from statement to offline proof, and the sample that Sigstore's own library accepts. (Envelope and
 * checkpoint of it are in test_dsse.c and test_note.c.) Agent, log and witness have the keys of RFC 8032 7.1. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/entry.h"
#include "core/file.h"
#include "core/proof.h"
#include "core/tile.h"

#define WORKED TESTS_DIR "/vectors/worked/"
#define SIGSTORE TESTS_DIR "/vectors/sigstore/"
#define LOG_SEED "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"

static struct buf vector(const char *path) {
	struct err err;
	struct buf bytes = {0};
	assert_true(file_read(path, 1 << 20, &bytes, &err));
	return bytes;
}

static json_t *json_vector(const char *path) {
	struct err err;
	json_t *value = NULL;
	CLEANUP(buf_done) struct buf text = vector(path);
	assert_true(json_read(text.data, text.len, 1 << 20, path, &value, &err));
	return value;
}

static const char *value_at(const json_t *values, const char *name) {
	return json_string_value(json_object_get(values, name));
}

static void is_hash(const struct hash *hash, const json_t *hex) {
	char text[HASH_HEX];
	assert_string_equal(hash_hex(hash, text), json_string_value(hex));
}

static void leaves_of_the_example(struct hash leaves[3]) {
	CLEANUP(buf_done) struct buf envelope = vector(WORKED "envelope.json");
	leaves[0] = merkle_leaf("first entry", 11);
	leaves[1] = merkle_leaf(envelope.data, envelope.len);
	leaves[2] = merkle_leaf("third entry", 11);
}

static bool get(void *leaves, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	*ret_hash = merkle_root((struct hash *)leaves + (index << level), (size_t)1 << level);
	return true;
}

static void tree_tile_and_consistency_are_the_example_s(void **state) {
	CLEANUP(json_decref_p) json_t *values = json_vector(WORKED "values.json");
	CLEANUP(buf_done) struct buf tile = vector(WORKED "tile-0-000.p-3");
	struct hash leaves[3], path[MERKLE_PATH_LONGEST];
	struct err err;
	size_t len;
	leaves_of_the_example(leaves);
	for (size_t i = 0; i < 3; i++)
		is_hash(&leaves[i], json_array_get(json_object_get(values, "leaf_hashes"), i));
	assert_int_equal(tile.len, sizeof leaves);
	assert_memory_equal(tile.data, leaves, sizeof leaves);
	struct hash node = merkle_node(&leaves[0], &leaves[1]), root = merkle_root(leaves, 3);
	is_hash(&node, json_object_get(values, "node_0_1"));
	is_hash(&root, json_object_get(values, "root"));
	for (uint64_t old = 1; old <= 2; old++) {
		const json_t *expected =
			json_object_get(values, old == 1 ? "consistency_1_to_3" : "consistency_2_to_3");
		assert_true(merkle_consistency(old, 3, get, leaves, path, &len, &err));
		assert_int_equal(len, json_array_size(expected));
		for (size_t i = 0; i < len; i++)
			is_hash(&path[i], json_array_get(expected, i));
	}
}

static void the_log_signs_the_example_s_checkpoint(void **state) {
	CLEANUP(json_decref_p) json_t *values = json_vector(WORKED "values.json");
	CLEANUP(buf_done) struct buf expected = vector(WORKED "checkpoint"), text = {0}, note = {0};
	CLEANUP(key_free_p) EVP_PKEY *log = NULL;
	struct hash leaves[3], seed;
	struct err err;
	leaves_of_the_example(leaves);
	assert_true(hash_from_hex(LOG_SEED, &seed));
	assert_true(key_from_seed(seed.bytes, &log, &err));
	CLEANUP(free_ptr) char *vkey = note_vkey("collector.example/evidence", log);
	assert_string_equal(vkey, value_at(values, "log_vkey"));
	char origin[] = "collector.example/evidence";
	checkpoint_write(&(struct checkpoint){origin, 3, merkle_root(leaves, 3)}, &text);
	assert_true(note_sign(buf_str(&text), "collector.example/evidence", log, &note, &err));
	assert_true(note.len < expected.len); /* the witness's line follows */
	assert_memory_equal(note.data, expected.data, note.len);
}

static void the_example_s_proof_is_read_written_and_holds(void **state) {
	CLEANUP(json_decref_p) json_t *values = json_vector(WORKED "values.json");
	CLEANUP(buf_done) struct buf text = vector(WORKED "evidence.tlog-proof"), again = {0};
	CLEANUP(buf_done) struct buf envelope = vector(WORKED "envelope.json");
	CLEANUP(note_verifier_free_p) struct note_verifier *log = NULL;
	CLEANUP(proof_done) struct proof proof = {0};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	struct err err;
	assert_true(note_verifier_read(value_at(values, "log_vkey"), &log, &err));
	assert_true(proof_read(text.data, text.len, &proof, &err));
	assert_true(proof_verify(&proof, envelope.data, envelope.len, log, &checkpoint, &err));
	assert_int_equal(proof.index, 1);
	assert_int_equal(checkpoint.size, 3);
	proof_write(&proof, &again);
	assert_string_equal(buf_str(&again), buf_str(&text));
}

static void the_sigstore_sample_s_entry_is_rebuilt_from_envelope_and_key(void **state) {
	CLEANUP(json_decref_p) json_t *bundle = json_vector(SIGSTORE "sample.sigstore.json");
	CLEANUP(buf_done) struct buf pem = vector(SIGSTORE "sample.agent.pub.pem"), entry = {0};
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	struct err err;
	assert_true(key_from_public_pem(buf_str(&pem), "pem", &key, &err));
	assert_string_equal(key_details(key), "PKIX_ECDSA_P256_SHA_256");
	assert_true(dsse_from_json(json_object_get(bundle, "dsseEnvelope"), "t", &envelope, &err));
	assert_true(dsse_verify(envelope, DSSE_INTOTO, key, &err));
	assert_true(entry_write(envelope, key, &entry, &err));
	const json_t *material = json_object_get(bundle, "verificationMaterial");
	const json_t *logged = json_array_get(json_object_get(material, "tlogEntries"), 0);
	CLEANUP(free_ptr) char *text = base64_encode(entry.data, entry.len);
	assert_string_equal(text, value_at(logged, "canonicalizedBody"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_tile_and_consistency_are_the_example_s),
		cmocka_unit_test(the_log_signs_the_example_s_checkpoint),
		cmocka_unit_test(the_example_s_proof_is_read_written_and_holds),
		cmocka_unit_test(the_sigstore_sample_s_entry_is_rebuilt_from_envelope_and_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

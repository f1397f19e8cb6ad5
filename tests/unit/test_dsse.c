/* Envelopes: the worked example byte for byte, and what a verifier may not be talked into. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/dsse.h"
#include "core/file.h"

#define WORKED TESTS_DIR "/vectors/worked/"

static EVP_PKEY *agent; /* RFC 8032 7.1, TEST 1 */

static int make_key(void **state) {
	struct hash seed;
	struct err err;
	return !hash_from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", &seed) ||
	       !key_from_seed(seed.bytes, &agent, &err);
}

static int drop_key(void **state) {
	EVP_PKEY_free(agent);
	return 0;
}

static struct buf vector(const char *path) {
	struct err err;
	struct buf bytes = {0};
	assert_true(file_read(path, 1 << 20, &bytes, &err));
	return bytes;
}

static struct dsse *envelope_of(const char *text) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	struct dsse *envelope = NULL;
	struct err err;
	if (!json_read(text, strlen(text), DSSE_ENVELOPE_LARGEST, "t", &object, &err) ||
	    !dsse_from_json(object, "t", &envelope, &err))
		print_message("%s\n", err.why);
	return envelope;
}

static enum err_code fault_of(const json_t *object) {
	struct dsse *envelope = NULL;
	struct err err = {0};
	assert_false(dsse_from_json(object, "t", &envelope, &err));
	assert_null(envelope);
	return err.code;
}

static void seal_makes_the_bytes_of_the_worked_example(void **state) {
	struct err err;
	char keyid[HASH_HEX];
	CLEANUP(buf_done) struct buf statement = vector(WORKED "statement.json");
	CLEANUP(buf_done) struct buf expected_pae = vector(WORKED "pae.bin");
	CLEANUP(buf_done) struct buf expected = vector(WORKED "envelope.json");
	CLEANUP(buf_done) struct buf pae = {0}, text = {0};
	dsse_pae(DSSE_INTOTO, statement.data, statement.len, &pae);
	assert_int_equal(pae.len, expected_pae.len);
	assert_memory_equal(pae.data, expected_pae.data, pae.len);
	struct hash id = key_id(agent);
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	assert_true(
		dsse_seal(DSSE_INTOTO, statement.data, statement.len, agent, hash_hex(&id, keyid), &envelope, &err));
	dsse_write(envelope, &text);
	assert_string_equal(buf_str(&text), buf_str(&expected));
	struct hash digest = dsse_digest(envelope);
	assert_string_equal(hash_hex(&digest, keyid),
			    "daeea2cc05261ee88148ee31b16ab6d8596ced3802db68c267d98804c69a1da3");
}

static void the_worked_example_is_read_back_and_verifies(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf text = vector(WORKED "envelope.json"), again = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = envelope_of(buf_str(&text));
	assert_true(dsse_verify(envelope, DSSE_INTOTO, agent, &err));
	dsse_write(envelope, &again);
	assert_string_equal(buf_str(&again), buf_str(&text));
}

static void pae_counts_bytes_and_ends_in_a_space_when_empty(void **state) {
	CLEANUP(buf_done) struct buf pae = {0};
	dsse_pae("\xc3\xa9", NULL, 0, &pae);
	assert_string_equal(buf_str(&pae), "DSSEv1 2 \xc3\xa9 0 ");
	buf_done(&pae);
	dsse_pae("http://example.com/HelloWorld", "hello world", 11, &pae); /* the protocol's own example */
	assert_string_equal(buf_str(&pae), "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

static void verify_refuses_one_changed_bit_of_payload_or_signature(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf text = vector(WORKED "envelope.json");
	CLEANUP(dsse_free_p) struct dsse *envelope = envelope_of(buf_str(&text));
	struct buf *const parts[] = {&envelope->payload, &envelope->signatures[0].bytes};
	for (size_t part = 0; part < 2; part++) {
		for (size_t bit = 0; bit < parts[part]->len * 8; bit++) {
			parts[part]->data[bit / 8] ^= (char)(1 << bit % 8);
			assert_false(dsse_verify(envelope, DSSE_INTOTO, agent, &err));
			assert_int_equal(err.code, ERR_REFUSED);
			assert_string_equal(err.where, "signature");
			parts[part]->data[bit / 8] ^= (char)(1 << bit % 8);
		}
	}
	parts[1]->len--;
	assert_false(dsse_verify(envelope, DSSE_INTOTO, agent, &err));
	parts[1]->len++;
	assert_true(dsse_verify(envelope, DSSE_INTOTO, agent, &err));
}

static void verify_refuses_another_payload_type(void **state) {
	struct err err;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	assert_true(dsse_seal("application/json", "{}", 2, agent, "", &envelope, &err));
	assert_false(dsse_verify(envelope, DSSE_INTOTO, agent, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	free(envelope->payload_type); /* relabelled, it still is not what was signed */
	envelope->payload_type = xstrdup(DSSE_INTOTO);
	assert_false(dsse_verify(envelope, DSSE_INTOTO, agent, &err));
}

static void the_key_decides_and_never_the_keyid(void **state) {
	struct err err;
	char keyid[HASH_HEX];
	CLEANUP(key_free_p) EVP_PKEY *other = NULL;
	assert_true(key_make_ed25519(&other, &err));
	struct hash id = key_id(agent);
	CLEANUP(dsse_free_p) struct dsse *forged = NULL, *unnamed = NULL;
	assert_true(dsse_seal(DSSE_INTOTO, "{}", 2, other, hash_hex(&id, keyid), &forged, &err));
	assert_false(dsse_verify(forged, DSSE_INTOTO, agent, &err));
	assert_true(dsse_seal(DSSE_INTOTO, "{}", 2, agent, "some other key", &unnamed, &err));
	assert_true(dsse_verify(unnamed, DSSE_INTOTO, agent, &err));
}

static void a_bad_signature_beside_a_good_one_is_skipped(void **state) {
	struct err err;
	CLEANUP(dsse_free_p)
	struct dsse *envelope =
		envelope_of("{\"payload\":\"e30=\",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":"
			    "[{\"sig\":\"AAAA\",\"new\":1},{\"keyid\":\"x\",\"sig\":\"\"}],\"more\":{}}");
	assert_false(dsse_verify(envelope, DSSE_INTOTO, agent, &err));
	assert_string_equal(envelope->signatures[0].keyid, "");
	CLEANUP(dsse_free_p) struct dsse *good = NULL;
	assert_true(dsse_seal(DSSE_INTOTO, "{}", 2, agent, "", &good, &err));
	buf_done(&envelope->signatures[1].bytes);
	envelope->signatures[1].bytes = good->signatures[0].bytes;
	good->signatures[0].bytes = (struct buf){0};
	assert_true(dsse_verify(envelope, DSSE_INTOTO, agent, &err));
}

static void both_kinds_of_base64_are_read(void **state) {
	static const char text[] = "{\"payload\":\"%s\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"%s\"}]}";
	CLEANUP(free_ptr) char *standard = xasprintf(text, "+/8=", "+/8=");
	CLEANUP(free_ptr) char *url_safe = xasprintf(text, "-_8", "-_8=");
	CLEANUP(dsse_free_p) struct dsse *a = envelope_of(standard), *b = envelope_of(url_safe);
	assert_memory_equal(a->payload.data, "\xfb\xff", 2);
	assert_memory_equal(b->payload.data, "\xfb\xff", 2);
	assert_memory_equal(b->signatures[0].bytes.data, "\xfb\xff", 2);
}

static void what_is_not_an_envelope_is_malformed(void **state) {
	static const char *const bad[] = {
		"[]",
		"{\"payloadType\":\"t\",\"signatures\":[]}",
		"{\"payload\":\"\",\"signatures\":[]}",
		"{\"payload\":\"\",\"payloadType\":\"t\"}",
		"{\"payload\":1,\"payloadType\":\"t\",\"signatures\":[]}",
		"{\"payload\":\"e 30\",\"payloadType\":\"t\",\"signatures\":[]}",
		"{\"payload\":\"\",\"payloadType\":null,\"signatures\":[]}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":{}}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[1]}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{}]}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"!\"}]}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"\",\"keyid\":7}]}",
	};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(json_decref_p) json_t *object = NULL;
		assert_true(json_read(bad[i], strlen(bad[i]), 1000, "t", &object, &err));
		assert_int_equal(fault_of(object), ERR_MALFORMED);
	}
	CLEANUP(dsse_free_p)
	struct dsse *unsigned_one = envelope_of("{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}");
	assert_false(dsse_verify(unsigned_one, "t", agent, &err));
}

static void the_caps_on_payload_and_signatures_hold(void **state) {
	struct err err;
	CLEANUP(free_ptr) char *payload = xcalloc(1, DSSE_PAYLOAD_LARGEST + 1);
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL, *again = NULL;
	assert_false(dsse_seal(DSSE_INTOTO, payload, DSSE_PAYLOAD_LARGEST + 1, agent, "", &envelope, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	assert_true(dsse_seal(DSSE_INTOTO, payload, DSSE_PAYLOAD_LARGEST, agent, "", &envelope, &err));
	CLEANUP(json_decref_p) json_t *object = dsse_to_json(envelope);
	assert_true(dsse_from_json(object, "t", &again, &err));
	CLEANUP(free_ptr) char *text = base64_encode(payload, DSSE_PAYLOAD_LARGEST + 1);
	json_object_set_new(object, "payload", json_string(text));
	assert_int_equal(fault_of(object), ERR_TOO_BIG);

	json_object_set_new(object, "payload", json_string(""));
	json_t *signatures = json_object_get(object, "signatures");
	while (json_array_size(signatures) < DSSE_SIGNATURES_MOST)
		json_array_append(signatures, json_array_get(signatures, 0));
	dsse_free(again);
	again = NULL;
	assert_true(dsse_from_json(object, "t", &again, &err));
	json_array_append(signatures, json_array_get(signatures, 0));
	assert_int_equal(fault_of(object), ERR_TOO_BIG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seal_makes_the_bytes_of_the_worked_example),
		cmocka_unit_test(the_worked_example_is_read_back_and_verifies),
		cmocka_unit_test(pae_counts_bytes_and_ends_in_a_space_when_empty),
		cmocka_unit_test(verify_refuses_one_changed_bit_of_payload_or_signature),
		cmocka_unit_test(verify_refuses_another_payload_type),
		cmocka_unit_test(the_key_decides_and_never_the_keyid),
		cmocka_unit_test(a_bad_signature_beside_a_good_one_is_skipped),
		cmocka_unit_test(both_kinds_of_base64_are_read),
		cmocka_unit_test(what_is_not_an_envelope_is_malformed),
		cmocka_unit_test(the_caps_on_payload_and_signatures_hold),
	};
	return cmocka_run_group_tests(tests, make_key, drop_key);
}

/* Receipts: what is read, and which changes are refused under which name. (The standard's example is in
 * test_worked.c.) */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/proof.h"

#define LOG_VKEY "collector.example/evidence+c4dd0ff5+AT1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"
#define HEAD "c2sp.org/tlog-proof@v1\n"
#define HASH "uYmoCZl8WNzZsvX9VThOyR13ouL04Jnwbfr/UGxgKLY=\n"

static struct buf envelope, text;
static struct note_verifier *verifier;

static int read_vectors(void **state) {
	struct err err;
	return !file_read(TESTS_DIR "/vectors/worked/envelope.json", 1000, &envelope, &err) ||
	       !file_read(TESTS_DIR "/vectors/worked/evidence.tlog-proof", 1000, &text, &err) ||
	       !note_verifier_read(LOG_VKEY, &verifier, &err);
}

static int drop_vectors(void **state) {
	buf_done(&envelope);
	buf_done(&text);
	note_verifier_free(verifier);
	return 0;
}

static struct proof example(void) {
	struct proof proof = {0};
	struct err err;
	assert_true(proof_read(text.data, text.len, &proof, &err));
	return proof;
}

static void refuses(const struct proof *proof, const char *where) {
	struct err err = {0};
	struct checkpoint checkpoint = {0};
	assert_false(proof_verify(proof, envelope.data, envelope.len, verifier, &checkpoint, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_string_equal(err.where, where);
	assert_null(checkpoint.origin);
}

static void one_changed_bit_of_the_path_is_refused(void **state) {
	CLEANUP(proof_done) struct proof proof = example();
	for (size_t i = 0; i < proof.path_len; i++) {
		for (size_t bit = 0; bit < HASH_LEN * 8; bit++) {
			proof.path[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
			refuses(&proof, "inclusion");
			proof.path[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
	}
}

static void another_index_or_length_is_refused(void **state) {
	CLEANUP(proof_done) struct proof proof = example();
	for (proof.index = 0; proof.index < 5; proof.index++)
		if (proof.index != 1)
			refuses(&proof, "inclusion");
	proof.index = 1;
	proof.path_len--;
	refuses(&proof, "inclusion");
	proof.path_len += 2;
	refuses(&proof, "inclusion");
}

static void one_changed_byte_of_the_entry_is_refused(void **state) {
	CLEANUP(proof_done) struct proof proof = example();
	for (size_t i = 0; i < envelope.len; i++) {
		envelope.data[i] ^= 4;
		refuses(&proof, "inclusion");
		envelope.data[i] ^= 4;
	}
}

static void one_changed_byte_of_the_checkpoint_s_text_or_signature_is_refused(void **state) {
	CLEANUP(proof_done) struct proof proof = example();
	const char *witness = strstr(proof.checkpoint, "\xe2\x80\x94 witness");
	size_t signed_len = (size_t)(witness - proof.checkpoint);
	for (size_t i = 0; i < signed_len; i++) {
		proof.checkpoint[i] ^= 1;
		refuses(&proof, "checkpoint");
		proof.checkpoint[i] ^= 1;
	}
	proof.checkpoint[signed_len] = '\0'; /* without its witness it holds */
	struct err err;
	assert_true(proof_verify(&proof, envelope.data, envelope.len, verifier, NULL, &err));
}

static void an_extra_line_is_passed_over(void **state) {
	struct err err;
	CLEANUP(proof_done) struct proof proof = {0};
	CLEANUP(free_ptr) char *extra = xasprintf(HEAD "extra AAAA\n%s", buf_str(&text) + strlen(HEAD));
	assert_true(proof_read(extra, strlen(extra), &proof, &err));
	assert_true(proof_verify(&proof, envelope.data, envelope.len, verifier, NULL, &err));
}

static void malformed_receipts_are_not_read(void **state) {
	static const char *const bad[] = {
		"",
		"c2sp.org/tlog-proof@v2\nindex 0\n\nx\n",
		HEAD,
		HEAD "index\n\nx\n",
		HEAD "index 01\n\nx\n",
		HEAD "index -1\n\nx\n",
		HEAD "index 9223372036854775808\n\nx\n",
		HEAD "extra !\nindex 1\n\nx\n",
		HEAD "extra AAAA\nextra AAAA\nindex 1\n\nx\n",
		HEAD "index 1\n" HASH,
		HEAD "index 1\n" HASH "\n",
		HEAD "index 1\nAAAA\n\nx\n",
		HEAD "index 1\n" HASH "!\n\nx\n",
	};
	struct err err;
	struct proof proof = {0};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(proof_read(bad[i], strlen(bad[i]), &proof, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
	}
	assert_false(proof_read(HEAD "index 0\n\na\0b\n", strlen(HEAD) + 13, &proof, &err));
	assert_null(proof.checkpoint);
}

static void the_caps_on_path_and_bytes_hold(void **state) {
	struct err err;
	CLEANUP(proof_done) struct proof proof = {0};
	CLEANUP(buf_done) struct buf longest = {0}, too_long = {0};
	buf_adds(&longest, HEAD "index 1\n");
	for (size_t i = 0; i < MERKLE_PATH_LONGEST; i++)
		buf_adds(&longest, HASH);
	buf_add(&too_long, longest.data, longest.len);
	buf_adds(&longest, "\nx\n");
	buf_adds(&too_long, HASH "\nx\n");
	assert_true(proof_read(longest.data, longest.len, &proof, &err));
	assert_int_equal(proof.path_len, MERKLE_PATH_LONGEST);
	refuses(&proof, "checkpoint");
	proof_done(&proof);
	assert_false(proof_read(too_long.data, too_long.len, &proof, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	while (longest.len < PROOF_LARGEST)
		buf_adds(&longest, "x");
	assert_true(proof_read(longest.data, longest.len, &proof, &err));
	proof_done(&proof);
	buf_adds(&longest, "x");
	assert_false(proof_read(longest.data, longest.len, &proof, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_changed_bit_of_the_path_is_refused),
		cmocka_unit_test(another_index_or_length_is_refused),
		cmocka_unit_test(one_changed_byte_of_the_entry_is_refused),
		cmocka_unit_test(one_changed_byte_of_the_checkpoint_s_text_or_signature_is_refused),
		cmocka_unit_test(an_extra_line_is_passed_over),
		cmocka_unit_test(malformed_receipts_are_not_read),
		cmocka_unit_test(the_caps_on_path_and_bytes_hold),
	};
	return cmocka_run_group_tests(tests, read_vectors, drop_vectors);
}

/* Signed notes and checkpoints: the standards' own vectors, and what may not pass for one. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/file.h"
#include "core/note.h"

#define EXAMPLE_VKEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define EXAMPLE_NOTE                                                                                                   \
	"This is an example message.\n\n\xe2\x80\x94 example.com/foo "                                                 \
	"Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
#define NEUMANN_VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define NEUMANN_SEED "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173"
#define NEUMANN_TEXT                                                                                                   \
	"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
#define NEUMANN_LINE                                                                                                   \
	"\xe2\x80\x94 PeterNeumann "                                                                                   \
	"x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
#define LOG_VKEY "collector.example/evidence+c4dd0ff5+AT1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"
#define WITNESS_VKEY "witness.example/w1+c7da326f+BPxRzY5iGKGjjaR+0AIw8FgIFu0TujMDrF3rkRVIkIAl"

static struct note_verifier *verifier_of(const char *vkey) {
	struct note_verifier *verifier = NULL;
	struct err err;
	assert_true(note_verifier_read(vkey, &verifier, &err));
	return verifier;
}

static EVP_PKEY *neumann(void) {
	struct hash seed;
	struct err err;
	EVP_PKEY *key = NULL;
	assert_true(hash_from_hex(NEUMANN_SEED, &seed));
	assert_true(key_from_seed(seed.bytes, &key, &err));
	return key;
}

static bool opens(const char *note, size_t len, const struct note_verifier *verifier) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf text = {0};
	bool is_good = note_open(note, len, verifier, &text, &err);
	assert_int_equal(err.code, is_good ? ERR_NONE : ERR_REFUSED);
	if (!is_good)
		assert_string_equal(err.where, "checkpoint");
	return is_good;
}

static void the_example_of_the_standard_opens(void **state) {
	struct err err;
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(EXAMPLE_VKEY);
	CLEANUP(buf_done) struct buf text = {0};
	assert_true(note_open(EXAMPLE_NOTE, strlen(EXAMPLE_NOTE), verifier, &text, &err));
	assert_string_equal(buf_str(&text), "This is an example message.\n");
	CLEANUP(free_ptr) char *again = note_vkey("example.com/foo", verifier->key);
	assert_string_equal(again, EXAMPLE_VKEY);
}

static void signing_makes_the_bytes_of_the_second_vector(void **state) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = neumann();
	CLEANUP(buf_done) struct buf note = {0};
	CLEANUP(free_ptr) char *vkey = note_vkey("PeterNeumann", key);
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(NEUMANN_VKEY);
	assert_string_equal(vkey, NEUMANN_VKEY);
	assert_true(note_sign(NEUMANN_TEXT, "PeterNeumann", key, &note, &err));
	assert_string_equal(buf_str(&note), NEUMANN_TEXT "\n" NEUMANN_LINE);
	assert_true(opens(note.data, note.len, verifier));
}

static void one_changed_bit_anywhere_never_yields_another_text(void **state) {
	struct err err;
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(NEUMANN_VKEY);
	char note[] = NEUMANN_TEXT "\n" NEUMANN_LINE;
	for (size_t bit = 0; bit < (sizeof note - 1) * 8; bit++) {
		CLEANUP(buf_done) struct buf text = {0};
		note[bit / 8] ^= (char)(1 << bit % 8);
		/* The other alphabet's digits for the same bits are the same signature. */
		if (note_open(note, sizeof note - 1, verifier, &text, &err))
			assert_string_equal(buf_str(&text), NEUMANN_TEXT);
		if (bit / 8 < strlen(NEUMANN_TEXT))
			assert_int_equal(text.len, 0);
		note[bit / 8] ^= (char)(1 << bit % 8);
	}
}

static void text_and_signatures_part_at_the_last_empty_line(void **state) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = neumann();
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(NEUMANN_VKEY);
	CLEANUP(buf_done) struct buf note = {0}, text = {0};
	assert_true(note_sign("a\n\nb\n", "PeterNeumann", key, &note, &err));
	assert_true(note_open(note.data, note.len, verifier, &text, &err));
	assert_string_equal(buf_str(&text), "a\n\nb\n");
}

static void malformed_notes_are_refused(void **state) {
	static const char *const bad[] = {
		"",
		"\n",
		NEUMANN_TEXT,
		NEUMANN_TEXT "\n",
		NEUMANN_TEXT NEUMANN_LINE,
		NEUMANN_TEXT "\n" NEUMANN_LINE "\n",
		NEUMANN_TEXT "\n" NEUMANN_LINE "extra\n",
		NEUMANN_TEXT "\n" NEUMANN_LINE "\xe2\x80\x94 \n",
		NEUMANN_TEXT "\n" NEUMANN_LINE "\xe2\x80\x94 name\n",
		NEUMANN_TEXT "\n" NEUMANN_LINE "\xe2\x80\x94 name AAAAAA==\n", /* a key id without a signature */
		NEUMANN_TEXT "\n" NEUMANN_LINE "\xe2\x80\x94 na+me AAAAAAAA\n",
		NEUMANN_TEXT "\n" NEUMANN_LINE "\xe2\x80\x94  AAAAAAAA\n",
		NEUMANN_TEXT "\n" NEUMANN_LINE "\xe2\x80\x94 n\xe2\x80\x83m AAAAAAAA\n",
		NEUMANN_TEXT "\n" NEUMANN_LINE "\xe2\x80\x94 name AAA AAAA\n",
		NEUMANN_TEXT "\n- PeterNeumann AAAAAAAA\n",
	};
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(NEUMANN_VKEY);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(opens(bad[i], strlen(bad[i]), verifier));
	const char whole[] = NEUMANN_TEXT "\n" NEUMANN_LINE;
	assert_true(opens(whole, strlen(whole), verifier));
	assert_false(opens(whole, strlen(whole) - 1, verifier));
	assert_false(opens(whole, strlen(whole) + 1, verifier));
}

static void bad_characters_are_not_signed_and_not_opened(void **state) {
	static const char *const bad[] = {"", "no newline", "bell\x07\n", "\xff\n", "cr\r\n", "tab\t\n"};
	static const char *const bad_names[] = {"", "a b", "a+b", "a\xc2\xa0", "a\nb", "\xff"};
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = neumann();
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(NEUMANN_VKEY);
	CLEANUP(buf_done) struct buf note = {0};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t line[4 + KEY_SIGNATURE_LONGEST] = {0xc7, 0x4f, 0x20, 0xa3};
		size_t len;
		assert_false(note_sign(bad[i], "PeterNeumann", key, &note, &err));
		assert_true(key_sign(key, bad[i], strlen(bad[i]), line + 4, &len, &err));
		CLEANUP(free_ptr) char *text = base64_encode(line, 4 + len);
		CLEANUP(free_ptr) char *forged = xasprintf("%s\n\xe2\x80\x94 PeterNeumann %s\n", bad[i], text);
		assert_false(opens(forged, strlen(forged), verifier));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_names); i++) {
		assert_false(note_sign("text\n", bad_names[i], key, &note, &err));
		assert_null(note_vkey(bad_names[i], key));
	}
	assert_int_equal(note.len, 0);
}

static void others_signatures_are_ignored_but_a_failing_one_of_ours_refuses(void **state) {
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(NEUMANN_VKEY);
	const char foreign[] =
		NEUMANN_TEXT "\n\xe2\x80\x94 PeterNeumann AAAAAAAA\n\xe2\x80\x94 other x08gowAA\n" NEUMANN_LINE;
	const char failing[] = NEUMANN_TEXT "\n" NEUMANN_LINE "\xe2\x80\x94 PeterNeumann x08gowAA\n";
	const char other_only[] = NEUMANN_TEXT "\n\xe2\x80\x94 other x08gowAA\n";
	assert_true(opens(foreign, strlen(foreign), verifier));
	assert_false(opens(failing, strlen(failing), verifier));
	assert_false(opens(other_only, strlen(other_only), verifier));
}

static void the_caps_on_bytes_and_signatures_hold(void **state) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = neumann();
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(NEUMANN_VKEY);
	CLEANUP(buf_done) struct buf many = {0};
	buf_adds(&many, NEUMANN_TEXT "\n" NEUMANN_LINE);
	for (size_t i = 1; i < NOTE_SIGNATURES_MOST; i++)
		buf_addf(&many, "\xe2\x80\x94 other%zu AAAAAAAA\n", i);
	assert_true(opens(many.data, many.len, verifier));
	buf_adds(&many, "\xe2\x80\x94 other AAAAAAAA\n");
	assert_false(opens(many.data, many.len, verifier));

	const size_t frame = strlen("\n" NEUMANN_LINE);
	for (size_t over = 0; over < 2; over++) {
		CLEANUP(buf_done) struct buf text = {0}, note = {0};
		while (text.len < NOTE_LARGEST - frame - 1 + over)
			buf_adds(&text, "x");
		buf_adds(&text, "\n");
		assert_true(note_sign(buf_str(&text), "PeterNeumann", key, &note, &err));
		assert_int_equal(note.len, NOTE_LARGEST + over);
		assert_int_equal(opens(note.data, note.len, verifier), over == 0);
	}
}

static void bad_verifier_keys_are_refused(void **state) {
	static const char *const bad[] = {
		"",
		"name",
		"name+c74f20a3",
		"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", /* another id */
		"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", /* another name */
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAAAA",
		"PeterNeumann+c74f20a3+",
		"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		WITNESS_VKEY, /* type 0x04 */
	};
	struct note_verifier *verifier = NULL;
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(note_verifier_read(bad[i], &verifier, &err));
		assert_string_equal(err.where, "vkey");
	}
	assert_null(verifier);
	CLEANUP(key_free_p) EVP_PKEY *p256 = NULL;
	assert_true(key_make_p256(&p256, &err));
	assert_null(note_vkey("name", p256));
}

static void checkpoint_opens_from_the_worked_example(void **state) {
	struct err err;
	CLEANUP(buf_done) struct buf note = {0}, text = {0};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(LOG_VKEY);
	assert_true(file_read(TESTS_DIR "/vectors/worked/checkpoint", NOTE_LARGEST, &note, &err));
	assert_true(checkpoint_open(note.data, note.len, verifier, &checkpoint, &err));
	assert_string_equal(checkpoint.origin, "collector.example/evidence");
	assert_int_equal(checkpoint.size, 3);
	char hex[HASH_HEX];
	assert_string_equal(hash_hex(&checkpoint.root, hex),
			    "98d9d641f7e31175d84c745ad71297b60f90f154e9f2e15faacbcdfac34b4d79");
	checkpoint_write(&checkpoint, &text);
	assert_memory_equal(text.data, note.data, text.len);
}

#define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static void checkpoints_that_break_the_format_are_refused(void **state) {
	static const char *const bad[] = {
		"",
		"o\n",
		"o\n0\n",
		"o\n0\n" ROOT,
		"\n0\n" ROOT "\n",
		"o o\n0\n" ROOT "\n",
		"o+o\n0\n" ROOT "\n",
		"o\n00\n" ROOT "\n",
		"o\n01\n" ROOT "\n",
		"o\n-1\n" ROOT "\n",
		"o\n+1\n" ROOT "\n",
		"o\n1 \n" ROOT "\n",
		"o\n\n" ROOT "\n",
		"o\n9223372036854775808\n" ROOT "\n",
		"o\n0\n47DEQpj8HBSa+_TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
		"o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n",
		"o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==\n",
		"o\n0\n" ROOT "\n\n",
		"o\n0\n" ROOT "\nextension",
	};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(checkpoint_read(bad[i], strlen(bad[i]), &checkpoint, &err));
	assert_null(checkpoint.origin);
	const char good[] = "o\n9223372036854775807\n" ROOT "\nextension\nanother\n";
	assert_true(checkpoint_read(good, strlen(good), &checkpoint, &err));
	assert_true(checkpoint.size == INT64_MAX);
}

static void checkpoint_of_another_origin_is_refused_though_signed(void **state) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = neumann();
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = verifier_of(NEUMANN_VKEY);
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	CLEANUP(buf_done) struct buf ours = {0}, others = {0};
	assert_true(note_sign("PeterNeumann\n0\n" ROOT "\n", "PeterNeumann", key, &ours, &err));
	assert_true(note_sign("another\n0\n" ROOT "\n", "PeterNeumann", key, &others, &err));
	assert_false(checkpoint_open(others.data, others.len, verifier, &checkpoint, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_true(checkpoint_open(ours.data, ours.len, verifier, &checkpoint, &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_standard_opens),
		cmocka_unit_test(signing_makes_the_bytes_of_the_second_vector),
		cmocka_unit_test(one_changed_bit_anywhere_never_yields_another_text),
		cmocka_unit_test(text_and_signatures_part_at_the_last_empty_line),
		cmocka_unit_test(malformed_notes_are_refused),
		cmocka_unit_test(bad_characters_are_not_signed_and_not_opened),
		cmocka_unit_test(others_signatures_are_ignored_but_a_failing_one_of_ours_refuses),
		cmocka_unit_test(the_caps_on_bytes_and_signatures_hold),
		cmocka_unit_test(bad_verifier_keys_are_refused),
		cmocka_unit_test(checkpoint_opens_from_the_worked_example),
		cmocka_unit_test(checkpoints_that_break_the_format_are_refused),
		cmocka_unit_test(checkpoint_of_another_origin_is_refused_though_signed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

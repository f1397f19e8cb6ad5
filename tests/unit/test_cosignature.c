/* Cosignatures of witnesses: the worked example byte for byte, and what may not pass for one. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/cosignature.h"
#include "core/file.h"

#define DASH "\xe2\x80\x94 "
#define NAME "witness.example/w1"
#define VKEY NAME "+c7da326f+BPxRzY5iGKGjjaR+0AIw8FgIFu0TujMDrF3rkRVIkIAl"
#define SEED "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7" /* RFC 8032, 7.1, TEST 3 */
#define TIME 1795280400

struct world {
	struct buf note;
	struct note_parts parts;
	struct note_verifier *cosigner;
	EVP_PKEY *key;
};

static void world_done(struct world *world) {
	buf_done(&world->note);
	note_verifier_free(world->cosigner);
	EVP_PKEY_free(world->key);
}

static void world_open(struct world *world) {
	struct hash seed;
	struct err err;
	assert_true(hash_from_hex(SEED, &seed));
	assert_true(key_from_seed(seed.bytes, &world->key, &err));
	assert_true(note_cosigner_read(VKEY, &world->cosigner, &err));
	assert_true(file_read(TESTS_DIR "/vectors/worked/checkpoint", NOTE_LARGEST, &world->note, &err));
	assert_true(note_split(world->note.data, world->note.len, &world->parts, &err));
}

/* The outcome over the worked checkpoint's text with these lines. */
static bool find(const struct world *world, const char *lines, struct cosignature *found, struct err *err) {
	struct note_parts parts = world->parts;
	parts.lines = lines;
	parts.lines_len = strlen(lines);
	return cosignature_find(&parts, world->cosigner, found, err);
}

static void the_worked_example_is_verified_and_made_again_byte_for_byte(void **state) {
	CLEANUP(world_done) struct world world = {0};
	CLEANUP(buf_done) struct buf line = {0};
	struct cosignature found;
	struct err err;
	world_open(&world);
	assert_true(cosignature_find(&world.parts, world.cosigner, &found, &err));
	assert_true(found.is_there);
	assert_int_equal(found.time, TIME);
	assert_true(cosignature_sign(world.parts.text, world.parts.text_len, NAME, world.key, TIME, &line, &err));
	assert_int_equal(line.len, found.line_len);
	assert_memory_equal(line.data, found.line, line.len);
	CLEANUP(free_ptr) char *vkey = note_cosigner_vkey(NAME, world.key);
	assert_string_equal(vkey, VKEY);
}

static void a_witness_that_did_not_sign_is_not_there(void **state) {
	CLEANUP(world_done) struct world world = {0};
	struct cosignature found;
	struct err err;
	world_open(&world);
	assert_true(find(&world, "", &found, &err));
	assert_false(found.is_there);
	assert_true(find(&world, DASH "witness.example/w2 x9oybwAAAABrAc4Q\n", &found, &err)); /* another name */
	assert_false(found.is_there);
	assert_true(find(&world, DASH NAME " AAAAAAAAAABrAc4Q\n", &found, &err)); /* another key id */
	assert_false(found.is_there);
}

/* One byte of key id || time || signature changed: only the id makes it somebody else's. */
static void every_changed_bit_of_a_cosignature_is_refused(void **state) {
	CLEANUP(world_done) struct world world = {0};
	CLEANUP(buf_done) struct buf line = {0}, bytes = {0};
	struct cosignature found;
	struct err err;
	world_open(&world);
	assert_true(cosignature_sign(world.parts.text, world.parts.text_len, NAME, world.key, TIME, &line, &err));
	const char *encoded = line.data + strlen(DASH NAME " ");
	assert_true(base64_decode(encoded, strlen(encoded) - 1, "", &bytes, &err));
	assert_int_equal(bytes.len, 76);
	for (size_t at = 0; at < bytes.len; at++) {
		bytes.data[at] ^= 1;
		CLEANUP(free_ptr) char *text = base64_encode(bytes.data, bytes.len);
		CLEANUP(free_ptr) char *changed = xasprintf(DASH NAME " %s\n", text);
		bytes.data[at] ^= 1;
		const bool is_others = at < 4;
		assert_int_equal(find(&world, changed, &found, &err), is_others);
		if (is_others)
			assert_false(found.is_there);
		else
			assert_string_equal(err.where, NAME);
	}
}

static void a_good_line_does_not_cover_a_bad_one(void **state) {
	CLEANUP(world_done) struct world world = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	struct cosignature found;
	struct err err;
	world_open(&world);
	assert_true(cosignature_sign(world.parts.text, world.parts.text_len, NAME, world.key, TIME, &lines, &err));
	assert_true(cosignature_sign("another\n", 8, NAME, world.key, TIME, &lines, &err));
	assert_false(find(&world, buf_str(&lines), &found, &err));
	assert_string_equal(err.why, "the cosignature does not hold");
}

/* A log's plain signature by the same key says nothing of a time. */
static void a_signature_without_a_time_is_refused(void **state) {
	CLEANUP(world_done) struct world world = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	uint8_t bytes[KEY_SIGNATURE_LONGEST + 8] = {0};
	struct cosignature found;
	struct err err;
	size_t len;
	world_open(&world);
	assert_true(key_sign(world.key, world.parts.text, world.parts.text_len, bytes, &len, &err));
	assert_true(note_line_add(NAME, NOTE_COSIGNER, world.key, bytes, len, &lines, &err));
	assert_false(find(&world, buf_str(&lines), &found, &err));
	buf_done(&lines);
	assert_true(note_line_add(NAME, NOTE_COSIGNER, world.key, bytes, len + 9, &lines, &err));
	assert_false(find(&world, buf_str(&lines), &found, &err));
}

static void a_time_of_zero_or_behind_the_end_of_time_is_refused(void **state) {
	static const uint64_t times[] = {0, (uint64_t)INT64_MAX + 1, UINT64_MAX};
	CLEANUP(world_done) struct world world = {0};
	struct cosignature found;
	struct err err;
	world_open(&world);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		CLEANUP(buf_done) struct buf message = {0}, lines = {0};
		uint8_t bytes[8 + KEY_SIGNATURE_LONGEST];
		size_t len;
		buf_addf(&message, "cosignature/v1\ntime %llu\n", (unsigned long long)times[i]);
		buf_add(&message, world.parts.text, world.parts.text_len);
		for (size_t j = 0; j < 8; j++)
			bytes[j] = (uint8_t)(times[i] >> (56 - 8 * j));
		assert_true(key_sign(world.key, message.data, message.len, bytes + 8, &len, &err));
		assert_true(note_line_add(NAME, NOTE_COSIGNER, world.key, bytes, 8 + len, &lines, &err));
		assert_false(find(&world, buf_str(&lines), &found, &err));
		assert_string_equal(err.why, "the cosignature's time is none");
	}
	CLEANUP(buf_done) struct buf lines = {0};
	assert_false(cosignature_sign("text\n", 5, NAME, world.key, 0, &lines, &err));
	assert_false(cosignature_sign("text\n", 5, NAME, world.key, -1, &lines, &err));
}

static void of_several_the_earliest_counts(void **state) {
	static const int64_t times[] = {TIME, TIME - 5, TIME + 5};
	CLEANUP(world_done) struct world world = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	struct cosignature found;
	struct err err;
	world_open(&world);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		assert_true(cosignature_sign(world.parts.text, world.parts.text_len, NAME, world.key, times[i], &lines,
					     &err));
	assert_true(find(&world, buf_str(&lines), &found, &err));
	assert_int_equal(found.time, TIME - 5);
	assert_ptr_equal(found.line, lines.data + lines.len / 3);
}

static void a_key_of_a_log_is_no_witness_and_the_other_way_round(void **state) {
	CLEANUP(world_done) struct world world = {0};
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(note_verifier_free_p) struct note_verifier *log = NULL;
	struct note_verifier *none = NULL;
	struct cosignature found;
	struct err err;
	world_open(&world);
	CLEANUP(free_ptr) char *vkey = note_vkey(NAME, world.key);
	assert_true(note_verifier_read(vkey, &log, &err));
	assert_false(note_cosigner_read(vkey, &none, &err));
	assert_false(note_verifier_read(VKEY, &none, &err));
	assert_false(cosignature_find(&world.parts, log, &found, &err));
	assert_false(note_open(world.note.data, world.note.len, world.cosigner, &text, &err));
	assert_null(none);
}

static void a_malformed_line_and_one_over_the_cap_refuse_the_note(void **state) {
	CLEANUP(world_done) struct world world = {0};
	CLEANUP(buf_done) struct buf lines = {0};
	struct cosignature found;
	struct err err;
	world_open(&world);
	assert_false(find(&world, DASH NAME "\n", &found, &err));
	assert_false(find(&world, DASH NAME " x9oybwAAAABrAc4Q", &found, &err));
	assert_true(cosignature_sign(world.parts.text, world.parts.text_len, NAME, world.key, TIME, &lines, &err));
	for (size_t i = 1; i < NOTE_SIGNATURES_MOST; i++)
		buf_addf(&lines, DASH "other%zu AAAAAAAA\n", i);
	assert_true(find(&world, buf_str(&lines), &found, &err));
	buf_adds(&lines, DASH "other AAAAAAAA\n");
	assert_false(find(&world, buf_str(&lines), &found, &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worked_example_is_verified_and_made_again_byte_for_byte),
		cmocka_unit_test(a_witness_that_did_not_sign_is_not_there),
		cmocka_unit_test(every_changed_bit_of_a_cosignature_is_refused),
		cmocka_unit_test(a_good_line_does_not_cover_a_bad_one),
		cmocka_unit_test(a_signature_without_a_time_is_refused),
		cmocka_unit_test(a_time_of_zero_or_behind_the_end_of_time_is_refused),
		cmocka_unit_test(of_several_the_earliest_counts),
		cmocka_unit_test(a_key_of_a_log_is_no_witness_and_the_other_way_round),
		cmocka_unit_test(a_malformed_line_and_one_over_the_cap_refuse_the_note),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

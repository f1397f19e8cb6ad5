/* The witness: what it cosigns, each reason for which it does not, and that it never forgets. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/add_checkpoint.h"
#include "core/base64.h"
#include "tests/unit/scratch.h"
#include "witness/witness.h"

#define ORIGIN "log.example/a"
#define NAME "witness.example/w"
#define NOW 1795280400
#define LEAVES 20

struct world {
	char *folder;
	EVP_PKEY *log_key, *witness_key, *other_key;
	char *vkey; /* of the log */
	struct witness *witness;
	struct witness_answer answer; /* the last */
	bool is_forked;               /* leaf 3 is another */
};

static EVP_PKEY *key_of(uint8_t number) {
	const uint8_t seed[32] = {number};
	EVP_PKEY *key = NULL;
	struct err err;
	assert_true(key_from_seed(seed, &key, &err));
	return key;
}

static bool try_start(struct world *world, struct err *err) {
	const char *const logs[] = {world->vkey};
	const struct witness_settings settings = {world->folder, NAME, world->witness_key, logs, 1};
	return witness_open(&settings, &world->witness, err);
}

static void start(struct world *world) {
	struct err err;
	if (!try_start(world, &err))
		fail_msg("%s: %s", err.where, err.why);
}

static void end(struct world *world) {
	witness_free(world->witness);
	world->witness = NULL;
}

static void world_open(struct world *world) {
	*world = (struct world){
		.folder = scratch_new(), .log_key = key_of(1), .witness_key = key_of(2), .other_key = key_of(3)};
	world->vkey = note_vkey(ORIGIN, world->log_key);
	start(world);
}

static void world_done(struct world *world) {
	end(world);
	witness_answer_done(&world->answer);
	EVP_PKEY_free(world->log_key);
	EVP_PKEY_free(world->witness_key);
	EVP_PKEY_free(world->other_key);
	free(world->vkey);
	scratch_free(&world->folder);
}

/* --- a log ------------------------------------------------------------------------------------------------------- */

static bool get(void *context, unsigned level, uint64_t index, struct hash *ret_hash, struct err *err) {
	const struct world *world = context;
	struct hash leaves[LEAVES + 12];
	for (uint64_t i = 0; i < UINT64_C(1) << level; i++) {
		const uint64_t leaf = (index << level) + i;
		const uint8_t bytes[2] = {(uint8_t)leaf, world->is_forked && leaf == 3};
		leaves[i] = merkle_leaf(bytes, sizeof bytes);
	}
	*ret_hash = merkle_root(leaves, (size_t)1 << level);
	return true;
}

static struct checkpoint checkpoint_of(struct world *world, uint64_t size) {
	struct checkpoint checkpoint = {(char *)ORIGIN, size, {{0}}};
	struct err err;
	assert_true(merkle_root_from(size, get, world, &checkpoint.root, &err));
	return checkpoint;
}

/* A request as an honest log of this size would make it. */
static struct add_checkpoint request_of(struct world *world, uint64_t old, uint64_t size) {
	struct add_checkpoint request = {.old = old};
	struct hash path[MERKLE_PATH_LONGEST];
	struct err err;
	if (old == 0 || old > size)
		return request;
	assert_true(merkle_consistency(old, size, get, world, path, &request.proof_len, &err));
	memcpy(request.proof, path, request.proof_len * sizeof *path);
	return request;
}

static void note_of(const struct checkpoint *checkpoint, const char *name, EVP_PKEY *key, struct buf *note) {
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	checkpoint_write(checkpoint, &text);
	assert_true(note_sign(buf_str(&text), name, key, note, &err));
}

static int send(struct world *world, struct add_checkpoint *request, const struct buf *note, int64_t now) {
	CLEANUP(buf_done) struct buf body = {0};
	request->note = note->data;
	request->note_len = note->len;
	add_checkpoint_write(request, &body);
	witness_answer_done(&world->answer);
	witness_add(world->witness, body.data, body.len, now, &world->answer);
	return world->answer.status;
}

static int ask_at(struct world *world, uint64_t old, uint64_t size, int64_t now) {
	const struct checkpoint checkpoint = checkpoint_of(world, size);
	struct add_checkpoint request = request_of(world, old, size);
	CLEANUP(buf_done) struct buf note = {0};
	note_of(&checkpoint, ORIGIN, world->log_key, &note);
	return send(world, &request, &note, now);
}

static int ask(struct world *world, uint64_t old, uint64_t size) { return ask_at(world, old, size, NOW); }

static bool remembers(struct world *world, uint64_t size) {
	CLEANUP(witness_answer_done) struct witness_answer answer = {0};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	CLEANUP(note_verifier_free_p) struct note_verifier *log = NULL;
	const struct hash hash = hash_of(ORIGIN, strlen(ORIGIN));
	char hex[HASH_HEX];
	struct err err;
	assert_true(note_verifier_read(world->vkey, &log, &err));
	witness_show(world->witness, hash_hex(&hash, hex), &answer);
	if (answer.status == 404)
		return size == 0;
	assert_int_equal(answer.status, 200);
	assert_true(checkpoint_open(answer.body.data, answer.body.len, log, &checkpoint, &err));
	return checkpoint.size == size;
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void a_log_that_grows_is_cosigned_and_remembered(void **state) {
	CLEANUP(world_done) struct world world;
	CLEANUP(note_verifier_free_p) struct note_verifier *cosigner = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	struct cosignature found;
	struct err err;
	world_open(&world);
	assert_true(note_cosigner_read(witness_vkey(world.witness), &cosigner, &err));
	assert_true(remembers(&world, 0));
	static const uint64_t sizes[] = {0, 0, 1, 5, 5, 8, 19};
	for (size_t i = 1; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(ask_at(&world, sizes[i - 1], sizes[i], NOW + (int64_t)i), 200);
		const struct checkpoint checkpoint = checkpoint_of(&world, sizes[i]);
		buf_done(&text);
		checkpoint_write(&checkpoint, &text);
		const struct note_parts parts = {text.data, text.len, world.answer.body.data, world.answer.body.len};
		assert_true(cosignature_find(&parts, cosigner, &found, &err));
		assert_int_equal(found.time, NOW + (int64_t)i);
		assert_true(remembers(&world, sizes[i]));
		end(&world);
		start(&world);
	}
}

static void a_wrong_old_size_is_409_with_the_right_one(void **state) {
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(ask(&world, 1, 5), 409);
	assert_string_equal(buf_str(&world.answer.body), "0\n");
	assert_int_equal(ask(&world, 0, 5), 200);
	static const uint64_t wrong[][2] = {{0, 8}, {4, 8}, {6, 8}, {0, 5}, {0, 0}, {3, 4}};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(ask(&world, wrong[i][0], wrong[i][1]), 409);
		assert_string_equal(buf_str(&world.answer.body), "5\n");
		assert_string_equal(world.answer.type, "text/x.tlog.size");
	}
	assert_true(remembers(&world, 5));
}

static void an_old_size_above_the_new_one_is_400(void **state) {
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(ask(&world, 0, 5), 200);
	assert_int_equal(ask(&world, 5, 4), 400);
	assert_int_equal(ask(&world, 6, 5), 400);
	assert_true(remembers(&world, 5));
}

static void a_log_that_forked_is_422_whatever_its_size(void **state) {
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(ask(&world, 0, 5), 200);
	world.is_forked = true;
	assert_int_equal(ask(&world, 5, 5), 422);
	assert_non_null(strstr(world.answer.event, "forked"));
	for (uint64_t size = 6; size <= LEAVES; size++)
		assert_int_equal(ask(&world, 5, size), 422);
	world.is_forked = false;
	assert_true(remembers(&world, 5));
	assert_int_equal(ask(&world, 5, 6), 200);
}

static void a_proof_with_one_thing_changed_is_422(void **state) {
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(ask(&world, 0, 5), 200);
	const struct checkpoint checkpoint = checkpoint_of(&world, 19);
	const struct add_checkpoint good = request_of(&world, 5, 19);
	CLEANUP(buf_done) struct buf note = {0};
	note_of(&checkpoint, ORIGIN, world.log_key, &note);
	for (size_t i = 0; i < good.proof_len; i++) {
		struct add_checkpoint bad = good;
		bad.proof[i].bytes[31] ^= 1;
		assert_int_equal(send(&world, &bad, &note, NOW), 422);
	}
	struct add_checkpoint shorter = good, longer = good, none = {.old = 5};
	shorter.proof_len--;
	longer.proof_len++;
	assert_int_equal(send(&world, &shorter, &note, NOW), 422);
	assert_int_equal(send(&world, &longer, &note, NOW), 422);
	assert_int_equal(send(&world, &none, &note, NOW), 422);
	assert_true(remembers(&world, 5));
}

static void a_proof_from_nothing_and_a_false_empty_root_are_422(void **state) {
	CLEANUP(world_done) struct world world;
	world_open(&world);
	struct checkpoint checkpoint = checkpoint_of(&world, 5);
	struct add_checkpoint with_proof = {.proof_len = 1}, without = {0};
	CLEANUP(buf_done) struct buf note = {0}, empty = {0};
	note_of(&checkpoint, ORIGIN, world.log_key, &note);
	assert_int_equal(send(&world, &with_proof, &note, NOW), 422);
	checkpoint.size = 0;
	note_of(&checkpoint, ORIGIN, world.log_key, &empty);
	assert_int_equal(send(&world, &without, &empty, NOW), 422);
	assert_true(remembers(&world, 0));
}

static void who_is_not_the_log_is_404_or_403(void **state) {
	CLEANUP(world_done) struct world world;
	struct add_checkpoint request = {0};
	struct err err;
	world_open(&world);
	struct checkpoint checkpoint = checkpoint_of(&world, 5);
	CLEANUP(buf_done) struct buf others = {0}, forged = {0}, failing = {0}, both = {0}, text = {0}, unknown = {0};
	note_of(&checkpoint, ORIGIN, world.other_key, &others); /* the name, another key */
	assert_int_equal(send(&world, &request, &others, NOW), 403);
	note_of(&checkpoint, ORIGIN, world.log_key, &forged);
	forged.data[strlen(ORIGIN) + 1] = '6'; /* the size */
	assert_int_equal(send(&world, &request, &forged, NOW), 403);
	/* One good line does not cover one that fails. */
	note_of(&checkpoint, ORIGIN, world.log_key, &failing);
	assert_true(note_line_add(ORIGIN, NOTE_LOG, world.log_key, "x", 1, &failing, &err));
	assert_int_equal(send(&world, &request, &failing, NOW), 403);
	/* A stranger's line beside a good one is passed over, and not kept. */
	note_of(&checkpoint, ORIGIN, world.log_key, &both);
	assert_true(note_line_add("stranger", NOTE_LOG, world.other_key, "x", 1, &both, &err));
	checkpoint.origin = (char *)"log.example/b";
	note_of(&checkpoint, "log.example/b", world.log_key, &unknown);
	assert_int_equal(send(&world, &request, &unknown, NOW), 404);
	assert_true(remembers(&world, 0));
	assert_int_equal(send(&world, &request, &both, NOW), 200);
	CLEANUP(witness_answer_done) struct witness_answer shown = {0};
	const struct hash hash = hash_of(ORIGIN, strlen(ORIGIN));
	char hex[HASH_HEX];
	witness_show(world.witness, hash_hex(&hash, hex), &shown);
	assert_null(strstr(buf_str(&shown.body), "stranger"));
	witness_answer_done(&shown);
	witness_show(world.witness, "0000000000000000000000000000000000000000000000000000000000000000", &shown);
	assert_int_equal(shown.status, 404);
}

static void what_is_no_request_is_400(void **state) {
	static const char *const heads[] = {"",
					    "\n",
					    "old\n\n",
					    "old  0\n\n",
					    "old 00\n\n",
					    "old -1\n\n",
					    "Old 0\n\n",
					    "old 0\r\n\r\n",
					    "old 0 \n\n",
					    "old 9223372036854775808\n\n",
					    "old 0\nAAAA\n\n",
					    "old 0\n \n",
					    "old 0\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=\n\n",
					    "old 0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n\n",
					    "size 0\n\n"};
	CLEANUP(world_done) struct world world;
	world_open(&world);
	const struct checkpoint checkpoint = checkpoint_of(&world, 5);
	CLEANUP(buf_done) struct buf note = {0};
	note_of(&checkpoint, ORIGIN, world.log_key, &note);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		CLEANUP(free_ptr) char *body = xasprintf("%s%s", heads[i], note.data);
		witness_answer_done(&world.answer);
		witness_add(world.witness, body, strlen(body), NOW, &world.answer);
		if (world.answer.status != 400)
			fail_msg("\"%s\" is answered with %d", heads[i], world.answer.status);
	}
	/* A checkpoint that is none, or cut off. */
	CLEANUP(free_ptr) char *whole = xasprintf("old 0\n\n%s", note.data);
	for (size_t len = 0; len < strlen(whole); len++) {
		witness_answer_done(&world.answer);
		witness_add(world.witness, whole, len, NOW, &world.answer);
		assert_true(world.answer.status == 400 || world.answer.status == 403);
	}
	assert_true(remembers(&world, 0));
}

static void the_caps_on_lines_of_proof_and_on_bytes_hold(void **state) {
	struct add_checkpoint request = {.proof_len = ADD_CHECKPOINT_PROOF_MOST}, read;
	CLEANUP(buf_done) struct buf body = {0}, more = {0}, large = {0};
	struct err err;
	add_checkpoint_write(&request, &body);
	assert_true(add_checkpoint_read(body.data, body.len, &read, &err));
	assert_int_equal(read.proof_len, ADD_CHECKPOINT_PROOF_MOST);
	CLEANUP(free_ptr) char *hash = base64_encode(request.proof[0].bytes, HASH_LEN);
	buf_addf(&more, "%.*s%s\n\n", (int)body.len - 1, body.data, hash);
	assert_false(add_checkpoint_read(more.data, more.len, &read, &err));
	assert_non_null(strstr(err.why, "63"));
	buf_adds(&large, "old 0\n\n");
	while (large.len < ADD_CHECKPOINT_LARGEST)
		buf_adds(&large, "x");
	assert_true(add_checkpoint_read(large.data, large.len, &read, &err));
	buf_adds(&large, "x");
	assert_false(add_checkpoint_read(large.data, large.len, &read, &err));
}

/* A memory that cannot be believed is never taken for none. */
static void a_damaged_memory_refuses_everything(void **state) {
	CLEANUP(world_done) struct world world;
	const struct hash hash = hash_of(ORIGIN, strlen(ORIGIN));
	char hex[HASH_HEX];
	struct err err;
	world_open(&world);
	assert_int_equal(ask(&world, 0, 5), 200);
	CLEANUP(free_ptr) char *path = file_join(world.folder, hash_hex(&hash, hex));
	CLEANUP(buf_done) struct buf kept = {0};
	assert_true(file_read(path, NOTE_LARGEST, &kept, &err));
	for (size_t at = 0; at <= kept.len; at++) {
		CLEANUP(buf_done) struct buf changed = {0};
		buf_add(&changed, kept.data, kept.len);
		if (at == kept.len)
			changed.len = 0; /* empty */
		else
			changed.data[at] ^= 1;
		assert_true(file_write(path, changed.data, changed.len, 0644, &err));
		const int status = ask(&world, 0, 8);
		const size_t log_line = (size_t)(strstr(buf_str(&kept), "\n\n") + 2 - kept.data);
		const size_t own_line = (size_t)(strstr(kept.data + log_line, "\n") + 1 - kept.data);
		/* The log's line may change into somebody else's: it was checked before it was cosigned. */
		if (at >= log_line && at < own_line && status == 409)
			assert_string_equal(buf_str(&world.answer.body), "5\n");
		else
			assert_int_equal(status, 500);
	}
	/* One that cannot be read whole. */
	CLEANUP(buf_done) struct buf large = {0};
	while (large.len <= NOTE_LARGEST)
		buf_adds(&large, "x");
	assert_true(file_write(path, large.data, large.len, 0644, &err));
	assert_int_equal(ask(&world, 0, 8), 500);
	end(&world);
	assert_true(file_write(path, "", 0, 0644, &err));
	assert_false(try_start(&world, &err));
	assert_true(file_write(path, kept.data, kept.len, 0644, &err));
	start(&world);
	assert_int_equal(ask(&world, 5, 8), 200);
}

static void nothing_is_cosigned_that_cannot_be_kept(void **state) {
	CLEANUP(world_done) struct world world;
	const struct hash hash = hash_of(ORIGIN, strlen(ORIGIN));
	char hex[HASH_HEX];
	world_open(&world);
	/* A folder where the file would be renamed to. */
	CLEANUP(free_ptr) char *moved = xasprintf("%s-moved", world.folder);
	assert_int_equal(rename(world.folder, moved), 0);
	assert_int_equal(ask(&world, 0, 5), 500);
	assert_null(strstr(buf_str(&world.answer.body), NAME));
	assert_int_equal(rename(moved, world.folder), 0);
	CLEANUP(free_ptr) char *path = file_join(world.folder, hash_hex(&hash, hex));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(ask(&world, 0, 5), 500);
	assert_null(strstr(buf_str(&world.answer.body), NAME));
}

static void a_clock_that_was_set_back_cosigns_nothing(void **state) {
	CLEANUP(world_done) struct world world;
	world_open(&world);
	assert_int_equal(ask_at(&world, 0, 5, NOW), 200);
	assert_int_equal(ask_at(&world, 5, 8, NOW - 1), 500);
	assert_true(remembers(&world, 5));
	assert_int_equal(ask_at(&world, 5, 8, NOW), 200);
}

static void one_process_at_a_time_has_the_memory(void **state) {
	CLEANUP(world_done) struct world world;
	struct err err;
	world_open(&world);
	struct witness *first = world.witness;
	assert_false(try_start(&world, &err));
	assert_non_null(strstr(err.why, "another witness"));
	world.witness = first;
}

static void a_witness_with_another_name_or_key_is_not_the_one_that_remembers(void **state) {
	CLEANUP(world_done) struct world world;
	struct err err;
	world_open(&world);
	assert_int_equal(ask(&world, 0, 5), 200);
	end(&world);
	EVP_PKEY *own = world.witness_key;
	world.witness_key = world.other_key;
	assert_false(try_start(&world, &err));
	assert_non_null(strstr(err.why, "this witness"));
	world.witness_key = own;
	start(&world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_that_grows_is_cosigned_and_remembered),
		cmocka_unit_test(a_wrong_old_size_is_409_with_the_right_one),
		cmocka_unit_test(an_old_size_above_the_new_one_is_400),
		cmocka_unit_test(a_log_that_forked_is_422_whatever_its_size),
		cmocka_unit_test(a_proof_with_one_thing_changed_is_422),
		cmocka_unit_test(a_proof_from_nothing_and_a_false_empty_root_are_422),
		cmocka_unit_test(who_is_not_the_log_is_404_or_403),
		cmocka_unit_test(what_is_no_request_is_400),
		cmocka_unit_test(the_caps_on_lines_of_proof_and_on_bytes_hold),
		cmocka_unit_test(a_damaged_memory_refuses_everything),
		cmocka_unit_test(nothing_is_cosigned_that_cannot_be_kept),
		cmocka_unit_test(a_clock_that_was_set_back_cosigns_nothing),
		cmocka_unit_test(one_process_at_a_time_has_the_memory),
		cmocka_unit_test(a_witness_with_another_name_or_key_is_not_the_one_that_remembers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

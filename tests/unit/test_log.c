/* The log on disk: tiles, proofs, checkpoints; and that it refuses to go on from what does not agree. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/tile.h"

#include "collector_kit.h"

struct logbook {
	char folder[32];
	EVP_PKEY *key;
	struct log *log;
};

static char *path_in(const struct logbook *book, const char *name) { return file_join(book->folder, name); }

static bool reopen(struct logbook *book, struct err *err) {
	CLEANUP(free_ptr) char *folder = path_in(book, "log");
	log_free(book->log);
	book->log = NULL;
	return log_open(folder, KIT_ORIGIN, book->key, &book->log, err);
}

static void make(struct logbook *book) {
	struct err err = {0};
	*book = (struct logbook){.folder = "/tmp/vouch-log-XXXXXX"};
	assert_non_null(mkdtemp(book->folder));
	CLEANUP(free_ptr) char *folder = path_in(book, "log");
	must(key_make_ed25519(&book->key, &err));
	must(log_create(folder, KIT_ORIGIN, book->key, &err));
	must(reopen(book, &err));
}

static void done(struct logbook *book) {
	log_free(book->log);
	EVP_PKEY_free(book->key);
	nftw(book->folder, kit_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* count entries "entry N", in one batch. */
static bool append(struct logbook *book, size_t count, struct err *err) {
	uint64_t first;
	const uint64_t begin = log_size(book->log);
	struct log_entry *entries = xcalloc(count, sizeof *entries);
	for (size_t i = 0; i < count; i++) {
		entries[i].data = xasprintf("entry %llu", (unsigned long long)(begin + i));
		entries[i].len = strlen(entries[i].data);
	}
	bool is_done = log_append(book->log, entries, count, &first, err);
	for (size_t i = 0; i < count; i++)
		free((char *)entries[i].data);
	free(entries);
	if (is_done)
		assert_int_equal(first, begin);
	return is_done;
}

static void assert_proved(struct logbook *book, uint64_t index) {
	struct err err = {0};
	struct proof proof;
	CLEANUP(free_ptr) char *entry = xasprintf("entry %llu", (unsigned long long)index);
	must(log_prove(book->log, index, &proof, &err));
	must(proof_verify(&proof, entry, strlen(entry), log_verifier(book->log), NULL, &err));
	proof_done(&proof);
}

static void every_entry_is_proved_whatever_the_batches_were(void **state) {
	static const size_t batches[] = {1, 1, 3, 250, 1, 1, 300, 255, 1, 700};
	struct logbook book;
	struct err err = {0};
	make(&book);
	for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
		must(append(&book, batches[i], &err));
		assert_proved(&book, 0);
		assert_proved(&book, log_size(book.log) - 1);
		assert_proved(&book, log_size(book.log) / 2);
		must(reopen(&book, &err));
		assert_proved(&book, log_size(book.log) / 3);
	}
	for (uint64_t index = 0; index < log_size(book.log); index += 13)
		assert_proved(&book, index);
	done(&book);
}

/* The tree computed the plain way, from all leaves. */
static void the_checkpoint_is_the_root_over_all_entries(void **state) {
	struct logbook book;
	struct err err = {0};
	struct hash leaves[600];
	make(&book);
	must(append(&book, 257, &err));
	must(append(&book, 343, &err));
	for (size_t i = 0; i < 600; i++) {
		CLEANUP(free_ptr) char *entry = xasprintf("entry %zu", i);
		leaves[i] = merkle_leaf(entry, strlen(entry));
	}
	struct hash root = merkle_root(leaves, 600);
	assert_true(hash_equal(&root, &log_checkpoint(book.log)->root));
	done(&book);
}

static bool is_there(const struct logbook *book, const char *name) {
	CLEANUP(free_ptr) char *path = path_in(book, name);
	return access(path, F_OK) == 0;
}

static void partial_tiles_go_when_the_full_one_is_signed(void **state) {
	struct logbook book;
	struct err err = {0};
	make(&book);
	must(append(&book, 100, &err));
	must(append(&book, 100, &err));
	assert_true(is_there(&book, "log/tile/0/000.p/100"));
	assert_true(is_there(&book, "log/tile/entries/000.p/200"));
	must(append(&book, 100, &err));
	assert_true(is_there(&book, "log/tile/0/000"));
	assert_true(is_there(&book, "log/tile/entries/000"));
	assert_true(is_there(&book, "log/tile/1/000.p/1"));
	assert_true(is_there(&book, "log/tile/0/001.p/44"));
	assert_false(is_there(&book, "log/tile/0/000.p"));
	assert_false(is_there(&book, "log/tile/entries/000.p"));
	done(&book);
}

static void only_what_the_checkpoint_covers_is_handed_out(void **state) {
	static const char *const none[] = {
		"tile/0/001.p/45", "tile/0/002",         "tile/1/000", "tile/0/000.p/0",       "tile/9/000.p/1",
		"../log.key",      "tile/../checkpoint", "",           "tile/entries/002.p/1", "tile/0/x000/000",
		"tile/0/1"};
	struct logbook book;
	struct err err = {0};
	make(&book);
	must(append(&book, 300, &err));
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		CLEANUP(buf_done) struct buf bytes = {0};
		assert_false(log_file(book.log, none[i], &bytes, &err));
		assert_int_equal(err.code, ERR_ABSENT);
	}
	CLEANUP(buf_done) struct buf tile = {0};
	must(log_file(book.log, "tile/0/001.p/44", &tile, &err));
	assert_int_equal(tile.len, 44 * HASH_LEN);
	CLEANUP(buf_done) struct buf checkpoint = {0};
	must(log_file(book.log, "checkpoint", &checkpoint, &err));
	assert_non_null(strstr(checkpoint.data, "kit.example/log\n300\n"));
	done(&book);
}

/* Change one byte of a file. */
static void spoil(const struct logbook *book, const char *name, size_t at) {
	struct err err = {0};
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(free_ptr) char *path = path_in(book, name);
	must(file_read(path, 1 << 24, &bytes, &err));
	assert_true(at < bytes.len);
	bytes.data[at] ^= 1;
	must(file_write(path, bytes.data, bytes.len, 0644, &err));
}

static void a_log_whose_files_do_not_agree_is_not_opened(void **state) {
	static const struct {
		const char *file;
		size_t at;
	} spoiled[] = {
		{"log/tile/0/000", 5}, {"log/tile/0/001.p/44", 5}, {"log/tile/1/000.p/1", 5},
		{"log/checkpoint", 3}, {"log/checkpoint", 30},     {"log/tile/entries/001.p/44", 7},
	};
	struct logbook book;
	struct err err = {0};
	make(&book);
	must(append(&book, 300, &err));
	for (size_t i = 0; i < ARRAY_LEN(spoiled); i++) {
		spoil(&book, spoiled[i].file, spoiled[i].at);
		if (reopen(&book, &err))
			fail_msg("%s was changed and the log was opened", spoiled[i].file);
		spoil(&book, spoiled[i].file, spoiled[i].at);
		must(reopen(&book, &err));
	}
	CLEANUP(free_ptr) char *checkpoint = path_in(&book, "log/checkpoint");
	unlink(checkpoint);
	assert_false(reopen(&book, &err));
	done(&book);
}

/* A tile that is changed under a running log: the new tree would not continue the signed one. */
static void an_inconsistent_tree_is_never_signed(void **state) {
	struct logbook book;
	struct err err = {0};
	CLEANUP(buf_done) struct buf before = {0};
	CLEANUP(buf_done) struct buf after = {0};
	make(&book);
	must(append(&book, 300, &err));
	CLEANUP(free_ptr) char *checkpoint = path_in(&book, "log/checkpoint");
	must(file_read(checkpoint, 1 << 16, &before, &err));
	spoil(&book, "log/tile/1/000.p/1", 3);
	assert_false(append(&book, 1, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	must(file_read(checkpoint, 1 << 16, &after, &err));
	assert_string_equal(before.data, after.data);
	done(&book);
}

/* A full disk is the everyday reason; what is on disk is known then, and the log goes on when there is room again. */
static void a_checkpoint_that_cannot_be_written_leaves_the_log_as_it_was(void **state) {
	struct logbook book;
	struct err err = {0};
	make(&book);
	must(append(&book, 3, &err));
	CLEANUP(free_ptr) char *temporary = xasprintf("%s/log/.tmp-checkpoint-%d/x", book.folder, (int)getpid());
	must(file_make_folder(temporary, 0700, &err)); /* what cannot be unlinked cannot be created */
	assert_false(append(&book, 1, &err));
	rmdir(temporary);
	*strrchr(temporary, '/') = '\0';
	assert_int_equal(rmdir(temporary), 0);
	assert_int_equal(log_size(book.log), 3);
	must(append(&book, 2, &err));
	assert_int_equal(log_size(book.log), 5);
	assert_proved(&book, 4);
	must(reopen(&book, &err));
	done(&book);
}

/* A part of the log that agrees with itself, and is another log's. */
static void entries_of_another_log_do_not_open(void **state) {
	static const char *const files[] = {"log/tile/0/000.p/5", "log/tile/entries/000.p/5"};
	struct logbook book, other;
	struct err err = {0};
	uint64_t first;
	make(&book);
	make(&other);
	must(append(&book, 5, &err));
	const struct log_entry entries[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}};
	must(log_append(other.log, entries, 5, &first, &err));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(buf_done) struct buf bytes = {0};
		CLEANUP(free_ptr) char *from = path_in(&other, files[i]);
		CLEANUP(free_ptr) char *to = path_in(&book, files[i]);
		must(file_read(from, 1 << 24, &bytes, &err));
		must(file_write(to, bytes.data, bytes.len, 0644, &err));
	}
	assert_false(reopen(&book, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	done(&other);
	done(&book);
}

static void another_key_or_origin_does_not_open_it(void **state) {
	struct logbook book;
	struct err err = {0};
	struct log *log = NULL;
	make(&book);
	CLEANUP(free_ptr) char *folder = path_in(&book, "log");
	CLEANUP(key_free_p) EVP_PKEY *other = NULL;
	must(key_make_ed25519(&other, &err));
	assert_false(log_open(folder, KIT_ORIGIN, other, &log, &err));
	assert_false(log_open(folder, "other.example/log", book.key, &log, &err));
	assert_false(log_create(folder, KIT_ORIGIN, book.key, &err));
	done(&book);
}

static void an_entry_over_the_cap_is_refused_and_the_log_goes_on(void **state) {
	struct logbook book;
	struct err err = {0};
	uint64_t first;
	make(&book);
	must(append(&book, 3, &err));
	CLEANUP(free_ptr) char *large = xcalloc(TILE_ENTRY_LARGEST + 1, 1);
	const struct log_entry entries[] = {{"a", 1}, {large, TILE_ENTRY_LARGEST + 1}};
	assert_false(log_append(book.log, entries, 2, &first, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	assert_int_equal(log_size(book.log), 3);
	must(append(&book, 2, &err));
	assert_proved(&book, 4);
	done(&book);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_is_proved_whatever_the_batches_were),
		cmocka_unit_test(the_checkpoint_is_the_root_over_all_entries),
		cmocka_unit_test(partial_tiles_go_when_the_full_one_is_signed),
		cmocka_unit_test(only_what_the_checkpoint_covers_is_handed_out),
		cmocka_unit_test(a_log_whose_files_do_not_agree_is_not_opened),
		cmocka_unit_test(an_inconsistent_tree_is_never_signed),
		cmocka_unit_test(a_checkpoint_that_cannot_be_written_leaves_the_log_as_it_was),
		cmocka_unit_test(entries_of_another_log_do_not_open),
		cmocka_unit_test(another_key_or_origin_does_not_open_it),
		cmocka_unit_test(an_entry_over_the_cap_is_refused_and_the_log_goes_on),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

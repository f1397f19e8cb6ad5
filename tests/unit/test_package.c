#include "core/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/file.h>

#include <cmocka.h>

#include "core/package_files.h"
#include "core/package_write.h"
#include "scratch.h"

#define DAY 1795392000 /* 2026-11-22 */

/* --- archives as somebody else would make them -------------------------------------------------------------------- */

struct piece {
	const char *name;
	unsigned type;
	const char *link; /* where it leads to, of links */
	uint64_t size;    /* of zeros */
};

static struct archive *forge_begin(const char *path, bool is_zip, const char *filter) {
	struct archive *archive = archive_write_new();
	assert_int_equal(is_zip ? archive_write_set_format_zip(archive) : archive_write_set_format_pax(archive), 0);
	if (filter)
		assert_int_equal(archive_write_add_filter_by_name(archive, filter), 0);
	assert_int_equal(archive_write_open_filename(archive, path), 0);
	return archive;
}

static void forge_piece(struct archive *archive, const struct piece *piece) {
	static const char zeros[65536];
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_pathname(entry, piece->name);
	archive_entry_set_filetype(entry, piece->type);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (int64_t)piece->size);
	if (piece->type == AE_IFLNK)
		archive_entry_set_symlink(entry, piece->link);
	else if (piece->link)
		archive_entry_set_hardlink(entry, piece->link);
	assert_true(archive_write_header(archive, entry) >= ARCHIVE_WARN); /* it warns of such names */
	for (uint64_t left = piece->size; left > 0;) {
		const size_t some = left < sizeof zeros ? (size_t)left : sizeof zeros;
		assert_int_equal(archive_write_data(archive, zeros, some), some);
		left -= some;
	}
	archive_entry_free(entry);
}

static void forge(const char *path, bool is_zip, const char *filter, const struct piece *pieces, size_t count) {
	struct archive *archive = forge_begin(path, is_zip, filter);
	for (size_t i = 0; i < count; i++)
		forge_piece(archive, &pieces[i]);
	assert_int_equal(archive_write_close(archive), 0);
	archive_write_free(archive);
}

static void assert_refused(const char *path, enum err_code code, const char *why) {
	CLEANUP(package_free_p) struct package *package = NULL;
	struct err err;
	if (package_open(path, &package, &err))
		fail_msg("%s was opened; it should not: %s", path, why);
	if (err.code != code || !strstr(err.why, why))
		fail_msg("refused otherwise: code %d, %s", (int)err.code, err.why);
}

static void assert_piece_refused(const struct piece *piece, const char *why) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *tar = file_join(folder, "a.tar");
	forge(tar, false, NULL, piece, 1);
	assert_refused(tar, ERR_REFUSED, why);
	if (piece->type != AE_IFREG || piece->link || strchr(piece->name, '\\')) /* in a zip that is a slash */
		return;
	CLEANUP(free_ptr) char *zip = file_join(folder, "a.zip");
	forge(zip, true, NULL, piece, 1);
	assert_refused(zip, ERR_REFUSED, why);
}

/* --- a package of ours -------------------------------------------------------------------------------------------- */

static void put(struct package_writer *writer, const char *name, const char *text) {
	struct err err;
	assert_true(package_put(writer, name, text, strlen(text), &err));
}

static struct package_writer *begin(const char *path) {
	struct package_writer *writer = NULL;
	struct err err;
	if (!package_create(path, &writer, &err))
		fail_msg("%s: %s", err.where, err.why);
	return writer;
}

static void make(const char *path) {
	CLEANUP(package_writer_free_p) struct package_writer *writer = begin(path);
	CLEANUP(json_decref_p) json_t *line = json_pack("{s:i,s:s}", "b", 2, "a", "x");
	struct err err;
	put(writer, "statements.jsonl", "{\"a\":1}\n");
	put(writer, "log/anchors/00000000000000000003/checkpoint", "anchor\n");
	put(writer, "manifest.json", "{}\n");
	put(writer, "log/checkpoint", "");
	assert_true(package_put_line(writer, "statements.jsonl", line, &err));
	assert_true(package_finish(writer, DAY, &err));
}

static void assert_is_what_was_made(const char *path) {
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	if (!package_open(path, &package, &err))
		fail_msg("%s: %s", err.where, err.why);
	assert_int_equal(package_count(package), 4);
	assert_string_equal(package_at(package, 0)->name, "log/anchors/00000000000000000003/checkpoint");
	assert_string_equal(package_at(package, 3)->name, "statements.jsonl");
	assert_int_equal(package_below(package, "log/"), 0);
	assert_int_equal(package_below(package, "m"), 2);
	assert_true(package_read(package, "statements.jsonl", 100, &bytes, &err));
	assert_string_equal(bytes.data, "{\"a\":1}\n{\"a\":\"x\",\"b\":2}\n");
	const struct hash whole = hash_of(bytes.data, bytes.len);
	struct hash hash;
	assert_true(package_hash(package, "statements.jsonl", &hash, &err));
	assert_true(hash_equal(&hash, &whole));
	buf_done(&bytes);
	assert_true(package_read(package, "log/checkpoint", 0, &bytes, &err));
	assert_int_equal(bytes.len, 0);
	assert_false(package_read(package, "statements.jsonl", 10, &bytes, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	assert_false(package_read(package, "log", 10, &bytes, &err));
	assert_int_equal(err.code, ERR_ABSENT);
}

static void what_is_written_is_read_in_every_form(void **state) {
	static const char *const forms[] = {"p", "p.zip", "p.tar", "p.tar.gz", "p.tar.zst"};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(scratch_free) char *folder = scratch_new();
		CLEANUP(free_ptr) char *path = file_join(folder, forms[i]);
		make(path);
		assert_is_what_was_made(path);
		assert_int_equal(scratch_count(folder), 1); /* nothing else is left */
	}
}

static void the_same_files_make_the_same_archive(void **state) {
	static const char *const forms[] = {"p.zip", "p.tar", "p.tar.gz", "p.tar.zst"};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(scratch_free) char *folder = scratch_new();
		CLEANUP(scratch_free) char *other = scratch_new();
		CLEANUP(free_ptr) char *path = file_join(folder, forms[i]);
		CLEANUP(free_ptr) char *again = file_join(other, forms[i]);
		CLEANUP(buf_done) struct buf first = {0}, second = {0};
		struct err err;
		make(path);
		sleep(1); /* so that a time of day in it would differ */
		make(again);
		assert_true(file_read(path, 1 << 20, &first, &err));
		assert_true(file_read(again, 1 << 20, &second, &err));
		assert_int_equal(first.len, second.len);
		assert_memory_equal(first.data, second.data, first.len);
	}
}

static void files_have_the_time_of_the_package(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p");
	CLEANUP(free_ptr) char *file = file_join(path, "log/checkpoint");
	struct stat status;
	make(path);
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mtime, DAY);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mtime, DAY);
}

static void the_list_names_each_file_with_size_and_digest(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p.zip");
	CLEANUP(package_writer_free_p) struct package_writer *writer = begin(path);
	CLEANUP(json_decref_p) json_t *files = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	struct err err;
	put(writer, "b", "abc");
	put(writer, "a", "");
	assert_true(package_list(writer, &files, &err));
	assert_true(json_canonical(files, &text, &err));
	assert_string_equal(text.data,
			    "[{\"name\":\"a\",\"sha256\":"
			    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":0},"
			    "{\"name\":\"b\",\"sha256\":"
			    "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":3}]");
}

static void nothing_is_left_of_what_was_not_finished(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p.zip");
	struct package_writer *writer = begin(path);
	put(writer, "log/a", "abc");
	assert_int_equal(scratch_count(folder), 1);
	package_writer_free(writer);
	assert_int_equal(scratch_count(folder), 0);
}

static void what_a_killed_writer_left_is_thrown_away(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p");
	scratch_put(folder, ".tmp-p/files/left/over", "x");
	scratch_put(folder, ".tmp-p/archive", "x");
	make(path);
	assert_is_what_was_made(path);
	assert_int_equal(scratch_count(folder), 1);
}

static void nothing_is_overwritten(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	static const char *const names[] = {"p", "p.zip"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(free_ptr) char *path = file_join(folder, names[i]);
		struct package_writer *writer = NULL, *second = NULL;
		struct err err;
		writer = begin(path);
		assert_false(package_create(path, &second, &err)); /* two at once */
		assert_non_null(strstr(err.why, "somebody else is writing it"));
		put(writer, "a", "x");
		scratch_put(folder, names[i], "came in between");
		assert_false(package_finish(writer, DAY, &err));
		assert_int_equal(err.code, ERR_REFUSED);
		assert_non_null(strstr(err.why, "it exists"));
		package_writer_free(writer);
		assert_false(package_create(path, &writer, &err));
		assert_non_null(strstr(err.why, "it exists"));
		CLEANUP(free_ptr) char *text = scratch_text(folder, names[i]);
		assert_string_equal(text, "came in between");
	}
}

static void a_wrong_name_cannot_be_written(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p");
	CLEANUP(package_writer_free_p) struct package_writer *writer = begin(path);
	struct err err;
	assert_false(package_put(writer, "../a", "", 0, &err));
	assert_int_equal(err.code, ERR_USAGE);
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static const char *const wrong_names[] = {
	"",    "/",    "/etc/passwd", "../a",     "a/../b", "a/..", "a//b",        "a/",    ".hidden", "a/.b",
	"a b", "a\\b", "a:b",         "\xc3\xa4", "a\nb",   "..",   "1/2/3/4/5/6", "a/./b", "~root",   "a*",
};

static void a_name_stays_below_the_package(void **state) {
	char longest[PACKAGE_NAME_LONGEST + 2];
	for (size_t i = 0; i < ARRAY_LEN(wrong_names); i++)
		if (package_is_name(wrong_names[i]))
			fail_msg("\"%s\" is taken for a name", wrong_names[i]);
	assert_true(package_is_name("log/anchors/00000000000000000003/timestamp-1.tsr"));
	assert_true(package_is_name("1/2/3/4/5"));
	memset(longest, 'a', sizeof longest);
	longest[PACKAGE_NAME_LONGEST + 1] = '\0';
	assert_false(package_is_name(longest));
	longest[PACKAGE_NAME_LONGEST] = '\0';
	assert_true(package_is_name(longest));
}

static void an_archive_with_a_wrong_name_is_refused(void **state) {
	for (size_t i = 1; i < ARRAY_LEN(wrong_names); i++) {
		const size_t len = strlen(wrong_names[i]);
		if (wrong_names[i][len - 1] != '/') /* a folder */
			assert_piece_refused(&(struct piece){.name = wrong_names[i], .type = AE_IFREG},
					     "is not a name that a package has");
	}
}

static void links_and_devices_are_refused(void **state) {
	const struct piece pieces[] = {
		{.name = "link", .type = AE_IFLNK, .link = "/etc/passwd"},
		{.name = "hard", .type = AE_IFREG, .link = "other"},
		{.name = "fifo", .type = AE_IFIFO},
		{.name = "device", .type = AE_IFCHR},
	};
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		assert_piece_refused(&pieces[i], "is neither a file nor a folder");
}

static void a_folder_with_a_link_is_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *link = file_join(folder, "link");
	scratch_put(folder, "manifest.json", "{}");
	assert_int_equal(symlink("manifest.json", link), 0);
	assert_refused(folder, ERR_REFUSED, "link is neither a file nor a folder");
}

static void a_folder_with_a_wrong_name_is_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	scratch_put(folder, "bodies/.tmp-x", "{}");
	assert_refused(folder, ERR_REFUSED, "is not a name that a package has");
}

static void a_name_that_comes_twice_is_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *tar = file_join(folder, "a.tar");
	const struct piece pieces[] = {
		{.name = "a", .type = AE_IFREG}, {.name = "b", .type = AE_IFREG}, {.name = "./a", .type = AE_IFREG}};
	forge(tar, false, NULL, pieces, ARRAY_LEN(pieces));
	assert_refused(tar, ERR_REFUSED, "a comes twice");
}

/* --- caps --------------------------------------------------------------------------------------------------------- */

static void too_many_files_are_refused(void **state) {
	struct package_files files = {0};
	char name[32];
	struct err err;
	for (unsigned i = 0; i < PACKAGE_FILES_MOST; i++) {
		snprintf(name, sizeof name, "%u", i);
		assert_true(package_files_add(&files, "p", name, 0, &err));
	}
	assert_false(package_files_add(&files, "p", "one", 0, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
	assert_string_equal(err.why, "more than 500000 files");
	package_files_done(&files);
}

static void a_bomb_is_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "a.zip");
	const struct piece pieces[] = {{.name = "a", .type = AE_IFREG, .size = PACKAGE_RATIO_FREE},
				       {.name = "b", .type = AE_IFREG, .size = 65536}};
	forge(path, true, NULL, pieces, 2);
	assert_refused(path, ERR_TOO_BIG, "it unpacks to more than 250 times its size");
}

/* A file of holes, as any of this size: a folder costs nothing to refuse. */
static void put_hole(const char *folder, const char *name, uint64_t size) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	scratch_put(folder, name, "");
	assert_int_equal(truncate(path, (off_t)size), 0);
}

static void a_file_that_is_too_large_is_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	put_hole(folder, "a", PACKAGE_FILE_LARGEST + 1);
	assert_refused(folder, ERR_TOO_BIG, "a is larger than");
}

static void files_that_are_too_large_together_are_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	put_hole(folder, "a", PACKAGE_FILE_LARGEST);
	put_hole(folder, "b", PACKAGE_FILE_LARGEST);
	put_hole(folder, "c", 1);
	assert_refused(folder, ERR_TOO_BIG, "its files are larger than");
}

static void what_is_no_archive_is_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "a.zip");
	scratch_put(folder, "a.zip", "this is no archive, whatever it is called; and it has to be a little longer");
	assert_refused(path, ERR_MALFORMED, "not an archive that can be read");
}

static void a_cut_archive_is_refused(void **state) {
	static const char *const forms[] = {"p.zip", "p.tar", "p.tar.gz", "p.tar.zst"};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEANUP(scratch_free) char *folder = scratch_new();
		CLEANUP(free_ptr) char *path = file_join(folder, forms[i]);
		make(path);
		struct stat status;
		assert_int_equal(stat(path, &status), 0);
		/* Within the last file that has bytes: statements.jsonl, or its directory. */
		assert_int_equal(
			truncate(path, strcmp(forms[i], "p.tar") ? status.st_size - 30 : status.st_size - 1536), 0);
		assert_refused(path, ERR_MALFORMED, "not an archive that can be read");
	}
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static void assert_lines(const char *text, size_t good, const char *why) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(package_lines_free_p) struct package_lines *lines = NULL;
	struct err err = {0};
	size_t seen = 0;
	scratch_put(folder, "s.jsonl", text);
	assert_true(package_open(folder, &package, &err));
	assert_true(package_lines_open(package, "s.jsonl", 64, &lines, &err));
	for (;;) {
		CLEANUP(json_decref_p) json_t *object = NULL;
		const bool ok = package_lines_next(lines, &object, &err);
		if (ok && object) {
			seen++;
			continue;
		}
		assert_int_equal(seen, good);
		if (!ok && (!why || !strstr(err.why, why)))
			fail_msg("%s", err.why);
		assert_true(ok == !why);
		if (!ok)
			assert_int_equal(err.line, good + 1);
		return;
	}
}

static void lines_are_read_one_by_one(void **state) {
	assert_lines("", 0, NULL);
	assert_lines("{\"a\":1}\n{\"b\":2}\n{}\n", 3, NULL);
}

static void a_wrong_line_is_named(void **state) {
	assert_lines("{\"a\":1}\n{\"b\":2}", 1, "the last line has no newline");
	assert_lines("{}\n\n", 1, "not JSON");
	assert_lines("{}\n{\"a\":1} \n", 1, "not canonical JSON");
	assert_lines("{}\n{\"b\":1,\"a\":2}\n", 1, "not canonical JSON");
	assert_lines("{}\n{\"a\":1,\"a\":2}\n", 1, "duplicate");
	assert_lines("[]\n", 0, "no JSON object");
	assert_lines("{}\n{\"a\":\"0123456789012345678901234567890123456789012345678901234567890\"}\n", 1,
		     "a line longer than 64 bytes");
}

static void many_lines_cross_the_chunks_that_are_read(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p.tar.zst");
	struct err err;
	struct package_writer *writer = begin(path);
	for (int i = 0; i < 3000; i++) {
		CLEANUP(json_decref_p)
		json_t *line =
			json_pack("{s:i,s:s}", "i", i, "x", &"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"[i % 37]);
		assert_true(package_put_line(writer, "s.jsonl", line, &err));
	}
	put(writer, "t.jsonl", "{}\n");
	assert_true(package_finish(writer, DAY, &err));
	package_writer_free(writer);
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(package_lines_free_p) struct package_lines *lines = NULL;
	assert_true(package_open(path, &package, &err));
	assert_true(package_lines_open(package, "s.jsonl", 4096, &lines, &err));
	for (int i = 0;; i++) {
		CLEANUP(json_decref_p) json_t *object = NULL;
		assert_true(package_lines_next(lines, &object, &err));
		if (!object) {
			assert_int_equal(i, 3000);
			return;
		}
		assert_int_equal(json_integer_value(json_object_get(object, "i")), i);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_in_every_form),
		cmocka_unit_test(the_same_files_make_the_same_archive),
		cmocka_unit_test(files_have_the_time_of_the_package),
		cmocka_unit_test(the_list_names_each_file_with_size_and_digest),
		cmocka_unit_test(nothing_is_left_of_what_was_not_finished),
		cmocka_unit_test(what_a_killed_writer_left_is_thrown_away),
		cmocka_unit_test(nothing_is_overwritten),
		cmocka_unit_test(a_wrong_name_cannot_be_written),
		cmocka_unit_test(a_name_stays_below_the_package),
		cmocka_unit_test(an_archive_with_a_wrong_name_is_refused),
		cmocka_unit_test(links_and_devices_are_refused),
		cmocka_unit_test(a_folder_with_a_link_is_refused),
		cmocka_unit_test(a_folder_with_a_wrong_name_is_refused),
		cmocka_unit_test(a_name_that_comes_twice_is_refused),
		cmocka_unit_test(too_many_files_are_refused),
		cmocka_unit_test(a_bomb_is_refused),
		cmocka_unit_test(a_file_that_is_too_large_is_refused),
		cmocka_unit_test(files_that_are_too_large_together_are_refused),
		cmocka_unit_test(what_is_no_archive_is_refused),
		cmocka_unit_test(a_cut_archive_is_refused),
		cmocka_unit_test(lines_are_read_one_by_one),
		cmocka_unit_test(a_wrong_line_is_named),
		cmocka_unit_test(many_lines_cross_the_chunks_that_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

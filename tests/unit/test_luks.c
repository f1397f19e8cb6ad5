/* What a LUKS header says, of headers that cryptsetup itself made. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "sources/luks.h"
#include "tests/unit/fetching.h"

#define CRYPTSETUP "/usr/sbin/cryptsetup"
#define IMAGE_SIZE (20 << 20)

/* Run cryptsetup with the passphrase in a file; the arguments end with NULL. */
static void cryptsetup(const char *const argv[]) {
	pid_t child;
	int status = 0;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&child, CRYPTSETUP, &actions, NULL, (char *const *)argv, NULL), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* An image of its own, formatted with three more options (NULL ends them); the caller frees the path. */
static char *image(const char *folder, const char *type, const char *const options[3]) {
	char *path = file_join(folder, type);
	CLEANUP(free_ptr) char *key = file_join(folder, "key");
	put(folder, "key", "correct horse");
	put(folder, type, "");
	assert_int_equal(truncate(path, IMAGE_SIZE), 0);
	cryptsetup((const char *const[]){"cryptsetup", "luksFormat", "-q", "--type", type, "--key-file", key, path,
					 "--uuid", "0b5eda7e-1111-4222-8333-444455556666", "--pbkdf-force-iterations",
					 strcmp(options[1], "pbkdf2") ? "4" : "1000", options[0], options[1],
					 options[2], NULL});
	return path;
}

static struct sources *fetch_image(const char *path) {
	CLEANUP(free_ptr) char *name = xasprintf("luks:%s", path);
	return fetch_one(NULL, name);
}

/* Change bytes of an image. */
static void patch(const char *path, off_t offset, const void *bytes, size_t len) {
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, offset), len);
	close(fd);
}

static void version_1_is_told_without_salts_and_digests(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr)
	char *path = image(folder, "luks1", (const char *const[]){"--pbkdf", "pbkdf2", "--key-size=512"});
	CLEANUP(sources_free_p) struct sources *set = fetch_image(path);
	assert_int_equal(only(set)->err.code, ERR_NONE);
	assert_string_equal(
		buf_str(&only(set)->bytes),
		"{\"digests\":[{\"hash\":\"sha256\",\"iterations\":1000,\"kdf\":\"pbkdf2\"}],"
		"\"keyslots\":[{\"cipher\":\"aes-xts-plain64\",\"hash\":\"sha256\",\"iterations\":1000,\"kdf\":"
		"\"pbkdf2\",\"key_bits\":512,\"slot\":0,\"type\":\"luks1\"}],\"label\":\"\",\"luks\":true,"
		"\"requirements\":[],\"segments\":[{\"cipher\":\"aes-xts-plain64\",\"sector_size\":512,\"type\":"
		"\"crypt\"}],\"subsystem\":\"\",\"tokens\":[],\"uuid\":\"0b5eda7e-1111-4222-8333-444455556666\","
		"\"version\":1}");
}

static void version_2_with_argon2id_has_its_costs(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr)
	char *path = image(folder, "luks2",
			   (const char *const[]){"--pbkdf-memory=4096", "--pbkdf-parallel=1", "--label=disk"});
	CLEANUP(sources_free_p) struct sources *set = fetch_image(path);
	assert_int_equal(only(set)->err.code, ERR_NONE);
	assert_string_equal(
		buf_str(&only(set)->bytes),
		"{\"digests\":[{\"hash\":\"sha256\",\"iterations\":1000,\"kdf\":\"pbkdf2\"}],"
		"\"keyslots\":[{\"cipher\":\"aes-xts-plain64\",\"cpus\":1,\"kdf\":\"argon2id\",\"key_bits\":512,"
		"\"memory\":4096,\"slot\":0,\"time\":4,\"type\":\"luks2\"}],\"label\":\"disk\",\"luks\":true,"
		"\"requirements\":[],\"segments\":[{\"cipher\":\"aes-xts-plain64\",\"sector_size\":4096,\"type\":"
		"\"crypt\"}],\"subsystem\":\"\",\"tokens\":[],\"uuid\":\"0b5eda7e-1111-4222-8333-444455556666\","
		"\"version\":2}");
}

static void version_2_shows_each_slot_and_the_types_of_its_tokens(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr)
	char *path = image(folder, "luks2", (const char *const[]){"--pbkdf", "pbkdf2", "--hash=sha512"});
	CLEANUP(free_ptr) char *key = file_join(folder, "key"), *token = file_join(folder, "token");
	put(folder, "token", "{\"type\":\"of-a-test\",\"keyslots\":[\"0\"],\"secret\":\"not to be seen\"}");
	cryptsetup((const char *const[]){"cryptsetup", "luksAddKey", "-q", "--key-file", key, "--key-slot", "11", path,
					 key, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "2000", NULL});
	cryptsetup((const char *const[]){"cryptsetup", "token", "import", "--json-file", token, path, NULL});
	CLEANUP(sources_free_p) struct sources *set = fetch_image(path);
	json_t *value;
	struct err err;
	assert_true(source_json(only(set), &value, &err));
	const json_t *slots = json_object_get(value, "keyslots"), *added = json_array_get(slots, 1);
	assert_int_equal(json_array_size(slots), 2);
	assert_int_equal(json_integer_value(json_object_get(added, "slot")), 11);
	assert_int_equal(json_integer_value(json_object_get(added, "iterations")), 2000);
	assert_string_equal(json_string_value(json_object_get(added, "kdf")), "pbkdf2");
	const json_t *of_test = json_array_get(json_object_get(value, "tokens"), 0);
	assert_string_equal(json_string_value(json_object_get(of_test, "type")), "of-a-test");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(of_test, "keyslots"), 0)), 0);
	assert_null(strstr(buf_str(&only(set)->bytes), "salt"));
	assert_null(strstr(buf_str(&only(set)->bytes), "\"digest\""));
	assert_null(strstr(buf_str(&only(set)->bytes), "not to be seen"));
}

static void what_was_read_and_has_no_header_is_not_luks(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *path = file_join(folder, "plain"), *empty = file_join(folder, "empty");
	put(folder, "plain", "a file system, say");
	put(folder, "empty", "");
	assert_int_equal(truncate(path, IMAGE_SIZE), 0);
	CLEANUP(sources_free_p)
	struct sources *set = fetch_image(path), *no_bytes = fetch_image(empty), *missing = fetch_image("/no/such"),
		       *folder_set = fetch_image(folder), *terminal = fetch_image("/dev/null");
	assert_string_equal(buf_str(&only(set)->bytes), "{\"luks\":false}");
	assert_int_equal(only(no_bytes)->err.code, ERR_UNREADABLE);
	assert_int_equal(only(missing)->err.code, ERR_ABSENT);
	assert_int_equal(only(folder_set)->err.code, ERR_UNREADABLE);
	assert_string_equal(only(terminal)->err.why, "not a block device or a file but char");
}

static void header_whose_copies_differ_is_malformed(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr)
	char *path = image(folder, "luks2", (const char *const[]){"--pbkdf", "pbkdf2", "--hash=sha512"});
	patch(path, 16384 + 4096 + 2, "X", 1);
	CLEANUP(sources_free_p) struct sources *set = fetch_image(path);
	assert_int_equal(only(set)->err.code, ERR_MALFORMED);
	assert_non_null(strstr(only(set)->err.why, "copies"));
}

static void header_that_was_overwritten_is_not_taken_for_none(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr)
	char *path = image(folder, "luks2", (const char *const[]){"--pbkdf", "pbkdf2", "--hash=sha512"});
	patch(path, 0, "\0\0\0\0\0\0", 6);
	CLEANUP(sources_free_p) struct sources *set = fetch_image(path);
	assert_int_equal(only(set)->err.code, ERR_MALFORMED);
	assert_non_null(strstr(only(set)->err.why, "second copy of one at 16384"));
}

static void header_that_is_cut_or_of_a_strange_size_or_version_is_malformed(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr)
	char *path = image(folder, "luks2", (const char *const[]){"--pbkdf", "pbkdf2", "--hash=sha512"});
	assert_int_equal(truncate(path, 32767), 0);
	CLEANUP(sources_free_p) struct sources *cut = fetch_image(path);
	patch(path, 8, "\0\0\0\0\0\x80\0\0", 8); /* 8 MiB: over the cap */
	CLEANUP(sources_free_p) struct sources *big = fetch_image(path);
	patch(path, 6, "\0\3", 2);
	CLEANUP(sources_free_p) struct sources *version = fetch_image(path);
	assert_int_equal(only(cut)->err.code, ERR_MALFORMED);
	assert_string_equal(only(cut)->err.why, "cut short");
	assert_string_equal(only(big)->err.why, "a LUKS2 header of 8388608 bytes");
	assert_string_equal(only(version)->err.why, "a LUKS header of version 3");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_is_told_without_salts_and_digests),
		cmocka_unit_test(version_2_with_argon2id_has_its_costs),
		cmocka_unit_test(version_2_shows_each_slot_and_the_types_of_its_tokens),
		cmocka_unit_test(what_was_read_and_has_no_header_is_not_luks),
		cmocka_unit_test(header_whose_copies_differ_is_malformed),
		cmocka_unit_test(header_that_was_overwritten_is_not_taken_for_none),
		cmocka_unit_test(header_that_is_cut_or_of_a_strange_size_or_version_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

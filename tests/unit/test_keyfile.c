/* Private keys as ssh-keygen and openssl write them, told apart without showing them. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "sources/keyfile.h"
#include "tests/unit/fetching.h"

static void must_run(const char *const *command) {
	int status;
	pid_t child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		dup2(null, 2);
		execvp(command[0], (char *const *)(uintptr_t)command);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		fail_msg("%s failed", command[0]);
}

static void is_seen_as(const char *path, const char *expected) {
	CLEANUP(free_ptr) char *name = xasprintf("keyfile:%s", path);
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, name);
	assert_int_equal(only(set)->err.code, ERR_NONE);
	assert_string_equal(buf_str(&only(set)->bytes), expected);
}

static void keys_of_real_tools_are_told_apart(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *one = file_join(folder, "one");
	CLEANUP(free_ptr) char *two = file_join(folder, "two");
	CLEANUP(free_ptr) char *three = file_join(folder, "three");
	CLEANUP(free_ptr) char *four = file_join(folder, "four");
	CLEANUP(free_ptr) char *five = file_join(folder, "five");
	CLEANUP(free_ptr) char *public = xasprintf("%s.pub", one);
	must_run((const char *const[]){"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", one, NULL});
	must_run((const char *const[]){"ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", two, NULL});
	must_run((const char *const[]){"ssh-keygen", "-q", "-t", "ecdsa", "-m", "PEM", "-N", "a passphrase", "-f",
				       three, NULL});
	must_run((const char *const[]){"openssl", "genpkey", "-algorithm", "ed25519", "-out", four, NULL});
	must_run((const char *const[]){"openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass",
				       "pass:a passphrase", "-out", five, NULL});
	is_seen_as(one, "{\"encrypted\":false,\"format\":\"openssh\",\"key\":true}");
	is_seen_as(two, "{\"encrypted\":true,\"format\":\"openssh\",\"key\":true}");
	is_seen_as(three, "{\"encrypted\":true,\"format\":\"pem\",\"key\":true}");
	is_seen_as(four, "{\"encrypted\":false,\"format\":\"pem\",\"key\":true}");
	is_seen_as(five, "{\"encrypted\":true,\"format\":\"pem\",\"key\":true}");
	is_seen_as(public, "{\"key\":false}");
}

static void of_several_keys_the_open_one_counts(void **state) {
	static const char text[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
				   "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n";
	CLEANUP(json_decref_p) json_t *value = keyfile_parse(text, strlen(text));
	assert_true(json_is_false(json_object_get(value, "encrypted")));
}

static void file_that_is_too_large_for_a_key_holds_none(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *path = file_join(folder, "large");
	CLEANUP(free_ptr) char *text = xcalloc(1, KEYFILE_LARGEST + 2);
	memset(text, 'x', KEYFILE_LARGEST + 1);
	memcpy(text, "-----BEGIN PRIVATE KEY-----\n", 28);
	put(folder, "large", text);
	is_seen_as(path, "{\"key\":false}");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_real_tools_are_told_apart),
		cmocka_unit_test(of_several_keys_the_open_one_counts),
		cmocka_unit_test(file_that_is_too_large_for_a_key_holds_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

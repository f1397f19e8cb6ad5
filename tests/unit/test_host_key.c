/* Where an enrolled key lies: what a PKCS#11 URI may say, and that no kind of key stands in for another. Keys in a
 * token and in a TPM: tests/stories/43-keys.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/host_key.h"
#include "core/pkcs11_uri.h"
#include "tests/unit/scratch.h"

#define MODULE "?module-path=/usr/lib/m.so"

static void uri_names_token_key_module_and_pin(void **state) {
	struct pkcs11_uri uri = {0};
	struct err err;
	assert_true(pkcs11_uri_read("pkcs11:token=My%20token;manufacturer=m;model=o;serial=1;object=k%3b;id=%00%fFz"
				    "?pin-source=file:/run/p&module-path=/usr/lib/m.so",
				    &uri, &err));
	assert_string_equal(uri.token, "My token");
	assert_string_equal(uri.manufacturer, "m");
	assert_string_equal(uri.model, "o");
	assert_string_equal(uri.serial, "1");
	assert_string_equal(uri.object, "k;");
	assert_int_equal(uri.id.len, 3);
	assert_memory_equal(uri.id.data, "\0\xffz", 3);
	assert_string_equal(uri.pin, "/run/p");
	assert_string_equal(uri.module, "/usr/lib/m.so");
	pkcs11_uri_done(&uri);
}

static void refuses(const char *text, const char *why) {
	struct pkcs11_uri uri;
	struct err err;
	if (pkcs11_uri_read(text, &uri, &err))
		fail_msg("%s was taken", text);
	assert_int_equal(err.code, ERR_USAGE);
	if (!strstr(err.why, why))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, err.why, why);
}

static void uri_that_says_too_little_or_too_much_is_refused_by_name(void **state) {
	refuses("", "not a PKCS#11 URI");
	refuses("pkcs12:token=a" MODULE, "not a PKCS#11 URI");
	refuses("pkcs11:object=a" MODULE, "needs token=");
	refuses("pkcs11:token=a", "module-path=");
	refuses("pkcs11:token=a?module-path=m.so", "\"module-path\" is not a path from the root");
	refuses("pkcs11:token=a" MODULE "&pin-source=|/bin/cat", "\"pin-source\" is not a path");
	refuses("pkcs11:token=a" MODULE "&pin-value=1234", "a PIN in the URI");
	refuses("pkcs11:token=a;pin-value=1234" MODULE, "there is no \"pin-value\"");
	refuses("pkcs11:token=a;token=b" MODULE, "\"token\" comes twice");
	refuses("pkcs11:token=a;id=%01;id=%02" MODULE, "\"id\" comes twice");
	refuses("pkcs11:token=a;id=" MODULE, "\"id\" comes twice, is empty");
	refuses("pkcs11:token=" MODULE, "\"token\" comes twice, is empty");
	refuses("pkcs11:token=a%00b" MODULE, "holds a NUL");
	refuses("pkcs11:token=a;" MODULE, "without a value");
	refuses("pkcs11:token=a;slot-id=1" MODULE, "there is no \"slot-id\"");
	static const char *const broken[] = {"%", "%1", "%1g", "%g1", "a%"};
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		CLEANUP(free_ptr) char *text = xasprintf("pkcs11:token=%s" MODULE, broken[i]);
		refuses(text, "without two hexadecimal digits");
	}
}

static void uri_and_id_at_their_caps_are_read_and_one_more_is_not(void **state) {
	char id[3 * PKCS11_ID_LONGEST + 4] = "";
	struct pkcs11_uri uri = {0};
	struct err err;
	for (size_t i = 0; i <= PKCS11_ID_LONGEST; i++)
		memcpy(id + 3 * i, "%01", 4);
	CLEANUP(free_ptr) char *over = xasprintf("pkcs11:token=a;id=%s" MODULE, id);
	refuses(over, "too long");
	CLEANUP(free_ptr) char *most = xasprintf("pkcs11:token=a;id=%s" MODULE, id + 3);
	assert_true(pkcs11_uri_read(most, &uri, &err));
	pkcs11_uri_done(&uri);
	const int rest = PKCS11_URI_LONGEST - (int)strlen("pkcs11:token=" MODULE);
	CLEANUP(free_ptr) char *longest = xasprintf("pkcs11:token=%0*d" MODULE, rest, 1);
	CLEANUP(free_ptr) char *longer = xasprintf("pkcs11:token=%0*d" MODULE, rest + 1, 1);
	assert_true(pkcs11_uri_read(longest, &uri, &err));
	pkcs11_uri_done(&uri);
	refuses(longer, "at most 2048 bytes");
}

static void id_is_added_to_the_path_and_read_again(void **state) {
	struct pkcs11_uri uri = {0};
	struct err err;
	CLEANUP(free_ptr) char *text = pkcs11_uri_with_id("pkcs11:token=a;object=b" MODULE, "\0;?&", 4);
	assert_string_equal(text, "pkcs11:token=a;object=b;id=%00%3b%3f%26" MODULE);
	assert_true(pkcs11_uri_read(text, &uri, &err));
	assert_int_equal(uri.id.len, 4);
	assert_memory_equal(uri.id.data, "\0;?&", 4);
	pkcs11_uri_done(&uri);
}

static void key_in_a_file_signs_as_before(void **state) {
	char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "evidence.pem");
	CLEANUP(host_key_free_p) struct host_key *made = NULL, *key = NULL, *again = NULL;
	struct err err;
	struct stat status;
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	size_t len;
	assert_true(host_key_make("file", path, &made, &err));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(host_key_open(path, &key, &err));
	assert_string_equal(key_details(host_key_public(key)), "PKIX_ED25519");
	assert_true(host_key_sign(key, "x", 1, signature, &len, &err));
	assert_true(key_is_signed(host_key_public(made), "x", 1, signature, len));
	assert_false(host_key_make(NULL, path, &again, &err)); /* it is there */
	assert_int_equal(chmod(path, 0640), 0);
	assert_false(host_key_open(path, &again, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	scratch_free(&folder);
}

static void opens_not(const char *folder, const char *text, enum err_code code, const char *why) {
	CLEANUP(free_ptr) char *path = file_join(folder, "key");
	struct host_key *key;
	struct err err = {0};
	scratch_put(folder, "key", text);
	assert_int_equal(chmod(path, 0600), 0);
	if (host_key_open(path, &key, &err))
		fail_msg("%s was opened", text);
	assert_int_equal(err.code, code);
	if (!strstr(err.why, why))
		fail_msg("\"%s\" does not say \"%s\"", err.why, why);
}

static void key_that_cannot_be_had_is_an_error_that_says_why(void **state) {
	char *folder = scratch_new();
	opens_not(folder, "", ERR_CRYPTO, "not a private key");
	opens_not(folder, "pkcs11:token=a\n", ERR_USAGE, "module-path=");
	opens_not(folder, "pkcs11:token=a?module-path=/nonexistent/m.so\n", ERR_ABSENT, "cannot be loaded");
	/* A library that is none of PKCS#11. */
	opens_not(folder, "pkcs11:token=a?module-path=/lib/x86_64-linux-gnu/libc.so.6\n", ERR_CRYPTO,
		  "not a PKCS#11 module");
	assert_int_equal(setenv("TPM2OPENSSL_TCTI", "device:/nonexistent/tpm", 1), 0);
	opens_not(folder, "-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n", ERR_ABSENT,
		  "tpm2-openssl");
	scratch_free(&folder);
}

static void kind_that_cannot_be_made_leaves_no_file(void **state) {
	static const char *const kinds[] = {"", "tpm", "tpm2", "pkcs11:", "pkcs11:token=a?module-path=/nonexistent/m"};
	char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "evidence.pem");
	struct host_key *key;
	struct err err;
	assert_int_equal(setenv("TPM2OPENSSL_TCTI", "device:/nonexistent/tpm", 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_false(host_key_make(kinds[i], path, &key, &err));
	assert_int_equal(scratch_count(folder), 0);
	scratch_free(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uri_names_token_key_module_and_pin),
		cmocka_unit_test(uri_that_says_too_little_or_too_much_is_refused_by_name),
		cmocka_unit_test(uri_and_id_at_their_caps_are_read_and_one_more_is_not),
		cmocka_unit_test(id_is_added_to_the_path_and_read_again),
		cmocka_unit_test(key_in_a_file_signs_as_before),
		cmocka_unit_test(key_that_cannot_be_had_is_an_error_that_says_why),
		cmocka_unit_test(kind_that_cannot_be_made_leaves_no_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

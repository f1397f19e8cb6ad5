#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/password.h"

static void the_scheme_is_read_from_the_prefix(void **state) {
	assert_string_equal(password_scheme("$y$j9T$abc$def"), "yescrypt");
	assert_string_equal(password_scheme("$6$salt$hash"), "sha512crypt");
	assert_string_equal(password_scheme("$1$salt$hash"), "md5crypt");
	assert_string_equal(password_scheme("$2b$05$abc"), "bcrypt");
	assert_string_equal(password_scheme("ab01FAX.bQRSU"), "descrypt");
	assert_string_equal(password_scheme("$99$future"), "other");
}

static void a_locked_hash_keeps_its_scheme(void **state) {
	assert_string_equal(password_scheme("!$1$salt$hash"), "md5crypt");
	assert_true(password_is_locked("!$1$salt$hash"));
}

static void what_is_no_hash_is_locked_and_an_empty_field_is_not(void **state) {
	static const char *const locked[] = {"*", "!", "!!", "!*", "*LK*", "NP", "x"};
	for (size_t i = 0; i < sizeof locked / sizeof *locked; i++) {
		assert_null(password_scheme(locked[i]));
		assert_true(password_is_locked(locked[i]));
	}
	assert_null(password_scheme(""));
	assert_false(password_is_locked(""));
	assert_false(password_is_locked("$6$salt$hash"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scheme_is_read_from_the_prefix),
		cmocka_unit_test(a_locked_hash_keeps_its_scheme),
		cmocka_unit_test(what_is_no_hash_is_locked_and_an_empty_field_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* /etc/shadow without its hashes. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sources/shadow.h"
#include "tests/unit/fetching.h"

#define SALT "saltsalt"
#define SECRET "hashhashhash0123"

static const json_t *account(const json_t *list, const char *name) {
	size_t i;
	json_t *row;
	json_array_foreach(list, i, row) if (!strcmp(json_string_value(json_object_get(row, "name")), name)) return row;
	fail_msg("no %s", name);
	return NULL;
}

static void each_field_is_reduced_to_its_scheme(void **state) {
	static const struct {
		const char *hash, *scheme;
		bool locked, empty;
	} cases[] = {
		{"$y$j9T$" SALT "$" SECRET, "$y$", false, false},
		{"$gy$j9T$" SALT "$" SECRET, "$gy$", false, false},
		{"$6$" SALT "$" SECRET, "$6$", false, false},
		{"$6$rounds=5000$" SALT "$" SECRET, "$6$", false, false},
		{"$5$" SALT "$" SECRET, "$5$", false, false},
		{"$1$" SALT "$" SECRET, "$1$", false, false},
		{"$2b$12$" SALT SECRET, "$2b$", false, false},
		{"ab1234567890.", "des", false, false},
		{"_J9..K0AyUubDrfOgO4s", "_", false, false},
		{SECRET, "unknown", false, false},
		{"$99$" SALT "$" SECRET, "unknown", false, false},
		{"!$6$" SALT "$" SECRET, "$6$", true, false},
		{"!!$6$" SALT "$" SECRET, "$6$", true, false},
		{"*", "", true, false},
		{"!", "", true, false},
		{"!!", "", true, false},
		{"!*", "", true, false},
		{"x", "unknown", false, false},
		{"", "", false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err;
		CLEANUP(json_decref_p) json_t *list = NULL;
		CLEANUP(buf_done) struct buf bytes = {0};
		CLEANUP(free_ptr) char *text = xasprintf("u:%s:19000:0:99999:7::20000:\n", cases[i].hash);
		assert_true(shadow_parse(text, strlen(text), "shadow:", &list, &err));
		const json_t *row = account(list, "u");
		assert_string_equal(json_string_value(json_object_get(row, "scheme")), cases[i].scheme);
		assert_int_equal(json_is_true(json_object_get(row, "locked")), cases[i].locked);
		assert_int_equal(json_is_true(json_object_get(row, "empty")), cases[i].empty);
		assert_int_equal(json_integer_value(json_object_get(row, "max_days")), 99999);
		assert_int_equal(json_integer_value(json_object_get(row, "expire")), 20000);
		assert_true(json_canonical(list, &bytes, &err));
		assert_null(strstr(buf_str(&bytes), SALT));
		assert_null(strstr(buf_str(&bytes), SECRET));
	}
}

static void empty_days_are_null(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *list = NULL;
	const char *text = "# a comment\n\nu:*::::-1:::\nlast:*:0:::::0:";
	assert_true(shadow_parse(text, strlen(text), "shadow:", &list, &err));
	assert_int_equal(json_array_size(list), 2);
	assert_true(json_is_null(json_object_get(account(list, "u"), "last_change")));
	assert_int_equal(json_integer_value(json_object_get(account(list, "last"), "last_change")), 0);
	assert_true(json_is_integer(json_object_get(account(list, "last"), "last_change")));
}

static void wrong_line_is_malformed_with_its_number_and_without_the_hash(void **state) {
	const char *const wrong[] = {"u:" SECRET ":1:2:3:4:5:6\n",
				     "u:" SECRET ":1:2:3:4:5:6:7:8\n",
				     "u:" SECRET "\n",
				     ":" SECRET ":1:2:3:4:5:6:\n",
				     "u:" SECRET ":x:2:3:4:5:6:\n",
				     "u:" SECRET ":1:2:-7:4:5:6:\n",
				     "u:" SECRET ":1:2:3:4:5: 6:\n",
				     "u:" SECRET ":99999999999999:2:3:4:5:6:\n"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err err = {0};
		json_t *list = NULL;
		CLEANUP(free_ptr) char *text = xasprintf("root:*:1:0:99999:7:::\n%s", wrong[i]);
		assert_false(shadow_parse(text, strlen(text), "shadow:", &list, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
		assert_int_equal(err.line, 2);
		assert_null(strstr(err.why, SECRET));
	}
}

static void fixture_and_host_give_the_same_kind_of_bytes(void **state) {
	CLEANUP(folder_remove) char *root = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL, *live = NULL;
	put(root, "etc/shadow", "root:$y$j9T$" SALT "$" SECRET ":1:0:99999:7:::\n");
	set = fetch_one(root, "shadow:");
	assert_string_equal(buf_str(&only(set)->bytes),
			    "[{\"empty\":false,\"expire\":null,\"last_change\":1,\"locked\":false,\"max_days\":99999,"
			    "\"name\":\"root\",\"scheme\":\"$y$\"}]");
	live = fetch_one(NULL, "shadow:");
	json_t *value;
	struct err err;
	assert_true(source_json(only(live), &value, &err));
	assert_non_null(account(value, "root"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_is_reduced_to_its_scheme),
		cmocka_unit_test(empty_days_are_null),
		cmocka_unit_test(wrong_line_is_malformed_with_its_number_and_without_the_hash),
		cmocka_unit_test(fixture_and_host_give_the_same_kind_of_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

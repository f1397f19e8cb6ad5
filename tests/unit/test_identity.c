/* Who a host is: an id that says nothing of the machine id, a name and a system. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "agent/identity.h"
#include "sources/gather.h"
#include "tests/unit/scratch.h"

static struct sources *fetch_all(const char *root) {
	struct sources *fetched = sources_new();
	const struct asker asker = {.check = &identity_check};
	struct err err;
	assert_true(gather_now(&(struct host){.root = root}, &asker, 1, fetched, &err));
	return fetched;
}

/* The same computation by an implementation that is not ours (Python's hmac over the same application id):
 * HMAC-SHA256(machine id, application id), 16 bytes, version and variant set. */
static void id_is_the_keyed_digest_that_systemd_would_make(void **state) {
	char uuid[IDENTITY_UUID];
	assert_true(identity_uuid("0123456789abcdef0123456789abcdef\n", uuid));
	assert_string_equal(uuid, "2df3d1b9-0817-4175-b6d7-defef2e5bc19");
}

static void machine_id_that_is_none_gives_no_id(void **state) {
	char uuid[IDENTITY_UUID];
	const char *const wrong[] = {"",
				     "\n",
				     "uninitialized\n",
				     "0123456789abcdef0123456789abcde\n",
				     "0123456789ABCDEF0123456789ABCDEF\n",
				     "0123456789abcdef0123456789abcdef0\n",
				     "0123456789abcdef0123456789abcdef\n\n"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(identity_uuid(wrong[i], uuid));
}

static void folder_answers_for_itself(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	scratch_put(root, "etc/hostname", "  db1.example \n");
	scratch_put(root, "etc/os-release", "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\nID_LIKE=x\n");
	CLEANUP(sources_free_p) struct sources *fetched = fetch_all(root);
	CLEANUP(free_ptr) char *id = identity_host_id(fetched);
	CLEANUP(free_ptr) char *name = identity_host_name(fetched);
	CLEANUP(free_ptr) char *os = identity_os(fetched);
	assert_int_equal(strlen(id), 36);
	assert_string_equal(name, "db1.example");
	assert_string_equal(os, "debian 12");
	assert_true(identity_host_age(fetched, 4102444800) > 0);
}

static void host_made_a_moment_ahead_is_young_and_one_far_ahead_has_no_age(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	scratch_put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	scratch_put(root, ".vouch/meta", "{\"/etc/machine-id\":{\"mtime\":1000000000}}");
	CLEANUP(sources_free_p) struct sources *fetched = fetch_all(root);
	assert_int_equal(identity_host_age(fetched, 1000000100), 100);
	assert_int_equal(identity_host_age(fetched, 999999999), 0);
	assert_int_equal(identity_host_age(fetched, 999990000), -1);
}

static void empty_folder_is_nobody(void **state) {
	CLEANUP(scratch_free) char *root = scratch_new();
	CLEANUP(sources_free_p) struct sources *fetched = fetch_all(root);
	CLEANUP(free_ptr) char *id = identity_host_id(fetched);
	CLEANUP(free_ptr) char *name = identity_host_name(fetched);
	CLEANUP(free_ptr) char *os = identity_os(fetched);
	CLEANUP(free_ptr) char *boot = identity_boot_id(fetched);
	assert_string_equal(id, "");
	assert_string_equal(name, "");
	assert_string_equal(os, "");
	assert_string_equal(boot, "");
	assert_int_equal(identity_host_age(fetched, 4102444800), -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_is_the_keyed_digest_that_systemd_would_make),
		cmocka_unit_test(machine_id_that_is_none_gives_no_id),
		cmocka_unit_test(folder_answers_for_itself),
		cmocka_unit_test(host_made_a_moment_ahead_is_young_and_one_far_ahead_has_no_age),
		cmocka_unit_test(empty_folder_is_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The log's entry for an envelope. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/entry.h"

static void the_same_envelope_always_makes_the_same_small_entry(void **state) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf first = {0}, second = {0};
	assert_true(key_make_ed25519(&key, &err));
	assert_true(dsse_seal(DSSE_INTOTO, "{}", 2, key, "a", &envelope, &err));
	assert_true(entry_write(envelope, key, &first, &err));
	free(envelope->signatures[0].keyid); /* nothing signs the key id, so it is not in the entry */
	envelope->signatures[0].keyid = xstrdup("b");
	assert_true(entry_write(envelope, key, &second, &err));
	assert_string_equal(buf_str(&first), buf_str(&second));
	assert_in_range(first.len, 300, 450);
	assert_non_null(strstr(buf_str(&first), "\"keyDetails\":\"PKIX_ED25519\""));
	assert_non_null(strstr(buf_str(&first), "{\"algorithm\":\"SHA2_256\",\"digest\":"
						"\"RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=\"}"));
}

static void an_envelope_that_the_key_did_not_sign_has_no_entry(void **state) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL, *other = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf entry = {0};
	assert_true(key_make_ed25519(&key, &err));
	assert_true(key_make_ed25519(&other, &err));
	assert_true(dsse_seal(DSSE_INTOTO, "{}", 2, key, "", &envelope, &err));
	assert_false(entry_write(envelope, other, &entry, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	envelope->payload.data[0] ^= 1;
	assert_false(entry_write(envelope, key, &entry, &err));
	assert_int_equal(entry.len, 0);
}

static void of_several_signatures_the_key_s_own_is_logged(void **state) {
	struct err err;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL, *other = NULL;
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL, *others = NULL;
	CLEANUP(buf_done) struct buf alone = {0}, among = {0};
	assert_true(key_make_ed25519(&key, &err));
	assert_true(key_make_p256(&other, &err));
	assert_true(dsse_seal(DSSE_INTOTO, "{}", 2, key, "", &envelope, &err));
	assert_true(entry_write(envelope, key, &alone, &err));
	assert_true(dsse_seal(DSSE_INTOTO, "{}", 2, other, "", &others, &err));
	others->signatures = xreallocarray(others->signatures, 2, sizeof *others->signatures);
	others->signatures[1] = (struct dsse_signature){.keyid = xstrdup("")};
	buf_add(&others->signatures[1].bytes, envelope->signatures[0].bytes.data, envelope->signatures[0].bytes.len);
	others->signature_count = 2;
	assert_true(entry_write(others, key, &among, &err));
	assert_string_equal(buf_str(&alone), buf_str(&among));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_envelope_always_makes_the_same_small_entry),
		cmocka_unit_test(an_envelope_that_the_key_did_not_sign_has_no_entry),
		cmocka_unit_test(of_several_signatures_the_key_s_own_is_logged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whose a parcel is: by a signature or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/dsse.h"
#include "core/parcel.h"

static EVP_PKEY *key, *other;

static int make(void **state) {
	struct err err;
	return key_make_p256(&key, &err) && key_make_p256(&other, &err) ? 0 : -1;
}

static int drop(void **state) {
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return 0;
}

static void write_one(struct buf *text) {
	struct err err;
	const struct parcel parcel = {.host = (char[]){"h"},
				      .origin = (char[]){"log.example/vouch"},
				      .made_at = 1795334400,
				      .seen = 12,
				      .statements = 3,
				      .bytes = 4096,
				      .sha256 = hash_of("x", 1)};
	assert_true(parcel_write(&parcel, key, text, &err));
}

static void what_was_written_is_read(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(parcel_done) struct parcel parcel = {0};
	struct err err;
	const struct hash hash = hash_of("x", 1);
	write_one(&text);
	assert_true(parcel_read(text.data, text.len, key, "parcel", &parcel, &err));
	assert_string_equal(parcel.host, "h");
	assert_string_equal(parcel.origin, "log.example/vouch");
	assert_int_equal(parcel.made_at, 1795334400);
	assert_int_equal(parcel.seen, 12);
	assert_int_equal(parcel.statements, 3);
	assert_int_equal(parcel.bytes, 4096);
	assert_true(hash_equal(&parcel.sha256, &hash));
}

static void another_key_has_not_signed_it(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	struct parcel parcel;
	struct err err;
	write_one(&text);
	assert_false(parcel_read(text.data, text.len, other, "parcel", &parcel, &err));
	assert_int_equal(err.code, ERR_REFUSED);
}

/* A statement of the host is an envelope by it as well, under another type. */
static void refuse_payload(const char *type, const char *payload, enum err_code code) {
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	struct parcel parcel;
	struct err err;
	assert_true(dsse_seal(type, payload, strlen(payload), key, "", &envelope, &err));
	dsse_write(envelope, &text);
	assert_false(parcel_read(text.data, text.len, key, "parcel", &parcel, &err));
	assert_int_equal(err.code, code);
}

#define HEX "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
#define GOOD                                                                                                           \
	"{\"host\":\"h\",\"madeAt\":\"2026-11-22T08:00:00Z\",\"origin\":\"o\",\"seen\":0,\"sha256\":\"" HEX            \
	"\",\"size\":1,\"statements\":1}"

static void another_payload_type_is_no_parcel(void **state) { refuse_payload(DSSE_INTOTO, GOOD, ERR_REFUSED); }

static void members_have_values_that_they_may_have(void **state) {
	refuse_payload(PARCEL_TYPE, "{}", ERR_MALFORMED);
	refuse_payload(PARCEL_TYPE, "[]", ERR_MALFORMED);
	refuse_payload(PARCEL_TYPE, GOOD "x", ERR_MALFORMED);
	refuse_payload(PARCEL_TYPE,
		       "{\"host\":\"h\",\"madeAt\":\"yesterday\",\"origin\":\"o\",\"seen\":0,\"sha256\":\"" HEX
		       "\",\"size\":1,\"statements\":1}",
		       ERR_MALFORMED);
	refuse_payload(
		PARCEL_TYPE,
		"{\"host\":\"h\",\"madeAt\":\"2026-11-22T08:00:00Z\",\"origin\":\"o\",\"seen\":-1,\"sha256\":\"" HEX
		"\",\"size\":1,\"statements\":1}",
		ERR_MALFORMED);
}

static void more_than_the_cap_is_not_read(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	struct parcel parcel;
	struct err err;
	write_one(&text);
	while (text.len <= PARCEL_LARGEST)
		buf_adds(&text, "                                ");
	assert_false(parcel_read(text.data, text.len, key, "parcel", &parcel, &err));
	assert_int_equal(err.code, ERR_TOO_BIG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(another_key_has_not_signed_it),
		cmocka_unit_test(another_payload_type_is_no_parcel),
		cmocka_unit_test(members_have_values_that_they_may_have),
		cmocka_unit_test(more_than_the_cap_is_not_read),
	};
	return cmocka_run_group_tests_name("parcel", tests, make, drop);
}

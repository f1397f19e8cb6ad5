/* gzip: what is written comes back, and nothing else is taken for it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/gzip.h"

static void fill(struct buf *bytes, size_t len) {
	uint32_t random = 7;
	for (size_t i = 0; i < len; i++) {
		random = random * 1664525 + 1013904223;
		buf_add(bytes, &(char){(char)(random >> 24)}, 1);
	}
}

static enum err_code code_of(const void *data, size_t len, size_t max) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	bool ok = gzip_read(data, len, max, "t", &bytes, &err);
	if (!ok)
		assert_int_equal(bytes.len, 0);
	return ok ? ERR_NONE : err.code;
}

static void what_is_written_comes_back(void **state) {
	static const size_t lens[] = {0, 1, 17, 65535, 65536, 65537, 300000};
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct err err;
		CLEANUP(buf_done) struct buf data = {0}, packed = {0}, again = {0};
		fill(&data, lens[i]);
		gzip_write(data.data, data.len, &packed);
		assert_true(gzip_read(packed.data, packed.len, lens[i], "t", &again, &err));
		assert_int_equal(again.len, data.len);
		assert_memory_equal(buf_str(&again), buf_str(&data), data.len);
	}
}

static void no_time_and_no_name_travel(void **state) {
	CLEANUP(buf_done) struct buf packed = {0};
	gzip_write("aaaa", 4, &packed);
	assert_memory_equal(packed.data, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8);
}

static void the_cap_holds_for_what_comes_out(void **state) {
	CLEANUP(buf_done) struct buf data = {0}, packed = {0};
	while (data.len < 1 << 20)
		buf_adds(&data, "0123456789abcdef");
	gzip_write(data.data, data.len, &packed);
	assert_true(packed.len < 5000);
	assert_int_equal(code_of(packed.data, packed.len, data.len), ERR_NONE);
	assert_int_equal(code_of(packed.data, packed.len, data.len - 1), ERR_TOO_BIG);
	assert_int_equal(code_of(packed.data, packed.len, 0), ERR_TOO_BIG);
}

static void cut_damaged_or_followed_gzip_is_malformed(void **state) {
	CLEANUP(buf_done) struct buf packed = {0};
	gzip_write("{\"a\":1}\n", 8, &packed);
	for (size_t len = 0; len < packed.len; len++)
		assert_int_equal(code_of(packed.data, len, 100), ERR_MALFORMED);
	packed.data[packed.len - 5] ^= 1; /* of the checksum */
	assert_int_equal(code_of(packed.data, packed.len, 100), ERR_MALFORMED);
	packed.data[packed.len - 5] ^= 1;
	assert_int_equal(code_of(packed.data, packed.len, 100), ERR_NONE);
	buf_add(&packed, "", 1);
	assert_int_equal(code_of(packed.data, packed.len, 100), ERR_MALFORMED);
	packed.len--;
	CLEANUP(buf_done) struct buf twice = {0};
	buf_add(&twice, packed.data, packed.len);
	buf_add(&twice, packed.data, packed.len);
	assert_int_equal(code_of(twice.data, twice.len, 100), ERR_MALFORMED);
	assert_int_equal(code_of("{\"a\":1}\n", 8, 100), ERR_MALFORMED);
	/* zlib's own format is another. */
	assert_int_equal(code_of("\x78\x9c\x03\x00\x00\x00\x00\x01", 8, 100), ERR_MALFORMED);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_comes_back),
		cmocka_unit_test(no_time_and_no_name_travel),
		cmocka_unit_test(the_cap_holds_for_what_comes_out),
		cmocka_unit_test(cut_damaged_or_followed_gzip_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

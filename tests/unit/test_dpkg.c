/* dpkg's order of versions, against its own test vectors and its manual's examples; and its database. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/dpkg.h"

static const struct {
	const char *a, *b;
	int order;
} vectors[] = {
	/* dpkg, lib/dpkg/t/t-version.c */
	{"0:0-0", "0:0-0", 0},
	{"0:0-00", "0:00-0", 0},
	{"1:2-3", "1:2-3", 0},
	{"0:0-0", "1:0-0", -1},
	{"1:0-0", "0:0-0", 1},
	{"0:1-0", "0:0-0", 1},
	{"0:0-1", "0:0-0", 1},
	{"0:0-0", "0:0-0a", -1},
	{"0:0a-0", "0:0-0", 1},
	{"0", "0-0", 0},
	{"0", "00:0-0", 0},
	/* dpkg, scripts/t/Dpkg_Version.t */
	{"1.0-1", "2.0-2", -1},
	{"2.2~rc-4", "2.2-1", -1},
	{"2.2-1", "2.2~rc-4", 1},
	{"1.0000-1", "1.0-1", 0},
	{"1", "0:1", 0},
	{"0", "0:0-0", 0},
	{"2:2.5", "1:7.5", 1},
	{"1:0foo", "0foo", 1},
	{"0:0foo", "0foo", 0},
	{"0foo", "0foo", 0},
	{"0foo-0", "0foo", 0},
	{"0foo", "0foo-0", 0},
	{"0foo", "0fo", 1},
	{"0foo-0", "0foo+", -1},
	{"0foo~1", "0foo", -1},
	{"0foo~foo+Bar", "0foo~foo+bar", -1},
	{"0foo~~", "0foo~", -1},
	{"1~", "1", -1},
	{"12345+that-really-is-some-ver-0", "12345+that-really-is-some-ver-10", -1},
	{"0foo-0", "0foo-01", -1},
	{"0foo.bar", "0foobar", 1},
	{"0foo.bar", "0foo1bar", 1},
	{"0foo.bar", "0foo0bar", 1},
	{"0foo1bar-1", "0foobar-1", -1},
	{"0foo2.0", "0foo2", 1},
	{"0foo2.0.0", "0foo2.10.0", -1},
	{"0foo2.0", "0foo2.0.0", -1},
	{"0foo2.0", "0foo2.10", -1},
	{"0foo2.1", "0foo2.10", -1},
	{"1.09", "1.9", 0},
	{"1.0.8+nmu1", "1.0.8", 1},
	{"3.11", "3.10+nmu1", 1},
	{"0.9j-20080306-4", "0.9i-20070324-2", 1},
	{"1.2.0~b7-1", "1.2.0~b6-1", 1},
	{"1.011-1", "1.06-2", 1},
	{"0.0.9+dfsg1-1", "0.0.8+dfsg1-3", 1},
	{"4.6.99+svn6582-1", "4.6.99+svn6496-1", 1},
	{"53", "52", 1},
	{"0.9.9~pre122-1", "0.9.9~pre111-1", 1},
	{"2:2.3.2-2+lenny2", "2:2.3.2-2", 1},
	{"1:3.8.1-1", "3.8.GA-1", 1},
	{"1.0.1+gpl-1", "1.0.1-2", 1},
	{"1a", "1000a", -1},
	/* kernels */
	{"6.1.0-9-amd64", "6.1.0-28-amd64", -1},
	{"6.1.128-1", "6.1.119-1", 1},
	{"6.12.38-1~bpo12+1", "6.12.38-1", -1},
};

static int sign(int value) { return (value > 0) - (value < 0); }

static void versions_compare_as_dpkg_does_it(void **state) {
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		int there = sign(dpkg_version_compare(vectors[i].a, vectors[i].b));
		int back = sign(dpkg_version_compare(vectors[i].b, vectors[i].a));
		if (there != vectors[i].order || back != -vectors[i].order)
			fail_msg("%s and %s: %d and back %d", vectors[i].a, vectors[i].b, there, back);
	}
}

static bool count_one(void *context, const struct dpkg_package *package, struct err *err) {
	++*(unsigned *)context;
	return true;
}

static bool read_text(const char *text, unsigned *ret_count, struct err *err) {
	struct source status = {.name = (char *)(uintptr_t)DPKG_STATUS};
	buf_adds(&status.bytes, text);
	*ret_count = 0;
	bool ok = dpkg_status_read(&status, count_one, ret_count, err);
	buf_done(&status.bytes);
	return ok;
}

static void database_that_is_none_is_refused_with_its_line(void **state) {
	struct err err = {0};
	unsigned count;
	assert_true(
		read_text("\n\nPackage: a\nStatus: install ok installed\n\n\nPackage: b\nStatus: x y z", &count, &err));
	assert_int_equal(count, 2);
	assert_false(read_text("Package: a\nStatus: install ok installed\n\nPackage: b\n\n", &count, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_int_equal(err.line, 4);
	assert_false(read_text("", &count, &err));
}

static void database_over_the_cap_is_refused(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	struct err err = {0};
	unsigned count;
	for (int i = 0; i <= DPKG_PACKAGES_MOST; i++)
		buf_adds(&text, "Package: a\nStatus: i o i\n\n");
	assert_false(read_text(buf_str(&text), &count, &err));
	assert_int_equal(count, DPKG_PACKAGES_MOST);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_compare_as_dpkg_does_it),
		cmocka_unit_test(database_that_is_none_is_refused_with_its_line),
		cmocka_unit_test(database_over_the_cap_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

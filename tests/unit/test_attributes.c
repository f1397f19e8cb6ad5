/* Access lists and capabilities: what a mode does not show. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/xattr.h>

#include "sources/caps.h"
#include "tests/unit/fetching.h"

/* cap_net_raw, cap_net_bind_service; permitted and effective. Version 2, little-endian. */
#define PING "\1\0\0\2\0\44\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
/* user::rwx, user:1000:rw-, group::r-x, mask::rwx, other::--- */
#define LIST                                                                                                           \
	"\2\0\0\0\1\0\7\0\377\377\377\377\2\0\6\0\350\3\0\0\4\0\5\0\377\377\377\377\20\0\7\0\377\377\377\377\40\0\0\0" \
	"\377\377\377\377"

static void set(const char *path, const char *attribute, const char *bytes, size_t len) {
	assert_int_equal(setxattr(path, attribute, bytes, len, 0), 0);
}

static const json_t *row_of(const json_t *list, const char *end) {
	size_t index;
	json_t *row;
	json_array_foreach(list, index, row) {
		const char *path = json_string_value(json_object_get(row, "path"));
		if (strlen(path) > strlen(end) && !strcmp(path + strlen(path) - strlen(end), end))
			return row;
	}
	return NULL;
}

static json_t *json_of(const struct source *source) {
	json_t *value;
	struct err err;
	assert_true(source_json(source, &value, &err));
	return value;
}

static void tree_and_stat_show_capabilities_and_default_lists(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr)
	char *ping = file_join(folder, "t/ping"), *drop = file_join(folder, "t/drop"),
	     *link = file_join(folder, "t/link"), *tree = NULL, *caps = NULL, *perm = NULL, *stat_ping = NULL,
	     *stat_drop = NULL;
	put(folder, "t/ping", "x");
	put(folder, "t/plain", "x");
	put(folder, "t/drop/x", "x");
	assert_int_equal(symlink("ping", link), 0);
	assert_int_equal(chmod(ping, 04755), 0);
	set(ping, "security.capability", PING, sizeof PING - 1);
	set(drop, "system.posix_acl_default", LIST, sizeof LIST - 1);
	tree = xasprintf("tree:%s/t", folder);
	caps = xasprintf("tree:%s/t?caps", folder);
	perm = xasprintf("tree:%s/t?perm=4000", folder);
	stat_ping = xasprintf("stat:%s", ping);
	stat_drop = xasprintf("stat:%s", drop);
	CLEANUP(sources_free_p)
	struct sources *fetched = fetch_all(NULL, (const char *const[]){tree, caps, perm, stat_ping, stat_drop, NULL});
	const json_t *all = json_of(sources_at(fetched, 0)), *with_caps = json_of(sources_at(fetched, 1)),
		     *with_bits = json_of(sources_at(fetched, 2));
	static const char ping_caps[] = "cap_net_bind_service,cap_net_raw=ep";
	assert_int_equal(json_array_size(all), 5);
	assert_string_equal(json_string_value(json_object_get(row_of(all, "/ping"), "caps")), ping_caps);
	assert_null(json_object_get(row_of(all, "/plain"), "caps"));
	assert_null(json_object_get(row_of(all, "/link"), "caps"));
	const json_t *list = json_object_get(row_of(all, "/drop"), "default_acl");
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_array_get(list, 0)), "user:1000:rw-");
	assert_null(json_object_get(row_of(all, "/drop"), "acl"));
	assert_int_equal(json_array_size(with_caps), 1);
	assert_string_equal(json_string_value(json_object_get(row_of(with_caps, "/ping"), "caps")), ping_caps);
	assert_int_equal(json_array_size(with_bits), 1);
	assert_string_equal(json_string_value(json_object_get(json_of(sources_at(fetched, 3)), "caps")), ping_caps);
	assert_int_equal(json_array_size(json_object_get(json_of(sources_at(fetched, 4)), "default_acl")), 1);
}

static void fixture_gives_capabilities_by_its_meta(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	put(folder, "usr/bin/ping", "x");
	put(folder, "usr/bin/other", "x");
	put(folder, ".vouch/meta",
	    "{\"/usr/bin/ping\":{\"caps\":\"cap_net_raw=ep\",\"mode\":\"0755\"},\"/usr/bin\":{\"mode\":\"0755\","
	    "\"default_acl\":[\"user:1:r--\"]}}");
	CLEANUP(sources_free_p)
	struct sources *fetched =
		fetch_all(folder, (const char *const[]){"tree:/usr?caps", "stat:/usr/bin/ping", "stat:/usr/bin", NULL});
	const json_t *list = json_of(sources_at(fetched, 0));
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(row_of(list, "/ping"), "caps")), "cap_net_raw=ep");
	assert_string_equal(json_string_value(json_object_get(json_of(sources_at(fetched, 1)), "caps")),
			    "cap_net_raw=ep");
	assert_non_null(json_object_get(json_of(sources_at(fetched, 2)), "default_acl"));
}

static void capabilities_are_written_as_getcap_does(void **state) {
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} cases[] = {
		{PING, 20, "cap_net_bind_service,cap_net_raw=ep"},
		{"\0\0\0\1\0\40\0\0\0\0\0\0", 12, "cap_net_raw=p"},
		{"\1\0\0\2\0\40\0\0\0\40\0\0\0\0\0\0\0\0\0\0", 20, "cap_net_raw=eip"},
		{"\0\0\0\2\1\0\0\0\2\0\0\0\0\1\0\0\0\0\0\0", 20,
		 "cap_chown,cap_checkpoint_restore=p cap_dac_override=i"},
		{"\0\0\0\2\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0", 20, "41=p"},
		{"\1\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, "="},
		{"\1\0\0\3\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\240\206\1\0", 24, "cap_net_raw=ep [rootid=100000]"},
		{"\1\0\0\3\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, "cap_net_raw=ep"},
		{PING, 19, NULL},
		{"\1\0\0\3\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, NULL},
		{"\1\0\0\4\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, NULL},
		{"", 0, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(free_ptr) char *text = caps_text(cases[i].bytes, cases[i].len);
		assert_int_equal(text == NULL, cases[i].text == NULL);
		if (text)
			assert_string_equal(text, cases[i].text);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_and_stat_show_capabilities_and_default_lists),
		cmocka_unit_test(fixture_gives_capabilities_by_its_meta),
		cmocka_unit_test(capabilities_are_written_as_getcap_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whose settings and policies are taken: root's, or those of whom vouchd runs as. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "agent/owned.h"
#include "tests/unit/scratch.h"

#define NOBODY 65534

/* etc/ with settings, a folder of policies, one of approvers; policies/ with one that is named. */
struct config {
	char *folder, *path, *overlay, *named, *key;
	struct settings *settings;
};

static int begin(void **state) {
	struct config *config = *state = xcalloc(1, sizeof *config);
	struct err err;
	config->folder = scratch_new();
	scratch_put(config->folder, "etc/vouchd.yaml", "");
	scratch_put(config->folder, "etc/policy.d/10-web.yaml", "x");
	scratch_put(config->folder, "etc/policy.d/20-folder/policy.yaml", "x");
	scratch_put(config->folder, "etc/approvers/ann.pem", "x");
	scratch_put(config->folder, "policies/ours.yaml", "x");
	config->path = file_join(config->folder, "etc/vouchd.yaml");
	config->overlay = file_join(config->folder, "etc/policy.d/10-web.yaml");
	config->named = file_join(config->folder, "policies/ours.yaml");
	config->key = file_join(config->folder, "etc/approvers/ann.pem");
	CLEANUP(free_ptr)
	char *text = xasprintf("policies: [%s]\npolicy_folder: %s/etc/policy.d\napprovers: %s/etc/approvers\n"
			       "require_approval: true\n",
			       config->named, config->folder, config->folder);
	assert_true(settings_read(text, strlen(text), "x", &config->settings, &err));
	return 0;
}

static int end(void **state) {
	struct config *config = *state;
	char *const owned[] = {config->path, config->overlay, config->named, config->key};
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	scratch_free(&config->folder);
	settings_free(config->settings);
	free(config);
	return 0;
}

static void is_taken(const struct config *config) {
	struct err err;
	if (!owned_configuration(config->path, config->settings, &err))
		fail_msg("%s: %s", err.where, err.why);
}

static void is_not_taken(const struct config *config, const char *where, const char *why) {
	struct err err;
	assert_false(owned_configuration(config->path, config->settings, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_string_equal(err.where, where);
	assert_non_null(strstr(err.why, why));
}

static void what_others_may_write_is_not_taken(void **state) {
	const struct config *config = *state;
	char *const files[] = {config->path, config->overlay, config->named, config->key};
	is_taken(config);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_int_equal(chmod(files[i], 0646), 0);
		is_not_taken(config, files[i], "others than root may write it: mode 0646");
		assert_int_equal(chmod(files[i], 0644), 0);
		is_taken(config);
	}
}

/* Who may write a folder puts another file in the place of one that is not his. */
static void nor_what_lies_in_a_folder_that_others_may_write(void **state) {
	static const char *const folders[] = {"etc", "etc/policy.d", "etc/policy.d/20-folder", "etc/approvers",
					      "policies"};
	const struct config *config = *state;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		CLEANUP(free_ptr) char *folder = file_join(config->folder, folders[i]);
		assert_int_equal(chmod(folder, 0777), 0);
		is_not_taken(config, folder, "others than root may write it");
		assert_int_equal(chmod(folder, 0755), 0);
	}
	/* Like /tmp: nobody takes another's file away there, and anybody puts one of his own there. */
	CLEANUP(free_ptr) char *way = file_join(config->folder, "policies");
	CLEANUP(free_ptr) char *all = file_join(config->folder, "etc/policy.d");
	assert_int_equal(chmod(way, 01777), 0);
	is_taken(config);
	assert_int_equal(chmod(all, 01777), 0);
	is_not_taken(config, all, "others than root may write it");
}

static void nor_what_a_link_leads_to_where_others_may_write(void **state) {
	const struct config *config = *state;
	CLEANUP(free_ptr) char *elsewhere = file_join(config->folder, "elsewhere");
	CLEANUP(free_ptr) char *target = file_join(elsewhere, "x.yaml");
	scratch_put(config->folder, "elsewhere/x.yaml", "x");
	assert_int_equal(unlink(config->overlay), 0);
	assert_int_equal(symlink(target, config->overlay), 0);
	is_taken(config);
	assert_int_equal(chmod(elsewhere, 0777), 0);
	is_not_taken(config, elsewhere, "others than root may write it");
}

static void nor_what_belongs_to_others(void **state) {
	const struct config *config = *state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(config->overlay, NOBODY, 0), 0);
	is_not_taken(config, config->overlay, "it belongs to user 65534, not to root");
	/* A group is somebody else as well, unless it is root's. */
	assert_int_equal(chown(config->overlay, 0, NOBODY), 0);
	is_taken(config);
	assert_int_equal(chmod(config->overlay, 0664), 0);
	is_not_taken(config, config->overlay, "mode 0664, group 65534");
	assert_int_equal(chown(config->overlay, 0, 0), 0);
	is_taken(config);
}

static void what_is_not_there_is_nobodys(void **state) {
	const struct config *config = *state;
	struct err err;
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	static const char text[] = "policies: [/nowhere/x.yaml]\npolicy_folder: /nowhere/d\n";
	assert_true(settings_read(text, strlen(text), "x", &settings, &err));
	assert_true(owned_configuration("/nowhere/vouchd.yaml", settings, &err));
	/* Keys that nobody asks for decide nothing. */
	assert_int_equal(chmod(config->key, 0666), 0);
	assert_true(owned_configuration(config->path, settings, &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_others_may_write_is_not_taken, begin, end),
		cmocka_unit_test_setup_teardown(nor_what_lies_in_a_folder_that_others_may_write, begin, end),
		cmocka_unit_test_setup_teardown(nor_what_a_link_leads_to_where_others_may_write, begin, end),
		cmocka_unit_test_setup_teardown(nor_what_belongs_to_others, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_nobodys, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

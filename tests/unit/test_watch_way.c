/* What the look behind a watch adds watches to, and that whoever asks for it through a helper is led nowhere by links
 * that are not root's. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "sources/guard.h"
#include "sources/kind.h"
#include "tests/unit/scratch.h"

static char *folder;
static int inotify;

static int make(void **state) {
	folder = scratch_new();
	inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return inotify < 0 || chmod(folder, 0755) != 0;
}

static int drop(void **state) {
	close(inotify);
	scratch_free(&folder);
	return 0;
}

static bool lead_anywhere(void *context, const char *name, const char *target) { return true; }
static bool lead_nowhere(void *context, const char *name, const char *target) { return false; }

/* The gap in the answer, "" for none; the caller frees. lead: NULL without a guard. */
static char *watch(const char *kind, const char *name, int sent,
		   bool (*lead)(void *context, const char *name, const char *target)) {
	CLEANUP(free_ptr) char *whole = xasprintf("watch:%s%s/%s", kind, folder, name);
	CLEANUP(answer_done) struct answer answer = {0};
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct err err;
	const struct guard guard = {.name = whole, .may_lead = lead};
	const struct place place = {.guard = lead ? &guard : NULL};
	const struct ask ask = {.name = whole,
				.rest = whole + strlen("watch:"),
				.place = &place,
				.deadline_us = UINT64_MAX,
				.sent = sent};
	if (!kind_watch.look(&ask, &answer, &err))
		return xstrdup(err_code_name(err.code));
	assert_true(json_read(answer.bytes.data, answer.bytes.len, 1 << 20, "", &value, &err));
	const char *gap = json_string_value(json_object_get(value, "gap"));
	return xstrdup(gap ? gap : "");
}

/* The watch on this folder, -1 where there is none; proc(5), /proc/pid/fdinfo. */
static int watch_of(const char *name) {
	char line[512];
	struct stat status;
	int found = -1, descriptor;
	unsigned long inode;
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(free_ptr) char *info = xasprintf("/proc/self/fdinfo/%d", inotify);
	assert_int_equal(stat(path, &status), 0);
	FILE *file = fopen(info, "re");
	assert_non_null(file);
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "inotify wd:%x ino:%lx", (unsigned *)&descriptor, &inode) == 2 &&
		    inode == status.st_ino)
			found = descriptor;
	fclose(file);
	return found;
}

static bool is_watched(const char *name) { return watch_of(name) >= 0; }

static void link_by(const char *target, const char *name, uid_t owner) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(free_ptr) char *leads = file_join(folder, target);
	assert_int_equal(symlink(leads, path), 0);
	assert_int_equal(lchown(path, owner, owner), 0);
}

static void only_an_inotify_instance_is_taken(void **state) {
	CLEANUP(close_fd) int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CLEANUP(free_ptr) char *wrong = watch("file:", "a", other, NULL);
	assert_string_equal(wrong, "denied");
	CLEANUP(free_ptr) char *right = watch("file:", "a", inotify, NULL);
	assert_string_equal(right, "");
}

static void name_without_a_path_is_refused(void **state) {
	static const char *const kinds[] = {"unit:", "watch:file:", "nft:", ""};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(free_ptr) char *said = watch(kinds[i], "a", inotify, NULL);
		assert_string_equal(said, "unreadable");
	}
}

static void every_folder_of_the_way_is_watched_and_not_the_file(void **state) {
	scratch_put(folder, "etc/ssh/a", "1");
	CLEANUP(free_ptr) char *gap = watch("file:", "etc/ssh/a", inotify, NULL);
	assert_string_equal(gap, "");
	assert_true(is_watched("."));
	assert_true(is_watched(".."));
	assert_true(is_watched("etc"));
	assert_true(is_watched("etc/ssh"));
	assert_false(is_watched("etc/ssh/a"));
}

/* Whether anything was told since, of the folder or below: those above it are everybody's, and in them others make
 * and remove folders all the time. */
static bool has_event(void) {
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const int above[] = {watch_of(".."), watch_of("../..")};
	bool is_ours = false;
	ssize_t got;
	while ((got = read(inotify, events, sizeof events)) > 0)
		for (const char *at = events; at < events + got;
		     at += sizeof(struct inotify_event) + ((const struct inotify_event *)at)->len) {
			const int of = ((const struct inotify_event *)at)->wd;
			is_ours |= of != above[0] && of != above[1];
		}
	return is_ours;
}

static void names_in_a_folder_that_not_everybody_may_list_are_not_told(void **state) {
	CLEANUP(free_ptr) char *private = file_join(folder, "private");
	CLEANUP(free_ptr) char *open = file_join(folder, "private/open");
	scratch_put(folder, "private/a", "1");
	scratch_put(folder, "private/open/a", "1");
	assert_int_equal(chmod(private, 0700), 0);
	assert_int_equal(chmod(open, 0755), 0);
	const char *const names[] = {"private/a", "private/open/a"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(free_ptr) char *gap = watch("file:", names[i], inotify, lead_nowhere);
		assert_string_equal(gap, "");
		assert_true(is_watched(names[i]));
	}
	assert_true(is_watched("."));
	assert_false(has_event());
	scratch_put(folder, "private/b", "1");
	scratch_put(folder, "private/open/b", "1");
	assert_false(has_event());
	scratch_put(folder, "private/open/a", "2");
	assert_true(has_event());
	CLEANUP(free_ptr) char *missing = watch("file:", "private/none", inotify, lead_nowhere);
	assert_non_null(strstr(missing, "nobody tells when it is made"));
	CLEANUP(free_ptr) char *itself = watch("stat:", "private", inotify, lead_nowhere);
	assert_non_null(strstr(itself, "not everybody's to list"));
	assert_false(has_event());
	scratch_put(folder, "private/c", "1");
	assert_false(has_event());
}

static void link_of_root_is_followed_where_it_may_lead(void **state) {
	assert_int_equal(getuid(), 0);
	scratch_put(folder, "far/a", "1");
	link_by("far/a", "start", 0);
	CLEANUP(free_ptr) char *barred = watch("file:", "start", inotify, lead_nowhere);
	assert_non_null(strstr(barred, "a link that may not be followed"));
	assert_false(is_watched("far"));
	CLEANUP(free_ptr) char *open = watch("file:", "start", inotify, lead_anywhere);
	assert_string_equal(open, "");
	assert_true(is_watched("far"));
}

static void link_of_somebody_else_leads_nowhere(void **state) {
	scratch_put(folder, "far/a", "1");
	link_by("far/a", "start", 65534);
	link_by("far/b", "dangling", 65534);
	CLEANUP(free_ptr) char *gap = watch("file:", "start", inotify, lead_anywhere);
	assert_non_null(strstr(gap, "a link that may not be followed"));
	CLEANUP(free_ptr) char *other = watch("file:", "dangling", inotify, lead_anywhere);
	assert_non_null(strstr(other, "a link that may not be followed"));
	assert_false(is_watched("far"));
	assert_true(is_watched("."));
}

static void missing_target_that_may_not_be_led_to_is_not_waited_for(void **state) {
	scratch_put(folder, "far/a", "1");
	link_by("far/b", "dangling", 0);
	CLEANUP(free_ptr) char *barred = watch("file:", "dangling", inotify, lead_nowhere);
	assert_non_null(strstr(barred, "a link that may not be followed"));
	assert_false(is_watched("far"));
	CLEANUP(free_ptr) char *open = watch("file:", "dangling", inotify, lead_anywhere);
	assert_string_equal(open, "");
	assert_true(is_watched("far"));
}

static char *led_to;

static bool note_lead(void *context, const char *name, const char *target) {
	if (!strcmp(name, "dir:") || !strcmp(name, "tree:"))
		return true; /* whether names may be heard */
	free(led_to);
	led_to = xstrdup(target);
	return true;
}

static void missing_target_is_asked_for_by_its_whole_path(void **state) {
	scratch_put(folder, "usr/lib/a", "1");
	link_by("usr/lib", "lib", 0);
	CLEANUP(free_ptr) char *gap = watch("file:", "lib/modules/6/builtin", inotify, note_lead);
	CLEANUP(free_ptr) char *wanted = file_join(folder, "usr/lib/modules/6/builtin");
	assert_string_equal(gap, "");
	assert_string_equal(led_to, wanted);
	free(led_to);
	assert_true(is_watched("usr/lib"));
}

static void way_ends_where_nobody_would_tell(void **state) {
	CLEANUP(free_ptr) char *path = file_join(folder, "mounts");
	assert_int_equal(symlink("/proc/self/mounts", path), 0);
	CLEANUP(free_ptr) char *gap = watch("file:", "mounts", inotify, NULL);
	assert_string_equal(gap, "");
	assert_true(is_watched("."));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_an_inotify_instance_is_taken, make, drop),
		cmocka_unit_test_setup_teardown(name_without_a_path_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(every_folder_of_the_way_is_watched_and_not_the_file, make, drop),
		cmocka_unit_test_setup_teardown(names_in_a_folder_that_not_everybody_may_list_are_not_told, make, drop),
		cmocka_unit_test_setup_teardown(link_of_root_is_followed_where_it_may_lead, make, drop),
		cmocka_unit_test_setup_teardown(link_of_somebody_else_leads_nowhere, make, drop),
		cmocka_unit_test_setup_teardown(missing_target_that_may_not_be_led_to_is_not_waited_for, make, drop),
		cmocka_unit_test_setup_teardown(missing_target_is_asked_for_by_its_whole_path, make, drop),
		cmocka_unit_test_setup_teardown(way_ends_where_nobody_would_tell, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

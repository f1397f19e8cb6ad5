/* Watching: real inotify over temporary folders. What is done to a file comes out under its name, whichever way it is
 * done, and nothing else comes out. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "sources/gather.h"
#include "sources/watch.h"
#include "tests/unit/scratch.h"

#define NAMES_MOST 16
#define HANG_US 110000000 /* a loop that runs so long waits for what never comes */

struct watched_names {
	sd_event *loop;
	char *folder;
	struct watch *watch;
	char *names[NAMES_MOST];
	unsigned told[NAMES_MOST];
	size_t count;
	char *said;
};

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static size_t index_of(const struct watched_names *test, const char *name) {
	for (size_t i = 0; i < test->count; i++)
		if (!strcmp(test->names[i], name))
			return i;
	fail_msg("%s is none of the names", name);
	return 0;
}

static void on_changed(void *context, const char *name) {
	struct watched_names *test = context;
	test->told[index_of(test, name)]++;
}

static void on_say(void *context, const char *text) {
	struct watched_names *test = context;
	free(test->said);
	test->said = xstrdup(text);
}

static int on_hang(sd_event_source *source, uint64_t time, void *context) {
	fail_msg("what was waited for did not come");
	return 0;
}

static int make(void **state) {
	struct watched_names *test = xcalloc(1, sizeof *test);
	test->folder = scratch_new();
	*state = test;
	return sd_event_new(&test->loop) < 0 ||
	       sd_event_add_time_relative(test->loop, NULL, CLOCK_MONOTONIC, HANG_US, 0, on_hang, NULL) < 0;
}

static int drop(void **state) {
	struct watched_names *test = *state;
	watch_free(test->watch);
	sd_event_unref(test->loop);
	for (size_t i = 0; i < test->count; i++)
		free(test->names[i]);
	scratch_free(&test->folder);
	free(test->said);
	free(test);
	return 0;
}

/* "file:a/b": the name of what lies there in the test's folder. */
static char *name_of(const struct watched_names *test, const char *name) {
	const char *colon = strchr(name, ':');
	if (colon[1] == '\0' || colon[1] == '/' || !strncmp(name, "unit:", 5))
		return xstrdup(name);
	return xasprintf("%.*s:%s/%s", (int)(colon - name), name, test->folder, colon + 1);
}

static void add_name(struct watched_names *test, const char *name) {
	assert_true(test->count < NAMES_MOST);
	test->names[test->count++] = name_of(test, name);
	qsort(test->names, test->count, sizeof(char *), by_text);
}

static void turn(struct watched_names *test) { assert_true(sd_event_run(test->loop, UINT64_MAX) >= 0); }

static void settle(struct watched_names *test) {
	while (!watch_is_settled(test->watch))
		turn(test);
}

static void stop(void *context) { *(bool *)context = true; }

/* What the names are now, for the caller to free. */
static struct seen *look(struct watched_names *test) {
	const struct host host = {0};
	bool is_done = false;
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	CLEANUP(names_free_p) struct names *names = names_new();
	struct fetch *fetch = fetch_new(test->loop, &host, set);
	for (size_t i = 0; i < test->count; i++)
		names_add(names, test->names[i]);
	fetch_start(fetch, names, stop, &is_done);
	while (!is_done)
		turn(test);
	fetch_free(fetch);
	struct seen *seen = xcalloc(test->count + 1, sizeof *seen);
	for (size_t i = 0; i < test->count; i++)
		seen[i] =
			(struct seen){.name = test->names[i], .digest = seen_digest(sources_get(set, test->names[i]))};
	return seen;
}

static void watch_seen(struct watched_names *test, struct seen *seen) {
	const struct watch_options options = {.changed = on_changed, .say = on_say, .context = test};
	if (!test->watch)
		test->watch = watch_new(test->loop, &options);
	watch_set(test->watch, (const char *const *)test->names, test->count, seen, test->count);
	free(seen);
	settle(test);
}

/* Watch these and a file "end", by which the tests know that all that was before has been told. */
static void watch_names(struct watched_names *test, const char *const names[]) {
	for (; *names; names++)
		add_name(test, *names);
	add_name(test, "file:end");
	watch_seen(test, look(test));
}

/* What was told since the last time, sorted, a word each, "end" left out; the caller frees. */
static char *told(struct watched_names *test) {
	struct buf text = {0};
	CLEANUP(free_ptr) char *end = name_of(test, "file:end");
	size_t at = index_of(test, end);
	scratch_put(test->folder, "end", "x");
	while (!test->told[at])
		turn(test);
	settle(test);
	for (size_t i = 0; i < test->count; i++) {
		if (test->told[i] && i != at) {
			const char *path = strstr(test->names[i], test->folder);
			size_t kind = strcspn(test->names[i], ":") + 1;
			buf_addf(&text, "%s%.*s%s", text.len ? " " : "", (int)kind, test->names[i],
				 path ? path + strlen(test->folder) + 1 : test->names[i] + kind);
		}
		test->told[i] = 0;
	}
	return buf_take(&text);
}

static void assert_told(struct watched_names *test, const char *wanted) {
	CLEANUP(free_ptr) char *text = told(test);
	assert_string_equal(text, wanted);
}

static char *at(const struct watched_names *test, const char *name) { return file_join(test->folder, name); }

static void write_in_place(const struct watched_names *test, const char *name, const char *text) {
	CLEANUP(free_ptr) char *path = at(test, name);
	CLEANUP(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void move(const struct watched_names *test, const char *from, const char *to) {
	CLEANUP(free_ptr) char *a = at(test, from);
	CLEANUP(free_ptr) char *b = at(test, to);
	assert_int_equal(rename(a, b), 0);
}

static void erase(const struct watched_names *test, const char *name) {
	CLEANUP(free_ptr) char *path = at(test, name);
	assert_int_equal(remove(path), 0);
}

static void make_folder(const struct watched_names *test, const char *name) {
	CLEANUP(free_ptr) char *path = at(test, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const struct watched_names *test, const char *target, const char *name) {
	CLEANUP(free_ptr) char *path = at(test, name);
	CLEANUP(free_ptr) char *leads = *target == '@' ? at(test, target + 1) : xstrdup(target);
	assert_int_equal(symlink(leads, path), 0);
}

static void file_is_told_however_it_changes(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "etc/a", "1");
	scratch_put(test->folder, "etc/b", "1");
	watch_names(test, (const char *const[]){"file:etc/a", "file:etc/b", NULL});
	assert_told(test, "");
	write_in_place(test, "etc/a", "2");
	assert_told(test, "file:etc/a");
	scratch_put(test->folder, "etc/.b.new", "2");
	move(test, "etc/.b.new", "etc/b");
	assert_told(test, "file:etc/b");
	erase(test, "etc/a");
	assert_told(test, "file:etc/a");
	write_in_place(test, "etc/a", "3");
	assert_told(test, "file:etc/a");
	CLEANUP(free_ptr) char *path = at(test, "etc/a");
	assert_int_equal(chmod(path, 0600), 0);
	assert_told(test, "file:etc/a");
}

static void looking_at_a_file_and_what_lies_beside_it_tell_nothing(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "etc/a", "1");
	watch_names(test, (const char *const[]){"file:etc/a", "stat:etc/a", "dir:etc", "tree:etc", NULL});
	free(look(test));
	write_in_place(test, "other", "1");
	make_folder(test, "elsewhere");
	assert_told(test, "");
}

static void file_in_a_folder_that_appears_later_is_told(void **state) {
	struct watched_names *test = *state;
	watch_names(test, (const char *const[]){"file:etc/x/y/a.conf", "dir:etc/x", "stat:etc", NULL});
	make_folder(test, "etc");
	assert_told(test, "dir:etc/x file:etc/x/y/a.conf stat:etc");
	make_folder(test, "etc/x");
	assert_told(test, "dir:etc/x file:etc/x/y/a.conf stat:etc");
	make_folder(test, "etc/x/y");
	assert_told(test, "dir:etc/x file:etc/x/y/a.conf");
	write_in_place(test, "etc/x/y/a.conf", "1");
	assert_told(test, "file:etc/x/y/a.conf");
	write_in_place(test, "etc/x/y/a.conf", "2");
	assert_told(test, "file:etc/x/y/a.conf");
}

/* The whole way appears at once, before anybody can have watched its parts. */
static void way_that_appears_at_once_is_followed_to_its_end(void **state) {
	struct watched_names *test = *state;
	watch_names(test, (const char *const[]){"file:a/b/c/d", NULL});
	for (unsigned i = 0; i < 10; i++) {
		scratch_put(test->folder, "a/b/c/d", "1");
		assert_told(test, "file:a/b/c/d");
		write_in_place(test, "a/b/c/d", "2");
		assert_told(test, "file:a/b/c/d");
		move(test, "a", "gone");
		assert_told(test, "file:a/b/c/d");
		write_in_place(test, "gone/b/c/d", "3");
		assert_told(test, "");
		CLEANUP(scratch_free) char *gone = at(test, "gone");
	}
}

static void folder_put_in_the_place_of_another_is_told(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "etc/ssh/a", "1");
	scratch_put(test->folder, "new/ssh/a", "1");
	watch_names(test, (const char *const[]){"file:etc/ssh/a", NULL});
	move(test, "etc", "old");
	move(test, "new", "etc");
	assert_told(test, "file:etc/ssh/a");
	write_in_place(test, "old/ssh/a", "2");
	assert_told(test, "");
	write_in_place(test, "etc/ssh/a", "2");
	assert_told(test, "file:etc/ssh/a");
}

static void target_of_a_link_and_every_link_on_the_way_count(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "one/a", "1");
	scratch_put(test->folder, "two/a", "1");
	make_link(test, "@one", "folder");
	make_link(test, "folder/a", "middle");
	make_link(test, "@middle", "start");
	watch_names(test, (const char *const[]){"file:start", "stat:start", "link:start", NULL});
	write_in_place(test, "one/a", "2");
	assert_told(test, "file:start link:start");
	erase(test, "folder");
	make_link(test, "@two", "folder");
	assert_told(test, "file:start link:start");
	write_in_place(test, "one/a", "3");
	assert_told(test, "");
	write_in_place(test, "two/a", "3");
	assert_told(test, "file:start link:start");
	make_link(test, "@one/a", "next");
	move(test, "next", "start");
	assert_told(test, "file:start link:start stat:start");
	write_in_place(test, "one/a", "4");
	assert_told(test, "file:start link:start");
}

static void target_that_a_dangling_link_waits_for_is_told(void **state) {
	struct watched_names *test = *state;
	make_link(test, "opt/x/a", "start");
	watch_names(test, (const char *const[]){"file:start", NULL});
	scratch_put(test->folder, "opt/x/a", "1");
	assert_told(test, "file:start");
	write_in_place(test, "opt/x/a", "2");
	assert_told(test, "file:start");
}

static void entries_of_a_folder_count_but_not_what_is_in_them(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "d/a", "1");
	watch_names(test, (const char *const[]){"dir:d", "stat:d", NULL});
	write_in_place(test, "d/a", "2");
	assert_told(test, "");
	write_in_place(test, "d/b", "1");
	assert_told(test, "dir:d stat:d");
	erase(test, "d/b");
	assert_told(test, "dir:d stat:d");
}

static void tree_is_told_of_what_happens_in_folders_that_came_later(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "t/x/a", "1");
	watch_names(test, (const char *const[]){"tree:t", NULL});
	CLEANUP(free_ptr) char *path = at(test, "t/x/a");
	assert_int_equal(chmod(path, 0600), 0);
	assert_told(test, "tree:t");
	write_in_place(test, "t/x/a", "2"); /* as a log is all day long */
	assert_told(test, "");
	make_folder(test, "t/x/y");
	assert_told(test, "tree:t");
	write_in_place(test, "t/x/y/b", "1");
	assert_told(test, "tree:t");
}

static void tree_of_too_many_folders_is_said_to_be_left_to_the_schedule(void **state) {
	struct watched_names *test = *state;
	for (unsigned i = 0; i < 70; i++) {
		CLEANUP(free_ptr) char *name = xasprintf("t/%u/a", i);
		scratch_put(test->folder, name, "1");
	}
	watch_names(test, (const char *const[]){"tree:t", NULL});
	assert_non_null(test->said);
	assert_non_null(strstr(test->said, "a tree of too many folders"));
	on_say(test, "");
	watch_seen(test, look(test));
	assert_string_equal(test->said, ""); /* once */
}

static void what_changed_between_reading_and_watching_is_told(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "etc/a", "1");
	scratch_put(test->folder, "etc/b", "1");
	add_name(test, "file:etc/a");
	add_name(test, "file:etc/b");
	add_name(test, "file:end");
	struct seen *seen = look(test);
	write_in_place(test, "etc/a", "2");
	watch_seen(test, seen);
	assert_told(test, "file:etc/a");
}

static void names_that_are_taken_out_are_not_told_any_more(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "etc/a", "1");
	scratch_put(test->folder, "etc/b", "1");
	watch_names(test, (const char *const[]){"file:etc/a", "file:etc/b", NULL});
	CLEANUP(free_ptr) char *gone = name_of(test, "file:etc/a");
	size_t index = index_of(test, gone);
	free(test->names[index]);
	memmove(test->names + index, test->names + index + 1, (--test->count - index) * sizeof(char *));
	watch_seen(test, look(test));
	write_in_place(test, "etc/a", "2");
	write_in_place(test, "etc/b", "2");
	assert_told(test, "file:etc/b");
}

static void queue_that_runs_over_counts_as_a_change_of_everything(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "etc/a", "1");
	scratch_put(test->folder, "far/b", "1");
	watch_names(test, (const char *const[]){"file:etc/a", "file:far/b", NULL});
	for (unsigned i = 0; i < 10000; i++) { /* two events each; the kernel keeps 16,384 */
		write_in_place(test, "etc/x", "1");
		erase(test, "etc/x");
	}
	assert_told(test, "file:etc/a file:far/b");
	write_in_place(test, "etc/a", "2");
	assert_told(test, "file:etc/a");
}

static void mount_over_a_folder_on_the_way_is_told(void **state) {
	struct watched_names *test = *state;
	assert_int_equal(getuid(), 0); /* mounting needs root */
	scratch_put(test->folder, "etc/a", "1");
	watch_names(test, (const char *const[]){"file:etc/a", "mounts:", NULL});
	CLEANUP(free_ptr) char *path = at(test, "etc");
	assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
	bool has_file = false, has_mounts = false;
	while (!has_file || !has_mounts) { /* others may mount things meanwhile; then it takes up to a minute */
		CLEANUP(free_ptr) char *text = told(test);
		has_file |= strstr(text, "file:etc/a") != NULL;
		has_mounts |= strstr(text, "mounts:") != NULL;
	}
	write_in_place(test, "etc/a", "2");
	CLEANUP(free_ptr) char *text = told(test);
	assert_non_null(strstr(text, "file:etc/a"));
	assert_int_equal(umount(path), 0);
}

static void what_nobody_tells_of_is_not_said(void **state) {
	struct watched_names *test = *state;
	watch_names(test, (const char *const[]){"now:", "file:/proc/cpuinfo", "file:/proc/sys/kernel/ostype",
						"tree:/usr/share?perm=0002", "journal:boots", NULL});
	assert_null(test->said);
	assert_told(test, "");
}

/* Who read it himself knows; who else reads it would wait for a difference that the watch does not find any more. */
static void what_another_reading_saw_first_is_told(void **state) {
	struct watched_names *test = *state;
	scratch_put(test->folder, "a", "1");
	watch_names(test, (const char *const[]){"file:a", "file:b", "now:", "stat:/var/log", NULL});
	CLEANUP(free_ptr) char *name = name_of(test, "file:a");
	for (int i = 0; i < 2; i++) {
		struct seen *seen = look(test);
		for (size_t n = 0; n < test->count; n++)
			if (!strcmp(test->names[n], name) || !strcmp(test->names[n], "stat:/var/log"))
				seen[n].digest.bytes[0] ^= 1;
		watch_seen(test, seen);
		assert_told(test, i == 0 ? "file:a" : "");
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(file_is_told_however_it_changes, make, drop),
		cmocka_unit_test_setup_teardown(looking_at_a_file_and_what_lies_beside_it_tell_nothing, make, drop),
		cmocka_unit_test_setup_teardown(file_in_a_folder_that_appears_later_is_told, make, drop),
		cmocka_unit_test_setup_teardown(way_that_appears_at_once_is_followed_to_its_end, make, drop),
		cmocka_unit_test_setup_teardown(folder_put_in_the_place_of_another_is_told, make, drop),
		cmocka_unit_test_setup_teardown(target_of_a_link_and_every_link_on_the_way_count, make, drop),
		cmocka_unit_test_setup_teardown(target_that_a_dangling_link_waits_for_is_told, make, drop),
		cmocka_unit_test_setup_teardown(entries_of_a_folder_count_but_not_what_is_in_them, make, drop),
		cmocka_unit_test_setup_teardown(tree_is_told_of_what_happens_in_folders_that_came_later, make, drop),
		cmocka_unit_test_setup_teardown(tree_of_too_many_folders_is_said_to_be_left_to_the_schedule, make,
						drop),
		cmocka_unit_test_setup_teardown(what_changed_between_reading_and_watching_is_told, make, drop),
		cmocka_unit_test_setup_teardown(names_that_are_taken_out_are_not_told_any_more, make, drop),
		cmocka_unit_test_setup_teardown(what_another_reading_saw_first_is_told, make, drop),
		cmocka_unit_test_setup_teardown(queue_that_runs_over_counts_as_a_change_of_everything, make, drop),
		cmocka_unit_test_setup_teardown(mount_over_a_folder_on_the_way_is_told, make, drop),
		cmocka_unit_test_setup_teardown(what_nobody_tells_of_is_not_said, make, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The journal's boots, from files that a real journald wrote. It runs in a mount namespace of its own, with another
 * boot's id and another machine's in place of this one's, and ends itself when it has said that it started. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "sources/journal.h"
#include "sources/journal_events.h"
#include "tests/unit/fetching.h"

#define JOURNALD "/lib/systemd/systemd-journald"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define MACHINE "0123456789abcdef0123456789abcdef"
#define BOOT_1 "11111111111111111111111111111111"
#define BOOT_2 "22222222222222222222222222222222"

/* It leaves the kernel's log and auditing alone. */
#define JOURNALD_CONF "/etc/systemd/journald.conf"
#define SETTINGS "[Journal]\nStorage=volatile\nAudit=\nReadKMsg=no\nForwardToSyslog=no\n"

static const char machine[] = MACHINE;

/* What runs in the child, up to the exec. */
static void become_journald(const char *folder, const char *boot_file, const char *machine_file,
			    const char *settings_file) {
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) != 0 || mkdir("/run/log", 0755) != 0 ||
	    mkdir("/run/log/journal", 0755) != 0 || mkdir("/run/systemd", 0755) != 0 ||
	    mount(folder, "/run/log/journal", NULL, MS_BIND, NULL) != 0 ||
	    mount(machine_file, "/etc/machine-id", NULL, MS_BIND, NULL) != 0 ||
	    mount(settings_file, JOURNALD_CONF, NULL, MS_BIND, NULL) != 0)
		_exit(101);
	while (umount2(BOOT_ID, MNT_DETACH) == 0) /* in a container it is a mount of a file that is gone */
		;
	if (mount(boot_file, BOOT_ID, NULL, MS_BIND, NULL) != 0)
		_exit(103);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, 1);
	dup2(null, 2);
	execl(JOURNALD, JOURNALD, (char *)NULL);
	_exit(102);
}

/* Let journald write into folder/<machine> under this boot's id. */
static void write_boot(const char *folder, const char *boot) {
	CLEANUP(folder_remove) char *files = folder_make();
	CLEANUP(free_ptr) char *boot_file = file_join(files, "boot"), *settings_file = file_join(files, "settings");
	CLEANUP(free_ptr) char *machine_file = file_join(files, "machine");
	CLEANUP(free_ptr)
	char *dashed = xasprintf("%.8s-%.4s-%.4s-%.4s-%.12s\n", boot, boot + 8, boot + 12, boot + 16, boot + 20);
	put(files, "boot", dashed);
	put(files, "settings", SETTINGS);
	put(files, "machine", MACHINE "\n");
	/* A SIGTERM that comes before journald waits for it is kept for it. */
	sigset_t term;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	pid_t child = fork();
	if (child == 0)
		become_journald(folder, boot_file, machine_file, settings_file);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	assert_int_equal(kill(child, SIGTERM), 0);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct place live = {0};
static const struct ask ask = {.name = "journal:boots", .rest = "", .place = &live, .deadline_us = UINT64_MAX};

/* Of other folders than the host's, each name looked at here. */
static bool look(const char *persistent, const char *runtime, json_t **value, struct err *err) {
	CLEANUP(journal_files_done) struct journal_files files;
	const struct kind *kind;
	json_decref(*value);
	*value = NULL;
	*err = (struct err){0};
	journal_files_init(&files, persistent, runtime, machine, ask.name);
	for (const char *name; (name = journal_files_next(&files, &kind));) {
		struct answer answer = {0};
		struct err failed;
		struct ask part = ask;
		part.name = name;
		part.rest = name + strlen(kind->prefix);
		bool is_seen = kind->look(&part, &answer, &failed);
		if (!journal_files_take(&files, &answer, is_seen ? NULL : &failed, err))
			return false;
	}
	return journal_read(&ask, &files, machine, value, err);
}

static int64_t number(const json_t *value, const char *key) { return json_integer_value(json_object_get(value, key)); }

/* The path of a file in the machine's folder. */
static char *in_journal(const char *folder, const char *name) { return xasprintf("%s/%s/%s", folder, machine, name); }

static void two_boots_are_told_apart_in_their_order(void **state) {
	struct err err;
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(json_decref_p) json_t *value = NULL;
	write_boot(folder, BOOT_2);
	write_boot(folder, BOOT_1);
	assert_true(look("/no/such", folder, &value, &err));
	const json_t *boots = json_object_get(value, "boots"), *first = json_array_get(boots, 0),
		     *second = json_array_get(boots, 1);
	assert_int_equal(json_array_size(boots), 2);
	assert_string_equal(json_string_value(json_object_get(first, "id")), BOOT_2);
	assert_string_equal(json_string_value(json_object_get(second, "id")), BOOT_1);
	assert_int_equal(number(value, "oldest"), number(first, "first"));
	assert_int_equal(number(value, "newest"), number(second, "last"));
	assert_true(number(first, "first") <= number(first, "last"));
	assert_true(number(first, "last") < number(second, "first"));
	assert_true(number(value, "bytes") > 0);
	assert_int_equal(number(value, "persistent_files"), 0);
	assert_int_equal(number(value, "broken"), 0);
	assert_true(json_is_true(json_object_get(value, "machine")));
	assert_true(look(folder, "/no/such", &value, &err));
	assert_int_equal(number(value, "persistent_files"), number(value, "files"));
}

/* What journal:events says of a folder; since: 0 for as the name has it. */
static bool look_events(const char *folder, const char *window, uint64_t since, json_t **value, struct err *err) {
	CLEANUP(journal_files_done) struct journal_files files;
	CLEANUP(free_ptr) char *name = xasprintf(JOURNAL_EVENTS "%s", window);
	const struct ask events = {.name = name, .rest = window, .place = &live, .deadline_us = UINT64_MAX};
	const struct kind *kind;
	json_decref(*value);
	*value = NULL;
	journal_files_init(&files, "/no/such", folder, machine, name);
	if (!journal_events_window(&events, &files, err))
		return false;
	files.since = since ? since : files.since;
	for (const char *asked; (asked = journal_files_next(&files, &kind));) {
		struct answer answer = {0};
		struct err failed;
		struct ask part = events;
		part.name = asked;
		part.rest = asked + strlen(kind->prefix);
		bool is_seen = kind->look(&part, &answer, &failed);
		if (!journal_files_take(&files, &answer, is_seen ? NULL : &failed, err))
			return false;
	}
	return journal_events_read(&events, &files, machine, value, err);
}

static int64_t count_of(const json_t *value, const char *class) {
	return number(json_object_get(json_object_get(value, "classes"), class), "count");
}

static const char *mark_at(const json_t *value, size_t index, const char *member) {
	return json_string_value(json_object_get(json_array_get(json_object_get(value, "marks"), index), member));
}

static void events_of_two_boots_are_counted_and_marked_in_order(void **state) {
	struct err err;
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(json_decref_p) json_t *value = NULL;
	write_boot(folder, BOOT_2);
	write_boot(folder, BOOT_1);
	assert_true(look_events(folder, "3600", 0, &value, &err));
	assert_int_equal(count_of(value, "journal_start"), 2);
	assert_int_equal(count_of(value, "journal_stop"), 2);
	assert_int_equal(count_of(value, "suppressed"), 0);
	assert_string_equal(mark_at(value, 0, "what"), "journal_start");
	assert_string_equal(mark_at(value, 0, "boot"), BOOT_2);
	assert_string_equal(mark_at(value, 3, "what"), "journal_stop");
	assert_string_equal(mark_at(value, 3, "boot"), BOOT_1);
	assert_string_equal(json_string_value(json_object_get(value, "newest_boot")), BOOT_1);
	assert_int_equal(json_array_size(json_object_get(value, "gaps")), 0);
	assert_true(json_is_true(json_object_get(value, "machine")));
	assert_false(json_is_true(json_object_get(value, "covered")));
	const json_t *sample = json_object_get(value, "sample");
	assert_true(number(sample, "entries") > 0);
	assert_int_equal(number(sample, "entries"), number(sample, "host"));
}

static void journal_without_an_entry_in_the_window_is_unproved(void **state) {
	struct err err;
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(json_decref_p) json_t *value = NULL;
	write_boot(folder, BOOT_1);
	assert_false(look_events(folder, "3600", UINT64_MAX - 1, &value, &err));
	assert_int_equal(err.code, ERR_UNPROVED);
}

static void windows_that_cannot_be_are_refused(void **state) {
	static const char *const wrong[] = {"", "0", "3599", "2678401", "7d", "604800&x=1", "-1"};
	struct err err;
	CLEANUP(json_decref_p) json_t *value = NULL;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_false(look_events("/no/such", wrong[i], 0, &value, &err));
		assert_int_equal(err.code, ERR_UNREADABLE);
	}
}

static void no_folder_is_absent_and_an_empty_one_unproved(void **state) {
	struct err err;
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *inside = in_journal(folder, "");
	CLEANUP(json_decref_p) json_t *value = NULL;
	assert_false(look(folder, folder, &value, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	assert_true(file_make_folder(inside, 0755, &err));
	assert_false(look(folder, folder, &value, &err));
	assert_int_equal(err.code, ERR_UNPROVED);
}

static void damaged_file_is_counted_and_the_rest_is_read(void **state) {
	struct err err;
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *good = in_journal(folder, "system.journal");
	CLEANUP(free_ptr)
	char *cut = in_journal(folder, "system@0-0-0.journal"), *empty = in_journal(folder, "system@1.journal~");
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *value = NULL;
	write_boot(folder, BOOT_1);
	assert_true(file_read(good, 64U << 20, &bytes, &err));
	assert_true(file_create(cut, bytes.data, 5000, 0644, &err));
	assert_true(file_create(empty, "", 0, 0644, &err));
	size_t before = descriptors();
	assert_true(look("/no/such", folder, &value, &err));
	assert_int_equal(number(value, "broken"), 2);
	assert_int_equal(number(value, "files"), 1);
	assert_int_equal(unlink(good), 0);
	assert_false(look("/no/such", folder, &value, &err));
	assert_int_equal(descriptors(), before);
	assert_int_equal(err.code, ERR_UNREADABLE);
}

static void one_file_without_rights_denies_the_whole(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *good = in_journal(folder, "system.journal"), *inside = in_journal(folder, "");
	assert_int_equal(chmod(folder, 0755), 0);
	write_boot(folder, BOOT_1);
	assert_int_equal(chmod(inside, 0755), 0);
	for (mode_t mode = 0644; mode >= 0600; mode -= 044) {
		assert_int_equal(chmod(good, mode), 0);
		pid_t child = fork();
		if (child == 0) {
			struct err err;
			json_t *value = NULL;
			if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
				_exit(100);
			bool is_read = look("/no/such", folder, &value, &err);
			json_decref(value);
			_exit(is_read ? 0 : (int)err.code);
		}
		int status = 0;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), mode == 0644 ? 0 : ERR_DENIED);
	}
}

static void files_of_users_and_of_other_machines_do_not_count(void **state) {
	struct err err;
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(json_decref_p) json_t *value = NULL;
	put(folder, "ffffffffffffffffffffffffffffffff/system.journal", "");
	assert_false(look(folder, folder, &value, &err));
	assert_int_equal(err.code, ERR_ABSENT);
	write_boot(folder, BOOT_1);
	CLEANUP(free_ptr) char *user = xasprintf("%s/user-1000.journal", machine);
	put(folder, user, "");
	assert_true(look(folder, "/no/such", &value, &err));
	assert_int_equal(number(value, "files"), 1);
	assert_int_equal(number(value, "broken"), 0);
}

/* In a child: the source itself, of hands, with this folder in place of the host's. */
static void fetch_boots(const char *folder, const char *machine_file) {
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) != 0 || mount("none", "/var", "tmpfs", 0, NULL) != 0 ||
	    mkdir("/run/log", 0755) != 0 || mkdir("/run/log/journal", 0755) != 0 ||
	    mount(folder, "/run/log/journal", NULL, MS_BIND, NULL) != 0 ||
	    mount(machine_file, "/etc/machine-id", NULL, MS_BIND, NULL) != 0)
		_exit(101);
	sources_free(fetch_one(NULL, "journal:boots"));
	size_t before = descriptors();
	struct sources *set = fetch_one(NULL, "journal:boots");
	json_t *value;
	struct err err;
	if (!source_json(only(set), &value, &err))
		_exit(102);
	if (number(value, "files") != 1 || json_array_size(json_object_get(value, "boots")) != 1)
		_exit(103);
	_exit(descriptors() != before);
}

static void the_source_asks_hands_for_every_file(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(folder_remove) char *files = folder_make();
	CLEANUP(free_ptr) char *machine_file = file_join(files, "machine");
	int status = 0;
	put(files, "machine", MACHINE "\n");
	write_boot(folder, BOOT_1);
	pid_t child = fork();
	if (child == 0)
		fetch_boots(folder, machine_file);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The tests need root, journald itself, and files to mount over; without them they fail here, by name. */
static int need_journald(void **state) {
	if (getuid() == 0 && !access(JOURNALD, X_OK) && !access(JOURNALD_CONF, F_OK) &&
	    !access("/etc/machine-id", F_OK))
		return 0;
	print_error("these tests need root, " JOURNALD ", " JOURNALD_CONF " and /etc/machine-id\n");
	return -1;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_boots_are_told_apart_in_their_order),
		cmocka_unit_test(events_of_two_boots_are_counted_and_marked_in_order),
		cmocka_unit_test(journal_without_an_entry_in_the_window_is_unproved),
		cmocka_unit_test(windows_that_cannot_be_are_refused),
		cmocka_unit_test(no_folder_is_absent_and_an_empty_one_unproved),
		cmocka_unit_test(damaged_file_is_counted_and_the_rest_is_read),
		cmocka_unit_test(one_file_without_rights_denies_the_whole),
		cmocka_unit_test(the_source_asks_hands_for_every_file),
		cmocka_unit_test(files_of_users_and_of_other_machines_do_not_count),
	};
	return cmocka_run_group_tests(tests, need_journald, NULL);
}

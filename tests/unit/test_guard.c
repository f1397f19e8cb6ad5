/* Opening for others: what links, hard links, magic links and exchanged folders cannot reach. Runs as root, because the
 * rules are about who owns what. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "sources/guard.h"
#include "tests/unit/scratch.h"

#define SOMEBODY 65534
#define FLIPS 10000
#define SECRET "the secret\n"

static const char *target_pattern; /* where links may end; NULL: nowhere */

static bool may_lead(void *context, const char *name, const char *target) {
	return target_pattern && fnmatch(target_pattern, target, 0) == 0;
}

static const struct guard guard = {.name = "file:test", .may_lead = may_lead};

static int open_at(const char *folder, const char *name, int flags) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	return guard_open(&guard, path, flags);
}

static void assert_refused(const char *folder, const char *name, int flags, int expected) {
	errno = 0;
	int fd = open_at(folder, name, flags);
	int error = errno;
	assert_int_equal(fd, -1);
	assert_int_equal(error, expected);
}

static void assert_reads(const char *folder, const char *name, const char *text) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(close_fd) int fd = open_at(folder, name, O_RDONLY);
	assert_true(fd >= 0);
	assert_true(file_read_fd(fd, name, 4096, &bytes, &err));
	assert_string_equal(buf_str(&bytes), text);
}

static void give(const char *folder, const char *name, uid_t owner) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	assert_int_equal(lchown(path, owner, owner), 0);
}

static void link_to(const char *target, const char *folder, const char *name) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	assert_int_equal(symlink(target, path), 0);
}

static void link_hard(const char *folder, const char *old, const char *name) {
	CLEANUP(free_ptr) char *from = file_join(folder, old);
	CLEANUP(free_ptr) char *to = file_join(folder, name);
	assert_int_equal(link(from, to), 0);
}

static void set_mode(const char *folder, const char *name, mode_t mode) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	assert_int_equal(chmod(path, mode), 0);
}

/* Each test: a folder of root's in /tmp (sticky), with a secret and a home of somebody's. */
static int set_up(void **state) {
	if (geteuid() != 0) {
		fprintf(stderr, "test_guard has to run as root: it gives files to others\n");
		return -1;
	}
	char *folder = scratch_new();
	scratch_put(folder, "secret", SECRET);
	scratch_put(folder, "plain", "plain\n");
	scratch_put(folder, "home/keys", "a key\n");
	give(folder, "home", SOMEBODY);
	give(folder, "home/keys", SOMEBODY);
	target_pattern = NULL;
	*state = folder;
	return 0;
}

static int tear_down(void **state) {
	char *folder = *state;
	scratch_free(&folder);
	return 0;
}

static void a_plain_path_opens_as_open_would(void **state) {
	assert_reads(*state, "plain", "plain\n");
	assert_reads(*state, "home/keys", "a key\n");
	assert_reads(*state, "home//./keys", "a key\n");
	assert_refused(*state, "plain/", O_RDONLY | O_DIRECTORY, ENOTDIR);
	assert_refused(*state, "plain/x", O_RDONLY, ENOTDIR);
	assert_refused(*state, "none", O_RDONLY, ENOENT);
	CLEANUP(close_fd) int folder = open_at(*state, "home", O_RDONLY | O_DIRECTORY);
	assert_true(folder >= 0);
	assert_int_equal(guard_open(&guard, "plain", O_RDONLY), -1);
	assert_int_equal(errno, EINVAL);
	assert_refused(*state, "plain", O_RDWR, EINVAL);
}

static void a_users_link_is_refused_wherever_it_leads(void **state) {
	CLEANUP(free_ptr) char *secret = file_join(*state, "secret");
	target_pattern = "*";
	link_to(secret, *state, "home/authorized_keys");
	assert_refused(*state, "home/authorized_keys", O_RDONLY, EPERM);
	assert_refused(*state, "home/authorized_keys", O_PATH, EPERM);
	give(*state, "home/authorized_keys", SOMEBODY);
	assert_refused(*state, "home/authorized_keys", O_RDONLY, EPERM);
	link_to("..", *state, "home/up");
	give(*state, "home/up", SOMEBODY);
	assert_refused(*state, "home/up/secret", O_RDONLY, EPERM);
	link_to(secret, *state, "given");
	give(*state, "given", SOMEBODY);
	assert_refused(*state, "given", O_RDONLY, EPERM);
}

static void roots_link_leads_to_listed_targets_alone(void **state) {
	CLEANUP(free_ptr) char *secret = file_join(*state, "secret");
	CLEANUP(free_ptr) char *plain = file_join(*state, "plain");
	link_to("plain", *state, "short");
	link_to(secret, *state, "whole");
	target_pattern = plain;
	assert_reads(*state, "short", "plain\n");
	assert_refused(*state, "whole", O_RDONLY, EPERM);
	target_pattern = NULL;
	assert_refused(*state, "short", O_RDONLY, EPERM);
	assert_refused(*state, "short", O_PATH, EPERM);
}

static void a_link_itself_can_be_looked_at(void **state) {
	struct stat status;
	link_to("plain", *state, "short");
	CLEANUP(close_fd) int fd = open_at(*state, "short", O_PATH | O_NOFOLLOW);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_refused(*state, "short", O_RDONLY | O_NOFOLLOW, ELOOP);
}

static void a_link_in_a_folder_that_others_write_into_is_refused(void **state) {
	target_pattern = "*";
	scratch_put(*state, "shared/plain", "plain\n");
	link_to("plain", *state, "shared/short");
	assert_reads(*state, "shared/short", "plain\n");
	set_mode(*state, "shared", 0777);
	assert_refused(*state, "shared/short", O_RDONLY, EPERM);
	set_mode(*state, "shared", 0777 | S_ISVTX);
	assert_reads(*state, "shared/short", "plain\n");
	link_hard(*state, "shared/short", "shared/other");
	assert_refused(*state, "shared/short", O_RDONLY, EPERM);
	set_mode(*state, "shared", 0775);
	assert_reads(*state, "shared/short", "plain\n"); /* of root's group */
	CLEANUP(free_ptr) char *shared = file_join(*state, "shared");
	assert_int_equal(chown(shared, 0, SOMEBODY), 0);
	assert_refused(*state, "shared/short", O_RDONLY, EPERM);
}

static void a_folder_of_roots_below_a_users_is_no_better(void **state) {
	target_pattern = "*";
	scratch_put(*state, "home/roots/plain", "plain\n");
	set_mode(*state, "home/roots/plain", 0644);
	link_to("plain", *state, "home/roots/short");
	assert_reads(*state, "home/roots/plain", "plain\n");
	assert_refused(*state, "home/roots/short", O_RDONLY, EPERM);
}

static void links_in_a_circle_end(void **state) {
	target_pattern = "*";
	link_to("b", *state, "a");
	link_to("a", *state, "b");
	assert_refused(*state, "a", O_RDONLY, ELOOP);
	link_to("nowhere", *state, "c");
	assert_refused(*state, "c", O_RDONLY, ENOENT);
}

static void a_second_name_of_roots_file_in_a_users_folder_is_refused(void **state) {
	struct stat status;
	link_hard(*state, "secret", "home/mine");
	assert_refused(*state, "home/mine", O_RDONLY, EPERM);
	CLEANUP(close_fd) int path = open_at(*state, "home/mine", O_PATH | O_NOFOLLOW);
	assert_true(path >= 0 && fstat(path, &status) == 0);
	link_hard(*state, "home/keys", "home/more");
	assert_reads(*state, "home/more", "a key\n");
	scratch_put(*state, "home/roots/plain", "plain\n");
	link_hard(*state, "secret", "home/roots/mine");
	assert_refused(*state, "home/roots/mine", O_RDONLY, EPERM);
	scratch_put(*state, "shared/plain", "plain\n");
	link_hard(*state, "secret", "shared/mine");
	assert_reads(*state, "shared/mine", SECRET);
	set_mode(*state, "shared", 0777 | S_ISVTX);
	assert_refused(*state, "shared/mine", O_RDONLY, EPERM);
}

static void a_second_name_that_is_the_last_one_left_is_refused(void **state) {
	CLEANUP(free_ptr) char *secret = file_join(*state, "secret");
	set_mode(*state, "secret", 0600);
	link_hard(*state, "secret", "home/mine");
	scratch_put(*state, "secret.new", SECRET);
	CLEANUP(free_ptr) char *replacing = file_join(*state, "secret.new");
	assert_int_equal(rename(replacing, secret), 0);
	assert_refused(*state, "home/mine", O_RDONLY, EPERM);
	set_mode(*state, "home/mine", 0644);
	assert_reads(*state, "home/mine", SECRET);
}

/* A process of somebody's, in whose folder of procfs the network's files are root's. */
static void roots_files_in_a_users_process_folder_are_read(void **state) {
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setresuid(SOMEBODY, SOMEBODY, SOMEBODY) != 0 || prctl(PR_SET_DUMPABLE, 1) != 0 ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ssize_t got = read(ready[0], &byte, 1);
	close(ready[0]);
	CLEANUP(free_ptr) char *path = xasprintf("/proc/%d/net/ip_tables_names", pid);
	bool is_there = access(path, F_OK) == 0;
	CLEANUP(close_fd) int fd = guard_open(&guard, path, O_RDONLY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(got, 1);
	if (!is_there)
		skip(); /* a kernel without the old packet filter */
	assert_true(fd >= 0);
}

static void devices_and_fifos_are_not_opened(void **state) {
	CLEANUP(free_ptr) char *fifo = file_join(*state, "fifo");
	assert_int_equal(mkfifo(fifo, 0666), 0);
	alarm(10); /* a FIFO that is opened hangs */
	assert_refused(*state, "fifo", O_RDONLY, EPERM);
	assert_int_equal(guard_open(&guard, "/dev/null", O_RDONLY), -1);
	assert_int_equal(errno, EPERM);
	CLEANUP(close_fd) int path = open_at(*state, "fifo", O_PATH);
	assert_true(path >= 0);
	alarm(0);
}

static void magic_links_of_procfs_are_refused(void **state) {
	CLEANUP(close_fd) int secret = open_at(*state, "secret", O_RDONLY);
	CLEANUP(free_ptr) char *open_file = xasprintf("/proc/%d/fd/%d", getpid(), secret);
	target_pattern = "*";
	const char *const paths[] = {open_file, "/proc/1/exe", "/proc/1/root/etc/passwd", "/proc/self/cwd",
				     "/proc/1/ns/net"};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		assert_int_equal(guard_open(&guard, paths[i], O_PATH), -1);
		assert_int_equal(errno, EPERM);
	}
	CLEANUP(close_fd) int own = guard_open(&guard, "/proc/self/status", O_RDONLY);
	assert_true(own >= 0);
}

static void links_of_sysfs_lead_into_it(void **state) {
	struct stat expected, seen;
	target_pattern = "/sys/*";
	CLEANUP(close_fd) int fd = guard_open(&guard, "/sys/class/net/lo/address", O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(stat("/sys/class/net/lo/address", &expected), 0);
	assert_int_equal(fstat(fd, &seen), 0);
	assert_true(expected.st_ino == seen.st_ino && expected.st_dev == seen.st_dev);
	target_pattern = "/proc/*";
	assert_int_equal(guard_open(&guard, "/sys/class/net/lo/address", O_RDONLY), -1);
	assert_int_equal(errno, EPERM);
}

static void this_hosts_own_files_open(void **state) {
	target_pattern = "/usr/lib/os-release";
	CLEANUP(close_fd) int release = guard_open(&guard, "/etc/os-release", O_RDONLY);
	assert_true(release >= 0);
	target_pattern = "/run/*";
	CLEANUP(close_fd) int resolv = guard_open(&guard, "/etc/resolv.conf", O_RDONLY);
	assert_true(resolv >= 0);
	target_pattern = "/usr/bin/*";
	CLEANUP(close_fd) int program = guard_open(&guard, "/bin/sh", O_RDONLY);
	assert_true(program >= 0);
}

static void the_wrong_flags_and_lengths_are_refused(void **state) {
	char path[PATH_MAX + 2];
	memset(path, '/', sizeof path);
	path[sizeof path - 1] = '\0';
	assert_int_equal(guard_open(&guard, path, O_RDONLY), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	for (size_t i = 0; i + 2 < PATH_MAX; i += 2)
		memcpy(path + i, "/d", 2);
	memset(path + PATH_MAX - 2, 0, 4);
	assert_int_equal(guard_open(&guard, path, O_RDONLY), -1);
	assert_int_equal(errno, ENOENT);
}

static void flip(const char *folder, const char *first, const char *second) {
	CLEANUP(free_ptr) char *one = file_join(folder, first);
	CLEANUP(free_ptr) char *other = file_join(folder, second);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

static pid_t start_flipping(const char *folder, const char *first, const char *second) {
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		flip(folder, first, second);
	return pid;
}

/* Opens until both states were met, and FLIPS times at least; what opens must have the harmless bytes. */
static void open_many(const char *folder, const char *name) {
	char text[64];
	unsigned opened = 0;
	for (unsigned i = 0; i < FLIPS || opened == 0 || opened == i; i++) {
		CLEANUP(close_fd) int fd = open_at(folder, name, O_RDONLY);
		ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
		if (fd < 0)
			assert_true(errno == EPERM || errno == ENOENT);
		else
			assert_true(len == 6 && !memcmp(text, "a key\n", 6));
		opened += fd >= 0;
	}
}

static void stop(pid_t pid) {
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_file_exchanged_for_a_link_never_leads_away(void **state) {
	CLEANUP(free_ptr) char *secret = file_join(*state, "secret");
	target_pattern = "*";
	link_to(secret, *state, "home/link");
	give(*state, "home/link", SOMEBODY);
	pid_t pid = start_flipping(*state, "home/keys", "home/link");
	open_many(*state, "home/keys");
	stop(pid);
}

static void a_folder_exchanged_for_a_link_never_leads_away(void **state) {
	target_pattern = "*";
	scratch_put(*state, "home/ssh/keys", "a key\n");
	give(*state, "home/ssh", SOMEBODY);
	give(*state, "home/ssh/keys", SOMEBODY);
	scratch_put(*state, "other/keys", SECRET);
	link_to("../other", *state, "home/link");
	give(*state, "home/link", SOMEBODY);
	pid_t pid = start_flipping(*state, "home/ssh", "home/link");
	open_many(*state, "home/ssh/keys");
	stop(pid);
}

static void a_file_exchanged_for_a_second_name_is_never_read(void **state) {
	link_hard(*state, "secret", "home/mine");
	pid_t pid = start_flipping(*state, "home/keys", "home/mine");
	open_many(*state, "home/keys");
	stop(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_plain_path_opens_as_open_would),
		TEST(a_users_link_is_refused_wherever_it_leads),
		TEST(roots_link_leads_to_listed_targets_alone),
		TEST(a_link_itself_can_be_looked_at),
		TEST(a_link_in_a_folder_that_others_write_into_is_refused),
		TEST(a_folder_of_roots_below_a_users_is_no_better),
		TEST(links_in_a_circle_end),
		TEST(a_second_name_of_roots_file_in_a_users_folder_is_refused),
		TEST(a_second_name_that_is_the_last_one_left_is_refused),
		TEST(roots_files_in_a_users_process_folder_are_read),
		TEST(devices_and_fifos_are_not_opened),
		TEST(magic_links_of_procfs_are_refused),
		TEST(links_of_sysfs_lead_into_it),
		TEST(this_hosts_own_files_open),
		TEST(the_wrong_flags_and_lengths_are_refused),
		TEST(a_file_exchanged_for_a_link_never_leads_away),
		TEST(a_folder_exchanged_for_a_link_never_leads_away),
		TEST(a_file_exchanged_for_a_second_name_is_never_read),
	};
	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}

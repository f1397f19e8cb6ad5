/* Fetching from the live host: bytes that prove sight, or one of the seven errors. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "tests/unit/fetching.h"

static const struct source *fetch_path(struct sources **ret_set, const char *kind, const char *folder,
				       const char *name) {
	CLEANUP(free_ptr) char *whole = xasprintf("%s%s/%s", kind, folder, name);
	*ret_set = fetch_one(NULL, whole);
	return only(*ret_set);
}

static void file_has_bytes_metadata_and_digest(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	put(folder, "a", "hello\n");
	CLEANUP(free_ptr) char *path = file_join(folder, "a");
	assert_int_equal(chmod(path, 0640), 0);
	const struct source *source = fetch_path(&set, "file:", folder, "a");
	assert_int_equal(source->err.code, ERR_NONE);
	assert_string_equal(buf_str(&source->bytes), "hello\n");
	assert_true(source->meta.known);
	assert_int_equal(source->meta.mode, 0640);
	assert_int_equal(source->meta.size, 6);
	assert_int_equal(source->meta.uid, getuid());
	struct hash expected = hash_of("hello\n", 6);
	assert_true(hash_equal(&source->sha256, &expected));
}

static void what_is_not_there_is_absent(void **state) {
	const char *const names[] = {"file:/no/such",      "dir:/no/such",      "stat:/no/such",
				     "tree:/no/such",      "link:/no/such",     "statvfs:/no/such",
				     "file:/etc/passwd/x", "dir:/etc/passwd/x", NULL};
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, names);
	assert_int_equal(sources_count(set), 8);
	for (size_t i = 0; i < sources_count(set); i++) {
		assert_int_equal(sources_at(set, i)->err.code, ERR_ABSENT);
		assert_string_equal(sources_at(set, i)->err.where, names[i]);
		assert_int_equal(sources_at(set, i)->bytes.len, 0);
	}
	assert_string_equal(sources_at(set, 0)->err.why, "open: ENOENT (No such file or directory)");
}

static void fifo_is_unreadable_and_does_not_hang(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	CLEANUP(free_ptr) char *path = file_join(folder, "fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(5);
	const struct source *source = fetch_path(&set, "file:", folder, "fifo");
	alarm(0);
	assert_int_equal(source->err.code, ERR_UNREADABLE);
	assert_string_equal(source->err.why, "not a regular file but fifo");
}

static void folder_at_a_file_name_and_file_at_a_folder_name_are_unreadable(void **state) {
	CLEANUP(sources_free_p)
	struct sources *set = fetch_all(NULL, (const char *const[]){"file:/etc", "dir:/etc/passwd", "file:/dev/null",
								    "tree:/etc/passwd", NULL});
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(sources_at(set, i)->err.code, ERR_UNREADABLE);
	assert_string_equal(sources_at(set, 1)->err.why, "not a folder but file");
}

static void file_over_the_cap_is_unreadable(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *at_cap = NULL, *over = NULL;
	CLEANUP(free_ptr) char *path = file_join(folder, "big");
	put(folder, "big", "");
	assert_int_equal(truncate(path, SOURCE_LARGEST), 0);
	assert_int_equal(fetch_path(&at_cap, "file:", folder, "big")->err.code, ERR_NONE);
	assert_int_equal(sources_at(at_cap, 0)->bytes.len, SOURCE_LARGEST);
	assert_int_equal(truncate(path, SOURCE_LARGEST + 1), 0);
	assert_int_equal(fetch_path(&over, "file:", folder, "big")->err.code, ERR_UNREADABLE);
	assert_int_equal(sources_at(over, 0)->bytes.len, 0);
}

static void head_of_a_file_over_the_cap_is_its_first_bytes(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	CLEANUP(free_ptr) char *path = file_join(folder, "big");
	CLEANUP(buf_done) struct buf text = {0};
	while (text.len < 600)
		buf_adds(&text, "ClamAV-VDB:");
	put(folder, "big", buf_str(&text));
	assert_int_equal(truncate(path, SOURCE_LARGEST + 1), 0);
	const struct source *source = fetch_path(&set, "head:", folder, "big");
	json_t *value;
	struct err err;
	assert_true(source_json(source, &value, &err));
	const char *head = json_string_value(json_object_get(value, "head"));
	assert_int_equal(strlen(head), 512);
	assert_memory_equal(head, buf_str(&text), 512);
	assert_int_equal(json_integer_value(json_object_get(value, "size")), SOURCE_LARGEST + 1);
}

static void procfs_is_read_to_its_end(void **state) {
	CLEANUP(sources_free_p) struct sources *set = fetch_one(NULL, "file:/proc/sys/kernel/ostype");
	assert_string_equal(buf_str(&only(set)->bytes), "Linux\n");
}

/* In a child: a file on a file system of which nothing is known to say that reading it ends. */
static void read_where_reading_may_hang(const char *folder) {
	CLEANUP(free_ptr) char *path = file_join(folder, "queue"), *name = xasprintf("file:%s", path);
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", folder, "mqueue", 0, NULL) != 0)
		_exit(101);
	int queue = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0640);
	struct sources *set = fetch_one(NULL, name);
	const struct source *source = only(set);
	_exit(queue < 0 || source->err.code || strncmp(buf_str(&source->bytes), "QSIZE:0 ", 8) != 0 ||
	      !source->meta.known || source->meta.mode != 0640);
}

static void file_where_reading_may_hang_is_read_by_the_hand(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		read_where_reading_may_hang(folder);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_round_leaves_no_descriptor_and_no_process(void **state) {
	const char *const names[] = {"file:/etc/passwd", "dir:/etc", "tree:/etc/ssh", "mounts:", "cmd:sshd-T",
				     "unit:ssh.service", "now:",     "file:/no/such", "shadow:", NULL};
	siginfo_t info;
	sources_free(fetch_all(NULL, names));
	size_t before = descriptors();
	for (size_t i = 0; i < 3; i++)
		sources_free(fetch_all(NULL, names));
	assert_int_equal(descriptors(), before);
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG), -1);
}

static void folder_lists_names_and_types_sorted(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	CLEANUP(free_ptr) char *link = file_join(folder, "d/a-link");
	put(folder, "d/b", "");
	put(folder, "d/c/x", "");
	assert_int_equal(symlink("b", link), 0);
	const struct source *source = fetch_path(&set, "dir:", folder, "d");
	assert_string_equal(buf_str(&source->bytes),
			    "[{\"name\":\"a-link\",\"type\":\"link\"},{\"name\":\"b\",\"type\":"
			    "\"file\"},{\"name\":\"c\",\"type\":\"dir\"}]");
	assert_false(source->meta.known);
}

static void empty_folder_is_an_empty_list(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *set = NULL;
	assert_string_equal(buf_str(&fetch_path(&set, "dir:", folder, ".")->bytes), "[]");
}

static void stat_shows_the_link_and_link_shows_where_it_leads(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *stat_set = NULL, *link_set = NULL;
	CLEANUP(free_ptr) char *link = file_join(folder, "l"), *expected = NULL;
	put(folder, "d/target", "");
	assert_int_equal(symlink("d/../d/target", link), 0);
	json_t *value;
	struct err err;
	assert_true(source_json(fetch_path(&stat_set, "stat:", folder, "l"), &value, &err));
	assert_string_equal(json_string_value(json_object_get(value, "type")), "link");
	assert_string_equal(json_string_value(json_object_get(value, "link")), "d/../d/target");
	expected = xasprintf("{\"target\":\"%s/d/target\"}", folder);
	assert_string_equal(buf_str(&fetch_path(&link_set, "link:", folder, "l")->bytes), expected);
}

/* user::rw-, user:1000:rw-, group::r--, group:27:r-x, mask::r--, other::--- as the kernel keeps it: the mask takes the
 * right to write away, and that to execute. */
static json_t *inode_of(const char *path, bool follows) {
	struct stat status;
	char dev[32];
	assert_int_equal(follows ? stat(path, &status) : lstat(path, &status), 0);
	snprintf(dev, sizeof dev, "%02x:%02x", major(status.st_dev), minor(status.st_dev));
	return json_pack("[s,I]", dev, (json_int_t)status.st_ino);
}

static void inodes_are_those_of_the_way_and_of_where_a_link_leads(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	struct err err;
	json_t *ways;
	put(folder, "real/a", "x");
	CLEANUP(free_ptr) char *link = xasprintf("%s/link", folder);
	CLEANUP(free_ptr) char *real = xasprintf("%s/real", folder);
	CLEANUP(free_ptr) char *file = xasprintf("%s/real/a", folder);
	CLEANUP(free_ptr) char *name = xasprintf("inodes:file:%s/link", folder);
	CLEANUP(free_ptr) char *gone = xasprintf("inodes:tree:%s/none/x?caps", folder);
	assert_int_equal(symlink("real/a", link), 0);
	const char *const names[] = {name, gone, NULL};
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, names);
	assert_true(source_need_json(set, name, &ways, &err));
	assert_int_equal(json_array_size(ways), 2);
	const json_t *first = json_array_get(ways, 0), *second = json_array_get(ways, 1);
	const json_t *steps = json_object_get(second, "steps");
	const json_t *last = json_array_get(steps, json_array_size(steps) - 1);
	CLEANUP(json_decref_p) json_t *of_link = inode_of(link, false), *of_root = inode_of("/", true);
	CLEANUP(json_decref_p) json_t *of_real = inode_of(real, true), *of_file = inode_of(file, true);
	assert_true(json_equal(json_object_get(first, "end"), of_link));
	assert_true(json_equal(json_array_get(json_array_get(json_object_get(first, "steps"), 0), 0), of_root));
	assert_true(json_equal(json_array_get(last, 0), of_real));
	assert_string_equal(json_string_value(json_array_get(last, 1)), "a");
	assert_true(json_equal(json_object_get(second, "end"), of_file));
	assert_true(source_need_json(set, gone, &ways, &err));
	assert_true(json_is_null(json_object_get(json_array_get(ways, 0), "end")));
	steps = json_object_get(json_array_get(ways, 0), "steps");
	last = json_array_get(steps, json_array_size(steps) - 1);
	assert_true(json_is_null(json_array_get(last, 0)));
	assert_string_equal(json_string_value(json_array_get(last, 1)), "x");
}

static void put_acl(const char *path) {
	static const unsigned char acl[] = "\2\0\0\0"
					   "\1\0\6\0\377\377\377\377"
					   "\2\0\6\0\350\3\0\0"
					   "\4\0\4\0\377\377\377\377"
					   "\10\0\5\0\33\0\0\0"
					   "\20\0\4\0\377\377\377\377"
					   "\40\0\0\0\377\377\377\377";
	if (setxattr(path, "system.posix_acl_access", acl, sizeof acl - 1, 0) != 0 && errno == EOPNOTSUPP)
		skip(); /* a file system without access lists */
}

static void access_list_is_shown_as_far_as_its_mask_lets_it(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *stat_set = NULL, *tree_set = NULL, *plain_set = NULL;
	CLEANUP(free_ptr) char *path = file_join(folder, "t/secret");
	put(folder, "t/secret", "x");
	put(folder, "t/plain", "x");
	put_acl(path);
	static const char seen[] = "\"acl\":[\"user:1000:r--\",\"group:27:r--\"]";
	const struct source *source = fetch_path(&stat_set, "stat:", folder, "t/secret");
	assert_non_null(strstr(buf_str(&source->bytes), seen));
	assert_null(strstr(buf_str(&fetch_path(&plain_set, "stat:", folder, "t/plain")->bytes), "acl"));
	assert_non_null(strstr(buf_str(&fetch_path(&tree_set, "tree:", folder, "t")->bytes), seen));
}

static void tree_lists_everything_below_by_path(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(sources_free_p) struct sources *all_set = NULL, *perm_set = NULL;
	CLEANUP(free_ptr) char *setuid = file_join(folder, "t/a/setuid"), *link = file_join(folder, "t/link");
	put(folder, "t/a/setuid", "x");
	put(folder, "t/a-b", "");
	assert_int_equal(chmod(setuid, 04755), 0);
	assert_int_equal(symlink("a", link), 0);
	json_t *value;
	struct err err;
	assert_true(source_json(fetch_path(&all_set, "tree:", folder, "t"), &value, &err));
	const char *const order[] = {"/t/a", "/t/a-b", "/t/a/setuid", "/t/link"};
	assert_int_equal(json_array_size(value), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(json_string_value(json_object_get(json_array_get(value, i), "path")) +
					    strlen(folder),
				    order[i]);
	assert_true(source_json(fetch_path(&perm_set, "tree:", folder, "t?perm=6000"), &value, &err));
	assert_int_equal(json_array_size(value), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(value, 0), "mode")), "4755");
}

/* In a child: what is below a folder on which something is mounted. */
static void walk_over_a_mount(const char *folder) {
	CLEANUP(free_ptr)
	char *name = xasprintf("tree:%s", folder), *on = file_join(folder, "m"),
	     *inside = file_join(folder, "m/inside");
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", on, "tmpfs", 0, NULL) != 0 || mkdir(inside, 0755) != 0)
		_exit(101);
	struct sources *set = fetch_one(NULL, name);
	json_t *value;
	struct err err;
	if (!source_json(only(set), &value, &err))
		_exit(102);
	_exit(json_array_size(value) != 1 || !strstr(buf_str(&only(set)->bytes), "/m\""));
}

static void tree_shows_a_mount_point_and_not_what_is_mounted(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(free_ptr) char *on = file_join(folder, "m");
	int status = 0;
	assert_int_equal(mkdir(on, 0755), 0);
	pid_t child = fork();
	if (child == 0)
		walk_over_a_mount(folder);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void tree_question_that_is_not_understood_is_unreadable(void **state) {
	CLEANUP(sources_free_p)
	struct sources *set =
		fetch_all(NULL, (const char *const[]){"tree:/etc?perm=9", "tree:/etc?x", "tree:/etc?perm=0", NULL});
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sources_at(set, i)->err.code, ERR_UNREADABLE);
}

static void name_of_no_kind_is_unproved(void **state) {
	CLEANUP(sources_free_p) struct sources *set = fetch_all(NULL, (const char *const[]){"oracle:x", "", NULL});
	assert_int_equal(sources_at(set, 0)->err.code, ERR_UNPROVED);
	assert_int_equal(sources_at(set, 1)->err.code, ERR_UNPROVED);
}

static void relative_path_is_refused(void **state) {
	CLEANUP(sources_free_p)
	struct sources *set = fetch_all(NULL, (const char *const[]){"file:etc/passwd", "statvfs:etc", "stat:", NULL});
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sources_at(set, i)->err.code, ERR_UNREADABLE);
}

static void a_source_in_the_set_is_not_fetched_again(void **state) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	CLEANUP(names_free_p) struct names *names = names_new();
	sd_event *event = NULL;
	bool is_done = false;
	buf_adds(&sources_add(set, "file:/etc/passwd")->bytes, "mine");
	names_add(names, "file:/etc/passwd");
	assert_true(sd_event_new(&event) >= 0);
	struct fetch *fetch = fetch_new(event, &(struct host){0}, set);
	fetch_start(fetch, names, note_done, &is_done);
	assert_false(is_done);
	while (!is_done)
		assert_true(sd_event_run(event, 1000000) >= 0);
	fetch_free(fetch);
	sd_event_unref(event);
	assert_string_equal(buf_str(&only(set)->bytes), "mine");
}

/* Run a test as an ordinary user, in a child: true when it held. */
static bool as_nobody(void (*test)(void)) {
	pid_t child = fork();
	if (child == 0) {
		if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
			_exit(100);
		test();
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void look_without_rights(void) {
	CLEANUP(sources_free_p)
	struct sources *set =
		fetch_all(NULL, (const char *const[]){"file:/etc/shadow", "dir:/root", "tree:/etc", NULL});
	for (size_t i = 0; i < sources_count(set); i++)
		if (sources_at(set, i)->err.code != ERR_DENIED || !strstr(sources_at(set, i)->err.why, "EACCES"))
			_exit(1);
}

static void what_this_user_may_not_read_is_denied(void **state) {
	assert_int_equal(getuid(), 0); /* the tests of sources are run by root */
	assert_true(as_nobody(look_without_rights));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_has_bytes_metadata_and_digest),
		cmocka_unit_test(what_is_not_there_is_absent),
		cmocka_unit_test(fifo_is_unreadable_and_does_not_hang),
		cmocka_unit_test(folder_at_a_file_name_and_file_at_a_folder_name_are_unreadable),
		cmocka_unit_test(file_over_the_cap_is_unreadable),
		cmocka_unit_test(head_of_a_file_over_the_cap_is_its_first_bytes),
		cmocka_unit_test(procfs_is_read_to_its_end),
		cmocka_unit_test(file_where_reading_may_hang_is_read_by_the_hand),
		cmocka_unit_test(a_round_leaves_no_descriptor_and_no_process),
		cmocka_unit_test(folder_lists_names_and_types_sorted),
		cmocka_unit_test(empty_folder_is_an_empty_list),
		cmocka_unit_test(stat_shows_the_link_and_link_shows_where_it_leads),
		cmocka_unit_test(inodes_are_those_of_the_way_and_of_where_a_link_leads),
		cmocka_unit_test(access_list_is_shown_as_far_as_its_mask_lets_it),
		cmocka_unit_test(tree_lists_everything_below_by_path),
		cmocka_unit_test(tree_shows_a_mount_point_and_not_what_is_mounted),
		cmocka_unit_test(tree_question_that_is_not_understood_is_unreadable),
		cmocka_unit_test(name_of_no_kind_is_unproved),
		cmocka_unit_test(relative_path_is_refused),
		cmocka_unit_test(a_source_in_the_set_is_not_fetched_again),
		cmocka_unit_test(what_this_user_may_not_read_is_denied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

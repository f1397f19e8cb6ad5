/* The backup plugins: what restic and borg print, what the administrator writes, and what becomes of programs that do
 * other than they should. The programs here are scripts that say what a test wants them to. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/file.h"
#include "core/lines.h"
#include "plugins/backup.h"
#include "tests/unit/scratch.h"

#define NOW 1795334400 /* 2026-11-22T08:00:00Z */

static const char restic_list[] =
	"[{\"time\":\"2026-11-22T07:55:56.159686014Z\",\"tree\":\"b6ef\",\"paths\":[\"/srv\"],\"hostname\":\"h1\","
	"\"username\":\"root\",\"excludes\":[\"ex\"],\"tags\":[\"daily\",\"x\"],\"id\":\"5cdefc9b\"},"
	"{\"time\":\"2026-11-22T08:56:00+01:00\",\"paths\":[\"/etc\"],\"hostname\":\"h1\",\"id\":\"aa\"},"
	"{\"time\":\"2030-01-01T00:00:00Z\",\"paths\":[\"/srv\"],\"hostname\":\"h1\",\"id\":\"ff\"},"
	"{\"time\":\"2026-11-22T07:59:00Z\",\"paths\":[\"/srv\"],\"hostname\":\"h2\",\"id\":\"bb\"}]\n";

static const char borg_list[] =
	"{\"archives\":[{\"archive\":\"h-1\",\"command_line\":[\"/usr/bin/borg\",\"create\",\"--exclude\",\"sh:/srv/"
	"a\","
	"\"/backup::h-1\",\"/srv\",\"--exclude-from\",\"/etc/x\",\"-e\",\"*.tmp\",\"-efm:*.o\",\"--exclude=pp:/srv/b\","
	"\"--exclude-caches\",\"--pattern=-/srv/c\"],\"comment\":\"\",\"hostname\":\"h1\",\"name\":\"h-1\","
	"\"start\":\"2026-11-22T07:56:00.000000\"},"
	"{\"command_line\":[\"borg\",\"create\",\"r::h-2\",\"/srv\"],\"hostname\":\"h1\",\"name\":\"h-2.checkpoint\","
	"\"start\":\"2026-11-22T07:59:00.000000\"},"
	"{\"command_line\":[\"borg\",\"create\",\"r::h-2\",\"/srv\"],\"hostname\":\"h1\",\"name\":\"h-2.checkpoint.1\","
	"\"start\":\"2026-11-22T07:59:00.000000\"},"
	"{\"command_line\":[\"borg\",\"create\",\"r::o\",\"/srv\"],\"hostname\":\"other\",\"name\":\"o\","
	"\"start\":\"2026-11-22T07:59:00.000000\"},"
	"{\"command_line\":[\"borg\",\"create\",\"--patterns-from\",\"/"
	"x\",\"::h-3\"],\"hostname\":\"h1\",\"name\":\"h-3\","
	"\"start\":\"2026-11-22T07:50:00.000000\"}],"
	"\"encryption\":{\"mode\":\"repokey\"},\"repository\":{\"id\":\"0d8f\",\"last_modified\":\"x\"}}\n";

static const struct copies_filter of_h1 = {.host = "h1", .now = NOW};

static void restics_copies_of_this_host_come_newest_first(void **state) {
	CLEANUP(copies_done) struct copies copies = {0};
	struct err err;
	assert_true(restic_read_copies(restic_list, sizeof restic_list - 1, &of_h1, &copies, &err));
	assert_int_equal(copies.count, 3);
	assert_string_equal(copies.all[0].id, "aa"); /* 07:56 in UTC */
	assert_string_equal(copies.all[1].id, "5cdefc9b");
	assert_true(copies.all[0].at > copies.all[1].at);
	assert_true(copies_should_hold(&copies.all[1], "/srv/data"));
	assert_false(copies_should_hold(&copies.all[1], "/srv2"));
	assert_int_equal(json_array_size(copies.all[1].excludes), 1);
}

static void copy_from_the_future_is_the_last_to_count(void **state) {
	CLEANUP(copies_done) struct copies copies = {0};
	struct err err;
	assert_true(restic_read_copies(restic_list, sizeof restic_list - 1, &of_h1, &copies, &err));
	assert_string_equal(copies.all[2].id, "ff");
}

static void copies_without_the_tags_do_not_count(void **state) {
	CLEANUP(copies_done) struct copies copies = {0};
	CLEANUP(json_decref_p) json_t *tags = json_pack("[s]", "daily");
	const struct copies_filter filter = {.host = "h1", .tags = tags, .now = NOW};
	struct err err;
	assert_true(restic_read_copies(restic_list, sizeof restic_list - 1, &filter, &copies, &err));
	assert_int_equal(copies.count, 1);
	assert_string_equal(copies.all[0].id, "5cdefc9b");
}

static void repository_without_copies_has_none(void **state) {
	static const char *const texts[] = {"null\n", "[]\n"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(copies_done) struct copies copies = {0};
		struct err err;
		assert_true(restic_read_copies(texts[i], strlen(texts[i]), &of_h1, &copies, &err));
		assert_int_equal(copies.count, 0);
	}
}

static void borgs_checkpoints_and_other_hosts_do_not_count(void **state) {
	CLEANUP(copies_done) struct copies copies = {0};
	struct err err;
	assert_true(borg_read_copies(borg_list, sizeof borg_list - 1, &of_h1, &copies, &err));
	assert_int_equal(copies.count, 2);
	assert_string_equal(copies.all[0].id, "h-1");
	assert_string_equal(copies.all[1].id, "h-3");
	assert_true(copies.is_encrypted);
	assert_string_equal(copies.repository, "0d8f");
}

static void borgs_command_line_tells_paths_and_what_is_left_out(void **state) {
	CLEANUP(copies_done) struct copies copies = {0};
	struct err err;
	assert_true(borg_read_copies(borg_list, sizeof borg_list - 1, &of_h1, &copies, &err));
	CLEANUP(free_ptr) char *excludes = json_dumps(copies.all[0].excludes, JSON_COMPACT);
	assert_string_equal(excludes, "[\"/srv/a\",\"--exclude-from /etc/x\",\"*.tmp\",\"*.o\",\"/srv/b\","
				      "\"--exclude-caches\",\"--pattern=-/srv/c\"]");
	assert_true(copies_should_hold(&copies.all[0], "/srv/data"));
	assert_false(copies_should_hold(&copies.all[0], "/home"));
	assert_true(copies_should_hold(&copies.all[1], "/home")); /* its paths came from a file */
}

static void borgs_modes_that_do_not_encrypt_are_told(void **state) {
	static const char *const modes[] = {"none", "authenticated", "authenticated-blake2", "new"};
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		CLEANUP(copies_done) struct copies copies = {0};
		struct err err;
		CLEANUP(free_ptr)
		char *text = xasprintf(
			"{\"archives\":[],\"encryption\":{\"mode\":\"%s\"},\"repository\":{\"id\":\"0\"}}", modes[i]);
		assert_true(borg_read_copies(text, strlen(text), &of_h1, &copies, &err));
		assert_false(copies.is_encrypted);
	}
}

static void what_is_no_list_of_copies_is_malformed(void **state) {
	static const char *const texts[] = {"",
					    "{}",
					    "[1]",
					    "[{\"id\":\"aa\"}]",
					    "[{\"id\":\"aa\",\"time\":\"x\"}]",
					    "[{\"id\":\"--help\",\"time\":\"2026-11-22T07:59:00Z\"}]",
					    "[{\"id\":\"aa\",\"time\":\"2026-11-22T07:59:00Z\",\"paths\":[1]}]",
					    "[] []"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(copies_done) struct copies copies = {0};
		struct err err;
		assert_false(restic_read_copies(texts[i], strlen(texts[i]), &of_h1, &copies, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
		assert_false(borg_read_copies(texts[i], strlen(texts[i]), &of_h1, &copies, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
	}
}

static void list_of_more_copies_than_the_cap_is_refused(void **state) {
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(copies_done) struct copies copies = {0};
	struct err err;
	buf_adds(&text, "[");
	for (size_t i = 0; i <= COPIES_MOST; i++)
		buf_adds(&text, i ? ",{}" : "{}");
	buf_adds(&text, "]");
	assert_false(restic_read_copies(text.data, text.len, &of_h1, &copies, &err));
	assert_int_equal(err.code, ERR_UNREADABLE);
}

static void times_of_both_programs_are_read(void **state) {
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {{"1970-01-01T00:00:01Z", 1000000},
		    {"1970-01-01T01:00:01.5+01:00", 1500000},
		    {"1970-01-01T00:00:01.000002-00:30", 1801000002},
		    {"1970-01-01T00:00:01.123456789", 1123456}};
	static const char *const bad[] = {"",
					  "1970-01-01",
					  "1970-01-01T00:00:01X",
					  "1970-01-01T00:00:01+1:00",
					  "1970-13-01T00:00:01Z",
					  "1970-01-01T00:00:01+01:00x",
					  "1970-01-01T00:00:01ZZ"};
	int64_t us;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(copies_read_time(good[i].text, &us));
		assert_int_equal(us, good[i].us);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(copies_read_time(bad[i], &us));
}

static void read_entry(bool (*read)(const char *, size_t, struct entry *, struct err *), const char *line,
		       struct entry *ret_entry) {
	struct err err;
	if (!read(line, strlen(line), ret_entry, &err))
		fail_msg("%s", err.why);
}

static void entries_of_both_programs_are_files_with_size_and_time(void **state) {
	struct entry entry;
	read_entry(restic_read_entry, "{\"struct_type\":\"snapshot\",\"id\":\"aa\"}", &entry);
	assert_null(entry.path);
	read_entry(restic_read_entry,
		   "{\"type\":\"file\",\"path\":\"/srv/a\",\"size\":6,\"mtime\":\"2026-11-22T07:55:54.881788906Z\"}",
		   &entry);
	assert_string_equal(entry.path, "/srv/a");
	assert_true(entry.is_file && entry.is_named);
	assert_int_equal(entry.size, 6);
	assert_int_equal(entry.mtime_us % 1000000, 881788);
	free(entry.path);
	read_entry(restic_read_entry, "{\"type\":\"symlink\",\"path\":\"/srv\",\"mtime\":\"2026-11-22T07:55:54Z\"}",
		   &entry);
	assert_false(entry.is_file);
	free(entry.path);
	read_entry(borg_read_entry,
		   "{\"type\": \"-\", \"path\": \"srv/a\", \"size\": 6, \"mtime\": \"2026-11-22T07:55:58.852178\"}",
		   &entry);
	assert_string_equal(entry.path, "/srv/a");
	assert_true(entry.is_file && entry.is_named);
	free(entry.path);
}

static void names_that_are_no_utf8_count_but_are_not_asked_for(void **state) {
	struct entry entry;
	read_entry(
		borg_read_entry,
		"{\"type\": \"-\", \"path\": \"srv/\\udcff\\udc80\", \"size\": 6, \"mtime\": \"2026-11-22T07:55:58\"}",
		&entry);
	assert_true(entry.is_file);
	assert_false(entry.is_named);
	free(entry.path);
}

static void entries_that_are_none_are_malformed(void **state) {
	static const char *const lines[] = {"",
					    "x",
					    "{\"type\":\"file\"}",
					    "{\"type\":1,\"path\":\"/a\"}",
					    "{\"type\":\"file\",\"path\":\"/a\",\"size\":-1,\"mtime\":\"x\"}",
					    "{\"type\":\"file\",\"path\":\"/a\",\"size\":\"1\",\"mtime\":\"x\"}"};
	CLEANUP(free_ptr) char *large = xcalloc(1, ENTRY_LONGEST + 2);
	struct entry entry;
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_false(restic_read_entry(lines[i], strlen(lines[i]), &entry, &err));
		assert_false(borg_read_entry(lines[i], strlen(lines[i]), &entry, &err));
	}
	memset(large, ' ', ENTRY_LONGEST + 1);
	memcpy(large, "{}", 2);
	assert_true(restic_read_entry(large, ENTRY_LONGEST, &entry, &err));
	assert_false(restic_read_entry(large, ENTRY_LONGEST + 1, &entry, &err));
}

static void paths_are_written_one_way(void **state) {
	static const char *const good[] = {"/", "/a", "/a/b.c", "/a/..b", "/a/.../b"};
	static const char *const bad[] = {"", "a", "/a/", "//", "/a//b", "/a/./b", "/a/..", "/..", "/a/.", "./a"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(backup_config_is_path(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(backup_config_is_path(bad[i]));
}

static void configuration_that_is_wrong_is_refused_with_its_place(void **state) {
	static const char *const texts[] = {"host: a\n",
					    "repository: /r\npassword: x\n",
					    "repository: -o\n",
					    "repository: [/r]\n",
					    "repository: /r\nprogram: restic\n",
					    "repository: /r\npaths: [etc]\n",
					    "repository: /r\npaths: /etc\n",
					    "repository: /r\nsample: 17\n",
					    "repository: /r\ntimeout: 2h\n",
					    "repository: /r\ntimeout: 0s\n",
					    "repository: /r\ncanary: /a\n",
					    "repository: /r\ncanary: {path: /a, sha256: abc}\n",
					    "repository: /r\ncanary: {path: a, sha256: abc}\n",
					    "repository: /r\nread_only: 1\n"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(backup_config_done) struct backup_config config = {0};
		struct err err = {0};
		if (backup_config_read(texts[i], strlen(texts[i]), "x.yaml", "/p", &config, &err))
			fail_msg("accepted: %s", texts[i]);
		assert_int_equal(err.code, ERR_SYNTAX);
		assert_true(err.line > 0);
	}
}

/* A folder of credentials with a plugin's file p.yaml and a program of its own. */
struct kit {
	char *folder;
};

static void put(const char *folder, const char *name, const char *text, mode_t mode) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	struct err err;
	assert_true(file_write(path, text, strlen(text), mode, &err));
}

/* snapshots: what the program lists; entries and data: scripts, which have the copy in $copy. */
static void make(const char *folder, const char *snapshots, const char *entries, const char *data,
		 const char *further) {
	CLEANUP(free_ptr)
	char *script = xasprintf(
		"#!/bin/bash\n[[ -z $HOME ]] || exit 9\nwhile [[ $1 != snapshots && $1 != ls && $1 != dump ]]; "
		"do shift; done\ncase $1 in\nsnapshots) %s ;;\nls) copy=$3; %s ;;\ndump) copy=$2; %s ;;\nesac\n",
		snapshots, entries, data);
	CLEANUP(free_ptr)
	char *config = xasprintf("repository: /r\nhost: h1\nprogram: %s/program\n%s", folder, further ? further : "");
	put(folder, "program", script, 0700);
	put(folder, "p.yaml", config, 0600);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	unsetenv("HOME");
	unsetenv("CACHE_DIRECTORY");
}

static const char two_copies[] =
	"echo '[{\"time\":\"2026-11-22T07:00:00Z\",\"paths\":[\"/srv\"],\"hostname\":\"h1\",\"id\":\"aa\"},"
	"{\"time\":\"2026-11-22T06:00:00Z\",\"paths\":[\"/srv\"],\"hostname\":\"h1\",\"id\":\"bb\"}]'";
static const char one_file[] =
	"echo '{\"type\":\"file\",\"path\":\"/srv/a\",\"size\":6,\"mtime\":\"2026-11-22T07:55:54Z\"}'";

static json_t *rows_of(const char *verb, const char *path) {
	char *arguments[] = {(char *)verb, (char *)path, NULL};
	struct err err;
	json_t *rows = NULL;
	if (!backup_rows(&backup_restic, "p", arguments, &rows, &err))
		fail_msg("%s: %s", err.where, err.why);
	return rows;
}

static void fails(const char *verb, const char *path, enum err_code code) {
	char *arguments[] = {(char *)verb, (char *)path, NULL};
	struct err err = {0};
	json_t *rows = NULL;
	assert_false(backup_rows(&backup_restic, "p", arguments, &rows, &err));
	assert_string_equal(err_code_name(err.code), err_code_name(code));
	assert_null(rows);
}

static const json_t *row_of(const json_t *rows, const char *kind) {
	size_t i;
	const json_t *row;
	json_array_foreach((json_t *)rows, i,
			   row) if (!strcmp(json_string_value(json_object_get(row, "kind")), kind)) return row;
	return NULL;
}

static const char *text_of(const json_t *row, const char *key) {
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

static void newer_copies_without_the_path_are_passed_over_and_counted(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *entries = xasprintf("[[ $copy == aa ]] || %s", one_file);
	make(folder, two_copies, entries, "", NULL);
	CLEANUP(json_decref_p) json_t *rows = rows_of("copies", "/srv/a");
	const json_t *row = row_of(rows, "snapshot");
	assert_string_equal(text_of(row, "id"), "bb");
	assert_int_equal(json_integer_value(json_object_get(row, "passed_over")), 1);
}

static void path_that_no_copy_has_files_of_gets_no_row(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	make(folder, two_copies, "echo '{\"type\":\"dir\",\"path\":\"/srv/a\",\"mtime\":\"2026-11-22T07:55:54Z\"}'", "",
	     NULL);
	CLEANUP(json_decref_p) json_t *rows = rows_of("copies", "/srv/a");
	assert_null(row_of(rows, "snapshot"));
	assert_non_null(row_of(rows, "repository"));
}

static void file_beside_the_path_is_not_in_it(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	make(folder, two_copies, one_file, "", NULL);
	CLEANUP(json_decref_p) json_t *rows = rows_of("copies", "/srv/aa");
	assert_null(row_of(rows, "snapshot"));
}

static void programs_failures_are_told_apart(void **state) {
	static const struct {
		const char *script;
		enum err_code code;
	} cases[] = {
		{"echo 'Fatal: wrong password or no key found' >&2; exit 1", ERR_DENIED},
		{"echo 'Is there a repository at the following location?' >&2; exit 1", ERR_ABSENT},
		{"echo 'unable to create lock in backend: repository is already locked' >&2; exit 1", ERR_UNPROVED},
		{"echo 'connection refused' >&2; exit 1", ERR_UNREADABLE},
		{"exit 3", ERR_UNREADABLE},
		{"kill -9 $$", ERR_UNREADABLE},
		{"echo '['", ERR_MALFORMED},
		{"true", ERR_MALFORMED}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(scratch_free) char *folder = scratch_new();
		make(folder, cases[i].script, "", "", NULL);
		fails("copies", "/srv", cases[i].code);
	}
}

static void listing_that_fails_or_is_cut_is_no_empty_copy(void **state) {
	static const struct {
		const char *script;
		enum err_code code;
	} cases[] = {{"exit 1", ERR_UNREADABLE},
		     {"echo x", ERR_MALFORMED},
		     {"printf '{\"type\":\"file\"'", ERR_MALFORMED},
		     {"head -c 70000 /dev/zero | tr '\\0' x", ERR_MALFORMED}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(scratch_free) char *folder = scratch_new();
		make(folder, two_copies, cases[i].script, "", NULL);
		fails("copies", "/srv", cases[i].code);
	}
}

static void program_that_hangs_is_ended_with_all_that_it_started(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *left = file_join(folder, "left");
	CLEANUP(free_ptr) char *script = xasprintf("sleep 1000 & echo $! >%s; wait", left);
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err err;
	make(folder, script, "", "", "timeout: 1s\n");
	fails("copies", "/srv", ERR_TIMEOUT);
	assert_true(file_read(left, 100, &bytes, &err));
	pid_t pid = (pid_t)strtol(buf_str(&bytes), NULL, 10);
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		usleep(10000);
	assert_int_not_equal(kill(pid, 0), 0);
}

static void program_that_floods_is_refused(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	make(folder, "yes", "", "", NULL);
	fails("copies", "/srv", ERR_UNREADABLE);
}

static void counting_ends_where_every_path_has_files(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr)
	char *endless = xasprintf("yes \"$(%s)\"", one_file);
	make(folder, two_copies, endless, "", NULL);
	CLEANUP(json_decref_p) json_t *rows = rows_of("copies", "/srv/a");
	assert_int_equal(json_integer_value(json_object_get(row_of(rows, "snapshot"), "files")), BACKUP_ENTRIES_MOST);
}

#define HELLO "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" /* "hello\n" */

static void restored(const char *script, const char *canary, const char *result) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	make(folder, two_copies, one_file, script, canary);
	CLEANUP(json_decref_p) json_t *rows = rows_of("restore", "/srv");
	const json_t *row = json_array_get(rows, json_array_size(rows) - 1);
	assert_string_equal(text_of(row, "result"), result);
	assert_int_equal(strlen(text_of(row, "action")), 32);
	assert_int_equal(*text_of(row, "why") != '\0', strcmp(result, "same") != 0);
}

static void what_came_back_is_compared(void **state) {
	static const char canary[] = "canary: {path: /srv/a, sha256: " HELLO "}\n";
	restored("echo hello", canary, "same");
	restored("echo jello", canary, "different");
	restored("echo hello; exit 1", canary, "failed");
	restored("echo hello", NULL, "same"); /* there is no live file: by its size alone */
	restored("echo hello, longer", NULL, "different");
	restored("exit 1", NULL, "failed");
}

static void only_the_size_was_compared_where_there_is_nothing_else(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	make(folder, two_copies, one_file, "echo hello", NULL);
	CLEANUP(json_decref_p) json_t *rows = rows_of("restore", "/srv");
	assert_string_equal(text_of(row_of(rows, "restore"), "against"), "size");
}

/* The live file has another first byte, the same size and the same time. */
static void file_of_now_is_what_the_copy_has_to_be(void **state) {
	static const struct {
		const char *script, *result;
	} cases[] = {{"echo hello", "same"}, {"echo jello", "different"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(scratch_free) char *folder = scratch_new();
		CLEANUP(free_ptr) char *file = file_join(folder, "file");
		CLEANUP(free_ptr)
		char *snapshots =
			xasprintf("echo '[{\"time\":\"2026-11-22T07:00:00Z\",\"paths\":[\"%s\"],\"hostname\":\"h1\","
				  "\"id\":\"aa\"}]'",
				  folder);
		CLEANUP(free_ptr)
		char *entries = xasprintf("echo '{\"type\":\"file\",\"path\":\"%s\",\"size\":6,\"mtime\":"
					  "\"1970-01-01T00:00:07.5Z\"}'",
					  file);
		put(folder, "file", "hello\n", 0600);
		const struct timespec times[2] = {{7, 500000000}, {7, 500000000}};
		assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
		make(folder, snapshots, entries, cases[i].script, NULL);
		CLEANUP(json_decref_p) json_t *rows = rows_of("restore", folder);
		assert_string_equal(text_of(row_of(rows, "restore"), "result"), cases[i].result);
		if (i == 0)
			assert_string_equal(text_of(row_of(rows, "restore"), "against"), "live");
	}
}

static void canary_that_only_an_older_copy_has_failed(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *entries = xasprintf("[[ $copy == aa ]] || %s", one_file);
	make(folder, two_copies, entries, "echo hello", "canary: {path: /srv/a, sha256: " HELLO "}\n");
	CLEANUP(json_decref_p) json_t *rows = rows_of("restore", "/srv");
	assert_string_equal(text_of(json_array_get(rows, 1), "result"), "failed");
}

static void restore_that_has_no_time_left_has_not_failed(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	make(folder, two_copies, one_file, "sleep 1000", "timeout: 1s\n");
	fails("restore", "/srv", ERR_TIMEOUT);
}

static void files_that_are_too_large_are_not_read_back(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	make(folder, two_copies, one_file, "echo hello", "largest: 5\n");
	CLEANUP(json_decref_p) json_t *rows = rows_of("restore", "/srv");
	assert_null(json_object_get(row_of(rows, "restore"), "result"));
	assert_int_equal(json_integer_value(json_object_get(row_of(rows, "restore"), "files")), 0);
}

/* What the program prints when it is called so. */
static char *said_when_called(const char *name) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "said");
	CLEANUP(buf_done) struct buf said = {0};
	char *arguments[] = {(char *)name, NULL};
	struct err err;
	int status = -1;
	const pid_t child = fork();
	if (child == 0)
		_exit(freopen(path, "w", stdout) ? backup_main(&backup_restic, 1, arguments) : 9);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(file_read(path, 65536, &said, &err));
	return xstrdup(buf_str(&said));
}

static void plugin_under_a_name_that_no_configuration_has_says_so(void **state) {
	static const char *const names[] = {"", "/usr/libexec/", ".restic", "/usr/libexec/..", "/usr/libexec/.restic"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(free_ptr) char *said = said_when_called(names[i]);
		assert_non_null(strstr(said, "\"kind\":\"error\""));
		assert_non_null(strstr(said, "a plugin has to be called by its name"));
	}
}

static void configuration_that_others_may_write_is_not_used(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *path = file_join(folder, "p.yaml");
	make(folder, two_copies, one_file, "", NULL);
	assert_int_equal(chmod(path, 0666), 0);
	fails("copies", "/srv", ERR_DENIED);
}

/* They decide what runs, and that may have been given what only root may read. */
static void nor_a_program_or_its_variables_that_others_may_write(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *program = file_join(folder, "program");
	CLEANUP(free_ptr) char *variables = file_join(folder, "s3.env");
	make(folder, two_copies, one_file, "", "environment_file: s3.env\n");
	put(folder, "s3.env", "X=y\n", 0600);
	json_decref(rows_of("copies", "/srv"));
	assert_int_equal(chmod(variables, 0620), 0);
	fails("copies", "/srv", ERR_DENIED);
	assert_int_equal(chmod(variables, 0600), 0);
	assert_int_equal(chmod(program, 0722), 0);
	fails("copies", "/srv", ERR_DENIED);
}

static void paths_come_from_arguments_or_the_configuration(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	make(folder, two_copies, one_file, "", NULL);
	fails("copies", NULL, ERR_USAGE);
	fails("copies", "srv", ERR_USAGE);
	fails(NULL, NULL, ERR_USAGE);
	make(folder, two_copies, one_file, "", "paths: [/srv]\n");
	CLEANUP(json_decref_p) json_t *rows = rows_of("copies", NULL);
	assert_string_equal(text_of(row_of(rows, "snapshot"), "path"), "/srv");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restics_copies_of_this_host_come_newest_first),
		cmocka_unit_test(copy_from_the_future_is_the_last_to_count),
		cmocka_unit_test(copies_without_the_tags_do_not_count),
		cmocka_unit_test(repository_without_copies_has_none),
		cmocka_unit_test(borgs_checkpoints_and_other_hosts_do_not_count),
		cmocka_unit_test(borgs_command_line_tells_paths_and_what_is_left_out),
		cmocka_unit_test(borgs_modes_that_do_not_encrypt_are_told),
		cmocka_unit_test(what_is_no_list_of_copies_is_malformed),
		cmocka_unit_test(list_of_more_copies_than_the_cap_is_refused),
		cmocka_unit_test(times_of_both_programs_are_read),
		cmocka_unit_test(entries_of_both_programs_are_files_with_size_and_time),
		cmocka_unit_test(names_that_are_no_utf8_count_but_are_not_asked_for),
		cmocka_unit_test(entries_that_are_none_are_malformed),
		cmocka_unit_test(paths_are_written_one_way),
		cmocka_unit_test(configuration_that_is_wrong_is_refused_with_its_place),
		cmocka_unit_test(newer_copies_without_the_path_are_passed_over_and_counted),
		cmocka_unit_test(path_that_no_copy_has_files_of_gets_no_row),
		cmocka_unit_test(file_beside_the_path_is_not_in_it),
		cmocka_unit_test(programs_failures_are_told_apart),
		cmocka_unit_test(listing_that_fails_or_is_cut_is_no_empty_copy),
		cmocka_unit_test(program_that_hangs_is_ended_with_all_that_it_started),
		cmocka_unit_test(program_that_floods_is_refused),
		cmocka_unit_test(counting_ends_where_every_path_has_files),
		cmocka_unit_test(what_came_back_is_compared),
		cmocka_unit_test(only_the_size_was_compared_where_there_is_nothing_else),
		cmocka_unit_test(file_of_now_is_what_the_copy_has_to_be),
		cmocka_unit_test(canary_that_only_an_older_copy_has_failed),
		cmocka_unit_test(restore_that_has_no_time_left_has_not_failed),
		cmocka_unit_test(files_that_are_too_large_are_not_read_back),
		cmocka_unit_test(plugin_under_a_name_that_no_configuration_has_says_so),
		cmocka_unit_test(configuration_that_others_may_write_is_not_used),
		cmocka_unit_test(nor_a_program_or_its_variables_that_others_may_write),
		cmocka_unit_test(paths_come_from_arguments_or_the_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

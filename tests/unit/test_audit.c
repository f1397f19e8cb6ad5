/* The kernel's audit: its rules in the words of auditctl, which is asked beside. The kernel has one set of rules for
 * the whole machine: these tests take turns, need it to be empty, and leave it so. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <sched.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "sources/audit.h"
#include "sources/records.h"
#include "tests/unit/fetching.h"

#define AUDITCTL "/usr/sbin/auditctl"
#define WORDS_MOST 32

/* Run auditctl with the words of a line; its output goes to a file. The exit status. */
static int auditctl(const char *line, const char *output) {
	CLEANUP(free_ptr) char *copy = xstrdup(line);
	char *words[WORDS_MOST] = {(char *)"auditctl"}, *rest = copy;
	size_t count = 1;
	for (char *word; (word = strsep(&rest, " ")) && count < WORDS_MOST - 1;)
		words[count++] = word;
	pid_t child;
	int status = 0;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	assert_int_equal(posix_spawn(&child, AUDITCTL, &actions, NULL, words, NULL), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const char *const rules[] = {
	"-w /etc/passwd -p wa -k identity",
	"-w /etc/sudoers.d/ -p rwxa",
	"-a always,exit -F arch=b64 -S adjtimex,settimeofday -S clock_settime -F key=time-change",
	"-a always,exit -F arch=b64 -S open,openat -F exit=-EACCES -F auid>=1000 -F auid!=unset -k access -k second",
	"-a always,exit -F path=/usr/bin/sudo -F perm=x -F auid>=1000 -F auid!=4294967295 -F key=priv",
	"-a always,exit -F dir=/etc -F perm=wa",
	"-a never,exclude -F msgtype=CWD",
	"-a never,exclude -F msgtype=SERVICE_START",
	"-a never,user -F pid=1 -F uid<=5",
	"-a always,exit -F arch=b64 -S execve -C uid!=euid -F euid=0",
	"-a never,task -F uid=0",
	"-a always,exit -F arch=b64 -S kill -F a1=9 -F a0&=3 -F exe=/bin/bash -F filetype=dir -F success=0",
	"-a always,exit -S all -F inode=4000000000 -F devmajor=8",
	"-a always,exit -S all -F uid=12 -F obj_uid=4 -F sessionid=3 -F ppid=77 -F saddr_fam=10",
	"-a never,filesystem -F fstype=tracefs -F key=fs",
	"-a always,exit -F arch=b64 -S 999 -F subj_user=root -F obj_lev_low=s0",
	"-a always,exit -F auid=-1 -F exit=5 -F exit!=-131 -F gid>3 -F egid<3",
#if defined(__x86_64__)
	"-a always,exit -F arch=b32 -S adjtimex,settimeofday,stime -F key=time-change",
#endif
};

/* What auditctl -l shows of the rules, and what the source does, while they are loaded. */
static void load_and_look(const char *folder, struct buf *shown, struct sources **ret_set) {
	struct err err;
	CLEANUP(free_ptr) char *output = file_join(folder, "output");
	CLEANUP(close_fd) int turn = open(AUDITCTL, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(turn, LOCK_EX), 0);
	assert_int_equal(auditctl("-l", output), 0);
	CLEANUP(buf_done) struct buf before = {0};
	assert_true(file_read(output, 65536, &before, &err));
	assert_string_equal(buf_str(&before), "No rules\n");
	int refused = 0;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		refused += auditctl(rules[i], output) != 0;
	int listed = auditctl("-l", output);
	bool is_read = file_read(output, 65536, shown, &err);
	*ret_set = fetch_all(NULL, (const char *const[]){"audit:rules", "audit:status", NULL});
	/* Before anything is judged, so that nothing stays behind. */
	assert_int_equal(auditctl("-D", output), 0);
	assert_int_equal(refused + listed, 0);
	assert_true(is_read);
}

static void rules_are_shown_as_auditctl_shows_them(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(buf_done) struct buf shown = {0}, own = {0};
	CLEANUP(sources_free_p) struct sources *set = NULL;
	json_t *list, *rule, *status;
	size_t index;
	struct err err;
	load_and_look(folder, &shown, &set);
	assert_true(source_json(sources_at(set, 0), &list, &err));
	json_array_foreach(list, index, rule) buf_addf(&own, "%s\n", json_string_value(json_object_get(rule, "text")));
	assert_string_equal(buf_str(&own), buf_str(&shown));
	assert_true(source_json(sources_at(set, 1), &status, &err));
	assert_true(json_integer_value(json_object_get(status, "backlog_limit")) > 0);
	assert_true(json_is_integer(json_object_get(status, "enabled")));
	assert_true(json_is_integer(json_object_get(status, "backlog_wait_time")));
}

static const json_t *with_key(const json_t *list, const char *key) {
	size_t index;
	json_t *rule;
	json_array_foreach(list, index, rule) {
		const char *first = json_string_value(json_array_get(json_object_get(rule, "keys"), 0));
		if (first && !strcmp(first, key))
			return rule;
	}
	return NULL;
}

static void equals(const json_t *rule, const char *expected) {
	struct err err;
	CLEANUP(buf_done) struct buf bytes = {0};
	assert_true(json_canonical(rule, &bytes, &err));
	assert_string_equal(buf_str(&bytes), expected);
}

static void rule_has_its_parts_apart(void **state) {
	CLEANUP(folder_remove) char *folder = folder_make();
	CLEANUP(buf_done) struct buf shown = {0};
	CLEANUP(sources_free_p) struct sources *set = NULL;
	json_t *list;
	struct err err;
	load_and_look(folder, &shown, &set);
	assert_true(source_json(sources_at(set, 0), &list, &err));
	equals(with_key(list, "access"),
	       "{\"action\":\"always\",\"arch\":\"b64\",\"fields\":[{\"field\":\"exit\",\"op\":\"=\",\"value\":"
	       "\"-EACCES\"},{\"field\":\"auid\",\"op\":\">=\",\"value\":\"1000\"},{\"field\":\"auid\",\"op\":\"!=\","
	       "\"value\":\"-1\"}],\"keys\":[\"access\",\"second\"],\"list\":\"exit\",\"syscalls\":[\"open\","
	       "\"openat\"],\"text\":\"-a always,exit -F arch=b64 -S open,openat -F exit=-EACCES -F auid>=1000 -F "
	       "auid!=-1 -F key=access -F key=second\",\"watch\":false}");
	equals(with_key(list, "identity"),
	       "{\"action\":\"always\",\"arch\":null,\"fields\":[{\"field\":\"path\",\"op\":\"=\",\"value\":"
	       "\"/etc/passwd\"},{\"field\":\"perm\",\"op\":\"=\",\"value\":\"wa\"}],\"keys\":[\"identity\"],\"list\":"
	       "\"exit\",\"syscalls\":[\"all\"],\"text\":\"-w /etc/passwd -p wa -k identity\",\"watch\":true}");
}

/* The codes of both sources in a child that has done prepare(). */
static int codes_after(bool (*prepare)(void)) {
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		if (!prepare())
			_exit(101);
		struct sources *set = fetch_all(NULL, (const char *const[]){"audit:rules", "audit:status", NULL});
		_exit((int)(sources_at(set, 0)->err.code * 6 + sources_at(set, 1)->err.code));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool become_nobody(void) { return setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0; }
static bool enter_user_namespace(void) { return unshare(CLONE_NEWUSER) == 0; }

static void who_may_not_ask_is_denied_and_another_namespace_is_unproved(void **state) {
	assert_int_equal(codes_after(become_nobody), ERR_DENIED * 6 + ERR_DENIED);
	assert_int_equal(codes_after(enter_user_namespace), ERR_UNPROVED * 6 + ERR_UNPROVED);
}

static bool parse(const struct audit_rule_data *rule, const char *texts, size_t len, json_t **ret_list,
		  struct err *err) {
	CLEANUP(buf_done) struct buf record = {0}, bytes = {0};
	buf_add(&record, rule, sizeof *rule);
	buf_add(&record, texts, len);
	records_add(&bytes, 0, record.data, record.len);
	return audit_rules_parse(bytes.data, bytes.len, "audit:rules", ret_list, err);
}

static void rule_that_is_not_whole_is_malformed(void **state) {
	struct err err = {0};
	json_t *list = NULL;
	const struct audit_rule_data good = {.flags = AUDIT_FILTER_EXIT,
					     .action = AUDIT_ALWAYS,
					     .field_count = 1,
					     .mask = {1},
					     .fields = {AUDIT_WATCH},
					     .values = {4},
					     .fieldflags = {AUDIT_EQUAL},
					     .buflen = 4};
	struct audit_rule_data many = good, longer = good, strange = good, left_over = good;
	assert_true(parse(&good, "/etc", 4, &list, &err));
	json_decref(list);
	list = NULL;
	many.field_count = AUDIT_MAX_FIELDS + 1;
	longer.values[0] = 5;
	strange.fieldflags[0] = 0;
	left_over.values[0] = 3;
	const struct audit_rule_data *const wrong[] = {&many, &longer, &strange, &left_over};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_false(parse(wrong[i], "/etc", 4, &list, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
		assert_null(list);
	}
	assert_false(parse(&good, "/et", 3, &list, &err));
	assert_false(audit_rules_parse("x", 1, "audit:rules", &list, &err));
	assert_false(audit_status_parse("x", 1, "audit:status", &list, &err));
	assert_int_equal(err.code, ERR_MALFORMED);
}

static void no_rules_are_an_empty_list(void **state) {
	struct err err;
	CLEANUP(json_decref_p) json_t *list = NULL;
	assert_true(audit_rules_parse("", 0, "audit:rules", &list, &err));
	assert_int_equal(json_array_size(list), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_shown_as_auditctl_shows_them),
		cmocka_unit_test(rule_has_its_parts_apart),
		cmocka_unit_test(who_may_not_ask_is_denied_and_another_namespace_is_unproved),
		cmocka_unit_test(rule_that_is_not_whole_is_malformed),
		cmocka_unit_test(no_rules_are_an_empty_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

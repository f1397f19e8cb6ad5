/* Who wrote to a file, from records that a kernel made (tests/who/) and from records that somebody made up. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/accounts.h"
#include "core/who.h"
#include "tests/unit/scratch.h"

#define FROM 1795334380000LL
#define UNTIL 1795334500000LL

static char *text; /* of what was found */
static bool is_unsure, is_another;

/* Which inodes paths have when it is asked. */
struct known {
	const char *path;
	long inode;
};
static const struct known made[] = {
	{"/", 2},
	{"/etc", 3},
	{"/srv", 4},
	{"/etc/ssh", 5},
	{"/etc/ssh/sshd_config.d", 6},
	{"/etc/a", 11},
	{"/etc/b", 12},
	{"/srv/a", 13},
	{"/srv/b", 14},
	{"/etc/ssh/a", 15},
	{"/etc/ssh/sshd_config", 16},
	{"/etc/ssh/sshd_config.d/x", 17},
	{NULL, 0},
};
static const struct known of_editors[] = {
	{"/etc", 10985939},
	{"/etc/app", 10985511},
	{"/etc/app/v.conf", 10985996},
	{"/etc/app/w.conf", 10985997},
	{"/etc/app/x.conf", 10985924},
	{"/etc/demo", 10985955},
	{"/etc/demo/demo.conf", 10986073},
	{NULL, 0},
};
static const struct known of_shell[] = {
	{"/etc/app", 10985970},
	{"/etc/app/two words.conf", 10985923},
	{"/etc/app/bad\ntype=PATH name=\"x\"", 10986067},
	{NULL, 0},
};
static const struct known *known = made;

static int drop(void **state) {
	free(text);
	text = NULL;
	known = made;
	return 0;
}

static json_t *inode_json(const char *path, size_t len) {
	for (const struct known *one = known; one->path; one++)
		if (strlen(one->path) == len && !memcmp(one->path, path, len))
			return json_pack("[s,I]", "fe:00", (json_int_t)one->inode);
	return json_null();
}

/* As the source inodes: says it. */
static json_t *place_json(const char *path) {
	json_t *steps = json_array();
	for (const char *at = path; *at; at += 1 + strcspn(at + 1, "/"))
		json_array_append_new(
			steps,
			json_pack("[o,s%]", inode_json(at == path ? "/" : path, at == path ? 1 : (size_t)(at - path)),
				  at + 1, strcspn(at + 1, "/")));
	return json_pack("[{s:o,s:o}]", "steps", steps, "end", inode_json(path, strlen(path)));
}

static json_t *places_json(const struct who_target *targets, size_t count) {
	json_t *places = json_object();
	for (size_t i = 0; i < count; i++)
		if (targets[i].kind <= WHO_TREE)
			json_object_set_new(places, targets[i].name, place_json(targets[i].name));
	return places;
}

/* "process/pid/auid ..." of who met these targets in the log. */
static const char *said_of(const char *log, const struct who_target *targets, size_t count, int64_t from,
			   int64_t until) {
	CLEANUP(json_decref_p) json_t *places = places_json(targets, count);
	const struct who_asked asked = {targets, count, places, from, until};
	CLEANUP(who_found_done) struct who_found found = {0};
	CLEANUP(buf_done) struct buf said = {0};
	size_t i;
	json_t *entry;
	who_audit(log, strlen(log), &asked, &found);
	json_array_foreach(found.wanted, i, entry)
		json_object_set_new(places, json_string_value(entry), place_json(json_string_value(entry)));
	if (json_array_size(found.wanted) > 0) {
		who_found_done(&found);
		who_audit(log, strlen(log), &asked, &found);
	}
	is_unsure = found.is_unsure;
	is_another = found.is_another;
	json_array_foreach(found.by, i, entry) {
		const json_t *auid = json_object_get(entry, "auid");
		buf_addf(&said, "%s%s/%lld", i ? " " : "", json_string_value(json_object_get(entry, "process")),
			 (long long)json_integer_value(json_object_get(entry, "pid")));
		if (json_is_integer(auid))
			buf_addf(&said, "/%lld", (long long)json_integer_value(auid));
		else if (auid)
			buf_addf(&said, "/%s", json_string_value(auid));
	}
	free(text);
	text = xstrdup(buf_str(&said));
	return text;
}

static const char *who_of(const char *log, enum who_kind kind, const char *name) {
	const struct who_target target = {kind, name};
	return said_of(log, &target, 1, FROM, UNTIL);
}

static char *fixture(const char *name) {
	known = !strcmp(name, "editors.log") ? of_editors : of_shell;
	return scratch_text(SOURCE_DIR "/tests/who", name);
}

static void editors_are_found_and_others_are_not(void **state) {
	CLEANUP(free_ptr) char *log = fixture("editors.log");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/v.conf"), "/usr/bin/vim.basic/4618/1000");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/w.conf"), "/usr/bin/ed/4620/1000 /usr/bin/tee/4622/1000");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/x.conf"), "/usr/bin/install/4621/1000");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/demo/demo.conf"), "/usr/bin/dpkg/4628/1000");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/y.conf"), "");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/v.con"), "");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app"), "");
}

static void all_ways_to_change_a_file_count_and_reading_does_not(void **state) {
	CLEANUP(free_ptr) char *log = fixture("shell.log");
	/* echo >, sed -i, mv, cp, chmod, chown, open in a folder, rename away and back, truncate, rm; auid unset */
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/one.conf"),
			    "/usr/bin/bash/3648/unset /usr/bin/sed/3669/unset /usr/bin/mv/3670/unset "
			    "/usr/bin/cp/3671/unset /usr/bin/chmod/3672/unset /usr/bin/chown/3673/unset "
			    "/usr/bin/python3.11/3674/unset /usr/bin/rm/3716/unset");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/three.conf"), "/usr/bin/python3.11/3674/unset");
}

static void names_in_hexadecimal_are_read(void **state) {
	CLEANUP(free_ptr) char *log = fixture("shell.log");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/two words.conf"), "/usr/bin/bash/3648/unset");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/bad\ntype=PATH name=\"x\""),
			    "/usr/bin/python3.11/3674/unset");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/app/x"), "");
}

static void folders_have_their_own_questions(void **state) {
	CLEANUP(free_ptr) char *log = fixture("editors.log");
	assert_string_equal(who_of(log, WHO_TREE, "/etc/demo"), "/usr/bin/dpkg/4628/1000");
	assert_string_equal(who_of(log, WHO_ENTRIES, "/etc/demo"), "/usr/bin/dpkg/4628/1000");
	/* ed and tee wrote into a file that was there and stayed */
	assert_string_equal(who_of(log, WHO_ENTRIES, "/etc/app"),
			    "/usr/bin/vim.basic/4618/1000 /usr/bin/install/4621/1000");
	assert_string_equal(who_of(log, WHO_ENTRIES, "/etc"), "");
	assert_string_equal(who_of(log, WHO_TREE, "/etc/ap"), "");
}

static void window_is_kept_to_the_millisecond(void **state) {
	CLEANUP(free_ptr) char *log = fixture("editors.log");
	const struct who_target target = {WHO_FILE, "/etc/app/w.conf"};
	assert_string_equal(said_of(log, &target, 1, 1795334422062, UNTIL), "/usr/bin/tee/4622/1000");
	assert_string_equal(said_of(log, &target, 1, FROM, 1795334422064), "/usr/bin/ed/4620/1000");
	assert_string_equal(said_of(log, &target, 1, 1795334422066, UNTIL), "");
	assert_string_equal(said_of(log, &target, 1, UNTIL, FROM), ""); /* the clock went backwards */
}

/* A user's own packet filter, of a namespace in which she is root, is recorded like the host's. */
#define FILTERS(euid)                                                                                                  \
	"type=NETFILTER_CFG msg=audit(1795334422.053:7): table=filter:2 family=2 entries=3 op=nft_register_rule "      \
	"pid=77 subj=unconfined comm=\"nft\"\n"                                                                        \
	"type=SYSCALL msg=audit(1795334422.053:7): arch=c000003e syscall=46 success=yes exit=1 a0=3 items=0 ppid=1 "   \
	"pid=77 auid=1000 uid=" euid " euid=" euid " comm=\"nft\" exe=\"/usr/sbin/nft\" key=(null)\n"

static void packet_filter_of_a_users_own_network_is_not_the_hosts(void **state) {
	assert_string_equal(who_of(FILTERS("1000"), WHO_NETFILTER, ""), "");
	assert_string_equal(who_of("type=NETFILTER_CFG msg=audit(1795334422.053:7): table=filter:2 family=2 entries=3 "
				   "op=nft_register_rule pid=77 subj=unconfined comm=\"nft\"\n",
				   WHO_NETFILTER, ""),
			    ""); /* nobody says as whom */
}

static void audit_itself_and_the_packet_filter_are_told(void **state) {
	CLEANUP(free_ptr) char *log = fixture("editors.log");
	assert_string_equal(who_of(log, WHO_AUDIT, ""), "/usr/sbin/auditctl/4613/unset /usr/sbin/auditctl/4615/unset "
							"/usr/sbin/auditctl/4648/unset /usr/sbin/auditctl/4651/unset");
	assert_string_equal(who_of(FILTERS("0"), WHO_NETFILTER, ""), "/usr/sbin/nft/77/1000");
	assert_string_equal(who_of(log, WHO_NETFILTER, ""), "");
}

/* A record as the kernel has it. */
#define MSG " msg=audit(1795334422.000:"
#define CALL(serial, rest) "type=SYSCALL" MSG serial "): arch=c000003e " rest "\n"
#define WRITES(serial, pid)                                                                                            \
	CALL(serial, "syscall=257 success=yes exit=3 a0=ffffff9c a1=0 a2=241 a3=1b6 items=2 ppid=1 pid=" pid           \
		     " auid=1000 uid=0 comm=\"tee\" exe=\"/usr/bin/tee\" key=(null)")
#define CWD(serial, folder) "type=CWD" MSG serial "): cwd=\"" folder "\"\n"
#define INODE(serial, name, inode, type)                                                                               \
	"type=PATH" MSG serial "): item=0 name=" name " inode=" inode " dev=fe:00 nametype=" type "\n"
#define PATH(serial, name, type) INODE(serial, name, "11", type)
#define FOLDER(serial, name, inode) INODE(serial, name, inode, "PARENT")

static void records_of_events_that_interleave_stay_apart(void **state) {
	const char *log = WRITES("1", "11") WRITES("2", "22") CWD("2", "/etc") CWD("1", "/srv")
		INODE("1", "\"a\"", "13", "NORMAL") INODE("2", "\"a\"", "11", "NORMAL");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/a"), "/usr/bin/tee/22/1000");
	assert_string_equal(who_of(log, WHO_FILE, "/srv/a"), "/usr/bin/tee/11/1000");
}

static void what_failed_or_only_read_changed_nothing(void **state) {
#define ONE(call) call CWD("1", "/etc") PATH("1", "\"/etc/a\"", "NORMAL")
	assert_string_equal(
		who_of(ONE(CALL("1", "syscall=257 success=no exit=-13 a0=ffffff9c a2=241 pid=5")), WHO_FILE, "/etc/a"),
		"");
	assert_string_equal(
		who_of(ONE(CALL("1", "syscall=257 success=yes exit=3 a0=ffffff9c a2=0 pid=5")), WHO_FILE, "/etc/a"),
		"");
	assert_string_equal(who_of(ONE(CALL("1", "syscall=59 success=yes exit=0 a0=1 a2=1 pid=5")), WHO_FILE, "/etc/a"),
			    "");
	assert_string_equal(who_of(ONE(CALL("1", "syscall=2 success=yes exit=3 a0=1 a1=2 pid=5")), WHO_FILE, "/etc/a"),
			    "?/5");
	assert_string_equal(
		who_of("type=CWD" MSG "1): cwd=\"/\"\n" PATH("1", "\"/etc/a\"", "CREATE"), WHO_FILE, "/etc/a"), "");
}

static void openat2_says_its_flags_in_a_record_of_its_own(void **state) {
#define OPENAT2(flags)                                                                                                 \
	CALL("1", "syscall=437 success=yes exit=3 a0=ffffff9c a2=7fff pid=5 comm=\"x\" exe=\"/x\"")                    \
	flags CWD("1", "/etc") PATH("1", "\"a\"", "NORMAL")
	assert_string_equal(
		who_of(OPENAT2("type=OPENAT2" MSG "1): oflag=0101 mode=0 resolve=0x8\n"), WHO_FILE, "/etc/a"), "/x/5");
	assert_string_equal(
		who_of(OPENAT2("type=OPENAT2" MSG "1): oflag=02000000 mode=0 resolve=0x8\n"), WHO_FILE, "/etc/a"), "");
	assert_string_equal(who_of(OPENAT2(""), WHO_FILE, "/etc/a"), "");
}

static void names_in_an_open_folder_are_told_by_its_inode(void **state) {
	const char *log = CALL("1", "syscall=257 success=yes exit=3 a0=7 a2=241 pid=5 exe=\"/x\"") CWD("1", "/srv")
		FOLDER("1", "\"/srv\"", "3") PATH("1", "\"a\"", "CREATE");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/a"), "/x/5");
	assert_string_equal(who_of(log, WHO_ENTRIES, "/etc"), "/x/5");
	assert_string_equal(who_of(log, WHO_FILE, "/srv/a"), "");
	assert_false(is_another); /* what its name is relative to is not told */
	assert_string_equal(who_of(WRITES("1", "5") CWD("1", "/etc/./ssh//") INODE("1", "\"./a\"", "15", "NORMAL"),
				   WHO_FILE, "/etc/ssh/a"),
			    "/usr/bin/tee/5/1000");
}

static void file_is_told_by_any_of_its_names(void **state) {
	const char *through_link = WRITES("1", "5") CWD("1", "/") PATH("1", "\"/srv/link\"", "NORMAL");
	assert_string_equal(who_of(through_link, WHO_FILE, "/etc/a"), "/usr/bin/tee/5/1000");
	const char *open = CALL("1", "syscall=91 success=yes exit=0 a0=3 a1=1a4 pid=6 uid=0 exe=\"/bin/chmod\"")
		CWD("1", "/") PATH("1", "(null)", "NORMAL");
	assert_string_equal(who_of(open, WHO_FILE, "/etc/a"), "/bin/chmod/6");
	assert_string_equal(who_of(open, WHO_FILE, "/etc/b"), "");
	assert_string_equal(
		who_of(WRITES("1", "5") CWD("1", "/etc/ssh") PATH("1", "\"../a\"", "NORMAL"), WHO_FILE, "/etc/a"),
		"/usr/bin/tee/5/1000");
}

#define MOVES(serial, pid)                                                                                             \
	CALL(serial, "syscall=82 success=yes exit=0 a0=1 pid=" pid " uid=0 exe=\"/usr/bin/mv\"") CWD(serial, "/")

static void file_of_the_same_name_below_another_root_is_another(void **state) {
	const char *moved = MOVES("1", "5") FOLDER("1", "\"/tmp/\"", "70") FOLDER("1", "\"/etc/\"", "73")
		INODE("1", "\"/tmp/a\"", "71", "DELETE") INODE("1", "\"/etc/a\"", "71", "CREATE");
	assert_string_equal(who_of(moved, WHO_FILE, "/etc/a"), "");
	assert_true(is_another);
	assert_string_equal(who_of(moved, WHO_ENTRIES, "/etc"), "");
	assert_string_equal(who_of(moved, WHO_TREE, "/etc"), "");
	const char *written = WRITES("1", "5") CWD("1", "/") INODE("1", "\"/etc/a\"", "71", "NORMAL");
	assert_string_equal(who_of(written, WHO_FILE, "/etc/a"), "");
	assert_true(is_another);
	assert_string_equal(who_of(written, WHO_TREE, "/etc"), "");
	const char *of_other_disk = "type=PATH" MSG "1): item=0 name=\"/etc/a\" inode=11 dev=fe:01 nametype=NORMAL\n";
	CLEANUP(free_ptr) char *log = xasprintf("%s%s", WRITES("1", "5") CWD("1", "/"), of_other_disk);
	assert_string_equal(who_of(log, WHO_FILE, "/etc/a"), "");
}

static void moves_between_two_folders_are_told_apart(void **state) {
	const char *away = MOVES("1", "5") FOLDER("1", "\"/etc/\"", "73") FOLDER("1", "\"/host/\"", "3")
		INODE("1", "\"/etc/a\"", "71", "DELETE") INODE("1", "\"/host/b\"", "71", "CREATE");
	assert_string_equal(who_of(away, WHO_FILE, "/etc/a"), "");
	assert_string_equal(who_of(away, WHO_FILE, "/etc/b"), "/usr/bin/mv/5");
	/* two folders that are both "the one that the process was in", as the kernel has it of open folders */
	const char *open = CALL("1", "syscall=264 success=yes exit=0 a0=3 a2=4 pid=5 exe=\"/x\"") CWD("1", "/")
		FOLDER("1", "\"/\"", "73") FOLDER("1", "\"/\"", "3") INODE("1", "\"a\"", "71", "DELETE")
			INODE("1", "\"b\"", "71", "CREATE");
	assert_string_equal(who_of(open, WHO_FILE, "/etc/b"), "");
}

/* The inode of a file that is gone is given to another. */
static void inode_counts_for_as_long_as_it_was_there(void **state) {
#define REPLACED                                                                                                       \
	INODE("2", "\"/etc/n\"", "11", "DELETE")                                                                       \
	INODE("2", "\"/etc/a\"", "77", "DELETE") INODE("2", "\"/etc/a\"", "11", "CREATE")
#define REPLACE                                                                                                        \
	MOVES("2", "6")                                                                                                \
	FOLDER("2", "\"/etc/\"", "3")                                                                                  \
	FOLDER("2", "\"/etc/\"", "3") REPLACED
	const char *before = WRITES("1", "5") CWD("1", "/") INODE("1", "\"/etc/a\"", "77", "NORMAL") REPLACE;
	assert_string_equal(who_of(before, WHO_FILE, "/etc/a"), "/usr/bin/tee/5/1000 /usr/bin/mv/6");
	const char *after = REPLACE WRITES("3", "7") CWD("3", "/") INODE("3", "\"/etc/a\"", "77", "NORMAL");
	assert_string_equal(who_of(after, WHO_FILE, "/etc/a"), "/usr/bin/mv/6");
	const char *elsewhere = WRITES("1", "5") CWD("1", "/") INODE("1", "\"/etc/n\"", "11", "NORMAL") REPLACE;
	assert_string_equal(who_of(elsewhere, WHO_FILE, "/etc/a"), "/usr/bin/mv/6");
}

static void what_cannot_be_compared_names_nobody(void **state) {
	static const struct known nothing[] = {{NULL, 0}};
	const char *log = WRITES("1", "5") CWD("1", "/") PATH("1", "\"/etc/a\"", "NORMAL");
	known = nothing;
	assert_string_equal(who_of(log, WHO_FILE, "/etc/a"), "");
	assert_true(is_unsure);
	assert_string_equal(who_of(log, WHO_FILE, "/etc/b"), "");
	assert_false(is_unsure);
	known = made;
	const char *bare = WRITES("1", "5") "type=PATH" MSG "1): item=0 name=\"/etc/a\" nametype=NORMAL\n";
	assert_string_equal(who_of(bare, WHO_FILE, "/etc/a"), "");
	assert_true(is_unsure);
}

static void below_a_tree_files_are_compared_when_they_are_named(void **state) {
	const char *log = WRITES("1", "5") CWD("1", "/etc/ssh") INODE("1", "\"sshd_config.d/x\"", "17", "NORMAL")
		WRITES("2", "6") CWD("2", "/") INODE("2", "\"/etc/ssh/sshd_config.d/x\"", "71", "NORMAL");
	assert_string_equal(who_of(log, WHO_TREE, "/etc/ssh/sshd_config.d"), "/usr/bin/tee/5/1000");
	assert_string_equal(who_of(log, WHO_TREE, "/etc"), "/usr/bin/tee/5/1000");
	assert_string_equal(who_of(log, WHO_ENTRIES, "/etc/ssh/sshd_config.d"), "");
}

static void folder_that_was_moved_away_takes_its_files_with_it(void **state) {
	const char *log = MOVES("1", "5") FOLDER("1", "\"/etc/\"", "3") FOLDER("1", "\"/etc/\"", "3")
		INODE("1", "\"/etc/ssh\"", "8", "DELETE") INODE("1", "\"/etc/ssh.old\"", "8", "CREATE");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/ssh/sshd_config"), "/usr/bin/mv/5");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/sshd"), "");
	assert_string_equal(who_of(log, WHO_TREE, "/etc/ssh/sshd_config.d"), "/usr/bin/mv/5");
	assert_string_equal(who_of(log, WHO_TREE, "/etc/ss"), "");
	/* what was done in it before is of the file, afterwards not */
#define INSIDE(serial, pid)                                                                                            \
	CALL(serial, "syscall=87 success=yes exit=0 a0=1 pid=" pid " exe=\"/bin/rm\"")                                 \
	CWD(serial, "/") FOLDER(serial, "\"/etc/ssh/\"", "8") INODE(serial, "\"/etc/ssh/sshd_config\"", "80", "DELETE")
	CLEANUP(free_ptr) char *both = xasprintf("%s%s%s", INSIDE("0", "4"), log, INSIDE("3", "6"));
	assert_string_equal(who_of(both, WHO_FILE, "/etc/ssh/sshd_config"), "/bin/rm/4 /usr/bin/mv/5");
}

static void pid_that_was_used_twice_is_two_processes(void **state) {
	const char *log = WRITES("1", "9") CWD("1", "/") PATH("1", "\"/etc/a\"", "NORMAL")
		CALL("2", "syscall=257 success=yes exit=3 a0=ffffff9c a2=1 pid=9 auid=4294967295 uid=33 "
			  "comm=\"sh\" exe=\"/usr/bin/dash\"") CWD("2", "/") PATH("2", "\"/etc/a\"", "NORMAL");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/a"), "/usr/bin/tee/9/1000 /usr/bin/dash/9/unset");
}

/* What a process calls itself, a file's name and what user space writes are no records, whatever they say. */
static void text_of_others_is_no_record(void **state) {
	const char *log = "type=PROCTITLE" MSG "1): proctitle=\"x type=SYSCALL\"\n"
			  "type=USER" MSG "2): pid=3 uid=0 auid=0 msg='type=SYSCALL" MSG
			  "3): arch=c000003e syscall=257 success=yes a2=241 exe=\"/evil\"'\n" CWD("3", "/")
				  PATH("3", "\"/etc/a\"", "NORMAL") " type=SYSCALL" MSG "3): arch=c000003e syscall=2\n";
	assert_string_equal(who_of(log, WHO_FILE, "/etc/a"), "");
	const char *named = CALL("1", "syscall=257 success=yes exit=3 a0=ffffff9c a2=241 pid=5 uid=0 "
				      "comm=65766C0A207069643D31 exe=\"/usr/bin/evil pid=1 uid=9\"") CWD("1", "/")
		PATH("1", "\"/etc/a\"", "NORMAL");
	assert_string_equal(who_of(named, WHO_FILE, "/etc/a"), "/usr/bin/evil pid=1 uid=9/5");
}

static void controls_in_names_are_not_handed_on(void **state) {
	const char *log =
		CALL("1", "syscall=257 success=yes exit=3 a0=ffffff9c a2=241 pid=5 uid=0 auid=4294967295 "
			  "comm=\"a\" exe=2F746D702F1B5B33316D0A62") CWD("1", "/") PATH("1", "\"/etc/a\"", "NORMAL");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/a"), "/tmp/?[31m?b/5/unset");
}

static void log_that_was_cut_says_less_and_nothing_wrong(void **state) {
	CLEANUP(free_ptr) char *log = fixture("editors.log");
	char *path = strstr(log, "name=\"/etc/app/v.conf\"");
	char *line = path;
	while (line[-1] != '\n')
		line--;
	/* the record of the call is before the cut */
	const struct who_target target = {WHO_FILE, "/etc/app/v.conf"};
	CLEANUP(free_ptr) char *rest = xstrndup(line, (size_t)(strchr(path, '\n') + 1 - line));
	assert_string_equal(said_of(rest, &target, 1, FROM, UNTIL), "");
	/* the last line has no end yet */
	const char *writing = WRITES("1", "5") "type=PATH" MSG "1): item=0 name=\"/etc/a\" nametype=NORMAL";
	assert_string_equal(who_of(writing, WHO_FILE, "/etc/a"), "");
}

static void other_machines_tell_what_came_and_went_alone(void **state) {
	const char *log =
		"type=SYSCALL" MSG "1): arch=c00000f3 syscall=56 success=yes a0=ffffff9c a2=241 pid=5\n" CWD("1", "/")
			PATH("1", "\"/etc/a\"", "NORMAL") FOLDER("1", "\"/etc/\"", "3")
				INODE("1", "\"/etc/b\"", "12", "CREATE");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/a"), "");
	assert_string_equal(who_of(log, WHO_FILE, "/etc/b"), "?/5");
}

static void no_more_are_named_than_fit_and_the_newest_are(void **state) {
	CLEANUP(buf_done) struct buf log = {0};
	for (int i = 0; i < WHO_MOST + 90; i++)
		buf_addf(&log,
			 "type=SYSCALL" MSG
			 "%d): arch=c000003e syscall=90 success=yes pid=%d\n" PATH("%d", "\"/etc/a\"", "NORMAL"),
			 i, 1000 + i, i);
	const struct who_target target = {WHO_FILE, "/etc/a"};
	CLEANUP(json_decref_p) json_t *places = places_json(&target, 1);
	const struct who_asked asked = {&target, 1, places, FROM, UNTIL};
	CLEANUP(who_found_done) struct who_found found = {0};
	who_audit(log.data, log.len, &asked, &found);
	assert_int_equal(json_array_size(found.by), WHO_MOST);
	assert_int_equal(found.more, 90);
	assert_int_equal(found.oldest_ms, 1795334422000);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(found.by, WHO_MOST - 1), "pid")),
			 1000 + WHO_MOST + 89);
}

static void who_does_much_gets_nobody_else_off_the_list(void **state) {
	CLEANUP(buf_done) struct buf log = {0};
	for (int i = 0; i < WHO_MOST + 5; i++)
		buf_addf(&log,
			 "type=SYSCALL" MSG "%d): arch=c000003e syscall=90 success=yes pid=%d auid=%d\n" PATH(
				 "%d", "\"/etc/a\"", "NORMAL"),
			 i, 1000 + i, i == 2 ? 1001 : 1000, i);
	const char *said = who_of(log.data, WHO_FILE, "/etc/a");
	assert_non_null(strstr(said, "?/1002/1001"));
	assert_null(strstr(said, "?/1001/1000"));
	assert_non_null(strstr(said, "?/1012/1000"));
}

#define SUDO_SAID(command, result)                                                                                     \
	"type=USER_CMD" MSG "9): pid=50 uid=1000 auid=1000 ses=2 msg='cwd=\"/\" cmd=" command                          \
	" exe=\"/usr/bin/sudo\" terminal=pts/0 res=" result "'\x1dUID=\"alice\"\n"

static void unit_is_not_of_who_only_looked_or_was_refused(void **state) {
	/* systemctl stop ssh; systemctl status ssh; systemctl -M web restart ssh */
	assert_string_equal(
		who_of(SUDO_SAID("73797374656D63746C2073746F7020737368", "failed"), WHO_UNIT, "ssh.service"), "");
	assert_string_equal(
		who_of(SUDO_SAID("73797374656D63746C2073746174757320737368", "success"), WHO_UNIT, "ssh.service"), "");
	assert_string_equal(who_of(SUDO_SAID("73797374656D63746C202D4D20776562207265737461727420737368", "success"),
				   WHO_UNIT, "ssh.service"),
			    "");
}

static void unit_is_who_asked_for_it_by_sudo(void **state) {
#define SUDO(command) SUDO_SAID(command, "success")
	/* systemctl stop ssh; systemctl --now disable ssh.service */
	assert_string_equal(who_of(SUDO("73797374656D63746C2073746F7020737368"), WHO_UNIT, "ssh.service"),
			    "/usr/bin/sudo/50/1000");
	assert_string_equal(who_of(SUDO("73797374656D63746C202D2D6E6F772064697361626C65207373682E73657276696365"),
				   WHO_UNIT, "ssh.service"),
			    "/usr/bin/sudo/50/1000");
	assert_string_equal(who_of(SUDO("73797374656D63746C2073746F7020737368"), WHO_UNIT, "sshd.service"), "");
	/* cat ssh */
	assert_string_equal(who_of(SUDO("63617420737368"), WHO_UNIT, "ssh.service"), "");
	assert_string_equal(who_of(SUDO("\"systemctl\""), WHO_UNIT, "ssh.service"), "");
}

/* What anybody with CAP_AUDIT_WRITE can say, as whatever user of the host or of a container. */
static void what_a_program_says_of_itself_is_marked_and_displaces_nobody(void **state) {
	CLEANUP(buf_done) struct buf log = {0};
	buf_addf(&log, "type=SYSCALL" MSG
		       "1): arch=c000003e syscall=90 success=yes pid=7 auid=1001\n" PATH("1", "\"/etc/a\"", "NORMAL"));
	for (int i = 0; i < WHO_MOST + 5; i++)
		buf_addf(&log,
			 "type=USER_CMD" MSG "%d): pid=%d uid=0 auid=%d ses=2 msg='cwd=\"/\" "
			 "cmd=73797374656D63746C2073746F7020737368 exe=\"/usr/bin/sudo\" res=success'\n",
			 i + 2, 100 + i, 2000 + i);
	const struct who_target targets[] = {{WHO_FILE, "/etc/a"}, {WHO_UNIT, "ssh.service"}};
	CLEANUP(json_decref_p) json_t *places = places_json(targets, ARRAY_LEN(targets));
	const struct who_asked asked = {targets, ARRAY_LEN(targets), places, FROM, UNTIL};
	CLEANUP(who_found_done) struct who_found found = {0};
	who_audit(log.data, log.len, &asked, &found);
	const json_t *first = json_array_get(found.by, 0), *second = json_array_get(found.by, 1);
	assert_int_equal(json_array_size(found.by), WHO_MOST);
	assert_string_equal(json_string_value(json_object_get(first, "source")), "audit");
	assert_int_equal(json_integer_value(json_object_get(first, "auid")), 1001);
	assert_string_equal(json_string_value(json_object_get(second, "source")), "program");
	assert_int_equal(json_integer_value(json_object_get(second, "pid")), 106); /* the newest of them stay */
}

static void users_have_their_names(void **state) {
	CLEANUP(json_decref_p)
	json_t *accounts = json_pack("[{s:s,s:i},{s:s,s:i}]", "name", "root", "uid", 0, "name", "alice", "uid", 1000);
	CLEANUP(json_decref_p)
	json_t *by = json_pack("[{s:i,s:i},{s:i,s:s},{s:i,s:i}]", "uid", 0, "auid", 1000, "uid", 0, "auid", "unset",
			       "uid", 7, "auid", 9);
	who_name_users(by, accounts);
	assert_string_equal(json_string_value(json_object_get(json_array_get(by, 0), "user")), "alice");
	assert_string_equal(json_string_value(json_object_get(json_array_get(by, 1), "user")), "root");
	assert_null(json_object_get(json_array_get(by, 2), "user"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(editors_are_found_and_others_are_not, drop),
		cmocka_unit_test_teardown(all_ways_to_change_a_file_count_and_reading_does_not, drop),
		cmocka_unit_test_teardown(names_in_hexadecimal_are_read, drop),
		cmocka_unit_test_teardown(folders_have_their_own_questions, drop),
		cmocka_unit_test_teardown(window_is_kept_to_the_millisecond, drop),
		cmocka_unit_test_teardown(packet_filter_of_a_users_own_network_is_not_the_hosts, drop),
		cmocka_unit_test_teardown(audit_itself_and_the_packet_filter_are_told, drop),
		cmocka_unit_test_teardown(records_of_events_that_interleave_stay_apart, drop),
		cmocka_unit_test_teardown(what_failed_or_only_read_changed_nothing, drop),
		cmocka_unit_test_teardown(openat2_says_its_flags_in_a_record_of_its_own, drop),
		cmocka_unit_test_teardown(names_in_an_open_folder_are_told_by_its_inode, drop),
		cmocka_unit_test_teardown(file_is_told_by_any_of_its_names, drop),
		cmocka_unit_test_teardown(file_of_the_same_name_below_another_root_is_another, drop),
		cmocka_unit_test_teardown(moves_between_two_folders_are_told_apart, drop),
		cmocka_unit_test_teardown(inode_counts_for_as_long_as_it_was_there, drop),
		cmocka_unit_test_teardown(what_cannot_be_compared_names_nobody, drop),
		cmocka_unit_test_teardown(below_a_tree_files_are_compared_when_they_are_named, drop),
		cmocka_unit_test_teardown(folder_that_was_moved_away_takes_its_files_with_it, drop),
		cmocka_unit_test_teardown(pid_that_was_used_twice_is_two_processes, drop),
		cmocka_unit_test_teardown(text_of_others_is_no_record, drop),
		cmocka_unit_test_teardown(controls_in_names_are_not_handed_on, drop),
		cmocka_unit_test_teardown(log_that_was_cut_says_less_and_nothing_wrong, drop),
		cmocka_unit_test_teardown(other_machines_tell_what_came_and_went_alone, drop),
		cmocka_unit_test_teardown(no_more_are_named_than_fit_and_the_newest_are, drop),
		cmocka_unit_test_teardown(who_does_much_gets_nobody_else_off_the_list, drop),
		cmocka_unit_test_teardown(unit_is_not_of_who_only_looked_or_was_refused, drop),
		cmocka_unit_test_teardown(unit_is_who_asked_for_it_by_sudo, drop),
		cmocka_unit_test_teardown(what_a_program_says_of_itself_is_marked_and_displaces_nobody, drop),
		cmocka_unit_test_teardown(users_have_their_names, drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

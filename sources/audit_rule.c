/* A rule as the kernel hands it out, in words: what auditctl's own listing makes of it. */
#include <errno.h>
#include <linux/audit.h>

#include "core/text.h"
#include "sources/audit.h"
#include "sources/audit_names.h"
#include "sources/records.h"

#define KEY_SEPARATOR "\x01"
#define LIST_MASK 0x0f /* of a rule's flags; AUDIT_FILTER_PREPEND is beside it */

static const struct audit_name lists[] = {{"user", AUDIT_FILTER_USER},           {"task", AUDIT_FILTER_TASK},
					  {"entry", AUDIT_FILTER_ENTRY},         {"exit", AUDIT_FILTER_EXIT},
					  {"exclude", AUDIT_FILTER_EXCLUDE},     {"filesystem", AUDIT_FILTER_FS},
					  {"io_uring", AUDIT_FILTER_URING_EXIT}, {NULL, 0}};
static const struct audit_name actions[] = {
	{"never", AUDIT_NEVER}, {"possible", AUDIT_POSSIBLE}, {"always", AUDIT_ALWAYS}, {NULL, 0}};
static const struct audit_name operators[] = {{"=", AUDIT_EQUAL},
					      {"!=", AUDIT_NOT_EQUAL},
					      {"<", AUDIT_LESS_THAN},
					      {"<=", AUDIT_LESS_THAN_OR_EQUAL},
					      {">", AUDIT_GREATER_THAN},
					      {">=", AUDIT_GREATER_THAN_OR_EQUAL},
					      {"&", AUDIT_BIT_MASK},
					      {"&=", AUDIT_BIT_TEST},
					      {NULL, 0}};
static const struct audit_name fields[] = {{"pid", AUDIT_PID},
					   {"uid", AUDIT_UID},
					   {"euid", AUDIT_EUID},
					   {"suid", AUDIT_SUID},
					   {"fsuid", AUDIT_FSUID},
					   {"gid", AUDIT_GID},
					   {"egid", AUDIT_EGID},
					   {"sgid", AUDIT_SGID},
					   {"fsgid", AUDIT_FSGID},
					   {"auid", AUDIT_LOGINUID},
					   {"pers", AUDIT_PERS},
					   {"arch", AUDIT_ARCH},
					   {"msgtype", AUDIT_MSGTYPE},
					   {"subj_user", AUDIT_SUBJ_USER},
					   {"subj_role", AUDIT_SUBJ_ROLE},
					   {"subj_type", AUDIT_SUBJ_TYPE},
					   {"subj_sen", AUDIT_SUBJ_SEN},
					   {"subj_clr", AUDIT_SUBJ_CLR},
					   {"ppid", AUDIT_PPID},
					   {"obj_user", AUDIT_OBJ_USER},
					   {"obj_role", AUDIT_OBJ_ROLE},
					   {"obj_type", AUDIT_OBJ_TYPE},
					   {"obj_lev_low", AUDIT_OBJ_LEV_LOW},
					   {"obj_lev_high", AUDIT_OBJ_LEV_HIGH},
					   {"sessionid", AUDIT_SESSIONID},
					   {"fstype", AUDIT_FSTYPE},
					   {"devmajor", AUDIT_DEVMAJOR},
					   {"devminor", AUDIT_DEVMINOR},
					   {"inode", AUDIT_INODE},
					   {"exit", AUDIT_EXIT},
					   {"success", AUDIT_SUCCESS},
					   {"path", AUDIT_WATCH},
					   {"perm", AUDIT_PERM},
					   {"dir", AUDIT_DIR},
					   {"filetype", AUDIT_FILETYPE},
					   {"obj_uid", AUDIT_OBJ_UID},
					   {"obj_gid", AUDIT_OBJ_GID},
					   {"field_compare", AUDIT_FIELD_COMPARE},
					   {"exe", AUDIT_EXE},
					   {"saddr_fam", AUDIT_SADDR_FAM},
					   {"a0", AUDIT_ARG0},
					   {"a1", AUDIT_ARG1},
					   {"a2", AUDIT_ARG2},
					   {"a3", AUDIT_ARG3},
					   {"key", AUDIT_FILTERKEY},
					   {NULL, 0}};
/* Types of records that programs make, from 1100 on, which the kernel has no names for (libaudit(3) has). */
#define FIRST_OF_PROGRAMS 1100
static const char *const types_of_programs[] = {
	"USER_AUTH",     "USER_ACCT",    "USER_MGMT",      "CRED_ACQ",      "CRED_DISP",        "USER_START",
	"USER_END",      "USER_AVC",     "USER_CHAUTHTOK", "USER_ERR",      "CRED_REFR",        "USYS_CONFIG",
	"USER_LOGIN",    "USER_LOGOUT",  "ADD_USER",       "DEL_USER",      "ADD_GROUP",        "DEL_GROUP",
	"DAC_CHECK",     "CHGRP_ID",     "TEST",           "TRUSTED_APP",   "USER_SELINUX_ERR", "USER_CMD",
	"USER_TTY",      "CHUSER_ID",    "GRP_AUTH",       "SYSTEM_BOOT",   "SYSTEM_SHUTDOWN",  "SYSTEM_RUNLEVEL",
	"SERVICE_START", "SERVICE_STOP", "GRP_MGMT",       "GRP_CHAUTHTOK", "MAC_CHECK",        "ACCT_LOCK",
	"ACCT_UNLOCK",   "USER_DEVICE",  "SOFTWARE_UPDATE"};
static const struct audit_name file_systems[] = {{"debugfs", 0x64626720}, {"tracefs", 0x74726163}, {NULL, 0}};

/* What AUDIT_FIELD_COMPARE sets side by side, by its value less one. */
static const char *const compared[][2] = {
	{"uid", "obj_uid"},  {"gid", "obj_gid"},  {"euid", "obj_uid"},  {"egid", "obj_gid"},  {"auid", "obj_uid"},
	{"suid", "obj_uid"}, {"sgid", "obj_gid"}, {"fsuid", "obj_uid"}, {"fsgid", "obj_gid"}, {"uid", "auid"},
	{"uid", "euid"},     {"uid", "fsuid"},    {"uid", "suid"},      {"auid", "fsuid"},    {"auid", "suid"},
	{"auid", "euid"},    {"euid", "suid"},    {"euid", "fsuid"},    {"suid", "fsuid"},    {"gid", "egid"},
	{"gid", "fsgid"},    {"gid", "sgid"},     {"egid", "fsgid"},    {"egid", "sgid"},     {"sgid", "fsgid"},
};

static const char *name_of(const struct audit_name *names, unsigned number) {
	while (names->name && names->number != number)
		names++;
	return names->name;
}

/* Its name, or else its number; the caller frees. */
static char *name_or_number(const struct audit_name *names, unsigned number) {
	const char *name = name_of(names, number);
	return name ? xstrdup(name) : xasprintf("%d", (int)number);
}

/* A rule and how far its texts have been read: they lie one behind the other, each as long as its field's value says.
 */
struct rule {
	const struct audit_rule_data *head;
	struct cursor texts;
	json_t *value; /* owned */
};

static bool takes_text(unsigned field) {
	return (field >= AUDIT_SUBJ_USER && field <= AUDIT_OBJ_LEV_HIGH && field != AUDIT_PPID) ||
	       field == AUDIT_WATCH || field == AUDIT_DIR || field == AUDIT_EXE || field == AUDIT_FILTERKEY;
}

/* The kernel's syscall tables that are known here: those of the machine that this was built for. */
static const struct audit_name *syscalls_of(unsigned arch) {
	static const struct audit_name none[] = {{NULL, 0}};
#if defined(__x86_64__)
	return arch == AUDIT_ARCH_X86_64 ? audit_syscalls_64 : arch == AUDIT_ARCH_I386 ? audit_syscalls_32 : none;
#elif defined(__aarch64__)
	return arch == AUDIT_ARCH_AARCH64 ? audit_syscalls_64 : none;
#else
	return none;
#endif
}

static unsigned native_arch(void) {
#if defined(__x86_64__)
	return AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
	return AUDIT_ARCH_AARCH64;
#else
	return 0;
#endif
}

static bool takes_syscalls(unsigned list) {
	return list == AUDIT_FILTER_EXIT || list == AUDIT_FILTER_ENTRY || list == AUDIT_FILTER_URING_EXIT;
}

static bool has_all_syscalls(const struct audit_rule_data *head) {
	for (size_t i = 0; i < AUDIT_BITMASK_SIZE - 1; i++)
		if (head->mask[i] != UINT32_MAX)
			return false;
	return true;
}

/* New reference. */
static json_t *syscalls(const struct audit_rule_data *head, unsigned arch) {
	const char *by_number[AUDIT_BITMASK_SIZE * 32] = {0};
	json_t *list = json_array();
	if (!takes_syscalls(head->flags & LIST_MASK))
		return list;
	if (has_all_syscalls(head)) {
		json_array_append_new(list, json_string("all"));
		return list;
	}
	for (const struct audit_name *one = syscalls_of(arch); one->name; one++)
		if (one->number < ARRAY_LEN(by_number))
			by_number[one->number] = one->name;
	for (unsigned number = 0; number < ARRAY_LEN(by_number); number++) {
		if (!(head->mask[AUDIT_WORD(number)] & AUDIT_BIT(number)))
			continue;
		CLEANUP(free_ptr) char *name = by_number[number] ? xstrdup(by_number[number]) : xasprintf("%u", number);
		json_array_append_new(list, json_string(name));
	}
	return list;
}

/* Whether auditctl would write it as -w: a path, perhaps keys, and for what kinds of access. */
static bool is_watch(const struct audit_rule_data *head) {
	bool has_perm = false;
	for (unsigned i = 0; i < head->field_count; i++) {
		unsigned field = head->fields[i];
		has_perm |= field == AUDIT_PERM;
		if (field != AUDIT_PERM && field != AUDIT_FILTERKEY && field != AUDIT_DIR && field != AUDIT_WATCH)
			return false;
	}
	return has_perm && (!takes_syscalls(head->flags & LIST_MASK) || has_all_syscalls(head));
}

static char *perm_text(unsigned value) {
	return xasprintf("%s%s%s%s", value & AUDIT_PERM_READ ? "r" : "", value & AUDIT_PERM_WRITE ? "w" : "",
			 value & AUDIT_PERM_EXEC ? "x" : "", value & AUDIT_PERM_ATTR ? "a" : "");
}

static char *type_text(unsigned value) {
	size_t index = value - FIRST_OF_PROGRAMS;
	return value >= FIRST_OF_PROGRAMS && index < ARRAY_LEN(types_of_programs) ? xstrdup(types_of_programs[index])
										  : name_or_number(audit_types, value);
}

static char *exit_text(int value) {
	const char *name = value < 0 && value > INT32_MIN ? strerrorname_np(-value) : NULL;
	return name ? xasprintf("-%s", name) : xasprintf("%d", value);
}

/* A field's value in words; the caller frees. */
static char *value_text(unsigned field, unsigned value) {
	switch (field) {
	case AUDIT_MSGTYPE:
		return type_text(value);
	case AUDIT_FSTYPE:
		return name_or_number(file_systems, value);
	case AUDIT_PERM:
		return perm_text(value);
	case AUDIT_EXIT:
		return exit_text((int)value);
	case AUDIT_INODE:
		return xasprintf("%u", value);
	case AUDIT_ARG0:
	case AUDIT_ARG1:
	case AUDIT_ARG2:
	case AUDIT_ARG3:
		return xasprintf("0x%X", value);
	default:
		return xasprintf("%d", (int)value);
	}
}

static void add_field(struct rule *rule, const char *field, const char *op, json_t *value) {
	json_array_append_new(json_object_get(rule->value, "fields"),
			      json_pack("{s:s,s:s,s:o}", "field", field, "op", op, "value", value));
}

static void add_keys(struct rule *rule, const char *text, size_t len) {
	CLEANUP(free_ptr) char *copy = xstrndup(text, len);
	for (char *rest = copy, *key; (key = strsep(&rest, KEY_SEPARATOR));)
		if (*key)
			json_array_append_new(json_object_get(rule->value, "keys"), json_text(key));
}

/* The i-th field. False when its text is not all there. */
static bool read_field(struct rule *rule, unsigned i) {
	unsigned field = rule->head->fields[i], value = rule->head->values[i];
	const char *op = name_of(operators, rule->head->fieldflags[i] & AUDIT_OPERATORS);
	CLEANUP(free_ptr)
	char *name = name_of(fields, field) ? xstrdup(name_of(fields, field)) : xasprintf("f%u", field);
	if (!op)
		return false;
	if (field == AUDIT_ARCH)
		return true;
	if (field == AUDIT_FIELD_COMPARE && value > 0 && value <= ARRAY_LEN(compared)) {
		add_field(rule, compared[value - 1][0], op, json_string(compared[value - 1][1]));
		return true;
	}
	if (!takes_text(field)) {
		CLEANUP(free_ptr) char *text = value_text(field, value);
		add_field(rule, name, op, json_string(text));
		return true;
	}
	const char *text = (const char *)cursor_bytes(&rule->texts, value);
	if (!text)
		return false;
	if (field == AUDIT_FILTERKEY)
		add_keys(rule, text, value);
	else
		add_field(rule, name, op, json_textn(text, value));
	return true;
}

static const char *text_of(const json_t *object, const char *key) {
	return json_string_value(json_object_get(object, key));
}

static void write_syscalls(const json_t *list, struct buf *text) {
	for (size_t i = 0; i < json_array_size(list); i++)
		buf_addf(text, "%s%s", i ? "," : " -S ", json_string_value(json_array_get(list, i)));
}

static bool is_comparison(const json_t *field) {
	const char *name = text_of(field, "field"), *value = text_of(field, "value");
	for (size_t i = 0; i < ARRAY_LEN(compared); i++)
		if (!strcmp(name, compared[i][0]) && !strcmp(value, compared[i][1]))
			return true;
	return false;
}

/* "-w /etc/passwd -p wa" or " -F auid>=1000" */
static void write_field(const json_t *field, bool is_a_watch, struct buf *text) {
	const char *name = text_of(field, "field"), *value = text_of(field, "value");
	if (is_a_watch)
		buf_addf(text, "%s %s", strcmp(name, "perm") ? "-w" : " -p", value);
	else
		buf_addf(text, " -%c %s%s%s", is_comparison(field) ? 'C' : 'F', name, text_of(field, "op"), value);
}

/* The line of auditctl -l. */
static void write_text(json_t *rule, const char *arch_op) {
	CLEANUP(buf_done) struct buf text = {0};
	const bool is_a_watch = json_is_true(json_object_get(rule, "watch"));
	const json_t *list = json_object_get(rule, "fields"), *keys = json_object_get(rule, "keys");
	if (!is_a_watch)
		buf_addf(&text, "-a %s,%s", text_of(rule, "action"), text_of(rule, "list"));
	if (text_of(rule, "arch"))
		buf_addf(&text, " -F arch%s%s", arch_op, text_of(rule, "arch"));
	if (!is_a_watch)
		write_syscalls(json_object_get(rule, "syscalls"), &text);
	for (size_t i = 0; i < json_array_size(list); i++)
		write_field(json_array_get(list, i), is_a_watch, &text);
	for (size_t i = 0; i < json_array_size(keys); i++)
		buf_addf(&text, is_a_watch ? " -k %s" : " -F key=%s", json_string_value(json_array_get(keys, i)));
	json_object_set_new(rule, "text", json_string(buf_str(&text)));
}

/* *ret_op is NULL where the rule is for every machine. */
static unsigned arch_of(const struct audit_rule_data *head, const char **ret_op) {
	*ret_op = NULL;
	for (unsigned i = 0; i < head->field_count; i++)
		if (head->fields[i] == AUDIT_ARCH) {
			*ret_op = name_of(operators, head->fieldflags[i] & AUDIT_OPERATORS);
			return head->values[i];
		}
	return native_arch();
}

/* False when it is not as the kernel has them. */
static bool read_rule(struct rule *rule) {
	const char *arch_op;
	const struct audit_rule_data *head = rule->head;
	unsigned arch = arch_of(head, &arch_op);
	CLEANUP(free_ptr) char *list = name_or_number(lists, head->flags & LIST_MASK);
	CLEANUP(free_ptr) char *action = name_or_number(actions, head->action);
	rule->value = json_pack("{s:s,s:s,s:s?,s:o,s:[],s:[],s:b}", "list", list, "action", action, "arch",
				!arch_op ? NULL : (arch & __AUDIT_ARCH_64BIT ? "b64" : "b32"), "syscalls",
				syscalls(head, arch), "fields", "keys", "watch", is_watch(head));
	for (unsigned i = 0; i < head->field_count; i++)
		if (!read_field(rule, i))
			return false;
	write_text(rule->value, arch_op);
	return cursor_at_end(&rule->texts);
}

bool audit_rules_parse(const void *data, size_t len, const char *where, json_t **ret_list, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	struct cursor cursor = cursor_over(data, len);
	const unsigned char *record;
	uint32_t tag;
	size_t size;
	while (records_next(&cursor, &tag, &record, &size)) {
		const size_t smallest = sizeof(struct audit_rule_data);
		CLEANUP(free_ptr) struct audit_rule_data *head = xmalloc(size > smallest ? size : smallest);
		struct rule rule = {.head = head};
		memcpy(head, record, size); /* where it lies it may not be aligned */
		bool is_good =
			size >= smallest && head->field_count <= AUDIT_MAX_FIELDS && head->buflen <= size - smallest;
		if (is_good) {
			rule.texts = cursor_over(record + smallest, head->buflen);
			is_good = read_rule(&rule);
		}
		if (is_good)
			json_array_append(list, rule.value);
		json_decref(rule.value);
		if (!is_good)
			return err_set(err, ERR_MALFORMED, where, "rule %zu is not as the kernel has them",
				       json_array_size(list) + 1);
	}
	if (cursor.bad)
		return err_set(err, ERR_MALFORMED, where, "cut short");
	*ret_list = json_incref(list);
	return true;
}

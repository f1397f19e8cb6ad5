#include "core/audit_value.h"

#include <ctype.h>
#include <errno.h>

#include "core/text.h"

#define UNSET "-1" /* of 4294967295, the number of a user who never logged in */

static bool refuse(const struct audit_value_at *at, struct err *err, const char *why, const char *what) {
	return err_set_at(err, ERR_MALFORMED, at->where, at->number, 0, "%s \"%s\"", why, what);
}

static bool cannot_say(const struct audit_value_at *at, struct err *err, const char *why, const char *what) {
	return err_set_at(err, ERR_UNPROVED, at->where, at->number, 0, "%s \"%s\"", why, what);
}

static const char *const users[] = {"uid", "euid", "suid", "fsuid", "auid", "obj_uid"};
static const char *const groups[] = {"gid", "egid", "sgid", "fsgid", "obj_gid"};
static const char *const numbers[] = {"pid", "ppid", "pers", "devmajor", "devminor", "inode",    "exit",
				      "a0",  "a1",   "a2",   "a3",       "success",  "sessionid"};
static const char *const texts[] = {"path",     "dir",       "perm",      "exe",       "msgtype",     "fstype",
				    "filetype", "saddr_fam", "subj_user", "subj_role", "subj_type",   "subj_sen",
				    "subj_clr", "obj_user",  "obj_role",  "obj_type",  "obj_lev_low", "obj_lev_high"};

static const struct {
	const char *field, *word, *value;
} words[] = {
	{"success", "yes", "1"},           {"success", "no", "0"},          {"filetype", "file", "32768"},
	{"filetype", "dir", "16384"},      {"filetype", "socket", "49152"}, {"filetype", "link", "40960"},
	{"filetype", "character", "8192"}, {"filetype", "block", "24576"},  {"filetype", "fifo", "4096"},
	{"saddr_fam", "local", "1"},       {"saddr_fam", "unix", "1"},      {"saddr_fam", "inet", "2"},
	{"saddr_fam", "inet6", "10"},      {"saddr_fam", "netlink", "16"},  {"saddr_fam", "packet", "17"},
};

static bool is_of(const char *field, const char *const *list, size_t count) {
	return text_is_one_of(field, list, count);
}

static bool to_number(const char *text, int64_t *ret_value) {
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 0);
	if (end == text || *end || errno || value < INT32_MIN || value > UINT32_MAX)
		return false;
	*ret_value = value;
	return true;
}

/* The number of a name among accounts or groups, -1 where there is none. */
static int64_t id_of(const json_t *entries, const char *id, const char *name) {
	size_t i;
	json_t *entry;
	json_array_foreach(entries, i, entry) {
		const char *one = json_string_value(json_object_get(entry, "name"));
		if (one && !strcmp(one, name))
			return json_integer_value(json_object_get(entry, id));
	}
	return -1;
}

/* As the kernel prints it: 4294967295 and -1 are one. The caller frees. */
static char *id_text(int64_t id) { return xasprintf("%d", (int)(uint32_t)id); }

static bool read_id(const struct audit_value_at *at, const char *text, bool is_user, char **ret_value,
		    struct err *err) {
	int64_t id;
	if (!strcmp(text, "unset")) {
		*ret_value = xstrdup(UNSET);
		return true;
	}
	if (!to_number(text, &id)) {
		id = is_user ? id_of(at->people->accounts, "uid", text) : id_of(at->people->groups, "gid", text);
		if (id < 0)
			return cannot_say(at, err, "nobody here has the name", text);
	}
	*ret_value = id_text(id);
	return true;
}

static bool read_exit(const struct audit_value_at *at, const char *text, char **ret_value, struct err *err) {
	int64_t number;
	bool is_number = to_number(text, &number);
	const char *name = is_number && number < 0 && number > INT32_MIN ? strerrorname_np((int)-number) : NULL;
	if (!is_number && (*text != '-' || !isupper((unsigned char)text[1])))
		return refuse(at, err, "no value for exit:", text);
	*ret_value = !is_number ? xstrdup(text) : name ? xasprintf("-%s", name) : xasprintf("%lld", (long long)number);
	return true;
}

bool audit_value_perm(const struct audit_value_at *at, const char *text, char **ret_value, struct err *err) {
	if (!*text || strspn(text, "rwxa") != strlen(text))
		return refuse(at, err, "no kinds of access:", text);
	*ret_value = xasprintf("%s%s%s%s", strchr(text, 'r') ? "r" : "", strchr(text, 'w') ? "w" : "",
			       strchr(text, 'x') ? "x" : "", strchr(text, 'a') ? "a" : "");
	return true;
}

char *audit_value_path(const char *path) {
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return xstrndup(path, len);
}

static bool read_number(const struct audit_value_at *at, const char *field, const char *text, char **ret_value,
			struct err *err) {
	int64_t number;
	if (!strcmp(field, "exit"))
		return read_exit(at, text, ret_value, err);
	if (!strcmp(field, "sessionid") && !strcmp(text, "unset")) {
		*ret_value = xstrdup(UNSET);
		return true;
	}
	if (!to_number(text, &number))
		return refuse(at, err, "not a number:", text);
	if (field[0] == 'a')
		*ret_value = xasprintf("0x%X", (unsigned)number);
	else if (!strcmp(field, "inode"))
		*ret_value = xasprintf("%u", (unsigned)number);
	else
		*ret_value = id_text(number);
	return true;
}

bool audit_value_is_id(const char *field) {
	return is_of(field, users, ARRAY_LEN(users)) || is_of(field, groups, ARRAY_LEN(groups));
}

bool audit_value_read(const struct audit_value_at *at, const char *field, const char *text, char **ret_value,
		      struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(field, words[i].field) && !strcmp(text, words[i].word)) {
			*ret_value = xstrdup(words[i].value);
			return true;
		}
	if (audit_value_is_id(field))
		return read_id(at, text, is_of(field, users, ARRAY_LEN(users)), ret_value, err);
	if (is_of(field, numbers, ARRAY_LEN(numbers)))
		return read_number(at, field, text, ret_value, err);
	if (!is_of(field, texts, ARRAY_LEN(texts)))
		return cannot_say(at, err, "a field that is not known here:", field);
	if (!strcmp(field, "perm"))
		return audit_value_perm(at, text, ret_value, err);
	bool is_path = !strcmp(field, "path") || !strcmp(field, "dir");
	if (is_path && *text != '/')
		return refuse(at, err, "not an absolute path:", text);
	*ret_value = is_path ? audit_value_path(text) : xstrdup(text);
	return true;
}

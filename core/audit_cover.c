#include "core/audit_cover.h"

#include <ctype.h>

#include "core/text.h"

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static bool is(const json_t *object, const char *name, const char *text) {
	return !strcmp(text_of(object, name), text);
}

static bool has_text(const json_t *list, const char *text) {
	size_t i;
	json_t *item;
	json_array_foreach(list, i,
			   item) if (json_is_string(item) && !strcmp(json_string_value(item), text)) return true;
	return false;
}

static const json_t *fields_of(const json_t *rule) { return json_object_get(rule, "fields"); }

/* The first field of this name, NULL for none. */
static const json_t *field_of(const json_t *rule, const char *name) {
	size_t i;
	json_t *field;
	json_array_foreach(fields_of(rule), i, field) if (is(field, "field", name)) return field;
	return NULL;
}

char *audit_rule_text(const json_t *rule, bool with_keys) {
	CLEANUP(json_decref_p) json_t *copy = json_copy((json_t *)(uintptr_t)rule);
	struct buf text = {0};
	struct err ignored;
	json_object_del(copy, "watch");
	if (!with_keys)
		json_object_del(copy, "keys");
	return json_canonical(copy, &text, &ignored) ? buf_take(&text) : xstrdup("");
}

static bool is_all(const json_t *rule) { return has_text(json_object_get(rule, "syscalls"), "all"); }

static const char *perm_of(const json_t *rule) {
	const json_t *field = field_of(rule, "perm");
	return field && is(field, "op", "=") ? text_of(field, "value") : NULL;
}

/* Whether a rule for kinds of access is for enough system calls: for all of them, or for those that stand for the
 * list that newer versions of auditctl put there. */
static bool serves_perm(const json_t *rule, const char *perm) {
	static const struct {
		const char *kinds, *syscall;
	} stands_for[] = {{"r", "readlinkat"}, {"rw", "openat"},  {"w", "renameat2"}, {"w", "unlinkat"},
			  {"x", "execve"},     {"a", "fchmodat"}, {"a", "setxattr"}};
	const json_t *syscalls = json_object_get(rule, "syscalls");
	if (is_all(rule))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(stands_for); i++)
		if (strpbrk(perm, stands_for[i].kinds) && !has_text(syscalls, stands_for[i].syscall))
			return false;
	return true;
}

static bool has_same(const json_t *rule, const json_t *field) {
	size_t i;
	json_t *other;
	json_array_foreach(fields_of(rule), i, other) if (json_equal(other, field)) return true;
	return false;
}

/* The value of a field that is a path or a folder, NULL for another. */
static const json_t *place_value(const json_t *field) {
	bool is_place = field && (is(field, "field", "path") || is(field, "field", "dir"));
	return is_place ? json_object_get(field, "value") : NULL;
}

/* Equal but for -w, where auditctl looks whether the path is a folder. */
static bool has_fields_of(const json_t *loaded, const json_t *rule, bool is_watch) {
	size_t i;
	json_t *field;
	if (json_array_size(fields_of(loaded)) != json_array_size(fields_of(rule)))
		return false;
	json_array_foreach(fields_of(rule), i, field) {
		const json_t *place = is_watch ? place_value(field) : NULL;
		const json_t *path = field_of(loaded, "path"),
			     *other = place_value(path ? path : field_of(loaded, "dir"));
		if (!has_same(loaded, field) && !(place && other && json_equal(place, other)))
			return false;
	}
	return true;
}

bool audit_rule_is_loaded_as(const json_t *rule, const json_t *loaded) {
	static const char *const same[] = {"list", "action", "arch", "keys"};
	const char *perm = perm_of(rule);
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (!json_equal(json_object_get(rule, same[i]), json_object_get(loaded, same[i])))
			return false;
	bool has_syscalls = json_equal(json_object_get(rule, "syscalls"), json_object_get(loaded, "syscalls")) ||
			    (is_all(rule) && perm && serves_perm(loaded, perm));
	return has_syscalls && has_fields_of(loaded, rule, json_is_true(json_object_get(rule, "watch")));
}

/* ---- one event class: a rule's, on one machine, of one system call ---- */

struct events {
	const json_t *rule;
	const char *arch;    /* b64 or b32 */
	const char *syscall; /* "all" */
};

static bool is_below(const char *path, const char *folder) {
	size_t len = strlen(folder);
	return !strcmp(folder, "/") || (!strncmp(path, folder, len) && (path[len] == '\0' || path[len] == '/'));
}

/* The path or folder that a rule is about, NULL for none. */
static const char *place_of(const json_t *rule, bool *ret_is_folder) {
	const json_t *path = field_of(rule, "path"), *dir = field_of(rule, "dir");
	const json_t *field = path ? path : dir;
	*ret_is_folder = !path;
	return field && is(field, "op", "=") ? text_of(field, "value") : NULL;
}

/* -1 is 4294967295, the largest of all. False where it is no number. */
static bool to_unsigned(const char *text, unsigned long long *ret_value) {
	if (!strcmp(text, "-1")) {
		*ret_value = UINT32_MAX;
		return true;
	}
	return text_to_u64(text, UINT32_MAX, ret_value);
}

/* Whether a rule without arch means this machine's calls: the numbers of its system calls are those of b64. */
static bool is_for_arch(const json_t *rule, const char *arch) {
	const json_t *own = json_object_get(rule, "arch");
	if (json_is_string(own))
		return !strcmp(json_string_value(own), arch);
	return is_all(rule) || !strcmp(arch, "b64");
}

/* Whether a condition of the events is the same or a stricter ">=". */
static bool is_stricter(const json_t *own, const json_t *condition) {
	unsigned long long least, owns;
	return is(own, "field", text_of(condition, "field")) && is(own, "op", ">=") && is(condition, "op", ">=") &&
	       to_unsigned(text_of(condition, "value"), &least) && to_unsigned(text_of(own, "value"), &owns) &&
	       owns >= least;
}

/* Whether every event has what this condition asks for. */
static bool is_implied(const json_t *condition, const struct events *events) {
	const char *value = text_of(condition, "value"), *perm = perm_of(events->rule);
	bool is_folder;
	size_t i;
	json_t *own;
	json_array_foreach(fields_of(events->rule), i,
			   own) if (json_equal(own, condition) || is_stricter(own, condition)) return true;
	if (is(condition, "field", "dir") && is(condition, "op", "=")) {
		const char *place = place_of(events->rule, &is_folder);
		return place && is_below(place, value);
	}
	return is(condition, "field", "perm") && is(condition, "op", "=") && perm &&
	       strspn(perm, value) == strlen(perm);
}

static bool records(const json_t *loaded, const struct events *events) {
	const char *perm = perm_of(events->rule);
	size_t i;
	json_t *condition;
	if (!is(loaded, "list", "exit") || !is(loaded, "action", "always") || !is_for_arch(loaded, events->arch))
		return false;
	bool has_syscall = is_all(loaded) || has_text(json_object_get(loaded, "syscalls"), events->syscall) ||
			   (!strcmp(events->syscall, "all") && perm && serves_perm(loaded, perm));
	if (!has_syscall)
		return false;
	json_array_foreach(fields_of(loaded), i, condition) if (!is_implied(condition, events)) return false;
	return true;
}

/* System calls that name no file: a rule about a path does not meet them. */
static bool names_no_file(const char *syscall) {
	static const char *const calls[] = {"adjtimex",    "settimeofday", "clock_settime", "clock_adjtime",
					    "stime",       "init_module",  "finit_module",  "delete_module",
					    "sethostname", "setdomainname"};
	return text_is_one_of(syscall, calls, ARRAY_LEN(calls));
}

static bool are_places_apart(const json_t *never, const struct events *events) {
	bool is_folder, is_other_folder;
	const char *place = place_of(never, &is_folder), *other = place_of(events->rule, &is_other_folder);
	if (!place)
		return false;
	if (!other)
		return names_no_file(events->syscall);
	return !(is_folder && is_below(other, place)) && !(is_other_folder && is_below(place, other)) &&
	       strcmp(place, other) != 0;
}

/* Whether no access is of both kinds: what is opened with O_RDWR is read and written, link() writes and changes what a
 * file is said to be (audit_match_perm(), asm-generic/audit_change_attr.h). */
static bool are_kinds_apart(const char *one, const char *other) {
	bool may_change = strchr(one, 'a') || strchr(other, 'a'), may_write = strchr(one, 'w') || strchr(other, 'w');
	bool may_read = strchr(one, 'r') || strchr(other, 'r');
	return !strpbrk(one, other) && !(may_write && (may_read || may_change));
}

/* Whether no event that has the one has the other. */
static bool exclude_each_other(const json_t *one, const json_t *other) {
	unsigned long long exact, least;
	if (strcmp(text_of(one, "field"), text_of(other, "field")) != 0 || !is(one, "op", "="))
		return false;
	if (is(one, "field", "perm"))
		return is(other, "op", "=") && are_kinds_apart(text_of(one, "value"), text_of(other, "value"));
	bool is_same = is(other, "value", text_of(one, "value"));
	if (isalpha((unsigned char)*text_of(one, "value")) || isalpha((unsigned char)*text_of(other, "value")))
		return false; /* one field compared with another */
	if (is(one, "field", "path") || is(one, "field", "dir"))
		return false; /* are_places_apart() */
	if (is(other, "op", "=") || is(other, "op", "!="))
		return is(other, "op", "=") != is_same;
	return is(other, "op", ">=") && to_unsigned(text_of(one, "value"), &exact) &&
	       to_unsigned(text_of(other, "value"), &least) && exact < least;
}

/* Whether it may be that an event of these meets the rule. */
static bool may_meet(const json_t *never, const struct events *events) {
	size_t i, j;
	json_t *one, *other;
	const json_t *syscalls = json_object_get(never, "syscalls");
	bool may_call = is_all(never) || !strcmp(events->syscall, "all") || has_text(syscalls, events->syscall);
	/* without arch its numbers are those of other calls on b32, which are not told here */
	bool may_be_numbers = !json_is_string(json_object_get(never, "arch")) && !strcmp(events->arch, "b32");
	if (!may_be_numbers && (!is_for_arch(never, events->arch) || !may_call))
		return false;
	if (are_places_apart(never, events))
		return false;
	json_array_foreach(fields_of(never), i, one)
		json_array_foreach(fields_of(events->rule), j, other) if (exclude_each_other(one, other) ||
									  exclude_each_other(other, one)) return false;
	return true;
}

static bool is_borne(const json_t *rule, const json_t *exceptions) {
	CLEANUP(free_ptr) char *text = audit_rule_text(rule, false);
	size_t i;
	json_t *exception;
	json_array_foreach(exceptions, i, exception) {
		CLEANUP(free_ptr) char *other = audit_rule_text(exception, false);
		if (!strcmp(text, other))
			return true;
	}
	return false;
}

static void add_index(json_t *list, size_t index) {
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) if (json_integer_value(item) == (json_int_t)index) return;
	json_array_append_new(list, json_integer((json_int_t)index));
}

static bool are_recorded(const struct events *events, const json_t *loaded, const json_t *exceptions,
			 json_t *narrowed_by) {
	size_t i;
	json_t *one;
	json_array_foreach(loaded, i, one) {
		if (records(one, events))
			return true;
		if (is(one, "list", "exit") && is(one, "action", "never") && may_meet(one, events) &&
		    !is_borne(one, exceptions))
			add_index(narrowed_by, i);
	}
	return false;
}

bool audit_rule_is_covered(const json_t *rule, const json_t *loaded, const json_t *exceptions, json_t *narrowed_by) {
	static const char *const both[] = {"b64", "b32"};
	bool is_covered = true;
	for (size_t a = 0; a < ARRAY_LEN(both); a++) {
		size_t i;
		json_t *syscall;
		if (!is_for_arch(rule, both[a]))
			continue;
		json_array_foreach(json_object_get(rule, "syscalls"), i, syscall) {
			const struct events events = {rule, both[a], json_string_value(syscall)};
			is_covered &= are_recorded(&events, loaded, exceptions, narrowed_by);
		}
	}
	return is_covered;
}

/* The file systems of the kernel's own tracing hold nothing that rules about files are for. */
static bool is_of_tracing(const json_t *rule) {
	static const char *const harmless[] = {"tracefs", "debugfs"};
	const json_t *type = field_of(rule, "fstype");
	return type && is(type, "op", "=") && text_is_one_of(text_of(type, "value"), harmless, ARRAY_LEN(harmless));
}

bool audit_rule_suppresses(const json_t *loaded, const json_t *exceptions) {
	static const char *const needed[] = {"SYSCALL", "PATH", "EXECVE", "CONFIG_CHANGE"};
	if (is(loaded, "list", "filesystem")) /* names on it are not taken note of: no rule about a path meets them */
		return is(loaded, "action", "never") && !is_of_tracing(loaded) && !is_borne(loaded, exceptions);
	if (is(loaded, "list", "task"))
		return is(loaded, "action", "never") && !is_borne(loaded, exceptions);
	if (!is(loaded, "list", "exclude"))
		return false;
	const json_t *type = field_of(loaded, "msgtype");
	bool is_harmless =
		type && is(type, "op", "=") && !text_is_one_of(text_of(type, "value"), needed, ARRAY_LEN(needed));
	return !is_harmless && !is_borne(loaded, exceptions);
}

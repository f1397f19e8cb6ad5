#include "core/audit_file.h"

#include <ctype.h>

#include "core/text.h"

/* A line under way. */
struct reading {
	struct audit_value_at in;
	json_t *rule;      /* owned; NULL until -a, -A or -w */
	bool has_syscalls; /* -S was there */
	struct audit_line *line;
};

static bool refuse(const struct reading *at, struct err *err, const char *why, const char *what) {
	return err_set_at(err, ERR_MALFORMED, at->in.where, at->in.number, 0, "%s \"%s\"", why, what ? what : "");
}

static bool cannot_say(const struct reading *at, struct err *err, const char *why, const char *what) {
	return err_set_at(err, ERR_UNPROVED, at->in.where, at->in.number, 0, "%s \"%s\"", why, what);
}

void audit_line_done(struct audit_line *line) {
	json_decref(line->rule);
	*line = (struct audit_line){0};
}

/* ---- the options of a line ---- */

static void add_field(json_t *rule, const char *field, const char *op, const char *value) {
	json_array_append_new(
		json_object_get(rule, "fields"),
		json_pack("{s:o,s:o,s:o}", "field", json_text(field), "op", json_text(op), "value", json_text(value)));
}

static void add_key(json_t *rule, const char *key) {
	json_array_append_new(json_object_get(rule, "keys"), json_text(key));
}

static bool read_arch(const struct reading *at, const char *value, struct err *err) {
	static const char *const wide[] = {"b64", "x86_64", "aarch64"}, *const narrow[] = {"b32", "i386", "i686"};
	bool is_wide = text_is_one_of(value, wide, ARRAY_LEN(wide));
	if (!is_wide && !text_is_one_of(value, narrow, ARRAY_LEN(narrow)))
		return cannot_say(at, err, "a machine that is not known here:", value);
	json_object_set_new(at->rule, "arch", json_string(is_wide ? "b64" : "b32"));
	return true;
}

/* "auid>=1000": cut in three. False where there is no operator in it. */
static bool split_pair(char *text, char **ret_value, char op[3]) {
	char *at = text + strcspn(text, "=!<>&");
	size_t len = strspn(at, "=!<>&");
	static const char *const ops[] = {"=", "!=", "<", "<=", ">", ">=", "&", "&="};
	if (at == text || len == 0 || len > 2)
		return false;
	memcpy(op, at, len);
	op[len] = '\0';
	*at = '\0';
	*ret_value = at + len;
	return text_is_one_of(op, ops, ARRAY_LEN(ops));
}

static bool read_field(struct reading *at, char *text, struct err *err) {
	CLEANUP(free_ptr) char *value = NULL;
	char *raw, op[3];
	if (!at->rule)
		return refuse(at, err, "a field before its list:", text);
	if (!split_pair(text, &raw, op))
		return refuse(at, err, "not a field with a value:", text);
	if (!strcmp(text, "key")) {
		add_key(at->rule, raw);
		return true;
	}
	if (!strcmp(text, "arch"))
		return !strcmp(op, "=") ? read_arch(at, raw, err)
					: cannot_say(at, err, "machines that it is not for:", raw);
	if (!audit_value_read(&at->in, text, raw, &value, err))
		return false;
	add_field(at->rule, text, op, value);
	return true;
}

/* What compares two fields is written with the lesser name first. */
static bool read_comparison(struct reading *at, char *text, struct err *err) {
	char *other, op[3];
	if (!at->rule)
		return refuse(at, err, "a field before its list:", text);
	if (!split_pair(text, &other, op))
		return refuse(at, err, "not two fields:", text);
	bool is_turned = strcmp(text, other) > 0;
	add_field(at->rule, is_turned ? other : text, op, is_turned ? text : other);
	return true;
}

static bool read_list(struct reading *at, char *text, struct err *err) {
	static const char *const lists[] = {"task", "exit", "user", "exclude", "filesystem", "io_uring"};
	static const char *const actions[] = {"always", "never"};
	char *comma = strchr(text, ',');
	if (at->rule || !comma)
		return refuse(at, err, "not one list and one action:", text);
	*comma = '\0';
	bool is_first = text_is_one_of(text, lists, ARRAY_LEN(lists));
	const char *list = is_first ? text : comma + 1, *action = is_first ? comma + 1 : text;
	if (!text_is_one_of(list, lists, ARRAY_LEN(lists)) || !text_is_one_of(action, actions, ARRAY_LEN(actions)))
		return refuse(at, err, "no list or no action:", action);
	if (!strcmp(list, "io_uring"))
		return cannot_say(at, err, "a list that is not known here:", list);
	at->rule = json_pack("{s:s,s:s,s:n,s:[],s:[],s:[],s:b}", "list", list, "action", action, "arch", "syscalls",
			     "fields", "keys", "watch", 0);
	return true;
}

static bool read_watch(struct reading *at, char *path, struct err *err) {
	bool is_folder = text_ends(path, "/") && path[1];
	if (at->rule || *path != '/')
		return refuse(at, err, "not one absolute path:", path);
	at->rule = json_pack("{s:s,s:s,s:n,s:[s],s:[],s:[],s:b}", "list", "exit", "action", "always", "arch",
			     "syscalls", "all", "fields", "keys", "watch", 1);
	CLEANUP(free_ptr) char *clean = audit_value_path(path);
	at->has_syscalls = true;
	add_field(at->rule, is_folder ? "dir" : "path", "=", clean);
	return true;
}

/* -p after -w; the last of several counts. */
static bool read_permission(struct reading *at, char *text, struct err *err) {
	CLEANUP(free_ptr) char *value = NULL;
	if (!at->rule || !json_is_true(json_object_get(at->rule, "watch")))
		return refuse(at, err, "kinds of access without a watch:", text);
	if (!audit_value_perm(&at->in, text, &value, err))
		return false;
	json_t *list = json_object_get(at->rule, "fields");
	if (json_array_size(list) > 1)
		json_array_remove(list, 1);
	add_field(at->rule, "perm", "=", value);
	return true;
}

static bool read_syscalls(struct reading *at, char *text, struct err *err) {
	const char *list = json_string_value(json_object_get(at->rule, "list"));
	if (!list || strcmp(list, "exit") != 0)
		return refuse(at, err, "system calls for a list that takes none:", text);
	at->has_syscalls = true;
	for (char *name; (name = strsep(&text, ","));) {
		if (isdigit((unsigned char)*name))
			return cannot_say(at, err, "the number of a system call:", name);
		if (*name)
			json_array_append_new(json_object_get(at->rule, "syscalls"), json_text(name));
	}
	return true;
}

static bool read_key(struct reading *at, char *text, struct err *err) {
	if (!at->rule)
		return refuse(at, err, "a key without a rule:", text);
	add_key(at->rule, text);
	return true;
}

static bool read_enabled(struct reading *at, char *text, struct err *err) {
	if (text[0] < '0' || text[0] > '2' || text[1])
		return refuse(at, err, "neither 0 nor 1 nor 2:", text);
	at->line->kind = AUDIT_LINE_ENABLED;
	at->line->enabled = text[0] - '0';
	return true;
}

static bool read_away(struct reading *at, char *text, struct err *err) {
	return cannot_say(at, err, "what takes away single rules is not followed:", text);
}

static bool read_nothing(struct reading *at, char *text, struct err *err) { return true; }

static const struct option {
	char letter;
	bool takes_value;
	bool (*read)(struct reading *at, char *text, struct err *err);
} options[] = {
	{'a', true, read_list},       {'A', true, read_list},     {'w', true, read_watch},
	{'p', true, read_permission}, {'S', true, read_syscalls}, {'F', true, read_field},
	{'C', true, read_comparison}, {'k', true, read_key},      {'e', true, read_enabled},
	{'d', true, read_away},       {'W', true, read_away},     {'b', true, read_nothing},
	{'f', true, read_nothing},    {'r', true, read_nothing},  {'q', true, read_nothing},
	{'m', true, read_nothing},    {'i', false, read_nothing}, {'c', false, read_nothing},
	{'t', false, read_nothing},   {'s', false, read_nothing}, {'l', false, read_nothing},
};

/* ---- the line ---- */

/* The next word of *rest, cut out in place; a backslash keeps the blank or the backslash behind it. NULL: none. */
static char *next_word(char **rest) {
	char *from = *rest + strspn(*rest, " \t"), *to = from, *word = from;
	if (!*from)
		return NULL;
	for (; *from && *from != ' ' && *from != '\t'; from++) {
		if (*from == '\\' && (from[1] == ' ' || from[1] == '\\'))
			from++;
		*to++ = *from;
	}
	*rest = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

static bool read_all_away(struct reading *at, char *rest, struct err *err) {
	if (next_word(&rest))
		return read_away(at, (char *)"-D", err);
	at->line->kind = AUDIT_LINE_DELETE_ALL;
	return true;
}

/* "--backlog_wait_time 60000": settings with at most one value. */
static bool read_long(struct reading *at, const char *word, char **rest, struct err *err) {
	static const char *const bare[] = {"--loginuid-immutable", "--reset-lost", "--reset_backlog_wait_time_actual"};
	if (text_is_one_of(word, bare, ARRAY_LEN(bare)) || text_starts(word, "--backlog_wait_time="))
		return true;
	if (!strcmp(word, "--backlog_wait_time") && next_word(rest))
		return true;
	return refuse(at, err, "an option that is not known here:", word);
}

static bool read_option(struct reading *at, char *word, char **rest, struct err *err) {
	if (word[0] != '-' || !word[1])
		return refuse(at, err, "not an option:", word);
	if (word[1] == '-')
		return read_long(at, word, rest, err);
	if (!strcmp(word, "-D"))
		return read_all_away(at, *rest, err);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].letter != word[1])
			continue;
		char *value = word[2] || !options[i].takes_value ? word + 2 : next_word(rest);
		return value ? options[i].read(at, value, err) : refuse(at, err, "an option without its value:", word);
	}
	return refuse(at, err, "an option that is not known here:", word);
}

static int by_bytes(const void *left, const void *right) { return strcmp(*(char *const *)left, *(char *const *)right); }

/* The members of a list in the order of their canonical bytes, each once. */
static void sort_list(json_t *object, const char *name) {
	json_t *list = json_object_get(object, name);
	size_t count = json_array_size(list), kept = 0;
	char **keys = xcalloc(count + 1, sizeof *keys);
	json_t *sorted = json_array();
	for (size_t i = 0; i < count; i++) {
		struct buf bytes = {0};
		struct err ignored;
		keys[i] =
			json_canonical(json_array_get(list, i), &bytes, &ignored) ? buf_take(&bytes) : xstrdup("\"\"");
		buf_done(&bytes);
	}
	qsort(keys, count, sizeof *keys, by_bytes);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(keys[i], keys[kept]) != 0) {
			json_array_append_new(sorted, json_loads(keys[i], JSON_DECODE_ANY, NULL));
			kept = i;
		}
	for (size_t i = 0; i < count; i++)
		free(keys[i]);
	free(keys);
	json_object_set_new(object, name, sorted);
}

static bool has_member(const json_t *list, const char *text) {
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) if (!strcmp(json_string_value(item), text)) return true;
	return false;
}

/* What auditctl fills in where the line does not say it. */
static void complete(struct reading *at) {
	json_t *syscalls = json_object_get(at->rule, "syscalls"), *fields = json_object_get(at->rule, "fields");
	bool takes_syscalls = !strcmp(json_string_value(json_object_get(at->rule, "list")), "exit");
	if (takes_syscalls && (!at->has_syscalls || has_member(syscalls, "all"))) {
		json_array_clear(syscalls);
		json_array_append_new(syscalls, json_string("all"));
	}
	if (json_is_true(json_object_get(at->rule, "watch")) && json_array_size(fields) == 1)
		add_field(at->rule, "perm", "=", "rwxa");
	sort_list(at->rule, "syscalls");
	sort_list(at->rule, "fields");
	sort_list(at->rule, "keys");
}

bool audit_line_parse(char *line, const struct audit_people *people, const char *where, unsigned number,
		      struct audit_line *ret_line, struct err *err) {
	struct audit_line result = {0};
	struct reading at = {.in = {people, where, number}, .line = &result};
	char *rest = text_trim(line), *word;
	bool is_good = true;
	if (strlen(rest) > AUDIT_LINE_LONGEST)
		return err_set_at(err, ERR_MALFORMED, where, number, 0, "longer than auditctl takes");
	if (*rest == '#')
		*rest = '\0';
	while (is_good && result.kind != AUDIT_LINE_DELETE_ALL && (word = next_word(&rest)))
		is_good = read_option(&at, word, &rest, err);
	if (!is_good) {
		json_decref(at.rule);
		return false;
	}
	if (at.rule) {
		complete(&at);
		result.kind = AUDIT_LINE_RULE;
		result.rule = at.rule;
	}
	*ret_line = result;
	return true;
}

/* ---- what is loaded ---- */

static bool take_kernel_field(json_t *rule, const json_t *entry, const char *where, struct err *err) {
	const char *field, *op, *value;
	if (!json_get_string(entry, "field", where, &field, err) || !json_get_string(entry, "op", where, &op, err) ||
	    !json_get_string(entry, "value", where, &value, err))
		return false;
	bool is_id = audit_value_is_id(field);
	bool is_path = !strcmp(field, "path") || !strcmp(field, "dir");
	bool is_turned = is_id && isalpha((unsigned char)*value) && strcmp(field, value) > 0;
	CLEANUP(free_ptr) char *clean = is_path ? audit_value_path(value) : xstrdup(value);
	add_field(rule, is_turned ? clean : field, op, is_turned ? field : clean);
	return true;
}

bool audit_rule_of_kernel(const json_t *entry, const char *where, json_t **ret_rule, struct err *err) {
	const char *list, *action;
	json_t *syscalls, *fields, *keys, *field;
	size_t i;
	if (!json_get_string(entry, "list", where, &list, err) ||
	    !json_get_string(entry, "action", where, &action, err) ||
	    !json_get_array(entry, "syscalls", where, &syscalls, err) ||
	    !json_get_array(entry, "fields", where, &fields, err) || !json_get_array(entry, "keys", where, &keys, err))
		return false;
	json_array_foreach(syscalls, i, field) if (!json_is_string(field)) return err_set(
		err, ERR_MALFORMED, where, "a system call is not a text");
	CLEANUP(json_decref_p)
	json_t *rule =
		json_pack("{s:s,s:s,s:O,s:o,s:[],s:o,s:b}", "list", list, "action", action, "arch",
			  json_is_string(json_object_get(entry, "arch")) ? json_object_get(entry, "arch") : json_null(),
			  "syscalls", json_copy(syscalls), "fields", "keys", json_copy(keys), "watch",
			  json_is_true(json_object_get(entry, "watch")));
	json_array_foreach(fields, i, field) if (!take_kernel_field(rule, field, where, err)) return false;
	sort_list(rule, "syscalls");
	sort_list(rule, "fields");
	sort_list(rule, "keys");
	*ret_rule = json_incref(rule);
	return true;
}

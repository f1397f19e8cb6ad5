#include "core/accounts.h"

#include "core/lines.h"
#include "core/text.h"

#define FIELDS_MOST 7

/* Cut at colons (glibc passes over white space before the name); the last field keeps what is left. Returns how many
 * there are. */
static size_t split(char *line, char *field[], size_t most) {
	size_t count = 0;
	while (line && count + 1 < most)
		field[count++] = strsep(&line, ":");
	if (line)
		field[count++] = line;
	return count;
}

static bool read_id(const struct lines *lines, const char *text, const char *what, unsigned long long *ret_id,
		    struct err *err) {
	if (text_to_u64(text, UINT32_MAX, ret_id))
		return true;
	return err_set_at(err, ERR_MALFORMED, lines->where, lines->number, 0, "%s is not a plain number", what);
}

static bool read_account(const struct lines *lines, json_t *list, struct err *err) {
	char *field[FIELDS_MOST] = {0};
	unsigned long long uid = 0, gid = 0;
	if (split(lines->line + strspn(lines->line, " \t"), field, FIELDS_MOST) < FIELDS_MOST || !field[0][0])
		return err_set_at(err, ERR_MALFORMED, lines->where, lines->number, 0, "not seven fields and a name");
	if (!read_id(lines, field[2], "the uid", &uid, err) || !read_id(lines, field[3], "the gid", &gid, err))
		return false;
	json_array_append_new(list,
			      json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:i}", "name", json_text(field[0]), "password",
					json_text(field[1]), "uid", (json_int_t)uid, "gid", (json_int_t)gid, "home",
					json_text(field[5]), "shell", json_text(field[6]), "line", (int)lines->number));
	return true;
}

static bool read_group(const struct lines *lines, json_t *list, struct err *err) {
	char *field[4] = {0};
	unsigned long long gid = 0;
	if (split(lines->line + strspn(lines->line, " \t"), field, ARRAY_LEN(field)) < ARRAY_LEN(field) || !field[0][0])
		return err_set_at(err, ERR_MALFORMED, lines->where, lines->number, 0, "not four fields and a name");
	if (!read_id(lines, field[2], "the gid", &gid, err))
		return false;
	json_t *members = json_array();
	char *rest = field[3], *member;
	while ((member = strsep(&rest, ",")))
		if (*text_trim(member))
			json_array_append_new(members, json_text(text_trim(member)));
	json_array_append_new(list, json_pack("{s:o, s:I, s:o}", "name", json_text(field[0]), "gid", (json_int_t)gid,
					      "members", members));
	return true;
}

static bool read_lines(const struct source *source, bool (*read_one)(const struct lines *, json_t *, struct err *),
		       json_t *list, bool *ret_has_nis, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line;
	bool has_nis = false;
	while ((line = lines_next(&lines))) {
		const char *text = line + strspn(line, " \t");
		if (*text == '\0' || *text == '#')
			continue;
		if (*text == '+' || *text == '-')
			has_nis = true;
		else if (!read_one(&lines, list, err))
			return false;
	}
	if (!lines_ok(&lines, err))
		return false;
	*ret_has_nis = has_nis;
	return true;
}

bool accounts_need(const struct sources *fetched, json_t **ret_accounts, bool *ret_has_nis, struct err *err) {
	const struct source *source = NULL;
	CLEANUP(json_decref_p) json_t *list = json_array();
	if (!source_need(fetched, ACCOUNTS_SOURCE, &source, err) ||
	    !read_lines(source, read_account, list, ret_has_nis, err))
		return false;
	*ret_accounts = json_incref(list);
	return true;
}

bool groups_need(const struct sources *fetched, json_t **ret_groups, struct err *err) {
	const struct source *source = NULL;
	CLEANUP(json_decref_p) json_t *list = json_array();
	bool has_nis = false;
	if (!source_maybe(fetched, GROUPS_SOURCE, &source, err) ||
	    (source && !read_lines(source, read_group, list, &has_nis, err)))
		return false;
	*ret_groups = json_incref(list);
	return true;
}

const char *accounts_name_of(const json_t *entries, const char *id, int64_t value) {
	size_t i;
	const json_t *entry;
	json_array_foreach(entries, i, entry) {
		if (json_integer_value(json_object_get(entry, id)) == value)
			return json_string_value(json_object_get(entry, "name"));
	}
	return NULL;
}

bool accounts_shell_lets_in(const char *shell) {
	static const char *const shut[] = {"nologin", "false", "true", "sync", "halt", "shutdown"};
	const char *slash = strrchr(shell, '/');
	return !text_is_one_of(slash ? slash + 1 : shell, shut, ARRAY_LEN(shut));
}

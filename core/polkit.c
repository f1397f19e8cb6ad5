#include "core/polkit.h"

#include "core/lines.h"
#include "core/setting.h"
#include "core/text.h"

#define IDENTITIES_MOST 1000

struct reader {
	const char *at, *end;
};

static void skip_to(struct reader *reader, const char *mark) {
	const char *found = memmem(reader->at, (size_t)(reader->end - reader->at), mark, strlen(mark));
	reader->at = found ? found + strlen(mark) : reader->end;
}

/* White space and comments. */
static void skip(struct reader *reader) {
	for (;;) {
		while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
			reader->at++;
		if (reader->end - reader->at < 2 || reader->at[0] != '/')
			return;
		if (reader->at[1] == '/')
			skip_to(reader, "\n");
		else if (reader->at[1] == '*')
			skip_to(reader, "*/");
		else
			return;
	}
}

/* This text next, behind white space and comments. */
static bool take(struct reader *reader, const char *text) {
	skip(reader);
	size_t len = strlen(text);
	if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, text, len) != 0)
		return false;
	reader->at += len;
	return true;
}

static bool take_all(struct reader *reader, const char *const *texts, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (!take(reader, texts[i]))
			return false;
	return true;
}

/* A string without escapes. */
static bool take_string(struct reader *reader, json_t *into) {
	skip(reader);
	char quote = reader->at < reader->end ? *reader->at : '\0';
	if (quote != '"' && quote != '\'')
		return false;
	const char *start = ++reader->at;
	while (reader->at < reader->end && *reader->at != quote) {
		if (*reader->at == '\\' || (unsigned char)*reader->at < ' ')
			return false;
		reader->at++;
	}
	if (reader->at == reader->end)
		return false;
	json_array_append_new(into, json_textn(start, (size_t)(reader->at - start)));
	reader->at++;
	return true;
}

static bool take_list(struct reader *reader, json_t *into) {
	if (!take(reader, "["))
		return false;
	if (take(reader, "]"))
		return true;
	do {
		if (json_array_size(into) == IDENTITIES_MOST || !take_string(reader, into))
			return false;
	} while (take(reader, ","));
	return take(reader, "]");
}

static bool take_admin_rule(struct reader *reader, json_t *into) {
	static const char *const head[] = {"polkit", ".", "addAdminRule", "(", "function", "("};
	static const char *const parameters[] = {"action", ",", "subject"};
	static const char *const body[] = {")", "{", "return"};
	if (!take_all(reader, head, ARRAY_LEN(head)))
		return false;
	struct reader before = *reader;
	if (!take_all(reader, parameters, ARRAY_LEN(parameters)))
		*reader = before;
	if (!take_all(reader, body, ARRAY_LEN(body)) || !take_list(reader, into))
		return false;
	take(reader, ";");
	if (!take(reader, "}") || !take(reader, ")"))
		return false;
	take(reader, ";");
	return true;
}

static bool is_at_end(struct reader *reader) {
	skip(reader);
	return reader->at == reader->end;
}

enum polkit_rules polkit_read(const char *text, size_t len, json_t **ret_identities) {
	struct reader reader = {text, text + len};
	CLEANUP(json_decref_p) json_t *identities = json_array();
	*ret_identities = NULL;
	if (len == 0 || is_at_end(&reader))
		return POLKIT_NOTHING;
	if (take_admin_rule(&reader, identities) && is_at_end(&reader)) {
		*ret_identities = json_incref(identities);
		return POLKIT_ADMINS;
	}
	/* A property may be spelt in many ways: what is not plain text without tricks may be it. */
	bool speaks = memmem(text, len, "AdminRule", strlen("AdminRule")) || memchr(text, '\\', len) ||
		      memmem(text, len, "polkit[", strlen("polkit[")) || memmem(text, len, "eval", strlen("eval"));
	return speaks ? POLKIT_OPAQUE : POLKIT_GRANTS;
}

json_t *polkit_read_conf(const char *text) {
	CLEANUP(lines_done) struct lines lines = lines_over("polkit", text, strlen(text));
	json_t *identities = NULL;
	char *line, *key, *value;
	while ((line = lines_next(&lines))) {
		if (!setting_split(line, '=', "#[", &key, &value) || strcmp(key, "AdminIdentities") != 0)
			continue;
		json_decref(identities);
		identities = json_array();
		for (char *one; (one = strsep(&value, ";"));)
			if (*text_trim(one))
				json_array_append_new(identities, json_text(text_trim(one)));
	}
	return identities;
}

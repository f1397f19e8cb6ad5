#include "core/apt_sources.h"

#include <ctype.h>
#include <strings.h>

#include "core/apt_conf.h"
#include "core/lines.h"
#include "core/text.h"

/* Options of a source, by what deb822 and lines call them. */
static const struct {
	const char *field, *option, *member;
	bool is_list;
} options[] = {
	{"Trusted", "trusted", "trusted", false},
	{"Allow-Insecure", "allow-insecure", "allow_insecure", false},
	{"Allow-Weak", "allow-weak", "allow_weak", false},
	{"Allow-Downgrade-To-Insecure", "allow-downgrade-to-insecure", "allow_downgrade", false},
	{"Signed-By", "signed-by", "signed_by", true},
};

static const char *behind_scheme(const char *uri) {
	const char *slashes = strstr(uri, "://");
	return slashes ? slashes + 3 : NULL;
}

char *uri_without_user(const char *uri) {
	const char *rest = behind_scheme(uri);
	size_t len = rest ? strcspn(rest, "/") : 0;
	const char *at = rest ? memrchr(rest, '@', len) : NULL;
	return at ? xasprintf("%.*s%s", (int)(rest - uri), uri, at + 1) : xstrdup(uri);
}

char *uri_host(const char *uri) {
	static const char *const local[] = {"file:", "mirror+file:", "cdrom:", "copy:", "media:"};
	CLEANUP(free_ptr) char *plain = uri_without_user(uri);
	const char *rest = behind_scheme(plain);
	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		if (!strncasecmp(plain, local[i], strlen(local[i])))
			return xstrdup("");
	if (!rest) { /* "http:/host"? apt takes what it can */
		rest = strchr(plain, ':');
		rest = rest ? rest + 1 + strspn(rest + 1, "/") : plain;
	}
	size_t len = *rest == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/");
	char *host = xstrndup(rest, len <= strlen(rest) ? len : strlen(rest));
	for (char *at = host; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return host;
}

/* The words of a text: paths and fingerprints, separated by blanks, newlines and, in lines, commas. */
static json_t *words(const char *text, const char *separators) {
	json_t *list = json_array();
	for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
		size_t len = strcspn(text, separators);
		json_array_append_new(list, json_textn(text, len));
		text += len;
	}
	return list;
}

/* What is no clear "no" lets through: apt takes some of it for a yes. */
static void take_option(json_t *source, size_t i, const char *value, const char *separators) {
	if (options[i].is_list)
		json_object_set_new(source, options[i].member, words(value, separators));
	else if (apt_bool(value) != 0)
		json_object_set_new(source, options[i].member, json_true());
	else if (!strcmp(options[i].member, "trusted"))
		json_object_set_new(source, options[i].member, json_false());
	else
		json_object_del(source, options[i].member);
}

static bool add(json_t *list, const json_t *source, const char *uri, const char *where, struct err *err) {
	if (json_array_size(list) >= APT_SOURCES_MOST)
		return err_set(err, ERR_UNREADABLE, where, "more than %d sources", APT_SOURCES_MOST);
	CLEANUP(free_ptr) char *plain = uri_without_user(uri);
	json_t *one = json_copy((json_t *)source);
	json_object_set_new(one, "uri", json_text(plain));
	json_array_append_new(list, one);
	return true;
}

static json_t *source_new(const char *where, unsigned line, const char *form) {
	return json_pack("{s:s,s:i,s:s,s:[],s:[],s:[],s:b}", "file", where, "line", (int)line, "form", form, "types",
			 "suites", "components", "has_key", 0);
}

/* One word of a line, with "..." and [...] kept whole and quotes taken off; NULL at the end. The caller frees. */
static char *line_word(const char **rest) {
	const char *at = *rest + strspn(*rest, " \t\r");
	CLEANUP(buf_done) struct buf word = {0};
	char until = '\0';
	if (!*at)
		return NULL;
	for (; *at && (until || !isspace((unsigned char)*at)); at++) {
		if (until && *at == until)
			until = '\0';
		else if (!until && *at == '[')
			until = ']';
		else if (!until && *at == '"')
			until = '"';
		if (*at != '"')
			buf_add(&word, at, 1);
	}
	*rest = at;
	return buf_take(&word);
}

/* The line without its comment; a # in quotes or brackets is none. */
static void cut_comment(char *line) {
	char until = '\0';
	for (char *at = line; *at; at++) {
		if (until && *at == until)
			until = '\0';
		else if (!until && (*at == '"' || *at == '['))
			until = *at == '"' ? '"' : ']';
		else if (!until && *at == '#') {
			*at = '\0';
			return;
		}
	}
}

/* "[ arch=amd64 trusted=yes ]": what is between the brackets, in place. False: an option without "=". */
static bool take_line_options(json_t *source, char *text) {
	for (char *rest = text, *option; (option = text_word(&rest));) {
		char *equals = strchr(option, '=');
		if (!equals || equals == option)
			return false;
		char *value = equals + 1;
		equals -= equals[-1] == '+' || equals[-1] == '-';
		*equals = '\0';
		for (size_t i = 0; i < ARRAY_LEN(options); i++)
			if (!strcasecmp(option, options[i].option) || !strcasecmp(option, options[i].field))
				take_option(source, i, value, ",");
	}
	return true;
}

static bool take_line(const char *where, unsigned number, char *line, json_t *list, struct err *err) {
	cut_comment(line);
	const char *rest = line;
	CLEANUP(free_ptr) char *type = line_word(&rest);
	CLEANUP(json_decref_p) json_t *source = source_new(where, number, "list");
	if (!type)
		return true;
	rest += strspn(rest, " \t");
	if (*rest == '[') {
		const char *end = strchr(rest, ']');
		CLEANUP(free_ptr) char *between = xstrndup(rest + 1, end ? (size_t)(end - rest) - 1 : 0);
		if (!end || !take_line_options(source, between))
			return err_set_at(err, ERR_MALFORMED, where, number, 0, "options that are none");
		rest = end + 1;
	}
	CLEANUP(free_ptr) char *uri = line_word(&rest);
	CLEANUP(free_ptr) char *suite = uri ? line_word(&rest) : NULL;
	if (!suite || (strcmp(type, "deb") != 0 && strcmp(type, "deb-src") != 0 && strcmp(type, "rpm") != 0))
		return err_set_at(err, ERR_MALFORMED, where, number, 0, "not a type, a URI and a suite");
	json_array_append_new(json_object_get(source, "types"), json_text(type));
	json_array_append_new(json_object_get(source, "suites"), json_text(suite));
	json_object_set_new(source, "components", words(rest, " \t\r"));
	return add(list, source, uri, where, err);
}

bool apt_sources_list(const char *where, const char *text, size_t len, json_t *list, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, len);
	for (char *line; (line = lines_next(&lines));)
		if (!take_line(where, lines.number, line, list, err))
			return false;
	return lines_ok(&lines, err);
}

/* A stanza: the fields that count, with their values over all lines. */
struct stanza {
	unsigned line;                              /* where it begins; 0: not begun */
	struct buf types, uris, suites, components; /* "" where it has none */
	struct buf enabled;
	struct buf options[ARRAY_LEN(options)];
	bool has[ARRAY_LEN(options)];
	struct buf *open; /* the one that goes on in lines with a blank in front; NULL: one that does not count */
};

static void stanza_done(struct stanza *stanza) {
	buf_done(&stanza->types);
	buf_done(&stanza->uris);
	buf_done(&stanza->suites);
	buf_done(&stanza->components);
	buf_done(&stanza->enabled);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		buf_done(&stanza->options[i]);
	*stanza = (struct stanza){0};
}

static void open_field(struct stanza *stanza, const char *field) {
	struct buf *const known[] = {&stanza->types, &stanza->uris, &stanza->suites, &stanza->components,
				     &stanza->enabled};
	static const char *const names[] = {"Types", "URIs", "Suites", "Components", "Enabled"};
	stanza->open = NULL;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcasecmp(field, names[i]))
			stanza->open = known[i];
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (!strcasecmp(field, options[i].field)) {
			stanza->open = &stanza->options[i];
			stanza->has[i] = true;
		}
	if (stanza->open)
		buf_done(stanza->open);
}

static void take_options(const struct stanza *stanza, json_t *source) {
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		CLEANUP(free_ptr) char *value = xstrdup(buf_str(&stanza->options[i]));
		bool is_key = options[i].is_list && strstr(value, "-----BEGIN");
		if (is_key)
			json_object_set_new(source, "has_key", json_true());
		else if (stanza->has[i])
			take_option(source, i, text_trim(value), " \t\r\n");
	}
}

static bool finish_stanza(struct stanza *stanza, const char *where, json_t *list, struct err *err) {
	static const char blanks[] = " \t\r\n";
	if (!stanza->line)
		return true;
	CLEANUP(json_decref_p) json_t *source = source_new(where, stanza->line, "deb822");
	CLEANUP(json_decref_p) json_t *uris = words(buf_str(&stanza->uris), blanks);
	CLEANUP(free_ptr) char *enabled = xstrdup(buf_str(&stanza->enabled));
	json_t *uri;
	size_t i;
	json_object_set_new(source, "types", words(buf_str(&stanza->types), blanks));
	json_object_set_new(source, "suites", words(buf_str(&stanza->suites), blanks));
	json_object_set_new(source, "components", words(buf_str(&stanza->components), blanks));
	if (apt_bool(text_trim(enabled)) == 0)
		return true;
	if (json_array_size(uris) == 0 || json_array_size(json_object_get(source, "types")) == 0 ||
	    json_array_size(json_object_get(source, "suites")) == 0)
		return err_set_at(err, ERR_MALFORMED, where, stanza->line, 0, "a stanza without Types, URIs or Suites");
	take_options(stanza, source);
	json_array_foreach(uris, i, uri) if (!add(list, source, json_string_value(uri), where, err)) return false;
	return true;
}

static bool take_stanza_line(struct stanza *stanza, const char *where, unsigned number, char *line, struct err *err) {
	if (*line == ' ' || *line == '\t') {
		if (stanza->open)
			buf_addf(stanza->open, "\n%s", line);
		return stanza->line || err_set_at(err, ERR_MALFORMED, where, number, 0, "goes on with nothing");
	}
	char *colon = strchr(line, ':');
	if (!colon || colon == line)
		return err_set_at(err, ERR_MALFORMED, where, number, 0, "not a field");
	*colon = '\0';
	if (!stanza->line)
		stanza->line = number;
	open_field(stanza, text_trim(line));
	if (stanza->open)
		buf_adds(stanza->open, colon + 1);
	return true;
}

bool apt_sources_deb822(const char *where, const char *text, size_t len, json_t *list, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, len);
	CLEANUP(stanza_done) struct stanza stanza = {0};
	for (char *line; (line = lines_next(&lines));) {
		if (*line == '#')
			continue;
		if (line[strspn(line, " \t\r")] == '\0') {
			if (!finish_stanza(&stanza, where, list, err))
				return false;
			stanza_done(&stanza);
		} else if (!take_stanza_line(&stanza, where, lines.number, line, err)) {
			return false;
		}
	}
	return lines_ok(&lines, err) && finish_stanza(&stanza, where, list, err);
}

#include "core/apt_conf.h"

#include <ctype.h>
#include <strings.h>

#include "core/lines.h"
#include "core/text.h"

#define FOLDER "/etc/apt/apt.conf.d"
#define MAIN "file:/etc/apt/apt.conf"

struct item {
	char *path; /* "APT::Periodic::Enable"; of a list's nameless item "Unattended-Upgrade::Allowed-Origins::" */
	char *value;
};

struct apt_conf {
	struct item *items;
	size_t count, room;
};

struct apt_conf *apt_conf_new(void) {
	return xcalloc(1, sizeof(struct apt_conf));
}

static void item_done(struct item *item) {
	free(item->path);
	free(item->value);
}

void apt_conf_free(struct apt_conf *conf) {
	for (size_t i = 0; conf && i < conf->count; i++)
		item_done(&conf->items[i]);
	if (conf)
		free(conf->items);
	free(conf);
}

static bool is_below(const char *path, const char *name) {
	size_t len = strlen(name);
	return !strncasecmp(path, name, len) && !strncmp(path + len, "::", 2);
}

/* "name" and all below it. */
static void clear(struct apt_conf *conf, const char *name) {
	size_t kept = 0;
	for (size_t i = 0; i < conf->count; i++)
		if (!strcasecmp(conf->items[i].path, name) || is_below(conf->items[i].path, name))
			item_done(&conf->items[i]);
		else
			conf->items[kept++] = conf->items[i];
	conf->count = kept;
}

static void set(struct apt_conf *conf, const char *path, const char *value) {
	bool is_nameless = text_ends(path, "::");
	for (size_t i = 0; i < conf->count && !is_nameless; i++)
		if (!strcasecmp(conf->items[i].path, path)) {
			free(conf->items[i].value);
			conf->items[i].value = xstrdup(value);
			return;
		}
	if (conf->count == conf->room) {
		conf->room = conf->room ? conf->room * 2 : 64;
		conf->items = xreallocarray(conf->items, conf->room, sizeof *conf->items);
	}
	conf->items[conf->count++] = (struct item){xstrdup(path), xstrdup(value)};
}

/* The text on its way through. */
struct parser {
	struct apt_conf *conf;
	const char *where;
	unsigned line;
	bool in_comment, in_quotes;
	struct buf statement;
	char *scopes[APT_CONF_DEEPEST]; /* what each outer scope was; the present one is scope */
	size_t depth;
	char *scope;
};

static void parser_done(struct parser *parser) {
	buf_done(&parser->statement);
	while (parser->depth > 0)
		free(parser->scopes[--parser->depth]);
	free(parser->scope);
}

static bool wrong(const struct parser *parser, const char *why, struct err *err) {
	return err_set_at(err, ERR_MALFORMED, parser->where, parser->line, 0, "%s", why);
}

/* One word of a statement: in double quotes, or up to a blank. NULL: there is none. The caller frees. */
static char *word_of(const char **rest) {
	const char *at = *rest + strspn(*rest, " \t");
	CLEANUP(buf_done) struct buf word = {0};
	bool in_quotes = false;
	if (!*at)
		return NULL;
	for (; *at && (in_quotes || !isspace((unsigned char)*at)); at++)
		if (*at == '"')
			in_quotes = !in_quotes;
		else
			buf_add(&word, at, 1);
	*rest = at + strspn(at, " \t");
	return buf_take(&word);
}

static void close_scope(struct parser *parser) {
	free(parser->scope);
	parser->scope = parser->depth > 0 ? parser->scopes[--parser->depth] : NULL;
}

static char *joined(const char *scope, const char *tag) {
	return scope && *scope ? xasprintf("%s::%s", scope, tag) : xstrdup(tag);
}

/* A name before a block may have a value of its own. */
static bool open_scope(struct parser *parser, const char *tag, const char *word, struct err *err) {
	if (parser->depth == APT_CONF_DEEPEST)
		return wrong(parser, "too many scopes in each other", err);
	CLEANUP(free_ptr) char *path = joined(parser->scope, tag);
	if (word)
		set(parser->conf, path, word);
	parser->scopes[parser->depth++] = parser->scope;
	parser->scope = xstrdup(path);
	return true;
}

static bool directive(struct parser *parser, const char *tag, const char *word, struct err *err) {
	if (parser->scope)
		return wrong(parser, "a directive inside of a scope", err);
	if (!strcmp(tag, "#clear")) {
		clear(parser->conf, word);
		return true;
	}
	if (!strcmp(tag, "#include"))
		return err_set_at(err, ERR_UNPROVED, parser->where, parser->line, 0,
				  "includes %s, which is not read here", word);
	return wrong(parser, "a directive that there is not", err);
}

/* `Tag "value"`, `Tag`, or in a list `"value"`. */
static bool assign(struct parser *parser, const char *tag, const char *word, struct err *err) {
	if (*tag == '#')
		return directive(parser, tag, word ? word : "", err);
	if (parser->conf->count >= APT_CONF_MOST)
		return err_set(err, ERR_UNREADABLE, parser->where, "more than %d items", APT_CONF_MOST);
	CLEANUP(free_ptr) char *path = joined(parser->scope, word ? tag : "");
	if (*path)
		set(parser->conf, path, word ? word : tag);
	return true;
}

/* The value behind a tag: one word, or several in quotes, which are one with blanks between. */
static char *value_of(const char **rest) {
	bool is_quoted = **rest == '"';
	char *value = word_of(rest);
	while (value && is_quoted && **rest == '"') {
		CLEANUP(free_ptr) char *first = value;
		CLEANUP(free_ptr) char *next = word_of(rest);
		value = xasprintf("%s %s", first, next);
	}
	return value;
}

/* A statement is whole: by ";", "{" or "}". */
static bool finish(struct parser *parser, char end, struct err *err) {
	CLEANUP(buf_done) struct buf statement = parser->statement;
	parser->statement = (struct buf){0};
	const char *rest = buf_str(&statement);
	CLEANUP(free_ptr) char *tag = word_of(&rest);
	CLEANUP(free_ptr) char *word = tag ? value_of(&rest) : NULL;
	if (*rest && tag)
		return wrong(parser, "more than a name and a value", err);
	if (end == '{')
		return tag ? open_scope(parser, tag, word, err) : wrong(parser, "a block without a name", err);
	if (tag && !assign(parser, tag, word, err))
		return false;
	if (end == '}')
		close_scope(parser);
	return true;
}

/* "#" begins a comment, but for the directives. */
static bool is_comment(const char *at) {
	return (at[0] == '/' && at[1] == '/') ||
	       (at[0] == '#' && strncmp(at, "#clear", 6) != 0 && strncmp(at, "#include", 8) != 0);
}

static bool take_line(struct parser *parser, const char *at, struct err *err) {
	bool in_quotes = false;
	if (parser->statement.len > 0)
		buf_adds(&parser->statement, " ");
	for (; *at; at++) {
		if (parser->in_comment) {
			parser->in_comment = !(at[0] == '*' && at[1] == '/');
			at += !parser->in_comment;
			continue;
		}
		if (*at == '"')
			in_quotes = !in_quotes;
		if (!in_quotes && at[0] == '/' && at[1] == '*') {
			parser->in_comment = true;
			at++;
			continue;
		}
		if (!in_quotes && is_comment(at))
			break;
		if (in_quotes || !strchr("{};", *at))
			buf_add(&parser->statement, at, 1);
		else if (!finish(parser, *at, err))
			return false;
	}
	return !in_quotes || wrong(parser, "quotes without their end", err);
}

bool apt_conf_add(struct apt_conf *conf, const char *where, const char *text, size_t len, struct err *err) {
	CLEANUP(parser_done) struct parser parser = {.conf = conf, .where = where};
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, len);
	for (char *line; (line = lines_next(&lines));) {
		parser.line = lines.number;
		if (!take_line(&parser, text_trim(line), err))
			return false;
	}
	if (!lines_ok(&lines, err))
		return false;
	const char *left = buf_str(&parser.statement);
	return !left[strspn(left, " \t")] || wrong(&parser, "something without a semicolon at its end", err);
}

const char *apt_conf_get(const struct apt_conf *conf, const char *name) {
	for (size_t i = 0; i < conf->count; i++)
		if (!strcasecmp(conf->items[i].path, name))
			return conf->items[i].value;
	return NULL;
}

int apt_bool(const char *word) {
	static const char *const words[][2] = {{"no", "yes"}, {"false", "true"},     {"without", "with"},
					       {"off", "on"}, {"disable", "enable"}, {"0", "1"}};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (int truth = 0; truth < 2; truth++)
			if (!strcasecmp(word, words[i][truth]))
				return truth;
	char *end = NULL;
	long number = strtol(word, &end, 0); /* "01" and "0x1" are 1 to apt */
	return *word && !*end && (number == 0 || number == 1) ? (int)number : -1;
}

bool apt_conf_bool(const struct apt_conf *conf, const char *name, bool otherwise) {
	const char *value = apt_conf_get(conf, name);
	int truth = value ? apt_bool(value) : -1;
	return truth < 0 ? otherwise : truth;
}

/* Whether an item is the setting, of all programs or of one ("Binary::apt::NAME"); with its list, when it has one. */
static bool is_setting(const struct item *item, const char *name) {
	static const char binary[] = "Binary::";
	const char *path = item->path;
	const char *behind = !strncasecmp(path, binary, strlen(binary)) ? strstr(path + strlen(binary), "::") : NULL;
	return !strcasecmp(path, name) || is_below(path, name) ||
	       (behind && (!strcasecmp(behind + 2, name) || is_below(behind + 2, name)));
}

bool apt_conf_any_bool(const struct apt_conf *conf, const char *name) {
	for (size_t i = 0; i < conf->count; i++)
		if (is_setting(&conf->items[i], name) && apt_bool(conf->items[i].value) == 1)
			return true;
	return false;
}

const char *apt_conf_any(const struct apt_conf *conf, const char *name) {
	for (size_t i = 0; i < conf->count; i++)
		if (is_setting(&conf->items[i], name) && *conf->items[i].value)
			return conf->items[i].value;
	return NULL;
}

const char *apt_conf_at(const struct apt_conf *conf, const char *name, size_t index) {
	for (size_t i = 0; i < conf->count; i++)
		if (is_below(conf->items[i].path, name) && *conf->items[i].value && index-- == 0)
			return conf->items[i].value;
	return NULL;
}

bool is_apt_name(const char *name, const char *suffix, bool may_be_plain) {
	if (!name || !*name || *name == '.')
		return false;
	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("_-.:", *at))
			return false;
	return strchr(name, '.') ? text_ends(name, suffix) : may_be_plain;
}

void apt_conf_paths(struct names *patterns) {
	names_add(patterns, APT_ETC);
	names_add(patterns, MAIN);
	names_add(patterns, "dir:" FOLDER);
	names_add(patterns, "file:" FOLDER "/*");
}

void apt_conf_ask(const struct sources *fetched, struct names *names) {
	struct err ignored;
	json_t *folder = NULL, *entry;
	size_t i;
	names_add(names, APT_ETC);
	names_add(names, MAIN);
	names_add(names, "dir:" FOLDER);
	if (!source_maybe_json(fetched, "dir:" FOLDER, &folder, &ignored))
		return;
	json_array_foreach(folder, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (is_apt_name(name, ".conf", true))
			names_addf(names, "file:" FOLDER "/%s", name);
	}
}

static bool add_source(struct apt_conf *conf, const struct sources *fetched, const char *name, struct err *err) {
	const struct source *source;
	return source_maybe(fetched, name, &source, err) &&
	       (!source || apt_conf_add(conf, source->name, buf_str(&source->bytes), source->bytes.len, err));
}

bool apt_conf_read(const struct sources *fetched, struct apt_conf **ret_conf, struct err *err) {
	CLEANUP(apt_conf_free_p) struct apt_conf *conf = apt_conf_new();
	json_t *folder = NULL, *entry;
	size_t i;
	if (!source_maybe_json(fetched, "dir:" FOLDER, &folder, err))
		return false;
	json_array_foreach(folder, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		const char *type = json_string_value(json_object_get(entry, "type"));
		CLEANUP(free_ptr) char *path = xasprintf("file:" FOLDER "/%s", name ? name : "");
		if (type && strcmp(type, "dir") != 0 && is_apt_name(name, ".conf", true) &&
		    !add_source(conf, fetched, path, err))
			return false;
	}
	if (!add_source(conf, fetched, MAIN, err))
		return false;
	*ret_conf = conf;
	conf = NULL;
	return true;
}

#include "core/rsyslog_scan.h"

#include <ctype.h>

#include "core/text.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void add_mark(struct rsyslog_scan *scan, size_t offset, unsigned line) {
	if ((scan->mark_count & (scan->mark_count + 1)) == 0)
		scan->marks = xreallocarray(scan->marks, 2 * (scan->mark_count + 1), sizeof *scan->marks);
	scan->marks[scan->mark_count++] = (struct mark){offset, line};
}

/* A backslash at a line's end joins the next one to it, without the blanks that begin that. */
static void join_lines(struct rsyslog_scan *scan, const char *data, size_t len) {
	struct buf text = {0};
	bool is_continued = false;
	unsigned line = 1;
	for (const char *at = data, *end = data + len; at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
		const char *next = newline ? newline + 1 : end;
		while (is_continued && at < stop && is_blank(*at))
			at++;
		add_mark(scan, text.len, line);
		is_continued = stop > at && stop[-1] == '\\';
		buf_add(&text, at, (size_t)(stop - at) - is_continued);
		if (!is_continued)
			buf_adds(&text, "\n");
		at = next;
	}
	scan->len = text.len;
	scan->text = buf_take(&text);
}

bool rsyslog_scan_open(const struct source *source, struct rsyslog_scan *ret_scan, struct err *err) {
	struct rsyslog_scan scan = {.where = source->name};
	const char *data = buf_str(&source->bytes);
	if (memchr(data, '\0', source->bytes.len))
		return err_set(err, ERR_MALFORMED, source->name, "NUL byte");
	join_lines(&scan, data, source->bytes.len);
	*ret_scan = scan;
	return true;
}

void rsyslog_scan_done(struct rsyslog_scan *scan) {
	free(scan->text);
	free(scan->marks);
	*scan = (struct rsyslog_scan){0};
}

unsigned rsyslog_scan_line(const struct rsyslog_scan *scan) {
	size_t low = 0, high = scan->mark_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		*(scan->marks[middle].offset <= scan->at ? &low : &high) = middle;
	}
	return scan->mark_count ? scan->marks[low].line : 1;
}

bool rsyslog_scan_fault(const struct rsyslog_scan *scan, const char *why, struct err *err) {
	return err_set_at(err, ERR_MALFORMED, scan->where, rsyslog_scan_line(scan), 0, "%s", why);
}

static void skip_to(struct rsyslog_scan *scan, const char *found, size_t behind) {
	scan->at = found ? (size_t)(found - scan->text) + behind : scan->len;
}

char rsyslog_scan_next(struct rsyslog_scan *scan) {
	for (;;) {
		const char *at = scan->text + scan->at;
		if (is_blank(*at))
			scan->at++;
		else if (*at == '#')
			skip_to(scan, strchr(at, '\n'), 1);
		else if (at[0] == '/' && at[1] == '*')
			skip_to(scan, strstr(at + 2, "*/"), 2);
		else
			return *at;
	}
}

bool rsyslog_scan_take(struct rsyslog_scan *scan, char wanted) {
	bool is_there = rsyslog_scan_next(scan) == wanted;
	scan->at += is_there;
	return is_there;
}

char *rsyslog_scan_rest(struct rsyslog_scan *scan) {
	const char *at = scan->text + scan->at;
	char *rest = xstrndup(at, strcspn(at, "\n"));
	scan->at += strlen(rest);
	return rest;
}

static size_t word_length(const char *at, const char *also) {
	size_t len = 0;
	while (isalnum((unsigned char)at[len]) || at[len] == '_' || (at[len] && strchr(also, at[len])))
		len++;
	return len;
}

static void lower(char *text) {
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

char *rsyslog_scan_word(struct rsyslog_scan *scan, const char *also) {
	const char *at = scan->text + scan->at;
	char *word = xstrndup(at, word_length(at, also));
	scan->at += strlen(word);
	lower(word);
	return word;
}

static bool begins_line(const struct rsyslog_scan *scan) {
	size_t at = scan->at;
	while (at > 0 && (scan->text[at - 1] == ' ' || scan->text[at - 1] == '\t'))
		at--;
	return at == 0 || scan->text[at - 1] == '\n';
}

/* [*a-z]+ [0-7]* [.,] [,!=;.*a-z0-7]+ */
static size_t priority_length(const char *at) {
	static const char behind[] = ",!=;.*01234567";
	size_t len = 0, body;
	while (isalpha((unsigned char)at[len]) || at[len] == '*')
		len++;
	if (len == 0)
		return 0;
	len += strspn(at + len, "01234567");
	if (at[len] != '.' && at[len] != ',')
		return 0;
	body = ++len;
	while (isalpha((unsigned char)at[len]) || (at[len] && strchr(behind, at[len])))
		len++;
	return len > body ? len : 0;
}

/* ":" property "," [!]operation "," "\"" text "\"" */
static size_t property_length(const char *at) {
	const char *from = at;
	if (*at++ != ':')
		return 0;
	at += *at == '$';
	for (unsigned i = 0; i < 2; i++) {
		at += strspn(at, i ? " !" : "");
		size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
		if (len == 0)
			return 0;
		at += len;
		at += strspn(at, " ");
		if (*at++ != ',')
			return 0;
	}
	at += strspn(at, " ");
	if (*at++ != '"')
		return 0;
	while (*at && *at != '"')
		at += at[0] == '\\' && at[1] ? 2 : 1;
	return *at ? (size_t)(at + 1 - from) : 0;
}

char *rsyslog_scan_filter(struct rsyslog_scan *scan) {
	const char *at = scan->text + scan->at;
	size_t property = property_length(at), len = property ? property : priority_length(at);
	if (!begins_line(scan) || len == 0)
		return NULL;
	scan->at += len;
	return xstrndup(at, len);
}

/* A text in quotes, they included; 0 when it does not end. */
static size_t quoted_length(const char *at) {
	char quote = *at;
	size_t len = 1;
	while (at[len] && at[len] != quote)
		len += at[len] == '\\' && at[len + 1] ? 2 : 1;
	return at[len] ? len + 1 : 0;
}

/* The next piece of an expression: a quoted text, a word, or one character. */
static size_t piece_length(const char *at) {
	if (*at == '"' || *at == '\'' || *at == '`')
		return quoted_length(at);
	size_t len = word_length(at, "$!.");
	return len ? len : 1;
}

bool rsyslog_scan_until(struct rsyslog_scan *scan, const char *word, char **ret_text, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	size_t before = scan->at;
	while (rsyslog_scan_next(scan)) {
		const char *at = scan->text + scan->at;
		size_t len = piece_length(at);
		if (len == 0)
			return rsyslog_scan_fault(scan, "a text in quotes that does not end", err);
		bool has_gap = text.len && scan->at > before;
		scan->at += len;
		before = scan->at;
		if (word ? len == strlen(word) && !strncasecmp(at, word, len) : *at == ';') {
			*ret_text = buf_take(&text);
			return true;
		}
		if (has_gap)
			buf_adds(&text, " ");
		buf_add(&text, at, len);
	}
	return rsyslog_scan_fault(scan, word ? "an expression that does not end" : "a statement without its semicolon",
				  err);
}

/* `echo $NAME` and `cat FILE` keep their quotes: what they stand for is not in the file. */
static bool read_string(struct rsyslog_scan *scan, json_t **ret_value, struct err *err) {
	CLEANUP(buf_done) struct buf value = {0};
	char quote = rsyslog_scan_next(scan);
	const char *at = scan->text + scan->at;
	size_t len = quote == '"' || quote == '`' ? quoted_length(at) : 0;
	if (len == 0)
		return rsyslog_scan_fault(scan, "a value that is no text in quotes", err);
	for (size_t i = 1; i + 1 < len; i++) {
		i += at[i] == '\\' && i + 2 < len;
		buf_add(&value, at + i, 1);
	}
	scan->at += len;
	CLEANUP(free_ptr) char *marked = xasprintf("%s%s", quote == '`' ? "`" : "", buf_str(&value));
	*ret_value = json_text(marked);
	return true;
}

static bool read_list(struct rsyslog_scan *scan, json_t **ret_value, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	json_t *value;
	do {
		if (!read_string(scan, &value, err))
			return false;
		json_array_append_new(list, value);
	} while (rsyslog_scan_take(scan, ','));
	if (!rsyslog_scan_take(scan, ']'))
		return rsyslog_scan_fault(scan, "a list that does not end", err);
	*ret_value = json_incref(list);
	return true;
}

bool rsyslog_scan_object(struct rsyslog_scan *scan, json_t **ret_pairs, struct err *err) {
	CLEANUP(json_decref_p) json_t *pairs = json_object();
	json_t *value;
	while (!rsyslog_scan_take(scan, ')')) {
		CLEANUP(free_ptr) char *name = rsyslog_scan_word(scan, ".");
		if (!*name || !rsyslog_scan_take(scan, '='))
			return rsyslog_scan_fault(scan, "neither NAME=\"value\" nor a closing bracket", err);
		if (rsyslog_scan_take(scan, '[') ? !read_list(scan, &value, err) : !read_string(scan, &value, err))
			return false;
		json_object_set_new(pairs, name, value);
	}
	*ret_pairs = json_incref(pairs);
	return true;
}

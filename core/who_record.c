#include "core/who_record.h"

#include <string.h>

#include "core/mem.h"

#define ENRICHED '\x1d'

static bool take(const char **at, const char *end, const char *text) {
	size_t len = strlen(text);
	if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
		return false;
	*at += len;
	return true;
}

static bool take_number(const char **at, const char *end, uint64_t *ret_number) {
	uint64_t number = 0;
	const char *start = *at;
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		if (number > (UINT64_MAX - 9) / 10)
			return false;
		number = number * 10 + (uint64_t)(**at - '0');
	}
	*ret_number = number;
	return *at > start;
}

static bool take_type(const char **at, const char *end, struct who_record *record) {
	size_t len = 0;
	if (!take(at, end, "type="))
		return false;
	for (; *at<end &&* * at> ' ' && len < sizeof record->type - 1; (*at)++)
		record->type[len++] = **at;
	record->type[len] = '\0';
	return len > 0;
}

/* "node=NAME " stands before it where auditd was told to say so. */
static void skip_node(const char **at, const char *end) {
	const char *blank;
	if (take(at, end, "node=") && (blank = memchr(*at, ' ', (size_t)(end - *at))))
		*at = blank + 1;
}

bool who_record_read(const char *line, size_t len, struct who_record *ret_record) {
	const char *at = line, *end = line + len;
	struct who_record record = {0};
	uint64_t seconds, ms;
	skip_node(&at, end);
	if (!take_type(&at, end, &record) || !take(&at, end, " msg=audit(") || !take_number(&at, end, &seconds) ||
	    !take(&at, end, ".") || !take_number(&at, end, &ms) || !take(&at, end, ":") ||
	    !take_number(&at, end, &record.serial) || !take(&at, end, "):"))
		return false;
	if (ms > 999 || seconds > INT64_MAX / 1000 - 1)
		return false;
	const char *enriched = memchr(at, ENRICHED, (size_t)(end - at));
	record.at_ms = (int64_t)(seconds * 1000 + ms);
	record.at = at;
	record.end = enriched ? enriched : end;
	*ret_record = record;
	return true;
}

struct field {
	const char *name, *value;
	size_t name_len, len;
	bool is_quoted;
};

static bool next_field(const char **at, const char *end, struct field *field) {
	while (*at < end && (**at == ' ' || **at == ','))
		(*at)++;
	field->name = *at;
	while (*at < end && **at != '=' && **at != ' ')
		(*at)++;
	field->name_len = (size_t)(*at - field->name);
	if (*at == end)
		return false;
	if (**at == ' ') { /* a word alone */
		field->value = *at;
		field->len = 0;
		field->is_quoted = false;
		return true;
	}
	(*at)++;
	char mark = *at < end && (**at == '"' || **at == '\'') ? **at : '\0';
	field->is_quoted = mark != '\0';
	field->value = mark ? *at + 1 : *at;
	const char *stop = memchr(field->value, mark ? mark : ' ', (size_t)(end - field->value));
	if (mark == '\'') /* the last one: what user space says may hold others */
		stop = memrchr(field->value, mark, (size_t)(end - field->value));
	if (!stop)
		stop = end;
	field->len = (size_t)(stop - field->value);
	*at = stop < end && mark ? stop + 1 : stop;
	return true;
}

bool who_record_field(const struct who_record *record, const char *name, const char **ret_at, size_t *ret_len,
		      bool *ret_quoted) {
	const char *at = record->at;
	struct field field;
	while (next_field(&at, record->end, &field))
		if (field.name_len == strlen(name) && !memcmp(field.name, name, field.name_len)) {
			*ret_at = field.value;
			*ret_len = field.len;
			*ret_quoted = field.is_quoted;
			return true;
		}
	return false;
}

static int digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

bool who_record_number(const struct who_record *record, const char *name, int base, uint64_t *ret_number) {
	const char *at;
	size_t len;
	bool is_quoted;
	uint64_t number = 0;
	if (!who_record_field(record, name, &at, &len, &is_quoted) || is_quoted || len == 0 || len > 16)
		return false;
	for (size_t i = 0; i < len; i++) {
		int value = digit(at[i]);
		if (value >= base)
			return false;
		number = number * (uint64_t)base + (uint64_t)value;
	}
	*ret_number = number;
	return true;
}

static char *from_hex(const char *at, size_t len) {
	struct buf text = {0};
	for (size_t i = 0; i + 1 < len; i += 2) {
		int high = digit(at[i]), low = digit(at[i + 1]);
		char byte = (char)(high * 16 + low);
		if (high > 15 || low > 15) {
			buf_done(&text);
			return NULL;
		}
		if (!byte)
			break;
		buf_add(&text, &byte, 1);
	}
	return buf_take(&text);
}

char *who_record_name(const struct who_record *record, const char *name) {
	const char *at;
	size_t len;
	bool is_quoted;
	if (!who_record_field(record, name, &at, &len, &is_quoted))
		return NULL;
	if (is_quoted)
		return xasprintf("%.*s", (int)len, at);
	return len > 0 && len % 2 == 0 ? from_hex(at, len) : NULL;
}

bool who_record_inner(const struct who_record *record, struct who_record *ret_inner) {
	const char *at;
	size_t len;
	bool is_quoted;
	if (!who_record_field(record, "msg", &at, &len, &is_quoted) || !is_quoted)
		return false;
	*ret_inner = *record;
	ret_inner->at = at;
	ret_inner->end = at + len;
	return true;
}

#include "core/plugin_output.h"

#include <ctype.h>
#include <string.h>

#include "core/lines.h"
#include "core/text.h"
#include "core/value.h"

#define EXIT_UNKNOWN 3
#define FRACTION_DIGITS 6

/* Output as it is read, line by line. */
struct reading {
	const char *where;
	struct plugin_output *output;
	bool is_perf; /* of the further lines: a "|" has been seen */
};

void plugin_output_done(struct plugin_output *output) {
	json_decref(output->items);
	json_decref(output->lines);
	json_decref(output->perf);
	free(output->text);
	*output = (struct plugin_output){0};
}

const char *plugin_state(int exit) {
	static const char *const names[] = {"ok", "warning", "critical"};
	return names[exit];
}

/* --- JSON lines */

/* An escape in JSON may stand for a control character. */
static json_t *plain(const json_t *string) {
	CLEANUP(free_ptr) char *text = xstrdup(json_string_value(string));
	text_replace_controls(text);
	return json_string(text);
}

/* A member without control characters; NULL where it is of no type that there is here. */
static json_t *member_plain(const json_t *member) {
	const json_t *one;
	size_t index;
	if (json_is_string(member))
		return plain(member);
	if (!json_is_array(member))
		return json_is_integer(member) || json_is_boolean(member) ? json_incref((json_t *)member) : NULL;
	json_t *list = json_array();
	json_array_foreach(member, index, one) {
		if (!json_is_string(one)) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, plain(one));
	}
	return list;
}

static bool read_object(struct reading *reading, const char *line, unsigned number, struct err *err) {
	CLEANUP(json_decref_p) json_t *read = NULL;
	CLEANUP(json_decref_p) json_t *item = json_object();
	const char *key;
	json_t *member;
	if (!json_read(line, strlen(line), LINES_LONGEST, reading->where, &read, err)) {
		err->line = number; /* it knows of one line alone */
		return false;
	}
	if (!json_is_object(read))
		return err_set_at(err, ERR_MALFORMED, reading->where, number, 0, "not a JSON object");
	json_object_foreach(read, key, member) {
		json_t *value = value_is_name(key) ? member_plain(member) : NULL;
		if (!value && !value_is_name(key))
			return err_set_at(err, ERR_MALFORMED, reading->where, number, 0,
					  "a key is not small letters, digits and '_'");
		if (!value)
			return err_set_at(err, ERR_MALFORMED, reading->where, number, 0,
					  "\"%s\" is no string, integer, bool or list of strings", key);
		json_object_set_new(item, key, value);
	}
	json_array_append(reading->output->items, item);
	return true;
}

/* --- perfdata */

/* Cuts 'a label' or label, up to '='; NULL: there is none. Two quotes within quotes are one. */
static char *take_label(const char **at) {
	CLEANUP(buf_done) struct buf label = {0};
	const char *p = *at;
	bool is_quoted = *p == '\'';
	for (p += is_quoted; *p; p++) {
		if (is_quoted && *p == '\'' && *++p != '\'')
			break; /* p is behind the closing one */
		if (!is_quoted && strchr("=' ", *p))
			break;
		buf_add(&label, p, 1);
	}
	if (*p != '=' || label.len == 0)
		return NULL;
	*at = p + 1;
	return buf_take(&label);
}

/* Bytes of a decimal number at the start: -?digits[.digits]; 0: there is none. */
static size_t number_len(const char *text) {
	size_t sign = *text == '-', whole = 0, fraction = 0;
	while (isdigit((unsigned char)text[sign + whole]))
		whole++;
	if (whole > 0 && text[sign + whole] == '.') {
		while (isdigit((unsigned char)text[sign + whole + 1 + fraction]))
			fraction++;
		if (fraction == 0)
			return 0;
	}
	return whole ? sign + whole + (fraction ? 1 + fraction : 0) : 0;
}

/* times (a power of ten) so many; false where that is no whole number, or none of 63 bits. */
static bool times_exact(const char *number, size_t len, unsigned digits, int64_t *ret_value) {
	bool is_negative = *number == '-', is_fraction = false;
	int64_t value = 0;
	for (size_t i = is_negative; i < len; i++) {
		if (number[i] == '.') {
			is_fraction = true;
			continue;
		}
		if (is_fraction && digits == 0 && number[i] != '0')
			return false;
		if (is_fraction && digits == 0)
			continue;
		digits -= is_fraction;
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, number[i] - '0', &value))
			return false;
	}
	for (; digits > 0; digits--)
		if (__builtin_mul_overflow(value, 10, &value))
			return false;
	*ret_value = is_negative ? -value : value;
	return true;
}

static void add_numbers(json_t *row, const char *number, size_t len, const char *unit) {
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	int64_t value, bytes;
	if (times_exact(number, len, FRACTION_DIGITS, &value))
		json_object_set_new(row, "millionths", json_integer(value));
	if (!times_exact(number, len, 0, &value))
		return;
	json_object_set_new(row, "number", json_integer(value));
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (!strcmp(unit, units[i]) && !__builtin_mul_overflow(value, (int64_t)1 << (10 * i), &bytes))
			json_object_set_new(row, "bytes", json_integer(bytes));
}

/* warn, crit, min and max: up to four fields, each behind a ';'. False: more. */
static bool add_limits(json_t *row, const char *at, size_t len) {
	static const char *const names[] = {"warn", "crit", "min", "max"};
	const char *end = at + len;
	for (size_t i = 0; at < end; i++) {
		const char *from = at + 1, *to = memchr(from, ';', (size_t)(end - from));
		to = to ? to : end;
		if (i == ARRAY_LEN(names))
			return to == from && to == end; /* some end with a ';' */
		if (to > from)
			json_object_set_new(row, names[i], json_stringn(from, (size_t)(to - from)));
		at = to;
	}
	return true;
}

/* What stands behind the '=', up to a blank. New reference or NULL. */
static json_t *read_value(const char *label, const char *at, size_t len) {
	size_t head = strcspn(at, "; "), number = *at == 'U' && head == 1 ? 1 : number_len(at);
	if (number == 0 || number > head)
		return NULL;
	CLEANUP(free_ptr) char *unit = xstrndup(at + number, head - number);
	if (strpbrk(unit, "0123456789'\"=+.,-") || strlen(unit) > 16)
		return NULL;
	CLEANUP(json_decref_p)
	json_t *row = json_pack("{s:s,s:s%,s:s}", "label", label, "value", at, number, "unit", unit);
	if (*at != 'U')
		add_numbers(row, at, number, unit);
	return add_limits(row, at + head, len - head) ? json_incref(row) : NULL;
}

static bool read_perf(struct reading *reading, const char *at, unsigned number, struct err *err) {
	json_t *perf = reading->output->perf;
	for (at += strspn(at, " "); *at; at += strspn(at, " ")) {
		CLEANUP(free_ptr) char *label = take_label(&at);
		size_t len = strcspn(at, " ");
		json_t *row = label ? read_value(label, at, len) : NULL;
		if (!row)
			return err_set_at(err, ERR_MALFORMED, reading->where, number, 0,
					  "perfdata that is not 'label'=value[unit];[warn];[crit];[min];[max]");
		json_array_append_new(perf, row);
		if (json_array_size(perf) > PLUGIN_PERF_MOST)
			return err_set_at(err, ERR_MALFORMED, reading->where, number, 0, "more than %d perfdata",
					  PLUGIN_PERF_MOST);
		at += len;
	}
	return true;
}

/* --- a monitoring plugin's text */

static bool read_text(struct reading *reading, char *line, unsigned number, struct err *err) {
	struct plugin_output *output = reading->output;
	if (reading->is_perf)
		return read_perf(reading, line, number, err);
	char *bar = strchr(line, '|');
	if (bar)
		*bar++ = '\0';
	if (number == 1)
		output->text = xstrdup(text_trim(line));
	else if (!bar || *text_trim(line))
		json_array_append_new(output->lines, json_string(text_trim(line)));
	reading->is_perf = bar && number > 1;
	return !bar || read_perf(reading, bar, number, err);
}

static bool read_line(struct reading *reading, char *line, unsigned number, struct err *err) {
	if (number > PLUGIN_LINES_MOST)
		return err_set_at(err, ERR_MALFORMED, reading->where, number, 0, "more than %d lines",
				  PLUGIN_LINES_MOST);
	return reading->output->is_json ? read_object(reading, line, number, err)
					: read_text(reading, line, number, err);
}

static bool read_lines(const char *text, const char *where, struct plugin_output *output, struct err *err) {
	struct reading reading = {.where = where, .output = output};
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, strlen(text));
	char *line;
	while ((line = lines_next(&lines)))
		if (!read_line(&reading, line, lines.number, err))
			return false;
	return lines_ok(&lines, err);
}

/* What an exit code says before anything is read. */
static bool has_looked(int64_t exit, const char *text, const char *where, struct err *err) {
	bool is_json = !*text || *text == '{';
	if (exit == EXIT_UNKNOWN) {
		CLEANUP(buf_done) struct buf words = {0};
		buf_adds(&words, "the plugin could not say (exit code 3): ");
		CLEANUP(free_ptr) char *first = xstrndup(text, strcspn(text, "|\n"));
		value_text_plain(text_trim(first), &words);
		return err_set(err, ERR_UNPROVED, where, "%s", buf_str(&words));
	}
	if (exit < 0 || exit > EXIT_UNKNOWN)
		return err_set(err, ERR_UNREADABLE, where, "exit code %lld is none of 0 to 3", (long long)exit);
	if (exit != 0 && is_json)
		return err_set(err, ERR_UNREADABLE, where, "exits with %d%s", (int)exit,
			       *text ? ": what it printed may not be all" : " and prints nothing");
	return true;
}

bool plugin_output_read(const json_t *source, const char *where, struct plugin_output *ret_output, struct err *err) {
	const char *text;
	int64_t exit;
	if (!json_get_int(source, "exit", where, &exit, err) || !json_get_string(source, "output", where, &text, err) ||
	    !has_looked(exit, text, where, err))
		return false;
	CLEANUP(plugin_output_done)
	struct plugin_output output = {.exit = (int)exit,
				       .is_json = !*text || *text == '{',
				       .items = json_array(),
				       .lines = json_array(),
				       .perf = json_array()};
	if (!read_lines(text, where, &output, err))
		return false;
	*ret_output = output;
	output = (struct plugin_output){0};
	return true;
}

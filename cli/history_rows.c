#include "cli/history_rows.h"

#include <string.h>

#include "cli/say.h"
#include "core/buf.h"
#include "core/json.h"

#define LINES_MOST 8
#define LINE_LONGEST 150
#define VALUE_LONGEST 60

/* What a row is known by, in this order; those of a single row are of the same thing anyway. */
static const char *const names[] = {"name", "path", "key", "unit", "connection", "item", "label", "user", "file"};

static const char *name_of(const json_t *row) {
	const char *value = NULL;
	for (size_t i = 0; i < ARRAY_LEN(names) && !value; i++)
		value = json_string_value(json_object_get(row, names[i]));
	return value;
}

/* Cut between characters, and said. */
static void add_cut(struct buf *line, const char *text, size_t longest) {
	size_t len = strlen(text);
	if (len > longest) {
		for (len = longest; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80;)
			len--;
	}
	buf_addf(line, "%.*s%s", (int)len, text, text[len] ? "..." : "");
}

static void add_value(struct buf *line, const json_t *value) {
	CLEANUP(buf_done) struct buf text = {0};
	struct err ignored;
	if (!value)
		buf_adds(&text, "nothing");
	else if (!json_canonical(value, &text, &ignored))
		buf_adds(&text, "?");
	add_cut(line, buf_str(&text), VALUE_LONGEST);
}

static void print_line(char sign, const struct buf *line) {
	CLEANUP(buf_done) struct buf cut = {0};
	add_cut(&cut, line->len ? buf_str(line) : "", LINE_LONGEST);
	say(stdout, "    %c %s\n", sign, buf_str(&cut));
}

static void print_row(char sign, const json_t *row) {
	CLEANUP(buf_done) struct buf line = {0};
	const char *member, *name = name_of(row);
	const json_t *value;
	if (name)
		add_cut(&line, name, VALUE_LONGEST);
	json_object_foreach((json_t *)row, member, value) {
		if (name && json_is_string(value) && !strcmp(json_string_value(value), name))
			continue;
		buf_addf(&line, "%s%s=", line.len ? "  " : "", member);
		add_value(&line, value);
	}
	print_line(sign, &line);
}

static void add_field(struct buf *line, const char *member, const json_t *was, const json_t *is) {
	buf_addf(line, "%s%s ", line->len ? "; " : "", member);
	add_value(line, was);
	buf_adds(line, " -> ");
	add_value(line, is);
}

static void print_difference(const json_t *was, const json_t *is) {
	CLEANUP(buf_done) struct buf line = {0}, all = {0};
	const char *member;
	const json_t *value;
	json_object_foreach((json_t *)is, member, value) {
		const json_t *before = json_object_get(was, member);
		if (!before || !json_equal(before, value))
			add_field(&line, member, before, value);
	}
	json_object_foreach((json_t *)was, member, value) {
		if (!json_object_get(is, member))
			add_field(&line, member, value, NULL);
	}
	if (name_of(is))
		buf_addf(&all, "%s: ", name_of(is));
	buf_adds(&all, buf_str(&line));
	print_line('~', &all);
}

/* The one row of that name, or NULL: where a name comes twice nothing says which became which. */
static const json_t *find(const json_t *rows, const char *name) {
	const json_t *found = NULL, *row;
	size_t i;
	json_array_foreach(rows, i, row) {
		const char *other = name_of(row);
		if (other && name && !strcmp(other, name)) {
			if (found)
				return NULL;
			found = row;
		}
	}
	return found;
}

static const json_t *counterpart(const json_t *row, const json_t *same_side, const json_t *other_side) {
	const char *name = name_of(row);
	if (!name && json_array_size(same_side) == 1 && json_array_size(other_side) == 1 &&
	    !name_of(json_array_get(other_side, 0)))
		return json_array_get(other_side, 0);
	return find(same_side, name) ? find(other_side, name) : NULL;
}

void history_rows(const json_t *gone, const json_t *added) {
	size_t i, lines = 0;
	const json_t *row;
	json_array_foreach(gone, i, row) {
		const json_t *now = counterpart(row, gone, added);
		if (lines++ >= LINES_MOST)
			continue;
		if (now)
			print_difference(row, now);
		else
			print_row('-', row);
	}
	json_array_foreach(added, i, row) {
		if (!counterpart(row, added, gone) && lines++ < LINES_MOST)
			print_row('+', row);
	}
	if (lines > LINES_MOST)
		say(stdout, "    and %zu more: --json has them\n", lines - LINES_MOST);
}

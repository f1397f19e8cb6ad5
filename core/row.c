#include "core/row.h"

#include "core/mem.h"
#include "core/times.h"

json_t *row_add(json_t *rows) {
	json_t *row = json_object();
	json_array_append_new(rows, row);
	return row;
}

void row_text(json_t *row, const char *field, const char *text) {
	if (text)
		json_object_set_new(row, field, json_text(text));
}

void row_int(json_t *row, const char *field, int64_t value) { json_object_set_new(row, field, json_integer(value)); }

void row_bool(json_t *row, const char *field, bool value) { json_object_set_new(row, field, json_boolean(value)); }

void row_time(json_t *row, const char *field, int64_t instant) {
	char text[TIMES_TEXT];
	json_object_set_new(row, field, json_string(times_format(instant, text)));
}

void row_text_append(json_t *row, const char *field, const char *text) {
	json_t *all = json_object_get(row, field);
	if (!all) {
		all = json_array();
		json_object_set_new(row, field, all);
	}
	json_array_append_new(all, json_text(text));
}

void row_acl(json_t *row, const json_t *acl) {
	const json_t *value;
	size_t i;
	json_array_foreach(acl, i, value) {
		const char *text = json_string_value(value), *may = text ? strrchr(text, ':') : NULL;
		if (!may)
			continue;
		CLEANUP(free_ptr) char *who = xstrndup(text, (size_t)(may - text));
		if (strchr(may, 'r'))
			row_text_append(row, "acl_readers", who);
		if (strchr(may, 'w'))
			row_text_append(row, "acl_writers", who);
	}
}

#include "core/check.h"

#include <stdarg.h>

struct names {
	char **all;
	size_t count, room;
	char *packed; /* what the first packed_count of them stand in */
	size_t packed_count;
};

struct names *names_new(void) {
	return xcalloc(1, sizeof(struct names));
}

void names_free(struct names *names) {
	if (!names)
		return;
	for (size_t i = names->packed_count; i < names->count; i++)
		free(names->all[i]);
	free(names->packed);
	free(names->all);
	free(names);
}

void names_pack(struct names *names) {
	size_t len = 0;
	for (size_t i = 0; i < names->count; i++)
		len += strlen(names->all[i]) + 1;
	char *packed = xmalloc(len + 1), *at = packed;
	for (size_t i = 0; i < names->count; i++) {
		char *name = names->all[i];
		names->all[i] = memcpy(at, name, strlen(name) + 1);
		at += strlen(name) + 1;
		if (i >= names->packed_count)
			free(name);
	}
	free(names->packed);
	names->packed = packed;
	names->packed_count = names->count;
	names->room = names->count ? names->count : 1;
	names->all = xreallocarray(names->all, names->room, sizeof(char *));
}

void names_add(struct names *names, const char *name) {
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->all[i], name))
			return;
	if (names->count == names->room) {
		names->room = names->room ? names->room * 2 : 8;
		names->all = xreallocarray(names->all, names->room, sizeof(char *));
	}
	names->all[names->count++] = xstrdup(name);
}

void names_add_pattern(struct names *patterns, const char *kind, const char *path) {
	CLEANUP(buf_done) struct buf pattern = {0};
	buf_adds(&pattern, kind);
	for (; *path; path++)
		buf_addf(&pattern, "%s%c", strchr("*?[\\", *path) ? "\\" : "", *path);
	names_add(patterns, buf_str(&pattern));
}

void names_addf(struct names *names, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *name = xvasprintf(format, arguments);
	va_end(arguments);
	names_add(names, name);
}

size_t names_count(const struct names *names) { return names->count; }

const char *names_at(const struct names *names, size_t index) { return names->all[index]; }

const struct check *check_find(const struct check *const *checks, const char *name) {
	for (; *checks; checks++)
		if (!strcmp((*checks)->name, name))
			return *checks;
	return NULL;
}

const struct check_field *check_field_find(const struct check *check, const char *name) {
	for (const struct check_field *field = check->fields; field->name; field++)
		if (!strcmp(field->name, name))
			return field;
	return NULL;
}

const struct check_param *check_param_find(const struct check *check, const char *name) {
	for (const struct check_param *param = check->params; param->name; param++)
		if (!strcmp(param->name, name))
			return param;
	return NULL;
}

const char *param_string(const json_t *params, const char *name, const char *otherwise) {
	const char *text = json_string_value(json_object_get(params, name));
	return text ? text : otherwise;
}

int64_t param_int(const json_t *params, const char *name, int64_t otherwise) {
	const json_t *value = json_object_get(params, name);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool param_bool(const json_t *params, const char *name, bool otherwise) {
	const json_t *value = json_object_get(params, name);
	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

const char *param_strings_at(const json_t *params, const char *name, size_t index) {
	return json_string_value(json_array_get(json_object_get(params, name), index));
}

bool param_strings_have(const json_t *params, const char *name, const char *text) {
	const char *one;
	for (size_t i = 0; text && (one = param_strings_at(params, name, i)); i++)
		if (!strcmp(one, text))
			return true;
	return false;
}

static const char *const type_names[] = {
	[VALUE_STRING] = "string", [VALUE_INT] = "int",   [VALUE_BOOL] = "bool", [VALUE_DURATION] = "duration",
	[VALUE_SIZE] = "size",     [VALUE_MODE] = "mode", [VALUE_TIME] = "time", [VALUE_STRINGS] = "strings",
};

const char *value_type_name(enum value_type type) { return type_names[type]; }

bool value_type_from_name(const char *name, enum value_type *ret_type) {
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++)
		if (!strcmp(type_names[i], name)) {
			*ret_type = (enum value_type)i;
			return true;
		}
	return false;
}

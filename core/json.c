#include "core/json.h"

static bool too_deep(const json_t *value, unsigned depth) {
	const char *key;
	json_t *member;
	size_t index;
	if (depth > JSON_DEEPEST)
		return true;
	json_object_foreach((json_t *)value, key, member) if (too_deep(member, depth + 1)) return true;
	json_array_foreach(value, index, member) if (too_deep(member, depth + 1)) return true;
	return false;
}

bool json_read(const char *data, size_t len, size_t max, const char *where, json_t **ret_value, struct err *err) {
	json_error_t fault;
	if (len > max)
		return err_set(err, ERR_TOO_BIG, where, "JSON larger than the cap of %zu bytes", max);
	json_t *value = json_loadb(data ? data : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
	if (!value)
		return err_set_at(err, ERR_MALFORMED, where, fault.line > 0 ? (unsigned)fault.line : 0,
				  fault.column > 0 ? (unsigned)fault.column : 0, "not JSON: %s", fault.text);
	if (too_deep(value, 0)) {
		json_decref(value);
		return err_set(err, ERR_MALFORMED, where, "JSON nested deeper than %d", JSON_DEEPEST);
	}
	*ret_value = value;
	return true;
}

static bool has_real(const json_t *value) {
	const char *key;
	json_t *member;
	size_t index;
	if (json_is_real(value))
		return true;
	json_object_foreach((json_t *)value, key, member) if (has_real(member)) return true;
	json_array_foreach(value, index, member) if (has_real(member)) return true;
	return false;
}

static int append(const char *data, size_t len, void *bytes) {
	buf_add(bytes, data, len);
	return 0;
}

bool json_canonical(const json_t *value, struct buf *bytes, struct err *err) {
	if (has_real(value))
		return err_set(err, ERR_MALFORMED, "canonical JSON", "a number is not an integer");
	if (json_dump_callback(value, append, bytes, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		return err_set(err, ERR_MALFORMED, "canonical JSON", "a value cannot be written");
	return true;
}

static bool typed(const json_t *object, const char *key, const char *where, json_type type, const char *type_name,
		  json_t **ret_member, struct err *err) {
	json_t *member = json_object_get(object, key);
	if (!member)
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is missing", key);
	if (json_typeof(member) != type)
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is not %s", key, type_name);
	*ret_member = member;
	return true;
}

bool json_get_string(const json_t *object, const char *key, const char *where, const char **ret_text, struct err *err) {
	json_t *member;
	if (!typed(object, key, where, JSON_STRING, "a string", &member, err))
		return false;
	*ret_text = json_string_value(member);
	return true;
}

bool json_get_int(const json_t *object, const char *key, const char *where, int64_t *ret_value, struct err *err) {
	json_t *member;
	if (!typed(object, key, where, JSON_INTEGER, "an integer", &member, err))
		return false;
	*ret_value = json_integer_value(member);
	return true;
}

bool json_get_array(const json_t *object, const char *key, const char *where, json_t **ret_array, struct err *err) {
	return typed(object, key, where, JSON_ARRAY, "an array", ret_array, err);
}

bool json_get_object(const json_t *object, const char *key, const char *where, json_t **ret_object, struct err *err) {
	return typed(object, key, where, JSON_OBJECT, "an object", ret_object, err);
}

json_t *json_textn(const char *text, size_t len) {
	json_t *string = json_stringn(text, len);
	if (string && !memchr(text, '\0', len))
		return string;
	json_decref(string);
	CLEANUP(buf_done) struct buf escaped = {0};
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= 0x80 || c == 0)
			buf_addf(&escaped, "\\x%02x", c);
		else
			buf_add(&escaped, &c, 1);
	}
	return json_stringn(buf_str(&escaped), escaped.len);
}

json_t *json_text(const char *text) { return json_textn(text, strlen(text)); }

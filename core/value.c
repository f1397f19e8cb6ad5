#include "core/value.h"

#include "core/text.h"
#include "core/times.h"

bool value_is_name(const char *text) {
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return text[0] >= 'a' && text[0] <= 'z' && text[len] == '\0' && len <= 64;
}

static json_t *int_of(const char *text) {
	unsigned long long number;
	bool negative = text[0] == '-';
	if (!text_to_u64(text + negative, INT64_MAX, &number))
		return NULL;
	return json_integer(negative ? -(json_int_t)number : (json_int_t)number);
}

static json_t *duration_of(const char *text) {
	int64_t seconds;
	return times_parse_duration(text, &seconds) ? json_integer(seconds) : NULL;
}

static const struct {
	char unit;
	unsigned shift;
} size_units[] = {{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}};

static json_t *size_of(const char *text) {
	char digits[24];
	unsigned long long number;
	size_t len = strlen(text);
	unsigned shift = 0;
	for (size_t i = 0; len > 0 && i < ARRAY_LEN(size_units); i++)
		if (text[len - 1] == size_units[i].unit)
			shift = size_units[i].shift;
	len -= shift != 0;
	if (len >= sizeof digits)
		return NULL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	return text_to_u64(digits, (unsigned long long)INT64_MAX >> shift, &number)
		       ? json_integer((json_int_t)(number << shift))
		       : NULL;
}

static json_t *mode_of(const char *text) {
	unsigned mode;
	char digits[8];
	if (!text_to_mode(text, &mode))
		return NULL;
	snprintf(digits, sizeof digits, "%04o", mode);
	return json_string(digits);
}

static json_t *time_of(const char *text) {
	int64_t instant;
	return times_parse(text, &instant) ? json_string(text) : NULL;
}

/* Types that are written in a form of their own. */
static const struct {
	json_t *(*read)(const char *text);
	bool is_string; /* to YAML; a bare one that YAML reads otherwise is refused */
	const char *due;
} forms[] = {
	[VALUE_INT] = {int_of, false, "a whole number"},
	[VALUE_DURATION] = {duration_of, false, "a duration like 90d, 12h, 30m or 45s"},
	[VALUE_SIZE] = {size_of, false, "a size like 4G, 512M, 64K or a number of bytes"},
	[VALUE_MODE] = {mode_of, true, "a mode in octal digits like \"0640\""},
	[VALUE_TIME] = {time_of, false, "an instant like 2027-06-30T00:00:00Z"},
};

static bool read_form(const struct yaml *node, enum value_type type, const char *where, const char *what,
		      json_t **ret_value, struct err *err) {
	const char *text = node->text;
	if (!yaml_is(node, YAML_SCALAR, where, what, err) ||
	    (forms[type].is_string && !yaml_string(node, where, what, &text, err)))
		return false;
	if (type == VALUE_INT && node->quoted)
		return yaml_fault(err, where, node, "%s has to be %s, and quotes make it a string", what,
				  forms[type].due);
	json_t *value = forms[type].read(node->text);
	if (!value)
		return yaml_fault(err, where, node, "%s has to be %s, not \"%s\"", what, forms[type].due, node->text);
	*ret_value = value;
	return true;
}

static bool read_strings(const struct yaml *node, const struct value_params *params, const char *where,
			 const char *what, json_t **ret_value, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	if (!yaml_is(node, YAML_SEQUENCE, where, what, err))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		json_t *item;
		if (!value_read(node->items[i], VALUE_STRING, params, where, what, &item, err))
			return false;
		json_array_append_new(list, item);
	}
	*ret_value = json_incref(list);
	return true;
}

static bool read_param(const struct yaml *node, enum value_type type, const struct value_params *params,
		       const char *where, const char *what, json_t **ret_value, struct err *err) {
	const char *name = node->text + 1;
	json_t *value = params ? json_object_get(params->values, name) : NULL;
	if (!value)
		return yaml_fault(err, where, node, "there is no parameter \"%s\"; for the text write \"$%s\"", name,
				  node->text);
	const char *given = json_string_value(json_object_get(json_object_get(params->docs, name), "type"));
	if (given && strcmp(given, value_type_name(type)) != 0)
		return yaml_fault(err, where, node, "%s has to be of type %s, the parameter \"%s\" is of type %s", what,
				  value_type_name(type), name, given);
	*ret_value = json_incref(value);
	return true;
}

bool value_read(const struct yaml *node, enum value_type type, const struct value_params *params, const char *where,
		const char *what, json_t **ret_value, struct err *err) {
	const char *text;
	bool truth;
	if (node->kind == YAML_SCALAR && node->text[0] == '$' && value_is_name(node->text + 1))
		return read_param(node, type, params, where, what, ret_value, err);
	switch (type) {
	case VALUE_STRINGS:
		return read_strings(node, params, where, what, ret_value, err);
	case VALUE_STRING:
		if (!yaml_string(node, where, what, &text, err))
			return false;
		*ret_value = json_string(text_starts(text, "$$") && value_is_name(text + 2) ? text + 1 : text);
		return true;
	case VALUE_BOOL:
		if (!yaml_bool(node, where, what, &truth, err))
			return false;
		*ret_value = json_boolean(truth);
		return true;
	default:
		return read_form(node, type, where, what, ret_value, err);
	}
}

bool value_from_yaml(const struct yaml *node, enum value_type type, const char *where, json_t **ret_value,
		     struct err *err) {
	return value_read(node, type, NULL, where, "the value", ret_value, err);
}

static bool all_strings(const json_t *list) {
	size_t index;
	json_t *item;
	json_array_foreach(list, index, item) if (!json_is_string(item)) return false;
	return json_is_array(list);
}

bool value_has_type(const json_t *value, enum value_type type) {
	int64_t instant;
	unsigned mode;
	switch (type) {
	case VALUE_STRING:
		return json_is_string(value);
	case VALUE_INT:
	case VALUE_DURATION:
	case VALUE_SIZE:
		return json_is_integer(value);
	case VALUE_BOOL:
		return json_is_boolean(value);
	case VALUE_MODE:
		return json_is_string(value) && text_to_mode(json_string_value(value), &mode);
	case VALUE_TIME:
		return json_is_string(value) && times_parse(json_string_value(value), &instant);
	case VALUE_STRINGS:
		return all_strings(value);
	}
	return false;
}

static unsigned mode_bits(const json_t *value) {
	unsigned mode = 0;
	return text_to_mode(json_string_value(value), &mode) ? mode : 0;
}

bool value_equal(const json_t *a, const json_t *b, enum value_type type) {
	return type == VALUE_MODE ? mode_bits(a) == mode_bits(b) : json_equal(a, b);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static const char **sorted_strings(const json_t *list) {
	size_t index;
	json_t *item;
	const char **texts = xcalloc(json_array_size(list), sizeof *texts);
	json_array_foreach(list, index, item) texts[index] = json_string_value(item);
	qsort(texts, json_array_size(list), sizeof *texts, by_text);
	return texts;
}

static bool is_subset(const json_t *a, const json_t *b) {
	CLEANUP(free_ptr) const char **ours = sorted_strings(a);
	CLEANUP(free_ptr) const char **theirs = sorted_strings(b);
	size_t at = 0, count = json_array_size(b);
	for (size_t i = 0; i < json_array_size(a); i++) {
		while (at < count && strcmp(theirs[at], ours[i]) < 0)
			at++;
		if (at == count || strcmp(theirs[at], ours[i]) != 0)
			return false;
	}
	return true;
}

bool value_at_most(const json_t *a, const json_t *b, enum value_type type) {
	switch (type) {
	case VALUE_MODE:
		return (mode_bits(a) & ~mode_bits(b)) == 0;
	case VALUE_TIME: /* the one form of an instant sorts as text */
		return strcmp(json_string_value(a), json_string_value(b)) <= 0;
	case VALUE_STRINGS:
		return is_subset(a, b);
	default:
		return json_integer_value(a) <= json_integer_value(b);
	}
}

void value_text_plain(const char *value, struct buf *text) {
	size_t len = strlen(value), start = text->len;
	bool cut = len > VALUE_TEXT_LONGEST;
	if (cut)
		len = VALUE_TEXT_LONGEST;
	while (cut && len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80)
		len--;
	buf_add(text, value, len);
	text_replace_controls(text->data + start);
	if (cut)
		buf_adds(text, "...");
}

static void quoted_text(const json_t *value, struct buf *text) {
	const char *string = json_string_value(value);
	buf_adds(text, "\"");
	value_text_plain(string ? string : "", text);
	buf_adds(text, "\"");
}

static void size_text(int64_t bytes, struct buf *text) {
	for (size_t i = 0; bytes > 0 && i < ARRAY_LEN(size_units); i++)
		if (bytes % (1LL << size_units[i].shift) == 0) {
			buf_addf(text, "%lld%c", (long long)(bytes >> size_units[i].shift), size_units[i].unit);
			return;
		}
	buf_addf(text, "%lld bytes", (long long)bytes);
}

static void list_text(const json_t *list, enum value_type type, struct buf *text) {
	size_t count = json_array_size(list);
	for (size_t i = 0; i < count && i < VALUE_TEXT_ITEMS; i++) {
		buf_adds(text, i ? ", " : "");
		value_text(json_array_get(list, i), type, text);
	}
	if (count > VALUE_TEXT_ITEMS)
		buf_addf(text, " and %zu more", count - VALUE_TEXT_ITEMS);
	if (count == 0)
		buf_adds(text, "nothing");
}

void value_text(const json_t *value, enum value_type type, struct buf *text) {
	char duration[24];
	if (json_is_array(value))
		list_text(value, type == VALUE_STRINGS ? VALUE_STRING : type, text);
	else if (json_is_boolean(value))
		buf_adds(text, json_is_true(value) ? "true" : "false");
	else if (type == VALUE_DURATION)
		buf_adds(text, times_format_duration(json_integer_value(value), duration));
	else if (type == VALUE_SIZE)
		size_text(json_integer_value(value), text);
	else if (json_is_integer(value))
		buf_addf(text, "%lld", (long long)json_integer_value(value));
	else if (type == VALUE_MODE || type == VALUE_TIME)
		buf_adds(text, json_string_value(value));
	else
		quoted_text(value, text);
}

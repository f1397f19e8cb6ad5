#include "core/match.h"

#include <pcre2.h>

#include "core/text.h"

enum op { OP_ALL, OP_NOT, OP_EQUALS, OP_IN, OP_MATCHES, OP_CONTAINS, OP_AT_MOST, OP_AT_LEAST, OP_EXISTS, OP_KNOWN };

struct match {
	enum op op;
	const struct check_field *field;
	char *name;    /* as the rule writes it */
	bool is_plain; /* written without an operator */
	/* ALL: the operators of one mapping; NOT: one */
	struct match **parts;
	size_t part_count;
	/* The operand: a constant, or the field of a view's only row. */
	json_t *constant;
	char *other_name; /* "disk.serial"; NULL: constant */
	size_t other_view;
	const struct check_field *other_field;
	/* MATCHES */
	pcre2_code *pattern;
	pcre2_match_context *limits;
};

#define T(type) (1U << VALUE_##type)
#define T_ORDERED (T(INT) | T(DURATION) | T(SIZE) | T(MODE) | T(TIME) | T(STRINGS))
#define T_ANY (T_ORDERED | T(STRING) | T(BOOL))

static const struct operator{
	const char *name, *phrase;
	unsigned types;
}
operators[] = {
	[OP_NOT] = {"not", "not ", T_ANY},
	[OP_EQUALS] = {"equals", "", T_ANY},
	[OP_IN] = {"in", "one of ", T_ANY & ~T(STRINGS)},
	[OP_MATCHES] = {"matches", "a match of ", T(STRING)},
	[OP_CONTAINS] = {"contains", "something that contains ", T(STRING) | T(STRINGS)},
	[OP_AT_MOST] = {"at_most", "at most ", T_ORDERED},
	[OP_AT_LEAST] = {"at_least", "at least ", T_ORDERED},
	[OP_EXISTS] = {"exists", "", T_ANY},
	[OP_KNOWN] = {"known", "", T_ANY},
};

void match_free(struct match *match) {
	if (!match)
		return;
	for (size_t i = 0; i < match->part_count; i++)
		match_free(match->parts[i]);
	free(match->parts);
	free(match->name);
	free(match->other_name);
	json_decref(match->constant);
	pcre2_code_free(match->pattern);
	pcre2_match_context_free(match->limits);
	free(match);
}

static struct match *match_new(enum op op, const struct check_field *field, const char *name) {
	struct match *match = xcalloc(1, sizeof *match);
	match->op = op;
	match->field = field;
	match->name = xstrdup(name);
	return match;
}

static bool no_field(const struct match_context *context, const struct yaml *name, struct err *err) {
	if (context->scope_count == 1 && !*context->scopes[0].name)
		return yaml_fault(err, context->where, name, "the check %s has no field \"%s\"",
				  context->scopes[0].check->name, name->text);
	return yaml_fault(err, context->where, name,
			  "there is no field \"%s\": write view.field, with the views of this rule", name->text);
}

/* The field below one view, or NULL. */
static const struct check_field *field_in(const struct expect_scope *scope, const char *name) {
	size_t len = strlen(scope->name);
	if (len > 0 && (strncmp(name, scope->name, len) != 0 || name[len] != '.'))
		return NULL;
	return check_field_find(scope->check, name + len + (len > 0));
}

bool match_find_field(const struct match_context *context, const struct yaml *name, size_t *ret_view,
		      const struct check_field **ret_field, struct err *err) {
	for (size_t i = 0; i < context->scope_count; i++) {
		const struct check_field *field = field_in(&context->scopes[i], name->text);
		if (!field)
			continue;
		if (field->privacy == PRIVACY_PERSONAL && !context->show &&
		    check_param_find(context->scopes[i].check, "show"))
			return yaml_fault(err, context->where, name, "%s is there only in a rule with \"show: true\"",
					  name->text);
		*ret_view = i;
		*ret_field = field;
		return true;
	}
	return no_field(context, name, err);
}

/* Whether a plain scalar names the field of another view. */
static bool is_other(const struct match_context *context, const struct yaml *node) {
	if (node->kind != YAML_SCALAR || node->quoted)
		return false;
	for (size_t i = 0; i < context->scope_count; i++) {
		size_t len = strlen(context->scopes[i].name);
		if (len > 0 && !strncmp(node->text, context->scopes[i].name, len) && node->text[len] == '.')
			return true;
	}
	return false;
}

static bool read_operand(struct match *match, const struct yaml *node, enum value_type type,
			 const struct match_context *context, struct err *err) {
	if (!is_other(context, node))
		return value_read(node, type, &context->params, context->where, match->name, &match->constant, err);
	if (!match_find_field(context, node, &match->other_view, &match->other_field, err))
		return false;
	if (match->other_field->type != type)
		return yaml_fault(err, context->where, node, "%s is of type %s here, and %s of type %s", match->name,
				  value_type_name(type), node->text, value_type_name(match->other_field->type));
	match->other_name = xstrdup(node->text);
	return true;
}

/* A list of a type that has no list type of its own. */
static bool read_list(struct match *match, const struct yaml *node, const struct match_context *context,
		      struct err *err) {
	if (!yaml_is(node, YAML_SEQUENCE, context->where, "in", err))
		return false;
	match->constant = json_array();
	for (size_t i = 0; i < node->count; i++) {
		json_t *item;
		if (!value_read(node->items[i], match->field->type, &context->params, context->where, match->name,
				&item, err))
			return false;
		json_array_append_new(match->constant, item);
	}
	return true;
}

static pcre2_code *compile_pattern(const char *text, int *ret_error, PCRE2_SIZE *ret_offset) {
	pcre2_compile_context *caps = pcre2_compile_context_create(NULL);
	if (!caps)
		abort();
	pcre2_set_max_pattern_length(caps, MATCH_PATTERN_LONGEST);
	pcre2_code *pattern = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
					    PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
					    ret_error, ret_offset, caps);
	pcre2_compile_context_free(caps);
	return pattern;
}

static bool read_pattern(struct match *match, const struct yaml *node, const struct match_context *context,
			 struct err *err) {
	int error;
	PCRE2_SIZE offset;
	PCRE2_UCHAR why[120];
	if (!value_read(node, VALUE_STRING, &context->params, context->where, match->name, &match->constant, err))
		return false;
	match->pattern = compile_pattern(json_string_value(match->constant), &error, &offset);
	if (!match->pattern) {
		pcre2_get_error_message(error, why, sizeof why);
		return yaml_fault(err, context->where, node, "the pattern does not read at its character %zu: %s",
				  offset + 1, (const char *)why);
	}
	match->limits = pcre2_match_context_create(NULL);
	if (!match->limits)
		abort();
	pcre2_set_match_limit(match->limits, MATCH_PATTERN_STEPS);
	pcre2_set_depth_limit(match->limits, MATCH_PATTERN_DEPTH);
	pcre2_set_heap_limit(match->limits, MATCH_PATTERN_HEAP_KIB);
	return true;
}

static void add_part(struct match *match, struct match *part) {
	match->parts = xreallocarray(match->parts, match->part_count + 1, sizeof(struct match *));
	match->parts[match->part_count++] = part;
}

static bool read_exists(struct match *match, const struct yaml *node, const struct match_context *context,
			struct err *err) {
	bool exists;
	if (!yaml_bool(node, context->where, "exists", &exists, err))
		return false;
	match->constant = json_boolean(exists);
	return true;
}

static bool read_known(struct match *match, const struct yaml *node, const struct match_context *context,
		       struct err *err) {
	bool is_known;
	if (!yaml_bool(node, context->where, "known", &is_known, err))
		return false;
	if (!is_known)
		return yaml_fault(err, context->where, node,
				  "known is true or not written: absence is {exists: false}");
	match->constant = json_true();
	return true;
}

static bool read_by_op(struct match *match, const struct yaml *node, const struct match_context *context,
		       struct err *err) {
	struct match *inner;
	switch (match->op) {
	case OP_NOT:
		if (!match_compile(node, match->field, match->name, NULL, context, &inner, err))
			return false;
		add_part(match, inner);
		return true;
	case OP_EXISTS:
		return read_exists(match, node, context, err);
	case OP_KNOWN:
		return read_known(match, node, context, err);
	case OP_MATCHES:
		return read_pattern(match, node, context, err);
	case OP_CONTAINS:
		return read_operand(match, node, VALUE_STRING, context, err);
	case OP_IN:
		return match->field->type == VALUE_STRING ? read_operand(match, node, VALUE_STRINGS, context, err)
							  : read_list(match, node, context, err);
	default:
		return read_operand(match, node, match->field->type, context, err);
	}
}

static bool compile_operator(const struct yaml *key, const struct yaml *node, const struct check_field *field,
			     const char *name, const struct match_context *context, struct match **ret_match,
			     struct err *err) {
	size_t op = OP_NOT;
	while (op < ARRAY_LEN(operators) && strcmp(operators[op].name, key->text) != 0)
		op++;
	if (op == ARRAY_LEN(operators))
		return yaml_fault(err, context->where, key, "there is no operator \"%s\"", key->text);
	if (!(operators[op].types & 1U << field->type))
		return yaml_fault(err, context->where, key, "%s does not go with %s, which is of type %s", key->text,
				  name, value_type_name(field->type));
	struct match *match = match_new((enum op)op, field, name);
	if (!read_by_op(match, node, context, err)) {
		match_free(match);
		return false;
	}
	*ret_match = match;
	return true;
}

static bool compile_plain(const struct yaml *node, const struct check_field *field, const char *name,
			  const struct match_context *context, struct match **ret_match, struct err *err) {
	if (node->kind == YAML_SEQUENCE && field->type != VALUE_STRINGS)
		return yaml_fault(err, context->where, node,
				  "%s is not a list but of type %s; for one of several write {in: [...]}", name,
				  value_type_name(field->type));
	struct match *match = match_new(OP_EQUALS, field, name);
	match->is_plain = true;
	if (!read_operand(match, node, field->type, context, err)) {
		match_free(match);
		return false;
	}
	*ret_match = match;
	return true;
}

bool match_compile(const struct yaml *node, const struct check_field *field, const char *name, const char *skip,
		   const struct match_context *context, struct match **ret_match, struct err *err) {
	if (node->kind != YAML_MAPPING)
		return compile_plain(node, field, name, context, ret_match, err);
	CLEANUP(match_free_p) struct match *all = match_new(OP_ALL, field, name);
	for (size_t i = 0; i < node->count; i++) {
		struct match *part;
		if (skip && !strcmp(node->keys[i]->text, skip))
			continue;
		if (!compile_operator(node->keys[i], node->items[i], field, name, context, &part, err))
			return false;
		add_part(all, part);
	}
	if (all->part_count == 0)
		return yaml_fault(err, context->where, node, "%s: nothing is expected here", name);
	*ret_match = all;
	all = NULL;
	return true;
}

/* The operand's value; NULL where the other view has not one row with one value of the right type. */
static const json_t *operand(const struct match *match, const struct view_seen *views) {
	if (!match->other_name)
		return match->constant;
	const json_t *rows = views[match->other_view].rows;
	const json_t *value =
		json_array_size(rows) == 1 ? json_object_get(json_array_get(rows, 0), match->other_field->name) : NULL;
	return value && value_has_type(value, match->other_field->type) ? value : NULL;
}

static enum expect_outcome outcome_of(bool holds) { return holds ? EXPECT_HOLDS : EXPECT_FAILS; }

/* The match data is not kept: PCRE2 leaves 20 KiB and more of its stack in it. */
static enum expect_outcome judge_pattern(const struct match *match, const json_t *value) {
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	if (!data)
		abort();
	int result = pcre2_match(match->pattern, (PCRE2_SPTR)json_string_value(value), json_string_length(value), 0, 0,
				 data, match->limits);
	pcre2_match_data_free(data);
	if (result == PCRE2_ERROR_NOMATCH)
		return EXPECT_FAILS;
	return result < 0 ? EXPECT_CANNOT_SAY : EXPECT_HOLDS;
}

static bool is_in(const json_t *value, const json_t *list, enum value_type type) {
	size_t index;
	json_t *item;
	json_array_foreach(list, index, item) if (value_equal(value, item, type)) return true;
	return false;
}

/* value is there and of its type, other too. */
static enum expect_outcome judge_value(const struct match *match, const json_t *value, const json_t *other) {
	enum value_type type = match->field->type;
	switch (match->op) {
	case OP_IN:
		return outcome_of(is_in(value, other, type));
	case OP_MATCHES:
		return judge_pattern(match, value);
	case OP_CONTAINS:
		return outcome_of(type == VALUE_STRINGS
					  ? is_in(other, value, VALUE_STRING)
					  : strstr(json_string_value(value), json_string_value(other)) != NULL);
	case OP_AT_MOST:
		return outcome_of(value_at_most(value, other, type));
	case OP_AT_LEAST:
		return outcome_of(value_at_most(other, value, type));
	default:
		return outcome_of(value_equal(value, other, type));
	}
}

static enum expect_outcome judge_all(const struct match *match, const json_t *value, const struct view_seen *views) {
	enum expect_outcome all = EXPECT_HOLDS;
	for (size_t i = 0; i < match->part_count; i++)
		if (!value && match->parts[i]->op == OP_KNOWN)
			return EXPECT_CANNOT_SAY;
	for (size_t i = 0; i < match->part_count && all != EXPECT_FAILS; i++) {
		enum expect_outcome part = match_judge(match->parts[i], value, views);
		if (part != EXPECT_HOLDS)
			all = part;
	}
	return all;
}

enum expect_outcome match_judge(const struct match *match, const json_t *value, const struct view_seen *views) {
	if (match->op == OP_ALL)
		return judge_all(match, value, views);
	if (match->op == OP_NOT) {
		enum expect_outcome inner = match_judge(match->parts[0], value, views);
		return inner == EXPECT_CANNOT_SAY ? inner : outcome_of(inner == EXPECT_FAILS);
	}
	if (match->op == OP_EXISTS)
		return outcome_of((value != NULL) == json_is_true(match->constant));
	if (match->op == OP_KNOWN)
		return value ? EXPECT_HOLDS : EXPECT_CANNOT_SAY;
	const json_t *other = operand(match, views);
	if (!other)
		return EXPECT_CANNOT_SAY;
	if (!value)
		return EXPECT_FAILS;
	return value_has_type(value, match->field->type) ? judge_value(match, value, other) : EXPECT_CANNOT_SAY;
}

/* {not: {in: []}}: every value is meant. */
static bool is_any_value(const struct match *match) {
	if (match->op != OP_NOT)
		return false;
	const struct match *inner = match->parts[0];
	while (inner->op == OP_ALL && inner->part_count == 1)
		inner = inner->parts[0];
	return inner->op == OP_IN && json_array_size(inner->constant) == 0;
}

void match_describe(const struct match *match, struct buf *text) {
	bool many = match->op == OP_ALL && match->part_count > 1;
	if (is_any_value(match)) {
		buf_adds(text, "at all");
	} else if (match->op == OP_ALL || match->op == OP_NOT) {
		buf_adds(text, match->op == OP_NOT ? "not " : many ? "(" : "");
		for (size_t i = 0; i < match->part_count; i++) {
			buf_adds(text, i ? " and " : "");
			match_describe(match->parts[i], text);
		}
		buf_adds(text, many ? ")" : "");
	} else if (match->op == OP_EXISTS) {
		buf_adds(text, json_is_true(match->constant) ? "there" : "not there");
	} else if (match->op == OP_AT_MOST && !match->other_name && json_is_array(match->constant) &&
		   json_array_size(match->constant) == 0) {
		buf_adds(text, "empty");
	} else if (match->op == OP_KNOWN) {
		buf_adds(text, "known");
	} else {
		buf_adds(text, operators[match->op].phrase);
		if (match->other_name)
			buf_adds(text, match->other_name);
		else
			value_text(match->constant, match->op == OP_CONTAINS ? VALUE_STRING : match->field->type, text);
	}
}

bool match_is_hidden(const struct check_field *field) {
	return field->is_volatile || field->privacy == PRIVACY_SECRET || field->type == VALUE_TIME;
}

void match_tell(const struct match *match, const json_t *value, struct buf *text) {
	buf_addf(text, "%s is ", match->name);
	if (!value)
		buf_adds(text, "not there");
	else if (match_is_hidden(match->field))
		match_describe(match, text);
	else
		value_text(value, match->field->type, text);
}

static void explain_failure(const struct match *match, const json_t *value, const struct view_seen *views,
			    struct buf *reason) {
	if (!value) {
		buf_addf(reason, "%s is not there, expected ", match->name);
	} else if (match_is_hidden(match->field)) {
		buf_addf(reason, "%s is not as expected: ", match->name);
	} else {
		buf_addf(reason, "%s is ", match->name);
		value_text(value, match->field->type, reason);
		buf_adds(reason, ", expected ");
	}
	if (match->op == OP_EXISTS) {
		buf_adds(reason, json_is_true(match->constant) ? "it to be" : "it not to be there");
		return;
	}
	match_describe(match, reason);
	if (match->other_name && !match_is_hidden(match->other_field)) {
		buf_adds(reason, ", which is ");
		value_text(operand(match, views), match->other_field->type, reason);
	}
}

static void explain_doubt(const struct match *match, const json_t *value, const struct view_seen *views,
			  struct buf *reason) {
	if (match->op == OP_KNOWN)
		buf_addf(reason, "%s is not known", match->name);
	else if (!operand(match, views))
		buf_addf(reason, "%s cannot be compared: %s is not one value", match->name, match->other_name);
	else if (!value_has_type(value, match->field->type))
		buf_addf(reason, "%s is not of type %s, as its check says it is", match->name,
			 value_type_name(match->field->type));
	else
		buf_addf(reason, "%s could not be matched: the pattern is over its limits", match->name);
}

void match_explain(const struct match *match, const json_t *value, const struct view_seen *views,
		   enum expect_outcome outcome, struct buf *reason) {
	if (match->op == OP_ALL && outcome == EXPECT_CANNOT_SAY && !value) {
		buf_addf(reason, "%s is not known", match->name);
	} else if (match->op == OP_ALL) {
		size_t i = 0;
		while (i + 1 < match->part_count && match_judge(match->parts[i], value, views) != outcome)
			i++;
		match_explain(match->parts[i], value, views, outcome, reason);
	} else if (outcome == EXPECT_FAILS) {
		explain_failure(match, value, views, reason);
	} else if (match->op == OP_NOT) {
		match_explain(match->parts[0], value, views, outcome, reason);
	} else {
		explain_doubt(match, value, views, reason);
	}
}

static json_t *operand_json(const struct match *match) {
	return match->other_name ? json_string(match->other_name) : json_incref(match->constant);
}

json_t *match_json(const struct match *match) {
	if (match->op == OP_NOT)
		return match_json(match->parts[0]);
	if (match->op != OP_ALL)
		return operand_json(match);
	json_t *all = json_object();
	for (size_t i = 0; i < match->part_count; i++)
		json_object_set_new(all, operators[match->parts[i]->op].name, match_json(match->parts[i]));
	return all;
}

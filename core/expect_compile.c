/* Compiling: from YAML to the tree, with every name and type checked. */
#include "core/expect_tree.h"

#define NO_VIEW ((size_t)-1)

/* COUNT matches a number that no check declares. */
static const struct check_field count_field = {.name = "count", .type = VALUE_INT};

static struct expect *node_new(enum node_kind kind) {
	struct expect *node = xcalloc(1, sizeof *node);
	node->kind = kind;
	node->view = NO_VIEW;
	return node;
}

static void add_part(struct expect *node, struct expect *part) {
	node->parts = xreallocarray(node->parts, node->part_count + 1, sizeof(struct expect *));
	node->parts[node->part_count++] = part;
}

/* Both levels: expectations of tables (view is NULL), and of a row (*view is the row's, NO_VIEW until a field says). */
typedef bool compile_fn(const struct yaml *node, const struct match_context *context, size_t *view,
			struct expect **ret_node, json_t **ret_json, struct err *err);
static compile_fn compile_table, compile_row;

static bool compile_field(const struct yaml *key, const struct yaml *node, const struct match_context *context,
			  size_t *ret_view, struct expect **ret_field, json_t **ret_json, struct err *err) {
	const struct check_field *field;
	struct match *match;
	if (!match_find_field(context, key, ret_view, &field, err) ||
	    !match_compile(node, field, key->text, NULL, context, &match, err))
		return false;
	*ret_field = node_new(NODE_FIELD);
	(*ret_field)->field = field;
	(*ret_field)->match = match;
	(*ret_field)->name = xstrdup(key->text);
	*ret_json = match_json(match);
	return true;
}

/* all: [..], any: [..], not: .. */
static bool compile_composed(const char *word, const struct yaml *node, compile_fn *compile,
			     const struct match_context *context, size_t *view, struct expect **ret_node,
			     json_t **ret_json, struct err *err) {
	bool is_not = !strcmp(word, "not");
	CLEANUP(expect_free_p)
	struct expect *composed = node_new(is_not ? NODE_NOT : !strcmp(word, "any") ? NODE_ANY : NODE_ALL);
	CLEANUP(json_decref_p) json_t *list = json_array();
	if (!is_not && !yaml_is(node, YAML_SEQUENCE, context->where, word, err))
		return false;
	if (!is_not && node->count == 0)
		return yaml_fault(err, context->where, node, "%s: nothing is expected here", word);
	for (size_t i = 0; i < (is_not ? 1 : node->count); i++) {
		struct expect *part;
		json_t *part_json;
		if (!compile(is_not ? node : node->items[i], context, view, &part, &part_json, err))
			return false;
		add_part(composed, part);
		json_array_append_new(list, part_json);
	}
	*ret_json = json_incref(is_not ? json_array_get(list, 0) : list);
	*ret_node = composed;
	composed = NULL;
	return true;
}

static bool is_composer(const char *word) {
	return !strcmp(word, "all") || !strcmp(word, "any") || !strcmp(word, "not");
}

static bool compile_row_member(const struct yaml *key, const struct yaml *node, const struct match_context *context,
			       size_t *view, struct expect **ret_part, json_t **ret_json, struct err *err) {
	size_t field_view;
	if (is_composer(key->text))
		return compile_composed(key->text, node, compile_row, context, view, ret_part, ret_json, err);
	if (!compile_field(key, node, context, &field_view, ret_part, ret_json, err))
		return false;
	if (*view == NO_VIEW || *view == field_view) {
		*view = field_view;
		return true;
	}
	expect_free(*ret_part);
	json_decref(*ret_json);
	return yaml_fault(err, context->where, key, "\"%s\" is of another view than the fields beside it", key->text);
}

static bool compile_row(const struct yaml *node, const struct match_context *context, size_t *view,
			struct expect **ret_node, json_t **ret_json, struct err *err) {
	CLEANUP(expect_free_p) struct expect *all = node_new(NODE_ALL);
	CLEANUP(json_decref_p) json_t *json = json_object();
	if (!yaml_is(node, YAML_MAPPING, context->where, "what is expected of a row", err))
		return false;
	if (node->count == 0)
		return yaml_fault(err, context->where, node, "nothing is expected here");
	for (size_t i = 0; i < node->count; i++) {
		struct expect *part;
		json_t *part_json;
		if (!compile_row_member(node->keys[i], node->items[i], context, view, &part, &part_json, err))
			return false;
		add_part(all, part);
		json_object_set_new(json, node->keys[i]->text, part_json);
	}
	*ret_node = all;
	all = NULL;
	*ret_json = json_incref(json);
	return true;
}

static void set_view(struct expect *node, const struct match_context *context, size_t view) {
	node->view = view;
	node->check = context->scopes[view].check;
}

/* every, some, none */
static bool compile_quantified(enum node_kind kind, const struct yaml *node, const struct match_context *context,
			       struct expect **ret_node, json_t **ret_json, struct err *err) {
	size_t view = NO_VIEW;
	struct expect *row;
	if (!compile_row(node, context, &view, &row, ret_json, err))
		return false;
	*ret_node = node_new(kind);
	set_view(*ret_node, context, view);
	add_part(*ret_node, row);
	return true;
}

static bool compile_where(const struct yaml *node, const struct match_context *context, struct expect *count,
			  json_t **ret_json, struct err *err) {
	const struct yaml *where = yaml_get(node, "where");
	size_t view = NO_VIEW;
	struct expect *row;
	if (!where && context->scope_count > 1)
		return yaml_fault(err, context->where, node, "count needs a \"where\" that says of which view");
	if (where) {
		if (!compile_row(where, context, &view, &row, ret_json, err))
			return false;
		add_part(count, row);
	}
	set_view(count, context, where ? view : 0);
	return true;
}

static bool compile_count(const struct yaml *node, const struct match_context *context, struct expect **ret_node,
			  json_t **ret_json, struct err *err) {
	CLEANUP(expect_free_p) struct expect *count = node_new(NODE_COUNT);
	CLEANUP(json_decref_p) json_t *where = NULL;
	if (!compile_where(node, context, count, &where, err) ||
	    !match_compile(node, &count_field, "count", "where", context, &count->match, err))
		return false;
	*ret_json = match_json(count->match);
	if (where)
		json_object_set(*ret_json, "where", where);
	*ret_node = count;
	count = NULL;
	return true;
}

static const struct {
	const char *word;
	enum node_kind kind;
} quantifiers[] = {{"every", NODE_EVERY}, {"some", NODE_SOME}, {"none", NODE_NONE}};

/* A member that is not a bare field. *ret_known: whether the word is one of ours. */
static bool compile_word(const struct yaml *key, const struct yaml *node, const struct match_context *context,
			 bool *ret_known, struct expect **ret_part, json_t **ret_json, struct err *err) {
	*ret_known = true;
	if (is_composer(key->text))
		return compile_composed(key->text, node, compile_table, context, NULL, ret_part, ret_json, err);
	if (!strcmp(key->text, "count"))
		return compile_count(node, context, ret_part, ret_json, err);
	for (size_t i = 0; i < ARRAY_LEN(quantifiers); i++)
		if (!strcmp(key->text, quantifiers[i].word))
			return compile_quantified(quantifiers[i].kind, node, context, ret_part, ret_json, err);
	*ret_known = false;
	return true;
}

/* The bare fields of one view are one `every`. */
static struct expect *implied_every(struct expect *all, const struct match_context *context, size_t view,
				    struct expect **implied) {
	for (size_t i = 0; i < all->part_count; i++)
		if (implied[i] && all->parts[i]->view == view)
			return all->parts[i]->parts[0];
	struct expect *every = node_new(NODE_EVERY);
	set_view(every, context, view);
	add_part(every, node_new(NODE_ALL));
	implied[all->part_count] = every;
	add_part(all, every);
	return every->parts[0];
}

static bool compile_members(const struct yaml *node, const struct match_context *context, struct expect *all,
			    json_t *json, struct err *err) {
	CLEANUP(free_ptr) struct expect **implied = xcalloc(node->count, sizeof(struct expect *));
	for (size_t i = 0; i < node->count; i++) {
		const struct yaml *key = node->keys[i];
		struct expect *part;
		json_t *part_json;
		bool known;
		size_t view;
		if (!compile_word(key, node->items[i], context, &known, &part, &part_json, err))
			return false;
		if (known) {
			add_part(all, part);
		} else {
			if (!compile_field(key, node->items[i], context, &view, &part, &part_json, err))
				return false;
			add_part(implied_every(all, context, view, implied), part);
		}
		json_object_set_new(json, key->text, part_json);
	}
	return true;
}

static bool compile_table(const struct yaml *node, const struct match_context *context, size_t *view,
			  struct expect **ret_node, json_t **ret_json, struct err *err) {
	CLEANUP(expect_free_p) struct expect *all = node_new(NODE_ALL);
	CLEANUP(json_decref_p) json_t *json = json_object();
	if (!yaml_is(node, YAML_MAPPING, context->where, "expect", err))
		return false;
	if (node->count == 0)
		return yaml_fault(err, context->where, node, "nothing is expected here");
	if (!compile_members(node, context, all, json, err))
		return false;
	*ret_node = all;
	all = NULL;
	*ret_json = json_incref(json);
	return true;
}

bool expect_compile(const struct yaml *node, const struct match_context *context, struct expect **ret_expect,
		    struct err *err) {
	struct expect *expect;
	json_t *json;
	if (!compile_table(node, context, NULL, &expect, &json, err))
		return false;
	expect->json = json;
	*ret_expect = expect;
	return true;
}

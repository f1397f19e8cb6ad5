#include "core/yaml.h"

#include <ctype.h>
#include <stdarg.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	const char *where;
	size_t nodes;
	struct err *err;
};

void yaml_tree_free(struct yaml *node) {
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++) {
		yaml_tree_free(node->items[i]);
		if (node->keys)
			yaml_tree_free(node->keys[i]);
	}
	free(node->items);
	free(node->keys);
	free(node->text);
	free(node);
}

static bool fault(struct reader *reader, yaml_mark_t mark, const char *why) {
	return err_set_at(reader->err, ERR_SYNTAX, reader->where, (unsigned)mark.line + 1, (unsigned)mark.column + 1,
			  "%s", why);
}

static bool next(struct reader *reader, yaml_event_t *ret_event) {
	const yaml_parser_t *parser = &reader->parser;
	if (yaml_parser_parse(&reader->parser, ret_event))
		return true;
	if (parser->error == YAML_MEMORY_ERROR)
		abort();
	return fault(reader, parser->problem_mark, parser->problem ? parser->problem : "not YAML");
}

static bool refuse_extras(struct reader *reader, const yaml_event_t *event) {
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		return fault(reader, event->start_mark, "aliases are not allowed: write the value out");
	default:
		break;
	}
	if (anchor)
		return fault(reader, event->start_mark, "anchors are not allowed");
	if (tag)
		return fault(reader, event->start_mark, "tags are not allowed");
	return true;
}

static bool fill_scalar(struct reader *reader, const yaml_event_t *event, struct yaml *node) {
	const char *text = (const char *)event->data.scalar.value;
	if (memchr(text, '\0', event->data.scalar.length))
		return fault(reader, event->start_mark, "a string holds a NUL character");
	node->text = xstrndup(text, event->data.scalar.length);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return true;
}

static bool node_begin(struct reader *reader, const yaml_event_t *event, unsigned depth, struct yaml **ret_node) {
	if (!refuse_extras(reader, event))
		return false;
	if (++reader->nodes > YAML_NODES_MOST || depth > YAML_DEEPEST)
		return err_set_at(reader->err, ERR_TOO_BIG, reader->where, (unsigned)event->start_mark.line + 1,
				  (unsigned)event->start_mark.column + 1,
				  depth > YAML_DEEPEST ? "nested deeper than %u" : "more than %u values",
				  depth > YAML_DEEPEST ? YAML_DEEPEST : YAML_NODES_MOST);
	struct yaml *node = xcalloc(1, sizeof *node);
	node->line = (unsigned)event->start_mark.line + 1;
	node->column = (unsigned)event->start_mark.column + 1;
	node->kind = event->type == YAML_SEQUENCE_START_EVENT  ? YAML_SEQUENCE
		     : event->type == YAML_MAPPING_START_EVENT ? YAML_MAPPING
							       : YAML_SCALAR;
	if (node->kind == YAML_SCALAR && !fill_scalar(reader, event, node)) {
		yaml_tree_free(node);
		return false;
	}
	*ret_node = node;
	return true;
}

static void append(struct yaml *node, struct yaml *key, struct yaml *item) {
	if (node->count == node->room) {
		node->room = node->room ? node->room * 2 : 4;
		node->items = xreallocarray(node->items, node->room, sizeof(struct yaml *));
		if (node->kind == YAML_MAPPING)
			node->keys = xreallocarray(node->keys, node->room, sizeof(struct yaml *));
	}
	if (node->kind == YAML_MAPPING)
		node->keys[node->count] = key;
	node->items[node->count++] = item;
}

static int by_text_then_place(const void *a, const void *b) {
	const struct yaml *one = *(struct yaml *const *)a, *two = *(struct yaml *const *)b;
	int order = strcmp(one->text, two->text);
	if (order)
		return order;
	return one->line != two->line ? (one->line < two->line ? -1 : 1) : (one->column < two->column ? -1 : 1);
}

static bool keys_differ(struct reader *reader, const struct yaml *mapping) {
	CLEANUP(free_ptr)
	struct yaml **sorted = xreallocarray(NULL, mapping->count, sizeof(struct yaml *));
	for (size_t i = 0; i < mapping->count; i++)
		sorted[i] = mapping->keys[i];
	qsort(sorted, mapping->count, sizeof(struct yaml *), by_text_then_place);
	for (size_t i = 1; i < mapping->count; i++)
		if (!strcmp(sorted[i - 1]->text, sorted[i]->text))
			return yaml_fault(reader->err, reader->where, sorted[i], "\"%s\" stands here twice",
					  sorted[i]->text);
	return true;
}

static bool read_node(struct reader *reader, yaml_event_t *event, unsigned depth, struct yaml **ret_node);

static bool read_key(struct reader *reader, yaml_event_t *event, unsigned depth, struct yaml **ret_key) {
	if (event->type != YAML_SCALAR_EVENT && event->type != YAML_ALIAS_EVENT)
		return fault(reader, event->start_mark, "a key has to be a plain word");
	if (!node_begin(reader, event, depth, ret_key))
		return false;
	if ((*ret_key)->quoted || strcmp((*ret_key)->text, "<<") != 0)
		return true;
	yaml_tree_free(*ret_key);
	*ret_key = NULL;
	return fault(reader, event->start_mark, "merge keys are not allowed: write the members out");
}

/* What belongs to a mapping or a sequence, up to its end event. */
static bool read_members(struct reader *reader, struct yaml *node, unsigned depth) {
	for (;;) {
		struct yaml *key = NULL, *item = NULL;
		CLEANUP(yaml_event_delete) yaml_event_t event = {0};
		CLEANUP(yaml_event_delete) yaml_event_t value = {0};
		if (!next(reader, &event))
			return false;
		if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
			return node->kind != YAML_MAPPING || keys_differ(reader, node);
		if (node->kind == YAML_MAPPING &&
		    (!read_key(reader, &event, depth + 1, &key) || !next(reader, &value))) {
			yaml_tree_free(key);
			return false;
		}
		if (!read_node(reader, node->kind == YAML_MAPPING ? &value : &event, depth + 1, &item)) {
			yaml_tree_free(key);
			return false;
		}
		append(node, key, item);
	}
}

static bool read_node(struct reader *reader, yaml_event_t *event, unsigned depth, struct yaml **ret_node) {
	struct yaml *node = NULL;
	if (!node_begin(reader, event, depth, &node))
		return false;
	if (node->kind != YAML_SCALAR && !read_members(reader, node, depth)) {
		yaml_tree_free(node);
		return false;
	}
	*ret_node = node;
	return true;
}

/* The event's type must be this one. */
static bool step(struct reader *reader, yaml_event_type_t type, const char *otherwise) {
	CLEANUP(yaml_event_delete) yaml_event_t event = {0};
	if (!next(reader, &event))
		return false;
	return event.type == type || fault(reader, event.start_mark, otherwise);
}

static bool read_document(struct reader *reader, struct yaml **ret_root) {
	CLEANUP(yaml_event_delete) yaml_event_t event = {0};
	return step(reader, YAML_STREAM_START_EVENT, "not YAML") &&
	       step(reader, YAML_DOCUMENT_START_EVENT, "nothing in here") && next(reader, &event) &&
	       read_node(reader, &event, 1, ret_root) && step(reader, YAML_DOCUMENT_END_EVENT, "not YAML") &&
	       step(reader, YAML_STREAM_END_EVENT, "a second document: one file holds one");
}

bool yaml_read(const char *data, size_t len, const char *where, struct yaml **ret_root, struct err *err) {
	if (len > YAML_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "larger than the cap of %u bytes", YAML_LARGEST);
	struct reader reader = {.where = where, .err = err};
	struct yaml *root = NULL;
	if (!yaml_parser_initialize(&reader.parser))
		abort();
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)(data ? data : ""), len);
	bool read = read_document(&reader, &root);
	yaml_parser_delete(&reader.parser);
	if (read)
		*ret_root = root;
	else
		yaml_tree_free(root);
	return read;
}

const struct yaml *yaml_get(const struct yaml *mapping, const char *key) {
	for (size_t i = 0; mapping->kind == YAML_MAPPING && i < mapping->count; i++)
		if (!strcmp(mapping->keys[i]->text, key))
			return mapping->items[i];
	return NULL;
}

#undef yaml_fault
bool yaml_fault(struct err *err, const char *where, const struct yaml *node, const char *why, ...) {
	char text[sizeof err->why];
	va_list arguments;
	va_start(arguments, why);
	vsnprintf(text, sizeof text, why, arguments);
	va_end(arguments);
	return err_set_at(err, ERR_SYNTAX, where, node->line, node->column, "%s", text);
}

bool yaml_is(const struct yaml *node, enum yaml_kind kind, const char *where, const char *what, struct err *err) {
	if (node->kind == kind)
		return true;
	static const char *const names[] = {"a scalar", "a sequence", "a mapping"};
	return yaml_fault(err, where, node, "%s has to be %s, this is %s", what, names[kind], names[node->kind]);
}

bool yaml_has_only(const struct yaml *node, const char *const known[], const char *where, const char *what,
		   struct err *err) {
	if (!yaml_is(node, YAML_MAPPING, where, what, err))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const char *const *name = known;
		while (*name && strcmp(*name, node->keys[i]->text) != 0)
			name++;
		if (!*name)
			return yaml_fault(err, where, node->keys[i], "%s has no field \"%s\"", what,
					  node->keys[i]->text);
	}
	return true;
}

bool yaml_need(const struct yaml *mapping, const char *key, const char *where, const char *what,
	       const struct yaml **ret_node, struct err *err) {
	const struct yaml *node = yaml_get(mapping, key);
	if (!node)
		return yaml_fault(err, where, mapping, "%s needs a field \"%s\"", what, key);
	*ret_node = node;
	return true;
}

/* Words that one or the other edition of YAML takes for a truth value or for nothing. */
static bool is_special_word(const char *text) {
	static const char *const words[] = {"y",     "n", "yes",  "no",   "on",   "off",   "true",
					    "false", "~", "null", ".nan", ".inf", "-.inf", "+.inf"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

/* What YAML may take for a number: a digit first (after sign or point), and nothing but a number's characters. 1.0.0
 * and 90d are none, 0x1f, 1_000, 1e3 and 12:30 (base 60 in YAML 1.1) are. */
static bool is_number(const char *text) {
	text += strspn(text, "+-");
	const char *digits = text + strspn(text, ".");
	if (!isdigit((unsigned char)*digits))
		return false;
	if (digits == text && text[0] == '0' && (text[1] == 'x' || text[1] == 'o' || text[1] == 'b'))
		return text[2 + strspn(text + 2, "0123456789abcdefABCDEF_")] == '\0';
	size_t points = 0;
	for (const char *p = text; *p; p++)
		points += *p == '.';
	const char *rest = text + strspn(text, "0123456789._:");
	if (*rest == 'e' || *rest == 'E') {
		rest++;
		rest += strspn(rest, "+-");
		rest += strspn(rest, "0123456789");
	}
	return points <= 1 && *rest == '\0';
}

bool yaml_string(const struct yaml *node, const char *where, const char *what, const char **ret_text, struct err *err) {
	if (!yaml_is(node, YAML_SCALAR, where, what, err))
		return false;
	if (!node->quoted && is_special_word(node->text))
		return yaml_fault(err, where, node,
				  "%s has to be a string; YAML reads a bare %s as something else: write \"%s\"", what,
				  node->text, node->text);
	if (!node->quoted && is_number(node->text))
		return yaml_fault(err, where, node,
				  "%s has to be a string; YAML reads a bare %s as a number: write \"%s\"", what,
				  node->text, node->text);
	if (!node->quoted && !*node->text)
		return yaml_fault(err, where, node, "%s is empty", what);
	*ret_text = node->text;
	return true;
}

bool yaml_bool(const struct yaml *node, const char *where, const char *what, bool *ret_value, struct err *err) {
	if (!yaml_is(node, YAML_SCALAR, where, what, err))
		return false;
	bool yes = !node->quoted && !strcmp(node->text, "true"), no = !node->quoted && !strcmp(node->text, "false");
	if (!yes && !no)
		return yaml_fault(err, where, node, "%s has to be true or false", what);
	*ret_value = yes;
	return true;
}

#include "core/policy_rule.h"

#include <ctype.h>

#include "core/policy_view.h"
#include "core/times.h"

struct reader {
	const char *where;
	const struct policy_reading *reading;
	const struct yaml *node; /* the whole rule */
	struct rule *rule;
};

typedef bool read_fn(struct reader *reader, const struct yaml *node, struct err *err);

bool policy_text_read(const struct yaml *node, const char *where, const char *what, size_t most, char **ret_text,
		      struct err *err) {
	const char *text;
	if (!yaml_string(node, where, what, &text, err))
		return false;
	size_t len = strlen(text);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' ')) /* what a block string ends in */
		len--;
	if (len == 0)
		return yaml_fault(err, where, node, "%s is empty", what);
	if (len > most)
		return yaml_fault(err, where, node, "%s is longer than %zu bytes", what, most);
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)text[i]))
			return yaml_fault(err, where, node, "%s has to be one line, without control characters", what);
	*ret_text = xstrndup(text, len);
	return true;
}

static struct value_params params_of(const struct reader *reader) {
	return (struct value_params){.values = reader->rule->params, .docs = reader->rule->param_docs};
}

/* A control's number within an id, like "8.15" in a.8.15.x or 8-15: numbers change with editions, ids do not. */
static bool has_control_number(const struct catalogue *catalogue, const char *id, char number[16]) {
	for (const char *p = id; *p; p++) {
		unsigned chapter, within;
		char between;
		if ((p > id && (isdigit((unsigned char)p[-1]) || (isalpha((unsigned char)p[-1]) && p[-1] != 'a'))) ||
		    (p > id + 1 && p[-1] == 'a' && isalnum((unsigned char)p[-2])))
			continue;
		if (!isdigit((unsigned char)p[0]) || !p[1] || !isdigit((unsigned char)p[2]) ||
		    sscanf(p, "%1u%c%3u", &chapter, &between, &within) != 3 || !strchr("._-", between))
			continue;
		snprintf(number, 16, "A.%u.%u", chapter, within);
		if (catalogue_find(catalogue, number))
			return true;
	}
	return false;
}

static bool read_id(struct reader *reader, const struct yaml *node, struct err *err) {
	char number[16];
	char *id;
	if (!policy_text_read(node, reader->where, "id", POLICY_ID_LONGEST, &id, err))
		return false;
	reader->rule->id = id;
	if (id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] || !islower((unsigned char)id[0]) ||
	    strstr(id, "..") || id[strlen(id) - 1] == '.')
		return yaml_fault(err, reader->where, node,
				  "an id is of small letters, digits, \"_\", \"-\" and points between, not \"%s\"", id);
	if (has_control_number(reader->reading->catalogue, id, number))
		return yaml_fault(err, reader->where, node,
				  "the id \"%s\" carries a control's number (%s): ids outlive editions", id, number);
	return true;
}

static bool read_title(struct reader *reader, const struct yaml *node, struct err *err) {
	return policy_text_read(node, reader->where, "title", POLICY_TEXT_LONGEST, &reader->rule->title, err);
}

static bool read_why(struct reader *reader, const struct yaml *node, struct err *err) {
	return policy_text_read(node, reader->where, "why", POLICY_TEXT_LONGEST, &reader->rule->why, err);
}

static bool read_fix(struct reader *reader, const struct yaml *node, struct err *err) {
	return policy_text_read(node, reader->where, "fix", POLICY_TEXT_LONGEST, &reader->rule->fix, err);
}

/* 8.10 and the like: a number, and to YAML 8.1. */
static bool is_bare_number(const char *text) {
	size_t chapter = strspn(text, "0123456789");
	size_t within = text[chapter] == '.' ? strspn(text + chapter + 1, "0123456789") : 0;
	return chapter > 0 && within > 0 && text[chapter + 1 + within] == '\0';
}

static bool no_control(const struct reader *reader, const struct yaml *node, struct err *err) {
	const char *id = node->text;
	if (is_bare_number(id)) {
		int kept = (int)strlen(id);
		while (id[kept - 1] == '0')
			kept--;
		return yaml_fault(err, reader->where, node, "write \"A.%s\": YAML reads %s as the number %.*s", id, id,
				  kept, id);
	}
	for (size_t i = 0; i < reader->reading->catalogue->move_count; i++)
		if (!strcmp(reader->reading->catalogue->moves[i].from, id))
			return yaml_fault(err, reader->where, node,
					  "\"%s\" is a control of the 2013 edition; in that of 2022 it went into %s",
					  id, reader->reading->catalogue->moves[i].to);
	return yaml_fault(err, reader->where, node, "there is no control \"%s\" in %s", id,
			  reader->reading->catalogue->framework);
}

static bool read_control(struct reader *reader, const struct yaml *node, struct err *err) {
	struct rule *rule = reader->rule;
	if (!yaml_is(node, YAML_SCALAR, reader->where, "a control", err))
		return false;
	if (!catalogue_find(reader->reading->catalogue, node->text))
		return no_control(reader, node, err);
	for (size_t i = 0; i < rule->control_count; i++)
		if (!strcmp(rule->controls[i], node->text))
			return yaml_fault(err, reader->where, node, "%s stands here twice", node->text);
	rule->controls[rule->control_count++] = xstrdup(node->text);
	return true;
}

static bool read_controls(struct reader *reader, const struct yaml *node, struct err *err) {
	if (!yaml_is(node, YAML_SEQUENCE, reader->where, "controls", err))
		return false;
	if (node->count == 0 || node->count > reader->reading->catalogue->control_count)
		return yaml_fault(err, reader->where, node, "controls has to name at least one, and each once");
	reader->rule->controls = xcalloc(node->count, sizeof(char *));
	for (size_t i = 0; i < node->count; i++)
		if (!read_control(reader, node->items[i], err))
			return false;
	return true;
}

static const char *const kind_names[] = {"effect", "design", "inventory"};
static const char *const severity_names[] = {"critical", "high", "medium", "low"};

const char *kind_name(enum kind kind) { return kind_names[kind]; }
const char *severity_name(enum severity severity) { return severity_names[severity]; }

static bool read_choice(struct reader *reader, const struct yaml *node, const char *what, const char *const names[],
			size_t count, size_t *ret_index, struct err *err) {
	const char *text;
	CLEANUP(buf_done) struct buf all = {0};
	if (!yaml_string(node, reader->where, what, &text, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], text)) {
			*ret_index = i;
			return true;
		}
		buf_addf(&all, "%s%s", i ? ", " : "", names[i]);
	}
	return yaml_fault(err, reader->where, node, "%s is one of %s, not \"%s\"", what, buf_str(&all), text);
}

static bool read_severity(struct reader *reader, const struct yaml *node, struct err *err) {
	size_t index;
	if (!read_choice(reader, node, "severity", severity_names, ARRAY_LEN(severity_names), &index, err))
		return false;
	reader->rule->severity = (enum severity)index;
	return true;
}

static bool read_kind(struct reader *reader, const struct yaml *node, struct err *err) {
	size_t index;
	if (!read_choice(reader, node, "kind", kind_names, ARRAY_LEN(kind_names), &index, err))
		return false;
	reader->rule->kind = (enum kind)index;
	return true;
}

static bool read_key(struct reader *reader, const struct yaml *node, struct err *err) {
	return yaml_bool(node, reader->where, "key", &reader->rule->key, err);
}

static bool read_replace(struct reader *reader, const struct yaml *node, struct err *err) {
	return yaml_bool(node, reader->where, "replace", &reader->rule->replaces, err);
}

static bool read_show(struct reader *reader, const struct yaml *node, struct err *err) {
	return yaml_bool(node, reader->where, "show", &reader->rule->show, err);
}

static bool read_duration(struct reader *reader, const struct yaml *node, const char *what, int64_t *ret_seconds,
			  struct err *err) {
	struct value_params params = params_of(reader);
	CLEANUP(json_decref_p) json_t *value = NULL;
	if (!value_read(node, VALUE_DURATION, &params, reader->where, what, &value, err))
		return false;
	*ret_seconds = json_integer_value(value);
	return true;
}

static bool read_every(struct reader *reader, const struct yaml *node, struct err *err) {
	struct rule *rule = reader->rule;
	if (!read_duration(reader, node, "every", &rule->every, err))
		return false;
	if (rule->every < 1)
		return yaml_fault(err, reader->where, node, "every has to be at least 1s");
	if (rule->every > POLICY_VALID_LONGEST / 3)
		return yaml_fault(err, reader->where, node, "every is at most 122d");
	rule->valid = 3 * rule->every < POLICY_VALID_SHORTEST ? POLICY_VALID_SHORTEST : 3 * rule->every;
	return true;
}

static bool read_valid(struct reader *reader, const struct yaml *node, struct err *err) {
	struct rule *rule = reader->rule;
	char every[24];
	if (!read_duration(reader, node, "valid", &rule->valid, err))
		return false;
	if (rule->valid < POLICY_VALID_SHORTEST)
		return yaml_fault(err, reader->where, node, "valid has to be at least 1h");
	if (rule->valid > POLICY_VALID_LONGEST)
		return yaml_fault(err, reader->where, node, "valid is at most 366d");
	if (rule->valid < rule->every)
		return yaml_fault(err, reader->where, node,
				  "valid is shorter than every (%s): the result would lapse before the next look",
				  times_format_duration(rule->every, every));
	return true;
}

static bool read_min_host_age(struct reader *reader, const struct yaml *node, struct err *err) {
	return read_duration(reader, node, "min_host_age", &reader->rule->min_host_age, err);
}

static bool read_needs_control(struct reader *reader, const struct yaml *node, struct err *err) {
	return policy_text_read(node, reader->where, "needs_control", POLICY_ID_LONGEST, &reader->rule->needs_control,
				err);
}

/* What a policy sets the parameter to, in place of its default. */
static bool set_param(struct reader *reader, const char *name, enum value_type type, struct err *err) {
	for (size_t i = 0; i < reader->reading->set_count; i++) {
		struct policy_set *set = &reader->reading->sets[i];
		json_t *value;
		if (set->is_left_out || strcmp(set->rule, reader->rule->id) != 0 || strcmp(set->param->text, name) != 0)
			continue;
		if (!value_read(set->value, type, NULL, set->path, name, &value, err))
			return false;
		json_object_set_new(reader->rule->params, name, value);
		json_object_set_new(json_object_get(reader->rule->param_docs, name), "set",
				    json_sprintf("%s:%u", set->path, set->value->line));
	}
	return true;
}

static bool read_param(struct reader *reader, const struct yaml *key, const struct yaml *node, struct err *err) {
	static const char *const known[] = {"type", "default", "doc", NULL};
	static const char what[] = "a parameter";
	const struct yaml *type_node, *value_node, *doc_node;
	const char *type_name;
	enum value_type type;
	json_t *value;
	CLEANUP(free_ptr) char *doc = NULL;
	if (!value_is_name(key->text))
		return yaml_fault(err, reader->where, key,
				  "a parameter's name is of small letters, digits and \"_\", not \"%s\"", key->text);
	if (!yaml_has_only(node, known, reader->where, what, err) ||
	    !yaml_need(node, "type", reader->where, what, &type_node, err) ||
	    !yaml_need(node, "default", reader->where, what, &value_node, err) ||
	    !yaml_need(node, "doc", reader->where, what, &doc_node, err) ||
	    !yaml_string(type_node, reader->where, "type", &type_name, err))
		return false;
	if (!value_type_from_name(type_name, &type))
		return yaml_fault(err, reader->where, type_node, "there is no type \"%s\"", type_name);
	if (!policy_text_read(doc_node, reader->where, "doc", POLICY_TEXT_LONGEST, &doc, err) ||
	    !value_read(value_node, type, NULL, reader->where, key->text, &value, err))
		return false;
	json_object_set_new(reader->rule->params, key->text, value);
	json_object_set_new(reader->rule->param_docs, key->text, json_pack("{s:s,s:s}", "type", type_name, "doc", doc));
	return set_param(reader, key->text, type, err);
}

static bool read_params(struct reader *reader, const struct yaml *node, struct err *err) {
	if (!yaml_is(node, YAML_MAPPING, reader->where, "params", err))
		return false;
	for (size_t i = 0; i < node->count; i++)
		if (!read_param(reader, node->keys[i], node->items[i], err))
			return false;
	return true;
}

static bool is_empty(const json_t *value) {
	return json_is_array(value) ? json_array_size(value) == 0 : !*json_string_value(value);
}

/* Parameters that only the organisation can set: without them nothing is looked at. */
static bool read_needs_params(struct reader *reader, const struct yaml *node, struct err *err) {
	struct rule *rule = reader->rule;
	if (!yaml_is(node, YAML_SEQUENCE, reader->where, "needs_params", err))
		return false;
	for (size_t i = 0; i < node->count; i++) {
		const char *name;
		if (!yaml_string(node->items[i], reader->where, "a parameter's name", &name, err))
			return false;
		const json_t *value = json_object_get(rule->params, name);
		if (!json_is_array(value) && !json_is_string(value))
			return yaml_fault(err, reader->where, node->items[i],
					  "the rule has no parameter \"%s\" of type string or strings", name);
		if (!rule->unset && is_empty(value))
			rule->unset = xstrdup(name);
	}
	return true;
}

/* `check` and `with` of the rule, of one of its views or of `when`. */
static bool read_view(struct reader *reader, const struct yaml *node, const char *name, struct view *view,
		      struct err *err) {
	const struct view_context context = {reader->where, reader->reading->checks, params_of(reader),
					     reader->rule->show};
	return policy_view_read(node, name, &context, view, err);
}

static bool read_named_view(struct reader *reader, const struct yaml *key, const struct yaml *node, struct view *view,
			    struct err *err) {
	static const char *const known[] = {"check", "with", NULL};
	if (!value_is_name(key->text))
		return yaml_fault(err, reader->where, key,
				  "a view's name is of small letters, digits and \"_\", not \"%s\"", key->text);
	if (!yaml_has_only(node, known, reader->where, "one of several checks", err) ||
	    !read_view(reader, node, key->text, view, err))
		return false;
	if (check_field_find(view->check, "view")) /* rows of several views say under this name which they are of */
		return yaml_fault(err, reader->where, node, "the check %s cannot be one of several", view->check->name);
	return true;
}

static bool read_checks(struct reader *reader, const struct yaml *node, struct err *err) {
	struct rule *rule = reader->rule;
	if (!yaml_is(node, YAML_MAPPING, reader->where, "checks", err))
		return false;
	if (node->count == 0 || node->count > POLICY_VIEWS_MOST)
		return yaml_fault(err, reader->where, node, "checks has to hold 1 to %d", POLICY_VIEWS_MOST);
	if (yaml_get(reader->node, "check") || yaml_get(reader->node, "with"))
		return yaml_fault(err, reader->where, node, "a rule has either \"check\" and \"with\", or \"checks\"");
	rule->views = xcalloc(node->count, sizeof *rule->views);
	for (size_t i = 0; i < node->count; i++)
		if (!read_named_view(reader, node->keys[i], node->items[i], &rule->views[rule->view_count++], err))
			return false;
	return true;
}

static bool read_check(struct reader *reader, const struct yaml *node, struct err *err) {
	struct rule *rule = reader->rule;
	rule->views = xcalloc(1, sizeof *rule->views);
	rule->view_count = 1;
	return read_view(reader, reader->node, "", rule->views, err);
}

static bool compile(struct reader *reader, const struct yaml *node, const struct view *views, size_t count,
		    struct expect **ret_expect, struct err *err) {
	struct expect_scope scopes[POLICY_VIEWS_MOST];
	for (size_t i = 0; i < count; i++)
		scopes[i] = (struct expect_scope){.name = views[i].name, .check = views[i].check};
	struct match_context context = {.scopes = scopes,
					.scope_count = count,
					.params = params_of(reader),
					.where = reader->where,
					.show = reader->rule->show};
	return expect_compile(node, &context, ret_expect, err);
}

static bool read_expect(struct reader *reader, const struct yaml *node, struct err *err) {
	struct rule *rule = reader->rule;
	if (rule->view_count == 0)
		return yaml_fault(err, reader->where, reader->node, "a rule needs a field \"check\" or \"checks\"");
	return compile(reader, node, rule->views, rule->view_count, &rule->expect, err);
}

static bool read_when(struct reader *reader, const struct yaml *node, struct err *err) {
	static const char *const known[] = {"check", "with", "expect", NULL};
	struct rule *rule = reader->rule;
	const struct yaml *expect;
	if (!yaml_has_only(node, known, reader->where, "when", err) ||
	    !yaml_need(node, "expect", reader->where, "when", &expect, err))
		return false;
	rule->when = xcalloc(1, sizeof *rule->when);
	return read_view(reader, node, "", rule->when, err) &&
	       compile(reader, expect, rule->when, 1, &rule->when_expect, err);
}

/* Read in this order, whatever the file's: parameters before what may use them, checks before what is expected. */
static const struct {
	const char *name;
	bool required;
	read_fn *read; /* NULL: read with another */
} fields[] = {
	{"id", true, read_id},
	{"title", true, read_title},
	{"controls", true, read_controls},
	{"severity", true, read_severity},
	{"kind", true, read_kind},
	{"key", false, read_key},
	{"replace", false, read_replace},
	{"show", false, read_show},
	{"params", false, read_params},
	{"needs_params", false, read_needs_params},
	{"every", true, read_every},
	{"valid", false, read_valid},
	{"min_host_age", false, read_min_host_age},
	{"needs_control", false, read_needs_control},
	{"when", false, read_when},
	{"checks", false, read_checks},
	{"check", false, read_check},
	{"with", false, NULL},
	{"expect", true, read_expect},
	{"why", true, read_why},
	{"fix", true, read_fix},
};

static bool has_known_fields(const struct yaml *node, const char *where, struct err *err) {
	const char *known[ARRAY_LEN(fields) + 1] = {NULL};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		known[i] = fields[i].name;
	return yaml_has_only(node, known, where, "a rule", err);
}

static bool read_fields(struct reader *reader, struct err *err) {
	const struct yaml *field;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (fields[i].required &&
		    !yaml_need(reader->node, fields[i].name, reader->where, "a rule", &field, err))
			return false;
		field = yaml_get(reader->node, fields[i].name);
		if (field && fields[i].read && !fields[i].read(reader, field, err))
			return false;
	}
	return true;
}

bool policy_rule_read(const struct yaml *node, const struct policy *policy, const char *path,
		      const struct policy_reading *reading, struct rule **ret_rule, struct err *err) {
	CLEANUP(policy_rule_free_p) struct rule *rule = xcalloc(1, sizeof *rule);
	struct reader reader = {.where = path, .reading = reading, .node = node, .rule = rule};
	rule->policy = policy;
	rule->path = xstrdup(path);
	rule->line = node->line;
	rule->column = node->column;
	rule->params = json_object();
	rule->param_docs = json_object();
	if (!has_known_fields(node, path, err) || !read_fields(&reader, err))
		return false;
	*ret_rule = rule;
	rule = NULL;
	return true;
}

void policy_rule_free(struct rule *rule) {
	if (!rule)
		return;
	for (size_t i = 0; i < rule->control_count; i++)
		free(rule->controls[i]);
	for (size_t i = 0; i < rule->view_count; i++)
		policy_view_done(&rule->views[i]);
	if (rule->when)
		policy_view_done(rule->when);
	expect_free(rule->expect);
	expect_free(rule->when_expect);
	policy_rule_free(rule->below);
	free(rule->disabled);
	free(rule->disabled_at);
	free(rule->id);
	free(rule->path);
	free(rule->unset);
	free(rule->title);
	free(rule->why);
	free(rule->fix);
	free(rule->controls);
	free(rule->needs_control);
	json_decref(rule->params);
	json_decref(rule->param_docs);
	free(rule->views);
	free(rule->when);
	free(rule);
}

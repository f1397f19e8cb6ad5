#include "cli/reference.h"

#include "cli/say.h"
#include "core/times.h"

struct names *reference_sources(const struct view *view) {
	struct names *patterns = names_new();
	if (view->check->paths)
		view->check->paths(view->params, patterns);
	for (size_t i = 0; !view->check->paths && view->check->patterns[i]; i++)
		names_add(patterns, view->check->patterns[i]);
	return patterns;
}

char *reference_value(const json_t *doc, const json_t *value) {
	const char *type = json_string_value(json_object_get(doc, "type"));
	char duration[24];
	if (type && !strcmp(type, value_type_name(VALUE_DURATION)) && json_is_integer(value))
		return xstrdup(times_format_duration(json_integer_value(value), duration));
	return json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS);
}

/* A table's cell: "|" would end it. */
static void cell(const char *text) {
	printf(" ");
	for (; *text; text++)
		printf(*text == '|' ? "\\|" : "%c", *text);
	printf(" |");
}

static void traits_cell(const struct check_field *field) {
	const char *const traits[] = {field->unit,
				      field->privacy == PRIVACY_PERSONAL ? "personal"
				      : field->privacy == PRIVACY_SECRET ? "secret"
									 : NULL,
				      field->is_volatile ? "volatile" : NULL};
	CLEANUP(buf_done) struct buf text = {0};
	for (size_t i = 0; i < ARRAY_LEN(traits); i++)
		if (traits[i])
			buf_addf(&text, "%s%s", text.len ? ", " : "", traits[i]);
	cell(text.len ? text.data : "");
}

static void check_section(const struct check *check) {
	printf("\n## %s\n\n%s\n", check->name, check->about);
	if (check->params && check->params->name)
		printf("\n| parameter | type | |\n| --- | --- | --- |\n");
	for (const struct check_param *param = check->params; param && param->name; param++) {
		CLEANUP(free_ptr) char *about = xasprintf("%s%s", param->required ? "required; " : "", param->about);
		printf("| `%s` | %s |", param->name, value_type_name(param->type));
		cell(about);
		printf("\n");
	}
	printf("\n| field | type | | |\n| --- | --- | --- | --- |\n");
	for (const struct check_field *field = check->fields; field->name; field++) {
		printf("| `%s` | %s |", field->name, value_type_name(field->type));
		cell(field->about);
		traits_cell(field);
		printf("\n");
	}
	printf("\nSources:");
	for (const char *const *pattern = check->patterns; *pattern; pattern++)
		printf(" `%s`", *pattern);
	printf("\n");
}

void reference_checks(void) {
	printf("# Checks\n\nWhat a rule can look through: parameters go under `with`, fields into `expect` "
	       "([POLICY.md](POLICY.md)). A volatile\nfield moves by itself; it is judged, but is no change of state. "
	       "A personal one names people. This page is the output of\n`vouch checks --markdown`.\n");
	for (const struct check *const *check = checks_all; *check; check++)
		check_section(*check);
}

static void view_lines(const struct view *view, const char *role) {
	CLEANUP(names_free_p) struct names *names = reference_sources(view);
	CLEANUP(free_ptr) char *params = json_dumps(view->params, JSON_SORT_KEYS);
	printf("- %s%s%s[`%s`](CHECKS.md#%s)", role, view->name, *view->name ? ": " : "", view->check->name,
	       view->check->name);
	if (json_object_size(view->params) && strlen(params) <= 300)
		printf(" with `%s`", params);
	printf(", reads");
	for (size_t i = 0; i < names_count(names) && i < 8; i++)
		printf(" `%s`", names_at(names, i));
	printf("%s\n", names_count(names) > 8 ? " ..." : "");
}

static void param_lines(const struct rule *rule) {
	const char *name;
	json_t *value;
	if (!json_object_size(rule->params))
		return;
	printf("\n| parameter | default | |\n| --- | --- | --- |\n");
	json_object_foreach(rule->params, name, value) {
		const json_t *doc = json_object_get(rule->param_docs, name);
		CLEANUP(free_ptr) char *text = reference_value(doc, value);
		CLEANUP(free_ptr) char *quoted = xasprintf("`%s`", text);
		printf("| `%s` |", name);
		cell(strlen(text) <= 200 ? quoted : "see the policy");
		cell(json_string_value(json_object_get(doc, "doc")));
		printf("\n");
	}
}

static void rule_section(const struct rule *rule) {
	char every[24], valid[24];
	CLEANUP(buf_done) struct buf expected = {0};
	printf("\n### %s\n\n%s. %s%s, %s, every %s, stands for %s;", rule->id, rule->title, rule->key ? "Key, " : "",
	       severity_name(rule->severity), kind_name(rule->kind), times_format_duration(rule->every, every),
	       times_format_duration(rule->valid, valid));
	for (size_t i = 0; i < rule->control_count; i++)
		printf(" %s", rule->controls[i]);
	printf(".\n\n%s\n\nTo mend: %s\n\n", rule->why, rule->fix);
	if (rule->when)
		view_lines(rule->when, "only when ");
	for (size_t i = 0; i < rule->view_count; i++)
		view_lines(&rule->views[i], "");
	expect_describe(rule->expect, &expected);
	printf("- expects %s\n", expected.data ? expected.data : "");
	if (rule->needs_control)
		printf("- needs %s to pass in the same round\n", rule->needs_control);
	if (rule->unset)
		printf("- notchecked until `%s` is set\n", rule->unset);
	param_lines(rule);
}

void reference_rules(const struct stack *stack) {
	printf("# Rules\n\nThe rules of the shipped baseline, each under its first control. A value is changed by "
	       "`set` "
	       "in a policy of one's own\n([POLICY.md](POLICY.md)). This page is the output of `vouch explain "
	       "--markdown`.\n");
	for (size_t c = 0; c < stack->catalogue->control_count; c++) {
		const struct control *control = &stack->catalogue->controls[c];
		bool has_heading = false;
		for (size_t i = 0; i < stack->policies->rule_count; i++) {
			const struct rule *rule = stack->policies->rules[i];
			if (strcmp(rule->controls[0], control->id) != 0)
				continue;
			if (!has_heading)
				printf("\n## %s %s\n", control->id, control->title);
			has_heading = true;
			rule_section(rule);
		}
	}
}

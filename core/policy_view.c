#include "core/policy_view.h"

static bool is_show(const struct check_param *param) {
	return !strcmp(param->name, "show") && param->type == VALUE_BOOL;
}

static bool read_with(const struct yaml *with, const struct view_context *context, struct view *view, struct err *err) {
	if (!yaml_is(with, YAML_MAPPING, context->where, "with", err))
		return false;
	for (size_t i = 0; i < with->count; i++) {
		const char *name = with->keys[i]->text;
		const struct check_param *param = check_param_find(view->check, name);
		json_t *value;
		if (!param)
			return yaml_fault(err, context->where, with->keys[i], "the check %s has no parameter \"%s\"",
					  view->check->name, name);
		if (is_show(param))
			return yaml_fault(err, context->where, with->keys[i], "show is a field of the rule");
		if (!value_read(with->items[i], param->type, &context->params, context->where, name, &value, err))
			return false;
		json_object_set_new(view->params, name, value);
	}
	return true;
}

/* node: where to complain. */
static bool has_required(const struct yaml *node, const char *where, const struct view *view, struct err *err) {
	for (const struct check_param *param = view->check->params; param->name; param++)
		if (param->required && !is_show(param) && !json_object_get(view->params, param->name))
			return yaml_fault(err, where, node, "the check %s needs the parameter \"%s\"",
					  view->check->name, param->name);
	return true;
}

bool policy_view_read(const struct yaml *node, const char *name, const struct view_context *context, struct view *view,
		      struct err *err) {
	const struct yaml *check, *with = yaml_get(node, "with");
	const char *check_name;
	if (!yaml_need(node, "check", context->where, "this", &check, err) ||
	    !yaml_string(check, context->where, "check", &check_name, err))
		return false;
	view->check = check_find(context->checks, check_name);
	if (!view->check)
		return yaml_fault(err, context->where, check, "there is no check \"%s\"", check_name);
	view->name = xstrdup(name);
	view->params = json_object();
	const struct check_param *show = check_param_find(view->check, "show");
	if (show && is_show(show))
		json_object_set_new(view->params, "show", json_boolean(context->show));
	return (!with || read_with(with, context, view, err)) &&
	       has_required(with ? with : check, context->where, view, err);
}

void policy_view_done(struct view *view) {
	free(view->name);
	json_decref(view->params);
	*view = (struct view){0};
}

#include "agent/settings.h"

#include "agent/spool.h"
#include "core/expect.h"
#include "core/file.h"

#define ENVIRONMENT_LONGEST 64

struct key {
	const char *name, *default_text, *about;
	bool (*set)(const struct yaml *value, const char *where, struct settings *settings, struct err *err);
};

static bool wrong(const struct yaml *value, const char *where, const char *why, struct err *err) {
	return err_set_at(err, ERR_SYNTAX, where, value->line, value->column, "%s", why);
}

static bool set_environment(const struct yaml *value, const char *where, struct settings *settings, struct err *err) {
	if (value->kind != YAML_SCALAR || strlen(value->text) > ENVIRONMENT_LONGEST)
		return wrong(value, where, "environment is a word of at most 64 characters", err);
	free(settings->environment);
	settings->environment = xstrdup(value->text);
	return true;
}

static bool set_policies(const struct yaml *value, const char *where, struct settings *settings, struct err *err) {
	if (value->kind != YAML_SEQUENCE || value->count > SETTINGS_POLICIES_MOST)
		return wrong(value, where, "policies is a list of at most 64 files", err);
	settings->policies = xcalloc(value->count + 1, sizeof *settings->policies);
	for (size_t i = 0; i < value->count; i++) {
		if (value->items[i]->kind != YAML_SCALAR || value->items[i]->text[0] != '/')
			return wrong(value->items[i], where, "a policy is given by its absolute path", err);
		settings->policies[settings->policy_count++] = xstrdup(value->items[i]->text);
	}
	return true;
}

static bool set_spool_limit(const struct yaml *value, const char *where, struct settings *settings, struct err *err) {
	CLEANUP(json_decref_p) json_t *number = NULL;
	if (!value_from_yaml(value, VALUE_SIZE, where, &number, err))
		return false;
	if (json_integer_value(number) < SPOOL_LIMIT_LEAST)
		return wrong(value, where, "spool_limit is at least 1M", err);
	settings->spool_limit = json_integer_value(number);
	return true;
}

static const struct key keys[] = {
	{"environment", "", "the tag that every statement carries, such as prod or test", set_environment},
	{"policies", "the shipped baseline", "the policy files to judge by, as a list of absolute paths", set_policies},
	{"spool_limit", "256M", "the most that the spool may hold; at least 1M", set_spool_limit},
};

bool settings_key(size_t index, const char **ret_name, const char **ret_default, const char **ret_about) {
	if (index >= ARRAY_LEN(keys))
		return false;
	*ret_name = keys[index].name;
	*ret_default = keys[index].default_text;
	*ret_about = keys[index].about;
	return true;
}

static bool set_key(const struct yaml *name, const struct yaml *value, const char *where, struct settings *settings,
		    struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!strcmp(keys[i].name, name->text))
			return keys[i].set(value, where, settings, err);
	return err_set_at(err, ERR_SYNTAX, where, name->line, name->column, "there is no key \"%s\"", name->text);
}

static struct settings *defaults(void) {
	struct settings *settings = xcalloc(1, sizeof *settings);
	settings->environment = xstrdup("");
	settings->spool_limit = SPOOL_LIMIT_DEFAULT;
	return settings;
}

bool settings_read(const char *data, size_t len, const char *where, struct settings **ret_settings, struct err *err) {
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	CLEANUP(settings_free_p) struct settings *settings = defaults();
	if (!yaml_read(data, len, where, &root, err))
		return false;
	if (root->kind != YAML_MAPPING)
		return wrong(root, where, "the configuration is a mapping of keys", err);
	for (size_t i = 0; i < root->count; i++)
		if (!set_key(root->keys[i], root->items[i], where, settings, err))
			return false;
	*ret_settings = settings;
	settings = NULL;
	return true;
}

bool settings_load(const char *path, bool required, struct settings **ret_settings, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	struct err why;
	if (file_read(path, SETTINGS_LARGEST, &bytes, &why))
		return settings_read(bytes.data, bytes.len, path, ret_settings, err);
	if (why.code == ERR_ABSENT && !required) {
		*ret_settings = defaults();
		return true;
	}
	*err = why;
	return false;
}

void settings_free(struct settings *settings) {
	if (!settings)
		return;
	for (size_t i = 0; i < settings->policy_count; i++)
		free(settings->policies[i]);
	free(settings->policies);
	free(settings->environment);
	free(settings);
}

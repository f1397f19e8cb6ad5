#include "agent/settings.h"

#include <stddef.h>

#include "agent/spool.h"
#include "core/expect.h"
#include "core/file.h"
#include "core/near.h"

#define AT(member) offsetof(struct settings, member)

static const struct setting keys[] = {
	{.name = "environment",
	 .type = SETTING_WORD,
	 .at = AT(environment),
	 .otherwise = "\"\"",
	 .meaning = "empty",
	 .about = "the tag that every statement carries, such as prod or test",
	 .more = "Policies select hosts by it, too. At most 64 characters."},
	{.name = "groups",
	 .type = SETTING_WORDS,
	 .at = AT(groups),
	 .count_at = AT(group_count),
	 .most = SETTINGS_GROUPS_MOST,
	 .otherwise = "[]",
	 .meaning = "none",
	 .about = "the groups that this host belongs to, as a list of words",
	 .more = "Policies and waivers select hosts by them, such as [web, dmz]."},
	{.name = "policies",
	 .type = SETTING_PATHS,
	 .at = AT(policies),
	 .count_at = AT(policy_count),
	 .most = SETTINGS_POLICIES_MOST,
	 .otherwise = "[]",
	 .meaning = "the shipped baseline",
	 .about = "the policies to judge by, as a list of absolute paths",
	 .more = "A path is a file or a policy folder. The list takes the place of the shipped baseline: name that too "
		 "where it is to stay. What is in policy_folder comes on top."},
	{.name = "policy_folder",
	 .type = SETTING_PATH,
	 .at = AT(policy_folder),
	 .otherwise = VOUCH_SYSCONFDIR "/policy.d",
	 .about = "the folder whose policies come on top of those, in the order of their names",
	 .more = "Each file *.yaml and each policy folder in it is one, such as 10-organisation.yaml and 90-host.yaml. "
		 "It need not exist."},
	{.name = "approvers",
	 .type = SETTING_PATH,
	 .at = AT(approvers),
	 .otherwise = VOUCH_SYSCONFDIR "/approvers",
	 .about = "the folder with the public keys of who may approve policies and waivers",
	 .more = "NAME.pem is the key of the approver NAME. It need not exist."},
	{.name = "require_approval",
	 .type = SETTING_BOOL,
	 .at = AT(require_approval),
	 .otherwise = "false",
	 .about = "whether a policy that nobody has approved is refused",
	 .more = "true: vouchd does not start by such a policy, and a reload keeps the policies that it has."},
	{.name = "spool_limit",
	 .type = SETTING_SIZE,
	 .at = AT(spool_limit),
	 .least = SPOOL_LIMIT_LEAST,
	 .otherwise = "256M",
	 .about = "the most that the spool may hold; at least 1M",
	 .more = "At the limit one statement says so, and rounds are not kept until there is room. What the collector "
		 "refused for good and is set aside counts."},
	{.name = "textfile",
	 .type = SETTING_PATH,
	 .at = AT(textfile),
	 .may_be_empty = true,
	 .otherwise = "\"\"",
	 .meaning = "none",
	 .about = "the file for the textfile collector of Prometheus' node_exporter",
	 .more = "It is written whole after each round, and has to end in .prom for node_exporter to read it. The unit "
		 "may write to /run/vouchd; for another folder it needs ReadWritePaths= in a drop-in."},
	{.name = "history_limit",
	 .type = SETTING_SIZE,
	 .at = AT(history_limit),
	 .least = SETTINGS_HISTORY_LEAST,
	 .otherwise = "16M",
	 .about = "the most that the local history of verdicts may hold; at least 64K",
	 .more = "What vouch history shows. The oldest part goes first; the evidence at the collector does not depend "
		 "on it."},
};

const struct setting *settings_key(size_t index) { return index < ARRAY_LEN(keys) ? &keys[index] : NULL; }

static bool has_controls(const char *text) {
	for (const char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return true;
	return false;
}

/* A member of a list may not be empty. */
static bool read_word(const struct yaml *value, const char *name, bool may_be_empty, const char *where, char **ret_text,
		      struct err *err) {
	if (value->kind != YAML_SCALAR || has_controls(value->text) || strlen(value->text) > SETTINGS_WORD_LONGEST ||
	    (!*value->text && !may_be_empty))
		return yaml_fault(err, where, value, "%s: a word of at most %d characters is due", name,
				  SETTINGS_WORD_LONGEST);
	*ret_text = xstrdup(value->text);
	return true;
}

static bool read_path(const struct yaml *value, const char *name, bool may_be_empty, const char *where, char **ret_text,
		      struct err *err) {
	bool is_empty = value->kind == YAML_SCALAR && !*value->text;
	if (!(is_empty && may_be_empty) && (value->kind != YAML_SCALAR || value->text[0] != '/' ||
					    has_controls(value->text) || strlen(value->text) > SETTINGS_PATH_LONGEST))
		return yaml_fault(err, where, value, "%s: an absolute path is due, such as /etc/vouch/%s", name, name);
	*ret_text = xstrdup(value->text);
	return true;
}

static void free_list(char ***list, size_t *count) {
	for (size_t i = 0; i < *count; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
	*count = 0;
}

static bool read_list(const struct setting *key, const struct yaml *value, const char *where, char ***list,
		      size_t *count, struct err *err) {
	if (value->kind != YAML_SEQUENCE || value->count > key->most)
		return yaml_fault(err, where, value, "%s: a list of at most %zu is due, such as [a, b]", key->name,
				  key->most);
	free_list(list, count);
	*list = xcalloc(value->count + 1, sizeof **list);
	for (size_t i = 0; i < value->count; i++) {
		char **into = &(*list)[i];
		if (!(key->type == SETTING_PATHS ? read_path(value->items[i], key->name, false, where, into, err)
						 : read_word(value->items[i], key->name, false, where, into, err)))
			return false;
		*count = i + 1;
	}
	return true;
}

static bool read_text(const struct setting *key, const struct yaml *value, const char *where, char **into,
		      struct err *err) {
	char *text;
	if (!(key->type == SETTING_PATH ? read_path(value, key->name, key->may_be_empty, where, &text, err)
					: read_word(value, key->name, true, where, &text, err)))
		return false;
	free(*into);
	*into = text;
	return true;
}

static bool read_size(const struct setting *key, const struct yaml *value, const char *where, int64_t *ret_size,
		      struct err *err) {
	CLEANUP(json_decref_p) json_t *number = NULL;
	if (!value_from_yaml(value, VALUE_SIZE, where, &number, err))
		return false;
	if (json_integer_value(number) < key->least)
		return yaml_fault(err, where, value, "%s: at least %lldK is due", key->name,
				  (long long)(key->least >> 10));
	*ret_size = json_integer_value(number);
	return true;
}

static bool set(const struct setting *key, const struct yaml *value, const char *where, struct settings *settings,
		struct err *err) {
	void *at = (char *)settings + key->at;
	switch (key->type) {
	case SETTING_WORD:
	case SETTING_PATH:
		return read_text(key, value, where, at, err);
	case SETTING_WORDS:
	case SETTING_PATHS:
		return read_list(key, value, where, at, (size_t *)(void *)((char *)settings + key->count_at), err);
	case SETTING_BOOL:
		return yaml_bool(value, where, key->name, at, err);
	case SETTING_SIZE:
		return read_size(key, value, where, at, err);
	}
	return false;
}

static bool unknown(const struct yaml *name, const char *where, struct err *err) {
	struct near near = near_to(name->text);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		near_offer(&near, keys[i].name);
	if (near_best(&near))
		return yaml_fault(err, where, name, "there is no key \"%s\": %s?", name->text, near_best(&near));
	return yaml_fault(err, where, name, "there is no key \"%s\" (vouchd --help has those that there are)",
			  name->text);
}

static bool set_key(const struct yaml *name, const struct yaml *value, const char *where, struct settings *settings,
		    struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!strcmp(keys[i].name, name->text))
			return set(&keys[i], value, where, settings, err);
	return unknown(name, where, err);
}

/* The defaults are read like what an administrator writes: the table has them once. */
static bool set_default(const struct setting *key, struct settings *settings, struct err *err) {
	CLEANUP(yaml_tree_free_p) struct yaml *value = NULL;
	return yaml_read(key->otherwise, strlen(key->otherwise), key->name, &value, err) &&
	       set(key, value, key->name, settings, err);
}

static bool defaults(struct settings **ret_settings, struct err *err) {
	CLEANUP(settings_free_p) struct settings *settings = xcalloc(1, sizeof *settings);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!set_default(&keys[i], settings, err))
			return false;
	*ret_settings = settings;
	settings = NULL;
	return true;
}

/* A file of which nothing but comments is left, as the example is, says nothing. */
static bool is_empty(const char *data, size_t len) {
	bool in_comment = false;
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			in_comment = false;
		else if (data[i] == '#')
			in_comment = true;
		else if (!in_comment && data[i] != ' ' && data[i] != '\t' && data[i] != '\r')
			return false;
	}
	return true;
}

bool settings_read(const char *data, size_t len, const char *where, struct settings **ret_settings, struct err *err) {
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	if (!defaults(&settings, err) || (!is_empty(data, len) && !yaml_read(data, len, where, &root, err)))
		return false;
	if (root && root->kind != YAML_MAPPING)
		return yaml_fault(err, where, root, "the configuration is a mapping: key: value");
	for (size_t i = 0; root && i < root->count; i++)
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
	if (why.code == ERR_ABSENT && !required)
		return defaults(ret_settings, err);
	*err = why;
	return false;
}

void settings_free(struct settings *settings) {
	if (!settings)
		return;
	free_list(&settings->groups, &settings->group_count);
	free_list(&settings->policies, &settings->policy_count);
	free(settings->environment);
	free(settings->policy_folder);
	free(settings->approvers);
	free(settings->textfile);
	free(settings);
}

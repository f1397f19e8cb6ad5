#include "core/sudoers_defaults.h"

#include "core/sudo_command.h"
#include "core/text.h"

static const json_t *option(const json_t *defaults, const char *name) {
	size_t i;
	const json_t *one, *found = NULL;
	json_array_foreach(json_object_get(defaults, "Options"), i, one) {
		const json_t *value = json_object_get(one, name);
		found = value ? value : found;
	}
	return found;
}

/* The last value of those Defaults that are for everything. */
static const json_t *global(const struct sudoers *sudoers, const char *name) {
	size_t i;
	const json_t *defaults, *found = NULL;
	json_array_foreach(json_object_get(sudoers->file, "Defaults"), i, defaults) {
		const json_t *value = json_object_get(defaults, "Binding") ? NULL : option(defaults, name);
		found = value ? value : found;
	}
	return found;
}

const char *sudoers_runas_default(const struct sudoers *sudoers) {
	const char *user = json_string_value(global(sudoers, "runas_default"));
	return user ? user : "root";
}

static const char *text_of(const json_t *object, const char *member) {
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "";
}

static bool meets_command(const char *command, const json_t *grant) {
	size_t i;
	const json_t *other;
	json_array_foreach(json_object_get(grant, "commands"), i, other) {
		const char *text = json_string_value(other);
		if (text[0] != '!' && sudo_commands_meet(command, text))
			return true;
	}
	return false;
}

/* Users that the rule stands for, itself as it is written, and whom it runs as: anything alike meets. */
static bool meets_user(const struct sudoers *sudoers, const json_t *item, const json_t *grant) {
	const char *text = text_of(item, "text"), *type = text_of(grant, "type");
	size_t i;
	const json_t *user;
	if (!strcmp(type, "everybody") || !strcmp(type, "other") || !strcmp(text, text_of(grant, "who")))
		return true;
	json_array_foreach(json_object_get(grant, "users"), i, user) {
		const char *name = json_string_value(user);
		if (sudoers_names_user(sudoers, item, name, sudoers_account(sudoers, name)) != SUDOERS_NO)
			return true;
	}
	const char *as = text_of(grant, "as");
	return strstr(as, "ALL") || strstr(as, text) || strchr(as, '%') || strchr(as, '+');
}

/* Whether Defaults that are bound to something may hold for this grant. */
static bool may_hold(const struct sudoers *sudoers, const json_t *bindings, const json_t *grant) {
	size_t i;
	const json_t *item;
	json_array_foreach(bindings, i, item) {
		const char *command = json_string_value(json_object_get(item, "command"));
		if (json_object_get(item, "hostname") || json_object_get(item, "networkaddr"))
			return sudoers_takes_host(sudoers, bindings) != SUDOERS_NO;
		if (!json_is_true(json_object_get(item, "negated")) &&
		    (command ? meets_command(command, grant) : meets_user(sudoers, item, grant)))
			return true;
		/* Everybody but somebody. */
		if (json_is_true(json_object_get(item, "negated")))
			return true;
	}
	return false;
}

/* The aliases of all four kinds have names of their own. */
static bool resolved(const struct sudoers *sudoers, const json_t *bindings, json_t **ret_items) {
	static const enum sudoers_list all[] = {SUDOERS_USERS, SUDOERS_RUNAS, SUDOERS_HOSTS, SUDOERS_COMMANDS};
	CLEANUP(json_decref_p) json_t *items = json_incref((json_t *)(uintptr_t)bindings);
	struct err ignored;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		json_t *next = NULL;
		if (!sudoers_resolve(sudoers, all[i], items, &next, &ignored))
			return false;
		json_decref(items);
		items = next;
	}
	*ret_items = json_incref(items);
	return true;
}

static bool is_bound_off(const struct sudoers *sudoers, const json_t *defaults, const json_t *grant) {
	const json_t *bindings = json_object_get(defaults, "Binding");
	CLEANUP(json_decref_p) json_t *items = NULL;
	if (!bindings || !json_is_false(option(defaults, "authenticate")))
		return false;
	return !resolved(sudoers, bindings, &items) || may_hold(sudoers, items, grant);
}

static bool is_exempt(const struct sudoers *sudoers, const json_t *grant) {
	const char *group = json_string_value(global(sudoers, "exempt_group"));
	if (!group)
		return false;
	CLEANUP(json_decref_p)
	json_t *item = json_pack("{s:s, s:o}", "usergroup", group, "text", json_sprintf("%%%s", group));
	const char *type = text_of(grant, "type");
	size_t i;
	const json_t *user;
	if (strcmp(type, "user") != 0 && strcmp(type, "group") != 0)
		return true;
	if (!strcmp(text_of(item, "text"), text_of(grant, "who")))
		return true;
	json_array_foreach(json_object_get(grant, "users"), i, user) {
		const char *name = json_string_value(user);
		if (sudoers_names_user(sudoers, item, name, sudoers_account(sudoers, name)) != SUDOERS_NO)
			return true;
	}
	return false;
}

const char *sudoers_exempt_by(const struct sudoers *sudoers, const json_t *grant, bool is_tagged) {
	size_t i;
	const json_t *defaults;
	bool is_off = !is_tagged && json_is_false(global(sudoers, "authenticate"));
	json_array_foreach(json_object_get(sudoers->file, "Defaults"), i, defaults) {
		is_off |= !is_tagged && is_bound_off(sudoers, defaults, grant);
	}
	return is_off ? "defaults" : is_exempt(sudoers, grant) ? "exempt_group" : NULL;
}

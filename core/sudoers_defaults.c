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

/* Whether the member names the grant's user, or one of its users. */
static bool meets_user(const struct sudoers *sudoers, const json_t *item, const json_t *grant) {
	const char *type = text_of(grant, "type");
	size_t i;
	const json_t *user;
	if (!strcmp(type, "everybody") || !strcmp(type, "other") ||
	    !strcmp(text_of(item, "text"), text_of(grant, "who")))
		return true;
	json_array_foreach(json_object_get(grant, "users"), i, user) {
		const char *name = json_string_value(user);
		if (sudoers_names_user(sudoers, item, name, sudoers_account(sudoers, name)) != SUDOERS_NO)
			return true;
	}
	return false;
}

/* Whether it may name whom the grant runs as. */
static bool meets_runas(const json_t *item, const json_t *grant) {
	const char *as = text_of(grant, "as");
	return strstr(as, "ALL") || strstr(as, text_of(item, "text")) || strchr(as, '%') || strchr(as, '+');
}

/* A name that is some grant's user is taken for that, and so is found there; root, and a name that is nobody's user
 * here, may be the one to run as. */
static bool is_runas(const struct sudoers *sudoers, const json_t *item, const json_t *grants) {
	size_t i;
	const json_t *grant;
	if (sudoers_names_user(sudoers, item, "root", sudoers_account(sudoers, "root")) == SUDOERS_YES)
		return true;
	json_array_foreach(grants, i, grant) {
		const char *type = text_of(grant, "type");
		if ((!strcmp(type, "user") || !strcmp(type, "group")) && meets_user(sudoers, item, grant))
			return false;
	}
	return true;
}

/* Whether Defaults that are bound to something may hold for this grant. */
static bool may_hold(const struct sudoers *sudoers, const json_t *bindings, const json_t *grant) {
	size_t i;
	const json_t *item;
	json_array_foreach(bindings, i, item) {
		const char *command = json_string_value(json_object_get(item, "command"));
		if (json_object_get(item, "hostname") || json_object_get(item, "networkaddr"))
			return sudoers_takes_host(sudoers, bindings) != SUDOERS_NO;
		if (command && meets_command(command, grant))
			return true;
		if (!command && (meets_user(sudoers, item, grant) ||
				 (json_is_true(json_object_get(item, "runas")) && meets_runas(item, grant))))
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

/* Each list of members that some Defaults take the password away from, "runas" said of each. NULL: one cannot be
 * resolved, and may be anybody. */
static json_t *bound_off(const struct sudoers *sudoers, const json_t *grants) {
	CLEANUP(json_decref_p) json_t *all = json_array();
	size_t i, k;
	const json_t *defaults;
	json_t *item;
	json_array_foreach(json_object_get(sudoers->file, "Defaults"), i, defaults) {
		const json_t *bindings = json_object_get(defaults, "Binding");
		json_t *items = NULL;
		if (!bindings || !json_is_false(option(defaults, "authenticate")))
			continue;
		if (!resolved(sudoers, bindings, &items))
			return NULL;
		json_array_append_new(all, items);
		json_array_foreach(items, k, item)
			json_object_set_new(item, "runas", json_boolean(is_runas(sudoers, item, grants)));
	}
	return json_incref(all);
}

static bool is_bound_off(const struct sudoers *sudoers, const json_t *bound, const json_t *grant) {
	size_t i;
	const json_t *items;
	if (!bound)
		return true;
	json_array_foreach(bound, i, items) {
		if (may_hold(sudoers, items, grant))
			return true;
	}
	return false;
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

void sudoers_exempt(const struct sudoers *sudoers, json_t *grants) {
	CLEANUP(json_decref_p) json_t *bound = bound_off(sudoers, grants);
	bool is_off = json_is_false(global(sudoers, "authenticate"));
	size_t i;
	json_t *grant;
	json_array_foreach(grants, i, grant) {
		bool is_tagged = json_is_true(json_object_get(grant, "tagged"));
		const char *by = !is_tagged && (is_off || is_bound_off(sudoers, bound, grant)) ? "defaults"
				 : is_exempt(sudoers, grant)                                   ? "exempt_group"
											       : NULL;
		json_object_del(grant, "tagged");
		if (!by || json_is_true(json_object_get(grant, "nopasswd")))
			continue;
		json_object_set_new(grant, "nopasswd", json_true());
		json_object_set_new(grant, "nopasswd_by", json_string(by));
	}
}

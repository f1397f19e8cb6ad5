#include "core/sudoers.h"

#include "core/row.h"
#include "core/sudo_command.h"
#include "core/sudoers_defaults.h"
#include "core/text.h"

/* The rule under way: lists without aliases, owned. */
struct spec {
	const struct sudoers *sudoers;
	json_t *grants;
	json_t *users, *runas, *groups, *commands;
	const json_t *options; /* of the commands; borrowed */
	bool host_sure;
};

static void spec_done(struct spec *spec) {
	json_decref(spec->users);
	json_decref(spec->runas);
	json_decref(spec->groups);
	json_decref(spec->commands);
}

static const char *text_of(const json_t *object, const char *member) {
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "";
}

static bool is_negated(const json_t *item) { return json_is_true(json_object_get(item, "negated")); }

/* An option of a rule; NULL where it says nothing. */
static const json_t *option(const json_t *options, const char *name) {
	size_t i;
	const json_t *one, *found = NULL;
	json_array_foreach(options, i, one) {
		const json_t *value = json_object_get(one, name);
		found = value ? value : found;
	}
	return found;
}

static void add_user(const struct spec *spec, json_t *users, const char *name) {
	size_t i;
	const json_t *other;
	json_array_foreach(users, i, other) if (!strcmp(json_string_value(other), name)) return;
	if (sudoers_takes_user(spec->sudoers, spec->users, name, sudoers_account(spec->sudoers, name)))
		json_array_append_new(users, json_string(name));
}

/* Names in a group's list that have no account here may have one elsewhere. */
static void add_members(const struct spec *spec, json_t *users, const json_t *item) {
	size_t i, k;
	const json_t *group, *member, *account;
	const json_t *gid = json_object_get(item, "usergid");
	json_array_foreach(spec->sudoers->groups, i, group) {
		if (gid ? !json_equal(gid, json_object_get(group, "gid"))
			: strcmp(text_of(item, "usergroup"), text_of(group, "name")) != 0)
			continue;
		json_array_foreach(json_object_get(group, "members"), k, member)
			add_user(spec, users, json_string_value(member));
	}
	json_array_foreach(spec->sudoers->accounts, i, account) {
		const char *name = text_of(account, "name");
		if (sudoers_names_user(spec->sudoers, item, name, account) == SUDOERS_YES)
			add_user(spec, users, name);
	}
}

static const char *type_of(const json_t *item) {
	bool is_group = json_object_get(item, "usergroup") || json_object_get(item, "usergid");
	bool is_user = json_object_get(item, "username") || json_object_get(item, "userid") ||
		       json_object_get(item, "useralias");
	return !strcmp(text_of(item, "text"), "ALL") ? "everybody" : is_group ? "group" : is_user ? "user" : "other";
}

/* Whom the member stands for; false: nobody, since a later "!" takes it out. */
static bool add_users(const struct spec *spec, json_t *users, const json_t *item) {
	const char *type = type_of(item), *who = text_of(item, "text");
	if (!strcmp(type, "group"))
		add_members(spec, users, item);
	if (strcmp(type, "user") != 0)
		return true;
	const json_t *uid = json_object_get(item, "userid");
	const json_t *account = uid ? sudoers_account_of_uid(spec->sudoers, json_integer_value(uid))
				    : sudoers_account(spec->sudoers, who);
	if (uid && !account) {
		json_array_append_new(users, json_string(who));
		return true;
	}
	add_user(spec, users, account ? text_of(account, "name") : who);
	return json_array_size(users) > 0;
}

static bool is_only_root(const struct spec *spec, const json_t *users) {
	size_t i;
	const json_t *user;
	json_array_foreach(users, i, user) {
		const char *name = json_string_value(user);
		const json_t *account = sudoers_account(spec->sudoers, name);
		if (account ? json_integer_value(json_object_get(account, "uid")) != 0 : strcmp(name, "root") != 0)
			return false;
	}
	return json_array_size(users) > 0;
}

/* In the JSON groups to run as look like groups of users. */
static const char *bare(const json_t *item) {
	const char *text = text_of(item, "text");
	return text[0] == '%' ? text + 1 : text;
}

static void add_list(struct buf *text, const json_t *items, bool is_groups) {
	size_t i;
	const json_t *item;
	json_array_foreach(items, i, item) {
		const char *name = is_groups ? bare(item) : text_of(item, "text");
		buf_addf(text, "%s%s%s", i ? "," : "", is_negated(item) ? "!" : "", name);
	}
}

/* Whoever may run a command with one of these groups has what makes their members root. */
static bool takes_root_group(const json_t *groups) {
	static const char *const as_good[] = {"ALL", "disk", "docker", "incus-admin", "libvirt", "lxd", "shadow"};
	size_t i;
	const json_t *item;
	json_array_foreach(groups, i, item) {
		if (!is_negated(item) && text_is_one_of(bare(item), as_good, ARRAY_LEN(as_good)))
			return true;
	}
	return false;
}

/* With groups alone it is whoever asks, in these groups. */
static void add_as(const struct spec *spec, json_t *grant) {
	CLEANUP(buf_done) struct buf text = {0};
	bool has_users = json_array_size(spec->runas) > 0, has_groups = json_array_size(spec->groups) > 0;
	const char *usual = sudoers_runas_default(spec->sudoers);
	bool as_root = has_users ? sudoers_takes_root(spec->sudoers, spec->runas)
				 : !has_groups && (!strcmp(usual, "root") || !strcmp(usual, "#0"));
	if (has_users)
		add_list(&text, spec->runas, false);
	else
		buf_adds(&text, has_groups ? "" : usual);
	if (has_groups) {
		buf_adds(&text, ":");
		add_list(&text, spec->groups, true);
	}
	row_text(grant, "as", buf_str(&text));
	row_bool(grant, "as_root", as_root || takes_root_group(spec->groups));
}

/* ALL after other commands takes these in, "!ALL" takes them all away. */
static void add_commands(const struct spec *spec, json_t *grant) {
	bool no_exec = json_is_true(option(spec->options, "noexec")), all = false;
	bool setenv = json_is_true(option(spec->options, "setenv")), edits = false;
	json_t *commands = json_array(), *root_by = json_array(), *wild = json_array();
	size_t i;
	const json_t *item;
	json_array_foreach(spec->commands, i, item) {
		const char *command = text_of(item, "text");
		bool is_all = !strcmp(command, "ALL");
		if (is_all && is_negated(item)) {
			json_array_clear(root_by);
			json_array_clear(wild);
		}
		all = is_all ? !is_negated(item) : all;
		json_array_append_new(commands, json_sprintf("%s%s", is_negated(item) ? "!" : "", command));
		if (is_negated(item))
			continue;
		edits |= text_starts(command, "sudoedit");
		if (sudo_command_is_wild(command))
			json_array_append_new(wild, json_string(command));
		if (sudo_command_is_root(command, no_exec))
			json_array_append_new(root_by, json_string(command));
		/* Whoever chooses the environment chooses LD_PRELOAD. */
		else if (setenv && strcmp(command, "list") != 0 && !text_starts(command, "sudoedit"))
			json_array_append_new(root_by, json_sprintf("SETENV: %s", command));
	}
	json_object_set_new(grant, "commands", commands);
	json_object_set_new(grant, "root_by", root_by);
	json_object_set_new(grant, "wildcards", wild);
	row_bool(grant, "all_commands", all);
	row_bool(grant, "setenv", setenv);
	row_bool(grant, "sudoedit", edits);
}

static void add_password(const struct spec *spec, json_t *grant) {
	const json_t *tag = option(spec->options, "authenticate");
	bool is_free = json_is_false(tag);
	row_bool(grant, "nopasswd", is_free);
	json_object_set_new(grant, "nopasswd_by", is_free ? json_string("tag") : json_null());
	row_bool(grant, "tagged", tag != NULL);
	row_bool(grant, "overridden", false);
}

static bool add_grant(const struct spec *spec, const json_t *item, struct err *err) {
	CLEANUP(json_decref_p) json_t *users = json_array();
	if (is_negated(item) || !add_users(spec, users, item))
		return true;
	if (json_array_size(spec->grants) == SUDOERS_GRANTS_MOST)
		return err_set(err, ERR_UNREADABLE, spec->sudoers->where, "more than %d grants", SUDOERS_GRANTS_MOST);
	json_t *grant = row_add(spec->grants);
	row_text(grant, "who", text_of(item, "text"));
	row_text(grant, "type", type_of(item));
	json_object_set(grant, "users", users);
	row_bool(grant, "is_root", is_only_root(spec, users));
	row_bool(grant, "host_sure", spec->host_sure);
	add_as(spec, grant);
	add_commands(spec, grant);
	add_password(spec, grant);
	return true;
}

static bool add_command_spec(struct spec *spec, const json_t *commands, struct err *err) {
	const struct sudoers *sudoers = spec->sudoers;
	json_decref(spec->runas);
	json_decref(spec->groups);
	json_decref(spec->commands);
	spec->runas = spec->groups = spec->commands = NULL;
	spec->options = json_object_get(commands, "Options");
	if (!sudoers_resolve(sudoers, SUDOERS_RUNAS, json_object_get(commands, "runasusers"), &spec->runas, err) ||
	    !sudoers_resolve(sudoers, SUDOERS_RUNAS, json_object_get(commands, "runasgroups"), &spec->groups, err) ||
	    !sudoers_resolve(sudoers, SUDOERS_COMMANDS, json_object_get(commands, "Commands"), &spec->commands, err))
		return false;
	size_t i;
	const json_t *item;
	json_array_foreach(spec->users, i, item) if (!add_grant(spec, item, err)) return false;
	return true;
}

static bool add_spec(const struct sudoers *sudoers, json_t *grants, const json_t *rule, struct err *err) {
	CLEANUP(spec_done) struct spec spec = {.sudoers = sudoers, .grants = grants};
	CLEANUP(json_decref_p) json_t *hosts = NULL;
	if (!sudoers_resolve(sudoers, SUDOERS_HOSTS, json_object_get(rule, "Host_List"), &hosts, err) ||
	    !sudoers_resolve(sudoers, SUDOERS_USERS, json_object_get(rule, "User_List"), &spec.users, err))
		return false;
	enum sudoers_match here = sudoers_takes_host(sudoers, hosts);
	spec.host_sure = here == SUDOERS_YES;
	if (here == SUDOERS_NO)
		return true;
	size_t i;
	const json_t *commands;
	json_array_foreach(json_object_get(rule, "Cmnd_Specs"), i,
			   commands) if (!add_command_spec(&spec, commands, err)) return false;
	return true;
}

/* Whether the later grant decides wherever the earlier one would. */
static bool covers(const json_t *later, const json_t *earlier) {
	const char *who = text_of(later, "who"), *as = text_of(later, "as");
	const json_t *commands = json_object_get(later, "commands");
	return (!strcmp(who, "ALL") || !strcmp(who, text_of(earlier, "who"))) &&
	       (!strcmp(as, "ALL:ALL") || !strcmp(as, text_of(earlier, "as"))) && json_array_size(commands) == 1 &&
	       !strcmp(json_string_value(json_array_get(commands, 0)), "ALL") &&
	       json_is_true(json_object_get(later, "host_sure")) && json_is_false(json_object_get(later, "nopasswd"));
}

static void find_overridden(json_t *grants) {
	for (size_t i = 0; i < json_array_size(grants); i++) {
		json_t *grant = json_array_get(grants, i);
		if (!json_is_true(json_object_get(grant, "nopasswd")))
			continue;
		for (size_t k = i + 1; k < json_array_size(grants); k++)
			if (covers(json_array_get(grants, k), grant))
				row_bool(grant, "overridden", true);
	}
}

bool sudoers_grants(const struct sudoers *sudoers, json_t **ret_grants, struct err *err) {
	CLEANUP(json_decref_p) json_t *grants = json_array();
	size_t i;
	const json_t *rule;
	json_array_foreach(json_object_get(sudoers->file, "User_Specs"), i,
			   rule) if (!add_spec(sudoers, grants, rule, err)) return false;
	sudoers_exempt(sudoers, grants);
	find_overridden(grants);
	*ret_grants = json_incref(grants);
	return true;
}

#include "core/sudoers_list.h"

#include <fnmatch.h>

#include "core/text.h"

/* The member that refers to an alias, and where these are defined. */
static const struct {
	const char *reference, *aliases;
} kinds[] = {
	[SUDOERS_USERS] = {"useralias", "User_Aliases"},
	[SUDOERS_RUNAS] = {"runasalias", "Runas_Aliases"},
	[SUDOERS_HOSTS] = {"hostalias", "Host_Aliases"},
	[SUDOERS_COMMANDS] = {"cmndalias", "Command_Aliases"},
};

/* How a member is written in sudoers, before its value. */
static const struct {
	const char *member, *prefix;
} words[] = {
	{"username", ""},       {"userid", "#"},       {"usergroup", "%"}, {"usergid", "%#"},   {"netgroup", "+"},
	{"nonunixgroup", "%:"}, {"nonunixgid", "%:#"}, {"hostname", ""},   {"networkaddr", ""}, {"command", ""},
	{"useralias", ""},      {"runasalias", ""},    {"hostalias", ""},  {"cmndalias", ""},
};

struct resolving {
	const struct sudoers *sudoers;
	enum sudoers_list which;
	json_t *items;
	unsigned depth;
};

static char *text_of(const json_t *item) {
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		const json_t *value = json_object_get(item, words[i].member);
		if (json_is_string(value))
			return xasprintf("%s%s", words[i].prefix, json_string_value(value));
		if (json_is_integer(value))
			return xasprintf("%s%lld", words[i].prefix, (long long)json_integer_value(value));
	}
	return NULL;
}

static bool add_item(const struct resolving *to, const json_t *item, bool is_negated, struct err *err) {
	CLEANUP(free_ptr) char *text = text_of(item);
	if (!text)
		return err_set(err, ERR_UNPROVED, to->sudoers->where, "a list has a member of a kind unknown here");
	if (json_array_size(to->items) == SUDOERS_ITEMS_MOST)
		return err_set(err, ERR_UNREADABLE, to->sudoers->where, "a list of more than %d members",
			       SUDOERS_ITEMS_MOST);
	json_t *copy = json_copy((json_t *)(uintptr_t)item);
	json_object_set_new(copy, "text", json_text(text));
	json_object_set_new(copy, "negated", json_boolean(is_negated));
	json_array_append_new(to->items, copy);
	return true;
}

static bool add_list(struct resolving *to, const json_t *list, bool is_negated, struct err *err) {
	size_t i;
	const json_t *item;
	if (to->depth == SUDOERS_DEEPEST)
		return err_set(err, ERR_UNREADABLE, to->sudoers->where, "aliases deeper than %d", SUDOERS_DEEPEST);
	to->depth++;
	json_array_foreach(list, i, item) {
		bool negated = json_is_true(json_object_get(item, "negated")) != is_negated;
		const char *alias = json_string_value(json_object_get(item, kinds[to->which].reference));
		const json_t *aliases = json_object_get(to->sudoers->file, kinds[to->which].aliases);
		const json_t *members = alias ? json_object_get(aliases, alias) : NULL;
		if (!(json_is_array(members) ? add_list(to, members, negated, err) : add_item(to, item, negated, err)))
			return false;
	}
	to->depth--;
	return true;
}

bool sudoers_resolve(const struct sudoers *sudoers, enum sudoers_list which, const json_t *list, json_t **ret_items,
		     struct err *err) {
	CLEANUP(json_decref_p) json_t *items = json_array();
	struct resolving to = {sudoers, which, items, 0};
	if (!add_list(&to, list, false, err))
		return false;
	*ret_items = json_incref(items);
	return true;
}

static bool has_text(const json_t *list, const char *text) {
	size_t i;
	const json_t *value;
	json_array_foreach(list, i, value) {
		if (json_is_string(value) && !strcmp(json_string_value(value), text))
			return true;
	}
	return false;
}

/* By name, or (NULL) by number: the group's list, or the user's primary group. */
static bool is_in_group(const struct sudoers *sudoers, const char *group, json_int_t gid, const char *name,
			const json_t *account) {
	size_t i;
	const json_t *entry;
	const json_t *primary = json_object_get(account, "gid");
	if (!group && primary && json_integer_value(primary) == gid)
		return true;
	json_array_foreach(sudoers->groups, i, entry) {
		const json_t *number = json_object_get(entry, "gid");
		const char *called = json_string_value(json_object_get(entry, "name"));
		if (group ? !called || strcmp(called, group) != 0 : json_integer_value(number) != gid)
			continue;
		if (has_text(json_object_get(entry, "members"), name) || (primary && json_equal(primary, number)))
			return true;
	}
	return false;
}

static const char *string_in(const json_t *item, const char *member) {
	return json_string_value(json_object_get(item, member));
}

enum sudoers_match sudoers_names_user(const struct sudoers *sudoers, const json_t *item, const char *name,
				      const json_t *account) {
	const char *user = string_in(item, "username"), *group = string_in(item, "usergroup");
	const json_t *uid = json_object_get(item, "userid"), *gid = json_object_get(item, "usergid");
	bool is_named = user    ? !strcmp(user, "ALL") || !strcmp(user, name)
			: group ? is_in_group(sudoers, group, 0, name, account)
			: uid   ? account && json_equal(uid, json_object_get(account, "uid"))
			: gid   ? is_in_group(sudoers, NULL, json_integer_value(gid), name, account)
				: false;
	bool is_known = user || group || uid || gid;
	/* An alias that is defined nowhere is a plain word to sudo. */
	const char *word = string_in(item, "useralias");
	if (word)
		return !strcmp(word, name) ? SUDOERS_YES : SUDOERS_NO;
	return is_named ? SUDOERS_YES : is_known ? SUDOERS_NO : SUDOERS_MAYBE;
}

bool sudoers_takes_user(const struct sudoers *sudoers, const json_t *items, const char *name, const json_t *account) {
	for (size_t i = json_array_size(items); i-- > 0;) {
		const json_t *item = json_array_get(items, i);
		if (sudoers_names_user(sudoers, item, name, account) == SUDOERS_YES)
			return !json_is_true(json_object_get(item, "negated"));
	}
	return false;
}

/* A pattern with a dot is held against the whole name, where the host knows it; any other against the first part. */
static enum sudoers_match names_host(const char *pattern, const char *host) {
	if (!strcmp(pattern, "ALL"))
		return SUDOERS_YES;
	if (!host || !*host)
		return SUDOERS_MAYBE;
	CLEANUP(free_ptr) char *first = xstrndup(host, strcspn(host, "."));
	CLEANUP(free_ptr) char *start = xstrndup(pattern, strcspn(pattern, "."));
	if (!strchr(pattern, '.'))
		return fnmatch(pattern, first, FNM_CASEFOLD) == 0 ? SUDOERS_YES : SUDOERS_NO;
	if (fnmatch(pattern, host, FNM_CASEFOLD) == 0)
		return SUDOERS_YES;
	/* sudo may ask the resolver for the domain. */
	return !strchr(host, '.') && fnmatch(start, first, FNM_CASEFOLD) == 0 ? SUDOERS_MAYBE : SUDOERS_NO;
}

enum sudoers_match sudoers_takes_host(const struct sudoers *sudoers, const json_t *items) {
	bool is_possible = false;
	for (size_t i = json_array_size(items); i-- > 0;) {
		const json_t *item = json_array_get(items, i);
		bool is_negated = json_is_true(json_object_get(item, "negated"));
		const char *pattern = string_in(item, "hostname");
		enum sudoers_match match = pattern ? names_host(pattern, sudoers->host) : SUDOERS_MAYBE;
		if (match == SUDOERS_YES && !is_negated)
			return SUDOERS_YES;
		if (match == SUDOERS_YES)
			return is_possible ? SUDOERS_MAYBE : SUDOERS_NO;
		is_possible |= match == SUDOERS_MAYBE && !is_negated;
	}
	return is_possible ? SUDOERS_MAYBE : SUDOERS_NO;
}

bool sudoers_takes_root(const struct sudoers *sudoers, const json_t *items) {
	const json_t *root = sudoers_account_of_uid(sudoers, 0);
	CLEANUP(json_decref_p) json_t *plain = json_pack("{s:s, s:i, s:i}", "name", "root", "uid", 0, "gid", 0);
	for (size_t i = json_array_size(items); i-- > 0;) {
		const json_t *item = json_array_get(items, i);
		bool is_negated = json_is_true(json_object_get(item, "negated"));
		enum sudoers_match match = sudoers_names_user(sudoers, item, "root", root ? root : plain);
		if (match == SUDOERS_YES || (match == SUDOERS_MAYBE && !is_negated))
			return !is_negated;
	}
	return false;
}

const json_t *sudoers_account(const struct sudoers *sudoers, const char *name) {
	size_t i;
	const json_t *account;
	json_array_foreach(sudoers->accounts, i, account) {
		const char *called = string_in(account, "name");
		if (called && !strcmp(called, name))
			return account;
	}
	return NULL;
}

const json_t *sudoers_account_of_uid(const struct sudoers *sudoers, json_int_t uid) {
	size_t i;
	const json_t *account;
	json_array_foreach(sudoers->accounts, i, account) {
		if (json_is_integer(json_object_get(account, "uid")) &&
		    json_integer_value(json_object_get(account, "uid")) == uid)
			return account;
	}
	return NULL;
}

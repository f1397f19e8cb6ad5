/* The accounts that /etc/passwd, /etc/shadow and /etc/group give this host, and whether they are all there are. */
#include "core/accounts.h"
#include "core/check.h"
#include "core/nss_unlisted.h"
#include "core/nsswitch.h"
#include "core/password.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"uid0", VALUE_BOOL, false, "Only accounts with uid 0 (default false)."},
	{"passwords", VALUE_BOOL, false, "Look at password fields too, which needs /etc/shadow (default false)."},
	{"hashed", VALUE_BOOL, false, "Only accounts that hold a password hash; looks at passwords (default false)."},
	{"exhaustive", VALUE_BOOL, false,
	 "The question is about all accounts: where nsswitch.conf names a service whose accounts cannot be listed here "
	 "(sss, ldap, winbind, ...), nothing is proved (default false)."},
	{"trusted_services", VALUE_STRINGS, false,
	 "Services of nsswitch.conf that the organisation knows to hold no account that matters here (default none)."},
	{"root_groups", VALUE_STRINGS, false,
	 "Groups whose members can become root (default admin disk docker incus incus-admin libvirt lxd microk8s sudo "
	 "wheel)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "name", .type = VALUE_STRING, .about = "The account's name.", .privacy = PRIVACY_PERSONAL},
	{.name = "uid", .type = VALUE_INT, .about = "Its user number."},
	{.name = "gid", .type = VALUE_INT, .about = "Its primary group's number."},
	{.name = "home", .type = VALUE_STRING, .about = "Its home folder.", .privacy = PRIVACY_PERSONAL},
	{.name = "shell", .type = VALUE_STRING, .about = "Its shell; an empty one means /bin/sh."},
	{.name = "login",
	 .type = VALUE_BOOL,
	 .about = "Whether the shell lets somebody in (not nologin, false, sync...)."},
	{.name = "duplicate",
	 .type = VALUE_BOOL,
	 .about = "Whether an earlier line has the same name or the same uid."},
	{.name = "groups", .type = VALUE_STRINGS, .about = "Groups it is in, the primary one first."},
	{.name = "root_equivalent",
	 .type = VALUE_STRINGS,
	 .about = "Those of its groups whose members can become root."},
	{.name = "password",
	 .type = VALUE_STRING,
	 .about = "empty (none is asked for), set, locked, or missing (no line in shadow, so none is accepted)."},
	{.name = "empty", .type = VALUE_BOOL, .about = "Whether no password is needed."},
	{.name = "locked", .type = VALUE_BOOL, .about = "Whether no password can match now."},
	{.name = "scheme", .type = VALUE_STRING, .about = "How its password is hashed; not there without a hash."},
	{.name = "in_passwd",
	 .type = VALUE_BOOL,
	 .about = "Whether the hash stands in the world-readable passwd file."},
	{0},
};

static const char *const patterns[] = {ACCOUNTS_SOURCE, GROUPS_SOURCE,      NSSWITCH_SOURCE,
				       "shadow:",       NSS_USERDB_SOURCES, NULL};

static bool wants_passwords(const json_t *with) {
	return param_bool(with, "passwords", false) || param_bool(with, "hashed", false);
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, ACCOUNTS_SOURCE);
	names_add(names, GROUPS_SOURCE);
	if (wants_passwords(with))
		names_add(names, "shadow:");
	if (!param_bool(with, "exhaustive", false))
		return;
	nss_unlisted_ask(names);
}

static bool is_root_group(const json_t *with, const char *group) {
	static const char *const usual[] = {"admin",   "disk", "docker",   "incus", "incus-admin",
					    "libvirt", "lxd",  "microk8s", "sudo",  "wheel"};
	if (json_object_get(with, "root_groups"))
		return param_strings_have(with, "root_groups", group);
	return text_is_one_of(group, usual, ARRAY_LEN(usual));
}

/* Whether the local files hold every account; an unproved error that names the service which may hold more. */
static bool files_hold_all(const json_t *with, const struct sources *fetched, bool has_nis, struct err *err) {
	CLEANUP(free_ptr) char *service = NULL;
	const char *where;
	if (!nss_unlisted(fetched, with, "passwd", has_nis, &service, &where, err))
		return false;
	return !*service ||
	       err_set(err, ERR_UNPROVED, where, "passwd: %s may hold further accounts that cannot be listed from here",
		       strcmp(service, "compat") ? service : "compat with lines of NIS");
}

/* What rows are made of, indexed: hosts with thousands of accounts and groups exist. */
struct tables {
	const json_t *with;
	json_t *by_gid;    /* {"1000": [group name...]} */
	json_t *by_member; /* {account name: [group name...]} */
	json_t *shadow;    /* {account name: entry of `shadow:`} */
	json_t *seen;      /* {account name or "uid N": true} */
};

static void tables_done(struct tables *tables) {
	json_decref(tables->by_gid);
	json_decref(tables->by_member);
	json_decref(tables->shadow);
	json_decref(tables->seen);
}

static void add_under(json_t *index, const char *key, json_t *value) {
	json_t *list = json_object_get(index, key);
	if (!list) {
		list = json_array();
		json_object_set_new(index, key, list);
	}
	json_array_append(list, value);
}

static void index_groups(struct tables *tables, const json_t *groups) {
	size_t i, j;
	const json_t *group, *member;
	json_array_foreach(groups, i, group) {
		json_t *name = json_object_get(group, "name");
		CLEANUP(free_ptr)
		char *gid = xasprintf("%lld", (long long)json_integer_value(json_object_get(group, "gid")));
		add_under(tables->by_gid, gid, name);
		json_array_foreach(json_object_get(group, "members"), j, member)
			add_under(tables->by_member, json_string_value(member), name);
	}
}

/* The first line of a name counts, as in glibc. */
static void index_shadow(struct tables *tables, const json_t *shadow) {
	size_t i;
	json_t *entry;
	json_array_foreach(shadow, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (name && !json_object_get(tables->shadow, name))
			json_object_set(tables->shadow, name, entry);
	}
}

static bool has_string(const json_t *list, const json_t *string) {
	size_t i;
	const json_t *other;
	json_array_foreach(list, i, other) {
		if (json_equal(other, string))
			return true;
	}
	return false;
}

static void add_groups(json_t *row, const struct tables *tables, const char *name, int64_t gid) {
	CLEANUP(free_ptr) char *key = xasprintf("%lld", (long long)gid);
	const json_t *lists[] = {json_object_get(tables->by_gid, key), json_object_get(tables->by_member, name)};
	json_t *all = json_array(), *root = json_array(), *group;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		size_t j;
		json_array_foreach(lists[i], j, group) {
			if (has_string(all, group))
				continue;
			json_array_append(all, group);
			if (is_root_group(tables->with, json_string_value(group)))
				json_array_append(root, group);
		}
	}
	json_object_set_new(row, "groups", all);
	json_object_set_new(row, "root_equivalent", root);
}

/* The names of password_scheme() for what the source `shadow:` says; NULL without a hash. */
static const char *scheme_in_shadow(const json_t *entry) {
	const char *scheme = json_string_value(json_object_get(entry, "scheme"));
	if (!scheme || !*scheme || (!strcmp(scheme, "unknown") && json_is_true(json_object_get(entry, "locked"))))
		return NULL;
	if (!strcmp(scheme, "des") || !strcmp(scheme, "_"))
		return *scheme == '_' ? "bsdicrypt" : "descrypt";
	return text_starts(scheme, "$") ? password_scheme(scheme) : scheme;
}

/* What sends pam_unix to shadow: "x", or "##" before the name. */
static bool is_in_shadow(const char *field) { return !strcmp(field, "x") || text_starts(field, "##"); }

static void add_password(json_t *row, const char *field, const json_t *shadow) {
	bool in_shadow = is_in_shadow(field);
	bool is_missing = in_shadow && !shadow;
	const char *scheme = in_shadow ? scheme_in_shadow(shadow) : password_scheme(field);
	bool is_empty = in_shadow ? json_is_true(json_object_get(shadow, "empty")) : field[0] == '\0';
	bool is_locked = in_shadow ? json_is_true(json_object_get(shadow, "locked")) : password_is_locked(field);
	const char *state = is_missing ? "missing" : is_empty ? "empty" : is_locked ? "locked" : "set";
	row_text(row, "password", state);
	row_bool(row, "empty", is_empty);
	row_bool(row, "locked", is_locked || is_missing);
	row_bool(row, "in_passwd", !in_shadow && scheme);
	row_text(row, "scheme", scheme);
}

/* Whether an earlier line had the name or the uid; remembers both. */
static bool is_duplicate(const struct tables *tables, const char *name, int64_t uid) {
	CLEANUP(free_ptr) char *by_name = xasprintf("name %s", name);
	CLEANUP(free_ptr) char *by_uid = xasprintf("uid %lld", (long long)uid);
	bool is_known = json_object_get(tables->seen, by_name) || json_object_get(tables->seen, by_uid);
	json_object_set_new(tables->seen, by_name, json_true());
	json_object_set_new(tables->seen, by_uid, json_true());
	return is_known;
}

static json_t *row_of(const struct tables *tables, const json_t *account) {
	const char *name = json_string_value(json_object_get(account, "name"));
	json_t *row = json_object();
	static const char *const copied[] = {"name", "uid", "gid", "home", "shell"};
	for (size_t i = 0; i < ARRAY_LEN(copied); i++)
		json_object_set(row, copied[i], json_object_get(account, copied[i]));
	row_bool(row, "login", accounts_shell_lets_in(json_string_value(json_object_get(row, "shell"))));
	row_bool(row, "duplicate", is_duplicate(tables, name, json_integer_value(json_object_get(row, "uid"))));
	add_groups(row, tables, name, json_integer_value(json_object_get(row, "gid")));
	if (wants_passwords(tables->with))
		add_password(row, json_string_value(json_object_get(account, "password")),
			     json_object_get(tables->shadow, name));
	return row;
}

static bool is_asked_for(const json_t *with, const json_t *row) {
	if (param_bool(with, "uid0", false) && json_integer_value(json_object_get(row, "uid")) != 0)
		return false;
	return !param_bool(with, "hashed", false) || json_object_get(row, "scheme");
}

static bool refers_to_shadow(const json_t *accounts) {
	size_t i;
	const json_t *account;
	json_array_foreach(accounts, i, account) {
		if (is_in_shadow(json_string_value(json_object_get(account, "password"))))
			return true;
	}
	return false;
}

/* Without the file that passwd refers to, the passwords are somewhere else (tcb, a directory), not nowhere. */
static bool read_shadow(const json_t *with, const struct sources *fetched, const json_t *accounts, json_t **ret_shadow,
			struct err *err) {
	const struct source *source = NULL;
	if (!wants_passwords(with))
		return true;
	if (!source_maybe(fetched, "shadow:", &source, err))
		return false;
	if (!source && refers_to_shadow(accounts))
		return err_set(err, ERR_UNPROVED, "shadow:", "passwd refers to a shadow file, and there is none");
	return !source || source_json(source, ret_shadow, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	CLEANUP(json_decref_p) json_t *groups = NULL;
	json_t *shadow = NULL;
	bool has_nis = false;
	if (!accounts_need(fetched, &accounts, &has_nis, err) || !groups_need(fetched, &groups, err) ||
	    !read_shadow(with, fetched, accounts, &shadow, err))
		return false;
	if (param_bool(with, "exhaustive", false) && !files_hold_all(with, fetched, has_nis, err))
		return false;
	CLEANUP(tables_done)
	struct tables tables = {with, json_object(), json_object(), json_object(), json_object()};
	index_groups(&tables, groups);
	index_shadow(&tables, shadow);
	CLEANUP(json_decref_p) json_t *rows = json_array();
	size_t i;
	const json_t *account;
	json_array_foreach(accounts, i, account) {
		CLEANUP(json_decref_p) json_t *row = row_of(&tables, account);
		if (is_asked_for(with, row))
			json_array_append(rows, row);
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_account = {
	.name = "account",
	.about = "The accounts of passwd with their groups and the state of their passwords.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

/* Everybody who is root on this host, or can become it, and by which way. */
#include "core/accounts.h"
#include "core/doas.h"
#include "core/nsswitch.h"
#include "core/polkit_look.h"
#include "core/row.h"
#include "core/sudo_look.h"
#include "core/text.h"

static const char *const doas_files[] = {"file:/etc/doas.conf", "file:/usr/local/etc/doas.conf"};

static const struct check_param params[] = {
	{"root_groups", VALUE_STRINGS, false,
	 "Groups whose members are as good as root (default disk docker incus-admin libvirt lxd microk8s shadow). sudo "
	 "and wheel are what sudoers says of them."},
	{"expected", VALUE_STRINGS, false,
	 "Members that are known: where nobody else is seen and nsswitch.conf names a service that cannot be listed "
	 "here, nothing is proved (default none)."},
	{"trusted_services", VALUE_STRINGS, false,
	 "Services of nsswitch.conf, as sss, that the organisation knows to hold nobody who becomes root (default "
	 "none)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "member",
	 .type = VALUE_STRING,
	 .about = "An account; or what cannot be resolved to accounts here: ALL, +netgroup, #uid, a file of polkit's.",
	 .privacy = PRIVACY_PERSONAL},
	{.name = "how", .type = VALUE_STRING, .about = "uid0, sudo, group, polkit, polkit_rule, doas."},
	{.name = "source",
	 .type = VALUE_STRING,
	 .about = "Through what: the group, sudo's \"%sudo\", polkit's \"unix-group:sudo\".",
	 .privacy = PRIVACY_PERSONAL},
	{.name = "by", .type = VALUE_STRINGS, .about = "Of sudo and doas: the commands that make root."},
	{0},
};

static const char *const patterns[] = {ACCOUNTS_SOURCE,
				       GROUPS_SOURCE,
				       SUDO_SOURCE,
				       SUDO_HOST_SOURCE,
				       NSSWITCH_SOURCE,
				       NSS_USERDB_SOURCES,
				       SUDO_OTHERS,
				       POLKIT_SOURCES,
				       "file:/etc/doas.conf",
				       "file:/usr/local/etc/doas.conf",
				       NULL};

struct way {
	const struct sudo_look *look;
	json_t *rows;
	const char *how, *source;
	const json_t *by; /* NULL: nothing to say */
};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	sudo_look_ask(names);
	polkit_look_ask(fetched, names);
	for (size_t i = 0; i < ARRAY_LEN(doas_files); i++)
		names_add(names, doas_files[i]);
}

static void add(const struct way *way, const char *member) {
	json_t *row = row_add(way->rows);
	row_text(row, "member", member);
	row_text(row, "how", way->how);
	row_text(row, "source", way->source);
	if (way->by)
		json_object_set(row, "by", (json_t *)(uintptr_t)way->by);
}

/* Members by the group's line and by their primary group. */
static void add_group(const struct way *way, const char *group) {
	struct sudoers sudoers = {"", NULL, way->look->accounts, way->look->groups, NULL};
	CLEANUP(json_decref_p) json_t *item = json_pack("{s:s}", "usergroup", group);
	CLEANUP(json_decref_p) json_t *seen = json_object();
	size_t i, k;
	const json_t *entry, *member;
	json_array_foreach(way->look->groups, i, entry) {
		if (strcmp(json_string_value(json_object_get(entry, "name")), group) != 0)
			continue;
		json_array_foreach(json_object_get(entry, "members"), k, member) {
			const char *name = json_string_value(member);
			if (!json_object_get(seen, name))
				add(way, name);
			json_object_set_new(seen, name, json_true());
		}
	}
	json_array_foreach(way->look->accounts, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (!json_object_get(seen, name) && sudoers_names_user(&sudoers, item, name, entry) == SUDOERS_YES)
			add(way, name);
	}
}

static void add_uid0(struct way way) {
	size_t i;
	const json_t *account;
	way.how = way.source = "uid0";
	json_array_foreach(way.look->accounts, i, account) {
		if (json_integer_value(json_object_get(account, "uid")) == 0)
			add(&way, json_string_value(json_object_get(account, "name")));
	}
}

static void add_sudo(struct way way) {
	size_t i, k;
	const json_t *grant, *user;
	way.how = "sudo";
	json_array_foreach(way.look->grants, i, grant) {
		const char *type = json_string_value(json_object_get(grant, "type"));
		way.by = json_object_get(grant, "root_by");
		way.source = json_string_value(json_object_get(grant, "who"));
		if (!json_is_true(json_object_get(grant, "as_root")) || json_array_size(way.by) == 0)
			continue;
		if (!strcmp(type, "everybody") || !strcmp(type, "other"))
			add(&way, way.source);
		json_array_foreach(json_object_get(grant, "users"), k, user) add(&way, json_string_value(user));
	}
}

static void add_groups(struct way way, const json_t *with) {
	static const char *const usual[] = {"disk", "docker", "incus-admin", "libvirt", "lxd", "microk8s", "shadow"};
	bool is_usual = !json_object_get(with, "root_groups");
	const char *group;
	way.how = "group";
	for (size_t i = 0; is_usual ? i < ARRAY_LEN(usual) : param_strings_at(with, "root_groups", i) != NULL; i++) {
		group = is_usual ? usual[i] : param_strings_at(with, "root_groups", i);
		way.source = group;
		add_group(&way, group);
	}
}

static void add_polkit_admin(struct way way, const char *identity) {
	static const char user[] = "unix-user:", group[] = "unix-group:";
	way.how = "polkit";
	way.source = identity;
	if (text_starts(identity, group)) {
		add_group(&way, identity + strlen(group));
		return;
	}
	const char *name = text_starts(identity, user) ? identity + strlen(user) : identity;
	unsigned long long uid;
	const char *known =
		text_to_u64(name, UINT32_MAX, &uid) ? accounts_name_of(way.look->accounts, "uid", (int64_t)uid) : NULL;
	add(&way, known ? known : name);
}

static bool add_polkit(struct way way, const struct sources *fetched, struct err *err) {
	CLEANUP(json_decref_p) json_t *admins = NULL, *files = NULL;
	size_t i;
	const json_t *value;
	if (!polkit_look(fetched, &admins, &files, err))
		return false;
	json_array_foreach(admins, i, value)
		add_polkit_admin(way, json_string_value(json_object_get(value, "identity")));
	way.how = "polkit_rule";
	json_array_foreach(files, i, value) {
		way.source = json_string_value(value);
		add(&way, way.source);
	}
	return true;
}

static bool add_doas_file(struct way way, const struct sources *fetched, const char *name, struct err *err) {
	const struct source *source = NULL;
	CLEANUP(json_decref_p) json_t *rules = NULL;
	size_t i;
	const json_t *rule;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	if (source && !doas_read(name, source->bytes.data, source->bytes.len, &rules, err))
		return false;
	way.how = "doas";
	json_array_foreach(rules, i, rule) {
		json_t *command = json_object_get(rule, "command");
		CLEANUP(json_decref_p)
		json_t *by = json_is_null(command) ? json_pack("[s]", "ALL") : json_pack("[O]", command);
		way.by = by;
		way.source = json_string_value(json_object_get(rule, "identity"));
		if (way.source[0] == ':')
			add_group(&way, way.source + 1);
		else
			add(&way, way.source);
	}
	return true;
}

/* Where somebody unexpected is seen, it matters little who else there may be. */
static bool are_all(const json_t *with, const struct sudo_look *look, const json_t *rows, struct err *err) {
	const char *more = look->unlisted ? look->unlisted : look->elsewhere;
	size_t i;
	const json_t *row;
	if (!more)
		return true;
	json_array_foreach(rows, i, row) {
		if (!param_strings_have(with, "expected", json_string_value(json_object_get(row, "member"))))
			return true;
	}
	return err_set(err, ERR_UNPROVED, NSSWITCH_SOURCE,
		       "%s may hold further users, groups or rules that cannot be listed from here", more);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(sudo_look_done) struct sudo_look look = {0};
	CLEANUP(json_decref_p) json_t *rows = json_array();
	if (!sudo_look(fetched, with, &look, err))
		return false;
	struct way way = {.look = &look, .rows = rows};
	add_uid0(way);
	add_sudo(way);
	add_groups(way, with);
	if (!add_polkit(way, fetched, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(doas_files); i++)
		if (!add_doas_file(way, fetched, doas_files[i], err))
			return false;
	if (!are_all(with, &look, rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_privileged = {
	.name = "privileged",
	.about = "Everybody who is root here or can become it: by uid, sudo, groups that are as good, polkit, doas.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

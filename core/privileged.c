#include "core/privileged.h"

#include "core/accounts.h"
#include "core/nss_unlisted.h"
#include "core/nsswitch.h"
#include "core/text.h"

void privileged_ask(struct names *names) {
	names_add(names, ACCOUNTS_SOURCE);
	names_add(names, GROUPS_SOURCE);
	nss_unlisted_ask(names);
}

static bool files_are_all(const json_t *with, const char *database, bool has_nis, const struct sources *fetched,
			  struct err *err) {
	CLEANUP(free_ptr) char *service = NULL;
	if (!nss_unlisted(fetched, with, database, has_nis, &service, NULL, err))
		return false;
	return !*service ||
	       err_set(err, ERR_UNPROVED, NSSWITCH_SOURCE, "%s: %s may know further administrators", database, service);
}

static bool is_admin_group(const json_t *with, const char *group) {
	static const char *const usual[] = {"admin", "sudo", "wheel"};
	if (json_object_get(with, "groups"))
		return param_strings_have(with, "groups", group);
	return text_is_one_of(group, usual, ARRAY_LEN(usual));
}

static bool is_member(const json_t *group, const json_t *account) {
	json_t *member;
	size_t i;
	if (json_equal(json_object_get(group, "gid"), json_object_get(account, "gid")))
		return true;
	json_array_foreach(json_object_get(group, "members"), i,
			   member) if (json_equal(member, json_object_get(account, "name"))) return true;
	return false;
}

static bool is_privileged(const json_t *with, const json_t *groups, const json_t *account) {
	json_t *group;
	size_t i;
	if (json_integer_value(json_object_get(account, "uid")) == 0)
		return true;
	json_array_foreach(groups, i,
			   group) if (is_admin_group(with, json_string_value(json_object_get(group, "name"))) &&
				      is_member(group, account)) return true;
	return false;
}

bool privileged_need(const json_t *with, const struct sources *fetched, json_t **ret_accounts, struct err *err) {
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	CLEANUP(json_decref_p) json_t *groups = NULL;
	CLEANUP(json_decref_p) json_t *seen = json_object();
	bool has_nis;
	json_t *account;
	size_t i;
	if (!accounts_need(fetched, &accounts, &has_nis, err) || !groups_need(fetched, &groups, err) ||
	    !files_are_all(with, "passwd", has_nis, fetched, err) ||
	    !files_are_all(with, "group", has_nis, fetched, err))
		return false;
	json_t *list = json_array();
	json_array_foreach(accounts, i, account) {
		const char *name = json_string_value(json_object_get(account, "name"));
		if (is_privileged(with, groups, account) && !json_object_get(seen, name))
			json_array_append(list, account);
		json_object_set_new(seen, name, json_true());
	}
	*ret_accounts = list;
	return true;
}

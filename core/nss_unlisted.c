#include "core/nss_unlisted.h"

#include "core/nsswitch.h"
#include "core/text.h"

static const char *const userdb[] = {NSS_USERDB_SOURCES};

void nss_unlisted_ask(struct names *names) {
	names_add(names, NSSWITCH_SOURCE);
	for (size_t i = 0; i < ARRAY_LEN(userdb); i++)
		names_add(names, userdb[i]);
}

/* systemd's service answers for root and nobody, for dynamic users, and for records dropped into a userdb folder. */
static bool find_records(const struct sources *fetched, const char *suffix, const char **ret_folder, struct err *err) {
	*ret_folder = NULL;
	for (size_t i = 0; i < ARRAY_LEN(userdb); i++) {
		json_t *entries = NULL;
		const json_t *entry;
		size_t k;
		if (!source_maybe_json(fetched, userdb[i], &entries, err))
			return false;
		json_array_foreach(entries, k, entry) {
			const char *name = json_string_value(json_object_get(entry, "name"));
			if (name && text_ends(name, suffix)) {
				*ret_folder = userdb[i];
				return true;
			}
		}
	}
	return true;
}

bool nss_unlisted(const struct sources *fetched, const json_t *with, const char *database, bool has_nis,
		  char **ret_service, const char **ret_where, struct err *err) {
	CLEANUP(json_decref_p) json_t *services = NULL;
	const char *found = "", *where = NSSWITCH_SOURCE;
	size_t i;
	const json_t *value;
	if (!nsswitch_need(fetched, database, "files", &services, err))
		return false;
	for (i = 0; !*found && (value = json_array_get(services, i)); i++) {
		const char *service = json_string_value(value);
		bool is_local = !strcmp(service, "files") || (!strcmp(service, "compat") && !has_nis) ||
				param_strings_have(with, "trusted_services", service);
		if (!is_local && !strcmp(service, "systemd") && strcmp(database, "sudoers") != 0) {
			const char *folder;
			if (!find_records(fetched, !strcmp(database, "group") ? ".group" : ".user", &folder, err))
				return false;
			is_local = !folder;
			where = folder ? folder : where;
		}
		found = is_local ? found : service;
	}
	*ret_service = xstrdup(found);
	if (ret_where)
		*ret_where = where;
	return true;
}

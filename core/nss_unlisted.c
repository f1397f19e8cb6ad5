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
static bool has_records(const struct sources *fetched, const char *suffix, bool *ret_has, struct err *err) {
	for (size_t i = 0; i < ARRAY_LEN(userdb); i++) {
		json_t *entries = NULL;
		const json_t *entry;
		size_t k;
		if (!source_maybe_json(fetched, userdb[i], &entries, err))
			return false;
		json_array_foreach(entries, k, entry) {
			const char *name = json_string_value(json_object_get(entry, "name"));
			if (name && text_ends(name, suffix)) {
				*ret_has = true;
				return true;
			}
		}
	}
	*ret_has = false;
	return true;
}

static bool is_trusted(const json_t *with, const char *service) {
	const char *trusted;
	for (size_t i = 0; (trusted = param_strings_at(with, "trusted_services", i)); i++)
		if (!strcmp(trusted, service))
			return true;
	return false;
}

bool nss_unlisted(const struct sources *fetched, const json_t *with, const char *database, bool has_nis,
		  char **ret_service, struct err *err) {
	CLEANUP(json_decref_p) json_t *services = NULL;
	const char *found = "";
	size_t i;
	const json_t *value;
	if (!nsswitch_need(fetched, database, "files", &services, err))
		return false;
	json_array_foreach(services, i, value) {
		const char *service = json_string_value(value);
		bool is_local = !strcmp(service, "files") || (!strcmp(service, "compat") && !has_nis) ||
				is_trusted(with, service);
		if (!is_local && !strcmp(service, "systemd") && strcmp(database, "sudoers") != 0) {
			bool has = false;
			if (!has_records(fetched, !strcmp(database, "group") ? ".group" : ".user", &has, err))
				return false;
			is_local = !has;
		}
		found = !is_local && !*found ? service : found;
	}
	*ret_service = xstrdup(found);
	return true;
}

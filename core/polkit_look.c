#include "core/polkit_look.h"

#include "core/polkit.h"
#include "core/text.h"

#define CONF "/etc/polkit-1/localauthority.conf.d"
#define VENDORS "/usr/share/polkit-1/rules.d"

static const char *const folders[] = {"/etc/polkit-1/rules.d", "/run/polkit-1/rules.d",
				      "/usr/local/share/polkit-1/rules.d", VENDORS};
static const char *const authorities[] = {
	"/etc/polkit-1/localauthority/10-vendor.d", "/etc/polkit-1/localauthority/20-org.d",
	"/etc/polkit-1/localauthority/30-site.d", "/etc/polkit-1/localauthority/50-local.d",
	"/etc/polkit-1/localauthority/90-mandatory.d"};

/* Files of one suffix in a folder; an absent folder has none. */
static bool list(const struct sources *fetched, const char *folder, const char *suffix, json_t *into, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("dir:%s", folder);
	json_t *entries = NULL;
	const json_t *entry;
	size_t i;
	if (!source_maybe_json(fetched, name, &entries, err))
		return false;
	json_array_foreach(entries, i, entry) {
		const char *file = json_string_value(json_object_get(entry, "name"));
		const char *type = json_string_value(json_object_get(entry, "type"));
		if (file && type && text_ends(file, suffix) && (!strcmp(type, "file") || !strcmp(type, "link")))
			json_array_append_new(into, json_sprintf("%s/%s", folder, file));
	}
	return true;
}

static void ask_files(const struct sources *fetched, const char *folder, const char *suffix, struct names *names) {
	CLEANUP(json_decref_p) json_t *files = json_array();
	const json_t *file;
	struct err ignored;
	size_t i;
	names_addf(names, "dir:%s", folder);
	if (list(fetched, folder, suffix, files, &ignored))
		json_array_foreach(files, i, file) names_addf(names, "file:%s", json_string_value(file));
}

void polkit_look_ask(const struct sources *fetched, struct names *names) {
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		ask_files(fetched, folders[i], ".rules", names);
	ask_files(fetched, CONF, ".conf", names);
	for (size_t i = 0; i < ARRAY_LEN(authorities); i++)
		names_addf(names, "dir:%s", authorities[i]);
}

/* Of all folders, by base name; of equal ones the folder that comes first. */
static bool rules_in_order(const struct sources *fetched, json_t **ret_files, struct err *err) {
	CLEANUP(json_decref_p) json_t *all = json_array();
	CLEANUP(json_decref_p) json_t *sorted = json_array();
	const json_t *file;
	size_t i;
	for (i = 0; i < ARRAY_LEN(folders); i++)
		if (!list(fetched, folders[i], ".rules", all, err))
			return false;
	json_array_foreach(all, i, file) {
		const char *base = strrchr(json_string_value(file), '/');
		size_t at = 0;
		while (at < json_array_size(sorted) &&
		       strcmp(strrchr(json_string_value(json_array_get(sorted, at)), '/'), base) <= 0)
			at++;
		json_array_insert(sorted, at, (json_t *)(uintptr_t)file);
	}
	*ret_files = json_incref(sorted);
	return true;
}

static bool text_of(const struct sources *fetched, const char *path, const struct source **ret_source,
		    struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	return source_maybe(fetched, name, ret_source, err);
}

static void add_admins(json_t *admins, const json_t *identities, const char *path) {
	const json_t *identity;
	size_t i;
	json_array_foreach(identities, i, identity)
		json_array_append_new(admins, json_pack("{s:O, s:s}", "identity", identity, "file", path));
}

/* The first plain list decides; what stands behind it is not asked. */
static bool add_rules(const struct sources *fetched, json_t *admins, json_t *opaque, struct err *err) {
	CLEANUP(json_decref_p) json_t *files = NULL;
	bool is_decided = false;
	json_t *file;
	size_t i;
	if (!rules_in_order(fetched, &files, err))
		return false;
	json_array_foreach(files, i, file) {
		const char *path = json_string_value(file);
		const struct source *source = NULL;
		CLEANUP(json_decref_p) json_t *identities = NULL;
		if (!text_of(fetched, path, &source, err))
			return false;
		if (!source)
			continue;
		enum polkit_rules rules = polkit_read(source->bytes.data, source->bytes.len, &identities);
		if (rules == POLKIT_OPAQUE || (rules == POLKIT_GRANTS && !text_starts(path, VENDORS)))
			json_array_append(opaque, file);
		if (rules == POLKIT_ADMINS && !is_decided)
			add_admins(admins, identities, path);
		is_decided |= rules == POLKIT_ADMINS;
	}
	return true;
}

/* The last file that sets it counts. */
static bool add_conf(const struct sources *fetched, json_t *admins, struct err *err) {
	CLEANUP(json_decref_p) json_t *files = json_array();
	CLEANUP(json_decref_p) json_t *last = NULL;
	const char *from = NULL;
	const json_t *file;
	size_t i;
	if (!list(fetched, CONF, ".conf", files, err))
		return false;
	json_array_foreach(files, i, file) {
		const struct source *source = NULL;
		if (!text_of(fetched, json_string_value(file), &source, err))
			return false;
		CLEANUP(free_ptr)
		char *text = source ? xstrndup(source->bytes.data ? source->bytes.data : "", source->bytes.len)
				    : xstrdup("");
		json_t *identities = polkit_read_conf(text);
		if (!identities)
			continue;
		json_decref(last);
		last = identities;
		from = json_string_value(file);
	}
	add_admins(admins, last, from);
	return true;
}

bool polkit_look(const struct sources *fetched, json_t **ret_admins, json_t **ret_files, struct err *err) {
	CLEANUP(json_decref_p) json_t *admins = json_array();
	CLEANUP(json_decref_p) json_t *opaque = json_array();
	if (!add_rules(fetched, admins, opaque, err) || !add_conf(fetched, admins, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(authorities); i++)
		if (!list(fetched, authorities[i], ".pkla", opaque, err))
			return false;
	*ret_admins = json_incref(admins);
	*ret_files = json_incref(opaque);
	return true;
}

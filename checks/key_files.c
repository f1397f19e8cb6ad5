/* Who may read the private keys below declared folders. */
#include <fnmatch.h>

#include "core/accounts.h"
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {
	{"folders", VALUE_STRINGS, true, "Folders that are walked; one that is not there holds no keys."},
	{"names", VALUE_STRINGS, false,
	 "Shell patterns of the file names that are private keys (default *.key *_key privkey*.pem *private*.pem "
	 "*-key.pem *_key.pem id_rsa id_ecdsa id_ed25519). Files are told by name: their content is not read."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "path", .type = VALUE_STRING, .about = "The file."},
	{.name = "mode", .type = VALUE_MODE, .about = "Its permission bits; with an ACL the group's are its mask."},
	{.name = "uid", .type = VALUE_INT, .about = "Its owner's number."},
	{.name = "owner", .type = VALUE_STRING, .about = "Its owner's name; not there when passwd has none."},
	{.name = "group", .type = VALUE_STRING, .about = "Its group's name; not there when /etc/group has none."},
	{.name = "acl_readers",
	 .type = VALUE_STRINGS,
	 .about = "Whom an access list lets read it besides, as user:1000; not there where nobody is."},
	{.name = "acl_writers", .type = VALUE_STRINGS, .about = "Whom it lets write."},
	{.name = "group_access", .type = VALUE_BOOL, .about = "Whether its group may read or write it."},
	{.name = "world_access", .type = VALUE_BOOL, .about = "Whether everybody may read or write it."},
	{0},
};

static const char *const patterns[] = {"tree:/*", ACCOUNTS_SOURCE, GROUPS_SOURCE, NULL};

static const char *const usual_names[] = {"*.key",     "*_key",  "privkey*.pem", "*private*.pem", "*-key.pem",
					  "*_key.pem", "id_rsa", "id_ecdsa",     "id_ed25519"};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *folder;
	names_add(names, ACCOUNTS_SOURCE);
	names_add(names, GROUPS_SOURCE);
	for (size_t i = 0; (folder = param_strings_at(with, "folders", i)); i++)
		names_addf(names, "tree:%s", folder);
}

static void paths(const json_t *with, struct names *into) {
	const char *folder;
	names_add(into, ACCOUNTS_SOURCE);
	names_add(into, GROUPS_SOURCE);
	for (size_t i = 0; (folder = param_strings_at(with, "folders", i)); i++)
		names_add_pattern(into, "tree:", folder);
}

static bool is_key(const json_t *with, const char *path) {
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *pattern;
	for (size_t i = 0; (pattern = param_strings_at(with, "names", i)); i++)
		if (fnmatch(pattern, name, 0) == 0)
			return true;
	for (size_t i = 0; !json_object_get(with, "names") && i < ARRAY_LEN(usual_names); i++)
		if (fnmatch(usual_names[i], name, 0) == 0)
			return true;
	return false;
}

/* What rows share. */
struct look {
	json_t *accounts, *groups, *rows;
};

static bool add_row(const struct look *look, const json_t *entry, const char *where, struct err *err) {
	const char *path = NULL, *mode = NULL;
	int64_t uid = 0, gid = 0;
	unsigned bits = 0;
	if (!json_get_string(entry, "path", where, &path, err) || !json_get_string(entry, "mode", where, &mode, err) ||
	    !json_get_int(entry, "uid", where, &uid, err) || !json_get_int(entry, "gid", where, &gid, err))
		return false;
	if (!text_to_mode(mode, &bits))
		return err_set(err, ERR_MALFORMED, where, "a mode that is none");
	json_t *row = row_add(look->rows);
	row_text(row, "path", path);
	row_text(row, "mode", mode);
	row_int(row, "uid", uid);
	row_text(row, "owner", accounts_name_of(look->accounts, "uid", uid));
	row_text(row, "group", accounts_name_of(look->groups, "gid", gid));
	row_acl(row, json_object_get(entry, "acl"));
	row_bool(row, "group_access", bits & 0060);
	row_bool(row, "world_access", bits & 0006);
	return true;
}

static bool look_below(const struct look *look, const char *folder, const json_t *with, const struct sources *fetched,
		       struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("tree:%s", folder);
	json_t *entries = NULL, *entry;
	if (!source_maybe_json(fetched, name, &entries, err))
		return false;
	size_t i;
	json_array_foreach(entries, i, entry) {
		const char *type = json_string_value(json_object_get(entry, "type"));
		const char *path = json_string_value(json_object_get(entry, "path"));
		if (type && path && !strcmp(type, "file") && is_key(with, path) && !add_row(look, entry, name, err))
			return false;
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	CLEANUP(json_decref_p) json_t *groups = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	bool has_nis = false;
	if (!accounts_need(fetched, &accounts, &has_nis, err) || !groups_need(fetched, &groups, err))
		return false;
	struct look look = {accounts, groups, rows};
	const char *folder;
	for (size_t i = 0; (folder = param_strings_at(with, "folders", i)); i++)
		if (!look_below(&look, folder, with, fetched, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_key_files = {
	.name = "key_files",
	.about = "Who may read the private keys below declared folders.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

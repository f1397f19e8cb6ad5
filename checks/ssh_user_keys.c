/* The private keys in the .ssh folders of accounts that can log in, and whether a passphrase protects them. Files are
 * told by what is in them, not by their names. */
#include "core/accounts.h"
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "path", .type = VALUE_STRING, .about = "The file.", .privacy = PRIVACY_PERSONAL},
	{.name = "user", .type = VALUE_STRING, .about = "Whose home it is in.", .privacy = PRIVACY_PERSONAL},
	{.name = "format", .type = VALUE_STRING, .about = "How it is written: openssh, pem."},
	{.name = "encrypted", .type = VALUE_BOOL, .about = "Whether it needs a passphrase."},
	{0},
};

static const char *const patterns[] = {ACCOUNTS_SOURCE,     "dir:/*/.ssh",     "dir:/.ssh",
				       "keyfile:/*/.ssh/*", "keyfile:/.ssh/*", NULL};

static void paths(const json_t *with, struct names *into) {
	static const char *const usual[] = {
		ACCOUNTS_SOURCE,        "dir:/root/.ssh",         "dir:/home/*/.ssh",         "dir:/var/lib/*/.ssh",
		"keyfile:/root/.ssh/*", "keyfile:/home/*/.ssh/*", "keyfile:/var/lib/*/.ssh/*"};
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		names_add(into, usual[i]);
}

/* "/home/ada/.ssh"; NULL where nobody logs in to the account, or it has no home. The caller frees. */
static char *folder_of(const json_t *account) {
	const char *home = json_string_value(json_object_get(account, "home"));
	if (!accounts_shell_lets_in(json_string_value(json_object_get(account, "shell"))) || !home || home[0] != '/' ||
	    !strcmp(home, "/nonexistent") || text_starts(home, "/dev/"))
		return NULL;
	return xasprintf("%s/.ssh", strcmp(home, "/") ? home : "");
}

/* Of accounts with one home the first names it. */
static bool is_first(const json_t *accounts, size_t index, const char *folder) {
	for (size_t i = 0; i < index; i++) {
		CLEANUP(free_ptr) char *earlier = folder_of(json_array_get(accounts, i));
		if (earlier && !strcmp(earlier, folder))
			return false;
	}
	return true;
}

/* What is no private key by its name: these are read by everybody else too. */
static bool may_be_key(const json_t *entry) {
	const char *type = json_string_value(json_object_get(entry, "type"));
	const char *name = json_string_value(json_object_get(entry, "name"));
	return type && name && !strcmp(type, "file") && !text_ends(name, ".pub") && !text_starts(name, "known_hosts") &&
	       !text_starts(name, "authorized_keys");
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	bool has_nis;
	struct err err;
	names_add(names, ACCOUNTS_SOURCE);
	if (!accounts_need(fetched, &accounts, &has_nis, &err))
		return;
	for (size_t i = 0; i < json_array_size(accounts); i++) {
		CLEANUP(free_ptr) char *folder = folder_of(json_array_get(accounts, i));
		CLEANUP(free_ptr) char *name = folder ? xasprintf("dir:%s", folder) : NULL;
		json_t *entries = NULL, *entry;
		size_t k;
		if (!folder)
			continue;
		names_add(names, name);
		if (!source_maybe_json(fetched, name, &entries, &err))
			continue;
		json_array_foreach(entries, k, entry) if (may_be_key(entry))
			names_addf(names, "keyfile:%s/%s", folder, json_string_value(json_object_get(entry, "name")));
	}
}

static bool add_file(json_t *rows, const struct sources *fetched, const char *folder, const char *file,
		     const json_t *account, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("keyfile:%s/%s", folder, file);
	json_t *key;
	/* What was there when the folder was listed may be gone: that is no failed look. */
	if (!source_maybe_json(fetched, name, &key, err))
		return false;
	if (!key || !json_is_true(json_object_get(key, "key")))
		return true;
	json_t *row = row_add(rows);
	row_text(row, "path", name + strlen("keyfile:"));
	row_text(row, "user", json_string_value(json_object_get(account, "name")));
	row_text(row, "format", json_string_value(json_object_get(key, "format")));
	row_bool(row, "encrypted", json_is_true(json_object_get(key, "encrypted")));
	return true;
}

static bool add_home(json_t *rows, const struct sources *fetched, const char *folder, const json_t *account,
		     struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("dir:%s", folder);
	json_t *entries, *entry;
	size_t i;
	if (!source_maybe_json(fetched, name, &entries, err))
		return false;
	json_array_foreach(entries, i, entry) {
		const char *file = json_string_value(json_object_get(entry, "name"));
		if (may_be_key(entry) && !add_file(rows, fetched, folder, file, account, err))
			return false;
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	bool has_nis;
	if (!accounts_need(fetched, &accounts, &has_nis, err))
		return false;
	for (size_t i = 0; i < json_array_size(accounts); i++) {
		const json_t *account = json_array_get(accounts, i);
		CLEANUP(free_ptr) char *folder = folder_of(account);
		if (folder && is_first(accounts, i, folder) && !add_home(rows, fetched, folder, account, err))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_ssh_user_keys = {
	.name = "ssh_user_keys",
	.about = "The private keys in the .ssh folders of accounts that can log in, and whether a passphrase protects "
		 "them.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

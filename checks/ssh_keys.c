/* With which keys root and the administrators can log in over SSH. */
#include "core/accounts.h"
#include "core/authorized_keys.h"
#include "core/check.h"
#include "core/dropin.h"
#include "core/privileged.h"
#include "core/row.h"
#include "core/sshd_effective.h"
#include "core/text.h"

#define RSA_SHORTEST 1024 /* sshd takes none that is shorter, whatever RequiredRSASize says */
#define USUAL_FILES ".ssh/authorized_keys .ssh/authorized_keys2"

static const struct check_param params[] = {
	{"groups", VALUE_STRINGS, false,
	 "Groups of administrators (default admin sudo wheel); uid 0 is always looked at."},
	{"trusted_services", VALUE_STRINGS, false,
	 "Services of nsswitch.conf that the organisation knows to hold no administrator of this host (default none)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "kind",
	 .type = VALUE_STRING,
	 .about =
		 "key; or command, authority: AuthorizedKeysCommand or TrustedUserCAKeys is set, which lets in by keys "
		 "that are in no such file."},
	{.name = "account", .type = VALUE_STRING, .about = "Whose key it is.", .privacy = PRIVACY_PERSONAL},
	{.name = "uid", .type = VALUE_INT, .about = "The account's number."},
	{.name = "path", .type = VALUE_STRING, .about = "The file.", .privacy = PRIVACY_PERSONAL},
	{.name = "line", .type = VALUE_INT, .about = "The line in it."},
	{.name = "understood", .type = VALUE_BOOL, .about = "Whether the line is a key; sshd passes over others."},
	{.name = "fingerprint", .type = VALUE_STRING, .about = "As ssh-keygen -l prints it: SHA256:..."},
	{.name = "type", .type = VALUE_STRING, .about = "ssh-ed25519, ssh-rsa, ..."},
	{.name = "bits", .type = VALUE_INT, .unit = "bits", .about = "Its size."},
	{.name = "options",
	 .type = VALUE_STRINGS,
	 .about = "The names of its options: from, command, cert-authority, ...; never what they are set to."},
	{.name = "comment", .type = VALUE_STRING, .about = "Its comment.", .privacy = PRIVACY_PERSONAL},
	{.name = "ignored",
	 .type = VALUE_STRING,
	 .about = "Why sshd would not take it as things are: permissions (StrictModes), type or size. A chmod ends the "
		  "first."},
	{0},
};

static const char *const patterns[] = {"file:/*", "dir:/*", "stat:/*", "cmd:sshd-T?*", NULL};

/* The same connections as those of the check sshd, so that sshd is asked once. */
static struct names *users(void) {
	struct names *names = names_new();
	names_add(names, "root");
	names_add(names, "nobody");
	return names;
}

static struct names *addresses(void) {
	struct names *names = names_new();
	names_add(names, "192.0.2.1");
	return names;
}

static const char *text_of(const json_t *object, const char *member) {
	return json_string_value(json_object_get(object, member));
}

static bool read_sshd(const struct sources *fetched, struct sshd_effective *ret_effective, struct err *err) {
	CLEANUP(names_free_p) struct names *who = users();
	CLEANUP(names_free_p) struct names *from = addresses();
	return sshd_effective_read(who, from, fetched, true, ret_effective, err);
}

/* %h, %u, %U and %% (sshd_config(5), TOKENS); what is not absolute is below the home. */
static char *expand(const char *pattern, const json_t *account) {
	CLEANUP(buf_done) struct buf text = {0};
	for (const char *at = pattern; *at; at++) {
		if (*at != '%' || !at[1]) {
			buf_add(&text, at, 1);
			continue;
		}
		at++;
		if (*at == 'h')
			buf_adds(&text, text_of(account, "home"));
		else if (*at == 'u')
			buf_adds(&text, text_of(account, "name"));
		else if (*at == 'U')
			buf_addf(&text, "%lld", (long long)json_integer_value(json_object_get(account, "uid")));
		else
			buf_add(&text, at, 1);
	}
	const char *home = text_of(account, "home");
	return *buf_str(&text) == '/' ? buf_take(&text)
				      : xasprintf("%s/%s", !strcmp(home, "/") ? "" : home, buf_str(&text));
}

/* All values of AuthorizedKeysFile, whichever connection they are for. */
static struct names *file_patterns(const struct sshd_effective *effective) {
	struct names *list = names_new();
	json_t *connection, *text;
	size_t i, k;
	json_array_foreach(effective->connections, i, connection) {
		const json_t *texts = json_object_get(json_object_get(connection, "values"), "authorizedkeysfile");
		json_array_foreach(texts, k, text) {
			CLEANUP(free_ptr) char *copy = xstrdup(json_string_value(text));
			char *rest = copy, *word;
			while ((word = text_word(&rest)))
				if (strcmp(word, "none") != 0)
					names_add(list, word);
		}
	}
	return list;
}

/* The patterns of paths that hold an account's keys. */
static struct names *paths_of(const struct names *file_patterns, const json_t *account) {
	struct names *paths = names_new();
	for (size_t i = 0; i < names_count(file_patterns); i++) {
		CLEANUP(free_ptr) char *path = expand(names_at(file_patterns, i), account);
		names_add(paths, path);
	}
	return paths;
}

/* The folders above a file, below the home or the root. (sshd looks at the home too; that would let the helpers tell
 * of every file below /home, and a key that sshd ignores for that alone only looks as if it did not.) */
static void folders_above(const char *path, const char *home, struct names *folders) {
	CLEANUP(free_ptr) char *at = xstrdup(path);
	char *slash;
	while ((slash = strrchr(at, '/')) && slash > at) {
		*slash = '\0';
		if (!strcmp(at, home))
			return;
		names_add(folders, at);
	}
}

static void ask_file(const char *path, const json_t *account, struct names *names) {
	CLEANUP(names_free_p) struct names *folders = names_new();
	folders_above(path, text_of(account, "home"), folders);
	names_addf(names, "file:%s", path);
	for (size_t i = 0; i < names_count(folders); i++)
		names_addf(names, "stat:%s", names_at(folders, i));
}

static void ask_account(const struct names *file_patterns, const json_t *account, const struct sources *fetched,
			struct names *names) {
	CLEANUP(names_free_p) struct names *wanted = paths_of(file_patterns, account);
	CLEANUP(names_free_p) struct names *paths = names_new();
	struct err ignored;
	for (size_t i = 0; i < names_count(wanted); i++) {
		pathglob_ask(names_at(wanted, i), fetched, names);
		if (!pathglob_list(names_at(wanted, i), fetched, paths, &ignored))
			continue;
	}
	for (size_t i = 0; i < names_count(paths); i++)
		ask_file(names_at(paths, i), account, names);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(names_free_p) struct names *who = users();
	CLEANUP(names_free_p) struct names *from = addresses();
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	CLEANUP(sshd_effective_done) struct sshd_effective effective = {0};
	struct err ignored;
	json_t *account;
	size_t i;
	sshd_effective_ask(who, from, fetched, names);
	privileged_ask(names);
	if (!read_sshd(fetched, &effective, &ignored) || !privileged_need(with, fetched, &accounts, &ignored))
		return;
	CLEANUP(names_free_p) struct names *files = file_patterns(&effective);
	json_array_foreach(accounts, i, account) ask_account(files, account, fetched, names);
}

/* Homes where they usually are; those elsewhere are denied until somebody adds them. */
static void paths(const json_t *with, struct names *into) {
	static const char *const usual[] = {"file:/root/.ssh/authorized_keys*",
					    "stat:/root/.ssh",
					    "file:/home/*/.ssh/authorized_keys*",
					    "stat:/home/*/.ssh",
					    "file:/etc/ssh/authorized_keys/*",
					    "stat:/etc/ssh/authorized_keys",
					    "stat:/etc"};
	(void)with;
	sshd_effective_paths(into);
	privileged_ask(into);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		names_add(into, usual[i]);
}

/* What the rows share. */
struct look {
	const struct sources *fetched;
	const struct sshd_effective *effective;
	json_t *rows;
	int64_t rsa_shortest;
	bool is_strict; /* StrictModes, for some connection */
};

static bool any_value_is(const struct sshd_effective *effective, const char *keyword, const char *value, bool is) {
	json_t *connection;
	size_t i;
	json_array_foreach(effective->connections, i, connection) {
		const json_t *texts = json_object_get(json_object_get(connection, "values"), keyword);
		const char *text = json_string_value(json_array_get(texts, 0));
		if (text && (!strcmp(text, value)) == is)
			return true;
	}
	return false;
}

static int64_t required_rsa(const struct sshd_effective *effective) {
	const json_t *values = json_object_get(json_array_get(effective->connections, 0), "values");
	const char *text = json_string_value(json_array_get(json_object_get(values, "requiredrsasize"), 0));
	unsigned long long number;
	return text && text_to_u64(text, INT32_MAX, &number) && number > RSA_SHORTEST ? (int64_t)number : RSA_SHORTEST;
}

static bool others_may_write(uint32_t mode, int64_t uid, const json_t *account) {
	return (mode & 0022) || (uid != 0 && uid != json_integer_value(json_object_get(account, "uid")));
}

/* sshd's safe_path(): nobody but root and the account owns or may write the file and the folders above it. */
static bool is_unsafe(const struct look *look, const struct source *file, const char *path, const json_t *account,
		      bool *ret_is, struct err *err) {
	CLEANUP(names_free_p) struct names *folders = names_new();
	folders_above(path, text_of(account, "home"), folders);
	*ret_is = others_may_write(file->meta.mode, file->meta.uid, account);
	for (size_t i = 0; i < names_count(folders); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("stat:%s", names_at(folders, i));
		const char *mode;
		json_t *stat;
		unsigned bits;
		int64_t uid;
		if (!source_need_json(look->fetched, name, &stat, err) ||
		    !json_get_string(stat, "mode", name, &mode, err) || !json_get_int(stat, "uid", name, &uid, err))
			return false;
		if (!text_to_mode(mode, &bits))
			return err_set(err, ERR_MALFORMED, name, "a mode that is none");
		*ret_is |= others_may_write(bits, uid, account);
	}
	return true;
}

static const char *why_ignored(const struct look *look, const json_t *key, bool is_unsafe) {
	const char *type = text_of(key, "type");
	const json_t *bits = json_object_get(key, "bits");
	if (!type || !strcmp(type, "ssh-dss"))
		return "type";
	if (!strcmp(type, "ssh-rsa") && bits && json_integer_value(bits) < look->rsa_shortest)
		return "size";
	return is_unsafe && look->is_strict ? "permissions" : NULL;
}

static bool add_file(const struct look *look, const char *path, const json_t *account, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	CLEANUP(json_decref_p) json_t *keys = json_array();
	const struct source *source;
	bool unsafe;
	json_t *key;
	size_t i;
	if (!source_maybe(look->fetched, name, &source, err))
		return false;
	if (!source)
		return true;
	if (!is_unsafe(look, source, path, account, &unsafe, err) ||
	    !authorized_keys_read(name, source->bytes.data, source->bytes.len, keys, err))
		return false;
	json_array_foreach(keys, i, key) {
		row_text(key, "kind", "key");
		row_text(key, "path", path);
		json_object_set(key, "account", json_object_get(account, "name"));
		json_object_set(key, "uid", json_object_get(account, "uid"));
		row_text(key, "ignored", why_ignored(look, key, unsafe));
		json_array_append(look->rows, key);
	}
	return true;
}

static bool add_account(const struct look *look, const struct names *file_patterns, const json_t *account,
			struct err *err) {
	CLEANUP(names_free_p) struct names *wanted = paths_of(file_patterns, account);
	CLEANUP(names_free_p) struct names *found = names_new();
	for (size_t i = 0; i < names_count(wanted); i++)
		if (!pathglob_list(names_at(wanted, i), look->fetched, found, err))
			return false;
	for (size_t i = 0; i < names_count(found); i++)
		if (!add_file(look, names_at(found, i), account, err))
			return false;
	return true;
}

static void add_elsewhere(const struct look *look) {
	static const char *const keywords[][2] = {{"authorizedkeyscommand", "command"},
						  {"trustedusercakeys", "authority"}};
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (any_value_is(look->effective, keywords[i][0], "none", false))
			row_text(row_add(look->rows), "kind", keywords[i][1]);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(sshd_effective_done) struct sshd_effective effective = {0};
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *account;
	size_t i;
	if (!read_sshd(fetched, &effective, err) || !privileged_need(with, fetched, &accounts, err))
		return false;
	if (!effective.installed)
		return err_set(err, ERR_UNPROVED, "stat:/usr/sbin/sshd",
			       "there is no sshd to say where keys are looked for");
	struct look look = {fetched, &effective, rows, required_rsa(&effective),
			    any_value_is(&effective, "strictmodes", "yes", true)};
	CLEANUP(names_free_p) struct names *files = file_patterns(&effective);
	json_array_foreach(accounts, i, account) if (!add_account(&look, files, account, err)) return false;
	add_elsewhere(&look);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_ssh_keys = {
	.name = "ssh_keys",
	.about = "The SSH keys with which root and administrators can log in.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

/* Where packages come from, and whether what comes from there must be signed: the sources of apt and the repositories
 * of dnf. */
#include "core/apt_conf.h"
#include "core/apt_sources.h"
#include "core/check.h"
#include "core/dnf_repos.h"
#include "core/dropin.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

#include <fnmatch.h>
#include <strings.h>

#define APT_MAIN "file:/etc/apt/sources.list"
#define APT_PARTS "/etc/apt/sources.list.d"
#define APT_KEYS "/etc/apt/trusted.gpg.d"
#define APT_KEYRING "file:/etc/apt/trusted.gpg"
#define DNF_ETC "stat:/etc/dnf"
#define DNF_OVERRIDES "dir:/etc/dnf/repos.override.d"
#define TRUST_DISCS "APT::Authentication::TrustCDROM"
#define MIRROR_FILE "mirror+file:"

static const char *const dnf_folders[] = {"/etc/yum.repos.d", "/etc/distro.repos.d", NULL};

static const struct check_param params[] = {
	{"approved", VALUE_STRINGS, false,
	 "Patterns (as in the shell) of hosts, or of whole URIs where there is no host, that packages may come from. "
	 "Default: none."},
	{"scoped_keys", VALUE_BOOL, false,
	 "true: an apt source whose keys are not named by Signed-By, so that all keys are good for it, is weakened. "
	 "Default false."},
	{"signed_metadata", VALUE_BOOL, false,
	 "true: a dnf repository without repo_gpgcheck is weakened. Default false."},
	{"local_packages", VALUE_BOOL, false,
	 "true: without localpkg_gpgcheck every dnf repository counts as weakened. Default false."},
	{0},
};

static const struct check_field fields[] = {
	{"uri", VALUE_STRING, NULL, "What it is fetched from, without a user and password.", PRIVACY_PUBLIC, false},
	{"kind", VALUE_STRING, NULL, "apt or dnf.", PRIVACY_PUBLIC, false},
	{"file", VALUE_STRING, NULL, "Where it is configured.", PRIVACY_PUBLIC, false},
	{"line", VALUE_INT, NULL, "And in which line.", PRIVACY_PUBLIC, false},
	{"id", VALUE_STRING, NULL, "A dnf repository's name.", PRIVACY_PUBLIC, false},
	{"host", VALUE_STRING, NULL, "The host in it; not there for what lies on this machine.", PRIVACY_PUBLIC, false},
	{"mirrors", VALUE_STRINGS, NULL, "The hosts in the list that mirror+file: names.", PRIVACY_PUBLIC, false},
	{"suites", VALUE_STRINGS, NULL, "Suites of an apt source.", PRIVACY_PUBLIC, false},
	{"signed", VALUE_BOOL, NULL, "Whether nothing unsigned is taken from it: nothing weakens it.", PRIVACY_PUBLIC,
	 false},
	{"weakened_by", VALUE_STRINGS, NULL, "The settings that let unsigned things through, or do not ask enough.",
	 PRIVACY_PUBLIC, false},
	{"scoped", VALUE_BOOL, NULL, "Whether keys are named for this apt source alone.", PRIVACY_PUBLIC, false},
	{"keys", VALUE_STRINGS, NULL,
	 "Files of the keys that are good for it, each with the SHA-256 of the file; \"(in the file)\" for one that "
	 "stands in the stanza. OpenPGP fingerprints are not read.",
	 PRIVACY_PUBLIC, false},
	{"approved", VALUE_BOOL, NULL, "Whether all hosts in it are approved.", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {APT_ETC,
				       "file:/etc/apt/apt.conf",
				       "dir:/etc/apt/apt.conf.d",
				       "file:/etc/apt/apt.conf.d/*",
				       APT_MAIN,
				       "dir:" APT_PARTS,
				       "file:" APT_PARTS "/*",
				       "dir:" APT_KEYS,
				       "file:" APT_KEYS "/*",
				       APT_KEYRING,
				       "file:/etc/apt/keyrings/*",
				       "file:/usr/share/keyrings/*",
				       "file:/etc/apt/mirrors/*",
				       "file:/etc/apt/mirrors.*",
				       DNF_ETC,
				       DNF_CONF,
				       DNF_OVERRIDES,
				       "dir:/etc/yum.repos.d",
				       "file:/etc/yum.repos.d/*",
				       "dir:/etc/distro.repos.d",
				       "file:/etc/distro.repos.d/*",
				       "file:/etc/pki/rpm-gpg/*",
				       NULL};

/* Everything of a look that rows need. */
struct look {
	const json_t *with;
	const struct sources *fetched;
	json_t *rows;
	json_t *apt;       /* of core/apt_sources.h */
	json_t *weakening; /* settings of apt that weaken every source */
	bool trusts_discs; /* and one that weakens discs */
};

static bool is_named(const json_t *entry, const char *suffix) {
	const char *type = json_string_value(json_object_get(entry, "type"));
	return type && strcmp(type, "dir") != 0 &&
	       is_apt_name(json_string_value(json_object_get(entry, "name")), suffix, false);
}

/* The names of a folder's files with this suffix. */
static void ask_folder(const char *folder, const char *suffix, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *source = xasprintf("dir:%s", folder);
	struct err ignored;
	json_t *list = NULL, *entry;
	size_t i;
	names_add(names, source);
	if (!source_maybe_json(fetched, source, &list, &ignored))
		return;
	json_array_foreach(list, i, entry) if (is_named(entry, suffix))
		names_addf(names, "file:%s/%s", folder, json_string_value(json_object_get(entry, "name")));
}

/* Appends what is in one file of sources, if it is there. */
static bool read_file(const struct sources *fetched, const char *name, json_t *list, struct err *err) {
	const struct source *source;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	if (!source)
		return true;
	const char *text = buf_str(&source->bytes);
	return text_ends(name, ".sources") ? apt_sources_deb822(name, text, source->bytes.len, list, err)
					   : apt_sources_list(name, text, source->bytes.len, list, err);
}

static bool read_apt(const struct sources *fetched, json_t *list, struct err *err) {
	static const char *const suffixes[] = {".list", ".sources"};
	json_t *folder = NULL, *entry;
	size_t i;
	if (!read_file(fetched, APT_MAIN, list, err) || !source_maybe_json(fetched, "dir:" APT_PARTS, &folder, err))
		return false;
	json_array_foreach(folder, i, entry) {
		CLEANUP(free_ptr)
		char *path = xasprintf("file:" APT_PARTS "/%s", json_string_value(json_object_get(entry, "name")));
		if ((is_named(entry, suffixes[0]) || is_named(entry, suffixes[1])) &&
		    !read_file(fetched, path, list, err))
			return false;
	}
	return true;
}

/* Keys and lists of mirrors that sources name. */
static void ask_apt_more(const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	struct err ignored;
	json_t *source, *key;
	size_t i, k;
	if (!read_apt(fetched, list, &ignored))
		return;
	json_array_foreach(list, i, source) {
		const char *uri = json_string_value(json_object_get(source, "uri"));
		json_array_foreach(json_object_get(source, "signed_by"), k, key) if (*json_string_value(key) == '/')
			names_addf(names, "file:%s", json_string_value(key));
		if (text_starts(uri, MIRROR_FILE)) {
			const char *path = uri + strlen(MIRROR_FILE);
			names_addf(names, "file:/%s", path + strspn(path, "/"));
		}
	}
}

/* All repositories that dnf would use, of the files that are there. */
static bool read_dnf(const struct sources *fetched, struct dnf_main *main, json_t *list, struct err *err) {
	const struct source *conf, *file;
	json_t *folder = NULL, *entry;
	if (!source_maybe(fetched, DNF_CONF, &conf, err) ||
	    (conf && (!dnf_main_read(conf, main, err) || !dnf_repos_read(conf, main, list, err))))
		return false;
	for (size_t i = 0, k; dnf_folders[i]; i++) {
		CLEANUP(free_ptr) char *name = xasprintf("dir:%s", dnf_folders[i]);
		if (!source_maybe_json(fetched, name, &folder, err))
			return false;
		json_array_foreach(folder, k, entry) {
			CLEANUP(free_ptr)
			char *path = xasprintf("file:%s/%s", dnf_folders[i],
					       json_string_value(json_object_get(entry, "name")));
			if (is_named(entry, ".repo") && (!source_maybe(fetched, path, &file, err) ||
							 (file && !dnf_repos_read(file, main, list, err))))
				return false;
		}
	}
	return true;
}

static void ask_dnf_keys(const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	struct dnf_main main = {0};
	struct err ignored;
	json_t *repo, *key;
	size_t i, k;
	if (!read_dnf(fetched, &main, list, &ignored))
		return;
	json_array_foreach(list, i, repo) json_array_foreach(json_object_get(repo, "keys"), k,
							     key) if (text_starts(json_string_value(key), "file:///"))
		names_addf(names, "file:%s", json_string_value(key) + strlen("file://"));
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	apt_conf_ask(fetched, names);
	names_add(names, APT_MAIN);
	ask_folder(APT_PARTS, ".list", fetched, names);
	ask_folder(APT_PARTS, ".sources", fetched, names);
	ask_folder(APT_KEYS, ".gpg", fetched, names);
	ask_folder(APT_KEYS, ".asc", fetched, names);
	names_add(names, APT_KEYRING);
	ask_apt_more(fetched, names);
	names_add(names, DNF_ETC);
	names_add(names, DNF_CONF);
	names_add(names, DNF_OVERRIDES);
	for (size_t i = 0; dnf_folders[i]; i++)
		ask_folder(dnf_folders[i], ".repo", fetched, names);
	ask_dnf_keys(fetched, names);
}

static bool is_approved(const json_t *with, const char *host, const char *uri) {
	const char *pattern;
	for (size_t i = 0; (pattern = param_strings_at(with, "approved", i)); i++)
		if (fnmatch(pattern, *host ? host : uri, 0) == 0)
			return true;
	return false;
}

/* A list of mirrors has a URI at the start of each line. */
static bool add_mirrors(const struct look *look, json_t *row, const char *uri, struct err *err) {
	const char *path = uri + strlen(MIRROR_FILE), *pattern = uri;
	CLEANUP(free_ptr) char *name = xasprintf("file:/%s", path + strspn(path, "/"));
	const struct source *list;
	bool is_all = true, is_any = false;
	if (!source_need(look->fetched, name, &list, err))
		return false;
	CLEANUP(lines_done) struct lines lines = lines_over(name, list->bytes.data, list->bytes.len);
	for (char *line; (line = lines_next(&lines));) {
		char *rest = line, *mirror = text_word(&rest);
		if (!mirror || *mirror == '#')
			continue;
		CLEANUP(free_ptr) char *host = uri_host(mirror);
		CLEANUP(free_ptr) char *plain = uri_without_user(mirror);
		pattern = plain;
		is_any = true;
		is_all = is_all && is_approved(look->with, host, pattern);
		row_text_append(row, "mirrors", *host ? host : plain);
	}
	row_bool(row, "approved", is_any && is_all);
	return lines_ok(&lines, err);
}

static void weaken(json_t *row, const char *by) { row_text_append(row, "weakened_by", by); }

static void add_key(const struct look *look, json_t *row, const char *path) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	const struct source *file = sources_get(look->fetched, name);
	char hex[HASH_HEX];
	bool is_read = file && !file->err.code;
	CLEANUP(free_ptr)
	char *text = xasprintf("%s %s", path, is_read ? hash_hex(&file->sha256, hex) : "(not read)");
	row_text_append(row, "keys", text);
}

/* The keys that are good for every source that names none. */
static bool add_all_keys(const struct look *look, json_t *row, struct err *err) {
	const struct source *ring;
	json_t *folder = NULL, *entry;
	size_t i;
	if (!source_maybe(look->fetched, APT_KEYRING, &ring, err) ||
	    !source_maybe_json(look->fetched, "dir:" APT_KEYS, &folder, err))
		return false;
	if (ring)
		add_key(look, row, source_path(ring));
	json_array_foreach(folder, i, entry) {
		CLEANUP(free_ptr)
		char *path = xasprintf(APT_KEYS "/%s", json_string_value(json_object_get(entry, "name")));
		if (is_named(entry, ".gpg") || is_named(entry, ".asc"))
			add_key(look, row, path);
	}
	return true;
}

static bool add_apt_keys(const struct look *look, json_t *row, const json_t *source, struct err *err) {
	json_t *key, *named = json_object_get(source, "signed_by");
	bool has_path = false, has_key = json_is_true(json_object_get(source, "has_key"));
	size_t i;
	json_array_foreach(named, i, key) if (*json_string_value(key) == '/') {
		has_path = true;
		add_key(look, row, json_string_value(key));
	}
	if (has_key)
		row_text_append(row, "keys", "(in the file)");
	bool is_scoped = has_key || json_array_size(named) > 0;
	row_bool(row, "scoped", is_scoped);
	if (!is_scoped && param_bool(look->with, "scoped_keys", false))
		weaken(row, "no Signed-By");
	return has_path || has_key || add_all_keys(look, row, err);
}

static bool add_apt(const struct look *look, const json_t *source, struct err *err) {
	static const char *const lax[][2] = {{"trusted", "trusted=yes"},
					     {"allow_insecure", "allow-insecure=yes"},
					     {"allow_weak", "allow-weak=yes"},
					     {"allow_downgrade", "allow-downgrade-to-insecure=yes"}};
	const char *uri = json_string_value(json_object_get(source, "uri"));
	const char *file = json_string_value(json_object_get(source, "file"));
	CLEANUP(free_ptr) char *host = uri_host(uri);
	json_t *row = row_add(look->rows), *setting;
	size_t i;
	row_text(row, "kind", "apt");
	row_text(row, "file", file + strlen("file:"));
	row_int(row, "line", json_integer_value(json_object_get(source, "line")));
	row_text(row, "uri", uri);
	row_text(row, "host", *host ? host : NULL);
	json_object_set(row, "suites", json_object_get(source, "suites"));
	json_object_set_new(row, "weakened_by", json_array());
	for (i = 0; i < ARRAY_LEN(lax); i++)
		if (json_is_true(json_object_get(source, lax[i][0])))
			weaken(row, lax[i][1]);
	json_array_foreach(look->weakening, i, setting) weaken(row, json_string_value(setting));
	if (look->trusts_discs && text_starts(uri, "cdrom:"))
		weaken(row, TRUST_DISCS);
	if (!add_apt_keys(look, row, source, err))
		return false;
	row_bool(row, "signed", json_array_size(json_object_get(row, "weakened_by")) == 0);
	if (text_starts(uri, MIRROR_FILE))
		return add_mirrors(look, row, uri, err);
	row_bool(row, "approved", is_approved(look->with, host, uri));
	return true;
}

/* What apt's own configuration says of all sources; unproved where it makes apt read others. */
static bool read_weakening(struct look *look, const struct apt_conf *conf, struct err *err) {
	static const char *const lax[] = {"Acquire::AllowInsecureRepositories", "Acquire::AllowWeakRepositories",
					  "Acquire::AllowDowngradeToInsecureRepositories",
					  "APT::Get::AllowUnauthenticated"};
	static const char *const elsewhere[] = {
		"RootDir",        "Dir::Etc::sourcelist", "Dir::Etc::sourceparts", "Dir::Etc::parts",
		"Dir::Etc::main", "Dir::Etc::trusted",    "Dir::Etc::trustedparts"};
	/* Here what lies below has names of its own. */
	static const char *const alone[] = {"Dir", "Dir::Etc"};
	static const char *const checkers[] = {"APT::Key::gpgvcommand", "Dir::Bin::gpg",     "Dir::Bin::gpgv",
					       "Dir::Bin::methods",     "Dir::Bin::apt-key", "Acquire::gpgv::Options"};
	for (size_t i = 0; i < ARRAY_LEN(alone); i++)
		if (apt_conf_get(conf, alone[i]) && *apt_conf_get(conf, alone[i]))
			return err_set(err, ERR_UNPROVED, "dir:/etc/apt/apt.conf.d", "%s: apt reads other files",
				       alone[i]);
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		const char *value = apt_conf_any(conf, elsewhere[i]);
		if (value)
			return err_set(err, ERR_UNPROVED, "dir:/etc/apt/apt.conf.d", "%s \"%s\": apt reads other files",
				       elsewhere[i], value);
	}
	look->trusts_discs = apt_conf_any_bool(conf, TRUST_DISCS);
	for (size_t i = 0; i < ARRAY_LEN(lax); i++)
		if (apt_conf_any_bool(conf, lax[i]))
			json_array_append_new(look->weakening, json_string(lax[i]));
	for (size_t i = 0; i < ARRAY_LEN(checkers); i++)
		if (apt_conf_any(conf, checkers[i]))
			json_array_append_new(look->weakening, json_string(checkers[i]));
	return true;
}

static bool run_apt(struct look *look, struct err *err) {
	CLEANUP(apt_conf_free_p) struct apt_conf *conf = NULL;
	json_t *source;
	size_t i;
	if (!apt_conf_read(look->fetched, &conf, err) || !read_weakening(look, conf, err) ||
	    !read_apt(look->fetched, look->apt, err))
		return false;
	json_array_foreach(look->apt, i, source) if (!add_apt(look, source, err)) return false;
	return true;
}

static void add_dnf_keys(const struct look *look, json_t *row, const json_t *keys) {
	json_t *key;
	size_t i;
	json_array_foreach(keys, i, key) {
		const char *text = json_string_value(key);
		if (text_starts(text, "file:///"))
			add_key(look, row, text + strlen("file://"));
		else
			row_text_append(row, "keys", text);
	}
}

static void add_dnf(const struct look *look, const struct dnf_main *main, const json_t *repo, const char *uri) {
	CLEANUP(free_ptr) char *plain = uri_without_user(uri);
	CLEANUP(free_ptr) char *host = uri_host(uri);
	json_t *row = row_add(look->rows);
	row_text(row, "kind", "dnf");
	row_text(row, "file", json_string_value(json_object_get(repo, "file")) + strlen("file:"));
	row_int(row, "line", json_integer_value(json_object_get(repo, "line")));
	row_text(row, "id", json_string_value(json_object_get(repo, "id")));
	row_text(row, "uri", plain);
	row_text(row, "host", *host ? host : NULL);
	json_object_set_new(row, "weakened_by", json_array());
	if (!json_is_true(json_object_get(repo, "gpgcheck")))
		weaken(row, "gpgcheck=0");
	if (!json_is_true(json_object_get(repo, "repo_gpgcheck")) && param_bool(look->with, "signed_metadata", false))
		weaken(row, "repo_gpgcheck=0");
	if (!main->localpkg_gpgcheck && param_bool(look->with, "local_packages", false))
		weaken(row, "localpkg_gpgcheck=0");
	row_bool(row, "signed", json_array_size(json_object_get(row, "weakened_by")) == 0);
	add_dnf_keys(look, row, json_object_get(repo, "keys"));
	row_bool(row, "approved", is_approved(look->with, host, plain));
}

static bool run_dnf(const struct look *look, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	struct dnf_main main = {0};
	json_t *overrides = NULL, *repo, *uri;
	size_t i, k;
	if (!source_maybe_json(look->fetched, DNF_OVERRIDES, &overrides, err) ||
	    !read_dnf(look->fetched, &main, list, err))
		return false;
	if (json_array_size(overrides) > 0 || main.is_elsewhere)
		return err_set(err, ERR_UNPROVED, DNF_CONF,
			       "reposdir, or a file in /etc/dnf/repos.override.d: dnf reads what is not read here");
	json_array_foreach(list, i, repo) json_array_foreach(json_object_get(repo, "uris"), k, uri)
		add_dnf(look, &main, repo, json_string_value(uri));
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *apt = json_array();
	CLEANUP(json_decref_p) json_t *weakening = json_array();
	struct look look = {with, fetched, rows, apt, weakening, false};
	const struct source *has_apt, *has_dnf;
	json_t *yum = NULL;
	if (!source_maybe(fetched, APT_ETC, &has_apt, err) || !source_maybe(fetched, DNF_ETC, &has_dnf, err) ||
	    !source_maybe_json(fetched, "dir:/etc/yum.repos.d", &yum, err))
		return false;
	if (!has_apt && !has_dnf && !yum)
		return err_set(err, ERR_UNPROVED, APT_ETC, "neither apt nor dnf is configured here");
	if ((has_apt && !run_apt(&look, err)) || ((has_dnf || yum) && !run_dnf(&look, err)))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_repository = {
	.name = "repository",
	.about = "Where packages come from, by apt and dnf, and whether what comes from there must be signed.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

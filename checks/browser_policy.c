/* Whether the browsers that are installed may look names up by DNS over HTTPS, as the policies say that the
 * administrator gives them: what a user sets in a browser counts only where these leave it to him. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define POLICY_LARGEST (1U << 20)
#define SYSTEM "stat:/usr/bin" /* that a browser is missing means something only where programs can be seen */
#define FIREFOX_SYSTEM "file:/etc/firefox/policies/policies.json"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "browser", .type = VALUE_STRING, .about = "The program, or the folder of a snap."},
	{.name = "policy", .type = VALUE_STRING, .about = "The file that decides; not there where none does."},
	{.name = "mode",
	 .type = VALUE_STRING,
	 .about = "off; secure: DNS over HTTPS alone; automatic: it where the browser likes; unset: nobody says."},
	{.name = "locked", .type = VALUE_BOOL, .about = "Whether users cannot change that."},
	{.name = "provider", .type = VALUE_STRING, .about = "The server, where the policy names one."},
	{0},
};

static const struct browser {
	const char *program, *policies; /* policies: a folder (Chromium), or a file (Firefox) */
} browsers[] = {
	{"/usr/bin/chromium", "/etc/chromium/policies/managed"},
	{"/usr/bin/chromium-browser", "/etc/chromium-browser/policies/managed"},
	{"/snap/chromium/current", "/etc/chromium-browser/policies/managed"},
	{"/usr/lib64/chromium-browser/chromium-browser", "/etc/chromium/policies/managed"},
	{"/opt/google/chrome/chrome", "/etc/opt/chrome/policies/managed"},
	{"/opt/microsoft/msedge/msedge", "/etc/opt/edge/policies/managed"},
	{"/opt/brave.com/brave/brave", "/etc/brave/policies/managed"},
	{"/usr/lib/firefox-esr/firefox-esr", "/usr/lib/firefox-esr/distribution/policies.json"},
	{"/usr/lib/firefox/firefox", "/usr/lib/firefox/distribution/policies.json"},
	{"/usr/lib64/firefox/firefox", "/usr/lib64/firefox/distribution/policies.json"},
	{"/opt/firefox/firefox", "/opt/firefox/distribution/policies.json"},
	{"/snap/firefox/current", "/snap/firefox/current/usr/lib/firefox/distribution/policies.json"},
};

/* What is in them only they see. */
static const char *const sealed[] = {
	"/var/lib/flatpak/app/org.mozilla.firefox", "/var/lib/flatpak/app/org.chromium.Chromium",
	"/var/lib/flatpak/app/com.google.Chrome", "/var/lib/flatpak/app/com.microsoft.Edge",
	"/var/lib/flatpak/app/com.brave.Browser"};

static const char *const patterns[] = {SYSTEM,
				       FIREFOX_SYSTEM,
				       "stat:/usr/bin/chromium*",
				       "stat:/usr/lib*/*",
				       "stat:/snap/*/current",
				       "stat:/opt/*",
				       "stat:/var/lib/flatpak/app/*",
				       "dir:/etc/*/policies/managed",
				       "dir:/etc/opt/*/policies/managed",
				       "file:/etc/*/policies/managed/*",
				       "file:/etc/opt/*/policies/managed/*",
				       "file:/usr/lib*/*/distribution/policies.json",
				       "file:/opt/firefox/distribution/policies.json",
				       "file:/snap/firefox/*",
				       NULL};

static bool is_firefox(const struct browser *browser) { return text_ends(browser->policies, ".json"); }

static void paths(const json_t *with, struct names *into) {
	names_add(into, SYSTEM);
	names_add(into, FIREFOX_SYSTEM);
	for (size_t i = 0; i < ARRAY_LEN(browsers); i++) {
		names_add_pattern(into, "stat:", browsers[i].program);
		names_addf(into, is_firefox(&browsers[i]) ? "file:%s" : "dir:%s", browsers[i].policies);
		if (!is_firefox(&browsers[i]))
			names_addf(into, "file:%s/*", browsers[i].policies);
	}
	for (size_t i = 0; i < ARRAY_LEN(sealed); i++)
		names_add_pattern(into, "stat:", sealed[i]);
}

static bool is_there(const char *path, const struct sources *fetched, bool *ret_is_there, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("stat:%s", path);
	const struct source *source = NULL;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	*ret_is_there = source != NULL;
	return true;
}

static void ask_folder(const char *folder, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *name = xasprintf("dir:%s", folder);
	json_t *entries = NULL, *entry;
	struct err ignored;
	size_t i;
	names_add(names, name);
	if (!source_maybe_json(fetched, name, &entries, &ignored))
		return;
	json_array_foreach(entries, i, entry) {
		const char *type = json_string_value(json_object_get(entry, "type"));
		if (type && (!strcmp(type, "file") || !strcmp(type, "link")))
			names_addf(names, "file:%s/%s", folder, json_string_value(json_object_get(entry, "name")));
	}
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	struct err ignored;
	bool is_installed;
	names_add(names, SYSTEM);
	for (size_t i = 0; i < ARRAY_LEN(sealed); i++)
		names_addf(names, "stat:%s", sealed[i]);
	for (size_t i = 0; i < ARRAY_LEN(browsers); i++) {
		names_addf(names, "stat:%s", browsers[i].program);
		if (!is_there(browsers[i].program, fetched, &is_installed, &ignored) || !is_installed)
			continue;
		if (!is_firefox(&browsers[i])) {
			ask_folder(browsers[i].policies, fetched, names);
			continue;
		}
		names_add(names, FIREFOX_SYSTEM);
		names_addf(names, "file:%s", browsers[i].policies);
	}
}

static bool read_policy(const struct source *source, json_t **ret_policy, struct err *err) {
	CLEANUP(json_decref_p) json_t *policy = NULL;
	if (!json_read(source->bytes.data, source->bytes.len, POLICY_LARGEST, source->name, &policy, err))
		return false;
	if (!json_is_object(policy))
		return err_set(err, ERR_MALFORMED, source->name, "not an object");
	*ret_policy = json_incref(policy);
	return true;
}

static void decide(json_t *row, const char *file, const char *mode, bool is_locked, const char *provider) {
	row_text(row, "policy", file + strlen("file:"));
	row_text(row, "mode", mode);
	row_bool(row, "locked", is_locked);
	row_text(row, "provider", provider);
}

/* Chromium reads every file of the folder, whatever its name, and takes each setting from the last that has it. */
static bool look_at_chromium(const struct browser *browser, const struct sources *fetched, json_t *row,
			     struct err *err) {
	CLEANUP(free_ptr) char *folder = xasprintf("dir:%s", browser->policies);
	json_t *entries = NULL, *entry;
	size_t i;
	if (!source_maybe_json(fetched, folder, &entries, err))
		return false;
	json_array_foreach(entries, i, entry) {
		const char *type = json_string_value(json_object_get(entry, "type"));
		if (!type || (strcmp(type, "file") != 0 && strcmp(type, "link") != 0))
			continue;
		CLEANUP(free_ptr)
		char *name =
			xasprintf("file:%s/%s", browser->policies, json_string_value(json_object_get(entry, "name")));
		CLEANUP(json_decref_p) json_t *policy = NULL;
		const struct source *source = NULL;
		if (!source_maybe(fetched, name, &source, err) || (source && !read_policy(source, &policy, err)))
			return false;
		const char *mode = json_string_value(json_object_get(policy, "DnsOverHttpsMode"));
		const char *server = json_string_value(json_object_get(policy, "DnsOverHttpsTemplates"));
		if (mode)
			decide(row, name, mode, true, NULL);
		row_text(row, "provider", server);
	}
	return true;
}

/* The file in /etc counts alone where there is one. */
static bool look_at_firefox(const struct browser *browser, const struct sources *fetched, json_t *row,
			    struct err *err) {
	CLEANUP(free_ptr) char *own = xasprintf("file:%s", browser->policies);
	CLEANUP(json_decref_p) json_t *policy = NULL;
	const struct source *source = NULL;
	if (!source_maybe(fetched, FIREFOX_SYSTEM, &source, err) ||
	    (!source && !source_maybe(fetched, own, &source, err)))
		return false;
	if (!source)
		return true;
	if (!read_policy(source, &policy, err))
		return false;
	const json_t *doh = json_object_get(json_object_get(policy, "policies"), "DNSOverHTTPS");
	if (!json_is_object(doh))
		return true;
	const json_t *enabled = json_object_get(doh, "Enabled");
	bool is_alone = json_is_false(json_object_get(doh, "Fallback"));
	decide(row, source->name,
	       json_is_false(enabled)              ? "off"
	       : json_is_true(enabled) && is_alone ? "secure"
						   : "automatic",
	       json_is_true(json_object_get(doh, "Locked")), json_string_value(json_object_get(doh, "ProviderURL")));
	return true;
}

static bool look_at(const struct browser *browser, const struct sources *fetched, json_t *rows, struct err *err) {
	bool is_installed;
	if (!is_there(browser->program, fetched, &is_installed, err))
		return false;
	if (!is_installed)
		return true;
	json_t *row = row_add(rows);
	row_text(row, "browser", browser->program);
	row_text(row, "mode", "unset");
	row_bool(row, "locked", false);
	return is_firefox(browser) ? look_at_firefox(browser, fetched, row, err)
				   : look_at_chromium(browser, fetched, row, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const struct source *programs;
	bool is_installed;
	if (!source_need(fetched, SYSTEM, &programs, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(browsers); i++)
		if (!look_at(&browsers[i], fetched, rows, err))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(sealed); i++) {
		if (!is_there(sealed[i], fetched, &is_installed, err))
			return false;
		if (is_installed)
			return err_set(err, ERR_UNPROVED, sealed[i],
				       "a browser from flatpak: which policies it sees cannot be told from outside");
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_browser_policy = {
	.name = "browser_policy",
	.about = "Whether browsers may look names up by DNS over HTTPS, by the administrator's policies.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

/* Kernel settings: what runs, and what the configuration would set at the next boot (sysctl.d(5), systemd-sysctl(8)).
 */
#include <fnmatch.h>

#include "core/check.h"
#include "core/dropin.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"

#define PROOF "file:/proc/sys/kernel/ostype"
#define UFW_CONFIG "file:/etc/ufw/ufw.conf"
#define UFW_DEFAULTS "file:/etc/default/ufw"
#define UFW_SYSCTL "file:/etc/ufw/sysctl.conf"

static const char *const folders[] = {"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d",
				      NULL};

static const struct check_param params[] = {
	{"keys", VALUE_STRINGS, true,
	 "The settings to look at, as net.ipv4.ip_forward; a * stands for every entry of a folder: "
	 "net.ipv4.conf.*.rp_filter."},
	{0},
};

static const struct check_field fields[] = {
	{"key", VALUE_STRING, NULL, "The setting.", PRIVACY_PUBLIC, false},
	{"asked", VALUE_STRING, NULL, "The key of the rule that it was found for, * and all.", PRIVACY_PUBLIC, false},
	{"exists", VALUE_BOOL, NULL, "Whether this kernel has the setting.", PRIVACY_PUBLIC, false},
	{"running", VALUE_STRING, NULL, "What the kernel does now.", PRIVACY_PUBLIC, false},
	{"number", VALUE_INT, NULL, "The same as a number, where it is one.", PRIVACY_PUBLIC, false},
	{"persistent", VALUE_STRING, NULL, "What systemd-sysctl would set at boot; not there when nothing sets it.",
	 PRIVACY_PUBLIC, false},
	{"persistent_file", VALUE_STRING, NULL, "The file that decides it.", PRIVACY_PUBLIC, false},
	{"ufw", VALUE_STRING, NULL, "What ufw sets after that, when ufw is enabled and sets it.", PRIVACY_PUBLIC,
	 false},
	{"survives", VALUE_BOOL, NULL,
	 "Whether boot would end with the running value; not there where no configuration sets it.", PRIVACY_PUBLIC,
	 false},
	{0},
};

static const char *const patterns[] = {"file:/proc/sys/*",
				       "dir:/proc/sys/*",
				       "dir:/etc/sysctl.d",
				       "dir:/run/sysctl.d",
				       "dir:/usr/local/lib/sysctl.d",
				       "dir:/usr/lib/sysctl.d",
				       "stat:/etc/sysctl.d/*",
				       "stat:/run/sysctl.d/*",
				       "stat:/usr/local/lib/sysctl.d/*",
				       "stat:/usr/lib/sysctl.d/*",
				       "file:/etc/sysctl.d/*",
				       "file:/run/sysctl.d/*",
				       "file:/usr/local/lib/sysctl.d/*",
				       "file:/usr/lib/sysctl.d/*",
				       UFW_CONFIG,
				       UFW_DEFAULTS,
				       UFW_SYSCTL,
				       NULL};

/* The two ways to write a key turn into each other by swapping dots and slashes. */
static char *swapped(const char *key) {
	char *text = xstrdup(key);
	for (char *p = text; *p; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	return text;
}

/* The path below /proc/sys: a key whose first separator is a slash is one already (systemd's rule). */
static char *key_path(const char *key) {
	const char *separator = strpbrk(key, "/.");
	if (!separator || *separator == '.')
		return swapped(key);
	return xstrdup(key + (*key == '/'));
}

/* Splits "net/ipv4/conf/ * /rp_filter" around its first wildcard component; false without one. */
static bool split_star(const char *path, char **ret_folder, const char **ret_rest) {
	const char *star = strstr(path, "/*");
	if (!star || (star[2] != '/' && star[2] != '\0'))
		return false;
	*ret_folder = xstrndup(path, (size_t)(star - path));
	*ret_rest = star + 2;
	return true;
}

/* The paths that a key of the rule stands for. An absent folder: the key itself, which then does not exist. */
static bool expand(const char *path, const struct sources *fetched, struct names *paths, struct err *err) {
	CLEANUP(free_ptr) char *folder = NULL;
	const char *rest;
	const struct source *source;
	json_t *list, *entry;
	size_t i;
	if (!split_star(path, &folder, &rest)) {
		names_add(paths, path);
		return true;
	}
	CLEANUP(free_ptr) char *name = xasprintf("dir:/proc/sys/%s", folder);
	if (!source_maybe(fetched, name, &source, err))
		return false;
	if (!source) {
		names_add(paths, path);
		return true;
	}
	if (!source_json(source, &list, err))
		return false;
	json_array_foreach(list, i, entry)
		names_addf(paths, "%s/%s%s", folder, json_string_value(json_object_get(entry, "name")), rest);
	return true;
}

static void ask_key(const char *key, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *path = key_path(key);
	CLEANUP(free_ptr) char *folder = NULL;
	CLEANUP(names_free_p) struct names *paths = names_new();
	const char *rest;
	struct err ignored;
	if (split_star(path, &folder, &rest))
		names_addf(names, "dir:/proc/sys/%s", folder);
	if (expand(path, fetched, paths, &ignored))
		for (size_t i = 0; i < names_count(paths); i++)
			names_addf(names, "file:/proc/sys/%s", names_at(paths, i));
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *key;
	names_add(names, PROOF);
	names_add(names, UFW_CONFIG);
	names_add(names, UFW_DEFAULTS);
	names_add(names, UFW_SYSCTL);
	dropins_ask(folders, ".conf", fetched, names);
	for (size_t i = 0; (key = param_strings_at(with, "keys", i)); i++)
		ask_key(key, fetched, names);
}

/* A * of a key stands for one entry of a folder, which the kernel names; in a pattern it stands for as much. */
static void paths(const json_t *with, struct names *into) {
	const char *key, *rest;
	names_add(into, PROOF);
	names_add(into, UFW_CONFIG);
	names_add(into, UFW_DEFAULTS);
	names_add(into, UFW_SYSCTL);
	dropins_paths(folders, ".conf", into);
	for (size_t i = 0; (key = param_strings_at(with, "keys", i)); i++) {
		CLEANUP(free_ptr) char *path = key_path(key);
		CLEANUP(free_ptr) char *folder = NULL;
		names_addf(into, "file:/proc/sys/%s", path);
		if (split_star(path, &folder, &rest))
			names_addf(into, "dir:/proc/sys/%s", folder);
	}
}

/* One assignment into options, an object in the order of the lines: {path: {"value"?, "file"}}. A later assignment
 * replaces an earlier one and goes behind, unless it says the same: then the earlier one stays; one without value
 * ("-key") takes the key out of every wildcard. */
static void take_option(json_t *options, const char *key, const char *value, const char *file) {
	CLEANUP(free_ptr) char *path = key_path(key);
	const char *earlier = json_string_value(json_object_get(json_object_get(options, path), "value"));
	if (earlier && value && !strcmp(earlier, value))
		return;
	json_t *option = json_object();
	row_text(option, "value", value);
	row_text(option, "file", file);
	json_object_del(options, path);
	if (json_object_set_new(options, path, option) != 0)
		return; /* not UTF-8: names no setting */
}

static bool read_options(const struct source *source, json_t *options, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value;
	while ((line = lines_next(&lines))) {
		bool assigns = strchr(line, '=') != NULL;
		if (!setting_split(line, '=', "#;", &key, &value))
			continue;
		bool dashed = *key == '-';
		key += dashed;
		if (assigns)
			take_option(options, text_trim(key), value, source_path(source));
		else if (dashed)
			take_option(options, text_trim(key), NULL, source_path(source));
	}
	return lines_ok(&lines, err);
}

static bool read_persistent(const struct sources *fetched, json_t *options, struct err *err) {
	CLEANUP(dropins_done) struct dropins dropins = {0};
	if (!dropins_read(folders, ".conf", fetched, &dropins, err))
		return false;
	for (size_t i = 0; i < dropins.count; i++)
		if (!read_options(dropins.files[i], options, err))
			return false;
	return true;
}

/* What decides a path: an explicit assignment wherever it stands, else the last wildcard that covers it. NULL when
 * nothing does. */
static const json_t *winner(json_t *options, const char *path) {
	const json_t *explicit = json_object_get(options, path);
	const json_t *last = NULL;
	const char *key;
	json_t *option;
	if (explicit)
		return json_object_get(explicit, "value") ? explicit : NULL;
	json_object_foreach(options, key, option) if (json_object_get(option, "value") && is_pathglob(key) &&
						      !fnmatch(key, path, FNM_PATHNAME)) last = option;
	return last;
}

/* The value of KEY=value in a file of shell assignments, the last one; NULL when it is not there. */
static bool shell_value(const struct sources *fetched, const char *name, const char *wanted, char **ret_value,
			struct err *err) {
	const struct source *source;
	char *line, *key, *value;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	if (!source)
		return true;
	CLEANUP(lines_done) struct lines lines = lines_over(name, source->bytes.data, source->bytes.len);
	while ((line = lines_next(&lines)))
		if (setting_split(line, '=', "#", &key, &value) && !strcmp(key, wanted)) {
			free(*ret_value);
			*ret_value = xstrdup(setting_unquote(value));
		}
	return lines_ok(&lines, err);
}

/* ufw re-applies its own file when it starts, which is after systemd-sysctl. */
static bool read_ufw(const struct sources *fetched, json_t *options, struct err *err) {
	CLEANUP(free_ptr) char *enabled = NULL;
	CLEANUP(free_ptr) char *file = NULL;
	const struct source *source;
	if (!shell_value(fetched, UFW_CONFIG, "ENABLED", &enabled, err) ||
	    !shell_value(fetched, UFW_DEFAULTS, "IPT_SYSCTL", &file, err))
		return false;
	if (!enabled || strcasecmp(enabled, "yes") != 0 || !file || strcmp(file, "/etc/ufw/sysctl.conf") != 0)
		return true;
	if (!source_maybe(fetched, UFW_SYSCTL, &source, err))
		return false;
	return !source || read_options(source, options, err);
}

/* The kernel separates several values by tabs, people by spaces. */
static char *plain_value(const char *text) {
	struct buf plain = {0};
	while (*(text += strspn(text, " \t\n"))) {
		size_t len = strcspn(text, " \t\n");
		buf_adds(&plain, plain.len ? " " : "");
		buf_add(&plain, text, len);
		text += len;
	}
	return buf_take(&plain);
}

static void add_number(json_t *row, const char *text) {
	unsigned long long number;
	bool negative = *text == '-';
	if (text_to_u64(text + negative, INT64_MAX, &number))
		row_int(row, "number", negative ? -(int64_t)number : (int64_t)number);
}

static void add_configured(json_t *row, json_t *options, json_t *ufw, const char *path, const char *running) {
	const json_t *persistent = winner(options, path), *by_ufw = winner(ufw, path);
	const json_t *last = by_ufw ? by_ufw : persistent;
	if (persistent) {
		row_text(row, "persistent", json_string_value(json_object_get(persistent, "value")));
		row_text(row, "persistent_file", json_string_value(json_object_get(persistent, "file")));
	}
	if (by_ufw)
		row_text(row, "ufw", json_string_value(json_object_get(by_ufw, "value")));
	if (!last || !running)
		return;
	CLEANUP(free_ptr) char *value = plain_value(json_string_value(json_object_get(last, "value")));
	row_bool(row, "survives", !strcmp(value, running));
}

static bool add_path(json_t *rows, const struct sources *fetched, const char *asked, const char *path, json_t *options,
		     json_t *ufw, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:/proc/sys/%s", path);
	CLEANUP(free_ptr) char *key = swapped(path);
	CLEANUP(free_ptr) char *running = NULL;
	const struct source *source;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "key", key);
	row_text(row, "asked", asked);
	row_bool(row, "exists", source != NULL);
	if (source) {
		running = plain_value(buf_str(&source->bytes));
		row_text(row, "running", running);
		add_number(row, running);
	}
	add_configured(row, options, ufw, path, running);
	return true;
}

static bool add_key(json_t *rows, const struct sources *fetched, const char *key, json_t *options, json_t *ufw,
		    struct err *err) {
	CLEANUP(free_ptr) char *path = key_path(key);
	CLEANUP(names_free_p) struct names *paths = names_new();
	if (!expand(path, fetched, paths, err))
		return false;
	for (size_t i = 0; i < names_count(paths); i++)
		if (!add_path(rows, fetched, key, names_at(paths, i), options, ufw, err))
			return false;
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *options = json_object();
	CLEANUP(json_decref_p) json_t *ufw = json_object();
	const struct source *proof;
	const char *key;
	if (!source_maybe(fetched, PROOF, &proof, err))
		return false;
	if (!proof)
		return err_set(err, ERR_UNPROVED, PROOF, "no /proc here to see the kernel's settings in");
	if (!read_persistent(fetched, options, err) || !read_ufw(fetched, ufw, err))
		return false;
	for (size_t i = 0; (key = param_strings_at(with, "keys", i)); i++)
		if (!add_key(rows, fetched, key, options, ufw, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_sysctl = {
	.name = "sysctl",
	.about = "Kernel settings: the running value, and the one that the configuration would set at boot.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

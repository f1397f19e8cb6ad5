/* Kernel modules: loaded, built in, and whether modprobe would load them (modprobe.d(5)). */
#include <fnmatch.h>

#include "core/check.h"
#include "core/dropin.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

#define PROOF "file:/proc/sys/kernel/ostype"
#define RELEASE "file:/proc/sys/kernel/osrelease"
#define LOADED "file:/proc/modules"
#define LOCK "file:/proc/sys/kernel/modules_disabled"
#define SIGNED "file:/sys/module/module/parameters/sig_enforce"

static const char *const folders[] = {"/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
				      "/usr/lib/modprobe.d", "/lib/modprobe.d", NULL};

static const struct check_param params[] = {
	{"names", VALUE_STRINGS, true, "The modules to look at; - and _ are the same."},
	{0},
};

static const struct check_field fields[] = {
	{"name", VALUE_STRING, NULL, "The module, with _.", PRIVACY_PUBLIC, false},
	{"loaded", VALUE_BOOL, NULL, "Whether the kernel holds it now.", PRIVACY_PUBLIC, false},
	{"builtin", VALUE_BOOL, NULL, "Whether it is part of the running kernel's image.", PRIVACY_PUBLIC, false},
	{"available", VALUE_BOOL, NULL, "Whether the running kernel has it to load.", PRIVACY_PUBLIC, false},
	{"blocked", VALUE_BOOL, NULL, "Whether modprobe runs false or true instead of loading it (install).",
	 PRIVACY_PUBLIC, false},
	{"blocked_by", VALUE_STRING, NULL, "The file that says so.", PRIVACY_PUBLIC, false},
	{"blacklisted", VALUE_BOOL, NULL, "Whether it is blacklisted: no alias loads it any more, its name still does.",
	 PRIVACY_PUBLIC, false},
	{"modules_disabled", VALUE_BOOL, NULL, "Whether the kernel takes no module at all any more.", PRIVACY_PUBLIC,
	 false},
	{"signatures_enforced", VALUE_BOOL, NULL, "Whether it takes only signed ones.", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {PROOF,
				       RELEASE,
				       LOADED,
				       LOCK,
				       SIGNED,
				       "dir:/*/modprobe.d",
				       "stat:/*/modprobe.d/*",
				       "file:/*/modprobe.d/*",
				       "file:/lib/modules/*/modules.builtin",
				       "file:/lib/modules/*/modules.dep",
				       "stat:/sys/module/*",
				       NULL};

/* The name as the kernel writes it. */
static char *plain_name(const char *name) {
	char *text = xstrdup(name);
	for (char *p = text; *p; p++)
		*p = *p == '-' ? '_' : *p;
	return text;
}

/* The release, without its newline; NULL where it was not read. */
static char *release_of(const struct sources *fetched) {
	const struct source *source = sources_get(fetched, RELEASE);
	if (!source || source->err.code)
		return NULL;
	const char *text = buf_str(&source->bytes);
	return xstrndup(text, strcspn(text, "\n"));
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(free_ptr) char *release = release_of(fetched);
	const char *asked;
	names_add(names, PROOF);
	names_add(names, RELEASE);
	names_add(names, LOADED);
	names_add(names, LOCK);
	names_add(names, SIGNED);
	dropins_ask(folders, ".conf", fetched, names);
	if (release) {
		names_addf(names, "file:/lib/modules/%s/modules.builtin", release);
		names_addf(names, "file:/lib/modules/%s/modules.dep", release);
	}
	for (size_t i = 0; (asked = param_strings_at(with, "names", i)); i++) {
		CLEANUP(free_ptr) char *name = plain_name(asked);
		names_addf(names, "stat:/sys/module/%s", name);
	}
}

static void paths(const json_t *with, struct names *into) {
	static const char *const fixed[] = {PROOF,
					    RELEASE,
					    LOADED,
					    LOCK,
					    SIGNED,
					    "file:/lib/modules/*/modules.builtin",
					    "file:/lib/modules/*/modules.dep"};
	const char *asked;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		names_add(into, fixed[i]);
	dropins_paths(folders, ".conf", into);
	for (size_t i = 0; (asked = param_strings_at(with, "names", i)); i++) {
		CLEANUP(free_ptr) char *name = plain_name(asked);
		CLEANUP(free_ptr) char *path = xasprintf("/sys/module/%s", name);
		names_add_pattern(into, "stat:", path);
	}
}

/* What modprobe.d says: {"install": {pattern: file of the first line that blocks, or ""}, "blacklist": {name: file}}.
 * modprobe runs the first install line that fits and no other. */
struct modprobe {
	json_t *install, *blacklist;
};

static void modprobe_done(struct modprobe *modprobe) {
	json_decref(modprobe->install);
	json_decref(modprobe->blacklist);
}

/* Whether a command only says no: false or true alone, with arguments that no shell would make more of. */
static bool is_refusal(const char *command) {
	static const char *const refusals[] = {"/bin/false",    "/usr/bin/false", "/bin/true",
					       "/usr/bin/true", "false",          "true"};
	size_t len = strcspn(command, " \t");
	const char *rest = command + len + strspn(command + len, " \t");
	if (*rest != '#' && strpbrk(rest, ";&|`$<>()\\\""))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (strlen(refusals[i]) == len && !strncmp(command, refusals[i], len))
			return true;
	return false;
}

static char *cut_word(char **at) {
	char *word = *at + strspn(*at, " \t");
	char *end = word + strcspn(word, " \t");
	*at = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static void take_statement(struct modprobe *modprobe, char *text, const char *file) {
	char *at = text;
	const char *word = cut_word(&at);
	bool installs = !strcmp(word, "install");
	if (!installs && strcmp(word, "blacklist") != 0)
		return;
	CLEANUP(free_ptr) char *name = plain_name(cut_word(&at));
	json_t *into = installs ? modprobe->install : modprobe->blacklist;
	if (*name && !json_object_get(into, name))
		json_object_set_new(into, name, json_string(!installs || is_refusal(text_trim(at)) ? file : ""));
}

/* Lines that end in a backslash go on in the next one. */
static bool read_config(const struct source *source, struct modprobe *modprobe, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	CLEANUP(buf_done) struct buf whole = {0};
	char *line;
	while ((line = lines_next(&lines))) {
		size_t len = strlen(line);
		bool goes_on = len > 0 && line[len - 1] == '\\';
		buf_add(&whole, line, len - goes_on);
		if (goes_on)
			continue;
		CLEANUP(free_ptr) char *statement = buf_take(&whole);
		char *text = text_trim(statement);
		if (*text != '#')
			take_statement(modprobe, text, source_path(source));
	}
	return lines_ok(&lines, err);
}

static bool read_modprobe(const struct sources *fetched, struct modprobe *modprobe, struct err *err) {
	CLEANUP(dropins_done) struct dropins dropins = {0};
	if (!dropins_read(folders, ".conf", fetched, &dropins, err))
		return false;
	for (size_t i = 0; i < dropins.count; i++)
		if (!read_config(dropins.files[i], modprobe, err))
			return false;
	return true;
}

/* The file of the first install line for this module if that line blocks it, else NULL. */
static const char *blocker(const struct modprobe *modprobe, const char *name) {
	const char *pattern;
	json_t *file;
	json_object_foreach(modprobe->install, pattern,
			    file) if (!fnmatch(pattern, name, 0)) return *json_string_value(file)
		? json_string_value(file)
		: NULL;
	return NULL;
}

/* Whether a list of paths ("kernel/fs/cramfs/cramfs.ko.xz: ...") names the module. */
static bool lists_module(const struct source *list, const char *name, bool *ret_listed, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(list->name, list->bytes.data, list->bytes.len);
	char *line;
	bool listed = false;
	while (!listed && (line = lines_next(&lines))) {
		line[strcspn(line, ":")] = '\0';
		const char *slash = strrchr(line, '/');
		CLEANUP(free_ptr) char *base = plain_name(slash ? slash + 1 : line);
		char *dot = strstr(base, ".ko");
		if (dot)
			*dot = '\0';
		listed = !strcmp(base, name);
	}
	*ret_listed = listed;
	return lines_ok(&lines, err);
}

static bool is_loaded(const struct source *modules, const char *name) {
	size_t len = strlen(name);
	for (const char *at = modules ? buf_str(&modules->bytes) : NULL; at && *at;) {
		if (!strncmp(at, name, len) && at[len] == ' ')
			return true;
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return false;
}

/* Adds a field when the kernel's list of this name can be read; a kernel that is not this system's has none. */
static bool add_listed(json_t *row, const char *field, const struct sources *fetched, const char *release,
		       const char *file, const char *name, struct err *err) {
	CLEANUP(free_ptr) char *source_name = xasprintf("file:/lib/modules/%s/%s", release, file);
	const struct source *list;
	bool listed;
	if (!source_maybe(fetched, source_name, &list, err))
		return false;
	if (!list)
		return true;
	if (!lists_module(list, name, &listed, err))
		return false;
	row_bool(row, field, listed);
	return true;
}

static bool add_flag(json_t *row, const char *field, const struct sources *fetched, const char *name, struct err *err) {
	const struct source *source;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	const char *text = source ? buf_str(&source->bytes) : "";
	row_bool(row, field, *text == '1' || *text == 'Y');
	return true;
}

/* /sys/module has loaded modules, and built-in ones that have parameters. */
static bool add_module(json_t *rows, const struct sources *fetched, const struct modprobe *modprobe,
		       const char *release, const char *asked, struct err *err) {
	CLEANUP(free_ptr) char *name = plain_name(asked);
	CLEANUP(free_ptr) char *sys_name = xasprintf("stat:/sys/module/%s", name);
	const struct source *modules, *sys;
	if (!source_maybe(fetched, LOADED, &modules, err) || !source_maybe(fetched, sys_name, &sys, err))
		return false;
	json_t *row = row_add(rows);
	bool loaded = is_loaded(modules, name);
	row_text(row, "name", name);
	row_bool(row, "loaded", loaded);
	if (!add_listed(row, "builtin", fetched, release, "modules.builtin", name, err) ||
	    !add_listed(row, "available", fetched, release, "modules.dep", name, err))
		return false;
	if (sys && !loaded)
		row_bool(row, "builtin", true);
	if (!modules)
		row_bool(row, "available", false); /* a kernel without modules */
	row_bool(row, "blocked", blocker(modprobe, name) != NULL);
	row_text(row, "blocked_by", blocker(modprobe, name));
	row_bool(row, "blacklisted", json_object_get(modprobe->blacklist, name) != NULL);
	return add_flag(row, "modules_disabled", fetched, LOCK, err) &&
	       add_flag(row, "signatures_enforced", fetched, SIGNED, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(modprobe_done) struct modprobe modprobe = {json_object(), json_object()};
	CLEANUP(free_ptr) char *release = release_of(fetched);
	const struct source *proof;
	const char *name;
	if (!source_maybe(fetched, PROOF, &proof, err))
		return false;
	if (!proof || !release)
		return err_set(err, ERR_UNPROVED, PROOF, "no /proc here to see the kernel's modules in");
	if (!read_modprobe(fetched, &modprobe, err))
		return false;
	for (size_t i = 0; (name = param_strings_at(with, "names", i)); i++)
		if (!add_module(rows, fetched, &modprobe, release, name, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_kmod = {
	.name = "kmod",
	.about = "Kernel modules: loaded, built in, and whether modprobe would load them.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

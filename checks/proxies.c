/* The proxies that programs of this host are told to use: by the environment of logins and services, and by apt. A
 * proxy looks names up itself, past the host's DNS servers. */
#include <strings.h>

#include "core/apt_conf.h"
#include "core/check.h"
#include "core/dropin.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"

#define ENVIRONMENT "file:/etc/environment"
#define MANAGER "file:/etc/systemd/system.conf"

static const char *const manager_folders[] = {"/etc/systemd/system.conf.d", "/run/systemd/system.conf.d",
					      "/usr/local/lib/systemd/system.conf.d", "/usr/lib/systemd/system.conf.d",
					      NULL};
static const char *const user_folders[] = {"/etc/environment.d", "/run/environment.d", "/usr/lib/environment.d", NULL};

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "file", .type = VALUE_STRING, .about = "Where it is set; apt: in apt's configuration."},
	{.name = "setting", .type = VALUE_STRING, .about = "The variable or the setting."},
	{.name = "proxy",
	 .type = VALUE_STRING,
	 .about = "HOST:PORT as it stands there, without user and password; automatic where a program or a script is "
		  "to find it."},
	{.name = "login", .type = VALUE_BOOL, .about = "Whether a user or password stands there as well."},
	{0},
};

static const char *const patterns[] = {ETC_SOURCE,
				       ENVIRONMENT,
				       MANAGER,
				       APT_ETC,
				       "file:/etc/apt/*",
				       "dir:/etc/apt/*",
				       "stat:/etc/apt/*",
				       "dir:/*/systemd/system.conf.d",
				       "stat:/*/systemd/system.conf.d/*",
				       "file:/*/systemd/system.conf.d/*",
				       "dir:/*/environment.d",
				       "stat:/*/environment.d/*",
				       "file:/*/environment.d/*",
				       NULL};

static void paths(const json_t *with, struct names *into) {
	static const char *const fixed[] = {ETC_SOURCE, ENVIRONMENT, MANAGER, APT_ETC};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		names_add(into, fixed[i]);
	dropins_paths(manager_folders, ".conf", into);
	dropins_paths(user_folders, ".conf", into);
	apt_conf_paths(into);
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, ETC_SOURCE);
	names_add(names, ENVIRONMENT);
	names_add(names, MANAGER);
	names_add(names, APT_ETC);
	dropins_ask(manager_folders, ".conf", fetched, names);
	dropins_ask(user_folders, ".conf", fetched, names);
	apt_conf_ask(fetched, names);
}

/* "http://user:secret@proxy.example:3128/" is proxy.example:3128, with a login. */
static void add_row(json_t *rows, const char *file, const char *setting, const char *value) {
	const char *scheme = strstr(value, "://"), *start = scheme ? scheme + 3 : value;
	size_t len = strcspn(start, "/");
	const char *at = memrchr(start, '@', len);
	json_t *row = row_add(rows);
	CLEANUP(free_ptr) char *proxy = at ? xstrndup(at + 1, len - (size_t)(at + 1 - start)) : xstrndup(start, len);
	row_text(row, "file", file);
	row_text(row, "setting", setting);
	row_text(row, "proxy", proxy);
	row_bool(row, "login", at != NULL);
}

/* Environment variables have it in small letters or in large ones. */
static void take_variable(json_t *rows, const char *file, const char *key, const char *value) {
	static const char *const names[] = {"http_proxy", "https_proxy", "ftp_proxy", "all_proxy"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcasecmp(key, names[i]) && *value)
			add_row(rows, file, key, value);
	if (!strcasecmp(key, "auto_proxy") && *value)
		add_row(rows, file, key, "automatic");
}

static bool read_environment(const struct source *source, json_t *rows, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value;
	while ((line = lines_next(&lines))) {
		char *text = text_trim(line);
		if (text_starts(text, "export "))
			text += strlen("export ");
		if (setting_split(text, '=', "#", &key, &value))
			take_variable(rows, source_path(source), key, setting_unquote(value));
	}
	return lines_ok(&lines, err);
}

/* DefaultEnvironment="a=b" c=d 'e=f'; an empty one takes back what was before, which would only find too much. */
static void read_assignments(char *text, const char *file, json_t *rows) {
	char *word;
	while ((word = text_word(&text))) {
		word += strspn(word, "\"'");
		word[strcspn(word, "\"'")] = '\0';
		char *equals = strchr(word, '=');
		if (!equals)
			continue;
		*equals = '\0';
		take_variable(rows, file, word, equals + 1);
	}
}

static bool read_manager(const struct source *source, json_t *rows, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value, *section;
	bool is_ours = false;
	while ((line = lines_next(&lines))) {
		if ((section = setting_section(line)))
			is_ours = !strcmp(section, "Manager");
		else if (setting_split(line, '=', "#;", &key, &value) && is_ours && !strcmp(key, "DefaultEnvironment"))
			read_assignments(value, source_path(source), rows);
	}
	return lines_ok(&lines, err);
}

static bool read_folders(const char *const *folders, const struct sources *fetched, json_t *rows,
			 bool (*read)(const struct source *source, json_t *rows, struct err *err), struct err *err) {
	CLEANUP(dropins_done) struct dropins dropins = {0};
	if (!dropins_read(folders, ".conf", fetched, &dropins, err))
		return false;
	for (size_t i = 0; i < dropins.count; i++)
		if (!read(dropins.files[i], rows, err))
			return false;
	return true;
}

static bool read_apt(const struct sources *fetched, json_t *rows, struct err *err) {
	static const char *const fixed[] = {"Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::ftp::Proxy"};
	static const char *const found[] = {"Acquire::http::Proxy-Auto-Detect", "Acquire::http::ProxyAutoDetect",
					    "Acquire::https::Proxy-Auto-Detect"};
	CLEANUP(apt_conf_free_p) struct apt_conf *conf = NULL;
	const struct source *folder;
	if (!source_maybe(fetched, APT_ETC, &folder, err))
		return false;
	if (!folder)
		return true;
	if (!apt_conf_read(fetched, &conf, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		const char *value = apt_conf_get(conf, fixed[i]);
		if (value && *value && strcasecmp(value, "DIRECT") != 0 && strcasecmp(value, "false") != 0)
			add_row(rows, "apt", fixed[i], value);
	}
	for (size_t i = 0; i < ARRAY_LEN(found); i++) {
		const char *value = apt_conf_get(conf, found[i]);
		if (value && *value)
			add_row(rows, "apt", found[i], "automatic");
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const struct source *environment, *manager;
	if (!etc_maybe(fetched, ENVIRONMENT, &environment, err) || !etc_maybe(fetched, MANAGER, &manager, err))
		return false;
	if ((environment && !read_environment(environment, rows, err)) ||
	    (manager && !read_manager(manager, rows, err)) ||
	    !read_folders(manager_folders, fetched, rows, read_manager, err) ||
	    !read_folders(user_folders, fetched, rows, read_environment, err) || !read_apt(fetched, rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_proxies = {
	.name = "proxies",
	.about = "The proxies that the environment of logins and services, and apt, name.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

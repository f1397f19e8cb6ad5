#include "core/dnf.h"

#include <fnmatch.h>
#include <strings.h>

#include "core/lines.h"
#include "core/setting.h"
#include "core/text.h"

#define LOCKS "file:/etc/dnf/plugins/versionlock.list"
#define LOCKS_5 "file:/etc/dnf/versionlock.toml"

struct reader {
	const struct source *conf;
	bool (*use)(void *context, const struct dnf_setting *setting, struct err *err);
	void *context;
	char *section, *key; /* owned; key NULL: none is open */
	struct buf value;
	unsigned line;
};

static void reader_done(struct reader *reader) {
	free(reader->section);
	free(reader->key);
	buf_done(&reader->value);
}

/* The setting that was open is whole. */
static bool finish(struct reader *reader, struct err *err) {
	if (!reader->key)
		return true;
	struct dnf_setting setting = {reader->section, reader->key, buf_str(&reader->value), reader->line};
	bool is_taken = reader->use(reader->context, &setting, err);
	free(reader->key);
	reader->key = NULL;
	buf_done(&reader->value);
	return is_taken;
}

static void begin(struct reader *reader, const char *key, const char *value, unsigned line) {
	reader->key = xstrdup(key);
	reader->line = line;
	buf_adds(&reader->value, value);
}

static bool take_line(struct reader *reader, char *line, unsigned number, struct err *err) {
	char *key, *value;
	bool goes_on = (*line == ' ' || *line == '\t') && reader->key && *reader->key;
	const char *first = line + strspn(line, " \t\r");
	if (!*first || *first == '#' || *first == ';')
		return true;
	if (goes_on) {
		buf_addf(&reader->value, " %s", text_trim(line));
		return true;
	}
	if (!finish(reader, err))
		return false;
	if (*first == '[') {
		char *section = setting_section(line);
		if (!section)
			return err_set_at(err, ERR_MALFORMED, reader->conf->name, number, 0,
					  "a section without its end");
		free(reader->section);
		reader->section = xstrdup(section);
		begin(reader, "", "", number);
		return true;
	}
	if (!strchr(line, '=') || !setting_split(line, '=', "", &key, &value))
		return err_set_at(err, ERR_MALFORMED, reader->conf->name, number, 0, "neither a section nor a setting");
	begin(reader, key, value, number);
	return true;
}

bool dnf_conf_read(const struct source *conf,
		   bool (*use)(void *context, const struct dnf_setting *setting, struct err *err), void *context,
		   struct err *err) {
	CLEANUP(reader_done) struct reader reader = {conf, use, context, xstrdup(""), NULL, {0}, 0};
	CLEANUP(lines_done) struct lines lines = lines_over(conf->name, conf->bytes.data, conf->bytes.len);
	for (char *line; (line = lines_next(&lines));)
		if (!take_line(&reader, line, lines.number, err))
			return false;
	return lines_ok(&lines, err) && finish(&reader, err);
}

bool dnf_bool(const char *value, bool *ret_value) {
	static const char *const words[][2] = {{"0", "1"},    {"no", "yes"},           {"false", "true"},
					       {"off", "on"}, {"disabled", "enabled"}, {"never", "always"}};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (int truth = 0; truth < 2; truth++)
			if (!strcasecmp(value, words[i][truth])) {
				*ret_value = truth;
				return true;
			}
	return false;
}

void dnf_locks_ask(struct names *names) {
	names_add(names, LOCKS);
	names_add(names, LOCKS_5);
	names_add(names, DNF_CONF);
}

static bool read_list(const struct source *list, struct names *patterns, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(list->name, list->bytes.data, list->bytes.len);
	for (char *line; (line = lines_next(&lines));) {
		line[strcspn(line, "#")] = '\0';
		const char *pattern = text_trim(line);
		if (*pattern && *pattern != '!')
			names_add(patterns, pattern);
	}
	return lines_ok(&lines, err);
}

/* `name = "bash"` below [[packages]]; which versions its conditions let through makes no difference here. */
static bool read_toml(const struct source *list, struct names *patterns, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(list->name, list->bytes.data, list->bytes.len);
	char *key, *value;
	for (char *line; (line = lines_next(&lines));)
		if (setting_split(line, '=', "#[", &key, &value) && !strcmp(key, "name"))
			names_add(patterns, setting_unquote(value));
	return lines_ok(&lines, err);
}

static bool take_exclude(void *context, const struct dnf_setting *setting, struct err *err) {
	if (strcmp(setting->section, "main") != 0 ||
	    (strcmp(setting->key, "exclude") != 0 && strcmp(setting->key, "excludepkgs") != 0))
		return true;
	CLEANUP(free_ptr) char *list = xstrdup(setting->value);
	for (char *at = list; *at; at++)
		*at = *at == ',' ? ' ' : *at;
	for (char *rest = list, *word; (word = text_word(&rest));)
		names_add(context, word);
	return true;
}

bool dnf_locks_read(const struct sources *fetched, struct names *patterns, struct err *err) {
	const struct source *list, *toml, *conf;
	return source_maybe(fetched, LOCKS, &list, err) && source_maybe(fetched, LOCKS_5, &toml, err) &&
	       source_maybe(fetched, DNF_CONF, &conf, err) && (!list || read_list(list, patterns, err)) &&
	       (!toml || read_toml(toml, patterns, err)) && (!conf || dnf_conf_read(conf, take_exclude, patterns, err));
}

static const char *part_of(const json_t *package, const char *key) {
	const char *text = json_string_value(json_object_get(package, key));
	return text ? text : "";
}

bool is_dnf_locked(const struct names *patterns, const json_t *package) {
	const char *name = part_of(package, "name"), *version = part_of(package, "version");
	const char *release = part_of(package, "release"), *arch = part_of(package, "arch");
	long long epoch = json_integer_value(json_object_get(package, "epoch"));
	bool is_locked = false;
	if (names_count(patterns) == 0)
		return false;
	char *const forms[] = {
		xstrdup(name),
		xasprintf("%s.%s", name, arch),
		xasprintf("%s-%s-%s", name, version, release),
		xasprintf("%s-%s-%s.%s", name, version, release, arch),
		xasprintf("%s-%lld:%s-%s", name, epoch, version, release),
		xasprintf("%s-%lld:%s-%s.%s", name, epoch, version, release, arch),
	};
	for (size_t form = 0; form < ARRAY_LEN(forms); form++) {
		for (size_t i = 0; i < names_count(patterns); i++)
			is_locked = is_locked || fnmatch(names_at(patterns, i), forms[form], 0) == 0;
		free(forms[form]);
	}
	return is_locked;
}

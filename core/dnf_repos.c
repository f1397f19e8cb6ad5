#include "core/dnf_repos.h"

#include "core/text.h"

/* Settings that are yes or no, by what evidence calls them. */
static bool take_flag(const struct source *file, const struct dnf_setting *setting, bool *flag, struct err *err) {
	return dnf_bool(setting->value, flag) ||
	       err_set_at(err, ERR_MALFORMED, file->name, setting->line, 0, "%s is neither yes nor no", setting->key);
}

static bool is_key(const struct dnf_setting *setting, const char *key) { return !strcmp(setting->key, key); }

struct main_reader {
	const struct source *conf;
	struct dnf_main main;
};

static bool take_main(void *context, const struct dnf_setting *setting, struct err *err) {
	struct main_reader *reader = context;
	if (strcmp(setting->section, "main") != 0)
		return true;
	if (is_key(setting, "gpgcheck") || is_key(setting, "pkg_gpgcheck"))
		return take_flag(reader->conf, setting, &reader->main.gpgcheck, err);
	if (is_key(setting, "repo_gpgcheck"))
		return take_flag(reader->conf, setting, &reader->main.repo_gpgcheck, err);
	if (is_key(setting, "localpkg_gpgcheck"))
		return take_flag(reader->conf, setting, &reader->main.localpkg_gpgcheck, err);
	reader->main.is_elsewhere = reader->main.is_elsewhere || is_key(setting, "reposdir");
	return true;
}

bool dnf_main_read(const struct source *conf, struct dnf_main *ret_main, struct err *err) {
	struct main_reader reader = {.conf = conf};
	if (!dnf_conf_read(conf, take_main, &reader, err))
		return false;
	*ret_main = reader.main;
	return true;
}

struct repos_reader {
	const struct source *file;
	const struct dnf_main *main;
	json_t *list;
	json_t *repo; /* the one being read; owned; NULL: none */
	bool is_enabled;
};

static void finish(struct repos_reader *reader) {
	if (reader->repo && reader->is_enabled)
		json_array_append(reader->list, reader->repo);
	json_decref(reader->repo);
	reader->repo = NULL;
}

static void begin(struct repos_reader *reader, const struct dnf_setting *setting) {
	finish(reader);
	if (!strcmp(setting->section, "main"))
		return;
	reader->is_enabled = true;
	reader->repo = json_pack("{s:s,s:i,s:o,s:[],s:[],s:b,s:b}", "file", reader->file->name, "line",
				 (int)setting->line, "id", json_text(setting->section), "uris", "keys", "gpgcheck",
				 reader->main->gpgcheck, "repo_gpgcheck", reader->main->repo_gpgcheck);
}

static void append_words(json_t *list, const char *text) {
	CLEANUP(free_ptr) char *copy = xstrdup(text);
	for (char *at = copy; *at; at++)
		*at = *at == ',' ? ' ' : *at;
	for (char *rest = copy, *word; (word = text_word(&rest));)
		json_array_append_new(list, json_text(word));
}

static bool take_check(const struct repos_reader *reader, const struct dnf_setting *setting, const char *member,
		       struct err *err) {
	bool flag;
	if (!take_flag(reader->file, setting, &flag, err))
		return false;
	json_object_set_new(reader->repo, member, json_boolean(flag));
	return true;
}

static bool take_repo(void *context, const struct dnf_setting *setting, struct err *err) {
	struct repos_reader *reader = context;
	if (!*setting->key)
		begin(reader, setting);
	if (!reader->repo || !*setting->key)
		return true;
	if (is_key(setting, "enabled"))
		return take_flag(reader->file, setting, &reader->is_enabled, err);
	if (is_key(setting, "gpgcheck") || is_key(setting, "pkg_gpgcheck"))
		return take_check(reader, setting, "gpgcheck", err);
	if (is_key(setting, "repo_gpgcheck"))
		return take_check(reader, setting, "repo_gpgcheck", err);
	if (is_key(setting, "baseurl") || is_key(setting, "metalink") || is_key(setting, "mirrorlist"))
		append_words(json_object_get(reader->repo, "uris"), setting->value);
	if (is_key(setting, "gpgkey"))
		append_words(json_object_get(reader->repo, "keys"), setting->value);
	return true;
}

bool dnf_repos_read(const struct source *file, const struct dnf_main *main, json_t *list, struct err *err) {
	struct repos_reader reader = {.file = file, .main = main, .list = list};
	bool is_read = dnf_conf_read(file, take_repo, &reader, err);
	if (is_read)
		finish(&reader);
	json_decref(reader.repo);
	return is_read;
}

#include "core/journald_conf.h"

#include "core/dropin.h"
#include "core/lines.h"
#include "core/setting.h"

static const char *const folders[] = {"/etc/systemd/journald.conf.d", "/run/systemd/journald.conf.d",
				      "/usr/local/lib/systemd/journald.conf.d", "/usr/lib/systemd/journald.conf.d",
				      NULL};

void journald_conf_ask(const struct sources *fetched, struct names *names) {
	names_add(names, JOURNALD_CONF);
	dropins_ask(folders, ".conf", fetched, names);
}

void journald_conf_paths(struct names *patterns) {
	names_add(patterns, JOURNALD_CONF);
	dropins_paths(folders, ".conf", patterns);
}

static bool read_file(const struct source *source,
		      void (*take)(json_t *into, const char *key, const char *value, const char *file), json_t *into,
		      struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value, *section;
	bool is_ours = false;
	while ((line = lines_next(&lines))) {
		if ((section = setting_section(line)))
			is_ours = !strcmp(section, "Journal");
		else if (setting_split(line, '=', "#;", &key, &value) && is_ours)
			take(into, key, value, source_path(source));
	}
	return lines_ok(&lines, err);
}

/* The main file first: every drop-in overrides it, wherever it lies. */
bool journald_conf_read(const struct sources *fetched,
			void (*take)(json_t *into, const char *key, const char *value, const char *file), json_t *into,
			struct err *err) {
	CLEANUP(dropins_done) struct dropins dropins = {0};
	const struct source *main_file;
	if (!source_maybe(fetched, JOURNALD_CONF, &main_file, err) ||
	    (main_file && !read_file(main_file, take, into, err)) ||
	    !dropins_read(folders, ".conf", fetched, &dropins, err))
		return false;
	for (size_t i = 0; i < dropins.count; i++)
		if (!read_file(dropins.files[i], take, into, err))
			return false;
	return true;
}

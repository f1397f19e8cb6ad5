/* The lists by which filters on this host block: where unbound, dnsmasq, squid, Pi-hole and AdGuard Home have them, and
 * when each was last written. */
#include "core/check.h"
#include "core/dropin.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"

#define FILES_MOST 500

static const struct check_param params[] = {
	{.name = "files",
	 .type = VALUE_STRINGS,
	 .about = "Further lists, which filters not known here use; the last component may hold * ? [."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "filter", .type = VALUE_STRING, .about = "unbound, dnsmasq, squid, pihole, adguard; other: of files."},
	{.name = "path", .type = VALUE_STRING, .about = "The list."},
	{.name = "exists", .type = VALUE_BOOL, .about = "Whether it is there."},
	{.name = "size", .type = VALUE_SIZE, .unit = "bytes", .is_volatile = true, .about = "Its size."},
	{.name = "age",
	 .type = VALUE_DURATION,
	 .unit = "s",
	 .is_volatile = true,
	 .about = "How long ago it was last written. unbound writes a zone when a new version has come."},
	{0},
};

static const char *const patterns[] = {ETC_SOURCE, "file:/*", "dir:/*", "stat:/*", "now:", NULL};

/* What is collected of one program's configuration. */
struct walk {
	const struct sources *fetched;
	struct names *asked;  /* NULL: in run() */
	struct names *files;  /* configuration: paths, growing as includes are met */
	struct names *lists;  /* patterns of paths */
	json_t *acls;         /* squid: {"name": [paths]} */
	json_t *denied;       /* squid: {"name": true} of those that a rule denies by */
	char *folder;         /* unbound: what paths are relative to; owned */
	bool is_zone;         /* unbound: within rpz: */
	unsigned zones, kept; /* unbound: how many rpz:, and how many with a file */
};

struct program {
	const char *name;
	const char *mains[3]; /* patterns; NULL ends */
	void (*read_line)(struct walk *walk, char *line);
	void (*end)(struct walk *walk); /* NULL: none */
};

/* Patterns of further files; those that cannot be expanded fail when they are listed in run(). */
static bool include(struct walk *walk, const char *pattern, struct err *err) {
	if (walk->asked)
		pathglob_ask(pattern, walk->fetched, walk->asked);
	return pathglob_list(pattern, walk->fetched, walk->files, err);
}

static char *absolute(const struct walk *walk, const char *path) {
	return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", walk->folder ? walk->folder : "", path);
}

/* A pattern to be followed; kept apart from the files because it may fail. */
static void note_include(struct walk *walk, const char *path) {
	CLEANUP(free_ptr) char *whole = absolute(walk, path);
	struct err err;
	/* A folder that is not there holds nothing; one that may not be listed is asked for again by run(). */
	if (!include(walk, whole, &err) && !walk->asked)
		names_addf(walk->files, "%s", whole);
}

static void note_list(struct walk *walk, const char *path) {
	CLEANUP(free_ptr) char *whole = absolute(walk, path);
	names_add(walk->lists, whole);
}

static void read_unbound(struct walk *walk, char *line) {
	line[strcspn(line, "#")] = '\0';
	char *key = text_trim(line), *colon = strchr(key, ':');
	if (!colon)
		return;
	*colon = '\0';
	char *value = setting_unquote(text_trim(colon + 1));
	if (!*value) {
		walk->is_zone = !strcmp(key, "rpz");
		walk->zones += walk->is_zone;
	} else if (text_starts(key, "include")) {
		note_include(walk, value);
	} else if (!strcmp(key, "directory")) {
		free(walk->folder);
		walk->folder = xstrdup(value);
	} else if (walk->is_zone && !strcmp(key, "zonefile")) {
		walk->kept++;
		note_list(walk, value);
	}
}

static void read_dnsmasq(struct walk *walk, char *line) {
	char *key, *value;
	if (!setting_split(line, '=', "#", &key, &value) || !*value)
		return;
	if (!strcmp(key, "conf-file")) {
		note_include(walk, value);
	} else if (!strcmp(key, "conf-dir")) {
		char *comma = strchr(value, ',');
		const char *suffix = comma && comma[1] == '*' ? comma + 1 : "*";
		CLEANUP(free_ptr) char *pattern = xasprintf("%.*s/%s", (int)strcspn(value, ","), value, suffix);
		note_include(walk, pattern);
	} else if (!strcmp(key, "addn-hosts") || !strcmp(key, "servers-file")) {
		note_list(walk, value);
	} else if (!strcmp(key, "hostsdir")) {
		CLEANUP(free_ptr) char *pattern = xasprintf("%s/*", value);
		note_list(walk, pattern);
	}
}

/* acl NAME dstdomain "/etc/squid/blocked": only what http_access denies by is a block list. */
static void read_squid(struct walk *walk, char *line) {
	if (*line == '#' || *line == '\0') /* nine lines of ten, where the file is the distribution's */
		return;
	char *rest = text_trim(line), *word = text_word(&rest), *name = text_word(&rest), *value;
	if (!word || !name || *word == '#')
		return;
	if (!strcmp(word, "include"))
		note_include(walk, name);
	if (!strcmp(word, "http_access") && !strcmp(name, "deny"))
		while ((value = text_word(&rest)))
			json_object_set_new(walk->denied, value, json_true());
	if (strcmp(word, "acl") != 0)
		return;
	while ((value = text_word(&rest))) {
		json_t *paths = json_object_get(walk->acls, name);
		if (value[0] != '"' || value[1] != '/')
			continue;
		if (!paths)
			json_object_set_new(walk->acls, name, paths = json_array());
		json_array_append_new(paths, json_text(setting_unquote(value)));
	}
}

static void end_squid(struct walk *walk) {
	const char *name;
	json_t *paths, *path;
	size_t i;
	json_object_foreach(walk->acls, name, paths) {
		if (!json_object_get(walk->denied, name))
			continue;
		json_array_foreach(paths, i, path) note_list(walk, json_string_value(path));
	}
}

static const struct program programs[] = {
	{"unbound", {"/etc/unbound/unbound.conf"}, read_unbound, NULL},
	{"dnsmasq", {"/etc/dnsmasq.conf", "/etc/dnsmasq.d/*"}, read_dnsmasq, NULL},
	{"squid", {"/etc/squid/squid.conf"}, read_squid, end_squid},
};

/* Lists that lie where their programs put them, where there is one. */
static const struct {
	const char *filter, *pattern;
} placed[] = {
	{"pihole", "/etc/pihole/gravity.db"},
	{"adguard", "/opt/AdGuardHome/data/filters/*.txt"},
};

static bool walk_file(struct walk *walk, const struct program *program, const char *path, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	const struct source *source = NULL;
	if (walk->asked)
		names_add(walk->asked, name);
	if (is_pathglob(path)) /* a folder of includes that could not be listed */
		return include(walk, path, err);
	if (!etc_maybe(walk->fetched, name, &source, err))
		return false;
	CLEANUP(lines_done)
	struct lines lines = lines_over(name, source ? source->bytes.data : "", source ? source->bytes.len : 0);
	char *line;
	while ((line = lines_next(&lines)))
		program->read_line(walk, line);
	return lines_ok(&lines, err);
}

/* The program's configuration, file after file as they are met. When asking, what is not there yet is passed over. */
static bool walk_program(struct walk *walk, const struct program *program, struct err *err) {
	for (size_t i = 0; program->mains[i]; i++)
		if (!include(walk, program->mains[i], err) && !walk->asked)
			return false;
	for (size_t i = 0; i < names_count(walk->files); i++) {
		if (i == FILES_MOST)
			return err_set(err, ERR_UNREADABLE, program->name, "more than %d files of configuration",
				       FILES_MOST);
		if (!walk_file(walk, program, names_at(walk->files, i), err) && !walk->asked)
			return false;
	}
	if (program->end)
		program->end(walk);
	if (walk->zones > walk->kept)
		return err_set(err, ERR_UNPROVED, program->name,
			       "a response policy zone without a file: only unbound itself knows how old it is");
	return true;
}

static struct walk walk_new(const struct sources *fetched, struct names *asked) {
	return (struct walk){.fetched = fetched,
			     .asked = asked,
			     .files = names_new(),
			     .lists = names_new(),
			     .acls = json_object(),
			     .denied = json_object(),
			     .folder = xstrdup("/etc/unbound")};
}

static void walk_done(struct walk *walk) {
	names_free(walk->files);
	names_free(walk->lists);
	json_decref(walk->acls);
	json_decref(walk->denied);
	free(walk->folder);
}

static void ask_list(const char *pattern, const struct sources *fetched, struct names *names) {
	CLEANUP(names_free_p) struct names *paths = names_new();
	struct err ignored;
	pathglob_ask(pattern, fetched, names);
	if (!pathglob_list(pattern, fetched, paths, &ignored))
		return;
	for (size_t i = 0; i < names_count(paths); i++)
		names_addf(names, "stat:%s", names_at(paths, i));
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	const char *file;
	struct err ignored;
	names_add(names, ETC_SOURCE);
	names_add(names, "now:");
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		CLEANUP(walk_done) struct walk walk = walk_new(fetched, names);
		(void)!walk_program(&walk, &programs[i], &ignored);
		for (size_t j = 0; j < names_count(walk.lists); j++)
			ask_list(names_at(walk.lists, j), fetched, names);
	}
	for (size_t i = 0; i < ARRAY_LEN(placed); i++)
		ask_list(placed[i].pattern, fetched, names);
	for (size_t i = 0; (file = param_strings_at(with, "files", i)); i++)
		ask_list(file, fetched, names);
}

static void paths(const json_t *with, struct names *into) {
	static const char *const fixed[] = {ETC_SOURCE,
					    "now:",
					    "dir:/etc/unbound/unbound.conf.d",
					    "file:/etc/unbound/*.conf",
					    "stat:/etc/unbound/*",
					    "stat:/var/lib/unbound/*",
					    "file:/etc/dnsmasq.conf",
					    "dir:/etc/dnsmasq.d",
					    "file:/etc/dnsmasq.d/*",
					    "stat:/etc/dnsmasq*",
					    "dir:/etc/squid/conf.d",
					    "file:/etc/squid/squid.conf",
					    "file:/etc/squid/conf.d/*",
					    "stat:/etc/squid/*"};
	const char *file;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		names_add(into, fixed[i]);
	for (size_t i = 0; i < ARRAY_LEN(placed); i++)
		pathglob_paths("stat:", placed[i].pattern, into);
	for (size_t i = 0; (file = param_strings_at(with, "files", i)); i++)
		pathglob_paths("stat:", file, into);
}

struct look {
	const struct sources *fetched;
	json_t *rows;
	int64_t now;
};

static bool add_row(struct look *look, const char *filter, const char *path, bool is_expected, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("stat:%s", path);
	json_t *stat = NULL;
	int64_t mtime, size;
	if (!source_maybe_json(look->fetched, name, &stat, err))
		return false;
	if (!stat && !is_expected)
		return true;
	json_t *row = row_add(look->rows);
	row_text(row, "filter", filter);
	row_text(row, "path", path);
	row_bool(row, "exists", stat != NULL);
	if (!stat)
		return true;
	if (!json_get_int(stat, "mtime", name, &mtime, err) || !json_get_int(stat, "size", name, &size, err))
		return false;
	if (mtime > look->now + SOURCE_CLOCK_SLACK)
		return err_set(err, ERR_UNPROVED, name,
			       "was written after what this host takes for now: no age can be told");
	row_int(row, "size", size);
	row_int(row, "age", look->now - mtime);
	return true;
}

static bool add_list(struct look *look, const char *filter, const char *pattern, bool is_expected, struct err *err) {
	CLEANUP(names_free_p) struct names *paths = names_new();
	if (!pathglob_list(pattern, look->fetched, paths, err))
		return false;
	if (names_count(paths) == 0 && is_expected)
		names_add(paths, pattern);
	for (size_t i = 0; i < names_count(paths); i++) {
		if (is_pathglob(names_at(paths, i))) {
			json_array_append_new(look->rows, json_pack("{s:s, s:o, s:b}", "filter", filter, "path",
								    json_text(names_at(paths, i)), "exists", 0));
			continue;
		}
		if (!add_row(look, filter, names_at(paths, i), is_expected, err))
			return false;
	}
	return true;
}

static bool add_program(struct look *look, const struct program *program, struct err *err) {
	CLEANUP(walk_done) struct walk walk = walk_new(look->fetched, NULL);
	if (!walk_program(&walk, program, err))
		return false;
	for (size_t i = 0; i < names_count(walk.lists); i++)
		if (!add_list(look, program->name, names_at(walk.lists, i), true, err))
			return false;
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct look look = {.fetched = fetched, .rows = rows};
	const char *file;
	if (!source_now(fetched, &look.now, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		if (!add_program(&look, &programs[i], err))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(placed); i++)
		if (!add_list(&look, placed[i].filter, placed[i].pattern, false, err))
			return false;
	for (size_t i = 0; (file = param_strings_at(with, "files", i)); i++)
		if (!add_list(&look, "other", file, true, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_filter_list = {
	.name = "filter_list",
	.about = "The lists by which filters on this host block names and pages, and their age.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

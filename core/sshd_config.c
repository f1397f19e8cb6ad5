#include "core/sshd_config.h"

#include <ctype.h>

#include "core/dropin.h"
#include "core/lines.h"
#include "core/row.h"

struct walk {
	const struct sources *fetched;
	struct names *ask; /* NULL: what is not fetched is an error */
	struct sshd_config config;
};

void sshd_config_done(struct sshd_config *config) {
	names_free(config->files);
	names_free(config->folders);
	json_decref(config->blocks);
	json_decref(config->settings);
	*config = (struct sshd_config){0};
}

/* The next word as sshd cuts them: white space, one = behind the keyword, double quotes; # begins a comment. NULL at
 * the end. */
static char *next_word(char **at) {
	char *word = *at + strspn(*at, " \t\r\f=");
	if (!*word || *word == '#')
		return NULL;
	bool quoted = *word == '"';
	word += quoted;
	char *end = word + strcspn(word, quoted ? "\"" : " \t\r\f=");
	*at = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static void lower(char *text) {
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* The block that lines belong to. */
struct block {
	const json_t *criteria;
	int index; /* -1: none */
};

static bool walk_file(struct walk *walk, const char *path, struct block outer, unsigned depth, struct err *err);

static bool walk_include(struct walk *walk, const char *word, struct block current, unsigned depth, struct err *err) {
	CLEANUP(free_ptr) char *pattern = *word == '/' ? xstrdup(word) : xasprintf("/etc/ssh/%s", word);
	CLEANUP(names_free_p) struct names *paths = names_new();
	struct err ignored;
	if (is_pathglob(pattern)) {
		CLEANUP(free_ptr) char *folder = xstrndup(pattern, (size_t)(strrchr(pattern, '/') - pattern));
		names_addf(walk->config.folders, "stat:%s", folder);
	}
	if (walk->ask)
		pathglob_ask(pattern, walk->fetched, walk->ask);
	if (!pathglob_list(pattern, walk->fetched, paths, walk->ask ? &ignored : err))
		return walk->ask != NULL;
	for (size_t i = 0; i < names_count(paths); i++)
		if (!walk_file(walk, names_at(paths, i), current, depth + 1, err))
			return false;
	return true;
}

static struct block match_block(struct walk *walk, char *rest, const json_t *outer, const struct lines *lines) {
	json_t *block = json_object(), *criteria = json_deep_copy(outer);
	CLEANUP(free_ptr) char *where = xasprintf("%s:%u", lines->where + strlen("file:"), lines->number);
	char *key;
	while ((key = next_word(&rest))) {
		lower(key);
		const char *value = strcmp(key, "all") != 0 && strcmp(key, "invalid-user") != 0 ? next_word(&rest) : "";
		json_array_append_new(criteria, json_pack("[o,o]", json_text(key), json_text(value ? value : "")));
	}
	row_text(block, "where", where);
	json_object_set_new(block, "criteria", criteria);
	json_array_append_new(walk->config.blocks, block);
	return (struct block){criteria, (int)json_array_size(walk->config.blocks) - 1};
}

static void take_setting(struct walk *walk, char *keyword, char *rest, int block) {
	CLEANUP(buf_done) struct buf value = {0};
	char *word;
	lower(keyword);
	while ((word = next_word(&rest)))
		buf_addf(&value, "%s%s", value.len ? " " : "", word);
	json_t *setting = row_add(walk->config.settings);
	row_text(setting, "keyword", keyword);
	row_text(setting, "value", buf_str(&value));
	row_int(setting, "block", block);
}

static bool walk_includes(struct walk *walk, char *rest, struct block current, unsigned depth, struct err *err) {
	char *word;
	while ((word = next_word(&rest)))
		if (!walk_include(walk, word, current, depth, err))
			return false;
	return true;
}

static bool walk_lines(struct walk *walk, struct lines *lines, struct block outer, unsigned depth, struct err *err) {
	struct block current = outer;
	char *line;
	while ((line = lines_next(lines))) {
		char *rest = line, *keyword = next_word(&rest);
		if (!keyword)
			continue;
		if (!strcasecmp(keyword, "Match"))
			current = match_block(walk, rest, outer.criteria, lines);
		else if (strcasecmp(keyword, "Include") != 0)
			take_setting(walk, keyword, rest, current.index);
		else if (!walk_includes(walk, rest, current, depth, err))
			return false;
		if (json_array_size(walk->config.blocks) > SSHD_BLOCKS_MOST)
			return err_set_at(err, ERR_MALFORMED, lines->where, lines->number, 0,
					  "more than %d Match blocks", SSHD_BLOCKS_MOST);
	}
	return lines_ok(lines, err);
}

static bool walk_file(struct walk *walk, const char *path, struct block outer, unsigned depth, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	const struct source *source = NULL;
	struct err ignored;
	if (depth > SSHD_INCLUDES_DEEPEST)
		return err_set(err, ERR_MALFORMED, name, "Include nested deeper than %d", SSHD_INCLUDES_DEEPEST);
	if (walk->ask)
		names_add(walk->ask, name);
	if (!source_maybe(walk->fetched, name, &source, walk->ask ? &ignored : err))
		return walk->ask != NULL;
	if (!source)
		return true;
	names_add(walk->config.files, name);
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	return walk_lines(walk, &lines, outer, depth, err);
}

static bool walk_all(struct walk *walk, struct err *err) {
	CLEANUP(json_decref_p) json_t *none = json_array();
	walk->config = (struct sshd_config){names_new(), names_new(), json_array(), json_array()};
	return walk_file(walk, SSHD_CONFIG, (struct block){none, -1}, 0, err);
}

void sshd_config_ask(const struct sources *fetched, struct names *names) {
	struct walk walk = {.fetched = fetched, .ask = names};
	struct err ignored;
	bool whole = walk_all(&walk, &ignored); /* run() will say why not */
	for (size_t i = 0; whole && i < names_count(walk.config.folders); i++)
		names_add(names, names_at(walk.config.folders, i));
	sshd_config_done(&walk.config);
}

bool sshd_config_read(const struct sources *fetched, struct sshd_config *ret_config, struct err *err) {
	struct walk walk = {.fetched = fetched};
	if (!walk_all(&walk, err)) {
		sshd_config_done(&walk.config);
		return false;
	}
	*ret_config = walk.config;
	return true;
}

/* Not all of /etc/ssh: the host keys lie there too. */
void sshd_config_paths(struct names *patterns) {
	static const char *const all[] = {"file:/etc/ssh/sshd_config",
					  "file:/etc/ssh/*.conf",
					  "file:/etc/ssh/sshd_config.d/*",
					  "file:/etc/crypto-policies/back-ends/*.config",
					  "dir:/etc/ssh",
					  "dir:/etc/ssh/sshd_config.d",
					  "dir:/etc/crypto-policies/back-ends",
					  "stat:/etc/ssh",
					  "stat:/etc/ssh/sshd_config.d",
					  "stat:/etc/crypto-policies/back-ends"};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		names_add(patterns, all[i]);
}

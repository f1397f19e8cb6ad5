/* The command line of the running kernel beside those that the boot loader would start the next one with. They may hold
 * secrets: only words that the rule names, and names of parameters, are shown. */
#include "core/check.h"
#include "core/cmdline.h"
#include "core/grub.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

#define CMDLINE "file:/proc/cmdline"
#define WORDS_MOST 512 /* of one command line */

static const struct check_param params[] = {
	{"forbidden", VALUE_STRINGS, false,
	 "Words that none may have, as mitigations=off; without \"=\" any value counts (default none)."},
	{"required", VALUE_STRINGS, false, "Words that each has to have (default none)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "where", .type = VALUE_STRING, .about = "running, or the boot loader's file and line."},
	{.name = "running", .type = VALUE_BOOL, .about = "Whether it is the running kernel's."},
	{.name = "default", .type = VALUE_BOOL, .about = "Whether the boot loader takes it when nobody chooses."},
	{.name = "forbidden", .type = VALUE_STRINGS, .about = "Words that it has and may not have."},
	{.name = "missing", .type = VALUE_STRINGS, .about = "Words that it lacks."},
	{.name = "differs",
	 .type = VALUE_STRINGS,
	 .about = "Of the default: names of parameters that it and the running kernel do not share with equal values, "
		  "but "
		  "for the image's and the root's."},
	{0},
};

static const char *const grub_files[] = {"file:/boot/grub/grub.cfg", "file:/boot/grub2/grub.cfg"};
/* Its environment block; of RHEL 8 with UEFI a link to the one beside the loader. */
static const char *const grub_blocks[] = {"file:/boot/grub/grubenv", "file:/boot/grub2/grubenv"};
/* Boot Loader Specification, "Type #1 Boot Loader Specification Entries". */
static const char *const entry_folders[] = {"/boot/loader/entries", "/boot/efi/loader/entries", "/efi/loader/entries"};

static const char *const patterns[] = {CMDLINE,
				       "file:/boot/grub/grub.cfg",
				       "file:/boot/grub2/grub.cfg",
				       "file:/boot/grub/grubenv",
				       "file:/boot/grub2/grubenv",
				       "file:/boot/efi/EFI/*/grubenv",
				       "dir:/boot/loader/entries",
				       "file:/boot/loader/entries/*.conf",
				       "dir:/boot/efi/loader/entries",
				       "file:/boot/efi/loader/entries/*.conf",
				       "dir:/efi/loader/entries",
				       "file:/efi/loader/entries/*.conf",
				       NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, CMDLINE);
	for (size_t i = 0; i < ARRAY_LEN(grub_files); i++)
		names_add(names, grub_files[i]);
	for (size_t i = 0; i < ARRAY_LEN(grub_blocks); i++)
		names_add(names, grub_blocks[i]);
	for (size_t i = 0; i < ARRAY_LEN(entry_folders); i++) {
		CLEANUP(free_ptr) char *folder = xasprintf("dir:%s", entry_folders[i]);
		json_t *entries = NULL, *entry;
		struct err err;
		size_t k;
		names_add(names, folder);
		if (!source_maybe_json(fetched, folder, &entries, &err))
			continue;
		json_array_foreach(entries, k, entry) {
			const char *name = json_string_value(json_object_get(entry, "name"));
			if (name && text_ends(name, ".conf"))
				names_addf(names, "file:%s/%s", entry_folders[i], name);
		}
	}
}

/* One command line, its words borrowed from text. */
struct words {
	char *text; /* owned */
	char *items[WORDS_MOST];
	size_t count;
};

static void words_done(struct words *words) { free(words->text); }

static bool words_of(const char *text, const char *where, struct words *ret_words, struct err *err) {
	char *word;
	*ret_words = (struct words){.text = xstrdup(text)};
	char *at = ret_words->text;
	while ((word = cmdline_next(&at))) {
		if (ret_words->count == WORDS_MOST)
			return err_set(err, ERR_MALFORMED, where, "more than %d words", WORDS_MOST);
		if (*word == '$')
			return err_set(err, ERR_UNPROVED, where, "what stands for %s is not looked up", word);
		ret_words->items[ret_words->count++] = word;
	}
	return true;
}

static bool has_word(const struct words *words, const char *wanted) {
	for (size_t i = 0; i < words->count; i++)
		if (cmdline_is_word(words->items[i], wanted))
			return true;
	return false;
}

/* What each kernel has for itself. */
static bool is_its_own(const char *word) {
	static const char *const names[] = {"BOOT_IMAGE", "initrd", "root", "resume"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (cmdline_is(word, names[i]))
			return true;
	return false;
}

static void add_differing(json_t *row, const struct words *one, const struct words *other) {
	for (size_t i = 0; i < one->count; i++) {
		size_t k = 0;
		while (k < other->count && strcmp(one->items[i], other->items[k]) != 0)
			k++;
		if (k < other->count || is_its_own(one->items[i]))
			continue;
		CLEANUP(free_ptr) char *name = xstrndup(one->items[i], strcspn(one->items[i], "="));
		row_text_append(row, "differs", name);
	}
}

struct look {
	const json_t *with;
	const struct sources *fetched;
	struct words running;
	json_t *rows;
	size_t entries;
	struct err *err;
};

static json_t *add_row(const struct look *look, const char *where, const struct words *words) {
	json_t *row = row_add(look->rows);
	const char *word;
	row_text(row, "where", where);
	json_object_update_new(row, json_pack("{s:[], s:[]}", "forbidden", "missing"));
	for (size_t i = 0; (word = param_strings_at(look->with, "forbidden", i)); i++)
		if (has_word(words, word))
			row_text_append(row, "forbidden", word);
	for (size_t i = 0; (word = param_strings_at(look->with, "required", i)); i++)
		if (!has_word(words, word))
			row_text_append(row, "missing", word);
	return row;
}

/* A recovery entry is chosen by somebody at the console. */
static bool is_rescue(const struct words *words) {
	static const char *const rescue[] = {"single",
					     "rescue",
					     "emergency",
					     "recovery",
					     "systemd.unit=rescue.target",
					     "systemd.unit=emergency.target"};
	for (size_t i = 0; i < ARRAY_LEN(rescue); i++)
		if (has_word(words, rescue[i]))
			return true;
	return false;
}

/* The first of these files that gives it a value; *ret_value NULL: none does. The caller frees. */
static bool find_value(struct look *look, const char *const *names, size_t count, const char *variable,
		       char **ret_value) {
	*ret_value = NULL;
	for (size_t i = 0; i < count && !*ret_value; i++) {
		const struct source *file;
		if (!source_maybe(look->fetched, names[i], &file, look->err) ||
		    (file && !grub_value(file, variable, ret_value, look->err)))
			return false;
	}
	return true;
}

/* tuned writes its part into GRUB's configuration, and into the block too where there are entries: where the two say
 * different things, which one counts depends on the order of GRUB's scripts. $kernelopts is the block's; the
 * configuration has one for the time when the block has none. */
static bool value_of(struct look *look, const char *where, const char *variable, char **ret_value) {
	CLEANUP(free_ptr) char *of_block = NULL;
	CLEANUP(free_ptr) char *of_file = NULL;
	bool is_tuned = !strcmp(variable, "tuned_params");
	if (!find_value(look, grub_blocks, ARRAY_LEN(grub_blocks), variable, &of_block) ||
	    !find_value(look, grub_files, ARRAY_LEN(grub_files), variable, &of_file))
		return false;
	if (is_tuned && of_block && of_file && strcmp(of_block, of_file) != 0)
		return err_set(look->err, ERR_UNPROVED, where,
			       "GRUB's configuration and its grubenv have different values of $%s", variable);
	const char *value = of_block ? of_block : of_file ? of_file : is_tuned ? "" : NULL;
	if (!value)
		return err_set(look->err, ERR_UNPROVED, where,
			       "neither GRUB's configuration nor its grubenv says what stands for $%s", variable);
	*ret_value = xstrdup(value);
	return true;
}

static bool expand(struct look *look, const char *where, const char *options, struct buf *ret_whole) {
	size_t at = 0, done = 0, begin;
	char *name;
	while ((name = grub_variable(options, &at, &begin))) {
		CLEANUP(free_ptr) char *variable = name;
		CLEANUP(free_ptr) char *value = NULL;
		if (!value_of(look, where, variable, &value))
			return false;
		buf_add(ret_whole, options + done, begin - done);
		buf_adds(ret_whole, value);
		done = at;
	}
	buf_adds(ret_whole, options + done);
	return true;
}

static bool add_entry(struct look *look, const char *where, const char *options, bool is_default) {
	CLEANUP(words_done) struct words words = {0};
	CLEANUP(buf_done) struct buf whole = {0};
	if (!expand(look, where, options, &whole) || !words_of(buf_str(&whole), where, &words, look->err))
		return false;
	if (is_rescue(&words))
		return true;
	json_t *row = add_row(look, where, &words);
	row_bool(row, "running", false);
	row_bool(row, "default", is_default);
	if (is_default) {
		json_object_set_new(row, "differs", json_array());
		add_differing(row, &words, &look->running);
		add_differing(row, &look->running, &words);
	}
	look->entries++;
	return true;
}

/* "linux /boot/vmlinuz-6.1 root=... quiet": what is behind the image; NULL for another line. */
static char *grub_options(char *line) {
	static const char *const commands[] = {"linux", "linuxefi", "linux16"};
	char *at = line + strspn(line, " \t"), *end = at + strcspn(at, " \t");
	size_t i = 0;
	while (i < ARRAY_LEN(commands) &&
	       (strlen(commands[i]) != (size_t)(end - at) || strncmp(at, commands[i], (size_t)(end - at)) != 0))
		i++;
	if (i == ARRAY_LEN(commands) || !*end)
		return NULL;
	at = end + strspn(end, " \t");
	return at + strcspn(at, " \t");
}

static bool read_grub(struct look *look, const struct source *file) {
	CLEANUP(lines_done) struct lines lines = lines_over(file->name, file->bytes.data, file->bytes.len);
	size_t before = look->entries;
	while (lines_next(&lines)) {
		CLEANUP(free_ptr) char *where = xasprintf("%s:%u", file->name + strlen("file:"), lines.number);
		char *options = grub_options(lines.line);
		if (options && !add_entry(look, where, options, look->entries == before))
			return false;
	}
	return lines_ok(&lines, look->err);
}

/* The options of a boot loader entry, of several lines joined. The caller frees. */
static bool read_options(const struct source *file, char **ret_options, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(file->name, file->bytes.data, file->bytes.len);
	CLEANUP(buf_done) struct buf options = {0};
	while (lines_next(&lines)) {
		char *line = text_trim(lines.line);
		if (text_starts(line, "options") && (line[7] == ' ' || line[7] == '\t'))
			buf_addf(&options, " %s", line + 8);
	}
	*ret_options = xstrdup(buf_str(&options));
	return lines_ok(&lines, err);
}

static bool read_entry(struct look *look, const struct sources *fetched, const char *folder, const char *name,
		       bool is_newest) {
	CLEANUP(free_ptr) char *path = xasprintf("file:%s/%s", folder, name);
	CLEANUP(free_ptr) char *options = NULL;
	const struct source *file;
	return source_need(fetched, path, &file, look->err) && read_options(file, &options, look->err) &&
	       add_entry(look, path + strlen("file:"), options, is_newest);
}

/* The newest by its file's name is the default, as the boot loaders sort them. */
static const char *newest_of(const json_t *entries) {
	const char *newest = NULL;
	json_t *entry;
	size_t i;
	json_array_foreach((json_t *)(uintptr_t)entries, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		bool is_entry = name && text_ends(name, ".conf") && !strstr(name, "rescue");
		if (is_entry && (!newest || strverscmp(name, newest) > 0))
			newest = name;
	}
	return newest;
}

static bool read_folder(struct look *look, const struct sources *fetched, const char *folder) {
	CLEANUP(free_ptr) char *name = xasprintf("dir:%s", folder);
	json_t *entries, *entry;
	size_t i;
	if (!source_maybe_json(fetched, name, &entries, look->err))
		return false;
	const char *newest = entries ? newest_of(entries) : NULL;
	json_array_foreach(entries, i, entry) {
		const char *file = json_string_value(json_object_get(entry, "name"));
		bool is_entry = file && text_ends(file, ".conf") && !strstr(file, "rescue");
		if (is_entry && !read_entry(look, fetched, folder, file, newest && !strcmp(file, newest)))
			return false;
	}
	return true;
}

static bool read_next(struct look *look, const struct sources *fetched) {
	for (size_t i = 0; i < ARRAY_LEN(entry_folders); i++)
		if (!read_folder(look, fetched, entry_folders[i]))
			return false;
	/* Where there are entries, GRUB's file only says to read them. */
	for (size_t i = 0; i < ARRAY_LEN(grub_files) && look->entries == 0; i++) {
		const struct source *file;
		if (!source_maybe(fetched, grub_files[i], &file, look->err) || (file && !read_grub(look, file)))
			return false;
	}
	return look->entries > 0 || err_set(look->err, ERR_UNPROVED, grub_files[0],
					    "no boot loader's file here says what the next kernel is started with");
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct look look = {.with = with, .fetched = fetched, .rows = rows, .err = err};
	const struct source *cmdline;
	if (!source_maybe(fetched, CMDLINE, &cmdline, err))
		return false;
	if (!cmdline)
		return err_set(err, ERR_UNPROVED, CMDLINE, "no /proc here to see the running kernel in");
	bool is_read = words_of(buf_str(&cmdline->bytes), CMDLINE, &look.running, err);
	if (is_read) {
		row_bool(add_row(&look, "running", &look.running), "running", true);
		is_read = read_next(&look, fetched);
	}
	words_done(&look.running);
	if (is_read)
		ret_observation->rows = json_incref(rows);
	return is_read;
}

const struct check check_boot_cmdline = {
	.name = "boot_cmdline",
	.about = "What the running kernel was started with, beside what the next one would be.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

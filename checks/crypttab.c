/* Where the keys come from that open encrypted volumes at boot, and whether a key file lies in the clear.
 *
 * crypttab says nothing about what is encrypted (that is the check volume); it does say where keys are. */
#include "core/check.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"
#include "core/volume.h"

#define CRYPTTAB "file:/etc/crypttab"

static const struct check_param params[] = {
	{"guest_encrypts", VALUE_BOOL, false,
	 "A key file on an unencrypted virtual disk is a row like any other, instead of unproved (default false)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "name", .type = VALUE_STRING, .about = "The volume's name."},
	{.name = "key",
	 .type = VALUE_STRING,
	 .about = "ask, random (a new one each boot), token (TPM, FIDO2, PKCS#11), script, device (on another device), "
		  "file, or other."},
	{.name = "file", .type = VALUE_STRING, .about = "The key file."},
	{.name = "present", .type = VALUE_BOOL, .about = "Whether the key file is there now."},
	{.name = "on_encrypted", .type = VALUE_BOOL, .about = "Whether what carries the key file is encrypted itself."},
	{.name = "options", .type = VALUE_STRINGS, .about = "The options, in the line's order."},
	{0},
};

static const char *const patterns[] = {VOLUME_PATTERNS, CRYPTTAB, "stat:/*", NULL};

/* One line; strings borrowed from the text. */
struct entry {
	char *name, *key, *options;
};

static bool has_option(const struct entry *entry, const char *option) {
	const char *at = entry->options ? entry->options : "";
	for (; *at; at += strcspn(at, ","), at += *at == ',')
		if (text_starts(at, option))
			return true;
	return false;
}

static bool is_none(const char *key) { return !key || !strcmp(key, "none") || !strcmp(key, "-"); }

/* systemd looks for a key under this name when the line gives none. The caller frees. */
static char *implied_file(const struct entry *entry) { return xasprintf("/etc/cryptsetup-keys.d/%s.key", entry->name); }

static const char *kind_of(const struct entry *entry) {
	static const char *const tokens[] = {"tpm2-device=", "fido2-device=", "pkcs11-uri="};
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
		if (has_option(entry, tokens[i]))
			return "token";
	if (has_option(entry, "keyscript="))
		return "script";
	if (is_none(entry->key))
		return "ask";
	if (!strcmp(entry->key, "/dev/urandom") || !strcmp(entry->key, "/dev/random") ||
	    !strcmp(entry->key, "/dev/hw_random"))
		return "random";
	if (strchr(entry->key, ':'))
		return "device";
	return entry->key[0] == '/' ? "file" : "other";
}

/* What every line shares; with names, the sources that are still missing are added and rows are of no use. */
struct look {
	const struct sources *fetched;
	struct names *names;
	bool guest_encrypts;
	json_t *rows;
	struct err *err;
};

static bool is_there(const struct look *look, const char *path, bool *ret_is_there) {
	CLEANUP(free_ptr) char *name = xasprintf("stat:%s", path);
	const struct source *source = NULL;
	if (look->names)
		names_add(look->names, name);
	if (!source_maybe(look->fetched, name, &source, look->err))
		return false;
	*ret_is_there = source != NULL;
	return true;
}

static bool add_file(const struct look *look, json_t *row, const char *path) {
	bool is_present = false;
	if (!is_there(look, path, &is_present))
		return false;
	row_text(row, "file", path);
	row_bool(row, "present", is_present);
	if (!is_present)
		return true;
	CLEANUP(volume_done) struct volume volume = {0};
	if (!volume_of_path(look->fetched, look->names, path, &volume, look->err) ||
	    (!look->guest_encrypts && !volume_is_seen(&volume, look->err)))
		return false;
	row_bool(row, "on_encrypted", !volume.has_plain);
	return true;
}

static bool add_row(const struct look *look, const struct entry *entry) {
	const char *kind = kind_of(entry);
	CLEANUP(free_ptr) char *implied = implied_file(entry);
	bool is_implied = false;
	if (!strcmp(kind, "ask") && !is_there(look, implied, &is_implied))
		return false;
	json_t *row = row_add(look->rows);
	row_text(row, "name", entry->name);
	row_text(row, "key", is_implied ? "file" : kind);
	char *rest = entry->options, *option;
	json_object_set_new(row, "options", json_array());
	bool is_file = is_implied || !strcmp(kind, "file");
	bool is_seen = !is_file || add_file(look, row, is_implied ? implied : entry->key);
	while ((option = strsep(&rest, ",")))
		if (*option)
			row_text_append(row, "options", option);
	return is_seen;
}

static bool look_at_lines(const struct look *look, const struct source *source) {
	CLEANUP(lines_done) struct lines lines = lines_over(CRYPTTAB, source->bytes.data, source->bytes.len);
	char *line;
	while ((line = lines_next(&lines))) {
		char *rest = text_trim(line);
		if (*rest == '#' || *rest == '\0')
			continue;
		struct entry entry = {0};
		entry.name = text_word(&rest);
		const char *device = text_word(&rest);
		entry.key = text_word(&rest);
		entry.options = text_word(&rest);
		if (!device)
			return err_set_at(look->err, ERR_MALFORMED, CRYPTTAB, lines.number, 0,
					  "a name without a device");
		if (!add_row(look, &entry) && !look->names)
			return false;
	}
	return lines_ok(&lines, look->err);
}

static bool look_at(const json_t *with, const struct sources *fetched, struct names *names, json_t *rows,
		    struct err *err) {
	struct look look = {fetched, names, param_bool(with, "guest_encrypts", false), rows, err};
	const struct source *source = NULL;
	if (names) {
		names_add(names, CRYPTTAB);
		names_add(names, ETC_SOURCE);
	}
	return etc_maybe(fetched, CRYPTTAB, &source, err) && (!source || look_at_lines(&look, source));
}

static void paths(const json_t *with, struct names *into) {
	volume_paths(into);
	names_add(into, CRYPTTAB);
	names_add(into, "stat:/etc/*");
	names_add(into, "link:/etc/*");
	names_add(into, "stat:/dev/*");
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct err err;
	if (!look_at(with, fetched, names, rows, &err))
		return; /* what is missing has been named */
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	if (!look_at(with, fetched, NULL, rows, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_crypttab = {
	.name = "crypttab",
	.about = "Where the keys come from that open encrypted volumes at boot.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

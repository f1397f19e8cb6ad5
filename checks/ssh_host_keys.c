/* The public halves of the host keys that sshd is told to use. */
#include "core/check.h"
#include "core/etc.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/ssh_key.h"
#include "core/sshd_config.h"
#include "core/text.h"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "path",
	 .type = VALUE_STRING,
	 .about = "The file of the private key, as sshd_config or sshd's default names it."},
	{.name = "type", .type = VALUE_STRING, .about = "ssh-ed25519, ssh-rsa, ssh-dss, ecdsa-sha2-nistp256, ..."},
	{.name = "bits",
	 .type = VALUE_INT,
	 .unit = "bits",
	 .about = "Its size; not there where its type is not known."},
	{.name = "problem", .type = VALUE_STRING, .about = "Why type and bits are not there."},
	{0},
};

/* Private keys are not asked for: only what lies beside them. */
static const char *const patterns[] = {
	"file:/etc/ssh/sshd_config*", "file:/*.pub", "file:/*.conf", "dir:/etc/ssh*", "dir:/*", "stat:/*", NULL};

/* sshd's defaults where no HostKey is set (sshd_config(5)); one that is not there is not used. */
static const char *const usual[] = {"/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key",
				    "/etc/ssh/ssh_host_ed25519_key"};

/* "HostKey PATH" of one file. sshd takes each, whatever came before. */
static bool read_file(const struct source *source, struct names *keys, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line, *key, *value;
	while ((line = lines_next(&lines)))
		if (setting_split(line, ' ', "#", &key, &value) && !strcasecmp(key, "HostKey")) {
			char *path = setting_unquote(value);
			if (*path == '/')
				names_add(keys, path);
		}
	return lines_ok(&lines, err);
}

static bool list_keys(const struct sources *fetched, struct names **ret_keys, struct err *err) {
	CLEANUP(names_free_p) struct names *keys = names_new();
	CLEANUP(sshd_config_done) struct sshd_config config = {0};
	if (!sshd_config_read(fetched, &config, err))
		return false;
	for (size_t i = 0; i < names_count(config.files); i++) {
		const struct source *source;
		if (!source_need(fetched, names_at(config.files, i), &source, err) || !read_file(source, keys, err))
			return false;
	}
	bool is_set = names_count(keys) > 0;
	for (size_t i = 0; !is_set && i < ARRAY_LEN(usual); i++)
		names_add(keys, usual[i]);
	*ret_keys = keys;
	keys = NULL;
	return true;
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(names_free_p) struct names *keys = NULL;
	struct err ignored;
	names_add(names, ETC_SOURCE);
	sshd_config_ask(fetched, names);
	if (!list_keys(fetched, &keys, &ignored))
		return;
	for (size_t i = 0; i < names_count(keys); i++) {
		names_addf(names, "file:%s.pub", names_at(keys, i));
		names_addf(names, "stat:%s", names_at(keys, i));
	}
}

static void paths(const json_t *with, struct names *into) {
	names_add(into, ETC_SOURCE);
	sshd_config_paths(into);
	names_add(into, "file:/etc/ssh/*.pub");
	names_add(into, "stat:/etc/ssh/*_key");
}

static bool add_key(const struct sources *fetched, const char *path, json_t *rows, struct err *err) {
	CLEANUP(free_ptr) char *pub = xasprintf("file:%s.pub", path);
	CLEANUP(free_ptr) char *stat = xasprintf("stat:%s", path);
	const struct source *key, *half;
	struct ssh_key parts;
	if (!etc_maybe(fetched, stat, &key, err) || !etc_maybe(fetched, pub, &half, err))
		return false;
	if (!key && !half)
		return true; /* sshd goes on without it */
	json_t *row = row_add(rows);
	row_text(row, "path", path);
	if (!half) {
		row_text(row, "problem", "there is no public half beside it");
		return true;
	}
	if (!ssh_key_read(buf_str(&half->bytes), half->bytes.len, pub, &parts, err))
		return false;
	row_text(row, "type", parts.type);
	if (parts.bits)
		row_int(row, "bits", parts.bits);
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(names_free_p) struct names *keys = NULL;
	const struct source *etc;
	if (!source_need(fetched, ETC_SOURCE, &etc, err) || !list_keys(fetched, &keys, err))
		return false;
	for (size_t i = 0; i < names_count(keys); i++)
		if (!add_key(fetched, names_at(keys, i), rows, err))
			return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_ssh_host_keys = {
	.name = "ssh_host_keys",
	.about = "Types and sizes of the host keys that sshd is told to use, from their public halves.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = name_sources,
	.run = run,
};

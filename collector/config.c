#include "collector/config.h"

#include <stddef.h>

#include "core/file.h"
#include "core/text.h"
#include "core/times.h"
#include "core/yaml.h"

#define CONFIG_LARGEST 65536

enum key_type { KEY_TEXT, KEY_OPTIONAL /* a text that may be empty */, KEY_BOOL, KEY_DURATION, KEY_COUNT };

struct config_key {
	const char *name;
	enum key_type type;
	size_t offset;
	const char *standard; /* NULL: it has none and must be given */
	const char *about;
	int64_t least, most;
};

#define AT(member) offsetof(struct config, member)

static const struct config_key keys[] = {
	{"origin", KEY_TEXT, AT(origin), NULL, "Name of the log, part of every checkpoint. It never changes.", 0, 0},
	{"agents", KEY_TEXT, AT(agents), "127.0.0.1:8443", "Where agents enrol and send statements.", 0, 0},
	{"readers", KEY_TEXT, AT(readers), "127.0.0.1:8444", "Where readers look: pages and JSON.", 0, 0},
	{"metrics", KEY_TEXT, AT(metrics), "127.0.0.1:8445", "Where Prometheus asks for /metrics.", 0, 0},
	{"data", KEY_TEXT, AT(data), VOUCH_DATADIR, "Folder that holds policies/ with the control catalogue.", 0, 0},
	{"public_log", KEY_BOOL, AT(public_log), "false", "Checkpoint and tiles without a credential.", 0, 0},
	{"agent_ca", KEY_OPTIONAL, AT(agent_ca), "",
	 "PEM file of outside CAs that certify hosts beside the collector's own; empty: none. Relative to this folder.",
	 0, 0},
	{"certificate_lifetime", KEY_DURATION, AT(certificate_lifetime), "365d", "Of a host's certificate.", 60,
	 10LL * 365 * 86400},
	{"token_lifetime", KEY_DURATION, AT(token_lifetime), "1h", "Of an enrolment token, unless --ttl says other.", 1,
	 365LL * 86400},
	{"session_lifetime", KEY_DURATION, AT(session_lifetime), "8h", "Of a reader's login in a browser.", 60,
	 30LL * 86400},
	{"request_deadline", KEY_DURATION, AT(request_deadline), "60s",
	 "For one whole request; a slower peer is cut off.", 1, 3600},
	{"connections", KEY_COUNT, AT(connections), "512", "At most, on each listener; one more is closed.", 1, 100000},
	{"log_policy", KEY_OPTIONAL, AT(log_policy), "",
	 "C2SP tlog-policy file: vouch-collector anchor asks its witnesses that have an address. Relative to this "
	 "folder.",
	 0, 0},
	{"witness_every", KEY_DURATION, AT(witness_every), "1m", "How often a log that has grown is anchored.", 1,
	 86400},
	{"witness_ca", KEY_OPTIONAL, AT(witness_ca), "",
	 "PEM file of the CAs that witnesses' https certificates are checked against; empty: the system's.", 0, 0},
	{"timestamp_url", KEY_OPTIONAL, AT(timestamp_url), "",
	 "RFC 3161 time-stamp authority (http or https) that vouch-collector anchor asks; empty: none.", 0, 0},
	{"timestamp_ca", KEY_OPTIONAL, AT(timestamp_ca), "",
	 "PEM file of that authority's roots, and of intermediates that its answers lack. Relative to this folder.", 0,
	 0},
	{"timestamp_every", KEY_DURATION, AT(timestamp_every), "1h",
	 "How often an anchor is time-stamped, while the log grows.", 60, 30LL * 86400},
	{"timestamp_renew_before", KEY_DURATION, AT(timestamp_renew_before), "90d",
	 "Time-stamps are renewed this long before the certificate that signed them ends.", 60, 3650LL * 86400},
	{"timestamp_rounds", KEY_BOOL, AT(timestamp_rounds), "true",
	 "A time-stamp of its own for each full round, for its Sigstore bundle.", 0, 0},
};

static bool set_duration(const struct config_key *key, const char *text, int64_t *ret_value) {
	return times_parse_duration(text, ret_value) && *ret_value >= key->least && *ret_value <= key->most;
}

static bool set_count(const struct config_key *key, const char *text, int64_t *ret_value) {
	unsigned long long value;
	if (!text_to_u64(text, (unsigned long long)key->most, &value) || (int64_t)value < key->least)
		return false;
	*ret_value = (int64_t)value;
	return true;
}

static bool set_bool(const char *text, bool *ret_value) {
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return false;
	*ret_value = !strcmp(text, "true");
	return true;
}

static bool set_optional(const char *text, char **ret_value) {
	free(*ret_value);
	*ret_value = xstrdup(text);
	return true;
}

static bool set_text(const char *text, char **ret_value) { return text[0] && set_optional(text, ret_value); }

/* What the type demands, when the value is not that; else NULL. */
static const char *set_value(struct config *config, const struct config_key *key, const char *text) {
	void *at = (char *)config + key->offset;
	switch (key->type) {
	case KEY_TEXT:
		return set_text(text, at) ? NULL : "a text that is not empty";
	case KEY_OPTIONAL:
		return set_optional(text, at) ? NULL : "a text";
	case KEY_BOOL:
		return set_bool(text, at) ? NULL : "true or false";
	case KEY_DURATION:
		return set_duration(key, text, at) ? NULL : "a duration within its bounds, such as 90s, 12h or 30d";
	case KEY_COUNT:
		return set_count(key, text, at) ? NULL : "a whole number within its bounds";
	}
	return "of a known type";
}

static const struct config_key *find_key(const char *name) {
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static bool take_member(struct config *config, const struct yaml *name, const struct yaml *value, const char *path,
			struct err *err) {
	const struct config_key *key = find_key(name->text);
	if (!key)
		return err_set_at(err, ERR_SYNTAX, path, name->line, name->column, "there is no key \"%s\"",
				  name->text);
	const char *wanted = value->kind == YAML_SCALAR ? set_value(config, key, value->text) : "a scalar";
	if (wanted)
		return err_set_at(err, ERR_SYNTAX, path, value->line, value->column, "%s: expected %s", key->name,
				  wanted);
	return true;
}

char *config_path(const char *folder, const char *path) {
	if (!path[0])
		return NULL;
	return path[0] == '/' ? xstrdup(path) : file_join(folder, path);
}

bool config_read(const char *path, struct config **ret_config, struct err *err) {
	CLEANUP(config_free_p) struct config *config = xcalloc(1, sizeof *config);
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!file_read(path, CONFIG_LARGEST, &bytes, err) || !yaml_read(buf_str(&bytes), bytes.len, path, &root, err))
		return false;
	if (root->kind != YAML_MAPPING)
		return err_set_at(err, ERR_SYNTAX, path, root->line, root->column, "expected a mapping of keys");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].standard && set_value(config, &keys[i], keys[i].standard))
			return err_set(err, ERR_SYNTAX, path, "the default of %s does not fit", keys[i].name);
	for (size_t i = 0; i < root->count; i++)
		if (!take_member(config, root->keys[i], root->items[i], path, err))
			return false;
	if (!config->origin)
		return err_set(err, ERR_SYNTAX, path, "origin is missing");
	*ret_config = config;
	config = NULL;
	return true;
}

bool config_create(const char *path, const char *origin, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	buf_adds(&text, "# The collector's configuration: every key, with its default.\n");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		buf_addf(&text, "\n# %s\n%s: \"%s\"\n", keys[i].about, keys[i].name,
			 keys[i].standard ? keys[i].standard : origin);
	return file_create(path, text.data, text.len, 0644, err);
}

void config_free(struct config *config) {
	if (!config)
		return;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].type == KEY_TEXT || keys[i].type == KEY_OPTIONAL)
			free(*(char **)(void *)((char *)config + keys[i].offset));
	free(config);
}

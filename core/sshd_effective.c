#include "core/sshd_effective.h"

#include <ctype.h>

#include "core/dpkg.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"

#define PROGRAM "stat:/usr/sbin/sshd"
#define ROOT_BY_KEY_SINCE "1:7.0p1"

/* How sshd -T writes a value. */
enum form { FORM_AS_IS, FORM_LOWER, FORM_UPPER, FORM_SECONDS, FORM_ALGORITHMS };

/* What is known of a keyword without sshd. unset: its value where no file sets it, NULL where versions differ. */
static const struct known {
	const char *keyword, *unset;
	enum form form;
} known[] = {
	{"permitrootlogin", NULL, FORM_LOWER},
	{"passwordauthentication", "yes", FORM_LOWER},
	{"kbdinteractiveauthentication", "yes", FORM_LOWER},
	{"permitemptypasswords", "no", FORM_LOWER},
	{"pubkeyauthentication", "yes", FORM_LOWER},
	{"hostbasedauthentication", "no", FORM_LOWER},
	{"gssapiauthentication", "no", FORM_LOWER},
	{"ignorerhosts", "yes", FORM_LOWER},
	{"usepam", "no", FORM_LOWER},
	{"strictmodes", "yes", FORM_LOWER},
	{"permituserenvironment", "no", FORM_AS_IS},
	{"x11forwarding", "no", FORM_LOWER},
	{"allowtcpforwarding", "yes", FORM_LOWER},
	{"allowstreamlocalforwarding", "yes", FORM_LOWER},
	{"allowagentforwarding", "yes", FORM_LOWER},
	{"disableforwarding", "no", FORM_LOWER},
	{"permittunnel", "no", FORM_LOWER},
	{"gatewayports", "no", FORM_LOWER},
	{"loglevel", "INFO", FORM_UPPER},
	{"syslogfacility", "AUTH", FORM_UPPER},
	{"banner", "none", FORM_AS_IS},
	{"forcecommand", "none", FORM_AS_IS},
	{"chrootdirectory", "none", FORM_AS_IS},
	{"authorizedkeyscommand", "none", FORM_AS_IS},
	{"trustedusercakeys", "none", FORM_AS_IS},
	{"maxstartups", NULL, FORM_AS_IS},
	{"maxauthtries", "6", FORM_AS_IS},
	{"maxsessions", "10", FORM_AS_IS},
	{"logingracetime", "120", FORM_SECONDS},
	{"clientaliveinterval", "0", FORM_SECONDS},
	{"clientalivecountmax", "3", FORM_AS_IS},
	{"requiredrsasize", NULL, FORM_AS_IS},
	{"authenticationmethods", "any", FORM_AS_IS},
	{"authorizedkeysfile", ".ssh/authorized_keys .ssh/authorized_keys2", FORM_AS_IS},
	{"ciphers", NULL, FORM_ALGORITHMS},
	{"macs", NULL, FORM_ALGORITHMS},
	{"kexalgorithms", NULL, FORM_ALGORITHMS},
	{"hostkeyalgorithms", NULL, FORM_ALGORITHMS},
	{"pubkeyacceptedalgorithms", NULL, FORM_ALGORITHMS},
	{"casignaturealgorithms", NULL, FORM_ALGORITHMS},
};

/* Names that keywords had. */
static const struct {
	const char *old, *keyword;
} renamed[] = {{"challengeresponseauthentication", "kbdinteractiveauthentication"},
	       {"skeyauthentication", "kbdinteractiveauthentication"},
	       {"pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"},
	       {"dsaauthentication", "pubkeyauthentication"}};

void sshd_effective_done(struct sshd_effective *effective) {
	json_decref(effective->connections);
	*effective = (struct sshd_effective){0};
}

static const char *keyword_of(const char *word) {
	for (size_t i = 0; i < ARRAY_LEN(renamed); i++)
		if (!strcmp(word, renamed[i].old))
			return renamed[i].keyword;
	return word;
}

static bool find(const struct names *users, const struct names *addresses, const struct sources *fetched,
		 struct sshd_config *ret_config, json_t **ret_list, struct err *err) {
	CLEANUP(sshd_config_done) struct sshd_config config = {0};
	if (!sshd_config_read(fetched, &config, err) ||
	    !sshd_connections(&config, fetched, users, addresses, ret_list, err))
		return false;
	*ret_config = config;
	config = (struct sshd_config){0};
	return true;
}

static bool cannot_be_asked(const struct source *answer) { return answer && answer->err.code == ERR_UNPROVED; }

void sshd_effective_ask(const struct names *users, const struct names *addresses, const struct sources *fetched,
			struct names *names) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	CLEANUP(sshd_config_done) struct sshd_config config = {0};
	struct err ignored;
	json_t *connection;
	size_t i;
	sshd_config_ask(fetched, names);
	sshd_connections_ask(names);
	/* Not before all of the configuration is known: what sshd must be told depends on it. */
	if (!find(users, addresses, fetched, &config, &list, &ignored))
		return;
	json_array_foreach(list, i, connection) {
		const char *name = json_string_value(json_object_get(connection, "name"));
		names_add(names, name);
		if (!cannot_be_asked(sources_get(fetched, name)))
			continue;
		names_add(names, PROGRAM);
		names_add(names, DPKG_STATUS);
	}
}

void sshd_effective_paths(struct names *patterns) {
	sshd_config_paths(patterns);
	sshd_connections_ask(patterns);
	names_add(patterns, "cmd:sshd-T*");
}

static bool take_output(json_t *values, const char *where, const char *text, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, strlen(text));
	char *line, *keyword, *value;
	while ((line = lines_next(&lines)))
		if (setting_split(line, ' ', "", &keyword, &value))
			row_text_append(values, keyword_of(keyword), value);
	if (!lines_ok(&lines, err))
		return false;
	return json_object_get(values, "permitrootlogin") ||
	       err_set(err, ERR_MALFORMED, where, "not what sshd -T prints: no permitrootlogin in it");
}

static bool take_answer(json_t *values, const struct source *source, struct err *err) {
	json_t *value;
	const char *text;
	int64_t status;
	if (!source_json(source, &value, err) || !json_get_int(value, "exit", source->name, &status, err) ||
	    !json_get_string(value, "stdout", source->name, &text, err))
		return false;
	if (status != 0)
		return err_set(err, ERR_UNREADABLE, source->name, "sshd refuses its configuration: exit %d",
			       (int)status);
	return take_output(values, source->name, text, err);
}

/* "2m", "1h30m", "45" in seconds, as sshd_config(5) has times; false for what is none. */
static bool to_seconds(const char *text, char ret_text[32]) {
	int64_t total = 0;
	bool has = false;
	while (*text) {
		int64_t number = 0;
		size_t digits = strspn(text, "0123456789");
		if (digits == 0 || digits > 8)
			return false;
		for (; digits > 0; digits--)
			number = number * 10 + *text++ - '0';
		static const char units[] = "smhdw";
		static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
		const char *unit = *text ? strchr(units, tolower((unsigned char)*text)) : units;
		if (!unit)
			return false;
		total += number * seconds[unit - units];
		text += *text != '\0';
		has = true;
	}
	snprintf(ret_text, 32, "%lld", (long long)total);
	return has;
}

static void take_formed(json_t *values, const struct known *entry, const char *value) {
	char seconds[32];
	CLEANUP(free_ptr) char *text = xstrdup(value);
	for (char *p = text; *p && (entry->form == FORM_LOWER || entry->form == FORM_UPPER); p++)
		*p = (char)(entry->form == FORM_LOWER ? tolower((unsigned char)*p) : toupper((unsigned char)*p));
	if (entry->form == FORM_SECONDS) {
		if (to_seconds(value, seconds))
			row_text_append(values, entry->keyword, seconds);
	} else if (entry->form != FORM_ALGORITHMS || !strchr("+-^", *value)) {
		/* (Algorithms with such a sign change a default that is not known here.) */
		row_text_append(values, entry->keyword, text);
	}
}

static bool has_block(const json_t *blocks, int64_t index) {
	json_t *value;
	size_t i;
	json_array_foreach(blocks, i, value) if (json_integer_value(value) == index) return true;
	return false;
}

/* The first value in a block that takes the connection in, else the first outside of all blocks; NULL: none. */
static const char *value_in_files(const struct sshd_config *config, const json_t *blocks, const char *keyword) {
	const char *outside = NULL;
	json_t *setting;
	size_t i;
	json_array_foreach(config->settings, i, setting) {
		const char *own = keyword_of(json_string_value(json_object_get(setting, "keyword")));
		const char *value = json_string_value(json_object_get(setting, "value"));
		int64_t block = json_integer_value(json_object_get(setting, "block"));
		if (strcmp(own, keyword) != 0)
			continue;
		if (block >= 0 && has_block(blocks, block))
			return value;
		outside = block < 0 && !outside ? value : outside;
	}
	return outside;
}

struct version {
	bool is_recent; /* dpkg has sshd 7.0 or later */
};

static bool use_package(void *context, const struct dpkg_package *package, struct err *err) {
	struct version *version = context;
	(void)err;
	if (!is_dpkg_text(package->name, "openssh-server") || !is_dpkg_present(package))
		return true;
	CLEANUP(free_ptr) char *text = dpkg_text_dup(package->version);
	version->is_recent = text && dpkg_version_compare(text, ROOT_BY_KEY_SINCE) >= 0;
	return true;
}

static bool read_version(const struct sources *fetched, struct version *ret_version, struct err *err) {
	const struct source *status;
	struct version version = {0};
	if (!source_maybe(fetched, DPKG_STATUS, &status, err) ||
	    (status && !dpkg_status_read(status, use_package, &version, err)))
		return false;
	*ret_version = version;
	return true;
}

static bool take_files(json_t *values, const struct sshd_config *config, const json_t *connection,
		       const struct version *version, struct err *err) {
	const json_t *blocks = json_object_get(connection, "blocks");
	if (json_is_null(blocks))
		return err_set(err, ERR_UNPROVED, SSHD_CONFIG,
			       "Match invalid-user: only sshd can say whom it takes in");
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const char *value = value_in_files(config, blocks, known[i].keyword);
		if (value)
			take_formed(values, &known[i], value);
		else if (known[i].unset)
			row_text_append(values, known[i].keyword, known[i].unset);
		else if (version->is_recent && !strcmp(known[i].keyword, "permitrootlogin"))
			row_text_append(values, known[i].keyword, "prohibit-password");
	}
	return true;
}

static json_t *add_connection(json_t *connections, const json_t *spec) {
	static const char *const copied[] = {"user", "address", "connection"};
	json_t *row = row_add(connections), *values = json_object();
	for (size_t i = 0; i < ARRAY_LEN(copied); i++)
		json_object_set(row, copied[i], json_object_get(spec, copied[i]));
	json_object_set_new(row, "values", values);
	return values;
}

static bool read_answers(struct sshd_effective *effective, const json_t *list, const struct sources *fetched,
			 struct err *err) {
	json_t *spec;
	size_t i;
	json_array_foreach(list, i, spec) {
		const struct source *source;
		if (!source_maybe(fetched, json_string_value(json_object_get(spec, "name")), &source, err))
			return false;
		effective->installed = source != NULL;
		if (!source)
			return true;
		if (!take_answer(add_connection(effective->connections, spec), source, err))
			return false;
	}
	return true;
}

static bool read_files(struct sshd_effective *effective, const struct sshd_config *config, const json_t *list,
		       const struct sources *fetched, struct err *err) {
	const struct source *program;
	struct version version;
	json_t *spec;
	size_t i;
	if (!source_maybe(fetched, PROGRAM, &program, err))
		return false;
	effective->by_files = true;
	effective->installed = program != NULL;
	if (!program)
		return true;
	if (names_count(config->files) == 0)
		return err_set(err, ERR_UNPROVED, SSHD_CONFIG, "sshd is here, and its configuration is not");
	if (!read_version(fetched, &version, err))
		return false;
	json_array_foreach(list, i, spec) if (!take_files(add_connection(effective->connections, spec), config, spec,
							  &version, err)) return false;
	return true;
}

bool sshd_effective_read(const struct names *users, const struct names *addresses, const struct sources *fetched,
			 bool may_use_files, struct sshd_effective *ret_effective, struct err *err) {
	CLEANUP(sshd_config_done) struct sshd_config config = {0};
	CLEANUP(sshd_effective_done) struct sshd_effective effective = {.connections = json_array()};
	CLEANUP(json_decref_p) json_t *list = NULL;
	if (!find(users, addresses, fetched, &config, &list, err))
		return false;
	const char *first = json_string_value(json_object_get(json_array_get(list, 0), "name"));
	bool use_files = may_use_files && first && cannot_be_asked(sources_get(fetched, first));
	if (use_files ? !read_files(&effective, &config, list, fetched, err)
		      : !read_answers(&effective, list, fetched, err))
		return false;
	*ret_effective = effective;
	effective = (struct sshd_effective){0};
	return true;
}

/* sshd's effective configuration, as sshd itself says it: for the connections that the rule names, and for one into
 * each Match block. */
#include <fnmatch.h>

#include "core/accounts.h"
#include "core/check.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/sshd_config.h"
#include "core/text.h"

#define HOST "client.invalid"
#define ADDRESS "192.0.2.1" /* TEST-NET-1 (RFC 5737): nobody's */
#define LOCAL_ADDRESS "192.0.2.2"

static const struct check_param params[] = {
	{"users", VALUE_STRINGS, false, "Whose connections to look at. Default root and nobody."},
	{"addresses", VALUE_STRINGS, false, "From where they come. Default an address that is nobody's (192.0.2.1)."},
	{0},
};

#define TEXT(name, about)                                                                                              \
	{ name, VALUE_STRING, NULL, about, PRIVACY_PUBLIC, false }
#define NUMBER(name, unit, about)                                                                                      \
	{ name, VALUE_INT, unit, about, PRIVACY_PUBLIC, false }
#define LIST(name, about)                                                                                              \
	{ name, VALUE_STRINGS, NULL, about, PRIVACY_PUBLIC, false }

static const struct check_field fields[] = {
	TEXT("connection", "Which one this is: \"root from 192.0.2.1\" as the rule has it, or one into a Match block."),
	{"installed", VALUE_BOOL, NULL, "Whether there is an sshd; if not, that is the only row and field.",
	 PRIVACY_PUBLIC, false},
	{"user", VALUE_STRING, NULL, "Who connects.", PRIVACY_PERSONAL, false},
	{"address", VALUE_STRING, NULL, "From where.", PRIVACY_PERSONAL, false},
	TEXT("permitrootlogin", "yes, no, prohibit-password or forced-commands-only."),
	TEXT("passwordauthentication", "yes or no."),
	TEXT("kbdinteractiveauthentication", "yes or no; through PAM this asks for passwords too."),
	TEXT("permitemptypasswords", "yes or no."),
	TEXT("pubkeyauthentication", "yes or no."),
	TEXT("hostbasedauthentication", "yes or no."),
	TEXT("gssapiauthentication", "yes or no."),
	TEXT("ignorerhosts", "yes, no or shosts-only."),
	TEXT("usepam", "yes or no."),
	TEXT("strictmodes", "yes or no."),
	TEXT("permituserenvironment", "yes, no or a pattern."),
	TEXT("x11forwarding", "yes or no."),
	TEXT("allowtcpforwarding", "yes, no, local or remote."),
	TEXT("allowstreamlocalforwarding", "yes, no, local or remote."),
	TEXT("allowagentforwarding", "yes or no."),
	TEXT("disableforwarding", "yes or no."),
	TEXT("permittunnel", "yes, no, point-to-point or ethernet."),
	TEXT("gatewayports", "yes, no or clientspecified."),
	TEXT("loglevel", "INFO, VERBOSE, ..."),
	TEXT("syslogfacility", "AUTH, AUTHPRIV, ..."),
	TEXT("banner", "A file, or none."),
	TEXT("forcecommand", "Whether a command is forced: none, or set."),
	TEXT("chrootdirectory", "A folder, or none."),
	TEXT("authorizedkeyscommand", "Whether a program finds keys: none, or set."),
	TEXT("trustedusercakeys", "A file of certificate authorities, or none."),
	TEXT("maxstartups", "Connections before authentication: start:rate:full."),
	NUMBER("maxauthtries", NULL, "Attempts in one connection."),
	NUMBER("maxsessions", NULL, "Sessions in one connection."),
	NUMBER("logingracetime", "s", "Time to log in; 0 is for ever."),
	NUMBER("clientaliveinterval", "s", "Between two signs of life; no limit on idleness."),
	NUMBER("clientalivecountmax", NULL, "Missing signs of life before the end."),
	NUMBER("requiredrsasize", "bits", "The shortest RSA key that is taken."),
	LIST("authenticationmethods", "Which methods together let in; any: one that is allowed."),
	LIST("authorizedkeysfile", "Where keys are looked for."),
	LIST("port", "Ports."),
	LIST("listenaddress", "Addresses that it listens at."),
	LIST("ciphers", "Ciphers that are offered."),
	LIST("macs", "Message authentication codes that are offered."),
	LIST("kexalgorithms", "Key exchanges that are offered."),
	LIST("hostkeyalgorithms", "Host key algorithms that are offered."),
	LIST("pubkeyacceptedalgorithms", "Signatures of users' keys that are taken."),
	LIST("casignaturealgorithms", "Signatures of certificate authorities that are taken."),
	{"allowusers", VALUE_STRINGS, NULL, "Only these may log in.", PRIVACY_PERSONAL, false},
	{"allowgroups", VALUE_STRINGS, NULL, "Only members of these may log in.", PRIVACY_PUBLIC, false},
	{"denyusers", VALUE_STRINGS, NULL, "These may not log in.", PRIVACY_PERSONAL, false},
	{"denygroups", VALUE_STRINGS, NULL, "Members of these may not log in.", PRIVACY_PUBLIC, false},
	{0},
};

static const char *const patterns[] = {"file:/*", "dir:/*", "stat:/*", "cmd:sshd-T?*", NULL};

/* A connection to ask sshd about. */
struct spec {
	const char *user, *host, *address, *local_address, *port;
};

static char *spec_name(const struct spec *spec) {
	struct buf name = {0};
	buf_addf(&name, "cmd:sshd-T?user=%s&host=%s&addr=%s", spec->user, spec->host, spec->address);
	if (spec->local_address)
		buf_addf(&name, "&laddr=%s", spec->local_address);
	buf_addf(&name, "&lport=%s", spec->port);
	return buf_take(&name);
}

/* [{"name","user","address","connection"}...]; one that is there already is not added again. */
static void add_spec(json_t *specs, const struct spec *spec, const char *match) {
	CLEANUP(free_ptr) char *name = spec_name(spec);
	json_t *other;
	size_t i;
	json_array_foreach(specs, i,
			   other) if (!strcmp(json_string_value(json_object_get(other, "name")), name)) return;
	json_t *row = row_add(specs);
	row_text(row, "name", name);
	row_text(row, "user", spec->user);
	row_text(row, "address", spec->address);
	CLEANUP(free_ptr)
	char *connection = match ? xasprintf("Match at %s", match) : xasprintf("%s from %s", spec->user, spec->address);
	row_text(row, "connection", connection);
}

/* The values of a strings parameter, or these. */
static struct names *values_or(const json_t *with, const char *param, const char *const otherwise[]) {
	struct names *values = names_new();
	const char *value;
	for (size_t i = 0; (value = param_strings_at(with, param, i)); i++)
		names_add(values, value);
	bool none = names_count(values) == 0;
	for (size_t i = 0; none && otherwise[i]; i++)
		names_add(values, otherwise[i]);
	return values;
}

/* The first member of a list of patterns that does not exclude, "" for none: such a list fits nobody. */
static char *first_positive(const char *list) {
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");
		if (len > 0 && *at != '!')
			return xstrndup(at, len);
		at += len + (at[len] == ',');
	}
	return xstrdup("");
}

/* Something that the pattern fits. */
static char *example_of(const char *pattern) {
	char *text = xstrdup(pattern);
	for (char *p = text; *p; p++)
		*p = *p == '*' || *p == '?' ? 'x' : *p;
	return text;
}

/* An address that the pattern fits: of a network its first, "10.1.*" gives 10.1.1.1. */
static char *example_address(const char *pattern) {
	struct buf text = {0};
	for (const char *p = pattern; *p && *p != '/'; p++)
		buf_addf(&text, "%c", *p == '*' || *p == '?' ? '1' : *p);
	if (strpbrk(pattern, "*?") && !strchr(pattern, ':')) {
		size_t dots = 0;
		for (const char *p = buf_str(&text); *p; p++)
			dots += *p == '.';
		for (; dots < 3; dots++)
			buf_adds(&text, ".1");
	}
	return buf_take(&text);
}

/* Somebody in a local group that the pattern fits; "" when all such groups are empty. A group that is not local may
 * have members elsewhere. */
static bool example_member(const struct sources *fetched, const char *pattern, char **ret_user, struct err *err) {
	CLEANUP(json_decref_p) json_t *groups = NULL;
	CLEANUP(json_decref_p) json_t *accounts = NULL;
	json_t *group;
	size_t i;
	bool has_nis, any = false;
	const char *user = NULL;
	if (!groups_need(fetched, &groups, err) || !accounts_need(fetched, &accounts, &has_nis, err))
		return false;
	json_array_foreach(groups, i, group) {
		if (fnmatch(pattern, json_string_value(json_object_get(group, "name")), 0) != 0)
			continue;
		any = true;
		user = json_string_value(json_array_get(json_object_get(group, "members"), 0));
		if (!user)
			user = accounts_name_of(accounts, "gid", json_integer_value(json_object_get(group, "gid")));
		if (user)
			break;
	}
	if (!any)
		return err_set(err, ERR_UNPROVED, GROUPS_SOURCE, "Match Group %s: no such group here to try it with",
			       pattern);
	*ret_user = xstrdup(user ? user : "");
	return true;
}

/* What a block wants of a connection; NULL: anything, "": nothing fits. */
struct wish {
	char *user, *host, *address, *local_address, *port;
	char *users; /* the block's list of users, which those of the rule may fit too; NULL: none */
};

static void wish_done(struct wish *wish) {
	free(wish->user);
	free(wish->host);
	free(wish->address);
	free(wish->local_address);
	free(wish->port);
	free(wish->users);
}

static void set(char **text, char *value) {
	free(*text);
	*text = value;
}

static bool take_criterion(struct wish *wish, const struct sources *fetched, const char *key, const char *list,
			   const char *where, struct err *err) {
	CLEANUP(free_ptr) char *pattern = first_positive(list);
	char *member;
	if (!strcmp(key, "all") || !strcmp(pattern, "*"))
		return true;
	if (!strcmp(key, "user")) {
		set(&wish->user, example_of(pattern));
		set(&wish->users, xstrdup(list));
	} else if (!strcmp(key, "invalid-user"))
		set(&wish->user, xstrdup(""));
	else if (!strcmp(key, "host"))
		set(&wish->host, example_of(pattern));
	else if (!strcmp(key, "address"))
		set(&wish->address, example_address(pattern));
	else if (!strcmp(key, "localaddress"))
		set(&wish->local_address, example_address(pattern));
	else if (!strcmp(key, "localport"))
		set(&wish->port, xstrdup(pattern));
	else if (strcmp(key, "group") != 0)
		return err_set(err, ERR_UNPROVED, where, "Match %s: no connection can be made up that fits it", key);
	else if (!*pattern || wish->user)
		return true; /* the user that was named decides */
	else if (!example_member(fetched, pattern, &member, err))
		return false;
	else
		set(&wish->user, member);
	return true;
}

static bool read_wish(const json_t *block, const struct sources *fetched, struct wish *wish, struct err *err) {
	const char *where = json_string_value(json_object_get(block, "where"));
	json_t *criterion;
	size_t i;
	json_array_foreach(json_object_get(block, "criteria"), i,
			   criterion) if (!take_criterion(wish, fetched,
							  json_string_value(json_array_get(criterion, 0)),
							  json_string_value(json_array_get(criterion, 1)), where,
							  err)) return false;
	return true;
}

static bool is_impossible(const struct wish *wish) {
	const char *const all[] = {wish->user, wish->host, wish->address, wish->local_address, wish->port};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] && !*all[i])
			return true;
	return false;
}

static bool has_local_address(const json_t *blocks) {
	json_t *block, *criterion;
	size_t i, k;
	json_array_foreach(blocks, i, block) json_array_foreach(
		json_object_get(block, "criteria"), k,
		criterion) if (!strcmp(json_string_value(json_array_get(criterion, 0)), "localaddress")) return true;
	return false;
}

/* Whether a list of patterns takes a name: one fits, and none with ! does. */
static bool is_in_list(const char *list, const char *name) {
	CLEANUP(free_ptr) char *copy = xstrdup(list);
	char *at = copy, *pattern;
	bool found = false;
	while ((pattern = strsep(&at, ","))) {
		bool excludes = *pattern == '!';
		if (fnmatch(pattern + excludes, name, 0) != 0)
			continue;
		if (excludes)
			return false;
		found = true;
	}
	return found;
}

/* One connection for each user who may be meant: the block's own, and those of the rule that it may take in. */
static void add_specs(json_t *specs, const struct wish *wish, const struct names *users, const struct spec *base,
		      const char *match) {
	struct spec spec = *base;
	spec.host = wish->host ? wish->host : spec.host;
	spec.address = wish->address ? wish->address : spec.address;
	spec.local_address = wish->local_address ? wish->local_address : spec.local_address;
	spec.port = wish->port ? wish->port : spec.port;
	for (size_t i = 0; i < names_count(users); i++) {
		spec.user = names_at(users, i);
		if (!wish->users || is_in_list(wish->users, spec.user))
			add_spec(specs, &spec, match);
	}
	spec.user = wish->user;
	if (wish->user)
		add_spec(specs, &spec, match);
}

/* The connections: those of the rule, then one into each block. */
static bool make_specs(const json_t *with, const struct sources *fetched, const json_t *blocks, json_t *specs,
		       struct err *err) {
	CLEANUP(names_free_p)
	struct names *users = values_or(with, "users", (const char *const[]){"root", "nobody", NULL});
	CLEANUP(names_free_p)
	struct names *addresses = values_or(with, "addresses", (const char *const[]){ADDRESS, NULL});
	struct spec base = {NULL, HOST, names_at(addresses, 0), has_local_address(blocks) ? LOCAL_ADDRESS : NULL, "22"};
	const struct wish anything = {0};
	json_t *block;
	size_t i;
	for (i = 0; i < names_count(addresses); i++) {
		struct spec from = base;
		from.address = names_at(addresses, i);
		add_specs(specs, &anything, users, &from, NULL);
	}
	json_array_foreach(blocks, i, block) {
		CLEANUP(wish_done) struct wish wish = {0};
		if (!read_wish(block, fetched, &wish, err))
			return false;
		if (!is_impossible(&wish))
			add_specs(specs, &wish, users, &base, json_string_value(json_object_get(block, "where")));
	}
	return true;
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *specs = json_array();
	CLEANUP(sshd_config_done) struct sshd_config config = {0};
	struct err ignored;
	json_t *spec;
	size_t i;
	sshd_config_ask(fetched, names);
	names_add(names, ACCOUNTS_SOURCE);
	names_add(names, GROUPS_SOURCE);
	/* Not before all of the configuration is known: what sshd must be told depends on it. */
	if (!sshd_config_read(fetched, &config, &ignored) || !make_specs(with, fetched, config.blocks, specs, &ignored))
		return;
	json_array_foreach(specs, i, spec) names_add(names, json_string_value(json_object_get(spec, "name")));
}

static void take_list(json_t *row, const char *field, char *value) {
	char *at = value, *item;
	const char *separators = strchr(value, ' ') ? " " : ",";
	if (!strcmp(field, "authenticationmethods"))
		separators = " "; /* the commas there join what is needed together */
	while ((item = strsep(&at, separators)))
		if (*item)
			row_text_append(row, field, item);
}

/* "keyword value" as sshd -T prints it. */
static void take_keyword(json_t *row, const char *keyword, char *value) {
	unsigned long long number;
	if (!strcmp(keyword, "challengeresponseauthentication"))
		keyword = "kbdinteractiveauthentication"; /* its name before 8.7 */
	const struct check_field *field = fields;
	while (field->name && strcmp(field->name, keyword) != 0)
		field++;
	if (!strcmp(keyword, "permitrootlogin") && !strcmp(value, "without-password"))
		row_text(row, keyword, "prohibit-password"); /* the same under its old name */
	else if ((!strcmp(keyword, "forcecommand") || !strcmp(keyword, "authorizedkeyscommand")) &&
		 strcmp(value, "none") != 0)
		row_text(row, keyword, "set"); /* command lines may hold secrets */
	else if (field->name && field->type == VALUE_STRINGS)
		take_list(row, keyword, value);
	else if (field->name && field->type == VALUE_STRING)
		row_text(row, keyword, value);
	else if (field->name && field->type == VALUE_INT && text_to_u64(value, INT32_MAX, &number))
		row_int(row, keyword, (int64_t)number);
}

static bool take_output(json_t *row, const char *where, const char *stdout_text, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(where, stdout_text, strlen(stdout_text));
	char *line, *keyword, *value;
	while ((line = lines_next(&lines)))
		if (setting_split(line, ' ', "", &keyword, &value))
			take_keyword(row, keyword, value);
	if (!lines_ok(&lines, err))
		return false;
	return json_object_get(row, "permitrootlogin") ||
	       err_set(err, ERR_MALFORMED, where, "not what sshd -T prints: no permitrootlogin in it");
}

/* *ret_installed is false when there is no sshd. */
static bool add_row(json_t *rows, const struct sources *fetched, const json_t *spec, bool *ret_installed,
		    struct err *err) {
	const char *name = json_string_value(json_object_get(spec, "name")), *text;
	const struct source *source;
	json_t *value;
	int64_t status;
	if (!source_maybe(fetched, name, &source, err))
		return false;
	*ret_installed = source != NULL;
	json_t *row = row_add(rows);
	row_bool(row, "installed", source != NULL);
	if (!source)
		return true;
	if (!source_json(source, &value, err) || !json_get_int(value, "exit", name, &status, err) ||
	    !json_get_string(value, "stdout", name, &text, err))
		return false;
	if (status != 0)
		return err_set(err, ERR_UNREADABLE, name, "sshd refuses its configuration: exit %d", (int)status);
	row_text(row, "user", json_string_value(json_object_get(spec, "user")));
	row_text(row, "address", json_string_value(json_object_get(spec, "address")));
	row_text(row, "connection", json_string_value(json_object_get(spec, "connection")));
	return take_output(row, name, text, err);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	CLEANUP(json_decref_p) json_t *specs = json_array();
	CLEANUP(sshd_config_done) struct sshd_config config = {0};
	json_t *spec;
	size_t i;
	bool installed = true;
	if (!sshd_config_read(fetched, &config, err) || !make_specs(with, fetched, config.blocks, specs, err))
		return false;
	json_array_foreach(specs, i,
			   spec) if (installed && !add_row(rows, fetched, spec, &installed, err)) return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_sshd = {
	.name = "sshd",
	.about = "sshd's effective configuration, for given connections and for one into each Match block.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = sources,
	.run = run,
};

/* sshd's effective configuration, as sshd itself says it or as its files have it: for the connections that the rule
 * names, and for those that its Match blocks tell apart. */
#include "core/check.h"
#include "core/row.h"
#include "core/sshd_effective.h"
#include "core/text.h"

#define ADDRESS "192.0.2.1" /* TEST-NET-1 (RFC 5737): nobody's */

static const struct check_param params[] = {
	{"users", VALUE_STRINGS, false, "Whose connections to look at. Default root and nobody."},
	{"addresses", VALUE_STRINGS, false, "From where they come. Default an address that is nobody's (192.0.2.1)."},
	{"keywords", VALUE_STRINGS, false,
	 "The fields that the rule is about. Where sshd cannot be asked (a root folder), its files are read if they "
	 "and "
	 "defaults that never changed give all of these; an empty list asks for none. Left out: only sshd is "
	 "believed."},
	{0},
};

#define TEXT(name, about)                                                                                              \
	{ name, VALUE_STRING, NULL, about, PRIVACY_PUBLIC, false }
#define NUMBER(name, unit, about)                                                                                      \
	{ name, VALUE_INT, unit, about, PRIVACY_PUBLIC, false }
#define LIST(name, about)                                                                                              \
	{ name, VALUE_STRINGS, NULL, about, PRIVACY_PUBLIC, false }

static const struct check_field fields[] = {
	TEXT("connection",
	     "Which one this is: \"root from 192.0.2.1\" as the rule has it, or the Match blocks it was made up for."),
	{"installed", VALUE_BOOL, NULL, "Whether there is an sshd; if not, that is the only row and field.",
	 PRIVACY_PUBLIC, false},
	TEXT("known_by",
	     "Who says so: sshd, or, where it cannot be asked, its files; what they leave open is not there."),
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

static struct names *users_of(const json_t *with) {
	return values_or(with, "users", (const char *const[]){"root", "nobody", NULL});
}

static struct names *addresses_of(const json_t *with) {
	return values_or(with, "addresses", (const char *const[]){ADDRESS, NULL});
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(names_free_p) struct names *users = users_of(with);
	CLEANUP(names_free_p) struct names *addresses = addresses_of(with);
	sshd_effective_ask(users, addresses, fetched, names);
}

static void paths(const json_t *with, struct names *into) {
	(void)with;
	sshd_effective_paths(into);
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

/* One value of a keyword, as sshd -T prints it. */
static void take_keyword(json_t *row, const char *keyword, const char *text) {
	CLEANUP(free_ptr) char *value = xstrdup(text);
	unsigned long long number;
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

/* Where the files speak, all that the rule is about must be there. */
static bool has_keywords(const json_t *with, const json_t *row, struct err *err) {
	const char *keyword;
	for (size_t i = 0; (keyword = param_strings_at(with, "keywords", i)); i++)
		if (!json_object_get(row, keyword))
			return err_set(err, ERR_UNPROVED, SSHD_CONFIG,
				       "sshd cannot be asked here, and its files do not settle %s", keyword);
	return true;
}

static json_t *add_row(json_t *rows, const json_t *connection, bool by_files) {
	static const char *const copied[] = {"user", "address", "connection"};
	json_t *row = row_add(rows), *texts, *text;
	const char *keyword;
	size_t i;
	row_bool(row, "installed", true);
	row_text(row, "known_by", by_files ? "files" : "sshd");
	for (i = 0; i < ARRAY_LEN(copied); i++)
		json_object_set(row, copied[i], json_object_get(connection, copied[i]));
	json_object_foreach(json_object_get(connection, "values"), keyword, texts) json_array_foreach(texts, i, text)
		take_keyword(row, keyword, json_string_value(text));
	return row;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(names_free_p) struct names *users = users_of(with);
	CLEANUP(names_free_p) struct names *addresses = addresses_of(with);
	CLEANUP(sshd_effective_done) struct sshd_effective effective = {0};
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *connection;
	size_t i;
	if (!sshd_effective_read(users, addresses, fetched, json_object_get(with, "keywords") != NULL, &effective, err))
		return false;
	if (!effective.installed)
		row_bool(row_add(rows), "installed", false);
	json_array_foreach(effective.connections, i, connection) {
		const json_t *row = add_row(rows, connection, effective.by_files);
		if (effective.by_files && !has_keywords(with, row, err))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_sshd = {
	.name = "sshd",
	.about = "sshd's effective configuration, for given connections and for those that Match blocks tell apart.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

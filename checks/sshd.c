/* sshd's effective configuration, as sshd itself says it: for the connections that the rule names, and for those that
 * its Match blocks tell apart. */
#include "core/check.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/sshd_connections.h"
#include "core/text.h"

#define ADDRESS "192.0.2.1" /* TEST-NET-1 (RFC 5737): nobody's */

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
	TEXT("connection",
	     "Which one this is: \"root from 192.0.2.1\" as the rule has it, or the Match blocks it was made up for."),
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

/* The connections to ask sshd about: those of the rule, and those that tell its Match blocks apart. */
static bool find_connections(const json_t *with, const struct sources *fetched, json_t **ret_list, struct err *err) {
	CLEANUP(names_free_p)
	struct names *users = values_or(with, "users", (const char *const[]){"root", "nobody", NULL});
	CLEANUP(names_free_p)
	struct names *addresses = values_or(with, "addresses", (const char *const[]){ADDRESS, NULL});
	CLEANUP(sshd_config_done) struct sshd_config config = {0};
	return sshd_config_read(fetched, &config, err) &&
	       sshd_connections(&config, fetched, users, addresses, ret_list, err);
}

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(json_decref_p) json_t *list = NULL;
	struct err ignored;
	json_t *connection;
	size_t i;
	sshd_config_ask(fetched, names);
	sshd_connections_ask(names);
	/* Not before all of the configuration is known: what sshd must be told depends on it. */
	if (!find_connections(with, fetched, &list, &ignored))
		return;
	json_array_foreach(list, i, connection)
		names_add(names, json_string_value(json_object_get(connection, "name")));
}

static void paths(const json_t *with, struct names *into) {
	sshd_config_paths(into);
	sshd_connections_ask(into);
	names_add(into, "cmd:sshd-T*");
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
	CLEANUP(json_decref_p) json_t *list = NULL;
	json_t *connection;
	size_t i;
	bool installed = true;
	if (!find_connections(with, fetched, &list, err))
		return false;
	json_array_foreach(list, i, connection) if (installed &&
						    !add_row(rows, fetched, connection, &installed, err)) return false;
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

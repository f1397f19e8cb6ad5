/* What sudo lets whom do on this host, and whether it asks for a password first. */
#include "core/accounts.h"
#include "core/nsswitch.h"
#include "core/row.h"
#include "core/sudo_look.h"

static const struct check_param params[] = {
	{"trusted_services", VALUE_STRINGS, false,
	 "Services of nsswitch.conf, as sss, that the organisation knows to hold no rules of sudo (default none)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "installed", .type = VALUE_BOOL, .about = "Whether there is sudo here; of one row where it is not."},
	{.name = "who",
	 .type = VALUE_STRING,
	 .about = "Whom the rule names, aliases resolved: a user, %group, #uid, +netgroup, ALL.",
	 .privacy = PRIVACY_PERSONAL},
	{.name = "grant",
	 .type = VALUE_STRING,
	 .about = "The rule in one text, as a list of approved ones names it: \"who: command, command\".",
	 .privacy = PRIVACY_PERSONAL},
	{.name = "type",
	 .type = VALUE_STRING,
	 .about = "user, group, everybody, other (a netgroup, a plugin's group)."},
	{.name = "users",
	 .type = VALUE_STRINGS,
	 .about = "Whom it stands for, as far as they are known here.",
	 .privacy = PRIVACY_PERSONAL},
	{.name = "is_root", .type = VALUE_BOOL, .about = "Whether that is root alone, whom sudo asks for nothing."},
	{.name = "host_sure",
	 .type = VALUE_BOOL,
	 .about = "Whether the rule is surely meant for this host; false: it may be (an address, a netgroup)."},
	{.name = "as", .type = VALUE_STRING, .about = "As whom, users:groups.", .privacy = PRIVACY_PERSONAL},
	{.name = "as_root", .type = VALUE_BOOL, .about = "Whether that takes root in."},
	{.name = "commands", .type = VALUE_STRINGS, .about = "What, aliases resolved; \"!\" before what is taken out."},
	{.name = "all_commands", .type = VALUE_BOOL, .about = "Whether ALL is among them."},
	{.name = "root_by",
	 .type = VALUE_STRINGS,
	 .about = "Those that make root whoever may run them as root: shells, editors, package managers."},
	{.name = "wildcards",
	 .type = VALUE_STRINGS,
	 .about = "Those with wildcards or regular expressions, which take in more than they look like."},
	{.name = "setenv", .type = VALUE_BOOL, .about = "Whether who runs it chooses its environment (SETENV)."},
	{.name = "sudoedit", .type = VALUE_BOOL, .about = "Whether files may be edited by it."},
	{.name = "nopasswd", .type = VALUE_BOOL, .about = "Whether no password is asked for."},
	{.name = "nopasswd_by", .type = VALUE_STRING, .about = "By what: tag (NOPASSWD), defaults, exempt_group."},
	{.name = "overridden",
	 .type = VALUE_BOOL,
	 .about = "Whether a later rule takes all of it and wants a password; the last rule decides."},
	{0},
};

static const char *const patterns[] = {ACCOUNTS_SOURCE, GROUPS_SOURCE,      SUDO_SOURCE, SUDO_HOST_SOURCE,
				       NSSWITCH_SOURCE, NSS_USERDB_SOURCES, SUDO_OTHERS, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	sudo_look_ask(names);
}

static void add_text(json_t *row) {
	CLEANUP(buf_done) struct buf text = {0};
	size_t i;
	const json_t *command;
	buf_adds(&text, json_string_value(json_object_get(row, "who")));
	json_array_foreach(json_object_get(row, "commands"), i, command)
		buf_addf(&text, "%s %s", i ? "," : ":", json_string_value(command));
	row_text(row, "grant", buf_str(&text));
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(sudo_look_done) struct sudo_look look = {0};
	CLEANUP(json_decref_p) json_t *rows = json_array();
	size_t i;
	json_t *grant;
	if (!sudo_look(fetched, with, &look, err))
		return false;
	if (look.elsewhere)
		return err_set(err, ERR_UNPROVED, NSSWITCH_SOURCE,
			       "%s may hold further rules of sudo that cannot be listed from here", look.elsewhere);
	json_array_foreach(look.grants, i, grant) {
		json_t *row = row_add(rows);
		row_bool(row, "installed", true);
		json_object_update(row, grant);
		add_text(row);
	}
	if (json_array_size(rows) == 0)
		row_bool(row_add(rows), "installed", look.is_installed);
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_sudo = {
	.name = "sudo",
	.about = "The rules of sudo that hold on this host: who may run what as whom, and with what password.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};

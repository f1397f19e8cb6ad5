/* What the auth stacks of PAM are worth for the services that let people in. */
#include "core/check.h"
#include "core/lines.h"
#include "core/pam_auth.h"
#include "core/pam_managed.h"
#include "core/row.h"
#include "core/setting.h"
#include "core/text.h"

#define FAILLOCK_CONF "file:/etc/security/faillock.conf"
#define FAILLOCK_AFTER 3 /* faillock.conf(5): deny */

static const struct check_param params[] = {
	{"services", VALUE_STRINGS, false,
	 "Services to look at, where they are there (default cockpit cups doas dovecot ftp gdm-password imap lightdm "
	 "login "
	 "openvpn other polkit-1 pop3 proftpd pure-ftpd remote rlogin rsh sddm smtp sshd su su-l sudo sudo-i vlock "
	 "vsftpd "
	 "webmin xdm xrdp-sesman)."},
	{"verifying", VALUE_STRINGS, false,
	 "Modules that the organisation knows to verify who somebody is, beside those known here (default none)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "service", .type = VALUE_STRING, .about = "The service; other stands for all that have no file."},
	{.name = "file", .type = VALUE_STRING, .about = "Where its stack begins."},
	{.name = "of_other", .type = VALUE_BOOL, .about = "Whether it says nothing itself, and other counts."},
	{.name = "bypass",
	 .type = VALUE_BOOL,
	 .about = "Whether the stack can let in though no module verified who it is."},
	{.name = "bypass_at", .type = VALUE_STRING, .about = "The line that decides then."},
	{.name = "verifiers", .type = VALUE_STRINGS, .about = "The modules in it that verify, in order."},
	{.name = "nullok",
	 .type = VALUE_STRINGS,
	 .about = "Modules in it that are told to let in who has nothing to prove it by: nullok, nouserok."},
	{.name = "lockout",
	 .type = VALUE_STRING,
	 .about =
		 "Of pam_faillock, pam_tally2 and pam_tally: none (is there), holds, open (the stack can let in though "
		 "the account is locked), uncounted (a wrong password can be refused without being counted), off (told "
		 "never to lock)."},
	{.name = "lockout_after", .type = VALUE_INT, .about = "Wrong passwords until it locks; 0: never."},
	{.name = "managed_by", .type = VALUE_STRING, .about = "The tool that writes the common stack, if any."},
	{.name = "changed_by_hand",
	 .type = VALUE_BOOL,
	 .about = "Whether the common auth stack is another than that tool wrote; not there where nothing tells."},
	{0},
};

static const char *const patterns[] = {"file:/*", "stat:/*", NULL};

static const char *const usual[] = {"cockpit", "cups",    "doas",      "dovecot", "ftp",     "gdm-password",
				    "imap",    "lightdm", "login",     PAM_OTHER, "openvpn", "polkit-1",
				    "pop3",    "proftpd", "pure-ftpd", "remote",  "rlogin",  "rsh",
				    "sddm",    "smtp",    "sshd",      "su",      "su-l",    "sudo",
				    "sudo-i",  "vlock",   "vsftpd",    "webmin",  "xdm",     "xrdp-sesman"};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(names_free_p) struct names *services = pam_services(with, usual, ARRAY_LEN(usual));
	pam_ask(services, fetched, names);
	pam_managed_ask(names);
	names_add(names, FAILLOCK_CONF);
}

static void paths(const json_t *with, struct names *into) {
	(void)with;
	pam_paths(into);
	pam_managed_ask(into);
	names_add(into, FAILLOCK_CONF);
}

/* deny of faillock.conf: the last counts. */
static bool faillock_after(const struct sources *fetched, int64_t *ret_after, struct err *err) {
	const struct source *source;
	unsigned long long number;
	char *line, *key, *value;
	if (!source_maybe(fetched, FAILLOCK_CONF, &source, err))
		return false;
	*ret_after = FAILLOCK_AFTER;
	if (!source)
		return true;
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	while ((line = lines_next(&lines)))
		if (setting_split(line, ' ', "#", &key, &value) && !strcmp(key, "deny") &&
		    text_to_u64(value, INT32_MAX, &number))
			*ret_after = (int64_t)number;
	return lines_ok(&lines, err);
}

/* The most attempts that one of the modules that lock allows; 0 where one of them never locks. -1: there is none. */
static int64_t lockout_after(const struct pam_stack *stack, const struct pam_auth_context *context,
			     int64_t usual_after) {
	int64_t most = -1;
	for (size_t i = 0; i < stack->count; i++) {
		const struct pam_module *module = &stack->modules[i];
		unsigned long long number;
		if (pam_auth_kind(module, context) != PAM_KIND_LOCKS)
			continue;
		int64_t after = strcmp(module->name, "pam_faillock") != 0 ? 0 : usual_after;
		const char *told = pam_arg_value(module, "deny");
		if (told)
			after = text_to_u64(told, INT32_MAX, &number) ? (int64_t)number : 0;
		most = after == 0 || most == 0 ? 0 : after > most ? after : most;
	}
	return most;
}

static void add_lockout(json_t *row, const struct pam_stack *stack, const struct pam_auth_context *context,
			int64_t usual_after) {
	static const char *const words[] = {"none", "holds", "open", "uncounted"};
	enum pam_lockout lockout = pam_auth_lockout(stack, context);
	int64_t after = lockout_after(stack, context, usual_after);
	row_text(row, "lockout", after == 0 ? "off" : words[lockout]);
	if (after >= 0)
		row_int(row, "lockout_after", after);
}

static bool has_nullok(const struct pam_module *module) {
	return pam_has_arg(module, "nullok") || pam_has_arg(module, "nullok_secure") || pam_has_arg(module, "nouserok");
}

static void add_modules(json_t *row, const struct pam_stack *stack, const struct pam_auth_context *context) {
	json_object_set_new(row, "verifiers", json_array());
	json_object_set_new(row, "nullok", json_array());
	for (size_t i = 0; i < stack->count; i++) {
		const struct pam_module *module = &stack->modules[i];
		if (pam_auth_kind(module, context) == PAM_KIND_VERIFIES)
			row_text_append(row, "verifiers", module->name);
		if (has_nullok(module))
			row_text_append(row, "nullok", module->name);
	}
}

/* A module that nobody here knows may verify or not: then it cannot be said. */
static bool add_bypass(json_t *row, const struct pam_stack *stack, const struct pam_auth_context *context,
		       struct err *err) {
	const struct pam_module *last = NULL;
	bool bypass = pam_auth_can_bypass(stack, context, true, &last);
	if (!bypass && pam_auth_can_bypass(stack, context, false, &last))
		return err_set(
			err, ERR_UNPROVED, last ? last->where : stack->file,
			"%s decides here and is not known to verify anybody; if it does, list it in \"verifying\"",
			last ? last->name : "nothing");
	row_bool(row, "bypass", bypass);
	if (bypass && last) {
		CLEANUP(free_ptr) char *at = xasprintf("%s at %s", last->name, last->where);
		row_text(row, "bypass_at", at);
	}
	return true;
}

static bool add_row(json_t *rows, const char *service, const json_t *with, const struct sources *fetched,
		    int64_t usual_after, struct err *err) {
	CLEANUP(pam_stack_done) struct pam_stack stack = {0};
	struct pam_auth_context context = {service, json_object_get(with, "verifying")};
	if (!pam_stack_read(service, "auth", fetched, &stack, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "service", service);
	row_text(row, "file", stack.file);
	row_bool(row, "of_other", stack.is_of_other);
	add_modules(row, &stack, &context);
	add_lockout(row, &stack, &context, usual_after);
	return add_bypass(row, &stack, &context, err);
}

static bool add_managed(json_t *rows, const struct sources *fetched, struct err *err) {
	const char *tool;
	bool changed;
	json_t *row;
	size_t i;
	if (!pam_managed_read(fetched, &tool, &changed, err))
		return false;
	json_array_foreach(rows, i, row) {
		row_text(row, "managed_by", tool);
		if (tool)
			row_bool(row, "changed_by_hand", changed);
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(names_free_p) struct names *services = pam_services(with, usual, ARRAY_LEN(usual));
	CLEANUP(json_decref_p) json_t *rows = json_array();
	int64_t usual_after;
	if (!faillock_after(fetched, &usual_after, err))
		return false;
	for (size_t i = 0; i < names_count(services); i++) {
		const char *service = names_at(services, i);
		bool has;
		if (!pam_has_service(service, fetched, &has, err) ||
		    (has && !add_row(rows, service, with, fetched, usual_after, err)))
			return false;
	}
	if (json_array_size(rows) == 0)
		return err_set(err, ERR_UNPROVED, "stat:/etc/pam.d", "none of the services is configured here");
	if (!add_managed(rows, fetched, err))
		return false;
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_pam = {
	.name = "pam",
	.about = "What PAM's auth stacks are worth, for the services that let people in.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

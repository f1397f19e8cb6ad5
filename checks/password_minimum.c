/* The shortest password that PAM lets be stored for an account of this host. */
#include "core/check.h"
#include "core/lines.h"
#include "core/pam_password.h"
#include "core/row.h"
#include "core/text.h"

#define LOGIN_DEFS "file:/etc/login.defs"

static const struct check_param params[] = {
	{"services", VALUE_STRINGS, false,
	 "Services through which passwords are changed, where they are there (default chpasswd login passwd sshd su)."},
	{0},
};

static const struct check_field fields[] = {
	{.name = "service", .type = VALUE_STRING, .about = "The service."},
	{.name = "file", .type = VALUE_STRING, .about = "Where its stack begins."},
	{.name = "settable",
	 .type = VALUE_BOOL,
	 .about =
		 "Whether a password of an account of this host can be changed through it; if not, no lengths follow."},
	{.name = "minimum",
	 .type = VALUE_INT,
	 .about = "The shortest password that a user can get stored, at least; positive credits are taken off. A "
		  "refusal "
		  "behind which pam_unix asks anew (neither requisite nor use_authtok) does not count."},
	{.name = "minimum_root",
	 .type = VALUE_INT,
	 .about = "The shortest that root can set for somebody; 0 without enforce_for_root."},
	{.name = "checkers",
	 .type = VALUE_STRINGS,
	 .about = "The modules that look at new passwords, with their lines."},
	{.name = "minlen", .type = VALUE_INT, .about = "minlen of pwquality.conf and its drop-ins, 8 where none says."},
	{.name = "credits", .type = VALUE_INT, .about = "How many characters the credits there can save at most."},
	{.name = "local_users_only",
	 .type = VALUE_BOOL,
	 .about = "Whether pwquality.conf asks only of local accounts."},
	{.name = "login_defs",
	 .type = VALUE_STRING,
	 .about = "PASS_MIN_LEN of login.defs, which PAM does not read: it has no effect."},
	{0},
};

static const char *const patterns[] = {"file:/*", "dir:/*", "stat:/*", NULL};

static const char *const usual[] = {"chpasswd", "login", "passwd", "sshd", "su"};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) {
	CLEANUP(names_free_p) struct names *services = pam_services(with, usual, ARRAY_LEN(usual));
	pam_ask(services, fetched, names);
	pwquality_ask(fetched, names);
	names_add(names, LOGIN_DEFS);
}

static void paths(const json_t *with, struct names *into) {
	(void)with;
	pam_paths(into);
	pwquality_paths(into);
	names_add(into, LOGIN_DEFS);
}

/* What the rows share. */
struct look {
	const struct sources *fetched;
	struct pwquality base;
	char *login_defs; /* NULL: nothing is said there */
	json_t *rows;
};

static bool read_login_defs(struct look *look, struct err *err) {
	const struct source *source;
	char *line;
	if (!source_maybe(look->fetched, LOGIN_DEFS, &source, err))
		return false;
	if (!source)
		return true;
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	while ((line = lines_next(&lines))) {
		char *rest = line, *word = text_word(&rest), *value = word ? text_word(&rest) : NULL;
		if (!word || !value || strcmp(word, "PASS_MIN_LEN") != 0)
			continue;
		free(look->login_defs);
		look->login_defs = xstrdup(value);
	}
	return lines_ok(&lines, err);
}

static void add_settings(json_t *row, const struct look *look) {
	int64_t credits = 0;
	for (size_t i = 0; i < ARRAY_LEN(look->base.credits); i++)
		if (look->base.credits[i] > 0 && look->base.credits[i] < look->base.minlen)
			credits += look->base.credits[i];
	row_int(row, "minlen", look->base.minlen);
	row_int(row, "credits", credits);
	row_bool(row, "local_users_only", look->base.local_users_only);
}

static void add_checkers(json_t *row, const struct pam_stack *stack, const struct look *look) {
	bool has_pwquality = false;
	json_object_set_new(row, "checkers", json_array());
	for (size_t i = 0; i < stack->count; i++) {
		const struct pam_module *module = &stack->modules[i];
		if (!pam_password_checks(module))
			continue;
		CLEANUP(free_ptr) char *text = xasprintf("%s at %s", module->name, module->where);
		row_text_append(row, "checkers", text);
		has_pwquality |= !strcmp(module->name, "pam_pwquality");
	}
	if (has_pwquality)
		add_settings(row, look);
}

static bool add_row(struct look *look, const char *service, struct err *err) {
	CLEANUP(pam_stack_done) struct pam_stack stack = {0};
	bool can, can_root;
	int shortest, shortest_root;
	if (!pam_stack_read(service, "password", look->fetched, &stack, err) ||
	    !pam_password_shortest(&stack, &look->base, false, look->fetched, &can, &shortest, err) ||
	    !pam_password_shortest(&stack, &look->base, true, look->fetched, &can_root, &shortest_root, err))
		return false;
	json_t *row = row_add(look->rows);
	row_text(row, "service", service);
	row_text(row, "file", stack.file);
	row_bool(row, "settable", can || can_root);
	if (can)
		row_int(row, "minimum", shortest);
	if (can_root)
		row_int(row, "minimum_root", shortest_root);
	row_text(row, "login_defs", look->login_defs);
	add_checkers(row, &stack, look);
	return true;
}

static bool add_rows(struct look *look, const json_t *with, struct err *err) {
	CLEANUP(names_free_p) struct names *services = pam_services(with, usual, ARRAY_LEN(usual));
	for (size_t i = 0; i < names_count(services); i++) {
		bool has;
		if (!pam_has_service(names_at(services, i), look->fetched, &has, err) ||
		    (has && !add_row(look, names_at(services, i), err)))
			return false;
	}
	return json_array_size(look->rows) > 0 ||
	       err_set(err, ERR_UNPROVED, "stat:/etc/pam.d", "none of the services is configured here");
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct look look = {.fetched = fetched, .rows = rows};
	bool is_done =
		pwquality_read(fetched, &look.base, err) && read_login_defs(&look, err) && add_rows(&look, with, err);
	free(look.login_defs);
	if (is_done)
		ret_observation->rows = json_incref(rows);
	return is_done;
}

const struct check check_password_minimum = {
	.name = "password_minimum",
	.about = "The shortest password that PAM lets be stored for an account of this host.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = paths,
	.sources = sources,
	.run = run,
};

#include "core/pam.h"

#include <ctype.h>

#include "core/lines.h"
#include "core/text.h"

#define BLANKS " \n\t"
#define CONF "/etc/pam.conf"
#define JUMP_LONGEST 9999

static const char *const folders[] = {"/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"};

static const char *const facilities[] = {"auth", "account", "password", "session"};

/* In libpam's order of numbers; "default" stands behind them. */
static const char *const returns[PAM_RETURNS + 1] = {"success",
						     "open_err",
						     "symbol_err",
						     "service_err",
						     "system_err",
						     "buf_err",
						     "perm_denied",
						     "auth_err",
						     "cred_insufficient",
						     "authinfo_unavail",
						     "user_unknown",
						     "maxtries",
						     "new_authtok_reqd",
						     "acct_expired",
						     "session_err",
						     "cred_unavail",
						     "cred_expired",
						     "cred_err",
						     "no_module_data",
						     "conv_err",
						     "authtok_err",
						     "authtok_recover_err",
						     "authtok_lock_busy",
						     "authtok_disable_aging",
						     "try_again",
						     "ignore",
						     "abort",
						     "authtok_expired",
						     "module_unknown",
						     "bad_item",
						     "conv_again",
						     "incomplete",
						     "default"};

static const struct {
	const char *word;
	int action;
} actions[] = {{"ignore", PAM_DOES_IGNORE}, {"ok", PAM_DOES_OK},   {"done", PAM_DOES_DONE},
	       {"bad", PAM_DOES_BAD},       {"die", PAM_DOES_DIE}, {"reset", PAM_DOES_RESET}};

/* The words that are controls: on success, on ignore, else. */
static const struct {
	const char *word;
	int success, ignore, otherwise;
} controls[] = {{"required", PAM_DOES_OK, PAM_DOES_IGNORE, PAM_DOES_BAD},
		{"requisite", PAM_DOES_OK, PAM_DOES_IGNORE, PAM_DOES_DIE},
		{"optional", PAM_DOES_OK, PAM_DOES_IGNORE, PAM_DOES_IGNORE},
		{"sufficient", PAM_DOES_DONE, PAM_DOES_IGNORE, PAM_DOES_IGNORE}};

/* One walk: for asking (all facilities, failures passed over) or for one facility's stack. */
struct walk {
	const struct sources *fetched;
	struct names *ask;    /* NULL: what was not fetched is an error */
	const char *service;  /* whose lines of /etc/pam.conf count */
	const char *facility; /* NULL: all */
	struct pam_stack *stack;
	bool has_lines; /* of any facility */
	unsigned reads; /* of files, again and again where they include each other */
};

static void module_done(struct pam_module *module) {
	free(module->name);
	free(module->where);
	json_decref(module->args);
}

void pam_stack_done(struct pam_stack *stack) {
	for (size_t i = 0; i < stack->count; i++)
		module_done(&stack->modules[i]);
	free(stack->modules);
	free(stack->file);
	*stack = (struct pam_stack){0};
}

/* libpam's _pam_tokenize: blanks part, [..] is one token, in which \] is a ]. Edits the text, moves *at. */
static char *next_token(char **at) {
	char *from = *at + strspn(*at, BLANKS), *end;
	if (*from == '[') {
		char *to = end = ++from;
		for (; *end && *end != ']'; to++, end++) {
			end += *end == '\\' && end[1] == ']';
			*to = *end;
		}
		char *behind = *end ? end + 1 : end;
		*to = '\0';
		*at = behind;
		return from;
	}
	if (!*from)
		return NULL;
	end = from + strcspn(from, BLANKS);
	*at = *end ? end + 1 : end;
	*end = '\0';
	return from;
}

static void fill_unset(int *into, int action) {
	for (size_t i = 0; i < PAM_RETURNS; i++)
		if (into[i] == PAM_DOES_UNSET)
			into[i] = action;
}

/* The action at *at, moved behind it. */
static bool read_action(const char **at, int *ret_action) {
	if (isdigit((unsigned char)**at)) {
		int jump = 0;
		while (isdigit((unsigned char)**at) && jump <= JUMP_LONGEST)
			jump = jump * 10 + *(*at)++ - '0';
		*ret_action = jump;
		return jump > 0 && jump <= JUMP_LONGEST;
	}
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (text_starts(*at, actions[i].word)) {
			*at += strlen(actions[i].word);
			*ret_action = actions[i].action;
			return true;
		}
	return false;
}

static size_t read_return(const char **at) {
	size_t which = 0;
	while (which <= PAM_RETURNS && !text_starts(*at, returns[which]))
		which++;
	if (which <= PAM_RETURNS)
		*at += strlen(returns[which]);
	return which;
}

/* "value=action value=action": what is wrong makes libpam take all as bad (_pam_parse_control). */
static void read_bracket(int *into, const char *at) {
	for (at += strspn(at, " \t\n"); *at; at += strspn(at, " \t\n")) {
		int action = PAM_DOES_BAD;
		size_t which = read_return(&at);
		at += strspn(at, " \t\n");
		bool is_good = which <= PAM_RETURNS && *at == '=';
		at += is_good;
		at += strspn(at, " \t\n");
		if (!is_good || !read_action(&at, &action)) {
			for (size_t i = 0; i < PAM_RETURNS; i++)
				into[i] = PAM_DOES_BAD;
			return;
		}
		if (which == PAM_RETURNS)
			fill_unset(into, action);
		else
			into[which] = action;
	}
}

/* False: no control word, so it is brackets. */
static bool read_word(int *into, const char *word) {
	for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
		if (strcasecmp(controls[i].word, word) != 0)
			continue;
		into[PAM_IS_SUCCESS] = into[PAM_IS_NEW_AUTHTOK_REQD] = controls[i].success;
		into[PAM_IS_IGNORE] = controls[i].ignore;
		fill_unset(into, controls[i].otherwise);
		return true;
	}
	return false;
}

static char *base_name(const char *path) {
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	return xstrndup(name, strlen(name) - (text_ends(name, ".so") ? 3 : 0));
}

/* Appends an empty module in which all return values are unset. */
static struct pam_module *add_module(struct walk *walk, const struct lines *lines, unsigned level) {
	struct pam_stack *stack = walk->stack;
	stack->modules = xreallocarray(stack->modules, stack->count + 1, sizeof *stack->modules);
	struct pam_module *module = &stack->modules[stack->count++];
	*module = (struct pam_module){.name = xstrdup(""), .args = json_array(), .level = level};
	module->where = xasprintf("%s:%u", lines->where + strlen("file:"), lines->number);
	for (size_t i = 0; i < PAM_RETURNS; i++)
		module->actions[i] = PAM_DOES_UNSET;
	return module;
}

static void add_failing(struct walk *walk, const struct lines *lines, unsigned level) {
	struct pam_module *module = add_module(walk, lines, level);
	module->must_fail = true;
	fill_unset(module->actions, PAM_DOES_BAD);
}

static bool has_room(const struct walk *walk, const struct lines *lines, struct err *err) {
	return !walk->stack || walk->stack->count < PAM_MODULES_MOST ||
	       err_set_at(err, ERR_MALFORMED, lines->where, lines->number, 0, "more than %d modules in one stack",
			  PAM_MODULES_MOST);
}

/* CONTROL MODULE ARGUMENT... of a line of the facility. */
static void take_module(struct walk *walk, const struct lines *lines, char *control, char *rest, bool may_be_missing,
			unsigned level) {
	if (!walk->stack)
		return;
	struct pam_module *module = add_module(walk, lines, level);
	module->may_be_missing = may_be_missing;
	if (control && !read_word(module->actions, control))
		read_bracket(module->actions, control);
	fill_unset(module->actions, PAM_DOES_BAD);
	char *path = control ? next_token(&rest) : NULL, *arg;
	module->must_fail = !path;
	if (path) {
		free(module->name);
		module->name = base_name(path);
	}
	while (path && (arg = next_token(&rest)))
		json_array_append_new(module->args, json_text(arg));
}

static bool walk_config(struct walk *walk, const char *name, unsigned depth, unsigned level, const char *facility,
			bool *ret_found, struct err *err);

/* A file that cannot be found fails as a line of its own, as in libpam. */
static bool take_include(struct walk *walk, const struct lines *lines, const char *target, const char *facility,
			 unsigned depth, unsigned level, bool is_substack, struct err *err) {
	bool found = false;
	if (is_substack && walk->stack)
		add_module(walk, lines, level)->is_substack = true;
	if (target && depth + 1 < PAM_DEEPEST &&
	    !walk_config(walk, target, depth + 1, level + is_substack, facility, &found, err))
		return false;
	if (!found && walk->stack && !walk->ask)
		add_failing(walk, lines, level);
	return true;
}

/* The facility that a word names; of a word that names none libpam makes a line that fails. */
static const char *facility_of(const char *word, const char *wanted) {
	for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
		if (!strcasecmp(facilities[i], word))
			return facilities[i];
	return wanted ? wanted : "auth";
}

static bool is_facility(const char *word) {
	for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
		if (!strcasecmp(facilities[i], word))
			return true;
	return false;
}

/* One line without its service. facility: the only one that counts here, or NULL. */
static bool take_line(struct walk *walk, const struct lines *lines, char *text, unsigned depth, unsigned level,
		      const char *facility, struct err *err) {
	char *word = next_token(&text);
	if (!word || !has_room(walk, lines, err))
		return word == NULL;
	if (!strcmp(word, "@include"))
		return take_include(walk, lines, next_token(&text), facility, depth, level, false, err);
	bool may_be_missing = *word == '-';
	word += may_be_missing;
	const char *own = facility_of(word, facility);
	walk->has_lines = true;
	if ((facility && strcmp(own, facility) != 0) || (walk->facility && strcmp(own, walk->facility) != 0))
		return true;
	if (!is_facility(word)) {
		if (walk->stack)
			add_failing(walk, lines, level);
		return true;
	}
	char *control = next_token(&text);
	bool is_substack = control && !strcasecmp(control, "substack");
	if (control && (is_substack || !strcasecmp(control, "include")))
		return take_include(walk, lines, next_token(&text), own, depth, level, is_substack, err);
	take_module(walk, lines, control, text, may_be_missing, level);
	return true;
}

/* libpam's _pam_assemble_line: what is before a #, joined over lines that end in a backslash. False at the end. */
static bool next_logical(struct lines *lines, struct buf *text) {
	char *line;
	buf_done(text);
	while ((line = lines_next(lines))) {
		char *from = line + strspn(line, BLANKS), *hash = strchr(from, '#');
		if (!*from || hash == from)
			continue;
		if (hash) {
			buf_add(text, from, (size_t)(hash - from));
			return true;
		}
		size_t len = strlen(from);
		while (len > 0 && isspace((unsigned char)from[len - 1]))
			len--;
		bool goes_on = len > 0 && from[len - 1] == '\\';
		buf_add(text, from, len - goes_on);
		buf_adds(text, " ");
		if (!goes_on)
			return true;
	}
	return text->len > 0;
}

static bool walk_file(struct walk *walk, const struct source *source, unsigned depth, unsigned level,
		      const char *facility, bool has_services, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	CLEANUP(buf_done) struct buf line = {0};
	while (next_logical(&lines, &line)) {
		CLEANUP(free_ptr) char *copy = xstrdup(buf_str(&line));
		char *rest = copy, *service = has_services ? next_token(&rest) : NULL;
		if (has_services && (!service || strcasecmp(service, walk->service) != 0))
			continue;
		if (!take_line(walk, &lines, rest, depth, level, facility, err))
			return false;
	}
	return lines_ok(&lines, err);
}

/* The first file of this name; *ret_source is NULL when there is none. False: a look failed, or is still to come. */
static bool find_config(struct walk *walk, const char *name, const struct source **ret_source, struct err *err) {
	*ret_source = NULL;
	for (size_t i = 0; i < ARRAY_LEN(folders) && !*ret_source; i++) {
		CLEANUP(free_ptr)
		char *path = *name == '/' ? xasprintf("file:%s", name) : xasprintf("file:%s/%s", folders[i], name);
		if (walk->ask)
			names_add(walk->ask, path);
		if (!source_maybe(walk->fetched, path, ret_source, err))
			return false;
	}
	return true;
}

static bool walk_config(struct walk *walk, const char *name, unsigned depth, unsigned level, const char *facility,
			bool *ret_found, struct err *err) {
	const struct source *source;
	struct err ignored;
	*ret_found = false;
	if (++walk->reads > PAM_READS_MOST)
		return err_set(err, ERR_MALFORMED, name, "PAM's files include each other more than %d times",
			       PAM_READS_MOST);
	if (!find_config(walk, name, &source, walk->ask ? &ignored : err))
		return walk->ask != NULL;
	*ret_found = source != NULL;
	if (source && walk->stack && !walk->stack->file)
		walk->stack->file = xstrdup(strchr(source->name, ':') + 1);
	return !source || walk_file(walk, source, depth, level, facility, false, err);
}

/* Whether one of the folders is there: then /etc/pam.conf does not count. */
static bool has_folder(const struct sources *fetched, bool *ret_has, struct err *err) {
	*ret_has = false;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("stat:%s", folders[i]);
		const struct source *folder = NULL;
		if (!source_maybe(fetched, name, &folder, err))
			return false;
		*ret_has |= folder != NULL;
	}
	return true;
}

static bool walk_service(struct walk *walk, const char *service, bool *ret_found, struct err *err) {
	const struct source *conf = NULL;
	bool has;
	walk->service = service;
	walk->has_lines = false;
	if (!has_folder(walk->fetched, &has, err))
		return false;
	if (has)
		return walk_config(walk, service, 0, 0, walk->facility, ret_found, err);
	if (!source_need(walk->fetched, "file:" CONF, &conf, err))
		return err->code == ERR_ABSENT
			       ? err_set(err, ERR_UNPROVED, "stat:/etc/pam.d", "there is no PAM to be seen here")
			       : false;
	if (walk->stack && !walk->stack->file)
		walk->stack->file = xstrdup(CONF);
	bool is_read = walk_file(walk, conf, 0, 0, walk->facility, true, err);
	*ret_found = walk->has_lines;
	return is_read;
}

struct names *pam_services(const json_t *with, const char *const *usual, size_t count) {
	struct names *services = names_new();
	const char *service;
	for (size_t i = 0; (service = param_strings_at(with, "services", i)); i++)
		names_add(services, service);
	for (size_t i = 0; !json_object_get(with, "services") && i < count; i++)
		names_add(services, usual[i]);
	return services;
}

void pam_ask(const struct names *services, const struct sources *fetched, struct names *names) {
	struct walk walk = {.fetched = fetched, .ask = names};
	struct err ignored;
	bool found;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		names_addf(names, "stat:%s", folders[i]);
	names_add(names, "file:" CONF);
	for (size_t i = 0; i < names_count(services); i++)
		if (!walk_service(&walk, names_at(services, i), &found, &ignored))
			return; /* run() will say why not */
	if (!walk_service(&walk, PAM_OTHER, &found, &ignored))
		return;
}

void pam_paths(struct names *patterns) {
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		names_addf(patterns, "stat:%s", folders[i]);
		names_addf(patterns, "file:%s/*", folders[i]);
	}
	names_add(patterns, "file:" CONF);
}

bool pam_has_service(const char *service, const struct sources *fetched, bool *ret_has, struct err *err) {
	struct walk walk = {.fetched = fetched};
	return walk_service(&walk, service, ret_has, err);
}

bool pam_stack_read(const char *service, const char *facility, const struct sources *fetched,
		    struct pam_stack *ret_stack, struct err *err) {
	CLEANUP(pam_stack_done) struct pam_stack stack = {0};
	struct walk walk = {.fetched = fetched, .facility = facility, .stack = &stack};
	bool found;
	if (!walk_service(&walk, service, &found, err))
		return false;
	bool is_of_other = stack.count == 0 && strcmp(service, PAM_OTHER) != 0;
	if (is_of_other && !walk_service(&walk, PAM_OTHER, &found, err))
		return false;
	stack.is_of_other = is_of_other;
	*ret_stack = stack;
	stack = (struct pam_stack){0};
	return true;
}

const char *pam_arg_at(const struct pam_module *module, size_t index) {
	return json_string_value(json_array_get(module->args, index));
}

bool pam_has_arg(const struct pam_module *module, const char *arg) {
	const char *at;
	for (size_t i = 0; (at = pam_arg_at(module, i)); i++)
		if (!strcmp(at, arg))
			return true;
	return false;
}

const char *pam_arg_value(const struct pam_module *module, const char *name) {
	const char *at, *value = NULL;
	size_t len = strlen(name);
	for (size_t i = 0; (at = pam_arg_at(module, i)); i++)
		if (!strncmp(at, name, len) && at[len] == '=')
			value = at + len + 1;
	return value;
}

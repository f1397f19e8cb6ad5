#include "core/pwquality.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "core/dropin.h"
#include "core/lines.h"
#include "core/text.h"

#define SHORTEST_MINLEN 6 /* minlen below is taken as this */
#define CRACKLIB_SHORTEST 5
#define DES_LONGEST 8

static const struct pwquality usual = {.minlen = 8, .retry = 1, .enforcing = true};
static const struct pwquality usual_cracklib = {.minlen = 9, .retry = 1, .credits = {1, 1, 1, 1}, .enforcing = true};

static const char *const numbers[] = {
	"difok",          "minlen",      "dcredit",    "ucredit",   "lcredit",   "ocredit",    "minclass",  "maxrepeat",
	"maxclassrepeat", "maxsequence", "gecoscheck", "dictcheck", "usercheck", "usersubstr", "enforcing", "retry"};
static const char *const texts[] = {"badwords", "dictpath"};
static const char *const credit_names[] = {"dcredit", "ucredit", "lcredit", "ocredit"};

void pwquality_ask(const struct sources *fetched, struct names *names) {
	struct err ignored;
	json_t *list, *entry;
	size_t i;
	names_add(names, "file:" PWQUALITY_CONF);
	names_add(names, "file:" PASSWDQC_CONF);
	names_add(names, "dir:" PWQUALITY_FOLDER);
	if (!source_maybe_json(fetched, "dir:" PWQUALITY_FOLDER, &list, &ignored))
		return;
	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		if (name && text_ends(name, ".conf"))
			names_addf(names, "file:%s/%s", PWQUALITY_FOLDER, name);
	}
}

void pwquality_paths(struct names *patterns) {
	names_add(patterns, "file:" PWQUALITY_CONF);
	names_add(patterns, "file:" PASSWDQC_CONF);
	names_add(patterns, "dir:" PWQUALITY_FOLDER);
	names_add(patterns, "file:" PWQUALITY_FOLDER "/*.conf");
}

static bool is_word(const char *name, const char *const *words, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(name, words[i]))
			return true;
	return false;
}

static bool to_number(const char *text, int *ret_number) {
	char *end;
	errno = 0;
	long number = strtol(text, &end, 10);
	if (errno || !*text || *end || number >= INT_MAX || number <= INT_MIN)
		return false;
	*ret_number = (int)number;
	return true;
}

static void take_number(struct pwquality *settings, const char *name, int number) {
	for (size_t i = 0; i < ARRAY_LEN(credit_names); i++)
		if (!strcasecmp(name, credit_names[i]))
			settings->credits[i] = number;
	if (!strcasecmp(name, "minlen"))
		settings->minlen = number < SHORTEST_MINLEN ? SHORTEST_MINLEN : number;
	else if (!strcasecmp(name, "retry"))
		settings->retry = number;
	else if (!strcasecmp(name, "enforcing"))
		settings->enforcing = number != 0;
}

/* libpwquality's set_name_value: a switch is on whatever stands behind it. */
static bool set_value(struct pwquality *settings, const char *name, const char *value) {
	int number;
	if (is_word(name, numbers, ARRAY_LEN(numbers))) {
		if (!to_number(value, &number))
			return false;
		take_number(settings, name, number);
		return true;
	}
	if (!strcasecmp(name, "enforce_for_root"))
		settings->enforce_for_root = true;
	else if (!strcasecmp(name, "local_users_only"))
		settings->local_users_only = true;
	else
		return is_word(name, texts, ARRAY_LEN(texts));
	return true;
}

bool pwquality_set(struct pwquality *settings, const char *option) {
	const char *equals = strchr(option, '=');
	CLEANUP(free_ptr) char *name = xstrndup(option, equals ? (size_t)(equals - option) : strlen(option));
	return set_value(settings, name, equals ? equals + 1 : "");
}

/* "name value", "name = value", with # behind; false where libpwquality gives up. */
static bool take_line(struct pwquality *settings, char *line) {
	line[strcspn(line, "#")] = '\0';
	char *name = text_trim(line);
	char *value = name + strcspn(name, " \t\r\f\v=");
	if (!*name)
		return true;
	bool has_equals = *value == '=';
	if (*value)
		*value++ = '\0';
	while (isspace((unsigned char)*value) || (*value == '=' && !has_equals)) {
		has_equals |= *value == '=';
		value++;
	}
	return set_value(settings, name, value);
}

static bool read_file(const struct source *source, struct pwquality *settings, bool *goes_on, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char *line;
	while (*goes_on && (line = lines_next(&lines)))
		*goes_on = take_line(settings, line);
	return lines_ok(&lines, err);
}

bool pwquality_read(const struct sources *fetched, struct pwquality *ret_settings, struct err *err) {
	CLEANUP(names_free_p) struct names *paths = names_new();
	struct pwquality settings = usual;
	bool goes_on = true;
	if (!pathglob_list(PWQUALITY_FOLDER "/*.conf", fetched, paths, err))
		return false;
	names_add(paths, PWQUALITY_CONF);
	for (size_t i = 0; i < names_count(paths); i++) {
		CLEANUP(free_ptr) char *name = xasprintf("file:%s", names_at(paths, i));
		const struct source *source;
		if (!source_maybe(fetched, name, &source, err) ||
		    (source && goes_on && !read_file(source, &settings, &goes_on, err)))
			return false;
	}
	*ret_settings = settings;
	return true;
}

int pwquality_shortest(const struct pwquality *settings) {
	int64_t shortest = settings->minlen, asked = 0;
	for (size_t i = 0; i < ARRAY_LEN(settings->credits); i++) {
		shortest -= settings->credits[i] > 0 ? settings->credits[i] : 0;
		asked += settings->credits[i] < 0 ? -(int64_t)settings->credits[i] : 0;
	}
	shortest = asked > shortest ? asked : shortest;
	return shortest < 0 ? 0 : shortest > INT_MAX ? INT_MAX : (int)shortest;
}

static int shortest_of(const struct pam_module *module, struct pwquality settings, int lowest, bool is_root) {
	const char *arg;
	for (size_t i = 0; (arg = pam_arg_at(module, i)); i++)
		pwquality_set(&settings, arg);
	if (settings.minlen < lowest)
		settings.minlen = lowest;
	return !settings.enforcing || (is_root && !settings.enforce_for_root) ? 0 : pwquality_shortest(&settings);
}

/* "disabled,24,11,8,7": the least that is asked of any kind of password. */
static int least_of(const char *list) {
	CLEANUP(free_ptr) char *copy = xstrdup(list);
	char *at = copy, *part;
	int least = INT_MAX, number;
	while ((part = strsep(&at, ",")))
		if (strcmp(part, "disabled") != 0)
			least = to_number(part, &number) && number < least ? number : least;
	return least == INT_MAX || least < 0 ? 0 : least;
}

struct passwdqc {
	int least;
	bool for_users, for_root;
};

static void take_passwdqc(struct passwdqc *settings, const char *option) {
	if (text_starts(option, "min="))
		settings->least = least_of(option + 4);
	else if (text_starts(option, "enforce=")) {
		settings->for_root = !strcmp(option + 8, "everyone");
		settings->for_users = settings->for_root || !strcmp(option + 8, "users");
	}
}

static bool read_passwdqc(const struct sources *fetched, struct passwdqc *settings, struct err *err) {
	const struct source *source;
	char *line;
	if (!source_need(fetched, "file:" PASSWDQC_CONF, &source, err))
		return false;
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	while ((line = lines_next(&lines)))
		take_passwdqc(settings, text_trim(line));
	return lines_ok(&lines, err);
}

static bool passwdqc_shortest(const struct pam_module *module, bool is_root, const struct sources *fetched,
			      int *ret_shortest, struct err *err) {
	struct passwdqc settings = {.least = 7, .for_users = true, .for_root = true};
	const char *arg;
	for (size_t i = 0; (arg = pam_arg_at(module, i)); i++) {
		take_passwdqc(&settings, arg);
		if (!text_starts(arg, "config="))
			continue;
		if (strcmp(arg + 7, PASSWDQC_CONF) != 0)
			return err_set(err, ERR_UNPROVED, module->where,
				       "the configuration of pam_passwdqc is not in %s", PASSWDQC_CONF);
		if (!read_passwdqc(fetched, &settings, err))
			return false;
	}
	*ret_shortest = (is_root ? settings.for_root : settings.for_users) ? settings.least : 0;
	return true;
}

/* Its own default is Debian's, where "obscure" is; a password for the oldest hash counts for 8 characters. */
static int unix_shortest(const struct pam_module *module) {
	static const char *const long_hashes[] = {"md5", "sha256", "sha512", "blowfish", "gost_yescrypt", "yescrypt"};
	const char *told = pam_arg_value(module, "minlen");
	int number = pam_has_arg(module, "obscure") ? 6 : 0;
	bool is_long = false;
	if (told && !to_number(told, &number))
		number = 0;
	for (size_t i = 0; i < ARRAY_LEN(long_hashes); i++)
		is_long |= pam_has_arg(module, long_hashes[i]);
	return number < 0 ? 0 : number > DES_LONGEST && !is_long ? DES_LONGEST : number;
}

bool pwquality_module(const struct pam_module *module, const struct pwquality *base, bool is_root,
		      const struct sources *fetched, int *ret_shortest, struct err *err) {
	if (!strcmp(module->name, "pam_passwdqc"))
		return passwdqc_shortest(module, is_root, fetched, ret_shortest, err);
	int shortest = 0;
	if (!strcmp(module->name, "pam_pwquality"))
		shortest = shortest_of(module, *base, SHORTEST_MINLEN, is_root);
	else if (!strcmp(module->name, "pam_cracklib"))
		shortest = shortest_of(module, usual_cracklib, CRACKLIB_SHORTEST, is_root);
	else if (!strcmp(module->name, "pam_unix") && !is_root)
		shortest = unix_shortest(module);
	*ret_shortest = shortest;
	return true;
}

#include "core/doas.h"

#include "core/lines.h"
#include "core/sudo_command.h"
#include "core/text.h"

struct rule {
	bool nopass;
	const char *identity, *as, *command;
	bool has_arguments;
	struct buf arguments; /* " -c id" */
};

static void rule_done(struct rule *rule) { buf_done(&rule->arguments); }

/* One word, its quotes taken off; backslashes make the next character plain. NULL at the end or a comment. */
static char *next_word(char **rest) {
	char *at = *rest + strspn(*rest, " \t"), *start = at, *to = at;
	bool is_quoted = false;
	if (!*at || *at == '#')
		return NULL;
	for (; *at && (is_quoted || !strchr(" \t", *at)); at++) {
		if (*at == '"') {
			is_quoted = !is_quoted;
			continue;
		}
		if (*at == '\\' && at[1])
			at++;
		*to++ = *at;
	}
	*rest = at + (*at != '\0');
	*to = '\0';
	return start;
}

/* "setenv { A B=C }", written with blanks round the braces or not. */
static void skip_environment(char **rest) {
	char *close = strchr(*rest, '}');
	*rest = close ? close + 1 : *rest + strlen(*rest);
}

static bool read_rule(char *rest, struct rule *ret_rule) {
	char *word = next_word(&rest);
	while (word && (!strcmp(word, "nopass") || !strcmp(word, "persist") || !strcmp(word, "keepenv") ||
			!strcmp(word, "nolog") || text_starts(word, "setenv"))) {
		ret_rule->nopass |= !strcmp(word, "nopass");
		if (text_starts(word, "setenv") && !strchr(word, '}'))
			skip_environment(&rest);
		word = next_word(&rest);
	}
	ret_rule->identity = word;
	while ((word = next_word(&rest))) {
		if (!strcmp(word, "as"))
			ret_rule->as = next_word(&rest);
		else if (!strcmp(word, "cmd"))
			ret_rule->command = next_word(&rest);
		else if (!strcmp(word, "args"))
			ret_rule->has_arguments = true;
		else if (!ret_rule->has_arguments)
			return false;
		else
			buf_addf(&ret_rule->arguments, " %s", word);
	}
	return ret_rule->identity != NULL;
}

/* A relative command is looked for along a path; sudo's list knows programs by their last part. */
static bool makes_root(const struct rule *rule) {
	if (rule->as && strcmp(rule->as, "root") != 0 && strcmp(rule->as, "0") != 0)
		return false;
	if (!rule->command)
		return true;
	CLEANUP(free_ptr)
	char *command =
		xasprintf("%s%s%s%s", strchr(rule->command, '/') ? "" : "/", rule->command,
			  rule->has_arguments && rule->arguments.len == 0 ? " \"\"" : "", buf_str(&rule->arguments));
	return sudo_command_is_root(command, false);
}

static bool add_line(const struct lines *lines, json_t *rules, struct err *err) {
	char *rest = lines->line, *word = next_word(&rest);
	CLEANUP(rule_done) struct rule rule = {0};
	if (!word || !strcmp(word, "deny"))
		return true;
	if (strcmp(word, "permit") != 0 || !read_rule(rest, &rule))
		return err_set_at(err, ERR_MALFORMED, lines->where, lines->number, 0, "not a rule of doas");
	if (makes_root(&rule))
		json_array_append_new(rules, json_pack("{s:o, s:b, s:o}", "identity", json_text(rule.identity),
						       "nopass", rule.nopass, "command",
						       rule.command ? json_text(rule.command) : json_null()));
	return true;
}

bool doas_read(const char *where, const char *data, size_t len, json_t **ret_rules, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(where, data, len);
	CLEANUP(json_decref_p) json_t *rules = json_array();
	while (lines_next(&lines))
		if (!add_line(&lines, rules, err))
			return false;
	if (!lines_ok(&lines, err))
		return false;
	*ret_rules = json_incref(rules);
	return true;
}

#include "core/rsyslog_conf.h"

#include <ctype.h>

#include "core/dropin.h"
#include "core/row.h"
#include "core/rsyslog_legacy.h"
#include "core/rsyslog_scan.h"
#include "core/text.h"

#define DEFAULT_RULESET "RSYSLOG_DefaultRuleset"
#define ALL "*.*"

struct reader {
	const struct sources *fetched;
	struct names *ask; /* NULL: what is not fetched is an error */
	struct rsyslog_conf conf;
	json_t *stops;          /* {ruleset: [selector...]}: what is thrown away so far */
	json_t *calls;          /* [{"from", "to", "selector", "discarded"}...] */
	struct legacy legacy;   /* the directives in force */
	unsigned files, blocks; /* nested */
	unsigned steps;         /* calls and discards so far */
};

/* Where a statement stands. */
struct context {
	const char *ruleset, *selector;
};

static bool read_script(struct reader *reader, struct rsyslog_scan *scan, const struct context *context, bool is_block,
			struct err *err);
static bool read_statement(struct reader *reader, struct rsyslog_scan *scan, const struct context *context,
			   struct err *err);

static char *within(const char *outer, const char *inner) {
	if (!strcmp(outer, ALL) || !strcmp(outer, inner))
		return xstrdup(inner);
	return !strcmp(inner, ALL) ? xstrdup(outer) : xasprintf("%s & %s", outer, inner);
}

static json_t *stops_of(struct reader *reader, const char *ruleset) {
	json_t *list = json_object_get(reader->stops, ruleset);
	if (!list) {
		list = json_array();
		json_object_set_new(reader->stops, ruleset, list);
	}
	return list;
}

static const char *text_of(const json_t *object, const char *name) {
	return json_string_value(json_object_get(object, name));
}

static bool is_word(const json_t *params, const char *name, const char *word) {
	const char *value = text_of(params, name);
	return value && !strcasecmp(value, word);
}

static bool add_action(struct reader *reader, const struct rsyslog_scan *scan, unsigned line,
		       const struct context *context, json_t *params, struct err *err) {
	if (json_array_size(reader->conf.actions) >= RSYSLOG_ACTIONS_MOST)
		return rsyslog_scan_fault(scan, "more actions than are looked at", err);
	json_t *action = row_add(reader->conf.actions);
	row_text(action, "file", scan->where + strlen("file:"));
	row_int(action, "line", line);
	row_text(action, "ruleset", context->ruleset);
	row_text(action, "selector", context->selector);
	json_object_set(action, "params", params);
	json_object_set_new(action, "discarded", json_deep_copy(stops_of(reader, context->ruleset)));
	return true;
}

/* What is thrown away is told with each action behind it. */
static bool has_room(struct reader *reader, const struct rsyslog_scan *scan, struct err *err) {
	return ++reader->steps <= RSYSLOG_ACTIONS_MOST ||
	       rsyslog_scan_fault(scan, "more calls and discards than are looked at", err);
}

static void add_call(struct reader *reader, const struct context *context, const char *to) {
	json_t *call = row_add(reader->calls);
	row_text(call, "from", context->ruleset);
	row_text(call, "to", to);
	row_text(call, "selector", context->selector);
	json_object_set_new(call, "discarded", json_deep_copy(stops_of(reader, context->ruleset)));
}

static void add_stop(struct reader *reader, const struct context *context) {
	json_array_append_new(stops_of(reader, context->ruleset), json_text(context->selector));
}

/* An action of the old form: the rest of the line. */
static bool read_legacy_action(struct reader *reader, struct rsyslog_scan *scan, const struct context *context,
			       struct err *err) {
	CLEANUP(free_ptr) char *text = rsyslog_scan_rest(scan);
	CLEANUP(json_decref_p) json_t *params = legacy_forward(&reader->legacy, text);
	if (*text == '~') {
		add_stop(reader, context);
		return has_room(reader, scan, err);
	}
	return !params || add_action(reader, scan, rsyslog_scan_line(scan), context, params, err);
}

static bool read_file(struct reader *reader, const char *path, const struct context *context, struct err *err) {
	CLEANUP(free_ptr) char *name = xasprintf("file:%s", path);
	CLEANUP(rsyslog_scan_done) struct rsyslog_scan scan = {0};
	const struct source *source = NULL;
	struct err ignored;
	if (reader->files > RSYSLOG_INCLUDES_DEEPEST)
		return err_set(err, ERR_MALFORMED, name, "included deeper than %d", RSYSLOG_INCLUDES_DEEPEST);
	if (reader->ask)
		names_add(reader->ask, name);
	if (!source_maybe(reader->fetched, name, &source, reader->ask ? &ignored : err))
		return reader->ask != NULL;
	if (!source)
		return true;
	names_add(reader->conf.files, name);
	if (!rsyslog_scan_open(source, &scan, err))
		return false;
	reader->files++;
	bool is_read = read_script(reader, &scan, context, false, err);
	reader->files--;
	return is_read;
}

/* Folders ("/etc/rsyslog.d/") stand for what is in them. */
static bool read_include(struct reader *reader, const char *path, const struct context *context, struct err *err) {
	CLEANUP(free_ptr) char *pattern = xasprintf("%s%s", path, text_ends(path, "/") ? "*" : "");
	CLEANUP(names_free_p) struct names *paths = names_new();
	struct err ignored;
	if (*path != '/')
		return err_set(err, ERR_UNPROVED, RSYSLOG_CONF, "includes \"%s\", which stands for no one path", path);
	if (reader->ask)
		pathglob_ask(pattern, reader->fetched, reader->ask);
	if (!pathglob_list(pattern, reader->fetched, paths, reader->ask ? &ignored : err))
		return reader->ask != NULL;
	for (size_t i = 0; i < names_count(paths); i++)
		if (!read_file(reader, names_at(paths, i), context, err))
			return false;
	return true;
}

static bool read_directive(struct reader *reader, struct rsyslog_scan *scan, const struct context *context,
			   struct err *err) {
	CLEANUP(free_ptr) char *line = rsyslog_scan_rest(scan);
	char *rest = line + 1, *name = text_word(&rest), *value = text_word(&rest);
	if (name && value && !strcasecmp(name, "IncludeConfig"))
		return read_include(reader, value, context, err);
	if (name)
		legacy_directive(&reader->legacy, reader->conf.settings, name, value ? value : "");
	return true;
}

/* What filters lead to: one statement, or several in brackets. */
static bool read_block(struct reader *reader, struct rsyslog_scan *scan, const struct context *outer,
		       const char *selector, struct err *err) {
	CLEANUP(free_ptr) char *chain = within(outer->selector, selector);
	struct context context = {outer->ruleset, chain};
	if (reader->blocks >= RSYSLOG_BLOCKS_DEEPEST)
		return rsyslog_scan_fault(scan, "filters nested deeper than are looked at", err);
	reader->blocks++;
	bool is_read = rsyslog_scan_take(scan, '{') ? read_script(reader, scan, &context, true, err)
						    : read_statement(reader, scan, &context, err);
	reader->blocks--;
	return is_read;
}

/* The next word, if it is this one. */
static bool take_word(struct rsyslog_scan *scan, const char *wanted) {
	rsyslog_scan_next(scan);
	size_t before = scan->at;
	CLEANUP(free_ptr) char *word = rsyslog_scan_word(scan, "");
	bool is_there = !strcmp(word, wanted);
	if (!is_there)
		scan->at = before;
	return is_there;
}

static bool read_condition(struct reader *reader, struct rsyslog_scan *scan, const struct context *context,
			   const char *until, const char *kind, struct err *err) {
	CLEANUP(free_ptr) char *expression = NULL;
	if (!rsyslog_scan_until(scan, until, &expression, err))
		return false;
	CLEANUP(free_ptr) char *selector = xasprintf("%s %s", kind, expression);
	if (!read_block(reader, scan, context, selector, err))
		return false;
	CLEANUP(free_ptr) char *otherwise = xasprintf("not %s", selector);
	return strcmp(kind, "if") != 0 || !take_word(scan, "else") || read_block(reader, scan, context, otherwise, err);
}

static bool skip_template(struct rsyslog_scan *scan, struct err *err) {
	if (!rsyslog_scan_take(scan, '{'))
		return true;
	while (!rsyslog_scan_take(scan, '}')) {
		CLEANUP(json_decref_p) json_t *part = NULL;
		CLEANUP(free_ptr) char *kind = rsyslog_scan_word(scan, "");
		if (!*kind || !rsyslog_scan_take(scan, '('))
			return rsyslog_scan_fault(scan, "a template whose parts do not end", err);
		if (!rsyslog_scan_object(scan, &part, err))
			return false;
	}
	return true;
}

static bool read_ruleset(struct reader *reader, struct rsyslog_scan *scan, const json_t *params, struct err *err) {
	const char *name = text_of(params, "name");
	struct context context = {name, ALL};
	if (!name || !rsyslog_scan_take(scan, '{'))
		return rsyslog_scan_fault(scan, "a ruleset without a name or statements", err);
	return read_script(reader, scan, &context, true, err);
}

static void take_module(struct reader *reader, const json_t *params) {
	const char *load = text_of(params, "load");
	if (load && !strcmp(load, "imjournal"))
		reader->legacy.has_journal = true;
	if (load && !strcmp(load, "imuxsock") && !is_word(params, "syssock.use", "off"))
		reader->legacy.has_socket = true;
}

static void take_settings(struct reader *reader, json_t *params) {
	const char *name;
	json_t *value;
	json_object_foreach(params, name, value) json_object_set(reader->conf.settings, name, value);
}

static bool read_included(struct reader *reader, const struct rsyslog_scan *scan, const json_t *params,
			  const struct context *context, struct err *err) {
	const char *file = text_of(params, "file");
	if (!file || *file == '`')
		return err_set_at(err, ERR_UNPROVED, scan->where, rsyslog_scan_line(scan), 0,
				  "includes what stands in no file that is named here");
	return read_include(reader, file, context, err);
}

/* action(...) and whatever else is written so. */
static bool read_object(struct reader *reader, struct rsyslog_scan *scan, const char *kind,
			const struct context *context, struct err *err) {
	CLEANUP(json_decref_p) json_t *params = NULL;
	unsigned line = rsyslog_scan_line(scan);
	if (!rsyslog_scan_object(scan, &params, err))
		return false;
	if (!strcmp(kind, "template"))
		return skip_template(scan, err);
	if (!strcmp(kind, "ruleset"))
		return read_ruleset(reader, scan, params, err);
	const char *enabled = text_of(params, "config.enabled");
	if (enabled && strcmp(enabled, "on") != 0) /* "yes", "true" and "On" switch off too (nvlstChkDisabled()) */
		return true;
	if (!strcmp(kind, "include"))
		return read_included(reader, scan, params, context, err);
	if (!strcmp(kind, "module"))
		take_module(reader, params);
	if (!strcmp(kind, "global"))
		take_settings(reader, params);
	return strcmp(kind, "action") != 0 || add_action(reader, scan, line, context, params, err);
}

static bool read_keyword(struct reader *reader, struct rsyslog_scan *scan, const char *word,
			 const struct context *context, struct err *err) {
	CLEANUP(free_ptr) char *skipped = NULL;
	if (!strcmp(word, "if"))
		return read_condition(reader, scan, context, "then", "if", err);
	if (!strcmp(word, "foreach"))
		return read_condition(reader, scan, context, "do", "foreach", err);
	if (!strcmp(word, "set") || !strcmp(word, "unset") || !strcmp(word, "reset") || !strcmp(word, "call_indirect"))
		return rsyslog_scan_until(scan, NULL, &skipped, err);
	if (!strcmp(word, "reload_lookup_table"))
		return rsyslog_scan_until(scan, ")", &skipped, err);
	if (!strcmp(word, "stop")) {
		add_stop(reader, context);
		return has_room(reader, scan, err);
	}
	if (!strcmp(word, "call")) {
		rsyslog_scan_next(scan);
		size_t from = scan->at;
		skipped = rsyslog_scan_word(scan, "-.");
		CLEANUP(free_ptr) char *name = xstrndup(scan->text + from, scan->at - from);
		add_call(reader, context, name);
		return has_room(reader, scan, err);
	}
	return true; /* continue, and users that a message is written to */
}

static bool read_worded(struct reader *reader, struct rsyslog_scan *scan, const struct context *context,
			struct err *err) {
	static const char *const own[] = {"if", "foreach", "reload_lookup_table"};
	size_t from = scan->at;
	CLEANUP(free_ptr) char *word = rsyslog_scan_word(scan, "");
	if (!text_is_one_of(word, own, ARRAY_LEN(own)) && rsyslog_scan_take(scan, '('))
		return read_object(reader, scan, word, context, err);
	if (!strchr("-+,;", scan->text[scan->at]) || !scan->text[scan->at])
		return read_keyword(reader, scan, word, context, err);
	scan->at = from; /* root,operator: a list of users */
	CLEANUP(free_ptr) char *users = rsyslog_scan_word(scan, "-+,;");
	return true;
}

/* One statement, and with & in between what else is done with the same messages. */
static bool read_statement(struct reader *reader, struct rsyslog_scan *scan, const struct context *context,
			   struct err *err) {
	rsyslog_scan_next(scan);
	CLEANUP(free_ptr) char *filter = rsyslog_scan_filter(scan);
	if (filter)
		return read_block(reader, scan, context, filter, err);
	do {
		char next = rsyslog_scan_next(scan);
		bool is_word = isalnum((unsigned char)next) || next == '_';
		if (!is_word && (!next || !strchr("*/-:|.@^?~>!+", next)))
			return rsyslog_scan_fault(scan, "no statement of rsyslog's", err);
		if (is_word ? !read_worded(reader, scan, context, err)
			    : !read_legacy_action(reader, scan, context, err))
			return false;
	} while (rsyslog_scan_take(scan, '&'));
	return true;
}

static bool read_script(struct reader *reader, struct rsyslog_scan *scan, const struct context *given, bool is_block,
			struct err *err) {
	char next;
	while ((next = rsyslog_scan_next(scan))) {
		struct context context = *given;
		if (reader->legacy.ruleset && !is_block && !reader->blocks)
			context.ruleset = reader->legacy.ruleset;
		if (next == '}' && is_block)
			return rsyslog_scan_take(scan, '}');
		if (next == '$' ? !read_directive(reader, scan, &context, err)
				: !read_statement(reader, scan, &context, err))
			return false;
	}
	return !is_block || rsyslog_scan_fault(scan, "a block that does not end", err);
}

/* Actions of a ruleset have the messages that come to it, as far as these filters let them through. */
static void reach_actions(struct reader *reader, const char *ruleset, const char *chain, const json_t *discarded) {
	json_t *action;
	size_t i;
	json_array_foreach(reader->conf.actions, i, action) {
		if (strcmp(text_of(action, "ruleset"), ruleset) != 0 || json_object_get(action, "reached"))
			continue;
		CLEANUP(free_ptr) char *own = within(chain, text_of(action, "selector"));
		json_array_extend(json_object_get(action, "discarded"), (json_t *)(uintptr_t)discarded);
		row_text(action, "selector", own);
		row_bool(action, "reached", true);
	}
}

/* And those of the rulesets that it calls, each once: by a call for all messages where there is one. */
static void follow_calls(struct reader *reader, const char *from, const char *selector, json_t *followed) {
	json_t *call;
	size_t i;
	for (int part = 0; part < 2; part++)
		json_array_foreach(reader->calls, i, call) {
			const char *to = text_of(call, "to"), *own = text_of(call, "selector");
			if (strcmp(text_of(call, "from"), from) != 0 || json_object_get(followed, to) ||
			    (!part && strcmp(own, ALL) != 0))
				continue;
			CLEANUP(free_ptr) char *chain = within(selector, own);
			json_object_set_new(followed, to, json_true());
			reach_actions(reader, to, chain, json_object_get(call, "discarded"));
			follow_calls(reader, to, chain, followed);
		}
}

/* Says of each action whether the default ruleset leads to it. */
static void settle(struct reader *reader) {
	const char *start = text_of(reader->conf.settings, "defaultruleset");
	CLEANUP(json_decref_p) json_t *followed = json_object();
	json_t *action;
	size_t i;
	start = start ? start : DEFAULT_RULESET;
	reach_actions(reader, start, ALL, NULL);
	follow_calls(reader, start, ALL, followed);
	json_array_foreach(reader->conf.actions, i, action) {
		CLEANUP(free_ptr) char *named = xasprintf("ruleset %s", text_of(action, "ruleset"));
		CLEANUP(free_ptr) char *chain = within(named, text_of(action, "selector"));
		if (!json_object_get(action, "reached"))
			row_text(action, "selector", chain);
		json_object_del(action, "reached");
		json_object_del(action, "ruleset");
	}
	reader->conf.takes_local |= reader->legacy.has_socket && !reader->legacy.omits_local;
	reader->conf.takes_journal = reader->legacy.has_journal;
}

bool rsyslog_conf_read(const struct sources *fetched, struct names *names, struct rsyslog_conf *ret_conf,
		       struct err *err) {
	struct reader reader = {.fetched = fetched, .ask = names, .stops = json_object(), .calls = json_array()};
	struct context context = {DEFAULT_RULESET, ALL};
	reader.conf = (struct rsyslog_conf){json_array(), json_object(), names_new(), false, false};
	reader.legacy = legacy_new();
	bool is_read = read_file(&reader, RSYSLOG_CONF, &context, err);
	if (is_read)
		settle(&reader);
	json_decref(reader.stops);
	json_decref(reader.calls);
	legacy_done(&reader.legacy);
	if (is_read)
		*ret_conf = reader.conf;
	else
		rsyslog_conf_done(&reader.conf);
	return is_read;
}

void rsyslog_conf_done(struct rsyslog_conf *conf) {
	json_decref(conf->actions);
	json_decref(conf->settings);
	names_free(conf->files);
	*conf = (struct rsyslog_conf){0};
}

void rsyslog_conf_paths(struct names *patterns) {
	static const char *const all[] = {"file:/etc/rsyslog.conf", "file:/etc/rsyslog.d/*.conf", "dir:/etc/rsyslog.d",
					  "file:/etc/rsyslog/*.conf", "dir:/etc/rsyslog"};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		names_add(patterns, all[i]);
}

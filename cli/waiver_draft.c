#include "cli/waiver_draft.h"

#include "core/expect_binds.h"
#include "core/times.h"
#include "core/waiver.h"

/* Bytes that YAML takes as they are within double quotes. */
static size_t plain_length(const char *text) {
	const unsigned char c = (unsigned char)text[0];
	if (c < 0x80)
		return c >= ' ' && c != '"' && c != '\\' && c != 0x7f;
	if (c == 0xc2 && (unsigned char)text[1] < 0xa0)
		return 0;
	if (!strncmp(text, "\xe2\x80\xa8", 3) || !strncmp(text, "\xe2\x80\xa9", 3) || !strncmp(text, "\xef\xbb\xbf", 3))
		return 0;
	return 1;
}

/* The character that begins here, as \xHH or \uHHHH; returns its bytes. */
static size_t add_escaped(struct buf *text, const char *at) {
	const unsigned char *c = (const unsigned char *)at;
	if (c[0] == '"' || c[0] == '\\') {
		buf_addf(text, "\\%c", c[0]);
		return 1;
	}
	if (c[0] < 0x80) {
		buf_addf(text, "\\x%02x", c[0]);
		return 1;
	}
	if (c[0] < 0xe0) {
		buf_addf(text, "\\x%02x", (c[0] & 0x1fU) << 6 | (c[1] & 0x3fU));
		return 2;
	}
	buf_addf(text, "\\u%04x", (c[0] & 0x0fU) << 12 | (c[1] & 0x3fU) << 6 | (c[2] & 0x3fU));
	return 3;
}

static void add_quoted(struct buf *text, const char *string) {
	buf_adds(text, "\"");
	for (const char *at = string; *at;)
		if (plain_length(at))
			buf_add(text, at++, 1);
		else
			at += add_escaped(text, at);
	buf_adds(text, "\"");
}

/* A string that begins like a parameter's name is written with one more dollar. */
static void add_string(struct buf *text, const char *string) {
	const size_t dollars = strspn(string, "$");
	CLEANUP(free_ptr) char *more = xasprintf("$%s", string);
	const bool is_like = dollars == 1 && value_is_name(string + 1);
	add_quoted(text, is_like ? more : string);
}

static void add_value(struct buf *text, const json_t *value, enum value_type type) {
	size_t index;
	json_t *item;
	if (json_is_string(value)) {
		add_string(text, json_string_value(value));
	} else if (json_is_array(value)) {
		buf_adds(text, "[");
		json_array_foreach(value, index, item) {
			buf_adds(text, index ? ", " : "");
			add_string(text, json_string_value(item));
		}
		buf_adds(text, "]");
	} else if (json_is_boolean(value)) {
		buf_adds(text, json_is_true(value) ? "true" : "false");
	} else {
		buf_addf(text, "%lld%s", (long long)json_integer_value(value), type == VALUE_DURATION ? "s" : "");
	}
}

/* ---- rows ---- */

static bool is_hidden(const struct rule *rule, const struct check *check, const struct check_field *field) {
	return field->is_volatile || field->privacy == PRIVACY_SECRET ||
	       (field->privacy == PRIVACY_PERSONAL && !rule->show && check_param_find(check, "show"));
}

/* Whether the rule judges a field that stays as it is; also where it judges none. */
static bool judges_what_stays(const struct rule *rule) {
	bool is_any = false;
	for (size_t i = 0; i < rule->view_count; i++)
		for (const struct check_field *field = rule->views[i].check->fields; field->name; field++) {
			const char *view = rule->views[i].name;
			CLEANUP(free_ptr) char *name = xasprintf("%s%s%s", view, *view ? "." : "", field->name);
			if (!expect_names(rule->expect, name))
				continue;
			is_any = true;
			if (!is_hidden(rule, rule->views[i].check, field))
				return true;
		}
	return !is_any;
}

static char *row_text(const struct rule *rule, const struct view *view, const json_t *row) {
	struct buf text = {0};
	for (const struct check_field *field = view->check->fields; field->name; field++) {
		const json_t *value = json_object_get(row, field->name);
		CLEANUP(free_ptr)
		char *name = xasprintf("%s%s%s", view->name, *view->name ? "." : "", field->name);
		if (is_hidden(rule, view->check, field) ||
		    ((!value || json_is_null(value)) && !expect_names(rule->expect, name)))
			continue;
		buf_addf(&text, "%s%s: ", text.len ? ", " : "{", name);
		if (value && !json_is_null(value))
			add_value(&text, value, field->type);
		else
			buf_adds(&text, "{exists: false}");
	}
	buf_adds(&text, text.len ? "}" : "{}");
	return buf_take(&text);
}

static bool is_of_view(const json_t *row, const struct view *view) {
	const char *name = json_string_value(json_object_get(row, "view"));
	return !*view->name || (name && !strcmp(name, view->name));
}

/* The rows of a view, each once; without any: nothing. */
static void add_rows(struct buf *text, const struct rule *rule, const struct view *view, const json_t *rows,
		     const char *indent) {
	CLEANUP(names_free_p) struct names *lines = names_new();
	size_t index;
	json_t *row;
	json_array_foreach(rows, index, row) {
		CLEANUP(free_ptr) char *line = is_of_view(row, view) ? row_text(rule, view, row) : NULL;
		if (line)
			names_add(lines, line);
	}
	if (!names_count(lines))
		return;
	buf_addf(text, "every:\n%s  any:\n", indent);
	for (size_t i = 0; i < names_count(lines); i++)
		buf_addf(text, "%s    - %s\n", indent, names_at(lines, i));
}

static void add_looks(struct buf *text, const struct rule *rule, const json_t *rows) {
	if (json_array_size(rows) == 0) {
		buf_adds(text, "  value: {count: 0}\n");
		return;
	}
	if (rule->view_count == 1) {
		buf_adds(text, "  value:\n    ");
		add_rows(text, rule, rule->views, rows, "    ");
		return;
	}
	buf_adds(text, "  value:\n    all:\n");
	for (size_t i = 0; i < rule->view_count; i++) {
		CLEANUP(buf_done) struct buf view = {0};
		add_rows(&view, rule, &rule->views[i], rows, "        ");
		if (view.len)
			buf_addf(text, "      - %s", buf_str(&view));
	}
}

/* ---- the entry ---- */

static void add_member(struct buf *text, const char *key, const char *value) {
	if (!value)
		return;
	buf_addf(text, "  %s: ", key);
	add_quoted(text, value);
	buf_adds(text, "\n");
}

static void add_entry(struct buf *text, const struct waiver_draft *draft, const struct rule *rule,
		      const json_t *result) {
	buf_addf(text, "- id: %s\n  rule: %s\n", draft->id, rule->id);
	if (*draft->host) {
		buf_adds(text, "  hosts: {names: [");
		add_quoted(text, draft->host);
		buf_adds(text, "]}\n");
	}
	add_looks(text, rule, json_object_get(result, "observed"));
	add_member(text, "reason", draft->reason);
	add_member(text, "risk", draft->risk);
	add_member(text, "ticket", draft->ticket);
	add_member(text, "measure", draft->measure);
	add_member(text, "requester", draft->requester);
	add_member(text, "approver", draft->approver);
	buf_addf(text, "  from: %s\n  expires: %s\n", draft->from, draft->expires);
}

/* ---- trying it ---- */

static json_t *rows_of_view(const json_t *rows, const struct view *view) {
	json_t *own = json_array(), *row;
	size_t index;
	json_array_foreach(rows, index, row) if (is_of_view(row, view)) json_array_append(own, row);
	return own;
}

static bool holds_now(const struct waiver *waiver, const struct rule *rule, const json_t *result) {
	struct view_seen views[POLICY_VIEWS_MOST];
	for (size_t i = 0; i < rule->view_count; i++)
		views[i] =
			(struct view_seen){.name = rule->views[i].name,
					   .check = rule->views[i].check,
					   .ok = true,
					   .rows = rows_of_view(json_object_get(result, "observed"), &rule->views[i])};
	bool holds = waiver_applies(waiver, rule, views, VERDICT_FAIL, waiver->from, NULL);
	for (size_t i = 0; i < rule->view_count; i++)
		json_decref(views[i].rows);
	return holds;
}

static bool is_good(const struct buf *entry, const struct rule *rule, const json_t *result, struct err *err) {
	static const char where[] = "the draft";
	CLEANUP(yaml_tree_free_p) struct yaml *root = NULL;
	CLEANUP(waiver_free_p) struct waiver *waiver = NULL;
	if (!yaml_read(entry->data, entry->len, where, &root, err) ||
	    !yaml_is(root, YAML_SEQUENCE, where, "a draft", err) ||
	    !waiver_read(root->items[0], rule->policy, where, &waiver, err) ||
	    !waiver_read_value(waiver, root->items[0], rule, err))
		return false;
	return holds_now(waiver, rule, result) ||
	       err_set(err, ERR_REFUSED, rule->id,
		       "what it observed cannot be told exactly by fields that stay as they "
		       "are: write the value by hand");
}

bool waiver_draft_write(const struct waiver_draft *draft, const struct rule *rule, const json_t *result,
			struct buf *text, struct err *err) {
	CLEANUP(buf_done) struct buf entry = {0};
	if (json_object_get(result, "omitted"))
		return err_set(err, ERR_TOO_BIG, rule->id, "more rows than a result holds: write the value by hand");
	if (!judges_what_stays(rule))
		return err_set(
			err, ERR_REFUSED, rule->id,
			"it judges what moves by itself: write the value by hand, with a bound (at_least, at_most)");
	add_entry(&entry, draft, rule, result);
	if (!is_good(&entry, rule, result, err))
		return false;
	buf_add(text, entry.data, entry.len);
	return true;
}
